//! `tidegate rejects`: look at what could not be taken, and take it again once the reason is gone.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueHint};
use serde::Deserialize;

use crate::io::{BatchLimits, Flow, RawBatch, ReadOptions, RejectsSource, Source};

use super::Output;
use super::term::{self, Column, Table, json_line};

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
}

pub(super) fn run(command: &RejectsCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        RejectsCommand::Show(args) => show(args, output),
        RejectsCommand::Replay(args) => replay(args),
    }
}

/// As much of a line as is counted.
#[derive(Deserialize)]
struct Line {
    code: String,
    reason: String,
}

fn show(args: &ShowArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut reasons: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for path in &args.files {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line)
                .with_context(|| format!("{}:{}: not a line of rejects", path.display(), number + 1))?;
            reasons.entry(line.code).or_insert((0, line.reason)).0 += 1;
        }
    }
    let mut out = io::stdout().lock();
    if output.json {
        for (code, (number, example)) in &reasons {
            json_line(&mut out, &serde_json::json!({ "code": code, "number": number, "example": example }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table =
        Table::new(output.out, &[Column::Words("reason"), Column::Figures("number"), Column::Words("for example")]);
    for (code, (number, example)) in reasons {
        table.row([code, term::count(number), example]);
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let mut source = RejectsSource::files(&args.files, ReadOptions::default())?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut batch = RawBatch::default();
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        for raw in batch.iter() {
            out.write_all(raw.bytes)?;
            out.write_all(b"\n")?;
        }
        if flow == Flow::End {
            break;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
