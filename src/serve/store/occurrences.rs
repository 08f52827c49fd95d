//! Where a credential was over time: for each tag, and each image that no tag names, since when, until when, and whether it
//! came back.
//!
//! What a tag has is what its newest image has. A credential that this one has no more is fixed there, unless the image could
//! not be looked at as a whole; one that is found again is reopened. What the same image had stays in it as a finding, if a
//! later scan could not look there. An image that was scanned with older rules than are asked for says nothing: the scan that
//! follows does.

use std::collections::BTreeSet;

use super::Store;
use super::engine::{Row, Session, StoreError, Value, list, values};
use super::images::{ImageKey, key};
use super::members::{self, Member};
use super::standing::{There, restate};

/// A credential at one reference, over time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Occurrence {
    /// Of the credential.
    pub fingerprint: String,
    /// `HOST/PATH`
    pub repository: String,
    /// A tag, or the digest of an image that no tag names.
    pub reference: String,
    /// The image that had it last.
    pub image: i64,
    /// When it was found there first, in milliseconds since 1970.
    pub first_seen: i64,
    /// When that was last found: by a scan, or when the reference came to lead to this image.
    pub last_seen: i64,
    /// Since when it is no longer there; none: it is.
    pub fixed: Option<i64>,
    /// Why not: `newer-image`, `newer-rules` (what the same image was scanned with later), `untagged` or `deleted`.
    pub why: Option<String>,
    /// When it came back the last time.
    pub reopened: Option<i64>,
}

/// When what is found in an image is found at a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// Now: the reference came to lead to the image.
    Led,
    /// When a scan found it.
    Scanned,
}

/// Brings what is known of all references to an image up to date with its findings.
pub(super) fn settle(session: &mut dyn Session, image: &ImageKey) -> Result<(), StoreError> {
    let ImageKey { registry, repository, digest, .. } = image;
    // Held, so that none of them leads elsewhere before this is done.
    let tags =
        "SELECT tag FROM tags WHERE registry = $1 AND repository = $2 AND digest = $3 ORDER BY tag {lock}";
    let tags = session.query(tags, values![registry, repository, digest])?;
    if tags.is_empty() {
        return settle_alone(session, image, Since::Scanned);
    }
    // As long as a tag names it, it is known by the tag.
    let unnamed = "DELETE FROM occurrences WHERE registry = $1 AND repository = $2 AND reference = $3";
    session.execute(unnamed, values![registry, repository, digest])?;
    tags.iter().try_for_each(|row| settle_one(session, image, (&row.text(0), Since::Scanned)))
}

/// Brings an image up to date that no tag names. What a tag had of it that names something else by now was fixed there, and is not
/// open again by itself. What an index has is known by the index, but for what that could not be searched for.
fn settle_alone(session: &mut dyn Session, image: &ImageKey, since: Since) -> Result<(), StoreError> {
    let named = session.first("SELECT named FROM images WHERE id = $1", values![image.id])?;
    let alone = named.is_none_or(|row| row.int(0) == 0);
    if alone {
        return settle_one(session, image, (&image.digest, since));
    }
    let Some(index) = members::unsure_index_of(session, image)? else { return Ok(()) };
    settle_one(session, image, (&image.digest, since))?;
    let ImageKey { registry, repository, digest, .. } = image;
    let known = "DELETE FROM occurrences WHERE registry = $1 AND repository = $2 AND reference = $3
            AND fingerprint IN (SELECT fingerprint FROM findings WHERE image = $4)
        RETURNING fingerprint";
    let gone = session.query(known, values![registry, repository, digest, index])?;
    restate(session, There::Each(&list(&gone.iter().map(|row| row.text(0)).collect::<Vec<_>>())))
}

/// Brings images up to date that belonged to an index that is forgotten: those that no other one and no tag names are known by
/// themselves again.
pub(super) fn part(
    session: &mut dyn Session,
    index: &ImageKey,
    digests: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let digests = list(&digests.iter().collect::<Vec<_>>());
    let alone = "UPDATE images SET named = 0
        WHERE registry = $1 AND repository = $2 AND digest IN {texts($3)} AND part = 0
            AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.registry = images.registry
                AND t.repository = images.repository AND t.digest = images.digest)
        RETURNING id";
    let alone = session.query(alone, &[(&index.registry).into(), (&index.repository).into(), digests])?;
    for row in alone {
        if let Some(image) = key(session, row.int(0))? {
            settle_one(session, &image, (&image.digest, Since::Led))?;
        }
    }
    Ok(())
}

