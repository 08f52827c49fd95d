//! What the program compress of Unix writes, files that end with `.Z`: LZW with codes of nine to sixteen bits.
//!
//! Codes stand in groups of eight; where their width changes, what is left of a group is passed over. The stream has no mark
//! at its end and no checksum: it ends with its bytes.

use std::io::{self, BufRead, Read};

use super::peeked::Peeked;

/// Bits of a code at the start.
const START: u32 = 9;
/// The code that empties the table, if the stream says that it has one.
const CLEAR: u16 = 256;
/// Most codes.
const CODES: usize = 1 << 16;

/// Whether such a stream begins with `head`: its mark, widths that there are, and a first code that is a byte.
pub(super) fn is_lzw(head: &[u8]) -> bool {
    matches!(head, [0x1f, 0x9d, flags, _, second, ..] if flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1f)) && second & 1 == 0)
}

/// Gives what a stream holds.
pub(super) struct Lzw<R> {
    inner: Peeked<R>,
    /// Most codes that this stream has.
    most: usize,
    clears: bool,
    bits: u32,
    group: [u8; 16],
    /// Bits of the group that are there, and that were read.
    there: u32,
    read: u32,
    /// For each code the one before its last byte, and that byte.
    before: Vec<u16>,
    last: Vec<u8>,
    /// The next free code.
    free: usize,
    previous: Option<u16>,
    first: u8,
    /// Bytes to be given, the first at the end.
    stack: Vec<u8>,
}

impl<R: BufRead> Lzw<R> {
    /// Reads the stream that starts at the next byte.
    pub(super) fn new(mut inner: Peeked<R>) -> io::Result<Self> {
        let mut head = [0; 3];
        inner.read_exact(&mut head)?;
        let (most, clears) = (1 << (head[2] & 0x1f).clamp(9, 16), head[2] & 0x80 != 0);
        Ok(Self {
            inner,
            most,
            clears,
            bits: START,
            group: [0; 16],
            there: 0,
            read: 0,
            before: vec![0; CODES],
            last: vec![0; CODES],
            free: usize::from(CLEAR) + usize::from(clears),
            previous: None,
            first: 0,
            stack: Vec::new(),
        })
    }

    /// The reader, behind the stream.
    pub(super) fn into_inner(self) -> Peeked<R> {
        self.inner
    }

    /// The next code, or none at the end.
    fn code(&mut self) -> io::Result<Option<u16>> {
        // The table grew over what codes of this width can name.
        if self.free > self.highest() {
            self.bits += 1;
            self.read = self.there;
        }
        if self.there - self.read < self.bits {
            let (filled, error) = super::fill(&mut self.inner, &mut self.group[..self.bits as usize]);
            if let Some(error) = error {
                return Err(error);
            }
            (self.there, self.read) = (8 * u32::try_from(filled).unwrap_or(0), 0);
            if self.there < self.bits {
                return Ok(None);
            }
        }
        let (byte, shift) = ((self.read / 8) as usize, self.read % 8);
        self.read += self.bits;
        let at = |index: usize| u32::from(self.group.get(byte + index).copied().unwrap_or(0));
        let word = (at(0) | at(1) << 8 | at(2) << 16) >> shift;
        Ok(u16::try_from(word & ((1 << self.bits) - 1)).ok())
    }

    /// The highest code before codes get wider; those of the full width stay as they are.
    fn highest(&self) -> usize {
        if 1 << self.bits == self.most && self.bits > START { self.most } else { (1 << self.bits) - 1 }
    }

    /// Puts the bytes of the next code on the stack. False at the end.
    fn next(&mut self) -> io::Result<bool> {
        let Some(code) = self.code()? else { return Ok(false) };
        if code == CLEAR && self.clears {
            (self.bits, self.free) = (START, usize::from(CLEAR));
            self.read = self.there;
            return Ok(true);
        }
        let Some(previous) = self.previous else {
            self.first = u8::try_from(code).map_err(|_| damaged())?;
            self.previous = Some(code);
            self.stack.push(self.first);
            return Ok(true);
        };
        let mut at = code;
        if usize::from(code) >= self.free {
            if usize::from(code) > self.free {
                return Err(damaged());
            }
            self.stack.push(self.first);
            at = previous;
        }
        while at >= CLEAR {
            if self.stack.len() > CODES {
                return Err(damaged());
            }
            self.stack.push(self.last[usize::from(at)]);
            at = self.before[usize::from(at)];
        }
        self.first = at.to_le_bytes()[0];
        self.stack.push(self.first);
        if self.free < self.most {
            self.before[self.free] = previous;
            self.last[self.free] = self.first;
            self.free += 1;
        }
        self.previous = Some(code);
        Ok(true)
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a code of LZW that is not defined")
}

impl<R: BufRead> Read for Lzw<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        while given < out.len() {
            match self.stack.pop() {
                Some(byte) => {
                    out[given] = byte;
                    given += 1;
                }
                // What is there is given before the next code, which may be damaged.
                None if given > 0 && self.there - self.read < self.bits => break,
                None => {
                    if !self.next()? {
                        break;
                    }
                }
            }
        }
        Ok(given)
    }
}
