//! The part of Elasticsearch's search API that dashboards speak: JSON in, JSON out, no transport.
//!
//! `_search` and `_msearch` with `query_string`, `bool`, `match_all`, `match`, `match_phrase`, `term`, `terms`, `range`,
//! `exists`, `prefix`, `wildcard` and `ids`; aggregations `date_histogram`, `histogram`, `terms`, `range`, `cardinality`, `avg`,
//! `min`, `max`, `sum`, `stats`, `extended_stats`, `value_count` and `percentiles`; `_field_caps` and `_mapping`. `@timestamp` is
//! another name of `at`. What is not known is refused by its name, never passed over, where it would change the answer.

mod aggregations;
mod bounds;
mod queries;

use serde_json::{Map, Value, json};

use super::page::{Ask, Cursor, GIVEN_MAX, Order};
use super::reader::{PAGE_HITS_MAX, Reader};
use super::schema::{FIELDS, Kind};
use super::{IndexError, Query};
use crate::case::Case;
use crate::decision::ActionKind;
use crate::event::{Millis, rfc3339};

/// The name of the index in answers.
const INDEX: &str = "tidegate";
/// Stars of one pattern of names; one with more fits nothing.
const PATTERN_STARS_MAX: usize = 4;
/// Searches of one `_msearch`.
const SEARCHES_MAX: usize = 64;
/// What the cases of one answer may take together, in bytes; it has fewer hits then.
const HITS_BYTES_MAX: usize = 8 << 20;
/// Buckets of one call, all its searches together: what Elasticsearch gives of one.
const BUCKETS_ALL_MAX: u64 = 65_000;
/// Hits that come where nobody says how many.
const HITS_DEFAULT: u64 = 10;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum ElasticError {
    /// It asks for something that is not known here.
    #[error("{0}")]
    Refused(String),
    /// It asks another index than the one there is.
    #[error("no such index [{0}]: it is called tidegate")]
    Unknown(String),
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl ElasticError {
    /// The answer's status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Refused(_) => 400,
            Self::Unknown(_) => 404,
            Self::Index(error) if error.is_of_question() => 400,
            Self::Index(_) => 500,
        }
    }

    /// The answer, as Elasticsearch words it.
    #[must_use]
    pub fn body(&self) -> Value {
        let kind = match self.status() {
            400 => "illegal_argument_exception",
            404 => "index_not_found_exception",
            _ => "search_phase_execution_exception",
        };
        let cause = json!({ "type": kind, "reason": self.to_string() });
        json!({ "error": { "root_cause": [cause], "type": kind, "reason": self.to_string() }, "status": self.status() })
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, ElasticError> {
    Err(ElasticError::Refused(message.into()))
}

/// How a case is shown as `_source`: [`source`], or a form of it that hides what somebody may not see.
pub type Shows<'s> = &'s dyn Fn(&Case<'_>) -> Value;

/// One search, read once: what it is noted by is what is run.
pub struct Search {
    body: Map<String, Value>,
    query: Query,
    /// What is to be counted, in the library's words.
    request: Option<Value>,
    fields: Vec<&'static str>,
}

/// What a search may ask for: what shapes the answer, and what changes none of it.
const KNOWN: [&str; 19] = [
    "query",
    "aggs",
    "aggregations",
    "size",
    "from",
    "sort",
    "search_after",
    "track_total_hits",
    "track_scores",
    "_source",
    "fields",
    "stored_fields",
    "docvalue_fields",
    "highlight",
    "timeout",
    "version",
    "explain",
    "profile",
    "seq_no_primary_term",
];

impl Search {
    /// Reads a body; an empty one asks for everything.
    ///
    /// # Errors
    /// [`ElasticError::Refused`], if it is no JSON, or asks for something that is not known here.
    pub fn parse(body: &str, now: Millis) -> Result<Self, ElasticError> {
        let body = if body.trim().is_empty() { "{}" } else { body };
        let body = serde_json::from_str(body)
            .map_err(|error| ElasticError::Refused(format!("the body is not JSON: {error}")))?;
        Self::read(body, now)
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`ElasticError::Refused`], if it asks for something that is not known here.
    pub fn read(body: Value, now: Millis) -> Result<Self, ElasticError> {
        let Value::Object(body) = body else { return refuse("the body of a search is an object") };
        only("a search", &body, &KNOWN)?;
        let query = body.get("query").map_or(Ok(Query::All), |query| queries::read(query, now))?;
        let wanted = body.get("aggs").or_else(|| body.get("aggregations"));
        let (request, fields) = wanted.map(aggregations::read).transpose()?.unzip();
        Ok(Self { query, request, fields: fields.unwrap_or_default(), body })
    }

    /// What it looks for.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The fields that it counts by.
    #[must_use]
    pub fn fields(&self) -> &[&'static str] {
        &self.fields
    }

    /// `POST /_search`
    ///
    /// # Errors
    /// [`ElasticError`], if it asks for more than is given, or the index cannot be read.
    pub fn answer(&self, reader: &Reader, shows: Shows<'_>) -> Result<Value, ElasticError> {
        self.answer_within(reader, shows, HITS_BYTES_MAX, &mut { BUCKETS_ALL_MAX })
    }

    /// As [`Search::answer`]; what it gives is taken off what is left.
    fn answer_within(
        &self,
        reader: &Reader,
        shows: Shows<'_>,
        bytes_max: usize,
        buckets_left: &mut u64,
    ) -> Result<Value, ElasticError> {
        let (hits, total) = hits(reader, &self.body, &self.query, shows, bytes_max)?;
        let mut answer = json!({
            "took": 0,
            "timed_out": false,
            "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 },
            "hits": { "total": { "value": total, "relation": "eq" }, "max_score": Value::Null, "hits": hits },
            "status": 200,
        });
        if let Some(request) = &self.request {
            let most = bounds::buckets_most(reader, &self.query, request)?;
            if most > *buckets_left {
                return refuse(format!(
                    "the histograms may have {most} buckets, and {buckets_left} are left of the {BUCKETS_ALL_MAX} of one call: \
                     take longer spans, fewer terms or less time"
                ));
            }
            let mut counted = reader.aggregate_within(&self.query, request, *buckets_left)?;
            *buckets_left = buckets_left.saturating_sub(bounds::buckets_of(&counted));
            aggregations::word(request, &mut counted);
            answer["aggregations"] = counted;
        }
        Ok(answer)
    }
}

/// Reads the body of `POST /_msearch`: lines of header and search by turns. A search that cannot be read is answered in its place.
///
/// # Errors
/// [`ElasticError::Refused`], if the lines are no such thing.
pub fn searches(lines: &str, now: Millis) -> Result<Vec<Result<Search, ElasticError>>, ElasticError> {
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() || !lines.len().is_multiple_of(2) {
        return refuse("_msearch takes pairs of lines: a header, then a search");
    }
    if lines.len() / 2 > SEARCHES_MAX {
        return refuse(format!("_msearch takes {SEARCHES_MAX} searches at most"));
    }
    Ok(lines.chunks_exact(2).map(|pair| Search::parse(pair[1], now)).collect())
}

/// `POST /_msearch`, each search in its place. They share the room that one answer has.
#[must_use]
pub fn msearch(reader: &Reader, searches: &[Result<Search, ElasticError>], shows: Shows<'_>) -> Value {
    let bytes_max = HITS_BYTES_MAX / searches.len().max(1);
    let mut buckets_left = BUCKETS_ALL_MAX;
    let mut answer = |search: &Result<Search, ElasticError>| match search {
        Ok(search) => {
            search.answer_within(reader, shows, bytes_max, &mut buckets_left).unwrap_or_else(|error| error.body())
        }
        Err(error) => error.body(),
    };
    json!({ "took": 0, "responses": searches.iter().map(&mut answer).collect::<Vec<_>>() })
}

/// Whether a value says nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Refuses by its name what is not known and says something. Days and hours are those of UTC.
fn only(what: &str, given: &Map<String, Value>, known: &[&str]) -> Result<(), ElasticError> {
    for (key, value) in given.iter().filter(|(_, value)| !is_nothing(value)) {
        if !known.contains(&key.as_str()) {
            return refuse(format!("[{key}] of {what} is not known here"));
        }
        let is_utc = |zone: &str| ["utc", "z", "+00:00", "etc/utc", "gmt"].contains(&zone.to_lowercase().as_str());
        if key == "time_zone" && !value.as_str().is_some_and(is_utc) {
            return refuse(format!("[time_zone] of {what} is UTC"));
        }
    }
    Ok(())
}

/// Whether a list of names with `*` has the index in it.
#[must_use]
pub fn is_ours(names: &str) -> bool {
    names.split(',').any(|name| name == "_all" || matches(name.trim(), INDEX))
}

/// `GET /_field_caps?fields=…`: names with `*`, separated by commas.
#[must_use]
pub fn field_caps(fields: &str) -> Value {
    let patterns: Vec<&str> = fields.split(',').map(str::trim).take(FIELDS.len()).collect();
    let mut known = Map::new();
    for (name, kind) in names() {
        if patterns.iter().any(|pattern| matches(pattern, name)) {
            let (word, can_count) = (word(kind), !matches!(kind, Kind::Text | Kind::Id));
            let caps = json!({ "type": word, "metadata_field": false, "searchable": true, "aggregatable": can_count });
            known.insert(name.to_owned(), json!({ word: caps }));
        }
    }
    json!({ "indices": [INDEX], "fields": known })
}

/// `GET /_mapping`
#[must_use]
pub fn mapping() -> Value {
    let properties: Map<String, Value> =
        names().map(|(name, kind)| (name.to_owned(), json!({ "type": word(kind) }))).collect();
    json!({ INDEX: { "mappings": { "properties": properties } } })
}

/// `@timestamp` beside the fields that we know.
const TIMESTAMP: &str = "@timestamp";

fn names() -> impl Iterator<Item = (&'static str, Kind)> {
    std::iter::once((TIMESTAMP, Kind::Time)).chain(FIELDS.iter().map(|&(name, kind, _)| (name, kind)))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Name | Kind::Id => "keyword",
        Kind::Time => "date",
        Kind::Number => "double",
    }
}

/// Whether a name fits a pattern with `*`.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern.bytes().filter(|&byte| byte == b'*').count() > PATTERN_STARS_MAX {
        return false;
    }
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(left) = name.strip_prefix(start) else { return false };
    rest.is_empty() || (0..=left.len()).any(|at| left.is_char_boundary(at) && matches(rest, &left[at..]))
}

