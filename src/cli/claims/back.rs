//! `tidegate claims backsearch`: what would be labelled, were these claims to come into force now?

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, ValueHint};
use serde_json::json;

use crate::claims::{Matcher, Status};
use crate::cli::edition::{self, EditionArgs};
use crate::cli::indexing;
use crate::cli::term::{self, Progress, Role, Unit, json_line};
use crate::cli::{Output, setting};
use crate::decision::{ActionKind, Decision};
use crate::event::{Event, Millis, rfc3339};
use crate::index::{IndexError, Query, Reader};
use crate::io::SystemClock;
use crate::pipeline::{Edition, LateTally};
use crate::signal::Field;
use crate::state::Reach;
use crate::stream::{Preview, Previewed, StreamError, preview};
use crate::text::fold_to_string;

/// Shows which messages of an index would be labelled late, were these claims to come into force now; nothing is changed.
///
/// It is what `tidegate run` does when an edition with a new claim is published, by the same matcher, stance and rules; so it is the
/// way to look before one publishes. The run labels at most `[claims] late_per_second`, and leaves out what has such a label.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate claims backsearch --index out/index --edition rules --claim zh-food-001
  tidegate claims backsearch --index out/index --since 2026-09-01T00:00:00Z --json | jq .decision.event")]
pub(in crate::cli) struct BacksearchArgs {
    /// The folder of the index.
    #[arg(long, value_name = "DIR", default_value = "out/index", value_hint = ValueHint::DirPath)]
    index: PathBuf,
    #[command(flatten)]
    edition: EditionArgs,
    /// Only these claims; without it, every claim in force.
    #[arg(long, value_name = "ID")]
    claim: Vec<String>,
    /// Only what was published since (RFC 3339 or epoch milliseconds); without it, as long ago as `[claims] back_days` says.
    #[arg(long, value_name = "TIME", value_parser = setting::time)]
    since: Option<Millis>,
    /// Settings; see docs/config.md.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Says what it does in any case: it only looks.
    #[arg(long)]
    dry_run: bool,
}

/// Bytes of a text that are shown around the claim.
const AROUND_BYTES: usize = 60;

