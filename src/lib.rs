//! Tidegate: a content-moderation and rumor-flagging stage for message streams.
//!
//! A decision is a pure function of (edition, state, event). The modules below stand in reading order;
//! `ARCHITECTURE.md` says what each answers and what it must never know.
//!
//! ```text
//!  event ─► observe ─────────► remember ────────► judge ─────────► actions
//!           pure, any thread   state, in order    pure rules        + evidence
//! ```

// The nouns: event → signal → decision, and what is wrong with a file.
pub mod event;
pub mod signal;
pub mod decision;
pub mod problem;

// The door.
pub mod cli;