/// Our name of a field that a request names.
fn field(name: &str) -> Result<(&'static str, Kind), ElasticError> {
    let bare = name.strip_suffix(".keyword").unwrap_or(name);
    let wanted = if bare == TIMESTAMP { "at" } else { bare };
    let known = FIELDS.iter().find(|(known, ..)| *known == wanted).map(|&(known, kind, _)| (known, kind));
    known.ok_or_else(|| {
        let near = crate::problem::nearest(wanted, FIELDS.iter().map(|(known, ..)| *known));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        ElasticError::Refused(format!("there is no field [{name}]{hint}"))
    })
}

fn hits(
    reader: &Reader,
    asked: &Map<String, Value>,
    query: &Query,
    shows: Shows<'_>,
    bytes_max: usize,
) -> Result<(Vec<Value>, u64), ElasticError> {
    let number = |key: &str, otherwise| asked.get(key).map_or(Some(otherwise), queries::whole);
    let Some((size, from)) = number("size", HITS_DEFAULT).zip(number("from", 0)) else {
        return refuse("size and from are whole numbers");
    };
    if size.saturating_add(from) > PAGE_HITS_MAX as u64 {
        return refuse(format!("size and from together are {PAGE_HITS_MAX} at most: turn pages by search_after"));
    }
    if size == 0 {
        return Ok((Vec::new(), reader.count(query)?));
    }
    let order = order(asked.get("sort"))?;
    let after = asked.get("search_after").map(|after| cursor(after, order)).transpose()?;
    let page = reader.search_within(query, &Ask { order, limit: (size + from) as usize, after }, bytes_max)?;
    let (mut hits, mut last) = (Vec::new(), after);
    for hit in &page.hits {
        let case = hit.case()?;
        let (id, at) = identity(&case);
        last = Some(match last {
            Some(Cursor::At { at: before, given }) if before == at => Cursor::At { at, given: given + 1 },
            Some(Cursor::Offset(offset)) => Cursor::Offset(offset + 1),
            None if order == Order::Score => Cursor::Offset(1),
            _ => Cursor::At { at, given: 1 },
        });
        let sort = match last {
            Some(Cursor::At { at, given }) => json!([at, given]),
            Some(Cursor::Offset(offset)) => json!([offset]),
            None => json!([]),
        };
        hits.push(json!({
            "_index": INDEX, "_id": id, "_score": hit.score, "_source": shows(&case), "sort": sort,
        }));
    }
    hits.drain(..hits.len().min(from as usize));
    Ok((hits, page.total))
}

