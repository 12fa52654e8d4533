//! What the stage remembers: counters, ids, strikes, steps of the ladder, the ledger of decisions, caps of rules.
//!
//! [`State`] is the one owner and the one door: whatever changes it is also written to its journal, so that snapshot
//! and journal together are the state at any point.
//!
//! ```text
//!  remember (a batch, many threads)          judge (one thread, input order)
//!    Fact ─► Memory: ids, authors, rooms       Strike, Step, Entry, Cap ─► Standing, Ledger, Caps
//!              └────────► Counts                 └────────► Points, Reversal
//!                          every change ─► journal ─► State::apply, after State::load
//! ```
//!
//! What is absent: this room has no clock, no files and no rules. Event time is all the time there is; bytes are given
//! to whoever keeps them; what a strike costs and when a step is due is decided elsewhere. Nothing here depends on the
//! order of a hash table, on the number of threads or on how the stream was cut into batches.

mod back;
mod board;
mod caps;
mod clock;
mod clusters;
mod codec;
mod distinct;
mod following;
mod ids;
mod journal;
mod keys;
mod ledger;
mod log;
mod memory;
mod post;
mod pulse;
mod recent;
mod ring;
mod shard;
mod snapshot;
mod standing;
mod track;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::event::{Channel, Millis};
use clock::Clock;
use journal::Delta;
use ledger::Held;
use standing::HeldStep;

pub use crate::neardup::{ALIGN_BYTES, Texts, TextsError, Visit};
pub use back::{Back, Reach, Search};
pub use board::Board;
pub use caps::{Cap, Caps};
pub use clusters::{ClusterCounts, ClusterFact, Clusters};
pub use codec::Broken;
use following::Following;
pub use following::{Follow, FollowCounts};
pub use journal::CorruptDelta;
pub use keys::Keys;
pub(crate) use keys::checksum;
pub use ledger::{Entry, Fate, Ledger, Resting};
use memory::Memory;
pub use memory::{Beats, Counts, Fact, Member, author_mark};
pub use pulse::Beat;
use pulse::Pulses;
use recent::Recent;
pub use snapshot::LoadError;
pub use standing::{Points, Standing, Step, Strike};

/// The bounds. All of them are over the whole state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Event ids held; at least the last half of so many are known again. About 20 bytes each.
    pub ids_max: usize,
    /// Authors held; beyond, the least recently active go.
    pub authors_max: usize,
    /// Rooms held; beyond, the least recently active go.
    pub rooms_max: usize,
    /// Authors with strikes held; beyond, those whose strikes expire first go.
    pub accounts_max: usize,
    /// How long decisions that acted are held, in event time.
    pub ledger_ms: Millis,
    /// Decisions held; beyond, the oldest go.
    pub ledger_max: usize,
    /// Clusters of near-duplicates held; beyond, the least recently active go.
    pub clusters_max: usize,
    /// How long a cluster is held that gets no member, in event time.
    pub clusters_ms: Millis,
    /// Events held whose followers are counted; beyond, those that were followed longest ago go. About 40 bytes each.
    pub followed_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ids_max: 4_000_000,
            authors_max: 4_000_000,
            rooms_max: 500_000,
            accounts_max: 1_000_000,
            ledger_ms: 180 * 24 * 60 * 60 * 1000,
            ledger_max: 1_000_000,
            clusters_max: 200_000,
            clusters_ms: 4 * 24 * 60 * 60 * 1000,
            followed_max: 500_000,
        }
    }
}

/// What rooms were told that is held.
const TOLD_MAX: usize = 200_000;

/// How much is held, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Event ids.
    pub ids: usize,
    /// Authors.
    pub authors: usize,
    /// Rooms.
    pub rooms: usize,
    /// Authors with strikes or steps.
    pub accounts: usize,
    /// Clusters of near-duplicates.
    pub clusters: usize,
    /// Events whose followers are counted.
    pub followed: usize,
    /// Decisions in the ledger.
    pub ledger: usize,
    /// Authors dropped to stay within the bound, since the state was begun.
    pub authors_evicted: u64,
    /// Rooms dropped so.
    pub rooms_evicted: u64,
    /// Authors with strikes dropped so.
    pub accounts_evicted: u64,
    /// Clusters dropped so.
    pub clusters_evicted: u64,
}

