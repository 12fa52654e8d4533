//! The classifier's commands as people meet them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::stage::path;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).env("NO_COLOR", "1").current_dir(path(""));
    command
}

fn classify(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(&[&["classify"][..], args].concat());
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_tiny_training_learns_and_agrees_with_its_reference() {
    let check =
        command(&["train", "--check", "--json", "--manifest", "tests/it/classify/train.toml"]).output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success(), "{said}");
    let report = &lines(&check.stdout)[0];
    assert_eq!(report["ok"], true, "{report}");
    assert!(report["off"].as_f64().unwrap() <= 0.02, "{report}");
}

#[test]
fn a_training_writes_a_model_that_classifies_and_the_same_one_again() {
    let folder = tempfile::tempdir().unwrap();
    let train = |name: &str| {
        let out = folder.path().join(name);
        let args = ["train", "--manifest", "tests/it/classify/train.toml", "--out", out.to_str().unwrap()];
        let train = command(&args).output().unwrap();
        assert!(train.status.success(), "{}", String::from_utf8_lossy(&train.stderr));
        out
    };
    let (first, second) = (train("a"), train("b"));
    for file in ["model.safetensors", "labels.toml", "card.md", "expected.jsonl", "reliability.svg"] {
        let [a, b] = [&first, &second].map(|folder| std::fs::read(folder.join(file)).unwrap());
        assert!(!a.is_empty() && a == b, "{file}");
    }
    let texts = "{\"id\":1,\"text\":\"老板，百家乐送88，加abc123\"}\n{\"id\":2,\"text\":\"晚上一起吃饭吗\"}\n";
    let judged = classify(&["--model", first.to_str().unwrap()], texts.as_bytes());
    assert!(judged.status.success());
    let [offer, talk] = [0, 1].map(|line| lines(&judged.stdout)[line]["scores"]["gambling"].as_f64().unwrap());
    // Of so few texts nothing sure is learnt, but which way it goes.
    assert!(offer > 1.5 * talk, "{offer} of the offer, {talk} of the talk");
}

#[test]
fn classify_answers_in_order_and_passes_over_what_it_cannot_take() {
    let input = "{\"id\":\"a\",\"text\":\"晚上一起吃饭吗\"}\nnonsense\n{\"id\":7,\"text\":\"注册送88彩金，真人百家乐，加客服领取\"}\n{\"id\":8}\n{\"id\":9,\"text\":\"\"}\n";
    let judged = classify(&[], input.as_bytes());
    assert_eq!(judged.status.code(), Some(1));
    let answers = lines(&judged.stdout);
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&Value::from("a"), &Value::from(7), &Value::from(9)]);
    assert!(answers[0]["scores"]["gambling"].as_f64().unwrap() < 0.1, "{:?}", answers[0]);
    assert!(answers[1]["scores"]["gambling"].as_f64().unwrap() > 0.5, "{:?}", answers[1]);
    assert_eq!(answers[2]["scores"]["fraud"], 0.0);
    let told = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert!(told.contains("not taken") && told.contains("2 lines could not be taken"), "{told}");
}

#[test]
fn a_model_that_is_none_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.safetensors"), b"nonsense").unwrap();
    let judged = classify(&["--model", folder.path().to_str().unwrap()], b"");
    assert_eq!(judged.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&judged.stderr).contains("tidegate train"));
}
