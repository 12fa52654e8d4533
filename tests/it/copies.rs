//! Near-duplicates on the stream: who began it, how many joined, what is kept of whom.

use serde_json::{Value, json};
use tidegate::io::{FileTexts, FileTextsOptions};
use tidegate::stream::Editions;

use crate::stage::{Cut, World, edition};

const TEXT: &str = "城东新开的面馆今天免费试吃，凭这条消息到店领取";
const WASHED: &str = "城东新开的面馆今天免费品尝！！凭这条消息到店来领取哦";

fn post(id: &str, author: &str, minute: u32, text: &str) -> Vec<u8> {
    let at = format!("2026-09-01T08:{minute:02}:00Z");
    json!({"id": id, "channel": "post", "author": author, "at": at, "text": text}).to_string().into_bytes()
}

fn decisions(records: Vec<Vec<u8>>) -> (World, Vec<Value>) {
    let world = World::new(records);
    world.run(&Editions::new(edition()), Cut::default()).unwrap();
    let lines = world.given_out().0;
    let decisions = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (world, decisions)
}

fn ground<'a>(decision: &'a Value, name: &str) -> Option<&'a Value> {
    let reasons = decision["reasons"].as_array()?.iter().flat_map(|reason| reason["signals"].as_array());
    reasons.flatten().find(|ground| ground["name"] == name).map(|ground| &ground["value"])
}

#[test]
fn a_washed_copy_is_folded_and_names_what_it_is_a_copy_of() {
    let (_, decisions) = decisions(vec![
        post("first", "ann", 0, TEXT),
        post("other", "eve", 1, "今天的会议改到三点，大家记得带上周的记录"),
        post("copy", "bob", 2, WASHED),
    ]);
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0]["event"], "copy");
    assert_eq!(decisions[0]["actions"][0]["action"], "fold");
    assert_eq!(ground(&decisions[0], "twin.cluster"), Some(&json!("first")));
    let similarity = ground(&decisions[0], "twin.similarity").and_then(Value::as_f64).unwrap();
    assert!((0.5..1.0).contains(&similarity), "{similarity}");
}

#[test]
fn authors_of_a_campaign_are_counted_once_and_the_authors_own_repeats_are_no_copies() {
    let mut records: Vec<_> = (0..3).map(|i| post(&format!("own{i}"), "ann", i, TEXT)).collect();
    records.extend((3..6).map(|i| post(&format!("copy{i}"), &format!("bot{i}"), i, TEXT)));
    let (_, decisions) = decisions(records);
    let reviews: Vec<(&str, i64)> = decisions
        .iter()
        .filter(|decision| decision["actions"][0]["action"] == "review")
        .map(|decision| {
            let authors = ground(decision, "twin.authors_10m").and_then(Value::as_i64).unwrap_or(1);
            (decision["event"].as_str().unwrap(), authors)
        })
        .collect();
    assert_eq!(reviews, [("copy3", 2), ("copy4", 3), ("copy5", 4)]);
}

#[test]
fn an_erased_author_is_nobodys_first_and_their_words_leave_the_disk() {
    let erase = json!({"kind": "erase", "author": "ann", "at": "2026-09-01T08:05:00Z"}).to_string().into_bytes();
    let (world, decisions) = decisions(vec![
        post("first", "ann", 0, TEXT),
        erase,
        post("copy", "bob", 6, WASHED),
        post("copy2", "eve", 7, WASHED),
    ]);
    // What is left of it begins with bob.
    assert!(decisions.iter().all(|decision| decision["event"] != "copy"), "{decisions:?}");
    let bytes: Vec<u8> = std::fs::read_dir(world.texts.path())
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("免费品尝") && holds("copy"));
    assert!(!holds("免费试吃") && !holds("first"));
}

#[test]
fn texts_that_were_marked_under_another_secret_are_refused() {
    let (world, _) = decisions(vec![post("first", "ann", 0, TEXT)]);
    let options = FileTextsOptions { segment_bytes: 16 << 10, check: 1, ..FileTextsOptions::default() };
    let error = FileTexts::open(world.texts.path(), options).unwrap_err();
    assert!(error.to_string().contains("secret"), "{error}");
}

#[test]
fn texts_that_are_missing_are_told_and_nothing_is_decided_without_them() {
    let (world, _) = decisions(vec![post("first", "ann", 0, TEXT)]);
    for entry in std::fs::read_dir(world.texts.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let error = world.run(&Editions::new(edition()), Cut::default()).unwrap_err();
    assert!(error.to_string().contains("journal knows"), "{error}");
    assert!(error.hint().contains("restore"), "{}", error.hint());
}
