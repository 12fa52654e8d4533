//! What is asked for, and what is given: a page of hits, and where the next one begins.

use std::fmt;
use std::str::FromStr;

use super::IndexError;
use crate::case::Case;
use crate::event::Millis;

/// In which order hits come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest event first.
    #[default]
    Newest,
    /// The earliest event first.
    Oldest,
    /// The best match of the words first.
    Score,
}

/// Which hits are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// In which order they come.
    pub order: Order,
    /// How many, at most.
    pub limit: usize,
    /// After which: the `next` of the page before.
    pub after: Option<Cursor>,
}

/// Where a page begins. Written as text for whoever keeps it; what it says is nobody's business.
///
/// What comes in between two pages moves nothing that is older; while the index merges its files, hits of the very moment at
/// which a page ends may come twice or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// In the order of time: at this moment, of which so many were given.
    At {
        /// The event time.
        at: Millis,
        /// Hits of it that were given.
        given: usize,
    },
    /// In the order of scores: so many were given.
    Offset(usize),
}

/// The furthest that pages may be turned within one moment, or by scores: so many are put in order for a page.
pub(super) const GIVEN_MAX: usize = 50_000;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { at, given } => write!(f, "t{at}.{given}"),
            Self::Offset(offset) => write!(f, "s{offset}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let count = |text: &str| text.parse().ok().filter(|count| *count <= GIVEN_MAX);
        let read = match text.split_at_checked(1) {
            Some(("t", rest)) => rest
                .split_once('.')
                .and_then(|(at, given)| Some(Self::At { at: at.parse().ok()?, given: count(given)? })),
            Some(("s", rest)) => count(rest).map(Self::Offset),
            _ => None,
        };
        read.ok_or(IndexError::Cursor)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// How many there are in all, on all pages.
    pub total: u64,
    /// Those of this page.
    pub hits: Vec<Hit>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// One case that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// How well its words match, where that was the order.
    pub score: Option<f32>,
    case: Vec<u8>,
}

impl Hit {
    pub(super) fn new(score: Option<f32>, case: Vec<u8>) -> Self {
        Self { score, case }
    }

    /// The case as it is stored: one JSON object.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.case
    }

    /// The case; its `plain` is not stored.
    ///
    /// # Errors
    /// [`IndexError::Case`], if the stored bytes are not one.
    pub fn case(&self) -> Result<Case<'_>, IndexError> {
        serde_json::from_slice(&self.case).map_err(|error| IndexError::Case(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for cursor in [Cursor::At { at: -5, given: 3 }, Cursor::Offset(40)] {
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for wrong in ["", "t", "t1", "t1.", "s-1", "x3", "t1.99999999", "微"] {
            wrong.parse::<Cursor>().unwrap_err();
        }
    }
}
