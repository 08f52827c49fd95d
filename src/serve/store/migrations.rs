//! The tables, version by version. A version that was released is never changed; what comes later is a new one.

use super::engine::{Session, StoreError, values};

/// Statements of each version, the first one first.
const VERSIONS: &[&[&str]] = &[&[
    // Work to do. `name` says what it is: the same work is there once. `settings` is what a worker has to look for to do
    // it; none: any may. `again`: somebody asked for it while it was being done.
    "CREATE TABLE jobs (
        id {id}, kind TEXT NOT NULL, name TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, settings TEXT,
        priority BIGINT NOT NULL, state TEXT NOT NULL, again BIGINT NOT NULL, attempts BIGINT NOT NULL,
        due BIGINT NOT NULL, lease BIGINT NOT NULL, worker TEXT, reason TEXT, created BIGINT NOT NULL
    )",
    "CREATE INDEX jobs_next ON jobs (state, priority DESC, due, id)",
    // Which job waits for which.
    "CREATE TABLE needs (
        name TEXT NOT NULL, job BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, PRIMARY KEY (name, job)
    )",
    "CREATE INDEX needs_by_job ON needs (job)",
    // Images by digest, and what is known of them. `settings` is what they were last scanned with.
    "CREATE TABLE images (
        id {id}, registry TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
        first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, scanned BIGINT, settings TEXT,
        critical BIGINT NOT NULL, high BIGINT NOT NULL, medium BIGINT NOT NULL, low BIGINT NOT NULL,
        gaps BIGINT NOT NULL, UNIQUE (registry, repository, digest)
    )",
    "CREATE INDEX images_by_digest ON images (digest)",
    "CREATE TABLE tags (
        registry TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, seen BIGINT NOT NULL,
        PRIMARY KEY (registry, repository, tag)
    )",
    "CREATE INDEX tags_by_digest ON tags (registry, repository, digest)",
    // The report of an image as JSON, in zstd.
    "CREATE TABLE reports (
        image BIGINT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE, report {bytes} NOT NULL
    )",
    "CREATE TABLE findings (
        image BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE, fingerprint TEXT NOT NULL, rule TEXT NOT NULL,
        name TEXT NOT NULL, severity TEXT NOT NULL, redacted TEXT NOT NULL, place TEXT NOT NULL, places BIGINT NOT NULL,
        first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, PRIMARY KEY (image, fingerprint)
    )",
    "CREATE INDEX findings_by_fingerprint ON findings (fingerprint)",
    "CREATE TABLE layers (
        image BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE, position BIGINT NOT NULL,
        digest TEXT NOT NULL, diff_id TEXT NOT NULL, PRIMARY KEY (image, position)
    )",
    "CREATE INDEX layers_by_digest ON layers (digest)",
    "CREATE INDEX layers_by_diff_id ON layers (diff_id)",
    // What layers yielded, sealed, where there is no folder for it.
    "CREATE TABLE blobs (
        settings TEXT NOT NULL, digest TEXT NOT NULL, report {bytes} NOT NULL, seal {bytes} NOT NULL, kept BIGINT NOT NULL,
        PRIMARY KEY (settings, digest)
    )",
]];

/// Brings the tables to the newest version. Fails if a newer program made them.
pub(super) fn migrate(session: &mut dyn Session) -> Result<(), StoreError> {
    // Of several processes that begin at a time, one does it.
    session.query("{alone}", &[])?;
    session.execute(
        "CREATE TABLE IF NOT EXISTS versions (version BIGINT PRIMARY KEY, since BIGINT NOT NULL)",
        &[],
    )?;
    let row = session.first("SELECT coalesce(max(version), 0) FROM versions", &[])?;
    let there = row.map_or(0, |row| row.int(0));
    let newest = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    if there > newest {
        let message = format!("its tables are of version {there}, and this program knows up to {newest}");
        return Err(StoreError::lasting(message));
    }
    for (version, statements) in (1_i64..).zip(VERSIONS).filter(|(version, _)| *version > there) {
        for statement in *statements {
            session.execute(statement, &[])?;
        }
        session.execute("INSERT INTO versions VALUES ($1, {now})", values![version])?;
    }
    Ok(())
}
