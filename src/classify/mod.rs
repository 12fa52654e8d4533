//! What kind of text it is, as a small model learnt it: a second opinion beside word lists and rules.
//!
//! A text becomes [`Features`] (hashes of grams of the folded text), the [`Model`] sums the rows of its table that they name
//! and asks a small head for one probability a label, calibrated by label and language. [`train`] makes models, with candle;
//! [`Reference`] runs one with candle as well, to check what serves. Absent here: files, clocks, what a probability leads to.

mod corpus;
mod evasion;
mod features;
mod grammar;
mod labels;
mod masking;
pub mod measure;
mod model;
mod reference;
mod shipped;
mod store;
mod terms;
pub mod train;
mod weights;

pub use corpus::{LabelMap, Mask, Row, read_grammar, read_own};
pub use evasion::Evasion;
pub use features::{Features, ROWS_MAX, UNITS_MAX, VERSION};
pub use labels::{LABELS, LANGUAGES, Label, Language, UNLEARNT};
pub use model::{Calibration, Calibrations, Classifier, DIM, HIDDEN, Head, Model, Scores, Thresholds};
pub use reference::Reference;
pub use store::StoreError;
pub use terms::read_terms;
pub use weights::Weights;
