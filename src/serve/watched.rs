//! How far the layers are that this process scans, for people who look.
//!
//! What takes long is noted in the database, at most every two seconds and all of it at once; a layer that is scanned before
//! that leaves no trace there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::Metrics;
use super::store::Step;
use crate::scan::Progress;

/// After how long a scan is told of, and how often.
const LONG: Duration = Duration::from_secs(2);

/// The scans of this process.
#[derive(Debug, Default)]
pub(super) struct Watched {
    scans: Mutex<BTreeMap<i64, Arc<Scan>>>,
    noted: Mutex<Option<Instant>>,
    /// Whether the database has something of them.
    told: AtomicBool,
}

/// A layer that is being scanned.
#[derive(Debug)]
struct Scan {
    began: Instant,
    done: AtomicU64,
    total: u64,
}

/// A scan, as long as it goes on.
pub(super) struct Watch<'w> {
    watched: &'w Watched,
    metrics: &'w Metrics,
    job: i64,
    scan: Arc<Scan>,
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Arc<Scan>>> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the scan of `total` stored bytes that is done for `job`.
    pub(super) fn watch<'w>(&'w self, metrics: &'w Metrics, job: i64, total: u64) -> Watch<'w> {
        let scan = Arc::new(Scan { began: Instant::now(), done: AtomicU64::new(0), total });
        self.lock().insert(job, Arc::clone(&scan));
        Watch { watched: self, metrics, job, scan }
    }

    /// What is to be noted now, if anything is.
    pub(super) fn due(&self) -> Option<Vec<Step>> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.is_some_and(|noted| noted.elapsed() < LONG) {
            return None;
        }
        let steps: Vec<Step> = self.lock().iter().filter_map(|(job, scan)| step(*job, scan)).collect();
        let told = self.told.swap(!steps.is_empty(), Ordering::Relaxed);
        if steps.is_empty() && !told {
            return None;
        }
        *noted = Some(Instant::now());
        Some(steps)
    }
}

fn step(job: i64, scan: &Scan) -> Option<Step> {
    let took = scan.began.elapsed();
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let took_millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    (took >= LONG).then(|| Step {
        job,
        done: number(scan.done.load(Ordering::Relaxed)),
        total: number(scan.total),
        took: number(took_millis),
    })
}

impl Progress for Watch<'_> {
    fn expect(&self, bytes: u64) {
        self.metrics.expect(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.scan.done.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.advance(bytes);
    }

    fn layer(&self) {
        self.metrics.layer();
    }

    fn found(&self, matches: usize) {
        self.metrics.found(matches);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut scans = self.watched.lock();
        // The same job may be done again by another worker of this process.
        if scans.get(&self.job).is_some_and(|scan| Arc::ptr_eq(scan, &self.scan)) {
            scans.remove(&self.job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(watched: &Watched, by: Duration) {
        let mut scans = watched.lock();
        for scan in scans.values_mut() {
            let began = scan.began.checked_sub(by).unwrap();
            let done = AtomicU64::new(scan.done.load(Ordering::Relaxed));
            *scan = Arc::new(Scan { began, done, total: scan.total });
        }
        drop(scans);
        *watched.noted.lock().unwrap() = None;
    }

    #[test]
    fn what_is_short_is_not_told_and_what_is_long_is_told_until_it_ends() {
        let (watched, metrics) = (Watched::default(), Metrics::default());
        let watch = watched.watch(&metrics, 7, 100);
        watch.advance(30);
        assert!(watched.due().is_none(), "nobody saw it, and nobody has to");
        drop(watch);
        assert!(watched.due().is_none());

        let watch = watched.watch(&metrics, 8, 100);
        watch.advance(40);
        age(&watched, LONG);
        let told = watched.due().unwrap();
        assert_eq!((told[0].job, told[0].done, told[0].total), (8, 40, 100));
        assert!(watched.due().is_none(), "not again at once");
        watched.lock().clear();
        age(&watched, LONG);
        assert_eq!(watched.due().map(|steps| steps.len()), Some(0), "that it ended is told");
        age(&watched, LONG);
        assert!(watched.due().is_none(), "and only once");
        drop(watch);
    }

    #[test]
    fn a_job_that_is_done_twice_is_watched_until_the_second_ends() {
        let (watched, metrics) = (Watched::default(), Metrics::default());
        let first = watched.watch(&metrics, 7, 100);
        let second = watched.watch(&metrics, 7, 100);
        drop(first);
        assert_eq!(watched.lock().len(), 1);
        drop(second);
        assert!(watched.lock().is_empty());
    }
}
