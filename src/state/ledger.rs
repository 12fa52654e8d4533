//! What was done about which event, for as long as it may be appealed against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::decision::ActionKind;
use crate::event::{Channel, Millis};
use crate::state::clock::{Clock, clamp};
use crate::state::codec::{Broken, Reader, put_bytes, put_opt_str, put_signed, put_u64, put_var};
use crate::state::standing::{Actions, channel, put_channel};

/// One decision that acted.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The decision's id.
    pub decision: Arc<str>,
    /// The key of the event.
    pub event: u64,
    /// The key of the author.
    pub author: u64,
    /// The author as the event named them.
    pub author_name: Arc<str>,
    /// The channel.
    pub channel: Channel,
    /// The room, if the event had one.
    pub room: Option<Arc<str>>,
    /// What was done, in order.
    pub actions: Vec<ActionKind>,
    /// Points that it cost the author.
    pub points: u32,
    /// Event time of the event.
    pub at: Millis,
    /// The cluster of near-duplicates that the event began; 0 where it began none.
    pub cluster: u64,
    /// The refuted claim that it was labelled for, if it was.
    pub claim: Option<Resting>,
}

/// What of a decision rests on a refuted claim, for the day that the claim is retracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting {
    /// The key of the claim.
    pub claim: u64,
    /// The event's id, as nobody will name it then.
    pub event: Arc<str>,
    /// A bit for each action that rests on it, the first one lowest; 0 once they were taken back and others stay.
    pub actions: u64,
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// Nobody has said anything.
    #[default]
    Open,
    /// A person said that it stands.
    Upheld,
    /// It was undone.
    Overturned,
}

/// The entry as it is held: actions as the JSON that they came as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    event: u64,
    at: Millis,
    decision: Arc<str>,
    author: u64,
    author_name: Arc<str>,
    channel: Channel,
    room: Option<Arc<str>>,
    actions: Actions,
    points: u32,
    fate: Fate,
    cluster: u64,
    claim: Option<Resting>,
}

/// See the module. Entries by time and event, so that the oldest goes first.
#[derive(Clone, Debug)]
pub struct Ledger {
    entries: BTreeMap<(Millis, u64), Held>,
    times: HashMap<u64, Millis, foldhash::fast::FixedState>,
    by_author: BTreeSet<(u64, u64)>,
    /// The event that began each cluster, where a decision on it is held.
    by_cluster: HashMap<u64, u64, foldhash::fast::FixedState>,
    /// Claim and event of the decisions that rest on a claim.
    by_claim: BTreeSet<(u64, u64)>,
    clock: Clock,
    /// The latest time of whatever had to go; `None` where nothing had to.
    gone_to: Option<Millis>,
    keep_ms: Millis,
    entries_max: usize,
}

