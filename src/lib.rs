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
pub mod case;
pub mod problem;

// Senses: each turns a text into evidence, and knows nothing of the others' verdicts.
pub mod text;
pub mod keywords;
pub mod neardup;
pub mod claims;
pub mod classify;

// What is judged by, and what is remembered.
pub mod rules;
pub mod state;

// How one record becomes a decision.
pub mod pipeline;

// The edges: how records come in, decisions go out and state survives; the loop; settings; commands.
pub mod io;
pub mod index;
pub mod stream;
pub mod serve;
pub mod config;
pub mod cli;
