//! `POST /v1/decide`: records in, and what became of each, once it is safe.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::io::{Answer, Offered, Turned};

use super::book::Line;
use super::fault::{Fault, json};
use super::hub::{Hub, desk_key};
use super::openapi::decision_ref;
use super::reviews::Done;
use super::routes::blocking;
use super::tokens::Who;

/// What became of one record.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Decided)]
pub(super) struct Outcome {
    /// The event that was decided on, or that a verdict was about; absent where the record names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    /// What was decided; null where nobody has anything to say about it.
    #[schema(schema_with = decision_ref)]
    pub(super) decision: Option<Box<RawValue>>,
    /// Whether this id was taken before: the decision is the one that was made then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) repeated: bool,
    /// Why the record was not taken; it stands in the rejects too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<Fault>,
}

/// What became of several, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DecidedEach)]
pub(super) struct Outcomes {
    /// One each.
    pub(super) results: Vec<Outcome>,
}

/// Decides on one record or on many.
///
/// The body is one event (or verdict, or erase) as JSON, an array of them, or one a line (`application/x-ndjson`). The answer
/// goes out when everything is saved; it has the form of the body. An id that was taken before gets the same decision again.
#[utoipa::path(
    post, path = "/v1/decide", tag = "decide",
    request_body(
        description = "One record, an array of records, or one record a line.",
        content((super::openapi::Record = "application/json"), (String = "application/x-ndjson")),
    ),
    responses(
        (status = 200, description = "What became of each record", content((super::openapi::Answer = "application/json"), (String = "application/x-ndjson"))),
        (status = 400, description = "The one record is not JSON", body = Fault, content_type = "application/problem+json"),
        (status = 410, description = "The id was taken before, and its decision is no longer held", body = Fault, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Fault, content_type = "application/problem+json"),
        (status = 422, description = "The one record cannot be taken", body = Fault, content_type = "application/problem+json"),
        (status = 429, description = "Too many calls", body = Fault, content_type = "application/problem+json"),
        (status = 503, description = "Too much waits, or it took too long: send it again", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn decide(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, Fault> {
    let held = hub.bodies.read(body, hub.options.body_bytes_max).await?;
    let form = Form::of(&headers, &held.bytes);
    let records = form.split(&held.bytes);
    let records_max = hub.options.records_max;
    if records.len() > records_max {
        let detail = format!("the body has {} records; at most {records_max} are taken at a time", records.len());
        return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_records", detail));
    }
    // Whose word it is said to be is whoever handed it in's to answer for.
    let words: Vec<String> = records.iter().filter_map(|record| About::of(record).words()).collect();
    if !words.is_empty() {
        blocking(Arc::clone(&hub), move |hub| words.iter().try_for_each(|about| hub.note(&who, "record", about)))
            .await?;
    }
    let outcomes = hand_in(&hub, &records).await?;
    Ok(form.answer(outcomes))
}

/// Hands records in and waits for what becomes of them. A verdict that was saved leaves the queue of reviews, also where nobody waits
/// for the answer any longer.
pub(super) async fn hand_in(hub: &Arc<Hub>, records: &[&[u8]]) -> Result<Vec<Outcome>, Fault> {
    let Some(desk) = &hub.parts.desk else { return Err(reads_only()) };
    let about: Vec<About<'static>> = records.iter().map(|record| About::of(record).into_owned()).collect();
    let offered = records.iter().zip(&about).map(|(bytes, about)| Offered { bytes: (*bytes).into(), key: about.key() });
    let (tell, told) = oneshot::channel();
    let (of_answer, of_words) = (Arc::clone(hub), about.clone());
    let turned = desk.offer(
        offered.collect(),
        Box::new(move |answers| {
            // Whoever asked may be gone; the record is decided all the same, and a word on a decision is noted.
            let said = of_words.iter().zip(&answers).filter_map(|(about, answer)| about.word(answer));
            let noted = of_answer.settler.settle(said.collect());
            let _ = tell.send((answers, noted));
        }),
    );
    turned.map_err(|turned| match turned {
        Turned::Full => Fault::unavailable("busy", "too much waits to be decided: send it again in a moment", 1),
        Turned::Closed => stopping(),
    })?;
    let (answers, noted) = told.await.map_err(|_| stopping())?;
    if let Some(noted) = noted {
        noted.await.map_err(|_| stopping())??;
    }
    let outcomes = about.iter().zip(answers).map(|(about, answer)| about.outcome(hub, answer));
    outcomes.collect()
}

pub(super) fn reads_only() -> Fault {
    Fault::conflict("reads_only", "this process decides on another stream and only shows what it decided")
}

/// Nothing is held that a verdict could undo.
const UNKNOWN_EVENT: &str = "unknown_event";

fn stopping() -> Fault {
    Fault::unavailable("stopping", "the stage is stopping: send it again under the same id", 2)
}

/// How records stand in the body, and so how they are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    One,
    Array,
    Lines,
}

impl Form {
    fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_lines = ["application/x-ndjson", "application/jsonl", "application/x-jsonlines"];
        if is_lines.iter().any(|lines| kind.starts_with(lines)) {
            return Self::Lines;
        }
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => Self::Array,
            _ => Self::One,
        }
    }

    /// The bytes of each record. A list that cannot be read is one record, which the stage refuses and keeps.
    fn split(self, body: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::One => vec![body],
            Self::Lines => {
                let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
                lines.filter(|line| !line.is_empty()).collect()
            }
            Self::Array => match serde_json::from_slice::<Vec<&RawValue>>(body) {
                Ok(records) => records.into_iter().map(|record| record.get().as_bytes()).collect(),
                Err(_) => vec![body],
            },
        }
    }

    fn answer(self, mut outcomes: Vec<Outcome>) -> Response<Body> {
        match self {
            Self::One => match outcomes.pop() {
                Some(Outcome { problem: Some(problem), .. }) => axum::response::IntoResponse::into_response(problem),
                outcome => json(&outcome.unwrap_or_default()),
            },
            Self::Array => json(&Outcomes { results: outcomes }),
            Self::Lines => {
                let mut lines = Vec::new();
                for outcome in &outcomes {
                    serde_json::to_writer(&mut lines, outcome).expect("outcomes are plain data");
                    lines.push(b'\n');
                }
                let mut response = Response::new(Body::from(lines));
                let kind = HeaderValue::from_static("application/x-ndjson");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
        }
    }
}

