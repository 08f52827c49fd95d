//! How often something may happen: a bucket for each key, that fills with time and from which each event takes one.
//!
//! Keys come from outside, so their number is bounded. When there is no room for another one, those that are full again are
//! forgotten, which changes nothing for them; if there is still none, all newcomers share one bucket.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    /// So many at once.
    pub(super) burst: f64,
    /// And then so many in each second.
    pub(super) per_second: f64,
}

/// Buckets by keys.
pub(super) struct Buckets<K> {
    rate: Rate,
    most: usize,
    kept: Mutex<Kept<K>>,
}

struct Kept<K> {
    own: HashMap<K, Bucket>,
    shared: Bucket,
}

/// What was left in a bucket at a time.
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn left(&self, rate: Rate, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * rate.per_second).min(rate.burst)
    }
}

impl<K: Hash + Eq> Buckets<K> {
    /// Full buckets, for at most `most` keys at a time.
    pub(super) fn new(rate: Rate, most: usize, now: Instant) -> Self {
        let shared = Bucket { left: rate.burst, at: now };
        Self { rate, most, kept: Mutex::new(Kept { own: HashMap::new(), shared }) }
    }

    /// How long until it may happen, if it may not now.
    pub(super) fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let left = match kept.own.get(key) {
            Some(bucket) => bucket.left(self.rate, now),
            None if kept.own.len() < self.most => self.rate.burst,
            None => kept.shared.left(self.rate, now),
        };
        (left < 1.0)
            .then(|| Duration::from_secs_f64(((1.0 - left) / self.rate.per_second).clamp(0.001, 3_600.0)))
    }

    /// Notes that it happened.
    pub(super) fn take(&self, key: K, now: Instant) {
        let rate = self.rate;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.own.len() >= self.most && !kept.own.contains_key(&key) {
            kept.own.retain(|_, bucket| bucket.left(rate, now) < rate.burst);
        }
        let Kept { own, shared } = &mut *kept;
        let bucket = if own.len() < self.most || own.contains_key(&key) {
            own.entry(key).or_insert(Bucket { left: rate.burst, at: now })
        } else {
            shared
        };
        *bucket = Bucket { left: (bucket.left(rate, now) - 1.0).max(0.0), at: now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3.0, per_second: 0.5 };

    #[test]
    fn what_is_empty_fills_with_time() {
        let start = Instant::now();
        let buckets = Buckets::new(RATE, 10, start);
        for _ in 0..3 {
            assert_eq!(buckets.wait(&"a", start), None);
            buckets.take("a", start);
        }
        assert_eq!(buckets.wait(&"a", start), Some(Duration::from_secs(2)));
        assert_eq!(buckets.wait(&"b", start), None, "others have their own");
        let later = start + Duration::from_secs(2);
        assert_eq!(buckets.wait(&"a", later), None);
        buckets.take("a", later);
        assert!(buckets.wait(&"a", later).is_some());
        let much_later = start + Duration::from_secs(1_000);
        for _ in 0..3 {
            buckets.take("a", much_later);
        }
        assert!(buckets.wait(&"a", much_later).is_some(), "it never holds more than it may");
    }

    #[test]
    fn newcomers_share_when_there_is_no_room() {
        let start = Instant::now();
        let buckets = Buckets::new(RATE, 2, start);
        for key in 0..10 {
            buckets.take(key, start);
        }
        assert!(buckets.kept.lock().unwrap().own.len() <= 2);
        assert!(buckets.wait(&77, start).is_some(), "of those without a bucket there were too many");
        assert_eq!(buckets.wait(&0, start), None, "who has one is not concerned");
        let later = start + Duration::from_secs(60);
        buckets.take(77, later);
        assert_eq!(buckets.kept.lock().unwrap().own.len(), 1, "what was full again is forgotten");
    }
}
