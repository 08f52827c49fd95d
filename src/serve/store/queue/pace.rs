//! How often and how soon something is tried again.
//!
//! What fails in a way that may pass is tried for days, less and less often: a registry that is away for a weekend loses
//! nothing. What takes its worker along is tried a few times only, because each try costs a process. A host that fails is left in
//! peace for a while, and then tried with one job at a time until it answers; so one that hangs holds one worker and not all.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::super::Store;
use super::Job;
use crate::serve::store::engine::{Session, StoreError, list, values};

/// For how long something is tried that fails in a way that may pass. Milliseconds.
pub(super) const PATIENCE: i64 = 72 * 60 * 60 * 1_000;

/// After so many failures of a layer its images go on without it, and it goes on being tried.
pub(super) const EARLY: i64 = 8;

/// How often an image is joined anew because something of it could not be read.
pub(super) const REPEATS: i64 = 8;

/// How many workers a job may take along.
pub(in crate::serve::store) const CRASHES: i64 = 5;

/// Milliseconds before the first repetition, and at most before any.
const BACKOFF: (i64, i64) = (5_000, 60 * 60 * 1_000);

/// The same for a host.
const PEACE: (i64, i64) = (1_000, 60_000);

/// The longest that a host may ask to be left in peace. Milliseconds.
const LONGEST: i64 = 6 * 60 * 60 * 1_000;

/// For how long nobody else tries a host that failed, while one does. Milliseconds.
const PROBE: i64 = 60_000;

/// Milliseconds before the next try, after so many failures.
pub(super) fn backoff(failures: i64) -> i64 {
    spread(doubled(BACKOFF, failures))
}

/// What a host asks to wait, in milliseconds, as far as that is followed.
pub(super) fn asked(wait: Option<Duration>) -> i64 {
    wait.map_or(0, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).min(LONGEST))
}

fn doubled((first, most): (i64, i64), times: i64) -> i64 {
    let times = u32::try_from(times - 1).unwrap_or(0).min(30);
    first.saturating_mul(1 << times).min(most)
}

/// Between a half and the whole of `pause`, so that those who failed together do not come back together.
fn spread(pause: i64) -> i64 {
    let random = i64::try_from(RandomState::new().hash_one(0) % 1_000).unwrap_or_default();
    pause / 2 + pause / 2 * random / 1_000
}

/// Leaves `host` in peace, which failed and asks to `wait`. Failures of a time count once.
pub(super) fn rest(session: &mut dyn Session, host: &str, wait: Option<Duration>) -> Result<(), StoreError> {
    let known = "SELECT failures FROM hosts WHERE host = $1 AND until <= {now} {lock}";
    let pause = match session.first(known, values![host])? {
        Some(row) => spread(doubled(PEACE, row.int(0) + 1)),
        None => 0,
    };
    let pause = pause.max(asked(wait));
    let later =
        "UPDATE hosts SET failures = failures + 1, until = {now} + $2 WHERE host = $1 AND until < {now} + $2";
    session.execute(later, values![host, pause]).map(drop)
}

/// Sees to it that nobody else takes a job of the host that `job` tries, which failed before.
pub(super) fn probe(session: &mut dyn Session, job: &Job) -> Result<(), StoreError> {
    if job.host_failures > 0 {
        let alone = "UPDATE hosts SET until = {now} + $2 WHERE host = $1 AND failures > 0";
        session.execute(alone, values![&job.host, PROBE])?;
    }
    Ok(())
}

/// Notes that the host of `job` answered.
pub(in crate::serve::store) fn answered(session: &mut dyn Session, job: &Job) -> Result<(), StoreError> {
    if job.host_failures > 0 {
        session.execute("UPDATE hosts SET failures = 0, until = 0 WHERE host = $1", values![&job.host])?;
    }
    Ok(())
}

impl Store {
    /// Makes hosts known that jobs may talk to, and those that jobs of old talk to.
    pub fn know(&self, hosts: &[&str]) -> Result<(), StoreError> {
        let given = "INSERT INTO hosts (host, until, failures) SELECT h.value, 0, 0 FROM {texts($1)} AS h
            WHERE true ON CONFLICT DO NOTHING";
        let old = "INSERT INTO hosts (host, until, failures) SELECT DISTINCT host, 0, 0 FROM jobs
            WHERE true ON CONFLICT DO NOTHING";
        let mut hosts = hosts.to_vec();
        // In one order, so that two such transactions do not wait for each other.
        hosts.sort_unstable();
        self.within(|session| {
            session.execute(given, &[list(&hosts)])?;
            session.execute(old, &[]).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_spread_and_end() {
        for (failures, most) in
            [(0, 5), (1, 5), (2, 10), (5, 80), (9, 1_280), (10, 2_560), (11, 3_600), (999, 3_600)]
        {
            let pause = backoff(failures);
            assert!(pause >= most * 500 && pause <= most * 1_000, "{failures}: {pause}");
        }
        assert_eq!(asked(Some(Duration::MAX)), LONGEST);
        let sum: i64 = (1..EARLY).map(|failures| doubled(BACKOFF, failures)).sum();
        assert!(sum / 60_000 >= 10, "images wait for a layer for some minutes");
    }
}
