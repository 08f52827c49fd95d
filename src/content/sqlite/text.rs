//! Rows as lines of text: `users.password=VALUE`, one value a line, rows apart by an empty line, and each table a member of
//! the file. Bytes that are no text, and texts that are long, are members of their own: `users/avatar/17`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::ops::ControlFlow;

use super::record::{Bytes, Value};
use super::schema::Table;
use crate::content::{HEAD, Head, Part, Visitor};

/// Longest text that is shown with its row; a longer one is a member.
const TEXT: usize = 1 << 20;
/// Shortest bytes that are no text and shown all the same.
const BLOB: usize = 256;
/// Longest text with blanks that gets quotation marks, so that it is one value.
const QUOTED: usize = 256;
/// Rows that are remembered, so that no old copy of one is shown again.
const REMEMBERED: usize = 1 << 16;

/// Where a row comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'t> {
    pub(super) table: Option<&'t Table>,
    /// It is in no table any more.
    pub(super) deleted: bool,
    /// Number of the row.
    pub(super) row: Option<u64>,
    /// Whether the same row may come several times.
    pub(super) again: bool,
}

/// Gathers rows by table and shows them.
pub(super) struct Sink<'v> {
    visitor: &'v mut dyn Visitor,
    texts: BTreeMap<String, Vec<u8>>,
    held: usize,
    most: usize,
    seen: HashSet<u64>,
    /// Whether texts are UTF-16, and if so, whether the highest byte comes first.
    pub(super) utf16: Option<bool>,
    /// Whether anything was shown.
    pub(super) shown: bool,
}

impl<'v> Sink<'v> {
    /// One that holds about `most` bytes.
    pub(super) fn new(visitor: &'v mut dyn Visitor, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            visitor,
            texts: BTreeMap::new(),
            held: 0,
            most,
            seen: HashSet::new(),
            utf16: None,
            shown: false,
        }
    }

    /// Takes a row.
    pub(super) fn row(&mut self, origin: &Origin<'_>, values: &[Value<'_>]) -> ControlFlow<()> {
        let mut lines = Vec::new();
        let name = origin.table.map(|table| table.name.as_str());
        let mut key = None;
        for (at, value) in values.iter().enumerate() {
            let column = origin.table.and_then(|table| table.columns.get(at)).map(String::as_str);
            let text = match value {
                Value::Null => continue,
                Value::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
                Value::Text(bytes) if bytes.len() <= TEXT => self.text(bytes),
                Value::Blob(bytes) if is_text(bytes) => bytes.whole(),
                Value::Text(bytes) => {
                    self.member(origin, column, bytes)?;
                    continue;
                }
                Value::Blob(bytes) => {
                    if bytes.len() >= BLOB || decodes(bytes) {
                        self.member(origin, column, bytes)?;
                    }
                    continue;
                }
            };
            if text.is_empty() {
                continue;
            }
            if let Some(column) = column {
                let named = key.as_deref().filter(|_| is_value(column)).unwrap_or(column);
                let _ = write!(lines, "{}.{named}=", name.unwrap_or_default());
                if is_key(column) && matches!(value, Value::Text(_)) {
                    key = identifier(&text);
                }
            }
            let quoted = column.is_some() && wants_quotes(&text);
            let mark: &[u8] = if quoted { b"\"" } else { b"" };
            lines.extend([mark, &text, mark, b"\n"].concat());
        }
        if lines.is_empty() || (origin.again && self.is_known(name, &lines)) {
            return ControlFlow::Continue(());
        }
        self.keep(member(origin), &lines)
    }

    /// A text of the database as UTF-8.
    fn text<'p>(&self, bytes: &Bytes<'p>) -> Cow<'p, [u8]> {
        match self.utf16 {
            None => bytes.whole(),
            utf16 => Cow::Owned(decoded(bytes, utf16).into_bytes()),
        }
    }

    fn is_known(&mut self, name: Option<&str>, lines: &[u8]) -> bool {
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        let mut hasher = DefaultHasher::new();
        (name, lines).hash(&mut hasher);
        !self.seen.insert(hasher.finish())
    }

    fn keep(&mut self, member: String, lines: &[u8]) -> ControlFlow<()> {
        let overhead = if self.texts.contains_key(&member) { 0 } else { member.len() + 128 };
        let text = self.texts.entry(member).or_default();
        text.extend_from_slice(lines);
        text.push(b'\n');
        self.held += lines.len() + 1 + overhead;
        if self.held < self.most {
            return ControlFlow::Continue(());
        }
        // The fullest alone, so that tables whose rows stand between each other are not shown in many pieces.
        let fullest = self.texts.iter().max_by_key(|(_, text)| text.len()).map(|(name, _)| name.clone());
        fullest.map_or(ControlFlow::Continue(()), |name| self.flush(&name))
    }

    fn flush(&mut self, name: &str) -> ControlFlow<()> {
        let Some(text) = self.texts.remove(name) else { return ControlFlow::Continue(()) };
        self.held = self.held.saturating_sub(text.len() + name.len() + 128);
        self.shown = true;
        self.visitor.visit(Part::Member(name.as_bytes()), &mut &text[..])
    }

    /// Shows what is left.
    pub(super) fn finish(&mut self) -> ControlFlow<()> {
        while let Some(name) = self.texts.keys().next().cloned() {
            self.flush(&name)?;
        }
        ControlFlow::Continue(())
    }

    fn member(&mut self, origin: &Origin<'_>, column: Option<&str>, bytes: &Bytes<'_>) -> ControlFlow<()> {
        if origin.again {
            let sample = bytes.slice(0..HEAD).whole();
            if self.is_known(column, &[&sample[..], &bytes.len().to_le_bytes()[..]].concat()) {
                return ControlFlow::Continue(());
            }
        }
        let row = origin.row.map(|row| format!("/{}", row.cast_signed()));
        let name = format!("{}/{}{}", member(origin), column.unwrap_or("value"), row.unwrap_or_default());
        self.shown = true;
        self.visitor.visit(Part::Member(name.as_bytes()), &mut bytes.clone())
    }
}