/// What undoing a decision comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reversal {
    /// The decision that is undone.
    pub entry: Entry,
    /// Steps of the ladder that are in force no more, with the decisions that imposed them: all that the author no longer
    /// has the points for, and what this decision imposed where another one did so too.
    pub lifted: Vec<Step>,
    /// What is left of the points.
    pub points: Points,
}

/// What an erasure removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Whether there were counters.
    pub counters: bool,
    /// Whether there were strikes or steps.
    pub standing: bool,
    /// How many decisions were in the ledger.
    pub entries: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct State {
    keys: Keys,
    clock: Clock,
    memory: Memory,
    clusters: Clusters,
    following: Following,
    standing: Standing,
    ledger: Ledger,
    caps: Caps,
    /// What rooms were told, by room and what it was about.
    told: Recent<()>,
    /// Where the logs of stored texts end, as far as they belong to this state.
    texts_end: [u64; 2],
    /// Records of those logs (which log, where) that the journal says are to be overwritten. A snapshot is taken when they are, so
    /// it has none.
    blanks: Vec<(u8, u64)>,
    back: Back,
    pulses: Pulses,
    /// Up to where other lanes were heard, by their numbers.
    heard: BTreeMap<u32, i64>,
    journal: Vec<u8>,
}

/// What is read.
impl State {
    /// Nothing known yet.
    #[must_use]
    pub fn new(options: &Options, keys: Keys) -> Self {
        Self {
            keys,
            clock: Clock::default(),
            memory: Memory::new(options),
            clusters: Clusters::new(options.clusters_max, options.clusters_ms),
            following: Following::new(options.followed_max),
            standing: Standing::new(options.accounts_max),
            ledger: Ledger::new(options.ledger_ms, options.ledger_max),
            caps: Caps::default(),
            told: Recent::new(TOLD_MAX),
            texts_end: [0; 2],
            blanks: Vec::new(),
            back: Back::default(),
            pulses: Pulses::default(),
            heard: BTreeMap::new(),
            journal: Vec::new(),
        }
    }

    /// What makes keys of strings; a copy may go to any thread.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.keys
    }

    /// What time it is by the events: the median of the last three. One event dated ahead does not move it. It is known
    /// per batch: for lag and metrics, not for judging.
    #[must_use]
    pub fn watermark(&self) -> Millis {
        self.clock.now()
    }

    /// Strikes and steps.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Decisions that acted.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When a room was last told about a claim, by [`Keys::told`].
    #[must_use]
    pub fn told_at(&self, told: u64) -> Option<Millis> {
        self.told.get(told).map(|(at, ())| at)
    }

    /// What is looked for in what was said before, and who was told.
    #[must_use]
    pub fn back(&self) -> &Back {
        &self.back
    }

    /// Caps of rules.
    #[must_use]
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Where the logs of stored texts end that belong to this state: what they hold behind that came from a batch that was
    /// never saved.
    #[must_use]
    pub fn texts_end(&self) -> [u64; 2] {
        self.texts_end
    }

    /// Records of those logs, by log and address, which were to be overwritten after the batches that were applied, and perhaps
    /// were not.
    #[must_use]
    pub fn blanks(&self) -> &[(u8, u64)] {
        &self.blanks
    }

    /// Up to where other lanes were heard.
    #[must_use]
    pub fn heard(&self) -> &BTreeMap<u32, i64> {
        &self.heard
    }

    /// The numbers of all clusters that are held, in no order.
    pub fn clusters(&self) -> impl Iterator<Item = u64> {
        self.clusters.keys()
    }

    /// Whether members of that cluster are counted.
    #[must_use]
    pub fn has_cluster(&self, cluster: u64) -> bool {
        self.clusters.has(cluster)
    }

    /// How many clusters are held at most.
    #[must_use]
    pub fn clusters_max(&self) -> usize {
        self.clusters.max()
    }

    /// How much is held.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let memory = &self.memory;
        Sizes {
            ids: memory.ids.iter().map(ids::Ids::len).sum(),
            authors: memory.authors.iter().map(shard::Shard::len).sum(),
            rooms: memory.rooms.iter().map(shard::Shard::len).sum(),
            accounts: self.standing.len(),
            clusters: self.clusters.len(),
            followed: self.following.len(),
            ledger: self.ledger.len(),
            authors_evicted: memory.authors.iter().map(|shard| shard.evicted).sum(),
            rooms_evicted: memory.rooms.iter().map(|shard| shard.evicted).sum(),
            accounts_evicted: self.standing.evicted,
            clusters_evicted: self.clusters.evicted(),
        }
    }
}

