//! What rules cost an event: 10 to 10,000 rules, on an event that raises no word list and on one for which every rule
//! must be evaluated, against the `cel` interpreter in the same run.
//!
//! ```text
//! cargo bench --bench rules [-- out.csv]
//! ```
//! CPU time of this thread, the best of the rounds, which take turns. The interpreter is given its context ready made, once.

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
const ROUNDS: usize = 100;
const ROUND_S: f64 = 0.004;
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

/// One thing that is timed. All of them take turns, so that a busy moment of the machine does not fall on one alone.
struct Timed<'a> {
    call: Box<dyn FnMut() -> usize + 'a>,
    calls: u32,
    best_ns: f64,
    result: usize,
}

impl<'a> Timed<'a> {
    fn new(mut call: impl FnMut() -> usize + 'a) -> Self {
        black_box(call());
        let start = ThreadTime::now();
        let result = black_box(call());
        let once = start.elapsed().as_secs_f64().max(1e-8);
        Self {
            call: Box::new(call),
            calls: ((ROUND_S / once) as u32).clamp(1, 1_000_000),
            best_ns: f64::INFINITY,
            result,
        }
    }

    fn round(&mut self) {
        let start = ThreadTime::now();
        for _ in 0..self.calls {
            self.result = black_box((self.call)());
        }
        self.best_ns = self.best_ns.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(self.calls));
    }
}

fn compiled<'a>(book: &'a Rulebook, signals: &'a Signals) -> Timed<'a> {
    let (mut scratch, mut fired) = (Scratch::default(), Vec::new());
    Timed::new(move || {
        fired.clear();
        book.fire(Channel::Post, NOW, black_box(signals), &mut scratch, &mut fired);
        fired.len()
    })
}

fn interpreted<'a>(case: &Case, context: &'a cel::Context<'static, 'static>) -> Timed<'a> {
    let programs: Vec<_> = case.conditions.iter().map(|when| cel::Program::compile(when).expect("it parses")).collect();
    Timed::new(move || programs.iter().filter(|program| program.execute(context) == Ok(true.into())).count())
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
    let context = context(&catalogue, &signals);
    let sizes = [10, 100, 1000, 10_000];
    let cases: Vec<_> = sizes.iter().map(|&rules| case("none raised", rules, typical)).collect();
    let cases: Vec<_> =
        cases.into_iter().chain(sizes.iter().map(|&rules| case("all judged", rules, unguarded))).collect();
    let books: Vec<_> = cases.iter().map(|case| rulebook(case, &catalogue)).collect();
    let mut ours: Vec<_> = books.iter().map(|(book, _)| compiled(book, &signals)).collect();
    let mut theirs: Vec<_> = cases.iter().map(|case| interpreted(case, &context)).collect();
    for round in 0..ROUNDS {
        ours.iter_mut().for_each(Timed::round);
        if round % 10 == 0 {
            theirs.iter_mut().for_each(Timed::round);
        }
    }
    report(&cases, &books, &ours, &theirs);
}

fn report(cases: &[Case], books: &[(Rulebook, Duration)], ours: &[Timed<'_>], theirs: &[Timed<'_>]) {
    let mut csv = String::from("case,rules,load_ms,fired,ns_event,ns_rule,cel_ns_event,cel_ns_rule\n");
    println!("case           rules   load ms  fired    ns/event  ns/rule  cel ns/event  ns/rule");
    for (((case, (_, load)), ours), theirs) in cases.iter().zip(books).zip(ours).zip(theirs) {
        assert_eq!(ours.result, theirs.result, "both must agree");
        let (name, rules, load, fired) = (case.name, case.conditions.len(), load.as_secs_f64() * 1e3, ours.result);
        let (event, cel_event) = (ours.best_ns, theirs.best_ns);
        let (rule, cel_rule) = (event / rules as f64, cel_event / rules as f64);
        println!("{name:<12}{rules:>8}{load:>10.1}{fired:>7}{event:>12.1}{rule:>9.2}{cel_event:>14.0}{cel_rule:>9.1}");
        writeln!(csv, "{name},{rules},{load:.1},{fired},{event:.1},{rule:.3},{cel_event:.0},{cel_rule:.1}")
            .expect("memory");
    }
    if let Some(path) = std::env::args().skip(1).find(|arg| !arg.starts_with("--")) {
        std::fs::write(&path, csv).expect("the CSV can be written");
    }
}
