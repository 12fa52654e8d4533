//! `tidegate check`: lint an edition and run the tests that its rules carry.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::Serialize;

use crate::pipeline::{BuildOptions, Edition, Rehearsal, Sources, rehearse};
use crate::problem::{Problem, has_errors};
use crate::stream::EditionFolders;

use super::Output;
use super::edition;
use super::term::{self, Role, json_line};

/// Checks rules, word lists and ladder, and runs the tests that the rules carry.
///
/// Every mistake is shown with its place and the way out, all in one run. Exits with 1 if there is an error.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate check                        the rules that ship
  tidegate check rules --overlay site   a folder, with a site's own laid over it
  tidegate check rules --json           one problem a line, for editors and CI")]
pub(super) struct CheckArgs {
    /// The folder of rules; without it, the rules that ship.
    #[arg(value_hint = ValueHint::DirPath)]
    edition: Option<PathBuf>,
    /// A site's own folder, laid over it.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    overlay: Option<PathBuf>,
    /// Treat warnings as errors.
    #[arg(long)]
    strict: bool,
}

/// The last line of `--json`.
#[derive(Serialize)]
struct Checked<'a> {
    edition: Option<&'a str>,
    rules: usize,
    terms: usize,
    tests: usize,
    problems: usize,
    ok: bool,
}

pub(super) fn run(args: &CheckArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let folders = EditionFolders { base: args.edition.clone(), overlay: args.overlay.clone() };
    let sources = folders.read()?;
    let (edition, mut problems) = Edition::build(&sources, &BuildOptions::default());
    let rehearsal = edition.as_ref().map(rehearse).unwrap_or_default();
    problems.extend(rehearsal.problems.iter().cloned());
    let ok = !has_errors(&problems) && (problems.is_empty() || !args.strict);
    report(edition.as_ref(), &rehearsal, &problems, &sources, ok, output)?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn report(
    edition: Option<&Edition>,
    rehearsal: &Rehearsal,
    problems: &[Problem],
    sources: &Sources,
    ok: bool,
    output: &Output,
) -> anyhow::Result<()> {
    let checked = Checked {
        edition: edition.map(|edition| &*edition.id),
        rules: edition.map_or(0, |edition| edition.rulebook.rules().len()),
        terms: edition.map_or(0, |edition| edition.matcher.lists().iter().map(|list| list.terms.len()).sum()),
        tests: rehearsal.tests,
        problems: problems.len(),
        ok,
    };
    let mut out = io::stdout().lock();
    if output.json {
        problems.iter().try_for_each(|problem| json_line(&mut out, problem))?;
        return Ok(json_line(&mut out, &checked)?);
    }
    edition::show(problems, sources, output)?;
    let (role, word) = if ok { (Role::Good, "ok") } else { (Role::Bad, "refused") };
    write!(out, "{}  ", output.out.paint(role, word))?;
    match edition {
        Some(edition) => writeln!(
            out,
            "edition {}: {} rules, {} terms in {} lists, {} tests",
            edition.id,
            term::count(checked.rules as u64),
            term::count(checked.terms as u64),
            edition.matcher.lists().len(),
            term::count(checked.tests as u64),
        )?,
        None => writeln!(out, "tests are run when everything can be read")?,
    }
    if !problems.is_empty() {
        writeln!(out, "{}", term::summary(problems))?;
    }
    Ok(())
}
