//! Near-duplicates over all partitions, on the broker: see `crate::shared_twins` for what is found by lanes and delay.

use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

use super::broker::shared;
use super::client::committed;
use super::delivery::{PATIENCE, records};
use super::stream::Record;
use super::trial::{Trial, pause};

const SETTINGS: &str = "standing = \"shared\"\ntwins = \"shared\"\nsession_timeout_ms = 2000\ndrain_ms = 3000\n";

/// Each message of which its decision says that it is a copy.
fn copies<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in lines {
        let decision: Value = serde_json::from_slice(line).unwrap();
        let grounds =
            decision["reasons"].as_array().into_iter().flatten().flat_map(|reason| reason["signals"].as_array());
        if grounds.flatten().any(|ground| ground["name"] == "twin.similarity") {
            found.insert(decision["event"].as_str().unwrap().to_owned());
        }
    }
    found
}

/// Fires on every copy, whoever wrote it.
const COPY: &str = "\
- id: trial.copy
  when: twin.similarity > 0.0
  do: [{review: {queue: copies}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: hello, given: {twin.similarity: 0.7}, expect: fires}, {text: hello, expect: silent}]
";

#[test]
fn copies_are_found_whichever_partition_they_come_in() {
    let trial = Trial::new(shared().bootstrap(), "twins", 4, SETTINGS);
    std::fs::write(trial.overlay().join("copy.yaml"), COPY).unwrap();
    // Keyed by nothing: the copies of one text are everywhere.
    let scatter = |(number, record): (usize, Record)| Record {
        partition: number.wrapping_mul(0x9E37_79B9) / 65_536 % 4,
        ..record
    };
    let records: Vec<Record> = records(3000, 0, 4).into_iter().enumerate().map(scatter).collect();
    let whole: Vec<Record> = records.iter().map(|record| Record { partition: 0, ..record.clone() }).collect();
    let mut random = fastrand::Rng::with_seed(9);
    let mut instances: Vec<_> = ["a", "b"].map(|name| (name, Some(trial.start(name)))).into();
    std::thread::scope(|scope| {
        let feed = scope.spawn(|| trial.feed(&records, Some(300)));
        for _ in 0..3 {
            pause(Duration::from_millis(random.u64(1500..3000)));
            let (name, instance) = &mut instances[random.usize(0..2)];
            instance.take().unwrap().kill();
            *instance = Some(trial.start(name));
        }
        feed.join().unwrap();
    });
    trial.drained(PATIENCE);
    trial.told(PATIENCE);
    for (_, instance) in instances {
        assert!(instance.unwrap().stop().success());
    }
    let seen = committed(shared().bootstrap(), &trial.topic("actions")).concat();
    let found = copies(seen.iter().map(|seen| &*seen.value));
    let ids: BTreeSet<&str> = seen.iter().filter_map(|seen| seen.header("ce_id")).collect();
    assert_eq!(ids.len(), seen.len(), "nothing is doubled");
    let of = |records: &[Record]| {
        let lines = trial.embedded_actions(records);
        copies(
            lines
                .iter()
                .flat_map(|lines| lines.as_bytes().split(|&byte| byte == b'\n'))
                .filter(|line| !line.is_empty()),
        )
    };
    let (all, alone) = (of(&whole), of(&records));
    let share = |part: &BTreeSet<String>| part.intersection(&all).count() as f64 / all.len() as f64;
    let told: usize =
        committed(shared().bootstrap(), &trial.topic("sketches")).concat().iter().map(|seen| seen.value.len()).sum();
    println!(
        "{} copies; found {:.3}, each partition for itself {:.3}; {} bytes told of {} messages",
        all.len(),
        share(&found),
        share(&alone),
        told,
        records.len()
    );
    assert!(
        share(&found) >= 0.9 && share(&found) > share(&alone) + 0.05,
        "{} against {}",
        share(&found),
        share(&alone)
    );
}
