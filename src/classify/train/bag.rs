//! The table under training: row-wise Adagrad on the rows that a batch touches, and no others. candle's own gradient of a table is as
//! large as the table, which costs a hundred times as much a step.

use crate::classify::model::{DIM, share};
use crate::classify::weights::Weights;

/// One sum of squared gradients a row.
#[derive(Clone, Debug, Default)]
pub(super) struct BagTrainer {
    pub(super) squares: Vec<f32>,
}

/// What keeps the first step of a row whole.
const EPSILON: f32 = 1e-10;

impl BagTrainer {
    /// Moves the rows of one text against the gradient by its pooled numbers.
    pub(super) fn step(&mut self, weights: &mut Weights, rows: &[u32], gradient: &[f32; DIM], rate: f32) {
        self.squares.resize(weights.table.len(), 0.0);
        let share = share(rows.len());
        let gradient = gradient.map(|number| number * share);
        let square = gradient.iter().map(|number| number * number).sum::<f32>() / DIM as f32;
        for &row in rows {
            let sum = &mut self.squares[row as usize];
            *sum += square;
            let step = rate / (sum.sqrt() + EPSILON);
            let numbers = &mut weights.table[row as usize];
            numbers.iter_mut().zip(&gradient).for_each(|(number, gradient)| *number -= step * gradient);
        }
    }
}
