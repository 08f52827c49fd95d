//! What a decision, or its end, changes beside findings that are there already: piece by piece, where those are many.
//!
//! A credential may be in very many images, and who changes all of them at once holds up everybody else. So a decision
//! that concerns more than a piece is made at once, and a job writes it beside the findings. It counts for what is found
//! from then on; newer ones are never overwritten, so the job may be done twice, or together with the one of a newer decision.

use super::Store;
use super::decisions::{Decision, decision};
use super::engine::{Session, StoreError, list, values};
use super::findings::count;
use super::queue::{Job, Kind, Lost, New, WorkerId, finish, push};
use super::standing::{There, restate};

/// Images that are changed in one transaction.
const PIECE: usize = 200;

/// Images that are looked for at a time.
const CHUNK: usize = 10_000;

/// Somebody waits for it.
const PRIORITY: i64 = 20;

/// What closes a finding for good is not opened by a decision.
const CLOSE: &str =
    "UPDATE findings SET decision = $1, closed_until = CASE WHEN ignored IS NULL THEN $2 ELSE closed_until END
    WHERE fingerprint = $3 AND image IN {ids($4)} AND (decision IS NULL OR decision < $1)";

/// Writes a new decision beside the findings that it covers, or has a worker do that if they are many.
pub(super) fn spread(session: &mut dyn Session, decision: &Decision) -> Result<(), StoreError> {
    let (images, more) = concerned(session, decision, 0, PIECE)?;
    if more.is_none() {
        apply(session, decision, &images)?;
        return restate(session, There::One(&decision.fingerprint));
    }
    let (name, subject) = (format!("decide {}", decision.id), decision.id.to_string());
    let new = New {
        kind: Kind::Decide,
        name: &name,
        subject: &subject,
        settings: None,
        priority: PRIORITY,
        host: "",
    };
    push(session, new)
}

/// Images behind `after` with a finding that a decision covers and that no newer one decides, out of the next `most` that
/// have its credential; and behind which to go on.
fn concerned(
    session: &mut dyn Session,
    decision: &Decision,
    after: i64,
    most: usize,
) -> Result<(Vec<i64>, Option<i64>), StoreError> {
    let query = "SELECT image, registry, repository FROM findings JOIN images ON images.id = findings.image
        WHERE fingerprint = $1 AND image > $2 AND (decision IS NULL OR decision < $3) ORDER BY image LIMIT $4";
    let rows = session.query(query, values![&decision.fingerprint, after, decision.id, most])?;
    let covered = rows.iter().filter(|row| decision.covers(&format!("{}/{}", row.text(1), row.text(2))));
    let more = rows.last().filter(|_| rows.len() >= most).map(|row| row.int(0));
    Ok((covered.map(|row| row.int(0)).collect(), more))
}

/// Writes a decision beside the findings of its credential in these images.
fn apply(session: &mut dyn Session, decision: &Decision, images: &[i64]) -> Result<(), StoreError> {
    let those = list(images);
    hold(session, &those)?;
    let Decision { id, fingerprint, .. } = decision;
    session
        .execute(CLOSE, &[(*id).into(), decision.closed_until().into(), fingerprint.into(), those.clone()])?;
    count(session, "id IN {ids($1)}", &[those])
}

/// Whoever scans one of these images meanwhile is waited for.
fn hold(session: &mut dyn Session, images: &super::engine::Value) -> Result<(), StoreError> {
    let hold = "SELECT id FROM images WHERE id IN {ids($1)} ORDER BY id {lock}";
    session.query(hold, std::slice::from_ref(images)).map(drop)
}

impl Store {
    /// Writes the decision of that number beside all findings that it covers; true if there is such a one.
    pub fn spread(&self, number: i64) -> Result<bool, StoreError> {
        let Some(decision) = self.reading(|session| decision(session, number))? else { return Ok(false) };
        let mut after = Some(0);
        while let Some(from) = after {
            let (images, more) = self.reading(|session| concerned(session, &decision, from, CHUNK))?;
            for piece in images.chunks(PIECE) {
                // What a power cut undoes is done again with the job.
                self.lightly(|session| apply(session, &decision, piece))?;
            }
            after = more;
        }
        self.within(|session| restate(session, There::One(&decision.fingerprint)))?;
        Ok(true)
    }

    /// Notes that a decision was written beside all findings that it covers.
    pub fn spread_done(&self, job: &Job, worker: &WorkerId) -> Result<Result<(), Lost>, StoreError> {
        self.within(|session| Ok(finish(session, job, worker)?.then_some(()).ok_or(Lost)))
    }

    /// Opens what was accepted up to a day that has passed. It counts as open before that; this is for what was counted.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let due =
            "SELECT image FROM findings WHERE closed_until > 0 AND closed_until <= (SELECT {now}) LIMIT $1";
        let open = "UPDATE findings SET closed_until = 0
            WHERE closed_until > 0 AND closed_until <= (SELECT {now}) AND image IN {ids($1)}";
        loop {
            let rows = self.reading(|session| session.query(due, values![PIECE]))?;
            let mut images: Vec<i64> = rows.iter().map(|row| row.int(0)).collect();
            if images.is_empty() {
                return Ok(());
            }
            images.sort_unstable();
            images.dedup();
            let images = list(&images);
            self.within(|session| {
                hold(session, &images)?;
                session.execute(open, std::slice::from_ref(&images))?;
                count(session, "id IN {ids($1)}", std::slice::from_ref(&images))
            })?;
        }
    }
}
