//! The ignore file: TOML, a table `[[ignore]]` for each entry.
//!
//! What is written there hides findings, so nothing in it is guessed at: an unknown key, a pattern that is none, a day
//! that is not in the calendar, an entry without a reason or without a condition is an error with its line.

use std::borrow::Cow;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Entry;
use super::condition::{KEYS, Value};

/// Why an ignore file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct IgnoreError {
    /// Its name.
    pub file: String,
    /// The line, 1 = the first.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub message: String,
}

/// A position in the file and what is wrong there.
type Complaint = (usize, String);
type Key<'i> = Spanned<Cow<'i, str>>;

/// The entries of the ignore file `text`, which is called `file`.
pub fn entries(file: &str, text: &str) -> Result<Vec<Entry>, IgnoreError> {
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let complain = |(at, message): Complaint| IgnoreError { file: file.to_owned(), line: line(at), message };
    let parsed = DeTable::parse(text)
        .map_err(|error| complain((error.span().map_or(0, |span| span.start), error.message().to_owned())))?;
    let mut entries = Vec::new();
    for (key, value) in sorted(parsed.get_ref()) {
        let (DeValue::Array(tables), "ignore") = (value.get_ref(), key.get_ref().as_ref()) else {
            let message = format!("expected [[ignore]] and nothing else, not `{}`", key.get_ref());
            return Err(complain((key.span().start, message)));
        };
        for table in tables {
            let at = format!("{file}:{}", line(table.span().start));
            entries.push(entry(at, table).map_err(complain)?);
        }
    }
    Ok(entries)
}

/// The entries in the order of the file, so that the first mistake is named first.
fn sorted<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn entry(at: String, table: &Spanned<DeValue<'_>>) -> Result<Entry, Complaint> {
    let start = table.span().start;
    let DeValue::Table(keys) = table.get_ref() else {
        return Err((start, "expected a table: write [[ignore]] and its keys below".to_owned()));
    };
    let (mut reason, mut expires, mut conditions) = (None, None, Vec::new());
    for (key, value) in sorted(keys) {
        let name = key.get_ref().as_ref();
        let at_value = |message: String| (value.span().start, format!("{name}: {message}"));
        match name {
            "reason" => reason = Some(read_reason(value.get_ref()).map_err(at_value)?),
            "expires" => expires = Some(read_date(value.get_ref()).map_err(at_value)?),
            name => {
                let known = KEYS.iter().find(|key| key.name == name);
                let known = known.ok_or_else(|| (key.span().start, unknown(name)))?;
                conditions.push(values(value).and_then(|values| (known.read)(&values)).map_err(at_value)?);
            }
        }
    }
    if conditions.is_empty() {
        let message = format!("the entry would ignore everything; say what, with {}", names().join(", "));
        return Err((start, message));
    }
    let Some(reason) = reason else {
        return Err((start, "the entry has no reason; write reason = \"…\"".to_owned()));
    };
    Ok(Entry { at, reason, expires, conditions })
}

fn names() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).collect()
}

fn unknown(name: &str) -> String {
    format!("there is no key `{name}`; there are {}, reason, expires", names().join(", "))
}

/// One value or a list of them.
fn values(value: &Spanned<DeValue<'_>>) -> Result<Vec<Value>, String> {
    match value.get_ref() {
        DeValue::Array(list) if list.is_empty() => Err("an empty list matches nothing".to_owned()),
        DeValue::Array(list) => list.iter().map(|value| one(value.get_ref())).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn one(value: &DeValue<'_>) -> Result<Value, String> {
    let number =
        |value: &DeValue<'_>| value.as_integer().filter(|number| number.radix() == 10)?.as_str().parse().ok();
    match value {
        DeValue::String(text) => Ok(Value::Text(text.clone().into_owned())),
        value => number(value).map(Value::Number).ok_or_else(|| {
            format!("expected a text or a number from 0, or a list of them, not {}", value.type_str())
        }),
    }
}

fn read_reason(value: &DeValue<'_>) -> Result<String, String> {
    match value.as_str().map(str::trim) {
        Some("") | None => Err("expected a text that says why".to_owned()),
        Some(text) => Ok(text.to_owned()),
    }
}

/// A day, in quotes or as the date that TOML has.
fn read_date(value: &DeValue<'_>) -> Result<Date, String> {
    let text = match value {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) => text.clone().into_owned(),
        other => return Err(format!("expected a day such as 2027-01-31, not {}", other.type_str())),
    };
    let shaped = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = text.parse::<Date>().ok().filter(|_| shaped);
    date.ok_or_else(|| format!("`{text}` is no day of the calendar; write one such as 2027-01-31"))
}
