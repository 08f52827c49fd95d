//! Looks at the next bytes of a stream without taking them, also where its buffer ends in the middle of them.

use std::io::{self, BufRead, Read};

/// Bytes that [`Peeked::peek`] shows: the longest mark of a compression.
const AHEAD: usize = 10;

/// A reader whose next bytes can be looked at.
pub struct Peeked<R> {
    inner: R,
    ahead: [u8; AHEAD],
    /// The bytes of `ahead` that were taken from `inner` and not read yet.
    from: usize,
    to: usize,
}

impl<R: BufRead> Peeked<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, ahead: [0; AHEAD], from: 0, to: 0 }
    }

    /// The reader itself; what was looked at and not read is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// How many bytes were looked at and not read.
    pub fn ahead(&self) -> usize {
        self.to - self.from
    }

    /// The next ten bytes, the longest mark of a compression, or fewer if the stream ends before.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        self.ahead.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        while self.to < AHEAD {
            match self.inner.read(&mut self.ahead[self.to..]) {
                Ok(0) => break,
                Ok(read) => self.to += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.ahead[..self.to])
    }
}

impl<R: BufRead> BufRead for Peeked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from < self.to { Ok(&self.ahead[self.from..self.to]) } else { self.inner.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        if self.from < self.to {
            self.from += amount;
        } else {
            self.inner.consume(amount);
        }
    }
}

impl<R: BufRead> Read for Peeked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.from == self.to {
            return self.inner.read(out);
        }
        let take = out.len().min(self.to - self.from);
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
