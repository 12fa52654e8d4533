//! A training that was stopped, as bytes: weights, what the optimizers remember, the best so far.

use safetensors::tensor::SafeTensors;

use crate::classify::model::{DIM, Head};
use crate::classify::store::{self, StoreError, Tensor};
use crate::classify::weights::Weights;

use super::Trainer;
use super::bag::SUMS;

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
        squares.resize(rows, [0.0; SUMS]);
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
            Tensor::floats("squares", &[rows, SUMS], squares.as_flattened()),
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
        let squares = store::floats(&file, "squares", &[Some(rows), Some(SUMS)])?.as_chunks::<SUMS>().0.to_vec();
        let memory = store::floats(&file, "head_memory", &[Some(2 * head_len)])?;
        (self.epoch, self.weights, self.bag.squares) = (numbers[0] as usize, weights, squares);
        self.mean = mean;
        self.best = (numbers[1] > 0.0).then(|| (f64::from(numbers[2]), numbers[1] as usize, best));
        self.head.remember(&memory, numbers[3] as i32);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::labels::LABELS;
    use crate::classify::train::{Material, Options};
    use crate::classify::{Label, Row};

    fn trainer(seed: u64) -> Trainer {
        let row = |at: usize| {
            let mut truth = [Some(false); LABELS];
            truth[Label::Gambling as usize] = Some(at.is_multiple_of(2));
            let text = if at.is_multiple_of(2) {
                format!("真人百家乐第{at}桌，注册送彩金")
            } else {
                format!("今晚{at}点吃饭")
            };
            Row::new(text, truth)
        };
        let rows = (0..60).map(row).collect();
        let material = Material { name: "m".into(), rows, weight: 1.0, held_percent: 30, is_disguised: true };
        let options =
            Options { table_rows: 256, epochs_max: 4, patience: 4, batch_rows: 8, seed, ..Options::default() };
        Trainer::new(options, vec![material])
    }

    #[test]
    fn a_training_that_was_stopped_ends_as_one_that_was_not() {
        let (mut whole, mut first) = (trainer(7), trainer(7));
        for _ in 0..2 {
            whole.epoch(|_, _| ()).unwrap();
            first.epoch(|_, _| ()).unwrap();
        }
        let mut second = trainer(7);
        second.resume(&first.to_bytes()).unwrap();
        assert_eq!(second.epochs(), 2);
        for _ in 0..2 {
            let (a, b) = (whole.epoch(|_, _| ()).unwrap(), second.epoch(|_, _| ()).unwrap());
            assert_eq!(a.loss, b.loss);
        }
        let (whole, second) = (whole.finish(), second.finish());
        assert!(whole.weights == second.weights && whole.model == second.model);
    }

    #[test]
    fn another_training_is_not_gone_on_with() {
        let bytes = trainer(7).to_bytes();
        let error = trainer(8).resume(&bytes).unwrap_err();
        assert!(matches!(error, ResumeError::Other { .. }) && error.to_string().contains("--resume"), "{error}");
        assert!(matches!(trainer(7).resume(&bytes[..bytes.len() / 2]), Err(ResumeError::Bytes(_))));
    }
}
