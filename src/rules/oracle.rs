//! Tests: random well-typed conditions over random signals mean what the `cel` interpreter says they mean, compiled code
//! means what the tree means, and the index finds every rule that fires.

#![allow(clippy::disallowed_types, reason = "the interpreter's maps are made from the standard library's")]

use std::collections::HashMap;
use std::sync::Arc;

use cel::{Context, Program};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::event::Channel;
use crate::signal::{Catalogue, Signals, Slot, Type, Value};

use super::cel::{Scope, check};
use super::code::Code;
use super::formula::Formula;
use super::satisfy::{Futile, futile};
use super::{Rulebook, Scratch, SourceFile, Status};

/// Signals of every type, with and without a default.
pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    let none: Arc<[Arc<str>]> = [].into();
    for (name, ty, default) in [
        ("channel", Type::Text, Value::Text("post".into())),
        ("lang", Type::Text, Value::Missing),
        ("text.chars", Type::Int, Value::Int(0)),
        ("text.han_share", Type::Float, Value::Float(0.0)),
        ("event.forward", Type::Bool, Value::Bool(false)),
        ("event.reach", Type::Int, Value::Missing),
        ("account.age_days", Type::Int, Value::Missing),
        ("account.verified", Type::Bool, Value::Missing),
        ("account.authority", Type::Text, Value::Missing),
        ("author.posts_10m", Type::Int, Value::Int(0)),
        ("author.posts_1h", Type::Int, Value::Int(0)),
        ("author.first", Type::Bool, Value::Bool(false)),
        ("model.score", Type::Float, Value::Missing),
        ("words.fraud.count", Type::Int, Value::Int(0)),
        ("words.fraud.tags", Type::Texts, Value::Texts(Arc::clone(&none))),
        ("words.gambling.count", Type::Int, Value::Int(0)),
        ("words.gambling.weight", Type::Float, Value::Float(0.0)),
        ("words.gambling.terms", Type::Texts, Value::Texts(none)),
    ] {
        catalogue.define(name, ty, default, "");
    }
    catalogue
}

const TEXTS: [&str; 5] = ["", "a", "ab", "zh", "赌博"];

fn value(ty: Type) -> BoxedStrategy<Value> {
    let text = || proptest::sample::select(&TEXTS[..]).prop_map(Arc::<str>::from);
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Int => prop_oneof![4 => -3_i64..8, 1 => Just(i64::MAX), 1 => Just(i64::MIN)].prop_map(Value::Int).boxed(),
        Type::Float => {
            let special = proptest::sample::select(&[f64::NAN, f64::INFINITY, -0.0, 1e300][..]);
            prop_oneof![5 => (-4_i32..8).prop_map(|n| f64::from(n) / 2.0), 1 => special].prop_map(Value::Float).boxed()
        }
        Type::Text => text().prop_map(Value::Text).boxed(),
        Type::Texts => vec(text(), 0..4).prop_map(|list| Value::Texts(list.into())).boxed(),
    }
}

/// Some signals set, of which some are missing.
fn settings() -> impl Strategy<Value = Vec<(Slot, Value)>> {
    let catalogue = catalogue();
    let each: Vec<_> = catalogue
        .iter()
        .map(|(slot, definition)| {
            let set = prop_oneof![6 => value(definition.ty), 1 => Just(Value::Missing)];
            prop_oneof![Just(None), set.prop_map(move |value| Some((slot, value)))]
        })
        .collect();
    each.prop_map(|settings| settings.into_iter().flatten().collect())
}

fn signals(settings: &[(Slot, Value)]) -> Signals {
    let mut signals = Signals::new(&catalogue());
    settings.iter().for_each(|(slot, value)| signals.set(*slot, value.clone()));
    signals
}

fn names(ty: Type) -> BoxedStrategy<String> {
    let names: Vec<_> = catalogue().iter().filter(|(_, d)| d.ty == ty).map(|(_, d)| d.name.to_string()).collect();
    proptest::sample::select(names).boxed()
}

fn quoted() -> impl Strategy<Value = String> {
    proptest::sample::select(&TEXTS[..]).prop_map(|text| format!("'{text}'"))
}

fn quoted_list(least: usize) -> impl Strategy<Value = String> {
    vec(quoted(), least..4).prop_map(|items| format!("[{}]", items.join(", ")))
}

fn comparison() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["<", "<=", ">", ">=", "==", "!="][..])
}

