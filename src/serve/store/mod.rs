//! What the service knows, in one database: jobs (`queue`), images and what was found in them (`images`).
//!
//! Two engines hold the same tables: `sqlite` in a file, for one machine, and `postgres` for many. A statement is written once
//! (`engine`). Nothing here holds a credential: of findings there are fingerprints and redacted forms.

mod engine;
mod images;
mod migrations;
mod postgres;
mod queue;
mod reports;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::engine::StoreError;
use self::engine::{Engine, Session};
pub use self::images::{Found, ImageRow, Scanned, Totals, Wanted};
pub use self::queue::{Job, Kind, Lost, Waiting, WorkerId};

/// The database of a service.
pub struct Store {
    engine: Box<dyn Engine>,
}

impl Store {
    /// Opens the database in the file `path`, and makes it if it is not there.
    pub fn in_file(path: &Path) -> Result<Self, StoreError> {
        Self::with(Box::new(sqlite::Sqlite::open(path)?))
    }

    /// Opens the database at `url` on a `PostgreSQL` server.
    pub fn on_server(url: &str) -> Result<Self, StoreError> {
        Self::with(Box::new(postgres::Postgres::open(url)?))
    }

    fn with(engine: Box<dyn Engine>) -> Result<Self, StoreError> {
        let store = Self { engine };
        store.within(migrations::migrate)?;
        Ok(store)
    }

    /// Whether the database answers.
    pub fn check(&self) -> Result<(), StoreError> {
        self.within(|session| session.query("SELECT 1 FROM versions", &[]).map(drop))
    }

    /// Does `work` as a whole or not at all; it may be called again.
    fn within<T>(
        &self,
        mut work: impl FnMut(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut done = None;
        self.engine.transaction(&mut |session| {
            done = Some(work(session)?);
            Ok(())
        })?;
        done.ok_or_else(|| StoreError::passing("it did not do what was asked"))
    }
}
