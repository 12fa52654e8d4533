//! All days at once: hits, counts, and whatever the library can aggregate.

use std::path::Path;

use serde_json::Value;
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;
use tantivy::aggregation::{AggContextParams, DistributedAggregationCollector};
use tantivy::collector::{Count as Counter, MultiCollector, TopDocs};
use tantivy::schema::Value as _;
use tantivy::{DateTime, DocAddress, IndexReader, ReloadPolicy, Searcher, TantivyDocument};

use super::days::{Day, Folder};
use super::plan::Planner;
use super::{Fold, IndexError, Query};
use crate::case::Case;

/// In which order hits come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest event first.
    #[default]
    Newest,
    /// The earliest event first.
    Oldest,
    /// The best match of the words first.
    Score,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// What hits must be like.
    pub query: Query,
    /// In which order they come.
    pub order: Order,
    /// Hits that are passed over.
    pub offset: usize,
    /// Hits that are given after these.
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// How many there are in all.
    pub total: usize,
    /// Those that were asked for.
    pub hits: Vec<Hit>,
}

/// One case that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// How well its words match, where that was the order.
    pub score: Option<f32>,
    case: Vec<u8>,
}

impl Hit {
    /// The case.
    ///
    /// # Errors
    /// [`IndexError::Case`], if the stored bytes are not one.
    pub fn case(&self) -> Result<Case<'_>, IndexError> {
        serde_json::from_slice(&self.case).map_err(|error| IndexError::Case(error.to_string()))
    }
}

/// How many cases have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The value.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// An index as it stands on disk. What was committed after it was opened is seen after [`Index::refresh`].
pub struct Index {
    folder: Folder,
    fold: Fold,
    days: Vec<(Day, IndexReader)>,
}

/// Where a hit stands: the place of its day, and its address there.
type Place = (usize, DocAddress);

impl Index {
    /// Opens the index in a folder.
    ///
    /// # Errors
    /// [`IndexError`], if there is none, or one of another version.
    pub fn open(dir: &Path, fold: Fold) -> Result<Self, IndexError> {
        let mut index = Self { folder: Folder::open(dir, false)?, fold, days: Vec::new() };
        index.refresh()?;
        Ok(index)
    }

    /// Takes in what was committed since.
    ///
    /// # Errors
    /// [`IndexError`], if a day cannot be opened.
    pub fn refresh(&mut self) -> Result<(), IndexError> {
        let days = self.folder.days()?;
        self.days.retain(|(day, _)| days.contains(day));
        for day in days {
            let failed = |source| IndexError::Tantivy { path: self.folder.of(day), source };
            if let Some((_, reader)) = self.days.iter().find(|(known, _)| *known == day) {
                reader.reload().map_err(failed)?;
                continue;
            }
            let index = self.folder.index(day)?;
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
            self.days.push((day, reader));
        }
        self.days.sort_by_key(|(day, _)| *day);
        Ok(())
    }

