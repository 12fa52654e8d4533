//! Training: rows in, a calibrated model out. The head learns by candle's gradients, the table by hand (`bag`).
//!
//! The loss is masked: a text teaches only the labels that somebody judged it by. Some texts are written as evaders write, benign
//! ones among them, so that an evasion alone says nothing. Grams are left out at random, so that no single one decides. The same
//! rows, options and seed give the same model, on any number of threads.

mod bag;
mod calibrate;
mod head;
mod resume;

use fastrand::Rng;
use rayon::prelude::*;

use crate::text::Folded;

use self::bag::BagTrainer;
use self::calibrate::{Sample, calibrate};
use self::head::{Batch, HeadTrainer};
use super::corpus::{Mask, Row};
use super::evasion::Evasion;
use super::features::Features;
use super::masking::masked;
use super::measure::{Judged, mean_macro_f1};
use super::model::{DIM, Model, Scores};
use super::weights::Weights;

pub use candle_core::Error as TrainError;
pub use resume::ResumeError;

/// How a model is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Rows of the table, rounded up to a power of two.
    pub table_rows: usize,
    /// Of everything drawn.
    pub seed: u64,
    /// Times that all rows are gone through, at most.
    pub epochs_max: usize,
    /// Epochs without a better held-out figure before it ends.
    pub patience: usize,
    /// Rows of a step.
    pub batch_rows: usize,
    /// Learning rate of the table.
    pub table_rate: f32,
    /// Learning rate of the head.
    pub head_rate: f32,
    /// Weight decay of the head.
    pub decay: f32,
    /// Of a hundred grams of a text, so many are left out.
    pub dropout_percent: u8,
    /// Of a hundred texts, so many are written as evaders write.
    pub evaded_percent: u8,
    /// Of a hundred texts, so many have numbers, links and names masked, or lose all but their letters, as of a picture.
    pub masked_percent: u8,
    /// Of a hundred texts that have no label, so many are cut down to a few words of theirs: those must not be sure of anything.
    pub cropped_percent: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            table_rows: 1 << 16,
            seed: 1,
            epochs_max: 8,
            patience: 2,
            batch_rows: 128,
            table_rate: 0.05,
            head_rate: 2e-3,
            decay: 1e-2,
            dropout_percent: 30,
            evaded_percent: 20,
            masked_percent: 20,
            cropped_percent: 15,
        }
    }
}

/// The rows of one source.
#[derive(Clone, Debug)]
pub struct Material {
    /// Its name in the manifest.
    pub name: String,
    /// Its texts.
    pub rows: Vec<Row>,
    /// How often each is gone through in an epoch; a part of one by chance.
    pub weight: f32,
    /// Of a hundred groups of rows, so many are never trained on.
    pub held_percent: u8,
    /// Whether some of its texts are evaded, masked or cut down; else all are learnt from as they stand.
    pub is_disguised: bool,
}

/// A text that is held out, and where it came from.
#[derive(Clone, Debug)]
pub struct Held {
    /// Number of its [`Material`].
    pub source: usize,
    /// The text.
    pub row: Row,
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// Mean loss of a row.
    pub loss: f64,
    /// The mean over sources of the mean macro-F1 at one half on what is held out.
    pub held: f64,
    /// Whether that was the best so far.
    pub is_best: bool,
}

/// See the module.
pub struct Trainer {
    options: Options,
    weights: Weights,
    /// The mean of the weights at the ends of all epochs but the first: what they wander around serves better than where they
    /// happen to stand (Izmailov et al. 2018).
    mean: Weights,
    bag: BagTrainer,
    head: HeadTrainer,
    epoch: usize,
    best: Option<(f64, usize, Weights)>,
    taught: Vec<Taught>,
    held: Vec<Held>,
}

/// A text that is learnt from.
struct Taught {
    row: Row,
    weight: f32,
    is_disguised: bool,
}

