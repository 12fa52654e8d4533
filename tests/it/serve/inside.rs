//! The service in this process, with the test in the place of the loop: what happens when the loop is slow, late, or not there yet.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::io::{BatchLimits, Desk, DeskOptions, DeskSource, ManualClock, Position, RawBatch, Source, Witness};
use tidegate::pipeline::BuildOptions;
use tidegate::serve::{self, Audit, Hub, Options, Parts, Role, Server, Tokens};
use tidegate::stream::{EditionFolders, Editions};
use tidegate::text::fold_to_string;

use super::house::{Reply, reply};
use crate::stage::{self, NOW, path};

/// A service whose loop is the test.
struct Inside {
    dir: TempDir,
    hub: Arc<Hub>,
    desk: Arc<Desk>,
    source: Mutex<DeskSource>,
    server: Server,
    admin: String,
}

/// A door that work waits at until it is opened.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    arrived: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        drop(self.opened.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

fn options() -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        plain: false,
        body_bytes_max: 1 << 20,
        bodies_bytes_max: 1 << 20,
        records_max: 100,
        timeout: Duration::from_secs(20),
        connections_max: 64,
        rate_per_second: 1000,
        rate_burst: 1000,
        decisions_max: 1000,
        claim: Duration::from_secs(600),
        drain: Duration::from_millis(200),
        recordings: Some(path("datasets")),
    }
}

impl Inside {
    fn new(options: Options, gate: Option<Arc<Gate>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::new("http", DeskOptions::default());
        let parts = Parts {
            dir: dir.path().to_owned(),
            index: dir.path().join("index"),
            fold: fold_to_string,
            desk: Some(Arc::clone(&desk)),
            editions: Arc::new(Editions::new(stage::edition())),
            folders: EditionFolders { base: Some(path("tests/it/edition")), overlay: None },
            build: BuildOptions::default(),
            stream: stage::options(stage::Cut::default()),
            temporary_texts: Box::new(move || {
                if let Some(gate) = &gate {
                    gate.pass();
                }
                Ok(None)
            }),
            clock: Arc::new(ManualClock::at(NOW)),
            metrics: None,
        };
        let admin = Tokens::of(dir.path()).add("root", Role::Admin, NOW).unwrap();
        let hub = Hub::open(parts, options).unwrap();
        let server = serve::start(&hub).unwrap();
        Self { dir, hub, source: Mutex::new(DeskSource(Arc::clone(&desk))), desk, server, admin }
    }

    fn started(options: Options) -> Self {
        let inside = Self::new(options, None);
        inside.hub.ready();
        inside
    }

    fn call(&self, call: &str, body: &str) -> Reply {
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "{call} HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            self.admin,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        reply(&answer)
    }

    /// Takes what waits at the desk, as the loop does; how many records, and where the source stands after them.
    fn take(&self) -> (usize, Position) {
        let mut batch = RawBatch::default();
        let limits = BatchLimits { wait: Duration::from_secs(10), ..BatchLimits::default() };
        self.source.lock().unwrap().fill(&mut batch, &limits).unwrap();
        (batch.len(), batch.end().clone())
    }

    /// Says that a batch is saved, with these decisions, which `file` holds.
    fn saved(&self, input: &Position, decisions: &[String], rejects: &str) {
        let lines = decisions.concat();
        let path = self.dir.path().join("actions.jsonl");
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
        self.hub.committed(input, lines.as_bytes(), rejects.as_bytes());
    }

    fn audit(&self) -> String {
        let entries = Audit::of(self.dir.path()).last(100).unwrap();
        entries.iter().map(|entry| format!("{} {}\n", entry.did, entry.about)).collect()
    }
}

fn decision(event: &str, author: &str, action: &str) -> String {
    format!(
        "{{\"id\":\"d-{event}\",\"event\":\"{event}\",\"channel\":\"post\",\"author\":\"{author}\",\"at\":\"2026-01-01T00:00:00Z\",\
         \"edition\":\"e\",\"actions\":[{action}],\"reasons\":[{{\"rule\":\"r\",\"signals\":[]}}]}}\n"
    )
}

const REVIEW: &str = "{\"action\":\"review\",\"queue\":\"q\",\"reason\":0}";
const FOLD: &str = "{\"action\":\"fold\",\"level\":1,\"reason\":0}";
const RULE: &str = "- id: new.rule\n  when: words.lure.count >= 1\n  do:\n    - fold: {level: 1}\n  status: shadow\n";

#[test]
fn until_what_was_saved_is_back_every_call_is_told_to_come_again() {
    let inside = Inside::new(options(), None);
    for call in ["GET /v1/decisions", "GET /v1/reviews", "GET /v1/rules", "POST /v1/decide"] {
        let reply = inside.call(call, "{}");
        assert_eq!((reply.status, &reply.json()["code"]), (503, &"starting".into()), "{call}: {reply:?}");
        assert!(reply.head.contains("retry-after: 1") && reply.head.contains("application/problem+json"), "{reply:?}");
    }
    assert_eq!(inside.call("GET /readyz", "").status, 503);
    assert_eq!(inside.call("GET /metrics", "").status, 200);
    inside.hub.ready();
    assert_eq!(inside.call("GET /v1/decisions", "").status, 200);
}

