//! A record: the types of its columns, then their values. It may go on in other pages, so its bytes come in parts.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;

use super::page::varint;

/// Longest list of types: ten thousand columns, where a table may have two thousand.
const HEAD: u64 = 32 << 10;

/// Bytes that stand in one part or in several.
#[derive(Debug, Clone, Default)]
pub(super) struct Bytes<'p>(pub(super) Vec<&'p [u8]>);

impl<'p> Bytes<'p> {
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// As far as they reach.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let (mut at, mut parts) = (0, Vec::with_capacity(1));
        for part in &self.0 {
            let (from, to) = (range.start.max(at), range.end.min(at + part.len()));
            if from < to {
                parts.push(&part[from - at..to - at]);
            }
            at += part.len();
            if at >= range.end {
                break;
            }
        }
        Self(parts)
    }

    /// In one piece.
    pub(super) fn whole(&self) -> Cow<'p, [u8]> {
        match self.0[..] {
            [] => Cow::Borrowed(&[]),
            [one] => Cow::Borrowed(one),
            _ => Cow::Owned(self.0.concat()),
        }
    }
}

impl Read for Bytes<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(first) = self.0.first_mut() {
            if first.is_empty() {
                self.0.remove(0);
                continue;
            }
            return first.read(out);
        }
        Ok(0)
    }
}

/// A value of a row.
#[derive(Debug, Clone)]
pub(super) enum Value<'p> {
    /// Nothing, or a number that says nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text, in the encoding of the database.
    Text(Bytes<'p>),
    /// Bytes.
    Blob(Bytes<'p>),
}

/// The length of a value of that type.
pub(super) fn length(kind: u64) -> u64 {
    match kind {
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        0 | 8..=11 => 0,
        _ => (kind - 12) / 2,
    }
}

/// The value of that type in `bytes`, which are as long as it says.
pub(super) fn value(kind: u64, bytes: Bytes<'_>) -> Value<'_> {
    match kind {
        1..=6 => {
            let bytes = bytes.whole();
            let sign = if bytes.first().is_some_and(|first| first & 0x80 > 0) { -1 } else { 0 };
            Value::Integer(bytes.iter().fold(sign, |number: i64, byte| number << 8 | i64::from(*byte)))
        }
        12.. if kind.is_multiple_of(2) => Value::Blob(bytes),
        12.. => Value::Text(bytes),
        _ => Value::Null,
    }
}

/// The types of a record and where their values begin. None if it is none.
pub(super) fn kinds(record: &Bytes<'_>) -> Option<(Vec<u64>, usize)> {
    let start = record.slice(0..9).whole();
    let (head, mut at) = varint(&start)?;
    let head = usize::try_from(head).ok().filter(|head| *head as u64 <= HEAD && *head <= record.len())?;
    let bytes = record.slice(0..head).whole();
    let mut kinds = Vec::new();
    while at < head {
        let (kind, used) = varint(&bytes[at..])?;
        kinds.push(kind);
        at += used;
    }
    Some((kinds, head))
}

/// The values of a record, as far as it reaches. None if it is none.
pub(super) fn values<'p>(record: &Bytes<'p>) -> Option<Vec<Value<'p>>> {
    let (kinds, mut at) = kinds(record)?;
    let mut values = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let end = at.saturating_add(usize::try_from(length(kind)).unwrap_or(usize::MAX));
        let bytes = record.slice(at..end);
        let numeric = kind < 12 && bytes.len() as u64 != length(kind);
        values.push(if numeric { Value::Null } else { value(kind, bytes) });
        at = end;
    }
    Some(values)
}