fn identity<'c>(case: &'c Case<'_>) -> (&'c str, Millis) {
    match (&case.event, &case.decision) {
        (Some(event), _) => (&event.id, event.at),
        (None, Some(decision)) => (&decision.id, decision.at),
        (None, None) => ("", 0),
    }
}

/// `"sort": [{"@timestamp": {"order": "desc"}}, …]`: the first that is a time decides; without one, the best match comes first.
fn order(sort: Option<&Value>) -> Result<Order, ElasticError> {
    let Some(sort) = sort else { return Ok(Order::Score) };
    let all = sort.as_array().map_or_else(|| std::slice::from_ref(sort), Vec::as_slice);
    let (name, by) = match all.first() {
        Some(Value::String(name)) => (name.as_str(), &Value::Null),
        Some(Value::Object(one)) if one.len() == 1 => {
            one.iter().next().map_or(("", &Value::Null), |(name, by)| (name, by))
        }
        None => return Ok(Order::Score),
        _ => return refuse("sort is a list of {\"field\": {\"order\": \"desc\"}}"),
    };
    let direction = by.as_str().or_else(|| by["order"].as_str());
    match (name, direction) {
        ("_score", _) => Ok(Order::Score),
        ("_doc", _) => Ok(Order::Newest),
        (name, direction) if matches!(field(name)?, (_, Kind::Time)) => {
            Ok(if direction == Some("desc") { Order::Newest } else { Order::Oldest })
        }
        (name, _) => refuse(format!("hits cannot be sorted by [{name}], only by @timestamp and _score")),
    }
}

