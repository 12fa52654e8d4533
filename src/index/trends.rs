//! What is said more than it used to be: words, terms, clusters, rooms and claims, each held against its own past.
//!
//! The past of a value is what it had in the spans just before, and at the same hour of the same weekday in the weeks before: of
//! the two the one that expects more counts, so that neither a busy evening nor a weekly show is news. Where the whole stream
//! grows, what is expected of each value grows with it. How far a count is above what was expected is the root of the Poisson
//! deviance (`McCullagh` and Nelder, *Generalized Linear Models*, 1989, §2.4), in standard deviations.
//!
//! A burst is attention, never a verdict: on a festive evening a million people wish each other well in the same words. So a
//! trend is an **alarm** only where what rises is also what rules act on; what merely rises is told as rising.

use std::collections::BTreeMap;

use super::page::{Ask, Order};
use super::query::{Query, Test};
use super::reader::{Count, Reader};
use super::{IndexError, schema};
use crate::event::Millis;

/// What trends are looked for in, and when.
#[derive(Clone, Debug)]
pub struct TrendOptions {
    /// The end of the span that is looked at.
    pub now: Millis,
    /// Its length, in milliseconds; at least a second.
    pub window_ms: Millis,
    /// Spans just before it that are its past.
    pub spans: u32,
    /// Weeks of which the same hour of the same weekday is its past.
    pub weeks: u32,
    /// What is looked for: fields of names, or [`WORDS`].
    pub fields: Vec<&'static str>,
    /// Cases of the span that a value must have.
    pub count_min: u64,
    /// How far above what was expected a value must be, in standard deviations.
    pub score_min: f64,
    /// The share of acted cases from which on a trend is an alarm.
    pub acted_share_min: f64,
    /// Values of each field, at most.
    pub limit: usize,
}

/// The words of texts, where [`TrendOptions::fields`] names them.
pub const WORDS: &str = "words";
/// Every field that is held against its past where nobody says which.
pub const TREND_FIELDS: [&str; 5] = [WORDS, "term", "cluster", "room", "claim"];

impl TrendOptions {
    /// The usual ones: an hour, held against the day before and four weeks.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self {
            now,
            window_ms: 3_600_000,
            spans: 24,
            weeks: 4,
            fields: TREND_FIELDS.to_vec(),
            count_min: 5,
            score_min: 4.0,
            acted_share_min: 0.2,
            limit: 10,
        }
    }
}

/// A value that is said more than it used to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// The field, or [`WORDS`].
    pub field: &'static str,
    /// The value.
    pub value: String,
    /// Cases in the span.
    pub count: u64,
    /// Cases that its past leads one to expect.
    pub expected: f64,
    /// How far above that it is, in standard deviations.
    pub score: f64,
    /// Cases among them that rules acted on.
    pub acted: u64,
    /// Authors of them, nearly.
    pub authors: u64,
    /// Whether what rises is what rules act on.
    pub is_alarm: bool,
}

/// Values of one field that are held against their past.
const CANDIDATES_MAX: usize = 100;
/// The latest cases of the span whose words are counted.
const SAMPLE_MAX: usize = 2000;
const WEEK_MS: Millis = 7 * 86_400_000;
/// The bounds of the options.
const SPANS_MAX: u32 = 1000;
const WEEKS_MAX: u32 = 60;

impl Reader {
    /// What rises, alarms first, then the highest above what was expected of it.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read, or a field is none that can be counted by.
    pub fn trends(&self, options: &TrendOptions) -> Result<Vec<Trend>, IndexError> {
        let past = Past::new(self, options)?;
        let mut trends = Vec::new();
        for &field in &options.fields {
            let mut found = Vec::new();
            for Count { value, .. } in self.candidates(field, options, &past)? {
                found.extend(self.trend(field, value, options, &past)?);
            }
            sort(&mut found);
            found.truncate(options.limit);
            trends.extend(found);
        }
        sort(&mut trends);
        Ok(trends)
    }

    fn candidates(&self, field: &'static str, options: &TrendOptions, past: &Past) -> Result<Vec<Count>, IndexError> {
        let counts = if field == WORDS {
            self.frequent_words(&past.present)?
        } else {
            self.top(&past.present, field, CANDIDATES_MAX)?
        };
        Ok(counts.into_iter().filter(|count| count.count >= options.count_min).collect())
    }

    /// The most frequent words of the latest cases of the span.
    fn frequent_words(&self, present: &Query) -> Result<Vec<Count>, IndexError> {
        let page = self.search(present, &Ask { order: Order::Newest, limit: SAMPLE_MAX, after: None })?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for hit in &page.hits {
            let case = hit.case()?;
            let Some(event) = &case.event else { continue };
            let mut words = self.words(&event.text);
            words.sort_unstable();
            words.dedup();
            // One letter is no word to follow, nor is a number.
            let told =
                words.into_iter().filter(|word| word.chars().count() > 1 && word.chars().any(char::is_alphabetic));
            told.for_each(|word| *counts.entry(word).or_default() += 1);
        }
        let mut counts: Vec<Count> = counts.into_iter().map(|(value, count)| Count { value, count }).collect();
        counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        counts.truncate(CANDIDATES_MAX);
        Ok(counts)
    }

