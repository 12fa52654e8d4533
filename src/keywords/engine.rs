//! The fast way to find keys in runs: a Bloom filter over one window of each key, then a table, then the key itself.
//!
//! Each key is filed under the window of its runs that is rarest in ordinary text and among the keys: four, three or two
//! runs, the longest that it has. At each run of a text all three windows are hashed and tested against one word of the
//! filter, without branches; the few places that pass are looked up. Under a window stand *shapes* (where the window lies in
//! the key, and how long the key is); a shape of one key is compared with the text by a hash and then itself, a shape of many
//! is looked up by that hash. So a window costs by its shapes and not by its keys, and what the shapes of one window may cost is
//! bounded: keys that find no window with room go to an automaton, which is linear whatever the list says.

use std::ops::Range;

use hashbrown::HashTable;

use super::automaton::{Automaton, Bytes};
use super::compile::Words;
use super::rarity::Rarity;

/// Runs of the longest window.
const LONGEST: usize = 4;
/// Bits of the filter for each key.
const FILTER_BITS_PER_KEY: usize = 16;
/// Runs that the shapes of one window may make us compare, times the variants of their keys; a first shape is always
/// taken.
const WINDOW_COST_MAX: u32 = 32;

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
    /// Fills it for a text of so many units, whose reading itself costs three each.
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

/// The seeded hashes of windows and keys. Multipliers are odd and secret, so nobody can choose texts that collide.
#[derive(Clone, Copy, Debug)]
struct Hasher {
    salt: u64,
    unit: u64,
    /// For windows of two, three and four runs.
    windows: [u64; 3],
}

/// The hashes of the windows of two, three and four runs that begin at one run.
type Hashes = [u64; 3];

impl Hasher {
    fn new(seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            // SplitMix64, by Sebastiano Vigna.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        };
        Self { salt: next(), unit: next() | 1, windows: [next() | 1, next() | 1, next() | 1] }
    }

    /// What one run adds to the hashes of its windows.
    #[inline]
    fn product(self, unit: u32) -> u64 {
        (u64::from(unit) ^ self.salt).wrapping_mul(self.unit)
    }

    #[inline]
    fn hashes(self, products: [u64; LONGEST]) -> Hashes {
        let [a, b, c, d] = products;
        let two = a ^ b.rotate_left(21);
        let three = two ^ c.rotate_left(42);
        let four = three ^ d.rotate_left(11);
        [two.wrapping_mul(self.windows[0]), three.wrapping_mul(self.windows[1]), four.wrapping_mul(self.windows[2])]
    }

    /// The hashes of the windows that begin these runs; those that are longer than the runs mean nothing.
    fn at(self, runs: &[u32]) -> Hashes {
        let product = |index: usize| self.product(runs.get(index).copied().unwrap_or(0));
        self.hashes([product(0), product(1), product(2), product(3)])
    }

    /// The hash of a key that is filed under its window at `offset`: it is to be found by that window only.
    #[inline]
    fn key(self, runs: &[u32], offset: u8) -> u64 {
        let mix = |hash: u64, &unit: &u32| {
            let mixed = (hash ^ u64::from(unit)).wrapping_mul(self.unit);
            mixed ^ (mixed >> 32)
        };
        runs.iter().fold(self.salt ^ u64::from(offset) << 32, mix).wrapping_mul(self.windows[0])
    }
}

/// A Bloom filter: the hash of the first two runs chooses a word for all windows at a place, so that a place costs one
/// load, and each window sets two bits in it.
#[derive(Clone, Debug)]
struct Filter {
    words: Box<[u64]>,
    shift: u32,
}

impl Filter {
    fn new(keys: usize) -> Self {
        let words = (keys * FILTER_BITS_PER_KEY / 64).next_power_of_two().clamp(64, 1 << 20);
        Self { words: vec![0; words].into(), shift: 64 - words.trailing_zeros() }
    }

