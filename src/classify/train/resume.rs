//! A training that was stopped, as bytes: weights, what the optimizers remember, the best so far.

use safetensors::tensor::SafeTensors;

use crate::classify::model::{DIM, Head};
use crate::classify::store::{self, StoreError, Tensor};
use crate::classify::weights::Weights;

use super::Trainer;

/// Why a stopped training cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The bytes are none.
    #[error(transparent)]
    Bytes(#[from] StoreError),
    /// It was another training.
    #[error(
        "the training that was stopped was another one: {found}, and this is {expected}; name another folder, or begin anew without --resume"
    )]
    Other {
        /// What was stopped.
        found: String,
        /// What is to go on.
        expected: String,
    },
}

impl Trainer {
    /// What a training must share with the one that goes on with it.
    fn identity(&self) -> String {
        let (taught, held) = self.sizes();
        format!("{:?}, {taught} texts, {held} held out", self.options)
    }

    /// The training as it stands between two epochs.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let of_best =
            self.best.as_ref().map_or((0.0, 0, &self.weights), |(held, epoch, weights)| (*held, *epoch, weights));
        let rows = self.weights.table.len();
        let numbers = [self.epoch as f32, of_best.1 as f32, of_best.0 as f32, self.head.steps() as f32];
        let mut squares = self.bag.squares.clone();
        squares.resize(rows, 0.0);
        let best_head: Vec<f32> = of_best.2.head.numbers().collect();
        let mean_head: Vec<f32> = self.mean.head.numbers().collect();
        let head: Vec<f32> = self.weights.head.numbers().collect();
        let memory = self.head.memory(head.len());
        let tensors = [
            Tensor::floats("best_head", &[best_head.len()], &best_head),
            Tensor::floats("best_table", &[rows, DIM], of_best.2.table.as_flattened()),
            Tensor::floats("head", &[head.len()], &head),
            Tensor::floats("head_memory", &[memory.len()], &memory),
            Tensor::floats("mean_head", &[head.len()], &mean_head),
            Tensor::floats("mean_table", &[rows, DIM], self.mean.table.as_flattened()),
            Tensor::floats("numbers", &[numbers.len()], &numbers),
            Tensor::floats("squares", &[rows], &squares),
            Tensor::floats("table", &[rows, DIM], self.weights.table.as_flattened()),
        ];
        store::write(&tensors, self.identity())
    }

    /// Goes on where another one of the same options and texts stood.
    ///
    /// # Errors
    /// [`ResumeError`]; the training is as it was then.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<(), ResumeError> {
        let (found, expected) = (store::about(bytes)?, self.identity());
        if found != expected {
            return Err(ResumeError::Other { found, expected });
        }
        let file = SafeTensors::deserialize(bytes).map_err(StoreError::from)?;
        let rows = self.weights.table.len();
        let head_len = self.weights.head.numbers().count();
        let table = |name| -> Result<Vec<[f32; DIM]>, StoreError> {
            Ok(store::floats(&file, name, &[Some(rows), Some(DIM)])?.as_chunks::<DIM>().0.to_vec())
        };
        let head = |name| -> Result<Head, StoreError> {
            Ok(Head::of_numbers(&store::floats(&file, name, &[Some(head_len)])?))
        };
        let numbers = store::floats(&file, "numbers", &[Some(4)])?;
        let weights = Weights { table: table("table")?, head: head("head")? };
        let mean = Weights { table: table("mean_table")?, head: head("mean_head")? };
        let best = Weights { table: table("best_table")?, head: head("best_head")? };
        let squares = store::floats(&file, "squares", &[Some(rows)])?;
        let memory = store::floats(&file, "head_memory", &[Some(2 * head_len)])?;
        (self.epoch, self.weights, self.bag.squares) = (numbers[0] as usize, weights, squares);
        self.mean = mean;
        self.best = (numbers[1] > 0.0).then(|| (f64::from(numbers[2]), numbers[1] as usize, best));
        self.head.remember(&memory, numbers[3] as i32);
        Ok(())
    }
}
