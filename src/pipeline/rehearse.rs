//! Single messages played through an edition, off the stream: rules' own tests, and the answer to "why?".
//!
//! It is the stream's own code with an empty memory: observe, raise, evaluate. Only what a test or a caller sets by hand
//! is put over what the senses say.

use std::sync::Arc;

use crate::decision::Decision;
use crate::event::{Channel, Event, Millis, Record};
use crate::keywords::Hits;
use crate::problem::Problem;
use crate::rules::{Expect, Rule, RuleIndex, RuleTest, Status};
use crate::signal::{Signals, Slot, Span, Value};
use crate::state::{self, Counts, Keys, State};

use super::claim;
use super::edition::Edition;
use super::judge::Docket;
use super::observe::{Item, ObserveScratch, Observed, observe};
use super::remembered::Remembered;
use super::signals::{Filler, Known, Standing};

/// When a test's message is published if the test does not say. Before every expiry that a rule may have.
const TEST_AT: Millis = 1_767_225_600_000; // 2026-01-01T00:00:00Z

/// What the tests of an edition came to.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// Tests that were run.
    pub tests: usize,
    /// One error for each test that failed.
    pub problems: Vec<Problem>,
}

/// Runs every test of every rule, drafts included.
#[must_use]
pub fn rehearse(edition: &Edition) -> Rehearsal {
    let mut stage = Stage::new(edition);
    let mut rehearsal = Rehearsal::default();
    for (index, rule) in edition.rulebook.iter() {
        let first = rule.channels.iter().next().unwrap_or(Channel::Post);
        for test in &rule.tests {
            rehearsal.tests += 1;
            rehearsal.problems.extend(stage.test(index, rule, first, test));
        }
    }
    rehearsal
}

/// Why one message is decided on as it is.
#[derive(Debug)]
pub struct Explained {
    /// Every raised signal with its value and the places where it was found.
    pub signals: Vec<(Arc<str>, Value, Vec<Span>)>,
    /// Every term that hit: its list, the term as the list writes it, and where.
    pub hits: Vec<(Arc<str>, Arc<str>, Vec<Span>)>,
    /// Every rule of the channel, and what its condition comes to; `None` is an error, such as a missing signal.
    pub rules: Vec<(RuleIndex, Option<bool>)>,
    /// What would be decided, were this the first message of all apart from what is given; `None` for nothing.
    pub decision: Option<Decision>,
}

/// Explains one message, with some signals set by hand.
#[must_use]
pub fn explain(edition: &Edition, event: &Event<'_>, given: &[(Slot, Value)]) -> Explained {
    let mut stage = Stage::new(edition);
    let observed = stage.observe(event.clone());
    stage.raise(&observed, given);
    let here = edition.rulebook.iter().filter(|(_, rule)| rule.channels.contains(event.channel));
    let rules = here.map(|(index, _)| (index, edition.rulebook.truth(index, &stage.signals))).collect();
    let signals = stage.raised(observed.hits.as_deref());
    let hits = observed.hits.iter().flat_map(|hits| named_hits(edition, hits)).collect();
    let mut state = stage.empty_state();
    let (counts, mut tripped) = (Counts::default(), Vec::new());
    let remembered = Remembered::only(&counts);
    let decision = Docket::default().decide(edition, &observed, &remembered, &stage.signals, &mut state, &mut tripped);
    Explained { signals, hits, rules, decision }
}

/// Every hit by the names that people gave.
#[must_use]
pub fn named_hits(edition: &Edition, hits: &Hits) -> Vec<(Arc<str>, Arc<str>, Vec<Span>)> {
    let named = |hit: &crate::keywords::Hit| {
        let list = &edition.matcher.lists()[hit.list.index()];
        (Arc::clone(&list.name), Arc::clone(&list.terms[hit.term as usize].text), hits.spans(hit).to_vec())
    };
    hits.all().iter().map(named).collect()
}

/// An edition whose every signal is filled in, whether or not a rule reads it.
pub struct Stage<'e> {
    edition: &'e Edition,
    filler: Filler,
    signals: Signals,
    scratch: ObserveScratch,
    keys: Keys,
}

