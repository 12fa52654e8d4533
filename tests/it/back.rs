//! Looking back: a claim comes into force, and what was said before is labelled; whatever dies on the way, and however the work is
//! shared out, it is said once.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::index::{self, RepeatOptions};
use tidegate::io::{Failure, ManualClock, MemorySource, SpoolOptions};
use tidegate::pipeline::{BuildOptions, Edition, FilingOptions};
use tidegate::stream::{
    self, BackOptions, BackSearch, Cases, Control, EditionFolders, Editions, Ends, IndexOptions, Indexer, StreamError,
    Summary,
};
use tidegate::text::fold_to_string;

use crate::stage::{Cut, NOW, World, options, path};

const DAY: i64 = 86_400_000;
const CLAIM: &str = "吃大蒜可以预防流感病毒感染";

/// A folder with the shipped rules about claims, and this library.
fn folder(library: &[Value]) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::copy(path("rules/claims.yaml"), dir.path().join("claims.yaml")).unwrap();
    fs::create_dir(dir.path().join("claims")).unwrap();
    let lines: Vec<String> = library.iter().map(Value::to_string).collect();
    fs::write(dir.path().join("claims/site.jsonl"), lines.join("\n")).unwrap();
    dir
}

fn editions(library: &[Value]) -> Editions {
    let dir = folder(library);
    let folders = EditionFolders { base: Some(dir.path().to_owned()), overlay: None };
    // The rules' own tests rest on the shipped library, which would only take time here.
    let (edition, problems) = Edition::build(&folders.read().unwrap(), &BuildOptions::default());
    Editions::new(Arc::new(edition.unwrap_or_else(|| panic!("{problems:?}"))))
}

fn claim(status: &str, revision: u32) -> Value {
    json!({"id": "garlic", "claim": CLAIM, "verdict": "false", "authority": "示例疾控", "tier": 2, "status": status,
        "url": "https://cdc.example/1", "published": "2026-01-02", "revision": revision})
}

fn record(id: &str, author: &str, day: i64, text: &str, forward_of: Option<&str>) -> Vec<u8> {
    let at = NOW - 20 * DAY + day * DAY + 1000;
    let mut event = json!({"id": id, "channel": "post", "author": author, "at": at, "lang": "zh", "text": text});
    if let Some(root) = forward_of {
        event["forward_of"] = root.into();
    }
    event.to_string().into_bytes()
}

fn filler(from: usize, to: usize, day: i64) -> Vec<Vec<u8>> {
    let line =
        |n| record(&format!("o{n}"), &format!("u{}", n % 17), day, &format!("今天第{n}次路过那家面馆，味道不错"), None);
    (from..to).map(line).collect()
}

/// What is said before the claim comes into force.
fn before() -> Vec<Vec<u8>> {
    let repeats = |text: &str| format!("{text}，{CLAIM}，转给家人");
    let mut all = vec![
        record("r1", "ann", 0, &repeats("大家注意"), None),
        record("r2", "ann", 1, &repeats("再说一次"), None),
        record("r3", "bob", 1, &repeats("刚刚听说"), None),
        record("r4", "cat", 2, &repeats("朋友圈都在传"), None),
        record("debunk", "eve", 2, "吃大蒜可以预防流感病毒感染？这是谣言，没有依据", None),
        record("asks", "fay", 3, "吃大蒜可以预防流感病毒感染，是真的吗", None),
        record("f1", "gus", 3, "大家都看看", Some("r1")),
        record("f2", "hal", 3, "谣言，别信", Some("r1")),
        record("f3", "ian", 4, "收到", Some("f1")),
        record("f4", "ann", 4, "又看到了", Some("r3")),
    ];
    all.extend(filler(0, 60, 4));
    all
}

/// What outlives a run, the index among it.
struct Yard {
    world: World,
    index: Arc<TempDir>,
}

impl Yard {
    fn new(records: Vec<Vec<u8>>) -> Self {
        Self { world: World::new(records), index: Arc::new(TempDir::new().unwrap()) }
    }

    /// The same after more was said.
    fn after(&self, records: Vec<Vec<u8>>) -> Self {
        Self {
            world: World { records: MemorySource::new(records), ..self.world.clone() },
            index: Arc::clone(&self.index),
        }
    }

