//! What rules cost an event: 10 to 10,000 rules, on an event that raises no word list and on one for which every rule
//! must be evaluated, against the `cel` interpreter in the same run.
//!
//! ```text
//! cargo bench --bench rules [-- out.csv]
//! ```
//! CPU time of this thread, the best of the rounds. The interpreter is given its context ready made, once.

#![allow(clippy::disallowed_types, reason = "the interpreter's maps are made from the standard library's")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use tidegate::event::Channel;
use tidegate::rules::{Rulebook, Scratch, SourceFile};
use tidegate::signal::{Catalogue, Signals, Type, Value};

const LISTS: usize = 2000;
const ROUNDS: usize = 60;
const NOW: i64 = 1_780_272_000_000;

/// Signals that every event sets, with the values of an ordinary post.
const ALWAYS: [(&str, i64); 22] = [
    ("text.chars", 42),
    ("text.links", 0),
    ("text.mentions", 1),
    ("text.hashtags", 0),
    ("text.digits_run", 2),
    ("text.emoji", 1),
    ("text.invisible", 0),
    ("text.repeat_max", 2),
    ("event.media", 0),
    ("account.age_days", 400),
    ("account.followers", 120),
    ("author.posts_1m", 1),
    ("author.posts_10m", 1),
    ("author.posts_1h", 3),
    ("author.posts_1d", 9),
    ("author.links_1h", 0),
    ("author.hits_1d", 0),
    ("author.same_1h", 1),
    ("author.known_days", 30),
    ("room.posts_1m", 4),
    ("room.posts_1h", 90),
    ("words.any", 0),
];

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (name, _) in ALWAYS {
        catalogue.define(name, Type::Int, Value::Int(0), "");
    }
    catalogue.define("lang", Type::Text, Value::Missing, "");
    for list in 0..LISTS {
        catalogue.define(&format!("words.l{list}.count"), Type::Int, Value::Int(0), "");
        catalogue.define(&format!("words.l{list}.tags"), Type::Texts, Value::Texts(Arc::new([])), "");
    }
    catalogue
}

fn ordinary(catalogue: &Catalogue) -> Signals {
    let mut signals = Signals::new(catalogue);
    for (name, value) in ALWAYS {
        signals.set(catalogue.slot(name).expect("defined above"), Value::Int(value));
    }
    signals.set(catalogue.slot("lang").expect("defined above"), Value::Text("zh".into()));
    signals
}

/// Rules as teams write them: a word list or a high counter, narrowed by something else.
fn typical(at: usize, random: &mut fastrand::Rng) -> String {
    let list = random.usize(..LISTS);
    let high = random.u32(20..400);
    match at % 5 {
        0 | 1 => format!("words.l{list}.count >= 2 && (account.age_days < 7 || author.posts_10m >= 5)"),
        2 => format!("author.posts_1h > {high} && text.links >= 1"),
        3 => format!("'bank' in words.l{list}.tags && lang == 'zh' && text.chars < 200"),
        _ => format!("(words.l{list}.count >= 1 || author.same_1h >= {high}) && text.digits_run >= 7"),
    }
}

/// Rules that nothing rare guards and no index can spare: four comparisons each, and all fire.
fn unguarded(_: usize, random: &mut fastrand::Rng) -> String {
    let (one, other, chars) = (random.usize(..LISTS), random.usize(..LISTS), random.u32(100..1000));
    format!("words.l{one}.count == 0 && words.l{other}.count < 3 && (text.links >= 5 || text.chars < {chars})")
}

struct Case {
    name: &'static str,
    conditions: Vec<String>,
}

fn case(name: &'static str, rules: usize, condition: fn(usize, &mut fastrand::Rng) -> String) -> Case {
    let mut random = fastrand::Rng::with_seed(7);
    Case { name, conditions: (0..rules).map(|at| condition(at, &mut random)).collect() }
}

fn rulebook(case: &Case, catalogue: &Catalogue) -> (Rulebook, Duration) {
    let mut text = String::new();
    for (at, when) in case.conditions.iter().enumerate() {
        let when = serde_json::to_string(when).expect("a string");
        writeln!(text, "- {{id: r{at}, when: {when}, status: shadow, do: [{{fold: {{level: 1}}}}]}}").expect("memory");
    }
    let file = SourceFile::new("bench.yaml", text);
    let start = ThreadTime::now();
    let (book, problems) = Rulebook::read(&[file], &[], catalogue);
    let took = start.elapsed();
    assert!(problems.is_empty(), "{problems:?}");
    (book, took)
}

