//! How keys get into the engine: each under the window that is best to look for.

use std::ops::Range;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::automaton::Automaton;
use super::compile::Words;
use super::engine::{Engine, Singles};
use super::filter::{Filter, Hasher, Hashes, LONGEST, Shape, Table};
use super::rarity::Rarity;

/// What looking at the shapes of one window may cost; a first shape, which costs at most 33, is always taken.
const WINDOW_COST_MAX: usize = 24;

/// A window while keys are filed: its hash, what its shapes cost, and the last of them.
struct Filed {
    hash: u64,
    cost: usize,
    last: u32,
}

/// A shape while keys are filed, with the one filed before it under the same window.
struct Link {
    shape: Shape,
    before: Option<u32>,
}

/// Files keys under windows.
pub(crate) struct Builder<'w> {
    words: &'w Words,
    hasher: Hasher,
    seed: u64,
    rarity: Rarity,
    /// How many keys have a window of about this hash.
    counts: Box<[u16]>,
    filed: HashTable<Filed>,
    /// All windows that are filed, and whether they have three runs.
    windows: Vec<(Hashes, bool)>,
    links: Vec<Link>,
    /// Keys of shapes of many, with the end of their window.
    many: Vec<(u32, u8)>,
    crowded: Vec<u32>,
}

const COUNTS_BITS: u32 = 20;

/// Where windows of about this hash are counted.
fn about(hash: u64) -> usize {
    (hash >> (64 - COUNTS_BITS)) as usize
}

impl<'w> Builder<'w> {
    pub(crate) fn new(words: &'w Words, seed: u64) -> Self {
        Self {
            words,
            hasher: Hasher::new(seed),
            seed,
            rarity: Rarity::new(),
            counts: vec![0; 1 << COUNTS_BITS].into(),
            filed: HashTable::with_capacity(words.keys.len()),
            windows: Vec::with_capacity(words.keys.len()),
            links: Vec::with_capacity(words.keys.len()),
            many: Vec::new(),
            crowded: Vec::new(),
        }
    }

    pub(crate) fn build(mut self) -> Engine {
        let keys = &self.words.keys;
        for key in keys.iter().filter(|key| key.len() > 1) {
            windows(key).for_each(|window| self.count(&key[window]));
        }
        let (mut singles, mut repeated) = (Vec::new(), Vec::new());
        for (number, key) in keys.iter().enumerate() {
            match key {
                [unit] if self.words.is_repeated(number) => repeated.push((*unit, number as u32)),
                [unit] => singles.push((*unit, number as u32)),
                _ => self.file(number as u32, key),
            }
        }
        self.freeze(Singles::new(singles), Singles::new(repeated))
    }

    /// Files a key under the rarest of its windows that has room.
    fn file(&mut self, number: u32, key: &[u32]) {
        let best =
            windows(key).max_by_key(|window| (self.rarity(&key[window.clone()]), std::cmp::Reverse(window.start)));
        let best = best.expect("a key of two runs has a window");
        if self.file_under(best, number, key) {
            return;
        }
        let mut others: Vec<_> = windows(key).collect();
        others.sort_by_key(|window| std::cmp::Reverse(self.rarity(&key[window.clone()])));
        if !others.into_iter().any(|window| self.file_under(window, number, key)) {
            self.crowded.push(number);
        }
    }

    fn count(&mut self, window: &[u32]) {
        for hash in self.counted(window) {
            let count = &mut self.counts[about(hash)];
            *count = count.saturating_add(1);
        }
    }

    /// What is counted of a window: itself, and its last two runs, which choose its word of the filter.
    fn counted(&self, window: &[u32]) -> [u64; 2] {
        let Hashes { pair, triple, .. } = self.hasher.window(window);
        if window.len() == LONGEST { [triple, pair] } else { [pair, pair] }
    }

    fn hash(&self, window: &[u32]) -> u64 {
        let hashes = self.hasher.window(window);
        if window.len() == LONGEST { hashes.triple } else { hashes.pair }
    }

    /// How rare a window is, in ordinary text and among the keys.
    fn rarity(&self, window: &[u32]) -> i64 {
        let count = |hash| i64::from(self.counts[about(hash)].max(1).ilog2());
        let rarity: u32 = window.iter().map(|&unit| self.rarity.of(unit)).sum();
        i64::from(rarity) - self.counted(window).into_iter().map(|hash| 16 * count(hash)).sum::<i64>()
    }

    fn file_under(&mut self, window: Range<usize>, number: u32, key: &[u32]) -> bool {
        let hash = self.hash(&key[window.clone()]);
        let shape = Shape::new(number, window.end as u8 - 1, key.len() as u8);
        let entry = self.filed.entry(hash, |filed| filed.hash == hash, |filed| filed.hash);
        let filed = match entry {
            Entry::Occupied(filed) => filed.into_mut(),
            Entry::Vacant(vacant) => {
                vacant.insert(Filed { hash, cost: shape.cost(), last: self.links.len() as u32 });
                self.windows.push((self.hasher.window(&key[window.clone()]), window.len() == LONGEST));
                self.links.push(Link { shape, before: None });
                return true;
            }
        };
        let same = find_link(&self.links, filed.last, &shape);
        let many = Shape::new(Shape::MANY, shape.offset, shape.length);
        let grown = same.map_or(shape.cost(), |same| many.cost() - self.links[same as usize].shape.cost());
        if filed.cost + grown > WINDOW_COST_MAX {
            return false;
        }
        filed.cost += grown;
        if let Some(same) = same {
            let link = &mut self.links[same as usize];
            if link.shape.key != Shape::MANY {
                self.many.push((link.shape.key, shape.offset));
                link.shape.key = Shape::MANY;
            }
            self.many.push((number, shape.offset));
        } else {
            self.links.push(Link { shape, before: Some(filed.last) });
            filed.last = self.links.len() as u32 - 1;
        }
        true
    }

    fn freeze(self, singles: Singles, repeated: Singles) -> Engine {
        let mut filter = Filter::new(self.filed.len(), self.seed);
        self.windows.iter().for_each(|&(hashes, is_triple)| filter.insert(hashes, is_triple));
        let mut windows = Table::new(self.links.len());
        for filed in &self.filed {
            let mut at = Some(filed.last);
            while let Some(link) = at.map(|at| &self.links[at as usize]) {
                windows.insert(filed.hash, link.shape);
                at = link.before;
            }
        }
        let mut many = Table::new(self.many.len());
        for &(key, offset) in &self.many {
            let runs = self.words.keys.get(key as usize);
            many.insert(self.hasher.key(runs, offset), Shape::new(key, offset, runs.len() as u8));
        }
        let crowded = Automaton::new(self.crowded.iter().map(|&key| self.words.keys.get(key as usize)));
        Engine {
            hasher: self.hasher,
            filter,
            windows,
            many,
            singles,
            repeated,
            crowded: crowded.expect("bounded by terms_max"),
            crowded_keys: self.crowded.into(),
        }
    }
}

/// The windows that a key may be filed under: of three runs where it has as many, since pairs are often words.
fn windows(key: &[u32]) -> impl Iterator<Item = Range<usize>> + use<> {
    let length = key.len().min(LONGEST);
    (0..=key.len() - length).map(move |start| start..start + length)
}

fn find_link(links: &[Link], last: u32, shape: &Shape) -> Option<u32> {
    let mut at = Some(last);
    while let Some(index) = at {
        let link = &links[index as usize];
        if (link.shape.offset, link.shape.length) == (shape.offset, shape.length) {
            return Some(index);
        }
        at = link.before;
    }
    None
}
