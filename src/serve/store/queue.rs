//! The queue: work that is durable, done by one worker at a time, and never lost.
//!
//! A job has a name that says what is to be done, and is there once under it. A worker that takes one holds it on a lease,
//! which it renews while it works; when it stops doing so, another one takes the job. A job that fails comes back later,
//! each time after twice as long; one that fails too often, or takes its worker along too often, is dead: it stays
//! with the reason, and whoever asks for the same work again revives it. A job may wait for others, and comes back when
//! they are done or dead.
//!
//! Why this is no library's queue: see ARCHITECTURE.md.

use super::Store;
use super::engine::{Row, Session, StoreError, values};

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// To find out which image a tag names.
    Tag,
    /// To see what an image consists of, and to join what its layers yielded.
    Image,
    /// To scan a layer.
    Layer,
}

/// Every kind, and what the database calls it.
const KINDS: &[(Kind, &str)] = &[(Kind::Tag, "tag"), (Kind::Image, "image"), (Kind::Layer, "layer")];

/// A job that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// Its kind.
    pub kind: Kind,
    /// What is to be done.
    pub name: String,
    /// What it is done to, as JSON.
    pub subject: String,
    /// What it waits to be done with, where that matters.
    pub settings: Option<String>,
    /// More comes first.
    pub priority: i64,
    /// How often it was taken, this time included.
    pub attempts: i64,
}

/// The name of a worker: no two processes have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerId(String);

/// The job is not its worker's any more: the lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// A job that is there, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// Its number.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// What is to be done.
    pub name: String,
    /// `ready`, `running`, `waiting` for others, or `dead`.
    pub state: String,
    /// How often it was taken.
    pub attempts: i64,
    /// Why it failed the last time.
    pub reason: Option<String>,
}

/// Work to do, before it is a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct New<'n> {
    pub(super) kind: Kind,
    pub(super) name: &'n str,
    pub(super) subject: &'n str,
    pub(super) settings: Option<&'n str>,
    pub(super) priority: i64,
}

/// How often a job is tried.
const TRIES: i64 = 8;

/// Milliseconds before the first repetition, and at most before any.
const BACKOFF: (i64, i64) = (5_000, 60 * 60 * 1_000);

/// Characters of a reason that are kept.
const REASON: usize = 2_000;

const TAKEN: &str = "id, kind, name, subject, settings, priority, attempts";

impl Kind {
    /// What the database calls it.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, other)| *other == name).map(|(kind, _)| *kind)
    }
}

impl WorkerId {
    /// A name for this process on `host`.
    pub fn new(host: &str) -> Self {
        let mut drawn = [0; 6];
        // Without chance there are still host and number of the process.
        let _ = getrandom::fill(&mut drawn);
        Self(format!("{host}/{}/{}", std::process::id(), crate::digest::hex(&drawn)))
    }

