//! The queue: work that is durable, done by one worker at a time, and never lost.
//!
//! A job has a name that says what is to be done, and is there once under it. `take`: a worker that takes one holds it on a
//! lease, which its process renews as long as it works; when that stops, another one takes the job. `end`: a job is done, or
//! comes back later. `wait`: jobs wait for others, and go on without those that cannot be had for now. `pace`: how often
//! and how soon something is tried again, and which hosts are left in peace. `fleets`: workers of several versions on one
//! database. `look`: what people may see and do.
//!
//! Why this is no library's queue: see ARCHITECTURE.md.

mod end;
mod fleets;
mod look;
mod pace;
mod take;
#[cfg(test)]
mod tests;
mod wait;

pub use self::end::{Failed, Unreachable};
pub(super) use self::end::{finish, finish_or_repeat, go_on};
pub use self::look::{Affected, Depth, STATES, Waiting};
pub(super) use self::pace::answered;
pub use self::take::{Avoid, Beat, Crew};
pub use self::wait::GivenUpLayer;
pub(super) use self::wait::{hold, note_lacks, push_image};
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
    /// To judge images anew by the lists and the policy of today.
    Judge,
    /// To forget what is of no use any more.
    Forget,
    /// To look through a registry.
    Sweep,
    /// To see what an image is to be called, and to tell of its findings.
    Tell,
    /// To tell somebody of new findings.
    Message,
    /// To write a decision beside the findings of many images.
    Decide,
}

/// Every kind, and what the database calls it.
const KINDS: &[(Kind, &str)] = &[
    (Kind::Tag, "tag"),
    (Kind::Image, "image"),
    (Kind::Layer, "layer"),
    (Kind::Judge, "judge"),
    (Kind::Forget, "forget"),
    (Kind::Sweep, "sweep"),
    (Kind::Tell, "tell"),
    (Kind::Message, "message"),
    (Kind::Decide, "decide"),
];

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
    /// What it is to be done with, where that matters.
    pub settings: Option<String>,
    /// More comes first.
    pub priority: i64,
    /// How often it was taken, this time included: no two holders of it have the same.
    pub attempts: i64,
    /// Of an image: whether it has waited for its layers.
    pub waited: bool,
    /// Whom it talks to.
    pub host: String,
    /// How often that one failed since it last answered.
    pub host_failures: i64,
    /// For how long it had been there when it was taken. Milliseconds.
    pub age: i64,
}

/// The name of a worker: no two processes have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerId(String);

/// The job is not its worker's any more: the lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// Work to do, before it is a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct New<'n> {
    pub(super) kind: Kind,
    pub(super) name: &'n str,
    pub(super) subject: &'n str,
    /// What it is to be done with, if that matters.
    pub(super) settings: Option<&'n str>,
    pub(super) priority: i64,
    /// Whom it talks to: nobody is asked too often. Known to [`Store::know`](super::Store::know); empty: nobody.
    pub(super) host: &'n str,
}

/// The columns of a [`Job`].
const TAKEN: &str = "id, kind, name, subject, settings, priority, attempts, waited, host,
    (SELECT failures FROM hosts WHERE hosts.host = jobs.host), {now} - created";

impl Kind {
    /// What the database calls it.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The one that the database calls so.
    pub fn named(name: &str) -> Option<Self> {
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

/// Adds a job, or has the one of that name see to it.
///
/// One that is dead or waits for its next try is tried at once; except for layers, which are asked for by every image that has
/// them: those keep their time, and one that took its workers along stays dead. A tag may lead elsewhere by now, so one that is
/// being looked at is looked at again. An image that is under way with other settings is done once more with these.
pub(super) fn push(session: &mut dyn Session, new: New<'_>) -> Result<(), StoreError> {
    let idle = "(jobs.state = 'ready' OR jobs.state = 'later' OR jobs.state = 'dead')";
    let woken = format!(
        "((jobs.state = 'later' AND jobs.kind <> 'layer') OR (jobs.state = 'dead' AND (jobs.kind <> 'layer' OR jobs.crashes < {})))",
        pace::CRASHES
    );
    let other = "(jobs.kind = 'image' AND (jobs.state = 'running' OR jobs.state = 'waiting')
        AND jobs.settings <> excluded.settings)";
    // Who asks last says where a layer is that could not be had, and how large: the first may have said something wrong.
    let unhad = "(jobs.state = 'dead' OR (jobs.state = 'later' AND jobs.kind = 'layer'))";
    let insert = format!(
        "INSERT INTO jobs
            (kind, name, subject, settings, priority, host, state, again, attempts, due, lease, created)
        VALUES ($1, $2, $3, $4, $5, $6, 'ready', 0, 0, {{now}}, 0, {{now}})
        ON CONFLICT (name) DO UPDATE SET
            priority = CASE WHEN excluded.priority > jobs.priority THEN excluded.priority ELSE jobs.priority END,
            subject = CASE WHEN {unhad} THEN excluded.subject ELSE jobs.subject END,
            host = CASE WHEN {unhad} THEN excluded.host ELSE jobs.host END,
            again = CASE WHEN jobs.state = 'running' AND jobs.kind = 'tag' OR {other} THEN 1 ELSE jobs.again END,
            wish = CASE WHEN {other} THEN excluded.settings ELSE jobs.wish END,
            waited = CASE WHEN {idle} AND jobs.settings <> excluded.settings THEN 0 ELSE jobs.waited END,
            settings = CASE WHEN {idle} THEN excluded.settings ELSE jobs.settings END,
            failures = CASE WHEN jobs.state = 'dead' AND {woken} THEN 0 ELSE jobs.failures END,
            crashes = CASE WHEN {woken} THEN 0 ELSE jobs.crashes END,
            since = CASE WHEN {woken} THEN NULL ELSE jobs.since END,
            due = CASE WHEN {woken} THEN excluded.due ELSE jobs.due END,
            state = CASE WHEN {woken} THEN 'ready' ELSE jobs.state END"
    );
    let New { kind, name, subject, settings, priority, host } = new;
    session.execute(&insert, values![kind.as_str(), name, subject, settings, priority, host]).map(drop)
}

/// Adds a job whose time comes in so many milliseconds. If there is one of that name, it is about this subject now, and is tried again
/// if it had failed for good.
pub(super) fn push_later(session: &mut dyn Session, new: New<'_>, wait: i64) -> Result<(), StoreError> {
    let insert = "INSERT INTO jobs
            (kind, name, subject, settings, priority, host, state, again, attempts, due, lease, created)
        VALUES ($1, $2, $3, $4, $5, $6, 'later', 0, 0, {now} + $7, 0, {now})
        ON CONFLICT (name) DO UPDATE SET subject = excluded.subject,
            due = CASE WHEN jobs.state = 'dead' THEN excluded.due ELSE jobs.due END,
            state = CASE WHEN jobs.state = 'dead' THEN 'later' ELSE jobs.state END";
    let New { kind, name, subject, settings, priority, host } = new;
    session.execute(insert, values![kind.as_str(), name, subject, settings, priority, host, wait]).map(drop)
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
        waited: row.int(7) != 0,
        host: row.text(8),
        host_failures: row.int(9),
        age: row.int(10),
    })
}
