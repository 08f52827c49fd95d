//! The embedded engine: one file, for one machine. Several processes may use it, one writes at a time.
//!
//! What is durable is on the disk when it returns: the journal is synced, because a hook is answered when its job is there,
//! and a registry does not ask again. To sync takes longer than all else, so those who come at a time share one (`Writer`).
//! Who only reads has a connection of his own and waits for nobody.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::engine::{Engine, Mode, Row, Session, StoreError, Translations, Value, Work};

/// A database in a file.
pub(super) struct Sqlite {
    path: PathBuf,
    writer: Mutex<Writer>,
    /// How many are about to write.
    coming: AtomicUsize,
    /// A batch has ended.
    ended: Condvar,
    readers: Mutex<Vec<Known>>,
}

/// Who writes. Several transactions that are to be durable make a batch, which is committed by whoever finds that nobody
/// comes behind it; until then each of them is a savepoint.
struct Writer {
    /// Syncs at each commit.
    durable: Known,
    /// Does not.
    light: Known,
    /// The batch that is open on `durable`.
    batch: Option<Batch>,
}

/// What became of a batch, when it has ended.
type End = Arc<OnceLock<Result<(), StoreError>>>;

/// What became of one member: as it says, or a panic.
type Outcome = std::thread::Result<Result<(), StoreError>>;

struct Batch {
    end: End,
    members: usize,
}

/// A connection, and the statements that it knows.
struct Known {
    connection: Connection,
    texts: Translations,
}

/// How long one process waits for another.
const PATIENCE: Duration = Duration::from_secs(10);

/// Transactions of a batch at most: the first one waits for the last.
const MEMBERS: usize = 200;

/// Connections for reading that are kept.
const READERS: usize = 8;

/// Statements that a connection keeps prepared.
const PREPARED: usize = 200;

const WORDS: &[(&str, &str)] = &[
    ("$", "?"),
    ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
    ("{skip}", ""),
    ("{lock}", ""),
    ("{decide}", "SELECT 1"),
    ("{keep}", "SELECT 1"),
    ("{alone}", "SELECT 1"),
    ("{ids(", "(SELECT value FROM json_each("),
    ("{texts(", "(SELECT value FROM json_each("),
    (")}", "))"),
    ("{id}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    ("{bytes}", "BLOB"),
    ("{tables}", "sqlite_master"),
    ("{may make}", "1"),
];

impl Sqlite {
    /// Opens the database in `file`, or begins one that only its owner can read.
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        #[cfg(unix)]
        if !file.exists() {
            let mut options = std::fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create(true).truncate(false), 0o600);
            // What is wrong with it SQLite says better.
            let _ = options.open(file);
        }
        let durable = Known::open(file, OpenFlags::default(), "PRAGMA synchronous = FULL")?;
        let light = Known::open(file, OpenFlags::default(), "PRAGMA synchronous = NORMAL")?;
        Ok(Self {
            path: file.to_owned(),
            writer: Mutex::new(Writer { durable, light, batch: None }),
            coming: AtomicUsize::new(0),
            ended: Condvar::new(),
            readers: Mutex::default(),
        })
    }

    /// The database in `file` for somebody who only looks; none if it is not there. Not even the files that readers make beside it
    /// are made.
    pub(super) fn look(file: &Path) -> Result<Option<impl Engine>, StoreError> {
        match file.metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::passing(format!("{}: {error}", file.display()))),
        }
        let log = |end: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(end);
            Path::new(&name).exists()
        };
        let mut name = "file:".to_owned();
        for byte in file.as_os_str().as_encoded_bytes() {
            // "Uniform Resource Identifiers" of SQLite, section 3.1: whatever could mean something there is escaped.
            let _ = write!(name, "%{byte:02X}");
        }
        // As long as somebody works with it, or did not come to an end, what is newest is in a file beside it.
        name.push_str(if log("-wal") { "?mode=ro" } else { "?immutable=1" });
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(&name, flags)?;
            connection.busy_timeout(PATIENCE)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| failed(&error))?;
        let known = Known { connection, texts: Translations::default() };
        Ok(Some(Looking(Mutex::new(known))))
    }

    fn read(&self, work: Work<'_>) -> Result<(), StoreError> {
        let kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = match kept {
            Some(reader) => reader,
            None => Known::open(&self.path, OpenFlags::default(), "PRAGMA query_only = ON")?,
        };
        reader.run("BEGIN")?;
        let done = work(&mut Open(&mut reader));
        reader.run("COMMIT")?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.push(reader);
        }
        done
    }

    /// Waits for its turn to write.
    fn enter(&self) -> MutexGuard<'_, Writer> {
        self.coming.fetch_add(1, Ordering::AcqRel);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.coming.fetch_sub(1, Ordering::AcqRel);
        writer
    }

    fn write(&self, durable: bool, work: Work<'_>) -> Result<(), StoreError> {
        let mut writer = self.enter();
        if !durable && writer.batch.is_none() {
            return writer.light.alone(work);
        }
        let end = writer.join()?;
        let (done, whole) = writer.member(work);
        if let Err(why) = whole {
            writer.undo(why);
            self.ended.notify_all();
        }
        let members = writer.batch.as_ref().map_or(0, |batch| batch.members);
        let more = self.coming.load(Ordering::Acquire) > 0 && members < MEMBERS;
        if members > 0 && !more {
            let committed = writer.commit();
            writer.end(committed);
            self.ended.notify_all();
        }
        match done {
            Ok(Ok(())) => {}
            Ok(failed) => return failed,
            Err(panic) => {
                drop(writer);
                resume_unwind(panic)
            }
        }
        // Whoever comes takes the place of this one.
        let waited = self.ended.wait_while(writer, |_| end.get().is_none());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        end.get().cloned().unwrap_or_else(|| Err(StoreError::passing("nothing became of it")))
    }
}

