//! What may repeat a claim, day by day, and what passes it on: candidates, for whoever can judge them.

use std::collections::BTreeSet;

use super::IndexError;
use super::page::{Ask, Hit, Order};
use super::query::{Query, Test};
use super::reader::{PAGE_HITS_MAX, Reader};
use crate::event::{Event, Millis};

/// How far back is looked, and how much a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatOptions {
    /// What was published so many milliseconds before is not looked at.
    pub back_ms: Millis,
    /// Candidates of one day of event time, at most: those that share most with the claim.
    pub per_day_max: usize,
}

/// One day's candidates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repeats {
    /// The beginning of the day.
    pub from: Millis,
    /// The latest first.
    pub events: Vec<Event<'static>>,
    /// How many there are in all.
    pub total: u64,
}

const DAY_MS: Millis = 86_400_000;
/// Events whose kin are asked for at once.
const KIN_CHUNK: usize = 64;
/// Events that pass on one chunk of others, at most.
const KIN_MAX: usize = PAGE_HITS_MAX;

impl Reader {
    /// The days with candidates for these wordings, the latest first, each with how many there are: what was published before
    /// `before`, and no longer ago than the options say, counted from `since`.
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
        let query = both(alike(wordings), since.saturating_sub(options.back_ms), before.saturating_sub(1));
        let days = self.histogram(&query, DAY_MS.unsigned_abs(), None)?;
        Ok(days.iter().rev().filter(|day| day.count > 0).map(|day| (day.at, day.count)).collect())
    }

    /// The candidates of one of these days.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn repeats(
        &self,
        wordings: &[String],
        day: Millis,
        before: Millis,
        options: &RepeatOptions,
    ) -> Result<Repeats, IndexError> {
        let query = both(alike(wordings), day, before.min(day.saturating_add(DAY_MS)).saturating_sub(1));
        let limit = options.per_day_max.clamp(1, PAGE_HITS_MAX);
        let page = self.search(&query, &Ask { order: Order::Score, limit, after: None })?;
        Ok(Repeats { from: day, events: events(&page.hits)?, total: page.total })
    }

    /// What passes these events on or answers them, and the other members of their clusters of near-duplicates, as far as it was
    /// published from that time on; the latest first.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn kin(&self, of: &[&str], from: Millis) -> Result<Vec<Event<'static>>, IndexError> {
        let mut found = Vec::new();
        for of in of.chunks(KIN_CHUNK) {
            let mut any: Vec<Query> = of.iter().map(|event| Query::is("root", event)).collect();
            any.extend(self.clusters_of(of)?.iter().map(|first| Query::is("cluster", first)));
            let page = self.search(
                &both(Query::Or(any), from, Millis::MAX),
                &Ask { order: Order::Newest, limit: KIN_MAX, after: None },
            )?;
            if page.next.is_some() {
                tracing::warn!(total = page.total, taken = KIN_MAX, "more pass on what was labelled than is looked at");
            }
            found.extend(events(&page.hits)?);
        }
        sort(&mut found);
        Ok(found)
    }

    /// The first events of the clusters that these are in.
    fn clusters_of(&self, events: &[&str]) -> Result<BTreeSet<String>, IndexError> {
        let mut firsts: BTreeSet<String> = events.iter().map(ToString::to_string).collect();
        let any = Query::Or(events.iter().map(|event| Query::is("event", event)).collect());
        let page = self.search(&any, &Ask { order: Order::Newest, limit: KIN_MAX, after: None })?;
        for hit in &page.hits {
            firsts.extend(hit.case()?.cluster);
        }
        Ok(firsts)
    }
}

fn alike(wordings: &[String]) -> Query {
    Query::Clause { field: "text", test: Test::Alike(wordings.to_vec()) }
}

fn both(query: Query, from: Millis, to: Millis) -> Query {
    Query::And(vec![query, Query::Clause { field: "at", test: Test::Between(Some(from), Some(to)) }])
}

/// The events of hits, each once, in an order that depends on them alone.
fn events(hits: &[Hit]) -> Result<Vec<Event<'static>>, IndexError> {
    let mut events = Vec::with_capacity(hits.len());
    for hit in hits {
        events.extend(hit.case()?.event.map(Event::into_owned));
    }
    sort(&mut events);
    Ok(events)
}

fn sort(events: &mut Vec<Event<'static>>) {
    events.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    events.dedup_by(|a, b| a.id == b.id);
}
