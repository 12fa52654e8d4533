//! What was decided and what could not be taken, for those who ask.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::decision::Decision;
use crate::event::{Millis, parse_rfc3339};
use crate::signal::Value;

use super::book::{self, At, Line};
use super::fault::{Fault, json};
use super::hub::Hub;
use super::mask::{mask, mask_quoted};
use super::openapi::decisions_ref;
use super::page::{PAGE_BYTES_MAX, PAGE_MAX, Page, asked, cursor, page_size, written};
use super::routes::{Name, Params, blocking};
use super::tokens::{Role, Who};

/// Lines that one call looks through, at most: a page may be short and still have a next one.
const SCANNED_MAX: usize = 20_000;
/// Decisions that a summary of an author or a room counts, at most; the latest.
const SUMMED_MAX: usize = 2_000;
/// How much of the rejects is looked at for one page.
const TAIL_BYTES: u64 = 1 << 20;
const TAIL_BYTES_MAX: u64 = 16 << 20;

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Where an earlier page said that the next one begins.
    cursor: Option<String>,
    /// How many, from 1 to 500; 50 if it is not said.
    limit: Option<usize>,
    /// Whether texts are wanted as they are. It takes the role analyst, approver or admin, and stands in the audit log.
    raw: Option<bool>,
    /// Only of this author.
    author: Option<String>,
    /// Only of this room.
    room: Option<String>,
    /// Only of this channel.
    channel: Option<String>,
    /// Only with this kind of action: fold, limit, label, review, notice, restore.
    action: Option<String>,
    /// Only resting on this rule, also where it is in shadow.
    rule: Option<String>,
    /// Only by this edition.
    edition: Option<String>,
    /// Only from this time on (RFC 3339), by event time.
    since: Option<String>,
    /// Only before this time (RFC 3339), by event time.
    until: Option<String>,
}

impl Which {
    pub(super) fn limit(&self) -> Result<usize, Fault> {
        page_size(self.limit)
    }

    fn wants(&self) -> Result<Wants<'_>, Fault> {
        let time = |name: &str, text: Option<&str>| {
            let read = |text: &str| {
                parse_rfc3339(text).ok_or_else(|| {
                    Fault::bad(format!("{name} is {text:?}; write RFC 3339, such as 2026-09-01T08:00:00Z"))
                })
            };
            text.map(read).transpose()
        };
        let (since, until) = (time("since", self.since.as_deref())?, time("until", self.until.as_deref())?);
        Ok(Wants { which: self, since: since.unwrap_or(Millis::MIN), until: until.unwrap_or(Millis::MAX) })
    }
}

struct Wants<'a> {
    which: &'a Which,
    since: Millis,
    until: Millis,
}

impl Wants<'_> {
    fn fits(&self, line: &Line<'_>) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        let which = self.which;
        let mut rules = line.reasons.iter().chain(&line.shadow);
        is(&which.author, Some(&line.author))
            && is(&which.room, line.room.as_deref())
            && is(&which.channel, Some(&line.channel))
            && is(&which.edition, Some(&line.edition))
            && (self.since..self.until).contains(&line.at())
            && which.action.as_deref().is_none_or(|action| line.actions.iter().any(|of| of.action == action))
            && which.rule.as_deref().is_none_or(|rule| rules.any(|of| of.rule == rule))
    }
}

/// Whether the caller wants texts as they are and may have them; says it to the audit log then.
pub(super) fn raw_for(hub: &Hub, who: &Who, raw: Option<bool>, about: impl FnOnce() -> String) -> Result<bool, Fault> {
    if raw != Some(true) {
        return Ok(false);
    }
    if !matches!(who.role, Role::Analyst | Role::Approver | Role::Admin) {
        let detail = format!("a token of role {} sees texts masked; leave raw out", who.role.name());
        return Err(Fault::new(axum::http::StatusCode::FORBIDDEN, "forbidden", detail));
    }
    hub.note(who, "raw.read", &about())?;
    Ok(true)
}

/// A decision as it may be shown: what lists found in a text is text.
pub(super) fn shown(line: &[u8], raw: bool) -> Result<Box<RawValue>, Fault> {
    if raw {
        return super::decide::raw(line.trim_ascii_end());
    }
    let mut decision: Decision = serde_json::from_slice(line).map_err(|error| Fault::internal(&error))?;
    hide_terms(&mut decision);
    let text = serde_json::to_string(&decision).map_err(|error| Fault::internal(&error))?;
    RawValue::from_string(text).map_err(|error| Fault::internal(&error))
}

