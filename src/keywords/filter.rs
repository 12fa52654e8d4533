//! What the engine looks windows up in: seeded hashes, a Bloom filter, and tables by hash.

/// Runs of the longest window.
pub(crate) const LONGEST: usize = 4;
/// Bits of the filter for each key.
const FILTER_BITS_PER_KEY: usize = 16;

/// The seeded hashes of windows and keys. Multipliers are odd and secret, so nobody can choose texts that collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hasher {
    salt: u64,
    unit: u64,
    /// For windows of two, three and four runs.
    windows: [u64; 3],
}

/// The hashes of the windows of two, three and four runs that begin at one run.
pub(crate) type Hashes = [u64; 3];

impl Hasher {
    pub(crate) fn new(seed: u64) -> Self {
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
    pub(crate) fn product(self, unit: u32) -> u64 {
        (u64::from(unit) ^ self.salt).wrapping_mul(self.unit)
    }

    /// The hash of a window of two runs, from their products.
    #[inline]
    pub(crate) fn pair(self, first: u64, second: u64) -> u64 {
        (first ^ second.rotate_left(21)).wrapping_mul(self.windows[0])
    }

    /// The hashes of the windows that begin these runs; those that are longer than the runs mean nothing.
    #[inline]
    pub(crate) fn at(self, runs: &[u32]) -> Hashes {
        let product = |index: usize| self.product(runs.get(index).copied().unwrap_or(0));
        let two = product(0) ^ product(1).rotate_left(21);
        let three = two ^ product(2).rotate_left(42);
        let four = three ^ product(3).rotate_left(11);
        [two.wrapping_mul(self.windows[0]), three.wrapping_mul(self.windows[1]), four.wrapping_mul(self.windows[2])]
    }

    /// The hash of a window by itself.
    pub(crate) fn window(self, window: &[u32]) -> u64 {
        self.at(window)[window.len() - 2]
    }

    /// The hash of a key that is filed under its window at `offset`: it is to be found by that window only.
    #[inline]
    pub(crate) fn key(self, runs: &[u32], offset: u8) -> u64 {
        let mix = |hash: u64, &unit: &u32| {
            let mixed = (hash ^ u64::from(unit)).wrapping_mul(self.unit);
            mixed ^ (mixed >> 32)
        };
        runs.iter().fold(self.salt ^ u64::from(offset) << 32, mix).wrapping_mul(self.windows[0])
    }
}

/// A Bloom filter. The hash of the first two runs of a window chooses a word and sets two bits of it; a longer window sets two
/// more there by its own hash. So a place of a text costs one load, and only where its pair passes is more looked at.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    words: Box<[u64]>,
    shift: u32,
}

impl Filter {
    pub(crate) fn new(keys: usize) -> Self {
        let words = (keys * FILTER_BITS_PER_KEY / 64).next_power_of_two().clamp(64, 1 << 20);
        Self { words: vec![0; words].into(), shift: 64 - words.trailing_zeros() }
    }

    pub(crate) fn insert(&mut self, hashes: Hashes, kind: usize) {
        self.words[(hashes[0] >> self.shift) as usize] |= bits(hashes[0], 0) | bits(hashes[kind], kind);
    }

    #[inline]
    pub(crate) fn has_pair(&self, pair: u64) -> bool {
        has(self.word(pair), pair, 0)
    }

    /// The word that this pair chooses.
    #[inline]
    pub(crate) fn word(&self, pair: u64) -> u64 {
        self.words[(pair >> self.shift) as usize]
    }
}

/// Where the bits of a window lie in its hash: below those that choose the word, for two runs.
const BITS_AT: [[u32; 2]; 3] = [[32, 38], [52, 58], [52, 58]];

#[inline]
fn bits(hash: u64, kind: usize) -> u64 {
    1 << (hash >> BITS_AT[kind][0] & 63) | 1 << (hash >> BITS_AT[kind][1] & 63)
}

/// Whether a word has the bits of a window of `kind` + 2 runs.
#[inline]
pub(crate) fn has(word: u64, hash: u64, kind: usize) -> bool {
    word >> (hash >> BITS_AT[kind][0] & 63) & word >> (hash >> BITS_AT[kind][1] & 63) & 1 != 0
}

/// Keys that have a window at the same place and are equally long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The only key, or [`Shape::MANY`].
    pub(crate) key: u32,
    /// Of the hash of the only key.
    pub(crate) check: u32,
    pub(crate) offset: u8,
    pub(crate) length: u8,
    /// Whether no other shape of its window follows.
    pub(crate) is_last: bool,
}

impl Shape {
    pub(crate) const MANY: u32 = u32::MAX;
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
pub(crate) struct Table {
    slots: Box<[Slot]>,
    shift: u32,
}

impl Table {
    pub(crate) fn new(entries: usize) -> Self {
        let slots = (entries * 2).next_power_of_two().max(2);
        let shape = Shape { key: 0, check: 0, offset: 0, length: Slot::EMPTY, is_last: true };
        Self { slots: vec![Slot { tag: 0, shape }; slots].into(), shift: 64 - slots.trailing_zeros() }
    }

    pub(crate) fn insert(&mut self, hash: u64, shape: Shape) {
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at].shape.length != Slot::EMPTY {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { tag: hash as u32, shape };
    }

    /// The shapes that were put under this hash, or under one that cannot be told from it.
    #[inline]
    pub(crate) fn get(&self, hash: u64) -> impl Iterator<Item = &Shape> {
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
