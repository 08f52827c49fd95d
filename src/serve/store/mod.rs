//! What the service knows, in one database: jobs (`queue`), images and what was found in
//! them (`images`, `scans`, `findings`, `secrets`, `occurrences`), what people decided (`decisions`) and did (`audit`).
//!
//! Two engines hold the same tables: `sqlite` in a file, for one machine, and `postgres` for many. A statement is written once
//! (`engine`). Nothing here holds a credential: of findings there are fingerprints and redacted forms.

mod audit;
mod decisions;
mod engine;
mod findings;
mod images;
mod inspect;
mod members;
mod messages;
mod migrations;
mod occurrences;
mod overview;
mod postgres;
mod progress;
mod queue;
mod reports;
mod retention;
mod scans;
mod secrets;
mod sessions;
mod spread;
mod sqlite;
mod standing;
mod sweeps;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::OnceLock;

pub use self::audit::AuditRow;
pub use self::decisions::{Decision, DecisionKind, NewDecision, Refused};
pub use self::engine::StoreError;
use self::engine::{Engine, Mode, Session, values};
pub use self::findings::{FindingFilter, Found};
pub use self::images::{ImageFilter, ImageRow, Totals, VERDICTS, Wanted};
pub use self::inspect::Tables;
pub use self::members::{Member, PlatformRow};
pub use self::messages::Turn;
pub use self::occurrences::Occurrence;
pub use self::overview::{Glance, Open, Running};
pub use self::progress::Step;
pub use self::queue::{
    Affected, Avoid, Beat, Crew, Depth, Failed, GivenUpLayer, Job, Kind, Lost, STATES as JOB_STATES,
    Unreachable, Waiting, WorkerId,
};
pub use self::retention::Forgotten;
pub use self::scans::{LastScan, Outdated, Scanned};
pub use self::secrets::{SecretFilter, SecretRow};
pub use self::standing::Standing;
pub use self::sweeps::{Gone, Seen, SweepRow};
use super::config::Receiver;

/// The database of a service.
pub struct Store {
    engine: Box<dyn Engine>,
    /// Who is told of new findings.
    receivers: OnceLock<Vec<Receiver>>,
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
        let store = Self { engine, receivers: OnceLock::new() };
        store.transaction(Mode::Long, migrations::migrate)?;
        Ok(store)
    }

    /// Has `receivers` told of new findings from now on. Once said, it stays.
    pub fn tell(&self, receivers: Vec<Receiver>) {
        let _ = self.receivers.set(receivers);
    }

    fn receivers(&self) -> &[Receiver] {
        self.receivers.get().map_or(&[], Vec::as_slice)
    }

    /// Has all fingerprints of this database be of the key with that [check](crate::secret::FingerprintKey::check); the one that
    /// they are of already, if it is another.
    pub fn made_with(&self, check: &str) -> Result<Option<String>, StoreError> {
        let there = self.within(|session| {
            // Of several processes that begin at a time, the first one says it.
            session.execute(
                "INSERT INTO facts VALUES ('fingerprint key', $1) ON CONFLICT (name) DO NOTHING",
                values![check],
            )?;
            session.first("SELECT value FROM facts WHERE name = 'fingerprint key'", &[])
        })?;
        Ok(there.map(|row| row.text(0)).filter(|there| there != check))
    }

    /// Whether the database answers.
    pub fn check(&self) -> Result<(), StoreError> {
        self.reading(|session| session.query("SELECT 1 FROM versions", &[]).map(drop))
    }

    /// Does `work` as a whole or not at all; it may be called again. When it is done it is on the disk.
    fn within<T>(
        &self,
        work: impl FnMut(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(Mode::Durable, work)
    }

    /// The same, except that a power cut may undo it: for what is done again then.
    fn lightly<T>(
        &self,
        work: impl FnMut(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(Mode::Light, work)
    }

    /// Asks without changing anything, and without waiting for who does.
    fn reading<T>(
        &self,
        work: impl FnMut(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(Mode::Reading, work)
    }

    fn transaction<T>(
        &self,
        mode: Mode,
        mut work: impl FnMut(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut done = None;
        self.engine.transaction(mode, &mut |session| {
            done = Some(work(session)?);
            Ok(())
        })?;
        done.ok_or_else(|| StoreError::passing("it did not do what was asked"))
    }
}
