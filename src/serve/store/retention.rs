//! What is forgotten when its time has come, piece by piece, and counted.
//!
//! An image that has at one of its places what is to be dealt with stays, unless somebody said otherwise; so does what people
//! decided. Where a credential was stays until it has been fixed for long enough.

use serde_json::json;

use super::Store;
use super::audit::{Change, record};
use super::engine::{Session, StoreError, list, values};
use super::images::{forget, key};
use super::queue::{Job, Kind, Lost, New, WorkerId, finish, push};
use crate::serve::config::Retention;

/// How much was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Forgotten {
    /// Images, with all that was found in them.
    pub images: i64,
    /// Reports of images that are known further on.
    pub reports: i64,
    /// Places where a credential was.
    pub occurrences: i64,
    /// Credentials that are and were nowhere else.
    pub secrets: i64,
    /// Changes of people.
    pub audit: i64,
    /// What layers yielded.
    pub layers: i64,
}

/// Rows that are forgotten in one transaction.
const PIECE: usize = 200;

/// What is forgotten comes after everything else.
const PRIORITY: i64 = -10;

/// What is done once in a while, and how often.
const NAME: &str = "retention";
const EVERY: i64 = 24 * 60 * 60 * 1_000;

/// How long a database is left alone before that is done for the first time.
const FIRST: i64 = 10 * 60 * 1_000;

/// Images that no tag names, behind one, and that were last told of before then.
const UNTAGGED: &str = "id > $1 AND last_seen < {now} - $2 AND NOT EXISTS (SELECT 1 FROM tags t
    WHERE t.registry = images.registry AND t.repository = images.repository AND t.digest = images.digest)";

/// That nothing in an image is to be dealt with.
const CLOSED: &str = "NOT EXISTS (SELECT 1 FROM occurrences o
    JOIN findings f ON f.image = o.image AND f.fingerprint = o.fingerprint
    WHERE o.image = images.id AND o.fixed IS NULL AND f.closed_until <= {now})";

impl Forgotten {
    /// All of it together.
    pub fn total(&self) -> i64 {
        let Self { images, reports, occurrences, secrets, audit, layers } = self;
        images + reports + occurrences + secrets + audit + layers
    }
}

impl Store {
    /// Has a worker forget what `retention` says, once a day over all processes.
    pub fn want_forgotten(&self, retention: &Retention) -> Result<(), StoreError> {
        let due = "SELECT 1 FROM chores WHERE name = $1 AND due > {now}";
        if self.reading(|session| session.first(due, values![NAME]))?.is_some() {
            return Ok(());
        }
        let subject = json!(retention).to_string();
        self.within(|session| {
            let known = "INSERT INTO chores (name, due) VALUES ($1, {now} + $2) ON CONFLICT DO NOTHING";
            session.execute(known, values![NAME, FIRST])?;
            let next = "UPDATE chores SET due = {now} + $2 WHERE name = $1 AND due <= {now}";
            if session.execute(next, values![NAME, EVERY])? == 0 {
                return Ok(());
            }
            let (kind, subject) = (Kind::Forget, subject.as_str());
            push(session, New { kind, name: NAME, subject, settings: None, priority: PRIORITY, host: "" })
        })
    }

    /// Forgets images that no tag names any more, behind `after`; how many, and behind which to go on.
    pub fn forget_images(
        &self,
        (age, open_too): (i64, bool),
        after: i64,
    ) -> Result<(i64, Option<i64>), StoreError> {
        let which = if open_too { String::new() } else { format!(" AND {CLOSED}") };
        let query = format!("SELECT id FROM images WHERE {UNTAGGED}{which} ORDER BY id LIMIT $3");
        self.within(|session| {
            let rows = session.query(&query, values![after, age, PIECE])?;
            for row in &rows {
                if let Some(key) = key(session, row.int(0))? {
                    forget(session, &key)?;
                }
            }
            let last = rows.last().filter(|_| rows.len() == PIECE).map(|row| row.int(0));
            Ok((i64::try_from(rows.len()).unwrap_or(i64::MAX), last))
        })
    }

