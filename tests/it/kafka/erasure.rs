//! Erased is erased from the compacted topics too, within what their brokers are told to take for it.

use std::time::Duration;

use serde_json::json;

use super::broker::shared;
use super::client::{committed, configure};
use super::delivery::PATIENCE;
use super::stream::Record;
use super::trial::{Trial, now, pause};

/// Compacted at once, where `tidegate topics create` says within a day.
const SOON: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "500"),
    ("max.compaction.lag.ms", "500"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("delete.retention.ms", "500"),
];
/// Stands in no other text.
const MARK: &str = "quetzalcoatlus";
const ERASED: &str = "whoever-was-erased";
const AT: i64 = 1_760_000_000_000;

fn post(author: &str, number: i64, text: &str) -> Record {
    let at = AT + number * 1000;
    let post =
        json!({"id": format!("e-{number}"), "channel": "group", "room": "r", "author": author, "at": at, "text": text});
    Record { partition: 0, key: author.into(), value: post.to_string().into_bytes() }
}

/// Whether the topic still holds a byte of the author's.
fn holds(topic: &str) -> bool {
    let has = |bytes: &[u8], part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    let seen = committed(shared().bootstrap(), topic).concat();
    seen.iter().any(|seen| [MARK, ERASED].iter().any(|part| has(&seen.value, part) || has(&seen.key, part)))
}

#[test]
fn whoever_is_erased_is_gone_from_the_compacted_topics() {
    let trial = Trial::new(shared().bootstrap(), "erased", 1, "standing = \"shared\"\n");
    let topics = ["state", "standing"].map(|role| trial.topic(role));
    topics.iter().for_each(|topic| configure(shared().bootstrap(), topic, SOON));
    let instance = trial.start("a");
    let text = format!("{MARK} 加微信领彩金 {MARK} northropi was seen over the plains this morning");
    trial.feed(&[post(ERASED, 1, &text), post("somebody", 2, "加微信领彩金")], None);
    trial.drained(PATIENCE);
    trial.told(PATIENCE);
    assert!(topics.iter().all(|topic| holds(topic)), "what is to be erased is there: {}", trial.logs());
    let erase = json!({"kind": "erase", "author": ERASED, "at": AT + 3000}).to_string().into_bytes();
    trial.feed(&[Record { partition: 0, key: ERASED.into(), value: erase }], None);
    // A broker compacts what lies before the file that it writes to, and begins another one when something comes.
    let begun = now();
    for number in 4.. {
        trial.feed(&[post(&format!("other-{number}"), number, &format!("加微信领彩金 {number}"))], None);
        pause(Duration::from_millis(600));
        let left: Vec<&String> = topics.iter().filter(|topic| holds(topic)).collect();
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{left:?} still hold it; {}", trial.logs());
    }
    assert!(instance.stop().success());
}
