//! The model as it is trained: 32-bit floats, from which the one that serves is made.

use fastrand::Rng;

use super::labels::{LABELS, LANGUAGES};
use super::model::{Calibration, DEEP, DIM, HIDDEN, Head, Model, share};

/// Table and head in 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// A power of two of rows.
    pub(super) table: Vec<[f32; DIM]>,
    pub(super) head: Head,
}

impl Weights {
    /// Small numbers of a seed; the table has `rows` rows, rounded up to a power of two.
    #[must_use]
    pub fn random(rows: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut uniform = |bound: f32| (rng.f32() * 2.0 - 1.0) * bound;
        let table = (0..rows.next_power_of_two())
            .map(|_| std::array::from_fn(|column| if column < DEEP { uniform(0.05) } else { 0.0 }))
            .collect();
        let (into_hidden, into_out) = ((6.0 / DEEP as f32).sqrt(), (6.0 / (HIDDEN + LABELS) as f32).sqrt());
        let head = Head {
            hidden: std::array::from_fn(|_| std::array::from_fn(|_| uniform(into_hidden))),
            hidden_bias: [0.0; HIDDEN],
            out: std::array::from_fn(|_| std::array::from_fn(|_| uniform(into_out))),
            out_bias: [-2.0; LABELS],
        };
        Self { table, head }
    }

    /// The sum of the rows of these grams by the root of their number.
    pub(super) fn pool(&self, rows: &[u32]) -> [f32; DIM] {
        let mut sums = [0.0_f32; DIM];
        for &row in rows {
            sums.iter_mut().zip(&self.table[row as usize]).for_each(|(sum, number)| *sum += number);
        }
        let share = share(rows.len());
        sums.map(|sum| sum * share)
    }

    /// Moves every number by that share towards another's.
    pub(super) fn approach(&mut self, other: &Self, share: f32) {
        let table = self.table.as_flattened_mut().iter_mut().zip(other.table.as_flattened());
        table.for_each(|(number, other)| *number += share * (other - *number));
        let head: Vec<f32> = self.head.numbers().zip(other.head.numbers()).map(|(a, b)| a + share * (b - a)).collect();
        self.head = Head::of_numbers(&head);
    }

    /// The row of a gram.
    pub(super) fn row(&self, hash: u64) -> u32 {
        (hash >> (64 - self.table.len().trailing_zeros())) as u32 & (self.table.len() as u32 - 1)
    }

    /// The model that serves: each column in steps of a 127th of its largest number. Cutting even one number in ten thousand off
    /// to have finer steps moved probabilities ten times as far as the coarser steps do.
    #[must_use]
    pub fn quantized(&self) -> Model {
        let largest = |column: usize| self.table.iter().fold(1e-6_f32, |largest, row| largest.max(row[column].abs()));
        let steps: [f32; DIM] = std::array::from_fn(|column| largest(column) / 127.0);
        let quantize = |row: &[f32; DIM]| {
            std::array::from_fn(|column| ((row[column] / steps[column]).round().clamp(-127.0, 127.0) + 128.0) as u8)
        };
        Model {
            table: self.table.iter().map(quantize).collect(),
            steps,
            head: Box::new(self.head.clone()),
            calibrations: [[Calibration::default(); LABELS]; LANGUAGES],
            act: [[0.5; LABELS]; LANGUAGES],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grams_of_rows_that_nobody_taught_are_counted() {
        let mut weights = Weights::random(64, 5);
        weights.table[3] = [0.0; DIM];
        let hash = |row: u64| row << 58 | 7;
        assert_eq!(weights.row(hash(3)), 3);
        assert_eq!(weights.quantized().unseen(&[hash(3), hash(4), hash(3), hash(63)]), 2);
    }
}
