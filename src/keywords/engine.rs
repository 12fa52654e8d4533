//! The fast way to find keys in runs: a Bloom filter over one window of each key, then a table, then the key itself.
//!
//! Each key is filed under the window of three runs that is rarest in ordinary text and among the keys; a key of two runs under
//! both of them. The fold has taken out separators and repetitions; one pass tests each place for both kinds of window with one
//! load from the filter, without branches; at the few places that pass, the windows are looked up. Under a window stand
//! *shapes* (where the window lies in the key, and how long the key is); a shape of one key is compared with the text, a
//! shape of many is looked up by a hash of the whole key. So a window costs by its shapes and not by its keys, and what the
//! shapes of one window may cost is bounded: keys that find no window with room go to an automaton, which is linear whatever
//! the list says.

use super::automaton::{Automaton, Bytes};
use super::compile::Words;
use super::filing::Builder;
use super::filter::{Filter, Hasher, LONGEST, Shape, Table};
use crate::text::{Folded, Kind};

/// What a unit costs in an automaton: its bytes.
pub(crate) const AUTOMATON_COST: usize = 3;

/// What may still be spent on one event beyond what is linear in its length anyway. Filled by each text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    left: u64,
    /// Everything spent, in units looked at: what tests compare instead of time.
    pub(crate) spent: u64,
}

impl Budget {
    /// Fills it for a text of so many units, whose reading itself costs three each: one each to fold, to pass and to filter.
    pub(crate) fn add(&mut self, units: usize) {
        self.spent += 3 * units as u64;
        self.left += 256 + 48 * units as u64;
    }

    /// Ends an event: what is left is not for the next one.
    pub(crate) fn close(&mut self) {
        self.left = 0;
    }

    /// Takes down what is bounded by itself.
    #[inline]
    pub(crate) fn note(&mut self, units: usize) {
        self.spent += units as u64;
    }

    /// Spends; false where nothing is left.
    #[inline]
    pub(crate) fn spend(&mut self, units: usize) -> bool {
        self.spent += units as u64;
        let is_enough = self.left >= units as u64;
        self.left = self.left.saturating_sub(units as u64);
        is_enough
    }
}

/// Finds all keys in a text's runs.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) hasher: Hasher,
    pub(crate) filter: Filter,
    pub(crate) windows: Table,
    /// The keys of shapes of many, by the hash of the key.
    pub(crate) many: Table,
    /// Keys of one run, and those that need its letter more than once.
    pub(crate) singles: Singles,
    pub(crate) repeated: Singles,
    pub(crate) crowded: Automaton,
    pub(crate) crowded_keys: Box<[u32]>,
}

/// The buffers of a search, kept from text to text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    bytes: Bytes,
    /// Every key that was found, and the run that it begins at. Twice, once in a long while: where the pair and the triple that
    /// end at a run cannot be told apart by what the table keeps of their hashes. Gathering takes it once.
    pub(crate) found: Vec<(u32, u32)>,
}

/// Whether there is room for more.
type GoOn = bool;

/// Keys that may be found in a text: this many, and a few for each of its units.
const FOUND_MAX: usize = 64;
const FOUND_MAX_PER_UNIT: usize = 4;

/// How many keys, and how many occurrences of words, may be found in a text of so many units.
pub(crate) fn found_max(units: usize) -> usize {
    FOUND_MAX + FOUND_MAX_PER_UNIT * units
}

impl Engine {
    pub(crate) fn new(words: &Words, seed: u64) -> Self {
        Builder::new(words, seed).build()
    }

    /// How many keys the automaton has.
    #[cfg(test)]
    pub(crate) fn crowded(&self) -> usize {
        self.crowded_keys.len()
    }

    /// Fills `candidates.found` with every key that stands in the text's runs; false if there are more than [`found_max`].
    ///
    /// What it costs is linear in the text: at each run at most two windows are looked up, whose shapes are bounded.
    #[inline]
    pub(crate) fn find(
        &self,
        words: &Words,
        folded: &Folded,
        candidates: &mut Candidates,
        budget: &mut Budget,
    ) -> GoOn {
        candidates.found.clear();
        let Candidates { bytes, found, .. } = candidates;
        let runs = folded.runs();
        let room = found_max(folded.units().len());
        let mut search = Search { engine: self, words, runs, found, room, budget };
        search.singles()
            && (folded.letters() == runs.len() || search.repeated(folded))
            && search.windows()
            && search.crowded(bytes)
    }

    /// Which of these runs, at most 64, end a window that the filter lets through, one bit each. `before` holds the products
    /// of the two runs before them, and then of the last two.
    ///
    /// Without branches, and by itself, so that the loop has all registers: the more of its loads are under way at once, the
    /// less it waits for them.
    #[inline(never)]
    fn marks(&self, runs: &[u32], before: &mut (u64, u64)) -> u64 {
        let (hasher, filter) = (self.hasher, &self.filter);
        let (mut first, mut second) = *before;
        let mut marks = 0;
        for &unit in runs {
            let last = hasher.product(unit);
            let has_any = filter.has_any(hasher.pair(second, last), first);
            marks = marks >> 1 | u64::from(has_any) << (MARKS - 1);
            (first, second) = (second, last);
        }
        *before = (first, second);
        marks.checked_shr((MARKS - runs.len()) as u32).unwrap_or(0)
    }
}

