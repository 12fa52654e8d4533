//! `[claims]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[claims]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Claims {
    /// A claim that comes into force is looked for in what was filed for search (`[index]`) so many days before, and what repeats it
    /// is labelled late; 0 does not look back. Only what the index holds is found: of ordinary messages, `index.ordinary_share`.
    /// At most `state.ledger_days`: of what is older nobody knows whether it has its label.
    pub back_days: u32,
    /// The most messages of one day that are judged again for one claim: those that share most words with it.
    pub back_per_day_max: usize,
    /// The most messages that are judged again in a second, between the batches of the stream.
    pub late_per_second: u32,
}

impl Default for Claims {
    fn default() -> Self {
        Self { back_days: 30, back_per_day_max: 2000, late_per_second: 500 }
    }
}

impl Claims {
    /// Every number with the least and the most that it may be.
    pub(super) fn numbers(&self) -> [(&'static str, u64, u64, u64); 3] {
        [
            ("claims.back_days", self.back_days.into(), 0, 3660),
            ("claims.back_per_day_max", self.back_per_day_max as u64, 1, 10_000),
            ("claims.late_per_second", self.late_per_second.into(), 1, 100_000),
        ]
    }
}
