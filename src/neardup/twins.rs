//! The window of what was written lately, and which of it a text is a near-duplicate of.

use std::sync::Arc;

use rayon::prelude::*;

use crate::event::Millis;

use super::Options;
use super::compare::{Comparer, Comparison};
use super::known::Known;
use super::mark::{ANCHORS_STORED, Mark};
use super::record::{self, Keys, Record};
use super::seed::Seed;
use super::texts::{Texts, TextsError};
use super::window::{Age, Lookup, Window};

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
    /// Bytes of memory once the window is full; touched as it fills.
    pub memory_bytes_max: usize,
}

/// See the module. What it answers depends on what it took, in order, and on nothing else: not on threads, and not on how
/// the stream was cut into batches.
pub struct Twins {
    seed: Seed,
    texts: Arc<dyn Texts>,
    window: Window,
    known: Known,
    scratch: Scratch,
    /// What was compared ahead for each arrival of a batch.
    ahead: Vec<Ahead>,
}

/// What a thread uses again for every arrival.
#[derive(Clone, Debug, Default)]
struct Scratch {
    lookup: Lookup,
    ages: Vec<Age>,
    learned: Ahead,
    comparer: Comparer,
    bytes: Vec<u8>,
}

/// Entries by number, compared with an arrival before its turn came.
type Ahead = Vec<(u64, Comparison)>;

/// A member that is less like the first one than this is entered itself, so that what resembles it, and no longer the first,
/// is found too: as a cluster of its own, for nothing is compared with anything but a first member.
pub(super) const ENTERED_BELOW: f32 = 0.8;

/// Fewer arrivals than this are not worth waking other threads for.
const PARALLEL_ARRIVALS_MIN: usize = 256;

/// Arrivals whose memory is touched ahead of being worked on.
const TOUCH_ARRIVALS: usize = 32;

