//! A log: blocks of 32 KiB with pieces of records, which are batches of changes.

use std::io::BufRead;
use std::ops::ControlFlow;

use super::{sized, varint};
use crate::content::pairs::Pairs;
use crate::content::{Fault, Part, Visitor};
use crate::limits::Limit;
use crate::stream;

const BLOCK: usize = 32 << 10;
/// Bytes before a piece, and before one that also has the number of its log.
const HEAD: usize = 7;
const RECYCLED: usize = 11;
/// Bytes of a batch before its changes.
const BATCH: usize = 12;

/// A piece of a record: which, and its bytes.
struct Piece<'b> {
    /// 1 a whole record, 2 its first piece, 3 one in between, 4 its last.
    kind: u8,
    bytes: &'b [u8],
}

/// Takes the next piece from the start of what is left of a block.
fn piece<'b>(block: &mut &'b [u8]) -> Option<Piece<'b>> {
    let length = usize::from(u16::from_le_bytes([*block.get(4)?, *block.get(5)?]));
    let kind = *block.get(6)?;
    let head = if kind > 4 { RECYCLED } else { HEAD };
    if !(1..=8).contains(&kind) {
        return None;
    }
    let bytes = block.get(head..head + length)?;
    *block = &block[head + length..];
    Some(Piece { kind: (kind - 1) % 4 + 1, bytes })
}

/// Whether a file begins with a piece that begins a batch, as far as can be seen.
pub(super) fn begins(head: &[u8]) -> bool {
    let (Some(low), Some(high), Some(kind)) = (head.get(4), head.get(5), head.get(6)) else { return false };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let start = if *kind > 4 { RECYCLED } else { HEAD };
    let Some(batch) = head.get(start..) else { return false };
    let change = batch.get(BATCH).is_some_and(|tag| *tag <= 0x20);
    matches!(kind, 1 | 2 | 5 | 6) && length >= BATCH && length + start <= BLOCK && change
}

/// Shows the changes of all batches.
pub(super) fn read(
    body: &mut dyn BufRead,
    pairs: &mut Pairs,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, Fault> {
    let room = usize::try_from(visitor.room()).unwrap_or(usize::MAX);
    let (mut block, mut record) = (vec![0; BLOCK], Vec::new());
    let mut whole = false;
    loop {
        let (filled, failed) = stream::fill(&mut &mut *body, &mut block);
        let mut left = &block[..filled];
        while let Some(Piece { kind, bytes }) = piece(&mut left) {
            if matches!(kind, 1 | 2) {
                record.clear();
                whole = true;
            }
            if record.len() + bytes.len() > room {
                if std::mem::take(&mut whole) {
                    let message =
                        format!("a record has more than the {room} bytes that can be held at a time");
                    visitor.fault(Part::Plain("leveldb"), Fault::limit(Limit::WholeBytes, message));
                }
                continue;
            }
            record.extend_from_slice(bytes);
            if matches!(kind, 1 | 4) && whole && batch(&record, pairs, visitor).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        if filled < BLOCK {
            return Ok(ControlFlow::Continue(()));
        }
    }
}

/// The changes of a batch: what kind, in which family of columns, the key, the value.
fn batch(record: &[u8], pairs: &mut Pairs, visitor: &mut dyn Visitor) -> ControlFlow<()> {
    let mut rest = record.get(BATCH..).unwrap_or_default();
    while let Some(change) = change(&mut rest) {
        match change {
            (Some(key), Some(value)) => pairs.pair(key, value, visitor)?,
            (Some(text), None) | (None, Some(text)) => pairs.line(text, visitor)?,
            (None, None) => {}
        }
    }
    // What it ends with is of a kind that is not known.
    if rest.is_empty() { ControlFlow::Continue(()) } else { pairs.line(rest, visitor) }
}

/// A key and its value, as far as a change has them.
type Change<'b> = (Option<&'b [u8]>, Option<&'b [u8]>);

/// Takes a change: its key and its value.
fn change<'b>(bytes: &mut &'b [u8]) -> Option<Change<'b>> {
    let mut rest = *bytes;
    let (tag, after) = rest.split_first()?;
    rest = after;
    // Kinds that name a family of columns.
    if matches!(tag, 0x04..=0x06 | 0x08 | 0x0e | 0x10) {
        varint(&mut rest)?;
    }
    let found = match tag {
        // A key that was deleted.
        0x00 | 0x04 | 0x07 | 0x08 => (Some(sized(&mut rest)?), None),
        // A value that was set, or merged; a range that was deleted.
        0x01 | 0x02 | 0x05 | 0x06 | 0x0e | 0x0f => (Some(sized(&mut rest)?), Some(sized(&mut rest)?)),
        // A note in the log; the name of a transaction.
        0x03 | 0x0a..=0x0c => (None, Some(sized(&mut rest)?)),
        0x09 | 0x0d | 0x12 => (None, None),
        _ => return None,
    };
    *bytes = rest;
    Some(found)
}
