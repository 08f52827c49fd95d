//! What people see of the queue, and what they may do.

use super::super::Store;
use super::super::audit::{Change, record};
use crate::serve::store::engine::{Row, StoreError, values};

/// A job that is there, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Waiting {
    /// Its number.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// What is to be done.
    pub name: String,
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
            "SELECT id, kind, name, state, attempts, reason, created, due FROM jobs
            WHERE id > $1 {state} ORDER BY id LIMIT $2"
        );
        let waiting = |row: &Row| Waiting {
            id: row.int(0),
            kind: row.text(1),
            name: row.text(2),
            state: row.text(3),
            attempts: row.int(4),
            reason: row.maybe_text(5),
            created: row.int(6),
            due: row.maybe_int(7).filter(|_| row.text(3) == "later"),
        };
        self.reading(|session| {
            let rows = session.query(&query, values![after, most])?;
            Ok(rows.iter().map(waiting).collect())
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
