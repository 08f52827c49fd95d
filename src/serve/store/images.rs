//! Images and what was found in them: what is asked to be scanned, what a scan found, and what people ask for.

use super::Store;
use super::engine::{Row, Session, StoreError, values};
use super::messages::tell;
use super::queue::{
    Job, Kind, Lost, New, WorkerId, finish, finish_or_repeat, hold, note_lacks, push, push_image,
};
use crate::source::registry::Reference;

/// An image that is to be scanned.
#[derive(Debug, Clone)]
pub struct Wanted<'w> {
    /// By digest, or by tag if only that is known.
    pub image: &'w Reference,
    /// What it is to be scanned with.
    pub settings: &'w str,
    /// More comes first.
    pub priority: i64,
}

/// What a scan found.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    /// Findings, each credential once.
    pub findings: Vec<Found>,
    /// Digest and `diff_id` of each layer.
    pub layers: Vec<(String, String)>,
    /// What was not looked at.
    pub gaps: i64,
    /// The jobs of layers that it was joined without, by name.
    pub lacks: Vec<String>,
    /// Why something else of it was not read that may be read another time.
    pub unread: Option<String>,
    /// The report, as it is kept.
    pub report: Vec<u8>,
}

/// A finding, as it is searched for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// Image that has it; 0 before it is kept.
    pub image: i64,
    /// Fingerprint of the credential.
    pub fingerprint: String,
    /// Id of the rule.
    pub rule: String,
    /// What it is, for people.
    pub name: String,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// What may be shown of it.
    pub redacted: String,
    /// Its first place, for people.
    pub place: String,
    /// In how many places it is.
    pub places: i64,
    /// When a scan of the image found it first, in milliseconds since 1970; 0 before it is kept.
    pub first_seen: i64,
}

/// An image that is known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImageRow {
    /// Its number.
    pub id: i64,
    /// `HOST/PATH@DIGEST`
    pub name: String,
    /// The tags that name it now.
    pub tags: Vec<String>,
    /// When it was first told of, in milliseconds since 1970.
    pub first_seen: i64,
    /// When it was last told of.
    pub last_seen: i64,
    /// When it was last scanned; none: not yet.
    pub scanned: Option<i64>,
    /// Findings by severity.
    pub totals: Totals,
    /// What was not looked at.
    pub gaps: i64,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[expect(missing_docs, reason = "the names of severities")]
pub struct Totals {
    pub critical: i64,
    pub high: i64,
    pub medium: i64,
    pub low: i64,
}

pub(super) const ROW: &str =
    "id, registry, repository, digest, first_seen, last_seen, scanned, critical, high, medium, low, gaps";

/// Notes that an image is there, and has it scanned unless it was, with the same settings.
pub(super) fn want(session: &mut dyn Session, wanted: &Wanted<'_>) -> Result<bool, StoreError> {
    let Wanted { image, settings, priority } = *wanted;
    let (registry, repository) = (image.name().domain(), image.name().path());
    let Some(digest) = image.digest() else {
        let name = format!("tag {image}");
        let subject = image.to_json();
        let host = registry;
        push(
            session,
            New { kind: Kind::Tag, name: &name, subject: &subject, settings: None, priority, host },
        )?;
        return Ok(true);
    };
    let seen = "INSERT INTO images
            (registry, repository, digest, first_seen, last_seen, critical, high, medium, low, gaps)
        VALUES ($1, $2, $3, {now}, {now}, 0, 0, 0, 0, 0)
        ON CONFLICT (registry, repository, digest) DO UPDATE SET last_seen = excluded.last_seen
        RETURNING settings";
    let row = session.first(seen, values![registry, repository, digest])?;
    if let Some(tag) = image.tag() {
        let tagged = "INSERT INTO tags (registry, repository, tag, digest, seen) VALUES ($1, $2, $3, $4, {now})
            ON CONFLICT (registry, repository, tag) DO UPDATE SET digest = excluded.digest, seen = excluded.seen";
        session.execute(tagged, values![registry, repository, tag, digest])?;
    }
    if row.is_some_and(|row| row.maybe_text(0).as_deref() == Some(settings)) {
        return Ok(false);
    }
    push_image(session, image, settings, priority)?;
    Ok(true)
}

