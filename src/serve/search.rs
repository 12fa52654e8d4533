//! What was said, decided and why, from the analysts' index.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::case::Case;
use crate::index::{Ask, Count, Fold, Hit, IndexError, Order, Query, Reader, Test, WORDS, parse};
use crate::io::instant;

use super::fault::{Fault, json};
use super::hub::Hub;
use super::mask::mask;
use super::page::{PAGE_BYTES_MAX, Page, asked as asked_for, page_size};
use super::reads::{hide_terms, raw_for};
use super::routes::{Name, Params, blocking};
use super::tokens::Who;
use crate::event::rfc3339;

/// How old an answer may be.
const FRESH: Duration = Duration::from_millis(500);
/// The most values of a list of the most frequent.
const TOP_MAX: usize = 500;

/// The index, opened when it is first asked for and looked at again when somebody asks later.
pub(super) struct Searcher {
    dir: PathBuf,
    fold: Fold,
    open: Mutex<Option<(Arc<Reader>, Instant)>>,
}

impl Searcher {
    pub(super) fn new(dir: PathBuf, fold: Fold) -> Self {
        Self { dir, fold, open: Mutex::default() }
    }

    /// The index, where there is one.
    pub(super) fn reader_if_any(&self) -> Result<Option<Arc<Reader>>, Fault> {
        match self.opened() {
            Err(IndexError::NoIndex(_)) => Ok(None),
            opened => opened.map(Some).map_err(refused),
        }
    }

    /// The index.
    pub(super) fn reader(&self) -> Result<Arc<Reader>, Fault> {
        self.opened().map_err(refused)
    }

    /// As it is now, or a moment ago.
    fn opened(&self) -> Result<Arc<Reader>, IndexError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = instant();
        if let Some((reader, at)) = &mut *open {
            if now.duration_since(*at) >= FRESH {
                reader.refresh()?;
                *at = now;
            }
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(Reader::open(&self.dir, self.fold)?);
        *open = Some((Arc::clone(&reader), now));
        Ok(reader)
    }
}

pub(super) fn refused(error: IndexError) -> Fault {
    match error {
        IndexError::NoIndex(_) => {
            Fault::not_found("there is no index yet: `index.enabled` makes one as messages come in")
        }
        IndexError::Stopped => Fault::unavailable("timeout", error.to_string(), 1),
        error if error.is_of_question() => Fault::bad(error.to_string()),
        error => Fault::internal(&error),
    }
}

pub(super) fn parsed(hub: &Hub, text: &str) -> Result<Query, Fault> {
    parse(text, hub.now()).map_err(|error| {
        Fault::new(
            axum::http::StatusCode::BAD_REQUEST,
            "bad_query",
            format!("{} at character {}; {}", error.message, error.at + 1, error.hint),
        )
    })
}

/// What is asked for, with the saved query of that name before it.
pub(super) fn query(hub: &Hub, text: Option<&str>, saved: Option<&str>) -> Result<Query, Fault> {
    let own = parsed(hub, text.unwrap_or_default())?;
    let Some(name) = saved else { return Ok(own) };
    let saved = parsed(hub, &hub.searches.find(name)?.query)?;
    Ok(if own == Query::All { saved } else { Query::And(vec![saved, own]) })
}

/// What tells of a text word by word, though no text is shown: whoever asks for it is noted as one who looked.
const TELLING: [&str; 4] = ["text", "term", "link", WORDS];

fn asks_for_texts(query: &Query) -> bool {
    match query {
        Query::All => false,
        Query::Clause { field, .. } => TELLING.contains(field),
        Query::And(parts) | Query::Or(parts) => parts.iter().any(asks_for_texts),
        Query::Not(part) => asks_for_texts(part),
    }
}

/// Notes a question that tells of texts, before it is answered.
pub(super) fn note_question(
    hub: &Hub,
    who: &Who,
    query: &Query,
    fields: &[&str],
    about: impl FnOnce() -> String,
) -> Result<(), Fault> {
    if asks_for_texts(query) || fields.iter().any(|field| TELLING.contains(field)) {
        hub.note(who, "text.search", &about())?;
    }
    Ok(())
}

/// What one line of the audit log says of many questions, in bytes: less than is kept of a line as it is.
const TOLD_BYTES_MAX: usize = 7 << 10;

