//! Reads rpm's own database, `Packages.db` (its format is described in rpm's `lib/backend/ndb/rpmpkg.c`): a table of slots,
//! each with the place of a header in blocks of 16 bytes.

use super::little;

/// What such a file starts with.
pub(super) const MAGIC: &[u8] = b"RpmP";

const BLOCK: usize = 16;
/// Slots are in pages of this size; the first two slots are the head of the file.
const PAGE: usize = 4096;

/// Gives every header.
pub(super) fn blobs(bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let pages = little(bytes, 12).unwrap_or(0) as usize;
    let slots = bytes.get(..bytes.len().min(pages.saturating_mul(PAGE))).unwrap_or_default();
    // All headers together are no longer than the file, unless they share bytes.
    let mut left = bytes.len();
    for slot in slots.chunks_exact(BLOCK).skip(2).filter(|slot| slot.starts_with(b"Slot")) {
        let Some(blob) = blob(bytes, slot) else { continue };
        let Some(rest) = left.checked_sub(blob.len()) else { continue };
        left = rest;
        sink(blob);
    }
}

/// A slot has the number of its package, its first block and how many there are; the blob has a head of one block.
fn blob<'b>(bytes: &'b [u8], slot: &[u8]) -> Option<&'b [u8]> {
    let start = (little(slot, 8)? as usize).checked_mul(BLOCK)?;
    let head = bytes.get(start..start.checked_add(BLOCK)?)?;
    if !head.starts_with(b"BlbS") || little(head, 4) != little(slot, 4) {
        return None;
    }
    bytes.get(start + BLOCK..)?.get(..little(head, 12)? as usize)
}
