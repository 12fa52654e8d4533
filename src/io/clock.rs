//! What time it is. Everything past the edges is told the time and never asks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::event::Millis;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }
}

/// A clock that stands where it was put: for tests, replays and back-tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self(AtomicI64::new(now))
    }

    /// A clock for streams of which nobody knows when they came in: it stands at the first of January 2100, the same for
    /// whoever looks and whenever.
    #[must_use]
    pub fn of_recordings() -> Self {
        Self::at(4_102_444_800_000)
    }

    /// Puts it to `now`.
    pub fn set(&self, now: Millis) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

/// A moment, for waits and for latencies; no decision depends on it.
#[expect(clippy::disallowed_methods, reason = "the edges measure how long things take")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_where_it_was_put() {
        let clock = ManualClock::at(5);
        assert_eq!(clock.now(), 5);
        clock.set(7);
        assert_eq!(clock.now(), 7);
    }

    #[test]
    fn the_system_clock_is_past_the_day_of_this_test() {
        assert!(SystemClock.now() > 1_760_000_000_000);
    }
}