    /// As the database and logs have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Adds a job, or has the one of that name see to it: a dead one is revived. A tag may lead elsewhere by now, so that one
/// that is being looked at is looked at again; what has a digest stays what it is.
pub(super) fn push(session: &mut dyn Session, new: New<'_>) -> Result<(), StoreError> {
    let insert = "INSERT INTO jobs
            (kind, name, subject, settings, priority, state, again, attempts, due, lease, created)
        VALUES ($1, $2, $3, $4, $5, 'ready', 0, 0, {now}, 0, {now})
        ON CONFLICT (name) DO UPDATE SET
            priority = CASE WHEN excluded.priority > jobs.priority THEN excluded.priority ELSE jobs.priority END,
            subject = CASE WHEN jobs.state = 'dead' THEN excluded.subject ELSE jobs.subject END,
            again = CASE WHEN jobs.state = 'running' AND jobs.kind = 'tag' THEN 1 ELSE jobs.again END,
            attempts = CASE WHEN jobs.state = 'dead' THEN 0 ELSE jobs.attempts END,
            due = CASE WHEN jobs.state = 'dead' THEN excluded.due ELSE jobs.due END,
            state = CASE WHEN jobs.state = 'dead' THEN 'ready' ELSE jobs.state END";
    session
        .execute(insert, values![new.kind.as_str(), new.name, new.subject, new.settings, new.priority])
        .map(drop)
}

/// Removes a job that is done, unless it is to be done again. False if it is not `worker`'s any more.
pub(super) fn finish(session: &mut dyn Session, job: &Job, worker: &WorkerId) -> Result<bool, StoreError> {
    let own = [job.id.into(), worker.as_str().into(), job.attempts.into()];
    let mine = "id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'";
    let again = format!(
        "UPDATE jobs SET state = 'ready', again = 0, attempts = 0, due = {{now}}, worker = NULL WHERE {mine} AND again = 1"
    );
    if session.execute(&again, &own)? > 0 {
        return Ok(true);
    }
    if session.execute(&format!("DELETE FROM jobs WHERE {mine}"), &own)? == 0 {
        return Ok(false);
    }
    wake(session, &job.name)?;
    Ok(true)
}

/// Has whoever waits for the job `name` not wait for it any more.
fn wake(session: &mut dyn Session, name: &str) -> Result<(), StoreError> {
    // Two jobs that end at a time must not each take the other for unfinished.
    let lock = "SELECT id FROM jobs WHERE id IN (SELECT job FROM needs WHERE name = $1) ORDER BY id {lock}";
    let waiting = session.query(lock, values![name])?;
    session.execute("DELETE FROM needs WHERE name = $1", values![name])?;
    let ready = "UPDATE jobs SET state = 'ready', due = {now}
        WHERE id = $1 AND state = 'waiting' AND NOT EXISTS (SELECT 1 FROM needs WHERE job = $1)";
    waiting.iter().try_for_each(|row| session.execute(ready, values![row.int(0)]).map(drop))
}

fn bury(session: &mut dyn Session, id: i64, name: &str, reason: &str) -> Result<(), StoreError> {
    let dead = "UPDATE jobs SET state = 'dead', worker = NULL, again = 0, reason = $2 WHERE id = $1";
    session.execute(dead, values![id, reason])?;
    wake(session, name)
}

fn taken(row: &Row) -> Option<Job> {
    Some(Job {
        id: row.int(0),
        kind: Kind::named(&row.text(1))?,
        name: row.text(2),
        subject: row.text(3),
        settings: row.maybe_text(4),
        priority: row.int(5),
        attempts: row.int(6),
    })
}

impl Store {
    /// Takes the next job that a worker with these settings can do, for `lease` milliseconds.
    pub fn claim(&self, worker: &WorkerId, settings: &str, lease: i64) -> Result<Option<Job>, StoreError> {
        self.within(|session| {
            let gone = "SELECT id, name FROM jobs
                WHERE state = 'running' AND lease < {now} AND attempts >= $1 ORDER BY id LIMIT 1 {skip}";
            if let Some(row) = session.first(gone, values![TRIES])? {
                let reason = format!("{TRIES} workers stopped in the middle of it");
                bury(session, row.int(0), &row.text(1), &reason)?;
            }
            let claim = format!(
                "UPDATE jobs SET state = 'running', worker = $1, lease = {{now}} + $2, attempts = attempts + 1
                WHERE id = (
                    SELECT id FROM jobs
                    WHERE ((state = 'ready' AND due <= {{now}}) OR (state = 'running' AND lease < {{now}} AND attempts < $4))
                        AND (settings IS NULL OR settings = $3 OR kind = 'image')
                    ORDER BY priority DESC, due, id LIMIT 1 {{skip}}
                ) RETURNING {TAKEN}"
            );
            let row = session.first(&claim, values![worker.as_str(), lease, settings, TRIES])?;
            Ok(row.as_ref().and_then(taken))
        })
    }

    /// Renews the leases of all that `worker` holds; returns how many that are.
    pub fn renew(&self, worker: &WorkerId, lease: i64) -> Result<u64, StoreError> {
        let renew = "UPDATE jobs SET lease = {now} + $2 WHERE worker = $1 AND state = 'running'";
        self.within(|session| session.execute(renew, values![worker.as_str(), lease]))
    }

    /// Gives back all that `worker` holds, as if it had never taken it.
    pub fn release(&self, worker: &WorkerId) -> Result<u64, StoreError> {
        let release = "UPDATE jobs SET state = 'ready', worker = NULL, attempts = attempts - 1, due = {now}
            WHERE worker = $1 AND state = 'running'";
        self.within(|session| session.execute(release, values![worker.as_str()]))
    }

    /// Notes that a job is done and nothing is to be kept of it.
    pub fn done(&self, job: &Job, worker: &WorkerId) -> Result<Result<(), Lost>, StoreError> {
        self.within(|session| Ok(finish(session, job, worker)?.then_some(()).ok_or(Lost)))
    }

    /// Notes that a job failed. It comes back later if that `may_pass`, unless it was tried often enough.
    pub fn failed(
        &self,
        job: &Job,
        worker: &WorkerId,
        (reason, may_pass): (&str, bool),
    ) -> Result<Result<(), Lost>, StoreError> {
        let reason: String = reason.chars().take(REASON).collect();
        self.within(|session| {
            let mine = "SELECT 1 FROM jobs WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running' {lock}";
            if session.first(mine, values![job.id, worker.as_str(), job.attempts])?.is_none() {
                return Ok(Err(Lost));
            }
            if !may_pass || job.attempts >= TRIES {
                bury(session, job.id, &job.name, &reason)?;
                return Ok(Ok(()));
            }
            let back = "UPDATE jobs SET state = 'ready', worker = NULL, reason = $2, due = {now} + $3 WHERE id = $1";
            session.execute(back, values![job.id, &reason, backoff(job.attempts)])?;
            Ok(Ok(()))
        })
    }

