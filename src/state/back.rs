//! What is known of looking back: which claims were in force already, how far the searches are that are not done, and who was
//! told of which claim.
//!
//! A claim that comes into force is looked for in what was said before. Where that search stands is state like any other, so a
//! stop at any point neither labels twice nor leaves anybody out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::Millis;
use crate::state::State;
use crate::state::codec::{Broken, Reader, put_signed, put_u64, put_var};
use crate::state::journal::Delta;

/// A search that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// What of the claim is looked for, as a hash: another one is another search.
    pub mark: u64,
    /// Event time of the stream when the claim came into force.
    pub since: Millis,
    /// What was looked at.
    pub reach: Reach,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What repeats the claim, from the latest back to this time (which is not among it).
    Before(Millis),
    /// All of that; what passes it on comes next.
    Kin,
}

/// People who were told of a claim that are held; beyond, those who were told longest ago go.
const TOLD_MAX: usize = 1_000_000;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Back {
    /// Whether it is known what was in force before.
    is_begun: bool,
    /// What of each claim in force was looked for, or needs not be.
    known: BTreeMap<u64, u64>,
    searches: BTreeMap<u64, Search>,
    /// When whom was told of what: by the author's key, and by claim and revision.
    told: BTreeMap<(u64, u64), Millis>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BackChange {
    /// These claims (and what of them acts) were in force from the beginning.
    Begin(Vec<(u64, u64)>),
    /// A claim came into force.
    Search { claim: u64, mark: u64, since: Millis },
    /// A search is further.
    Reach { claim: u64, reach: Reach },
    /// A search is done.
    Done { claim: u64 },
    /// A claim is in force no longer.
    Gone { claim: u64 },
    /// Somebody is told.
    Told { author: u64, about: u64, at: Millis },
}

impl Back {
    /// Searches that are not done, by the keys of their claims.
    #[must_use]
    pub fn searches(&self) -> &BTreeMap<u64, Search> {
        &self.searches
    }

    /// Whether somebody was told of a claim in this revision.
    #[must_use]
    pub fn was_told(&self, author: u64, about: u64) -> bool {
        self.told.contains_key(&(author, about))
    }

    /// What changes where these claims, and what of them acts, are in force from now on; sorted by key.
    pub(crate) fn changes(&self, acting: &[(u64, u64)], since: Millis) -> Vec<BackChange> {
        if !self.is_begun {
            return vec![BackChange::Begin(acting.to_vec())];
        }
        let is_gone = |claim: &&u64| acting.binary_search_by_key(*claim, |(key, _)| *key).is_err();
        let gone = self.known.keys().filter(is_gone).map(|&claim| BackChange::Gone { claim });
        let new = acting.iter().filter(|(claim, mark)| self.known.get(claim) != Some(mark));
        gone.chain(new.map(|&(claim, mark)| BackChange::Search { claim, mark, since })).collect()
    }

    pub(crate) fn take(&mut self, change: BackChange) {
        match change {
            BackChange::Begin(acting) => {
                self.is_begun = true;
                self.known = acting.into_iter().collect();
            }
            BackChange::Search { claim, mark, since } => {
                self.known.insert(claim, mark);
                self.searches.insert(claim, Search { mark, since, reach: Reach::Before(Millis::MAX) });
            }
            BackChange::Reach { claim, reach } => {
                if let Some(search) = self.searches.get_mut(&claim) {
                    search.reach = reach;
                }
            }
            BackChange::Done { claim } => drop(self.searches.remove(&claim)),
            BackChange::Gone { claim } => {
                self.known.remove(&claim);
                self.searches.remove(&claim);
            }
            BackChange::Told { author, about, at } => {
                self.told.insert((author, about), at);
                if self.told.len() > TOLD_MAX {
                    self.forget_longest_ago();
                }
            }
        }
    }

    /// Forgets what an author was told.
    pub(crate) fn forget(&mut self, author: u64) {
        let of_author: Vec<u64> =
            self.told.range((author, 0)..=(author, u64::MAX)).map(|((_, about), _)| *about).collect();
        for about in of_author {
            self.told.remove(&(author, about));
        }
    }

    fn forget_longest_ago(&mut self) {
        let mut ages: Vec<(Millis, (u64, u64))> = self.told.iter().map(|(&key, &at)| (at, key)).collect();
        let surplus = self.told.len() - TOLD_MAX * 3 / 4;
        let (gone, _, _) = ages.select_nth_unstable(surplus);
        for (_, key) in gone.iter() {
            self.told.remove(key);
        }
    }

    /// Whether there is anything to write down.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Canonical: sorted by key.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.is_begun.into());
        put_pairs(out, self.known.iter().map(|(claim, mark)| (*claim, *mark)));
        put_var(out, self.searches.len() as u64);
        for (claim, search) in &self.searches {
            put_u64(out, *claim);
            put_u64(out, search.mark);
            put_signed(out, search.since);
            search.reach.encode(out);
        }
        put_var(out, self.told.len() as u64);
        for ((author, about), at) in &self.told {
            put_u64(out, *author);
            put_u64(out, *about);
            put_signed(out, *at);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "what is looked for in the past";
        let is_begun = reader.u8(WHAT)? != 0;
        let known = pairs(reader)?.into_iter().collect();
        let mut back = Self { is_begun, known, ..Self::default() };
        for _ in 0..reader.count(18, WHAT)? {
            let (claim, mark, since) = (reader.u64(WHAT)?, reader.u64(WHAT)?, reader.signed(WHAT)?);
            back.searches.insert(claim, Search { mark, since, reach: Reach::decode(reader)? });
        }
        for _ in 0..reader.count(17, WHAT)? {
            let key = (reader.u64(WHAT)?, reader.u64(WHAT)?);
            back.told.insert(key, reader.signed(WHAT)?);
        }
        Ok(back)
    }
}

impl Reach {
    fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Before(at) => {
                out.push(0);
                put_signed(out, at);
            }
            Self::Kin => out.push(1),
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "how far a search is";
        match reader.u8(WHAT)? {
            0 => Ok(Self::Before(reader.signed(WHAT)?)),
            1 => Ok(Self::Kin),
            _ => Err(Broken(WHAT)),
        }
    }
}

