//! The same model run by candle's tensors: slow, and what the loop that serves is checked against.

use candle_core::{Device, Tensor};

use super::labels::LABELS;
use super::model::{DEEP, DIM, HIDDEN, Head, Model, Scores, share};
use super::weights::Weights;

/// A model as tensors.
#[derive(Clone, Debug)]
pub struct Reference {
    /// `[rows, DIM]`
    table: Tensor,
    tensors: HeadTensors,
}

/// The head: `[DEEP, HIDDEN]`, `[HIDDEN]`, `[HIDDEN, LABELS]`, `[LABELS]`.
#[derive(Clone, Debug)]
pub(super) struct HeadTensors {
    pub(super) hidden: Tensor,
    pub(super) hidden_bias: Tensor,
    pub(super) out: Tensor,
    pub(super) out_bias: Tensor,
}

impl HeadTensors {
    pub(super) fn of(head: &Head) -> candle_core::Result<Self> {
        let device = &Device::Cpu;
        let hidden: Vec<f32> = head.hidden.iter().flatten().copied().collect();
        let out: Vec<f32> = head.out.iter().flatten().copied().collect();
        Ok(Self {
            hidden: Tensor::from_vec(hidden, (DEEP, HIDDEN), device)?,
            hidden_bias: Tensor::from_slice(&head.hidden_bias, HIDDEN, device)?,
            out: Tensor::from_vec(out, (LABELS, HIDDEN), device)?.t()?.contiguous()?,
            out_bias: Tensor::from_slice(&head.out_bias, LABELS, device)?,
        })
    }

    /// `[n, DIM]` → `[n, LABELS]`
    pub(super) fn logits(&self, pooled: &Tensor) -> candle_core::Result<Tensor> {
        let hidden = pooled.narrow(1, 0, DEEP)?.matmul(&self.hidden)?.broadcast_add(&self.hidden_bias)?.relu()?;
        hidden.matmul(&self.out)?.broadcast_add(&self.out_bias)? + pooled.narrow(1, DEEP, LABELS)?
    }
}

impl Reference {
    /// The trained weights, before they were made small.
    ///
    /// # Errors
    /// What candle says.
    pub fn of_weights(weights: &Weights) -> candle_core::Result<Self> {
        let table: Vec<f32> = weights.table.iter().flatten().copied().collect();
        let table = Tensor::from_vec(table, (weights.table.len(), DIM), &Device::Cpu)?;
        Ok(Self { table, tensors: HeadTensors::of(&weights.head)? })
    }

    /// The model that serves, its table in floats again.
    ///
    /// # Errors
    /// What candle says.
    pub fn of_model(model: &Model) -> candle_core::Result<Self> {
        let number = |(column, &number): (usize, &u8)| (f32::from(number) - 128.0) * model.steps[column];
        let table: Vec<f32> = model.table.iter().flat_map(|row| row.iter().enumerate().map(number)).collect();
        let table = Tensor::from_vec(table, (model.table.len(), DIM), &Device::Cpu)?;
        Ok(Self { table, tensors: HeadTensors::of(&model.head)? })
    }

    /// The logits of the grams of one text, before calibration; those of the biases where there is none.
    ///
    /// # Errors
    /// What candle says.
    pub fn logits(&self, hashes: &[u64]) -> candle_core::Result<Scores> {
        let rows = self.table.dim(0)? as u64;
        let shift = 64 - rows.trailing_zeros();
        let pooled = if hashes.is_empty() {
            Tensor::zeros((1, DIM), candle_core::DType::F32, &Device::Cpu)?
        } else {
            let indexes: Vec<u32> = hashes.iter().map(|hash| ((hash >> shift) & (rows - 1)) as u32).collect();
            let share = f64::from(share(indexes.len()));
            let indexes = Tensor::from_slice(&indexes, indexes.len(), &Device::Cpu)?;
            (self.table.index_select(&indexes, 0)?.sum_keepdim(0)? * share)?
        };
        let logits = self.tensors.logits(&pooled)?.squeeze(0)?.to_vec1::<f32>()?;
        Ok(std::array::from_fn(|label| logits[label]))
    }

    /// The logits of many texts at once, in their order.
    ///
    /// # Errors
    /// What candle says.
    pub fn logits_of(&self, texts: &[&[u64]]) -> candle_core::Result<Vec<Scores>> {
        let rows = self.table.dim(0)? as u64;
        let shift = 64 - rows.trailing_zeros();
        let (mut indexes, mut owners, mut shares) = (Vec::new(), Vec::new(), Vec::with_capacity(texts.len()));
        for (owner, hashes) in (0_u32..).zip(texts) {
            indexes.extend(hashes.iter().map(|hash| ((hash >> shift) & (rows - 1)) as u32));
            owners.resize(indexes.len(), owner);
            shares.push(share(hashes.len()));
        }
        let mut sums = Tensor::zeros((texts.len(), DIM), candle_core::DType::F32, &Device::Cpu)?;
        if !indexes.is_empty() {
            let grams = self.table.index_select(&Tensor::new(indexes, &Device::Cpu)?, 0)?;
            sums = sums.index_add(&Tensor::new(owners, &Device::Cpu)?, &grams, 0)?;
        }
        let shares = Tensor::from_vec(shares, (texts.len(), 1), &Device::Cpu)?;
        let logits = self.tensors.logits(&sums.broadcast_mul(&shares)?)?.to_vec2::<f32>()?;
        Ok(logits.into_iter().map(|logits| std::array::from_fn(|label| logits[label])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_texts_at_once_are_judged_as_one_by_one() {
        let reference = Reference::of_weights(&Weights::random(64, 5)).unwrap();
        let text = |grams: u64| (0..grams).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect::<Vec<u64>>();
        let texts = [text(3), text(0), text(40), text(1)];
        let few: Vec<&[u64]> = texts.iter().map(Vec::as_slice).collect();
        for (together, alone) in reference.logits_of(&few).unwrap().iter().zip(few) {
            let alone = reference.logits(alone).unwrap();
            assert!(together.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5), "{together:?} {alone:?}");
        }
        assert!(
            reference.logits_of(&[&[], &[]]).unwrap().iter().all(|logits| logits == &reference.logits(&[]).unwrap())
        );
    }
}
