//! What callers send and what they get, as data: `tests/it/api/*.json`, a list of steps a file, each file on a service of its
//! own. `expect` is the part of the answer that must be there; a string `"*"` stands for any value. A step that must hold
//! `eventually` is called until it does: what is filed is found a moment later.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::house::{House, Reply, token};
use crate::stage::path;

/// Whether everything of `expected` stands in `found`; else where it does not.
fn missing(expected: &Value, found: &Value, at: &str) -> Option<String> {
    match (expected, found) {
        (Value::String(any), _) if any == "*" => found.is_null().then(|| format!("{at} is not there")),
        (Value::Object(expected), Value::Object(_)) => {
            expected.iter().find_map(|(key, value)| missing(value, &found[key], &format!("{at}.{key}")))
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).enumerate().find_map(|(i, (e, f))| missing(e, f, &format!("{at}[{i}]")))
        }
        _ => (expected != found).then(|| format!("{at} is {found}, expected {expected}")),
    }
}

fn run(file: &str) {
    let text = fs::read_to_string(path("tests/it/api").join(file)).unwrap();
    let scenario: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let house = House::new(scenario["settings"].as_str().unwrap_or_default());
    let mut tokens = BTreeMap::from([("admin".to_owned(), house.admin.clone())]);
    for (number, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
        let call = step["call"].as_str().unwrap();
        let role = step["as"].as_str().unwrap_or("admin");
        let token = (role != "nobody")
            .then(|| tokens.entry(role.to_owned()).or_insert_with(|| token(house.dir.path(), role)).clone());
        let body = match (&step["body"], step["text"].as_str()) {
            (_, Some(text)) => text.to_owned(),
            (Value::Null, None) => String::new(),
            (body, None) => body.to_string(),
        };
        let place = format!("{file}: step {number}: {call}");
        let kind = step["type"].as_str().unwrap_or_default();
        let tries = if step["eventually"] == Value::Bool(true) { TRIES } else { 1 };
        for left in (0..tries).rev() {
            let reply = house.call(token.as_deref(), call, kind, body.as_bytes());
            match wrong(step, &reply) {
                None => break,
                Some(wrong) => assert!(left > 0, "{place}: {wrong}: {reply:?}"),
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// How often a step is called that must hold in the end.
const TRIES: usize = 400;

/// What is wrong with an answer.
fn wrong(step: &Value, reply: &Reply) -> Option<String> {
    if Some(u64::from(reply.status)) != step["status"].as_u64() {
        return Some(format!("not {}", step["status"]));
    }
    if !reply.head.contains("x-request-id: ") {
        return Some("it has no name".to_owned());
    }
    if let Some(wrong) =
        (!step["expect"].is_null()).then(|| missing(&step["expect"], &reply.json(), "answer")).flatten()
    {
        return Some(wrong);
    }
    let texts = |name: &str| step[name].as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect();
    let (holds, lacks): (Vec<&str>, Vec<&str>) = (texts("holds"), texts("lacks"));
    let absent = holds.into_iter().find(|text| !reply.body.contains(text)).map(|text| format!("no {text}"));
    absent.or_else(|| lacks.into_iter().find(|text| reply.body.contains(text)).map(|text| format!("{text} is there")))
}

#[test]
fn deciding() {
    run("decide.json");
}

#[test]
fn reading() {
    run("reads.json");
}

#[test]
fn reviewing() {
    run("reviews.json");
}

#[test]
fn editing() {
    run("editions.json");
}

#[test]
fn searching() {
    run("search.json");
}

#[test]
fn dashboards() {
    run("elastic.json");
}

#[test]
fn bounds() {
    run("bounds.json");
}

#[test]
fn every_scenario_is_run() {
    let listed =
        ["bounds.json", "decide.json", "editions.json", "elastic.json", "reads.json", "reviews.json", "search.json"];
    let mut found: Vec<String> = fs::read_dir(path("tests/it/api"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, listed);
}
