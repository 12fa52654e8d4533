//! From topic to topic: what goes in comes out once, as the embedded stage decides it.

use std::process::Command;
use std::time::Duration;

use super::broker::shared;
use super::client::committed;
use super::stream::{Differences, Record, compare, keyed};
use super::trial::{Trial, tidegate};

/// How long a stage may take to get through a test's records. For one that hangs, not for one that is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A composed stream with malformed lines in it, shared out over partitions.
pub(super) fn records(events: u32, faults: u32, partitions: usize) -> Vec<Record> {
    let mut command: Command = tidegate(&["synth", "--seed", "11"]);
    let composed = command.args(["--events", &events.to_string(), "--faults", &faults.to_string()]).output().unwrap();
    assert!(composed.status.success());
    let lines = composed.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec);
    keyed(lines, partitions)
}

/// Nothing is lost, doubled, changed or out of order; and the comparison had something to compare.
#[track_caller]
pub(super) fn holds(trial: &Trial, records: &[Record]) {
    let (expected, found) = (trial.expected(records), trial.given_out());
    assert_eq!(compare(&expected, &found), Differences::default());
    assert!(expected.decisions() * 10 > records.len() * 9, "every message is decided on: {}", expected.decisions());
    assert!(expected.penalties() > 0, "the ladder takes steps in this stream");
}

#[test]
fn what_goes_in_comes_out_once() {
    let trial = Trial::new(shared().bootstrap(), "delivery", 4, "");
    let records = records(4000, 12, 4);
    trial.feed(&records, None);
    let instance = trial.start("a");
    trial.drained(PATIENCE);
    assert!(instance.stop().success());
    holds(&trial, &records);
}

#[test]
fn at_least_once_gives_the_same_where_nothing_fails() {
    let trial = Trial::new(shared().bootstrap(), "at-least", 2, "delivery = \"at_least_once\"");
    let records = records(2000, 5, 2);
    let instance = trial.start("a");
    trial.feed(&records, None);
    trial.drained(PATIENCE);
    assert!(instance.stop().success());
    holds(&trial, &records);
}

/// Decisions carry CloudEvents' headers; rejects say where each came from and why, so that it can be played again.
#[test]
fn headers_say_what_a_record_is_and_where_it_came_from() {
    let trial = Trial::new(shared().bootstrap(), "headers", 2, "");
    let mut records = records(200, 0, 2);
    let poison = |value: &[u8]| Record { partition: 1, key: "p".into(), value: value.to_vec() };
    records.push(poison(b"not json at all"));
    records.push(poison(b"\xff\xfe"));
    records.push(poison(b""));
    records.push(poison(&[b'['; 100_000]));
    trial.feed(&records, None);
    let instance = trial.start("a");
    trial.drained(PATIENCE);
    assert!(instance.stop().success());
    let bootstrap = shared().bootstrap();
    let (decisions, rejects) =
        (committed(bootstrap, &trial.topic("actions")), committed(bootstrap, &trial.topic("rejects")));
    let has =
        |headers: &[(String, String)], name: &str| headers.iter().any(|(key, value)| key == name && !value.is_empty());
    for decision in decisions.iter().flatten() {
        for name in ["ce_id", "ce_source", "ce_type", "ce_specversion", "ce_time", "content-type"] {
            assert!(has(&decision.headers, name), "{name} is absent: {:?}", decision.headers);
        }
    }
    let rejects: Vec<_> = rejects.into_iter().flatten().collect();
    assert_eq!(rejects.len(), 4);
    let value = |headers: &[(String, String)], part: &str| {
        let named = headers.iter().find(|(key, _)| key.contains(part));
        named.unwrap_or_else(|| panic!("no header of the {part}: {headers:?}")).1.clone()
    };
    let from: Vec<_> = rejects
        .iter()
        .map(|reject| {
            (value(&reject.headers, "topic"), value(&reject.headers, "partition"), value(&reject.headers, "reason"))
        })
        .collect();
    assert!(from.iter().all(|(topic, partition, _)| *topic == trial.topic("events") && partition == "1"), "{from:?}");
}