/// Masks the terms that a decision says were found.
pub(super) fn hide_terms(decision: &mut Decision) {
    let shadow = decision.shadow.iter_mut().map(|shadow| &mut shadow.reason);
    for ground in decision.reasons.iter_mut().chain(shadow).flat_map(|reason| &mut reason.signals) {
        if let (true, Value::Texts(texts)) = (ground.name.ends_with(".terms"), &ground.value) {
            ground.value = Value::Texts(texts.iter().map(|text| mask(text).into()).collect());
        }
    }
}

/// Decisions, newest first.
#[utoipa::path(
    get, path = "/v1/decisions", tag = "decisions", params(Which),
    responses(
        (status = 200, description = "A page of decisions", body = Page<super::openapi::DecisionRef>),
    ),
)]
pub(super) async fn decisions(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(which): Params<Which>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let (limit, wants) = (which.limit()?, which.wants()?);
        let before = cursor(which.cursor.as_deref(), u64::MAX)?;
        let raw = raw_for(hub, &who, which.raw, || asked("decisions", &which))?;
        let (places, first) = {
            let book = hub.book();
            (book.before(before, which.author.as_deref(), which.room.as_deref(), SCANNED_MAX), book.first())
        };
        let (items, last) = collect(&places, limit, |line| wants.fits(line), |line| shown(line, raw))?;
        let lowest = places.last().map_or(first, |at| at.number);
        let is_more = last.is_some_and(|last| last > first && (last > lowest || places.len() == SCANNED_MAX));
        Ok(json(&Page { items, next: last.filter(|_| is_more).map(written) }))
    })
    .await
}

/// The lines that fit, until there are enough, and the number of the last one looked at.
fn collect<T>(
    places: &[At],
    limit: usize,
    fits: impl Fn(&Line<'_>) -> bool,
    make: impl Fn(&[u8]) -> Result<T, Fault>,
) -> Result<(Vec<T>, Option<u64>), Fault> {
    let (mut items, mut failed, mut bytes) = (Vec::new(), None, 0);
    let last = book::read_each(places, |_, line| {
        if Line::read(line).is_some_and(|line| fits(&line)) {
            match make(line) {
                Ok(item) => {
                    bytes += line.len();
                    items.push(item);
                }
                Err(fault) => failed = Some(fault),
            }
        }
        items.len() < limit && bytes < PAGE_BYTES_MAX && failed.is_none()
    })?;
    failed.map_or(Ok((items, last)), Err)
}

/// Whether texts are wanted as they are.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Raw {
    /// See `GET /v1/decisions`.
    pub(super) raw: Option<bool>,
}

/// One decision.
#[utoipa::path(
    get, path = "/v1/decisions/{id}", tag = "decisions",
    params(("id" = String, Path, description = "The decision's id"), Raw),
    responses(
        (status = 200, description = "The decision", body = crate::serve::openapi::DecisionRef),
        (status = 404, description = "There is none of that id", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn decision(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(id): Name,
    Params(Raw { raw }): Params<Raw>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let at = hub.book().by_id(&id);
        let line = at.map(|at| at.read()).transpose()?;
        let line = line.filter(|line| Line::read(line).is_some_and(|line| line.id == *id));
        let line = line.ok_or_else(|| Fault::not_found("no decision of that id is held here"))?;
        let raw = raw_for(hub, &who, raw, || format!("decision {id}"))?;
        Ok(json(&shown(&line, raw)?))
    })
    .await
}

/// Everything that was decided on one event.
#[derive(Serialize, ToSchema)]
pub(super) struct OfEvent {
    event: String,
    /// The decision on it, and after it what a reviewer's word undid; oldest first.
    #[schema(schema_with = decisions_ref)]
    decisions: Vec<Box<RawValue>>,
    /// Who is reviewing it now, if anybody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
}

/// What was decided on an event.
#[utoipa::path(
    get, path = "/v1/events/{event}", tag = "decisions",
    params(("event" = String, Path, description = "The event's id"), Raw),
    responses(
        (status = 200, description = "Its decisions", body = OfEvent),
        (status = 404, description = "Nothing was decided on it", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn event(
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
        let raw = raw_for(hub, &who, raw, || format!("event {event}"))?;
        let decisions = lines.iter().map(|line| shown(line, raw)).collect::<Result<_, _>>()?;
        let claimed_by = hub.reviews().claim_of(&event, hub.now()).map(|claim| claim.by.to_string());
        Ok(json(&OfEvent { event, decisions, claimed_by }))
    })
    .await
}