    fn insert(&mut self, hashes: Hashes, kind: usize) {
        self.words[(hashes[0] >> self.shift) as usize] |= bits(hashes[kind], kind);
    }

    #[inline]
    fn word(&self, hashes: Hashes) -> u64 {
        self.words[(hashes[0] >> self.shift) as usize]
    }

    /// Whether the word has a window of any kind.
    #[inline]
    fn has_any(&self, hashes: Hashes) -> bool {
        let word = self.word(hashes);
        has(word, hashes[0], 0) | has(word, hashes[1], 1) | has(word, hashes[2], 2)
    }
}

/// Where the bits of a window lie in its hash: below those that choose the word, for two runs.
const BITS_AT: [[u32; 2]; 3] = [[32, 38], [52, 58], [52, 58]];

#[inline]
fn bits(hash: u64, kind: usize) -> u64 {
    1 << (hash >> BITS_AT[kind][0] & 63) | 1 << (hash >> BITS_AT[kind][1] & 63)
}

#[inline]
fn has(word: u64, hash: u64, kind: usize) -> bool {
    word >> (hash >> BITS_AT[kind][0] & 63) & word >> (hash >> BITS_AT[kind][1] & 63) & 1 != 0
}

/// Keys that have a window at the same place and are equally long.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// The only key, or [`Shape::MANY`].
    key: u32,
    /// Of the hash of the only key.
    check: u32,
    offset: u8,
    length: u8,
    is_last: bool,
}

impl Shape {
    const MANY: u32 = u32::MAX;
}

/// A window that some key is filed under.
#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    /// Its only shape; or where its shapes begin, in the place of the key, if `is_last` is not set.
    shape: Shape,
}

impl Slot {
    /// The length of no shape.
    const EMPTY: u8 = 0;
}

/// An open-addressed table from 64-bit hashes to shapes.
#[derive(Clone, Debug)]
struct Table {
    slots: Box<[Slot]>,
    shift: u32,
}

impl Table {
    fn new(entries: usize) -> Self {
        let slots = (entries * 2).next_power_of_two().max(2);
        let shape = Shape { key: 0, check: 0, offset: 0, length: Slot::EMPTY, is_last: true };
        Self { slots: vec![Slot { tag: 0, shape }; slots].into(), shift: 64 - slots.trailing_zeros() }
    }

    fn insert(&mut self, hash: u64, shape: Shape) {
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at].shape.length != Slot::EMPTY {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { tag: hash as u32, shape };
    }

    /// The shapes that were put under this hash, or under one that cannot be told from it.
    #[inline]
    fn get(&self, hash: u64) -> impl Iterator<Item = &Shape> {
        let mut at = (hash >> self.shift) as usize;
        std::iter::from_fn(move || {
            loop {
                let slot = &self.slots[at];
                if slot.shape.length == Slot::EMPTY {
                    return None;
                }
                at = (at + 1) & (self.slots.len() - 1);
                if slot.tag == hash as u32 {
                    return Some(&slot.shape);
                }
            }
        })
    }
}

/// Finds all keys in a text's runs.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    hasher: Hasher,
    filter: Filter,
    windows: Table,
    shapes: Box<[Shape]>,
    /// The keys of shapes of many, by the hash of the key.
    many: Table,
    singles: Singles,
    crowded: Automaton,
    crowded_keys: Box<[u32]>,
}

/// The buffers of a search, kept from text to text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    at: Vec<u32>,
    bytes: Bytes,
}

