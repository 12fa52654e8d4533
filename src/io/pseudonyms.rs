//! Names of authors become keyed pseudonyms at the edge, where the configuration says so.

use std::borrow::Cow;

use crate::event::Record;

/// A keyed hash of names: the same author always gets the same pseudonym, and nobody without the key can tell whose
/// it is or compute it for a name that he suspects.
#[derive(Clone)]
pub struct Pseudonyms {
    key: [u8; 32],
}

impl Pseudonyms {
    /// Pseudonyms under a key, which must stay secret and must not change while state is kept.
    #[must_use]
    pub fn keyed(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// `a-` and 16 hexadecimal digits: the first 64 bits of BLAKE3 keyed. Two of a billion authors share one with a
    /// probability of 2.7 % (birthday bound, n²/2⁶⁵).
    #[must_use]
    pub fn of(&self, author: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, author.as_bytes());
        let mut name = String::with_capacity(18);
        name.push_str("a-");
        for byte in &hash.as_bytes()[..8] {
            name.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
        }
        name
    }

    /// Replaces the author of an event, and of an erasure, which names them as the platform does. Reviewers
    /// (`verdict.by`) keep their names: they act for the platform and answer for it.
    pub fn apply(&self, record: &mut Record<'_>) {
        match record {
            Record::Event(event) => event.author = Cow::Owned(self.of(&event.author)),
            Record::Erase(erase) => erase.author = self.of(&erase.author),
            Record::Verdict(_) => {}
        }
    }
}

impl std::fmt::Debug for Pseudonyms {
    /// Never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(keyed)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Erase, Outcome, Verdict};

    #[test]
    fn a_pseudonym_depends_on_name_and_key_alone() {
        let (one, two) = (Pseudonyms::keyed([1; 32]), Pseudonyms::keyed([2; 32]));
        let name = one.of("李雷");
        assert_eq!(name, one.of("李雷"));
        assert_ne!(name, one.of("韩梅梅"));
        assert_ne!(name, two.of("李雷"));
        let hash = blake3::keyed_hash(&[1; 32], "李雷".as_bytes());
        assert_eq!(name, format!("a-{}", &hash.to_hex()[..16]));
    }

    #[test]
    fn erasures_are_renamed_like_events_and_reviewers_are_not() {
        let names = Pseudonyms::keyed([1; 32]);
        let mut erase = Record::Erase(Erase { author: "李雷".into(), at: 0 });
        names.apply(&mut erase);
        assert_eq!(erase, Record::Erase(Erase { author: names.of("李雷"), at: 0 }));
        let verdict =
            Record::Verdict(Verdict { event: "e".into(), outcome: Outcome::Upheld, by: "李雷".into(), at: 0 });
        let mut applied = verdict.clone();
        names.apply(&mut applied);
        assert_eq!(applied, verdict);
    }
}
