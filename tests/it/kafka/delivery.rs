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

/// Decisions carry CloudEvents' headers; rejects are the very bytes that came, with where they came from and why.
#[test]
fn headers_say_what_a_record_is_and_where_it_came_from() {
    let trial = Trial::new(shared().bootstrap(), "headers", 2, "");
    let poison: [(&[u8], &str); 4] =
        [(b"not json at all", "bad_json"), (b"\xff\xfe", "bad_utf8"), (b"", "bad_json"), (&[b'['; 5000], "bad_json")];
    let own = |(value, _): &(&[u8], &str)| Record { partition: 1, key: "p".into(), value: value.to_vec() };
    let records: Vec<_> = poison.iter().map(own).chain(records(200, 0, 2)).collect();
    trial.feed(&records, None);
    let instance = trial.start("a");
    trial.drained(PATIENCE);
    assert!(instance.stop().success());
    let read =
        |role: &str| committed(shared().bootstrap(), &trial.topic(role)).into_iter().flatten().collect::<Vec<_>>();
    let decisions = read("actions");
    assert!(decisions.len() >= 190, "{}", decisions.len());
    for decision in decisions {
        for name in ["ce_id", "ce_source", "ce_type", "ce_specversion", "ce_time", "content-type"] {
            assert!(decision.header(name).is_some_and(|value| !value.is_empty()), "{name}: {:?}", decision.headers);
        }
    }
    let rejects = read("rejects");
    let of = |offset: usize| rejects.iter().find(|reject| reject.header("source.offset") == Some(&offset.to_string()));
    for (offset, (value, code)) in poison.iter().enumerate() {
        let reject = of(offset).unwrap_or_else(|| panic!("no dead letter of offset {offset}: {rejects:?}"));
        assert_eq!((&reject.value[..], reject.header("code")), (*value, Some(*code)));
        assert_eq!(reject.header("source.topic"), Some(&*trial.topic("events")));
        assert_eq!(reject.header("source.partition"), Some("1"));
        assert!(reject.header("reason").is_some_and(|reason| !reason.is_empty()));
    }
    assert_eq!(rejects.len(), poison.len());
}