    /// How many cases there are.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.days.iter().map(|(_, reader)| reader.searcher().num_docs()).sum()
    }

    /// Finds cases.
    ///
    /// # Errors
    /// [`IndexError`], if the index cannot be read.
    pub fn search(&self, request: &Request) -> Result<Found, IndexError> {
        let wanted = request.offset.saturating_add(request.limit).max(1);
        let (mut found, mut ranked) = (Found::default(), Vec::new());
        for (place, (day, searcher)) in self.searchers().enumerate() {
            let query = self.planner().plan(&request.query);
            let ranks = query.and_then(|query| rank(&searcher, &*query, request.order, wanted));
            let (total, ranks) = ranks.map_err(|source| IndexError::Tantivy { path: self.folder.of(day), source })?;
            found.total += total;
            ranked.extend(ranks.into_iter().map(|(rank, address)| (rank, (place, address))));
        }
        // Equal ranks come in the order of the stream, or the other way round where the newest come first.
        ranked.sort_by(|(a, at), (b, bt): &(Rank, Place)| {
            let order = b.key.total_cmp(&a.key);
            if request.order == Order::Newest { order.then(bt.cmp(at)) } else { order.then(at.cmp(bt)) }
        });
        for (rank, (place, address)) in ranked.into_iter().skip(request.offset).take(request.limit) {
            let (day, reader) = &self.days[place];
            let failed = |source| IndexError::Tantivy { path: self.folder.of(*day), source };
            let document: TantivyDocument = reader.searcher().doc(address).map_err(failed)?;
            let case = document.get_first(self.folder.fields.case).and_then(|value| value.as_bytes());
            found.hits.push(Hit { score: rank.score, case: case.unwrap_or_default().to_vec() });
        }
        Ok(found)
    }

    /// Counts whatever matches, in the library's own language of aggregations, which is that of Elasticsearch.
    ///
    /// # Errors
    /// [`IndexError::Aggregation`], if it cannot be read; others, if the index cannot.
    pub fn aggregate(&self, query: &Query, request: &Value) -> Result<Value, IndexError> {
        let refused = |error: &dyn std::fmt::Display| IndexError::Aggregation(error.to_string());
        let request: Aggregations = serde_json::from_value(request.clone()).map_err(|error| refused(&error))?;
        let mut all = IntermediateAggregationResults::default();
        for (_, searcher) in self.searchers() {
            let collector = DistributedAggregationCollector::from_aggs(request.clone(), AggContextParams::default());
            let counted = self.planner().plan(query).and_then(|query| searcher.search(&*query, &collector));
            let merged = counted.and_then(|counted| all.merge_fruits(counted));
            merged.map_err(|error| refused(&error))?;
        }
        let counted = all.into_final_result(request, AggContextParams::default().limits);
        let counted = counted.map_err(|error| refused(&error))?;
        serde_json::to_value(counted).map_err(|error| refused(&error))
    }

    /// The values of a field that most cases have, the most frequent first.
    ///
    /// # Errors
    /// As [`Index::aggregate`].
    pub fn top(&self, query: &Query, field: &str, limit: usize) -> Result<Vec<Count>, IndexError> {
        let request = serde_json::json!({ "top": { "terms": { "field": field, "size": limit } } });
        self.buckets(query, &request, "key")
    }

    /// How many cases there are in each span of so many milliseconds of event time, empty ones left out.
    ///
    /// # Errors
    /// As [`Index::aggregate`].
    pub fn histogram(&self, query: &Query, millis: u64) -> Result<Vec<Count>, IndexError> {
        let request = serde_json::json!({
            "top": { "date_histogram": { "field": "at", "fixed_interval": format!("{millis}ms"), "min_doc_count": 1 } }
        });
        self.buckets(query, &request, "key_as_string")
    }

    /// The earliest and the latest event that match, in milliseconds.
    ///
    /// # Errors
    /// As [`Index::aggregate`].
    pub fn span(&self, query: &Query) -> Result<Option<(i64, i64)>, IndexError> {
        let request =
            serde_json::json!({ "first": { "min": { "field": "at" } }, "last": { "max": { "field": "at" } } });
        let counted = self.aggregate(query, &request)?;
        let value = |name: &str| counted[name]["value"].as_f64().map(|nanos| (nanos / 1e6) as i64);
        Ok(value("first").zip(value("last")))
    }

    fn buckets(&self, query: &Query, request: &Value, key: &str) -> Result<Vec<Count>, IndexError> {
        let counted = self.aggregate(query, request)?;
        let buckets = counted["top"]["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let count = |bucket: &Value| {
            let value = match &bucket[key] {
                Value::String(value) => value.clone(),
                value => value.to_string(),
            };
            Count { value, count: bucket["doc_count"].as_u64().unwrap_or(0) }
        };
        Ok(buckets.iter().map(count).collect())
    }

    fn searchers(&self) -> impl Iterator<Item = (Day, Searcher)> {
        self.days.iter().map(|(day, reader)| (*day, reader.searcher()))
    }

    fn planner(&self) -> Planner<'_> {
        Planner { fields: &self.folder.fields, jieba: &self.folder.jieba, fold: self.fold }
    }
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
) -> tantivy::Result<(usize, Vec<(Rank, DocAddress)>)> {
    let mut collectors = MultiCollector::new();
    let count = collectors.add_collector(Counter);
    let top = TopDocs::with_limit(wanted);
    if order == Order::Score {
        let best = collectors.add_collector(top.order_by_score());
        let mut fruits = searcher.search(query, &collectors)?;
        let ranked = best.extract(&mut fruits).into_iter();
        let ranked = ranked.map(|(score, at)| (Rank { key: f64::from(score), score: Some(score) }, at));
        return Ok((count.extract(&mut fruits), ranked.collect()));
    }
    let (direction, sign) = if order == Order::Newest { (tantivy::Order::Desc, 1) } else { (tantivy::Order::Asc, -1) };
    let latest = collectors.add_collector(top.order_by_fast_field::<DateTime>("at", direction));
    let mut fruits = searcher.search(query, &collectors)?;
    let ranked = latest.extract(&mut fruits).into_iter().map(|(at, address)| {
        let millis = at.map_or(0, DateTime::into_timestamp_millis);
        (Rank { key: (sign * millis) as f64, score: None }, address)
    });
    Ok((count.extract(&mut fruits), ranked.collect()))
}
