//! Who published it first? A longer-lived index of articles, each compared with those that were published before it.
//!
//! Time is event time: an article that was published before a stored one is no copy of it, whenever it comes in.

use std::sync::Arc;

use crate::event::Millis;

use super::Options;
use super::compare::Comparer;
use super::credit::{is_quoted, names_source};
use super::mark::ARTICLE_ANCHORS;
use super::seed::Seed;
use super::shelf::{First, Shelf, TwinSizes, millis, read_part, seconds};
use super::spans::matched;
use super::texts::{Texts, TextsError};
use super::twins::Arrival;
use super::window::{Age, Lookup};

/// Of 32 anchors, so many are shared with what is read and compared.
const SHARED_MIN: u32 = 3;
/// Less of an article than this in another one is no copy worth a word.
const CONTAINED_MIN: f32 = 0.3;
/// What stands in an earlier one to this degree need not be entered: its copies are copies of that one.
const ENTERED_BELOW: f32 = 0.9;
/// Spans that are looked at to see whether what is repeated is quoted.
const SPANS_MAX: usize = 64;

/// What an article repeats of an earlier one by somebody else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Copied {
    /// The number of the earlier one, for [`Articles::first`].
    pub article: u64,
    /// When it was published, to the second.
    pub first_at: Millis,
    /// Its author.
    pub first_author: u32,
    /// How much of this article stands in it, 0.3 to 1: shared grams (three letters, or six of Latin and its like) by grams of
    /// this one.
    pub containment: f32,
    /// Where the earlier one is stored, for [`Articles::stored`].
    pub address: u64,
    /// This one says so: it is a declared forward, names a source, or puts what it repeats in quotation marks.
    pub is_attributed: bool,
}

/// See the module. Like [`super::Twins`], what it answers depends on what it took and in which order, and nothing else.
pub struct Articles {
    seed: Seed,
    shelf: Shelf,
    lookup: Lookup,
    ages: Vec<Age>,
    comparer: Comparer,
    bytes: Vec<u8>,
}

impl Articles {
    /// Nothing known yet; `texts` is empty, and a log of its own. See [`Options::of_articles`].
    #[must_use]
    pub fn new(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Self {
        let shelf = Shelf::new(options, ARTICLE_ANCHORS, texts);
        let (lookup, ages, bytes) = (Lookup::default(), Vec::new(), Vec::new());
        Self { seed, shelf, lookup, ages, comparer: Comparer::of_articles(), bytes }
    }

    /// What it was when the last of these texts was stored.
    ///
    /// # Errors
    /// [`TextsError`], if they cannot be read.
    pub fn restore(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Result<Self, TextsError> {
        let mut articles = Self::new(options, seed, texts);
        articles.shelf.restore()?;
        Ok(articles)
    }

    /// The seed that arrivals must be marked with.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Takes a batch, in order: for each arrival what it copies; `None` for originals and for what is no article.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read: part of the batch is taken then.
    pub fn take(&mut self, arrivals: &[Arrival<'_>], out: &mut Vec<Option<Copied>>) -> Result<(), TextsError> {
        out.clear();
        for arrival in arrivals {
            let copied = match arrival.mark.article_keys() {
                Some(keys) => self.take_one(arrival, keys)?,
                None => None,
            };
            out.push(copied);
        }
        Ok(())
    }

    fn take_one(&mut self, arrival: &Arrival<'_>, keys: &[u32]) -> Result<Option<Copied>, TextsError> {
        let found = self.find(arrival, keys)?;
        let copied = match found {
            Some((age, containment)) => Some(Copied {
                article: self.shelf.window.number(age),
                first_at: millis(self.shelf.window.at(age)),
                first_author: self.shelf.window.author(age),
                containment,
                address: self.shelf.window.address(age),
                is_attributed: self.is_attributed(arrival, age)?,
            }),
            None => None,
        };
        if copied.is_none_or(|copied| copied.containment < ENTERED_BELOW) {
            let mut bytes = [[0; 4]; ARTICLE_ANCHORS];
            keys.iter().zip(&mut bytes).for_each(|(key, bytes)| *bytes = key.to_le_bytes());
            self.shelf.enter(arrival, &bytes[..keys.len()], &mut self.bytes);
        }
        Ok(copied)
    }

    /// The earlier article that has most of this one; of equals the one that was published first. `None` where that is the
    /// author's own: whoever repeats what others took from them takes nothing.
    fn find(&mut self, arrival: &Arrival<'_>, keys: &[u32]) -> Result<Option<(Age, f32)>, TextsError> {
        let Self { shelf, lookup, ages, comparer, bytes, .. } = self;
        let at = seconds(arrival.at);
        shelf.window.sharing(keys.iter().copied(), SHARED_MIN, at, lookup, ages);
        ages.retain(|age| shelf.window.at(*age) <= at);
        ages.sort_by_key(|age| shelf.window.at(*age));
        if !ages.is_empty() {
            comparer.load(read_part(arrival));
        }
        let mut best: Option<(Age, f32)> = None;
        for &age in &*ages {
            let containment = comparer.compare(shelf.read(age, bytes)?.text).containment();
            if containment >= CONTAINED_MIN && best.is_none_or(|(_, most)| containment > most) {
                best = Some((age, containment));
            }
        }
        Ok(best.filter(|(age, _)| shelf.window.author(*age) != arrival.author))
    }

    fn is_attributed(&mut self, arrival: &Arrival<'_>, age: Age) -> Result<bool, TextsError> {
        if arrival.is_forward || names_source(arrival.text) {
            return Ok(true);
        }
        let record = self.shelf.read(age, &mut self.bytes)?;
        let this = read_part(arrival);
        let spans: Vec<_> = matched(this, record.text, SPANS_MAX).into_iter().map(|span| span.this).collect();
        Ok(is_quoted(this, &spans))
    }

    /// The earlier article that a [`Copied`] names, as long as its text was not released.
    ///
    /// # Errors
    /// [`TextsError`], if it cannot be read.
    pub fn stored(&self, address: u64) -> Result<First, TextsError> {
        self.shelf.stored(address)
    }

    /// An article as it was stored; `None` where it is no longer kept, or was forgotten.
    ///
    /// # Errors
    /// [`TextsError`], if it cannot be read.
    pub fn first(&self, article: u64) -> Result<Option<First>, TextsError> {
        self.shelf.first(article)
    }

    /// Forgets what an author wrote, like [`super::Twins::forget`].
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read or overwritten.
    pub fn forget(&mut self, author: u32) -> Result<usize, TextsError> {
        self.shelf.forget(author)
    }

    /// Stored texts before this address are not asked for any more, like [`super::Twins::kept_from`].
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
