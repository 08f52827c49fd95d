//! The cache's file: an `SQLite` database, which several processes may use at a time, and which is whole after a crash.
//!
//! Every failure ends here. What is damaged is thrown away and begun anew, since all of it can be found out again; what
//! cannot be written is not kept. Either is told once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::digest::Digest;

/// The database, or what is left of it.
#[derive(Debug)]
pub(super) struct Store {
    file: PathBuf,
    /// None once it cannot be used any more.
    database: Option<Connection>,
    /// Whether nothing more is written.
    read_only: bool,
    notices: Vec<String>,
}

/// What is in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Reports of blobs.
    pub reports: u64,
    /// Bytes that they have.
    pub bytes: u64,
    /// When the one that was not asked for the longest was asked for, in seconds since 1970.
    pub oldest: Option<u64>,
    /// Images that were scanned.
    pub images: u64,
}

/// What is kept when a cache is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Reports that were asked for since so long ago.
    pub age: Duration,
    /// Bytes of reports, those last asked for.
    pub bytes: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { age: Duration::from_secs(90 * 24 * 60 * 60), bytes: 1 << 30 }
    }
}

/// How long one process waits for another.
const PATIENCE: Duration = Duration::from_secs(5);

/// Seconds for which it is not written down that a report was asked for again.
const RECENT: u64 = 60 * 60;

/// Images that are known at most.
const MOST_IMAGES: i64 = 10_000;

/// Bytes of the largest report that is kept.
const LARGEST: usize = 256 << 20;

const SCHEMA: &str = "
    PRAGMA auto_vacuum = FULL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS reports (
        settings BLOB NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL,
        bytes INTEGER NOT NULL, seal BLOB NOT NULL, report BLOB NOT NULL, PRIMARY KEY (settings, digest)
    );
    CREATE INDEX IF NOT EXISTS by_size ON reports (settings, size);
    CREATE INDEX IF NOT EXISTS by_use ON reports (used, bytes);
    CREATE TABLE IF NOT EXISTS images (
        chain BLOB NOT NULL PRIMARY KEY, used INTEGER NOT NULL, seal BLOB NOT NULL, image BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS images_by_use ON images (used);
";

/// The files that a database may have.
pub(super) fn files(file: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = OsString::from(file);
        name.push(end);
        name.into()
    })
}