impl Ledger {
    pub(crate) fn new(keep_ms: Millis, entries_max: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            times: HashMap::default(),
            by_author: BTreeSet::new(),
            by_cluster: HashMap::default(),
            by_claim: BTreeSet::new(),
            clock: Clock::default(),
            gone_to: None,
            keep_ms,
            entries_max: entries_max.max(1),
        }
    }

    /// How many decisions are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// From when on all decisions are held, seen from a time of the stream: for as long as it keeps them, or since the latest that had
    /// to go. Of what came before, nobody knows any more what was said of it.
    #[must_use]
    pub fn covers_since(&self, now: Millis) -> Millis {
        now.saturating_sub(self.keep_ms).max(self.gone_to.map_or(Millis::MIN, |at| at.saturating_add(1)))
    }

    /// The decision on an event and what became of it.
    #[must_use]
    pub fn get(&self, event: u64) -> Option<(Entry, Fate)> {
        let at = *self.times.get(&event)?;
        self.entries.get(&(at, event)).map(|held| (held.open(), held.fate))
    }

    /// What was done to the first message of a cluster and was not undone; nothing where no such decision is held.
    #[must_use]
    pub fn judged(&self, cluster: u64) -> Vec<ActionKind> {
        let event = self.by_cluster.get(&cluster);
        let held = event.and_then(|event| self.entries.get(&(*self.times.get(event)?, *event)));
        held.filter(|held| held.fate != Fate::Overturned).map_or_else(Vec::new, |held| held.actions.open())
    }

    /// The events on which decisions are held that rest on a claim and were not undone, by time.
    #[must_use]
    pub fn resting_on(&self, claim: u64) -> Vec<u64> {
        let of_claim = self.by_claim.range((claim, 0)..=(claim, u64::MAX)).map(|(_, event)| *event);
        let held = of_claim.filter_map(|event| self.held(event)).filter(|held| held.fate != Fate::Overturned);
        let mut events: Vec<(Millis, u64)> = held.map(|held| (held.at, held.event)).collect();
        events.sort_unstable();
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// The same with the names of the events, in the order of their keys.
    pub(crate) fn named_by(&self, claim: u64) -> Vec<(u64, Arc<str>)> {
        let of_claim = self.by_claim.range((claim, 0)..=(claim, u64::MAX)).filter_map(|(_, event)| self.held(*event));
        let standing = of_claim.filter(|held| held.fate != Fate::Overturned);
        standing.filter_map(|held| Some((held.event, Arc::clone(&held.claim.as_ref()?.event)))).collect()
    }

    /// Whether everything that was done about an event rests on a claim.
    pub(crate) fn rests_alone(&self, event: u64) -> bool {
        let entry = self.held(event).map(Held::open);
        entry.is_some_and(|entry| {
            let is_resting = |index: usize| entry.claim.as_ref().is_some_and(|resting| resting.has(index));
            (0..entry.actions.len()).all(is_resting)
        })
    }

    /// Takes out of a decision what rests on a claim, and gives the entry with that alone: the points stay with the rest.
    pub(crate) fn retract(&mut self, event: u64) -> Option<Entry> {
        let at = *self.times.get(&event)?;
        let held = self.entries.get_mut(&(at, event)).filter(|held| held.fate != Fate::Overturned)?;
        // The mark stays: nobody does again what was taken back.
        let resting = held.claim.as_mut().filter(|resting| resting.actions != 0)?;
        let resting = std::mem::replace(resting, Resting { actions: 0, ..resting.clone() });
        self.by_claim.remove(&(resting.claim, event));
        let mut entry = held.open();
        let mut index = 0;
        let (gone, stays): (Vec<_>, Vec<_>) = std::mem::take(&mut entry.actions).into_iter().partition(|_| {
            index += 1;
            resting.has(index - 1)
        });
        held.actions = Actions::seal(&stays);
        Some(Entry { actions: gone, claim: Some(resting), points: 0, ..entry })
    }

    fn held(&self, event: u64) -> Option<&Held> {
        self.entries.get(&(*self.times.get(&event)?, event))
    }

    /// Enters a decision. An event has one entry: a second one takes the place of the first.
    pub(crate) fn record(&mut self, held: Held) {
        self.remove(held.event);
        let now = self.clock.tick(clamp(held.at));
        let horizon = now.saturating_sub(self.keep_ms);
        self.insert(held);
        while self.entries.len() > self.entries_max || self.oldest_at() < horizon {
            let Some((&(at, oldest), _)) = self.entries.first_key_value() else { break };
            self.gone_to = self.gone_to.max(Some(at));
            self.remove(oldest);
        }
    }

    fn oldest_at(&self) -> Millis {
        self.entries.first_key_value().map_or(Millis::MAX, |((at, _), _)| *at)
    }

    /// Marks the decision on an event as undone and gives it; `None` where there is none, or it was undone before.
    pub(crate) fn overturn(&mut self, event: u64) -> Option<Entry> {
        let at = *self.times.get(&event)?;
        let held = self.entries.get_mut(&(at, event))?;
        if held.fate == Fate::Overturned {
            return None;
        }
        held.fate = Fate::Overturned;
        Some(held.open())
    }

    /// Marks the decision on an event as confirmed. Whether there was one that was not undone.
    pub(crate) fn uphold(&mut self, event: u64) -> bool {
        let held = self.times.get(&event).and_then(|at| self.entries.get_mut(&(*at, event)));
        let Some(held) = held.filter(|held| held.fate != Fate::Overturned) else {
            return false;
        };
        held.fate = Fate::Upheld;
        true
    }

    /// Forgets an author. How many entries went.
    pub(crate) fn forget(&mut self, author: u64) -> usize {
        let events: Vec<u64> =
            self.by_author.range((author, 0)..=(author, u64::MAX)).map(|(_, event)| *event).collect();
        events.iter().for_each(|event| self.remove(*event));
        events.len()
    }

    fn insert(&mut self, held: Held) {
        self.times.insert(held.event, held.at);
        self.by_author.insert((held.author, held.event));
        if held.cluster != 0 {
            self.by_cluster.insert(held.cluster, held.event);
        }
        if let Some(resting) = held.claim.as_ref().filter(|resting| resting.actions != 0) {
            self.by_claim.insert((resting.claim, held.event));
        }
        self.entries.insert((held.at, held.event), held);
    }

    fn remove(&mut self, event: u64) {
        let held = self.times.remove(&event).and_then(|at| self.entries.remove(&(at, event)));
        if let Some(held) = held {
            self.by_author.remove(&(held.author, event));
            self.by_cluster.remove(&held.cluster);
            if let Some(resting) = &held.claim {
                self.by_claim.remove(&(resting.claim, event));
            }
        }
    }

    /// Canonical: sorted by time and event.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.clock.encode(out);
        out.push(self.gone_to.is_some().into());
        self.gone_to.iter().for_each(|at| put_signed(out, *at));
        put_var(out, self.entries.len() as u64);
        self.entries.values().for_each(|held| held.encode(out));
    }

    pub(crate) fn decode(keep_ms: Millis, entries_max: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "the ledger";
        let mut ledger = Self::new(keep_ms, entries_max);
        ledger.clock = Clock::decode(reader)?;
        ledger.gone_to = if reader.u8(WHAT)? == 0 { None } else { Some(reader.signed(WHAT)?) };
        for _ in 0..reader.count(24, WHAT)? {
            let held = Held::decode(reader)?;
            if ledger.times.contains_key(&held.event) {
                return Err(Broken(WHAT));
            }
            ledger.insert(held);
        }
        Ok(ledger)
    }
}