/// The lines about an event: its own decision, and the word on it among its author's later ones.
pub(super) fn lines_of_event(hub: &Hub, event: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let Some(at) = hub.book().by_event(event) else { return Ok(Vec::new()) };
    let own = at.read()?;
    let Some(line) = Line::read(&own).filter(|line| line.event == event) else { return Ok(Vec::new()) };
    let later = hub.book().before(u64::MAX, Some(&line.author), None, SUMMED_MAX);
    let later: Vec<At> = later.into_iter().take_while(|later| later.number > at.number).collect();
    let is_of_it = |line: &Line<'_>| line.event == event;
    let (mut lines, _) = collect(&later, PAGE_MAX, is_of_it, |line| Ok(line.to_vec()))?;
    lines.push(own);
    lines.reverse();
    Ok(lines)
}

/// What was decided on an author or in a room, counted.
#[derive(Serialize, ToSchema)]
pub(super) struct Counted {
    /// The author or room.
    name: String,
    /// Decisions that were counted: the latest, at most 2,000.
    decisions: u64,
    /// Actions among them, by kind.
    actions: BTreeMap<String, u64>,
    /// Rules that they rest on.
    rules: BTreeMap<String, u64>,
    /// Event time of the earliest of them.
    first_at: String,
    /// Event time of the latest of them.
    last_at: String,
}

fn count(hub: &Hub, author: Option<&str>, room: Option<&str>) -> Result<Response<Body>, Fault> {
    let name = author.or(room).unwrap_or_default().to_owned();
    let places = hub.book().before(u64::MAX, author, room, SUMMED_MAX);
    let (mut decisions, mut actions, mut rules) = (0, BTreeMap::new(), BTreeMap::new());
    let (mut first_at, mut last_at) = (None::<String>, None::<String>);
    book::read_each(&places, |_, line| {
        let is_of = |line: &Line<'_>| {
            author.is_none_or(|a| line.author == a) && room.is_none_or(|r| line.room.as_deref() == Some(r))
        };
        if let Some(line) = Line::read(line).filter(is_of) {
            decisions += 1;
            line.actions.iter().for_each(|of| *actions.entry(of.action.to_string()).or_default() += 1);
            line.reasons.iter().for_each(|of| *rules.entry(of.rule.to_string()).or_default() += 1);
            let at = line.at.to_string();
            if first_at.as_ref().is_none_or(|first| at < *first) {
                first_at = Some(at.clone());
            }
            last_at = last_at.take().max(Some(at));
        }
        true
    })?;
    let (Some(first_at), Some(last_at)) = (first_at, last_at) else {
        return Err(Fault::not_found("no decision on them is held here"));
    };
    Ok(json(&Counted { name, decisions, actions, rules, first_at, last_at }))
}

/// What was decided on an author's messages.
#[utoipa::path(
    get, path = "/v1/authors/{author}", tag = "decisions", params(("author" = String, Path, description = "The author, as decisions name them")),
    responses(
        (status = 200, description = "Counts", body = Counted),
        (status = 404, description = "Nothing was decided on them", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn author(State(hub): State<Arc<Hub>>, Name(author): Name) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| count(hub, Some(&author), None)).await
}

/// What was decided in a room.
#[utoipa::path(
    get, path = "/v1/rooms/{room}", tag = "decisions", params(("room" = String, Path, description = "The room")),
    responses(
        (status = 200, description = "Counts", body = Counted),
        (status = 404, description = "Nothing was decided in it", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn room(State(hub): State<Arc<Hub>>, Name(room): Name) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| count(hub, None, Some(&room))).await
}

/// Which rejects.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichRejects {
    /// Where an earlier page said that the next one begins.
    cursor: Option<String>,
    /// How many, from 1 to 500; 50 if it is not said.
    limit: Option<usize>,
    /// See `GET /v1/decisions`.
    raw: Option<bool>,
    /// Only with this reason code.
    code: Option<String>,
}

