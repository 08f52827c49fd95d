//! What becomes of a job: it is done, or it failed.

use std::time::Duration;

use super::super::Store;
use super::{Job, Kind, Lost, WorkerId, pace, wait};
use crate::serve::store::engine::{Session, StoreError, Value, values};

/// Why a job is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// For people.
    pub reason: String,
    /// Whether it may pass.
    pub may_pass: bool,
    /// Whether it is because of the host that it talks to.
    pub unreachable: Option<Unreachable>,
}

/// A host did not answer, or answered that it cannot now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unreachable {
    /// How long it asks to wait.
    pub wait: Option<Duration>,
}

/// Characters of a reason that are kept.
const REASON: usize = 2_000;

/// What the holder of a job knows of its row.
const MINE: &str = "id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'";

pub(super) fn mine(job: &Job, worker: &WorkerId) -> [Value; 3] {
    [job.id.into(), worker.as_str().into(), job.attempts.into()]
}

/// Removes a job that is done, unless it is to be done again. False if it is not `worker`'s any more.
pub(in crate::serve::store) fn finish(
    session: &mut dyn Session,
    job: &Job,
    worker: &WorkerId,
) -> Result<bool, StoreError> {
    let own = mine(job, worker);
    if session.execute(&format!("DELETE FROM jobs WHERE {MINE} AND again = 0"), &own)? > 0 {
        pace::answered(session, job)?;
        wait::wake(session, &job.name)?;
        if job.kind == Kind::Layer {
            wait::healed(session, &job.name)?;
        }
        return Ok(true);
    }
    let again = format!(
        "UPDATE jobs SET state = 'ready', again = 0, failures = 0, crashes = 0, since = NULL, due = {{now}},
            worker = NULL, waited = 0, settings = coalesce(wish, settings), wish = NULL
        WHERE {MINE}"
    );
    Ok(session.execute(&again, &own)? > 0)
}

/// Like [`finish`], but has the job done again after some time because something of it could not be read, as long as that may
/// help.
pub(in crate::serve::store) fn finish_or_repeat(
    session: &mut dyn Session,
    job: &Job,
    worker: &WorkerId,
    unread: Option<&str>,
) -> Result<bool, StoreError> {
    let Some(reason) = unread else { return finish(session, job, worker) };
    let repeat = format!(
        "UPDATE jobs SET state = 'later', worker = NULL, failures = failures + 1, reason = $4, due = {{now}} + $5
        WHERE {MINE} AND again = 0 AND failures < $6 RETURNING id"
    );
    let [id, worker_name, attempts] = mine(job, worker);
    let reason: String = reason.chars().take(REASON).collect();
    // How often it failed before is not known here; what matters is that the pauses grow.
    let pause = pace::backoff(job.attempts);
    let values = [id, worker_name, attempts, reason.as_str().into(), pause.into(), pace::REPEATS.into()];
    if session.first(&repeat, &values)?.is_some() {
        return Ok(true);
    }
    finish(session, job, worker)
}

/// Has a job come back as `subject`, of which a part is done, after so many milliseconds. False if it is not `worker`'s any more.
pub(in crate::serve::store) fn go_on(
    session: &mut dyn Session,
    job: &Job,
    worker: &WorkerId,
    (subject, wait): (&str, i64),
) -> Result<bool, StoreError> {
    let back = format!(
        "UPDATE jobs SET state = $4, worker = NULL, subject = $5, due = {{now}} + $6, failures = 0, crashes = 0,
            since = NULL, reason = NULL
        WHERE {MINE}"
    );
    let [id, worker_name, attempts] = mine(job, worker);
    let state = if wait > 0 { "later" } else { "ready" };
    let values = [id, worker_name, attempts, state.into(), subject.into(), wait.into()];
    Ok(session.execute(&back, &values)? > 0)
}

/// Notes that a job is dead; who waits for it goes on without it.
pub(super) fn bury(session: &mut dyn Session, id: i64, name: &str, reason: &str) -> Result<(), StoreError> {
    let dead =
        "UPDATE jobs SET state = 'dead', worker = NULL, again = 0, wish = NULL, reason = $2 WHERE id = $1";
    session.execute(dead, values![id, reason])?;
    wait::go_on_without(session, name)
}

impl Store {
    /// Notes that a job is done and nothing is to be kept of it.
    pub fn done(&self, job: &Job, worker: &WorkerId) -> Result<Result<(), Lost>, StoreError> {
        self.lightly(|session| Ok(finish(session, job, worker)?.then_some(()).ok_or(Lost)))
    }

    /// Notes that a job failed. If that may pass it comes back later, for days; else, or after that, it is dead.
    pub fn failed(
        &self,
        job: &Job,
        worker: &WorkerId,
        failed: &Failed,
    ) -> Result<Result<(), Lost>, StoreError> {
        let reason: String = failed.reason.chars().take(REASON).collect();
        let own = format!("SELECT failures, coalesce({{now}} - since, 0) FROM jobs WHERE {MINE} {{lock}}");
        let back = "UPDATE jobs SET state = 'later', worker = NULL, reason = $2, failures = failures + 1,
                since = coalesce(since, {now}), due = {now} + $3
            WHERE id = $1";
        self.within(|session| {
            let Some(row) = session.first(&own, &mine(job, worker))? else { return Ok(Err(Lost)) };
            let (failures, lasts) = (row.int(0) + 1, row.int(1));
            let asked = failed.unreachable.map_or(0, |host| pace::asked(host.wait));
            if !failed.may_pass || lasts > pace::PATIENCE {
                bury(session, job.id, &job.name, &reason)?;
            } else {
                session.execute(back, values![job.id, &reason, pace::backoff(failures).max(asked)])?;
                if failures >= pace::EARLY {
                    wait::go_on_without(session, &job.name)?;
                }
            }
            match failed.unreachable {
                Some(host) => pace::rest(session, &job.host, host.wait)?,
                None => pace::answered(session, job)?,
            }
            Ok(Ok(()))
        })
    }
}
