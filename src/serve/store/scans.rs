//! What scans found in images: kept with their reports, and judged anew when lists or policy have changed.
//!
//! What the last scan of an image did not find is gone, unless that one could not look where it was: then it stays as the
//! scan before it saw it (`unseen`), until one that looks there says otherwise. The service tells which those are; of what
//! it knows nothing, such as what was found by a scan whose report was forgotten, everything stays as long as there are gaps.

use std::collections::BTreeSet;

use super::Store;
use super::engine::{Row, Session, StoreError, values};
use super::findings::{Found, keep};
use super::images::key;
use super::members::{self, Member};
use super::messages::tell;
use super::occurrences::gather;
use super::queue::{Job, Kind, Lost, New, WorkerId, finish_or_repeat, hold, note_lacks, push};
use crate::source::registry::Reference;

/// What a scan found.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    /// Findings, each credential once.
    pub findings: Vec<Found>,
    /// Fingerprints of all that this scan found or the one before it, whether that counts or not. What is among them and not
    /// among the findings is gone.
    pub known: BTreeSet<String>,
    /// Those of the findings that are unseen, as the scans that saw them told of them.
    pub unseen: Option<Vec<u8>>,
    /// Of which scan of the image those are: see [`LastScan::when`].
    pub before: Option<i64>,
    /// Digest and `diff_id` of each layer.
    pub layers: Vec<(String, String)>,
    /// Manifests that were followed: its own, those of an index, and what is beside them.
    pub members: Vec<Member>,
    /// What was not looked at.
    pub gaps: i64,
    /// The jobs of layers that it was joined without, by name.
    pub lacks: Vec<String>,
    /// Why something else of it was not read that may be read another time.
    pub unread: Option<String>,
    /// What it was judged by: the same for the same lists, policy and day.
    pub judged: String,
    /// The outcome, as it is kept; none: it is too large for that.
    pub report: Option<Vec<u8>>,
}

/// The last scan of an image, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastScan {
    /// When that was, in milliseconds since 1970.
    pub when: i64,
    /// Its report; none: it was too large to be kept, or it is forgotten.
    pub report: Option<Vec<u8>>,
    /// Whether it was too large.
    pub too_large: bool,
    /// What earlier scans found where that one could not look: a report of nothing else.
    pub unseen: Option<Vec<u8>>,
}

/// An image that was judged by something else than today: by what, and its number. Empty and 0 come before all of them.
pub type Outdated = (String, i64);

const LAST: &str = "SELECT scanned, reports.report, too_large, unseen.report FROM images
    LEFT JOIN reports ON reports.image = images.id LEFT JOIN unseen ON unseen.image = images.id
    WHERE scanned IS NOT NULL";

fn last(row: &Row) -> LastScan {
    LastScan {
        when: row.int(0),
        report: row.maybe_bytes(1),
        too_large: row.int(2) != 0,
        unseen: row.maybe_bytes(3),
    }
}

impl Store {
    /// Keeps what a scan of `image` with `settings` found, and notes that its job is done.
    pub fn scanned(
        &self,
        (job, worker): (&Job, &WorkerId),
        image: &Reference,
        settings: &str,
        scanned: &Scanned,
    ) -> Result<Result<(), Lost>, StoreError> {
        // What is not whole is to be scanned again when it is told of again.
        let whole = scanned.lacks.is_empty() && scanned.unread.is_none();
        let settings = whole.then_some(settings);
        self.within(|session| {
            // No decision may be made meanwhile: it would be about what is there now.
            session.query("{keep}", &[])?;
            hold(session, &scanned.lacks)?;
            if !finish_or_repeat(session, job, worker, scanned.unread.as_deref())? {
                return Ok(Err(Lost));
            }
            let (name, digest) = (image.name(), image.digest());
            let find = "SELECT id, scanned FROM images
                WHERE registry = $1 AND repository = $2 AND digest = $3 {lock}";
            let Some(row) = session.first(find, values![name.domain(), name.path(), digest])? else {
                return Ok(Ok(()));
            };
            let (id, before) = (row.int(0), row.maybe_int(1));
            let update =
                "UPDATE images SET scanned = {now}, settings = $2, gaps = $3, judged = $4, too_large = $5
                WHERE id = $1 RETURNING scanned";
            let Scanned { gaps, judged, report, .. } = scanned;
            // What there is no report of cannot be judged anew.
            let (judged, too_large) = (report.as_ref().map(|_| judged), i64::from(report.is_none()));
            let when = session.first(update, values![id, settings, *gaps, judged, too_large])?;
            let when = when.map_or(0, |row| row.int(0));
            let Some(key) = key(session, id)? else { return Ok(Ok(())) };
            keep_report(session, id, report.as_deref())?;
            note_lacks(session, id, &scanned.lacks)?;
            keep_layers(session, id, &scanned.layers)?;
            members::adopt(session, &key)?;
            // An image that was forgotten since has nothing of before.
            let of_before = scanned.before == before;
            keep_unseen(session, id, scanned.unseen.as_deref().filter(|_| of_before))?;
            let findings = scanned.findings.iter().filter(|found| of_before || !found.unseen);
            keep(session, &key, (&findings.collect::<Vec<_>>(), &scanned.known), when)?;
            let others = scanned.members.iter().filter(|member| member.digest != key.digest);
            gather(session, &key, &others.cloned().collect::<Vec<_>>())?;
            tell(session, self.receivers(), &key, image.tag()).map(Ok)
        })
    }

