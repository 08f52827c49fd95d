//! What is forgotten when its time has come, piece by piece, and counted.
//!
//! An image that has at one of its places what is to be dealt with stays, unless somebody said otherwise; so does what people
//! decided. Where a credential was stays until it has been fixed for long enough.

use serde_json::json;

use super::Store;
use super::audit::{Change, record};
use super::engine::{Session, StoreError, Value, list, values};
use super::images::{ImageKey, forget, key};
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

/// That no tag names an image, that no index has it, that it was last told of so long ago, and that there is no job for it: who does that, perhaps
/// because somebody has it tried again, has to find the image. A job that failed for good counts as long as nothing of it was seen.
const UNTAGGED: &str = "part = 0 AND last_seen < (SELECT {now}) - $2 AND NOT EXISTS (SELECT 1 FROM tags t
    WHERE t.registry = images.registry AND t.repository = images.repository AND t.digest = images.digest)
    AND NOT EXISTS (SELECT 1 FROM jobs
        WHERE name = 'image ' || images.registry || '/' || images.repository || '@' || images.digest
            AND (state <> 'dead' OR images.scanned IS NULL))";

/// That nothing in an image is to be dealt with.
const CLOSED: &str = "NOT EXISTS (SELECT 1 FROM occurrences o
    JOIN findings f ON f.image = o.image AND f.fingerprint = o.fingerprint
    WHERE o.image = images.id AND o.fixed IS NULL AND f.closed_until <= (SELECT {now}))";

/// That of a credential neither a place nor a finding is left.
const LOST: &str = "NOT EXISTS (SELECT 1 FROM occurrences o WHERE o.fingerprint = secrets.fingerprint)
    AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.fingerprint = secrets.fingerprint)";

/// Credentials that are looked at in one go for that.
const WALK: usize = 5_000;

/// That its report is kept, or what a later scan may have missed.
const REPORTED: &str = "(EXISTS (SELECT 1 FROM reports WHERE image = images.id)
    OR EXISTS (SELECT 1 FROM unseen WHERE image = images.id))";

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
        let which = if open_too { UNTAGGED.to_owned() } else { format!("{UNTAGGED} AND {CLOSED}") };
        self.within(|session| {
            let (keys, last) = outdated(session, &which, age, after)?;
            keys.iter().try_for_each(|key| forget(session, key))?;
            Ok((count(&keys), last))
        })
    }

    /// Forgets the reports of such images, open or not: what was found stays known. Who tells of one again has it scanned
    /// again, so that there is a report of it.
    pub fn forget_reports(&self, age: i64, after: i64) -> Result<(i64, Option<i64>), StoreError> {
        let which = format!("{UNTAGGED} AND {REPORTED}");
        self.within(|session| {
            let (keys, last) = outdated(session, &which, age, after)?;
            let ids = [list(&keys.iter().map(|key| key.id).collect::<Vec<_>>())];
            session.execute("DELETE FROM reports WHERE image IN {ids($1)}", &ids)?;
            session.execute("DELETE FROM unseen WHERE image IN {ids($1)}", &ids)?;
            let unjudged = "UPDATE images SET settings = NULL, judged = NULL WHERE id IN {ids($1)}";
            session.execute(unjudged, &ids)?;
            Ok((count(&keys), last))
        })
    }

    /// Forgets some of the places where a credential was and is fixed, and credentials that are left nowhere; how many of
    /// both.
    pub fn forget_fixed(&self, age: i64) -> Result<(i64, i64), StoreError> {
        self.within(|session| {
            let query =
                "SELECT DISTINCT fingerprint FROM occurrences WHERE fixed < (SELECT {now}) - $1 ORDER BY fingerprint LIMIT $2";
            let rows = session.query(query, values![age, PIECE])?;
            let prints = list(&rows.iter().map(|row| row.text(0)).collect::<Vec<_>>());
            hold_secrets(session, &prints)?;
            let places = "DELETE FROM occurrences WHERE fixed < (SELECT {now}) - $1 AND fingerprint IN {texts($2)}";
            let places = session.execute(places, &[age.into(), prints.clone()])?;
            let secrets = forget_lost(session, prints)?;
            Ok((places.cast_signed(), secrets))
        })
    }

    /// Forgets credentials of which nothing is left and that were found so long ago, among the next ones behind `after`; how
    /// many, and behind which to go on. Such are those of an image that was known by an index, when both are gone.
    pub fn forget_secrets(&self, age: i64, after: &str) -> Result<(i64, Option<String>), StoreError> {
        let walk = format!(
            "SELECT fingerprint, CASE WHEN last_seen < (SELECT {{now}}) - $1 AND {LOST} THEN 1 ELSE 0 END FROM secrets
            WHERE fingerprint > $2 ORDER BY fingerprint LIMIT $3"
        );
        let rows = self.reading(|session| session.query(&walk, values![age, after, WALK]))?;
        let lost: Vec<String> = rows.iter().filter(|row| row.int(1) == 1).map(|row| row.text(0)).collect();
        let mut count = 0;
        for piece in lost.chunks(PIECE) {
            count += self.within(|session| {
                hold_secrets(session, &list(piece))?;
                forget_lost(session, list(piece))
            })?;
        }
        Ok((count, rows.last().filter(|_| rows.len() == WALK).map(|row| row.text(0))))
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

/// Who finds one of these credentials again meanwhile is waited for, and what they found is seen.
fn hold_secrets(session: &mut dyn Session, prints: &Value) -> Result<(), StoreError> {
    let hold = "SELECT fingerprint FROM secrets WHERE fingerprint IN {texts($1)} ORDER BY fingerprint {lock}";
    session.query(hold, std::slice::from_ref(prints)).map(drop)
}

/// Forgets those of these credentials of which nothing is left; how many.
fn forget_lost(session: &mut dyn Session, prints: Value) -> Result<i64, StoreError> {
    let delete = format!("DELETE FROM secrets WHERE fingerprint IN {{texts($1)}} AND {LOST}");
    Ok(session.execute(&delete, &[prints])?.cast_signed())
}

/// Images behind `after` of which `which` is true for that `age`, and behind which to go on. They are held: who told of one
/// since they were looked for was waited for, and that one is not among them.
fn outdated(
    session: &mut dyn Session,
    which: &str,
    age: i64,
    after: i64,
) -> Result<(Vec<ImageKey>, Option<i64>), StoreError> {
    let some = format!("SELECT id FROM images WHERE id > $1 AND {which} ORDER BY id LIMIT $3");
    let still = format!("SELECT 1 FROM images WHERE id = $1 AND {which}");
    let rows = session.query(&some, values![after, age, PIECE])?;
    let mut keys = Vec::new();
    for row in &rows {
        let Some(key) = key(session, row.int(0))? else { continue };
        if session.first(&still, values![key.id, age])?.is_some() {
            keys.push(key);
        }
    }
    Ok((keys, rows.last().filter(|_| rows.len() == PIECE).map(|row| row.int(0))))
}

fn count(keys: &[ImageKey]) -> i64 {
    i64::try_from(keys.len()).unwrap_or(i64::MAX)
}

fn note(session: &mut dyn Session, counts: &str) -> Result<(), StoreError> {
    let (who, action) = ("the configuration", "forget");
    record(session, &Change { who, action, subject: NAME, was: Some(counts), became: None })
}