impl<'e> Stage<'e> {
    /// A stage for that edition.
    #[must_use]
    pub fn new(edition: &'e Edition) -> Self {
        Self {
            edition,
            filler: Filler::new(&edition.catalogue, &edition.matcher, |_| true),
            signals: Signals::new(&edition.catalogue),
            scratch: ObserveScratch::curious(),
            keys: Keys::new(&[]),
        }
    }

    /// Observes a message.
    pub fn observe<'a>(&mut self, event: Event<'a>) -> Observed<'a> {
        match observe(self.edition, Record::Event(event), &self.keys, &mut self.scratch) {
            Item::Event(observed) => observed,
            _ => unreachable!("a message is observed as a message"),
        }
    }

    /// What is raised by a message that is the first of its author and room.
    pub fn evidence(&mut self, observed: &Observed<'_>) -> Vec<(Arc<str>, Value, Vec<Span>)> {
        self.raise(observed, &[]);
        self.raised(observed.hits.as_deref())
    }

    fn empty_state(&self) -> State {
        State::new(&state::Options { ids_max: 1, authors_max: 1, rooms_max: 1, ..state::Options::default() }, self.keys)
    }

    fn raise(&mut self, observed: &Observed<'_>, given: &[(Slot, Value)]) {
        let mut counts: Vec<Counts> = Vec::new();
        self.empty_state().remember(&[observed.fact], &mut counts);
        let event = &observed.event;
        let hits = observed.hits.as_deref();
        let (standing, trusted) = (Standing::default(), self.edition.trusts(event));
        let known = Known {
            event,
            shape: &observed.shape,
            hits,
            counts: &counts[0],
            standing,
            trusted,
            class: observed.class.as_ref(),
            twin: None,
            copied: None,
            is_article: false,
            is_own: false,
            claim: claim::known(self.edition, observed),
            is_inherited: false,
            doubts: observed.doubts,
            judged: &[],
        };
        self.signals.clear();
        self.filler.fill(&known, &self.edition.matcher, &mut self.signals);
        for (slot, value) in given {
            self.signals.set(*slot, value.clone());
        }
    }

    fn raised(&self, hits: Option<&Hits>) -> Vec<(Arc<str>, Value, Vec<Span>)> {
        let spans = |slot| match (self.filler.list_of(slot), hits) {
            (Some(list), Some(hits)) => {
                let of_list = hits.all().iter().filter(|hit| hit.list == list);
                of_list.flat_map(|hit| hits.spans(hit)).copied().collect()
            }
            _ => Vec::new(),
        };
        let name = |slot| Arc::clone(&self.edition.catalogue.definition(slot).name);
        let mut slots = self.signals.raised().to_vec();
        slots.sort_unstable();
        slots.into_iter().map(|slot| (name(slot), self.signals.get(slot).clone(), spans(slot))).collect()
    }

    fn test(&mut self, index: RuleIndex, rule: &Rule, first: Channel, test: &RuleTest) -> Option<Problem> {
        let observed = self.observe(test.event(first, TEST_AT));
        self.raise(&observed, &test.given);
        let is_here = rule.channels.contains(observed.event.channel);
        let truth = if is_here { self.edition.rulebook.truth(index, &self.signals) } else { Some(false) };
        let fires = truth == Some(true);
        if fires == (test.expect == Expect::Fires) {
            return None;
        }
        let (does, should) = if fires { ("fires", "stay silent") } else { ("is silent", "fire") };
        let message = format!("rule `{}` {does} on this test, and should {should}", rule.id);
        Some(Problem::error(&rule.file, message).at(test.line, 0, 0).hint(self.why(rule, truth)))
    }

    /// What the condition saw.
    fn why(&self, rule: &Rule, truth: Option<bool>) -> String {
        let value = |&slot: &Slot| {
            let value = self.signals.get(slot);
            let shown = serde_json::to_string(value).unwrap_or_default();
            let shown = if *value == Value::Missing { "missing".to_owned() } else { shown };
            format!("{} = {shown}", self.edition.catalogue.definition(slot).name)
        };
        let seen: Vec<String> = rule.grounds.iter().map(value).collect();
        let note = match truth {
            None => "; its condition is an error, which counts as silent",
            Some(_) if rule.status == Status::Draft => "; the rule is a draft",
            Some(_) => "",
        };
        format!("it saw {}{note}", seen.join(", "))
    }
}