impl BackChange {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Begin(acting) => {
                out.push(0);
                put_pairs(out, acting.iter().copied());
            }
            Self::Search { claim, mark, since } => {
                out.push(1);
                put_u64(out, *claim);
                put_u64(out, *mark);
                put_signed(out, *since);
            }
            Self::Reach { claim, reach } => {
                out.push(2);
                put_u64(out, *claim);
                reach.encode(out);
            }
            Self::Done { claim } => {
                out.push(3);
                put_u64(out, *claim);
            }
            Self::Gone { claim } => {
                out.push(4);
                put_u64(out, *claim);
            }
            Self::Told { author, about, at } => {
                out.push(5);
                put_u64(out, *author);
                put_u64(out, *about);
                put_signed(out, *at);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a change of what is looked for in the past";
        Ok(match reader.u8(WHAT)? {
            0 => Self::Begin(pairs(reader)?),
            1 => Self::Search { claim: reader.u64(WHAT)?, mark: reader.u64(WHAT)?, since: reader.signed(WHAT)? },
            2 => Self::Reach { claim: reader.u64(WHAT)?, reach: Reach::decode(reader)? },
            3 => Self::Done { claim: reader.u64(WHAT)? },
            4 => Self::Gone { claim: reader.u64(WHAT)? },
            5 => Self::Told { author: reader.u64(WHAT)?, about: reader.u64(WHAT)?, at: reader.signed(WHAT)? },
            _ => return Err(Broken(WHAT)),
        })
    }
}

fn put_pairs(out: &mut Vec<u8>, pairs: impl ExactSizeIterator<Item = (u64, u64)>) {
    put_var(out, pairs.len() as u64);
    for (claim, mark) in pairs {
        put_u64(out, claim);
        put_u64(out, mark);
    }
}