/// A text made ready for a step.
struct Example {
    rows: Vec<u32>,
    truth: Mask,
}

/// The first epoch whose end is part of the mean.
const FIRST_MEAN: usize = 2;
/// Characters of what is left of a text that is cut down.
const CROPPED_CHARS: std::ops::Range<usize> = 2..16;
/// A word longer than this is cut where it stands.
const WORD_BYTES_MAX: usize = 24;
/// Texts that are made ready together, on all threads, while the ones before are learnt from.
const READY_ROWS: usize = 4096;

impl Trainer {
    /// A trainer at its beginning. A group of rows is held out by its hash, whatever stands around it.
    #[must_use]
    pub fn new(options: Options, materials: Vec<Material>) -> Self {
        let (mut taught, mut held) = (Vec::new(), Vec::new());
        for (source, material) in materials.into_iter().enumerate() {
            for row in material.rows {
                if is_held(row.group, material.held_percent) {
                    held.push(Held { source, row });
                } else {
                    taught.push(Taught { row, weight: material.weight, is_disguised: material.is_disguised });
                }
            }
        }
        let weights = Weights::random(options.table_rows, options.seed);
        let (bag, head) = (BagTrainer::default(), HeadTrainer::default());
        Self { options, mean: weights.clone(), weights, bag, head, epoch: 0, best: None, taught, held }
    }

