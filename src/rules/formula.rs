//! When a condition is true, as a monotone formula over tests of single signals.
//!
//! CEL's logic has three values, and an error behaves as the unknown of Kleene's logic. So "`c` is true" and "`c` is
//! false" can each be written with `and`, `or` and tests alone, where a test that meets an error simply does not hold:
//! negation moves down to the comparisons. What is left has two values and can be compiled to jumps, searched for
//! contradictions and indexed.

use std::sync::Arc;

use crate::signal::{Signals, Slot, Value};

use super::cel::{Bool, Cmp, Float, Int, Number, Scope, Text, Texts};
use super::choice;

/// A test of one signal, or of a whole tree where it is more than that. A signal that is missing passes only `Unknown`.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Int(Slot, Cmp, i64),
    Float(Slot, Cmp, f64),
    Flag(Slot, bool),
    Known(Slot),
    Unknown(Slot),
    /// Whether the string is this one, or is known and another.
    Text(Slot, Arc<str>, bool),
    /// Whether the list holds this string, or is known and does not.
    Item(Slot, Arc<str>, bool),
    Len(Slot, Cmp, i64),
    /// Whether the tree comes to this truth.
    Tree(Arc<Bool>, bool),
}

impl Test {
    /// The signal that is tested, unless it is a tree.
    pub(crate) fn slot(&self) -> Option<Slot> {
        match self {
            Self::Int(slot, ..)
            | Self::Float(slot, ..)
            | Self::Flag(slot, _)
            | Self::Known(slot)
            | Self::Unknown(slot)
            | Self::Text(slot, ..)
            | Self::Item(slot, ..)
            | Self::Len(slot, ..) => Some(*slot),
            Self::Tree(..) => None,
        }
    }
}

/// All, any, or one test. `All` of nothing holds, `Any` of nothing does not.
#[derive(Clone, Debug)]
pub(crate) enum Formula {
    Test(Test),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// Lists longer than this stay trees: each item would be a test.
const LIST_TESTS_MAX: usize = 64;

/// Choices that stand deeper than this in each other's conditions stay trees: each level doubles the formula.
const CHOICES_DEEP_MAX: usize = 4;

impl Formula {
    /// When a tree comes to that truth.
    pub(crate) fn when(tree: &Bool, wanted: bool) -> Self {
        if let Some(choice) = choice::drawn_out(tree) {
            return Self::when(&choice, wanted);
        }
        match tree {
            Bool::Const(value) => Self::constant(*value == wanted),
            Bool::Slot(slot) => Self::Test(Test::Flag(*slot, wanted)),
            Bool::Has(slot) if wanted => Self::Test(Test::Known(*slot)),
            Bool::Has(slot) => Self::Test(Test::Unknown(*slot)),
            Bool::Not(inner) => Self::when(inner, !wanted),
            Bool::And(terms) => Self::join(wanted, terms.iter().map(|term| Self::when(term, wanted))),
            Bool::Or(terms) => Self::join(!wanted, terms.iter().map(|term| Self::when(term, wanted))),
            Bool::If(arms) if choice::depth(&arms.0) < CHOICES_DEEP_MAX => {
                Self::choice(&arms.0, &arms.1, &arms.2, wanted)
            }
            Bool::Bools(cmp @ (Cmp::Eq | Cmp::Ne), pair) => match &**pair {
                (side, Bool::Const(value)) | (Bool::Const(value), side) => {
                    Self::when(side, (*value == (*cmp == Cmp::Eq)) == wanted)
                }
                _ => Self::tree(tree, wanted),
            },
            Bool::Numbers(cmp, pair) => {
                let cmp = if wanted { *cmp } else { cmp.negated() };
                let test = number_test(&pair.0, cmp, &pair.1).or_else(|| number_test(&pair.1, cmp.flipped(), &pair.0));
                test.map_or_else(|| Self::tree(tree, wanted), Self::Test)
            }
            Bool::Strings(cmp @ (Cmp::Eq | Cmp::Ne), pair) => match &**pair {
                (Text::Slot(slot), Text::Const(text)) | (Text::Const(text), Text::Slot(slot)) => {
                    Self::Test(Test::Text(*slot, Arc::clone(text), (*cmp == Cmp::Eq) == wanted))
                }
                _ => Self::tree(tree, wanted),
            },
            Bool::InInts(item, list) => match **item {
                Int::Slot(slot) if list.len() <= LIST_TESTS_MAX => {
                    let cmp = if wanted { Cmp::Eq } else { Cmp::Ne };
                    Self::one_of(slot, wanted, list.iter().map(|value| Test::Int(slot, cmp, *value)))
                }
                _ => Self::tree(tree, wanted),
            },
            Bool::InTexts(pair) => Self::in_texts(&pair.0, &pair.1, tree, wanted),
            Bool::Walk(all, pair) => Self::walk(*all, &pair.0, &pair.1, tree, wanted),
            _ => Self::tree(tree, wanted),
        }
    }

    fn constant(value: bool) -> Self {
        if value { Self::All(Vec::new()) } else { Self::Any(Vec::new()) }
    }

    fn tree(tree: &Bool, wanted: bool) -> Self {
        Self::Test(Test::Tree(Arc::new(tree.clone()), wanted))
    }

