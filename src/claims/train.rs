//! Training: from pairs of texts and claims to weights. Newton's method on a small, strictly convex loss, so the same texts give
//! the same weights on every machine.
//!
//! Weights are held near a prior by a Gaussian penalty (maximum a posteriori): what a few hundred examples do not speak about
//! stays as it was.

/// An example: inputs, whether it is one, and how much it counts.
#[derive(Clone, Debug)]
pub(super) struct Example<const N: usize> {
    /// What is known.
    pub(super) inputs: [f32; N],
    /// Whether it is what is looked for.
    pub(super) is_one: bool,
    /// How much it counts.
    pub(super) weight: f32,
}

const STEPS_MAX: usize = 60;

/// The weights that make the examples most likely, held near `prior` with the given strength (the inverse variance).
#[must_use]
pub(super) fn fit<const N: usize>(examples: &[Example<N>], prior: &[f32; N], strength: f64) -> [f32; N] {
    let mut weights = prior.map(f64::from);
    let mut loss = self::loss(examples, prior, strength, &weights);
    for _ in 0..STEPS_MAX {
        let (gradient, hessian) = slopes(examples, prior, strength, &weights);
        let step = solve(hessian, gradient);
        let mut size = 1.0;
        let better = loop {
            let next: [f64; N] = std::array::from_fn(|i| weights[i] - size * step[i]);
            let next_loss = self::loss(examples, prior, strength, &next);
            if next_loss < loss - 1e-10 {
                break Some((next, next_loss));
            }
            size /= 2.0;
            if size < 1e-6 {
                break None;
            }
        };
        match better {
            Some((next, next_loss)) => (weights, loss) = (next, next_loss),
            None => break,
        }
    }
    weights.map(|weight| weight as f32)
}

fn logit<const N: usize>(inputs: &[f32; N], weights: &[f64; N]) -> f64 {
    inputs.iter().zip(weights).map(|(&input, weight)| f64::from(input) * weight).sum()
}

fn loss<const N: usize>(examples: &[Example<N>], prior: &[f32; N], strength: f64, weights: &[f64; N]) -> f64 {
    let of = |example: &Example<N>| {
        let logit = logit(&example.inputs, weights);
        let against = if example.is_one { -logit } else { logit };
        f64::from(example.weight) * (against.max(0.0) + (-against.abs()).exp().ln_1p())
    };
    let away: f64 = weights.iter().zip(prior).map(|(weight, &prior)| (weight - f64::from(prior)).powi(2)).sum();
    examples.iter().map(of).sum::<f64>() + strength / 2.0 * away
}

/// Gradient and Hessian of the loss.
fn slopes<const N: usize>(
    examples: &[Example<N>],
    prior: &[f32; N],
    strength: f64,
    weights: &[f64; N],
) -> ([f64; N], [[f64; N]; N]) {
    let mut gradient: [f64; N] = std::array::from_fn(|i| strength * (weights[i] - f64::from(prior[i])));
    let mut hessian = [[0.0; N]; N];
    for example in examples {
        let likely = 1.0 / (1.0 + (-logit(&example.inputs, weights)).exp());
        let weight = f64::from(example.weight);
        let miss = weight * (likely - f64::from(u8::from(example.is_one)));
        let bend = weight * likely * (1.0 - likely);
        for (i, &a) in example.inputs.iter().enumerate().filter(|&(_, &a)| a != 0.0) {
            gradient[i] += miss * f64::from(a);
            for (sum, &b) in hessian[i].iter_mut().zip(&example.inputs) {
                *sum += bend * f64::from(a) * f64::from(b);
            }
        }
    }
    for (i, row) in hessian.iter_mut().enumerate() {
        row[i] += strength;
    }
    (gradient, hessian)
}

/// Solves a symmetric, positive definite system by Gauss's elimination.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for pivot in 0..N {
        for row in pivot + 1..N {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let (above, below) = matrix.split_at_mut(row);
            below[0].iter_mut().zip(&above[pivot]).for_each(|(value, from)| *value -= factor * from);
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(x: f32, is_one: bool) -> Example<2> {
        Example { inputs: [x, 1.0], is_one, weight: 1.0 }
    }

    #[test]
    fn what_tells_examples_apart_gets_weight() {
        let examples: Vec<_> = (0..40).map(|i| example(i as f32 / 40.0, i >= 25)).collect();
        let [slope, constant] = fit(&examples, &[0.0; 2], 0.01);
        assert!(slope > 5.0, "{slope}");
        let border = -constant / slope;
        assert!((0.55..0.7).contains(&border), "{border}");
    }

    #[test]
    fn without_examples_the_prior_stays() {
        assert_eq!(fit(&[], &[1.5, -2.0], 1.0), [1.5, -2.0]);
    }

    #[test]
    fn a_strong_prior_holds_weights_back() {
        let examples = [example(1.0, true)];
        let (held, free) = (fit(&examples, &[0.0; 2], 100.0)[0], fit(&examples, &[0.0; 2], 0.1)[0]);
        assert!(held < 0.01 && free > 1.0, "{held} {free}");
    }
}
