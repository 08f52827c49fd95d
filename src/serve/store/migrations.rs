//! The tables, version by version. A version that was released is never changed; what comes later is a new one.

use super::engine::{Session, StoreError, values};

/// Statements of each version, the first one first.
pub(super) const VERSIONS: &[&[&str]] = &[FIRST, SECOND, THIRD, FOURTH];

const FIRST: &[&str] = &[
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
];

const SECOND: &[&str] = &[
    // Whom a job talks to; how often it failed in a way that may pass since it was last asked for, and since when; how many
    // workers it took along; what it is to be done with when it is done again; whether an image has waited for its layers.
    "ALTER TABLE jobs ADD COLUMN host TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN failures BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN since BIGINT",
    "ALTER TABLE jobs ADD COLUMN crashes BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN wish TEXT",
    "ALTER TABLE jobs ADD COLUMN waited BIGINT NOT NULL DEFAULT 0",
    "UPDATE jobs SET waited = 1 WHERE kind = 'image' AND settings IS NOT NULL",
    "ALTER TABLE needs ADD COLUMN given_up BIGINT NOT NULL DEFAULT 0",
    // Each state is looked through in its own order.
    "DROP INDEX jobs_next",
    "CREATE INDEX jobs_ready ON jobs (host, priority DESC, due, id) WHERE state = 'ready'",
    "CREATE INDEX jobs_oldest ON jobs (created) WHERE state = 'ready'",
    "CREATE INDEX jobs_running ON jobs (lease) WHERE state = 'running'",
    "CREATE INDEX jobs_waiting ON jobs (id) WHERE state = 'waiting'",
    "CREATE INDEX jobs_later ON jobs (due) WHERE state = 'later'",
    "CREATE INDEX jobs_dead ON jobs (id) WHERE state = 'dead'",
    // Whom jobs talk to, how often that one failed since it last answered, and until when it is left in peace.
    "CREATE TABLE hosts (host TEXT PRIMARY KEY, until BIGINT NOT NULL, failures BIGINT NOT NULL)",
    "INSERT INTO hosts VALUES ('', 0, 0)",
    // Layers (names of jobs) that images were joined without; `healed`: it is scanned by now.
    "CREATE TABLE lacks (
        image BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE, name TEXT NOT NULL, healed BIGINT NOT NULL,
        PRIMARY KEY (image, name)
    )",
    "CREATE INDEX lacks_by_name ON lacks (name)",
    "CREATE INDEX lacks_healed ON lacks (image) WHERE healed = 1",
    // Processes that work, and until when they are believed to be there.
    "CREATE TABLE workers (worker TEXT PRIMARY KEY, settings TEXT NOT NULL, until BIGINT NOT NULL)",
    // Who is signed in at the pages: a hash of what the browser has, and what proves its token.
    "CREATE TABLE sessions (
        id TEXT PRIMARY KEY, proof TEXT NOT NULL, begun BIGINT NOT NULL, used BIGINT NOT NULL
    )",
    // How far workers are with layers that take long.
    "CREATE TABLE progress (
        job BIGINT PRIMARY KEY, worker TEXT NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL, took BIGINT NOT NULL,
        noted BIGINT NOT NULL
    )",
    // What the overview asks for.
    "CREATE INDEX images_by_leaks ON images (critical DESC, high DESC, medium DESC, low DESC, id DESC)",
    "CREATE INDEX images_with_gaps ON images (gaps) WHERE gaps > 0",
    // When registries are looked through, and what the last sweep saw.
    "CREATE TABLE sweeps (
        registry TEXT PRIMARY KEY, due BIGINT NOT NULL, ended BIGINT, took BIGINT NOT NULL, repositories BIGINT NOT NULL,
        tags BIGINT NOT NULL, queued BIGINT NOT NULL
    )",
    "CREATE INDEX tags_by_seen ON tags (registry, seen)",
    // Findings that a repository had at some time: nobody is told of them again.
    "CREATE TABLE told (
        registry TEXT NOT NULL, repository TEXT NOT NULL, fingerprint TEXT NOT NULL, since BIGINT NOT NULL,
        PRIMARY KEY (registry, repository, fingerprint)
    )",
    // What was found before there were messages is not new.
    "INSERT INTO told (registry, repository, fingerprint, since)
        SELECT images.registry, images.repository, findings.fingerprint, min(findings.first_seen)
        FROM findings JOIN images ON images.id = findings.image
        GROUP BY images.registry, images.repository, findings.fingerprint",
    // When the next message to a receiver may be sent.
    "CREATE TABLE receivers (name TEXT PRIMARY KEY, next BIGINT NOT NULL)",
    // What an image was judged by, what the policy made of a finding, and which decision counts for it until when.
    "ALTER TABLE images ADD COLUMN judged TEXT",
    // Whether something else tells where its credentials are: a tag that names or named it, or an index that has it.
    "ALTER TABLE images ADD COLUMN named BIGINT NOT NULL DEFAULT 0",
    "UPDATE images SET named = 1 WHERE EXISTS (SELECT 1 FROM tags
        WHERE tags.registry = images.registry AND tags.repository = images.repository AND tags.digest = images.digest)",
    "ALTER TABLE findings ADD COLUMN verdict TEXT NOT NULL DEFAULT 'fail'",
    "ALTER TABLE findings ADD COLUMN decision BIGINT",
    "ALTER TABLE findings ADD COLUMN closed_until BIGINT NOT NULL DEFAULT 0",
    // What people decided about a credential, everywhere or in some repositories. The newest one counts.
    "CREATE TABLE decisions (
        id {id}, fingerprint TEXT NOT NULL, kind TEXT NOT NULL, scope TEXT NOT NULL, until TEXT, reason TEXT NOT NULL,
        who TEXT NOT NULL, made BIGINT NOT NULL, rule TEXT NOT NULL, redacted TEXT NOT NULL
    )",
    "CREATE INDEX decisions_by_fingerprint ON decisions (fingerprint, id)",
    // Who changed what.
    "CREATE TABLE audit (
        id {id}, at BIGINT NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, was TEXT, became TEXT
    )",
    // Every credential once, and how bad it is as a number.
    "CREATE TABLE secrets (
        fingerprint TEXT PRIMARY KEY, rule TEXT NOT NULL, name TEXT NOT NULL, severity TEXT NOT NULL, worst BIGINT NOT NULL,
        redacted TEXT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, closed_until BIGINT
    )",
    "CREATE INDEX secrets_by_age ON secrets (first_seen DESC, fingerprint)",
    "CREATE INDEX secrets_by_severity ON secrets (worst DESC, fingerprint)",
    "CREATE INDEX secrets_by_severity_and_age ON secrets (worst, first_seen DESC, fingerprint, closed_until)",
    "DROP INDEX findings_by_fingerprint",
    "CREATE INDEX findings_by_fingerprint ON findings (fingerprint, closed_until)",
    // Where a credential is and was: a tag, or the digest of an image that no tag names.
    "CREATE TABLE occurrences (
        fingerprint TEXT NOT NULL, registry TEXT NOT NULL, repository TEXT NOT NULL, reference TEXT NOT NULL,
        image BIGINT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, fixed BIGINT, why TEXT,
        reopened BIGINT, PRIMARY KEY (fingerprint, registry, repository, reference)
    )",
    "CREATE INDEX occurrences_by_reference ON occurrences (registry, repository, reference)",
    "CREATE INDEX occurrences_by_image ON occurrences (image, fingerprint)",
    "CREATE INDEX findings_closed ON findings (closed_until) WHERE closed_until > 0",
    "CREATE INDEX occurrences_fixed ON occurrences (fixed, fingerprint) WHERE fixed IS NOT NULL",
    // What is done once in a while.
    "CREATE TABLE chores (name TEXT PRIMARY KEY, due BIGINT NOT NULL)",
];

