//! What the stage needs of its topics, and what differs from it. Pure: nobody is asked here.

use std::collections::BTreeMap;
use std::time::Duration;

use super::options::Topics;

/// A topic as a cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many brokers keep a copy of the partition that has the fewest.
    pub replicas: usize,
    /// Partitions that no broker leads at the moment.
    pub leaderless: usize,
    /// Its settings, those that follow from the brokers' among them.
    pub settings: BTreeMap<String, String>,
}

/// How topics are made.
#[derive(Clone, Copy, Debug)]
pub struct TopicShape {
    /// Partitions of topics that are yet to be made; the state has as many as the input in any case.
    pub partitions: usize,
    /// Copies of each; as many as the brokers make by themselves where absent.
    pub replicas: Option<u16>,
    /// How long events and decisions are kept.
    pub retention: Duration,
    /// How long rejects are kept: longer, as somebody has to look at them.
    pub rejects_retention: Duration,
}

impl Default for TopicShape {
    /// Twelve partitions: they can be shared out evenly among 2, 3, 4, 6 and 12 instances.
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self { partitions: 12, replicas: None, retention: 7 * day, rejects_retention: 30 * day }
    }
}

/// A topic as it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNeed {
    /// Its name.
    pub name: String,
    /// What it carries: `input`, `actions`, `rejects`, `state`.
    pub role: &'static str,
    /// How many partitions it gets.
    pub partitions: usize,
    /// Copies of each partition; as many as the brokers make by themselves where absent.
    pub replicas: Option<u16>,
    /// Its settings.
    pub settings: Vec<(&'static str, String)>,
}

/// The largest record that the stage writes fits into this, with its headers and framing.
const RECORD_BYTES: u64 = 1 << 20;

/// The topics of a stage as they are made: the input first. `input_partitions` is what the input has, where it exists.
#[must_use]
pub fn needs(topics: &Topics, shape: &TopicShape, input_partitions: Option<usize>) -> Vec<TopicNeed> {
    let input = input_partitions.unwrap_or(shape.partitions);
    let kept = |retention: Duration| {
        vec![("cleanup.policy", "delete".to_owned()), ("retention.ms", retention.as_millis().to_string())]
    };
    // Compaction passes over the segment that is written to, so that one has to be closed now and then; what a snapshot
    // replaces is gone an hour or two later.
    let compacted = vec![
        ("cleanup.policy", "compact".to_owned()),
        ("segment.ms", (60 * 60 * 1000).to_string()),
        ("segment.bytes", (64 << 20).to_string()),
        ("min.cleanable.dirty.ratio", "0.2".to_owned()),
    ];
    let need = |name: &str, role, partitions, mut settings: Vec<(&'static str, String)>| {
        if let Some(replicas) = shape.replicas {
            // All but one: one broker may be away, and what is acknowledged outlives the loss of another.
            settings.push(("min.insync.replicas", replicas.saturating_sub(1).max(1).to_string()));
        }
        TopicNeed { name: name.to_owned(), role, partitions, replicas: shape.replicas, settings }
    };
    let mut all = vec![need(&topics.input, "input", input, kept(shape.retention))];
    for plan in topics.written() {
        let role = if plan.name == topics.actions {
            "actions"
        } else if plan.compacted {
            "state"
        } else {
            "rejects"
        };
        let retention = if role == "rejects" { shape.rejects_retention } else { shape.retention };
        let settings = if plan.compacted { compacted.clone() } else { kept(retention) };
        all.push(need(plan.name, role, if plan.as_input { input } else { shape.partitions }, settings));
    }
    all
}

/// How much a difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It works, and is weaker than it need be.
    Weak,
    /// Decisions or state would be lost, or the stage does not start.
    Wrong,
}

/// Something about a topic that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which topic.
    pub topic: String,
    /// Which of its properties.
    pub what: &'static str,
    /// How it is.
    pub is: String,
    /// How it should be, and why.
    pub should: String,
    /// What to do.
    pub next: String,
    /// How much it matters.
    pub weight: Weight,
}

/// What differs from what the stage needs, topic by topic in the order of the needs.
#[must_use]
pub fn differences(needs: &[TopicNeed], found: &[Option<TopicFacts>]) -> Vec<Difference> {
    let input = found.first().and_then(Option::as_ref).map(|facts| facts.partitions);
    let mut all = Vec::new();
    for (need, facts) in needs.iter().zip(found) {
        match facts {
            None => all.push(absent(need)),
            Some(facts) => of_one(need, facts, input, &mut all),
        }
    }
    all
}

fn absent(need: &TopicNeed) -> Difference {
    Difference {
        topic: need.name.clone(),
        what: "topic",
        is: "absent".into(),
        should: format!("there: it carries the {}", need.role),
        next: "tidegate topics create".into(),
        weight: Weight::Wrong,
    }
}

