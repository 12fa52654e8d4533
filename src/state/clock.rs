//! What time it is, by the events alone.
//!
//! The greatest time seen would be a poor clock: one event dated a day ahead would age everything by a day. The clock
//! here is the median of the last three times, which no single odd event can move.

use crate::event::Millis;
use crate::state::codec::{Broken, Reader, put_signed};

/// Times are kept within 0..2^44 ms (1970 to 2527): what lies outside counts as the nearer end.
pub(crate) const AT_MAX: Millis = (1 << 44) - 1;

/// Brings a time into the years that are kept.
pub(crate) fn clamp(at: Millis) -> Millis {
    at.clamp(0, AT_MAX)
}

/// The median of the last three times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    last: [Millis; 3],
}

impl Clock {
    /// Takes a time and gives what time it is now.
    pub(crate) fn tick(&mut self, at: Millis) -> Millis {
        self.last = [self.last[1], self.last[2], at];
        self.now()
    }

    /// The median; 0 until two times were taken.
    pub(crate) fn now(&self) -> Millis {
        let [a, b, c] = self.last;
        a.min(b).max(a.max(b).min(c))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for at in self.last {
            put_signed(out, at);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut last = [0; 3];
        for at in &mut last {
            *at = reader.signed("a clock")?;
            if clamp(*at) != *at {
                return Err(Broken("a clock"));
            }
        }
        Ok(Self { last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_event_does_not_move_the_clock() {
        let mut clock = Clock::default();
        let day = 86_400_000;
        let now: Vec<_> = [100, 101, 102, 102 + day, 103, 104, 0, 105].map(|at| clock.tick(at)).to_vec();
        assert_eq!(now, [0, 100, 101, 102, 103, 104, 103, 104]);
    }
}