const THIRD: &[&str] = &[
    // What is true of the whole database: what its fingerprints were made with.
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
];

const FOURTH: &[&str] = &[
    // What ignores a finding, as lists say; and whether the last scan of its image could not look where it is.
    "ALTER TABLE findings ADD COLUMN ignored TEXT",
    "ALTER TABLE findings ADD COLUMN unseen BIGINT NOT NULL DEFAULT 0",
    // Those, as the scans that saw them told of them: a report of nothing else.
    "CREATE TABLE unseen (
        image BIGINT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE, report {bytes} NOT NULL
    )",
    // Whether there is no report because it was too large.
    "ALTER TABLE images ADD COLUMN too_large BIGINT NOT NULL DEFAULT 0",
    // Images that can be judged, which are those with a report, by what that was done.
    // Each is judged anew once: what a list ignores was no finding before.
    "UPDATE images SET judged = '' WHERE EXISTS (SELECT 1 FROM reports WHERE image = images.id)",
    "UPDATE images SET judged = NULL WHERE judged IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM reports WHERE image = images.id)",
    "CREATE INDEX images_by_judged ON images (judged, id) WHERE judged IS NOT NULL",
    // Where the credentials are that were found before there were any of these tables: at tags, or at the digest of an image.
    "INSERT INTO occurrences (fingerprint, registry, repository, reference, image, first_seen, last_seen)
        SELECT f.fingerprint, t.registry, t.repository, t.tag, i.id, f.first_seen, f.last_seen
        FROM findings f JOIN images i ON i.id = f.image
            JOIN tags t ON t.registry = i.registry AND t.repository = i.repository AND t.digest = i.digest
        WHERE NOT EXISTS (SELECT 1 FROM secrets s WHERE s.fingerprint = f.fingerprint) ON CONFLICT DO NOTHING",
    "INSERT INTO occurrences (fingerprint, registry, repository, reference, image, first_seen, last_seen)
        SELECT f.fingerprint, i.registry, i.repository, i.digest, i.id, f.first_seen, f.last_seen
        FROM findings f JOIN images i ON i.id = f.image
        WHERE i.named = 0 AND NOT EXISTS (SELECT 1 FROM secrets s WHERE s.fingerprint = f.fingerprint)
        ON CONFLICT DO NOTHING",
    // Each as it was found last.
    "INSERT INTO secrets (fingerprint, rule, name, severity, worst, redacted, first_seen, last_seen, closed_until)
        SELECT f.fingerprint, f.rule, f.name, f.severity,
            CASE f.severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 ELSE 0 END,
            f.redacted, f.earliest, f.last_seen,
            CASE WHEN EXISTS (SELECT 1 FROM occurrences o WHERE o.fingerprint = f.fingerprint AND o.fixed IS NULL)
                THEN 0 END
        FROM (SELECT fingerprint, rule, name, severity, redacted, last_seen,
                min(first_seen) OVER (PARTITION BY fingerprint) AS earliest,
                row_number() OVER (PARTITION BY fingerprint ORDER BY last_seen DESC, image DESC) AS place
            FROM findings g WHERE NOT EXISTS (SELECT 1 FROM secrets s WHERE s.fingerprint = g.fingerprint)) f
        WHERE f.place = 1 ON CONFLICT DO NOTHING",
    // What can be done, by whom: nobody walks through the jobs of others.
    "DROP INDEX jobs_ready",
    "CREATE INDEX jobs_ready ON jobs (host, (kind || ' ' || coalesce(settings, '')), priority DESC, due, id)
        WHERE state = 'ready'",
    // What belongs to an image: the images of an index, each of its platform, and attestations, which are of none.
    "CREATE TABLE members (
        image BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE, position BIGINT NOT NULL, registry TEXT NOT NULL,
        repository TEXT NOT NULL, digest TEXT NOT NULL, platform TEXT, PRIMARY KEY (image, position)
    )",
    "CREATE INDEX members_by_digest ON members (digest, registry, repository)",
    // Whether an image belongs to another.
    "ALTER TABLE images ADD COLUMN part BIGINT NOT NULL DEFAULT 0",
];

