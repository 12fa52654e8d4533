//! Near-duplicates over all partitions, on the broker: see `crate::shared_twins` for what is found by lanes and delay.

use serde_json::Value;
use std::collections::BTreeSet;

use super::broker::shared;
use super::client::committed;
use super::delivery::{PATIENCE, records};
use super::stream::Record;
use super::trial::Trial;

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

/// Records that are fed before anybody waits: what two partitions hold of one text that came in one such part is not known to either.
const PART: usize = 200;

/// Texts are told in a first part; whoever repeats them in the parts after it is found, wherever that comes in, whoever was killed
/// meanwhile. A part is fed when the one before was heard by everybody, so that no rate and no machine decides what is found.
#[test]
fn copies_are_found_whichever_partition_they_come_in() {
    let trial = Trial::new(shared().bootstrap(), "twins", 4, SETTINGS);
    std::fs::write(trial.overlay().join("copy.yaml"), COPY).unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    let mut records = records(2000, 0, 4);
    // Keyed by nothing, in no order: the copies of one text are everywhere.
    random.shuffle(&mut records);
    records.iter_mut().for_each(|record| record.partition = random.usize(0..4));
    let (first, second) = records.split_at(1200);
    let mut instances: Vec<_> = ["a", "b"].map(|name| (name, Some(trial.start(name)))).into();
    trial.feed(first, None);
    trial.drained(PATIENCE);
    trial.told(PATIENCE);
    for (number, part) in second.chunks(PART).enumerate() {
        trial.feed(part, None);
        if let Some((name, instance)) = instances.get_mut(number.wrapping_sub(1)) {
            instance.take().unwrap().kill();
            *instance = Some(trial.start(name));
        }
        trial.drained(PATIENCE);
        trial.told(PATIENCE);
    }
    for (_, instance) in instances {
        assert!(instance.unwrap().stop().success());
    }
    let seen = committed(shared().bootstrap(), &trial.topic("actions")).concat();
    let ids: BTreeSet<&str> = seen.iter().filter_map(|seen| seen.header("ce_id")).collect();
    assert_eq!(ids.len(), seen.len(), "nothing is doubled");
    let whole: Vec<Record> = records.iter().map(|record| Record { partition: 0, ..record.clone() }).collect();
    let of = |records: &[Record]| {
        let lines = trial.embedded_actions(records);
        let lines = lines.iter().flat_map(|lines| lines.as_bytes().split(|&byte| byte == b'\n'));
        copies(lines.filter(|line| !line.is_empty()))
    };
    let (found, mut all, alone) = (copies(seen.iter().map(|seen| &*seen.value)), of(&whole), of(&records));
    let later: BTreeSet<String> = second.iter().filter_map(id).collect();
    all.retain(|id| later.contains(id));
    let share = |part: &BTreeSet<String>| part.intersection(&all).count() as f64 / all.len() as f64;
    let sketches = committed(shared().bootstrap(), &trial.topic("sketches")).concat();
    let told: usize = sketches.iter().map(|seen| seen.value.len()).sum();
    let (found, alone) = (share(&found), share(&alone));
    println!(
        "{} copies; found {found:.3}, alone {alone:.3}; {told} bytes told of {} messages",
        all.len(),
        records.len()
    );
    assert!(found >= 0.95 && found > alone + 0.2, "{found} of {}, each partition for itself {alone}", all.len());
}

fn id(record: &Record) -> Option<String> {
    let record: Value = serde_json::from_slice(&record.value).ok()?;
    record["id"].as_str().map(str::to_owned)
}
