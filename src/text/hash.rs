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
    let words = folded.units().iter().zip(folded.kinds()).filter(|(_, kind)| kind.is(Kind::WORD));
    words.for_each(|(&unit, _)| hasher.push(unit));
    if hasher.units == 0 {
        folded.units().iter().for_each(|&unit| hasher.push(unit));
    }
    hasher.finish()
}

struct Hasher {
    keys: [u64; 3],
    state: u64,
    pending: u64,
    units: u64,
}

impl Hasher {
    fn new(seed: u64) -> Self {
        let keys = KEYS.map(|key| mix(seed ^ key, KEYS[1].rotate_left(29) ^ key) | 1);
        Self { keys, state: keys[0], pending: 0, units: 0 }
    }

    #[inline]
    fn push(&mut self, unit: u32) {
        self.pending = self.pending << 32 | u64::from(unit);
        self.units += 1;
        if self.units.is_multiple_of(2) {
            self.state = mix(self.state ^ self.pending, self.keys[1]);
            self.pending = 0;
        }
    }

    fn finish(self) -> u64 {
        let rest = mix(self.state ^ self.pending, self.keys[1]);
        mix(rest ^ self.units, self.keys[2])
    }
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
