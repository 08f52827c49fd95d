//! Rows that were deleted: their bytes stay where they were until something else needs the place.
//!
//! A cell that joined the unused middle of its page is whole. One that became a free block lost its first four bytes to
//! the block's head, which are the lengths, and mostly nothing else; then the table's number of columns and the block's
//! size say together whether what is left is a row. Nothing is taken for one unless all its numbers agree and its texts are
//! text.

use std::ops::Range;

use super::page::{Cell, Kind, cell, local, short, varint};
use super::record::{Bytes, Value, length, value};
use super::text::plain;

/// Columns of a row that is looked for.
const COLUMNS: usize = 100;

/// What was found.
#[derive(Debug)]
pub(super) enum Carved<'p> {
    /// A cell as it was.
    Whole(Cell<'p>),
    /// A cell without its beginning.
    Rest(Rest<'p>),
}

/// The values of a row whose lengths are partly lost.
#[derive(Debug)]
pub(super) struct Rest<'p> {
    /// How many columns have no type.
    lost: usize,
    /// The bytes of these.
    first: &'p [u8],
    /// The types of the others.
    kinds: Vec<u64>,
    /// Their values, which may go on in other pages.
    pub(super) values: Cell<'p>,
}

impl<'p> Rest<'p> {
    /// The row, once all of its bytes were found.
    pub(super) fn row(&self, bytes: &Bytes<'p>) -> Vec<Value<'p>> {
        let first = Bytes(vec![self.first]);
        let text = !self.first.is_empty() && plain(self.first, false);
        let mut row: Vec<Value<'p>> = (0..self.lost).map(|_| Value::Null).collect();
        if let Some(column) = row.first_mut().filter(|_| text) {
            *column = Value::Text(first);
        }
        let mut at = 0;
        for kind in &self.kinds {
            let end = at + usize::try_from(length(*kind)).unwrap_or(0);
            row.push(value(*kind, bytes.slice(at..end)));
            at = end;
        }
        row
    }
}

/// Everything that is found in `area` of a page in which rows of that kind were; `columns` are the numbers of columns that
/// these can have had.
pub(super) fn carve<'p>(
    page: &'p [u8],
    area: Range<usize>,
    kind: Kind,
    columns: &[usize],
    sink: &mut dyn FnMut(Carved<'p>),
) {
    let (mut at, mut gap) = (area.start, area.start);
    while at < area.end {
        let found = whole(page, at, area.end, kind).filter(|_| page[at] != 0);
        let Some(found) = found else {
            at += 1;
            continue;
        };
        rests(page, gap..at, kind, columns, sink);
        at = found.range.end.max(at + 1);
        gap = at;
        sink(Carved::Whole(found));
    }
    rests(page, gap..area.end, kind, columns, sink);
}

/// A cell at `at` that says the same everywhere.
fn whole(page: &[u8], at: usize, end: usize, kind: Kind) -> Option<Cell<'_>> {
    let found = cell(page, kind, at).filter(|cell| cell.length >= 3 && cell.range.end <= end)?;
    let (head, used) = varint(found.local)?;
    let head = usize::try_from(head).ok().filter(|head| *head > used && *head <= 2 * COLUMNS + used)?;
    let kinds = kinds(found.local.get(used..head)?, None)?.0;
    let total = kinds.iter().try_fold(head as u64, |sum, kind| sum.checked_add(length(*kind)))?;
    (total == found.length && looks(&kinds, &found.local[head..])).then_some(found)
}

/// The types in `bytes`: so many, or all. None if there are other bytes among them.
fn kinds(bytes: &[u8], count: Option<usize>) -> Option<(Vec<u64>, usize)> {
    let (mut all, mut at) = (Vec::new(), 0);
    while count.map_or(at < bytes.len(), |count| all.len() < count) {
        let (kind, used) = varint(bytes.get(at..)?)?;
        if matches!(kind, 10 | 11) || all.len() >= COLUMNS || length(kind) > 1 << 31 {
            return None;
        }
        all.push(kind);
        at += used;
    }
    Some((all, at))
}

