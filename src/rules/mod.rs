//! Rules: YAML files whose conditions are CEL, read with the place of every mistake, type-checked against the signals'
//! catalogue, compiled, and indexed by the signals that they need.
//!
//! ```text
//!  SourceFile ─► yaml ─► rule_file ─► cel: parse ─► check ─► formula ─► code ─┐
//!                (places)             (places)    (types)   (never, always)   ├─► Rulebook::fire
//!                                                            trigger ─► index ─┘
//! ```
//!
//! A condition is CEL over the signals of a catalogue: `&& || ! ?:`, comparisons (numbers of both kinds may be compared,
//! not calculated, with each other), `+ - * / %`, `in`, `size contains startsWith endsWith matches`, `int double`, `has`,
//! and `exists all` over lists of strings. It is true, false or an error; only a true one fires. A missing signal,
//! overflow, a division by zero and an order of what is not a number are errors; `&&` and `||` absorb an error where the
//! other side decides. Everything else of CEL is refused with its place.
//!
//! This room has never seen a clock, a folder or an event on its way: it is given texts and signals.

use std::sync::Arc;

mod actions;
mod book;
mod cel;
mod choice;
mod code;
mod formula;
mod index;
mod keys;
mod ladder;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod oracle;
mod places;
mod reader;
mod rule;
mod rule_file;
mod rule_test;
mod satisfy;
mod schema;
mod trigger;
mod units;
mod yaml;

pub use actions::{ActionSpec, Wording};
pub use book::{Clause, RuleIndex, Rulebook, Scratch};
pub use ladder::{Ladder, Penalties, Step};
pub use rule::{Channels, Rule, Status};
pub use rule_test::{Expect, RuleTest};
pub use schema::{ladder_schema, schema};
pub(crate) use units::duration;

/// A file's text with the name that the user knows it by. Whoever reads the folder makes these.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path as the user would type it, such as `rules/fraud.yaml`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl SourceFile {
    /// A file of that name and text.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}
