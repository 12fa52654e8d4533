//! The classifier's commands as people meet them.

use std::io::{BufRead as _, Write as _};
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
fn a_training_that_is_killed_goes_on_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("train.toml");
    let tiny = std::fs::read_to_string(path("tests/it/classify/train.toml")).unwrap();
    std::fs::copy(path("tests/it/classify/tiny.grammar"), folder.path().join("tiny.grammar")).unwrap();
    std::fs::write(&manifest, tiny.replace("epochs_max = 4", "epochs_max = 30\npatience = 30")).unwrap();
    let train = |out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let mut train = command(&["train", "--manifest", manifest.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        train.args(more);
        (train, out)
    };
    let (mut whole, whole_out) = train("whole", &[]);
    assert!(whole.output().unwrap().status.success());
    let (mut stopped, out) = train("stopped", &[]);
    let mut stopped = stopped.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = std::io::BufReader::new(stopped.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("epoch 3:")));
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    assert!(!out.join("model.safetensors").exists() && out.join("training.safetensors").exists());
    let went_on = train("stopped", &["--resume"]).0.output().unwrap();
    let told = String::from_utf8_lossy(&went_on.stderr).into_owned();
    assert!(went_on.status.success() && told.contains("going on after epoch"), "{told}");
    let [a, b] = [&whole_out, &out].map(|folder| std::fs::read(folder.join("model.safetensors")).unwrap());
    assert!(a == b && !out.join("training.safetensors").exists());
    let again = train("stopped", &["--resume"]).0.output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("no stopped training"));
}

#[test]
fn drift_tells_how_far_scores_moved() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before.jsonl");
    let line = |id: usize, text: &str| format!("{{\"id\":{id},\"text\":\"{text}\"}}\n");
    let talk: String = (0..50).map(|id| line(id, "晚上一起吃饭吗")).collect();
    let offers: String = (0..50).map(|id| line(id, "注册送88彩金，真人百家乐，加客服领取")).collect();
    std::fs::write(&before, classify(&[], talk.as_bytes()).stdout).unwrap();
    let told = |texts: &str| {
        let judged = classify(&["--drift-from", before.to_str().unwrap(), "--json"], texts.as_bytes());
        assert!(judged.status.success());
        lines(&judged.stderr).remove(0)
    };
    let (same, moved) = (told(&talk), told(&offers));
    assert_eq!(same["psi"]["gambling"], 0.0, "{same}");
    assert!(moved["psi"]["gambling"].as_f64().unwrap() > 0.25, "{moved}");
    // Every row of the shipped model's table was taught.
    assert_eq!((&same["unseen"], &moved["unseen"]), (&Value::from(0.0), &Value::from(0.0)));
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

const RULES: &str = "- id: site.gambling.invite\n  when: text.chars > 10\n  do: [{review: {queue: gambling}}]\n  owner: a\n  expires: 2099-01-01\n  status: live\n  tests: [{text: 一二三四五六七八九十甲, expect: fires}, {text: 短, expect: silent}]\n";

/// A day: three messages that the rule finds, one drawn at random, verdicts on all, one author who asks to be forgotten.
const EVENTS: &str = r#"{"id":"e1","channel":"post","author":"a","at":1790000000000,"text":"注册送88彩金，真人百家乐，加客服领取"}
{"id":"e2","channel":"post","author":"b","at":1790000001000,"title":"通知","text":"明天下午三点开会，请带上材料"}
{"id":"e3","channel":"post","author":"c","at":1790000002000,"text":"周末一起去爬山吗，天气应该不错"}
{"id":"e4","channel":"post","author":"d","at":1790000003000,"text":"好的"}
{"kind":"verdict","event":"e1","outcome":"upheld","by":"r","at":1790000004000}
{"kind":"verdict","event":"e2","outcome":"overturned","by":"r","at":1790000005000}
{"kind":"verdict","event":"e2","outcome":"upheld","by":"s","at":1790000005500}
{"kind":"verdict","event":"e3","outcome":"upheld","by":"r","at":1790000006000}
{"kind":"verdict","event":"e4","outcome":"upheld","by":"r","at":1790000007000,"sample":"random","labels":{"fraud":false,"gambling":false}}
{"kind":"erase","author":"c","at":1790000008000}
"#;

#[test]
fn verdicts_of_a_run_become_lines_that_a_training_takes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("rules")).unwrap();
    std::fs::write(folder.path().join("rules/site.yaml"), RULES).unwrap();
    std::fs::write(at("events.jsonl"), EVENTS).unwrap();
    let done = |args: &[&str]| {
        let done = command(args).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done
    };
    let (events, out, actions) = (at("events.jsonl"), at("out"), at("out/actions.jsonl"));
    done(&["run", "--edition", &at("rules"), "--input", &events, "--output", &out]);
    let told = done(&["feedback", "--input", &events, "--decisions", &actions, "--json"]);
    let found = lines(&told.stdout);
    let said: Vec<(&Value, &Value, &Value)> =
        found.iter().map(|line| (&line["id"], &line["labels"], &line["sample"])).collect();
    let line = |id: &str, labels: Value, sample: &str| (Value::from(id), labels, Value::from(sample));
    let expected = [
        line("e1", serde_json::json!({"gambling": true}), "queue"),
        line("e2", serde_json::json!({"gambling": false}), "queue"),
        line("e4", serde_json::json!({"fraud": false, "gambling": false}), "random"),
    ];
    assert!(said.into_iter().eq(expected.iter().map(|(id, labels, sample)| (id, labels, sample))), "{found:?}");
    assert_eq!(found[1]["text"], "通知\n明天下午三点开会，请带上材料");
    assert_eq!(found[0]["reasons"], serde_json::json!(["site.gambling.invite"]));
    let told = &lines(&told.stderr)[0];
    assert_eq!((&told["second_words"], &told["without_text"]), (&Value::from(1), &Value::from(1)), "{told}");
    std::fs::write(at("feedback.jsonl"), found.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let model = at("model");
    let manifest = "tests/it/classify/train.toml";
    done(&["train", "--manifest", manifest, "--from-feedback", &at("feedback.jsonl"), "--out", &model]);
    let card = std::fs::read_to_string(folder.path().join("model/card.md")).unwrap();
    assert!(card.contains("| feedback-queue | 2 |") && card.contains("| feedback-random | 1 |"), "{card}");
}
