//! What was answered is safe, and is what the stream would have said.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::house::House;
use crate::stage::{path, sample};

/// Decisions of a folder by their ids, as they stand there.
fn decisions(dir: &std::path::Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(dir.join("actions.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|decision| (decision["id"].as_str().unwrap().to_owned(), decision)).collect()
}

#[test]
fn decisions_are_those_of_the_stream() {
    let records: Vec<Vec<u8>> = sample().into_iter().take(3000).collect();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    std::fs::write(&input, records.join(&b'\n')).unwrap();
    let out = dir.path().join("out");
    let ran = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--input"])
        .arg(&input)
        .arg("--edition")
        .arg(path("tests/it/edition"))
        .arg("--output")
        .arg(&out)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut house = House::new("");
    let mut told = 0;
    for piece in records.chunks(700) {
        let body = piece.join(&b'\n');
        let reply = house.call(Some(&house.admin), "POST /v1/decide", "application/x-ndjson", &body);
        assert_eq!(reply.status, 200);
        let outcomes: Vec<Value> = reply.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(outcomes.len(), piece.len());
        told +=
            outcomes.iter().filter(|outcome| !outcome["decision"].is_null() && outcome["repeated"].is_null()).count();
    }
    assert!(house.stop(), "it stops well when it is asked to");
    let streamed = std::fs::read_to_string(out.join("actions.jsonl")).unwrap();
    let served = std::fs::read_to_string(house.dir.path().join("actions.jsonl")).unwrap();
    assert!(streamed == served, "the service decides otherwise than the stream");
    assert_eq!(told, served.lines().count(), "everybody was told what was decided");
}

#[test]
fn nothing_that_was_answered_is_lost_when_the_process_is_killed() {
    // Messages alone: what a verdict does twice is not asked here.
    let is_event = |record: &Vec<u8>| !String::from_utf8_lossy(record).contains("\"kind\":");
    let records: Vec<Vec<u8>> = sample().into_iter().filter(is_event).take(1200).collect();
    let mut house = House::new("");
    // What each event was answered with, before and after deaths.
    let answered: Mutex<BTreeMap<usize, Value>> = Mutex::default();
    for life in 0..3 {
        let next = AtomicUsize::new(life * 400);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(&house, &records, &next, (life + 1) * 400, &answered));
            }
            while next.load(Ordering::Relaxed) < life * 400 + 150 {
                thread::park_timeout(Duration::from_millis(5));
            }
            let killed = Command::new("kill").args(["-KILL", &house.id().to_string()]).status().unwrap();
            assert!(killed.success());
        });
        house.kill();
        house.again();
    }
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() > 300, "only {} were answered before the kills", answered.len());
    let mut decided = 0;
    for (at, before) in &answered {
        let again = house.call(Some(&house.admin), "POST /v1/decide", "application/json", &records[*at]).json();
        if before["repeated"].is_null() && before["event"].is_string() {
            assert_eq!(again["repeated"], Value::Bool(true), "record {at} was answered and is not known: {before}");
            assert_eq!(again["decision"], before["decision"], "record {at}");
            decided += usize::from(!before["decision"].is_null());
        }
    }
    assert!(decided > 5, "only {decided} decisions");
    let held = decisions(house.dir.path());
    let lines = std::fs::read_to_string(house.dir.path().join("actions.jsonl")).unwrap().lines().count();
    assert_eq!(held.len(), lines, "no decision stands there twice");
}

/// Hands records in until they are all in or the process is gone; keeps every answer that came whole.
fn ask(house: &House, records: &[Vec<u8>], next: &AtomicUsize, end: usize, answered: &Mutex<BTreeMap<usize, Value>>) {
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= end {
            return;
        }
        let Some(reply) = house.try_call(&records[at]) else { return };
        if reply.status == 200 {
            answered.lock().unwrap().insert(at, reply.json());
        }
    }
}
