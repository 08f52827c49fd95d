//! Reads what people write about findings: TOML, whose tables hold conditions beside keys of their own.
//!
//! What is written there hides findings or lets them pass, so nothing in it is guessed at: an unknown key, a pattern that is
//! none, a day that is not in the calendar is an error with its line.

use std::borrow::Cow;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Condition, Key, Value};

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct FileError {
    /// Its name.
    pub file: String,
    /// The line, 1 = the first.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub message: String,
}

/// A position in the file and what is wrong there.
pub(in super::super) type Complaint = (usize, String);
pub(in super::super) type Name<'i> = Spanned<Cow<'i, str>>;

/// A file with its name, to say where in it something is.
#[derive(Clone, Copy)]
pub(in super::super) struct Text<'t> {
    pub(in super::super) file: &'t str,
    pub(in super::super) text: &'t str,
}

impl<'t> Text<'t> {
    /// Its top table.
    pub(in super::super) fn parse(self) -> Result<Spanned<DeTable<'t>>, FileError> {
        DeTable::parse(self.text).map_err(|error| {
            self.error((error.span().map_or(0, |span| span.start), error.message().to_owned()))
        })
    }

    /// The complaint with its line.
    pub(in super::super) fn error(self, (at, message): Complaint) -> FileError {
        FileError { file: self.file.to_owned(), line: self.line(at), message }
    }

    /// File and line of a position.
    pub(in super::super) fn at(self, position: usize) -> String {
        format!("{}:{}", self.file, self.line(position))
    }

    fn line(self, at: usize) -> usize {
        self.text[..at.min(self.text.len())].matches('\n').count() + 1
    }
}

/// The entries in the order of the file, so that the first mistake is named first.
pub(in super::super) fn sorted<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Name<'i>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The condition of that name and value. `keys` are those that there are here, and `others` what else may stand here.
pub(in super::super) fn condition<'k>(
    name: &Name<'_>,
    value: &Spanned<DeValue<'_>>,
    keys: impl Iterator<Item = &'k Key> + Clone,
    others: &[&str],
) -> Result<Condition, Complaint> {
    let text = name.get_ref().as_ref();
    let Some(known) = keys.clone().find(|key| key.name == text) else {
        let names: Vec<_> = keys.map(|key| key.name).chain(others.iter().copied()).collect();
        return Err((name.span().start, format!("there is no key `{text}`; there are {}", names.join(", "))));
    };
    let read = values(value).and_then(|values| (known.read)(&values));
    read.map_err(|message| at_value(name, value, &message))
}

/// What is wrong with the value of a key.
pub(in super::super) fn at_value(name: &Name<'_>, value: &Spanned<DeValue<'_>>, message: &str) -> Complaint {
    (value.span().start, format!("{}: {message}", name.get_ref()))
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
        DeValue::Boolean(on) => Ok(Value::Switch(*on)),
        value => number(value).map(Value::Number).ok_or_else(|| {
            format!("expected a text or a number from 0, or a list of them, not {}", value.type_str())
        }),
    }
}

/// A text in which something is said.
pub(in super::super) fn words(value: &DeValue<'_>, what: &str) -> Result<String, String> {
    match value.as_str().map(str::trim) {
        Some("") | None => Err(format!("expected a text that says {what}")),
        Some(text) => Ok(text.to_owned()),
    }
}

/// A day, in quotes or as the date that TOML has.
pub(in super::super) fn date(value: &DeValue<'_>) -> Result<Date, String> {
    let text = match value {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) => text.clone().into_owned(),
        other => return Err(format!("expected a day such as 2027-01-31, not {}", other.type_str())),
    };
    day(&text).ok_or_else(|| format!("`{text}` is no day of the calendar; write one such as 2027-01-31"))
}

/// The day of a moment, in UTC.
pub fn day_of(moment: SystemTime) -> Date {
    Timestamp::try_from(moment).map_or(Date::MAX, |moment| TimeZone::UTC.to_datetime(moment).date())
}

/// When a day begins in UTC, in milliseconds since 1970.
pub fn start_of(day: Date) -> i64 {
    TimeZone::UTC
        .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
        .map_or(0, Timestamp::as_millisecond)
}

/// When a day ends in UTC, in milliseconds since 1970.
pub fn end_of(day: Date) -> i64 {
    day.tomorrow().map_or(i64::MAX, start_of)
}

/// The day that a text such as `2027-01-31` names.
pub fn day(text: &str) -> Option<Date> {
    let shaped = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse::<Date>().ok().filter(|_| shaped)
}
