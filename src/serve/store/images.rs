//! Images: which are asked to be scanned, and what people ask for.

use std::collections::BTreeMap;

use super::Store;
use super::audit::{Change, record};
use super::engine::{Row, Session, StoreError, Value, like, list, values};
use super::members::{self, Belongings, IN, PlatformRow, WHOLE};
use super::occurrences::{self, deleted, lead, settle_at};
use super::queue::{Job, Kind, Lost, New, WorkerId, finish, push, push_image};
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

/// What an image is known by.
#[derive(Debug, Clone)]
pub(super) struct ImageKey {
    pub(super) id: i64,
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) gaps: i64,
}

/// An image that is known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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
    /// Open findings by severity.
    pub totals: Totals,
    /// Findings that a decision closes, or that a list ignores.
    pub closed: i64,
    /// What comes of it: `fail` or `warn`, the worst that the policy makes of an open finding; else `incomplete` if there is something
    /// that was not looked at, and `pass` if there is not; none: not scanned yet.
    pub verdict: Option<String>,
    /// What was not looked at.
    pub gaps: i64,
    /// Of an index: what it has for each platform.
    pub platforms: Vec<PlatformRow>,
    /// The newest index that it is one of the platforms of, or that it stands beside.
    pub index: Option<i64>,
}

/// Which images are wanted.
#[derive(Debug, Clone, Default)]
pub struct ImageFilter {
    /// Of the repository `HOST/PATH`.
    pub repository: Option<String>,
    /// That a tag of this name names now.
    pub tag: Option<String>,
    /// With an open finding of that severity.
    pub severity: Option<String>,
    /// Of that verdict.
    pub verdict: Option<String>,
    /// Scanned at that time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// That have the layer with this digest or `diff_id`.
    pub layer: Option<String>,
    /// That have this text in their repository.
    pub text: Option<String>,
    /// That could not be looked at as a whole.
    pub gaps: bool,
    /// Those that belong to the index with this number.
    pub index: Option<i64>,
    /// With this digest.
    pub digest: Option<String>,
    /// Also those that only belong to an index, which are not asked for by one of these two.
    pub parts: bool,
    /// Those that were told of last come first.
    pub newest_first: bool,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the names of severities")]
pub struct Totals {
    pub critical: i64,
    pub high: i64,
    pub medium: i64,
    pub low: i64,
}

/// Everything that an image's verdict may be, the worst first.
pub const VERDICTS: &[&str] = &["fail", "warn", "incomplete", "pass"];

/// The verdict of an image: one statement for what is shown and what is asked for.
macro_rules! verdict {
    () => {
        "CASE WHEN scanned IS NULL THEN NULL
            WHEN EXISTS (SELECT 1 FROM findings v WHERE v.image = images.id AND v.closed_until <= {now} AND v.verdict = 'fail')
                THEN 'fail'
            WHEN EXISTS (SELECT 1 FROM findings v WHERE v.image = images.id AND v.closed_until <= {now} AND v.verdict = 'warn')
                THEN 'warn'
            WHEN gaps > 0 THEN 'incomplete' ELSE 'pass' END"
    };
}

pub(super) const ROW: &str =
    concat!("id, registry, repository, digest, first_seen, last_seen, scanned, gaps, ", verdict!());

impl ImageKey {
    /// `HOST/PATH`
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

/// Notes that an image is there, and has it scanned unless it was, with the same settings. `asked` is when the registry was asked
/// what the tag names, by the database's clock; none: somebody told of it just now.
pub(super) fn want(
    session: &mut dyn Session,
    wanted: &Wanted<'_>,
    asked: Option<i64>,
) -> Result<bool, StoreError> {
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
            (registry, repository, digest, first_seen, last_seen, critical, high, medium, low, gaps, part)
        VALUES ($1, $2, $3, {now}, {now}, 0, 0, 0, 0, 0, CASE WHEN EXISTS
            (SELECT 1 FROM members m WHERE m.registry = $1 AND m.repository = $2 AND m.digest = $3) THEN 1 ELSE 0 END)
        ON CONFLICT (registry, repository, digest) DO UPDATE SET last_seen = excluded.last_seen
        RETURNING settings, id, gaps";
    let row = session.first(seen, values![registry, repository, digest])?;
    let leads =
        image.tag().map(|tag| lead(session, (registry, repository, tag), digest, asked)).transpose()?;
    if let Some(row) = row.filter(|row| row.maybe_text(0).as_deref() == Some(settings)) {
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        let (id, digest, gaps) = (row.int(1), digest.to_owned(), row.int(2));
        if leads != Some(false) {
            settle_at(session, &ImageKey { id, registry, repository, digest, gaps }, image.tag())?;
        }
        return Ok(false);
    }
    push_image(session, image, settings, priority)?;
    Ok(true)
}

/// The same for what somebody told of, perhaps for the second time or late: where a tag leads that led elsewhere before is asked of
/// the registry.
fn told(session: &mut dyn Session, wanted: &Wanted<'_>) -> Result<bool, StoreError> {
    let Wanted { image, settings, priority } = *wanted;
    let (Some(tag), Some(digest)) = (image.tag(), image.digest()) else { return want(session, wanted, None) };
    let name = image.name();
    let elsewhere =
        "SELECT 1 FROM tags WHERE registry = $1 AND repository = $2 AND tag = $3 AND digest <> $4";
    let moved = session.first(elsewhere, values![name.domain(), name.path(), tag, digest])?.is_some();
    let Some(tagged) = Reference::new(name.clone(), Some(tag), None).ok().filter(|_| moved) else {
        return want(session, wanted, None);
    };
    want(session, &Wanted { image: &tagged, settings, priority }, None)?;
    // Older than all that is known of the tag.
    want(session, wanted, Some(0)).map(|_| true)
}

/// Tags that are told of an image.
const TAGS: usize = 100;

/// The images of these rows, which have the columns of [`ROW`].
pub(super) fn rows(session: &mut dyn Session, rows: &[Row]) -> Result<Vec<ImageRow>, StoreError> {
    let ids = list(&rows.iter().map(|row| row.int(0)).collect::<Vec<_>>());
    let tags = "SELECT images.id, tag FROM images JOIN tags ON tags.registry = images.registry
            AND tags.repository = images.repository AND tags.digest = images.digest
        WHERE images.id IN {ids($1)} ORDER BY images.id, tag";
    let counts = "SELECT image, severity, count(*), sum(CASE WHEN closed_until <= {now} THEN 1 ELSE 0 END)
        FROM findings WHERE image IN {ids($1)} GROUP BY image, severity";
    let tags = by_image(session.query(tags, std::slice::from_ref(&ids))?);
    let counts = by_image(session.query(counts, std::slice::from_ref(&ids))?);
    let mut members = members::of(session, &ids)?;
    let of = |all: &BTreeMap<i64, Vec<Row>>, id| all.get(&id).cloned().unwrap_or_default();
    let mut one = |row: &Row| {
        let id = row.int(0);
        image(row, &of(&tags, id), &of(&counts, id), members.remove(&id).unwrap_or_default())
    };
    Ok(rows.iter().map(&mut one).collect())
}

fn by_image(rows: Vec<Row>) -> BTreeMap<i64, Vec<Row>> {
    let mut all: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for row in rows {
        all.entry(row.int(0)).or_default().push(row);
    }
    all
}

fn image(row: &Row, tags: &[Row], counts: &[Row], members: Belongings) -> ImageRow {
    let (registry, repository, digest) = (row.text(1), row.text(2), row.text(3));
    let of = |severity: &str| -> i64 {
        counts.iter().filter(|row| row.text(1) == severity).map(|row| row.int(3)).sum()
    };
    let [critical, high, medium, low] = ["critical", "high", "medium", "low"].map(of);
    ImageRow {
        id: row.int(0),
        name: format!("{registry}/{repository}@{digest}"),
        tags: tags.iter().take(TAGS).map(|row| row.text(1)).collect(),
        first_seen: row.int(4),
        last_seen: row.int(5),
        scanned: row.maybe_int(6),
        totals: Totals { critical, high, medium, low },
        closed: counts.iter().map(|row| row.int(2) - row.int(3)).sum(),
        verdict: row.maybe_text(8),
        gaps: row.int(7),
        platforms: members.platforms,
        index: members.index,
    }
}

/// The key of an image of that number.
pub(super) fn key(session: &mut dyn Session, id: i64) -> Result<Option<ImageKey>, StoreError> {
    let query = "SELECT id, registry, repository, digest, gaps FROM images WHERE id = $1 {lock}";
    let key = |row: Row| ImageKey {
        id: row.int(0),
        registry: row.text(1),
        repository: row.text(2),
        digest: row.text(3),
        gaps: row.int(4),
    };
    Ok(session.first(query, values![id])?.map(key))
}

impl ImageFilter {
    /// The conditions, and what they are compared with.
    fn conditions(&self) -> (String, Vec<Value>) {
        let Self { repository, tag, severity, verdict, since, layer, text, gaps, index, digest, .. } = self;
        let open = "EXISTS (SELECT 1 FROM findings f WHERE f.image = images.id AND f.closed_until <= {now}";
        let name = repository.as_ref().map(|name| name.split_once('/').unwrap_or((name, "")));
        let asked: [(String, Option<Value>); 11] = [
            ("registry = ?".to_owned(), name.map(|(registry, _)| registry.into())),
            ("repository = ?".to_owned(), name.map(|(_, path)| path.into())),
            (
                "EXISTS (SELECT 1 FROM tags t WHERE t.registry = images.registry AND t.repository = images.repository
                    AND t.digest = images.digest AND t.tag = ?)"
                    .to_owned(),
                tag.as_ref().map(Into::into),
            ),
            (format!("{open} AND f.severity = ?)"), severity.as_ref().map(Into::into)),
            (concat!("(", verdict!(), ") = ?").to_owned(), verdict.as_ref().map(Into::into)),
            ("scanned >= ?".to_owned(), since.map(Into::into)),
            (
                "id IN (SELECT image FROM layers WHERE digest = ? UNION SELECT image FROM layers WHERE diff_id = ?)"
                    .to_owned(),
                layer.as_ref().map(Into::into),
            ),
            (
                r"lower(registry || '/' || repository) LIKE ? ESCAPE '\'".to_owned(),
                text.as_ref().map(|text| like(text).as_str().into()),
            ),
            ("gaps > ?".to_owned(), gaps.then(|| 0_i64.into())),
            (IN.to_owned(), index.map(Into::into)),
            ("digest = ?".to_owned(), digest.as_ref().map(Into::into)),
        ];
        let all_of_them = self.parts || index.is_some() || digest.is_some();
        let mut all = if all_of_them { String::new() } else { format!(" AND {WHOLE}") };
        let mut values = Vec::new();
        for (condition, value) in asked.into_iter().filter_map(|(condition, value)| Some((condition, value?)))
        {
            values.push(value);
            all.push_str(" AND ");
            all.push_str(&condition.replace('?', &format!("${}", values.len())));
        }
        (all, values)
    }
}

impl Store {
    /// Notes all of `wanted` at once; returns how many of them are to be scanned.
    pub fn want(&self, wanted: &[Wanted<'_>]) -> Result<usize, StoreError> {
        self.within(|session| {
            let mut new = 0;
            for wanted in wanted {
                new += usize::from(want(session, wanted, None)?);
            }
            Ok(new)
        })
    }

    /// Like [`Store::want`], for images that somebody told of.
    pub fn told(&self, wanted: &[Wanted<'_>]) -> Result<usize, StoreError> {
        self.within(|session| {
            let mut new = 0;
            for wanted in wanted {
                new += usize::from(told(session, wanted)?);
            }
            Ok(new)
        })
    }

    /// Notes which image a tag names, as was `asked` at that time ([`Self::now`]), and that the job of finding it out is done.
    pub fn resolved(
        &self,
        job: &Job,
        worker: &WorkerId,
        wanted: &Wanted<'_>,
        asked: i64,
    ) -> Result<Result<(), Lost>, StoreError> {
        self.within(|session| {
            if !finish(session, job, worker)? {
                return Ok(Err(Lost));
            }
            want(session, wanted, Some(asked)).map(|_| Ok(()))
        })
    }

    /// Forgets an image and all that was found in it, in the name of `who`; false if there is no such one. Where its
    /// credentials were stays known.
    pub fn delete_image(&self, who: &str, id: i64) -> Result<bool, StoreError> {
        self.within(|session| {
            let Some(key) = key(session, id)? else { return Ok(false) };
            let subject = format!("{}@{}", key.repository(), key.digest);
            forget(session, &key)?;
            record(
                session,
                &Change { who, action: "delete image", subject: &subject, was: None, became: None },
            )?;
            Ok(true)
        })
    }

    /// The image of that number.
    pub fn image(&self, id: i64) -> Result<Option<ImageRow>, StoreError> {
        self.reading(|session| {
            let found = session.first(&format!("SELECT {ROW} FROM images WHERE id = $1"), values![id])?;
            Ok(rows(session, found.as_slice())?.pop())
        })
    }

    /// Images that `filter` wants, behind the one with the number `after` or from the start if that is 0; at most `most`.
    pub fn images(&self, filter: &ImageFilter, after: i64, most: usize) -> Result<Vec<ImageRow>, StoreError> {
        let (conditions, mut values) = filter.conditions();
        let start = if filter.newest_first && after == 0 { i64::MAX } else { after };
        values.extend([start.into(), most.into()]);
        let (after, limit) = (values.len() - 1, values.len());
        let (behind, order) = if filter.newest_first { ("<", "id DESC") } else { (">", "id") };
        let query = format!(
            "SELECT {ROW} FROM images WHERE id {behind} ${after}{conditions} ORDER BY {order} LIMIT ${limit}"
        );
        self.reading(|session| {
            let found = session.query(&query, &values)?;
            rows(session, &found)
        })
    }
}

/// Forgets an image, and what is known of it alone.
pub(super) fn forget(session: &mut dyn Session, image: &ImageKey) -> Result<(), StoreError> {
    let ImageKey { id, registry, repository, digest, .. } = image;
    deleted(session, *id)?;
    let tags = "DELETE FROM tags WHERE registry = $1 AND repository = $2 AND digest = $3";
    session.execute(tags, values![registry, repository, digest])?;
    let failed = "DELETE FROM jobs WHERE name = 'image ' || $1 || '/' || $2 || '@' || $3 AND state = 'dead'";
    session.execute(failed, values![registry, repository, digest])?;
    let members = members::digests(session, *id)?;
    session.execute("DELETE FROM images WHERE id = $1", values![*id])?;
    members::restate(session, image, &members)?;
    occurrences::part(session, image, &members)
}
