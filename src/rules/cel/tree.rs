//! The typed tree: a condition with names resolved to slots, and its meaning in CEL's three-valued logic.
//!
//! The interpreter gives `Err` where this gives `None`. `&&` and `||` absorb errors on either side (`false && error` is
//! false, `true || error` is true); everything else passes errors on.

use std::cmp::Ordering;
use std::sync::Arc;

use regex::Regex;

use crate::signal::{Signals, Slot, Value};

use super::numbers::{Int, Number};

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cmp {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

impl Cmp {
    /// Whether it holds of an order.
    #[inline]
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
        }
    }

    /// Whether it holds of two numbers, of which one may be none: those are unequal, and ordering them is an error.
    fn holds_partially(self, order: Option<Ordering>) -> Option<bool> {
        match order {
            Some(order) => Some(self.holds(order)),
            None if self == Self::Eq => Some(false),
            None if self == Self::Ne => Some(true),
            None => None,
        }
    }

    /// What holds exactly where this does not.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
        }
    }

    /// The same with its sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            same => same,
        }
    }
}

/// What a condition is evaluated in: the signals, and the item of each list that is being walked.
pub(crate) struct Scope<'a> {
    signals: &'a Signals,
    item: Option<(&'a str, &'a Scope<'a>)>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(signals: &'a Signals) -> Self {
        Self { signals, item: None }
    }

    fn with<'b>(&'b self, item: &'b str) -> Scope<'b> {
        Scope { signals: self.signals, item: Some((item, self)) }
    }

    pub(crate) fn get(&self, slot: Slot) -> &'a Value {
        self.signals.get(slot)
    }

    /// The item of the walk that is `up` walks further out.
    fn item(&self, up: usize) -> Option<&str> {
        let (item, outer) = self.item?;
        if up == 0 { Some(item) } else { outer.item(up - 1) }
    }
}

/// How a string is looked into.
#[derive(Clone, Debug)]
pub(crate) enum Seek {
    Contains(Text),
    Starts(Text),
    Ends(Text),
    /// Anywhere in the string, as RE2 has it.
    Matches(Regex),
}

/// An expression of type bool.
#[derive(Clone, Debug)]
pub(crate) enum Bool {
    Const(bool),
    Slot(Slot),
    /// `has(…)`
    Has(Slot),
    Not(Box<Bool>),
    And(Vec<Bool>),
    Or(Vec<Bool>),
    If(Box<(Bool, Bool, Bool)>),
    Numbers(Cmp, Box<(Number, Number)>),
    Strings(Cmp, Box<(Text, Text)>),
    Bools(Cmp, Box<(Bool, Bool)>),
    /// Equality of lists, or its opposite.
    Lists(bool, Box<(Texts, Texts)>),
    InInts(Box<Int>, Arc<[i64]>),
    InFloats(Box<super::numbers::Float>, Arc<[f64]>),
    InTexts(Box<(Text, Texts)>),
    Seek(Box<(Text, Seek)>),
    /// `exists` (`false`) or `all` (`true`) over the items of a list.
    Walk(bool, Box<(Texts, Bool)>),
}

impl Bool {
    /// Its truth; `None` is an error.
    pub(crate) fn truth(&self, scope: &Scope<'_>) -> Option<bool> {
        match self {
            Self::Const(value) => Some(*value),
            Self::Slot(slot) => match scope.get(*slot) {
                Value::Bool(value) => Some(*value),
                _ => None,
            },
            Self::Has(slot) => Some(*scope.get(*slot) != Value::Missing),
            Self::Not(inner) => inner.truth(scope).map(|value| !value),
            Self::And(terms) => fold(false, terms.iter().map(|term| term.truth(scope))),
            Self::Or(terms) => fold(true, terms.iter().map(|term| term.truth(scope))),
            Self::If(arms) => {
                if arms.0.truth(scope)? {
                    arms.1.truth(scope)
                } else {
                    arms.2.truth(scope)
                }
            }
            Self::Numbers(cmp, pair) => cmp.holds_partially(pair.0.compare(&pair.1, scope)?),
            Self::Strings(cmp, pair) => Some(cmp.holds(pair.0.eval(scope)?.cmp(pair.1.eval(scope)?))),
            Self::Bools(cmp, pair) => Some(cmp.holds(pair.0.truth(scope)?.cmp(&pair.1.truth(scope)?))),
            Self::Lists(equal, pair) => Some((pair.0.eval(scope)? == pair.1.eval(scope)?) == *equal),
            Self::InInts(item, list) => item.eval(scope).map(|item| list.contains(&item)),
            Self::InFloats(item, list) => item.eval(scope).map(|item| list.contains(&item)),
            Self::InTexts(pair) => {
                let (item, list) = (pair.0.eval(scope)?, pair.1.eval(scope)?);
                Some(list.iter().any(|other| **other == *item))
            }
            Self::Seek(pair) => pair.1.found(pair.0.eval(scope)?, scope),
            Self::Walk(all, pair) => {
                let items = pair.0.eval(scope)?;
                fold(!*all, items.iter().map(|item| pair.1.truth(&scope.with(item))))
            }
        }
    }
}

