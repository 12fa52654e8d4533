//! A stream with the service beside it.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::house::House;

fn event(id: &str, text: &str) -> String {
    json!({"id": id, "channel": "post", "author": "a1", "at": "2026-01-01T00:00:00Z", "text": text}).to_string() + "\n"
}

#[test]
fn a_stream_is_shown_as_it_is_decided_on_and_nothing_is_handed_in() {
    let inbox = tempfile::tempdir().unwrap();
    std::fs::write(inbox.path().join("1.jsonl"), event("f1", "加微信领彩金")).unwrap();
    let mut house = House::beside(inbox.path(), "[index]\nordinary_share = 1.0\ncommit_every_ms = 50\n");
    let eventually = |path: &str, text: &str| {
        for _ in 0..400 {
            if house.get(&house.admin, path).body.contains(text) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("{path} does not come to {text}: {:?}", house.get(&house.admin, path));
    };
    eventually("/v1/decisions", "\"f1\"");
    std::fs::write(inbox.path().join("2.jsonl"), event("f2", "彩金 稳赚") + &event("f3", "今天天气很好")).unwrap();
    eventually("/v1/decisions", "\"f2\"");
    eventually("/v1/search?q=event:f3", "\"total\":1");
    eventually("/metrics", "tidegate_events_total");
    let refused = house.decide(&house.admin, &json!({"id": "x"}));
    assert_eq!((refused.status, &refused.json()["code"]), (409, &"reads_only".into()), "{refused:?}");
    let claim = house.call(Some(&house.admin), "POST /v1/reviews/f1/claim", "", b"");
    assert_eq!((claim.status, &claim.json()["code"]), (409, &"reads_only".into()), "{claim:?}");
    let word = house.call(Some(&house.admin), "POST /v1/reviews/f1/verdict", "", b"{\"outcome\":\"upheld\"}");
    assert_eq!((word.status, &word.json()["code"]), (409, &"reads_only".into()), "{word:?}");
    assert!(house.stop(), "it stops well when it is asked to");
}

#[test]
fn what_cannot_be_shown_is_refused_with_what_to_do() {
    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["run", "--input", "-", "--serve", "127.0.0.1:0"])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["--output", "-"]).contains("name a folder"));
    assert!(refused(&["--output", "x", "--metrics", "127.0.0.1:0"]).contains("--metrics"));
}
