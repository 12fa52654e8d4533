//! The commands as people meet them: exit codes, what is printed, and examples that run.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::stage::path;

fn tidegate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).env("NO_COLOR", "1").current_dir(path("")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn run_decides_on_a_file_and_resumes_to_nothing() {
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().join("out");
    let args = [
        "run",
        "--json",
        "--input",
        "datasets/sample.jsonl.zst",
        "--edition",
        "tests/it/edition",
        "--output",
        dir.to_str().unwrap(),
    ];
    let first = tidegate(&args);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    let actions = fs::read_to_string(dir.join("actions.jsonl")).unwrap();
    assert_eq!(report["tally"]["decisions"], actions.lines().count());
    assert_eq!(report["records"], 4008);
    assert!(report["latency_us"]["p50"].as_u64().unwrap() > 2, "{report}");
    let again = tidegate(&args);
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(report["records"], 0);
    assert_eq!(fs::read_to_string(dir.join("actions.jsonl")).unwrap(), actions);
}

#[test]
fn run_refuses_an_output_folder_that_another_run_wrote() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("actions.jsonl"), "{}\n").unwrap();
    let run = tidegate(&["run", "--input", "datasets/sample.jsonl.zst", "--output", out.path().to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("actions.jsonl"), "{}", text(&run.stderr));
}

#[test]
fn run_refuses_texts_that_were_stored_under_another_seed_and_says_what_to_do() {
    let out = tempfile::tempdir().unwrap();
    let seed = out.path().join("seed.toml");
    fs::write(&seed, "[state]\nseed = 7\n").unwrap();
    let dir = out.path().join("out");
    let args =
        ["--input", "datasets/sample.jsonl.zst", "--edition", "tests/it/edition", "--output", dir.to_str().unwrap()];
    assert!(tidegate(&[&["run"][..], &args].concat()).status.success());
    let other = tidegate(&[&["run", "--config", seed.to_str().unwrap()][..], &args].concat());
    let stderr = text(&other.stderr);
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr.contains("check value of the secret") && stderr.contains("hint: use the release"), "{stderr}");
}

