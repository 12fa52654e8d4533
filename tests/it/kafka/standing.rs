//! Standing that one lane keeps for each author, whatever the input is keyed by, on the broker: see `crate::standing` for what is
//! compared, and within which bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tidegate::event::Relay;

use super::broker::shared;
use super::client::committed;
use super::delivery::{PATIENCE, records};
use super::stream::Record;
use super::trial::{Trial, pause};
use crate::standing::{Held, People, edition_folder, held, of_one_loop};

const SETTINGS: &str = "standing = \"shared\"\nsession_timeout_ms = 2000\ndrain_ms = 3000\n";

/// The records shared out by room, or by themselves where they have none: an author's are everywhere.
fn by_room(records: Vec<Record>, partitions: usize) -> Vec<Record> {
    let mut homes: BTreeMap<String, usize> = BTreeMap::new();
    let place = |key: &str| {
        key.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % partitions
    };
    let moved = records.into_iter().map(|record| {
        let fields: Value = serde_json::from_slice(&record.value).unwrap_or_default();
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        let key = text("room").or_else(|| text("id")).or_else(|| text("author")).unwrap_or_default();
        let partition = text("event").and_then(|event| homes.get(&event).copied()).unwrap_or_else(|| place(&key));
        text("id").map(|id| homes.insert(id, partition));
        Record { partition, key, ..record }
    });
    moved.collect()
}

/// What the topic says of each author in the end.
fn told(trial: &Trial) -> BTreeMap<String, Held> {
    let mut told = BTreeMap::new();
    for seen in committed(shared().bootstrap(), &trial.topic("standing")).into_iter().flatten() {
        let author = String::from_utf8(seen.key).unwrap();
        match seen.value.is_empty() {
            true => drop(told.remove(&author)),
            false => {
                let Relay::Standing { strikes, steps, .. } = serde_json::from_slice(&seen.value).unwrap() else {
                    panic!()
                };
                told.insert(author, held(&strikes, &steps));
            }
        }
    }
    told.retain(|_, held| *held != Held::default());
    told
}

#[test]
fn penalties_are_those_of_one_loop_whatever_the_input_is_keyed_by() {
    let folder = edition_folder();
    let trial = Trial::new(shared().bootstrap(), "standing", 4, SETTINGS).with_edition(folder.path());
    let records = by_room(records(4000, 0, 4), 4);
    let mut random = fastrand::Rng::with_seed(5);
    let mut instances: Vec<_> = ["a", "b", "c"].map(|name| (name, Some(trial.start(name)))).into();
    std::thread::scope(|scope| {
        let feed = scope.spawn(|| trial.feed(&records, Some(500)));
        for _ in 0..6 {
            pause(Duration::from_millis(random.u64(400..1600)));
            let (name, instance) = &mut instances[random.usize(0..3)];
            instance.take().unwrap().kill();
            *instance = Some(trial.start(name));
        }
        feed.join().unwrap();
    });
    trial.drained(PATIENCE);
    trial.told(PATIENCE);
    drop(instances);
    let lines: Vec<Vec<u8>> = records.iter().map(|record| record.value.clone()).collect();
    let (people, mut expected, mut found) = (People::of(&lines), of_one_loop(&lines, &folder), told(&trial));
    expected.retain(|author, _| !people.concerned.contains(author));
    found.retain(|author, _| !people.concerned.contains(author));
    assert!(expected.len() > 20 && expected.values().any(|(_, steps)| !steps.is_empty()), "{}", expected.len());
    assert_eq!(found, expected);
    // Steps go out once each, under ids that depend on the message alone.
    let decisions = committed(shared().bootstrap(), &trial.topic("actions")).into_iter().flatten();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    let mut steps = 0;
    for seen in decisions {
        let decision: Value = serde_json::from_slice(&seen.value).unwrap();
        *ids.entry(decision["id"].as_str().unwrap().to_owned()).or_default() += 1;
        steps += usize::from(decision["reasons"][0]["rule"].as_str().is_some_and(|rule| rule.starts_with("ladder.")));
    }
    assert!(ids.values().all(|times| *times == 1), "nothing is doubled");
    assert!(steps > 0 && ids.len() > records.len() * 9 / 10, "{steps} steps, {} decisions", ids.len());
}
