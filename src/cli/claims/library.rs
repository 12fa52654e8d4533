//! Libraries in files: reading whichever form they have, changing them in place.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueHint};
use serde_json::json;

use crate::claims::{
    self, Claim, Day, Purpose, Status, Tier, Variant, Verdict, read_claim_reviews, read_csv, read_lines, to_json,
    to_lines,
};
use crate::cli::Output;
use crate::cli::term::{Column, Table, json_line};
use crate::problem::Problem;

/// Reads libraries one after the other. What cannot be taken is told, and the rest is taken.
///
/// # Errors
/// If a file cannot be read, or nothing in any of them can be taken.
pub(in crate::cli) fn read(paths: &[PathBuf], purpose: Purpose, output: &Output) -> anyhow::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for path in paths {
        let (found, problems) = read_file(path, purpose)?;
        claims.extend(found);
        tell(&problems, output);
    }
    if claims.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("no claim could be taken from {}", names.join(", "));
    }
    Ok(claims)
}

/// A library's bytes, at most.
const FILE_BYTES_MAX: u64 = 2 << 30;

/// Reads a file by its name: `.csv` tables, `.json` and `.jsonld` feeds of ClaimReview, anything else JSON lines.
fn read_file(path: &Path, purpose: Purpose) -> anyhow::Result<(Vec<Claim>, Vec<Problem>)> {
    let refused = || format!("cannot read {}", path.display());
    let bytes = std::fs::metadata(path).with_context(refused)?.len();
    if bytes > FILE_BYTES_MAX {
        bail!("{} has {bytes} bytes; a library may have {FILE_BYTES_MAX}", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(refused)?;
    let shown = path.display().to_string().into();
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    Ok(match extension.as_deref() {
        Some("csv") => read_csv(&shown, &text, purpose),
        Some("json" | "jsonld") => read_claim_reviews(&shown, &text, purpose),
        _ => read_lines(&shown, &text, purpose),
    })
}

/// How many problems are told one by one.
const TOLD_MAX: usize = 20;

/// Says on standard error what could not be taken, the first ones one by one.
fn tell(problems: &[Problem], output: &Output) {
    for problem in problems.iter().take(TOLD_MAX) {
        eprint!("{}", output.err.problem(problem, None));
    }
    if problems.len() > TOLD_MAX {
        eprintln!("and {} more", problems.len() - TOLD_MAX);
    }
}

/// Writes beside the library and then takes its place, so that a stop leaves the old one or the new one.
fn write(path: &Path, claims: &[Claim]) -> anyhow::Result<()> {
    let beside = path.with_extension("jsonl.new");
    std::fs::write(&beside, to_lines(claims)).with_context(|| format!("cannot write {}", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("cannot put {} in its place", path.display()))
}

/// What is there already; nothing where there is no file yet.
fn existing(path: &Path, output: &Output) -> anyhow::Result<Vec<Claim>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let (claims, problems) = read_file(path, Purpose::Match)?;
    tell(&problems, output);
    if problems.is_empty() { Ok(claims) } else { bail!("mend {} first: nothing in it may be lost", path.display()) }
}

/// Takes fact-checks into a library: ClaimReview feeds, tables, JSON lines.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tidegate claims import feed.jsonld table.csv --into rules/claims/site.jsonl

Records without authority, url or date are refused, with their row and the reason. Exit codes: 0 all were taken, 1 some were
not, 2 the command cannot run.")]
pub(in crate::cli) struct ImportArgs {
    /// ClaimReview JSON-LD (.json, .jsonld), tables (.csv), JSON lines.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// The library, JSON lines; it is begun if it is not there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    into: PathBuf,
}

pub(super) fn import(args: &ImportArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut all = existing(&args.into, output)?;
    let before = all.len();
    let (mut taken, mut refused) = (0, 0);
    for path in &args.files {
        let (found, problems) = read_file(path, Purpose::Act)?;
        (taken, refused) = (taken + found.len(), refused + problems.len());
        tell(&problems, output);
        all.extend(found);
    }
    let merged = claims::merge(all);
    write(&args.into, &merged)?;
    if output.json {
        let added = merged.len().saturating_sub(before);
        json_line(
            &mut io::stdout(),
            &json!({"taken": taken, "refused": refused, "added": added, "claims": merged.len()}),
        )?;
    } else {
        println!("{taken} taken, {refused} refused; {} claims in {}", merged.len(), args.into.display());
    }
    Ok(ExitCode::from(u8::from(refused > 0)))
}

/// Adds a claim to a library, or a wording to one of its claims.
#[derive(Args, Debug)]
pub(in crate::cli) struct AddArgs {
    /// The library, JSON lines; it is begun if it is not there.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    library: PathBuf,
    /// The claim's id.
    #[arg(long)]
    id: String,
    /// What is claimed; of a claim that is there, another way of saying it.
    #[arg(long, value_name = "TEXT")]
    claim: String,
    /// false, misleading, unproven, true or satire.
    #[arg(long, default_value = "false", value_parser = verdict)]
    verdict: Verdict,
    /// Who found it.
    #[arg(long, default_value = "")]
    authority: String,
    /// How much the authority's word weighs: national, regional or media.
    #[arg(long, default_value = "unknown", value_parser = tier)]
    tier: Tier,
    /// Where people can read it.
    #[arg(long, default_value = "")]
    url: String,
    /// When it was published.
    #[arg(long, value_name = "DAY", value_parser = day)]
    date: Option<Day>,
    /// Who adds it.
    #[arg(long, default_value = "")]
    by: String,
}

fn verdict(word: &str) -> Result<Verdict, String> {
    Verdict::of(word).ok_or_else(|| "write false, misleading, unproven, true or satire".into())
}

fn tier(word: &str) -> Result<Tier, String> {
    Tier::of(word).ok_or_else(|| "write national, regional, media or unknown".into())
}

fn day(word: &str) -> Result<Day, String> {
    Day::parse(word).ok_or_else(|| "write a day like 2026-09-01".into())
}

pub(super) fn add(args: &AddArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut all = existing(&args.library, output)?;
    if let Some(claim) = all.iter_mut().find(|claim| *claim.id == *args.id) {
        let variant = Variant { text: args.claim.trim().into(), added_by: args.by.trim().into(), date: args.date };
        claims::add_variant(claim, variant);
    } else {
        let claim = Claim {
            id: args.id.trim().into(),
            claim: args.claim.trim().into(),
            verdict: args.verdict,
            rating: args.verdict.name().into(),
            authority: args.authority.trim().into(),
            tier: args.tier,
            url: args.url.trim().into(),
            published: args.date,
            revision: 1,
            ..Claim::default()
        };
        let lacks = claim.lacks();
        if !lacks.is_empty() {
            bail!("a claim needs {}: whoever is labelled must be able to read who says so", lacks.join(" and "));
        }
        all.push(claim);
    }
    write(&args.library, &all)?;
    println!("{} claims in {}", all.len(), args.library.display());
    Ok(ExitCode::SUCCESS)
}

/// Takes a claim back: it is kept, and matches nothing any more.
#[derive(Args, Debug)]
pub(in crate::cli) struct RetractArgs {
    /// The library.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    library: PathBuf,
    /// The claim's id.
    id: String,
}

pub(super) fn retract(args: &RetractArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut all = existing(&args.library, output)?;
    claims::retract(&mut all, &args.id).ok_or_else(|| anyhow!("no claim has the id \"{}\"", args.id))?;
    write(&args.library, &all)?;
    println!("{} is retracted; publish the library for it to take effect", args.id);
    Ok(ExitCode::SUCCESS)
}

/// Lists the claims of libraries.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListArgs {
    /// The libraries.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    libraries: Vec<PathBuf>,
    /// Only with this verdict.
    #[arg(long, value_parser = verdict)]
    verdict: Option<Verdict>,
}

pub(super) fn list(args: &ListArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut all = read(&args.libraries, Purpose::Match, output)?;
    all.retain(|claim| args.verdict.is_none_or(|verdict| claim.verdict == verdict));
    let mut out = io::stdout().lock();
    if output.json {
        all.iter().try_for_each(|claim| json_line(&mut out, &to_json(claim)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["id", "verdict", "status", "claim"].map(Column::Words);
    let mut table = Table::new(output.out, &columns);
    for claim in &all {
        let cells = [&*claim.id, claim.verdict.name(), claim.status.name(), &*claim.claim];
        table.row(cells);
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

/// Shows one claim.
#[derive(Args, Debug)]
pub(in crate::cli) struct ShowArgs {
    /// The library.
    #[arg(long, short, value_name = "FILE", required = true, num_args = 1, value_hint = ValueHint::FilePath)]
    library: Vec<PathBuf>,
    /// The claim's id.
    id: String,
}

pub(super) fn show(args: &ShowArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let all = read(&args.library, Purpose::Match, output)?;
    let claim = all.iter().find(|claim| *claim.id == *args.id);
    let claim = claim.ok_or_else(|| anyhow!("no claim has the id \"{}\"", args.id))?;
    if output.json {
        json_line(&mut io::stdout(), &to_json(claim))?;
    } else {
        println!("{}", serde_json::to_string_pretty(&to_json(claim))?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts the claims of libraries.
#[derive(Args, Debug)]
pub(in crate::cli) struct StatsArgs {
    /// The libraries.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    libraries: Vec<PathBuf>,
}

pub(super) fn stats(args: &StatsArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let all = read(&args.libraries, Purpose::Match, output)?;
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|claim| *verdicts.entry(claim.verdict.name()).or_default() += 1);
    let wordings: usize = all.iter().map(|claim| claim.variants.len() + 1).sum();
    let acting = all
        .iter()
        .filter(|claim| claim.verdict.is_refuted() && claim.status == Status::Active && claim.lacks().is_empty());
    let (acting, merged) = (acting.count(), claims::merge(all.iter().cloned()).len());
    let counts = json!({"claims": all.len(), "wordings": wordings, "may_act": acting, "repeated": all.len() - merged, "verdicts": verdicts});
    if output.json {
        json_line(&mut io::stdout(), &counts)?;
    } else {
        println!(
            "{} claims in {wordings} wordings, {acting} may act, {} say the same as another",
            all.len(),
            all.len() - merged
        );
        verdicts.iter().for_each(|(verdict, count)| println!("  {verdict}: {count}"));
    }
    Ok(ExitCode::SUCCESS)
}