impl Resting {
    fn has(&self, action: usize) -> bool {
        action < 64 && self.actions >> action & 1 == 1
    }
}

impl Held {
    fn open(&self) -> Entry {
        Entry {
            decision: Arc::clone(&self.decision),
            event: self.event,
            author: self.author,
            author_name: Arc::clone(&self.author_name),
            channel: self.channel,
            room: self.room.clone(),
            actions: self.actions.open(),
            points: self.points,
            at: self.at,
            cluster: self.cluster,
            claim: self.claim.clone(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.event);
        put_signed(out, self.at);
        put_bytes(out, self.decision.as_bytes());
        put_u64(out, self.author);
        put_bytes(out, self.author_name.as_bytes());
        put_channel(out, self.channel);
        put_opt_str(out, self.room.as_deref());
        self.actions.encode(out);
        put_var(out, self.points.into());
        out.push(self.fate as u8);
        put_var(out, self.cluster);
        put_opt_str(out, self.claim.as_ref().map(|resting| &*resting.event));
        if let Some(resting) = &self.claim {
            put_u64(out, resting.claim);
            put_var(out, resting.actions);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "an entry of the ledger";
        Ok(Self {
            event: reader.u64(WHAT)?,
            at: reader.signed(WHAT)?,
            decision: reader.str(WHAT)?.into(),
            author: reader.u64(WHAT)?,
            author_name: reader.str(WHAT)?.into(),
            channel: channel(reader)?,
            room: reader.opt_str(WHAT)?.map(Arc::from),
            actions: Actions::decode(reader)?,
            points: reader.var_u32(WHAT)?,
            fate: match reader.u8(WHAT)? {
                0 => Fate::Open,
                1 => Fate::Upheld,
                2 => Fate::Overturned,
                _ => return Err(Broken(WHAT)),
            },
            cluster: reader.var(WHAT)?,
            claim: match reader.opt_str(WHAT)? {
                Some(event) => {
                    Some(Resting { event: event.into(), claim: reader.u64(WHAT)?, actions: reader.var(WHAT)? })
                }
                None => None,
            },
        })
    }
}

impl From<&Entry> for Held {
    fn from(entry: &Entry) -> Self {
        Self {
            event: entry.event,
            at: entry.at,
            decision: Arc::clone(&entry.decision),
            author: entry.author,
            author_name: Arc::clone(&entry.author_name),
            channel: entry.channel,
            room: entry.room.clone(),
            actions: Actions::seal(&entry.actions),
            points: entry.points,
            fate: Fate::Open,
            cluster: entry.cluster,
            claim: entry.claim.clone(),
        }
    }
}