fn int(depth: u32, item: bool) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        4 => names(Type::Int),
        4 => (-3_i64..8).prop_map(|n| n.to_string()),
        1 => Just("9223372036854775807".to_owned()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let ops = proptest::sample::select(&["+", "-", "*", "/", "%"][..]);
    let sub = || int(depth - 1, item);
    prop_oneof![
        5 => leaf,
        2 => (sub(), ops, sub()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => sub().prop_map(|a| format!("-({a})")),
        1 => text(depth - 1, item).prop_map(|a| format!("size({a})")),
        2 => list(depth - 1, item).prop_map(|a| format!("{a}.size()")),
        1 => float(depth - 1, item).prop_map(|a| format!("int({a})")),
        1 => (boolean(depth - 1, item), sub(), sub()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
    ]
    .boxed()
}

fn float(depth: u32, item: bool) -> BoxedStrategy<String> {
    let leaf = prop_oneof![names(Type::Float), (-4_i32..8).prop_map(|n| format!("{:?}", f64::from(n) / 2.0))];
    if depth == 0 {
        return leaf.boxed();
    }
    let ops = proptest::sample::select(&["+", "-", "*", "/"][..]);
    let sub = || float(depth - 1, item);
    prop_oneof![
        5 => leaf,
        2 => (sub(), ops, sub()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => sub().prop_map(|a| format!("-({a})")),
        1 => int(depth - 1, item).prop_map(|a| format!("double({a})")),
        1 => (boolean(depth - 1, item), sub(), sub()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
    ]
    .boxed()
}

fn text(depth: u32, item: bool) -> BoxedStrategy<String> {
    let leaf = if item {
        prop_oneof![Just("item".to_owned()), names(Type::Text), quoted()].boxed()
    } else {
        prop_oneof![names(Type::Text), quoted()].boxed()
    };
    if depth == 0 {
        return leaf;
    }
    let sub = || text(depth - 1, item);
    prop_oneof![
        6 => leaf,
        1 => (boolean(depth - 1, item), sub(), sub()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
    ]
    .boxed()
}

fn list(depth: u32, item: bool) -> BoxedStrategy<String> {
    let leaf = prop_oneof![3 => names(Type::Texts), 1 => quoted_list(0)];
    if depth == 0 {
        return leaf.boxed();
    }
    let sub = || list(depth - 1, item);
    prop_oneof![
        6 => leaf,
        1 => (boolean(depth - 1, item), sub(), sub()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
    ]
    .boxed()
}

fn boolean(depth: u32, item: bool) -> BoxedStrategy<String> {
    let dotted = |ty| names(ty).prop_filter("has() takes a field", |name| name.contains('.'));
    let leaf = prop_oneof![
        4 => names(Type::Bool),
        1 => any::<bool>().prop_map(|b| b.to_string()),
        2 => prop_oneof![dotted(Type::Int), dotted(Type::Text), dotted(Type::Texts)].prop_map(|n| format!("has({n})")),
        6 => (names(Type::Int), comparison(), -3_i64..8).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        2 => (-3_i64..8, comparison(), names(Type::Int)).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        3 => (names(Type::Float), comparison(), -4_i32..8).prop_map(|(a, op, b)| format!("{a} {op} {:?}", f64::from(b) / 2.0)),
        2 => (names(Type::Text), quoted()).prop_map(|(a, b)| format!("{a} == {b}")),
        2 => (names(Type::Text), quoted_list(0)).prop_map(|(a, b)| format!("{a} in {b}")),
        2 => (quoted(), names(Type::Texts)).prop_map(|(a, b)| format!("{a} in {b}")),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let sub = || boolean(depth - 1, item);
    let pattern = proptest::sample::select(&["^a", "b$", "z|赌", ".*", "^$"][..]);
    let method = proptest::sample::select(&["contains", "startsWith", "endsWith"][..]);
    let logic = proptest::sample::select(&["&&", "||"][..]);
    let walk = proptest::sample::select(&["exists", "all"][..]);
    prop_oneof![
        4 => leaf,
        6 => (sub(), logic, sub()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        3 => sub().prop_map(|a| format!("!({a})")),
        1 => (sub(), sub(), sub()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        2 => (int(depth - 1, item), comparison(), int(depth - 1, item)).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (float(depth - 1, item), comparison(), float(depth - 1, item)).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (float(depth - 1, item), comparison(), int(depth - 1, item)).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (text(depth - 1, item), comparison(), text(depth - 1, item)).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (sub(), comparison(), sub()).prop_map(|(a, op, b)| format!("(({a}) {op} ({b}))")),
        1 => (list(depth - 1, item), list(depth - 1, item)).prop_map(|(a, b)| format!("{a} == {b}")),
        1 => (text(depth - 1, item), list(depth - 1, item)).prop_map(|(a, b)| format!("{a} in {b}")),
        1 => (int(depth - 1, item), vec(-3_i64..8, 0..4)).prop_map(|(a, b)| format!("{a} in {b:?}")),
        1 => (float(depth - 1, item), vec(-3_i32..8, 1..4))
            .prop_map(|(a, b)| format!("{a} in {:?}", b.into_iter().map(f64::from).collect::<Vec<_>>())),
        1 => (text(depth - 1, item), method, text(depth - 1, item)).prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        1 => (text(depth - 1, item), pattern).prop_map(|(a, p)| format!("{a}.matches('{p}')")),
        2 => (list(depth - 1, item), walk, boolean(depth - 1, true)).prop_map(|(a, w, b)| format!("{a}.{w}(item, {b})")),
    ]
    .boxed()
}

/// What the interpreter makes of a condition: `None` is an error.
fn interpreted(program: &Program, signals: &Signals) -> Option<bool> {
    let mut context = Context::default();
    let mut maps: HashMap<String, HashMap<String, cel::Value>> = HashMap::new();
    let mut nested: HashMap<String, HashMap<String, HashMap<String, cel::Value>>> = HashMap::new();
    for (slot, definition) in catalogue().iter() {
        let value = interpreter_value(signals.get(slot));
        match definition.name.split('.').collect::<Vec<_>>()[..] {
            [name] => value.into_iter().for_each(|value| context.add_variable_from_value(name, value)),
            [root, name] => maps.entry(root.into()).or_default().extend(value.map(|value| (name.into(), value))),
            [root, list, name] => {
                let list = nested.entry(root.into()).or_default().entry(list.into()).or_default();
                list.extend(value.map(|value| (name.into(), value)));
            }
            _ => unreachable!("names have one to three parts"),
        }
    }
    maps.into_iter().for_each(|(root, map)| context.add_variable_from_value(root, map));
    nested.into_iter().for_each(|(root, map)| context.add_variable_from_value(root, map));
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        Ok(other) => panic!("not a truth value: {other:?}"),
        Err(_) => None,
    }
}

fn interpreter_value(value: &Value) -> Option<cel::Value> {
    Some(match value {
        Value::Missing => return None,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => (&**text).into(),
        Value::Texts(list) => list.iter().map(|text| cel::Value::from(&**text)).collect::<Vec<_>>().into(),
    })
}

/// The only mistakes that a generated condition may have: what the interpreter would fail on at every event.
fn is_constant_mistake(message: &str) -> bool {
    ["this divides by zero", "this number does not fit", "the condition before `?` is always"]
        .iter()
        .any(|start| message.starts_with(start))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn conditions_mean_what_the_interpreter_says(source in boolean(3, false), many in vec(settings(), 6)) {
        let condition = match check(&source, &catalogue()) {
            Ok(condition) => condition,
            Err(faults) => {
                for fault in &faults {
                    prop_assert!(is_constant_mistake(&fault.message), "{source}: {}", fault.message);
                }
                return Ok(());
            }
        };
        let program = Program::compile(&source).unwrap();
        let mut code = Code::default();
        code.push(&Formula::when(&condition.tree, true), i64::MAX);
        code.push(&Formula::when(&condition.tree, false), i64::MAX);
        let futile = futile(&condition.tree, &catalogue());
        for settings in many {
            let signals = signals(&settings);
            let expected = interpreted(&program, &signals);
            prop_assert_eq!(condition.tree.truth(&Scope::new(&signals)), expected, "{} on {:?}", source, settings);
            prop_assert_eq!(code.fires(0, 0, &signals), expected == Some(true), "{} on {:?}", source, settings);
            prop_assert_eq!(code.fires(1, 0, &signals), expected == Some(false), "not {} on {:?}", source, settings);
            if let Some(Futile::Never(_)) = futile {
                prop_assert_ne!(expected, Some(true), "{} is never true", source);
            }
        }
    }
}

/// A rule file of one rule.
fn rule_of(at: usize, (when, status, channel, expires): &(String, &str, Channel, &str)) -> String {
    let when = serde_json::to_string(when).unwrap();
    format!(
        "- {{id: r{at}, when: {when}, status: {status}, channels: [{channel}], expires: {expires}, do: [{{fold: {{level: 1}}}}]}}\n"
    )
}

fn rulebook() -> impl Strategy<Value = Rulebook> {
    let status = proptest::sample::select(&["draft", "shadow", "shadow", "shadow"][..]);
    let channel = proptest::sample::select(&[Channel::Post, Channel::Group][..]);
    let expires = proptest::sample::select(&["2026-01-01", "2027-01-01", "2027-01-01"][..]);
    let depth = prop_oneof![boolean(1, false), boolean(2, false)];
    vec((depth, status, channel, expires), 1..80).prop_map(|rules| {
        let text: String = rules.iter().enumerate().map(|(at, rule)| rule_of(at, rule)).collect();
        Rulebook::read(&[SourceFile::new("r.yaml", text)], &[], &catalogue()).0
    })
}

/// 2026-06-01
const NOW: i64 = 1_780_272_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_every_rule_that_fires(book in rulebook(), many in vec(settings(), 20)) {
        let mut scratch = Scratch::default();
        for settings in many {
            let signals = signals(&settings);
            for channel in [Channel::Post, Channel::Group, Channel::Ad] {
                let mut fired = Vec::new();
                book.fire(channel, NOW, &signals, &mut scratch, &mut fired);
                let expected: Vec<_> = book
                    .iter()
                    .filter(|(at, rule)| {
                        rule.status != Status::Draft
                            && rule.channels.contains(channel)
                            && NOW < rule.expires
                            && book.truth(*at, &signals) == Some(true)
                    })
                    .map(|(at, _)| at)
                    .collect();
                prop_assert_eq!(&fired, &expected, "{:?}", settings);
            }
        }
    }
}

/// What CEL says of errors, numbers and absence: a condition, and its truth on an event of which nothing is known.
/// `account.age_days`, `account.verified`, `lang` and `model.score` are missing, numbers are 0, lists are empty.
///
/// The interpreter keeps to all of it: no deviation from the specification is known in what this room compiles. Stricter
/// than the language are only mistakes that are found at load, such as a choice whose condition is constant.
const SPECIFIED: &[(&str, Option<bool>)] = &[
    ("account.verified", None),
    ("account.verified && false", Some(false)),
    ("event.forward && account.verified", Some(false)),
    ("account.verified && event.forward", Some(false)),
    ("account.verified && !event.forward", None),
    ("account.verified || !event.forward", Some(true)),
    ("!event.forward || account.verified", Some(true)),
    ("account.verified || event.forward", None),
    ("!account.verified", None),
    ("account.verified == account.verified", None),
    ("has(account.age_days)", Some(false)),
    ("has(account.age_days) && account.age_days < 7", Some(false)),
    ("!has(account.age_days) || account.age_days < 7", Some(true)),
    ("account.age_days < 7 || account.age_days >= 7", None),
    ("account.age_days in []", None),
    ("account.verified ? true : true", None),
    ("event.forward ? account.verified : true", Some(true)),
    ("lang == 'zh' || 'a' in words.fraud.tags || !author.first", Some(true)),
    ("1 / text.chars > 0", None),
    ("1 % text.chars > 0", None),
    ("text.chars + 9223372036854775807 > 0", Some(true)),
    ("text.chars - 9223372036854775807 - 2 > 0", None),
    ("1.0 / text.han_share > 1000000.0", Some(true)),
    ("text.han_share / text.han_share > 0.0", None),
    ("text.han_share / text.han_share == 0.0", Some(false)),
    ("text.han_share / text.han_share != 0.0", Some(true)),
    ("text.han_share == text.chars", Some(true)),
    ("text.han_share < 1", Some(true)),
    ("int(1.0 / text.han_share) > 0", None),
    ("words.fraud.tags.exists(t, account.verified)", Some(false)),
    ("words.fraud.tags.all(t, account.verified)", Some(true)),
    ("['a', 'b'].exists(t, t == 'b' || account.verified)", Some(true)),
    ("['a', 'b'].exists(t, t == 'c' || account.verified)", None),
    ("['a', 'b'].all(t, t == 'a' && account.verified)", Some(false)),
    ("['a'].all(t, ['b'].exists(u, t < u))", Some(true)),
    ("'赌博'.size() == 2", Some(true)),
    ("channel.matches('^p') && channel.startsWith('po') && !channel.contains('x')", Some(true)),
];

#[test]
fn errors_are_absorbed_as_specified() {
    let catalogue = catalogue();
    let signals = signals(&[]);
    for (source, expected) in SPECIFIED {
        let condition = check(source, &catalogue).unwrap_or_else(|faults| panic!("{source}: {}", faults[0].message));
        assert_eq!(condition.tree.truth(&Scope::new(&signals)), *expected, "{source}");
        let program = Program::compile(source).unwrap();
        assert_eq!(interpreted(&program, &signals), *expected, "the interpreter on {source}");
    }
}
