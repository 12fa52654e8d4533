//! What was said, what was decided and why, to be searched.
//!
//! A folder of tantivy indexes, one for each day on which cases came in, so that retention drops folders. [`Writer`] takes
//! [`crate::case::Case`]s and commits them together with the position of the stream that they came from, so that nothing is
//! there twice after a stop; [`Reader`] searches all days at once in the language of [`parse`]. Absent here: where cases come
//! from, any sense, any clock.

mod days;
mod document;
pub mod elastic;
mod page;
mod plan;
mod query;
mod reader;
mod repeats;
mod schema;
mod stop;
mod times;
mod tokens;
mod trends;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use days::Day;
pub use page::{Ask, Cursor, Hit, Order, Page};
pub use query::{CLAUSES_MAX, QUERY_BYTES_MAX, Query, QueryError, Test, parse};
pub use reader::{BUCKETS_MAX, Bucket, Count, Generation, PAGE_HITS_MAX, Reader, VALUES_MAX};
pub use repeats::{KIN_OF_MAX, RepeatOptions, Repeats, Turn};
pub use schema::{FIELDS, Kind, kind};

pub use trends::{TREND_FIELDS, Trend, TrendOptions, WORDS};
pub use writer::{Options, Writer};

/// How queries are read as texts were: disguises taken off. The same function that made [`crate::case::Case::plain`].
pub type Fold = fn(&str) -> String;

/// Why the index cannot be written or searched.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is none.
    #[error("{path} is not the folder of an index", path = .0.display())]
    NoIndex(PathBuf),
    /// It was written by another version.
    #[error("the index in {path} has schema {found}, and this version reads schema {expected}", path = path.display())]
    Schema {
        /// Where.
        path: PathBuf,
        /// What stands there.
        found: u32,
        /// What is read here.
        expected: u32,
    },
    /// The system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `make`, `read`, `write`, `remove`.
        doing: &'static str,
        /// What.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The library refused.
    #[error("the index in {path} cannot be used", path = path.display())]
    Tantivy {
        /// Of which day.
        path: PathBuf,
        /// What it said.
        source: tantivy::TantivyError,
    },
    /// What is to be counted is not written as it should be.
    #[error("the aggregation cannot be read: {0}")]
    Aggregation(String),
    /// What is to be counted by is no field of names.
    #[error("`{0}` is no field that can be counted by")]
    Field(String),
    /// A cursor is not one, or of another order.
    #[error("the cursor is not one of this search")]
    Cursor,
    /// Nobody waits for the answer any longer.
    #[error("the search was stopped: nobody waits for its answer any longer")]
    Stopped,
    /// A stored case is not one.
    #[error("a stored case cannot be read: {0}")]
    Case(String),
}

impl IndexError {
    /// Whether another question would be answered: nothing is wrong with the index.
    #[must_use]
    pub fn is_of_question(&self) -> bool {
        let is_argument = |source: &_| matches!(source, tantivy::TantivyError::InvalidArgument(_));
        match self {
            Self::Aggregation(_) | Self::Field(_) | Self::Cursor => true,
            Self::Tantivy { source, .. } => is_argument(source),
            Self::NoIndex(_) | Self::Schema { .. } | Self::Io { .. } | Self::Stopped | Self::Case(_) => false,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoIndex(_) => "name the folder that `tidegate run --output DIR` keeps in DIR/index",
            Self::Schema { .. } => {
                "index again: remove the folder and run the stream once more, or use the version that wrote it"
            }
            Self::Io { .. } => "check space and rights on that path",
            Self::Tantivy { .. } => {
                "see the cause; if a file is damaged, remove that day's folder: the other days stay"
            }
            Self::Aggregation(_) => "see docs/search.md for what can be counted",
            Self::Field(_) => "fields of names are those of docs/search.md, such as rule, author, cluster",
            Self::Cursor => "give the `next` of the page before, and the same order, or none to begin",
            Self::Stopped => "ask for less at once, or for less time",
            Self::Case(_) => "remove that day's folder and index the stream again",
        }
    }
}
