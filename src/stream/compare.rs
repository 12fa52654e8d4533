//! Two editions over one recorded stream: what would change if the new one were published?

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::decision::Decision;
use crate::io::{Clock, Source};
use crate::pipeline::{Edition, Engine, Item};
use crate::state::{State, Texts};

use super::{Control, Front, Options, StreamError, TextLogs, scan};

/// What became of one rule.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RuleDiff {
    /// Events that it hits in both editions.
    pub both: u64,
    /// Events that it hits in the new one only.
    pub gained: u64,
    /// Events that it hits in the old one only.
    pub lost: u64,
    /// Some of those gained.
    pub gained_samples: Vec<Sample>,
    /// Some of those lost.
    pub lost_samples: Vec<Sample>,
}

/// A message that only one of the editions hits.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Its id.
    pub event: String,
    /// How it begins.
    pub text: String,
}

/// The whole comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Records read.
    pub records: u64,
    /// Events on which both act, in whatever way.
    pub acted_both: u64,
    /// Events on which the new one alone acts.
    pub acted_new_only: u64,
    /// Events on which the old one alone acts.
    pub acted_old_only: u64,
    /// Events on which both act, but not alike.
    pub acted_otherwise: u64,
    /// What became of each rule.
    pub rules: BTreeMap<Arc<str>, RuleDiff>,
}

/// Compares two editions over a stream, with so many samples of each rule's new and lost hits.
///
/// # Errors
/// Those of the source and of stored texts.
pub fn compare(
    [old, new]: [&mut Side; 2],
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    options: &Options,
    control: &Control,
    samples: usize,
) -> Result<Comparison, StreamError> {
    let mut comparison = Comparison::default();
    scan(source, clock, options, control, |front, batch| {
        let chunks = front.observe(&new.edition, batch);
        let decided_new = new.decide(front, &chunks)?;
        let texts: BTreeMap<&str, &str> = chunks.iter().flatten().filter_map(text_of).collect();
        let decided_old = old.decide(front, &front.observe(&old.edition, batch))?;
        comparison.records += batch.len() as u64;
        comparison.take(&decided_old, &decided_new, &texts, samples);
        Ok::<_, StreamError>(())
    })?;
    Ok(comparison)
}

fn text_of<'a>(item: &'a Item<'_>) -> Option<(&'a str, &'a str)> {
    match item {
        Item::Event(observed) => Some((&*observed.event.id, &*observed.event.text)),
        _ => None,
    }
}

/// One edition with its own memory.
pub struct Side {
    /// By which it decides.
    pub edition: Arc<Edition>,
    engine: Engine,
    texts: Option<TextLogs>,
}

impl Side {
    /// One that has seen nothing yet; `texts` are empty logs of its own.
    ///
    /// # Errors
    /// If the logs cannot be read.
    pub fn new(edition: Arc<Edition>, options: &Options, texts: Option<TextLogs>) -> Result<Self, StreamError> {
        let state = State::new(&options.state, options.keys);
        let engine = match options.copies.as_ref().zip(texts.as_ref()) {
            Some((copies, texts)) => {
                Engine::looking(state, copies, texts.each_ref().map(|texts| Arc::clone(texts) as Arc<dyn Texts>))?
            }
            None => Engine::new(state),
        };
        Ok(Self { edition, engine, texts })
    }

    fn decide(&mut self, front: &Front, chunks: &[Vec<Item<'_>>]) -> Result<BTreeMap<String, Decision>, StreamError> {
        let outcome = front.install(|| self.engine.process(&self.edition, chunks))?;
        let ends = outcome.texts_end.iter().flatten();
        for (texts, end) in self.texts.iter().flatten().zip(ends) {
            texts.flush(false)?;
            texts.settled(*end)?;
        }
        // A verdict's decision stands beside the one that it is about, under the same event: it is no rule's doing.
        let of_rules =
            outcome.decisions.into_iter().filter(|decision| !decision.reasons.iter().any(|r| &*r.rule == "verdict"));
        Ok(of_rules.map(|decision| (decision.event.clone(), decision)).collect())
    }
}

impl Comparison {
    fn take(
        &mut self,
        old: &BTreeMap<String, Decision>,
        new: &BTreeMap<String, Decision>,
        texts: &BTreeMap<&str, &str>,
        samples: usize,
    ) {
        let sample = |event: &str| Sample {
            event: event.to_owned(),
            text: texts.get(event).map(|text| text.chars().take(120).collect()).unwrap_or_default(),
        };
        for (event, decision) in new {
            let before = old.get(event);
            for rule in rules_of(decision) {
                let diff = self.rules.entry(Arc::clone(rule)).or_default();
                if before.is_some_and(|before| rules_of(before).any(|known| known == rule)) {
                    diff.both += 1;
                } else {
                    diff.gained += 1;
                    keep(&mut diff.gained_samples, samples, || sample(event));
                }
            }
            self.count(before, decision);
        }
        for (event, decision) in old {
            let after = new.get(event);
            for rule in rules_of(decision) {
                if !after.is_some_and(|after| rules_of(after).any(|known| known == rule)) {
                    let diff = self.rules.entry(Arc::clone(rule)).or_default();
                    diff.lost += 1;
                    keep(&mut diff.lost_samples, samples, || sample(event));
                }
            }
            let acts_no_more = after.is_none_or(|after| after.actions.is_empty());
            self.acted_old_only += u64::from(!decision.actions.is_empty() && acts_no_more);
        }
    }

    fn count(&mut self, old: Option<&Decision>, new: &Decision) {
        if new.actions.is_empty() {
            return;
        }
        match old.filter(|old| !old.actions.is_empty()) {
            None => self.acted_new_only += 1,
            Some(old) => {
                self.acted_both += 1;
                let is_alike = old.actions.iter().map(|a| &a.kind).eq(new.actions.iter().map(|a| &a.kind));
                self.acted_otherwise += u64::from(!is_alike);
            }
        }
    }
}

fn rules_of(decision: &Decision) -> impl Iterator<Item = &Arc<str>> {
    let shadow = decision.shadow.iter().map(|shadow| &shadow.reason.rule);
    decision.reasons.iter().map(|reason| &reason.rule).chain(shadow)
}

fn keep(samples: &mut Vec<Sample>, max: usize, sample: impl FnOnce() -> Sample) {
    if samples.len() < max {
        samples.push(sample());
    }
}
