//! What the two engines have in common: transactions, statements with `$1`, rows of a few kinds of values.
//!
//! Statements are written once. What the engines write differently stands in them in braces: `{now}` is the time in
//! milliseconds by the database's clock, which all machines share (`(SELECT {now})` where many rows are compared with it: once
//! for all of them, so that an index bounds them); `{lock}` holds the rows that are read until the end of
//! the transaction, `{skip}` too, and passes by those that another one holds; `{alone}` is passed by one transaction at a
//! time; `{decide}` by one, and `{keep}` by many as long as that one is not there; `{ids($1)}` and `{texts($1)}` are the rows
//! of a [`list`]; `{id}` and `{bytes}` are types of columns; `{tables}` has the `name` of each table, and `{may make}` is 1 if
//! others may be made.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A value of a column or a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row of an answer.
#[derive(Debug, Clone)]
pub(super) struct Row(pub(super) Vec<Value>);

/// Why the database did not do what it was asked for. Holds no value of any row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What happened.
    pub(super) message: String,
    /// Whether it may work later.
    pub(super) passing: bool,
}

/// Statements within one transaction.
pub(super) trait Session {
    /// Does something; returns how many rows that concerned.
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError>;
    /// Asks for rows.
    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// The first row, if there is one.
    fn first(&mut self, statement: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(statement, values)?.into_iter().next())
    }
}

/// What is done in a transaction.
pub(super) type Work<'w> = &'w mut dyn FnMut(&mut dyn Session) -> Result<(), StoreError>;

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is on the disk when it is done.
    Durable,
    /// It outlasts the death of this process, but a power cut may undo it, and with it what came after. For what is done again
    /// then: leases, and jobs that were finished.
    Light,
    /// It changes nothing, and is in nobody's way.
    Reading,
    /// Like `Durable`, for as long as it takes.
    Long,
}

/// A database.
pub(super) trait Engine: Send + Sync {
    /// Does `work` as a whole or not at all. It may be called again if the database asks for that.
    fn transaction(&self, mode: Mode, work: Work<'_>) -> Result<(), StoreError>;
}

impl StoreError {
    pub(super) fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), passing: false }
    }

    pub(super) fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), passing: true }
    }

    /// Whether it may work later.
    pub fn may_pass(&self) -> bool {
        self.passing
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database: {}", self.message)
    }
}

impl std::error::Error for StoreError {}

/// `statement` in the words of an engine.
pub(super) fn translate(statement: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(statement.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Statements in the words of an engine. Their number is bounded, because nothing of a value stands in any.
#[derive(Debug, Default)]
pub(super) struct Translations(HashMap<String, Arc<str>>);

impl Translations {
    /// `statement` in these `words`.
    pub(super) fn of(&mut self, statement: &str, words: &[(&str, &str)]) -> Arc<str> {
        if let Some(known) = self.0.get(statement) {
            return Arc::clone(known);
        }
        let text: Arc<str> = translate(statement, words).into();
        self.0.insert(statement.to_owned(), Arc::clone(&text));
        text
    }
}

/// Numbers or texts as one value, which `{ids($1)}` and `{texts($1)}` take.
pub(super) fn list<T: serde::Serialize>(items: &[T]) -> Value {
    serde_json::to_string(items).unwrap_or_else(|_| "[]".to_owned()).as_str().into()
}

/// What `LIKE … ESCAPE '\'` takes for a text that has `part` in it, in small letters.
pub(super) fn like(part: &str) -> String {
    let part = part.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{part}%")
}

impl Row {
    pub(super) fn int(&self, column: usize) -> i64 {
        match self.0.get(column) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        }
    }

    pub(super) fn text(&self, column: usize) -> String {
        self.maybe_text(column).unwrap_or_default()
    }

    pub(super) fn maybe_int(&self, column: usize) -> Option<i64> {
        match self.0.get(column) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn maybe_text(&self, column: usize) -> Option<String> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, column: usize) -> Vec<u8> {
        self.maybe_bytes(column).unwrap_or_default()
    }

    pub(super) fn maybe_bytes(&self, column: usize) -> Option<Vec<u8>> {
        match self.0.get(column) {
            Some(Value::Bytes(bytes)) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        // PostgreSQL's texts have no such character.
        Self::Text(text.replace('\0', "\u{fffd}"))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::serve::store::engine::Value::from($value)),*] };
}
pub(super) use values;
