//! A search that goes on.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::house::{House, token};

const FILED: &str = "[index]\nordinary_share = 1.0\ncommit_every_ms = 50\n";

/// One caller who listens.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn new(house: &House, token: &str, query: &str) -> Self {
        let mut stream = TcpStream::connect(house.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET /v1/search/live?{query} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {token}\r\n\r\n")
            .unwrap();
        let mut listener = Self(BufReader::new(stream));
        let head = listener.until(|line| line.starts_with(": here"));
        assert!(head.contains("200 OK") && head.contains("text/event-stream"), "{head}");
        listener
    }

    /// What comes up to a line that is looked for.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        let (mut heard, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "it ended early: {heard}");
            heard.push_str(&line);
            if is_it(&line) {
                return heard;
            }
        }
    }
}

fn said(house: &House, id: &str, text: &str) {
    said_at(house, id, text, "2026-01-01T00:00:00Z");
}

fn said_at(house: &House, id: &str, text: &str, at: &str) {
    let event = json!({"id": id, "channel": "post", "author": "a1", "at": at, "text": text});
    assert_eq!(house.decide(&house.admin, &event).status, 200);
}

#[test]
fn cases_come_as_they_are_filed_masked_or_not_and_it_ends_with_the_service() {
    let mut house = House::new(FILED);
    said(&house, "l0", "加微信领彩金");
    let analyst = token(house.dir.path(), "analyst");
    for _ in 0..200 {
        if house.get(&analyst, "/v1/search?q=event:l0").json()["total"] == 1 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let mut masked = Listener::new(&house, &analyst, "q=channel:post");
    let mut raw = Listener::new(&house, &analyst, "q=event:l2&raw=true");
    said(&house, "l1", "今天天气很好");
    said(&house, "l2", "明天也好");
    let heard = masked.until(|line| line.starts_with("data: ") && line.contains("\"l2\""));
    assert!(heard.contains("event: case") && heard.contains("\"l1\""), "{heard}");
    assert!(!heard.contains("\"l0\"") && !heard.contains("天气"), "what was there before is not told: {heard}");
    let heard = raw.until(|line| line.starts_with("data: "));
    let case: Value = serde_json::from_str(heard.lines().last().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(case["event"]["text"], "明天也好");
    assert!(house.stop(), "who listens keeps nobody from stopping");
    masked.until(|line| line.starts_with("event: end"));
    let log = super::house::tidegate(&["audit", "show", "--json"], house.dir.path());
    assert!(log.contains("raw.read") && log.contains("search/live"), "{log}");
}

#[test]
fn who_listens_has_a_bound_and_a_token_that_is_revoked_hears_no_more() {
    let house = House::new(FILED);
    said(&house, "l0", "你好");
    let analyst = token(house.dir.path(), "analyst");
    for _ in 0..200 {
        if house.get(&analyst, "/v1/search").status == 200 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let mut listeners: Vec<Listener> = (0..16).map(|_| Listener::new(&house, &analyst, "q=channel:post")).collect();
    let full = house.get(&analyst, "/v1/search/live");
    assert_eq!((full.status, &full.json()["code"]), (503, &"busy".into()), "{full:?}");
    super::house::tidegate(&["token", "revoke", "of-analyst"], house.dir.path());
    listeners[0].until(|line| line.starts_with("event: end"));
    drop(listeners);
    let mut status = 503;
    for _ in 0..200 {
        status = house.status(Some(&house.admin), "GET /v1/search/live", b"");
        if status == 200 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(status, 200, "who has gone makes room");
}
