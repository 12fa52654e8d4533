//! The table under training: Adagrad on the rows that a batch touches, and no others. candle's own gradient of a table is as large as
//! the table, which costs a hundred times as much a step.

use crate::classify::labels::LABELS;
use crate::classify::model::{DEEP, DIM, share};
use crate::classify::weights::Weights;

/// Sums of squared gradients of a row: one of the numbers that go through the hidden layer, which move together, and one for each
/// label, so that what one label asks of a common gram does not slow down another.
pub(super) const SUMS: usize = 1 + LABELS;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct BagTrainer {
    pub(super) squares: Vec<[f32; SUMS]>,
}

/// What keeps the first step of a row whole.
const EPSILON: f32 = 1e-10;
/// What a label's sum begins with: where the first gradient is small, so is the first step.
const BEGUN: f32 = 0.01;

impl BagTrainer {
    /// Moves the rows of one text against the gradient by its pooled numbers.
    pub(super) fn step(&mut self, weights: &mut Weights, rows: &[u32], gradient: &[f32; DIM], rate: f32) {
        self.squares.resize(weights.table.len(), [0.0; SUMS]);
        let share = share(rows.len());
        let gradient = gradient.map(|number| number * share);
        let (deep, labels) = gradient.split_at(DEEP);
        let square = deep.iter().map(|number| number * number).sum::<f32>() / DEEP as f32;
        for &row in rows {
            let numbers = weights.table[row as usize].split_at_mut(DEEP);
            let (of_deep, of_labels) = self.squares[row as usize].split_at_mut(1);
            of_deep[0] += square;
            let step = rate / (of_deep[0].sqrt() + EPSILON);
            numbers.0.iter_mut().zip(deep).for_each(|(number, gradient)| *number -= step * gradient);
            for ((number, sum), gradient) in numbers.1.iter_mut().zip(of_labels).zip(labels) {
                *sum += gradient * gradient;
                *number -= rate * gradient / (*sum + BEGUN).sqrt();
            }
        }
    }
}
