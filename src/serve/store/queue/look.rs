//! What people see of the queue, and what they may do.

use super::super::Store;
use super::super::audit::{Change, record};
use super::super::overview::named;
use super::Kind;
use crate::serve::store::engine::{Row, Session, StoreError, values};
use crate::source::registry::Reference;

/// A job that is there, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Waiting {
    /// Its number.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// What is to be done.
    pub name: String,
    /// What that is about, for people: an image, a repository, a registry.
    pub about: String,
    /// Of the first 50 layers of a list: some of the images that wait for it, or that are shown without it.
    pub images: Vec<Affected>,
    /// `ready`, `running`, `waiting` for others, `later` to be tried again, or `dead`.
    pub state: String,
    /// How often it was taken.
    pub attempts: i64,
    /// Why it failed the last time.
    pub reason: Option<String>,
    /// When it was asked for, in milliseconds since 1970.
    pub created: i64,
    /// When it is tried again.
    pub due: Option<i64>,
}

/// An image that lacks a layer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Affected {
    /// Its number.
    pub id: i64,
    /// `HOST/PATH:TAG`, or `HOST/PATH@DIGEST` if no tag names it.
    pub name: String,
}

/// Images that are told of a layer.
const AFFECTED: usize = 5;
/// Layers of which they are told at once: each is asked for.
const NAMED_LAYERS: usize = 50;

/// How much there is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depth {
    /// Kind, state, and how many jobs.
    pub jobs: Vec<(String, String, i64)>,
    /// Milliseconds for which the oldest job has been there that could be done now.
    pub oldest: i64,
}

/// The states of jobs.
pub const STATES: &[&str] = &["ready", "running", "waiting", "later", "dead"];

impl Store {
    /// Jobs in `state`, or in any, with a number above `after`; at most `most`.
    pub fn jobs(&self, state: Option<&str>, after: i64, most: usize) -> Result<Vec<Waiting>, StoreError> {
        // As a part of the statement, so that the index of the state is found; none that there is not.
        let state = match state.map(|state| STATES.iter().find(|known| **known == state)) {
            None => String::new(),
            Some(Some(state)) => format!("AND state = '{state}'"),
            Some(None) => return Ok(Vec::new()),
        };
        let query = format!(
            "SELECT id, kind, name, state, attempts, reason, created, due, subject FROM jobs
            WHERE id > $1 {state} ORDER BY id LIMIT $2"
        );
        self.reading(|session| {
            let rows = session.query(&query, values![after, most])?;
            let mut jobs: Vec<Waiting> = rows.iter().map(waiting).collect();
            for job in jobs.iter_mut().filter(|job| job.kind == Kind::Layer.as_str()).take(NAMED_LAYERS) {
                job.images = affected(session, &job.name)?;
            }
            Ok(jobs)
        })
    }

    /// Revives a dead job, in the name of `who`; false if there is no such one.
    pub fn revive(&self, who: &str, id: i64) -> Result<bool, StoreError> {
        let revive = "UPDATE jobs SET state = 'ready', failures = 0, crashes = 0, since = NULL, due = {now}
            WHERE id = $1 AND state = 'dead' RETURNING name";
        self.within(|session| {
            let Some(row) = session.first(revive, values![id])? else { return Ok(false) };
            let subject = row.text(0);
            record(session, &Change { who, action: "retry", subject: &subject, was: None, became: None })?;
            Ok(true)
        })
    }

    /// How many jobs there are of each kind and state, and how old the oldest is that could be done. Counts all of them.
    pub fn depth(&self) -> Result<Depth, StoreError> {
        let count = "SELECT kind, state, count(*) FROM jobs GROUP BY kind, state ORDER BY kind, state";
        let oldest = "SELECT {now} - min(created) FROM jobs WHERE state = 'ready'";
        self.reading(|session| {
            let jobs = session.query(count, &[])?;
            let oldest = session.first(oldest, &[])?.map_or(0, |row| row.int(0));
            let jobs = jobs.iter().map(|row| (row.text(0), row.text(1), row.int(2))).collect();
            Ok(Depth { jobs, oldest })
        })
    }
}

fn waiting(row: &Row) -> Waiting {
    Waiting {
        id: row.int(0),
        kind: row.text(1),
        name: row.text(2),
        about: named(&row.text(8), &row.text(2)),
        images: Vec::new(),
        state: row.text(3),
        attempts: row.int(4),
        reason: row.maybe_text(5),
        created: row.int(6),
        due: row.maybe_int(7).filter(|_| row.text(3) == "later"),
    }
}

/// Images that wait for the layer of that job, or were joined without it.
fn affected(session: &mut dyn Session, layer: &str) -> Result<Vec<Affected>, StoreError> {
    const NAMED: &str = "i.id, i.registry || '/' || i.repository, i.digest, (SELECT tag FROM tags t WHERE t.registry = i.registry
        AND t.repository = i.repository AND t.digest = i.digest ORDER BY t.seen DESC, tag LIMIT 1)";
    let lacking = format!(
        "SELECT {NAMED} FROM images i WHERE i.id IN (SELECT image FROM lacks WHERE name = $1 LIMIT $2) ORDER BY i.id"
    );
    let subjects =
        "SELECT subject FROM jobs WHERE id IN (SELECT job FROM needs WHERE name = $1) ORDER BY id LIMIT $2";
    let waiting =
        format!("SELECT {NAMED} FROM images i WHERE i.registry = $1 AND i.repository = $2 AND i.digest = $3");
    let mut rows = session.query(&lacking, values![layer, AFFECTED])?;
    for subject in session.query(subjects, values![layer, AFFECTED])? {
        let Some(image) = Reference::from_json(&subject.text(0)) else { continue };
        let name = image.name();
        rows.extend(session.query(&waiting, values![name.domain(), name.path(), image.digest()])?);
    }
    let mut all: Vec<Affected> = Vec::new();
    for row in rows {
        let (id, repository, digest) = (row.int(0), row.text(1), row.text(2));
        let name = row
            .maybe_text(3)
            .map_or_else(|| format!("{repository}@{digest}"), |tag| format!("{repository}:{tag}"));
        if all.len() < AFFECTED && all.iter().all(|known| known.id != id) {
            all.push(Affected { id, name });
        }
    }
    Ok(all)
}
