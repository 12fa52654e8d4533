//! Editions that are published to the cluster: taken by every instance in mid-stream, whole or not at all, refused with their
//! errors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::broker::shared;
use super::client::{committed, flush, producer, send};
use super::delivery::{PATIENCE, records};
use super::stream::{Differences, compare};
use super::trial::{Trial, now, pause};

const ANOTHER: &str = "\
- id: site.another
  when: text.chars >= 1000000
  do: [{review: {queue: another}}]
  owner: tests
  expires: 2099-01-01
  status: draft
";
const BROKEN: &str = "- id: site.broken\n  when: words.lure.cuont > 1\n  do: [{fold: {level: 1}}]\n";

/// The overlay of the trial with another rule beside it.
fn overlay(trial: &Trial, rule: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::copy(trial.overlay().join("every.yaml"), dir.path().join("every.yaml")).unwrap();
    fs::write(dir.path().join("site.yaml"), rule).unwrap();
    dir
}

fn publish(trial: &Trial, overlay: &Path) -> Output {
    let edition = trial.edition();
    trial
        .command(&["edition", "publish", "--kafka", "--json"])
        .arg(edition)
        .arg("--overlay")
        .arg(overlay)
        .output()
        .unwrap()
}

fn published(trial: &Trial, overlay: &Path) -> String {
    let output = publish(trial, overlay);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    manifest["edition"].as_str().unwrap().to_owned()
}

fn rows(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn status(trial: &Trial) -> Vec<Value> {
    rows(&trial.command(&["edition", "status", "--json"]).output().unwrap())
}

/// Waits until so many instances stand so.
fn wait_for(trial: &Trial, instances: usize, standing: &str) -> Vec<Value> {
    let begun = now();
    loop {
        let told = status(trial);
        if told.iter().filter(|row| row["status"] == standing).count() == instances {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "{standing}: {told:#?} {}", trial.logs());
        pause(Duration::from_millis(200));
    }
}

/// Which editions decided, by partition of the decisions' author and in their order, each as often as it changed.
fn changes(trial: &Trial) -> Vec<Vec<String>> {
    let mut by_author: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for seen in committed(shared().bootstrap(), &trial.topic("actions")).into_iter().flatten() {
        let decision: Value = serde_json::from_slice(&seen.value).unwrap();
        by_author.entry(seen.key).or_default().push(decision["edition"].as_str().unwrap().to_owned());
    }
    by_author.values_mut().for_each(Vec::dedup);
    by_author.into_values().collect()
}

#[test]
fn an_edition_published_in_mid_stream_reaches_three_instances() {
    let trial = Trial::new(shared().bootstrap(), "editions", 6, "");
    let records = records(3000, 0, 6);
    let (before, after) = (overlay(&trial, "[]\n"), overlay(&trial, ANOTHER));
    let first = published(&trial, before.path());
    let instances = ["a", "b", "c"].map(|name| trial.start(name));
    // An instance that starts takes what is published before it reads anything: its own folder holds other rules.
    wait_for(&trial, 3, "runs it");
    trial.feed(&records[..1500], None);
    trial.drained(PATIENCE);
    let (second, told) = std::thread::scope(|scope| {
        let feed = scope.spawn(|| trial.feed(&records[1500..], Some(400)));
        let second = published(&trial, after.path());
        let told = wait_for(&trial, 3, "runs it");
        feed.join().unwrap();
        (second, told)
    });
    assert!(told.iter().all(|row| row["edition"] == *second && row["refused"].is_null()), "{told:#?}");
    trial.drained(PATIENCE);
    for instance in instances {
        assert!(instance.stop().success());
    }
    assert_eq!(status(&trial).len(), 0, "who ended in order runs nothing");
    let found = compare(&trial.expected(&records), &trial.given_out());
    // The lines differ in the id of the edition, and in nothing else.
    assert_eq!(Differences { changed: 0, ..found }, Differences::default());
    let changes = changes(&trial);
    let known = [vec![first.clone()], vec![second.clone()], vec![first.clone(), second.clone()]];
    assert!(changes.iter().all(|of_author| known.contains(of_author)), "{changes:?}");
    let used: BTreeSet<&String> = changes.iter().flatten().collect();
    assert_eq!(used, [&first, &second].into(), "both decided");
    let listed = rows(&trial.command(&["edition", "list", "--json"]).output().unwrap());
    let column = |name: &str| listed.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("edition"), [&*second, &*first]);
    assert_eq!(column("in_force"), [true, false]);
}

#[test]
fn what_is_broken_or_half_there_is_not_taken() {
    let trial = Trial::new(shared().bootstrap(), "editions-broken", 2, "");
    let (right, broken) = (overlay(&trial, ANOTHER), overlay(&trial, BROKEN));
    let edition = published(&trial, right.path());
    let output = publish(&trial, broken.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("overlay/site.yaml:2") && said.contains("words.lure.count"), "{said}");
    let instance = trial.start("a");
    let told = wait_for(&trial, 1, "runs it");
    assert_eq!(told[0]["edition"], *edition);
    // Whoever publishes dies between a chunk and the manifest; then a manifest comes whose chunk is damaged.
    let (topic, writer) = (trial.topic("editions"), producer(shared().bootstrap()));
    let seen = committed(shared().bootstrap(), &topic).into_iter().flatten();
    let mut manifest: Value =
        seen.filter(|seen| seen.key == b"m").map(|seen| serde_json::from_slice(&seen.value).unwrap()).next().unwrap();
    (manifest["edition"], manifest["bundle"]) = ("0123456789abcdef".into(), "0".repeat(32).into());
    let chunk = format!("c/{}/000000", "0".repeat(32));
    send(&writer, &topic, 0, chunk.as_bytes(), b"half of it");
    flush(&writer);
    pause(Duration::from_millis(500));
    assert_eq!(status(&trial)[0]["status"], "runs it");
    send(&writer, &topic, 0, b"m", manifest.to_string().as_bytes());
    flush(&writer);
    let told = wait_for(&trial, 1, "refused it");
    assert_eq!(told[0]["edition"], *edition, "the old one stays");
    let problem = told[0]["refused"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("not those that were published"), "{problem}");
    let code = trial.command(&["edition", "status"]).output().unwrap().status.code();
    assert_eq!(code, Some(1), "somebody has to look");
    assert!(instance.stop().success());
    // One that starts now would have other rules than those that were meant: it does not.
    let output = trial.instance("b").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("0123456789abcdef") && said.contains("tidegate edition publish"), "{said}");
    published(&trial, right.path());
    assert_eq!(committed(shared().bootstrap(), &topic).concat().last().map(|seen| seen.value.len()), Some(0));
}
