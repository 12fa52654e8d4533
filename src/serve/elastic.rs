//! What dashboards ask in the words of Elasticsearch, over the analysts' index: `/es` is what a Grafana data source names.
//!
//! Who may search may ask here; texts are masked and looks are noted as for [`super::search`]. What the index cannot answer is
//! worded as Elasticsearch words it; what the door refuses is a problem as everywhere.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::case::Case;
use crate::event::Millis;
use crate::index::Query;
use crate::index::elastic::{self, ElasticError, Search, Shows};

use super::fault::{Fault, json as answer_json};
use super::hub::Hub;
use super::reads::raw_for;
use super::routes::{Name, Params, blocking};
use super::search::{hide_texts, note_questions, refused};
use super::tokens::Who;

/// The largest body of searches.
const BODY_BYTES_MAX: usize = 1 << 20;
/// What of a body the audit log keeps as it came, where texts are shown; of a longer one its clauses are noted as well.
const TOLD_WHOLE_BYTES: usize = 7 << 10;
/// The version whose words these are: the oldest that dashboards speak to.
const SPEAKS: &str = "7.17.0";

/// Parameters of a call; dashboards send others, which change no answer.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct How {
    /// See `GET /v1/decisions`.
    raw: Option<bool>,
    /// Patterns of names, for `_field_caps`.
    fields: Option<String>,
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    One,
    Several,
}

impl Form {
    fn call(self) -> &'static str {
        match self {
            Self::One => "es/_search",
            Self::Several => "es/_msearch",
        }
    }

    /// What a body asks for, one by one; it is read here and nowhere else.
    fn read(self, body: &str, now: Millis) -> Result<Vec<Result<Search, ElasticError>>, ElasticError> {
        match self {
            Self::One => Search::parse(body, now).map(|one| vec![Ok(one)]),
            Self::Several => elastic::searches(body, now),
        }
    }
}

/// The first thing that is asked for: what this is.
pub(super) async fn about() -> Response<Body> {
    answer_json(&json!({
        "name": "tidegate",
        "cluster_name": "tidegate",
        "version": { "number": SPEAKS, "build_flavor": "default", "build_type": "tidegate" },
        "tagline": concat!("Tidegate ", env!("CARGO_PKG_VERSION"), ": a part of the search API"),
    }))
}

/// Whether it answers.
pub(super) async fn health() -> Response<Body> {
    answer_json(&json!({ "cluster_name": "tidegate", "status": "green", "timed_out": false, "number_of_nodes": 1 }))
}

/// The fields and their types.
pub(super) async fn mapping(index: Option<Name>) -> Response<Body> {
    named(index).map_or_else(|unknown| unknown, |()| answer_json(&elastic::mapping()))
}

/// What can be done with fields.
pub(super) async fn field_caps(index: Option<Name>, Params(how): Params<How>) -> Response<Body> {
    let fields = how.fields.as_deref().unwrap_or("*");
    named(index).map_or_else(|unknown| unknown, |()| answer_json(&elastic::field_caps(fields)))
}

/// One search.
pub(super) async fn search(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    index: Option<Name>,
    Params(how): Params<How>,
    body: Body,
) -> Result<Response<Body>, Fault> {
    match named(index) {
        Ok(()) => ask(hub, who, how, body, Form::One).await,
        Err(unknown) => Ok(unknown),
    }
}

/// Several searches, each after a line that says of what.
pub(super) async fn msearch(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    index: Option<Name>,
    Params(how): Params<How>,
    body: Body,
) -> Result<Response<Body>, Fault> {
    match named(index) {
        Ok(()) => ask(hub, who, how, body, Form::Several).await,
        Err(unknown) => Ok(unknown),
    }
}

async fn ask(hub: Arc<Hub>, who: Who, how: How, body: Body, form: Form) -> Result<Response<Body>, Fault> {
    let held = hub.bodies.read(body, BODY_BYTES_MAX).await?;
    let place = hub.jobs.dashboards.enter().await?;
    blocking(hub, move |hub| {
        let _place = place;
        let Ok(body) = std::str::from_utf8(&held.bytes) else { return Err(Fault::bad("the body is not UTF-8")) };
        let searches = match form.read(body, hub.now()) {
            Ok(searches) => searches,
            Err(error) => return Ok(worded(error.status(), &error.body())),
        };
        let raw = raw_for(hub, &who, how.raw, || format!("{} {body}", form.call()))?;
        if !raw || body.len() > TOLD_WHOLE_BYTES {
            let read = searches.iter().flatten();
            let asked: Vec<(&Query, &[&str])> = read.map(|search| (search.query(), search.fields())).collect();
            note_questions(hub, &who, form.call(), &asked)?;
        }
        let reader = hub.reader()?;
        let masked = |case: &Case<'_>| {
            let mut case = case.clone();
            hide_texts(&mut case);
            elastic::source(&case)
        };
        let shows: Shows<'_> = if raw { &elastic::source } else { &masked };
        let answer = match &searches[..] {
            [Ok(one)] if form == Form::One => one.answer(&reader, shows),
            several => Ok(elastic::msearch(&reader, several, shows)),
        };
        match answer {
            Ok(answer) => Ok(answer_json(&answer)),
            Err(ElasticError::Index(error)) if !error.is_of_question() => Err(refused(error)),
            Err(error) => Ok(worded(error.status(), &error.body())),
        }
    })
    .await
}

fn worded(status: u16, body: &Value) -> Response<Body> {
    let mut response = answer_json(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// Whether a call names our index, or none; else what Elasticsearch says then.
#[expect(clippy::result_large_err, reason = "the answer itself, made once")]
fn named(index: Option<Name>) -> Result<(), Response<Body>> {
    match index {
        Some(Name(index)) if !elastic::is_ours(&index) => {
            let unknown = ElasticError::Unknown(index);
            Err(worded(unknown.status(), &unknown.body()))
        }
        _ => Ok(()),
    }
}
