//! What a rule file would change: the edition in force and the same with the file laid over it, both over one recorded stream.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::io::{FileSource, ManualClock, ReadOptions, Source};
use crate::stream::{Comparison, Control, Options, Sample, Side, compare};

use super::editions::{rule_text, with_rules};
use super::fault::{Fault, json};
use super::hub::Hub;
use super::mask::mask;
use super::page::asked;
use super::reads::raw_for;
use super::recent::Recent;
use super::routes::{Params, Work, blocking};
use super::search::refused;
use super::tokens::{Role, Who};

/// Records that one try-out reads, at most.
const RECORDS_MAX: u64 = 200_000;
/// Hours that are looked back, at most: 30 days.
const HOURS_MAX: u32 = 720;
/// What one line of the audit log holds of a rule file.
const PIECE_BYTES: usize = 6 << 10;
/// Samples of a rule's new and lost hits, at most.
const SAMPLES_MAX: usize = 50;

/// What to try it on.
#[derive(Clone, Debug, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct On {
    /// The recorded stream: a file's name in the folder that `serve.recordings` names.
    recording: Option<String>,
    /// In its place, what the index holds of the last so many hours: 1 to 720. Of ordinary messages it holds a share.
    hours: Option<u32>,
    /// Samples of each rule's new and lost hits, 0 to 50; 5 if it is not said.
    samples: Option<usize>,
    /// See `GET /v1/decisions`.
    raw: Option<bool>,
}

/// What would change.
#[derive(Serialize, ToSchema)]
pub(super) struct TriedOut {
    /// The edition in force.
    old: String,
    /// What it would become.
    new: String,
    /// Records read; at most 200,000.
    records: u64,
    /// Events on which both act.
    acted_both: u64,
    /// Of these, otherwise.
    acted_otherwise: u64,
    /// Events on which only the new one acts.
    acted_new_only: u64,
    /// Events on which only the old one acts.
    acted_old_only: u64,
    /// Rules that hit something, by id.
    rules: Vec<RuleChange>,
}

/// What would become of one rule.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleChange {
    rule: String,
    /// Events that it hits in both.
    both: u64,
    /// New hits.
    gained: u64,
    /// Lost hits.
    lost: u64,
    gained_samples: Vec<SampleView>,
    lost_samples: Vec<SampleView>,
}

/// A message that only one of the two hits.
#[derive(Serialize, ToSchema)]
pub(super) struct SampleView {
    event: String,
    /// How it begins, masked unless `raw`.
    text: String,
}

