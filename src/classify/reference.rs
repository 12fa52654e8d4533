//! The same model run by candle's tensors: slow, and what the loop that serves is checked against.

use candle_core::{Device, Tensor};

use super::labels::LABELS;
use super::model::{DIM, HIDDEN, Head, Model, Scores, share};
use super::weights::Weights;

/// A model as tensors.
#[derive(Clone, Debug)]
pub struct Reference {
    /// `[rows, DIM]`
    table: Tensor,
    tensors: HeadTensors,
}

/// The head: `[DIM, HIDDEN]`, `[HIDDEN]`, `[HIDDEN, LABELS]`, `[LABELS]`.
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
            hidden: Tensor::from_vec(hidden, (DIM, HIDDEN), device)?,
            hidden_bias: Tensor::from_slice(&head.hidden_bias, HIDDEN, device)?,
            out: Tensor::from_vec(out, (LABELS, HIDDEN), device)?.t()?.contiguous()?,
            out_bias: Tensor::from_slice(&head.out_bias, LABELS, device)?,
        })
    }

    /// `[n, DIM]` → `[n, LABELS]`
    pub(super) fn logits(&self, pooled: &Tensor) -> candle_core::Result<Tensor> {
        let hidden = pooled.matmul(&self.hidden)?.broadcast_add(&self.hidden_bias)?.relu()?;
        hidden.matmul(&self.out)?.broadcast_add(&self.out_bias)
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
}