impl Store {
    /// Opens the database `file`, or begins one.
    pub(super) fn open(file: PathBuf) -> io::Result<Self> {
        let mut store = Self { file, database: None, read_only: false, notices: Vec::new() };
        match connect(&store.file) {
            Ok(database) => store.database = Some(database),
            Err(error) if damaged(&error) => store.begin_anew(&error),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => store.failed(&error),
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(store)
    }

    pub(super) fn notices(&self) -> Vec<String> {
        self.notices.clone()
    }

    /// Whether a blob of `size` bytes is there.
    pub(super) fn has_size(&mut self, settings: &Digest, size: u64) -> bool {
        let query = "SELECT 1 FROM reports WHERE settings = ?1 AND size = ?2 LIMIT 1";
        let found = self.ask(|database| {
            database.prepare(query)?.query_row(params![settings.bytes(), signed(size)], |_| Ok(())).optional()
        });
        found.flatten().is_some()
    }

    /// Whether there is a report of the blob `digest`.
    pub(super) fn has(&mut self, settings: &Digest, digest: &Digest) -> bool {
        let query = "SELECT 1 FROM reports WHERE settings = ?1 AND digest = ?2";
        let key = params![settings.bytes(), digest.bytes()];
        let found = self.ask(|database| database.prepare(query)?.query_row(key, |_| Ok(())).optional());
        found.flatten().is_some()
    }

    /// The report of a blob, and its seal.
    pub(super) fn find(&mut self, settings: &Digest, digest: &Digest) -> Option<(Vec<u8>, [u8; 32])> {
        let query = "SELECT report, seal, used FROM reports WHERE settings = ?1 AND digest = ?2";
        let key = params![settings.bytes(), digest.bytes()];
        let found = self.ask(|database| {
            database
                .prepare(query)?
                .query_row(key, |row| {
                    Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?))
                })
                .optional()
        });
        let (report, seal, used) = found.flatten()?;
        let now = now();
        if used.unsigned_abs() + RECENT < now {
            let update = "UPDATE reports SET used = ?3 WHERE settings = ?1 AND digest = ?2";
            self.write(|database| {
                database.execute(update, params![settings.bytes(), digest.bytes(), signed(now)])
            });
        }
        // A seal of another length fits nothing.
        Some((report, seal.try_into().unwrap_or_default()))
    }

    /// Puts in the report of a blob: its size as stored, the report and its seal.
    pub(super) fn keep(
        &mut self,
        settings: &Digest,
        digest: &Digest,
        (size, report, seal): (u64, &[u8], &[u8]),
    ) {
        if report.len() > LARGEST {
            return;
        }
        let insert = "INSERT OR REPLACE INTO reports VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let bytes = signed(report.len() as u64);
        self.write(|database| {
            let row =
                params![settings.bytes(), digest.bytes(), signed(size), signed(now()), bytes, seal, report];
            database.prepare(insert)?.execute(row)
        });
    }

    /// Removes a report that is not as it was kept.
    pub(super) fn spoilt(&mut self, settings: &Digest, digest: &Digest) {
        self.tell("a report in the cache is not as it was kept; the blob was read again".to_owned());
        let delete = "DELETE FROM reports WHERE settings = ?1 AND digest = ?2";
        self.write(|database| database.execute(delete, params![settings.bytes(), digest.bytes()]));
    }

    pub(super) fn stats(&mut self) -> Option<Stats> {
        let query = "SELECT count(*), coalesce(sum(bytes), 0), min(used), (SELECT count(*) FROM images)
            FROM reports";
        self.ask(|database| {
            database.query_row(query, [], |row| {
                let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                let oldest = row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs);
                Ok(Stats { reports: number(0)?, bytes: number(1)?, oldest, images: number(3)? })
            })
        })
    }

    /// Removes what `keep` does not keep; returns how many reports that were.
    pub(super) fn prune(&mut self, keep: &Kept) -> u64 {
        let since = now().saturating_sub(keep.age.as_secs());
        let delete = "DELETE FROM reports WHERE used < ?1 OR rowid IN (
            SELECT row FROM (
                SELECT rowid AS row, sum(bytes) OVER (ORDER BY used DESC, rowid DESC) AS total FROM reports
            ) WHERE total > ?2
        )";
        let removed =
            self.write(|database| database.execute(delete, params![signed(since), signed(keep.bytes)]));
        let delete = "DELETE FROM images WHERE used < ?1 OR chain IN (
            SELECT chain FROM images ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?2
        )";
        self.write(|database| database.execute(delete, params![signed(since), MOST_IMAGES]));
        removed.unwrap_or(0) as u64
    }

    /// What is known of the image with the layers of that chain, and its seal.
    pub(super) fn image(&mut self, chain: &[u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
        let query = "SELECT image, seal FROM images WHERE chain = ?1";
        let found = self.ask(|database| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
            database.prepare(query)?.query_row([chain], row).optional()
        });
        let (image, seal) = found.flatten()?;
        Some((image, seal.try_into().unwrap_or_default()))
    }

    /// Puts in what is known of an image, or notes that it was scanned again.
    pub(super) fn keep_image(&mut self, chain: &[u8; 32], image: &[u8], seal: &[u8; 32]) {
        // Every scan comes here, and most find it all as it is.
        let query = "SELECT 1 FROM images WHERE chain = ?1 AND image = ?2 AND used > ?3";
        let recent = signed(now().saturating_sub(RECENT));
        let known = self.ask(|database| {
            database.prepare(query)?.query_row(params![chain, image, recent], |_| Ok(())).optional()
        });
        if known.flatten().is_some() {
            return;
        }
        let insert = "INSERT OR REPLACE INTO images VALUES (?1, ?2, ?3, ?4)";
        self.write(|database| database.execute(insert, params![chain, signed(now()), seal, image]));
    }

    /// Removes what is not as it was kept.
    pub(super) fn forget_image(&mut self, chain: &[u8; 32]) {
        self.tell("what the cache knows of an image is not as it was kept; it was forgotten".to_owned());
        self.write(|database| database.execute("DELETE FROM images WHERE chain = ?1", [chain]));
    }

    /// Reads something.
    fn ask<T>(&mut self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        let answer = ask(self.database.as_ref()?);
        answer.map_err(|error| self.failed(&error)).ok()
    }

    /// Changes something, unless that failed before.
    fn write<T>(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        if self.read_only {
            return None;
        }
        self.ask(write)
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        match error.sqlite_error_code() {
            _ if damaged(error) => self.begin_anew(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                self.tell("another process is using the cache; what was found is not kept".to_owned());
                self.read_only = true;
            }
            _ => {
                let file = self.file.display().to_string();
                self.tell(format!("cannot write to the cache {file}: {error}; what was found is not kept"));
                self.read_only = true;
            }
        }
    }

    fn begin_anew(&mut self, error: &rusqlite::Error) {
        let file = self.file.display().to_string();
        self.database = None;
        let anew = || -> io::Result<Connection> {
            for file in files(&self.file) {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            connect(&self.file).map_err(io::Error::other)
        };
        let told = match anew() {
            Ok(database) => {
                self.database = Some(database);
                format!("the cache {file} was damaged ({error}) and is begun anew")
            }
            Err(next) => format!("the cache {file} is damaged ({error}) and cannot be begun anew: {next}"),
        };
        self.tell(told);
    }

    fn tell(&mut self, notice: String) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    // SQLite gives its other files the permissions of this one.
    #[cfg(unix)]
    if !file.exists() {
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create(true).truncate(false), 0o600);
        // What is wrong with it SQLite says better.
        let _ = options.open(file);
    }
    let database = Connection::open(file)?;
    database.busy_timeout(PATIENCE)?;
    database.execute_batch(SCHEMA)?;
    Ok(database)
}

/// Whether the file is no whole database.
fn damaged(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType, SqliteFailure};
    match error {
        // A table of another form: somebody else's database.
        SqliteFailure(error, _) => {
            matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        }
        FromSqlConversionFailure(..) | InvalidColumnType(..) => true,
        _ => false,
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `SQLite`'s numbers have a sign. No file has so many bytes.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
impl Store {
    /// A disk that is full from now on.
    pub(super) fn fill_up(&mut self) {
        let pages = "SELECT page_count FROM pragma_page_count";
        let limit = |database: &Connection| {
            let pages: i64 = database.query_row(pages, [], |row| row.get(0))?;
            database.pragma_update(None, "max_page_count", pages)
        };
        limit(self.database.as_ref().unwrap()).unwrap();
    }
}
