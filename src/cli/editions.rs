//! `tidegate edition`: puts an edition in force on all instances of a stage, and says which of them run it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use crate::event::{Millis, rfc3339};
use crate::io::kafka::{EditionTopic, Manifest, Report};
use crate::io::{Clock, SystemClock};
use crate::stream::{self, EditionFolders};

use super::Output;
use super::term::{self, Column, Role, Table, json_line};
use super::{edition, kafka, setting};

/// Publishes editions to all instances of a stage, and says who runs which.
#[derive(Subcommand, Debug)]
pub(super) enum EditionCommand {
    /// Checks an edition with the tests of its rules, and puts it in force on every instance. One that is broken is refused
    /// here, with everything that is wrong with it.
    #[command(after_help = "Example:
  tidegate edition publish --kafka --config deploy/kafka.toml rules --overlay site")]
    Publish(PublishArgs),
    /// Shows the editions that were put in force, the newest first.
    List(StageArgs),
    /// Shows which instance runs which edition, and what it refused; ends with 1 if not all of them run what is in force.
    Status(StageArgs),
}

/// Which stage.
#[derive(Args, Debug)]
pub(super) struct StageArgs {
    /// Settings of the stage, with its `[kafka]`. See docs/config.md.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: PathBuf,
}

/// What goes where.
#[derive(Args, Debug)]
pub(super) struct PublishArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// To the stage's topic on Kafka.
    #[arg(long, required = true)]
    kafka: bool,
    /// The folder of rules; without it, what `[edition]` of the settings says.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// A site's own folder, laid over the rules; without it, what `[edition]` says.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    overlay: Option<PathBuf>,
}

pub(super) fn run(command: &EditionCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        EditionCommand::Publish(args) => publish(args, output),
        EditionCommand::List(args) => list(args, output),
        EditionCommand::Status(args) => status(args, output),
    }
}

fn topic(args: &StageArgs, output: &Output) -> anyhow::Result<EditionTopic> {
    let config = setting::read_config(Some(&args.config), output)?;
    let mut topic = EditionTopic::open(&kafka::options(&config)?)?;
    topic.read_whole()?;
    Ok(topic)
}

fn publish(args: &PublishArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let config = setting::read_config(Some(&args.stage.config), output)?;
    let kafka = kafka::options(&config)?;
    let folders = EditionFolders {
        base: args.dir.clone().or_else(|| config.edition.dir.clone()),
        overlay: args.overlay.clone().or_else(|| config.edition.overlay.clone()),
    };
    let files = folders.files()?;
    // What was read is what is checked and what is sent.
    let sources = stream::sources_of(files.clone());
    let checked = sources.map(|sources| (stream::build_checked(&sources, &setting::build_options(&config)), sources));
    let edition = match checked {
        Ok(((Some(edition), _), _)) => edition,
        Ok(((None, problems), sources)) => {
            edition::show(&problems, &sources, output)?;
            return refused(&problems, output);
        }
        Err(problems) => {
            edition::show(&problems, &crate::pipeline::Sources::default(), output)?;
            return refused(&problems, output);
        }
    };
    let manifest = stream::publish(&kafka, &edition, files, SystemClock.now())?;
    let mut out = io::stdout().lock();
    if output.json {
        json_line(&mut out, &manifest)?;
    } else {
        let (edition, files, chunks) = (&manifest.edition, manifest.files, manifest.chunks);
        let bytes = term::bytes(manifest.bytes as u64);
        writeln!(
            out,
            "{}  edition {edition}: {files} files, {bytes} in {chunks} records",
            output.out.paint(Role::Good, "published")
        )?;
        writeln!(out, "tidegate edition status shows which instances run it")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(problems: &[crate::problem::Problem], output: &Output) -> anyhow::Result<ExitCode> {
    let mut err = io::stderr().lock();
    writeln!(err, "{}  nothing is published: {}", output.err.paint(Role::Bad, "refused"), term::summary(problems))?;
    Ok(ExitCode::from(1))
}

/// An edition that was put in force, for machines.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    in_force: bool,
}

fn list(args: &StageArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let topic = topic(args, output)?;
    let current = topic.manifest()?;
    let earlier = topic.earlier();
    let listed = |manifest| Listed { manifest, in_force: current.as_ref() == Some(manifest) };
    let mut out = io::stdout().lock();
    if output.json {
        earlier.iter().try_for_each(|manifest| json_line(&mut out, &listed(manifest)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if earlier.is_empty() {
        writeln!(out, "nothing is published: each instance runs what its own [edition] says")?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        Column::Words("edition"),
        Column::Words("published"),
        Column::Figures("files"),
        Column::Figures("bytes"),
        Column::Words("version"),
        Column::Words(""),
    ];
    let mut table = Table::new(output.out, &columns);
    for manifest in &earlier {
        let word = if listed(manifest).in_force { "in force" } else { "" };
        table.row([
            manifest.edition.clone(),
            rfc3339(manifest.at),
            manifest.files.to_string(),
            term::count(manifest.bytes as u64),
            manifest.version.clone(),
            word.to_owned(),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

/// Without a word for so long, an instance is taken to be away: it says something every minute.
const SILENT_MS: Millis = 3 * 60 * 1000;

/// How an instance stands to what is in force.
fn standing(report: &Report, current: Option<&Manifest>, now: Millis) -> &'static str {
    if now - report.at > SILENT_MS {
        return "silent";
    }
    match current {
        Some(current) if current.edition == report.edition => "runs it",
        Some(current) if report.refused.as_ref().is_some_and(|refused| refused.edition == current.edition) => {
            "refused it"
        }
        Some(_) => "behind",
        None => "runs its own",
    }
}

/// An instance, for machines.
#[derive(Serialize)]
struct Instance<'a> {
    #[serde(flatten)]
    report: &'a Report,
    status: &'a str,
}

fn status(args: &StageArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let topic = topic(args, output)?;
    let (current, reports, now) = (topic.manifest()?, topic.reports(), SystemClock.now());
    let standings: Vec<&str> = reports.iter().map(|report| standing(report, current.as_ref(), now)).collect();
    let is_well = standings.iter().all(|status| ["runs it", "runs its own", "silent"].contains(status));
    let code = if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let mut out = io::stdout().lock();
    if output.json {
        let rows = reports.iter().zip(&standings).map(|(report, status)| Instance { report, status });
        rows.into_iter().try_for_each(|row| json_line(&mut out, &row))?;
        return Ok(code);
    }
    match &current {
        Some(current) => writeln!(out, "in force: edition {}, published {}", current.edition, rfc3339(current.at))?,
        None => writeln!(out, "nothing is published: each instance runs what its own [edition] says")?,
    }
    let columns = [Column::Words("instance"), Column::Words("edition"), Column::Words("since"), Column::Words("")];
    let mut table = Table::new(output.out, &columns);
    for (report, status) in reports.iter().zip(&standings) {
        table.row([report.instance.clone(), report.edition.clone(), rfc3339(report.since), (*status).to_owned()]);
    }
    writeln!(out, "{table}")?;
    for (report, refused) in reports.iter().filter_map(|report| Some((report, report.refused.as_ref()?))) {
        let (instance, edition, total) = (&report.instance, &refused.edition, refused.problems_total);
        writeln!(out, "{instance} refused edition {edition}: {total} problems")?;
        refused.problems.iter().try_for_each(|problem| writeln!(out, "  {problem}"))?;
    }
    Ok(code)
}
