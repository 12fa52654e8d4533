//! The model that serves: an int8 table of rows, a small head, and one calibration a label and language.
//!
//! Arrays have fixed sizes, so that every loop is unrolled and laid out in vector registers: that, not the bytes saved, makes
//! most of the speed (a first version over slices of run-time length was ten times slower).

use std::sync::Arc;

use crate::text::Folded;

use super::features::Features;
use super::labels::{LABELS, LANGUAGES, Label, Language};
use super::store::StoreError;

/// Numbers of a row: [`DEEP`] for the hidden layer, then one a label.
pub const DIM: usize = 32;
/// Numbers of a row that go through the hidden layer. The others are added to the logits as they are: what a gram says of a label by
/// itself, learnt by nothing but that label.
pub(super) const DEEP: usize = DIM - LABELS;
/// Units of the hidden layer.
pub const HIDDEN: usize = 64;
/// Grams that every text is read as having besides its own, which say nothing: a word alone must not be as sure as a sentence.
const SILENT_GRAMS: f32 = 32.0;
/// Rows between two emptyings of the 16-bit sums: 256 × 255 is the most that 16 bits hold.
const ROWS_AT_ONCE: usize = 256;

/// One probability a label, in the order of [`Label::ALL`].
pub type Scores = [f32; LABELS];

/// The head in 32-bit floats: pooled → rectified hidden layer → logits, to which the pooled numbers of the labels are added.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// For each of the pooled numbers, its weight for each hidden unit.
    pub(super) hidden: [[f32; HIDDEN]; DEEP],
    pub(super) hidden_bias: [f32; HIDDEN],
    /// For each label, the weight of each hidden unit.
    pub(super) out: [[f32; HIDDEN]; LABELS],
    pub(super) out_bias: [f32; LABELS],
}

/// A logit `z` becomes the probability `sigmoid(slope · z + offset)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The inverse of a temperature.
    pub slope: f32,
    /// What the share of the label on the calibrating texts asks for.
    pub offset: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { slope: 1.0, offset: 0.0 }
    }
}

/// By language and label.
pub type Calibrations = [[Calibration; LABELS]; LANGUAGES];

/// By language, the probability from which each label may be acted on.
pub type Thresholds = [Scores; LANGUAGES];

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Numbers of the table above their smallest, −128.
    pub(super) table: Box<[[u8; DIM]]>,
    /// What one step is worth in each column.
    pub(super) steps: [f32; DIM],
    pub(super) head: Box<Head>,
    pub(super) calibrations: Calibrations,
    /// By language: from which probability on a label may be acted on, together with another signal.
    pub(super) act: Thresholds,
}

impl Model {
    /// Rows of the table: a power of two.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.table.len()
    }

    /// The sum of the rows of these grams by the root of their number.
    fn pool(&self, hashes: &[u64]) -> [f32; DIM] {
        let shift = 64 - self.table.len().trailing_zeros();
        let mut sums = [0_u32; DIM];
        for hashes in hashes.chunks(ROWS_AT_ONCE) {
            let mut few = [0_u16; DIM];
            for &hash in hashes {
                let row = &self.table[(hash >> shift) as usize & (self.table.len() - 1)];
                few.iter_mut().zip(row).for_each(|(sum, &number)| *sum += u16::from(number));
            }
            sums.iter_mut().zip(few).for_each(|(sum, few)| *sum += u32::from(few));
        }
        let zero = 128.0 * hashes.len() as f32;
        let share = share(hashes.len());
        std::array::from_fn(|column| (sums[column] as f32 - zero) * self.steps[column] * share)
    }

    /// How many of these grams are in rows that no text of the training had: those are nought in every column, which nothing that was
    /// learnt leaves behind.
    #[must_use]
    pub fn unseen(&self, hashes: &[u64]) -> usize {
        let shift = 64 - self.table.len().trailing_zeros();
        let is_unseen = |hash: &&u64| self.table[(**hash >> shift) as usize & (self.table.len() - 1)] == [128; DIM];
        hashes.iter().filter(is_unseen).count()
    }

    /// From which probability on each label may be acted on, together with another signal.
    #[must_use]
    pub fn act(&self) -> &Thresholds {
        &self.act
    }

    /// The same model with other thresholds.
    #[must_use]
    pub fn with_act(self, act: Thresholds) -> Self {
        Self { act, ..self }
    }

    /// The logits of these grams, before calibration. Logits of no gram at all are those of the biases.
    #[must_use]
    pub fn logits(&self, hashes: &[u64]) -> Scores {
        self.head.logits(&self.pool(hashes))
    }

    /// The probabilities of a text. One without any gram says nothing: all are 0.
    #[must_use]
    pub fn scores(&self, features: &Features) -> Scores {
        if features.hashes().is_empty() {
            return [0.0; LABELS];
        }
        self.calibrated(&self.logits(features.hashes()), features.language())
    }

    /// Logits as probabilities.
    #[must_use]
    pub fn calibrated(&self, logits: &Scores, language: Language) -> Scores {
        let calibrations = &self.calibrations[language as usize];
        std::array::from_fn(|label| calibrations[label].probability(logits[label]))
    }
}

