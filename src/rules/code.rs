//! Formulas as flat code: tests with one jump each, all rules in one array, no allocation and no recursion to run it.

use std::sync::Arc;

use crate::signal::{Signals, Slot, Value};

use super::cel::{Bool, Cmp, Scope};
use super::formula::{Formula, Test};

/// Leave the rule: its condition does not hold.
const FAIL: u16 = u16::MAX;

/// A test, and where to go on if it comes to `jump_if`; else with the next one.
#[derive(Clone, Copy, Debug)]
struct Op {
    check: Check,
    jump_if: bool,
    jump: u16,
}

/// A [`Test`] whose texts and trees lie in the code's pools.
#[derive(Clone, Copy, Debug)]
enum Check {
    /// From the first to the second, both included.
    Int(Slot, i64, i64),
    IntOther(Slot, i64),
    Float(Cmp, Slot, f64),
    Len(Cmp, Slot, i64),
    Flag(Slot, bool),
    Known(Slot),
    Unknown(Slot),
    Text(Slot, u32, bool),
    Item(Slot, u32, bool),
    Tree(u32, bool),
    Never,
}

/// The code of all rules.
#[derive(Debug, Default)]
pub(crate) struct Code {
    ops: Vec<Op>,
    /// For each rule, the end of its code; it begins where the one before ends.
    ends: Vec<u32>,
    texts: Vec<Arc<str>>,
    trees: Vec<Arc<Bool>>,
}

impl Code {
    /// Appends the code of the next rule.
    pub(crate) fn push(&mut self, formula: &Formula) {
        let mut writer = Writer { code: self, labels: Vec::new(), patches: Vec::new() };
        let fail = writer.label();
        writer.emit(formula, false, fail);
        writer.finish(fail);
        self.ends.push(u32::try_from(self.ops.len()).expect("files are bounded, so is their code"));
    }

    /// Whether a rule's condition holds.
    #[inline]
    pub(crate) fn holds(&self, rule: usize, signals: &Signals) -> bool {
        let start = if rule == 0 { 0 } else { self.ends[rule - 1] as usize };
        let ops = &self.ops[start..self.ends[rule] as usize];
        let mut at = 0;
        while let Some(op) = ops.get(at) {
            let found = match op.check {
                Check::Int(slot, low, high) => is_within(signals.get(slot), low, high),
                _ => self.check(&op.check, signals),
            };
            if found != op.jump_if {
                at += 1;
            } else if op.jump == FAIL {
                return false;
            } else {
                at += op.jump as usize;
            }
        }
        true
    }

    #[inline(never)]
    fn check(&self, check: &Check, signals: &Signals) -> bool {
        match *check {
            Check::Int(slot, low, high) => is_within(signals.get(slot), low, high),
            Check::IntOther(slot, value) => matches!(signals.get(slot), Value::Int(found) if *found != value),
            Check::Float(cmp, slot, value) => {
                matches!(signals.get(slot), Value::Float(found) if holds(cmp, *found, value))
            }
            Check::Len(cmp, slot, value) => {
                matches!(signals.get(slot), Value::Texts(list) if holds(cmp, list.len() as i64, value))
            }
            Check::Flag(slot, value) => matches!(signals.get(slot), Value::Bool(found) if *found == value),
            Check::Known(slot) => !matches!(signals.get(slot), Value::Missing),
            Check::Unknown(slot) => matches!(signals.get(slot), Value::Missing),
            Check::Text(slot, text, equal) => {
                matches!(signals.get(slot), Value::Text(found) if (*found == self.texts[text as usize]) == equal)
            }
            Check::Item(slot, text, inside) => {
                matches!(signals.get(slot), Value::Texts(list) if list.contains(&self.texts[text as usize]) == inside)
            }
            Check::Tree(tree, wanted) => self.trees[tree as usize].truth(&Scope::new(signals)) == Some(wanted),
            Check::Never => false,
        }
    }
}

#[inline]
fn is_within(value: &Value, low: i64, high: i64) -> bool {
    matches!(value, Value::Int(found) if (low <= *found) & (*found <= high))
}