/// Whether to go on.
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

    /// Calls `found` with every key and the run that it begins at. `padded` are the runs and, after them, three of any kind.
    pub(crate) fn find(
        &self,
        words: &Words,
        padded: &[u32],
        candidates: &mut Candidates,
        budget: &mut Budget,
        mut found: impl FnMut(&mut Budget, usize, usize) -> GoOn,
    ) -> GoOn {
        let runs = &padded[..padded.len() - (LONGEST - 1)];
        let is_done = self.singles.find(runs, budget, &mut found);
        is_done
            && self.find_windows(words, padded, candidates, budget, &mut found)
            && self.find_crowded(runs, candidates, budget, &mut found)
    }

    fn find_crowded(
        &self,
        runs: &[u32],
        candidates: &mut Candidates,
        budget: &mut Budget,
        found: &mut impl FnMut(&mut Budget, usize, usize) -> GoOn,
    ) -> GoOn {
        let mut is_done = self.crowded.is_empty() || budget.spend(AUTOMATON_COST * runs.len());
        if is_done {
            self.crowded.find(runs, &mut candidates.bytes, |index, at| {
                is_done = found(budget, self.crowded_keys[index] as usize, at.start);
                is_done
            });
        }
        is_done
    }

    fn find_windows(
        &self,
        words: &Words,
        padded: &[u32],
        candidates: &mut Candidates,
        budget: &mut Budget,
        found: &mut impl FnMut(&mut Budget, usize, usize) -> GoOn,
    ) -> GoOn {
        let runs = &padded[..padded.len() - (LONGEST - 1)];
        for &at in self.filtered(padded, &mut candidates.at) {
            let at = at as usize;
            let hashes = self.hasher.at(&padded[at..at + LONGEST]);
            let word = self.filter.word(hashes);
            for (kind, &hash) in hashes.iter().enumerate() {
                if has(word, hash, kind) && !(budget.spend(1) && self.try_window(words, runs, at, hash, budget, found))
                {
                    return false;
                }
            }
        }
        true
    }

    /// The runs at which the filter lets a window through.
    #[inline]
    fn filtered<'c>(&self, padded: &[u32], candidates: &'c mut Vec<u32>) -> &'c [u32] {
        if candidates.len() < padded.len() {
            candidates.resize(padded.len().next_power_of_two(), 0);
        }
        let hasher = self.hasher;
        let mut count = 0;
        let [mut a, mut b, mut c] = [0, 1, 2].map(|index| hasher.product(padded[index]));
        for (at, &unit) in padded[LONGEST - 1..].iter().enumerate() {
            let d = hasher.product(unit);
            candidates[count] = at as u32;
            count += usize::from(self.filter.has_any(hasher.hashes([a, b, c, d])));
            (a, b, c) = (b, c, d);
        }
        &candidates[..count]
    }

    #[inline]
    fn try_window(
        &self,
        words: &Words,
        runs: &[u32],
        at: usize,
        hash: u64,
        budget: &mut Budget,
        found: &mut impl FnMut(&mut Budget, usize, usize) -> GoOn,
    ) -> GoOn {
        self.windows.get(hash).all(|shape| {
            if shape.is_last {
                return self.try_shape(words, runs, at, shape, budget, found);
            }
            let shapes = &self.shapes[shape.key as usize..];
            let last = shapes.iter().position(|shape| shape.is_last).expect("the last shape of a window says so");
            shapes[..=last].iter().all(|shape| self.try_shape(words, runs, at, shape, budget, found))
        })
    }

    #[inline]
    fn try_shape(
        &self,
        words: &Words,
        runs: &[u32],
        at: usize,
        shape: &Shape,
        budget: &mut Budget,
        found: &mut impl FnMut(&mut Budget, usize, usize) -> GoOn,
    ) -> GoOn {
        let Some(start) = at.checked_sub(usize::from(shape.offset)) else { return true };
        let Some(text) = runs.get(start..start + usize::from(shape.length)) else { return true };
        budget.spend(text.len()) && self.key(words, shape, text).is_none_or(|key| found(budget, key, start))
    }

    #[inline]
    fn key(&self, words: &Words, shape: &Shape, text: &[u32]) -> Option<usize> {
        let hash = self.hasher.key(text, shape.offset);
        let is_key = |&key: &u32| words.keys.get(key as usize) == text;
        if shape.key != Shape::MANY {
            return Some(shape.key).filter(|key| shape.check == hash as u32 && is_key(key)).map(|key| key as usize);
        }
        self.many.get(hash).map(|shape| shape.key).find(is_key).map(|key| key as usize)
    }
}

