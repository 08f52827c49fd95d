//! Who did what, when, to what: a row for every change that a person made, written with the change or not at all.

use super::Store;
use super::engine::{Row, Session, StoreError, values};

/// A change, before it is noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'c> {
    /// Who made it: the name of their token.
    pub(super) who: &'c str,
    /// What was done: `decide`, `retry`, `delete image`, …
    pub(super) action: &'c str,
    /// What it was done to.
    pub(super) subject: &'c str,
    /// What was there before, as JSON.
    pub(super) was: Option<&'c str>,
    /// What is there now, as JSON.
    pub(super) became: Option<&'c str>,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct AuditRow {
    /// Its number; later ones are larger.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who made it: the name of a token; `local` for a program of this machine where there are no tokens.
    pub who: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What was there before.
    pub was: Option<serde_json::Value>,
    /// What was there afterwards.
    pub became: Option<serde_json::Value>,
}

/// Notes a change in the transaction that makes it.
pub(super) fn record(session: &mut dyn Session, change: &Change<'_>) -> Result<(), StoreError> {
    let Change { who, action, subject, was, became } = *change;
    let insert =
        "INSERT INTO audit (at, who, action, subject, was, became) VALUES ({now}, $1, $2, $3, $4, $5)";
    session.execute(insert, values![who, action, subject, was, became]).map(drop)
}

fn row(row: &Row) -> AuditRow {
    let json = |column| serde_json::from_str(&row.maybe_text(column)?).ok();
    AuditRow {
        id: row.int(0),
        at: row.int(1),
        who: row.text(2),
        action: row.text(3),
        subject: row.text(4),
        was: json(5),
        became: json(6),
    }
}

impl Store {
    /// What was changed, the newest first; numbers below `before`, or all if that is 0.
    pub fn audit(&self, before: i64, most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let query = "SELECT id, at, who, action, subject, was, became FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let before = if before == 0 { i64::MAX } else { before };
        self.reading(|session| Ok(session.query(query, values![before, most])?.iter().map(row).collect()))
    }
}
