//! What a run did, counted: the table that `run` ends with and the counters of the metrics page come from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::decision::{ActionKind, Decision};
use crate::event::Channel;

use super::plan::scope_name;

/// Counts of one batch, or of many added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Messages decided on, by channel in the order of [`Channel::ALL`]; repeats are not among them.
    #[serde(serialize_with = "by_channel")]
    pub events: [u64; Channel::ALL.len()],
    /// Messages among them that are near-duplicates of earlier ones.
    pub copies: u64,
    /// Verdict records taken.
    pub verdicts: u64,
    /// Erase records taken.
    pub erasures: u64,
    /// Records sent to the rejects, by reason code.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Decisions given out.
    pub decisions: u64,
    /// Actions by name (limits as `limit.<scope>`), by channel.
    #[serde(serialize_with = "each_by_channel")]
    pub actions: BTreeMap<String, [u64; Channel::ALL.len()]>,
    /// What each rule did.
    pub rules: BTreeMap<Arc<str>, RuleTally>,
    /// What was looked at again for claims that came into force later.
    pub late: LateTally,
    /// Decisions in which a sense was missing, by sense.
    pub missing: BTreeMap<Arc<str>, u64>,
}

/// What looking back came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LateTally {
    /// Messages that were looked at.
    pub looked: u64,
    /// Messages that were labelled.
    pub labelled: u64,
    /// People who were told.
    pub told: u64,
}

/// What one rule did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleTally {
    /// Events that it acted on.
    pub live: u64,
    /// Events that it would have acted on.
    pub shadow: u64,
    /// Whether its cap tripped it into shadow.
    pub tripped: bool,
}

impl LateTally {
    /// Adds another count to this one.
    pub fn add(&mut self, other: &Self) {
        self.looked += other.looked;
        self.labelled += other.labelled;
        self.told += other.told;
    }
}

impl Tally {
    /// Counts one decision that goes out.
    pub fn decision(&mut self, decision: &Decision) {
        self.decisions += 1;
        for action in &decision.actions {
            self.actions.entry(action_name(&action.kind)).or_default()[decision.channel as usize] += 1;
        }
        for reason in &decision.reasons {
            self.rules.entry(Arc::clone(&reason.rule)).or_default().live += 1;
        }
        for shadow in &decision.shadow {
            self.rules.entry(Arc::clone(&shadow.reason.rule)).or_default().shadow += 1;
        }
        for sense in &decision.missing {
            *self.missing.entry(Arc::clone(sense)).or_default() += 1;
        }
    }

    /// Notes rules that their caps tripped.
    pub(crate) fn trip(&mut self, rules: &[Arc<str>]) {
        for rule in rules {
            self.rules.entry(Arc::clone(rule)).or_default().tripped = true;
        }
    }

    /// All messages decided on.
    #[must_use]
    pub fn events_total(&self) -> u64 {
        self.events.iter().sum()
    }

    /// All records rejected, repeats included.
    #[must_use]
    pub fn rejects_total(&self) -> u64 {
        self.rejects.values().sum()
    }

    /// Every record read, whatever became of it.
    #[must_use]
    pub fn records_total(&self) -> u64 {
        self.events_total() + self.verdicts + self.erasures + self.rejects_total()
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: &Self) {
        add_arrays(&mut self.events, &other.events);
        self.copies += other.copies;
        self.verdicts += other.verdicts;
        self.erasures += other.erasures;
        self.decisions += other.decisions;
        self.late.add(&other.late);
        for (&code, n) in &other.rejects {
            *self.rejects.entry(code).or_default() += n;
        }
        for (name, by_channel) in &other.actions {
            add_arrays(self.actions.entry(name.clone()).or_default(), by_channel);
        }
        for (rule, tally) in &other.rules {
            let mine = self.rules.entry(Arc::clone(rule)).or_default();
            mine.live += tally.live;
            mine.shadow += tally.shadow;
            mine.tripped |= tally.tripped;
        }
        for (sense, n) in &other.missing {
            *self.missing.entry(Arc::clone(sense)).or_default() += n;
        }
    }
}

/// `{"article":0,…}`: for machines, places in a list have names.
fn by_channel<S: Serializer>(counts: &[u64; Channel::ALL.len()], s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(Channel::ALL.iter().map(|channel| channel.name()).zip(counts))
}

fn each_by_channel<S: Serializer>(
    counts: &BTreeMap<String, [u64; Channel::ALL.len()]>,
    s: S,
) -> Result<S::Ok, S::Error> {
    struct ByChannel<'a>(&'a [u64; Channel::ALL.len()]);
    impl Serialize for ByChannel<'_> {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            by_channel(self.0, s)
        }
    }
    s.collect_map(counts.iter().map(|(name, counts)| (name, ByChannel(counts))))
}

fn add_arrays<const N: usize>(mine: &mut [u64; N], other: &[u64; N]) {
    mine.iter_mut().zip(other).for_each(|(mine, other)| *mine += other);
}

/// The name that an action is counted under: its own, and a limit's with its scope.
#[must_use]
pub fn action_name(kind: &ActionKind) -> String {
    match kind {
        ActionKind::Limit { scope, .. } => format!("limit.{}", scope_name(*scope)),
        other => other.name().to_owned(),
    }
}
