//! `tidegate eval classify`: how good is the classifier, on which texts, in which language, and what does it find that is not there?

pub(in crate::cli) mod card;
pub(in crate::cli) mod golden;
mod plot;
pub(in crate::cli) mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueHint};

use self::report::Report;
use crate::cli::Output;
use crate::cli::classify::ModelArgs;
use crate::cli::term::json_line;
use crate::cli::train::manifest::Manifest;

/// Measures the classifier on what a manifest's sources hold out: accuracy, macro-F1, AUC, calibration, false alarms on ordinary
/// messages, evasions.
///
/// The model must not have learnt from it: give the manifest that it was trained by. Sources of the role `measure` are held out
/// whole.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate eval classify --manifest datasets/train.toml
  tidegate eval classify --manifest datasets/train.toml --data ~/sets --plot reliability.svg
  tidegate eval classify --manifest mine.toml --model out/model --json | jq .labels")]
pub(in crate::cli) struct ClassifyArgs {
    /// The sources.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    manifest: PathBuf,
    /// The folder of the sources that do not lie beside the manifest; without it, they are left out.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// Where to write the reliability plot, an SVG.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    plot: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &ClassifyArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let manifest = Manifest::read(&args.manifest)?;
    let seed = manifest.options()?.seed;
    let classifier = args.model.open()?;
    let loaded = manifest.load(&args.manifest, args.data.as_deref(), seed, output)?;
    let report = Report::of(&classifier, &loaded);
    if let Some(path) = &args.plot {
        std::fs::write(path, report.plot()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if output.json {
        json_line(&mut std::io::stdout().lock(), &report)?;
    } else {
        report.show(output)?;
    }
    Ok(ExitCode::SUCCESS)
}
