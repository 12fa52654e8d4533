//! The combiner: a logistic regression over the features of a comparison and a few of their products.

use super::compare::{FEATURES, Features};

/// Products of two features that the model knows besides.
pub(super) const CROSSES: [(usize, usize); 6] = [(1, 5), (0, 4), (3, 5), (1, 8), (1, 11), (0, 2)];

/// Weights of features and products, and one that is always there.
pub const WEIGHTS: usize = FEATURES + CROSSES.len() + 1;

/// What makes a score of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// In the order of [`super::compare::NAMES`], then of the products, then the constant.
    pub weights: [f32; WEIGHTS],
}

impl Model {
    /// The inputs: features, products, 1.
    pub(crate) fn inputs(features: &Features) -> [f32; WEIGHTS] {
        let mut inputs = [1.0; WEIGHTS];
        inputs[..FEATURES].copy_from_slice(features);
        for (input, (a, b)) in inputs[FEATURES..].iter_mut().zip(CROSSES) {
            *input = features[a] * features[b];
        }
        inputs
    }

    /// How likely it is that the message repeats the claim, from 0 to 1.
    #[must_use]
    pub fn score(&self, features: &Features) -> f32 {
        sigmoid(self.logit(features))
    }

    /// The same before it is squeezed between 0 and 1: what candidates are ordered by.
    #[must_use]
    pub fn logit(&self, features: &Features) -> f32 {
        Self::inputs(features).iter().zip(&self.weights).map(|(input, weight)| input * weight).sum()
    }
}

pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
