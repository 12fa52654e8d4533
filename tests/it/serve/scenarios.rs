//! What callers send and what they get, as data: `tests/it/api/*.json`, a list of steps a file, each file on a service of its
//! own. `expect` is the part of the answer that must be there; a string `"*"` stands for any value.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::house::{House, token};
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
        let reply = house.call(token.as_deref(), call, step["type"].as_str().unwrap_or_default(), body.as_bytes());
        let place = format!("{file}: step {number}: {call}");
        assert_eq!(u64::from(reply.status), step["status"].as_u64().unwrap(), "{place}: {reply:?}");
        assert!(reply.head.contains("x-request-id: "), "{place}: {}", reply.head);
        if !step["expect"].is_null() {
            let wrong = missing(&step["expect"], &reply.json(), "answer");
            assert_eq!(wrong, None, "{place}: {}", reply.body);
        }
        for held in step["holds"].as_array().into_iter().flatten() {
            assert!(reply.body.contains(held.as_str().unwrap()), "{place}: no {held} in {}", reply.body);
        }
        for absent in step["lacks"].as_array().into_iter().flatten() {
            assert!(!reply.body.contains(absent.as_str().unwrap()), "{place}: {absent} in {}", reply.body);
        }
    }
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
fn bounds() {
    run("bounds.json");
}

#[test]
fn every_scenario_is_run() {
    let listed = ["bounds.json", "decide.json", "editions.json", "reads.json", "reviews.json"];
    let mut found: Vec<String> = fs::read_dir(path("tests/it/api"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, listed);
}