/// Whether the values of these types, as far as they reach, have texts that are text, and at least one.
fn looks(kinds: &[u64], mut values: &[u8]) -> bool {
    let mut any = false;
    for kind in kinds {
        let length = usize::try_from(length(*kind)).unwrap_or(usize::MAX);
        let (own, rest) = values.split_at(length.min(values.len()));
        if *kind >= 13 && kind % 2 == 1 {
            let zeros = memchr::memchr_iter(0, own).count();
            // UTF-16 is told by its zeros.
            if !plain(own, own.len() < length) && 3 * zeros < own.len() {
                return false;
            }
        }
        any |= *kind >= 12 && own.len() >= 3;
        values = rest;
    }
    any
}

/// Cells that became free blocks, and those that such a block took in.
fn rests<'p>(
    page: &'p [u8],
    gap: Range<usize>,
    kind: Kind,
    columns: &[usize],
    sink: &mut dyn FnMut(Carved<'p>),
) {
    // From the end to the start: a block that took in the one behind it has the size of both, and where the one behind it
    // begins is known by then.
    let (mut starts, mut all): (Vec<usize>, Vec<Rest<'p>>) = (Vec::new(), Vec::new());
    for at in (gap.start..gap.end.saturating_sub(7)).rev() {
        let (Some(next), Some(size)) = (short(page, at), short(page, at + 2)) else { continue };
        let (next, end) = (usize::from(next), at + usize::from(size));
        let block = size >= 8 && end <= page.len() && (next == 0 || next > at) && next < page.len();
        if !block || starts.last().is_some_and(|start| *start < at + 8) {
            continue;
        }
        let behind = starts.last().copied().filter(|start| *start < end);
        let ends = [behind, Some(end.min(gap.end))];
        let found = ends
            .into_iter()
            .flatten()
            .find_map(|end| columns.iter().find_map(|count| rest(page, at + 4..end, kind, *count)));
        if let Some(found) = found {
            starts.push(at);
            all.push(found);
        }
    }
    all.into_iter().rev().for_each(|found| sink(Carved::Rest(found)));
}

/// The row of so many columns whose cell filled `block`, and the four bytes before it.
fn rest(page: &[u8], block: Range<usize>, kind: Kind, columns: usize) -> Option<Rest<'_>> {
    let bytes = page.get(block)?;
    // How many bytes before the types are still there, the last of which is the length of the types; and how many types
    // are not.
    let forms: &[(usize, usize)] = if kind == Kind::Leaf {
        &[(3, 0), (2, 0), (1, 0), (0, 0), (0, 1)]
    } else {
        &[(1, 0), (0, 0), (0, 1), (0, 2)]
    };
    forms.iter().find_map(|(before, lost)| {
        let count = columns.checked_sub(*lost).filter(|count| (1..=COLUMNS).contains(count))?;
        let (kinds, used) = kinds(bytes.get(*before..)?, Some(count))?;
        if *before > 0 && usize::from(bytes[before - 1]) != used + 1 {
            return None;
        }
        let body = &bytes[before + used..];
        let sum = kinds.iter().try_fold(0_u64, |sum, kind| sum.checked_add(length(*kind)))?;
        let head = used as u64 + 1;
        let here = local(head + sum, page.len(), kind) as u64;
        let (first, values, overflow) = if here < head + sum {
            // The values go on elsewhere: then nothing of the types is lost, and the number of the next page is last.
            let own = usize::try_from(here.checked_sub(head)?).ok()?;
            let next = super::page::number(body, own).filter(|_| *lost == 0 && body.len() == own + 4)?;
            (&body[..0], &body[..own], next)
        } else {
            let first = body.len().checked_sub(usize::try_from(sum).ok()?)?;
            let fits = if *lost == 0 { first == 0 } else { first <= 8 || plain(&body[..first], false) };
            let (first, values) = fits.then(|| body.split_at(first))?;
            (first, values, 0)
        };
        let values = Cell { row: None, length: sum, local: values, overflow, range: 0..0 };
        looks(&kinds, values.local).then_some(Rest { lost: *lost, first, kinds, values })
    })
}
