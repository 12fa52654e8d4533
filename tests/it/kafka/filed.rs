//! The index beside each instance: together they hold every committed decision once, whoever was killed and wherever partitions went.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::broker::shared;
use super::client::committed;
use super::delivery::{PATIENCE, records};
use super::stream::Record;
use super::trial::{Trial, now, pause, tidegate};

const SETTINGS: &str = "session_timeout_ms = 2000\ndrain_ms = 3000\n[index]\nenabled = true\n";

/// Who is forgotten in these records: their cases are gone from the index of whoever has the partition then.
fn erased(records: &[Record]) -> BTreeSet<String> {
    let record = |record: &Record| serde_json::from_slice::<Value>(&record.value).ok();
    let erasures = records.iter().filter_map(record).filter(|record| record["kind"] == "erase");
    erasures.map(|record| record["author"].as_str().unwrap().to_owned()).collect()
}

/// The id of a decision about anybody else.
fn id(decision: &Value, erased: &BTreeSet<String>) -> Option<String> {
    let text = |name: &str| decision[name].as_str().map(str::to_owned);
    text("id").filter(|_| text("author").is_some_and(|author| !erased.contains(&author)))
}

/// The decisions of the index of that instance.
fn indexed(trial: &Trial, name: &str, erased: &BTreeSet<String>) -> Vec<String> {
    let mut command = tidegate(&["search", "--export", "jsonl", "--index"]);
    let output = command.arg(trial.at(name).join("index")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| id(&serde_json::from_slice::<Value>(line).unwrap()["decision"], erased)).collect()
}

#[test]
fn every_committed_decision_is_in_one_index() {
    let trial = Trial::new(shared().bootstrap(), "filed", 4, SETTINGS);
    let records = records(2600, 0, 4);
    let erased = erased(&records);
    let (stream, last) = records.split_at(records.len() - 200);
    let mut random = fastrand::Rng::with_seed(17);
    let mut instances = ["a", "b"].map(|name| (name, Some(trial.start(name))));
    thread::scope(|scope| {
        let feed = scope.spawn(|| trial.feed(stream, Some(300)));
        for _ in 0..5 {
            pause(Duration::from_millis(random.u64(300..1800)));
            let (name, instance) = &mut instances[random.usize(0..2)];
            instance.take().unwrap().kill();
            *instance = Some(trial.start(name));
        }
        feed.join().unwrap();
    });
    trial.drained(PATIENCE);
    // Each has every partition once more, and learns what became of the batch that it died with.
    for (gone, part) in [1, 0].into_iter().zip(last.chunks(100)) {
        let (name, instance) = &mut instances[1 - gone];
        instance.get_or_insert_with(|| trial.start(name));
        assert!(instances[gone].1.take().unwrap().stop().success());
        trial.feed(part, None);
        trial.drained(PATIENCE);
    }
    let again = trial.start("a");
    let decided = committed(shared().bootstrap(), &trial.topic("actions")).concat();
    let mut expected: Vec<String> =
        decided.iter().filter_map(|seen| id(&serde_json::from_slice(&seen.value).unwrap(), &erased)).collect();
    expected.sort_unstable();
    assert!(expected.len() > records.len() / 2, "{}", expected.len());
    let begun = now();
    loop {
        let mut found = ["a", "b"].map(|name| indexed(&trial, name, &erased)).concat();
        found.sort_unstable();
        if found == expected {
            break;
        }
        let lost = expected.iter().filter(|id| found.binary_search(id).is_err()).count();
        let (found, expected) = (found.len(), expected.len());
        assert!(begun.elapsed() < PATIENCE, "{found} for {expected}, {lost} of them not there; {}", trial.logs());
        pause(Duration::from_millis(500));
    }
    drop((again, instances));
}
