//! The secret of the deployment, as this room uses it.

/// Changes whenever marks, comparisons or records come out differently: stored texts of another version are refused.
const VERSION: u64 = 1;

/// Keys every hash of this room, so that nobody outside can aim a text at another one's keys. Take it from the
/// deployment's secret by a keyed derivation; the same seed gives the same marks for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// A seed of these bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// Tells one seed, and one version of grams, hashes and records, from another without giving the seed away: stands in
    /// the headers of stored texts.
    #[must_use]
    pub fn check(self) -> u64 {
        mix(mix(self.key(0), VERSION ^ 0x9E37_79B9_7F4A_7C15), self.key(1))
    }

    /// One of several unrelated odd numbers.
    pub(super) fn key(self, index: u64) -> u64 {
        // Digits of π, so that nothing is up the sleeve.
        let part = mix(self.0 ^ 0x243F_6A88_85A3_08D3, index.wrapping_mul(0x1319_8A2E_0370_7345) | 1);
        mix(part ^ 0xA409_3822_299F_31D0, self.0.rotate_left(32) ^ 0x082E_FA98_EC4E_6C89) | 1
    }
}

impl std::fmt::Debug for Seed {
    /// Without the secret, which would otherwise find its way into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

/// The 128-bit product folded, as wyhash mixes.
#[inline]
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
