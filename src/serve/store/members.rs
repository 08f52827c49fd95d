//! What belongs to an image: an index has an image for each platform, and attestations beside them.
//!
//! Registries tell of each of them by itself, most before the index. What somebody pushed is one image, so what an index has is
//! listed below it, and alone only as long as no index has it, or if a tag names it too. `images.part` says that one has it; it
//! follows from the members of all images, and whoever changes those brings it up to date.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{Row, Session, StoreError, Value, list, values};
use super::images::ImageKey;

/// A manifest that belongs to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its digest.
    pub digest: String,
    /// For what it is, if it is an image.
    pub platform: Option<String>,
}

/// What an index has for a platform.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct PlatformRow {
    /// Such as `linux/arm64`.
    pub platform: String,
    /// The digest of its manifest.
    pub digest: String,
    /// The number under which it is known by itself too, if the registry told of it.
    pub image: Option<i64>,
}

/// What belongs to an image, and to which one it belongs itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Belongings {
    pub(super) platforms: Vec<PlatformRow>,
    pub(super) index: Option<i64>,
}

/// Members of an image that are noted; more are listed as if they were alone.
const MOST: usize = 1_000;

/// Platforms that are told of an image.
const PLATFORMS: usize = 100;

/// That an image is one that somebody pushed, and not only a part of one.
pub(super) const WHOLE: &str =
    "(images.part = 0 OR EXISTS (SELECT 1 FROM tags t WHERE t.registry = images.registry
    AND t.repository = images.repository AND t.digest = images.digest))";

/// That an image belongs to the one with the number `?`.
pub(super) const IN: &str =
    "EXISTS (SELECT 1 FROM members m WHERE m.image = ? AND m.registry = images.registry
    AND m.repository = images.repository AND m.digest = images.digest)";

/// Notes what belongs to an image, in the place of what was noted before.
pub(super) fn keep(
    session: &mut dyn Session,
    image: &ImageKey,
    members: &[Member],
) -> Result<(), StoreError> {
    let ImageKey { id, registry, repository, .. } = image;
    let mut concerned = digests(session, *id)?;
    session.execute("DELETE FROM members WHERE image = $1", values![*id])?;
    for (position, member) in members.iter().take(MOST).enumerate() {
        let insert = "INSERT INTO members (image, position, registry, repository, digest, platform)
            VALUES ($1, $2, $3, $4, $5, $6)";
        let Member { digest, platform } = member;
        session.execute(insert, values![*id, position, registry, repository, digest, platform.as_deref()])?;
        concerned.insert(digest.clone());
    }
    restate(session, image, &concerned)
}

/// The digests of what belongs to the image with that number.
pub(super) fn digests(session: &mut dyn Session, image: i64) -> Result<BTreeSet<String>, StoreError> {
    let rows = session.query("SELECT digest FROM members WHERE image = $1", values![image])?;
    Ok(rows.iter().map(|row| row.text(0)).collect())
}

/// Brings up to date whether images with these digests, of the repository of `image`, belong to another.
pub(super) fn restate(
    session: &mut dyn Session,
    image: &ImageKey,
    digests: &BTreeSet<String>,
) -> Result<(), StoreError> {
    if digests.is_empty() {
        return Ok(());
    }
    let part = "CASE WHEN EXISTS (SELECT 1 FROM members m WHERE m.registry = images.registry
        AND m.repository = images.repository AND m.digest = images.digest) THEN 1 ELSE 0 END";
    let restate = format!(
        "UPDATE images SET part = {part}
        WHERE registry = $1 AND repository = $2 AND digest IN {{texts($3)}} AND part <> {part}"
    );
    let digests: Vec<&String> = digests.iter().collect();
    session
        .execute(&restate, &[(&image.registry).into(), (&image.repository).into(), list(&digests)])
        .map(drop)
}

/// Notes that an image belongs to one that was scanned before it was told of: that one tells where its credentials are.
pub(super) fn adopt(session: &mut dyn Session, image: &ImageKey) -> Result<(), StoreError> {
    let ImageKey { id, registry, repository, digest, .. } = image;
    let adopt = "UPDATE images SET part = 1, named = 1 WHERE id = $1 AND (part = 0 OR named = 0)
        AND EXISTS (SELECT 1 FROM members m WHERE m.registry = $2 AND m.repository = $3 AND m.digest = $4)";
    session.execute(adopt, values![*id, registry, repository, digest]).map(drop)
}

/// The newest scanned image that one of that digest belongs to: its number and digest.
pub(super) fn index_of(
    session: &mut dyn Session,
    image: &ImageKey,
) -> Result<Option<(i64, String)>, StoreError> {
    let ImageKey { registry, repository, digest, .. } = image;
    let index = "SELECT i.id, i.digest FROM members m JOIN images i ON i.id = m.image
        WHERE m.registry = $1 AND m.repository = $2 AND m.digest = $3 ORDER BY i.id DESC LIMIT 1";
    let row = session.first(index, values![registry, repository, digest])?;
    Ok(row.map(|row| (row.int(0), row.text(1))))
}

/// The newest scanned image that one of that digest belongs to and that could not be wholly looked at: its number.
pub(super) fn unsure_index_of(
    session: &mut dyn Session,
    image: &ImageKey,
) -> Result<Option<i64>, StoreError> {
    let ImageKey { registry, repository, digest, .. } = image;
    let index = "SELECT i.id FROM members m JOIN images i ON i.id = m.image
        WHERE m.registry = $1 AND m.repository = $2 AND m.digest = $3 AND i.gaps > 0 ORDER BY i.id DESC LIMIT 1";
    Ok(session.first(index, values![registry, repository, digest])?.map(|row| row.int(0)))
}

/// What belongs to each of the images with these numbers, and to which each belongs.
pub(super) fn of(session: &mut dyn Session, ids: &Value) -> Result<BTreeMap<i64, Belongings>, StoreError> {
    let platforms = "SELECT m.image, m.platform, m.digest, i.id FROM members m
        LEFT JOIN images i ON i.registry = m.registry AND i.repository = m.repository AND i.digest = m.digest
        WHERE m.image IN {ids($1)} AND m.platform IS NOT NULL AND m.position < $2 ORDER BY m.image, m.position";
    let indexes = "SELECT images.id, max(m.image) FROM images JOIN members m ON m.registry = images.registry
            AND m.repository = images.repository AND m.digest = images.digest
        WHERE images.id IN {ids($1)} GROUP BY images.id";
    let mut all: BTreeMap<i64, Belongings> = BTreeMap::new();
    for row in session.query(platforms, &[ids.clone(), PLATFORMS.into()])? {
        all.entry(row.int(0)).or_default().platforms.push(platform(&row));
    }
    for row in session.query(indexes, std::slice::from_ref(ids))? {
        all.entry(row.int(0)).or_default().index = row.maybe_int(1);
    }
    Ok(all)
}

fn platform(row: &Row) -> PlatformRow {
    PlatformRow { platform: row.text(1), digest: row.text(2), image: row.maybe_int(3) }
}