/// Keys of one run, by their unit.
#[derive(Clone, Debug)]
struct Singles {
    /// By the lower 16 bits of the unit; empty if there are no such keys.
    may_have: Box<[u64]>,
    keys: Box<[(u32, u32)]>,
}

impl Singles {
    fn new(mut keys: Vec<(u32, u32)>) -> Self {
        keys.sort_unstable();
        let mut may_have = vec![0; if keys.is_empty() { 0 } else { 1 << 10 }];
        for &(unit, _) in &keys {
            may_have[(unit >> 6 & 1023) as usize] |= 1 << (unit & 63);
        }
        Self { may_have: may_have.into(), keys: keys.into() }
    }

    fn find(
        &self,
        runs: &[u32],
        budget: &mut Budget,
        found: &mut impl FnMut(&mut Budget, usize, usize) -> GoOn,
    ) -> GoOn {
        if self.keys.is_empty() {
            return true;
        }
        for (run, &unit) in runs.iter().enumerate() {
            if self.may_have[(unit >> 6 & 1023) as usize] >> (unit & 63) & 1 == 0 {
                continue;
            }
            if let Ok(index) = self.keys.binary_search_by_key(&unit, |&(unit, _)| unit)
                && !(budget.spend(1) && found(budget, self.keys[index].1 as usize, run))
            {
                return false;
            }
        }
        true
    }
}

/// A window while keys are filed: its hash, what its shapes cost, and the last of them.
struct Filed {
    hash: u64,
    cost: u32,
    last: u32,
}

/// A shape while keys are filed, with the one filed before it under the same window.
struct Link {
    shape: Shape,
    cost: u32,
    before: Option<u32>,
}

struct Builder<'w> {
    words: &'w Words,
    hasher: Hasher,
    rarity: Rarity,
    /// How many keys have a window of about this hash.
    counts: Box<[u16]>,
    filed: HashTable<Filed>,
    /// All windows that are filed, with the place of their hash among those at it.
    windows: Vec<(Hashes, usize)>,
    links: Vec<Link>,
    /// Keys of shapes of many, with the place of their window.
    many: Vec<(u32, u8)>,
    crowded: Vec<u32>,
}

const COUNTS_BITS: u32 = 20;

/// Where windows of about this hash are counted.
fn about(hash: u64) -> usize {
    (hash >> (64 - COUNTS_BITS)) as usize
}

impl<'w> Builder<'w> {
    fn new(words: &'w Words, seed: u64) -> Self {
        Self {
            words,
            hasher: Hasher::new(seed),
            rarity: Rarity::new(),
            counts: vec![0; 1 << COUNTS_BITS].into(),
            filed: HashTable::with_capacity(words.keys.len()),
            windows: Vec::with_capacity(words.keys.len()),
            links: Vec::with_capacity(words.keys.len()),
            many: Vec::new(),
            crowded: Vec::new(),
        }
    }

