//! The engine: remembers and judges observed records, in the order in which they came.
//!
//! A batch is cut at every erasure, because what an author writes afterwards is remembered afterwards; apart from that,
//! where batches begin and end makes no difference.

use std::sync::Arc;

use crate::decision::Decision;
use crate::event::{Erase, Outcome as Says, Verdict};
use crate::state::{Counts, Fact, State};

use super::edition::Edition;
use super::judge::Bench;
use super::ladder;
use super::observe::{Item, Observed, Refused};
use super::tally::Tally;

/// Owns the state and is the only one to change it.
pub struct Engine {
    state: State,
    bench: Option<Bench>,
    facts: Vec<Fact>,
    counts: Vec<Counts>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In input order; nothing for a message that nobody has anything to say about.
    pub decisions: Vec<Decision>,
    /// Records that were not decided on, by their place in the batch.
    pub rejected: Vec<(usize, Refused)>,
    /// What changed in the state, for the journal.
    pub deltas: Vec<u8>,
    /// All of it, counted.
    pub tally: Tally,
    /// Whether somebody was forgotten: the journal still knows them until the next snapshot.
    pub erased: bool,
    /// Rules whose caps tripped them into shadow in this batch.
    pub tripped: Vec<Arc<str>>,
}

impl Engine {
    /// An engine that knows what `state` knows.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state, bench: None, facts: Vec::new(), counts: Vec::new() }
    }

    /// What it knows.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Remembers and judges a batch; `chunks` hold its records in input order. Call it where a pool of threads is
    /// installed, for remembering is shared out over its threads.
    pub fn process(&mut self, edition: &Edition, chunks: &[Vec<Item<'_>>]) -> Outcome {
        let items: Vec<&Item<'_>> = chunks.iter().flatten().collect();
        let mut outcome = Outcome::default();
        let mut bench = self.bench.take().filter(|bench| bench.fits(edition)).unwrap_or_else(|| Bench::new(edition));
        let mut first = 0;
        for segment in items.split_inclusive(|item| matches!(item, Item::Erase(_))) {
            self.remember(segment);
            self.judge(edition, &mut bench, segment, first, &mut outcome);
            first += segment.len();
        }
        self.bench = Some(bench);
        outcome.deltas = self.state.take_journal();
        outcome.tally.trip(&outcome.tripped);
        outcome
    }

    fn remember(&mut self, segment: &[&Item<'_>]) {
        self.facts.clear();
        self.counts.clear();
        self.facts.extend(segment.iter().filter_map(|item| match item {
            Item::Event(observed) => Some(observed.fact),
            _ => None,
        }));
        self.state.remember(&self.facts, &mut self.counts);
    }

    fn judge(
        &mut self,
        edition: &Edition,
        bench: &mut Bench,
        segment: &[&Item<'_>],
        first: usize,
        outcome: &mut Outcome,
    ) {
        let counts = std::mem::take(&mut self.counts);
        let mut of_events = counts.iter();
        for (place, item) in (first..).zip(segment) {
            match item {
                Item::Event(observed) => {
                    let counts = of_events.next().expect("each event was remembered");
                    self.event(edition, bench, observed, counts, place, outcome);
                }
                Item::Verdict(verdict) => self.verdict(edition, verdict, place, outcome),
                Item::Erase(erase) => self.erase(erase, outcome),
                Item::Refused(refused) => outcome.reject(place, refused.clone()),
            }
        }
        self.counts = counts;
    }

    fn event(
        &mut self,
        edition: &Edition,
        bench: &mut Bench,
        observed: &Observed<'_>,
        counts: &Counts,
        place: usize,
        outcome: &mut Outcome,
    ) {
        if counts.duplicate {
            let message = format!("an event with the id \"{}\" was taken before", observed.event.id);
            return outcome.reject(place, Refused { code: "duplicate_id", message });
        }
        outcome.tally.events[observed.event.channel as usize] += 1;
        if let Some(decision) = bench.judge(edition, observed, counts, &mut self.state, &mut outcome.tripped) {
            outcome.decide(decision);
        }
    }

    fn verdict(&mut self, edition: &Edition, verdict: &Verdict, place: usize, outcome: &mut Outcome) {
        let event = self.state.keys().event(&verdict.event);
        let is_known = match verdict.outcome {
            Says::Upheld => self.state.uphold(event),
            Says::Overturned => match self.state.overturn(event, verdict.at) {
                Some(reversal) => {
                    // What nothing is left of to undo, such as a notice, is taken back without a word to the sinks.
                    ladder::restore(edition, verdict, &reversal)
                        .into_iter()
                        .for_each(|restored| outcome.decide(restored));
                    true
                }
                None => false,
            },
        };
        if is_known {
            outcome.tally.verdicts += 1;
        } else {
            outcome.reject(place, Refused { code: "unknown_event", message: ladder::unknown_event(verdict) });
        }
    }

    fn erase(&mut self, erase: &Erase, outcome: &mut Outcome) {
        let author = self.state.keys().author(&erase.author);
        self.state.forget_author(author);
        outcome.tally.erasures += 1;
        outcome.erased = true;
    }
}

impl Outcome {
    fn decide(&mut self, decision: Decision) {
        self.tally.decision(&decision);
        self.decisions.push(decision);
    }

    fn reject(&mut self, place: usize, refused: Refused) {
        *self.tally.rejects.entry(refused.code).or_default() += 1;
        self.rejected.push((place, refused));
    }
}
