//! Near-duplicates on the stream: who began it, how many joined, what is kept of whom.

use std::path::PathBuf;

use serde_json::{Value, json};
use tidegate::io::{FileTexts, FileTextsOptions};
use tidegate::stream::Editions;

use crate::stage::{Cut, LOG_NAMES, World, edition};

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

/// The files of the stored texts.
fn files(world: &World) -> Vec<PathBuf> {
    let folders = LOG_NAMES.iter().map(|name| std::fs::read_dir(world.texts.path().join(name)).unwrap());
    folders.flatten().map(|entry| entry.unwrap().path()).collect()
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
    let bytes: Vec<u8> = files(&world).iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("免费品尝") && holds("copy"));
    assert!(!holds("免费试吃") && !holds("first"));
}

#[test]
fn texts_that_were_marked_under_another_secret_are_refused() {
    let (world, _) = decisions(vec![post("first", "ann", 0, TEXT)]);
    let options = FileTextsOptions { segment_bytes: 16 << 10, check: 1, ..FileTextsOptions::default() };
    let error = FileTexts::open(world.texts.path().join("window"), options).unwrap_err();
    assert!(error.to_string().contains("secret"), "{error}");
}

#[test]
fn texts_that_are_missing_are_told_and_nothing_is_decided_without_them() {
    let (world, _) = decisions(vec![post("first", "ann", 0, TEXT)]);
    files(&world).iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let error = world.run(&Editions::new(edition()), Cut::default()).unwrap_err();
    assert!(error.to_string().contains("journal knows"), "{error}");
    assert!(error.hint().contains("restore"), "{}", error.hint());
}

/// Sentences of an article, of which no two have more than a letter in common.
fn sentences(from: u64, to: u64) -> String {
    let sentence = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let letters: String = (0..20).map(|_| random.char('\u{4e00}'..'\u{5e00}')).collect();
        letters + "。"
    };
    (from..to).map(sentence).collect()
}

fn article(id: &str, author: &str, minute: u32, text: &str) -> Vec<u8> {
    let at = format!("2026-09-01T08:{minute:02}:00Z");
    json!({"id": id, "channel": "article", "author": author, "at": at, "title": "河岸", "text": text})
        .to_string()
        .into_bytes()
}

#[test]
fn an_article_is_held_against_what_was_published_before_it_and_not_what_came_in_before_it() {
    let whole = sentences(0, 24);
    let half = sentences(0, 12) + &sentences(40, 52);
    let credited = format!("{half}（转载自河岸晚报）");
    let (_, decisions) = decisions(vec![
        article("original", "ann", 10, &whole),
        article("taken", "bob", 20, &whole),
        article("half", "cat", 30, &half),
        article("credited", "dan", 40, &credited),
        article("own", "ann", 50, &whole),
        // Comes in last, and was published first.
        article("earlier", "eve", 5, &whole),
    ]);
    let taken = |decision: &&Value| {
        decision["reasons"]
            .as_array()
            .is_some_and(|reasons| reasons.iter().any(|reason| reason["rule"] == "test.taken"))
    };
    let copies: Vec<(&str, &Value, bool)> = decisions
        .iter()
        .filter(taken)
        .filter_map(|decision| {
            let event = decision["event"].as_str().unwrap();
            Some((event, ground(decision, "twin.original")?, ground(decision, "twin.simhash").is_some()))
        })
        .collect();
    let original = json!("original");
    assert_eq!(copies, [("taken", &original, true), ("half", &original, true)], "{decisions:#?}");
    let half = decisions.iter().find(|decision| decision["event"] == "half").unwrap();
    let containment = ground(half, "twin.containment").and_then(Value::as_f64).unwrap();
    assert!((0.4..0.7).contains(&containment), "{containment}");
}
