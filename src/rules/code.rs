//! Formulas as flat code: tests with one jump each, all rules in one array, no allocation and no recursion to run it.

use std::ops::Range;
use std::sync::Arc;

use crate::event::Millis;
use crate::signal::{Signals, Slot, Value};

use super::cel::{Bool, Cmp, Scope};
use super::formula::{Formula, Test};

/// Leave the rule: its condition does not hold.
const FAIL: u16 = u16::MAX;

/// A test, and how many tests to pass over if it comes to `jump_if`.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// An integer must be one of `span + 1` from `least` on, or the condition does not hold: by far the most frequent
    /// test, and so the one that is one subtraction, one comparison and no jump.
    Must { least: i64, span: u64, slot: Slot },
    /// The same test anywhere else.
    Range { least: i64, span: u64, slot: Slot, jump: u16, jump_if: bool },
    /// Any other, by its place in the table of checks.
    Check { place: u32, jump: u16, jump_if: bool },
}

/// A [`Test`] that is no range of integers; its texts and trees lie in the code's pools.
#[derive(Clone, Copy, Debug)]
enum Check {
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

/// Where a rule's code lies, and when the rule falls silent: all that is read of a rule that does not fire.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    end: u32,
    expires: Millis,
}

/// The code of all rules.
#[derive(Debug, Default)]
pub(crate) struct Code {
    ops: Vec<Op>,
    entries: Vec<Entry>,
    checks: Vec<Check>,
    texts: Vec<Arc<str>>,
    trees: Vec<Arc<Bool>>,
}

impl Code {
    /// Appends the code of the next rule, which falls silent at that time.
    pub(crate) fn push(&mut self, formula: &Formula, expires: Millis) {
        let place = |ops: &Vec<Op>| u32::try_from(ops.len()).expect("files are bounded, so is their code");
        let start = place(&self.ops);
        let mut writer = Writer { code: self, labels: Vec::new(), patches: Vec::new() };
        let fail = writer.label();
        writer.emit(formula, false, fail);
        writer.finish(fail);
        self.entries.push(Entry { start, end: place(&self.ops), expires });
    }

    /// Whether a rule speaks at that time and its condition holds.
    #[inline]
    pub(crate) fn fires(&self, rule: usize, at: Millis, signals: &Signals) -> bool {
        let Entry { start, end, expires } = self.entries[rule];
        at < expires && self.holds(start as usize..end as usize, signals)
    }

    #[inline]
    fn holds(&self, place: Range<usize>, signals: &Signals) -> bool {
        let mut ops = self.ops[place].iter();
        while let Some(op) = ops.next() {
            let (found, jump_if, jump) = match *op {
                Op::Must { least, span, slot } => {
                    if is_within(signals.get(slot), least, span) {
                        continue;
                    }
                    return false;
                }
                Op::Range { least, span, slot, jump, jump_if } => {
                    (is_within(signals.get(slot), least, span), jump_if, jump)
                }
                Op::Check { place, jump, jump_if } => (self.check(place as usize, signals), jump_if, jump),
            };
            if found == jump_if {
                if jump == FAIL {
                    return false;
                }
                ops = ops.as_slice()[usize::from(jump)..].iter();
            }
        }
        true
    }

    #[inline(never)]
    fn check(&self, place: usize, signals: &Signals) -> bool {
        match self.checks[place] {
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

/// Below the least integer, the difference wraps to more than any span.
#[inline]
fn is_within(value: &Value, least: i64, span: u64) -> bool {
    matches!(value, Value::Int(found) if found.wrapping_sub(least) as u64 <= span)
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
                let op = self.test(test, jump_if);
                self.op(op, label);
            }
            Formula::All(terms) => self.join(terms, jump_if, label, true),
            Formula::Any(terms) => self.join(terms, jump_if, label, false),
        }
    }

    /// `all` of the terms or any of them. One that decides jumps at once: to the label, or behind the whole.
    fn join(&mut self, terms: &[Formula], jump_if: bool, label: usize, all: bool) {
        let Some((last, others)) = terms.split_last() else {
            if all == jump_if {
                let never = self.check(Check::Never, false);
                self.op(never, label);
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

    fn op(&mut self, op: Op, label: usize) {
        self.patches.push((self.code.ops.len(), label));
        self.code.ops.push(op);
    }

    /// Fills in the jumps. A condition is bounded to 16 KiB, so no jump is longer than 16 bits.
    fn finish(self, fail: usize) {
        for (at, label) in self.patches {
            let op = &mut self.code.ops[at];
            match op {
                Op::Range { least, span, slot, jump_if: false, .. } if label == fail => {
                    *op = Op::Must { least: *least, span: *span, slot: *slot };
                }
                Op::Range { jump, .. } | Op::Check { jump, .. } if label != fail => {
                    let length = self.labels[label] - at - 1;
                    *jump = u16::try_from(length).expect("a bounded condition has short jumps");
                }
                _ => {}
            }
        }
    }

    /// Integers have neighbours, so one range serves five comparisons.
    fn test(&mut self, test: &Test, jump_if: bool) -> Op {
        let check = match test {
            Test::Int(slot, Cmp::Ne, value) => Check::IntOther(*slot, *value),
            Test::Int(slot, cmp, value) => match range(*cmp, *value) {
                Some((least, most)) => {
                    let span = most.wrapping_sub(least) as u64;
                    return Op::Range { least, span, slot: *slot, jump: FAIL, jump_if };
                }
                None => Check::Never,
            },
            Test::Float(slot, cmp, value) => Check::Float(*cmp, *slot, *value),
            Test::Len(slot, cmp, value) => Check::Len(*cmp, *slot, *value),
            Test::Flag(slot, value) => Check::Flag(*slot, *value),
            Test::Known(slot) => Check::Known(*slot),
            Test::Unknown(slot) => Check::Unknown(*slot),
            Test::Text(slot, text, equal) => Check::Text(*slot, pooled(&mut self.code.texts, text), *equal),
            Test::Item(slot, text, inside) => Check::Item(*slot, pooled(&mut self.code.texts, text), *inside),
            Test::Tree(tree, wanted) => Check::Tree(pooled(&mut self.code.trees, tree), *wanted),
        };
        self.check(check, jump_if)
    }

    fn check(&mut self, check: Check, jump_if: bool) -> Op {
        self.code.checks.push(check);
        let place = u32::try_from(self.code.checks.len() - 1).expect("files are bounded, so is their code");
        Op::Check { place, jump: FAIL, jump_if }
    }
}

/// The least and the greatest integer of which a comparison is true; `None` if it is true of none, or of all but one.
fn range(cmp: Cmp, value: i64) -> Option<(i64, i64)> {
    match cmp {
        Cmp::Lt => value.checked_sub(1).map(|most| (i64::MIN, most)),
        Cmp::Le => Some((i64::MIN, value)),
        Cmp::Gt => value.checked_add(1).map(|least| (least, i64::MAX)),
        Cmp::Ge => Some((value, i64::MAX)),
        Cmp::Eq => Some((value, value)),
        Cmp::Ne => None,
    }
}

fn pooled<T: ?Sized>(pool: &mut Vec<Arc<T>>, item: &Arc<T>) -> u32 {
    pool.push(Arc::clone(item));
    u32::try_from(pool.len() - 1).expect("files are bounded, so are their constants")
}
