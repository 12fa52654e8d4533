//! The window of what was written lately, and which of it a text is a near-duplicate of.

use std::sync::Arc;

use rayon::prelude::*;

use crate::event::Millis;

use super::Options;
use super::compare::{Comparer, Comparison};
use super::elsewhere::{self, Elsewhere};
use super::known::Known;
use super::mark::{ANCHORS_STORED, Mark};
use super::record::Record;
use super::seed::Seed;
use super::shelf::{First, Shelf, TwinSizes, millis, read_part, seconds};
use super::texts::{Texts, TextsError};
use super::window::{Age, Lookup};

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

/// See the module. What it answers depends on what it took, in order, and on nothing else: not on threads, and not on how
/// the stream was cut into batches.
pub struct Twins {
    seed: Seed,
    shelf: Shelf,
    known: Known,
    scratch: Scratch,
    /// What was compared ahead for each arrival of a batch.
    ahead: Vec<Ahead>,
    /// What other windows hold, if there are others.
    elsewhere: Option<Arc<Elsewhere>>,
    /// What was entered since it was last asked for, each record behind its length; where there are others to tell.
    told: Vec<u8>,
}

/// What a thread uses again for every arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    lookup: Lookup,
    ages: Vec<Age>,
    learned: Vec<(u64, Comparison)>,
    comparer: Comparer,
    bytes: Vec<u8>,
}