    /// How many texts are learnt from, and held out.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        (self.taught.len(), self.held.len())
    }

    /// Texts of one epoch, about.
    #[must_use]
    pub fn epoch_rows(&self) -> u64 {
        self.taught.iter().map(|taught| f64::from(taught.weight)).sum::<f64>() as u64
    }

    /// Epochs that are done.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.epoch
    }

    /// Whether another epoch would be one too many, or of no use.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let is_stale = self.best.as_ref().is_some_and(|(_, epoch, _)| self.epoch >= epoch + self.options.patience);
        self.epoch >= self.options.epochs_max || is_stale
    }

    /// Goes through all rows once. `advance` is told of rows done and of the loss of each step.
    ///
    /// # Errors
    /// What candle says.
    pub fn epoch(&mut self, mut advance: impl FnMut(usize, f32)) -> Result<Epoch, TrainError> {
        self.epoch += 1;
        let order = self.order();
        // Rates fall to a tenth over the epochs: what is learnt last is learnt finely.
        let done = (self.epoch - 1) as f32 / self.options.epochs_max.max(1) as f32;
        let ease = 1.0 - 0.9 * done;
        let mut chunks = order.chunks(READY_ROWS);
        let mut ready = chunks.next().map_or_else(Vec::new, |chunk| self.ready(chunk, 0));
        let (mut loss, mut steps, mut number) = (0.0, 0_u64, 0);
        while !ready.is_empty() {
            let now = std::mem::take(&mut ready);
            number += 1;
            if let Some(chunk) = chunks.next() {
                ready = self.ready(chunk, number);
            }
            for batch in now.chunks(self.options.batch_rows) {
                let of_step = self.step(batch, ease)?;
                loss += f64::from(of_step);
                steps += 1;
                advance(batch.len(), of_step);
            }
        }
        let counted = self.epoch.saturating_sub(FIRST_MEAN - 1).max(1);
        self.mean.approach(&self.weights, 1.0 / counted as f32);
        let held = self.judge_held();
        let is_best = self.best.as_ref().is_none_or(|(best, ..)| held > *best);
        if is_best {
            self.best = Some((held, self.epoch, self.mean.clone()));
        }
        Ok(Epoch { number: self.epoch, loss: loss / steps.max(1) as f64, held, is_best })
    }

    /// Which rows are gone through, in which order: the number of each, and a seed of its own.
    fn order(&self) -> Vec<(usize, u64)> {
        let mut rng = Rng::with_seed(self.options.seed ^ (self.epoch as u64) << 32);
        let mut order = Vec::new();
        for (at, Taught { weight, .. }) in self.taught.iter().enumerate() {
            let copies = weight.floor() as usize + usize::from(rng.f32() < weight.fract());
            order.extend((0..copies).map(|_| (at, rng.u64(..))));
        }
        rng.shuffle(&mut order);
        order
    }

    fn ready(&self, chunk: &[(usize, u64)], _: usize) -> Vec<Example> {
        let tools = || (Folded::default(), Features::default());
        let ready = |(folded, features): &mut (Folded, Features), &(at, seed): &(usize, u64)| {
            let Taught { row, is_disguised, .. } = &self.taught[at];
            let mut rng = Rng::with_seed(seed);
            match rng.u8(..100) {
                _ if !is_disguised => folded.fold(&row.text),
                percent if percent < self.options.evaded_percent => folded.fold(&evaded(&mut rng, &row.text)),
                percent if percent < self.options.evaded_percent + self.options.masked_percent => {
                    folded.fold(&masked(&mut rng, &row.text));
                }
                _ if !row.truth.contains(&Some(true)) && rng.u8(..100) < self.options.cropped_percent => {
                    folded.fold(cropped(&mut rng, &row.text));
                }
                _ => folded.fold(&row.text),
            }
            features.take(folded);
            let kept = |_: &&u64| rng.u8(..100) >= self.options.dropout_percent;
            let rows = features.hashes().iter().filter(kept).map(|&hash| self.weights.row(hash)).collect();
            Example { rows, truth: row.truth }
        };
        chunk.par_iter().map_init(tools, ready).collect()
    }

    fn step(&mut self, batch: &[Example], ease: f32) -> Result<f32, TrainError> {
        let pooled = batch.iter().flat_map(|example| self.weights.pool(&example.rows)).collect();
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for truth in batch.iter().flat_map(|example| &example.truth) {
            targets.push(f32::from(u8::from(*truth == Some(true))));
            weights.push(f32::from(u8::from(truth.is_some())));
        }
        let head = Batch { pooled, targets: &targets, weights: &weights };
        let rate = self.options.head_rate * ease;
        let (loss, gradients) = self.head.step(&mut self.weights.head, head, rate, self.options.decay)?;
        // The loss is a mean over the batch; a row's own share of it must not depend on how many are with it.
        let scale = batch.len() as f32;
        for (example, gradient) in batch.iter().zip(&gradients) {
            let gradient = gradient.map(|number| number * scale);
            self.bag.step(&mut self.weights, &example.rows, &gradient, self.options.table_rate * ease);
        }
        Ok(loss)
    }

    fn judge_held(&self) -> f64 {
        let judged = self.judged_by(|features| {
            let rows: Vec<u32> = features.hashes().iter().map(|&hash| self.mean.row(hash)).collect();
            self.mean.head.logits(&self.mean.pool(&rows)).map(super::model::sigmoid)
        });
        let sources = self.held.iter().map(|held| held.source + 1).max().unwrap_or(0);
        let of_source = |source| {
            let here =
                self.held.iter().zip(&judged).filter(|(held, _)| held.source == source && is_tuned_on(held.row.group));
            mean_macro_f1(&here.map(|(_, judged)| judged.clone()).collect::<Vec<_>>())
        };
        let all: Vec<f64> = (0..sources).filter_map(of_source).collect();
        all.iter().sum::<f64>() / all.len().max(1) as f64
    }

    fn judged_by(&self, scores: impl Fn(&Features) -> Scores + Sync) -> Vec<Judged> {
        self.judged_as(|row| row.text.clone(), scores)
    }

    /// What is held out, written in some way.
    fn judged_as(
        &self,
        written: impl Fn(&Row) -> String + Sync,
        scores: impl Fn(&Features) -> Scores + Sync,
    ) -> Vec<Judged> {
        let tools = || (Folded::default(), Features::default());
        let judge = |(folded, features): &mut (Folded, Features), held: &Held| {
            folded.fold(&written(&held.row));
            features.take(folded);
            Judged { truth: held.row.truth, scores: scores(features), language: features.language() }
        };
        self.held.par_iter().map_init(tools, judge).collect()
    }

    /// Ends the training: the best epoch's weights, made small and calibrated on what was held out.
    #[must_use]
    pub fn finish(self) -> Trained {
        let mut weights = self.best.as_ref().map_or_else(|| self.mean.clone(), |(.., weights)| weights.clone());
        // What no text taught says nothing, and is known by it.
        let taught = self.bag.squares.iter().map(|squares| squares.iter().any(|sum| *sum > 0.0));
        let taught = taught.chain(std::iter::repeat(false));
        weights.table.iter_mut().zip(taught).filter(|(_, is_taught)| !is_taught).for_each(|(row, _)| *row = [0.0; DIM]);
        let mut model = weights.quantized();
        let logits = |features: &Features| model.logits(features.hashes());
        // A half must mean the same of texts whose numbers and links somebody masked.
        let masked = |row: &Row| masked(&mut Rng::with_seed(row.group), &row.text);
        let sample = |(held, judged): (&Held, Judged)| Sample {
            source: held.source,
            truth: judged.truth,
            logits: judged.scores,
            language: judged.language,
        };
        let both = [self.judged_by(logits), self.judged_as(masked, logits)];
        let tuned = both.into_iter().flat_map(|judged| self.held.iter().zip(judged));
        let samples: Vec<Sample> = tuned.filter(|(held, _)| is_tuned_on(held.row.group)).map(sample).collect();
        model.calibrations = calibrate(&samples);
        Trained { weights, model, held: self.held }
    }
}

