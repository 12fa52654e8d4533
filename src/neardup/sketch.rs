//! A set of grams in 32 bytes: one-permutation minhash (Li, Owen and Zhang, 2012), 64 bins of four bits.
//!
//! Each gram falls into one bin, which keeps what is left of the smallest hash that fell into it. Bins that nothing fell
//! into stay empty, and two sketches are compared over the bins that either has filled: an unbiased estimate for sets of
//! any two sizes, at one hash a gram, and nearly the sets themselves where they are smaller than the bins are many.

/// Bins.
const BINS: usize = 64;
/// The lowest bit of each bin.
const EACH_BIN: u64 = 0x1111_1111_1111_1111;
/// What a full bin may hold: 1 to 15.
const VALUES: u32 = 15;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sketch(pub(super) [u64; 4]);

/// How two sketches agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    /// Bins that hold the same.
    pub(super) same: u32,
    /// Bins that both fill.
    pub(super) both: u32,
    /// Bins that either fills.
    pub(super) filled: u32,
}

impl Agreement {
    /// The similarity of the sets by this sample; what different values have in common by chance is taken off.
    pub(super) fn similarity(self) -> f32 {
        let same = (VALUES * self.same) as f32 - self.both as f32;
        same / ((VALUES - 1) * self.filled.max(1)) as f32
    }
}

impl Sketch {
    pub(super) fn of(hashes: &[u64]) -> Self {
        let mut bins = [u32::MAX; BINS];
        for hash in hashes {
            let bin = &mut bins[(hash >> 58) as usize];
            *bin = (*bin).min((hash >> 20) as u32);
        }
        let nibble = |bin: u32| if bin == u32::MAX { 0 } else { 1 + u64::from(((bin & 0xFFFF) * VALUES) >> 16) };
        let mut sketch = [0; 4];
        for (word, bins) in sketch.iter_mut().zip(bins.as_chunks::<16>().0) {
            *word = bins.iter().fold(0, |word, &bin| word << 4 | nibble(bin));
        }
        Self(sketch)
    }

    pub(super) fn agreement(&self, other: &Self) -> Agreement {
        let (mut same, mut both, mut filled) = (0, 0, 0);
        for (&a, &b) in self.0.iter().zip(&other.0) {
            same += full(a) & !full(a ^ b);
            both += full(a) & full(b);
            filled += full(a | b);
        }
        Agreement { same: sum(same), both: sum(both), filled: sum(filled) }
    }
}

/// The lowest bit of each bin that is not empty.
fn full(word: u64) -> u64 {
    let pairs = word | word >> 1;
    (pairs | pairs >> 2) & EACH_BIN
}

/// The sum of all bins, each of at most 15.
fn sum(word: u64) -> u32 {
    const LOW: u64 = 0x0F0F_0F0F_0F0F_0F0F;
    let bytes = (word & LOW) + (word >> 4 & LOW);
    (bytes.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neardup::seed::mix;

    fn sketch(grams: std::ops::Range<u64>) -> Sketch {
        let seed = 0xD6E8_FEB8_6659_FD93;
        let hashes: Vec<u64> = grams.map(|gram| mix(mix(gram ^ seed, seed | 1), seed ^ gram)).collect();
        Sketch::of(&hashes)
    }

    #[test]
    fn the_estimate_is_right_on_average_for_sets_of_any_sizes() {
        // (grams of one, grams of the other, grams that both have)
        for (one, other, shared) in
            [(20, 20, 10), (20, 60, 20), (60, 60, 0), (100, 100, 80), (300, 900, 300), (2000, 2000, 500)]
        {
            let trials = 400;
            let mut sum = 0.0;
            for trial in 0..trials {
                let start = trial * 10_000;
                let a = sketch(start..start + one);
                let b = sketch(start + one - shared..start + one - shared + other);
                sum += a.agreement(&b).similarity();
            }
            let expected = shared as f32 / (one + other - shared) as f32;
            let found = sum / trials as f32;
            assert!((found - expected).abs() < 0.02, "{one} {other} {shared}: {found} for {expected}");
        }
    }

    #[test]
    fn empty_and_equal_sketches_agree_as_they_should() {
        let (empty, some) = (Sketch::default(), sketch(0..200));
        assert_eq!(empty.agreement(&empty), Agreement { same: 0, both: 0, filled: 0 });
        let all = some.agreement(&some);
        assert_eq!(all.same, all.filled);
        assert_eq!(empty.agreement(&some), Agreement { same: 0, both: 0, filled: all.filled });
    }
}