    /// All or any of them, flat, without constants, tests of single signals first: they are the cheapest.
    fn join(all: bool, terms: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for term in terms {
            match term {
                Self::All(inner) if all => flat.extend(inner),
                Self::Any(inner) if !all => flat.extend(inner),
                Self::All(inner) | Self::Any(inner) if inner.is_empty() => return Self::constant(!all),
                other => flat.push(other),
            }
        }
        flat.sort_by_key(|term| match term {
            Self::Test(Test::Tree(..)) => 2,
            Self::Test(_) => 0,
            _ => 1,
        });
        match (flat.len(), all) {
            (1, _) => flat.remove(0),
            (_, true) => Self::All(flat),
            (_, false) => Self::Any(flat),
        }
    }

    fn choice(condition: &Bool, yes: &Bool, no: &Bool, wanted: bool) -> Self {
        let arm = |truth, arm| Self::join(true, [Self::when(condition, truth), Self::when(arm, wanted)]);
        Self::join(false, [arm(true, yes), arm(false, no)])
    }

    fn one_of(slot: Slot, wanted: bool, tests: impl Iterator<Item = Test>) -> Self {
        let known = (!wanted).then_some(Self::Test(Test::Known(slot)));
        Self::join(!wanted, known.into_iter().chain(tests.map(Self::Test)))
    }

    fn in_texts(item: &Text, list: &Texts, tree: &Bool, wanted: bool) -> Self {
        match (item, list) {
            (Text::Const(text), Texts::Slot(slot)) => Self::Test(Test::Item(*slot, Arc::clone(text), wanted)),
            (Text::Slot(slot), Texts::Const(list)) if list.len() <= LIST_TESTS_MAX => {
                Self::one_of(*slot, wanted, list.iter().map(|text| Test::Text(*slot, Arc::clone(text), wanted)))
            }
            _ => Self::tree(tree, wanted),
        }
    }

    /// A walk that must find an item needs a list that is not empty; where it looks for constants, it is their tests.
    fn walk(all: bool, list: &Texts, body: &Bool, tree: &Bool, wanted: bool) -> Self {
        let Texts::Slot(slot) = *list else { return Self::tree(tree, wanted) };
        if let Some(texts) = sought(body).filter(|_| !all) {
            return Self::join(!wanted, texts.into_iter().map(|text| Self::Test(Test::Item(slot, text, wanted))));
        }
        if all == wanted {
            return Self::tree(tree, wanted);
        }
        Self::join(true, [Self::Test(Test::Len(slot, Cmp::Ge, 1)), Self::tree(tree, wanted)])
    }
}

/// The constants that `item == a || item in [b, c]` looks for; none if it looks for anything else.
fn sought(body: &Bool) -> Option<Vec<Arc<str>>> {
    match body {
        Bool::Or(terms) => terms.iter().map(sought).collect::<Option<Vec<_>>>().map(|texts| texts.concat()),
        Bool::Strings(Cmp::Eq, pair) => match &**pair {
            (Text::Item(0), Text::Const(text)) | (Text::Const(text), Text::Item(0)) => Some(vec![Arc::clone(text)]),
            _ => None,
        },
        Bool::InTexts(pair) => match &**pair {
            (Text::Item(0), Texts::Const(list)) if (1..=LIST_TESTS_MAX).contains(&list.len()) => Some(list.to_vec()),
            _ => None,
        },
        _ => None,
    }
}

fn number_test(side: &Number, cmp: Cmp, other: &Number) -> Option<Test> {
    match (side, other) {
        (Number::Int(Int::Slot(slot)), Number::Int(Int::Const(value))) => Some(Test::Int(*slot, cmp, *value)),
        (Number::Float(Float::Slot(slot)), Number::Float(Float::Const(value))) => Some(Test::Float(*slot, cmp, *value)),
        (Number::Float(Float::Slot(slot)), Number::Int(Int::Const(value))) => {
            Some(Test::Float(*slot, cmp, *value as f64))
        }
        (Number::Int(Int::Len(list)), Number::Int(Int::Const(value))) => match **list {
            Texts::Slot(slot) => Some(Test::Len(slot, cmp, *value)),
            _ => None,
        },
        _ => None,
    }
}

impl Test {
    /// Whether it holds of these signals; what the compiled code computes, for use at load.
    pub(crate) fn holds(&self, signals: &Signals) -> bool {
        let value = self.slot().map(|slot| signals.get(slot));
        match (self, value) {
            (Self::Tree(tree, wanted), _) => tree.truth(&Scope::new(signals)) == Some(*wanted),
            (Self::Unknown(_), Some(value)) => *value == Value::Missing,
            (Self::Known(_), Some(value)) => *value != Value::Missing,
            (Self::Int(_, cmp, bound), Some(Value::Int(value))) => cmp.holds(value.cmp(bound)),
            (Self::Float(_, cmp, bound), Some(Value::Float(value))) => match value.partial_cmp(bound) {
                Some(order) => cmp.holds(order),
                None => *cmp == Cmp::Ne,
            },
            (Self::Len(_, cmp, bound), Some(Value::Texts(list))) => cmp.holds((list.len() as i64).cmp(bound)),
            (Self::Flag(_, wanted), Some(Value::Bool(value))) => value == wanted,
            (Self::Text(_, text, equal), Some(Value::Text(value))) => (value == text) == *equal,
            (Self::Item(_, text, inside), Some(Value::Texts(list))) => list.contains(text) == *inside,
            _ => false,
        }
    }
}
