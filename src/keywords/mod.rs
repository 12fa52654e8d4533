//! Word lists → hits with spans in the original text.
//!
//! [`Lists::parse`] reads what people write and tells every mistake; [`Matcher::build`] makes of it the immutable tables
//! that all threads share; [`Matcher::scan`] and [`Matcher::finish`] find, in the texts of one event, every occurrence of
//! every term, seen through the evasions that the fold and the view of its letters undo. Absent here: any
//! verdict, any file, any clock.

mod automaton;
mod compile;
mod engine;
mod expand;
mod filing;
mod filter;
mod gather;
mod hits;
mod lists;
mod matcher;
mod pattern;
mod rarity;
mod syntax;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use hits::{Hit, Hits, ListHits};
pub use lists::{Bounds, List, ListId, Lists, Source};
pub use matcher::{BuildOptions, ListInfo, Matcher, Scratch, TermInfo};
