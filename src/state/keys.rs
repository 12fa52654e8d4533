//! Strings become 64-bit keys here, under a secret of the deployment, so that nobody outside can aim two names at one key.
//!
//! The hash is SipHash-1-3 (Aumasson and Bernstein, 2012; the variant of Rust's and Linux's tables): keyed, and the same
//! in every release and on every machine, as keys are written into snapshots. foldhash promises neither.

/// Makes keys. Cheap to copy; the same secret gives the same keys for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    k0: u64,
    k1: u64,
}

/// What a string names: the same string as an author and as a room gives two unrelated keys.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Domain {
    Check = 1,
    Event = 2,
    Author = 3,
    Room = 4,
    Content = 5,
    Rule = 6,
    Revision = 7,
    Neardup = 8,
    Claim = 9,
    Told = 10,
    Late = 11,
    Revised = 12,
}

impl Keys {
    /// Keys under this secret, of any length; longer than 16 random bytes adds nothing.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let digest = blake3::derive_key("tidegate state keys v1", secret);
        let (k0, rest) = digest.split_first_chunk::<8>().expect("a digest has 32 bytes");
        let (k1, _) = rest.split_first_chunk::<8>().expect("a digest has 32 bytes");
        Self { k0: u64::from_le_bytes(*k0), k1: u64::from_le_bytes(*k1) }
    }

    /// The key of an event's id.
    #[must_use]
    pub fn event(&self, id: &str) -> u64 {
        self.hash(Domain::Event, id.as_bytes())
    }

    /// The key of an author.
    #[must_use]
    pub fn author(&self, author: &str) -> u64 {
        self.hash(Domain::Author, author.as_bytes())
    }

    /// The key of a room; never 0, which means "no room".
    #[must_use]
    pub fn room(&self, room: &str) -> u64 {
        self.hash(Domain::Room, room.as_bytes()).max(1)
    }

    /// The seed of the hash of texts, whose lower half is [`super::Fact::content`]: 32 bits are enough, as it is only
    /// compared within one author's posts.
    #[must_use]
    pub fn content_seed(&self) -> u64 {
        self.hash(Domain::Content, &[])
    }

    /// The key of a rule's id.
    #[must_use]
    pub fn rule(&self, id: &str) -> u64 {
        self.hash(Domain::Rule, id.as_bytes())
    }

    /// The revision of a rule: a hash of whatever makes it another rule (its text).
    #[must_use]
    pub fn revision(&self, source: &str) -> u64 {
        self.hash(Domain::Revision, source.as_bytes())
    }

    /// The key of a claim's id.
    #[must_use]
    pub fn claim(&self, id: &str) -> u64 {
        self.hash(Domain::Claim, id.as_bytes())
    }

    /// The key of what a room is told about a claim, both by their keys.
    #[must_use]
    pub fn told(&self, room: u64, claim: u64) -> u64 {
        let pair = (u128::from(room) << 64) | u128::from(claim);
        self.hash(Domain::Told, &pair.to_le_bytes())
    }

    /// The key of what was done about an event long after it, by the key of the event.
    #[must_use]
    pub fn late(&self, event: u64) -> u64 {
        self.hash(Domain::Late, &event.to_le_bytes())
    }

    /// The key of a claim in one of its revisions, by the key of the claim.
    #[must_use]
    pub fn revised(&self, claim: u64, revision: u32) -> u64 {
        let pair = (u128::from(claim) << 64) | u128::from(revision);
        self.hash(Domain::Revised, &pair.to_le_bytes())
    }

    /// What seeds the marks of near-duplicates.
    #[must_use]
    pub fn neardup_seed(&self) -> u64 {
        self.hash(Domain::Neardup, &[])
    }

    /// Tells one secret (and one way of hashing) from another without giving either away; stands in snapshot headers.
    pub(crate) fn check(&self) -> u64 {
        self.hash(Domain::Check, b"tidegate")
    }

    fn hash(&self, domain: Domain, bytes: &[u8]) -> u64 {
        sip13(self.k0, self.k1 ^ domain as u64, bytes)
    }
}

impl std::fmt::Debug for Keys {
    /// Without the secret, which would otherwise find its way into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// A checksum against accidents, not against people.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    sip13(0, 0, bytes)
}

fn sip13(k0: u64, k1: u64, bytes: &[u8]) -> u64 {
    const START: [u64; 4] =
        [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
    let mut v = [k0 ^ START[0], k1 ^ START[1], k0 ^ START[2], k1 ^ START[3]];
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        absorb(&mut v, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    last[7] = bytes.len() as u8;
    absorb(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *v;
    a = a.wrapping_add(b);
    c = c.wrapping_add(d);
    b = b.rotate_left(13) ^ a;
    d = d.rotate_left(16) ^ c;
    a = a.rotate_left(32);
    c = c.wrapping_add(b);
    a = a.wrapping_add(d);
    b = b.rotate_left(17) ^ c;
    d = d.rotate_left(21) ^ a;
    c = c.rotate_left(32);
    *v = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The standard library's default hasher is SipHash-1-3 with keys 0: an implementation that is not ours.
        #[test]
        fn the_hash_is_siphash_1_3(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            use std::hash::Hasher as _;
            let mut theirs = std::hash::DefaultHasher::new();
            theirs.write(&bytes);
            prop_assert_eq!(sip13(0, 0, &bytes), theirs.finish());
        }
    }

    #[test]
    fn domains_and_secrets_part_the_same_string() {
        let keys = Keys::new(b"one");
        assert_ne!(keys.author("a"), keys.event("a"));
        assert_ne!(keys.author("a"), Keys::new(b"two").author("a"));
        assert_eq!(keys.author("a"), Keys::new(b"one").author("a"));
        assert_ne!(keys.check(), Keys::new(b"two").check());
    }

    /// Keys are written into snapshots: this number may never change.
    #[test]
    fn keys_are_the_same_for_ever() {
        assert_eq!(Keys::new(b"secret").author("alice"), 0x3707_761c_c6f7_b38f);
    }
}
