//! The ignore file: TOML, a table `[[ignore]]` for each entry.
//!
//! An entry without a reason or without a condition is an error, as is all that means nothing.

use toml::Spanned;
use toml::de::DeValue;

use super::Entry;
use crate::findings::condition::table::{
    Complaint, FileError, Text, at_value, condition, date, sorted, words,
};
use crate::findings::condition::{KEYS, Key};

/// The entries of the ignore file `text`, which is called `file`.
pub fn entries(file: &str, text: &str) -> Result<Vec<Entry>, FileError> {
    let text = Text { file, text };
    let mut entries = Vec::new();
    for (key, value) in sorted(text.parse()?.get_ref()) {
        let (DeValue::Array(tables), "ignore") = (value.get_ref(), key.get_ref().as_ref()) else {
            let message = format!("expected [[ignore]] and nothing else, not `{}`", key.get_ref());
            return Err(text.error((key.span().start, message)));
        };
        for table in tables {
            let at = text.at(table.span().start);
            entries.push(entry(at, table).map_err(|complaint| text.error(complaint))?);
        }
    }
    Ok(entries)
}

/// What an entry may ask for.
fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    KEYS.iter().filter(|key| key.ignores)
}

fn entry(at: String, table: &Spanned<DeValue<'_>>) -> Result<Entry, Complaint> {
    let start = table.span().start;
    let DeValue::Table(entries) = table.get_ref() else {
        return Err((start, "expected a table: write [[ignore]] and its keys below".to_owned()));
    };
    let (mut reason, mut expires, mut conditions) = (None, None, Vec::new());
    for (key, value) in sorted(entries) {
        let wrong = |message: String| at_value(key, value, &message);
        match key.get_ref().as_ref() {
            "reason" => reason = Some(words(value.get_ref(), "why").map_err(wrong)?),
            "expires" => expires = Some(date(value.get_ref()).map_err(wrong)?),
            _ => conditions.push(condition(key, value, keys(), &["reason", "expires"])?),
        }
    }
    if conditions.is_empty() {
        let names: Vec<_> = keys().map(|key| key.name).collect();
        let message = format!("the entry would ignore everything; say what, with {}", names.join(", "));
        return Err((start, message));
    }
    let Some(reason) = reason else {
        return Err((start, "the entry has no reason; write reason = \"…\"".to_owned()));
    };
    Ok(Entry { at, reason, expires, conditions })
}
