//! `tidegate topics`: made as the stage needs them, checked, and what is wrong said with what to do.

use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::broker::{fresh, shared};
use super::client::create_topics;
use super::trial::tidegate;

/// A stage's configuration in a folder of its own.
struct Site(TempDir);

impl Site {
    fn new(kafka: &str) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("kafka.toml"), format!("[kafka]\n{kafka}\n")).unwrap();
        Self(dir)
    }

    fn of(name: &str) -> Self {
        let bootstrap = shared().bootstrap();
        Self::new(&format!("brokers = [{bootstrap:?}]\ntopic = \"{name}.events\"\nprefix = \"{name}.\""))
    }

    fn topics(&self, args: &[&str]) -> Output {
        let mut command = tidegate(&["topics"]);
        command.args(args).arg("--config").arg(self.0.path().join("kafka.toml")).output().unwrap()
    }
}

fn rows(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn column<'a>(rows: &'a [Value], name: &str) -> Vec<&'a Value> {
    rows.iter().map(|row| &row[name]).collect()
}

#[test]
fn topics_are_made_once_and_are_then_as_they_should_be() {
    let site = Site::of(&fresh("made"));
    let before = site.topics(&["check", "--json"]);
    assert_eq!(before.status.code(), Some(1), "all four are absent");
    assert_eq!(column(&rows(&before), "is"), ["absent"; 4]);
    let made = rows(&site.topics(&["create", "--partitions", "3", "--json"]));
    assert_eq!(column(&made, "outcome"), ["made"; 4]);
    assert_eq!(column(&made, "partitions"), [3; 4]);
    let again = rows(&site.topics(&["create", "--partitions", "5", "--json"]));
    assert_eq!(column(&again, "outcome"), ["there already"; 4]);
    let after = site.topics(&["check", "--json"]);
    assert_eq!(after.status.code(), Some(0), "{}", String::from_utf8_lossy(&after.stdout));
    let listed = rows(&site.topics(&["list", "--json"]));
    assert_eq!(column(&listed, "role"), ["input", "actions", "rejects", "state"]);
    assert_eq!(column(&listed, "policy"), ["delete", "delete", "delete", "compact"]);
    assert_eq!(column(&listed, "exists"), [true; 4]);
}

#[test]
fn the_state_grows_with_the_input() {
    let name = fresh("grown");
    let site = Site::of(&name);
    let [input, state, actions, rejects] =
        ["events", "state", "actions", "rejects"].map(|role| format!("{name}.{role}"));
    create_topics(shared().bootstrap(), &[&input], 5);
    create_topics(shared().bootstrap(), &[&state, &actions, &rejects], 2);
    let told = site.topics(&["check", "--json"]);
    assert_eq!(told.status.code(), Some(1));
    let wrong: Vec<Value> = rows(&told).into_iter().filter(|row| row["wrong"] == true).collect();
    assert_eq!(column(&wrong, "what"), ["partitions", "cleanup.policy"], "{wrong:#?}");
    let made = rows(&site.topics(&["create", "--json"]));
    assert_eq!(made.last().unwrap()["outcome"], "grown to the partitions of the input");
    let left: Vec<Value> =
        rows(&site.topics(&["check", "--json"])).into_iter().filter(|r| r["wrong"] == true).collect();
    assert_eq!(column(&left, "what"), ["cleanup.policy"]);
}

/// Each mistake of a configuration: what is said, and what to do about it.
#[test]
fn a_cluster_that_cannot_be_used_is_said_with_what_to_do() {
    let bootstrap = shared().bootstrap();
    let cases: [(String, &[&str], &[&str]); 4] = [
        ("brokers = [\"127.0.0.1:1\"]".into(), &["check"], &["hint:", "brokers"]),
        ("topic = \"x\"".into(), &["check"], &["brokers"]),
        (format!("brokers = [{bootstrap:?}]\ntopic = \"a b\""), &["create"], &["a b", "hint:"]),
        (
            format!("brokers = [{bootstrap:?}]\ntopic = \"copies\"\nprefix = \"copies.\""),
            &["create", "--replicas", "9"],
            &["make the topic copies"],
        ),
    ];
    for (kafka, args, expected) in cases {
        let output = Site::new(&kafka).topics(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{kafka}: {said}");
        for words in expected {
            assert!(said.contains(words), "{kafka}: {words:?} is not in\n{said}");
        }
    }
}

/// What is missing is said at the start, with the command that makes it.
#[test]
fn a_stage_without_its_topics_says_so_and_ends() {
    let site = Site::of(&fresh("absent"));
    let mut command = tidegate(&["run", "--config"]);
    command.arg(site.0.path().join("kafka.toml")).arg("--output").arg(site.0.path().join("out"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("topics create") && said.contains(".events"), "{said}");
}