/// A record that could not be taken.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Reject {
    /// Where it came from.
    #[schema(value_type = Object)]
    offset: Box<RawValue>,
    /// Why, for machines.
    code: String,
    /// Why, for people; what it quotes of the record is masked unless `raw`.
    reason: String,
    /// The record, masked unless `raw`; absent where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    /// The record, where it is not UTF-8; only with `raw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    /// How long it was.
    raw_bytes: u64,
}

/// Records that could not be taken, newest first.
#[utoipa::path(
    get, path = "/v1/rejects", tag = "decisions", params(WhichRejects),
    responses(
        (status = 200, description = "A page of rejects", body = Page<Reject>),
    ),
)]
pub(super) async fn rejects(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(which): Params<WhichRejects>,
) -> Result<Response<Body>, Fault> {
    blocking(hub, move |hub| {
        let limit = page_size(which.limit)?;
        let before = cursor(which.cursor.as_deref(), u64::MAX)?;
        let raw = raw_for(hub, &who, which.raw, || asked("rejects", &which))?;
        let (lines, first) = lines_before(&hub.parts.dir.join("rejects.jsonl"), before)?;
        let (mut items, mut next) = (Vec::new(), first);
        for (at, line) in lines.iter().rev() {
            let Ok(mut reject) = serde_json::from_slice::<Reject>(line) else { continue };
            if which.code.as_ref().is_some_and(|code| *code != reject.code) {
                continue;
            }
            if !raw {
                reject.reason = mask_quoted(&reject.reason);
                reject.raw = reject.raw.map(|text| mask(&text));
                reject.raw_base64 = None;
            }
            items.push(reject);
            if items.len() == limit {
                next = *at;
                break;
            }
        }
        Ok(json(&Page { items, next: (next > 0).then(|| written(next)) }))
    })
    .await
}

/// Whole lines with their first bytes' places.
type Lines = Vec<(u64, Vec<u8>)>;

/// Whole lines that end before that byte of a file, in order: those of the last part of it. Beside them, where the first of them
/// begins.
fn lines_before(path: &Path, before: u64) -> io::Result<(Lines, u64)> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        opened => opened?,
    };
    let end = file.metadata()?.len().min(before);
    let mut bytes = TAIL_BYTES;
    loop {
        let start = end.saturating_sub(bytes);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::with_capacity((end - start) as usize);
        (&mut file).take(end - start).read_to_end(&mut tail)?;
        // What stands before the first line's end began earlier, unless this is the file's beginning.
        let skipped =
            if start == 0 { 0 } else { tail.iter().position(|&byte| byte == b'\n').map_or(tail.len(), |at| at + 1) };
        let mut at = start + skipped as u64;
        let mut lines = Vec::new();
        for line in tail[skipped..].split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            lines.push((at, line.to_vec()));
            at += line.len() as u64;
        }
        if !lines.is_empty() || start == 0 {
            let first = lines.first().map_or(0, |(at, _)| *at);
            return Ok((lines, first));
        }
        bytes *= 4;
        if bytes > TAIL_BYTES_MAX {
            return Ok((Vec::new(), 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_the_next_begins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        assert_eq!(lines_before(&path, u64::MAX).unwrap(), (vec![], 0));
        std::fs::write(&path, "one\ntwo\nthree\nhal").unwrap();
        let (lines, first) = lines_before(&path, u64::MAX).unwrap();
        assert_eq!(lines.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 4, 8]);
        assert_eq!(first, 0);
        let (lines, _) = lines_before(&path, 8).unwrap();
        assert_eq!(lines, [(0, b"one\n".to_vec()), (4, b"two\n".to_vec())]);
    }

    #[test]
    fn what_lists_found_in_a_text_is_masked_as_the_text_is() {
        let line = "{\"id\":\"d\",\"event\":\"e\",\"channel\":\"post\",\"author\":\"a\",\"at\":\"2026-01-01T00:00:00Z\",\"edition\":\"x\",\
                    \"actions\":[],\"reasons\":[{\"rule\":\"r\",\"signals\":[{\"name\":\"words.gambling.terms\",\"value\":[\"彩金\"]},\
                    {\"name\":\"words.gambling.count\",\"value\":2}]}]}\n";
        let masked = shown(line.as_bytes(), false).unwrap();
        assert!(!masked.get().contains("彩金") && masked.get().contains("＊＊") && masked.get().contains("gambling"));
        assert_eq!(shown(line.as_bytes(), true).unwrap().get(), line.trim_end());
    }
}
