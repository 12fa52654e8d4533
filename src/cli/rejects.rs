//! `tidegate rejects`: look at what could not be taken, and take it again once the reason is gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueHint};
use serde::Deserialize;
use serde_json::json;

use crate::io::{BatchLimits, Flow, RawBatch, ReadOptions, RejectsSource, Source};

use super::Output;
use super::term::{self, Column, Role, Table, json_line};

/// Looks at rejects.jsonl and plays it again.
#[derive(Subcommand, Debug)]
pub(super) enum RejectsCommand {
    /// Counts rejects by reason, with an example of each.
    Show(ShowArgs),
    /// Writes the raw records again, one a line, for `tidegate run --input -`.
    #[command(after_help = "Example:
  tidegate rejects replay out/rejects.jsonl | tidegate run --input - --output out-again")]
    Replay(ReplayArgs),
}

/// Counts rejects.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// Files of rejects.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

/// Writes raw records.
#[derive(Args, Debug)]
pub(super) struct ReplayArgs {
    /// Files of rejects.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Only rejects with this reason code; without it, all but `duplicate_id`.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

pub(super) fn run(command: &RejectsCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        RejectsCommand::Show(args) => show(args, output),
        RejectsCommand::Replay(args) => replay(args, output),
    }
}

/// As much of a line as is counted.
#[derive(Deserialize)]
struct Line {
    code: String,
    reason: String,
}

/// How often a reason came, and what was said the first time.
type Reasons = BTreeMap<String, (u64, String)>;

fn show(args: &ShowArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut reasons = Reasons::new();
    args.files.iter().try_for_each(|path| count(path, &mut reasons))?;
    let mut out = io::stdout().lock();
    if output.json {
        for (code, (number, example)) in &reasons {
            json_line(&mut out, &json!({ "code": code, "number": number, "example": example }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [Column::Words("reason"), Column::Figures("number"), Column::Words("for example")];
    let mut table = Table::new(output.out, &columns);
    for (code, (number, example)) in reasons {
        table.row([code, term::count(number), example]);
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

fn count(path: &Path, reasons: &mut Reasons) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(&line)
            .with_context(|| format!("{}:{}: not a line of rejects", path.display(), number + 1))?;
        reasons.entry(line.code).or_insert((0, line.reason)).0 += 1;
    }
    Ok(())
}

fn replay(args: &ReplayArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut source = RejectsSource::files(&args.files, ReadOptions::default())?;
    let code = args.code.clone();
    // What was decided on before is not to be decided on again, unless somebody asks for just that.
    source.keep(move |found| code.as_deref().map_or(found != "duplicate_id", |wanted| wanted == found));
    let mut out = BufWriter::new(io::stdout().lock());
    let mut batch = RawBatch::default();
    let mut faults: u64 = 0;
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        for raw in batch.iter() {
            match raw.fault {
                Some(fault) => {
                    faults += 1;
                    eprintln!(
                        "{}: {} cannot be played again: {fault}",
                        output.err.paint(Role::Warning, "left out"),
                        raw.offset
                    );
                }
                None => {
                    out.write_all(raw.bytes)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        if flow == Flow::End {
            break;
        }
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(faults > 0)))
}
