//! The commands. One file a subcommand; `term` is how all of them look.

pub mod synth;
pub mod term;
