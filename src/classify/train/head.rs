//! One step of the head: candle works out the loss and every gradient; Adam is applied by hand to the few thousand numbers.

use candle_core::{Device, Tensor, Var};

use crate::classify::labels::LABELS;
use crate::classify::model::{DEEP, DIM, HIDDEN, Head};
use crate::classify::reference::HeadTensors;

/// Decay of the means of gradients and of their squares, and what keeps a division whole: Kingma and Ba's own.
const MEAN: f32 = 0.9;
const SQUARE: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Adam with decoupled weight decay, over the numbers of one tensor.
#[derive(Clone, Debug, Default)]
struct Adam {
    means: Vec<f32>,
    squares: Vec<f32>,
}

/// The optimizer's memory of the head.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadTrainer {
    hidden: Adam,
    hidden_bias: Adam,
    out: Adam,
    out_bias: Adam,
    steps: i32,
}

/// A batch as the head sees it; all lists are rows after rows.
pub(super) struct Batch<'a> {
    /// `[n, DIM]`
    pub(super) pooled: Vec<f32>,
    /// `[n, LABELS]`: 1 or 0.
    pub(super) targets: &'a [f32],
    /// `[n, LABELS]`: the weight of each cell in the loss; 0 where nobody said.
    pub(super) weights: &'a [f32],
}

impl HeadTrainer {
    /// Steps so far.
    pub(super) fn steps(&self) -> i32 {
        self.steps
    }

    fn parts(&self) -> [&Adam; 4] {
        [&self.hidden, &self.hidden_bias, &self.out, &self.out_bias]
    }

    /// What Adam remembers of a head of so many numbers: the means, then the means of squares.
    pub(super) fn memory(&self, numbers: usize) -> Vec<f32> {
        let mut memory: Vec<f32> = self.parts().into_iter().flat_map(|part| part.means.iter().copied()).collect();
        memory.resize(numbers, 0.0);
        memory.extend(self.parts().into_iter().flat_map(|part| part.squares.iter().copied()));
        memory.resize(2 * numbers, 0.0);
        memory
    }

    /// Takes that back.
    pub(super) fn remember(&mut self, memory: &[f32], steps: i32) {
        let (mut means, mut squares) = memory.split_at(memory.len() / 2);
        let lengths = [DEEP * HIDDEN, HIDDEN, LABELS * HIDDEN, LABELS];
        let parts = [&mut self.hidden, &mut self.hidden_bias, &mut self.out, &mut self.out_bias];
        for (part, length) in parts.into_iter().zip(lengths) {
            (part.means, means) = (means[..length].to_vec(), &means[length..]);
            (part.squares, squares) = (squares[..length].to_vec(), &squares[length..]);
        }
        self.steps = steps;
    }

    /// One step; gives the loss and its gradient by the pooled numbers.
    pub(super) fn step(
        &mut self,
        head: &mut Head,
        batch: Batch<'_>,
        rate: f32,
        decay: f32,
    ) -> candle_core::Result<(f32, Vec<[f32; DIM]>)> {
        let device = &Device::Cpu;
        let n = batch.targets.len() / LABELS;
        let pooled = Var::from_vec(batch.pooled, (n, DIM), device)?;
        let targets = Tensor::from_slice(batch.targets, (n, LABELS), device)?;
        let weights = Tensor::from_slice(batch.weights, (n, LABELS), device)?;
        let of_head = HeadTensors::of(head)?;
        let vars = [&of_head.hidden, &of_head.hidden_bias, &of_head.out, &of_head.out_bias].map(Var::from_tensor);
        let [hidden, hidden_bias, out, out_bias] = vars;
        let (hidden, hidden_bias, out, out_bias) = (hidden?, hidden_bias?, out?, out_bias?);
        let tensors = HeadTensors {
            hidden: hidden.as_tensor().clone(),
            hidden_bias: hidden_bias.as_tensor().clone(),
            out: out.as_tensor().clone(),
            out_bias: out_bias.as_tensor().clone(),
        };
        let logits = tensors.logits(pooled.as_tensor())?;
        let loss = (loss(&logits, &targets)? * weights)?.sum_all()?.affine(1.0 / n as f64, 0.0)?;
        let gradients = loss.backward()?;
        let of = |var: &Var| -> candle_core::Result<Vec<f32>> {
            let gradient = gradients
                .get(var.as_tensor())
                .ok_or_else(|| candle_core::Error::Msg("a part of the head has no gradient".into()))?;
            gradient.flatten_all()?.to_vec1()
        };
        self.steps += 1;
        let adam = Step { rate, decay, steps: self.steps };
        self.hidden.apply(head.hidden.as_flattened_mut(), &of(&hidden)?, adam);
        self.hidden_bias.apply(&mut head.hidden_bias, &of(&hidden_bias)?, Step { decay: 0.0, ..adam });
        let gradient = of(&out)?;
        let transposed: Vec<f32> =
            (0..LABELS).flat_map(|label| gradient.iter().skip(label).step_by(LABELS).copied()).collect();
        self.out.apply(head.out.as_flattened_mut(), &transposed, adam);
        self.out_bias.apply(&mut head.out_bias, &of(&out_bias)?, Step { decay: 0.0, ..adam });
        Ok((loss.to_scalar()?, of(&pooled)?.as_chunks::<DIM>().0.to_vec()))
    }
}

