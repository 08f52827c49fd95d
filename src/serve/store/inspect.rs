//! A database as somebody sees it who changes nothing: it is neither made nor brought up to date, and nothing is noted in it.
//!
//! For a look before a service begins, perhaps while another one, of another version, works with the same database.

use std::path::Path;

use super::engine::{Engine, Mode, Session, StoreError};
use super::{migrations, postgres, sqlite};

/// What a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The version of its tables; 0: there are none yet.
    pub version: i64,
    /// The version that they have when a service of this program has begun.
    pub newest: i64,
    /// The [check](crate::secret::FingerprintKey::check) of the key that its fingerprints are made with; none: nobody said it yet.
    pub made_with: Option<String>,
}

impl Tables {
    /// Those of the database in the file `path`, which need not be there. An error if this program could not work with them.
    pub fn in_file(path: &Path) -> Result<Self, StoreError> {
        match sqlite::Sqlite::look(path)? {
            Some(engine) => Self::of(&engine),
            None => Ok(Self { version: 0, newest: migrations::newest(), made_with: None }),
        }
    }

    /// Those of the database at `url` on a `PostgreSQL` server, likewise.
    pub fn on_server(url: &str) -> Result<Self, StoreError> {
        Self::of(&postgres::Postgres::open(url)?)
    }

    fn of(engine: &dyn Engine) -> Result<Self, StoreError> {
        let mut seen = None;
        engine.transaction(Mode::Reading, &mut |session| {
            seen = Some(Self::seen(session)?);
            Ok(())
        })?;
        seen.ok_or_else(|| StoreError::passing("it did not do what was asked"))
    }

    fn seen(session: &mut dyn Session) -> Result<Self, StoreError> {
        let newest = migrations::newest();
        let version = if has(session, "versions")? { migrations::there(session)? } else { 0 };
        migrations::is_known(version)?;
        if version < newest && session.first("SELECT {may make}", &[])?.is_none_or(|row| row.int(0) == 0) {
            let message = "its user may not make tables; GRANT CREATE ON SCHEMA, or name another database";
            return Err(StoreError::lasting(message));
        }
        let key = "SELECT value FROM facts WHERE name = 'fingerprint key'";
        let key = if has(session, "facts")? { session.first(key, &[])? } else { None };
        Ok(Self { version, newest, made_with: key.map(|row| row.text(0)) })
    }
}

fn has(session: &mut dyn Session, table: &str) -> Result<bool, StoreError> {
    let query = "SELECT 1 FROM {tables} WHERE name = $1";
    Ok(session.first(query, &[table.into()])?.is_some())
}