fn pairs(reader: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, Broken> {
    const WHAT: &str = "claims in force";
    let count = reader.count(16, WHAT)?;
    (0..count).map(|_| Ok((reader.u64(WHAT)?, reader.u64(WHAT)?))).collect()
}

impl State {
    /// The events that were labelled for a claim after it came into force, and are still.
    #[must_use]
    pub fn labelled_late(&self, claim: u64) -> Vec<Arc<str>> {
        let late = |(key, event): &(u64, Arc<str>)| *key == self.keys.late(self.keys.event(event));
        self.ledger.named_by(claim).into_iter().filter(late).map(|(_, event)| event).collect()
    }

    /// Notes which claims are in force now, each with a hash of what of it acts; those that were not are to be looked for in what
    /// was said until `since`. The first time, all of them are taken as known.
    pub fn note_claims(&mut self, acting: &[(u64, u64)], since: Millis) {
        debug_assert!(acting.is_sorted_by_key(|(claim, _)| *claim));
        self.back.changes(acting, since).into_iter().for_each(|change| self.change_back(change));
    }

    /// Notes how far a search is.
    pub fn reach(&mut self, claim: u64, reach: Reach) {
        self.change_back(BackChange::Reach { claim, reach });
    }

    /// Notes that a search is done.
    pub fn searched(&mut self, claim: u64) {
        self.change_back(BackChange::Done { claim });
    }

    /// Notes that somebody is told of a claim in this revision ([`Keys::revised`]); false where they were told before.
    pub fn tell_author(&mut self, author: u64, about: u64, at: Millis) -> bool {
        let is_new = !self.back.was_told(author, about);
        if is_new {
            self.change_back(BackChange::Told { author, about, at });
        }
        is_new
    }

    fn change_back(&mut self, change: BackChange) {
        let delta = Delta::Back(change);
        delta.encode(self.open_journal());
        self.apply_delta(delta, &mut Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(back: &mut Back, acting: &[(u64, u64)]) -> Vec<u64> {
        back.changes(acting, 7).into_iter().for_each(|change| back.take(change));
        back.searches.keys().copied().collect()
    }

    #[test]
    fn only_what_comes_into_force_later_is_looked_for() {
        let mut back = Back::default();
        assert_eq!(after(&mut back, &[(1, 1), (2, 1)]), [0; 0], "what was in force from the beginning is not");
        assert_eq!(after(&mut back, &[(1, 1), (2, 2), (3, 1)]), [2, 3]);
        assert!(back.changes(&[(1, 1), (2, 2), (3, 1)], 8).is_empty(), "the same library changes nothing");
        back.take(BackChange::Reach { claim: 3, reach: Reach::Kin });
        back.take(BackChange::Done { claim: 2 });
        assert_eq!(after(&mut back, &[(1, 1), (2, 2)]), [0; 0], "what is in force no longer is looked for no longer");
        assert_eq!(after(&mut back, &[(1, 1), (2, 2), (3, 1)]), [3], "and again when it comes back");
        assert_eq!(back.searches[&3].reach, Reach::Before(Millis::MAX));
    }

    #[test]
    fn what_is_written_is_read_again_and_nobody_is_found_who_was_forgotten() {
        let mut back = Back::default();
        let changes = [
            BackChange::Begin(vec![(1, 9)]),
            BackChange::Search { claim: 4, mark: 5, since: -3 },
            BackChange::Reach { claim: 4, reach: Reach::Before(11) },
            BackChange::Told { author: 1, about: 2, at: 3 },
            BackChange::Told { author: 1, about: 3, at: 3 },
            BackChange::Told { author: 2, about: 2, at: 3 },
            BackChange::Gone { claim: 1 },
        ];
        for change in changes {
            let mut bytes = Vec::new();
            change.encode(&mut bytes);
            let mut reader = Reader::new(&bytes);
            assert_eq!(BackChange::decode(&mut reader).unwrap(), change);
            assert!(reader.is_empty());
            back.take(change);
        }
        back.forget(1);
        assert!(!back.was_told(1, 2) && !back.was_told(1, 3) && back.was_told(2, 2));
        let mut bytes = Vec::new();
        back.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(Back::decode(&mut reader).unwrap(), back);
        assert!(reader.is_empty());
        for len in 0..bytes.len() {
            Back::decode(&mut Reader::new(&bytes[..len])).unwrap_err();
        }
    }
}