/// The name of the member in which such a row is shown.
fn member(origin: &Origin<'_>) -> String {
    match (origin.table, origin.deleted) {
        (Some(table), false) => table.name.clone(),
        (Some(table), true) => format!("{} (deleted)", table.name),
        (None, true) => "(deleted)".to_owned(),
        (None, false) => "(unknown table)".to_owned(),
    }
}

/// A text as UTF-8, whatever the encoding of the database.
pub(super) fn decoded(bytes: &Bytes<'_>, utf16: Option<bool>) -> String {
    let whole = bytes.whole();
    let Some(big) = utf16 else { return String::from_utf8_lossy(&whole).into_owned() };
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    char::decode_utf16(whole.chunks_exact(2).map(unit))
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether bytes are text.
fn is_text(bytes: &Bytes<'_>) -> bool {
    if bytes.len() > TEXT {
        return false;
    }
    plain(&bytes.slice(0..64).whole(), true) && plain(&bytes.whole(), false)
}

/// Whether `text` is UTF-8 without signs that no text has; one that is `cut` may end within a letter.
pub(super) fn plain(text: &[u8], cut: bool) -> bool {
    let odd = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b);
    if text.iter().any(odd) {
        return false;
    }
    std::str::from_utf8(text).map_or_else(|error| cut && error.error_len().is_none(), |_| true)
}

/// Whether bytes begin like a file that has a decoder.
fn decodes(bytes: &Bytes<'_>) -> bool {
    let start = bytes.slice(0..HEAD).whole();
    Head { path: b"", bytes: &start, size: Some(bytes.len() as u64) }.decoder().is_some()
}

/// Whether a value would end too early without quotation marks, and can have them.
fn wants_quotes(text: &[u8]) -> bool {
    text.len() <= QUOTED
        && text.iter().any(|byte| *byte == b' ' || *byte == b'\t')
        && !text.iter().any(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r'))
}

/// Whether a column is said to be the last word of `words`: `option_name`, `key`.
fn last_word(column: &str, words: &[&str]) -> bool {
    let last = column.rsplit('_').next().unwrap_or_default();
    words.iter().any(|word| last.eq_ignore_ascii_case(word))
}

/// Whether a column names what another one of its row holds.
fn is_key(column: &str) -> bool {
    last_word(
        column,
        &["name", "key", "option", "setting", "property", "variable", "field", "parameter", "attribute"],
    )
}

/// Whether a column holds what another one of its row names.
fn is_value(column: &str) -> bool {
    last_word(column, &["value", "val", "data", "content"])
}

/// A text that can be the name of a setting.
fn identifier(text: &[u8]) -> Option<String> {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let fits = (1..=64).contains(&text.len()) && text.iter().all(inside) && !text[0].is_ascii_digit();
    fits.then(|| String::from_utf8_lossy(text).into_owned())
}
