//! All days at once: hits in pages, counts, and whatever the library can aggregate.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;
use tantivy::aggregation::{AggContextParams, AggregationLimitsGuard, DistributedAggregationCollector};
use tantivy::collector::{Count as Counter, MultiCollector, TopDocs};
use tantivy::index::SegmentId;
use tantivy::query::Query as Runs;
use tantivy::schema::Value as _;
use tantivy::{DateTime, DocAddress, IndexReader, Opstamp, ReloadPolicy, Searcher, TantivyDocument};

use super::days::{Day, Folder};
use super::page::{Ask, Cursor, Hit, Order, Page};
use super::plan::Planner;
use super::query::Test;
use super::schema::countable;
use super::stop::{Stop, Until};
use super::{Fold, IndexError, Query};
use crate::event::Millis;

/// How many cases have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The value.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// The cases of one span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Where it begins.
    pub at: Millis,
    /// How many cases.
    pub count: u64,
    /// How many of them have each value of the field that was asked for, the most frequent first.
    pub by: Vec<Count>,
}

/// An index as it stood when it was opened or last [refreshed](Reader::refresh). Shared between threads as it is.
pub struct Reader {
    folder: Folder,
    fold: Fold,
    days: RwLock<Arc<Vec<OpenDay>>>,
    pub(super) stop: Stop,
}

/// What an index holds at a moment: another one where anything was committed, merged or dropped since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation(Vec<(Day, BTreeMap<SegmentId, Option<Opstamp>>)>);

#[derive(Clone)]
struct OpenDay {
    day: Day,
    reader: IndexReader,
    /// As it stood when it was loaded, so that a search meets one state of it however long it takes.
    searcher: Searcher,
    /// Of what it was loaded: while these are the same bytes, there is nothing to load.
    meta: Arc<[u8]>,
}

/// Where a hit stands: the place of its day, and its address there.
type Place = (usize, DocAddress);

/// Spans of time that one histogram may have.
pub const BUCKETS_MAX: u64 = 10_000;
/// Hits that one page may have.
pub const PAGE_HITS_MAX: usize = 10_000;
/// What an aggregation of somebody else's making may take while it is counted, in bytes.
const AGGREGATION_BYTES_MAX: u64 = 64 << 20;
/// Values that one list of the most frequent may have.
pub const VALUES_MAX: usize = 10_000;

impl Reader {
    /// Opens the index in a folder.
    ///
    /// # Errors
    /// [`IndexError`], if there is none, or one of another version.
    pub fn open(dir: &Path, fold: Fold) -> Result<Self, IndexError> {
        let reader = Self { folder: Folder::open(dir, false)?, fold, days: RwLock::default(), stop: Stop::default() };
        reader.refresh()?;
        Ok(reader)
    }

    /// The same index as it stands now, whose searches end with [`IndexError::Stopped`] soon after `stop` is set.
    #[must_use]
    pub fn until(&self, stop: Arc<AtomicBool>) -> Self {
        let stop = Stop::new(stop);
        Self { folder: self.folder.clone(), fold: self.fold, days: RwLock::new(self.days()), stop }
    }

    /// What it holds.
    #[must_use]
    pub fn generation(&self) -> Generation {
        let days = self.days();
        let segments = |open: &OpenDay| (open.day, open.searcher.generation().segments().clone());
        Generation(days.iter().map(segments).collect())
    }

    /// Looked at between days; [`Until`] looks within them.
    fn go_on(&self) -> Result<(), IndexError> {
        if self.stop.is_set() { Err(IndexError::Stopped) } else { Ok(()) }
    }

    /// What the library refused on a day: a search that was stopped is none of its failures.
    fn failed(&self, day: Day, source: tantivy::TantivyError) -> IndexError {
        let failed = |()| IndexError::Tantivy { path: self.folder.of(day), source };
        self.go_on().map_or_else(|stopped| stopped, failed)
    }

    /// The query as the library runs it; it is the same for all days.
    fn plan(&self, query: &Query) -> Result<Box<dyn Runs>, IndexError> {
        let planner = Planner { fields: &self.folder.fields, jieba: &self.folder.jieba, fold: self.fold };
        planner.plan(query).map_err(|source| IndexError::Tantivy { path: self.folder.path().to_owned(), source })
    }