fn cursor(after: &Value, order: Order) -> Result<Cursor, ElasticError> {
    let numbers: Option<Vec<i64>> = after.as_array().and_then(|all| all.iter().map(Value::as_i64).collect());
    let is_given = |given: i64| usize::try_from(given).is_ok_and(|given| given <= GIVEN_MAX);
    match (order, numbers.as_deref()) {
        (Order::Score, Some(&[offset])) if is_given(offset) => Ok(Cursor::Offset(offset as usize)),
        (Order::Newest | Order::Oldest, Some(&[at, given])) if is_given(given) => {
            Ok(Cursor::At { at, given: given as usize })
        }
        _ => refuse("search_after is the `sort` of the last hit before"),
    }
}

/// A case as the flat fields that queries name.
#[must_use]
pub fn source(case: &Case<'_>) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            fields.insert(name.to_owned(), value);
        }
    };
    let (_, at) = identity(case);
    put(TIMESTAMP, rfc3339(at).into());
    put("at", rfc3339(at).into());
    if let Some(event) = &case.event {
        put("event", (*event.id).into());
        put("channel", event.channel.name().into());
        put("author", (*event.author).into());
        put("room", event.room.as_deref().into());
        put("title", event.title.as_deref().into());
        put("text", (*event.text).into());
        put("lang", event.lang.as_deref().into());
        put("region", event.region.as_deref().into());
        put("root", event.forward_of.as_deref().or(event.reply_to.as_deref()).into());
    }
    if let Some(decision) = &case.decision {
        put("event", (*decision.event).into());
        put("channel", decision.channel.name().into());
        put("author", (*decision.author).into());
        put("room", decision.room.as_deref().into());
        put("decision", (*decision.id).into());
        put("edition", (*decision.edition).into());
        let actions = decision.actions.iter();
        put("action", actions.clone().map(|action| action.kind.name()).collect());
        put("rule", decision.reasons.iter().map(|reason| &*reason.rule).collect());
        put("shadow", decision.shadow.iter().map(|shadow| &*shadow.reason.rule).collect());
        let labels = actions.filter_map(|action| match &action.kind {
            ActionKind::Label { code, .. } => Some(&**code),
            _ => None,
        });
        put("label", labels.collect());
    }
    put("cluster", case.cluster.as_deref().into());
    put("similarity", case.similarity.map(f64::from).into());
    put("claim", case.claim.as_deref().into());
    put("stance", case.stance.as_deref().into());
    put("list", case.terms.keys().map(|list| &**list).collect());
    put("term", case.terms.values().flatten().map(|term| &**term).collect());
    Value::Object(fields)
}