    fn build(mut self) -> Engine {
        let keys = &self.words.keys;
        for key in keys.iter().filter(|key| key.len() > 1) {
            for window in windows(key) {
                let count = &mut self.counts[about(self.hash(&key[window]))];
                *count = count.saturating_add(1);
            }
        }
        let mut singles = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            match key {
                [unit] => singles.push((*unit, number as u32)),
                _ => self.file(number as u32, key),
            }
        }
        self.freeze(Singles::new(singles))
    }

    /// Files a key under the rarest of its windows that has room.
    fn file(&mut self, number: u32, key: &[u32]) {
        let best =
            windows(key).max_by_key(|window| (self.score(&key[window.clone()]), std::cmp::Reverse(window.start)));
        let best = best.expect("a key of two runs has a window");
        if self.file_under(best, number, key) {
            return;
        }
        let mut others: Vec<_> = windows(key).collect();
        others.sort_by_key(|window| std::cmp::Reverse(self.score(&key[window.clone()])));
        if !others.into_iter().any(|window| self.file_under(window, number, key)) {
            self.crowded.push(number);
        }
    }

    fn hash(&self, window: &[u32]) -> u64 {
        self.hasher.at(window)[window.len() - 2]
    }

    /// How rare a window is, in sixteenths of a bit: in ordinary text, and among the keys.
    fn score(&self, window: &[u32]) -> i64 {
        let count = self.counts[about(self.hash(window))];
        let rarity: u32 = window.iter().map(|&unit| self.rarity.of(unit)).sum();
        i64::from(rarity) - 16 * i64::from(count.max(1).ilog2())
    }

    fn file_under(&mut self, window: Range<usize>, number: u32, key: &[u32]) -> bool {
        let hashes = self.hasher.at(&key[window.clone()]);
        let kind = window.len() - 2;
        let hash = hashes[kind];
        let cost = (key.len() * self.words.variants(number as usize).len()) as u32;
        let offset = window.start as u8;
        let check = self.hasher.key(key, offset) as u32;
        let shape = Shape { key: number, check, offset, length: key.len() as u8, is_last: false };
        let entry = self.filed.entry(hash, |filed| filed.hash == hash, |filed| filed.hash);
        let filed = match entry {
            hashbrown::hash_table::Entry::Occupied(filed) => filed.into_mut(),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(Filed { hash, cost, last: self.links.len() as u32 });
                self.windows.push((hashes, kind));
                self.links.push(Link { shape, cost, before: None });
                return true;
            }
        };
        let same = find_link(&self.links, filed.last, &shape);
        let grown = same.map_or(cost, |same| cost.saturating_sub(self.links[same as usize].cost));
        if grown > 0 && filed.cost + grown > WINDOW_COST_MAX {
            return false;
        }
        filed.cost += grown;
        if let Some(same) = same {
            let link = &mut self.links[same as usize];
            if link.shape.key != Shape::MANY {
                self.many.push((link.shape.key, shape.offset));
                link.shape.key = Shape::MANY;
            }
            link.cost += grown;
            self.many.push((number, shape.offset));
        } else {
            self.links.push(Link { shape, cost, before: Some(filed.last) });
            filed.last = self.links.len() as u32 - 1;
        }
        true
    }

    fn freeze(self, singles: Singles) -> Engine {
        let mut filter = Filter::new(self.filed.len());
        self.windows.iter().for_each(|&(hashes, kind)| filter.insert(hashes, kind));
        let mut windows = Table::new(self.filed.len());
        let mut shapes: Vec<Shape> = Vec::new();
        for filed in &self.filed {
            let last = &self.links[filed.last as usize];
            let Some(before) = last.before else {
                windows.insert(filed.hash, Shape { is_last: true, ..last.shape });
                continue;
            };
            windows.insert(filed.hash, Shape { key: shapes.len() as u32, ..last.shape });
            shapes.push(last.shape);
            let mut at = Some(before);
            while let Some(link) = at.map(|at| &self.links[at as usize]) {
                shapes.push(Shape { is_last: link.before.is_none(), ..link.shape });
                at = link.before;
            }
        }
        let mut many = Table::new(self.many.len());
        for &(key, offset) in &self.many {
            let runs = self.words.keys.get(key as usize);
            let shape = Shape { key, check: 0, offset, length: runs.len() as u8, is_last: true };
            many.insert(self.hasher.key(runs, offset), shape);
        }
        let crowded = Automaton::new(self.crowded.iter().map(|&key| self.words.keys.get(key as usize)));
        Engine {
            hasher: self.hasher,
            filter,
            windows,
            shapes: shapes.into(),
            many,
            singles,
            crowded: crowded.expect("bounded by terms_max"),
            crowded_keys: self.crowded.into(),
        }
    }
}

/// The windows that a key may be filed under.
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
