//! The window of what was written lately, and which of it a text is a near-duplicate of.

use std::sync::Arc;

use crate::event::Millis;

use super::Options;
use super::compare::{Comparer, Comparison};
use super::mark::{Mark, Script};
use super::record::{self, Keys, Record};
use super::seed::Seed;
use super::sketch::Sketch;
use super::texts::{Texts, TextsError};

/// One message on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The mark of its text.
    pub mark: &'a Mark,
    /// The event's id, for [`Twins::first`].
    pub id: &'a str,
    /// The author, as 32 bits of a keyed hash; never 0.
    pub author: u32,
    /// Event time.
    pub at: Millis,
    /// The original text that the mark was made of.
    pub text: &'a str,
    /// Whether the message says that it passes on somebody else's.
    pub is_forward: bool,
}

/// What a text is a near-duplicate of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Twin {
    /// The cluster, by the number of its first member's entry: numbers grow in the order of the input and are never
    /// used again.
    pub cluster: u64,
    /// When the first member was published, to the second.
    pub first_at: Millis,
    /// The first member's author.
    pub first_author: u32,
    /// Grams shared with the first member by all grams of both, 0 to 1; 1 for equal letters, 0 for a new text.
    pub similarity: f32,
    /// How much of this text stands in the first member, 0 to 1.
    pub containment: f32,
    /// Where the first member's text is stored, for [`Twins::stored`].
    pub address: u64,
    /// The text is a near-duplicate of nothing that is kept: it is the first member.
    pub is_new: bool,
}

/// The first member of a cluster, as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// The event's id.
    pub id: String,
    /// The text, as far as marks look at it.
    pub text: String,
    /// When it was published, to the second.
    pub at: Millis,
    /// Its author.
    pub author: u32,
}

/// How much is held, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwinSizes {
    /// Entries within the bounds, expired ones among them until their place is needed.
    pub entries: u64,
    /// Bytes of stored text that are still asked for.
    pub text_bytes: u64,
}