fn settle_one(
    session: &mut dyn Session,
    image: &ImageKey,
    (reference, since): (&str, Since),
) -> Result<(), StoreError> {
    let ImageKey { id, registry, repository, gaps, .. } = image;
    let there = "INSERT INTO occurrences
            (fingerprint, registry, repository, reference, image, first_seen, last_seen)
        SELECT fingerprint, $1, $2, $3, image, first_seen,
            CASE WHEN unseen = 1 OR CAST($5 AS BIGINT) = 1 THEN last_seen ELSE {now} END
        FROM findings WHERE image = $4
        ORDER BY fingerprint
        ON CONFLICT (fingerprint, registry, repository, reference) DO UPDATE SET image = excluded.image,
            last_seen = CASE WHEN excluded.last_seen > occurrences.last_seen THEN excluded.last_seen
                ELSE occurrences.last_seen END,
            reopened = CASE WHEN occurrences.fixed IS NULL THEN occurrences.reopened ELSE {now} END,
            fixed = NULL, why = NULL";
    let scanned = i64::from(since == Since::Scanned);
    session.execute(there, values![registry, repository, reference, *id, scanned])?;
    // What an image has that was not looked at may be what another one had. Of its own findings it is known where they are.
    let gone = "UPDATE occurrences SET fixed = {now},
            why = CASE WHEN image = $4 THEN 'newer-rules' ELSE 'newer-image' END
        WHERE registry = $1 AND repository = $2 AND reference = $3 AND fixed IS NULL AND (image = $4 OR CAST($5 AS BIGINT) = 0)
            AND fingerprint NOT IN (SELECT fingerprint FROM findings WHERE image = $4)";
    session.execute(gone, values![registry, repository, reference, *id, *gaps])?;
    restate(session, There::At(registry, repository, reference))
}

/// Notes that a tag leads to the image with that digest, as the registry was `asked` at that time, or as is told just now. What was
/// told of the tag since it was asked is newer, and stays. Whether the tag leads elsewhere than before.
pub(super) fn lead(
    session: &mut dyn Session,
    (registry, repository, tag): (&str, &str, &str),
    digest: &str,
    asked: Option<i64>,
) -> Result<bool, StoreError> {
    // Held, so that it is compared with what is replaced.
    let before = "SELECT digest FROM tags WHERE registry = $1 AND repository = $2 AND tag = $3 {lock}";
    let before = session.first(before, values![registry, repository, tag])?.map(|row| row.text(0));
    let leads = "INSERT INTO tags (registry, repository, tag, digest, seen) VALUES ($1, $2, $3, $4, coalesce($5, {now}))
        ON CONFLICT (registry, repository, tag) DO UPDATE SET digest = excluded.digest, seen = excluded.seen
            WHERE $5 IS NULL OR tags.seen <= $5";
    let noted = session.execute(leads, values![registry, repository, tag, digest, asked])? > 0;
    let named = "UPDATE images SET named = 1
        WHERE registry = $1 AND repository = $2 AND digest = $3 AND named = 0";
    session.execute(named, values![registry, repository, digest])?;
    Ok(noted && before.as_deref() != Some(digest))
}

/// Brings what is known of a tag that leads to an image since now, or of an image that is told of without one, up to date.
/// Its other tags say what they said.
pub(super) fn settle_at(
    session: &mut dyn Session,
    image: &ImageKey,
    tag: Option<&str>,
) -> Result<(), StoreError> {
    let ImageKey { registry, repository, digest, .. } = image;
    if let Some(tag) = tag {
        let unnamed = "DELETE FROM occurrences WHERE registry = $1 AND repository = $2 AND reference = $3";
        session.execute(unnamed, values![registry, repository, digest])?;
        return settle_one(session, image, (tag, Since::Led));
    }
    let tags = "SELECT 1 FROM tags WHERE registry = $1 AND repository = $2 AND digest = $3 LIMIT 1";
    match session.first(tags, values![registry, repository, digest])? {
        Some(_) => Ok(()),
        None => settle_alone(session, image, Since::Led),
    }
}

