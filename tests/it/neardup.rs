//! `tidegate near` and `tidegate eval neardup` as people meet them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::stage::path;

const TEXTS: &str = "tests/it/neardup/texts.txt";

fn tidegate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).env("NO_COLOR", "1").current_dir(path(""));
    command
}

fn run(args: &[&str]) -> Output {
    tidegate(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The set's texts, each followed by a copy with a call in front.
fn stream() -> String {
    let texts = fs::read_to_string(path(TEXTS)).unwrap();
    let line = |(number, text): (usize, &str)| {
        let first = json!({ "id": format!("t{number}"), "text": text });
        let copy = json!({ "id": format!("c{number}"), "text": format!("！！！{text}") });
        format!("{first}\n{copy}\n")
    };
    texts.lines().enumerate().map(line).collect()
}

#[test]
fn near_answers_every_line_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream.jsonl");
    fs::write(&file, stream()).unwrap();
    let near = run(&["near", "--input", file.to_str().unwrap()]);
    assert!(near.status.success(), "{}", text(&near.stderr));
    let answers = lines(&near.stdout);
    assert_eq!(answers.len(), stream().lines().count());
    for (pair, number) in answers.chunks(2).zip(0..) {
        let first =
            json!({ "id": format!("t{number}"), "cluster": format!("t{number}"), "similarity": 0.0, "first": true });
        let copy =
            json!({ "id": format!("c{number}"), "cluster": format!("t{number}"), "similarity": 1.0, "first": false });
        assert_eq!(pair, [first, copy]);
    }
    assert!(
        text(&near.stderr).contains("108 texts, 54 near-duplicates of earlier ones (50.0 %)"),
        "{}",
        text(&near.stderr)
    );
}

#[test]
fn near_reads_compressed_files_as_their_texts() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (folder.path().join("stream.jsonl"), folder.path().join("stream.jsonl.zst"));
    fs::write(&plain, stream()).unwrap();
    fs::write(&packed, zstd::encode_all(stream().as_bytes(), 3).unwrap()).unwrap();
    let answers = |path: &std::path::Path| run(&["near", "--threads", "1", "--input", path.to_str().unwrap()]).stdout;
    assert_eq!(answers(&plain), answers(&packed));
}

#[test]
fn near_answers_a_slow_writer_at_once() {
    let mut near =
        tidegate(&["near"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = near.stdin.take().unwrap();
    let mut answers = BufReader::new(near.stdout.take().unwrap());
    // Each answer is read before the next line is written: a command that waited for more would wait for ever.
    for line in stream().lines().take(6) {
        writeln!(stdin, "{line}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        let (asked, answer): (Value, Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_str(&answer).unwrap());
        assert_eq!(asked["id"], answer["id"]);
    }
    drop(stdin);
    assert!(near.wait().unwrap().success());
}

#[test]
fn near_tells_and_keeps_what_it_cannot_take() {
    let folder = tempfile::tempdir().unwrap();
    let (file, rejects) = (folder.path().join("bad.jsonl"), folder.path().join("rejects.jsonl"));
    let bad = "{\"id\":\"a\"}\nno json\n{\"id\":\"b\",\"text\":\"Lost: a grey umbrella with a wooden handle\"}\n";
    fs::write(&file, bad).unwrap();
    let near = run(&["near", "--json", "--input", file.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()]);
    assert_eq!(near.status.code(), Some(1));
    assert_eq!(lines(&near.stdout).len(), 1);
    let said = text(&near.stderr);
    for expected in ["bad.jsonl:1 (byte 0)", "`text` is missing", "bad.jsonl:2 (byte 11)", "\"refused\":2"] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    let shown = text(&run(&["rejects", "show", rejects.to_str().unwrap()]).stdout);
    assert!(shown.contains("bad_json") && shown.contains("missing_field"), "{shown}");
}

#[test]
fn near_and_eval_name_what_is_missing_or_wrong() {
    let cases: [(&[&str], &str); 5] = [
        (&["near", "--input", "nowhere.jsonl"], "nowhere.jsonl"),
        (&["near", "--window", "24x"], "`24x` is not a duration"),
        (&["eval", "neardup", "--texts", "nowhere.txt"], "nowhere.txt"),
        (&["eval", "neardup", "--texts", "tests/it/golden/decisions.jsonl"], "no JSON object with a field `text`"),
        (&["eval", "neardup", "--texts", TEXTS, "--limit", "3"], "too few"),
    ];
    for (args, expected) in cases {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
}

/// What is printed of a small set, times apart: they are another's on every machine.
#[test]
fn eval_measures_a_small_set() {
    let eval = run(&["eval", "neardup", "--texts", TEXTS, "--seed", "3"]);
    assert!(eval.status.success(), "{}", text(&eval.stderr));
    let report = text(&eval.stdout);
    let (figures, times) = report.split_once("\nProcessor time a text\n").unwrap();
    assert!(times.contains("ns") || times.contains("µs"), "{times}");
    snapbox::assert_data_eq!(figures, snapbox::file!["neardup/report.txt"]);
}

#[test]
fn eval_gives_the_same_figures_to_machines_and_for_any_number_of_threads() {
    let args = ["eval", "neardup", "--texts", TEXTS, "--seed", "3", "--json"];
    let report = |threads: &str| {
        let eval = tidegate(&args).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(eval.status.success(), "{}", text(&eval.stderr));
        let mut report: Value = serde_json::from_slice(&eval.stdout).unwrap();
        let cost = report.as_object_mut().unwrap().remove("cost").unwrap();
        assert!(cost["mark"].as_array().is_some_and(|marks| !marks.is_empty()), "{cost}");
        report
    };
    let (one, two) = (report("1"), report("2"));
    assert_eq!(one, two);
    let recall = one["recall"].as_array().unwrap();
    let noise = recall.iter().filter(|row| row["wash"] == "noise");
    assert!(noise.clone().count() > 0 && noise.clone().all(|row| row["found"] == row["washed"]), "{recall:?}");
}