/// What a record is about, as far as a glance tells. The stage reads it properly.
#[derive(Clone, Debug, Default, Deserialize)]
struct About<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    outcome: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    by: Option<Cow<'a, str>>,
}

/// The line of a reject.
#[derive(Deserialize)]
struct Reject {
    code: String,
    reason: String,
}

impl<'a> About<'a> {
    fn of(record: &'a [u8]) -> Self {
        serde_json::from_slice(record).unwrap_or_default()
    }

    fn into_owned(self) -> About<'static> {
        let owned = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        About {
            kind: owned(self.kind),
            id: owned(self.id),
            event: owned(self.event),
            outcome: owned(self.outcome),
            by: owned(self.by),
        }
    }

    /// The word that it is, as the queue of reviews notes it.
    fn done(&self, only_if_waiting: bool) -> Option<Done> {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
        let event = self.event.as_deref()?.into();
        Some(Done { event, outcome: text(&self.outcome), by: text(&self.by), only_if_waiting })
    }

    /// The word that was saved, if it is one. A word on what can no longer be undone is one as well.
    fn word(&self, answer: &Answer) -> Option<Done> {
        let is_of_waiting = match answer {
            Answer::Taken(_) => false,
            Answer::Refused(line) => {
                let Reject { code, .. } = serde_json::from_slice(line).ok()?;
                if code != UNKNOWN_EVENT {
                    return None;
                }
                true
            }
        };
        if self.is_verdict() { self.done(is_of_waiting) } else { None }
    }

    fn is_verdict(&self) -> bool {
        self.kind.as_deref() == Some("verdict")
    }

    /// What the audit log says of a record that is more than a message. Who is to be forgotten is not named there.
    fn words(&self) -> Option<String> {
        match self.kind.as_deref()? {
            "verdict" => Some(format!("verdict {}", self.event.as_deref().unwrap_or_default())),
            "erase" => Some("erase".to_owned()),
            _ => None,
        }
    }

    fn name(&self) -> Option<&str> {
        if self.is_verdict() { self.event.as_deref() } else { self.id.as_deref() }
    }

    fn key(&self) -> Option<Box<str>> {
        self.name().map(|name| desk_key(self.is_verdict(), name))
    }

    fn outcome(&self, hub: &Hub, answer: Answer) -> Result<Outcome, Fault> {
        let event = self.name().map(str::to_owned);
        match answer {
            Answer::Taken(lines) => {
                Ok(Outcome { event, decision: lines.first().map(|line| raw(line)).transpose()?, ..Outcome::default() })
            }
            Answer::Refused(line) => {
                let Reject { code, reason } = serde_json::from_slice(&line).map_err(|error| Fault::internal(&error))?;
                if code == "duplicate_id" {
                    return self.repeated(hub, event);
                }
                Ok(Outcome { event, problem: Some(refused(code, reason)), ..Outcome::default() })
            }
        }
    }

    /// What was decided when the id was taken.
    fn repeated(&self, hub: &Hub, event: Option<String>) -> Result<Outcome, Fault> {
        let name = self.name().unwrap_or_default();
        let (at, is_whole) = {
            let book = hub.book();
            (book.by_event(name), book.first() == 0)
        };
        let is_nothing_gone = at.is_none() && is_whole;
        let line = at.map(|at| at.read()).transpose()?;
        let own = line.filter(|line| Line::read(line).is_some_and(|line| line.event == name));
        let problem = (own.is_none() && !is_nothing_gone).then(gone);
        let decision = own.map(|line| raw(line.trim_ascii_end())).transpose()?;
        Ok(Outcome { event, decision, repeated: true, problem })
    }
}

