//! How often a token may ask: a bucket each, which fills at a steady rate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// One bucket a token.
pub(crate) struct Rates {
    per_second: f64,
    burst: f64,
    buckets: Mutex<BTreeMap<Arc<str>, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

/// More names than tokens there may be: those that are full again are forgotten then.
const BUCKETS_MAX: usize = 2000;

impl Rates {
    /// `per_second` requests a token, and for a moment `burst`.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.max(1).into(), burst: burst.max(1).into(), buckets: Mutex::default() }
    }

    /// Takes one from a token's bucket, or says after how many seconds there will be one.
    pub(crate) fn take(&self, name: &Arc<str>, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.burst);
        }
        let bucket = buckets.entry(Arc::clone(name)).or_insert(Bucket { left: self.burst, at: now });
        let left = self.filled(bucket, now);
        bucket.at = now;
        if left < 1.0 {
            bucket.left = left;
            return Err(((1.0 - left) / self.per_second).ceil().max(1.0) as u64);
        }
        bucket.left = left - 1.0;
        Ok(())
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + seconds * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let (rates, name, other) = (Rates::new(10, 3), "li".into(), "wang".into());
        let start = crate::io::instant();
        assert!((0..3).all(|_| rates.take(&name, start).is_ok()));
        assert_eq!(rates.take(&name, start), Err(1));
        assert_eq!(rates.take(&other, start), Ok(()));
        assert_eq!(rates.take(&name, start + Duration::from_millis(101)), Ok(()));
        assert!(rates.take(&name, start + Duration::from_millis(102)).is_err());
    }
}
