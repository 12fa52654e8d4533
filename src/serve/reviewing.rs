//! Calls about the queue of reviews: what waits, having one for oneself, and saying whether it stands.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::event::{Outcome as Says, rfc3339};

use super::decide::{Outcome, hand_in, reads_only};
use super::fault::{Fault, json};
use super::hub::Hub;
use super::openapi::decisions_ref;
use super::page::{cursor, page_size, written};
use super::reads::{self, Raw, lines_of_event, raw_for};
use super::reviews::Claim;
use super::routes::{Name, Params, blocking};
use super::search;
use super::tokens::Who;

/// The largest body of a verdict.
const VERDICT_BYTES_MAX: usize = 4 << 10;

/// Which of what waits.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichReviews {
    /// Where an earlier page said that the next one begins.
    cursor: Option<String>,
    /// How many, from 1 to 500; 50 if it is not said.
    limit: Option<usize>,
    /// Only of this queue.
    queue: Option<String>,
}

/// A decision that waits for a person.
#[derive(Serialize, ToSchema)]
pub(super) struct Review {
    event: String,
    queue: String,
    /// Who has it now, if anybody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_until: Option<String>,
}

/// A page of the queue, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Reviews {
    /// How many wait in all queues.
    waiting: usize,
    items: Vec<Review>,
    /// The cursor of the next page; absent behind the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Decisions that wait for a person, oldest first.
#[utoipa::path(
    get, path = "/v1/reviews", tag = "reviews", params(WhichReviews),
    responses(
        (status = 200, description = "A page of the queue", body = Reviews),
    ),
)]
pub(super) async fn reviews(
    State(hub): State<Arc<Hub>>,
    Params(which): Params<WhichReviews>,
) -> Result<Response<Body>, Fault> {
    let (limit, from, now) = (page_size(which.limit)?, cursor(which.cursor.as_deref(), 0)?, hub.now());
    let reviews = hub.reviews();
    let wanted = |queue: &str| which.queue.as_deref().is_none_or(|wanted| wanted == queue);
    let mut found = reviews.waiting(from).filter(|(_, waiting)| wanted(&waiting.queue));
    let items = (&mut found).take(limit).map(|(_, waiting)| {
        let claim = reviews.claim_of(&waiting.event, now);
        Review {
            event: waiting.event.to_string(),
            queue: waiting.queue.to_string(),
            claimed_by: claim.map(|claim| claim.by.to_string()),
            claimed_until: claim.map(|claim| rfc3339(claim.until)),
        }
    });
    let items = items.collect();
    let next = found.next().map(|(number, _)| written(number));
    Ok(json(&Reviews { waiting: reviews.len(), items, next }))
}

/// What a reviewer looks at.
#[derive(Serialize, ToSchema)]
pub(super) struct ReviewView {
    event: String,
    /// The queue that it waits in, if it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// Who has it now, if anybody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_until: Option<String>,
    /// What was said and found out, as the index holds it, masked unless `raw`; absent where no index holds it, or its author was
    /// forgotten.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<Box<RawValue>>,
    /// The decision on it, and after it what a reviewer's word undid; oldest first.
    #[schema(schema_with = decisions_ref)]
    decisions: Vec<Box<RawValue>>,
}

/// What was said, what was found out about it, and what was decided: what a reviewer needs to say whether it stands.
#[utoipa::path(
    get, path = "/v1/reviews/{event}", tag = "reviews",
    params(("event" = String, Path, description = "The event's id"), Raw),
    responses(
        (status = 200, description = "The message and its decisions", body = ReviewView),
        (status = 404, description = "Nothing was decided on it", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn review(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(event): Name,
    Params(Raw { raw }): Params<Raw>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let lines = lines_of_event(hub, &event)?;
        if lines.is_empty() {
            return Err(Fault::not_found("nothing was decided on that event, as far as is held here"));
        }
        let raw = raw_for(hub, &who, raw, || format!("review {event}"))?;
        let case = case_of(hub, &event, raw)?;
        let decisions = lines.iter().map(|line| reads::shown(line, raw)).collect::<Result<_, _>>()?;
        let reviews = hub.reviews();
        let claim = reviews.claim_of(&event, hub.now());
        Ok(json(&ReviewView {
            queue: reviews.queue_of(&event).map(str::to_owned),
            claimed_by: claim.map(|claim| claim.by.to_string()),
            claimed_until: claim.map(|claim| rfc3339(claim.until)),
            event,
            case,
            decisions,
        }))
    })
    .await
}

