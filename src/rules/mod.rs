//! Rules: YAML files whose conditions are CEL, read with the place of every mistake, type-checked against the signals'
//! catalogue, compiled, and indexed by the signals that they need.
//!
//! ```text
//!  SourceFile ─► yaml ─► rule_file ─► cel: parse ─► check ─► formula ─► code ─┐
//!                (places)             (places)    (types)   (never, always)   ├─► Rulebook::fire
//!                                                            trigger ─► index ─┘
//! ```
//!
//! This room has never seen a clock, a folder or an event on its way: it is given texts and signals.

use std::sync::Arc;

mod actions;
mod book;
mod cel;
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