/// What is changed. Each call is journalled.
impl State {
    /// Remembers a batch: one [`Counts`] a fact, in order. End the batch before an erasure, so that what its author
    /// wrote afterwards is remembered afterwards.
    pub fn remember(&mut self, facts: &[Fact], counts: &mut Vec<Counts>) {
        journal::put_facts(self.open_journal(), facts);
        self.take_facts(facts, counts);
    }

    /// Adds a strike and gives the author's points in that channel, this strike included. Expired strikes are dropped,
    /// and the steps that rested on them. A second strike for the same event changes nothing.
    pub fn add_strike(&mut self, author: u64, strike: Strike) -> Points {
        Delta::Strike { author, strike }.encode(self.open_journal());
        self.standing.add_strike(author, strike)
    }

    /// Takes the strike of an event back, where its decision is held elsewhere: the steps that go with it.
    pub fn revoke(&mut self, author: u64, channel: Channel, event: u64, at: Millis) -> Vec<Step> {
        Delta::Revoke { author, channel, event, at }.encode(self.open_journal());
        self.standing.take_back(author, channel, event, at).1
    }

    /// Notes that an event imposed a step of the ladder. One that is in force already is held once for each such event.
    pub fn impose(&mut self, author: u64, step: &Step) {
        let step = HeldStep::from(step);
        Delta::Impose { author, step: step.clone() }.encode(self.open_journal());
        self.standing.impose(author, step);
    }

    /// Enters a decision that acted.
    pub fn record(&mut self, entry: &Entry) {
        let held = Held::from(entry);
        Delta::Record(held.clone()).encode(self.open_journal());
        self.ledger.record(held);
    }

    /// Undoes the decision on an event, at the time of the verdict: its strike goes, and so do the steps that no longer
    /// have their points or that it imposed again. `None` where no such decision is held, or it was undone before.
    pub fn overturn(&mut self, event: u64, at: Millis) -> Option<Reversal> {
        Delta::Overturn { event, at }.encode(self.open_journal());
        self.take_overturn(event, at)
    }

    /// Notes that the decision on an event stands. Whether one is held that was not undone.
    pub fn uphold(&mut self, event: u64) -> bool {
        Delta::Uphold { event }.encode(self.open_journal());
        self.ledger.uphold(event)
    }

    /// Counts a firing of a rule with a cap, in the event's own hour.
    pub fn count_cap(&mut self, rule: u64, revision: u64, per_hour: u64, at: Millis) -> Cap {
        Delta::Cap { rule, revision, per_hour, at }.encode(self.open_journal());
        self.caps.count(rule, revision, per_hour, at)
    }

    /// Notes that a room was told about a claim.
    pub fn tell(&mut self, told: u64, at: Millis) {
        Delta::Tell { told, at }.encode(self.open_journal());
        self.told.touch(told, at, |()| ());
    }

    /// Undoes what a decision did for a claim that is retracted, at that time: all of it where all rests on the claim, the
    /// strike included. `None` where nothing of it rests on the claim any more.
    pub fn retract(&mut self, event: u64, at: Millis) -> Option<Reversal> {
        if self.ledger.rests_alone(event) {
            return self.overturn(event, at);
        }
        Delta::Retract { event }.encode(self.open_journal());
        self.take_retract(event, at)
    }

    /// Notes where the logs of stored texts end now, and which of their records are to be overwritten once this is saved.
    pub fn note_texts(&mut self, ends: [u64; 2], blanks: Vec<(u8, u64)>) {
        if ends != self.texts_end || !blanks.is_empty() {
            Delta::Texts { ends, blanks }.encode(self.open_journal());
            self.texts_end = ends;
        }
    }

    /// Counts members that joined clusters in other lanes, and notes up to where these were heard.
    pub fn hear(&mut self, upto: Vec<(u32, i64)>, members: Vec<ClusterFact>) {
        let delta = Delta::Heard { upto, members };
        delta.encode(self.open_journal());
        self.apply_delta(delta, &mut Vec::new());
    }

    /// Forgets an author: counters, their mark in rooms, strikes, steps and decisions. The journal up to the next
    /// snapshot still holds their key, so take a snapshot soon.
    pub fn forget_author(&mut self, author: u64) -> Erased {
        Delta::Forget { author }.encode(self.open_journal());
        self.take_forget(author)
    }

