//! Looks at the next bytes of a stream without taking them, also where its buffer ends in the middle of them.

use std::io::{self, BufRead, Read};

/// Bytes that [`Peeked::peek`] shows: enough for the mark of each compression, and for what its header says of memory.
const AHEAD: usize = 48;

/// A reader whose next bytes can be looked at.
pub struct Peeked<R> {
    inner: R,
    /// Bytes that were taken from `inner`, and how many of them were read.
    ahead: Vec<u8>,
    from: usize,
}

impl<R: BufRead> Peeked<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, ahead: Vec::new(), from: 0 }
    }

    /// The reader itself, of which nothing may be read past what was looked at.
    pub fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader itself; what was looked at and not read is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// How many bytes were looked at and not read.
    pub fn ahead(&self) -> usize {
        self.ahead.len() - self.from
    }

    /// Gives back `bytes`, the last ones that were read: they are the next ones again.
    pub fn back(&mut self, bytes: &[u8]) {
        self.ahead.splice(..self.from, bytes.iter().copied());
        self.from = 0;
    }

    /// The next bytes, enough for the header of a compression, or fewer if the stream ends before.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        self.ahead.drain(..self.from);
        self.from = 0;
        while self.ahead.len() < AHEAD {
            let there = self.ahead.len();
            self.ahead.resize(AHEAD, 0);
            let read = self.inner.read(&mut self.ahead[there..]);
            self.ahead.truncate(there + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.ahead[..self.ahead.len().min(AHEAD)])
    }
}

impl<R: BufRead> BufRead for Peeked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from < self.ahead.len() { Ok(&self.ahead[self.from..]) } else { self.inner.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        if self.from < self.ahead.len() {
            self.from += amount;
        } else {
            self.inner.consume(amount);
        }
    }
}

impl<R: BufRead> Read for Peeked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.from == self.ahead.len() {
            return self.inner.read(out);
        }
        let take = out.len().min(self.ahead.len() - self.from);
        out[..take].copy_from_slice(&self.ahead[self.from..self.from + take]);
        self.from += take;
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn looking_takes_nothing_wherever_the_buffer_ends() {
        let text = b"some bytes that are longer than what is looked at";
        for piece in 1..20 {
            for step in 1..20 {
                let mut reader = Peeked::new(BufReader::with_capacity(piece, &text[..]));
                let mut read = Vec::new();
                loop {
                    let rest = &text[read.len()..];
                    assert_eq!(reader.peek().unwrap(), &rest[..rest.len().min(AHEAD)]);
                    let mut out = vec![0; step];
                    let count = reader.read(&mut out).unwrap();
                    read.extend_from_slice(&out[..count]);
                    if count == 0 {
                        break;
                    }
                }
                assert_eq!(read, text);
            }
        }
    }
}