    fn trend(
        &self,
        field: &'static str,
        value: String,
        options: &TrendOptions,
        past: &Past,
    ) -> Result<Option<Trend>, IndexError> {
        let is = if field == WORDS {
            Query::Clause { field: "text", test: Test::Is { value: value.clone(), is_quoted: true } }
        } else {
            Query::is(field, &value)
        };
        let both = |span: &Query| Query::And(vec![is.clone(), span.clone()]);
        let present = both(&past.present);
        let count = self.count(&present)?;
        let mut expected = 0.0_f64;
        for reference in &past.references {
            let before = self.count(&both(&reference.query))? as f64;
            let mean = before / reference.spans;
            let others = past.total.saturating_sub(count) as f64;
            expected = expected.max(mean).max(before / reference.total.max(1.0) * others);
        }
        let score = deviance(count as f64, expected);
        if count < options.count_min || score < options.score_min {
            return Ok(None);
        }
        let acted = self.count(&Query::And(vec![present.clone(), acted()]))?;
        let authors = self.distinct(&present, "author")?;
        let is_alarm = acted as f64 >= options.acted_share_min * count as f64 && acted > 0;
        Ok(Some(Trend { field, value, count, expected, score, acted, authors, is_alarm }))
    }
}

fn sort(trends: &mut [Trend]) {
    trends.sort_by(|a, b| {
        let order = b.is_alarm.cmp(&a.is_alarm).then(b.score.total_cmp(&a.score));
        order.then_with(|| (a.field, &a.value).cmp(&(b.field, &b.value)))
    });
}

/// Whatever rules did anything about.
fn acted() -> Query {
    Query::Clause { field: "action", test: Test::Is { value: "*".into(), is_quoted: false } }
}

/// How far a count lies above what was expected, in standard deviations; 0 where it does not. What was never seen is expected half
/// a time, so that the first few cases of anything are no news.
fn deviance(count: f64, expected: f64) -> f64 {
    let expected = expected.max(0.5);
    if count <= expected {
        return 0.0;
    }
    (2.0 * (count * (count / expected).ln() - (count - expected))).max(0.0).sqrt()
}

/// The span that is looked at, and those that it is held against.
struct Past {
    present: Query,
    /// Cases of the span.
    total: u64,
    references: Vec<Reference>,
}

struct Reference {
    query: Query,
    /// How many spans it is made of.
    spans: f64,
    /// Cases of all of them.
    total: f64,
}

impl Past {
    fn new(reader: &Reader, options: &TrendOptions) -> Result<Self, IndexError> {
        for field in options.fields.iter().filter(|field| **field != WORDS) {
            schema::countable(field)?;
        }
        let window = options.window_ms.max(1000);
        let from = options.now.saturating_sub(window);
        let present = between(from + 1, options.now);
        let total = reader.count(&present)?;
        let (first, _) = reader.span(&Query::All)?.unwrap_or((from, from));
        // Spans from before the index began say nothing.
        let before = Millis::from(options.spans.min(SPANS_MAX)).min((from - first).max(0) / window);
        let mut references = Vec::new();
        if before > 0 {
            references.push((between(from - before * window + 1, from), before));
        }
        let weeks = (1..=Millis::from(options.weeks.min(WEEKS_MAX))).filter(|week| from - week * WEEK_MS >= first);
        let slots: Vec<Query> =
            weeks.map(|week| between(from - week * WEEK_MS + 1, options.now - week * WEEK_MS)).collect();
        if !slots.is_empty() {
            let count = slots.len() as Millis;
            references.push((Query::Or(slots), count));
        }
        let references = references.into_iter().map(|(query, spans)| {
            let total = reader.count(&query)? as f64;
            Ok(Reference { query, spans: spans as f64, total })
        });
        Ok(Self { present, total, references: references.collect::<Result<_, IndexError>>()? })
    }
}

fn between(from: Millis, to: Millis) -> Query {
    Query::Clause { field: "at", test: Test::Between(Some(from), Some(to)) }
}

#[cfg(test)]
mod tests {
    use super::deviance;

    #[test]
    fn what_was_expected_is_no_news_and_more_is_more() {
        assert_eq!(deviance(10.0, 10.0), 0.0);
        assert_eq!(deviance(3.0, 10.0), 0.0);
        assert!(deviance(20.0, 10.0) > 2.0 && deviance(20.0, 10.0) < 4.0);
        assert!(deviance(40.0, 10.0) > deviance(20.0, 10.0));
        assert!(deviance(2.0, 0.0) < 4.0, "two of what was never seen are no burst");
        assert!(deviance(f64::MAX, 0.0).is_finite() || deviance(f64::MAX, 0.0) == f64::INFINITY);
    }
}
