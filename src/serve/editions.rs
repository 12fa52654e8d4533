//! What is in force: editions, rules, word lists, claims; and whether a rule file is right.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::event::{Millis, rfc3339};
use crate::pipeline::{Edition, Sources};
use crate::problem::{Problem, Severity};
use crate::rules::Rule;
use crate::stream::build_checked;

use super::book::Hits;
use super::fault::{Fault, json};
use super::hub::Hub;
use super::page::{Page, Pages};
use super::routes::{Name, Params, blocking};

/// The name that problems give to a text that came with a call.
const REQUEST: &str = "request.yaml";
/// The largest rule file that comes with a call.
const RULES_BYTES_MAX: usize = 1 << 20;

/// The edition in force.
#[derive(Serialize, ToSchema)]
pub(super) struct InForce {
    /// Sixteen hexadecimal digits over its content: what decisions carry.
    id: String,
    /// How many rules it has.
    rules: usize,
    /// How many word lists.
    lists: usize,
    /// How many claims.
    claims: usize,
}

/// An edition that decided something.
#[derive(Serialize, ToSchema)]
pub(super) struct Reign {
    id: String,
    /// Decisions that are held here.
    decisions: u64,
    /// Event time of the earliest of them.
    since: String,
    /// Event time of the latest of them.
    until: String,
}

/// The edition in force, and those that decided before.
#[derive(Serialize, ToSchema)]
pub(super) struct Editions {
    current: InForce,
    seen: Vec<Reign>,
}

/// The edition in force, and those whose decisions are held here.
#[utoipa::path(get, path = "/v1/editions", tag = "edition", responses((status = 200, description = "Editions", body = Editions)))]
pub(super) async fn editions(State(hub): State<Arc<Hub>>) -> Result<Response<Body>, Fault> {
    let edition = hub.parts.editions.current();
    let current = InForce {
        id: edition.id.to_string(),
        rules: edition.rulebook.rules().len(),
        lists: edition.matcher.lists().len(),
        claims: edition.claims.as_ref().map_or(0, |claims| claims.claims().len()),
    };
    let book = hub.book();
    let mut seen: Vec<Reign> = book
        .editions
        .iter()
        .map(|(id, reign)| Reign {
            id: id.to_string(),
            decisions: reign.decisions,
            since: rfc3339(reign.first_at),
            until: rfc3339(reign.last_at),
        })
        .collect();
    drop(book);
    seen.sort_by(|a, b| b.until.cmp(&a.until).then_with(|| a.id.cmp(&b.id)));
    Ok(json(&Editions { current, seen }))
}

/// A rule in force.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleView {
    id: String,
    /// draft, shadow or live.
    status: &'static str,
    /// Where it applies.
    channels: Vec<&'static str>,
    /// Its condition, as written.
    when: String,
    /// Strikes that it adds to the author.
    points: u32,
    /// Over so many firings in an hour it falls back to shadow.
    #[serde(skip_serializing_if = "Option::is_none")]
    cap_per_hour: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// It is silent for events from that time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// How many tests it carries.
    tests: usize,
    file: String,
    line: u32,
    hits: HitsView,
}

/// What it did, as far as decisions are held here.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct HitsView {
    /// Events that it acted on.
    live: u64,
    /// Events that it would have acted on.
    shadow: u64,
    /// Event time of the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<String>,
}

/// Every rule of the edition in force.
#[derive(Serialize, ToSchema)]
pub(super) struct Rules {
    edition: String,
    items: Vec<RuleView>,
}

fn view(rule: &Rule, hits: Option<&Hits>) -> RuleView {
    let hits = hits.map_or_else(HitsView::default, |hits| HitsView {
        live: hits.live,
        shadow: hits.shadow,
        last_at: Some(rfc3339(hits.last_at)),
    });
    RuleView {
        id: rule.id.to_string(),
        status: rule.status.name(),
        channels: rule.channels.iter().map(crate::event::Channel::name).collect(),
        when: rule.when.to_string(),
        points: rule.points,
        cap_per_hour: rule.cap_per_hour,
        owner: rule.owner.as_deref().map(str::to_owned),
        expires: (rule.expires != Millis::MAX).then(|| rfc3339(rule.expires)),
        tests: rule.tests.len(),
        file: rule.file.to_string(),
        line: rule.line,
        hits,
    }
}

/// The rules in force, in the order of files and lines.
#[utoipa::path(get, path = "/v1/rules", tag = "edition", responses((status = 200, description = "Rules", body = Rules)))]
pub(super) async fn rules(State(hub): State<Arc<Hub>>) -> Result<Response<Body>, Fault> {
    let edition = hub.parts.editions.current();
    let book = hub.book();
    let items = edition.rulebook.rules().iter().map(|rule| view(rule, book.rules.get(&*rule.id))).collect();
    drop(book);
    Ok(json(&Rules { edition: edition.id.to_string(), items }))
}

