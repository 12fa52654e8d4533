//! `tidegate train`: texts in, a model with its card out.

pub(super) mod feedback;
pub(super) mod manifest;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use serde_json::json;

use self::manifest::{Loaded, Manifest};
use super::Output;
use super::eval::classify::report::{Report, agreement, thresholds};
use super::eval::classify::{card, golden};
use super::term::{self, Progress, Role, Unit, json_line};
use crate::classify::Classifier;
use crate::classify::train::{Trained, Trainer};
use crate::io::instant;

/// Trains the classifier on the texts of a manifest.
///
/// The manifest names the sources, what their labels mean and their licences. A part of each source is held out: it chooses the
/// epoch, calibrates the probabilities and is measured on. The same texts, settings and seed give the same model.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate train --manifest datasets/train.toml --out models/guard
  tidegate train --manifest datasets/train.toml --data ~/sets --out models/guard
  tidegate train --manifest my.toml --out out/model --from-feedback feedback.jsonl
  tidegate train --manifest my.toml --check

Exit codes: 0 the model was written (--check: it learns and agrees with its reference), 1 it does not, 2 the command cannot run.")]
pub(super) struct TrainArgs {
    /// The sources and settings.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    manifest: PathBuf,
    /// The folder of the sources that do not lie beside the manifest; without it, they are left out.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// Reviewers' verdicts, {"id", "text", "labels", "sample"} a line (docs/classifier.md): those of the queue are learnt from, random
    /// samples are measured on.
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    from_feedback: Vec<PathBuf>,
    /// The folder that the model is written to.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present = "check")]
    out: Option<PathBuf>,
    /// Go on with a training that was stopped; it is kept in the folder beside the model until it has ended.
    #[arg(long, conflicts_with = "check")]
    resume: bool,
    /// Write nothing: train, and say whether it learns and whether what serves agrees with the reference.
    #[arg(long, conflicts_with = "out")]
    check: bool,
    /// Of everything drawn, in place of the manifest's.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Threads; 0 takes one for each core. The model does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

/// Where a training is kept between two epochs.
const STOPPED: &str = "training.safetensors";

pub(super) fn run(args: &TrainArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().context("cannot start threads")?;
    pool.install(|| train(args, output))
}

fn train(args: &TrainArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let manifest = Manifest::read(&args.manifest)?;
    let mut options = manifest.options()?;
    options.seed = args.seed.unwrap_or(options.seed);
    let name = manifest.model.clone();
    let mut loaded = manifest.load(&args.manifest, args.data.as_deref(), options.seed, output)?;
    for path in &args.from_feedback {
        loaded.extend(feedback::load(path)?);
    }
    let materials = loaded.iter().filter_map(Loaded::material).collect();
    let mut trainer = Trainer::new(options.clone(), materials);
    let (taught, held) = trainer.sizes();
    if taught == 0 || held == 0 {
        bail!("{taught} texts to learn from and {held} held out are too few: check `held_percent` and the paths");
    }
    eprintln!("{} texts to learn from, {} held out", term::count(taught as u64), term::count(held as u64));
    let stopped = args.out.as_ref().map(|out| out.join(STOPPED));
    if args.resume {
        let path = stopped.as_deref().expect("clap asks for --out");
        let bytes = std::fs::read(path).with_context(|| format!("no stopped training at {}", path.display()))?;
        trainer.resume(&bytes)?;
        eprintln!("going on after epoch {}", trainer.epochs());
    }
    let losses = epochs(&mut trainer, stopped.as_deref(), output)?;
    let trained = trainer.finish();
    if args.check {
        return check(&trained, &losses, output);
    }
    let out = args.out.as_deref().expect("clap asks for --out");
    write(out, &name, trained, &loaded, &options, output)?;
    if let Some(path) = stopped.filter(|path| path.exists()) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains to the end; gives the mean loss of each epoch.
fn epochs(trainer: &mut Trainer, stopped: Option<&Path>, output: &Output) -> anyhow::Result<Vec<f64>> {
    let mut losses = Vec::new();
    if let Some(folder) = stopped.and_then(Path::parent) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    while !trainer.is_finished() {
        let began = instant();
        let what = format!("epoch {}", trainer.epochs() + 1);
        let bar = Progress::new(output.err, Unit::Items, Some(trainer.epoch_rows()), what);
        let epoch = trainer.epoch(|rows, _| bar.advance(rows as u64))?;
        drop(bar);
        let best = if epoch.is_best { output.err.paint(Role::Good, "  best so far") } else { String::new() };
        let seconds = began.elapsed().as_secs_f64();
        eprintln!(
            "epoch {}: loss {:.4}, held-out macro-F1 {:.4}, {seconds:.1} s{best}",
            epoch.number, epoch.loss, epoch.held
        );
        losses.push(epoch.loss);
        if let Some(path) = stopped {
            keep(path, &trainer.to_bytes())?;
        }
    }
    Ok(losses)
}

/// Whole or not at all: a stop while it is written must leave what was kept before.
fn keep(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

fn check(trained: &Trained, losses: &[f64], output: &Output) -> anyhow::Result<ExitCode> {
    let off = agreement(trained)?;
    let learns = losses.len() < 2 || losses.last() < losses.first();
    let is_fine = learns && off <= card::AGREEMENT_MAX;
    if output.json {
        json_line(&mut std::io::stdout().lock(), &json!({ "losses": losses, "off": off, "ok": is_fine }))?;
    } else {
        let learns = if learns { "the loss falls" } else { "the loss does not fall" };
        println!("{learns}; what serves is at most {off:.4} off its reference");
    }
    Ok(ExitCode::from(u8::from(!is_fine)))
}

fn write(
    out: &Path,
    name: &str,
    trained: Trained,
    loaded: &[Loaded],
    options: &crate::classify::train::Options,
    output: &Output,
) -> anyhow::Result<()> {
    let off = agreement(&trained)?;
    let act = thresholds(&trained.model, loaded)?;
    let bytes = trained.model.with_act(act).to_bytes(name);
    let classifier = Classifier::read(&bytes)?;
    let report = Report::of(&classifier, loaded);
    let files = [
        ("model.safetensors", bytes),
        ("labels.toml", card::labels(&classifier).into_bytes()),
        ("card.md", card::card(&classifier, loaded, options, &report, off).into_bytes()),
        ("reliability.svg", report.plot().into_bytes()),
        ("expected.jsonl", golden::expected(&classifier)?),
    ];
    for (file, bytes) in files {
        let path = out.join(file);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    report.show(output)?;
    eprintln!("{} ({}) written to {}", classifier.name, classifier.id, out.display());
    Ok(())
}
