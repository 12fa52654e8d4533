//! A keyed hash of what a text says, for "the same text again".

use super::fold::Folded;
use super::table::Kind;

/// Digits of π, so that nothing is up the sleeve.
const KEYS: [u64; 3] = [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0];

/// Hash of the folded text without separators; of the separators where there is nothing else. Two units a step are mixed by
/// a folded 64 × 64 multiplication, as wyhash does. The value is part of stored state, so it is fixed for all versions.
/// It is for tables, not for proofs: give each deployment its own `seed`, or crafted texts collide.
#[must_use]
pub fn content_hash(folded: &Folded, seed: u64) -> u64 {
    let mut hasher = Hasher::new(seed);
    let has_words = folded.seen().is(Kind::WORD);
    for (units, kinds) in folded.units().chunks(BLOCK_UNITS).zip(folded.kinds().chunks(BLOCK_UNITS)) {
        for (&unit, kind) in units.iter().zip(kinds) {
            hasher.put(unit, kind.is(Kind::WORD) || !has_words);
        }
        hasher.mix_pairs();
    }
    hasher.finish()
}

/// Units between two rounds of mixing.
const BLOCK_UNITS: usize = 62;

struct Hasher {
    keys: [u64; 3],
    state: u64,
    /// Units that were put in and not mixed yet, behind them whatever was left out last.
    units: [u32; BLOCK_UNITS + 2],
    waiting: usize,
    mixed: u64,
}

impl Hasher {
    fn new(seed: u64) -> Self {
        let keys = KEYS.map(|key| mix(seed ^ key, KEYS[1].rotate_left(29) ^ key) | 1);
        Self { keys, state: keys[0], units: [0; BLOCK_UNITS + 2], waiting: 0, mixed: 0 }
    }

    /// Written in any case, counted if it is meant: separators come at random, which a branch would pay for.
    #[inline]
    fn put(&mut self, unit: u32, is_meant: bool) {
        self.units[self.waiting] = unit;
        self.waiting += usize::from(is_meant);
    }

    fn mix_pairs(&mut self) {
        let (pairs, rest) = self.units[..self.waiting].as_chunks::<2>();
        for &[first, second] in pairs {
            self.state = mix(self.state ^ (u64::from(first) << 32 | u64::from(second)), self.keys[1]);
        }
        self.mixed += pairs.len() as u64 * 2;
        let odd = rest.first().copied();
        self.waiting = usize::from(odd.is_some());
        self.units[0] = odd.unwrap_or(0);
    }

    fn finish(self) -> u64 {
        let odd = if self.waiting == 1 { u64::from(self.units[0]) } else { 0 };
        let rest = mix(self.state ^ odd, self.keys[1]);
        mix(rest ^ (self.mixed + self.waiting as u64), self.keys[2])
    }
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
