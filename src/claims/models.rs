//! The weights that ship, the prior that training begins with, and the file that they are kept in.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

use super::compare::{FEATURES, NAMES};
use super::model::{CROSSES, Model, WEIGHTS};
use super::stance::{STANCE_FEATURES, STANCE_NAMES, Stance, StanceModel};

/// What makes scores and stances.
#[derive(Clone, Debug, PartialEq)]
pub struct Models {
    /// Scores.
    pub combiner: Model,
    /// Stances.
    pub stances: StanceModel,
}

/// Written by `tidegate claims train` from `datasets/claims`.
const SHIPPED: &str = include_str!("models.json");

static MODELS: LazyLock<Arc<Models>> =
    LazyLock::new(|| Arc::new(Models::read(SHIPPED).expect("a test reads the file that ships")));

/// From what the combiner's training begins: what the field knows of such features, in round numbers.
const COMBINER: [f32; WEIGHTS] = [
    0.5, 1.0, 2.0, 0.5, 3.0, 0.5, 6.0, 0.5, 2.0, 0.5, -1.0, 3.0, -1.0, -1.0, 0.5, -1.0, 2.0, 1.0, //
    1.0, 1.0, 0.0, 1.0, 1.0, 0.0, //
    -10.0,
];

/// From what the stances' training begins: refuting, questioning, reporting.
const STANCES: [[f32; STANCE_FEATURES]; 3] = [
    [
        2.5, 1.2, 1.0, 3.0, 2.0, 1.0, 0.3, 0.5, -0.5, 0.6, 0.6, -0.8, 0.8, 0.2, 1.5, 0.8, 0.5, 1.0, 0.5, -0.5,
        1.0, //
        4.0, 3.5, -3.0,
    ],
    [
        -0.5, -0.3, 0.0, -1.0, 0.0, 0.0, 0.3, 2.0, 2.0, -0.5, -0.3, -0.3, 0.2, 0.0, -0.5, 0.0, 0.0, -0.5, 0.0, 1.5,
        0.0, //
        0.0, 0.0, -3.5,
    ],
    [
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.2, 0.5, -1.0, 0.5, 0.3, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0,
        0.3, //
        1.0, 0.0, -4.0,
    ],
];

/// From which likelihood on of not asserting a message does not assert.
const DOUBT_AT: f32 = 0.8;

impl Models {
    /// Those that ship.
    #[must_use]
    pub fn shipped() -> Arc<Self> {
        Arc::clone(&MODELS)
    }

    /// Those that training begins with.
    #[must_use]
    pub fn prior() -> Self {
        Self { combiner: Model { weights: COMBINER }, stances: StanceModel { weights: STANCES, doubt_at: DOUBT_AT } }
    }

    /// Reads models from JSON: `{"combiner": {feature: weight}, "stances": {stance: {feature: weight}}, "doubt_at": share}`.
    ///
    /// # Errors
    /// What is missing or no number.
    pub fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let names = combiner_names();
        let combiner = Model { weights: weights(&value["combiner"], &names, "combiner")? };
        let mut stances = [[0.0; STANCE_FEATURES]; 3];
        for (weights, stance) in stances.iter_mut().zip(&Stance::ALL[1..]) {
            let names = STANCE_NAMES.map(str::to_owned);
            *weights = self::weights(&value["stances"][stance.name()], &names, stance.name())?;
        }
        let doubt_at = value["doubt_at"].as_f64().ok_or("`doubt_at` is no number")? as f32;
        Ok(Self { combiner, stances: StanceModel { weights: stances, doubt_at } })
    }

    /// The JSON that [`Models::read`] reads.
    #[must_use]
    pub fn write(&self) -> String {
        let names = combiner_names();
        let combiner = object(&names, &self.combiner.weights);
        let of = |(stance, weights): (&Stance, &[f32; STANCE_FEATURES])| {
            (stance.name().to_owned(), object(&STANCE_NAMES.map(str::to_owned), weights))
        };
        let stances: Map<String, Value> = Stance::ALL[1..].iter().zip(&self.stances.weights).map(of).collect();
        let value = json!({"combiner": combiner, "stances": stances, "doubt_at": rounded(self.stances.doubt_at)});
        serde_json::to_string_pretty(&value).expect("names and numbers") + "\n"
    }
}

fn combiner_names() -> [String; WEIGHTS] {
    std::array::from_fn(|at| match at.checked_sub(FEATURES) {
        None => NAMES[at].to_owned(),
        Some(product) => {
            CROSSES.get(product).map_or_else(|| "constant".to_owned(), |&(a, b)| format!("{} * {}", NAMES[a], NAMES[b]))
        }
    })
}

fn weights<const N: usize>(object: &Value, names: &[String; N], of: &str) -> Result<[f32; N], String> {
    let mut weights = [0.0; N];
    for (weight, name) in weights.iter_mut().zip(names) {
        let found = object[name.as_str()].as_f64();
        *weight = found.ok_or_else(|| format!("{of}: `{name}` is missing or no number"))? as f32;
    }
    Ok(weights)
}

fn object(names: &[String], weights: &[f32]) -> Value {
    names
        .iter()
        .zip(weights)
        .map(|(name, &weight)| (name.clone(), json!(rounded(weight))))
        .collect::<Map<_, _>>()
        .into()
}

/// In steps of a ten-thousandth: what is read is what was tested.
fn rounded(weight: f32) -> f64 {
    (f64::from(weight) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let prior = Models::prior();
        assert_eq!(Models::read(&prior.write()), Ok(prior));
        let shipped = Models::shipped();
        assert_eq!(shipped.write(), SHIPPED);
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = Models::prior().write().replace("\"coverage_window\"", "\"coverage_door\"");
        assert_eq!(Models::read(&text), Err("combiner: `coverage_window` is missing or no number".into()));
        assert!(Models::read("{}").is_err() && Models::read("x").is_err());
    }
}
