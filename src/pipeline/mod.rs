//! How a record becomes a decision: the only room that knows every sense.
//!
//! ```text
//!  record ─► observe ──────► Item ─► Engine::process ──────────────────────► Outcome
//!            (any thread)            remember (State) ─► judge (Rulebook)    decisions, rejects,
//!                                                        ladder (points)     deltas, tally
//! ```
//!
//! A decision is a pure function of (edition, state, event). What is absent: threads, files, clocks, wire formats.
//! A new sense is one field of [`Observed`], one block of the signals' table, and nothing in the loop.

mod claim;
mod copies;
mod deferred;
mod edition;
mod engine;
mod hearing;
mod filing;
mod judge;
mod ladder;
mod late;
mod observe;
mod plan;
mod rehearse;
mod remembered;
mod shipped;
mod signals;
mod tally;

pub use crate::neardup::{Elsewhere, Joined, Options as TwinOptions, TwinSizes};
pub use copies::{CopyOptions, LOGS, Others, elsewhere};
pub use deferred::Blank;
pub use edition::{BuildOptions, Edition, Folder, Sources};
pub use engine::{Engine, Outcome};
pub use filing::FilingOptions;
pub use late::{Looked, Wanted};
pub use observe::{Class, Item, ObserveScratch, Observed, Refused, observe};
pub use rehearse::{Explained, Rehearsal, Stage, explain, named_hits, rehearse};
pub use tally::{LateTally, RuleTally, Tally, action_name};
