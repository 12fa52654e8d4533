//! Hashes of runs of letters.

use super::mark::Script;
use super::seed::{Seed, mix};

/// Lengths of grams in letters, chosen by measurement (`ARCHITECTURE.md`).
pub(super) const WIDE_SKETCHED: usize = 2;
pub(super) const WIDE_ANCHOR: usize = 4;
pub(super) const NARROW_SKETCHED: usize = 3;
pub(super) const NARROW_ANCHOR: usize = 6;

/// Keyed 64-bit hashes of all grams of one text, in its order and with repetitions. Buffers are reused.
#[derive(Clone, Debug, Default)]
pub(super) struct Grams {
    pairs: Vec<u64>,
    sketched: Vec<u64>,
    anchors: Vec<u64>,
    script: Option<Script>,
}

impl Grams {
    /// Each gram's hash is made of those of two shorter ones, which overlap where its length is odd.
    pub(super) fn hash(&mut self, units: &[u32], script: Script, seed: Seed) {
        self.script = Some(script);
        let key = seed.key(0);
        let pair = |pair: &[u32]| mix((u64::from(pair[0]) << 32 | u64::from(pair[1])) ^ key, seed_pair(key));
        self.pairs.clear();
        self.pairs.extend(units.windows(2).map(pair));
        match script {
            Script::Wide => join(&self.pairs, WIDE_ANCHOR - WIDE_SKETCHED, seed.key(1), &mut self.anchors),
            Script::Narrow => {
                join(&self.pairs, NARROW_SKETCHED - 2, seed.key(2), &mut self.sketched);
                join(&self.sketched, NARROW_ANCHOR - NARROW_SKETCHED, seed.key(3), &mut self.anchors);
            }
        }
    }

    /// The short grams, of which sketches are made.
    pub(super) fn sketched(&self) -> &[u64] {
        if self.script == Some(Script::Wide) { &self.pairs } else { &self.sketched }
    }

    /// The long grams, of which anchors are taken.
    pub(super) fn anchors(&self) -> &[u64] {
        &self.anchors
    }
}

const fn seed_pair(key: u64) -> u64 {
    key.rotate_left(23) | 1
}

/// Hashes of grams longer by `more` letters, of the hashes of those at their beginning and at their end.
fn join(grams: &[u64], more: usize, key: u64, out: &mut Vec<u64>) {
    out.clear();
    let ends = grams.get(more..).unwrap_or(&[]);
    out.extend(grams.iter().zip(ends).map(|(begin, end)| mix(begin ^ key, end.rotate_left(32) ^ key)));
}

/// The `N` smallest of distinct hashes, smallest first, and how many there are. The hash's upper half orders them and the
/// lower half is what is given: small numbers all, the upper halves would all lie in one corner of a table.
pub(super) fn smallest<const N: usize>(hashes: &[u64]) -> ([u32; N], usize) {
    if hashes.len() > 4 * N {
        // Twice as many as are wanted lie below this, so that few are put in order. Written in any case, counted if it is small:
        // a branch would be guessed wrong for each of them.
        let bound = u64::MAX / hashes.len() as u64 * (2 * N) as u64;
        let (mut few, mut len) = ([0; FEW], 0);
        for &hash in hashes {
            few[len.min(FEW - 1)] = hash;
            len += usize::from(hash < bound);
        }
        // The last place holds whatever came last.
        let (best, found) = in_order(if len < FEW { &few[..len] } else { &[] });
        if found == N {
            return (best, found);
        }
    }
    in_order(hashes)
}

/// Room for twice the anchors of an article, and for chance.
const FEW: usize = 128;

fn in_order<const N: usize>(hashes: &[u64]) -> ([u32; N], usize) {
    let (mut best, mut len) = ([u64::MAX; N], 0);
    for &hash in hashes {
        if hash >= best[N - 1] {
            continue;
        }
        let at = best[..len].partition_point(|&other| other < hash);
        if best[at] != hash {
            best.copy_within(at..N - 1, at + 1);
            best[at] = hash;
            len = (len + 1).min(N);
        }
    }
    (best.map(|hash| hash as u32), len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_smallest_are_those_that_sorting_gives(
            hashes in prop_oneof![
                proptest::collection::vec(0_u64..40, 0..60),
                proptest::collection::vec(any::<u64>(), 0..300),
                proptest::collection::vec(prop_oneof![Just(7), any::<u64>()], 0..300),
            ]
        ) {
            let (found, len) = smallest::<8>(&hashes);
            let mut sorted = hashes;
            sorted.sort_unstable();
            sorted.dedup();
            sorted.truncate(8);
            let sorted: Vec<u32> = sorted.into_iter().map(|hash| hash as u32).collect();
            prop_assert_eq!(&found[..len], &sorted[..]);
        }

        /// As many as there is room for lie below the bound, the smallest of them last.
        #[test]
        fn the_smallest_is_not_lost_where_chance_fills_the_room(more in 380_usize..420, small in FEW - 2..FEW + 2) {
            let mut hashes: Vec<u64> = (0..small as u64).rev().collect();
            hashes.extend((0..more as u64).map(|number| u64::MAX - number));
            let (found, len) = smallest::<8>(&hashes);
            prop_assert_eq!(&found[..len], &[0, 1, 2, 3, 4, 5, 6, 7]);
        }

        /// Equal runs of letters have equal hashes, wherever they stand.
        #[test]
        fn a_gram_is_known_again(text in proptest::collection::vec(1_u32..6, 0..40), wide: bool) {
            let script = if wide { Script::Wide } else { Script::Narrow };
            let mut grams = Grams::default();
            grams.hash(&text, script, Seed::new(7));
            let (short, long) = if wide { (WIDE_SKETCHED, WIDE_ANCHOR) } else { (NARROW_SKETCHED, NARROW_ANCHOR) };
            for (hashes, length) in [(grams.sketched(), short), (grams.anchors(), long)] {
                let runs: Vec<&[u32]> = text.windows(length).collect();
                prop_assert_eq!(hashes.len(), runs.len());
                for (a, run) in hashes.iter().zip(&runs) {
                    for (b, other) in hashes.iter().zip(&runs) {
                        prop_assert_eq!(a == b, run == other);
                    }
                }
            }
        }
    }
}
