//! Which rules may fire on an event, without looking at the others.
//!
//! Per signal there is a table of thresholds, keys and plain lists of rules. An event visits the tables of the signals
//! that it raised, and those with a trigger that holds by default; a table is read only as far as its triggers hold. So
//! the cost follows what the event raises, not the number of rules.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::signal::{Catalogue, Signals, Slot, Value};

use super::cel::Cmp;
use super::formula::Test;
use super::trigger::Trigger;

type Keys<K> = HashMap<K, Vec<u32>, FixedState>;

/// The index of one channel.
#[derive(Debug, Default)]
pub(crate) struct Index {
    always: Vec<u32>,
    tables: Vec<Table>,
    /// For each slot its table, or `NONE`.
    of_slot: Vec<u32>,
    /// The tables that are read whether or not their signal was raised.
    watched: Vec<u32>,
}

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Table {
    slot: Slot,
    is_watched: bool,
    /// The rules that need no more than that the signal was raised, or known, or missing.
    raised: Vec<u32>,
    known: Vec<u32>,
    unknown: Vec<u32>,
    flags: [Vec<u32>; 2],
    ints: Thresholds<i64>,
    lens: Thresholds<i64>,
    floats: Thresholds<f64>,
    equal_ints: Keys<i64>,
    /// Equal strings, or items of lists.
    texts: Keys<Arc<str>>,
    /// Rules that need another string, or a list without one: kept apart because any value may do.
    other_texts: Vec<u32>,
}

/// Rules by the least and by the greatest value that they need, nearest to holding first.
#[derive(Debug, Default)]
struct Thresholds<K> {
    at_least: Vec<(K, u32)>,
    at_most: Vec<(K, u32)>,
}

impl<K: PartialOrd + Copy> Thresholds<K> {
    fn passed(&self, value: K, found: &mut Candidates) {
        for (_, rule) in self.at_least.iter().take_while(|(bound, _)| *bound <= value) {
            found.add(*rule);
        }
        for (_, rule) in self.at_most.iter().take_while(|(bound, _)| value <= *bound) {
            found.add(*rule);
        }
    }

    fn sort(&mut self) {
        self.at_least.sort_by(|a, b| a.partial_cmp(b).expect("bounds are numbers"));
        self.at_most.sort_by(|a, b| b.partial_cmp(a).expect("bounds are numbers"));
    }
}

impl Index {
    /// Indexes rules by their triggers.
    pub(crate) fn new(rules: impl Iterator<Item = (u32, Vec<Trigger>)>, catalogue: &Catalogue) -> Self {
        let mut index = Self { of_slot: vec![NONE; catalogue.len()], ..Self::default() };
        let defaults = Signals::new(catalogue);
        for (rule, triggers) in rules {
            triggers.into_iter().for_each(|trigger| index.add(rule, trigger, &defaults));
        }
        for table in &mut index.tables {
            table.ints.sort();
            table.lens.sort();
            table.floats.sort();
        }
        index
    }

    fn add(&mut self, rule: u32, trigger: Trigger, defaults: &Signals) {
        match trigger {
            Trigger::Always => self.always.push(rule),
            Trigger::Raised(slot) => self.table(slot).1.raised.push(rule),
            Trigger::Test(test) => {
                let slot = test.slot().expect("a trigger tests one signal");
                let (at, table) = self.table(slot);
                table.add(rule, &test);
                if test.holds(defaults) && !std::mem::replace(&mut table.is_watched, true) {
                    self.watched.push(at);
                }
            }
        }
    }

    fn table(&mut self, slot: Slot) -> (u32, &mut Table) {
        let at = &mut self.of_slot[slot.index()];
        if *at == NONE {
            *at = u32::try_from(self.tables.len()).expect("fewer tables than slots");
            self.tables.push(Table::new(slot));
        }
        (*at, &mut self.tables[*at as usize])
    }

    /// Adds every rule of which some trigger goes off.
    pub(crate) fn candidates(&self, signals: &Signals, found: &mut Candidates) {
        self.always.iter().for_each(|rule| found.add(*rule));
        for slot in signals.raised() {
            let at = self.of_slot[slot.index()];
            if at != NONE {
                let table = &self.tables[at as usize];
                table.raised.iter().for_each(|rule| found.add(*rule));
                if !table.is_watched {
                    table.visit(signals, found);
                }
            }
        }
        self.watched.iter().for_each(|at| self.tables[*at as usize].visit(signals, found));
    }
}

impl Table {
    fn new(slot: Slot) -> Self {
        Self {
            slot,
            is_watched: false,
            raised: Vec::new(),
            known: Vec::new(),
            unknown: Vec::new(),
            flags: [Vec::new(), Vec::new()],
            ints: Thresholds { at_least: Vec::new(), at_most: Vec::new() },
            lens: Thresholds { at_least: Vec::new(), at_most: Vec::new() },
            floats: Thresholds { at_least: Vec::new(), at_most: Vec::new() },
            equal_ints: Keys::default(),
            texts: Keys::default(),
            other_texts: Vec::new(),
        }
    }