/// Notes that an index has these images, which registries tell of by themselves too: they are known by the index. What it could not
/// be searched for as a whole, and one of them has, stays known by that one.
pub(super) fn gather(
    session: &mut dyn Session,
    index: &ImageKey,
    children: &[Member],
) -> Result<(), StoreError> {
    members::keep(session, index, children)?;
    if children.is_empty() {
        return Ok(());
    }
    let ImageKey { id, registry, repository, gaps, .. } = index;
    let digests: Vec<&String> = children.iter().map(|child| &child.digest).collect();
    let [registry, repository, children] = [registry.into(), repository.into(), list(&digests)];
    let named = "UPDATE images SET named = 1
        WHERE registry = $1 AND repository = $2 AND digest IN {texts($3)} AND named = 0";
    session.execute(named, &[Value::clone(&registry), Value::clone(&repository), Value::clone(&children)])?;
    let unnamed =
        "DELETE FROM occurrences WHERE registry = $1 AND repository = $2 AND reference IN {texts($3)}
            AND (CAST($5 AS BIGINT) = 0 OR fingerprint IN (SELECT fingerprint FROM findings WHERE image = $4))
        RETURNING fingerprint";
    let gone = session.query(unnamed, &[registry, repository, children, (*id).into(), (*gaps).into()])?;
    let gone: BTreeSet<String> = gone.iter().map(|row| row.text(0)).collect();
    restate(session, There::Each(&list(&gone.into_iter().collect::<Vec<_>>())))?;
    restate(session, There::Of(*id))
}

/// Forgets the tags of a repository that were last seen before that time, in milliseconds since 1970: they are not there any
/// more.
pub(super) fn untag(
    session: &mut dyn Session,
    (registry, repository): (&str, &str),
    before: i64,
) -> Result<(), StoreError> {
    let gone = "UPDATE occurrences SET fixed = {now}, why = 'untagged'
        WHERE registry = $1 AND repository = $2 AND fixed IS NULL AND reference IN
            (SELECT tag FROM tags WHERE registry = $1 AND repository = $2 AND seen < $3)";
    session.execute(gone, values![registry, repository, before])?;
    restate(session, There::In(registry, repository))?;
    let tags = "DELETE FROM tags WHERE registry = $1 AND repository = $2 AND seen < $3";
    session.execute(tags, values![registry, repository, before]).map(drop)
}

/// Notes that an image is not there any more, before it is forgotten.
pub(super) fn deleted(session: &mut dyn Session, image: i64) -> Result<(), StoreError> {
    let gone = "UPDATE occurrences SET fixed = {now}, why = 'deleted' WHERE image = $1 AND fixed IS NULL";
    session.execute(gone, values![image])?;
    restate(session, There::Of(image))
}

fn occurrence(row: &Row) -> Occurrence {
    Occurrence {
        fingerprint: row.text(0),
        repository: format!("{}/{}", row.text(1), row.text(2)),
        reference: row.text(3),
        image: row.int(4),
        first_seen: row.int(5),
        last_seen: row.int(6),
        fixed: row.maybe_int(7),
        why: row.maybe_text(8),
        reopened: row.maybe_int(9),
    }
}

impl Store {
    /// Where a credential is and was, behind the one with that repository and reference.
    pub fn occurrences(
        &self,
        fingerprint: &str,
        after: (&str, &str),
        most: usize,
    ) -> Result<Vec<Occurrence>, StoreError> {
        let query = "SELECT fingerprint, registry, repository, reference, image, first_seen, last_seen, fixed, why, reopened
            FROM occurrences WHERE fingerprint = $1
                AND (registry || '/' || repository > $2 OR (registry || '/' || repository = $2 AND reference > $3))
            ORDER BY registry || '/' || repository, reference LIMIT $4";
        self.reading(|session| {
            let rows = session.query(query, values![fingerprint, after.0, after.1, most])?;
            Ok(rows.iter().map(occurrence).collect())
        })
    }
}
