//! What the engine looks windows up in: seeded hashes, a Bloom filter, and tables by hash.

/// Runs of the longest window.
pub(crate) const LONGEST: usize = 3;
/// Bits of the filter for each key.
const FILTER_BITS_PER_KEY: usize = 16;

/// The seeded hashes of windows and keys. Multipliers are odd and secret, so nobody can choose texts that collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hasher {
    salt: u64,
    unit: u64,
    pair: u64,
    triple: u64,
}

/// The generator by Sebastiano Vigna.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The hashes of the windows of two and of three runs that end at one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes {
    pub(crate) pair: u64,
    pub(crate) triple: u64,
    /// The product of the first of the three runs.
    first: u64,
}

impl Hasher {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = SplitMix64(seed);
        let mut next = || random.next();
        Self { salt: next(), unit: next() | 1, pair: next() | 1, triple: next() | 1 }
    }

    /// What one run adds to the hashes of its windows.
    #[inline]
    pub(crate) fn product(self, unit: u32) -> u64 {
        u64::from(unit).wrapping_mul(self.unit)
    }

    /// The hash of a window of two runs, from their products.
    #[inline]
    pub(crate) fn pair(self, first: u64, last: u64) -> u64 {
        (first ^ last.rotate_left(21)).wrapping_mul(self.pair)
    }

    /// The hashes of the windows that end at the end of these two runs or three; two runs have no triple.
    #[inline]
    pub(crate) fn window(self, window: &[u32]) -> Hashes {
        let product = |back: usize| window.len().checked_sub(back).map_or(0, |at| self.product(window[at]));
        let (first, pair) = (product(3), self.pair(product(2), product(1)));
        Hashes { pair, triple: (pair ^ first).wrapping_mul(self.triple), first }
    }

    /// The hash of a key that is filed under its window that ends at `offset`: it is to be found by that window only.
    #[inline]
    pub(crate) fn key(self, runs: &[u32], offset: u8) -> u64 {
        let mix = |hash: u64, &unit: &u32| {
            let mixed = (hash ^ u64::from(unit)).wrapping_mul(self.unit);
            mixed ^ (mixed >> 32)
        };
        runs.iter().fold(self.salt ^ u64::from(offset) << 32, mix).wrapping_mul(self.pair)
    }
}

/// A Bloom filter. The hash of the last two runs of a window chooses a word, and a mask of bits of it; the first of three runs
/// chooses another word of the same cache line, and another mask. So a place of a text costs one line for both windows that end
/// there, and windows that share a common pair do not crowd into one word.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// Bits that are not set stand for what is in it: so a test takes fewer steps.
    words: Box<[u64]>,
    shift: u32,
    /// What a window sets in its word: to look this up takes fewer steps than to compute it, and it stays in the nearest cache.
    masks: Box<[u64; MASKS]>,
}

/// So many different masks.
const MASKS: usize = 512;
/// Words of a cache line, as bits of their number.
const LINE_BITS: u32 = 3;
/// Bits of a mask. With five, fewer windows of a crowded word pass than with three, and as many of the others.
const MASK_BITS: u32 = 4;

impl Filter {
    pub(crate) fn new(keys: usize, seed: u64) -> Self {
        let words = (keys * FILTER_BITS_PER_KEY / 64).next_power_of_two().clamp(64, 1 << 20);
        let mut random = SplitMix64(seed);
        let masks = std::array::from_fn(|_| {
            let mut mask: u64 = 0;
            while mask.count_ones() < MASK_BITS {
                mask |= 1 << (random.next() >> 58);
            }
            mask
        });
        Self { words: vec![u64::MAX; words].into(), shift: 64 - words.trailing_zeros(), masks: Box::new(masks) }
    }

    /// Takes in a window of three runs, or of the last two.
    pub(crate) fn insert(&mut self, hashes: Hashes, is_triple: bool) {
        let (word, mask) = self.place(hashes.pair, if is_triple { hashes.first } else { 0 });
        self.words[word] &= !self.masks[mask];
    }

    /// Whether the windows of two runs and of three with these hashes may be in it.
    #[inline]
    pub(crate) fn has(&self, hashes: Hashes) -> (bool, bool) {
        (self.may_have(hashes.pair, 0), self.may_have(hashes.pair, hashes.first))
    }

    /// The same in one: the hash of the last two runs, and the product of the first.
    #[inline]
    pub(crate) fn has_any(&self, pair: u64, first: u64) -> bool {
        self.may_have(pair, 0) | self.may_have(pair, first)
    }

    #[inline]
    fn may_have(&self, pair: u64, first: u64) -> bool {
        let (word, mask) = self.place(pair, first);
        self.words[word] & self.masks[mask] == 0
    }

    /// Which word, and which mask.
    #[inline]
    fn place(&self, pair: u64, first: u64) -> (usize, usize) {
        let word = pair >> self.shift ^ first >> (64 - LINE_BITS);
        let mask = (pair >> 26 ^ first >> 40) % MASKS as u64;
        (word as usize, mask as usize)
    }
}

/// Keys that have a window at the same place and are equally long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Of the hash that it is put under.
    tag: u16,
    /// Where in the key the window ends: the place of its last run.
    pub(crate) offset: u8,
    /// Runs of the key.
    pub(crate) length: u8,
    /// The only key, or [`Shape::MANY`].
    pub(crate) key: u32,
}

impl Shape {
    pub(crate) const MANY: u32 = u32::MAX;
    /// Has a length that no key has.
    const NONE: Self = Self { tag: 0, offset: 0, length: 0, key: 0 };

    pub(crate) fn new(key: u32, offset: u8, length: u8) -> Self {
        Self { tag: 0, offset, length, key }
    }

    /// What it costs to look at it: one key is compared eight runs at a time, many are looked up by a hash of each run.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        let length = usize::from(self.length);
        1 + if self.key == Self::MANY { length } else { length / 8 }
    }
}

/// An open-addressed table from 64-bit hashes to shapes, of which one hash may have several.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    slots: Box<[Shape]>,
    shift: u32,
}

impl Table {
    pub(crate) fn new(entries: usize) -> Self {
        let slots = (entries * 2).next_power_of_two().max(2);
        Self { slots: vec![Shape::NONE; slots].into(), shift: 64 - slots.trailing_zeros() }
    }

    pub(crate) fn insert(&mut self, hash: u64, shape: Shape) {
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at].length != Shape::NONE.length {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Shape { tag: hash as u16, ..shape };
    }

    /// The shapes that were put under this hash, or under one that cannot be told from it.
    #[inline]
    pub(crate) fn get(&self, hash: u64) -> impl Iterator<Item = Shape> {
        let mut at = (hash >> self.shift) as usize;
        std::iter::from_fn(move || {
            loop {
                let shape = self.slots[at];
                if shape.length == Shape::NONE.length {
                    return None;
                }
                at = (at + 1) & (self.slots.len() - 1);
                if shape.tag == hash as u16 {
                    return Some(shape);
                }
            }
        })
    }
}