/// Nanoseconds of one call, the best of the rounds, and what the last call gave.
fn measure(mut call: impl FnMut() -> usize) -> (f64, usize) {
    let start = ThreadTime::now();
    let mut result = black_box(call());
    let once = start.elapsed().as_secs_f64().max(1e-8);
    let calls = ((0.004 / once) as u32).clamp(1, 2_000_000);
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = ThreadTime::now();
        for _ in 0..calls {
            result = black_box(call());
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    (best, result)
}

fn compiled(book: &Rulebook, signals: &Signals) -> (f64, usize) {
    let (mut scratch, mut fired) = (Scratch::default(), Vec::new());
    measure(|| {
        fired.clear();
        book.fire(Channel::Post, NOW, black_box(signals), &mut scratch, &mut fired);
        fired.len()
    })
}

fn interpreted(case: &Case, catalogue: &Catalogue, signals: &Signals) -> (f64, usize) {
    let programs: Vec<_> = case.conditions.iter().map(|when| cel::Program::compile(when).expect("it parses")).collect();
    let context = context(catalogue, signals);
    measure(|| programs.iter().filter(|program| program.execute(&context) == Ok(true.into())).count())
}

fn context(catalogue: &Catalogue, signals: &Signals) -> cel::Context<'static, 'static> {
    let mut context = cel::Context::default();
    let mut maps: HashMap<String, HashMap<String, cel::Value>> = HashMap::new();
    let mut words: HashMap<String, HashMap<String, cel::Value>> = HashMap::new();
    for (slot, definition) in catalogue.iter() {
        let value = match signals.get(slot) {
            Value::Int(value) => cel::Value::from(*value),
            Value::Text(text) => cel::Value::from(&**text),
            _ => Vec::<cel::Value>::new().into(),
        };
        let parts: Vec<_> = definition.name.split('.').collect();
        match parts[..] {
            [name] => context.add_variable_from_value(name, value),
            [root, name] => drop(maps.entry(root.into()).or_default().insert(name.into(), value)),
            _ => drop(words.entry(parts[1].into()).or_default().insert(parts[2].into(), value)),
        }
    }
    let mut all: HashMap<String, cel::Value> = words.into_iter().map(|(list, map)| (list, map.into())).collect();
    all.extend(maps.remove("words").unwrap_or_default());
    context.add_variable_from_value("words", all);
    maps.into_iter().for_each(|(root, map)| context.add_variable_from_value(root, map));
    context
}

fn main() {
    let catalogue = catalogue();
    let signals = ordinary(&catalogue);
    let mut csv = String::from("case,rules,load_ms,fired,ns_event,ns_rule,cel_ns_event,cel_ns_rule\n");
    println!(
        "{:<12}{:>7}{:>10}{:>7}{:>12}{:>9}{:>14}{:>9}",
        "case", "rules", "load ms", "fired", "ns/event", "ns/rule", "cel ns/event", "ns/rule"
    );
    for rules in [10, 100, 1000, 10_000] {
        for case in [case("none raised", rules, typical), case("all judged", rules, unguarded)] {
            let (book, load) = rulebook(&case, &catalogue);
            let (ours, fired) = compiled(&book, &signals);
            let (theirs, expected) = interpreted(&case, &catalogue, &signals);
            assert_eq!(fired, expected, "both must agree");
            let (load, each) = (load.as_secs_f64() * 1e3, rules as f64);
            println!(
                "{:<12}{rules:>7}{load:>10.1}{fired:>7}{ours:>12.1}{:>9.2}{theirs:>14.0}{:>9.1}",
                case.name,
                ours / each,
                theirs / each
            );
            writeln!(
                csv,
                "{},{rules},{load:.1},{fired},{ours:.1},{:.3},{theirs:.0},{:.1}",
                case.name,
                ours / each,
                theirs / each
            )
            .expect("memory");
        }
    }
    if let Some(path) = std::env::args().skip(1).find(|arg| !arg.starts_with("--")) {
        std::fs::write(&path, csv).expect("the CSV can be written");
    }
}
