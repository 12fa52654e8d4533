//! The rulebook: every rule that could be read, compiled and indexed.

use crate::event::{Channel, Millis};
use crate::problem::Problem;
use crate::signal::{Catalogue, Signals, Slot};

use super::SourceFile;
use super::cel::{Bool, Scope};
use super::code::Code;
use super::formula::Formula;
use super::index::{Candidates, Index};
use super::rule::{Rule, Status};
use super::rule_file;
use super::trigger::{Trigger, Triggers};

/// The place of a rule in its rulebook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(u32);

impl RuleIndex {
    /// Its index into [`Rulebook::rules`] and into dense tables beside it.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What [`Rulebook::fire`] works in. Make one a thread and use it for every event.
#[derive(Debug, Default)]
pub struct Scratch {
    candidates: Candidates,
}

/// The rules of an edition. Immutable, and the same for every thread.
#[derive(Debug, Default)]
pub struct Rulebook {
    rules: Vec<Rule>,
    trees: Vec<Bool>,
    code: Code,
    /// By channel.
    indexes: [Index; 5],
    /// By slot.
    is_used: Vec<bool>,
}

impl Rulebook {
    /// Reads the base files and then the overlay's, whose rules replace those of the same id where they stand. Gives
    /// every rule that could be read, and everything that is wrong with the files in the order of files and lines.
    #[must_use]
    pub fn read(base: &[SourceFile], overlay: &[SourceFile], catalogue: &Catalogue) -> (Self, Vec<Problem>) {
        let (entries, problems) = rule_file::read(base, overlay, catalogue);
        let mut book = Self { is_used: vec![false; catalogue.len()], ..Self::default() };
        let triggers = Triggers::new(catalogue);
        let mut found: Vec<(u32, Vec<Trigger>)> = Vec::new();
        for (at, (rule, tree)) in (0..).zip(entries) {
            let formula = Formula::when(&tree, true);
            book.code.push(&formula);
            if rule.status != Status::Draft {
                rule.grounds.iter().for_each(|slot| book.is_used[slot.index()] = true);
                found.push((at, triggers.of(&formula)));
            }
            book.rules.push(rule);
            book.trees.push(tree);
        }
        book.indexes = Channel::ALL.map(|channel| {
            let here = found.iter().filter(|(at, _)| book.rules[*at as usize].channels.contains(channel));
            Index::new(here.cloned(), catalogue)
        });
        (book, problems)
    }

    /// Every rule, in the order of files and lines.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// One rule.
    #[must_use]
    pub fn rule(&self, at: RuleIndex) -> &Rule {
        &self.rules[at.index()]
    }

    /// Every rule with its place.
    pub fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        (0..).map(RuleIndex).zip(&self.rules)
    }

    /// Whether any rule that is evaluated reads that signal.
    #[must_use]
    pub fn uses(&self, slot: Slot) -> bool {
        self.is_used.get(slot.index()).is_some_and(|is_used| *is_used)
    }

    /// Adds to `fired`, in the order of files and lines, the rules of that channel that are live or in shadow, have not
    /// expired at that time, and whose condition is true. The signals must come from the catalogue of [`Self::read`].
    pub fn fire(
        &self,
        channel: Channel,
        at: Millis,
        signals: &Signals,
        scratch: &mut Scratch,
        fired: &mut Vec<RuleIndex>,
    ) {
        scratch.candidates.fit(self.rules.len());
        self.indexes[channel as usize].candidates(signals, &mut scratch.candidates);
        scratch.candidates.drain(|rule| {
            if self.code.holds(rule, signals) && at < self.rules[rule].expires {
                fired.push(RuleIndex(rule as u32));
            }
        });
    }

    /// What a rule's condition comes to, whatever its status, channels and expiry; `None` is an error, such as a signal
    /// that is missing. For `explain` and for the rules' own tests.
    #[must_use]
    pub fn truth(&self, at: RuleIndex, signals: &Signals) -> Option<bool> {
        self.trees[at.index()].truth(&Scope::new(signals))
    }
}
