//! The weights that ship: written by `tidegate claims train` from `datasets/claims`.

use super::model::{Model, WEIGHTS};
use super::stance::{STANCE_FEATURES, StanceModel};

/// Of the combiner.
const MATCH: [f32; WEIGHTS] = [
    1.0, 2.0, 1.5, 1.0, 0.5, 1.0, 4.0, 1.5, 1.0, 0.5, -1.0, 1.5, -0.5, 0.0, //
    2.0, 0.0, 0.0, 0.0, 1.0, 0.0, //
    -4.5,
];

/// Of the stances: refuting, questioning, reporting.
const STANCES: [[f32; STANCE_FEATURES]; 3] = [
    [2.5, 1.2, 1.0, 3.0, 2.0, 1.0, 0.3, 0.5, -0.5, 0.6, 0.6, -0.8, 0.8, 0.2, 1.5, 0.8, 0.5, 1.0, 0.5, -0.5, 1.0, -3.0],
    [
        -0.5, -0.3, 0.0, -1.0, 0.0, 0.0, 0.3, 2.0, 2.0, -0.5, -0.3, -0.3, 0.2, 0.0, -0.5, 0.0, 0.0, -0.5, 0.0, 1.5,
        0.0, -3.5,
    ],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.2, 0.5, -1.0, 0.5, 0.3, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.3, -4.0],
];

/// The combiner that ships.
pub(super) fn combiner() -> Model {
    Model { weights: MATCH }
}

/// The stances that ship.
pub(super) fn stances() -> StanceModel {
    StanceModel { weights: STANCES, doubt_at: 0.5 }
}
