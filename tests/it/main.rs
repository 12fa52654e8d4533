//! Everything that is tested from outside, in one binary: one link instead of ten.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod architecture;
mod bless;
mod datasets;
mod docs;
mod licences;
mod source;
