//! A stretch of a layer's plain bytes with what they belong to: the unit that is matched and hashed by any thread.
//!
//! Chunks overlap, so that whatever a candidate's verdict and the mark beside its credential depend on lies in the chunk
//! that owns the candidate: each keeps [`KEPT`] bytes of the one before it, and leaves the last [`LEFT`] bytes to the one
//! behind it.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;

use super::whole::WholeFile;
use crate::matcher::{AFTER, BEFORE, REACH};
use crate::stream::{Segment, Text, Walked, fill};

/// Bytes before those that it owns which a chunk has, unless its stream begins later.
pub(super) const KEPT: usize = BEFORE + REACH;
/// Bytes behind those that it owns which a chunk has, unless its stream ends earlier.
pub(super) const LEFT: usize = AFTER + REACH;

/// Plain bytes that the first chunk of a stream takes at most; each further one takes twice as many until it is all that one may.
const FIRST: usize = 128 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Position among the chunks of the stream.
    pub(super) index: u64,
    /// The bytes: some of the chunk before, then new ones.
    pub(super) bytes: Vec<u8>,
    /// Offset in the stream of the first byte.
    pub(super) base: u64,
    /// Where the new bytes start.
    pub(super) new: usize,
    /// The bytes whose candidates this chunk answers for.
    pub(super) owned: Range<usize>,
    /// Segments that have bytes here, in order.
    pub(super) segments: Vec<Segment>,
    /// Texts that no segment holds.
    pub(super) texts: Vec<Text>,
    /// Files that were wanted whole and end here.
    pub(super) files: Vec<WholeFile>,
    /// Bytes that it holds of the budget.
    pub(super) weight: usize,
}

impl Chunk {
    /// Bytes that it holds, with the files that travel with it.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.files.iter().map(|file| file.bytes.len()).sum::<usize>()
    }
}

/// Cuts a stream into chunks.
#[derive(Debug, Default)]
pub(super) struct Chunker {
    /// Plain bytes that a chunk takes from the stream at most.
    size: usize,
    next: u64,
    /// Offset in the stream of the first byte of `carry`.
    base: u64,
    /// Bytes that the next chunk starts with.
    carry: Vec<u8>,
    /// Offset in the stream of the first byte that no chunk owns yet.
    owned: u64,
    segments: VecDeque<Segment>,
}

/// What filling a chunk came to.
#[derive(Debug)]
pub(super) struct Filled {
    /// The chunk.
    pub(super) chunk: Chunk,
    /// Whether it is the last.
    pub(super) last: bool,
    /// The error that ended the stream early, if one did.
    pub(super) error: Option<std::io::Error>,
}

impl Chunker {
    /// A chunker that takes `size` bytes at a time from its stream: several times what chunks overlap by.
    pub(super) fn of(size: usize) -> Self {
        Self { size, ..Self::default() }
    }

    /// Fills `buffer` with the next chunk, whatever is in it. `walk` is shown the new bytes once and says what they are.
    pub(super) fn fill(
        &mut self,
        reader: &mut dyn Read,
        mut buffer: Vec<u8>,
        walk: &mut dyn FnMut(&[u8], &mut Walked),
    ) -> Filled {
        let size = self.size_of_next();
        // What is in the buffer is overwritten, so that filling it with zeros is for those that are new.
        buffer.reserve_exact((KEPT + LEFT + self.size).saturating_sub(buffer.len()));
        let new = self.carry.len();
        buffer.resize(new + size, 0);
        buffer[..new].copy_from_slice(&self.carry);
        let (filled, error) = fill(reader, &mut buffer[new..]);
        buffer.truncate(new + filled);
        let last = filled < size;
        Filled { chunk: self.cut(buffer, new, last, walk), last, error }
    }

    /// Plain bytes that the next chunk takes from the stream: fewer at its beginning, so that threads share a small layer too.
    fn size_of_next(&self) -> usize {
        self.size.min(FIRST << self.next.min(10))
    }

    /// Starts the next chunk in `buffer` with what it has of the one before. Returns where its new bytes go.
    pub(super) fn begin(&self, buffer: &mut Vec<u8>) -> usize {
        buffer.clear();
        buffer.extend_from_slice(&self.carry);
        buffer.len()
    }

    /// The chunk of `buffer`, whose bytes from `new` on are new; more than [`LEFT`] of them unless it is the last.
    pub(super) fn cut(
        &mut self,
        buffer: Vec<u8>,
        new: usize,
        last: bool,
        walk: &mut dyn FnMut(&[u8], &mut Walked),
    ) -> Chunk {
        let mut walked = Walked::default();
        walk(&buffer[new..], &mut walked);
        self.segments.extend(walked.segments);

        let owned_end = if last { buffer.len() } else { buffer.len() - LEFT };
        let offset = |at: u64| usize::try_from(at - self.base).expect("offsets in a chunk are small");
        let chunk = Chunk {
            index: self.next,
            base: self.base,
            new,
            owned: offset(self.owned)..owned_end,
            segments: self.segments_of(&buffer),
            texts: walked.texts,
            files: Vec::new(),
            weight: 0,
            bytes: buffer,
        };
        self.prepare_next(&chunk, last);
        chunk
    }

    fn segments_of(&self, buffer: &[u8]) -> Vec<Segment> {
        let end = self.base + buffer.len() as u64;
        let here = |segment: &&Segment| segment.start < end && segment.end > self.base;
        self.segments.iter().filter(here).cloned().collect()
    }

    fn prepare_next(&mut self, chunk: &Chunk, last: bool) {
        let keep_from = chunk.owned.end.saturating_sub(KEPT);
        self.owned = chunk.base + chunk.owned.end as u64;
        self.base = chunk.base + keep_from as u64;
        self.carry.clear();
        if !last {
            self.carry.extend_from_slice(&chunk.bytes[keep_from..]);
        }
        while self.segments.front().is_some_and(|segment| segment.end <= self.base) {
            self.segments.pop_front();
        }
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 1 << 20;

    #[test]
    fn every_byte_is_owned_once_and_hashed_once() {
        let bytes: Vec<u8> = (0..251).cycle().take(3 * CHUNK + 777).collect();
        let (mut chunker, mut reader) = (Chunker::of(CHUNK), &bytes[..]);
        let (mut owned, mut hashed, mut walked) = (0, 0, 0);
        loop {
            let filled = chunker.fill(&mut reader, Vec::new(), &mut |new, _| walked += new.len());
            let chunk = filled.chunk;
            let base = usize::try_from(chunk.base).unwrap();
            assert_eq!(base + chunk.owned.start, owned);
            assert_eq!(base + chunk.new, hashed);
            assert_eq!(chunk.bytes, bytes[base..base + chunk.bytes.len()]);
            assert!(base == 0 || chunk.owned.start >= KEPT);
            assert!(filled.last || chunk.bytes.len() - chunk.owned.end >= LEFT);
            owned = base + chunk.owned.end;
            hashed = base + chunk.bytes.len();
            if filled.last {
                break;
            }
        }
        assert_eq!((owned, hashed, walked), (bytes.len(), bytes.len(), bytes.len()));
    }
}
