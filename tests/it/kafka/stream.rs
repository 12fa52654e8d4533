//! A stream as it is fed, and what the stage made of it.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// A decision as it went out.
struct Decision {
    id: Box<str>,
    line: Box<[u8]>,
    /// Whether a step of the ladder was taken: it rests on everything that the author did before.
    is_penalty: bool,
}

/// What the stage gave out: decisions by author in their order, and rejects.
#[derive(Default)]
pub(crate) struct GivenOut {
    by_author: BTreeMap<String, Vec<Decision>>,
    /// `(code, raw bytes)`.
    rejects: Vec<(String, Vec<u8>)>,
}

impl GivenOut {
    /// Adds what an embedded run wrote.
    pub(crate) fn add_files(&mut self, actions: &str, rejects: &str) {
        actions.lines().for_each(|line| drop(self.add_decision(line.as_bytes())));
        rejects.lines().for_each(|line| self.add_reject(line.as_bytes()));
    }

    /// What stands in the topics; the key of a decision has to be its author.
    pub(crate) fn of_topics(actions: &[Vec<Seen>], rejects: &[Vec<Seen>]) -> Self {
        let mut given = Self::default();
        for seen in actions.iter().flatten() {
            let author = given.add_decision(&seen.value);
            assert_eq!(author.as_bytes(), seen.key, "a decision's key is its author");
        }
        for seen in rejects.iter().flatten() {
            let code = seen.header("code").expect("a dead letter says why").to_owned();
            given.rejects.push((code, seen.value.clone()));
        }
        given
    }

    fn add_decision(&mut self, line: &[u8]) -> String {
        let decision: Value = serde_json::from_slice(line).expect("a decision is JSON");
        let text = |name: &str| decision[name].as_str().expect("a decision has an id and an author").to_owned();
        let is_step = |reason: &Value| reason["rule"].as_str().is_some_and(|rule| rule.starts_with("ladder."));
        let is_penalty = decision["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(is_step));
        let author = text("author");
        let decision = Decision { id: text("id").into(), line: line.trim_ascii_end().into(), is_penalty };
        self.by_author.entry(author.clone()).or_default().push(decision);
        author
    }

    fn add_reject(&mut self, line: &[u8]) {
        let reject: Value = serde_json::from_slice(line).expect("a reject is JSON");
        let text = |name: &str| reject.get(name).and_then(Value::as_str);
        let raw = match (text("raw"), text("raw_base64")) {
            (Some(raw), _) => raw.as_bytes().to_vec(),
            (None, Some(coded)) => STANDARD.decode(coded).expect("base64"),
            (None, None) => vec![],
        };
        self.rejects.push((text("code").expect("a code").to_owned(), raw));
    }

    fn of(&self, author: &str) -> &[Decision] {
        self.by_author.get(author).map_or(&[], Vec::as_slice)
    }

    /// How many decisions there are.
    pub(crate) fn decisions(&self) -> usize {
        self.by_author.values().map(Vec::len).sum()
    }

    /// How many rejects there are.
    pub(crate) fn rejects(&self) -> usize {
        self.rejects.len()
    }

    /// Decisions in which a step of the ladder was taken.
    pub(crate) fn penalties(&self) -> usize {
        self.by_author.values().flatten().filter(|decision| decision.is_penalty).count()
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
        of_author(expected.of(author), found.of(author), &mut told);
    }
    count_rejects(&expected.rejects, &found.rejects, &mut told);
    told
}

/// Changed decisions that are shown.
const EXAMPLES_MAX: usize = 3;

fn of_author(expected: &[Decision], found: &[Decision], told: &mut Differences) {
    let wanted: BTreeMap<&str, &Decision> = expected.iter().map(|decision| (&*decision.id, decision)).collect();
    assert_eq!(wanted.len(), expected.len(), "decisions that are expected have ids of their own");
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    for decision in found {
        if !seen.insert(&*decision.id) {
            told.doubled += 1;
            continue;
        }
        let Some(wanted) = wanted.get(&*decision.id) else {
            told.invented += 1;
            continue;
        };
        order.push(&*decision.id);
        if wanted.line != decision.line {
            told.changed += 1;
            if told.changed > EXAMPLES_MAX {
                continue;
            }
            let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
            eprintln!("changed: expected {}\n            found {}", text(&wanted.line), text(&decision.line));
        }
    }
    told.lost += wanted.keys().filter(|id| !seen.contains(*id)).count();
    let is_seen = |id: &&str| seen.contains(id);
    told.disordered += usize::from(!expected.iter().map(|decision| &*decision.id).filter(is_seen).eq(order));
}

fn count_rejects(expected: &[(String, Vec<u8>)], found: &[(String, Vec<u8>)], told: &mut Differences) {
    let mut balance: BTreeMap<&(String, Vec<u8>), (usize, usize)> = BTreeMap::new();
    expected.iter().for_each(|reject| balance.entry(reject).or_default().0 += 1);
    found.iter().for_each(|reject| balance.entry(reject).or_default().1 += 1);
    for (wanted, found) in balance.into_values() {
        told.lost += wanted.saturating_sub(found);
        let too_many = found.saturating_sub(wanted);
        *(if wanted > 0 { &mut told.doubled } else { &mut told.invented }) += too_many;
    }
}