/// Stops a try-out that nobody waits for any longer.
struct Guard(Arc<Control>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Tries a rule file out on a recorded stream, or on what the index holds of the last hours: new hits, lost hits, samples.
#[utoipa::path(
    post, path = "/v1/rules/try", tag = "edition", params(On),
    request_body(content = String, content_type = "application/yaml", description = "A rule file"),
    responses(
        (status = 200, description = "What would change", body = TriedOut),
        (status = 404, description = "There is no such recording", body = Fault, content_type = "application/problem+json"),
        (status = 422, description = "The rules are wrong; `POST /v1/rules/check` says where", body = Fault, content_type = "application/problem+json"),
        (status = 503, description = "It took too long", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn try_out(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(on): Params<On>,
    body: Body,
) -> Result<Response<Body>, Fault> {
    let text = rule_text(&hub, body).await?;
    let samples = on.samples.unwrap_or(5);
    if samples > SAMPLES_MAX {
        return Err(Fault::bad(format!("samples is {samples}; it may be 0 to {SAMPLES_MAX}")));
    }
    let place = hub.jobs.workshop.enter().await?;
    let control = Arc::new(Control::default());
    let guard = Guard(Arc::clone(&control));
    let tried = blocking(hub, move |hub| {
        let _place = place;
        let source = source(hub, &on, &who, &text)?;
        let raw = raw_for(hub, &who, on.raw, || asked("rules/try", &on))?;
        let (comparison, ids) = run(hub, &text, source, &control, samples)?;
        Ok(view(comparison, ids, raw))
    })
    .await?;
    drop(guard);
    Ok(json(&tried))
}

/// What it is tried on. A rule is a search of texts: over what the index holds, those may who may search, and it is noted.
fn source(hub: &Work, on: &On, who: &Who, text: &str) -> Result<Box<dyn Source>, Fault> {
    match (on.recording.as_deref(), on.hours) {
        (Some(name), None) => recording(hub, name),
        (None, Some(hours)) if (1..=HOURS_MAX).contains(&hours) => {
            if who.role == Role::Editor {
                let detail = "a token of role editor may not search what was said: try it on a recording";
                return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", detail));
            }
            let reader = Arc::new(hub.reader()?);
            hub.note_all(who, "rules.try", &pieces(&asked("rules/try", on), text))?;
            Ok(Box::new(Recent::new(reader, hours, hub.now()).map_err(refused)?))
        }
        (None, Some(hours)) => Err(Fault::bad(format!("hours is {hours}; it may be 1 to {HOURS_MAX}"))),
        _ => Err(Fault::bad("say what to try it on: recording, a file's name, or hours, from 1 on; one of them")),
    }
}

/// A rule file as the audit log holds it: all of it, over as many lines as that takes.
fn pieces(asked: &str, text: &str) -> Vec<String> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() || pieces.is_empty() {
        let end = (0..=rest.len().min(PIECE_BYTES)).rev().find(|&end| rest.is_char_boundary(end)).unwrap_or(0);
        let (piece, after) = rest.split_at(end);
        pieces.push(format!("{asked} {piece}"));
        rest = after;
    }
    pieces
}

/// The recorded stream of that name. Nothing outside of the folder has a name.
fn recording(hub: &Hub, name: &str) -> Result<Box<dyn Source>, Fault> {
    let Some(folder) = &hub.options.recordings else {
        return Err(Fault::not_found("there are no recordings here: serve.recordings names their folder"));
    };
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    let path: PathBuf = folder.join(name);
    if !is_plain || !path.is_file() {
        return Err(Fault::not_found("there is no recording of that name; give a file's name without a folder"));
    }
    let source = FileSource::files(&[path], ReadOptions::default()).map_err(|error| Fault::internal(&error))?;
    Ok(Box::new(source))
}

fn run(
    hub: &Hub,
    text: &str,
    source: Box<dyn Source>,
    control: &Control,
    samples: usize,
) -> Result<(Comparison, [String; 2]), Fault> {
    let (edition, problems) = with_rules(hub, text)?;
    let Some(edition) = edition else {
        let first = problems.first().map_or_else(String::new, ToString::to_string);
        return Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "rules_wrong", first));
    };
    // One thread: the stream has the others.
    // What is tried on has its pseudonyms already, or is a recording whose names are counted and not shown.
    let options = Options { threads: 1, records_max: Some(RECORDS_MAX), pseudonyms: None, ..hub.parts.stream.clone() };
    let side = |edition| {
        let texts = (hub.parts.temporary_texts)().map_err(|error| Fault::internal(&error))?;
        Side::new(edition, &options, texts).map_err(|error| Fault::internal(&error))
    };
    let mut old = side(hub.parts.editions.current())?;
    let mut new = side(Arc::new(edition))?;
    let ids = [old.edition.id.to_string(), new.edition.id.to_string()];
    let clock = Arc::new(ManualClock::of_recordings());
    let comparison = compare([&mut old, &mut new], source, clock, &options, control, samples)
        .map_err(|error| Fault::internal(&error))?;
    Ok((comparison, ids))
}

fn view(comparison: Comparison, [old, new]: [String; 2], raw: bool) -> TriedOut {
    let sample = |Sample { event, text }: Sample| SampleView { event, text: if raw { text } else { mask(&text) } };
    let samples = |samples: Vec<Sample>| samples.into_iter().map(sample).collect();
    let rules = comparison.rules.into_iter().map(|(rule, diff)| RuleChange {
        rule: rule.to_string(),
        both: diff.both,
        gained: diff.gained,
        lost: diff.lost,
        gained_samples: samples(diff.gained_samples),
        lost_samples: samples(diff.lost_samples),
    });
    TriedOut {
        old,
        new,
        records: comparison.records,
        acted_both: comparison.acted_both,
        acted_otherwise: comparison.acted_otherwise,
        acted_new_only: comparison.acted_new_only,
        acted_old_only: comparison.acted_old_only,
        rules: rules.collect(),
    }
}