#[test]
fn work_that_timed_out_keeps_the_workshop_until_it_ends() {
    let gate = Arc::new(Gate::default());
    // Long work has twelve times as long.
    let inside = Inside::new(Options { timeout: Duration::from_millis(20), ..options() }, Some(Arc::clone(&gate)));
    inside.hub.ready();
    let attempt = || inside.call("POST /v1/rules/try?recording=sample.jsonl.zst", RULE);
    assert_eq!(attempt().json()["code"], "timeout");
    while gate.arrived.load(Ordering::SeqCst) == 0 {
        thread::park_timeout(Duration::from_millis(10));
    }
    assert_eq!(attempt().json()["code"], "timeout");
    assert_eq!(attempt().json()["code"], "timeout");
    assert_eq!(gate.arrived.load(Ordering::SeqCst), 1, "the first is at work still, so no other was begun");
    gate.open();
}

#[test]
fn a_verdict_whose_caller_has_gone_leaves_the_queue_all_the_same() {
    let inside = Inside::started(Options { timeout: Duration::from_millis(100), ..options() });
    inside.saved(
        &Position(b"{\"records\":0}".to_vec()),
        &[decision("v1", "a", REVIEW), decision("v2", "a", REVIEW)],
        "",
    );
    for (event, says) in [
        ("v1", ""),
        (
            "v2",
            "{\"offset\":{\"source\":\"http\",\"index\":1},\"code\":\"unknown_event\",\"reason\":\"it is gone\",\"raw_bytes\":1}\n",
        ),
    ] {
        assert_eq!(inside.call(&format!("POST /v1/reviews/{event}/claim"), "").status, 200);
        let waited = inside.call(&format!("POST /v1/reviews/{event}/verdict"), "{\"outcome\":\"upheld\"}");
        assert_eq!(waited.json()["code"], "timeout", "the caller is told before it is saved");
        let (count, input) = inside.take();
        assert_eq!(count, 1);
        inside.saved(&input, &[], says);
    }
    let waiting = || inside.call("GET /v1/reviews", "").json()["waiting"].as_u64().unwrap();
    for _ in 0..100 {
        if waiting() == 0 {
            break;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(waiting(), 0, "both words were handed in");
    let noted = std::fs::read_to_string(inside.dir.path().join("reviews.jsonl")).unwrap();
    assert!(noted.contains("\"event\":\"v1\"") && noted.contains("\"event\":\"v2\""), "{noted}");
}

#[test]
fn an_id_whose_decision_is_no_longer_held_is_not_taken_for_a_pass() {
    let inside = Inside::started(Options { decisions_max: 2, ..options() });
    let lines = ["e1", "e2", "e3"].map(|event| decision(event, "a", FOLD));
    inside.saved(&Position(b"{\"records\":0}".to_vec()), &lines, "");
    let again = |event: &str, index: u64| {
        thread::scope(|scope| {
            let asked = scope.spawn(|| inside.call("POST /v1/decide", &format!("{{\"id\":\"{event}\"}}")));
            let (_, input) = inside.take();
            let reject = format!(
                "{{\"offset\":{{\"source\":\"http\",\"index\":{index}}},\"code\":\"duplicate_id\",\"reason\":\"\",\"raw_bytes\":1}}\n"
            );
            inside.saved(&input, &[], &reject);
            asked.join().unwrap()
        })
    };
    let held = again("e3", 0).json();
    assert_eq!((&held["repeated"], &held["decision"]["id"]), (&true.into(), &"d-e3".into()));
    let gone = again("e1", 1);
    assert_eq!((gone.status, &gone.json()["code"]), (410, &"decision_gone".into()), "{gone:?}");
    // What stands in the place of the decision is of another event: two names met, or the file was changed.
    let path = inside.dir.path().join("actions.jsonl");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"event\":\"e3\"", "\"event\":\"e9\"");
    std::fs::write(&path, text).unwrap();
    assert_eq!(again("e3", 2).json()["code"], "decision_gone");
}

#[test]
fn the_log_says_what_was_looked_at() {
    let inside = Inside::started(options());
    inside.saved(&Position(b"{\"records\":0}".to_vec()), &[decision("e1", "a-77", FOLD)], "");
    assert_eq!(inside.call("GET /v1/decisions?author=a-77&limit=3&raw=true", "").status, 200);
    assert_eq!(inside.call("GET /v1/decisions?author=a-78", "").status, 200);
    let log = inside.audit();
    assert!(log.contains("raw.read decisions {\"limit\":3,\"raw\":true,\"author\":\"a-77\"}"), "{log}");
    assert!(!log.contains("a-78"), "a masked look at decisions shows no text: {log}");
}

#[test]
fn bodies_that_are_being_read_have_a_bound_together() {
    let inside = Inside::started(options());
    let mut slow = TcpStream::connect(inside.server.address()).unwrap();
    let head = format!(
        "POST /v1/decide HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{{",
        inside.admin,
        1 << 20
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut last = None;
    for _ in 0..200 {
        // One record too many, so that nobody has to decide on it.
        let reply = inside.call("POST /v1/decide", &format!("[{}1]", "1,".repeat(100)));
        if reply.status == 503 {
            last = Some(reply);
            break;
        }
        assert_eq!(reply.status, 413);
        thread::park_timeout(Duration::from_millis(10));
    }
    assert_eq!(last.unwrap().json()["code"], "busy");
    drop(slow);
    for _ in 0..200 {
        if inside.call("POST /v1/decide", &format!("[{}1]", "1,".repeat(100))).status == 413 {
            return;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    panic!("the room is not given back");
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.desk.abandon();
    }
}