/// The cross entropy of each cell, from logits: `max(z, 0) − z·y + ln(1 + e^−|z|)`, which overflows nowhere.
fn loss(logits: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
    let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    (logits.relu()? - logits.mul(targets)?)? + tail
}

#[derive(Clone, Copy)]
struct Step {
    rate: f32,
    decay: f32,
    steps: i32,
}

impl Adam {
    fn apply(&mut self, numbers: &mut [f32], gradient: &[f32], step: Step) {
        self.means.resize(numbers.len(), 0.0);
        self.squares.resize(numbers.len(), 0.0);
        let (of_means, of_squares) = (1.0 - MEAN.powi(step.steps), 1.0 - SQUARE.powi(step.steps));
        let memory = self.means.iter_mut().zip(&mut self.squares);
        for ((number, &gradient), (mean, square)) in numbers.iter_mut().zip(gradient).zip(memory) {
            *mean += (1.0 - MEAN) * (gradient - *mean);
            *square += (1.0 - SQUARE) * (gradient * gradient - *square);
            *number -=
                step.rate * ((*mean / of_means) / ((*square / of_squares).sqrt() + EPSILON) + step.decay * *number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::weights::Weights;

    /// The gradient is that of the loss: a small step along a number changes the loss by as much as it says.
    #[test]
    fn the_gradient_by_the_pooled_numbers_is_that_of_the_loss() {
        let head = Weights::random(16, 3).head;
        let pooled: Vec<f32> = (0..2 * DIM).map(|at| (at as f32 * 0.37).sin()).collect();
        let (mut targets, mut weights) = ([0.0; 2 * LABELS], [1.0; 2 * LABELS]);
        (targets[1], targets[9], weights[3]) = (1.0, 1.0, 0.0);
        let loss_at = |pooled: Vec<f32>| {
            let batch = Batch { pooled, targets: &targets, weights: &weights };
            HeadTrainer::default().step(&mut head.clone(), batch, 0.0, 0.0).unwrap()
        };
        let (loss, gradient) = loss_at(pooled.clone());
        for at in [0, 7, DIM, 2 * DIM - 1] {
            let mut moved = pooled.clone();
            moved[at] += 1e-2;
            let slope = (loss_at(moved).0 - loss) / 1e-2;
            assert!((slope - gradient[at / DIM][at % DIM]).abs() < 2e-2, "{at}: {slope} {gradient:?}");
        }
    }

    #[test]
    fn what_nobody_said_teaches_nothing() {
        let before = Weights::random(16, 3).head;
        let mut head = before.clone();
        let batch = Batch { pooled: vec![0.5; DIM], targets: &[1.0; LABELS], weights: &[0.0; LABELS] };
        let (loss, gradient) = HeadTrainer::default().step(&mut head, batch, 0.1, 0.0).unwrap();
        assert!(loss == 0.0 && gradient[0] == [0.0; DIM] && head == before);
    }
}
