//! How those who pass an event on or answer it take it: how many of the first ones doubt it.

use crate::event::Millis;
use crate::state::codec::{Broken, Reader};
use crate::state::recent::{Kept, Recent};

/// Followers that are counted; what comes later no longer speaks early.
const FOLLOWERS_MAX: u8 = 100;
/// At so many followers it is said what share of them doubts.
const SAID_AT: [u8; 3] = [20, 50, 100];

/// An event that passes another one on or answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The key of the event that is passed on or answered.
    pub root: u64,
    /// Whether it doubts it.
    pub doubts: bool,
}

/// What is known of the event that one follows, that one included. All 0 where it follows none, or a hundred came before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowCounts {
    /// Forwards and replies so far, at most 100.
    pub followers: u8,
    /// Of them, those that doubt it.
    pub doubts: u8,
}

impl FollowCounts {
    /// The share of doubting followers, said at the 20th, the 50th and the 100th; 0 at all others.
    #[must_use]
    pub fn doubt_rate(self) -> f64 {
        let is_said = SAID_AT.contains(&self.followers);
        if is_said { f64::from(self.doubts) / f64::from(self.followers) } else { 0.0 }
    }
}

impl Kept for FollowCounts {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.followers, self.doubts]);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "followers";
        let (followers, doubts) = (reader.u8(WHAT)?, reader.u8(WHAT)?);
        let is_sound = doubts <= followers && followers <= FOLLOWERS_MAX;
        if is_sound { Ok(Self { followers, doubts }) } else { Err(Broken(WHAT)) }
    }
}

/// Counts of the events that are followed.
pub(crate) type Following = Recent<FollowCounts>;

/// Counts one follower, and gives what is known with it.
pub(crate) fn take(following: &mut Following, follow: Follow, at: Millis) -> FollowCounts {
    following.touch(follow.root, at, |counts| {
        if counts.followers == FOLLOWERS_MAX {
            return FollowCounts::default();
        }
        counts.followers += 1;
        counts.doubts += u8::from(follow.doubts);
        *counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_said_three_times_and_then_no_more() {
        let mut following = Following::new(10);
        let said: Vec<(usize, f64)> = (1..=150)
            .filter_map(|n| {
                let counts = take(&mut following, Follow { root: 7, doubts: n % 4 == 0 }, n as Millis);
                Some((n, counts.doubt_rate())).filter(|(_, rate)| *rate > 0.0)
            })
            .collect();
        assert_eq!(said, [(20, 0.25), (50, 0.24), (100, 0.25)]);
        assert_eq!(take(&mut following, Follow { root: 8, doubts: true }, 1), FollowCounts { followers: 1, doubts: 1 });
    }
}
