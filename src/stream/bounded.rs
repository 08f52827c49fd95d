//! Readers that bound what passes; a bound that bites is an error, never an early end.

use std::io::{self, Read};

/// Reads at most `bound` bytes, the next bytes of a stream.
pub struct Section<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Section<R> {
    /// The next `length` bytes of `inner`. An end before that is an error.
    pub fn new(inner: R, length: u64) -> Self {
        Self { inner, left: length }
    }

    /// Bytes that were not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl<R: Read> Read for Section<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.inner.read(&mut out[..most])?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the archive ends {} bytes before the end of this member", self.left),
            ));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Everything that `reader` has, if that is at most `bound` bytes; otherwise none, and the bytes read so far are lost.
pub fn read_bounded(reader: &mut dyn Read, bound: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Some(bytes)),
            Ok(read) if (bytes.len() + read) as u64 > bound => return Ok(None),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Fills `buffer` from `reader` as far as the stream goes. Returns the bytes filled, and the error that ended it.
pub fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_and_not_passed() {
        for (bound, fits) in [(0, false), (4, false), (5, true), (6, true)] {
            assert_eq!(read_bounded(&mut &b"12345"[..], bound).unwrap().is_some(), fits, "{bound}");
        }
    }

    #[test]
    fn a_section_that_is_cut_off_is_an_error() {
        let mut section = Section::new(&b"123"[..], 5);
        let mut buffer = [0; 10];
        let (filled, error) = fill(&mut section, &mut buffer);
        assert_eq!((filled, error.map(|e| e.kind())), (3, Some(io::ErrorKind::UnexpectedEof)));
        let mut section = Section::new(&b"12345"[..], 3);
        assert_eq!(fill(&mut section, &mut buffer).0, 3);
        assert_eq!(section.left(), 0);
    }
}
