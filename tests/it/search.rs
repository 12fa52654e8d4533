//! The index beside a run, from outside: what was decided is found, once each, whatever died on the way; who is erased is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{path, sample};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).env("NO_COLOR", "1").current_dir(path("")).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A run over a file of records that files everything.
fn run(input: &Path, output: &Path, more: &[&str]) -> Command {
    let (input, output) = (input.to_str().unwrap(), output.to_str().unwrap());
    let args =
        ["run", "--json", "--edition", "tests/it/edition", "--index", "all", "--input", input, "--output", output];
    command(&[&args, more].concat())
}

#[track_caller]
fn finish(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

/// What `tidegate search` prints.
#[track_caller]
fn search(output: &Path, args: &[&str]) -> String {
    let index = output.join("index");
    text(&finish(command(&[&["search", "--index", index.to_str().unwrap()], args].concat())).stdout)
}

/// Every case of an index, as it is stored, in an order of its own.
fn cases(output: &Path) -> Vec<String> {
    let mut lines: Vec<String> = search(output, &["--export", "jsonl"]).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn write(dir: &Path, name: &str, records: &[Vec<u8>]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, records.join(&b'\n')).unwrap();
    path
}

fn bytes_of(dir: &Path, found: &mut Vec<u8>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            bytes_of(&path, found);
        } else {
            found.extend(fs::read(&path).unwrap_or_default());
        }
    }
}

