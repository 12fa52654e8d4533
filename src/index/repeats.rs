//! What may repeat a claim, day by day, and what passes it on: candidates, for whoever can judge them.

use std::collections::BTreeSet;

use super::IndexError;
use super::page::{Ask, Cursor, Order};
use super::query::{Query, Test};
use super::reader::{PAGE_HITS_MAX, Reader};
use crate::decision::{ActionKind, Decision};
use crate::event::{Event, Millis};

/// How far back is looked, and how much a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatOptions {
    /// What was published so many milliseconds before is not looked at.
    pub back_ms: Millis,
    /// Candidates of one day of event time, at most: those that share most with the claim.
    pub per_day_max: usize,
}

/// A page of candidates, of so many bytes at most (and one case more).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repeats {
    /// Each once; of the page, the latest first.
    pub events: Vec<Event<'static>>,
    /// Those of them that have the label of a refuted claim by the decision they were filed with.
    pub labelled: BTreeSet<String>,
    /// How many there are on all pages.
    pub total: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<Turn>,
}

/// Where a page of candidates begins: after so many, at that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    after: Cursor,
    given: usize,
}

const DAY_MS: Millis = 86_400_000;
/// Bytes of cases on one page of candidates; few in tests, so that they turn pages.
const PAGE_BYTES_MAX: usize = if cfg!(test) { 2000 } else { 4 << 20 };
/// The label of what repeats a refuted claim.
const REFUTED: &str = "refuted";
/// Events whose kin are asked for at once.
pub const KIN_OF_MAX: usize = 64;

impl Reader {
    /// The days with candidates for these wordings, the latest first, each with how many there are: what was published before
    /// `before`, and no longer ago than the options say, counted from `since`. The last one begins where that ends.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn days_of_repeats(
        &self,
        wordings: &[String],
        since: Millis,
        before: Millis,
        options: &RepeatOptions,
    ) -> Result<Vec<(Millis, u64)>, IndexError> {
        let from = since.saturating_sub(options.back_ms);
        let query = both(alike(wordings), from, before.saturating_sub(1));
        let days = self.histogram(&query, DAY_MS.unsigned_abs(), None)?;
        Ok(days.iter().rev().filter(|day| day.count > 0).map(|day| (day.at.max(from), day.count)).collect())
    }

    /// The candidates of one of these days, those that share most with the claim first, a page at a time.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn repeats(
        &self,
        wordings: &[String],
        day: Millis,
        before: Millis,
        options: &RepeatOptions,
        turn: Option<Turn>,
    ) -> Result<Repeats, IndexError> {
        let next_day = day.saturating_sub(day.rem_euclid(DAY_MS)).saturating_add(DAY_MS);
        let query = both(alike(wordings), day, before.min(next_day).saturating_sub(1));
        self.page(&query, Order::Score, options.per_day_max.clamp(1, PAGE_HITS_MAX), turn)
    }

    /// What passes these events on or answers them, and the other members of their clusters of near-duplicates, as far as it was published
    /// from that time on; the latest first, a page at a time. It is asked of [`KIN_OF_MAX`] events at most; of more, the first ones count.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn kin(&self, of: &[&str], from: Millis, turn: Option<Turn>) -> Result<Repeats, IndexError> {
        let of = &of[..of.len().min(KIN_OF_MAX)];
        let mut any: Vec<Query> = of.iter().map(|event| Query::is("root", event)).collect();
        any.extend(self.clusters_of(of)?.iter().map(|first| Query::is("cluster", first)));
        self.page(&both(Query::Or(any), from, Millis::MAX), Order::Newest, usize::MAX, turn)
    }

    /// Which of these have the label of a refuted claim by anything that was filed of them.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn labelled(&self, events: &[&str]) -> Result<BTreeSet<String>, IndexError> {
        let mut labelled = BTreeSet::new();
        for events in events.chunks(KIN_OF_MAX) {
            let any = Query::Or(events.iter().map(|event| Query::is("event", event)).collect());
            let query = Query::And(vec![any, Query::is("label", REFUTED)]);
            let mut after = None;
            loop {
                let ask = Ask { order: Order::Newest, limit: PAGE_HITS_MAX, after };
                let page = self.search_within(&query, &ask, PAGE_BYTES_MAX)?;
                for hit in &page.hits {
                    labelled.extend(hit.case()?.decision.map(|decision| decision.event));
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(labelled)
    }

    fn page(&self, query: &Query, order: Order, max: usize, turn: Option<Turn>) -> Result<Repeats, IndexError> {
        let given = turn.map_or(0, |turn| turn.given);
        let limit = max.saturating_sub(given).min(PAGE_HITS_MAX);
        let ask = Ask { order, limit, after: turn.map(|turn| turn.after) };
        let page = self.search_within(query, &ask, PAGE_BYTES_MAX)?;
        let given = given + page.hits.len();
        let next = page.next.filter(|_| given < max).map(|after| Turn { after, given });
        let mut repeats = Repeats { total: page.total, next, ..Repeats::default() };
        for hit in &page.hits {
            let case = hit.case()?;
            let Some(event) = case.event else { continue };
            if case.decision.as_ref().is_some_and(is_refuted) {
                repeats.labelled.insert(event.id.to_string());
            }
            repeats.events.push(event.into_owned());
        }
        sort(&mut repeats.events);
        Ok(repeats)
    }

    /// The first events of the clusters that these are in.
    fn clusters_of(&self, events: &[&str]) -> Result<BTreeSet<String>, IndexError> {
        let mut firsts: BTreeSet<String> = events.iter().map(ToString::to_string).collect();
        let any = Query::Or(events.iter().map(|event| Query::is("event", event)).collect());
        let mut after = None;
        loop {
            let page =
                self.search_within(&any, &Ask { order: Order::Newest, limit: PAGE_HITS_MAX, after }, PAGE_BYTES_MAX)?;
            for hit in &page.hits {
                firsts.extend(hit.case()?.cluster);
            }
            after = page.next;
            if after.is_none() {
                return Ok(firsts);
            }
        }
    }
}

/// Whether it says that a refuted claim is repeated.
fn is_refuted(decision: &Decision) -> bool {
    let labels = decision.actions.iter().filter_map(|action| match &action.kind {
        ActionKind::Label { code, .. } => Some(&**code),
        _ => None,
    });
    labels.into_iter().any(|code| code == REFUTED)
}

fn alike(wordings: &[String]) -> Query {
    Query::Clause { field: "text", test: Test::Alike(wordings.to_vec()) }
}

fn both(query: Query, from: Millis, to: Millis) -> Query {
    Query::And(vec![query, Query::Clause { field: "at", test: Test::Between(Some(from), Some(to)) }])
}

/// Each once, in an order that depends on them alone.
fn sort(events: &mut Vec<Event<'static>>) {
    events.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    events.dedup_by(|a, b| a.id == b.id);
}