/// Runs that are marked at once.
const MARKS: usize = u64::BITS as usize;

/// The search of one text.
struct Search<'a> {
    engine: &'a Engine,
    words: &'a Words,
    runs: &'a [u32],
    found: &'a mut Vec<(u32, u32)>,
    room: usize,
    budget: &'a mut Budget,
}

impl Search<'_> {
    /// Looks up the windows that the filter lets through.
    #[inline]
    fn windows(&mut self) -> GoOn {
        let mut before = (0, 0);
        for (block, runs) in self.runs.chunks(MARKS).enumerate() {
            let mut marks = self.engine.marks(runs, &mut before);
            while marks != 0 {
                if !self.place(block * MARKS + marks.trailing_zeros() as usize) {
                    return false;
                }
                marks &= marks - 1;
            }
        }
        true
    }

    /// Looks up the windows that end at a run.
    fn place(&mut self, last: usize) -> GoOn {
        let hashes = self.engine.hasher.window(&self.runs[(last + 1).saturating_sub(LONGEST)..=last]);
        let (has_pair, has_triple) = self.engine.filter.has(hashes);
        (!has_pair || self.window(last, hashes.pair)) && (!has_triple || self.window(last, hashes.triple))
    }

    #[inline]
    fn window(&mut self, last: usize, hash: u64) -> GoOn {
        let engine = self.engine;
        self.budget.note(1);
        engine.windows.get(hash).all(|shape| self.shape(last, shape))
    }

    #[inline]
    fn shape(&mut self, last: usize, shape: Shape) -> GoOn {
        let Some(start) = last.checked_sub(usize::from(shape.offset)) else { return true };
        let Some(text) = self.runs.get(start..start + usize::from(shape.length)) else { return true };
        let is_key = |key: u32| self.words.is_key(key as usize, text);
        let key = if shape.key == Shape::MANY {
            let hash = self.engine.hasher.key(text, shape.offset);
            let is_same = |other: &Shape| other.length == shape.length && is_key(other.key);
            self.engine.many.get(hash).find(is_same).map(|same| same.key)
        } else {
            Some(shape.key).filter(|&key| is_key(key))
        };
        self.budget.note(shape.cost());
        key.is_none_or(|key| self.push(key, start))
    }

    #[inline]
    fn push(&mut self, key: u32, start: usize) -> GoOn {
        let has_room = self.found.len() < self.room;
        if has_room {
            self.found.push((key, start as u32));
        }
        has_room
    }

    #[inline]
    fn singles(&mut self) -> GoOn {
        let singles = &self.engine.singles;
        singles.is_empty() || (0..self.runs.len()).all(|run| self.single(singles, run))
    }

    /// Looks up each run of more than one letter.
    fn repeated(&mut self, folded: &Folded) -> GoOn {
        let repeated = &self.engine.repeated;
        if repeated.is_empty() {
            return true;
        }
        let words = folded.units().iter().zip(folded.kinds()).filter(|(_, kind)| kind.is(Kind::WORD));
        let (mut runs, mut last, mut was_same) = (0, u32::MAX, false);
        for (&unit, _) in words {
            let is_same = unit == last;
            if is_same && !was_same && !self.single(repeated, runs - 1) {
                return false;
            }
            runs += usize::from(!is_same);
            (last, was_same) = (unit, is_same);
        }
        true
    }

    #[inline]
    fn single(&mut self, singles: &Singles, run: usize) -> GoOn {
        let Some(key) = singles.key(self.runs[run]) else { return true };
        self.budget.note(1);
        self.push(key, run)
    }

    fn crowded(&mut self, bytes: &mut Bytes) -> GoOn {
        let engine = self.engine;
        if engine.crowded.is_empty() {
            return true;
        }
        self.budget.note(AUTOMATON_COST * self.runs.len());
        let mut has_room = true;
        engine.crowded.find(self.runs, bytes, |index, at| {
            self.budget.note(1);
            has_room = self.push(engine.crowded_keys[index], at.start);
            has_room
        });
        has_room
    }
}

/// Keys of one run, by their unit.
#[derive(Clone, Debug)]
pub(crate) struct Singles {
    /// By the lower 16 bits of the unit; empty if there are no such keys.
    may_have: Box<[u64]>,
    keys: Box<[(u32, u32)]>,
}

impl Singles {
    pub(crate) fn new(mut keys: Vec<(u32, u32)>) -> Self {
        keys.sort_unstable();
        let mut may_have = vec![0; if keys.is_empty() { 0 } else { 1 << 10 }];
        for &(unit, _) in &keys {
            may_have[(unit >> 6 & 1023) as usize] |= 1 << (unit & 63);
        }
        Self { may_have: may_have.into(), keys: keys.into() }
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    #[inline]
    fn key(&self, unit: u32) -> Option<u32> {
        let may_have = self.may_have[(unit >> 6 & 1023) as usize] >> (unit & 63) & 1 != 0;
        let index = may_have.then(|| self.keys.binary_search_by_key(&unit, |&(unit, _)| unit).ok()).flatten();
        index.map(|index| self.keys[index].1)
    }
}