pub(super) fn run(args: &BacksearchArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let config = setting::read_config(args.config.as_deref(), output)?;
    let options = setting::options(&config, None)?;
    let edition = edition::open(&args.edition, output)?;
    check(args, &edition)?;
    let reader = Reader::open(&args.index, fold_to_string)?;
    let now = reader.span(&Query::All)?.map_or(0, |(_, last)| last);
    let mut repeats = indexing::repeats(&config.claims);
    if let Some(since) = args.since {
        repeats.back_ms = now.saturating_sub(since).max(0);
    }
    let claims = (!args.claim.is_empty()).then_some(&*args.claim);
    let asked = Preview { dir: args.index.clone(), fold: fold_to_string, options: repeats, claims, since: now };
    let mut shown =
        Shown { out: io::stdout().lock(), output, found: BTreeMap::new(), already: BTreeSet::new(), bar: None };
    let tally = preview(&asked, &edition, &options, Arc::new(SystemClock), &mut |step| shown.step(step))?;
    shown.end(&tally)?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &BacksearchArgs, edition: &Edition) -> anyhow::Result<()> {
    let claims = edition.claims.as_ref().map_or(&[][..], Matcher::claims);
    for id in &args.claim {
        match claims.iter().find(|claim| *claim.id == **id) {
            None => {
                bail!("--claim {id}: the edition has no claim of that id; `tidegate claims list` shows those of a file")
            }
            Some(claim) if claim.status != Status::Active || !claim.verdict.is_refuted() => {
                bail!("--claim {id}: it is {} and {}, so it labels nothing", claim.status, claim.verdict)
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whatever may go wrong on the way.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

struct Shown<'a> {
    out: io::StdoutLock<'a>,
    output: &'a Output,
    /// What would be labelled, by claim.
    found: BTreeMap<String, u64>,
    /// What was left out: it has such a label.
    already: BTreeSet<String>,
    bar: Option<Progress>,
}

impl Shown<'_> {
    fn step(&mut self, step: &Previewed<'_>) -> Result<(), Trouble> {
        let bar = self.bar.get_or_insert_with(|| Progress::new(self.output.err, Unit::Items, None, "looking back"));
        bar.advance(step.outcome.tally.late.looked);
        if let Reach::Before(day) = step.reach {
            tracing::info!(claim = step.claim, before = rfc3339(day), "looked at");
        }
        self.already.extend(step.already.iter().cloned());
        for decision in &step.outcome.decisions {
            *self.found.entry(claim_of(decision, step.claim).to_owned()).or_default() += 1;
            let event = step.events.iter().find(|event| *event.id == *decision.event);
            self.show(decision, event, step.claim)?;
        }
        Ok(())
    }

    fn show(&mut self, decision: &Decision, event: Option<&Event<'_>>, claim: &str) -> Result<(), Trouble> {
        let claim = claim_of(decision, claim);
        if self.output.json {
            let line = json!({ "claim": claim, "event": event, "decision": decision });
            return Ok(json_line(&mut self.out, &line)?);
        }
        let terminal = self.output.out;
        let at = event.map_or(decision.at, |event| event.at);
        let head = format!("{}  {}  {}", rfc3339(at), decision.channel, term::printable(&decision.event));
        let author = term::printable(&decision.author);
        let is_told = decision.actions.iter().any(|action| matches!(action.kind, ActionKind::Notice { .. }));
        let told = if is_told { ", who is told" } else { "" };
        writeln!(self.out, "{}  by {author}{told}", terminal.paint(Role::Heading, head))?;
        if let Some(event) = event {
            writeln!(self.out, "  {}", excerpt(decision, &event.text))?;
        }
        writeln!(self.out, "  {} {claim}\n", terminal.paint(Role::Quiet, "repeats"))?;
        Ok(())
    }

    fn end(mut self, tally: &LateTally) -> anyhow::Result<()> {
        drop(self.bar.take());
        if self.output.json {
            return Ok(());
        }
        let labelled: u64 = self.found.values().sum();
        for (claim, count) in &self.found {
            writeln!(self.out, "{:>8}  {claim}", term::count(*count))?;
        }
        let already = if !self.already.is_empty() {
            format!("; {} have such a label already", term::count(self.already.len() as u64))
        } else {
            String::new()
        };
        writeln!(
            self.out,
            "{} looked at, {} would be labelled{already}",
            term::count(tally.looked),
            term::count(labelled)
        )?;
        Ok(())
    }
}

/// The claim that a decision names; what it only passes on is named by whoever looked for it.
fn claim_of<'a>(decision: &'a Decision, looked_for: &'a str) -> &'a str {
    let grounds = decision.reasons.iter().flat_map(|reason| &reason.signals);
    let named = grounds.into_iter().find_map(|ground| match (&*ground.name, &ground.value) {
        ("claim.id", crate::signal::Value::Text(id)) if !id.is_empty() => Some(&**id),
        _ => None,
    });
    named.unwrap_or(looked_for)
}

/// The part of a text where the claim stands, in one line.
fn excerpt(decision: &Decision, text: &str) -> String {
    let grounds = decision.reasons.iter().flat_map(|reason| &reason.signals);
    let span = grounds.flat_map(|ground| &ground.spans).find(|span| span.field == Field::Text);
    let (from, to) = span.map_or((0, 0), |span| (span.start as usize, span.end as usize));
    let from = (0..=from.saturating_sub(AROUND_BYTES)).rfind(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let end = text.len().min(to.saturating_add(AROUND_BYTES));
    let end = (end..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    term::printable(&text[from..end]).replace('\n', " ")
}
