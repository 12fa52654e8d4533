//! A stream as it is fed, and what the stage made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::Seen;

/// One record on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) partition: usize,
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

/// Shares lines out over partitions by author, as a platform keys them: a verdict goes where its event went. What names no
/// author goes by its bytes.
pub(crate) fn keyed(lines: impl IntoIterator<Item = Vec<u8>>, partitions: usize) -> Vec<Record> {
    let mut authors: BTreeMap<String, String> = BTreeMap::new();
    let keyed = lines.into_iter().map(|value| {
        let record: Value = serde_json::from_slice(&value).unwrap_or_default();
        let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        let key = match (text("author"), text("event")) {
            (Some(author), _) => {
                text("id").map(|id| authors.insert(id, author.clone()));
                author
            }
            (None, Some(event)) => authors.get(&event).cloned().unwrap_or(event),
            (None, None) => String::new(),
        };
        let place = if key.is_empty() { fnv(&value) } else { fnv(key.as_bytes()) };
        let partition = usize::try_from(place % partitions as u64).expect("a partition's number is small");
        Record { partition, key, value }
    });
    keyed.collect()
}

/// The hash of Fowler, Noll and Vo, 64 bits, FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What the stage gave out: decisions by author in their order, and rejects.
#[derive(Default)]
pub(crate) struct GivenOut {
    by_author: BTreeMap<String, Vec<Value>>,
    /// `(code, raw bytes)`, sorted when they are compared: who reads them asks what, not when.
    rejects: Vec<(String, String)>,
}

impl GivenOut {
    /// Adds what an embedded run wrote.
    pub(crate) fn add_files(&mut self, actions: &str, rejects: &str) {
        actions.lines().for_each(|line| self.add_decision(line.as_bytes()));
        rejects.lines().for_each(|line| self.add_reject(line.as_bytes()));
    }

    /// What stands in the topics; the key of a decision has to be its author.
    pub(crate) fn of_topics(actions: &[Vec<Seen>], rejects: &[Vec<Seen>]) -> Self {
        let mut given = Self::default();
        for seen in actions.iter().flatten() {
            let author = given.add_decision(&seen.value);
            assert_eq!(author.as_bytes(), seen.key, "a decision's key is its author");
        }
        rejects.iter().flatten().for_each(|seen| given.add_reject(&seen.value));
        given
    }

    fn add_decision(&mut self, line: &[u8]) -> String {
        let decision: Value = serde_json::from_slice(line).expect("a decision is JSON");
        let author = decision["author"].as_str().expect("a decision has an author").to_owned();
        self.by_author.entry(author.clone()).or_default().push(decision);
        author
    }

    fn add_reject(&mut self, line: &[u8]) {
        let reject: Value = serde_json::from_slice(line).expect("a reject is JSON");
        let raw = reject.get("raw").or_else(|| reject.get("raw_base64")).unwrap_or(&Value::Null);
        self.rejects.push((reject["code"].as_str().expect("a code").to_owned(), raw.to_string()));
    }

    /// How many decisions there are.
    pub(crate) fn decisions(&self) -> usize {
        self.by_author.values().map(Vec::len).sum()
    }

    /// How many rejects there are.
    pub(crate) fn rejects(&self) -> usize {
        self.rejects.len()
    }

    /// Decisions in which a step of the ladder was taken: they rest on everything that their author did before.
    pub(crate) fn penalties(&self) -> usize {
        let is_step = |reason: &Value| reason["rule"].as_str().is_some_and(|rule| rule.starts_with("ladder."));
        let is_penalty = |d: &&Value| d["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(is_step));
        self.by_author.values().flatten().filter(is_penalty).count()
    }
}

/// How what was given out differs from what was expected. All zero is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Decisions and rejects that never came.
    pub(crate) lost: usize,
    /// Those that came again.
    pub(crate) doubled: usize,
    /// Those that nobody expected.
    pub(crate) invented: usize,
    /// Decisions with another content: other actions, reasons, penalties.
    pub(crate) changed: usize,
    /// Authors whose decisions came in another order.
    pub(crate) disordered: usize,
}

/// Holds what was given out against what one undisturbed run gives out.
pub(crate) fn compare(expected: &GivenOut, found: &GivenOut) -> Differences {
    let mut told = Differences::default();
    let authors: BTreeSet<&String> = expected.by_author.keys().chain(found.by_author.keys()).collect();
    for author in authors {
        let of = |given: &GivenOut| given.by_author.get(author).map_or(vec![], |all| all.iter().collect::<Vec<_>>());
        let (expected, mut found) = (of(expected), of(found));
        let id = |decision: &Value| decision["id"].as_str().unwrap_or_default().to_owned();
        let wanted: BTreeMap<String, &Value> = expected.iter().map(|d| (id(d), *d)).collect();
        assert_eq!(wanted.len(), expected.len(), "the expected decisions of {author} have ids of their own");
        let mut seen = BTreeSet::new();
        found.retain(|decision| {
            let is_first = seen.insert(id(decision));
            told.doubled += usize::from(!is_first);
            is_first
        });
        told.lost += wanted.keys().filter(|id| !seen.contains(*id)).count();
        told.invented += seen.iter().filter(|id| !wanted.contains_key(*id)).count();
        let differs = |decision: &&&Value| wanted.get(&id(decision)).is_some_and(|wanted| *wanted != **decision);
        told.changed += found.iter().filter(differs).count();
        let ids = |all: &[&Value]| all.iter().map(|d| id(d)).filter(|id| seen.contains(id)).collect::<Vec<_>>();
        let (wanted_ids, found_ids) = (ids(&expected), ids(&found));
        let found_ids: Vec<_> = found_ids.into_iter().filter(|id| wanted.contains_key(id)).collect();
        told.disordered += usize::from(wanted_ids != found_ids);
    }
    count_rejects(&expected.rejects, &found.rejects, &mut told);
    told
}

fn count_rejects(expected: &[(String, String)], found: &[(String, String)], told: &mut Differences) {
    let mut balance: BTreeMap<&(String, String), (usize, usize)> = BTreeMap::new();
    expected.iter().for_each(|reject| balance.entry(reject).or_default().0 += 1);
    found.iter().for_each(|reject| balance.entry(reject).or_default().1 += 1);
    for (wanted, found) in balance.into_values() {
        told.lost += wanted.saturating_sub(found);
        let too_many = found.saturating_sub(wanted);
        *(if wanted > 0 { &mut told.doubled } else { &mut told.invented }) += too_many;
    }
}