#[inline]
fn holds<T: PartialOrd + Copy>(cmp: Cmp, found: T, value: T) -> bool {
    match cmp {
        Cmp::Lt => found < value,
        Cmp::Le => found <= value,
        Cmp::Gt => found > value,
        Cmp::Ge => found >= value,
        Cmp::Eq => found == value,
        Cmp::Ne => found != value,
    }
}

/// Writes one rule's code; jumps go to labels until it is known where those stand.
struct Writer<'c> {
    code: &'c mut Code,
    labels: Vec<usize>,
    patches: Vec<(usize, usize)>,
}

impl Writer<'_> {
    fn label(&mut self) -> usize {
        self.labels.push(usize::MAX);
        self.labels.len() - 1
    }

    fn bind(&mut self, label: usize) {
        self.labels[label] = self.code.ops.len();
    }

    /// Code that jumps to the label if the formula comes to `jump_if`, and goes on behind itself if not.
    fn emit(&mut self, formula: &Formula, jump_if: bool, label: usize) {
        match formula {
            Formula::Test(test) => {
                let check = self.check(test);
                self.op(check, jump_if, label);
            }
            Formula::All(terms) => self.join(terms, jump_if, label, true),
            Formula::Any(terms) => self.join(terms, jump_if, label, false),
        }
    }

    /// `all` of the terms or any of them. One that decides jumps at once: to the label, or behind the whole.
    fn join(&mut self, terms: &[Formula], jump_if: bool, label: usize, all: bool) {
        let Some((last, others)) = terms.split_last() else {
            if all == jump_if {
                self.op(Check::Never, false, label);
            }
            return;
        };
        if all != jump_if {
            terms.iter().for_each(|term| self.emit(term, jump_if, label));
            return;
        }
        let behind = self.label();
        others.iter().for_each(|term| self.emit(term, !jump_if, behind));
        self.emit(last, jump_if, label);
        self.bind(behind);
    }

    fn op(&mut self, check: Check, jump_if: bool, label: usize) {
        self.patches.push((self.code.ops.len(), label));
        self.code.ops.push(Op { check, jump_if, jump: FAIL });
    }

    /// Fills in the jumps. A condition is bounded to 16 KiB, so no jump is longer than 16 bits.
    fn finish(self, fail: usize) {
        for (at, label) in self.patches.into_iter().filter(|(_, label)| *label != fail) {
            let jump = u16::try_from(self.labels[label] - at).expect("a bounded condition has short jumps");
            self.code.ops[at].jump = jump;
        }
    }

    fn check(&mut self, test: &Test) -> Check {
        match test {
            Test::Int(slot, cmp, value) => int_check(*slot, *cmp, *value),
            Test::Float(slot, cmp, value) => Check::Float(*cmp, *slot, *value),
            Test::Len(slot, cmp, value) => Check::Len(*cmp, *slot, *value),
            Test::Flag(slot, value) => Check::Flag(*slot, *value),
            Test::Known(slot) => Check::Known(*slot),
            Test::Unknown(slot) => Check::Unknown(*slot),
            Test::Text(slot, text, equal) => Check::Text(*slot, pooled(&mut self.code.texts, text), *equal),
            Test::Item(slot, text, inside) => Check::Item(*slot, pooled(&mut self.code.texts, text), *inside),
            Test::Tree(tree, wanted) => Check::Tree(pooled(&mut self.code.trees, tree), *wanted),
        }
    }
}

/// Integers have neighbours, so one check serves five comparisons; it is by far the most frequent.
fn int_check(slot: Slot, cmp: Cmp, value: i64) -> Check {
    match cmp {
        Cmp::Lt => value.checked_sub(1).map_or(Check::Never, |most| Check::Int(slot, i64::MIN, most)),
        Cmp::Le => Check::Int(slot, i64::MIN, value),
        Cmp::Gt => value.checked_add(1).map_or(Check::Never, |least| Check::Int(slot, least, i64::MAX)),
        Cmp::Ge => Check::Int(slot, value, i64::MAX),
        Cmp::Eq => Check::Int(slot, value, value),
        Cmp::Ne => Check::IntOther(slot, value),
    }
}

fn pooled<T: ?Sized>(pool: &mut Vec<Arc<T>>, item: &Arc<T>) -> u32 {
    pool.push(Arc::clone(item));
    u32::try_from(pool.len() - 1).expect("files are bounded, so are their constants")
}
