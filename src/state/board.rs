//! What is known of authors whose standing another lane keeps: for rules that read it, a little later than it changed.

use std::sync::{PoisonError, RwLock};

use crate::event::{Channel, Millis, StandingStrike};

use super::standing::{Points, Standing};

/// Read by the judging of every lane of a process, written by whoever hears of changes. It is no part of any lane's state: what
/// a rule read of it stands in the decision's reasons.
#[derive(Debug)]
pub struct Board(RwLock<Standing>);

impl Board {
    /// Nothing known of anybody. Beyond `accounts_max` authors, those whose strikes expire first go.
    #[must_use]
    pub fn new(accounts_max: usize) -> Self {
        Self(RwLock::new(Standing::new(accounts_max)))
    }

    /// Puts an author's strikes in place of those that were known; with none, the author is not known any longer.
    pub fn put(&self, author: u64, strikes: &[StandingStrike]) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).replace(author, strikes);
    }

    /// The strikes in force at that time.
    #[must_use]
    pub fn points(&self, author: u64, channel: Channel, at: Millis) -> Points {
        self.0.read().unwrap_or_else(PoisonError::into_inner).points(author, channel, at)
    }

    /// How many authors are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_counts_until_it_expires_and_is_replaced_whole() {
        let board = Board::new(10);
        let strike = |points, expires_at| StandingStrike { channel: Channel::Post, points, expires_at };
        board.put(7, &[strike(2, 100), strike(3, 50)]);
        let points = |at| board.points(7, Channel::Post, at);
        assert_eq!((points(10).points, points(10).strikes), (5, 2));
        assert_eq!((points(50).points, points(100).points), (2, 0));
        assert_eq!(board.points(7, Channel::Group, 10), Points::default());
        board.put(7, &[strike(1, 60)]);
        assert_eq!(points(10).points, 1);
        board.put(7, &[]);
        assert!(board.is_empty());
    }

    #[test]
    fn beyond_the_bound_those_that_expire_first_go() {
        let board = Board::new(16);
        for author in 1..=40 {
            board
                .put(author, &[StandingStrike { channel: Channel::Post, points: 1, expires_at: author.cast_signed() }]);
        }
        assert!(board.len() <= 16, "{}", board.len());
        assert_eq!(board.points(40, Channel::Post, 0).points, 1);
        assert_eq!(board.points(1, Channel::Post, 0).points, 0);
    }
}
