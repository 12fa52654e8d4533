//! The fast way to find keys in runs: a Bloom filter over one window of each key, then a table, then the key itself.
//!
//! Each key is filed under the window of its runs, two to four, that is rarest in ordinary text and among the keys. One pass
//! over the text takes out separators and repetitions and tests each pair of runs against the filter, without branches; at the
//! few places that pass, all three windows are tested and looked up. Under a window stand *shapes* (where the window lies in
//! the key, and how long the key is); a shape of one key is compared with the text by a hash and then itself, a shape of many
//! is looked up by that hash. So a window costs by its shapes and not by its keys, and what the shapes of one window may cost is
//! bounded: keys that find no window with room go to an automaton, which is linear whatever the list says.

use super::automaton::{Automaton, Bytes};
use super::compile::Words;
use super::filing::Builder;
use super::filter::{Filter, Hasher, LONGEST, Shape, Table, has};
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
    pub(crate) shapes: Box<[Shape]>,
    /// The keys of shapes of many, by the hash of the key.
    pub(crate) many: Table,
    pub(crate) singles: Singles,
    pub(crate) crowded: Automaton,
    pub(crate) crowded_keys: Box<[u32]>,
}

/// The buffers of a search, kept from text to text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// The runs, and after them what is left of older texts.
    heads: Vec<u32>,
    /// The second run of each pair that passed the filter.
    at: Vec<u32>,
    bytes: Bytes,
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
        let (runs, count) = self.pass(folded, candidates);
        let Candidates { heads, at, bytes, found } = candidates;
        heads[runs..runs + LONGEST].fill(0);
        let mut search = Search { engine: self, words, runs: &heads[..runs], found, budget };
        search.singles()
            && at[..count].iter().all(|&second| second == 0 || search.place(second as usize - 1, heads))
            && search.crowded(bytes)
    }

    /// Takes the text's runs, and those that end a pair which the filter lets through; how many there are of each.
    ///
    /// Written without branches: what does not count is overwritten by what comes next.
    #[inline]
    fn pass(&self, folded: &Folded, candidates: &mut Candidates) -> (usize, usize) {
        let Candidates { heads, at, .. } = candidates;
        let (units, kinds) = (folded.units(), folded.kinds());
        if at.len() <= units.len() {
            let length = (units.len() + 1).next_power_of_two();
            at.resize(length, 0);
            heads.resize(length + LONGEST, 0);
        }
        let (mut runs, mut count) = (0, 0);
        let (mut last, mut last_product) = (u32::MAX, 0);
        for (&unit, &kind) in units.iter().zip(kinds) {
            let is_new = kind.is(Kind::WORD) & (unit != last);
            let product = self.hasher.product(unit);
            let passes = self.filter.has_pair(self.hasher.pair(last_product, product));
            heads[runs] = unit;
            at[count] = runs as u32;
            runs += usize::from(is_new);
            count += usize::from(is_new & passes);
            last = if is_new { unit } else { last };
            last_product = if is_new { product } else { last_product };
        }
        (runs, count)
    }
}

/// The search of one text.
struct Search<'a> {
    engine: &'a Engine,
    words: &'a Words,
    runs: &'a [u32],
    found: &'a mut Vec<(u32, u32)>,
    budget: &'a mut Budget,
}

impl Search<'_> {
    /// Looks up the windows that begin at a run. `heads` are the runs, with others after the last.
    fn place(&mut self, at: usize, heads: &[u32]) -> GoOn {
        let hashes = self.engine.hasher.at(&heads[at..at + LONGEST]);
        let word = self.engine.filter.word(hashes[0]);
        let mut windows = hashes.iter().enumerate().filter(|&(kind, &hash)| has(word, hash, kind));
        windows.all(|(_, &hash)| self.budget.spend(1) && self.window(at, hash))
    }

    fn window(&mut self, at: usize, hash: u64) -> GoOn {
        let engine = self.engine;
        engine.windows.get(hash).all(|shape| {
            if shape.is_last {
                return self.shape(at, shape);
            }
            let shapes = &engine.shapes[shape.key as usize..];
            let last = shapes.iter().position(|shape| shape.is_last).expect("the last shape of a window says so");
            shapes[..=last].iter().all(|shape| self.shape(at, shape))
        })
    }

    fn shape(&mut self, at: usize, shape: &Shape) -> GoOn {
        let Some(start) = at.checked_sub(usize::from(shape.offset)) else { return true };
        let Some(text) = self.runs.get(start..start + usize::from(shape.length)) else { return true };
        let hash = self.engine.hasher.key(text, shape.offset);
        let is_key = |&key: &u32| self.words.keys.get(key as usize) == text;
        let key = if shape.key == Shape::MANY {
            self.engine.many.get(hash).map(|shape| shape.key).find(is_key)
        } else {
            Some(shape.key).filter(|key| shape.check == hash as u32 && is_key(key))
        };
        self.found.extend(key.map(|key| (key, start as u32)));
        self.budget.spend(text.len())
    }

    fn singles(&mut self) -> GoOn {
        let singles = &self.engine.singles;
        if singles.keys.is_empty() {
            return true;
        }
        for (run, &unit) in self.runs.iter().enumerate() {
            if let Some(key) = singles.key(unit) {
                self.found.push((key, run as u32));
                if !self.budget.spend(1) {
                    return false;
                }
            }
        }
        true
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

    #[inline]
    fn key(&self, unit: u32) -> Option<u32> {
        let may_have = self.may_have[(unit >> 6 & 1023) as usize] >> (unit & 63) & 1 != 0;
        let index = may_have.then(|| self.keys.binary_search_by_key(&unit, |&(unit, _)| unit).ok()).flatten();
        index.map(|index| self.keys[index].1)
    }
}