/// What was found for an arrival before its turn came.
#[derive(Clone, Debug, Default)]
struct Ahead {
    /// Entries by number, compared with it.
    learned: Vec<(u64, Comparison)>,
    /// What other windows hold of it, if they were asked.
    elsewhere: Option<Option<(Vec<u8>, Comparison)>>,
}

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
        let shelf = Shelf::new(options, 1 + ANCHORS_STORED, texts);
        Self {
            seed,
            shelf,
            known: Known::default(),
            scratch: Scratch::default(),
            ahead: Vec::new(),
            elsewhere: None,
            told: Vec::new(),
        }
    }

    /// The same window as one of several: where it finds nothing of its own it looks there, and adopts what it finds.
    #[must_use]
    pub fn beside(mut self, elsewhere: Arc<Elsewhere>) -> Self {
        self.elsewhere = Some(elsewhere);
        self
    }

    /// What was entered since the last call and was not adopted, for [`Elsewhere::entered`] of others.
    pub fn take_told(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.told)
    }

    /// What it was when the last of these texts was stored.
    ///
    /// # Errors
    /// [`TextsError`], if they cannot be read.
    pub fn restore(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Result<Self, TextsError> {
        let mut twins = Self::new(options, seed, texts);
        twins.shelf.restore()?;
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
                self.touch(chunk);
            }
            for (arrival, i) in chunk.iter().zip(i * TOUCH_ARRIVALS..) {
                let ahead = ahead.get_mut(i).map(std::mem::take).unwrap_or_default();
                out.push(self.take_one(arrival, ahead, &mut scratch)?);
            }
        }
        (self.ahead, self.scratch) = (ahead, scratch);
        Ok(())
    }

    /// Compares every arrival with the window as it stands before the batch, on all threads. Whatever this gives would be found
    /// again when the arrival's turn comes: a comparison depends on the two texts alone.
    fn compare_ahead(&self, arrivals: &[Arrival<'_>], ahead: &mut Vec<Ahead>) -> Result<(), TextsError> {
        ahead.resize(arrivals.len(), Ahead::default());
        let chunks = arrivals.par_chunks(TOUCH_ARRIVALS).zip(ahead.par_chunks_mut(TOUCH_ARRIVALS));
        chunks.try_for_each_init(Default::default, |(scratch, other): &mut (Scratch, Scratch), (arrivals, ahead)| {
            self.touch(arrivals);
            arrivals.iter().zip(ahead).try_for_each(|(arrival, ahead)| {
                let found = self.find(arrival, &[], scratch)?;
                ahead.learned.clone_from(&scratch.learned);
                if let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| found.is_none()) {
                    ahead.elsewhere = Some(elsewhere.find(arrival, other)?);
                }
                Ok(())
            })
        })
    }

    /// The lookups of a chunk do not depend on one another, so the processor overlaps their cache misses; done one arrival
    /// at a time, each would wait for the one before.
    fn touch(&self, arrivals: &[Arrival<'_>]) {
        let keys = arrivals.iter().map(|arrival| self.shelf.window.touch_keys(arrival.mark.keys_asked()));
        std::hint::black_box(keys.fold(0, |sum, read| sum ^ read));
        let sketches = arrivals.iter().map(|arrival| self.shelf.window.touch_sketches(arrival.mark.keys_asked()));
        std::hint::black_box(sketches.fold(0, |sum, read| sum ^ read));
    }

    fn take_one(&mut self, arrival: &Arrival<'_>, ahead: Ahead, scratch: &mut Scratch) -> Result<Twin, TextsError> {
        let found = match self.find(arrival, &ahead.learned, scratch)? {
            None => self.adopt(arrival, ahead.elsewhere, scratch)?,
            found => found,
        };
        for &(number, comparison) in &scratch.learned {
            self.known.insert(arrival.mark.exact, number, comparison);
        }
        let twin = self.twin(arrival, found);
        if twin.similarity < ENTERED_BELOW {
            self.enter(arrival, &mut scratch.bytes);
        }
        Ok(twin)
    }

    /// Enters what another window holds of a text that this one knows nothing of.
    fn adopt(
        &mut self,
        arrival: &Arrival<'_>,
        ahead: Option<Option<(Vec<u8>, Comparison)>>,
        scratch: &mut Scratch,
    ) -> Result<Option<(Age, Comparison)>, TextsError> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(None) };
        let found = match ahead {
            Some(asked) => asked,
            None => elsewhere.find(arrival, &mut Scratch::default())?,
        };
        let Some((bytes, comparison)) = found else { return Ok(None) };
        elsewhere.adopts();
        let record = Record::decode(&bytes).map_err(|what| TextsError::Broken { address: 0, what })?;
        let number = self.enter_record(&record);
        scratch.learned.push((number, comparison));
        Ok(Some((Age(1), comparison)))
    }

    fn twin(&self, arrival: &Arrival<'_>, found: Option<(Age, Comparison)>) -> Twin {
        match found {
            Some((age, comparison)) => Twin {
                cluster: self.shelf.window.number(age),
                first_at: millis(self.shelf.window.at(age)),
                first_author: self.shelf.window.author(age),
                similarity: comparison.similarity(),
                containment: comparison.containment(),
                address: self.shelf.window.address(age),
                is_new: false,
            },
            None => Twin {
                cluster: self.shelf.window.next(),
                first_at: millis(seconds(arrival.at)),
                first_author: arrival.author,
                similarity: 0.0,
                containment: 0.0,
                address: self.shelf.end(),
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
        self.shelf.window.promising(mark, seconds(arrival.at), lookup, ages);
        let mut is_loaded = false;
        for &age in &*ages {
            let number = self.shelf.window.number(age);
            let ahead = ahead.iter().find(|(other, _)| *other == number).map(|(_, comparison)| *comparison);
            let comparison = match ahead.or_else(|| self.known.get(mark.exact, number)) {
                Some(comparison) => comparison,
                None => self.compare(arrival, age, &mut is_loaded, comparer, bytes)?,
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
        age: Age,
        is_loaded: &mut bool,
        comparer: &mut Comparer,
        bytes: &mut Vec<u8>,
    ) -> Result<Comparison, TextsError> {
        let record = self.shelf.read(age, bytes)?;
        if record.exact == arrival.mark.exact {
            return Ok(Comparison::EQUAL);
        }
        if !std::mem::replace(is_loaded, true) {
            comparer.load(read_part(arrival));
        }
        Ok(comparer.compare(record.text))
    }

    fn enter(&mut self, arrival: &Arrival<'_>, bytes: &mut Vec<u8>) {
        let mut keys = [[0; 4]; 1 + ANCHORS_STORED];
        let keys_stored = arrival.mark.keys_stored().zip(&mut keys);
        let key_count = keys_stored.map(|(key, bytes)| *bytes = key.to_le_bytes()).count();
        self.known.insert(arrival.mark.exact, self.shelf.window.next(), Comparison::EQUAL);
        self.shelf.enter(arrival, &keys[..key_count], bytes);
        if self.elsewhere.is_some() {
            self.told.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            self.told.extend_from_slice(bytes);
        }
    }
}

/// What windows give one another.
impl Twins {
    /// Enters a record of another window and gives its number here.
    pub(super) fn enter_record(&mut self, record: &Record<'_>) -> u64 {
        let mut bytes = Vec::new();
        self.shelf.adopt(record, &mut bytes)
    }

    /// The record of the oldest entry that the text is a near-duplicate of, and what they have in common.
    pub(super) fn find_record(
        &self,
        arrival: &Arrival<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<(Vec<u8>, Comparison)>, TextsError> {
        let Some((age, comparison)) = self.find(arrival, &[], scratch)? else { return Ok(None) };
        let mut bytes = Vec::new();
        self.shelf.read(age, &mut bytes)?;
        Ok(Some((bytes, comparison)))
    }

    /// What an entry is called in every window, when its message was published, and by whom; `None` where it is not kept.
    #[must_use]
    pub fn origin(&self, number: u64) -> Option<(u64, Millis, u32)> {
        let window = &self.shelf.window;
        let age = window.find(number)?;
        let (at, author) = (window.at(age), window.author(age));
        Some((elsewhere::origin(at, author, window.sketch(age)), millis(at), author))
    }

    /// Nothing before what is kept is asked for again.
    pub(super) fn release(&self) {
        self.shelf.texts.release_before(self.kept_from());
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
        self.shelf.stored(address)
    }

    /// The first member of a cluster; `None` where it is no longer kept, or was forgotten.
    ///
    /// # Errors
    /// [`TextsError`], if it cannot be read.
    pub fn first(&self, cluster: u64) -> Result<Option<First>, TextsError> {
        self.shelf.first(cluster)
    }

    /// Forgets what an author wrote, in the stored texts too: what stays of an entry are its time and its keys, 32 bits each
    /// under the seed, until it expires. How many entries that were.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read or overwritten.
    pub fn forget(&mut self, author: u32) -> Result<usize, TextsError> {
        self.shelf.forget(author)
    }

    /// Stored texts before this address are not asked for any more. Call [`Texts::release_before`] with it once everything up
    /// to here is saved.
    #[must_use]
    pub fn kept_from(&self) -> u64 {
        self.shelf.kept_from()
    }

    /// How much is held.
    #[must_use]
    pub fn sizes(&self) -> TwinSizes {
        self.shelf.sizes()
    }
}
