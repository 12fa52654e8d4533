//! The fast way to find keys in runs: a Bloom filter over one window of each key, then a table, then the key itself.
//!
//! Each key is filed under the window of three runs that is rarest in ordinary text and among the keys; a key of two runs under
//! both of them. One pass over the text takes out separators and repetitions, another tests each place for both kinds of window
//! with one load from the filter, both without branches; at the few places that pass, the windows are looked up. Under a window stand
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

/// What may still be spent on one event. Filled by each text with what is linear in its length.
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
    /// Two noughts, the runs, and after them what is left of older texts.
    heads: Vec<u32>,
    /// The last run of each window that passed the filter.
    at: Vec<u32>,
    bytes: Bytes,
    /// Letters of the text.
    pub(crate) letters: usize,
    /// Every key that was found, and the run that it begins at.
    pub(crate) found: Vec<(u32, u32)>,
}

/// Whether the budget lasts.
type GoOn = bool;

impl Engine {
    pub(crate) fn new(words: &Words, seed: u64) -> Self {
        Builder::new(words, seed).build()
    }

    /// How many keys the automaton has.
    #[cfg(test)]
    pub(crate) fn crowded(&self) -> usize {
        self.crowded_keys.len()
    }

    /// Fills `candidates.found` with every key that stands in the text's runs.
    #[inline]
    pub(crate) fn find(
        &self,
        words: &Words,
        folded: &Folded,
        candidates: &mut Candidates,
        budget: &mut Budget,
    ) -> GoOn {
        candidates.found.clear();
        let Passed { runs, letters, count } = self.pass(folded, candidates);
        let Candidates { heads, at, bytes, found, letters: letters_found } = candidates;
        *letters_found = letters;
        let heads = &heads[..PAD + runs];
        let mut search = Search { engine: self, words, heads, runs: &heads[PAD..], found, budget };
        search.singles()
            && (letters == runs || search.repeated(folded))
            && at[..count].iter().all(|&last| search.place(last as usize))
            && search.crowded(bytes)
    }

    /// Takes the text's runs, and those that end a window which the filter lets through.
    #[inline]
    fn pass(&self, folded: &Folded, candidates: &mut Candidates) -> Passed {
        candidates.make_room(folded.units().len());
        let heads = &mut candidates.heads[PAD..];
        let (runs, letters) = squeeze(folded, heads);
        let count = self.places(&heads[..runs], &mut candidates.at);
        Passed { runs, letters, count }
    }

    /// Fills `at` with the runs that end a window which the filter lets through; how many there are.
    ///
    /// Written without branches: what does not count is overwritten by what comes next. By itself, so that the loop has all
    /// registers: the more of its loads are under way at once, the less it waits for them.
    #[inline(never)]
    fn places(&self, runs: &[u32], at: &mut [u32]) -> usize {
        let at = &mut at[..runs.len()];
        let (hasher, filter) = (self.hasher, &self.filter);
        let mut count = 0;
        let (mut first, mut second) = (hasher.product(0), hasher.product(0));
        for (run, &unit) in runs.iter().enumerate() {
            let last = hasher.product(unit);
            let has_any = filter.has_any(hasher.pair(second, last), first);
            at[count] = run as u32;
            count += usize::from(has_any);
            (first, second) = (second, last);
        }
        count
    }
}

/// Takes the runs of a text; how many there are, and how many letters. Written without branches, like [`Engine::places`].
#[inline(never)]
fn squeeze(folded: &Folded, heads: &mut [u32]) -> (usize, usize) {
    let (units, kinds) = (folded.units(), folded.kinds());
    let heads = &mut heads[..units.len()];
    let (mut runs, mut letters, mut last) = (0, 0, u32::MAX);
    for (&unit, &kind) in units.iter().zip(kinds) {
        let is_word = kind.is(Kind::WORD);
        let is_new = is_word & (unit != last);
        heads[runs] = unit;
        letters += usize::from(is_word);
        runs += usize::from(is_new);
        last = if is_new { unit } else { last };
    }
    (runs, letters)
}

/// How many noughts stand before the runs, so that a window ends at each.
const PAD: usize = LONGEST - 1;

/// What a pass over a text found: how many runs, letters, and places where a window may end.
struct Passed {
    runs: usize,
    letters: usize,
    count: usize,
}

impl Candidates {
    /// Makes room for a text of so many units and one more.
    fn make_room(&mut self, units: usize) {
        if self.at.len() <= units {
            let length = (units + 1).next_power_of_two();
            self.at.resize(length, 0);
            self.heads.resize(PAD + length, 0);
        }
    }
}

/// The search of one text.
struct Search<'a> {
    engine: &'a Engine,
    words: &'a Words,
    /// The runs, after noughts.
    heads: &'a [u32],
    runs: &'a [u32],
    found: &'a mut Vec<(u32, u32)>,
    budget: &'a mut Budget,
}

impl Search<'_> {
    /// Looks up the windows that end at a run.
    #[inline]
    fn place(&mut self, last: usize) -> GoOn {
        let hashes = self.engine.hasher.window(&self.heads[last..=last + PAD]);
        let (has_pair, has_triple) = self.engine.filter.has(hashes);
        (!has_pair || self.window(last, hashes.pair)) && (!has_triple || self.window(last, hashes.triple))
    }

    #[inline]
    fn window(&mut self, last: usize, hash: u64) -> GoOn {
        let engine = self.engine;
        self.budget.spend(1) && engine.windows.get(hash).all(|shape| self.shape(last, shape))
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
        self.found.extend(key.map(|key| (key, start as u32)));
        self.budget.spend(text.len())
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
        self.found.push((key, run as u32));
        self.budget.spend(1)
    }

    fn crowded(&mut self, bytes: &mut Bytes) -> GoOn {
        let engine = self.engine;
        if engine.crowded.is_empty() {
            return true;
        }
        let mut is_done = self.budget.spend(AUTOMATON_COST * self.runs.len());
        if is_done {
            engine.crowded.find(self.runs, bytes, |index, at| {
                self.found.push((engine.crowded_keys[index], at.start as u32));
                is_done = self.budget.spend(1);
                is_done
            });
        }
        is_done
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