/// One rule in force.
#[utoipa::path(
    get, path = "/v1/rules/{id}", tag = "edition", params(("id" = String, Path, description = "The rule's id")),
    responses(
        (status = 200, description = "The rule", body = RuleView),
        (status = 404, description = "There is none of that id", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn rule(State(hub): State<Arc<Hub>>, Name(id): Name) -> Result<Response<Body>, Fault> {
    let edition = hub.parts.editions.current();
    let found = edition.rulebook.find(&id).map(|at| edition.rulebook.rule(at));
    let rule = found.ok_or_else(|| Fault::not_found("the edition in force has no rule of that id"))?;
    Ok(json(&view(rule, hub.book().rules.get(&*rule.id))))
}

/// What is wrong with a rule file.
#[derive(Serialize, ToSchema)]
pub(super) struct Checked {
    /// Whether it could be put in force.
    ok: bool,
    /// Everything that is wrong, with its place.
    problems: Vec<ProblemView>,
}

/// One thing that is wrong.
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemView {
    /// error or warning.
    severity: &'static str,
    /// `request.yaml` for the text of the call.
    file: String,
    /// From 1; 0 where the whole file is meant.
    line: u32,
    /// In characters, from 1; 0 where the whole line is meant.
    column: u32,
    /// How many characters are meant.
    length: u32,
    /// What is wrong.
    message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<Problem> for ProblemView {
    fn from(problem: Problem) -> Self {
        let Problem { severity, file, line, column, length, message, hint } = problem;
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self { severity, file: file.to_string(), line, column, length, message, hint }
    }
}

/// The edition in force with a rule file laid over it, or everything that is wrong with that.
pub(super) fn with_rules(hub: &Hub, text: &str) -> Result<(Option<Edition>, Vec<Problem>), Fault> {
    let mut sources: Sources = hub.parts.folders.read().map_err(|error| Fault::internal(&error))?;
    sources.overlay.add(Path::new(REQUEST), REQUEST, text);
    let (edition, problems) = build_checked(&sources, &hub.parts.build);
    let ours = problems.into_iter().filter(|problem| &*problem.file == REQUEST || problem.severity == Severity::Error);
    Ok((edition, ours.collect()))
}

/// The text of a rule file, as the body of a call.
pub(super) async fn rule_text(hub: &Hub, body: Body) -> Result<String, Fault> {
    let held = hub.bodies.read(body, RULES_BYTES_MAX.min(hub.options.body_bytes_max)).await?;
    String::from_utf8(held.bytes.into()).map_err(|_| Fault::bad("the body is not UTF-8; send a rule file (YAML)"))
}

/// Checks a rule file as if it were laid over the edition in force; its rules' own tests are run.
#[utoipa::path(
    post, path = "/v1/rules/check", tag = "edition",
    request_body(content = String, content_type = "application/yaml", description = "A rule file"),
    responses(
        (status = 200, description = "What is wrong with it, if anything", body = Checked),
        (status = 400, description = "It is not UTF-8", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn check(State(hub): State<Arc<Hub>>, body: Body) -> Result<Response<Body>, Fault> {
    let text = rule_text(&hub, body).await?;
    let place = hub.jobs.workshop.enter().await?;
    let checked = blocking(hub, move |hub| {
        let _place = place;
        let (edition, problems) = with_rules(hub, &text)?;
        Ok(Checked { ok: edition.is_some(), problems: problems.into_iter().map(Into::into).collect() })
    })
    .await?;
    Ok(json(&checked))
}

/// A word list in force.
#[derive(Serialize, ToSchema)]
pub(super) struct ListView {
    name: String,
    /// How many terms it has.
    terms: usize,
}

/// The word lists in force.
#[utoipa::path(get, path = "/v1/words", tag = "edition", responses((status = 200, description = "Word lists", body = Page<ListView>)))]
pub(super) async fn lists(State(hub): State<Arc<Hub>>) -> Result<Response<Body>, Fault> {
    let edition = hub.parts.editions.current();
    let lists = edition.matcher.lists().iter();
    Ok(json(&Page::whole(lists.map(|list| ListView { name: list.name.to_string(), terms: list.terms.len() }))))
}

/// A term of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct TermView {
    /// As written.
    text: String,
    weight: f64,
    tags: Vec<String>,
}

/// The terms of a word list.
#[utoipa::path(
    get, path = "/v1/words/{list}", tag = "edition",
    params(("list" = String, Path, description = "The list's name"), Pages),
    responses(
        (status = 200, description = "A page of terms", body = Page<TermView>),
        (status = 404, description = "There is no such list", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn terms(
    State(hub): State<Arc<Hub>>,
    Name(name): Name,
    Params(page): Params<Pages>,
) -> Result<Response<Body>, Fault> {
    let edition = hub.parts.editions.current();
    let list = edition.matcher.lists().iter().find(|list| *list.name == *name);
    let list = list.ok_or_else(|| Fault::not_found("the edition in force has no list of that name"))?;
    let terms = page.of(&list.terms, |known| TermView {
        text: known.text.to_string(),
        weight: known.weight,
        tags: known.tags.iter().map(ToString::to_string).collect(),
    })?;
    Ok(json(&terms))
}

/// A refuted claim.
#[derive(Serialize, ToSchema)]
pub(super) struct ClaimView {
    id: String,
    /// What is claimed.
    claim: String,
    /// What was found: false, misleading, …
    verdict: String,
    /// Who found it.
    authority: String,
    /// Where people can read it.
    url: String,
    /// Whether it is in force.
    status: String,
    /// Counts up with each change.
    revision: u32,
    topic: String,
}

/// The library of claims in force.
#[utoipa::path(
    get, path = "/v1/claims", tag = "edition", params(Pages),
    responses(
        (status = 200, description = "A page of claims", body = Page<ClaimView>),
    ),
)]
pub(super) async fn claims(State(hub): State<Arc<Hub>>, Params(page): Params<Pages>) -> Result<Response<Body>, Fault> {
    let edition = hub.parts.editions.current();
    let all = edition.claims.as_ref().map_or(&[][..], |claims| claims.claims());
    let claims = page.of(all, |claim| ClaimView {
        id: claim.id.to_string(),
        claim: claim.claim.to_string(),
        verdict: claim.verdict.to_string(),
        authority: claim.authority.to_string(),
        url: claim.url.to_string(),
        status: claim.status.to_string(),
        revision: claim.revision,
        topic: claim.topic.to_string(),
    })?;
    Ok(json(&claims))
}
