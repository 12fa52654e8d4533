//! Everything that is tested from outside, in one binary: one link instead of ten.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod architecture;
mod back;
mod bad_input;
mod claims;
mod bless;
mod classify;
mod commands;
mod copies;
mod crash;
mod datasets;
mod deploy;
mod docs;
mod generated;
mod golden;
#[cfg(feature = "kafka")]
mod kafka;
mod licences;
mod neardup;
mod sameness;
mod search;
mod serve;
mod source;
mod stage;
mod standing;
mod shared_twins;
mod stops;
mod swap;
mod trends;