    /// Takes in what was committed since. Searches that run go on with what they began with.
    ///
    /// # Errors
    /// [`IndexError`], if a day cannot be opened.
    pub fn refresh(&self) -> Result<(), IndexError> {
        let known = self.days();
        let mut days = Vec::new();
        for day in self.folder.days()? {
            // Read before the day is loaded: what is committed between the two is loaded once more, and never missed.
            let Some(meta) = self.folder.meta(day)? else { continue };
            let known = known.iter().find(|known| known.day == day);
            if let Some(open) = known.filter(|open| *open.meta == *meta) {
                days.push(open.clone());
                continue;
            }
            let failed = |source| IndexError::Tantivy { path: self.folder.of(day), source };
            let reader = if let Some(open) = known {
                open.reader.reload().map_err(failed)?;
                open.reader.clone()
            } else {
                let Some(index) = self.folder.existing(day)? else { continue };
                index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?
            };
            days.push(OpenDay { day, searcher: reader.searcher(), reader, meta: meta.into() });
        }
        *self.days.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(days);
        Ok(())
    }

    /// How many cases there are in all.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.days().iter().map(|open| open.searcher.num_docs()).sum()
    }

    /// How many cases match.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn count(&self, query: &Query) -> Result<u64, IndexError> {
        let mut total = 0;
        let plan = self.plan(query)?;
        for OpenDay { day, searcher, .. } in self.days().iter() {
            self.go_on()?;
            // The library knows some counts without looking at a document, that of everything among them.
            let counted = if *query == Query::All || !self.stop.may_come() {
                plan.count(searcher)
            } else {
                searcher.search(&*plan, &Until { collector: &Counter, stop: &self.stop })
            };
            total += counted.map_err(|source| self.failed(*day, source))? as u64;
        }
        Ok(total)
    }

    /// Finds cases, a page at a time.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read, or the cursor is one of another order.
    pub fn search(&self, query: &Query, ask: &Ask) -> Result<Page, IndexError> {
        self.search_within(query, ask, usize::MAX)
    }

    /// As [`Reader::search`]; the page ends with the hit with which it has so many bytes or more.
    ///
    /// # Errors
    /// As [`Reader::search`].
    pub fn search_within(&self, query: &Query, ask: &Ask, bytes_max: usize) -> Result<Page, IndexError> {
        let limit = ask.limit.min(PAGE_HITS_MAX);
        let (narrowed, skipped) = narrowed(query, ask)?;
        let wanted = skipped.saturating_add(limit).saturating_add(1);
        let (mut page, mut ranked) = (Page::default(), Vec::new());
        let days = self.days();
        let plan = self.plan(narrowed.as_ref().unwrap_or(query))?;
        for (place, OpenDay { day, searcher, .. }) in days.iter().enumerate() {
            self.go_on()?;
            let (total, ranks) =
                rank(searcher, &*plan, ask.order, wanted, &self.stop).map_err(|source| self.failed(*day, source))?;
            page.total += total as u64;
            ranked.extend(ranks.into_iter().map(|(rank, address)| (rank, (place, address))));
        }
        if narrowed.is_some() {
            page.total = self.count(query)?;
        }
        // Equal ranks come in the order of the stream, which is how the library keeps the best of each day as well.
        ranked.sort_by(|(a, at), (b, bt): &(Rank, Place)| b.key.total_cmp(&a.key).then(at.cmp(bt)));
        let (found, mut bytes) = (ranked.len(), 0);
        for &(rank, (place, address)) in ranked.iter().skip(skipped).take(limit) {
            self.go_on()?;
            let OpenDay { day, searcher, .. } = &days[place];
            let document: TantivyDocument = searcher.doc(address).map_err(|source| self.failed(*day, source))?;
            let case = document.get_first(self.folder.fields.case).and_then(|value| value.as_bytes());
            let case = case.unwrap_or_default();
            bytes += case.len();
            page.hits.push(Hit::new(rank.score, case.to_vec()));
            if bytes >= bytes_max {
                break;
            }
        }
        ranked.truncate(skipped + page.hits.len());
        page.next = (found > ranked.len()).then(|| cursor(&ranked, ask, skipped));
        Ok(page)
    }

    /// Everything about one event, the earliest first: its decision, and what became of it.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn case(&self, event: &str) -> Result<Vec<Hit>, IndexError> {
        let query = Query::is("event", event);
        let ask = Ask { order: Order::Oldest, limit: CASES_OF_EVENT_MAX, after: None };
        Ok(self.search(&query, &ask)?.hits)
    }

    /// Counts whatever matches, in the library's own language of aggregations, which is that of Elasticsearch.
    ///
    /// # Errors
    /// [`IndexError::Aggregation`], if it cannot be read; others, if the index cannot.
    pub fn aggregate(&self, query: &Query, request: &Value) -> Result<Value, IndexError> {
        self.aggregate_by(query, request, &AggregationLimitsGuard::default())
    }

    /// As [`Reader::aggregate`], within so many buckets and 64 MB: what others asked for.
    pub(super) fn aggregate_within(&self, query: &Query, request: &Value, buckets: u64) -> Result<Value, IndexError> {
        let buckets = u32::try_from(buckets).unwrap_or(u32::MAX);
        let limits = AggregationLimitsGuard::new(Some(AGGREGATION_BYTES_MAX), Some(buckets));
        self.aggregate_by(query, request, &limits)
    }

    fn aggregate_by(
        &self,
        query: &Query,
        request: &Value,
        limits: &AggregationLimitsGuard,
    ) -> Result<Value, IndexError> {
        let refused = |error: &dyn std::fmt::Display| IndexError::Aggregation(error.to_string());
        let request: Aggregations = serde_json::from_value(request.clone()).map_err(|error| refused(&error))?;
        let mut all = IntermediateAggregationResults::default();
        let plan = self.plan(query)?;
        for OpenDay { searcher, .. } in self.days().iter() {
            self.go_on()?;
            // The guard is one for all days.
            let context = AggContextParams { limits: limits.clone(), ..AggContextParams::default() };
            let collector = DistributedAggregationCollector::from_aggs(request.clone(), context);
            let until = Until { collector: &collector, stop: &self.stop };
            let counted = searcher.search(&*plan, &until).and_then(|counted| all.merge_fruits(counted));
            if let Err(error) = counted {
                self.go_on()?;
                return Err(refused(&error));
            }
        }
        let counted = all.into_final_result(request, limits.clone()).map_err(|error| refused(&error))?;
        serde_json::to_value(counted).map_err(|error| refused(&error))
    }

    /// The values of a field that most cases have, the most frequent first; equal ones by their names.
    ///
    /// # Errors
    /// As [`Reader::aggregate`]; [`IndexError::Field`], if the field is not one of names.
    pub fn top(&self, query: &Query, field: &str, limit: usize) -> Result<Vec<Count>, IndexError> {
        let field = countable(field)?;
        let counted = self.aggregate(query, &json!({ "top": terms(field, limit) }))?;
        Ok(counts(&counted["top"]))
    }

    /// How many different values of a field there are, nearly.
    ///
    /// # Errors
    /// As [`Reader::top`].
    pub fn distinct(&self, query: &Query, field: &str) -> Result<u64, IndexError> {
        let counted = self.aggregate(query, &json!({ "n": { "cardinality": { "field": countable(field)? } } }))?;
        Ok(counted["n"]["value"].as_f64().unwrap_or(0.0).round() as u64)
    }

    /// How many cases there are in each span of so many milliseconds of event time, empty ones among them, and how many of them
    /// have the most frequent values of a field.
    ///
    /// # Errors
    /// As [`Reader::top`]; [`IndexError::Aggregation`], if it has more than [`BUCKETS_MAX`] spans.
    pub fn histogram(&self, query: &Query, millis: u64, by: Option<(&str, usize)>) -> Result<Vec<Bucket>, IndexError> {
        let Some((first, last)) = self.span(query)? else { return Ok(Vec::new()) };
        let millis = millis.max(1);
        let spans = (last - first).unsigned_abs() / millis + 1;
        if spans > BUCKETS_MAX {
            let message =
                format!("{spans} spans of {millis} ms; a histogram has {BUCKETS_MAX} at most: take longer ones");
            return Err(IndexError::Aggregation(message));
        }
        let mut request = json!({ "date_histogram": { "field": "at", "fixed_interval": format!("{millis}ms") } });
        if let Some((field, limit)) = by {
            request["aggs"] = json!({ "by": terms(countable(field)?, limit) });
        }
        let counted = self.aggregate(query, &json!({ "at": request }))?;
        let buckets = counted["at"]["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let bucket = |bucket: &Value| Bucket {
            at: bucket["key"].as_f64().unwrap_or(0.0) as Millis,
            count: bucket["doc_count"].as_u64().unwrap_or(0),
            by: counts(&bucket["by"]),
        };
        Ok(buckets.iter().map(bucket).collect())
    }

    /// The earliest and the latest event that match, in milliseconds.
    ///
    /// # Errors
    /// As [`Reader::aggregate`].
    pub fn span(&self, query: &Query) -> Result<Option<(Millis, Millis)>, IndexError> {
        let request = json!({ "first": { "min": { "field": "at" } }, "last": { "max": { "field": "at" } } });
        let counted = self.aggregate(query, &request)?;
        let value = |name: &str| counted[name]["value"].as_f64().map(|nanos| (nanos / 1e6).round() as Millis);
        Ok(value("first").zip(value("last")))
    }

    /// The least and the greatest value of a field of numbers.
    ///
    /// # Errors
    /// As [`Reader::aggregate`].
    pub(super) fn extent(&self, query: &Query, field: &str) -> Result<Option<(f64, f64)>, IndexError> {
        let request = json!({ "least": { "min": { "field": field } }, "most": { "max": { "field": field } } });
        let counted = self.aggregate(query, &request)?;
        Ok(counted["least"]["value"].as_f64().zip(counted["most"]["value"].as_f64()))
    }

    /// The words of a text as the index cuts it, folded.
    #[must_use]
    pub fn words(&self, text: &str) -> Vec<String> {
        let folded = (self.fold)(text);
        let words = self.folder.jieba.cut(&folded, false).into_iter();
        words.map(|word| word.word).filter(|word| word.chars().any(char::is_alphanumeric)).map(str::to_owned).collect()
    }

    /// How often each day was loaded.
    #[cfg(test)]
    pub(super) fn loads(&self) -> Vec<u64> {
        self.days().iter().map(|open| open.searcher.generation().generation_id()).collect()
    }

    fn days(&self) -> Arc<Vec<OpenDay>> {
        Arc::clone(&self.days.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What may be kept of one event: its decision, and the verdicts on it.
const CASES_OF_EVENT_MAX: usize = 100;

/// The query from the cursor on, where the order allows it, and how many hits of that are passed over.
fn narrowed(query: &Query, ask: &Ask) -> Result<(Option<Query>, usize), IndexError> {
    let between = |from, to| {
        let rest = Query::Clause { field: "at", test: Test::Between(from, to) };
        Some(Query::And(vec![query.clone(), rest]))
    };
    match (ask.after, ask.order) {
        (None, _) => Ok((None, 0)),
        (Some(Cursor::At { at, given }), Order::Newest) => Ok((between(None, Some(at)), given)),
        (Some(Cursor::At { at, given }), Order::Oldest) => Ok((between(Some(at), None), given)),
        (Some(Cursor::Offset(offset)), Order::Score) => Ok((None, offset)),
        _ => Err(IndexError::Cursor),
    }
}

/// Where the next page begins: at the last moment of this one, after as many hits as were given of it.
fn cursor(ranked: &[(Rank, Place)], ask: &Ask, skipped: usize) -> Cursor {
    let Some((last, _)) = ranked.last().filter(|_| ask.order != Order::Score) else {
        return Cursor::Offset(ranked.len());
    };
    let same = ranked.iter().rev().take_while(|(rank, _)| rank.key == last.key).count();
    let at = if ask.order == Order::Newest { last.key } else { -last.key } as Millis;
    let is_same_moment = matches!(ask.after, Some(Cursor::At { at: before, .. }) if before == at);
    debug_assert!(!is_same_moment || same > skipped, "what was passed over is of that moment");
    Cursor::At { at, given: same }
}

fn terms(field: &str, limit: usize) -> Value {
    let size = limit.clamp(1, VALUES_MAX);
    // Each segment gives more than is asked for, so that what is frequent in all of them is not missed in one.
    json!({ "terms": { "field": field, "size": size, "segment_size": size.saturating_mul(10).max(1000) } })
}

fn counts(terms: &Value) -> Vec<Count> {
    let buckets = terms["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = |bucket: &Value| {
        let value = bucket["key"].as_str().map_or_else(|| bucket["key"].to_string(), str::to_owned);
        Count { value, count: bucket["doc_count"].as_u64().unwrap_or(0) }
    };
    let mut counts: Vec<Count> = buckets.iter().map(count).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts
}

/// What a hit is put in order by, the greatest first.
#[derive(Clone, Copy)]
struct Rank {
    key: f64,
    score: Option<f32>,
}

fn rank(
    searcher: &Searcher,
    query: &dyn tantivy::query::Query,
    order: Order,
    wanted: usize,
    stop: &Stop,
) -> tantivy::Result<(usize, Vec<(Rank, DocAddress)>)> {
    let mut collectors = MultiCollector::new();
    let count = collectors.add_collector(Counter);
    let top = TopDocs::with_limit(wanted);
    if order == Order::Score {
        let best = collectors.add_collector(top.order_by_score());
        let mut fruits = searcher.search(query, &Until { collector: &collectors, stop })?;
        let ranked = best.extract(&mut fruits).into_iter();
        let ranked = ranked.map(|(score, at)| (Rank { key: f64::from(score), score: Some(score) }, at));
        return Ok((count.extract(&mut fruits), ranked.collect()));
    }
    let (direction, sign) = if order == Order::Newest { (tantivy::Order::Desc, 1) } else { (tantivy::Order::Asc, -1) };
    let latest = collectors.add_collector(top.order_by_fast_field::<DateTime>("at", direction));
    let mut fruits = searcher.search(query, &Until { collector: &collectors, stop })?;
    let ranked = latest.extract(&mut fruits).into_iter().map(|(at, address)| {
        let millis = at.map_or(0, DateTime::into_timestamp_millis);
        (Rank { key: (sign * millis) as f64, score: None }, address)
    });
    Ok((count.extract(&mut fruits), ranked.collect()))
}
