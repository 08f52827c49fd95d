//! What the workers of this process hold, so that its leases are renewed, and no others.
//!
//! A job whose end could not be noted, because the database failed, is owed: it is given back as soon as the database answers,
//! and not renewed until then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::store::Job;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<i64, Holding>>);

#[derive(Debug)]
struct Holding {
    attempts: i64,
    host: String,
    owed: bool,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a worker took `job`.
    pub(super) fn take(&self, job: &Job) {
        let holding = Holding { attempts: job.attempts, host: job.host.clone(), owed: false };
        self.lock().insert(job.id, holding);
    }

    /// Notes that a worker is done with `job`; if the process holds the same again it goes on holding that.
    pub(super) fn end(&self, job: &Job) {
        let mut held = self.lock();
        if held.get(&job.id).is_some_and(|holding| holding.attempts == job.attempts) {
            held.remove(&job.id);
        }
    }

    /// Notes that nobody works on `job` any more, and that the database does not know it yet.
    pub(super) fn owe(&self, job: &Job) {
        if let Some(holding) = self.lock().get_mut(&job.id).filter(|held| held.attempts == job.attempts) {
            holding.owed = true;
        }
    }

    /// Jobs that are worked on.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.lock().iter().filter(|(_, holding)| !holding.owed).map(|(id, _)| *id).collect()
    }

    /// Jobs that are to be given back.
    pub(super) fn owed(&self) -> Vec<i64> {
        self.lock().iter().filter(|(_, holding)| holding.owed).map(|(id, _)| *id).collect()
    }

    /// Notes that what was owed was given back.
    pub(super) fn settled(&self, ids: &[i64]) {
        self.lock().retain(|id, holding| !(holding.owed && ids.contains(id)));
    }

    /// Hosts of which `most` jobs or more are held.
    pub(super) fn busy(&self, most: usize) -> Vec<String> {
        let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
        for holding in self.lock().values() {
            *hosts.entry(holding.host.clone()).or_default() += 1;
        }
        hosts.into_iter().filter(|(_, held)| *held >= most).map(|(host, _)| host).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::store::Kind;

    fn job(id: i64, attempts: i64, host: &str) -> Job {
        Job {
            id,
            kind: Kind::Layer,
            name: String::new(),
            subject: String::new(),
            settings: None,
            priority: 0,
            attempts,
            waited: false,
            host: host.to_owned(),
            host_failures: 0,
            age: 0,
        }
    }

    #[test]
    fn what_is_owed_is_not_renewed_and_is_given_back_once() {
        let held = Held::default();
        let jobs = [job(1, 1, "a"), job(2, 1, "a"), job(3, 1, "b")];
        for job in &jobs {
            held.take(job);
        }
        assert_eq!(held.busy(2), ["a"]);
        held.end(&jobs[0]);
        held.owe(&jobs[1]);
        assert_eq!((held.ids(), held.owed()), (vec![3], vec![2]));
        held.settled(&[2, 3]);
        assert_eq!((held.ids(), held.owed()), (vec![3], vec![]));
    }

    #[test]
    fn who_lost_a_job_does_not_end_the_one_that_took_it_up_again() {
        let held = Held::default();
        let (lost, own) = (job(1, 1, "a"), job(1, 2, "a"));
        held.take(&lost);
        held.take(&own);
        held.end(&lost);
        held.owe(&lost);
        assert_eq!((held.ids(), held.owed()), (vec![1], vec![]));
    }
}