    fn run(&self, editions: &Editions, cut: Cut) -> Result<Summary, StreamError> {
        let index = IndexOptions {
            writer: index::Options { dir: self.index.path().to_owned(), heap_bytes: 15 << 20, days_max: None },
            commit_every: Duration::from_millis(10),
            spool: SpoolOptions::default(),
        };
        let indexer = Arc::new(Indexer::open(index, Arc::new(ManualClock::at(NOW))).unwrap());
        let repeats = RepeatOptions { back_ms: 30 * DAY, per_day_max: 100 };
        let back = BackSearch {
            indexer: Arc::clone(&indexer),
            queue: "stream".into(),
            fold: fold_to_string,
            options: BackOptions { repeats, per_second: 10_000 },
        };
        let cases = Cases {
            spool: indexer.spool("stream").unwrap(),
            options: FilingOptions { ordinary_share: 1.0 },
            back: Some(back),
        };
        let world = &self.world;
        let ends = Ends {
            source: Box::new(world.records.clone()),
            actions: Box::new(world.actions.clone()),
            rejects: Box::new(world.rejects.clone()),
            store: Box::new(world.store.clone()),
            texts: Some(world.open_texts()),
            cases: Some(cases),
            clock: Arc::new(ManualClock::at(NOW)),
        };
        thread::scope(|scope| {
            let work = scope.spawn(|| indexer.run(|| false));
            let done = stream::run(ends, editions, &options(cut), &Control::default());
            indexer.end();
            let (_, trouble) = work.join().unwrap();
            assert_eq!(trouble, None);
            done
        })
    }

    fn decisions(&self) -> Vec<Value> {
        self.world.given_out().0.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// All that was given out, in an order of its own: what comes late may come between any two batches.
    fn sorted(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.world.given_out().0.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }
}

fn is_late(decision: &Value) -> bool {
    decision["actions"].as_array().unwrap().iter().any(|action| action["late"] == true)
}

fn named<'a>(decisions: impl Iterator<Item = &'a Value>, key: &str) -> BTreeSet<&'a str> {
    decisions.map(|decision| decision[key].as_str().unwrap()).collect()
}

/// Before, after, and the time after that; gives what came out.
fn two_lives(cut: Cut) -> Yard {
    let yard = Yard::new(before());
    yard.run(&editions(&[]), cut).unwrap();
    let later = yard.after([before(), filler(60, 90, 5)].concat());
    later.run(&editions(&[claim("active", 1)]), cut).unwrap();
    later
}

#[test]
fn what_repeats_a_new_claim_is_labelled_and_each_person_told_once() {
    let yard = two_lives(Cut::default());
    let decisions = yard.decisions();
    let late: Vec<&Value> = decisions.iter().filter(|decision| is_late(decision)).collect();
    assert_eq!(named(late.iter().copied(), "event"), BTreeSet::from(["r1", "r2", "r3", "r4", "f1", "f3", "f4"]));
    assert_eq!(late.len(), 7, "each once");
    let mut told: Vec<&str> = Vec::new();
    for decision in &late {
        let actions = decision["actions"].as_array().unwrap();
        assert_eq!((&actions[0]["action"], &actions[0]["code"]), (&json!("label"), &json!("refuted")));
        assert_eq!(actions[0]["link"], "https://cdc.example/1");
        let rule = decision["reasons"][0]["rule"].as_str().unwrap();
        assert!(rule.starts_with("claims."), "{rule}");
        if let Some(notice) = actions.get(1) {
            assert_eq!((&notice["action"], &notice["to"]), (&json!("notice"), &json!("author")));
            told.push(decision["author"].as_str().unwrap());
        }
    }
    told.sort_unstable();
    assert_eq!(told, ["ann", "bob", "cat", "gus", "ian"], "everybody once, and nobody who doubted it");
    let own = late.iter().find(|decision| decision["event"] == "r1").unwrap();
    let spans = &own["reasons"][0]["signals"][0]["spans"];
    assert!(!spans.as_array().unwrap().is_empty(), "it says where the claim stands: {own}");

    // A run that goes on says nothing more.
    let more = yard.after([before(), filler(60, 120, 6)].concat());
    let summary = more.run(&editions(&[claim("active", 1)]), Cut::default()).unwrap();
    assert_eq!((summary.tally.late.looked, summary.tally.decisions), (0, 0));

    // What comes in now gets its label at once, and a forward of what was labelled late inherits it.
    let live =
        [record("l1", "zoe", 7, &format!("注意，{CLAIM}，快转"), None), record("l2", "zac", 7, "转", Some("r4"))];
    let all = [before(), filler(60, 120, 6), live.to_vec()].concat();
    let live = yard.after(all.clone());
    live.run(&editions(&[claim("active", 1)]), Cut::default()).unwrap();
    let decisions = live.decisions();
    let at_once = decisions.iter().filter(|decision| ["l1", "l2"].iter().any(|id| decision["event"] == **id));
    assert_eq!(at_once.filter(|decision| !is_late(decision)).count(), 2);
}