pub(super) fn row(session: &mut dyn Session, row: &Row) -> Result<ImageRow, StoreError> {
    let (registry, repository, digest) = (row.text(1), row.text(2), row.text(3));
    let tags =
        "SELECT tag FROM tags WHERE registry = $1 AND repository = $2 AND digest = $3 ORDER BY tag LIMIT 100";
    let tags = session.query(tags, values![&registry, &repository, &digest])?;
    Ok(ImageRow {
        id: row.int(0),
        name: format!("{registry}/{repository}@{digest}"),
        tags: tags.iter().map(|row| row.text(0)).collect(),
        first_seen: row.int(4),
        last_seen: row.int(5),
        scanned: row.maybe_int(6),
        totals: Totals { critical: row.int(7), high: row.int(8), medium: row.int(9), low: row.int(10) },
        gaps: row.int(11),
    })
}

pub(super) fn found(row: &Row) -> Found {
    Found {
        image: row.int(0),
        fingerprint: row.text(1),
        rule: row.text(2),
        name: row.text(3),
        severity: row.text(4),
        redacted: row.text(5),
        place: row.text(6),
        places: row.int(7),
        first_seen: row.int(8),
    }
}

impl Store {
    /// Notes all of `wanted` at once; returns how many of them are to be scanned.
    pub fn want(&self, wanted: &[Wanted<'_>]) -> Result<usize, StoreError> {
        self.within(|session| {
            let mut new = 0;
            for wanted in wanted {
                new += usize::from(want(session, wanted)?);
            }
            Ok(new)
        })
    }

    /// Notes which image a tag names, and that the job of finding it out is done.
    pub fn resolved(
        &self,
        job: &Job,
        worker: &WorkerId,
        wanted: &Wanted<'_>,
    ) -> Result<Result<(), Lost>, StoreError> {
        self.within(|session| {
            if !finish(session, job, worker)? {
                return Ok(Err(Lost));
            }
            want(session, wanted).map(|_| Ok(()))
        })
    }

    /// Keeps what a scan of `image` with `settings` found, and notes that its job is done.
    pub fn scanned(
        &self,
        (job, worker): (&Job, &WorkerId),
        image: &Reference,
        settings: &str,
        scanned: &Scanned,
    ) -> Result<Result<(), Lost>, StoreError> {
        let count =
            |severity: &str| scanned.findings.iter().filter(|found| found.severity == severity).count();
        // What is not whole is to be scanned again when it is told of again.
        let whole = scanned.lacks.is_empty() && scanned.unread.is_none();
        let settings = whole.then_some(settings);
        self.within(|session| {
            hold(session, &scanned.lacks)?;
            if !finish_or_repeat(session, job, worker, scanned.unread.as_deref())? {
                return Ok(Err(Lost));
            }
            let update =
                "UPDATE images SET scanned = {now}, settings = $4, critical = $5, high = $6, medium = $7,
                    low = $8, gaps = $9
                WHERE registry = $1 AND repository = $2 AND digest = $3 RETURNING id";
            let (name, digest) = (image.name(), image.digest());
            let [critical, high, medium, low] = ["critical", "high", "medium", "low"].map(count);
            let row = session.first(
                update,
                values![
                    name.domain(),
                    name.path(),
                    digest,
                    settings,
                    critical,
                    high,
                    medium,
                    low,
                    scanned.gaps
                ],
            )?;
            let Some(row) = row else { return Ok(Ok(())) };
            note_lacks(session, row.int(0), &scanned.lacks)?;
            let receivers = self.receivers.get().map_or(&[][..], Vec::as_slice);
            tell(session, receivers, (row.int(0), image), &scanned.findings)?;
            keep(session, row.int(0), scanned).map(Ok)
        })
    }

    /// The image of that number.
    pub fn image(&self, id: i64) -> Result<Option<ImageRow>, StoreError> {
        self.reading(|session| {
            let found = session.first(&format!("SELECT {ROW} FROM images WHERE id = $1"), values![id])?;
            found.map(|found| row(session, &found)).transpose()
        })
    }

    /// Images with a number above `after`, of the repository `repository` (`HOST/PATH`) or of any; at most `most`.
    pub fn images(
        &self,
        repository: Option<&str>,
        after: i64,
        most: usize,
    ) -> Result<Vec<ImageRow>, StoreError> {
        let query = format!(
            "SELECT {ROW} FROM images WHERE id > $1 AND ($2 = '' OR registry || '/' || repository = $2) ORDER BY id LIMIT $3"
        );
        self.reading(|session| {
            let found = session.query(&query, values![after, repository.unwrap_or_default(), most])?;
            found.iter().map(|found| row(session, found)).collect()
        })
    }

    /// Images that have the layer with this digest or `diff_id`.
    pub fn images_with_layer(
        &self,
        digest: &str,
        after: i64,
        most: usize,
    ) -> Result<Vec<ImageRow>, StoreError> {
        let query = format!(
            "SELECT {ROW} FROM images WHERE id > $2 AND
                id IN (SELECT image FROM layers WHERE digest = $1 UNION SELECT image FROM layers WHERE diff_id = $1)
            ORDER BY id LIMIT $3"
        );
        self.reading(|session| {
            let found = session.query(&query, values![digest, after, most])?;
            found.iter().map(|found| row(session, found)).collect()
        })
    }

    /// Findings: of one image, or of one credential, or of both, behind the one of this image with this fingerprint.
    pub fn findings(
        &self,
        (image, fingerprint): (Option<i64>, Option<&str>),
        after: (i64, &str),
        most: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let query = "SELECT image, fingerprint, rule, name, severity, redacted, place, places, first_seen
            FROM findings
            WHERE (image > $1 OR (image = $1 AND fingerprint > $2)) AND (image = $3 OR $3 = 0)
                AND ($4 = '' OR fingerprint = $4)
            ORDER BY image, fingerprint LIMIT $5";
        self.reading(|session| {
            let (image, fingerprint) = (image.unwrap_or(0), fingerprint.unwrap_or_default());
            let rows = session.query(query, values![after.0, after.1, image, fingerprint, most])?;
            Ok(rows.iter().map(found).collect())
        })
    }

    /// The report of the image of that number, as it is kept.
    pub fn report(&self, image: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT report FROM reports WHERE image = $1";
        self.reading(|session| Ok(session.first(query, values![image])?.map(|row| row.bytes(0))))
    }
}

/// Puts what was found in the place of what was found before. When a finding was first seen stays.
fn keep(session: &mut dyn Session, image: i64, scanned: &Scanned) -> Result<(), StoreError> {
    let report = "INSERT INTO reports (image, report) VALUES ($1, $2)
        ON CONFLICT (image) DO UPDATE SET report = excluded.report";
    session.execute(report, values![image, scanned.report.clone()])?;
    session.execute("UPDATE findings SET last_seen = 0 WHERE image = $1", values![image])?;
    for found in &scanned.findings {
        let insert = "INSERT INTO findings
                (image, fingerprint, rule, name, severity, redacted, place, places, first_seen, last_seen)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now}, {now})
            ON CONFLICT (image, fingerprint) DO UPDATE SET rule = excluded.rule, name = excluded.name,
                severity = excluded.severity, redacted = excluded.redacted, place = excluded.place,
                places = excluded.places, last_seen = excluded.last_seen";
        let Found { fingerprint, rule, name, severity, redacted, place, places, .. } = found;
        session
            .execute(insert, values![image, fingerprint, rule, name, severity, redacted, place, *places])?;
    }
    session.execute("DELETE FROM findings WHERE image = $1 AND last_seen = 0", values![image])?;
    session.execute("DELETE FROM layers WHERE image = $1", values![image])?;
    for (position, (digest, diff_id)) in scanned.layers.iter().enumerate() {
        let insert = "INSERT INTO layers (image, position, digest, diff_id) VALUES ($1, $2, $3, $4)";
        session.execute(insert, values![image, position, digest, diff_id])?;
    }
    Ok(())
}