#[test]
fn run_writes_decisions_to_standard_output_and_the_summary_beside_it() {
    let run =
        tidegate(&["run", "--input", "tests/it/golden/events.jsonl", "--edition", "tests/it/edition", "--output", "-"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let decisions = text(&run.stdout);
    assert_eq!(decisions, fs::read_to_string(path("tests/it/golden/decisions.jsonl")).unwrap());
    assert!(text(&run.stderr).contains("What was done"));
}

#[test]
fn what_is_missing_is_named() {
    let cases: [(&[&str], &str); 5] = [
        (&["run", "--input", "nowhere.jsonl", "--output", "-"], "nowhere.jsonl"),
        (&["run", "--input", "datasets/sample.jsonl.zst", "--edition", "nowhere", "--output", "-"], "nowhere"),
        (&["run", "--config", "nowhere.toml"], "nowhere.toml"),
        (&["explain", "--given", "author.post_1h=3", "hello", "--edition", "tests/it/edition"], "author.posts_1h"),
        (&["check", "docs"], "holds no rules"),
    ];
    for (args, expected) in cases {
        let output = tidegate(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn check_tells_ten_mistakes_in_one_run() {
    let check = tidegate(&["check", "tests/it/mistakes", "--json"]);
    assert_eq!(check.status.code(), Some(1));
    let stdout = text(&check.stdout);
    let problems: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, problems) = problems.split_last().unwrap();
    assert_eq!(last["ok"], false);
    let placed =
        problems.iter().filter(|problem| problem["line"].as_u64().unwrap() > 0 && problem["severity"] == "error");
    assert!(placed.count() >= 10, "{stdout}");
    let shown = problems.iter().map(|problem| {
        let part = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        format!("{}:{}:{} {} ({})\n", part("file"), problem["line"], problem["column"], part("message"), part("hint"))
    });
    snapbox::assert_data_eq!(shown.collect::<String>(), snapbox::file!["mistakes/expected.txt"]);
}

#[test]
fn check_shows_the_line_and_marks_the_place() {
    let check = tidegate(&["check", "tests/it/mistakes"]);
    let stderr = text(&check.stderr);
    assert!(stderr.contains("tests/it/mistakes/rules.yaml:") && stderr.contains("^^^"), "{stderr}");
}

#[test]
fn explain_shows_signals_rules_and_actions() {
    let explain = tidegate(&["explain", "--edition", "tests/it/edition", "加 微 信 领 彩🎁金"]);
    assert!(explain.status.success(), "{}", text(&explain.stderr));
    let stdout = text(&explain.stdout);
    for expected in ["[[微 信]]", "[[彩🎁金]]", "words.lure.count", "test.lure", "because of test.lure"] {
        assert!(stdout.contains(expected), "{expected} in {stdout}");
    }
}

#[test]
fn explain_shows_a_text_beside_an_earlier_one() {
    let texts = ["春天的山谷里，溪水绕过老磨坊。夜里下了雨", "春 天的山谷裡溪水绕过老磨坊，木轮还在转"];
    let args = ["explain", "--edition", "tests/it/edition", texts[0], "--beside", texts[1]];
    let stdout = text(&tidegate(&args).stdout);
    for expected in ["[[春天的山谷里，溪水绕过老磨坊]]", "[[春 天的山谷裡溪水绕过老磨坊]]", "of it stands there"]
    {
        assert!(stdout.contains(expected), "{expected} in {stdout}");
    }
    let json: serde_json::Value = serde_json::from_slice(&tidegate(&[&args[..], &["--json"]].concat()).stdout).unwrap();
    let containment = json["beside"]["containment"].as_f64().unwrap();
    assert!((0.5..0.9).contains(&containment), "{containment}");
    assert_eq!(json["beside"]["matched"][0]["this"]["start"], 0);
    let missing = tidegate(&["explain", "--edition", "tests/it/edition", "a", "--beside", "@nowhere.txt"]);
    assert!(!missing.status.success() && text(&missing.stderr).contains("cannot read nowhere.txt"));
}

#[test]
fn what_is_given_to_explain_is_what_it_decides_on() {
    let args = ["explain", "--edition", "tests/it/edition", "--given", "author.points=4", "彩金"];
    let stdout = text(&tidegate(&args).stdout);
    assert!(stdout.contains("because of test.offender"), "{stdout}");
    assert!(text(&tidegate(&[&args[..3], &["彩金"]].concat()).stdout).contains("Nothing is done"));
}

#[test]
fn replay_gives_the_decisions_of_run() {
    let replay = tidegate(&["replay", "--input", "tests/it/golden/events.jsonl", "--edition", "tests/it/edition"]);
    assert_eq!(text(&replay.stdout), fs::read_to_string(path("tests/it/golden/decisions.jsonl")).unwrap());
}

/// Records of a stream that was recorded in the year 2080, as far as any clock of today is concerned.
const LATER: &str = concat!(
    r#"{"id":"l-1","channel":"post","author":"a","at":"2080-01-01T00:00:00Z","text":"彩金"}"#,
    "\n",
    r#"{"id":"l-2","channel":"post","author":"b","at":"2080-01-03T00:00:00Z","text":"彩金"}"#,
    "\n",
    r#"{"id":"l-3","channel":"post","author":"c","at":"2180-01-01T00:00:00Z","text":"彩金"}"#,
    "\n"
);

#[test]
fn a_recorded_stream_is_judged_without_a_clock() {
    let dir = tempfile::tempdir().unwrap();
    let (input, rejects) = (dir.path().join("later.jsonl"), dir.path().join("rejects.jsonl"));
    fs::write(&input, LATER).unwrap();
    let (input, rejects) = (input.to_str().unwrap(), rejects.to_str().unwrap());
    let cases: [(&[&str], &[&str]); 3] = [
        (&[], &["l-3"]),
        (&["--now", "2080-01-01T12:00:00Z"], &["l-2", "l-3"]),
        (&["--now", "2026-01-01T00:00:00Z"], &["l-1", "l-2", "l-3"]),
    ];
    for (now, refused) in cases {
        let common = ["--input", input, "--edition", "tests/it/edition"];
        let replay = tidegate(&[&["replay", "--rejects", rejects, "--summary"], &common[..], now].concat());
        assert!(replay.status.success(), "{}", text(&replay.stderr));
        let rejected = fs::read_to_string(rejects).unwrap();
        assert_eq!(rejected.lines().count(), refused.len(), "{now:?}: {rejected}");
        let observed = text(&tidegate(&[&["observe"], &common[..], now].concat()).stdout);
        let of_refused = observed.lines().filter(|line| line.contains("\"refused\":\"bad_time\""));
        assert_eq!(of_refused.count(), refused.len(), "{now:?}: {observed}");
        assert!(refused.iter().all(|id| rejected.contains(id)), "{now:?}: {rejected}");
    }
    let event = LATER.lines().next().unwrap();
    let explain = tidegate(&["explain", "--edition", "tests/it/edition", "--event", event]);
    assert!(explain.status.success(), "{}", text(&explain.stderr));
}

#[test]
fn observe_gives_one_line_a_record() {
    let observe = tidegate(&["observe", "--input", "tests/it/golden/events.jsonl", "--edition", "tests/it/edition"]);
    let lines: Vec<Value> = text(&observe.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), fs::read_to_string(path("tests/it/golden/events.jsonl")).unwrap().lines().count());
    assert!(lines.iter().any(|line| line["signals"]["words.lure.terms"][0] == "彩金"));
}

#[test]
fn diff_tells_new_and_lost_hits() {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("words")).unwrap();
    fs::write(site.path().join("words/lure.txt"), "hello\neveryone\n").unwrap();
    let site = site.path().to_str().unwrap();
    let base = ["diff", "tests/it/edition", "tests/it/edition", "--input", "tests/it/golden/events.jsonl"];
    let args: Vec<&str> = base.into_iter().chain(["--new-overlay", site, "--json", "--fail-on-change"]).collect();
    let diff = tidegate(&args);
    assert_eq!(diff.status.code(), Some(1), "{}", text(&diff.stderr));
    let diff: Value = serde_json::from_slice(&diff.stdout).unwrap();
    assert!(diff["rules"]["test.lure"]["gained"].as_u64().unwrap() > 0, "{diff}");
    let same = tidegate(&[&base[..], &["--fail-on-change"]].concat());
    assert_eq!(same.status.code(), Some(0));
}

#[test]
fn rejects_are_shown_and_played_again() {
    let shown = tidegate(&["rejects", "show", "tests/it/golden/rejects.jsonl"]);
    assert!(text(&shown.stdout).contains("bad_json"), "{}", text(&shown.stdout));
    let raw = tidegate(&["rejects", "replay", "tests/it/golden/rejects.jsonl"]);
    assert!(text(&raw.stdout).lines().any(|line| line == "not json at all"));
}

#[test]
fn completions_and_manual_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&tidegate(&["completions", shell]).stdout).contains("tidegate"));
    }
    assert!(text(&tidegate(&["man"]).stdout).contains(".TH"));
}

#[test]
fn every_command_explains_itself() {
    for command in [
        "run",
        "check",
        "explain",
        "observe",
        "replay",
        "diff",
        "rejects",
        "signals",
        "schema",
        "synth",
        "near",
        "eval",
        "completions",
        "man",
    ] {
        let help = tidegate(&[command, "--help"]);
        assert!(help.status.success() && help.stdout.len() > 300, "{command} --help");
    }
}