    /// Forgets the reports of such images, open or not: what was found stays known.
    pub fn forget_reports(&self, age: i64, after: i64) -> Result<(i64, Option<i64>), StoreError> {
        let query = format!(
            "SELECT id FROM images WHERE {UNTAGGED} AND EXISTS (SELECT 1 FROM reports WHERE image = images.id)
            ORDER BY id LIMIT $3"
        );
        self.within(|session| {
            let rows = session.query(&query, values![after, age, PIECE])?;
            let ids = list(&rows.iter().map(|row| row.int(0)).collect::<Vec<_>>());
            session.execute("DELETE FROM reports WHERE image IN {ids($1)}", &[ids])?;
            let last = rows.last().filter(|_| rows.len() == PIECE).map(|row| row.int(0));
            Ok((i64::try_from(rows.len()).unwrap_or(i64::MAX), last))
        })
    }

    /// Forgets some of the places where a credential was and is fixed, and credentials that are left nowhere; how many of
    /// both.
    pub fn forget_fixed(&self, age: i64) -> Result<(i64, i64), StoreError> {
        self.within(|session| {
            let query =
                "SELECT DISTINCT fingerprint FROM occurrences WHERE fixed < {now} - $1 ORDER BY fingerprint LIMIT $2";
            let rows = session.query(query, values![age, PIECE])?;
            let prints = list(&rows.iter().map(|row| row.text(0)).collect::<Vec<_>>());
            let places = "DELETE FROM occurrences WHERE fixed < {now} - $1 AND fingerprint IN {texts($2)}";
            let places = session.execute(places, &[age.into(), prints.clone()])?;
            let secrets = "DELETE FROM secrets WHERE fingerprint IN {texts($1)}
                AND NOT EXISTS (SELECT 1 FROM occurrences o WHERE o.fingerprint = secrets.fingerprint)
                AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.fingerprint = secrets.fingerprint)";
            let secrets = session.execute(secrets, &[prints])?;
            Ok((places.cast_signed(), secrets.cast_signed()))
        })
    }

    /// Forgets some of what people changed so long ago; how many.
    pub fn forget_audit(&self, age: i64) -> Result<i64, StoreError> {
        let delete = "DELETE FROM audit WHERE id IN
            (SELECT id FROM audit WHERE at < {now} - $1 ORDER BY id LIMIT $2)";
        self.within(|session| Ok(session.execute(delete, values![age, PIECE])?.cast_signed()))
    }

    /// Forgets some of what layers yielded with settings that no process of `fleets` has, kept so long ago; how many.
    pub fn forget_layers(&self, age: i64, fleets: &[String]) -> Result<i64, StoreError> {
        let old = "SELECT settings, digest FROM blobs WHERE kept < {now} - $1 AND settings NOT IN {texts($2)} LIMIT $3";
        let delete = "DELETE FROM blobs WHERE settings = $1 AND digest = $2";
        self.within(|session| {
            let rows = session.query(old, &[age.into(), list(fleets), PIECE.into()])?;
            for row in &rows {
                session.execute(delete, values![&row.text(0), &row.text(1)])?;
            }
            Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
        })
    }

    /// Notes what was forgotten, and that the job is done.
    pub fn forgotten(
        &self,
        job: &Job,
        worker: &WorkerId,
        forgotten: &Forgotten,
    ) -> Result<Result<(), Lost>, StoreError> {
        let counts = json!(forgotten).to_string();
        self.within(|session| {
            if !finish(session, job, worker)? {
                return Ok(Err(Lost));
            }
            if forgotten.total() > 0 {
                note(session, &counts)?;
            }
            Ok(Ok(()))
        })
    }
}

fn note(session: &mut dyn Session, counts: &str) -> Result<(), StoreError> {
    let (who, action) = ("the configuration", "forget");
    record(session, &Change { who, action, subject: NAME, was: Some(counts), became: None })
}