/// See the module. What it answers depends on what it took, in order, and on nothing else: not on threads, and not on how
/// the stream was cut into batches.
pub struct Twins {
    options: Options,
    seed: Seed,
    texts: Arc<dyn Texts>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

struct Entry {
    address: u64,
    at: u32,
    author: u32,
    script: Script,
    exact: u64,
    sketch: Sketch,
    keys: Vec<u32>,
}

/// A member that is less like the first one than this is entered itself, so that what resembles it, and no longer the first,
/// is found too: as a cluster of its own, for nothing is compared with anything but a first member.
const ENTERED_BELOW: f32 = 0.8;

impl Twins {
    /// Nothing known yet; `texts` is empty.
    #[must_use]
    pub fn new(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Self {
        Self { options: *options, seed, texts, entries: Vec::new(), bytes: Vec::new() }
    }

    /// What it was when the last of these texts was stored.
    ///
    /// # Errors
    /// [`TextsError`], if they cannot be read.
    pub fn restore(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Result<Self, TextsError> {
        let mut twins = Self::new(options, seed, texts);
        let texts = Arc::clone(&twins.texts);
        texts.scan(&mut |address, bytes| {
            let record = Record::decode(bytes).map_err(|what| TextsError::Broken { address, what })?;
            twins.entries.push(Entry::new(address, &record));
            Ok(())
        })?;
        Ok(twins)
    }

    /// The seed that arrivals must be marked with.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Takes a batch, in order: one [`Twin`] an arrival. Runs on the rayon pool that it is called from.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read: part of the batch is taken then, so build the state again from what
    /// was saved.
    pub fn take(&mut self, arrivals: &[Arrival<'_>], out: &mut Vec<Twin>) -> Result<(), TextsError> {
        out.clear();
        let mut comparer = Comparer::default();
        for arrival in arrivals {
            out.push(self.take_one(arrival, &mut comparer)?);
        }
        Ok(())
    }

    fn take_one(&mut self, arrival: &Arrival<'_>, comparer: &mut Comparer) -> Result<Twin, TextsError> {
        let (mark, at) = (arrival.mark, seconds(arrival.at));
        let text = &arrival.text[..mark.bytes as usize];
        comparer.load(text);
        let (mut found, mut bytes) = (None, Vec::new());
        for (number, entry) in self.entries.iter().enumerate().filter(|(_, entry)| self.may_match(entry, mark, at)) {
            let comparison = if entry.exact == mark.exact {
                Comparison { shared: 1, this: 1, first: 1 }
            } else {
                self.texts.read(entry.address, &mut bytes)?;
                let broken = |what| TextsError::Broken { address: entry.address, what };
                comparer.compare(Record::decode(&bytes).map_err(broken)?.text)
            };
            if comparison.is_near(mark.script) {
                found = Some((number as u64, entry.at, entry.author, comparison));
                break;
            }
        }
        let twin = match found {
            Some((cluster, at, author, comparison)) => Twin {
                cluster,
                first_at: Millis::from(at) * 1000,
                first_author: author,
                similarity: comparison.similarity(),
                containment: comparison.containment(),
                address: self.entries[cluster as usize].address,
                is_new: false,
            },
            None => Twin {
                cluster: self.entries.len() as u64,
                first_at: Millis::from(at) * 1000,
                first_author: arrival.author,
                similarity: 0.0,
                containment: 0.0,
                address: self.texts.end(),
                is_new: true,
            },
        };
        if twin.similarity < ENTERED_BELOW {
            self.enter(arrival, at, text);
        }
        Ok(twin)
    }

    fn may_match(&self, entry: &Entry, mark: &Mark, at: u32) -> bool {
        let is_in_window = Millis::from(entry.at.abs_diff(at)) * 1000 <= self.options.window_ms;
        is_in_window
            && entry.author != 0
            && entry.script == mark.script
            && mark.keys_asked().any(|key| entry.keys.contains(&key))
            && entry.sketch.agreement(&mark.sketch).similarity() >= 0.1
    }

    fn enter(&mut self, arrival: &Arrival<'_>, at: u32, text: &str) {
        let mark = arrival.mark;
        let keys: Vec<[u8; 4]> = mark.keys_stored().map(u32::to_le_bytes).collect();
        let record = Record {
            number: self.entries.len() as u64,
            kept_from: 0,
            at,
            author: arrival.author,
            script: mark.script,
            letters: mark.letters,
            exact: mark.exact,
            sketch: mark.sketch,
            keys: Keys(&keys),
            id: arrival.id,
            text,
            is_forgotten: false,
        };
        record.encode(&mut self.bytes);
        let address = self.texts.append(&self.bytes);
        self.entries.push(Entry::new(address, &record));
    }

    /// The first member of a cluster; `None` where it is no longer kept, or was forgotten.
    ///
    /// # Errors
    /// [`TextsError`], if it cannot be read.
    pub fn first(&self, cluster: u64) -> Result<Option<First>, TextsError> {
        let Some(entry) = self.entries.get(cluster as usize).filter(|entry| entry.author != 0) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        self.texts.read(entry.address, &mut bytes)?;
        let record = Record::decode(&bytes).map_err(|what| TextsError::Broken { address: entry.address, what })?;
        let (id, text) = (record.id.to_owned(), record.text.to_owned());
        Ok(Some(First { id, text, at: Millis::from(record.at) * 1000, author: record.author }))
    }

    /// The first member that a [`Twin`] names, as long as its text was not released: later arrivals of the same batch may have
    /// taken its place in the window.
    ///
    /// # Errors
    /// [`TextsError`], if it cannot be read.
    pub fn stored(&self, address: u64) -> Result<First, TextsError> {
        let mut bytes = Vec::new();
        self.texts.read(address, &mut bytes)?;
        let record = Record::decode(&bytes).map_err(|what| TextsError::Broken { address, what })?;
        let (id, text) = (record.id.to_owned(), record.text.to_owned());
        Ok(First { id, text, at: Millis::from(record.at) * 1000, author: record.author })
    }

    /// Forgets what an author wrote, in the stored texts too. How many entries that were.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read or overwritten.
    pub fn forget(&mut self, author: u32) -> Result<usize, TextsError> {
        let (mut bytes, mut blank, mut forgotten) = (Vec::new(), Vec::new(), 0);
        for entry in self.entries.iter_mut().filter(|entry| entry.author == author && author != 0) {
            let address = entry.address;
            self.texts.read(address, &mut bytes)?;
            record::forget(&bytes, &mut blank).map_err(|what| TextsError::Broken { address, what })?;
            self.texts.overwrite(address, &blank)?;
            entry.author = 0;
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Stored texts before this address are not asked for any more. Call [`Texts::release_before`] with it once everything up
    /// to here is saved.
    #[must_use]
    pub fn kept_from(&self) -> u64 {
        self.entries.first().map_or(0, |entry| entry.address)
    }

    /// How much is held.
    #[must_use]
    pub fn sizes(&self) -> TwinSizes {
        TwinSizes { entries: self.entries.len() as u64, text_bytes: self.texts.end() - self.kept_from() }
    }
}

impl Entry {
    fn new(address: u64, record: &Record<'_>) -> Self {
        let keys = record.keys.iter().collect();
        let Record { at, author, script, exact, sketch, .. } = *record;
        Self { address, at, author, script, exact, sketch, keys }
    }
}

/// Event time as entries hold it: whole seconds since 1970, until 2106.
fn seconds(at: Millis) -> u32 {
    u32::try_from((at / 1000).max(0)).unwrap_or(u32::MAX)
}