impl Engine for Sqlite {
    fn transaction(&self, mode: Mode, work: Work<'_>) -> Result<(), StoreError> {
        match mode {
            Mode::Reading => self.read(work),
            Mode::Light => self.write(false, work),
            Mode::Durable | Mode::Long => self.write(true, work),
        }
    }
}

/// A database that is only looked at.
struct Looking(Mutex<Known>);

impl Engine for Looking {
    fn transaction(&self, _: Mode, work: Work<'_>) -> Result<(), StoreError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.run("BEGIN")?;
        let done = work(&mut Open(&mut known));
        known.run("COMMIT")?;
        done
    }
}

impl Writer {
    /// Becomes one of the batch, and begins one if there is none.
    fn join(&mut self) -> Result<End, StoreError> {
        if let Some(batch) = &mut self.batch {
            batch.members += 1;
            return Ok(Arc::clone(&batch.end));
        }
        self.durable.begin()?;
        let end = End::default();
        self.batch = Some(Batch { end: Arc::clone(&end), members: 1 });
        Ok(end)
    }

    /// Does `work` within the batch; what fails leaves nothing behind. Second, why the whole batch is to be undone, if it is:
    /// the database did so, as it does when the disk is full, or it cannot undo this member alone.
    fn member(&mut self, work: Work<'_>) -> (Outcome, Result<(), StoreError>) {
        if let Err(error) = self.durable.run("SAVEPOINT member") {
            return (Ok(Err(error.clone())), self.durable.still_open(&error));
        }
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut Open(&mut self.durable))));
        let undo = match &done {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.clone()),
            Err(_) => Some(StoreError::passing("what was done at the same time failed")),
        };
        let whole = undo.map_or(Ok(()), |why| {
            self.durable.still_open(&why)?;
            self.durable.run("ROLLBACK TO member")
        });
        let whole = whole.and_then(|()| self.durable.run("RELEASE member"));
        (done, whole)
    }

    /// Ends the batch with nothing of it being done. All of its members may try again.
    fn undo(&mut self, why: StoreError) {
        if !self.durable.connection.is_autocommit() {
            // If not even that can be done, whoever begins the next batch tries it again.
            let _ = self.durable.run("ROLLBACK");
        }
        self.end(Err(StoreError { passing: true, ..why }));
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.durable.run("COMMIT");
        if committed.is_err() && !self.durable.connection.is_autocommit() {
            // What fails here is told by the commit already.
            let _ = self.durable.run("ROLLBACK");
        }
        committed
    }

    fn end(&mut self, how: Result<(), StoreError>) {
        if let Some(batch) = self.batch.take() {
            // A batch ends once.
            let _ = batch.end.set(how);
        }
    }
}

impl Known {
    fn open(file: &Path, flags: OpenFlags, more: &str) -> Result<Self, StoreError> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(file, flags)?;
            connection.busy_timeout(PATIENCE)?;
            connection.set_prepared_statement_cache_capacity(PREPARED);
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;")?;
            connection.execute_batch(more)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| failed(&error))?;
        Ok(Self { connection, texts: Translations::default() })
    }

    fn run(&self, statement: &str) -> Result<(), StoreError> {
        let run = || self.connection.prepare_cached(statement)?.execute([]);
        run().map(drop).map_err(|error| failed(&error))
    }

    /// Begins a transaction. A reader that turns writer may have to give up; who begins as a writer waits its turn.
    fn begin(&self) -> Result<(), StoreError> {
        if !self.connection.is_autocommit() {
            // What is open still could not be undone when it ended.
            self.run("ROLLBACK")?;
        }
        self.run("BEGIN IMMEDIATE")
    }

    /// Whether the transaction is there still, in which `error` happened.
    fn still_open(&self, error: &StoreError) -> Result<(), StoreError> {
        if self.connection.is_autocommit() { Err(error.clone()) } else { Ok(()) }
    }

    /// Does `work` in a transaction of its own.
    fn alone(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        self.begin()?;
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut Open(self))));
        let committed = if matches!(done, Ok(Ok(()))) { self.run("COMMIT") } else { Ok(()) };
        if !self.connection.is_autocommit() {
            let _ = self.run("ROLLBACK");
        }
        done.unwrap_or_else(|panic| resume_unwind(panic)).and(committed)
    }
}

struct Open<'k>(&'k mut Known);

impl Session for Open<'_> {
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let text = self.0.texts.of(statement, WORDS);
        let done = || self.0.connection.prepare_cached(&text)?.execute(params_from_iter(values));
        done().map(|rows| rows as u64).map_err(|error| failed(&error))
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let text = self.0.texts.of(statement, WORDS);
        let ask = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.0.connection.prepare_cached(&text)?;
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                (0..columns)
                    .map(|column| Ok(value(row.get_ref(column)?)))
                    .collect::<rusqlite::Result<_>>()
                    .map(Row)
            };
            statement.query_map(params_from_iter(values), row)?.collect()
        };
        ask().map_err(|error| failed(&error))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        // Nothing that is kept here is broken.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn failed(error: &rusqlite::Error) -> StoreError {
    let passing = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
        )
    );
    StoreError { message: error.to_string(), passing }
}

#[cfg(test)]
mod tests;
