//! `tidegate replay`: a recorded stream × an edition → decisions. The stream's own code, with nothing kept.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueHint};

use crate::io::{NullSink, NullStore, PipeSink, Sink, instant};
use crate::stream::{self, Control, Editions, Ends};

use super::Output;
use super::edition::{self, EditionArgs};
use super::progress;
use super::report::{self, Report};
use super::setting::{self, InputArgs};

/// Decides on a recorded stream by an edition, beginning with an empty memory, and keeps nothing.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate replay --input last-week.jsonl.zst --edition rules > decisions.jsonl
  tidegate replay --input last-week.jsonl.zst --edition rules --summary")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    edition: EditionArgs,
    /// A file for the decisions; without it, standard output.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// A file for what could not be taken; without it, only counts are printed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,
    /// Print only the summary.
    #[arg(long, conflicts_with = "out")]
    summary: bool,
}

pub(super) fn run(args: &ReplayArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let config = args.input.config(output)?;
    let options = setting::options(&config, args.input.limit)?;
    let editions = Editions::new(edition::open(&args.edition, output)?);
    let ends = Ends {
        source: setting::source(&config.input)?,
        actions: sink(args)?,
        rejects: setting::rejects(args.rejects.as_deref())?,
        store: Box::new(NullStore),
        texts: setting::temporary_texts(&options)?,
        cases: None,
        clock: args.input.clock(),
    };
    let started = instant();
    let control = Control::default();
    let summary = progress::alongside(&control, output, || stream::run(ends, &editions, &options, &control))?;
    let dir = args.out.clone().unwrap_or_else(|| "-".into());
    let report = Report { summary: &summary, elapsed: started.elapsed(), dir: &dir };
    if args.summary || args.out.is_some() {
        report::print(&report, &mut io::stdout().lock(), output.out, output.json)?;
    } else {
        report::print(&report, &mut io::stderr().lock(), output.err, output.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn sink(args: &ReplayArgs) -> anyhow::Result<Box<dyn Sink>> {
    Ok(match &args.out {
        _ if args.summary => Box::new(NullSink),
        None => Box::new(PipeSink::stdout()),
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(PipeSink::new(file, path))
        }
    })
}
