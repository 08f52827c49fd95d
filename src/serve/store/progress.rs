//! How far workers are with what takes long: for people who look, and for nobody else. It may be lost.

use super::engine::{StoreError, values};
use super::{Store, WorkerId};

/// How far the scan of a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The number of the job.
    pub job: i64,
    /// Stored bytes that were read, and how many there are.
    pub done: i64,
    /// See [`done`](Self::done).
    pub total: i64,
    /// Milliseconds since it began.
    pub took: i64,
}

/// Milliseconds after which nothing is believed of a worker that noted nothing since.
pub(super) const STALE: i64 = 15_000;

impl Store {
    /// Notes how far `worker` is: these scans, and no others.
    pub fn note_progress(&self, worker: &WorkerId, steps: &[Step]) -> Result<(), StoreError> {
        self.lightly(|session| {
            let forget = "DELETE FROM progress WHERE worker = $1 OR noted < {now} - $2";
            session.execute(forget, values![worker.as_str(), STALE])?;
            for Step { job, done, total, took } in steps {
                let note = "INSERT INTO progress (job, worker, done, total, took, noted) VALUES ($1, $2, $3, $4, $5, {now})
                    ON CONFLICT (job) DO UPDATE SET worker = excluded.worker, done = excluded.done,
                        total = excluded.total, took = excluded.took, noted = excluded.noted";
                session.execute(note, values![*job, worker.as_str(), *done, *total, *took])?;
            }
            Ok(())
        })
    }
}