#[test]
fn a_new_revision_is_looked_for_again_and_labels_nothing_twice() {
    let yard = two_lives(Cut::default());
    let before_it = yard.decisions().len();
    let records = [before(), filler(60, 120, 6)].concat();
    let summary = yard.after(records).run(&editions(&[claim("active", 2)]), Cut::default()).unwrap();
    assert!(summary.tally.late.looked >= 7, "it is looked for: {:?}", summary.tally.late);
    assert_eq!(yard.decisions().len(), before_it, "and all of it has its label");
}

#[test]
fn what_was_labelled_late_is_restored_when_the_claim_is_retracted_or_somebody_appeals() {
    let yard = two_lives(Cut::default());
    let verdict = json!({"kind": "verdict", "event": "r4", "outcome": "overturned", "by": "rita", "at": NOW - DAY});
    let records = [before(), filler(60, 90, 5), vec![verdict.to_string().into_bytes()]].concat();
    let appealed = yard.after(records.clone());
    appealed.run(&editions(&[claim("active", 1)]), Cut::default()).unwrap();
    let restored = |yard: &Yard| -> Vec<(String, String)> {
        let decisions = yard.decisions();
        let restores = decisions.iter().filter(|decision| decision["actions"][0]["action"] == "restore");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = restores.map(|decision| (text(&decision["event"]), text(&decision["reasons"][0]["rule"])));
        all.collect()
    };
    assert_eq!(restored(&appealed), [("r4".to_owned(), "verdict".to_owned())]);

    let records = [records, filler(90, 91, 6)].concat();
    let retracted = yard.after(records.clone());
    retracted.run(&editions(&[claim("retracted", 2)]), Cut::default()).unwrap();
    let all: BTreeSet<String> = restored(&retracted)
        .into_iter()
        .filter(|(_, rule)| rule == "claim.retracted")
        .map(|(event, _)| event)
        .collect();
    assert_eq!(all, ["r1", "r2", "r3", "f1", "f3", "f4"].map(str::to_owned).into());
    let undone = &retracted.decisions().pop().unwrap()["actions"][0]["undone"][0];
    assert_eq!((&undone["action"], &undone["late"]), (&json!("label"), &json!(true)));

    // Once it is in force again, what a person or the retraction took back is left alone.
    let back = yard.after([records, filler(91, 92, 7)].concat());
    let summary = back.run(&editions(&[claim("active", 3)]), Cut::default()).unwrap();
    assert_eq!(summary.tally.late.labelled, 0);
}

#[test]
fn threads_and_batches_have_no_influence_on_what_is_labelled_late() {
    let alone = two_lives(Cut { threads: 1, batch: 4096, ..Cut::default() });
    let expected = alone.sorted();
    assert!(expected.len() >= 7);
    for (threads, batch) in [(1, 7), (2, 4096), (8, 1), (8, 32)] {
        let other = two_lives(Cut { threads, batch, ..Cut::default() });
        assert_eq!(other.sorted(), expected, "{threads} threads, batches of {batch}");
    }
}

#[test]
fn a_stop_at_any_save_loses_nothing_and_says_nothing_twice() {
    let expected = two_lives(Cut::default()).sorted();
    let mut died = 0;
    // So many that the rounds of what passes it on, and the end of the search, are among the saves.
    for nth in 0..14 {
        for point in [Failure::BeforeAppend, Failure::AfterAppend] {
            let cut = Cut { batch: 16, snapshot_journal_bytes: 4000, ..Cut::default() };
            let yard = Yard::new(before());
            yard.run(&editions(&[]), cut).unwrap();
            let later = yard.after([before(), filler(60, 90, 5)].concat());
            let active = editions(&[claim("active", 1)]);
            later.world.store.fail(point, nth);
            while let Err(error) = later.run(&active, cut) {
                assert!(matches!(error, StreamError::Store(_)), "{error}");
                died += 1;
            }
            assert_eq!(later.sorted(), expected, "{point:?} {nth}");
        }
    }
    assert!(died >= 18, "only {died} deaths");
}