/// Notes what of many questions tells of texts: their clauses and fields, and nothing else of what came with them.
pub(super) fn note_questions(hub: &Hub, who: &Who, call: &str, asked: &[(&Query, &[&str])]) -> Result<(), Fault> {
    let mut told = BTreeSet::new();
    for (query, fields) in asked {
        telling(query, &mut told);
        told.extend(fields.iter().filter(|field| TELLING.contains(field)).map(|field| format!("by {field}")));
    }
    let mut lines: Vec<String> = Vec::new();
    for one in told {
        match lines.last_mut() {
            Some(line) if line.len() + one.len() < TOLD_BYTES_MAX => line.extend([", ", &one]),
            _ => lines.push(format!("{call} {one}")),
        }
    }
    if lines.is_empty() { Ok(()) } else { hub.note_all(who, "text.search", &lines) }
}

fn telling(query: &Query, told: &mut BTreeSet<String>) {
    match query {
        Query::Clause { field, test: Test::Is { value, is_quoted } } if TELLING.contains(field) => {
            told.insert(if *is_quoted { format!("{field}:{value:?}") } else { format!("{field}:{value}") });
        }
        Query::Clause { field, test } if TELLING.contains(field) => drop(told.insert(format!("{field}:{test:?}"))),
        Query::All | Query::Clause { .. } => {}
        Query::And(parts) | Query::Or(parts) => parts.iter().for_each(|part| telling(part, told)),
        Query::Not(part) => telling(part, told),
    }
}

/// What to look for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// In the language of `tidegate search`; everything if it is not said.
    q: Option<String>,
    /// The name of a saved query; `q` narrows it.
    saved: Option<String>,
    /// newest, oldest or score; newest if it is not said.
    order: Option<String>,
    /// Where an earlier page said that the next one begins.
    cursor: Option<String>,
    /// How many, from 1 to 500; 50 if it is not said.
    limit: Option<usize>,
    /// See `GET /v1/decisions`.
    raw: Option<bool>,
}

/// A page of what was found.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// How many there are in all.
    total: u64,
    /// Cases: an event, what was found out about it, what was decided. Texts are masked unless `raw`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
    /// The cursor of the next page; absent behind the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Searches what was said, decided and why.
#[utoipa::path(
    get, path = "/v1/search", tag = "search", params(Search),
    responses(
        (status = 200, description = "A page of cases", body = Found),
        (status = 404, description = "There is no index", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn search(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(asked): Params<Search>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let order = match asked.order.as_deref() {
            None | Some("newest") => Order::Newest,
            Some("oldest") => Order::Oldest,
            Some("score") => Order::Score,
            Some(other) => return Err(Fault::bad(format!("order is {other:?}; write newest, oldest or score"))),
        };
        let after = asked.cursor.as_deref().map(str::parse).transpose().map_err(refused)?;
        let ask = Ask { order, limit: page_size(asked.limit)?, after };
        let query = query(hub, asked.q.as_deref(), asked.saved.as_deref())?;
        let reader = hub.reader()?;
        if asked.raw != Some(true) {
            note_question(hub, &who, &query, &[], || asked_for("search", &asked))?;
        }
        let raw = raw_for(hub, &who, asked.raw, || asked_for("search", &asked))?;
        let page = reader.search_within(&query, &ask, PAGE_BYTES_MAX).map_err(refused)?;
        let items = page.hits.iter().map(|hit| shown(hit, raw)).collect::<Result<_, _>>()?;
        Ok(json(&Found { total: page.total, items, next: page.next.map(|next| next.to_string()) }))
    })
    .await
}

/// The cases of one cluster of near-duplicates, oldest first.
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}", tag = "search",
    params(("cluster" = String, Path, description = "The cluster: its first event's id"), Search),
    responses(
        (status = 200, description = "A page of cases", body = Found),
        (status = 404, description = "There is no index, or nothing of that cluster in it", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cluster(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(cluster): Name,
    Params(asked): Params<Search>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        if asked.q.is_some() || asked.saved.is_some() || asked.order.is_some() {
            return Err(Fault::bad("q, saved and order are for /v1/search: a cluster is given oldest first"));
        }
        let after = asked.cursor.as_deref().map(str::parse).transpose().map_err(refused)?;
        let ask = Ask { order: Order::Oldest, limit: page_size(asked.limit)?, after };
        let reader = hub.reader()?;
        let query = Query::is("cluster", &cluster);
        let page = reader.search_within(&query, &ask, PAGE_BYTES_MAX).map_err(refused)?;
        if page.total == 0 {
            return Err(Fault::not_found("nothing of that cluster is in the index"));
        }
        let raw = raw_for(hub, &who, asked.raw, || asked_for(&format!("cluster {cluster}"), &asked))?;
        let items = page.hits.iter().map(|hit| shown(hit, raw)).collect::<Result<_, _>>()?;
        Ok(json(&Found { total: page.total, items, next: page.next.map(|next| next.to_string()) }))
    })
    .await
}