    /// Has `job` wait for layers that are to be scanned with `settings`: name and subject of each.
    pub fn park(
        &self,
        job: &Job,
        worker: &WorkerId,
        settings: &str,
        layers: &[(String, String)],
    ) -> Result<Result<(), Lost>, StoreError> {
        self.within(|session| {
            // What was begun comes before what was not.
            let park = "UPDATE jobs SET state = 'waiting', worker = NULL, attempts = 0, settings = $4,
                    priority = CASE WHEN settings IS NULL THEN priority + 2 ELSE priority END
                WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'";
            if session.execute(park, values![job.id, worker.as_str(), job.attempts, settings])? == 0 {
                return Ok(Err(Lost));
            }
            // In one order, so that two such transactions do not wait for each other.
            let mut layers: Vec<_> = layers.iter().collect();
            layers.sort();
            for (name, subject) in layers {
                let priority = job.priority + 1;
                push(session, New { kind: Kind::Layer, name, subject, settings: Some(settings), priority })?;
                let need = "INSERT INTO needs (name, job) VALUES ($1, $2) ON CONFLICT DO NOTHING";
                session.execute(need, values![name, job.id])?;
            }
            Ok(Ok(()))
        })
    }

    /// Takes over what waits for workers with other settings than `settings`, of an earlier version of this program or its
    /// rules: images are looked at anew. Returns how many.
    pub fn adopt(&self, settings: &str) -> Result<u64, StoreError> {
        self.within(|session| {
            let waiting = "SELECT id FROM jobs WHERE state = 'waiting' AND settings <> $1 ORDER BY id {lock}";
            let waiting = session.query(waiting, values![settings])?;
            for row in &waiting {
                let id = row.int(0);
                session.execute("DELETE FROM needs WHERE job = $1", values![id])?;
                let ready = "UPDATE jobs SET state = 'ready', settings = NULL, due = {now} WHERE id = $1";
                session.execute(ready, values![id])?;
            }
            let layers =
                "DELETE FROM jobs WHERE kind = 'layer' AND state IN ('ready', 'dead') AND settings <> $1
                AND NOT EXISTS (SELECT 1 FROM needs WHERE needs.name = jobs.name)";
            session.execute(layers, values![settings])?;
            Ok(waiting.len() as u64)
        })
    }

    /// Dead jobs of a kind with these settings: name and reason.
    pub fn dead(&self, kind: Kind, settings: &str) -> Result<Vec<(String, String)>, StoreError> {
        let dead = "SELECT name, reason FROM jobs WHERE state = 'dead' AND kind = $1 AND settings = $2";
        self.within(|session| {
            let rows = session.query(dead, values![kind.as_str(), settings])?;
            Ok(rows.iter().map(|row| (row.text(0), row.text(1))).collect())
        })
    }

    /// Jobs in `state`, or in any, with a number above `after`; at most `most`.
    pub fn jobs(&self, state: Option<&str>, after: i64, most: usize) -> Result<Vec<Waiting>, StoreError> {
        let query = "SELECT id, kind, name, state, attempts, reason FROM jobs
            WHERE id > $1 AND (state = $2 OR $2 = '') ORDER BY id LIMIT $3";
        let waiting = |row: &Row| Waiting {
            id: row.int(0),
            kind: row.text(1),
            name: row.text(2),
            state: row.text(3),
            attempts: row.int(4),
            reason: row.maybe_text(5),
        };
        self.within(|session| {
            let rows = session.query(query, values![after, state.unwrap_or_default(), most])?;
            Ok(rows.iter().map(waiting).collect())
        })
    }

    /// Revives a dead job; false if there is no such one.
    pub fn revive(&self, id: i64) -> Result<bool, StoreError> {
        let revive =
            "UPDATE jobs SET state = 'ready', attempts = 0, due = {now} WHERE id = $1 AND state = 'dead'";
        self.within(|session| Ok(session.execute(revive, values![id])? > 0))
    }

    /// How many jobs there are of each kind and state.
    pub fn depth(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let query = "SELECT kind, state, count(*) FROM jobs GROUP BY kind, state ORDER BY kind, state";
        self.within(|session| {
            let rows = session.query(query, &[])?;
            Ok(rows.iter().map(|row| (row.text(0), row.text(1), row.int(2))).collect())
        })
    }
}

/// Milliseconds before the next try, after so many.
fn backoff(attempts: i64) -> i64 {
    let doubled = u32::try_from(attempts - 1).ok().and_then(|times| BACKOFF.0.checked_shl(times));
    doubled.filter(|wait| (0..BACKOFF.1).contains(wait)).unwrap_or(BACKOFF.1)
}