#[test]
fn who_is_erased_in_the_middle_of_a_search_is_neither_labelled_nor_told_from_then_on() {
    let erase = json!({"kind": "erase", "author": "ann", "at": NOW - 2 * DAY}).to_string().into_bytes();
    // What is said at once after the erasure says where it stands among what was given out.
    let mark = record("mark", "zoe", 6, &format!("注意，{CLAIM}，快转"), None);
    let after = vec![erase, mark];
    for rest in [[after.clone(), filler(60, 90, 5)].concat(), [filler(60, 90, 5), after].concat()] {
        let yard = Yard::new(before());
        yard.run(&editions(&[]), Cut::default()).unwrap();
        let active = editions(&[claim("active", 1)]);
        // The run dies once the second day that it looks at is saved: what ann said then has its label, what she said first has none.
        yard.world.store.fail(Failure::AfterAppend, 3);
        yard.run(&active, Cut::default()).unwrap_err();
        let later = yard.after([before(), rest].concat());
        later.run(&active, Cut { batch: 1, ..Cut::default() }).unwrap();
        let decisions = later.decisions();
        let erased_at = decisions.iter().position(|decision| decision["event"] == "mark").unwrap();
        let (until, since) = decisions.split_at(erased_at);
        assert!(until.iter().any(|decision| is_late(decision) && decision["event"] == "r2"), "{until:#?}");
        assert!(since.iter().all(|decision| decision["author"] != "ann"), "{since:#?}");
        let late = named(decisions.iter().filter(|decision| is_late(decision)), "event");
        assert!(late.is_superset(&BTreeSet::from(["r2", "r3", "r4"])), "the search goes on: {late:?}");

        // What she was told of is forgotten too: there is nothing of hers to take back.
        let records = [before(), filler(60, 90, 5), filler(200, 203, 6)].concat();
        let retracted = later.after(records);
        retracted.run(&editions(&[claim("retracted", 2)]), Cut::default()).unwrap();
        let restored = retracted.decisions().split_off(decisions.len());
        assert!(named(restored.iter(), "event").contains("r3"));
        assert!(restored.iter().all(|decision| decision["author"] != "ann"));
    }
}

#[test]
fn what_would_be_labelled_is_shown_before_anything_is_published() {
    let yard = Yard::new(before());
    yard.run(&editions(&[]), Cut::default()).unwrap();
    let edition = folder(&[claim("active", 1)]);
    let backsearch = |more: &[&str]| {
        let (index, edition) = (yard.index.path().to_str().unwrap(), edition.path().to_str().unwrap());
        let args = ["claims", "backsearch", "--json", "--dry-run", "--index", index, "--edition", edition];
        std::process::Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).args(more).output().unwrap()
    };
    let found = |more: &[&str]| -> Vec<Value> {
        let output = backsearch(more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let shown = found(&["--claim", "garlic"]);
    let decisions: Vec<Value> = shown.iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(named(decisions.iter(), "event"), BTreeSet::from(["r1", "r2", "r3", "r4", "f1", "f3", "f4"]));
    assert!(shown.iter().all(|line| line["claim"] == "garlic" && line["event"]["text"].is_string()));
    assert_eq!(
        found(&["--since", &(NOW - 19 * DAY).to_string()]).len(),
        4,
        "r1 is older, and so nothing that passes it on"
    );
    let told = || -> String {
        let (index, edition) = (yard.index.path().to_str().unwrap(), edition.path().to_str().unwrap());
        let args = ["claims", "backsearch", "--dry-run", "--index", index, "--edition", edition];
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned()
    };
    let number = |told: &str, at: usize| told.split_whitespace().nth(at).unwrap().parse::<u64>().unwrap();
    let told_before = told();
    assert_eq!(number(&told_before, 3), 7, "{told_before}");
    assert!(!told_before.contains("already"), "{told_before}");
    let later = yard.after([before(), filler(60, 61, 5)].concat());
    later.run(&editions(&[claim("active", 1)]), Cut::default()).unwrap();
    let told_after = told();
    assert_eq!(number(&told_after, 3), 0, "{told_after}");
    assert!(told_after.ends_with("have such a label already"), "{told_after}");
    assert!(number(&told_after, 0) + 7 <= number(&told_before, 0), "they are not judged again: {told_after}");
    assert_eq!(found(&[]), [json!(null); 0], "what has its label is not shown again");
    let refused = backsearch(&["--claim", "nothing"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no claim of that id"));
}
