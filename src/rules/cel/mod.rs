//! From a CEL condition to a typed tree. The `cel` crate parses; types, bounds and every message are ours, because a
//! trust team needs the column of the misspelt name and the nearest right one.

mod check;
mod fold;
mod functions;
mod names;
mod numbers;
mod syntax;
mod tree;

pub(crate) use check::check;
pub(crate) use fold::folded;
pub(crate) use numbers::{Float, Int, Number};
pub(crate) use syntax::{clauses, normalized};
pub(crate) use tree::{Bool, Cmp, Reads, Scope, Text, Texts};

use crate::signal::Slot;

/// A condition that is well-typed.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// What it means.
    pub(crate) tree: Bool,
    /// The signals that it reads, in the order of appearance, each once.
    pub(crate) grounds: Vec<Slot>,
}
