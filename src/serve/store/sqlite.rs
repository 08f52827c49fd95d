//! The embedded engine: one file, for one machine. Several processes may use it, one writes at a time.
//!
//! What was committed is on the disk: the journal is synced at each commit, because a hook is answered when its job is
//! durable, and a registry does not ask again.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, TransactionBehavior, params_from_iter};

use super::engine::{Engine, Row, Session, StoreError, Value, Work, translate};

/// A database in a file.
pub(super) struct Sqlite(Mutex<Connection>);

/// How long one process waits for another.
const PATIENCE: Duration = Duration::from_secs(30);

const WORDS: &[(&str, &str)] = &[
    ("$", "?"),
    ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
    ("{skip}", ""),
    ("{lock}", ""),
    ("{alone}", "SELECT 1"),
    ("{id}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    ("{bytes}", "BLOB"),
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
        let connection = Connection::open(file).map_err(|error| failed(&error))?;
        connection.busy_timeout(PATIENCE).map_err(|error| failed(&error))?;
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
        connection.execute_batch(settings).map_err(|error| failed(&error))?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl Engine for Sqlite {
    fn transaction(&self, work: Work<'_>) -> Result<(), StoreError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that turns writer may have to give up; who begins as a writer waits its turn.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(&error))?;
        work(&mut Open(&transaction))?;
        transaction.commit().map_err(|error| failed(&error))
    }
}

struct Open<'t>(&'t rusqlite::Transaction<'t>);

impl Session for Open<'_> {
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let statement = translate(statement, WORDS);
        let done = self.0.execute(&statement, params_from_iter(values));
        done.map(|rows| rows as u64).map_err(|error| failed(&error))
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let ask = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.0.prepare(&translate(statement, WORDS))?;
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
        )
    );
    StoreError { message: error.to_string(), passing }
}
