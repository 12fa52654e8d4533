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
use crate::index::elastic::{self, ElasticError, Shows};
use crate::index::{Query, Reader};

use super::fault::{Fault, json as answer_json};
use super::hub::Hub;
use super::reads::raw_for;
use super::routes::{Name, Params, blocking};
use super::search::{hide_texts, note_question, refused};
use super::tokens::Who;

/// The largest body of searches.
const BODY_BYTES_MAX: usize = 1 << 20;
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

/// What answers a body.
type Answers = fn(&Reader, &str, Millis, Shows<'_>) -> Result<Value, ElasticError>;

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
    let one: Answers = |reader, body, now, shows| {
        let body = if body.trim().is_empty() { "{}" } else { body };
        elastic::search(reader, &elastic::read(body)?, now, shows)
    };
    match named(index) {
        Ok(()) => ask(hub, who, how, body, "es/_search", one).await,
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
        Ok(()) => ask(hub, who, how, body, "es/_msearch", elastic::msearch).await,
        Err(unknown) => Ok(unknown),
    }
}

async fn ask(
    hub: Arc<Hub>,
    who: Who,
    how: How,
    body: Body,
    call: &'static str,
    answers: Answers,
) -> Result<Response<Body>, Fault> {
    let held = hub.bodies.read(body, BODY_BYTES_MAX).await?;
    blocking(hub, move |hub| {
        let Ok(body) = std::str::from_utf8(&held.bytes) else { return Err(Fault::bad("the body is not UTF-8")) };
        let (now, about) = (hub.now(), || format!("{call} {body}"));
        let raw = raw_for(hub, &who, how.raw, about)?;
        if !raw {
            let asked = elastic::asked(body, now);
            let (queries, fields): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let fields: Vec<&str> = fields.iter().flatten().map(String::as_str).collect();
            // One line of the log tells of the whole body.
            note_question(hub, &who, &Query::And(queries), &fields, about)?;
        }
        let reader = hub.searcher.reader()?;
        let masked = |case: &Case<'_>| {
            let mut case = case.clone();
            hide_texts(&mut case);
            elastic::source(&case)
        };
        match answers(&reader, body, now, if raw { &elastic::source } else { &masked }) {
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
