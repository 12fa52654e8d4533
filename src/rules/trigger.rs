//! What must be so for a rule to fire: a short list of tests of which at least one holds whenever its condition is true.
//! Of the sides of an `and` one is enough, so the one that holds most rarely is taken; of an `or` all are needed.

use crate::signal::{Catalogue, Signals, Slot};

use super::cel::{Cmp, Reads, Scope};
use super::formula::{Formula, Test};

/// One thing that must be so.
#[derive(Clone, Debug)]
pub(crate) enum Trigger {
    /// The test holds. Never a tree.
    Test(Test),
    /// The signal was set for this event.
    Raised(Slot),
    /// Nothing needs to be so.
    Always,
}

/// How often a trigger is expected to go off, as a rough cost in candidates per event; only the order matters.
const ALWAYS: u64 = 1_000_000;
const BY_DEFAULT: u64 = 10_000;
const RAISED: u64 = 1_000;
const PRESENT: u64 = 600;
const COMPARED: u64 = 100;
const WORDS: u64 = 1;

/// Finds the triggers of formulas.
pub(crate) struct Triggers<'c> {
    catalogue: &'c Catalogue,
    defaults: Signals,
}

struct Choice {
    cost: u64,
    triggers: Vec<Trigger>,
}

impl<'c> Triggers<'c> {
    pub(crate) fn new(catalogue: &'c Catalogue) -> Self {
        Self { catalogue, defaults: Signals::new(catalogue) }
    }

    /// The triggers of a formula: whenever it holds, one of them does.
    pub(crate) fn of(&self, formula: &Formula) -> Vec<Trigger> {
        self.choose(formula).triggers
    }

    fn choose(&self, formula: &Formula) -> Choice {
        match formula {
            Formula::Test(test) => self.of_test(test),
            Formula::All(terms) => {
                let always = Choice { cost: ALWAYS, triggers: vec![Trigger::Always] };
                terms.iter().map(|term| self.choose(term)).min_by_key(|choice| choice.cost).unwrap_or(always)
            }
            Formula::Any(terms) => {
                let mut all = Choice { cost: 0, triggers: Vec::new() };
                for choice in terms.iter().map(|term| self.choose(term)) {
                    all.cost = all.cost.saturating_add(choice.cost);
                    all.triggers.extend(choice.triggers);
                }
                all
            }
        }
    }

    /// What holds by default of a signal that is rarely raised holds almost always: looking it up would be in vain.
    fn of_test(&self, test: &Test) -> Choice {
        match test {
            Test::Tree(tree, wanted) => {
                if tree.truth(&Scope::new(&self.defaults)) == Some(*wanted) {
                    return Choice { cost: ALWAYS, triggers: vec![Trigger::Always] };
                }
                let mut slots = Vec::new();
                tree.slots(&mut slots);
                let cost = slots.iter().map(|slot| self.rarely(*slot, RAISED)).sum();
                Choice { cost, triggers: slots.into_iter().map(Trigger::Raised).collect() }
            }
            test => {
                let slot = test.slot().expect("only trees have no slot of their own");
                let by_default = test.holds(&self.defaults);
                if by_default && self.rarely(slot, RAISED) == WORDS {
                    return Choice { cost: ALWAYS, triggers: vec![Trigger::Always] };
                }
                let cost = match test {
                    _ if by_default => BY_DEFAULT,
                    Test::Known(_) | Test::Unknown(_) => self.rarely(slot, PRESENT),
                    Test::Int(_, Cmp::Ne, _) | Test::Float(_, Cmp::Ne, _) | Test::Text(_, _, false) => {
                        self.rarely(slot, PRESENT)
                    }
                    _ => self.rarely(slot, COMPARED),
                };
                Choice { cost, triggers: vec![Trigger::Test(test.clone())] }
            }
        }
    }

    /// A hit of a word list is rarer than anything that an event says of itself.
    fn rarely(&self, slot: Slot, cost: u64) -> u64 {
        if self.catalogue.definition(slot).name.starts_with("words.") { WORDS } else { cost }
    }
}