/// What happens to a batch.
impl Twins {
    /// Nothing known yet; `texts` is empty.
    #[must_use]
    pub fn new(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Self {
        let (window, known) = (Window::new(options), Known::default());
        Self { seed, texts, window, known, scratch: Scratch::default(), ahead: Vec::new() }
    }

    /// What it was when the last of these texts was stored.
    ///
    /// # Errors
    /// [`TextsError`], if they cannot be read.
    pub fn restore(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Result<Self, TextsError> {
        let mut twins = Self::new(options, seed, texts);
        let texts = Arc::clone(&twins.texts);
        let mut is_first = true;
        texts.scan(&mut |address, bytes| {
            let broken = |what| TextsError::Broken { address, what };
            let record = Record::decode(bytes).map_err(broken)?;
            if std::mem::take(&mut is_first) {
                twins.window.begin(record.number);
            }
            if record.number != twins.window.next() {
                return Err(broken("entries are missing before it"));
            }
            twins.window.enter(&record, address);
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
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.clear();
        let is_parallel = arrivals.len() >= PARALLEL_ARRIVALS_MIN && rayon::current_num_threads() > 1;
        if is_parallel {
            self.compare_ahead(arrivals, &mut ahead)?;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        for (i, chunk) in arrivals.chunks(TOUCH_ARRIVALS).enumerate() {
            if !is_parallel {
                self.touch(chunk, &mut scratch);
            }
            for (arrival, i) in chunk.iter().zip(i * TOUCH_ARRIVALS..) {
                let ahead = ahead.get(i).map_or(&[][..], Vec::as_slice);
                out.push(self.take_one(arrival, ahead, &mut scratch)?);
            }
        }
        (self.ahead, self.scratch) = (ahead, scratch);
        Ok(())
    }

    /// Compares every arrival with the window as it stands before the batch, on all threads. Whatever this gives would be found
    /// again when the arrival's turn comes: a comparison depends on the two texts alone.
    fn compare_ahead(&self, arrivals: &[Arrival<'_>], ahead: &mut Vec<Ahead>) -> Result<(), TextsError> {
        ahead.resize(arrivals.len(), Vec::new());
        let chunks = arrivals.par_chunks(TOUCH_ARRIVALS).zip(ahead.par_chunks_mut(TOUCH_ARRIVALS));
        chunks.try_for_each_init(Scratch::default, |scratch, (arrivals, ahead)| {
            self.touch(arrivals, scratch);
            arrivals.iter().zip(ahead).try_for_each(|(arrival, ahead)| {
                self.find(arrival, &[], scratch)?;
                ahead.clone_from(&scratch.learned);
                Ok(())
            })
        })
    }

    /// The lookups of a chunk do not depend on one another, so the processor overlaps their cache misses; done one arrival
    /// at a time, each would wait for the one before.
    fn touch(&self, arrivals: &[Arrival<'_>], scratch: &mut Scratch) {
        let keys = arrivals.iter().map(|arrival| self.window.touch_keys(arrival.mark));
        std::hint::black_box(keys.fold(0, |sum, read| sum ^ read));
        let sketches = arrivals.iter().map(|arrival| self.window.touch_sketches(arrival.mark, &mut scratch.lookup));
        std::hint::black_box(sketches.fold(0, |sum, read| sum ^ read));
    }

    fn take_one(
        &mut self,
        arrival: &Arrival<'_>,
        ahead: &[(u64, Comparison)],
        scratch: &mut Scratch,
    ) -> Result<Twin, TextsError> {
        let found = self.find(arrival, ahead, scratch)?;
        for &(number, comparison) in &scratch.learned {
            self.known.insert(arrival.mark.exact, number, comparison);
        }
        let twin = self.twin(arrival, found);
        if twin.similarity < ENTERED_BELOW {
            self.enter(arrival, &mut scratch.bytes);
        }
        Ok(twin)
    }

    fn twin(&self, arrival: &Arrival<'_>, found: Option<(Age, Comparison)>) -> Twin {
        match found {
            Some((age, comparison)) => Twin {
                cluster: self.window.number(age),
                first_at: millis(self.window.at(age)),
                first_author: self.window.author(age),
                similarity: comparison.similarity(),
                containment: comparison.containment(),
                address: self.window.address(age),
                is_new: false,
            },
            None => Twin {
                cluster: self.window.next(),
                first_at: millis(seconds(arrival.at)),
                first_author: arrival.author,
                similarity: 0.0,
                containment: 0.0,
                address: self.texts.end(),
                is_new: true,
            },
        }
    }

    /// The oldest entry that the text is a near-duplicate of. Whatever was compared is in `scratch.learned` then.
    fn find(
        &self,
        arrival: &Arrival<'_>,
        ahead: &[(u64, Comparison)],
        scratch: &mut Scratch,
    ) -> Result<Option<(Age, Comparison)>, TextsError> {
        let Scratch { lookup, ages, learned, comparer, bytes } = scratch;
        let mark = arrival.mark;
        learned.clear();
        self.window.promising(mark, seconds(arrival.at), lookup, ages);
        let mut is_loaded = false;
        for &age in &*ages {
            let number = self.window.number(age);
            let ahead = ahead.iter().find(|(other, _)| *other == number).map(|(_, comparison)| *comparison);
            let comparison = match ahead.or_else(|| self.known.get(mark.exact, number)) {
                Some(comparison) => comparison,
                None => self.compare(arrival, self.window.address(age), &mut is_loaded, comparer, bytes)?,
            };
            learned.push((number, comparison));
            if comparison.is_near(mark.script) {
                return Ok(Some((age, comparison)));
            }
        }
        Ok(None)
    }

    fn compare(
        &self,
        arrival: &Arrival<'_>,
        address: u64,
        is_loaded: &mut bool,
        comparer: &mut Comparer,
        bytes: &mut Vec<u8>,
    ) -> Result<Comparison, TextsError> {
        self.texts.read(address, bytes)?;
        let record = Record::decode(bytes).map_err(|what| TextsError::Broken { address, what })?;
        if record.exact == arrival.mark.exact {
            return Ok(Comparison::EQUAL);
        }
        if !std::mem::replace(is_loaded, true) {
            comparer.load(read_part(arrival));
        }
        Ok(comparer.compare(record.text))
    }

    fn enter(&mut self, arrival: &Arrival<'_>, bytes: &mut Vec<u8>) {
        let (mark, at) = (arrival.mark, seconds(arrival.at));
        let mut keys = [[0; 4]; 1 + ANCHORS_STORED];
        let key_count = mark.keys_stored().zip(&mut keys).map(|(key, bytes)| *bytes = key.to_le_bytes()).count();
        let number = self.window.next();
        let record = Record {
            number,
            kept_from: self.window.kept_from_with(at, self.texts.end()),
            at,
            author: arrival.author.max(1),
            exact: mark.exact,
            sketch: mark.sketch,
            keys: Keys(&keys[..key_count]),
            id: arrival.id,
            text: read_part(arrival),
        };
        record.encode(bytes);
        let address = self.texts.append(bytes);
        self.window.enter(&record, address);
        self.known.insert(mark.exact, number, Comparison::EQUAL);
    }
}

/// What is asked apart from batches.
impl Twins {
    /// What a text would be found to be if it came now. Nothing is entered.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read.
    pub fn ask(&self, arrival: &Arrival<'_>) -> Result<Twin, TextsError> {
        let found = self.find(arrival, &[], &mut Scratch::default())?;
        Ok(self.twin(arrival, found))
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
        Ok(First { id, text, at: millis(record.at), author: record.author })
    }

    /// The first member of a cluster; `None` where it is no longer kept, or was forgotten.
    ///
    /// # Errors
    /// [`TextsError`], if it cannot be read.
    pub fn first(&self, cluster: u64) -> Result<Option<First>, TextsError> {
        self.window.find(cluster).map(|age| self.stored(self.window.address(age))).transpose()
    }

    /// Forgets what an author wrote, in the stored texts too: what stays of an entry are its time and its keys, 32 bits each
    /// under the seed, until it expires. How many entries that were.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read or overwritten.
    pub fn forget(&mut self, author: u32) -> Result<usize, TextsError> {
        let (mut bytes, mut blank) = (Vec::new(), Vec::new());
        let ages = self.window.of_author(author);
        for &age in &ages {
            let address = self.window.address(age);
            match self.texts.read(address, &mut bytes) {
                Ok(()) => {
                    record::forget(&bytes, &mut blank).map_err(|what| TextsError::Broken { address, what })?;
                    self.texts.overwrite(address, &blank)?;
                }
                // Released already.
                Err(TextsError::Nothing { .. }) => {}
                Err(error) => return Err(error),
            }
            self.window.forget(age);
        }
        Ok(ages.len())
    }

    /// Stored texts before this address are not asked for any more. Call [`Texts::release_before`] with it once everything up
    /// to here is saved.
    #[must_use]
    pub fn kept_from(&self) -> u64 {
        self.window.kept_from_address().unwrap_or_else(|| self.texts.end())
    }

    /// How much is held.
    #[must_use]
    pub fn sizes(&self) -> TwinSizes {
        TwinSizes {
            entries: self.window.next() - self.window.kept_from(),
            text_bytes: self.texts.end() - self.kept_from(),
            memory_bytes_max: self.window.bytes(),
        }
    }
}

/// The part of the text that its mark was made of.
fn read_part<'a>(arrival: &Arrival<'a>) -> &'a str {
    arrival.text.get(..arrival.mark.bytes as usize).unwrap_or(arrival.text)
}

/// Event time as entries hold it: whole seconds since 1970, until 2106.
fn seconds(at: Millis) -> u32 {
    u32::try_from((at / 1000).max(0)).unwrap_or(u32::MAX)
}

fn millis(at: u32) -> Millis {
    Millis::from(at) * 1000
}