    /// Puts what was found in an image in the place of what was found before, when what its scan of `when` found was judged
    /// anew. False, and nothing is changed, if it was scanned again since: that one judged it by itself, or the next round does.
    pub fn judged(&self, (image, when): (i64, i64), scanned: &Scanned) -> Result<bool, StoreError> {
        self.within(|session| {
            session.query("{keep}", &[])?;
            let Some(key) = key(session, image)? else { return Ok(false) };
            let update = "UPDATE images SET judged = $2 WHERE id = $1 AND scanned = $3";
            if session.execute(update, values![image, &scanned.judged, when])? == 0 {
                return Ok(false);
            }
            let findings: Vec<&Found> = scanned.findings.iter().collect();
            keep(session, &key, (&findings, &scanned.known), when)?;
            Ok(true)
        })
    }

    /// Notes that what the scan of `when` found in an image stays as it is by `judged`, because its report cannot be read.
    pub fn not_judged(&self, (image, when): (i64, i64), judged: &str) -> Result<(), StoreError> {
        let update = "UPDATE images SET judged = $2 WHERE id = $1 AND scanned = $3";
        self.within(|session| session.execute(update, values![image, judged, when]).map(drop))
    }

    /// Images that have a report and were judged by something else than `judged`, behind `after`; at most `most`.
    pub fn judged_otherwise(
        &self,
        judged: &str,
        after: &Outdated,
        most: usize,
    ) -> Result<Vec<Outdated>, StoreError> {
        // Two pieces of the index, beside that in which most images are.
        let piece = |which: &str| {
            format!(
                "SELECT judged, id FROM (SELECT judged, id FROM images
                    WHERE judged {which} $1 AND (judged, id) > ($2, $3) ORDER BY judged, id LIMIT $4) AS piece"
            )
        };
        let query = format!("{} UNION ALL {} ORDER BY 1, 2 LIMIT $4", piece("<"), piece(">"));
        self.reading(|session| {
            let rows = session.query(&query, values![judged, &after.0, after.1, most])?;
            Ok(rows.iter().map(|row| (row.text(0), row.int(1))).collect())
        })
    }

    /// Has a worker judge all images anew that were judged by something else than `judged`, if there are any.
    pub fn want_judged(&self, judged: &str) -> Result<bool, StoreError> {
        if self.judged_otherwise(judged, &Outdated::default(), 1)?.is_empty() {
            return Ok(false);
        }
        let name = format!("judge {judged}");
        self.within(|session| {
            let (kind, subject) = (Kind::Judge, judged);
            let new = New { kind, name: &name, subject, settings: None, priority: 5, host: "" };
            push(session, new)
        })?;
        Ok(true)
    }

    /// The last scan of the image of that number.
    pub fn last_scan(&self, image: i64) -> Result<Option<LastScan>, StoreError> {
        let query = format!("{LAST} AND images.id = $1");
        self.reading(|session| Ok(session.first(&query, values![image])?.as_ref().map(last)))
    }

    /// The last scan of the image of that name.
    pub fn scan_before(&self, image: &Reference) -> Result<Option<LastScan>, StoreError> {
        let query = format!("{LAST} AND registry = $1 AND repository = $2 AND digest = $3");
        let (name, digest) = (image.name(), image.digest());
        self.reading(|session| {
            let row = session.first(&query, values![name.domain(), name.path(), digest])?;
            Ok(row.as_ref().map(last))
        })
    }
}

fn keep_report(session: &mut dyn Session, image: i64, report: Option<&[u8]>) -> Result<(), StoreError> {
    let Some(report) = report else {
        return session.execute("DELETE FROM reports WHERE image = $1", values![image]).map(drop);
    };
    let keep = "INSERT INTO reports (image, report) VALUES ($1, $2)
        ON CONFLICT (image) DO UPDATE SET report = excluded.report";
    session.execute(keep, values![image, report.to_vec()]).map(drop)
}

fn keep_unseen(session: &mut dyn Session, image: i64, unseen: Option<&[u8]>) -> Result<(), StoreError> {
    session.execute("DELETE FROM unseen WHERE image = $1", values![image])?;
    let Some(unseen) = unseen else { return Ok(()) };
    let keep = "INSERT INTO unseen (image, report) VALUES ($1, $2)";
    session.execute(keep, values![image, unseen.to_vec()]).map(drop)
}

fn keep_layers(session: &mut dyn Session, image: i64, layers: &[(String, String)]) -> Result<(), StoreError> {
    session.execute("DELETE FROM layers WHERE image = $1", values![image])?;
    for (position, (digest, diff_id)) in layers.iter().enumerate() {
        let insert = "INSERT INTO layers (image, position, digest, diff_id) VALUES ($1, $2, $3, $4)";
        session.execute(insert, values![image, position, digest, diff_id])?;
    }
    Ok(())
}