/// No process sees it coming, once that many bytes of decisions are out.
#[expect(clippy::disallowed_methods, reason = "another process is looked at, and it wakes nobody")]
fn kill_at(mut running: Child, actions: &Path, bytes: u64) {
    let has_ended = |running: &mut Child| running.try_wait().unwrap().is_some();
    while fs::metadata(actions).map_or(0, |known| known.len()) < bytes && !has_ended(&mut running) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn a_run_that_is_killed_again_and_again_indexes_every_case_once() {
    let yard = TempDir::new().unwrap();
    let records: Vec<Vec<u8>> = sample().into_iter().take(2000).collect();
    let input = write(yard.path(), "events.jsonl", &records);
    let (whole, killed) = (yard.path().join("whole"), yard.path().join("killed"));
    finish(run(&input, &whole, &[]));
    let expected = cases(&whole);
    assert!(expected.len() > 1900, "{} cases", expected.len());
    let settings = yard.path().join("hasty.toml");
    fs::write(&settings, "[index]\ncommit_every_ms = 10\n").unwrap();
    let hasty = ["--batch", "50", "--config", settings.to_str().unwrap()];
    let all = fs::metadata(whole.join("actions.jsonl")).unwrap().len();
    for part in 1..8 {
        let running = run(&input, &killed, &hasty).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        kill_at(running, &killed.join("actions.jsonl"), all * part / 9);
    }
    finish(run(&input, &killed, &hasty));
    let found = cases(&killed);
    let lost = expected.iter().find(|case| found.binary_search(case).is_err());
    assert!(lost.is_none(), "lost: {lost:?}");
    assert_eq!(found.len(), expected.len(), "some are there twice");
}

#[test]
fn who_is_erased_is_in_no_file_of_the_index() {
    let yard = TempDir::new().unwrap();
    let event = |id: &str, author: &str, at: u32| {
        format!(
            r#"{{"id":"{id}","channel":"post","author":"{author}","at":"2026-09-01T08:00:{at:02}Z","text":"words of {author}"}}"#
        )
    };
    let (gone, stays) = ("forgotten", "remembered");
    let erase = format!(r#"{{"kind":"erase","author":"{gone}","at":"2026-09-01T08:00:30Z"}}"#);
    let records =
        [event("p-1", gone, 1), event("p-2", stays, 2), event("p-3", gone, 3), erase, event("p-4", stays, 31)];
    let input = write(yard.path(), "events.jsonl", &records.map(String::into_bytes));
    let output = yard.path().join("out");
    finish(run(&input, &output, &[]));
    let found: Vec<Value> = cases(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = found.iter().map(|case| case["event"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["p-2", "p-4"]);
    let mut bytes = Vec::new();
    bytes_of(&output.join("index"), &mut bytes);
    let holds = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(holds(stays), "names lie in the files as they are");
    assert!(!holds(gone), "a file of the index still names them");
}

#[test]
fn what_was_decided_is_found_shown_and_counted() {
    let yard = TempDir::new().unwrap();
    let input = write(yard.path(), "events.jsonl", &sample());
    let output = yard.path().join("out");
    finish(run(&input, &output, &[]));
    let decisions = fs::read_to_string(output.join("actions.jsonl")).unwrap();
    let count = |query: &str| search(&output, &["--count", "--", query]).trim().replace(',', "");
    assert_eq!(count("decision:*"), decisions.lines().count().to_string());
    let first: Value = serde_json::from_str(decisions.lines().next().unwrap()).unwrap();
    let (event, rule) = (first["event"].as_str().unwrap(), first["reasons"][0]["rule"].as_str().unwrap());
    let hit: Value = serde_json::from_str(search(&output, &["--json", &format!("event:{event}")]).trim()).unwrap();
    assert_eq!(hit["decision"], first);
    let shown = search(&output, &[&format!("event:{event}")]);
    assert!(shown.contains(rule) && shown.contains("[[") && shown.contains("1 found"), "{shown}");
    let by_rule = search(&output, &["--json", "--top", "rule", "--limit", "1000"]);
    let of_rule =
        by_rule.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|one| one["value"] == rule);
    assert_eq!(of_rule.unwrap()["count"].to_string(), count(&format!("rule:{rule}")));
    let buckets = search(&output, &["--json", "--histogram", "1h", "--by", "channel"]);
    let total: u64 =
        buckets.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["count"].as_u64().unwrap()).sum();
    assert_eq!(total, cases(&output).len() as u64);
    let csv = search(&output, &["--export", "csv", "--limit", "3"]);
    assert!(csv.starts_with("at,event,channel,author"), "{csv}");
}

#[test]
fn the_default_keeps_what_was_acted_on_and_a_share_that_is_the_same_every_time() {
    let yard = TempDir::new().unwrap();
    let input = write(yard.path(), "events.jsonl", &sample());
    let of_share = |name: &str, share: &str, batch: &str| {
        let output = yard.path().join(name);
        let args = ["run", "--edition", "tests/it/edition", "--batch", batch, "--input", input.to_str().unwrap()];
        finish(command(&[&args[..], &["--index", share, "--output", output.to_str().unwrap()]].concat()));
        cases(&output)
    };
    let (none, tenth, again) = (of_share("n", "none", "99"), of_share("t", "0.1", "4096"), of_share("a", "0.1", "77"));
    assert!(none.iter().all(|case| case.contains("\"decision\":{")));
    assert!(tenth == again, "which are kept depends on their ids alone");
    let all = of_share("all", "all", "512").len() - none.len();
    let ordinary = tenth.len() - none.len();
    assert!((all * 7 / 100..all * 13 / 100).contains(&ordinary), "{ordinary} of {all} are a tenth");
    let output = yard.path().join("off");
    finish(command(&[
        "run",
        "--index",
        "off",
        "--input",
        input.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ]));
    assert!(!output.join("index").exists());
}

#[test]
fn mistakes_are_told_with_their_place_and_the_way_out() {
    let yard = TempDir::new().unwrap();
    let refusal = |args: &[&str]| {
        let output = command(&[&["search", "--index", yard.path().to_str().unwrap()], args].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        text(&output.stderr)
    };
    assert!(refusal(&["x"]).contains("not the folder of an index"));
    let told = refusal(&["加微信 rul:x"]);
    assert!(told.contains("there is no field `rul`") && told.contains("did you mean `rule`"), "{told}");
    assert!(told.contains("\n         ^"), "the mark stands below the mistake: {told}");
    assert!(refusal(&["--saved", "x"]).contains("there are no saved queries"));
}

#[test]
fn saved_queries_are_found_by_name_and_narrowed() {
    let yard = TempDir::new().unwrap();
    let input = write(yard.path(), "events.jsonl", &sample());
    let output = yard.path().join("out");
    finish(run(&input, &output, &[]));
    let searches = yard.path().join("searches.toml");
    fs::write(&searches, "[acted]\nquery = \"action:*\"\nabout = \"whatever was done\"\n").unwrap();
    let with = |args: &[&str]| search(&output, &[&["--searches", searches.to_str().unwrap()], args].concat());
    assert!(with(&["--saved", "list"]).contains("whatever was done"));
    let count = |args: &[&str]| with(args).trim().replace(',', "").parse::<u64>().unwrap();
    let (all, groups) =
        (count(&["--saved", "acted", "--count"]), count(&["--saved", "acted", "--count", "channel:group"]));
    assert!(groups > 0 && groups < all);
    assert_eq!(groups, count(&["--count", "action:* channel:group"]));

    let saved = |name: &str, query: &str| {
        format!(
            "{{\"saved\":{{\"name\":\"{name}\",\"query\":\"{query}\",\"by\":\"li\",\"at\":\"2026-01-01T00:00:00Z\"}}}}\n"
        )
    };
    let gone = "{\"removed\":{\"name\":\"gone\",\"by\":\"li\",\"at\":\"2026-01-01T00:00:00Z\"}}\n";
    let lines =
        [saved("acted", "channel:group"), saved("groups", "channel:group"), saved("gone", "x"), gone.to_owned()];
    fs::write(output.join("searches.jsonl"), lines.concat()).unwrap();
    assert_eq!(count(&["--saved", "groups", "--count", "action:*"]), groups, "what the service saved is known");
    assert_eq!(count(&["--saved", "acted", "--count"]), all, "and the file comes first");
    let listed = |args: &[&str]| -> Vec<(String, String)> {
        let lines = search(&output, &[&["--json", "--saved", "list"], args].concat());
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| ["name", "from"].map(|key| line[key].as_str().unwrap().to_owned()).into()).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, from)| ((*name).to_owned(), (*from).to_owned())).collect()
    };
    assert_eq!(listed(&["--searches", searches.to_str().unwrap()]), pairs(&[("acted", "file"), ("groups", "service")]));
    assert_eq!(listed(&[]), pairs(&[("acted", "service"), ("groups", "service")]), "without a file of its own");
}