    /// What changed since the last call, as one block for [`State::apply`]; empty where nothing did.
    #[must_use]
    pub fn take_journal(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.journal)
    }

    /// Applies a block of the journal; it is not journalled again. All of it is read before any of it is applied.
    ///
    /// # Errors
    /// [`CorruptDelta`]; the state is as it was.
    pub fn apply(&mut self, block: &[u8]) -> Result<(), CorruptDelta> {
        let deltas = Delta::decode_block(block)?;
        let (mut facts, mut counts) = (Vec::new(), Vec::new());
        for delta in deltas {
            match delta {
                Delta::Facts(remembered) => {
                    self.take_facts(&remembered, &mut counts);
                    facts = remembered;
                }
                Delta::Pulses => {
                    let new = facts.iter().zip(&counts).filter(|(_, counts)| !counts.duplicate);
                    for (fact, _) in new {
                        self.count_pulses(fact);
                    }
                }
                other => self.apply_delta(other, &mut counts),
            }
        }
        Ok(())
    }
}

impl State {
    fn apply_delta(&mut self, delta: Delta, counts: &mut Vec<Counts>) {
        match delta {
            Delta::Facts(facts) => self.take_facts(&facts, counts),
            Delta::Strike { author, strike } => drop(self.standing.add_strike(author, strike)),
            Delta::Revoke { author, channel, event, at } => {
                drop(self.standing.take_back(author, channel, event, at));
            }
            Delta::Impose { author, step } => self.standing.impose(author, step),
            Delta::Record(held) => self.ledger.record(held),
            Delta::Overturn { event, at } => drop(self.take_overturn(event, at)),
            Delta::Uphold { event } => drop(self.ledger.uphold(event)),
            Delta::Cap { rule, revision, per_hour, at } => drop(self.caps.count(rule, revision, per_hour, at)),
            Delta::Forget { author } => drop(self.take_forget(author)),
            Delta::Tell { told, at } => self.told.touch(told, at, |()| ()),
            Delta::Retract { event } => drop(self.ledger.retract(event)),
            Delta::Back(change) => self.back.take(change),
            Delta::Pulse(change) => self.pulses.change(change),
            // It speaks of the facts before it: see `State::apply`.
            Delta::Pulses => {}
            Delta::Heard { upto, members } => {
                self.heard.extend(upto);
                for member in &members {
                    self.clusters.take(member);
                }
            }
            Delta::Texts { ends, blanks } => {
                self.texts_end = ends;
                self.blanks.extend(blanks);
            }
        }
    }

    fn open_journal(&mut self) -> &mut Vec<u8> {
        if self.journal.is_empty() {
            self.journal.push(journal::VERSION);
        }
        &mut self.journal
    }

    fn take_facts(&mut self, facts: &[Fact], counts: &mut Vec<Counts>) {
        for fact in facts {
            self.clock.tick(clock::clamp(fact.at));
        }
        self.memory.remember(facts, counts);
        for (fact, counts) in facts.iter().zip(counts).filter(|(_, counts)| !counts.duplicate) {
            if let Some(follow) = fact.follow {
                counts.follow = following::take(&mut self.following, follow, fact.at);
            }
            if let Some(Member { cluster, first_at, first_author }) = fact.twin {
                let (at, author) = (fact.at, author_mark(fact.author));
                counts.cluster = self.clusters.take(&ClusterFact { cluster, first_at, first_author, at, author });
            }
        }
    }

    fn take_overturn(&mut self, event: u64, at: Millis) -> Option<Reversal> {
        let entry = self.ledger.overturn(event)?;
        let (points, lifted) = self.standing.take_back(entry.author, entry.channel, event, at);
        Some(Reversal { entry, lifted, points })
    }

    fn take_retract(&mut self, event: u64, at: Millis) -> Option<Reversal> {
        let entry = self.ledger.retract(event)?;
        let points = self.standing.points(entry.author, entry.channel, at);
        Some(Reversal { entry, lifted: Vec::new(), points })
    }

    fn take_forget(&mut self, author: u64) -> Erased {
        self.clusters.scrub(author_mark(author));
        self.back.forget(author);
        Erased {
            counters: self.memory.forget_author(author),
            standing: self.standing.forget(author),
            entries: self.ledger.forget(author),
        }
    }

    /// Shorthand for what a rule asks of every event.
    #[must_use]
    pub fn points(&self, author: u64, channel: Channel, at: Millis) -> Points {
        self.standing.points(author, channel, at)
    }
}
