//! A body with a look ahead: what decoders read that find their way by marks in the bytes.
//!
//! It counts what is read, shows the next bytes without taking them, and takes the last ones back. Once reading failed it
//! remembers that, so that a decoder which showed the failing part to its visitor does not tell of it twice.

use std::io::{self, BufRead, Read};

use memchr::memmem;

/// Bytes that are held, of a body that is as long.
const BUFFER: usize = 64 << 10;
/// Bytes that are held at first: most files are small, and so are members.
const FIRST: usize = 16 << 10;
/// Most bytes that one can ask to look at.
pub(super) const AHEAD: usize = 4 << 10;
/// Bytes that were read and can be taken back.
pub(super) const BACK: usize = 8 << 10;

/// See the module.
pub(super) struct Input<'b> {
    inner: &'b mut dyn BufRead,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    offset: u64,
    failed: bool,
}

impl<'b> Input<'b> {
    /// Reads from `inner`.
    pub(super) fn new(inner: &'b mut dyn BufRead) -> Self {
        Self { inner, buffer: vec![0; FIRST], from: 0, to: 0, offset: 0, failed: false }
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether reading failed. Whoever read knows.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// The next `count` bytes and perhaps more; fewer only if the body ends before.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        debug_assert!(count <= AHEAD, "a look of {count} bytes");
        while self.to - self.from < count && self.fill()? {}
        Ok(&self.buffer[self.from..self.to])
    }

    /// Takes back the last `count` bytes, at most [`BACK`]. False if they are gone.
    pub(super) fn back(&mut self, count: usize) -> bool {
        if count > self.from.min(BACK) {
            return false;
        }
        self.from -= count;
        self.offset -= count as u64;
        true
    }

    /// Passes over `count` bytes; returns how many there were.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 {
            let there = self.fill_buf()?.len();
            if there == 0 {
                break;
            }
            let take = there.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.consume(take);
            left -= take as u64;
        }
        Ok(count - left)
    }

    /// Exactly `count` bytes, which are few; none if the body ends before.
    pub(super) fn take_bytes(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; count];
        match self.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !self.failed => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Passes over zeros; returns how many.
    pub(super) fn skip_zeros(&mut self) -> io::Result<u64> {
        let start = self.offset;
        loop {
            let ahead = self.fill_buf()?;
            let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
            let more = zeros > 0 && zeros == ahead.len();
            self.consume(zeros);
            if !more {
                return Ok(self.offset - start);
            }
        }
    }

    /// Reads more into the buffer; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.to == self.buffer.len() && self.to < BUFFER {
            self.buffer.resize(2 * self.to, 0);
        } else if self.to == self.buffer.len() {
            let start = self.from.saturating_sub(BACK);
            self.buffer.copy_within(start..self.to, 0);
            self.from -= start;
            self.to -= start;
        }
        loop {
            match self.inner.read(&mut self.buffer[self.to..]) {
                Ok(read) => {
                    self.to += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.to {
            self.fill()?;
        }
        Ok(&self.buffer[self.from..self.to])
    }

    fn consume(&mut self, amount: usize) {
        self.from += amount;
        self.offset += amount as u64;
        debug_assert!(self.from <= self.to);
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let take = ahead.len().min(out.len());
        out[..take].copy_from_slice(&ahead[..take]);
        self.consume(take);
        Ok(take)
    }
}

/// Gives bytes until something begins that `mark` stands at the start of and `is` takes for it.
pub(super) struct Until<'i, 'b> {
    pub(super) input: &'i mut Input<'b>,
    pub(super) mark: &'static [u8],
    /// Is asked with at least `ahead` bytes, unless the body ends before.
    pub(super) is: fn(&[u8]) -> bool,
    pub(super) ahead: usize,
}

impl Read for Until<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.peek(self.ahead.max(self.mark.len()))?;
        let safe = match memmem::find(bytes, self.mark) {
            Some(0) => {
                if (self.is)(bytes) {
                    return Ok(0);
                }
                1
            }
            Some(at) => at,
            // The mark may begin in the last bytes; at the end of the body none does.
            None if bytes.len() >= self.ahead.max(self.mark.len()) => bytes.len() + 1 - self.mark.len(),
            None => bytes.len(),
        };
        let take = safe.min(out.len());
        out[..take].copy_from_slice(&bytes[..take]);
        self.input.consume(take);
        Ok(take)
    }
}

/// At most `left` bytes of an input. Where it ends before, so does this: who reads it asks for [`Packed::left`].
pub(super) struct Packed<'i, 'b> {
    pub(super) input: &'i mut Input<'b>,
    pub(super) left: u64,
}

impl BufRead for Packed<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let ahead = self.input.fill_buf()?;
        Ok(&ahead[..ahead.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount as u64;
        self.input.consume(amount);
    }
}

impl Read for Packed<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let take = ahead.len().min(out.len());
        out[..take].copy_from_slice(&ahead[..take]);
        self.consume(take);
        Ok(take)
    }
}

/// A member of an archive that is not compressed. It remembers that reading failed: then whoever read has told of it, and
/// nobody has to tell it again. Where the archive ends before the first byte, nothing can hide in the member: that is the end.
pub(super) struct Told<R> {
    pub(super) inner: R,
    pub(super) failed: bool,
    read: bool,
}

impl<R: Read> Told<R> {
    /// Reads from `inner`.
    pub(super) fn new(inner: R) -> Self {
        Self { inner, failed: false, read: false }
    }
}

impl<R: Read> Read for Told<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out);
        match &read {
            Ok(read) => self.read |= *read > 0,
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                if error.kind() == io::ErrorKind::UnexpectedEof && !self.read {
                    return Ok(0);
                }
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::stream::read_bounded;

    #[test]
    fn looking_and_taking_back_work_wherever_a_piece_ends() {
        let text: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        for piece in [1, 3, 1000, 70_000] {
            let mut inner = BufReader::with_capacity(piece, &text[..]);
            let mut input = Input::new(&mut inner);
            let mut at = 0;
            while at < text.len() {
                let want = AHEAD.min(text.len() - at);
                assert_eq!(input.peek(AHEAD).unwrap()[..want], text[at..at + want], "{piece} {at}");
                let step = 997.min(text.len() - at);
                assert_eq!(input.take_bytes(step).unwrap().unwrap(), text[at..at + step]);
                if at > BACK {
                    assert!(input.back(BACK));
                    assert_eq!(input.skip(BACK as u64).unwrap(), BACK as u64);
                }
                at += step;
                assert_eq!(input.offset(), at as u64);
            }
            assert_eq!(input.take_bytes(1).unwrap(), None);
        }
    }

    #[test]
    fn bytes_are_given_until_a_mark_that_is_one() {
        let text = [&b"xx MARK- yy MAR"[..], &vec![b'z'; 90_000], b"MARK+ rest"].concat();
        for piece in [1, 5, 4096] {
            let mut inner = BufReader::with_capacity(piece, &text[..]);
            let mut input = Input::new(&mut inner);
            let is = |ahead: &[u8]| ahead.get(4) == Some(&b'+');
            let mut until = Until { input: &mut input, mark: b"MARK", is, ahead: 5 };
            let read = read_bounded(&mut until, 1 << 20).unwrap().unwrap();
            assert_eq!(read, text[..text.len() - 10], "{piece}");
            let mut until = Until { input: &mut input, mark: b"none", is, ahead: 5 };
            assert_eq!(read_bounded(&mut until, 1 << 20).unwrap().unwrap(), b"MARK+ rest");
        }
    }
}
