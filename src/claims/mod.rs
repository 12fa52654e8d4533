//! Refuted claims: does this message repeat something that somebody of authority has checked, and what does it think of it?
//!
//! ```text
//!  library ─► forms ─► Index                    terms: pairs of characters, stems of words, numbers
//!  message ─► terms ─► BM25, 60 forms ─► features ─► combiner ─► score ┐
//!                                    cues around the place ─► stance ─┴─► Match: act, suggest, nothing
//! ```
//!
//! Who refutes a claim repeats it; so a score alone never acts. What acts is a message that *asserts* a claim which is false
//! or misleading, in force, in date, and has an authority, an address and a day to show to whoever is labelled.
//!
//! What is absent: this room knows no rules, no files, no clock, and nothing of who wrote the message.

mod compare;
mod date;
mod feeds;
mod gate;
mod index;
mod lesson;
mod library;
mod matcher;
mod model;
mod models;
mod place;
#[cfg(test)]
mod properties;
mod rating;
mod read;
mod record;
mod schema;
mod stance;
mod stem;
mod token;
mod train;
mod write;

pub use compare::{FEATURES, Features, NAMES};
pub use date::Day;
pub use feeds::{read_claim_reviews, read_csv};
pub use lesson::{Learnt, Lesson, learn};
pub use library::{add_variant, merge, retract};
pub use matcher::{Context, Match, MatchOptions, MatchScratch, Matcher};
pub use model::{Model, WEIGHTS};
pub use models::Models;
pub use read::{Purpose, read_lines};
pub use record::{Claim, Status, Tier, Variant, Verdict};
pub use schema::schema;
pub use stance::{STANCE_FEATURES, STANCE_NAMES, Stance, StanceFeatures, StanceModel, doubts, doubts_plainly};
pub use write::{to_json, to_lines};
