//! A table: blocks of sorted pairs, a block that names them, and at the end where that is.

use std::ops::{ControlFlow, Range};

use super::varint;
use crate::content::pairs::Pairs;
use crate::content::{Fault, FaultKind, Visitor};
use crate::limits::Limit;

const LEVELDB: u64 = 0xdb47_7524_8b80_fb57;
const ROCKSDB: u64 = 0x88e2_41b7_85f4_cff7;
/// Bytes of the foot of each.
const LEVELDB_FOOT: usize = 48;
const ROCKSDB_FOOT: usize = 53;
/// Kind of compression and checksum behind a block.
const TRAILER: usize = 5;
/// Bytes behind a key that say when and how it was written.
const WRITTEN: usize = 8;

/// How the values of the block that names the others are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Each says where a block is.
    Whole,
    /// Most only say how much longer than the one before it is.
    Delta,
}

/// Shows all pairs; the fault is what could not be shown.
pub(super) fn read(
    bytes: &[u8],
    pairs: &mut Pairs,
    visitor: &mut dyn Visitor,
) -> Result<(ControlFlow<()>, Option<Fault>), Fault> {
    let (index, names) = foot(bytes)?;
    let index = unpacked(bytes, index, visitor)?;
    let mut fault = None;
    let (mut end, mut left) = (0, bytes.len());
    for block in blocks(&index, names) {
        // Blocks stand one behind the other; what names a byte twice is damaged.
        let Some(rest) = left.checked_sub(block.len()).filter(|_| block.start >= end) else {
            fault = Some(Fault::damaged(format!("blocks overlap at byte {}", block.start)));
            break;
        };
        (end, left) = (block.end, rest);
        match unpacked(bytes, block, visitor) {
            Ok(block) => {
                let mut entries = Entries::new(&block, false);
                while let Some((key, value)) = entries.next() {
                    let key = &key[..key.len().saturating_sub(WRITTEN)];
                    if pairs.pair(key, value, visitor).is_break() {
                        return Ok((ControlFlow::Break(()), None));
                    }
                }
            }
            Err(failed) => fault = fault.or(Some(failed)),
        }
    }
    Ok((ControlFlow::Continue(()), fault))
}

/// Where the block is that names the others, and how it does.
fn foot(bytes: &[u8]) -> Result<(Range<usize>, Names), Fault> {
    let none = || Fault::damaged("it does not end like a table");
    let magic = bytes.last_chunk().map(|magic| u64::from_le_bytes(*magic)).ok_or_else(none)?;
    let (length, names) = match magic {
        LEVELDB => (LEVELDB_FOOT, Names::Whole),
        ROCKSDB => {
            let version = bytes.len().checked_sub(12).and_then(|at| bytes[at..].first_chunk());
            match version.map_or(0, |version| u32::from_le_bytes(*version)) {
                1..=3 => (ROCKSDB_FOOT, Names::Whole),
                4 | 5 => (ROCKSDB_FOOT, Names::Delta),
                other => return Err(Fault::unsupported(format!("tables of version {other} are not read"))),
            }
        }
        _ => return Err(none()),
    };
    let start = bytes.len().checked_sub(length).ok_or_else(none)?;
    let mut foot = &bytes[start + usize::from(length == ROCKSDB_FOOT)..];
    handle(&mut foot).and_then(|_| handle(&mut foot)).map(|index| (index, names)).ok_or_else(none)
}

/// Takes where a block is.
fn handle(bytes: &mut &[u8]) -> Option<Range<usize>> {
    let (start, length) = (usize::try_from(varint(bytes)?).ok()?, usize::try_from(varint(bytes)?).ok()?);
    Some(start..start.checked_add(length)?)
}

/// The blocks that `index` names.
fn blocks(index: &[u8], names: Names) -> Vec<Range<usize>> {
    let (mut all, mut before): (Vec<Range<usize>>, Option<Range<usize>>) = (Vec::new(), None);
    let mut entries = Entries::new(index, names == Names::Delta);
    while let Some((_, mut value)) = entries.next() {
        let block = match before.filter(|_| entries.shared && names == Names::Delta) {
            None => handle(&mut value),
            Some(before) => varint(&mut value).and_then(|more| {
                let more = isize::try_from(more >> 1).ok()? ^ -isize::try_from(more & 1).ok()?;
                let start = before.end.checked_add(TRAILER)?;
                Some(start..start.checked_add(before.len().checked_add_signed(more)?)?)
            }),
        };
        let Some(block) = block else { break };
        if names == Names::Delta {
            entries.skip_value(value);
        }
        before = Some(block.clone());
        all.push(block);
    }
    all
}

/// A block without its compression.
fn unpacked(bytes: &[u8], block: Range<usize>, visitor: &dyn Visitor) -> Result<Vec<u8>, Fault> {
    let at = block.start;
    let cut = || Fault::damaged(format!("the block at byte {at} is cut off"));
    let (own, kind) = bytes.get(block.clone()).zip(bytes.get(block.end)).ok_or_else(cut)?;
    let room = usize::try_from(visitor.room()).unwrap_or(usize::MAX);
    let damaged = |error: &dyn std::fmt::Display| Fault::damaged(format!("the block at byte {at}: {error}"));
    let large = || Fault::limit(Limit::WholeBytes, format!("the block at byte {at} is too large to be held"));
    match kind {
        0 => Ok(own.to_vec()),
        1 => {
            let length = snap::raw::decompress_len(own).map_err(|error| damaged(&error))?;
            // Snappy makes no more of a byte than this.
            if length > room.min(own.len().saturating_mul(64)) {
                return Err(large());
            }
            snap::raw::Decoder::new().decompress_vec(own).map_err(|error| damaged(&error))
        }
        kind => Err(Fault {
            kind: FaultKind::Unsupported,
            message: format!("blocks with compression {kind} are not read"),
        }),
    }
}

/// The pairs of a block. Each key has the bytes that it shares with the one before left out.
struct Entries<'b> {
    rest: &'b [u8],
    key: Vec<u8>,
    /// Whether the last key shares bytes.
    shared: bool,
    /// Whether no length stands before values.
    bare: bool,
}

impl<'b> Entries<'b> {
    /// At the end of a block stands where keys share nothing, and how many such places there are.
    fn new(block: &'b [u8], bare: bool) -> Self {
        let count = block.last_chunk().map_or(0, |count| u32::from_le_bytes(*count) & 0x7fff_ffff);
        let end = (count as usize).checked_mul(4).and_then(|places| block.len().checked_sub(places + 4));
        Self { rest: &block[..end.unwrap_or(0)], key: Vec::new(), shared: false, bare }
    }

    fn next(&mut self) -> Option<(&[u8], &'b [u8])> {
        let shared = usize::try_from(varint(&mut self.rest)?).ok()?;
        let own = usize::try_from(varint(&mut self.rest)?).ok()?;
        let length = if self.bare { None } else { Some(usize::try_from(varint(&mut self.rest)?).ok()?) };
        let (key, rest) = self.rest.split_at_checked(own)?;
        if shared > self.key.len() {
            return None;
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(key);
        self.shared = shared > 0;
        let (value, rest) = length.map_or(Some((rest, rest)), |length| rest.split_at_checked(length))?;
        self.rest = rest;
        Some((&self.key, value))
    }

    /// Goes on with what is left of a value without a length.
    fn skip_value(&mut self, left: &'b [u8]) {
        self.rest = left;
    }
}
