//! What analysts will search: events with what was found out about them and what was decided, as lines for the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::case::{Case, Filing};
use crate::classify::Label;
use crate::decision::Decision;
use crate::event::Event;
use crate::neardup::Twin;
use crate::text::fold_to_string;

use super::claim;
use super::copies::Copies;
use super::edition::Edition;
use super::observe::Observed;

/// Which events are filed. What was decided on always is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilingOptions {
    /// The share of all others, from 0 to 1. Which these are depends on their ids and the deployment's secret alone.
    pub ordinary_share: f64,
}

impl FilingOptions {
    fn wants(self, observed: &Observed<'_>) -> bool {
        // 53 bits are what a number between 0 and 1 can hold.
        ((observed.fact.id >> 11) as f64) < self.ordinary_share * (1_u64 << 53) as f64
    }
}

/// What is to be filed of a stretch of the stream, in its order.
pub(super) struct Drawer<'i, 'a> {
    options: Option<FilingOptions>,
    held: Vec<Held<'i, 'a>>,
}

enum Held<'i, 'a> {
    Event { observed: &'i Observed<'a>, twin: Option<Twin>, decision: Option<usize> },
    Restored { decision: usize },
    Late { observed: &'i Observed<'a>, decision: usize, claim: Arc<str> },
}

/// Cases that one thread writes at a time.
const CHUNK_CASES: usize = 64;

impl<'i, 'a> Drawer<'i, 'a> {
    pub(super) fn new(options: Option<FilingOptions>) -> Self {
        Self { options, held: Vec::new() }
    }

    /// An event, and the place of its decision among those of the batch.
    pub(super) fn event(&mut self, observed: &'i Observed<'a>, twin: Option<Twin>, decision: Option<usize>) {
        if self.options.is_some_and(|options| decision.is_some() || options.wants(observed)) {
            self.held.push(Held::Event { observed, twin, decision });
        }
    }

    /// An earlier decision that was undone.
    pub(super) fn restored(&mut self, decision: usize) {
        if self.options.is_some() {
            self.held.push(Held::Restored { decision });
        }
    }

    /// What was said of an event after the fact, and for which claim: the event itself was filed when it came.
    pub(super) fn late(&mut self, observed: &'i Observed<'a>, decision: usize, claim: Arc<str>) {
        if self.options.is_some() {
            self.held.push(Held::Late { observed, decision, claim });
        }
    }

    /// Writes what was held. Call it before anybody is forgotten: cases name the first of their near-duplicates.
    pub(super) fn empty(
        &mut self,
        edition: &Edition,
        copies: Option<&Copies>,
        decisions: &[Decision],
        out: &mut Vec<u8>,
    ) {
        let write = |held: &[Held<'_, '_>]| {
            let mut lines = Vec::new();
            held.iter().for_each(|held| Filing::Case(case(held, edition, copies, decisions)).write(&mut lines));
            lines
        };
        let lines: Vec<Vec<u8>> = self.held.par_chunks(CHUNK_CASES).map(write).collect();
        lines.iter().for_each(|lines| out.extend_from_slice(lines));
        self.held.clear();
    }

    /// That an author is to be forgotten.
    pub(super) fn erase(&self, author: &str, out: &mut Vec<u8>) {
        if self.options.is_some() {
            Filing::Erase(author.to_owned()).write(out);
        }
    }
}

fn case<'i>(held: &Held<'i, '_>, edition: &Edition, copies: Option<&Copies>, decisions: &[Decision]) -> Case<'i> {
    match *held {
        Held::Restored { decision } => Case { decision: Some(decisions[decision].clone()), ..Case::default() },
        Held::Late { observed, decision, claim: ref of } => Case {
            claim: Some(Arc::clone(of)),
            stance: claim::known(edition, observed).map(|(_, found)| found.stance.name().into()),
            decision: Some(decisions[decision].clone()),
            ..Case::default()
        },
        Held::Event { observed, ref twin, decision } => {
            let joined = twin.as_ref().filter(|twin| !twin.is_new);
            let first = joined.zip(copies).and_then(|(twin, copies)| copies.first(twin).ok());
            let claim = claim::known(edition, observed);
            Case {
                event: Some(observed.event.clone()),
                plain: plain(&observed.event),
                terms: terms(edition, observed),
                similarity: first.as_ref().and(joined).map(|twin| twin.similarity),
                cluster: first.map(|first| first.id).filter(|id| !id.is_empty()),
                claim: claim.map(|(claim, _)| Arc::from(&*claim.id)),
                stance: claim.map(|(_, found)| found.stance.name().into()),
                classes: classes(observed),
                decision: decision.map(|decision| decisions[decision].clone()),
            }
        }
    }
}

/// Title, text and the texts of media, each a line, folded.
fn plain(event: &Event<'_>) -> String {
    let media = event.media.iter().filter_map(|media| media.text.as_deref());
    let texts = event.title.as_deref().into_iter().chain([&*event.text]).chain(media);
    let folded: Vec<String> = texts.map(|text| fold_to_string(text).replace('\n', " ")).collect();
    folded.join("\n")
}

fn terms(edition: &Edition, observed: &Observed<'_>) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let Some(hits) = &observed.hits else { return BTreeMap::new() };
    let of_list = |hits: crate::keywords::ListHits<'_>| {
        (Arc::clone(&hits.info.name), hits.terms().map(|term| Arc::clone(&term.text)).collect())
    };
    hits.by_list(&edition.matcher).map(of_list).collect()
}

fn classes(observed: &Observed<'_>) -> BTreeMap<Arc<str>, f32> {
    let scored = observed.class.iter().flat_map(|class| Label::ALL.into_iter().zip(class.scores));
    scored.map(|(label, score)| (Arc::from(label.name()), score)).collect()
}