/// The message as the index holds it. Where there is no index, none is held.
fn case_of(hub: &Hub, event: &str, raw: bool) -> Result<Option<Box<RawValue>>, Fault> {
    let Some(reader) = hub.searcher.reader_if_any()? else { return Ok(None) };
    let hits = reader.case(event).map_err(search::refused)?;
    let said = hits.iter().find(|hit| hit.case().is_ok_and(|case| case.event.is_some()));
    said.map(|hit| search::shown(hit, raw)).transpose()
}

/// Who has a decision for themselves, and until when.
#[derive(Serialize, ToSchema)]
pub(super) struct Claimed {
    event: String,
    by: String,
    until: String,
}

/// Takes a decision for oneself for a while; again, to keep it longer. Any decision that acted can be taken: an appeal is one.
#[utoipa::path(
    post, path = "/v1/reviews/{event}/claim", tag = "reviews",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "It is yours", body = Claimed),
        (status = 404, description = "Nothing was decided on it", body = Fault, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else has it, or no word on it is taken here", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn claim(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(event): Name,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        // Here nobody's word is taken, and an upheld decision would wait for ever.
        if hub.parts.desk.is_none() {
            return Err(reads_only());
        }
        if lines_of_event(hub, &event)?.is_empty() {
            return Err(Fault::not_found("nothing was decided on that event, as far as is held here"));
        }
        let claimed = hub.reviews().claim(&event, &who.name, hub.now());
        let Claim { by, until } = claimed.map_err(|other| match other {
            Some(Claim { by, until }) => Fault::conflict("claimed", format!("{by} has it until {}", rfc3339(until))),
            None => Fault::unavailable("busy", "too many decisions are being reviewed at once", 30),
        })?;
        Ok(json(&Claimed { event, by: by.to_string(), until: rfc3339(until) }))
    })
    .await
}

/// Gives a decision back that one has for oneself.
#[utoipa::path(
    delete, path = "/v1/reviews/{event}/claim", tag = "reviews",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 204, description = "It waits for anybody"),
        (status = 409, description = "It was not yours", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn release(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(event): Name,
) -> Result<axum::http::StatusCode, Fault> {
    if hub.reviews().release(&event, &who.name, hub.now()) {
        return Ok(axum::http::StatusCode::NO_CONTENT);
    }
    Err(Fault::conflict("not_claimed", "you do not have it: claim it first"))
}

/// Whether a decision stands.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    /// `upheld` or `overturned`.
    #[schema(value_type = String, example = "overturned")]
    outcome: Says,
}

/// A verdict as the stream carries it.
#[derive(Serialize)]
struct VerdictRecord<'a> {
    kind: &'static str,
    event: &'a str,
    outcome: Says,
    by: &'a str,
    at: &'a str,
}

/// Says whether a decision stands. It is a verdict record on the stage's own stream: journalled, and what is overturned is undone.
#[utoipa::path(
    post, path = "/v1/reviews/{event}/verdict", tag = "reviews",
    params(("event" = String, Path, description = "The event's id")),
    request_body = Word,
    responses(
        (status = 200, description = "It is saved; what was undone, if anything", body = Outcome),
        (status = 400, description = "The body is no verdict", body = Fault, content_type = "application/problem+json"),
        (status = 409, description = "You have not claimed it, or nothing is held that could be undone", body = Fault, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Fault, content_type = "application/problem+json"),
        (status = 503, description = "Too much waits: send it again", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn verdict(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(event): Name,
    body: Body,
) -> Result<Response<Body>, Fault> {
    let held = hub.bodies.read(body, VERDICT_BYTES_MAX).await?;
    let Word { outcome } = serde_json::from_slice(&held.bytes)
        .map_err(|error| Fault::bad(format!("send {{\"outcome\": \"upheld\"}} or \"overturned\": {error}")))?;
    if hub.parts.desk.is_none() {
        return Err(reads_only());
    }
    let is_theirs = hub.reviews().claim_of(&event, hub.now()).is_some_and(|claim| claim.by == who.name);
    if !is_theirs {
        return Err(Fault::conflict("not_claimed", "you do not have it: claim it first"));
    }
    let says = match outcome {
        Says::Upheld => "upheld",
        Says::Overturned => "overturned",
    };
    let (event, who) = blocking(Arc::clone(&hub), move |hub| {
        hub.note(&who, "review.verdict", &format!("{says} {event}")).map(|()| (event, who))
    })
    .await?;
    let at = rfc3339(hub.now());
    let record = VerdictRecord { kind: "verdict", event: &event, outcome, by: &who.name, at: &at };
    let record = serde_json::to_vec(&record).map_err(|error| Fault::internal(&error))?;
    let mut outcomes = hand_in(&hub, &[&record]).await?;
    let done = outcomes.pop().unwrap_or_default();
    if let Some(problem) = done.problem {
        return Err(problem);
    }
    Ok(json(&done))
}
