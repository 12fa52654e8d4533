//! `tidegate audit`: who looked at texts and who changed what, and whether the log of it is whole.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::serve::{Audit, Verified};

use super::Output;
use super::term::{Column, Role, Table, json_line, printable};
use super::token::DirArgs;

/// Checks and shows a service's audit log.
#[derive(Subcommand, Debug)]
pub(super) enum AuditCommand {
    /// Checks that no line was changed, taken out or put in between; names the first that does not fit.
    Verify(VerifyArgs),
    /// Shows the last lines.
    Show(ShowArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Keep the last line's hash elsewhere, and a log that was cut short is found out:
  tidegate audit verify --output out --holds 5d41402abc4b2a76b9719d911017c592…")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// A hash that an earlier check gave, which some line must have still.
    #[arg(long, value_name = "HASH")]
    holds: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// How many lines.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Serialize)]
struct Report<'a> {
    lines: u64,
    last: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    torn_bytes: u64,
}

pub(super) fn run(command: &AuditCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Verify(args) => verify(args, output),
        AuditCommand::Show(args) => show(args, output),
    }
}

fn verify(args: &VerifyArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let audit = Audit::of(&args.dir.output);
    let Verified { lines, last, broken, torn_bytes } = audit.verify()?;
    let is_held = match &args.holds {
        Some(hash) => audit.holds(hash)?,
        None => true,
    };
    let mut out = io::stdout().lock();
    let code = ExitCode::from(u8::from(broken.is_some() || !is_held));
    if output.json {
        let (broken_line, why) = broken.as_ref().map_or((None, None), |(line, why)| (Some(*line), Some(&**why)));
        json_line(&mut out, &Report { lines, last: &last, broken_line, why, torn_bytes })?;
        return Ok(code);
    }
    if let Some((line, why)) = &broken {
        writeln!(out, "{} line {line}: {why}; the {lines} before it are whole", output.out.paint(Role::Bad, "broken"))?;
    } else {
        writeln!(out, "{} {lines} lines, the last with hash {last}", output.out.paint(Role::Good, "whole"))?;
    }
    if !is_held {
        writeln!(
            out,
            "{} no line has the hash that was given: the log was cut short, or is another",
            output.out.paint(Role::Bad, "missing")
        )?;
    }
    if torn_bytes > 0 {
        writeln!(
            out,
            "{torn_bytes} bytes at the end are a line that a stop left half written; the next line will say so"
        )?;
    }
    Ok(code)
}

fn show(args: &ShowArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let entries = Audit::of(&args.dir.output).last(args.limit)?;
    let mut out = io::stdout().lock();
    if output.json {
        for entry in &entries {
            json_line(&mut out, entry)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        Column::Figures("line"),
        Column::Words("at"),
        Column::Words("who"),
        Column::Words("did"),
        Column::Words("about"),
    ];
    let mut table = Table::new(output.out, &columns);
    for entry in entries {
        table.row([entry.seq.to_string(), entry.at, entry.who, entry.did, printable(&entry.about).to_string()]);
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}