    /// A test may be taken as one that holds more often: the rule's code has the last word.
    fn add(&mut self, rule: u32, test: &Test) {
        match test {
            Test::Int(_, Cmp::Eq, value) => put(&mut self.equal_ints, *value, rule),
            Test::Int(_, cmp, value) => match int_bound(*cmp, *value) {
                Some(Bound::Least(value)) => self.ints.at_least.push((value, rule)),
                Some(Bound::Most(value)) => self.ints.at_most.push((value, rule)),
                None => self.known.push(rule),
            },
            Test::Len(_, cmp, value) => match int_bound(*cmp, *value) {
                Some(Bound::Least(value)) => self.lens.at_least.push((value, rule)),
                Some(Bound::Most(value)) => self.lens.at_most.push((value, rule)),
                None => self.known.push(rule),
            },
            Test::Float(_, Cmp::Ge | Cmp::Gt | Cmp::Eq, value) if !value.is_nan() => {
                self.floats.at_least.push((*value, rule));
            }
            Test::Float(_, Cmp::Le | Cmp::Lt, value) if !value.is_nan() => self.floats.at_most.push((*value, rule)),
            Test::Float(..) | Test::Known(_) | Test::Tree(..) => self.known.push(rule),
            Test::Flag(_, value) => self.flags[usize::from(*value)].push(rule),
            Test::Unknown(_) => self.unknown.push(rule),
            Test::Text(_, text, true) | Test::Item(_, text, true) => put(&mut self.texts, Arc::clone(text), rule),
            Test::Text(_, _, false) | Test::Item(_, _, false) => self.other_texts.push(rule),
        }
    }

    fn visit(&self, signals: &Signals, found: &mut Candidates) {
        let value = signals.get(self.slot);
        let rules = if *value == Value::Missing { &self.unknown } else { &self.known };
        rules.iter().for_each(|rule| found.add(*rule));
        match value {
            Value::Missing => {}
            Value::Bool(value) => self.flags[usize::from(*value)].iter().for_each(|rule| found.add(*rule)),
            Value::Int(value) => {
                self.ints.passed(*value, found);
                get(&self.equal_ints, value, found);
            }
            Value::Float(value) => self.floats.passed(*value, found),
            Value::Text(text) => {
                self.other_texts.iter().for_each(|rule| found.add(*rule));
                get(&self.texts, text, found);
            }
            Value::Texts(list) => {
                self.other_texts.iter().for_each(|rule| found.add(*rule));
                self.lens.passed(list.len() as i64, found);
                list.iter().for_each(|text| get(&self.texts, text, found));
            }
        }
    }
}

enum Bound {
    Least(i64),
    Most(i64),
}

fn int_bound(cmp: Cmp, value: i64) -> Option<Bound> {
    match cmp {
        Cmp::Gt => Some(Bound::Least(value.saturating_add(1))),
        Cmp::Ge | Cmp::Eq => Some(Bound::Least(value)),
        Cmp::Lt => Some(Bound::Most(value.saturating_sub(1))),
        Cmp::Le => Some(Bound::Most(value)),
        Cmp::Ne => None,
    }
}

fn put<K: Hash + Eq>(keys: &mut Keys<K>, key: K, rule: u32) {
    keys.entry(key).or_default().push(rule);
}

fn get<K: Hash + Eq>(keys: &Keys<K>, key: &K, found: &mut Candidates) {
    if !keys.is_empty() {
        keys.get(key).into_iter().flatten().for_each(|rule| found.add(*rule));
    }
}

/// A set of rules as bits with a summary above them, so that emptying a small set of many rules is quick and in order.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    words: Vec<u64>,
    summary: Vec<u64>,
}

impl Candidates {
    /// Room for so many rules.
    pub(crate) fn fit(&mut self, rules: usize) {
        let words = rules.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
            self.summary.resize(words.div_ceil(64), 0);
        }
    }

    #[inline]
    fn add(&mut self, rule: u32) {
        let word = rule as usize / 64;
        self.words[word] |= 1 << (rule % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    /// Takes every rule out, in order.
    #[inline]
    pub(crate) fn drain(&mut self, mut each: impl FnMut(usize)) {
        for (above, summary) in self.summary.iter_mut().enumerate() {
            for word in bits(std::mem::take(summary)) {
                let word = above * 64 + word;
                for bit in bits(std::mem::take(&mut self.words[word])) {
                    each(word * 64 + bit);
                }
            }
        }
    }
}

/// The set bits of a word, from the lowest.
#[inline]
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        (word != 0).then(|| {
            word &= word - 1;
            bit as usize
        })
    })
}
