//! The rulebook: every rule that could be read, compiled and indexed.

use crate::event::{Channel, Millis};
use crate::problem::Problem;
use crate::signal::{Catalogue, Signals, Slot};

use super::SourceFile;
use super::cel::{self, Bool, Scope};
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

/// A part of a condition between `&&`, `||` and `!`, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// As written.
    pub text: String,
    /// `None` is an error, such as a signal that is missing.
    pub truth: Option<bool>,
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
            book.code.push(&formula, rule.expires);
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
            if self.code.fires(rule, at, signals) {
                fired.push(RuleIndex(rule as u32));
            }
        });
    }

    /// The rule of that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<RuleIndex> {
        self.iter().find(|(_, rule)| &*rule.id == id).map(|(at, _)| at)
    }

    /// What each clause of a rule's condition comes to, in the order of the source: for people who ask why a rule fires
    /// or stays silent. The condition is parsed again, so this is not for every event.
    #[must_use]
    pub fn explain(&self, at: RuleIndex, signals: &Signals, catalogue: &Catalogue) -> Vec<Clause> {
        let when = &self.rule(at).when;
        let truth = |text| cel::check(text, catalogue).ok()?.tree.truth(&Scope::new(signals));
        cel::clauses(when).into_iter().map(|text| Clause { text: text.into(), truth: truth(text) }).collect()
    }

    /// What a rule's condition comes to, whatever its status, channels and expiry; `None` is an error, such as a signal
    /// that is missing. For `explain` and for the rules' own tests.
    #[must_use]
    pub fn truth(&self, at: RuleIndex, signals: &Signals) -> Option<bool> {
        self.trees[at.index()].truth(&Scope::new(signals))
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracle::catalogue;
    use super::*;
    use crate::signal::Value;

    fn book(rules: &str) -> Rulebook {
        let (book, problems) = Rulebook::read(&[SourceFile::new("r.yaml", rules)], &[], &catalogue());
        assert_eq!(problems, []);
        book
    }

    fn fired(book: &Rulebook, channel: Channel, at: Millis, signals: &Signals) -> Vec<String> {
        let mut fired = Vec::new();
        book.fire(channel, at, signals, &mut Scratch::default(), &mut fired);
        fired.into_iter().map(|at| book.rule(at).id.to_string()).collect()
    }

    #[test]
    fn drafts_expired_rules_and_other_channels_are_silent() {
        let rule = |id: &str, more: &str| {
            format!("- {{id: {id}, when: event.forward, do: [{{fold: {{level: 1}}}}], {more}}}\n")
        };
        let test = "tests: [{text: a, expect: fires}, {text: b, expect: silent}]";
        let book = book(
            &[
                rule("z", "status: shadow"),
                rule("draft", "status: draft"),
                rule("unsaid", ""),
                rule("live", &format!("status: live, owner: t, expires: 2027-01-01, {test}")),
                rule("expired", "status: shadow, expires: 1970-01-02"),
                rule("group", "status: shadow, channels: [group]"),
            ]
            .concat(),
        );
        let mut signals = Signals::new(&catalogue());
        assert_eq!(fired(&book, Channel::Post, 0, &signals), Vec::<String>::new());
        signals.set(catalogue().slot("event.forward").unwrap(), Value::Bool(true));
        assert_eq!(fired(&book, Channel::Post, 86_399_999, &signals), ["z", "live", "expired"]);
        assert_eq!(fired(&book, Channel::Post, 86_400_000, &signals), ["z", "live"]);
        assert_eq!(fired(&book, Channel::Group, 86_400_000, &signals), ["z", "live", "group"]);
    }

    #[test]
    fn one_scratch_serves_rulebooks_of_any_size() {
        let rules = |n| {
            (0..n)
                .map(|i| format!("- {{id: r{i}, when: event.forward, do: [{{fold: {{level: 1}}}}], status: shadow}}\n"))
        };
        let (small, large) = (book(&rules(1).collect::<String>()), book(&rules(4200).collect::<String>()));
        let mut signals = Signals::new(&catalogue());
        signals.set(catalogue().slot("event.forward").unwrap(), Value::Bool(true));
        let (mut scratch, mut fired) = (Scratch::default(), Vec::new());
        for (book, count) in [(&small, 1), (&large, 4200), (&small, 1)] {
            fired.clear();
            book.fire(Channel::Post, 0, &signals, &mut scratch, &mut fired);
            assert_eq!(fired.len(), count);
            assert!(fired.is_sorted());
        }
    }

    #[test]
    fn explaining_gives_every_clause_its_truth() {
        let book = book(
            "- id: a\n  when: >-\n    text.chars > 3 && !(lang == 'zh' || event.forward)\n  do: [{fold: {level: 1}}]\n",
        );
        let mut signals = Signals::new(&catalogue());
        signals.set(catalogue().slot("text.chars").unwrap(), Value::Int(5));
        let clauses = book.explain(book.find("a").unwrap(), &signals, &catalogue());
        let clauses: Vec<_> = clauses.iter().map(|clause| (&*clause.text, clause.truth)).collect();
        assert_eq!(clauses, [("text.chars > 3", Some(true)), ("lang == 'zh'", None), ("event.forward", Some(false))]);
        assert_eq!(book.truth(book.find("a").unwrap(), &signals), None);
    }
}