/// A case as it may be shown.
pub(super) fn shown(hit: &Hit, raw: bool) -> Result<Box<RawValue>, Fault> {
    if raw {
        return super::decide::raw(hit.json());
    }
    let mut case: Case<'_> = hit.case().map_err(refused)?;
    hide_texts(&mut case);
    let text = serde_json::to_string(&case).map_err(|error| Fault::internal(&error))?;
    RawValue::from_string(text).map_err(|error| Fault::internal(&error))
}

/// Masks whatever tells of the text of a case.
pub(super) fn hide_texts(case: &mut Case<'_>) {
    case.plain = String::new();
    for terms in case.terms.values_mut() {
        terms.iter_mut().for_each(|term| *term = mask(term).into());
    }
    if let Some(event) = &mut case.event {
        event.text = mask(&event.text).into();
        event.title = event.title.take().map(|title| mask(&title).into());
        event.links.iter_mut().for_each(|link| *link = mask(link).into());
        event.media.iter_mut().for_each(|media| media.text = media.text.take().map(|text| mask(&text)));
    }
    if let Some(decision) = &mut case.decision {
        hide_terms(decision);
    }
}

/// What to count over time.
#[derive(Clone, Debug, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OverTime {
    /// In the language of `tidegate search`; everything if it is not said.
    q: Option<String>,
    /// The name of a saved query; `q` narrows it.
    saved: Option<String>,
    /// How long each span is, in milliseconds; an hour if it is not said.
    every_ms: Option<u64>,
    /// What each span is divided by: action, rule, channel, …
    by: Option<String>,
}

/// Counts over time.
#[derive(Serialize, ToSchema)]
pub(super) struct Histogram {
    buckets: Vec<Span>,
}

/// One span of time.
#[derive(Serialize, ToSchema)]
pub(super) struct Span {
    /// Where it begins.
    at: String,
    count: u64,
    /// The most frequent values of what was asked to divide it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by: Vec<ValueCount>,
}

/// How often a value occurs.
#[derive(Serialize, ToSchema)]
pub(super) struct ValueCount {
    value: String,
    count: u64,
}

impl From<Count> for ValueCount {
    fn from(Count { value, count }: Count) -> Self {
        Self { value, count }
    }
}

/// Counts what is found over event time.
#[utoipa::path(
    get, path = "/v1/histogram", tag = "search", params(OverTime),
    responses(
        (status = 200, description = "Counts", body = Histogram),
        (status = 404, description = "There is no index", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn histogram(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(asked): Params<OverTime>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let query = query(hub, asked.q.as_deref(), asked.saved.as_deref())?;
        note_question(hub, &who, &query, asked.by.as_deref().as_slice(), || asked_for("histogram", &asked))?;
        let every = asked.every_ms.unwrap_or(3_600_000);
        if !(1..=366 * 86_400_000).contains(&every) {
            return Err(Fault::bad(format!("every_ms is {every}; it may be 1 to a year")));
        }
        let by = asked.by.as_deref().map(|field| (field, 20));
        let buckets = hub.reader()?.histogram(&query, every, by).map_err(refused)?;
        let span = |bucket: crate::index::Bucket| Span {
            at: rfc3339(bucket.at),
            count: bucket.count,
            by: bucket.by.into_iter().map(Into::into).collect(),
        };
        Ok(json(&Histogram { buckets: buckets.into_iter().map(span).collect() }))
    })
    .await
}

/// What to list the most frequent values of.
#[derive(Clone, Debug, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfField {
    /// In the language of `tidegate search`; everything if it is not said.
    q: Option<String>,
    /// The name of a saved query; `q` narrows it.
    saved: Option<String>,
    /// action, rule, author, room, cluster, claim, channel, …
    field: String,
    /// How many, from 1 to 500; 50 if it is not said.
    limit: Option<usize>,
}

/// The most frequent values of a field among what is found.
#[utoipa::path(
    get, path = "/v1/top", tag = "search", params(OfField),
    responses(
        (status = 200, description = "Values, most frequent first", body = Page<ValueCount>),
        (status = 404, description = "There is no index", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn top(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(asked): Params<OfField>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let query = query(hub, asked.q.as_deref(), asked.saved.as_deref())?;
        note_question(hub, &who, &query, &[&asked.field], || asked_for("top", &asked))?;
        let limit = page_size(asked.limit)?.min(TOP_MAX);
        let counts = hub.reader()?.top(&query, &asked.field, limit).map_err(refused)?;
        Ok(json(&Page::whole(counts.into_iter().map(ValueCount::from))))
    })
    .await
}