fn of_one(need: &TopicNeed, facts: &TopicFacts, input: Option<usize>, all: &mut Vec<Difference>) {
    let mut say = |what, is: String, should: &str, next: String, weight| {
        all.push(Difference { topic: facts.name.clone(), what, is, should: should.to_owned(), next, weight });
    };
    let set = |key: &str, value: &str| {
        let name = &facts.name;
        format!("kafka-configs --alter --entity-type topics --entity-name {name} --add-config {key}={value}")
    };
    let setting = |key: &str| facts.settings.get(key).map(String::as_str);
    let number = |key: &str| setting(key).and_then(|value| value.parse::<i64>().ok());
    let compacts = setting("cleanup.policy").unwrap_or_default();
    if need.role == "state" {
        if let Some(input) = input.filter(|input| facts.partitions < *input) {
            let should = format!("{input}: one for each partition of the input");
            let next = "tidegate topics create".to_owned();
            say("partitions", facts.partitions.to_string(), &should, next, Weight::Wrong);
        }
        if compacts != "compact" {
            let should = "compact: state that is deleted by age is lost when its partition moves";
            say("cleanup.policy", compacts.into(), should, set("cleanup.policy", "compact"), Weight::Wrong);
        }
    } else if compacts.contains("compact") {
        let should = "delete: compaction keeps only the last record of each author";
        say("cleanup.policy", compacts.into(), should, set("cleanup.policy", "delete"), Weight::Wrong);
    }
    if let Some(bytes) = number("max.message.bytes").filter(|bytes| *bytes < RECORD_BYTES.cast_signed()) {
        let should = format!("{RECORD_BYTES} or more: what the stage writes in one record");
        let next = set("max.message.bytes", &RECORD_BYTES.to_string());
        let weight = if need.role == "input" { Weight::Weak } else { Weight::Wrong };
        say("max.message.bytes", bytes.to_string(), &should, next, weight);
    }
    if facts.leaderless > 0 {
        let next = "start the brokers that are down".to_owned();
        say("leaders", format!("{} partitions without one", facts.leaderless), "one each", next, Weight::Wrong);
    }
    let in_sync = number("min.insync.replicas").unwrap_or(1);
    let replicas = i64::try_from(facts.replicas).unwrap_or(i64::MAX);
    if replicas < 2 {
        let next = "add copies with kafka-reassign-partitions, or make the topic anew with --replicas 3".to_owned();
        say("replicas", replicas.to_string(), "3: one lost disk loses the topic", next, Weight::Weak);
    } else if in_sync < 2 {
        let should = "2: what one broker alone has acknowledged is lost with it";
        say("min.insync.replicas", in_sync.to_string(), should, set("min.insync.replicas", "2"), Weight::Weak);
    } else if in_sync >= replicas {
        let should = format!("{}: with one broker down nothing can be written", replicas - 1);
        let next = set("min.insync.replicas", &(replicas - 1).to_string());
        say("min.insync.replicas", in_sync.to_string(), &should, next, Weight::Weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Topics {
        Topics::with_prefix("events", "t.")
    }

    /// What a cluster has that did as it was told.
    fn as_needed(need: &TopicNeed) -> TopicFacts {
        let settings = need.settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let replicas = need.replicas.unwrap_or(1).into();
        TopicFacts { name: need.name.clone(), partitions: need.partitions, replicas, leaderless: 0, settings }
    }

    /// One topic is changed; which differences follow?
    fn check(role: &str, change: impl Fn(&mut TopicFacts), expected: &[(&str, Weight)]) {
        let shape = TopicShape { replicas: Some(3), ..TopicShape::default() };
        let needs = needs(&topics(), &shape, Some(6));
        let mut found: Vec<_> = needs.iter().map(|need| Some(as_needed(need))).collect();
        let at = needs.iter().position(|need| need.role == role).unwrap();
        change(found[at].as_mut().unwrap());
        let told = differences(&needs, &found);
        let got: Vec<_> = told.iter().map(|difference| (difference.what, difference.weight)).collect();
        assert_eq!(got, expected, "{role}: {told:#?}");
        assert!(told.iter().all(|difference| difference.topic == needs[at].name && !difference.next.is_empty()));
    }

    fn set(key: &str, value: &str) -> impl Fn(&mut TopicFacts) {
        move |facts| drop(facts.settings.insert(key.to_owned(), value.to_owned()))
    }

    #[test]
    fn the_state_has_a_partition_for_each_of_the_input() {
        let all = needs(&topics(), &TopicShape::default(), Some(6));
        let partitions: Vec<_> = all.iter().map(|need| (need.role, need.name.as_str(), need.partitions)).collect();
        let expected = [
            ("input", "events", 6),
            ("actions", "t.actions", 12),
            ("rejects", "t.rejects", 12),
            ("state", "t.state", 6),
        ];
        assert_eq!(partitions, expected);
    }

    #[test]
    fn what_differs_is_told_with_its_weight() {
        check("state", |_| (), &[]);
        check("state", |facts| facts.partitions = 5, &[("partitions", Weight::Wrong)]);
        check("state", |facts| facts.partitions = 7, &[]);
        check("state", set("cleanup.policy", "delete"), &[("cleanup.policy", Weight::Wrong)]);
        check("state", set("cleanup.policy", "compact,delete"), &[("cleanup.policy", Weight::Wrong)]);
        check("actions", set("cleanup.policy", "compact"), &[("cleanup.policy", Weight::Wrong)]);
        check("actions", set("max.message.bytes", "1000"), &[("max.message.bytes", Weight::Wrong)]);
        check("input", set("max.message.bytes", "1000"), &[("max.message.bytes", Weight::Weak)]);
        check("input", |facts| facts.partitions = 3, &[]);
        check("input", |facts| facts.leaderless = 1, &[("leaders", Weight::Wrong)]);
        check("rejects", |facts| facts.replicas = 1, &[("replicas", Weight::Weak)]);
        check("rejects", set("min.insync.replicas", "1"), &[("min.insync.replicas", Weight::Weak)]);
        check("rejects", set("min.insync.replicas", "3"), &[("min.insync.replicas", Weight::Weak)]);
    }

    #[test]
    fn a_topic_that_is_absent_is_told() {
        let needs = needs(&topics(), &TopicShape::default(), None);
        let told = differences(&needs, &[None, None, None, None]);
        assert_eq!(told.len(), 4);
        assert!(told.iter().all(|difference| difference.what == "topic" && difference.weight == Weight::Wrong));
    }
}
