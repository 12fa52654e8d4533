//! `tidegate claims train`: the weights of the combiner and of the stances.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueHint};
use serde::Deserialize;

use super::library;
use crate::claims::{Lesson, Purpose, Stance, learn};
use crate::cli::Output;

/// Learns the weights from texts about the claims of libraries.
///
/// A lesson is a line {"claim", "text", "stance"}: the claim's id, what was written, and what it thinks of the claim (asserting,
/// refuting, questioning, reporting, or unrelated for a text that only shares words with it). The same texts give the same
/// weights.
#[derive(Args, Debug)]
#[command(after_help = "The weights that ship were made with:
  tidegate claims train --library rules/claims/*.jsonl datasets/claims/invented.jsonl \\
    --posts datasets/claims/posts.*.jsonl --output src/claims/models.json")]
pub(in crate::cli) struct TrainArgs {
    /// Libraries with the claims that the lessons are about.
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    library: Vec<PathBuf>,
    /// The lessons.
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    posts: Vec<PathBuf>,
    /// Where to write the weights.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
}

#[derive(Deserialize)]
struct Line {
    claim: String,
    text: String,
    stance: String,
}

pub(super) fn run(args: &TrainArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let claims = library::read(&args.library, Purpose::Match, output)?;
    let mut lessons = Vec::new();
    for path in &args.posts {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (number, row) in (1..).zip(text.lines()).filter(|(_, row)| !row.trim().is_empty()) {
            let at = || format!("{}:{number}: no object with `claim`, `text` and `stance`", path.display());
            let line: Line = serde_json::from_str(row).with_context(at)?;
            let stance = Stance::of(&line.stance);
            lessons.push(Lesson { claim: line.claim.into(), text: line.text.into(), stance });
        }
    }
    let (models, learnt) = learn(claims, &lessons);
    std::fs::write(&args.output, models.write()).with_context(|| format!("cannot write {}", args.output.display()))?;
    println!(
        "{} texts: {} pairs, {} of them of a text and its claim; {} stances; weights in {}",
        lessons.len(),
        learnt.pairs,
        learnt.matching,
        learnt.stances,
        args.output.display()
    );
    Ok(ExitCode::SUCCESS)
}