impl Calibration {
    /// See the type.
    #[must_use]
    pub fn probability(self, logit: f32) -> f32 {
        sigmoid(self.slope * logit + self.offset)
    }
}

impl Head {
    /// All numbers, in a fixed order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f32> {
        let weights = self.hidden.as_flattened().iter().chain(&self.hidden_bias);
        weights.chain(self.out.as_flattened()).chain(&self.out_bias).copied()
    }

    /// The head of these numbers; missing ones are 0.
    pub(super) fn of_numbers(numbers: &[f32]) -> Self {
        let mut numbers = numbers.iter().copied();
        let mut next = |_| numbers.next().unwrap_or(0.0);
        Self {
            hidden: std::array::from_fn(|_| std::array::from_fn(&mut next)),
            hidden_bias: std::array::from_fn(&mut next),
            out: std::array::from_fn(|_| std::array::from_fn(&mut next)),
            out_bias: std::array::from_fn(&mut next),
        }
    }

    pub(super) fn logits(&self, pooled: &[f32; DIM]) -> Scores {
        let mut hidden = self.hidden_bias;
        for (weights, &number) in self.hidden.iter().zip(&pooled[..DEEP]) {
            hidden.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += weight * number);
        }
        let hidden = hidden.map(|unit| unit.max(0.0));
        std::array::from_fn(|label| pooled[DEEP + label] + self.out_bias[label] + dot(&self.out[label], &hidden))
    }
}

/// What one of so many grams counts.
pub(super) fn share(grams: usize) -> f32 {
    1.0 / (grams as f32 + SILENT_GRAMS).sqrt()
}

/// Eight sums side by side, for one alone would wait for itself.
fn dot(a: &[f32; HIDDEN], b: &[f32; HIDDEN]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}

pub(super) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

/// A model with its name and the buffers' owner apart: share it between threads, give each its own [`Features`].
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The name of the model.
    pub name: Arc<str>,
    /// Sixteen hexadecimal digits over its file.
    pub id: Arc<str>,
    /// The model.
    pub model: Arc<Model>,
}

impl Classifier {
    /// Reads a model's file.
    ///
    /// # Errors
    /// [`StoreError`], if it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let (model, name) = Model::from_bytes(bytes)?;
        let id = blake3::hash(bytes).to_hex()[..16].into();
        Ok(Self { name: name.into(), id, model: Arc::new(model) })
    }

    /// The probabilities of a folded text.
    pub fn scores(&self, folded: &Folded, features: &mut Features) -> Scores {
        features.take(folded);
        self.model.scores(features)
    }

    /// The probabilities of many texts, in their order.
    #[must_use]
    pub fn scores_of<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Scores> {
        let (mut folded, mut features) = (Folded::default(), Features::default());
        let score = |text: &T| {
            folded.fold(text.as_ref());
            self.scores(&folded, &mut features)
        };
        texts.iter().map(score).collect()
    }

    /// The labels whose probability reaches the act threshold of the language, in order.
    pub fn acted(&self, scores: &Scores, language: Language) -> impl Iterator<Item = Label> {
        let (act, scores) = (self.model.act[language as usize], *scores);
        Label::ALL.into_iter().filter(move |&label| scores[label as usize] >= act[label as usize])
    }
}