/// What a training made.
pub struct Trained {
    /// Before they were made small.
    pub weights: Weights,
    /// What serves.
    pub model: Model,
    /// What it never learnt from, and was calibrated on.
    pub held: Vec<Held>,
}

/// Whether a group of rows is held out. Another multiplier than that of the table, so that both have nothing to do with one another.
#[must_use]
pub fn is_held(group: u64, percent: u8) -> bool {
    let spread = group.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32;
    spread % 100 < u64::from(percent)
}

/// Whether a group of what is held out chooses the epoch, calibrates and sets thresholds, or is only measured on: what was chosen by
/// a text must not be measured on it.
#[must_use]
pub fn is_tuned_on(group: u64) -> bool {
    (group.wrapping_mul(0xA076_1D64_78BD_642F) >> 40) & 1 == 0
}

/// A few characters in a row, whole words where there are spaces.
fn cropped<'a>(rng: &mut Rng, text: &'a str) -> &'a str {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let (from, length) = (rng.usize(..=starts.len()), rng.usize(CROPPED_CHARS));
    let from = starts.get(from).copied().unwrap_or(0);
    let word = text[from..].find(' ').filter(|&space| space < WORD_BYTES_MAX && from > 0).map_or(0, |space| space + 1);
    let rest = &text[from + word..];
    let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
    let word = rest[end..].find(' ').filter(|&space| space < WORD_BYTES_MAX).unwrap_or(0);
    &rest[..end + word]
}

/// What costs most is drawn twice as often as the others.
const TWICE: [Evasion; 2] = [Evasion::Shuffle, Evasion::Digits];

/// One or two evasions, of some of the letters or of nearly all.
fn evaded(rng: &mut Rng, text: &str) -> String {
    let times = 1 + usize::from(rng.u8(..4) == 0);
    (0..times).fold(text.to_owned(), |text, _| {
        let drawn = rng.usize(..Evasion::ALL.len() + TWICE.len());
        let evasion = Evasion::ALL.into_iter().chain(TWICE).nth(drawn).expect("it is one of them");
        let percent = [10, 20, 40, 80][rng.usize(..4)];
        evasion.apply(rng, &text, percent)
    })
}