/// Brings the tables to the newest version. Fails if a newer program made them.
pub(super) fn migrate(session: &mut dyn Session) -> Result<(), StoreError> {
    migrate_to(session, VERSIONS.len())
}

/// Brings the tables to the version `newest`.
pub(super) fn migrate_to(session: &mut dyn Session, newest: usize) -> Result<(), StoreError> {
    // Of several processes that begin at a time, one does it.
    session.query("{alone}", &[])?;
    session.execute(
        "CREATE TABLE IF NOT EXISTS versions (version BIGINT PRIMARY KEY, since BIGINT NOT NULL)",
        &[],
    )?;
    let there = there(session)?;
    is_known(there)?;
    let newest = i64::try_from(newest).unwrap_or(i64::MAX);
    for (version, statements) in
        (1_i64..).zip(VERSIONS).filter(|(version, _)| (there + 1..=newest).contains(version))
    {
        for statement in *statements {
            session.execute(statement, &[])?;
        }
        session.execute("INSERT INTO versions VALUES ($1, {now})", values![version])?;
    }
    Ok(())
}

/// The version that the tables are of, where there are any.
pub(super) fn there(session: &mut dyn Session) -> Result<i64, StoreError> {
    let row = session.first("SELECT coalesce(max(version), 0) FROM versions", &[])?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// The version that this program brings tables to.
pub(super) fn newest() -> i64 {
    i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX)
}

/// Fails if a newer program made tables of this version.
pub(super) fn is_known(version: i64) -> Result<(), StoreError> {
    let newest = newest();
    if version <= newest {
        return Ok(());
    }
    Err(StoreError::lasting(format!(
        "its tables are of version {version}, and this program knows up to {newest}: use the program that made them, or a newer one"
    )))
}
