//! A stretch of bytes that an encoding was undone of, and the way back from what came out to the bytes.

use std::ops::Range;

/// Text that stands encoded in some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The name of the encoding, as reports show it.
    pub encoding: &'static str,
    /// What the bytes stand for.
    pub text: Vec<u8>,
    /// What of the text stands where, in order; the first piece starts at its first byte.
    pieces: Vec<Piece>,
    /// Where the bytes end.
    end: usize,
}

/// A part of the text whose bytes stand in the source at even distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where it starts in the text.
    text: u32,
    /// Where it starts in the source.
    source: u32,
    /// So many bytes of the source …
    bytes: u8,
    /// … stand for so many bytes of the text.
    stand_for: u8,
}

impl Run {
    /// A run without text yet.
    pub(super) fn new(encoding: &'static str) -> Self {
        Self { encoding, text: Vec::new(), pieces: Vec::new(), end: 0 }
    }

    /// Adds what the bytes at `source` stand for: `text`, with `(bytes, stand_for)` as the relation of the two lengths.
    pub(super) fn push(&mut self, source: Range<usize>, text: &[u8], (bytes, stand_for): (u8, u8)) {
        if text.is_empty() {
            return;
        }
        let goes_on = self.pieces.last().is_some_and(|last| {
            let length = self.text.len() - last.text as usize;
            (last.bytes, last.stand_for) == (bytes, stand_for)
                && length.is_multiple_of(usize::from(stand_for))
                && last.source as usize + length / usize::from(stand_for) * usize::from(bytes) == source.start
        });
        if !goes_on {
            let short =
                |offset: usize| u32::try_from(offset).expect("texts that are decoded are in one chunk");
            self.pieces.push(Piece {
                text: short(self.text.len()),
                source: short(source.start),
                bytes,
                stand_for,
            });
        }
        self.text.extend_from_slice(text);
        self.end = source.end;
    }

    /// Where the bytes that stand for byte `index` of the text start; for its end, where all of them end.
    pub fn offset(&self, index: usize) -> usize {
        if index >= self.text.len() {
            return self.end;
        }
        let Some(piece) = self.piece(index) else { return self.end };
        let distance =
            (index - piece.text as usize) * usize::from(piece.bytes) / usize::from(piece.stand_for);
        piece.source as usize + distance
    }

    /// Where the bytes end that stand for the `length` first bytes of the text.
    pub fn end(&self, length: usize) -> usize {
        let Some(last) = length.checked_sub(1).filter(|_| length < self.text.len()) else {
            return self.offset(length);
        };
        let Some(piece) = self.piece(last) else { return self.end };
        let distance = (length - piece.text as usize) * usize::from(piece.bytes);
        (piece.source as usize + distance.div_ceil(usize::from(piece.stand_for))).min(self.end)
    }

    /// How many bytes of the text start before `offset` of the source.
    pub fn before(&self, offset: usize) -> usize {
        let behind = self.pieces.partition_point(|piece| (piece.source as usize) < offset);
        let Some(piece) = behind.checked_sub(1).map(|last| self.pieces[last]) else { return 0 };
        let end = self.pieces.get(behind).map_or(self.text.len(), |next| next.text as usize);
        let distance = (offset - piece.source as usize) * usize::from(piece.stand_for);
        (piece.text as usize + distance.div_ceil(usize::from(piece.bytes))).min(end)
    }

    /// Where the first of its bytes stands.
    pub fn start(&self) -> usize {
        self.offset(0)
    }

    fn piece(&self, index: usize) -> Option<&Piece> {
        let behind = self.pieces.partition_point(|piece| piece.text as usize <= index);
        self.pieces.get(behind.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_the_text_knows_where_it_stands() {
        let mut run = Run::new("test");
        run.push(10..18, b"abcdef", (4, 3));
        run.push(18..22, b"ghi", (4, 3));
        run.push(30..31, b"j", (1, 1));
        run.push(31..34, b"k", (3, 1));
        run.push(34..36, b"l", (2, 1));
        assert_eq!(run.pieces.len(), 4, "what goes on is one piece");
        let offsets: Vec<usize> = (0..=12).map(|index| run.offset(index)).collect();
        assert_eq!(offsets, [10, 11, 12, 14, 15, 16, 18, 19, 20, 30, 31, 34, 36]);
        let ends: Vec<usize> = (0..=12).map(|length| run.end(length)).collect();
        assert_eq!(ends, [10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 31, 34, 36]);
        for offset in 0..40 {
            let counted = (0..12).filter(|index| run.offset(*index) < offset).count();
            assert_eq!(run.before(offset), counted, "{offset}");
        }
    }
}
