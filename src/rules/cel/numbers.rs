//! Numbers of the typed tree. Integers overflow into errors and doubles follow IEEE 754, as CEL has it.

use std::cmp::Ordering;

use crate::signal::{Slot, Value};

use super::tree::{Bool, Reads, Scope, Text, Texts, read};

/// The arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl Arith {
    /// On integers; `None` is CEL's error: overflow or division by zero.
    pub(crate) fn ints(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Sub => a.checked_sub(b),
            Self::Mul => a.checked_mul(b),
            Self::Div => a.checked_div(b),
            Self::Rem => a.checked_rem(b),
        }
    }

    fn floats(self, a: f64, b: f64) -> Option<f64> {
        match self {
            Self::Add => Some(a + b),
            Self::Sub => Some(a - b),
            Self::Mul => Some(a * b),
            Self::Div => Some(a / b),
            Self::Rem => None,
        }
    }
}

/// An expression of type int.
#[derive(Clone, Debug)]
pub(crate) enum Int {
    Const(i64),
    Slot(Slot),
    Neg(Box<Int>),
    Arith(Arith, Box<(Int, Int)>),
    Chars(Box<Text>),
    Len(Box<Texts>),
    Truncate(Box<Float>),
    If(Box<(Bool, Int, Int)>),
}

impl Int {
    /// Its value; `None` is an error.
    pub(crate) fn eval(&self, scope: &Scope<'_>) -> Option<i64> {
        match self {
            Self::Const(value) => Some(*value),
            Self::Slot(slot) => match scope.get(*slot) {
                Value::Int(value) => Some(*value),
                _ => None,
            },
            Self::Neg(inner) => inner.eval(scope)?.checked_neg(),
            Self::Arith(op, pair) => op.ints(pair.0.eval(scope)?, pair.1.eval(scope)?),
            Self::Chars(text) => i64::try_from(text.eval(scope)?.chars().count()).ok(),
            Self::Len(texts) => i64::try_from(texts.eval(scope)?.len()).ok(),
            Self::Truncate(float) => truncate(float.eval(scope)?),
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

/// CEL's `int(double)`: an error outside the open range of 64-bit integers.
fn truncate(value: f64) -> Option<i64> {
    (value > i64::MIN as f64 && value < i64::MAX as f64).then_some(value as i64)
}

/// An expression of type double.
#[derive(Clone, Debug)]
pub(crate) enum Float {
    Const(f64),
    Slot(Slot),
    Neg(Box<Float>),
    Arith(Arith, Box<(Float, Float)>),
    Widen(Box<Int>),
    If(Box<(Bool, Float, Float)>),
}

impl Float {
    /// Its value; `None` is an error.
    pub(crate) fn eval(&self, scope: &Scope<'_>) -> Option<f64> {
        match self {
            Self::Const(value) => Some(*value),
            Self::Slot(slot) => match scope.get(*slot) {
                Value::Float(value) => Some(*value),
                _ => None,
            },
            Self::Neg(inner) => inner.eval(scope).map(|value| -value),
            Self::Arith(op, pair) => op.floats(pair.0.eval(scope)?, pair.1.eval(scope)?),
            Self::Widen(int) => int.eval(scope).map(|value| value as f64),
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

/// Either; comparisons may mix them, arithmetic may not.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    Int(Int),
    Float(Float),
}

impl Number {
    /// How two numbers stand to each other. `Some(None)`: they are known and one is not a number.
    pub(crate) fn compare(&self, other: &Self, scope: &Scope<'_>) -> Option<Option<Ordering>> {
        Some(match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.eval(scope)?.cmp(&b.eval(scope)?)),
            (Self::Float(a), Self::Float(b)) => a.eval(scope)?.partial_cmp(&b.eval(scope)?),
            (Self::Int(a), Self::Float(b)) => (a.eval(scope)? as f64).partial_cmp(&b.eval(scope)?),
            (Self::Float(a), Self::Int(b)) => a.eval(scope)?.partial_cmp(&(b.eval(scope)? as f64)),
        })
    }
}

impl Reads for Number {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Int(int) => int.slots(found),
            Self::Float(float) => float.slots(found),
        }
    }
}

impl Reads for Int {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Const(_) => {}
            Self::Slot(slot) => read(*slot, found),
            Self::Neg(inner) => inner.slots(found),
            Self::Arith(_, pair) => pair.slots(found),
            Self::Chars(text) => text.slots(found),
            Self::Len(list) => list.slots(found),
            Self::Truncate(float) => float.slots(found),
            Self::If(arms) => arms.slots(found),
        }
    }
}

impl Reads for Float {
    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Const(_) => {}
            Self::Slot(slot) => read(*slot, found),
            Self::Neg(inner) => inner.slots(found),
            Self::Arith(_, pair) => pair.slots(found),
            Self::Widen(int) => int.slots(found),
            Self::If(arms) => arms.slots(found),
        }
    }
}