/// `absorbing` if any is, else an error if any is, else the opposite.
fn fold(absorbing: bool, truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(!absorbing);
    for truth in truths {
        match truth {
            Some(truth) if truth == absorbing => return Some(absorbing),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Seek {
    fn found(&self, text: &str, scope: &Scope<'_>) -> Option<bool> {
        Some(match self {
            Self::Contains(part) => text.contains(part.eval(scope)?),
            Self::Starts(part) => text.starts_with(part.eval(scope)?),
            Self::Ends(part) => text.ends_with(part.eval(scope)?),
            Self::Matches(regex) => regex.is_match(text),
        })
    }
}

/// An expression of type string.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Const(Arc<str>),
    Slot(Slot),
    /// The item of the walk that is so many walks further out.
    Item(usize),
    If(Box<(Bool, Text, Text)>),
}

impl Text {
    /// Its value; `None` is an error.
    pub(crate) fn eval<'a>(&'a self, scope: &'a Scope<'_>) -> Option<&'a str> {
        match self {
            Self::Const(value) => Some(value),
            Self::Slot(slot) => match scope.get(*slot) {
                Value::Text(value) => Some(value),
                _ => None,
            },
            Self::Item(up) => scope.item(*up),
            Self::If(arms) => {
                if arms.0.truth(scope)? {
                    arms.1.eval(scope)
                } else {
                    arms.2.eval(scope)
                }
            }
        }
    }
}

/// An expression of type list(string).
#[derive(Clone, Debug)]
pub(crate) enum Texts {
    Const(Arc<[Arc<str>]>),
    Slot(Slot),
    If(Box<(Bool, Texts, Texts)>),
}

impl Texts {
    /// Its value; `None` is an error.
    pub(crate) fn eval<'a>(&'a self, scope: &'a Scope<'_>) -> Option<&'a [Arc<str>]> {
        match self {
            Self::Const(value) => Some(value),
            Self::Slot(slot) => match scope.get(*slot) {
                Value::Texts(value) => Some(value),
                _ => None,
            },
            Self::If(arms) => {
                if arms.0.truth(scope)? {
                    arms.1.eval(scope)
                } else {
                    arms.2.eval(scope)
                }
            }
        }
    }
}

/// The signals that an expression reads, in no order that matters, each once.
pub(crate) trait Reads {
    /// Adds them.
    fn slots(&self, found: &mut Vec<Slot>);
}

/// Adds a signal unless it is there.
pub(crate) fn read(slot: Slot, found: &mut Vec<Slot>) {
    if !found.contains(&slot) {
        found.push(slot);
    }
}

impl<A: Reads, B: Reads> Reads for (A, B) {
    fn slots(&self, found: &mut Vec<Slot>) {
        self.0.slots(found);
        self.1.slots(found);
    }
}

impl<A: Reads, B: Reads, C: Reads> Reads for (A, B, C) {
    fn slots(&self, found: &mut Vec<Slot>) {
        self.0.slots(found);
        self.1.slots(found);
        self.2.slots(found);
    }
}

impl Reads for Bool {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Const(_) => {}
            Self::Slot(slot) | Self::Has(slot) => read(*slot, found),
            Self::Not(inner) => inner.slots(found),
            Self::And(terms) | Self::Or(terms) => terms.iter().for_each(|term| term.slots(found)),
            Self::If(arms) => arms.slots(found),
            Self::Numbers(_, pair) => pair.slots(found),
            Self::Strings(_, pair) => pair.slots(found),
            Self::Bools(_, pair) => pair.slots(found),
            Self::Lists(_, pair) => pair.slots(found),
            Self::InInts(item, _) => item.slots(found),
            Self::InFloats(item, _) => item.slots(found),
            Self::InTexts(pair) => pair.slots(found),
            Self::Seek(pair) => pair.slots(found),
            Self::Walk(_, pair) => pair.slots(found),
        }
    }
}

impl Reads for Seek {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Contains(text) | Self::Starts(text) | Self::Ends(text) => text.slots(found),
            Self::Matches(_) => {}
        }
    }
}

impl Reads for Text {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Const(_) | Self::Item(_) => {}
            Self::Slot(slot) => read(*slot, found),
            Self::If(arms) => arms.slots(found),
        }
    }
}

impl Reads for Texts {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Const(_) => {}
            Self::Slot(slot) => read(*slot, found),
            Self::If(arms) => arms.slots(found),
        }
    }
}