/// A line that we wrote, as it goes into an answer.
pub(super) fn raw(line: &[u8]) -> Result<Box<RawValue>, Fault> {
    serde_json::from_slice(line).map_err(|error| Fault::internal(&error))
}

/// Nobody may take it for a decision to do nothing.
fn gone() -> Fault {
    let detail = "this id was taken before, and what was decided on it, if anything, is no longer held here: it stands in \
                  actions.jsonl, and serve.decisions_max says how many are held";
    Fault::new(StatusCode::GONE, "decision_gone", detail)
}

fn refused(code: String, reason: String) -> Fault {
    let status = match code.as_str() {
        "bad_json" | "bad_utf8" => StatusCode::BAD_REQUEST,
        UNKNOWN_EVENT => StatusCode::CONFLICT,
        "internal_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Fault::new(status, code, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_body_is_seen_and_split() {
        let lines = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson; charset=utf-8"),
        )]);
        let none = HeaderMap::new();
        let cases: [(&HeaderMap, &str, Form, &[&str]); 6] = [
            (&none, " {\"id\":\"a\"}", Form::One, &[" {\"id\":\"a\"}"]),
            (&none, "[{\"id\": \"a\"}, 3 ]", Form::Array, &["{\"id\": \"a\"}", "3"]),
            (&none, "[{\"id\":", Form::Array, &["[{\"id\":"]),
            (&none, "[]", Form::Array, &[]),
            (&none, "", Form::One, &[""]),
            (&lines, "{}\r\n\n[1]\n", Form::Lines, &["{}", "[1]"]),
        ];
        for (headers, body, form, records) in cases {
            assert_eq!(Form::of(headers, body.as_bytes()), form, "{body}");
            let expected: Vec<&[u8]> = records.iter().map(|record| record.as_bytes()).collect();
            assert_eq!(form.split(body.as_bytes()), expected);
        }
    }
}
