//! Lengths and texts of a dump.

use std::io::{self, Read};

use super::super::Fault;
use super::super::input::{Input, Packed};
use crate::limits::Limit;
use crate::stream::read_bounded;

/// What stands where a length may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// A length, or a number.
    Plain(u64),
    /// A text that is written in another way.
    Special(u8),
}

/// Reads a dump.
pub(super) struct Dump<'r, 'b> {
    input: &'r mut Input<'b>,
    room: u64,
}

impl<'r, 'b> Dump<'r, 'b> {
    /// One whose texts have at most `room` bytes.
    pub(super) fn new(input: &'r mut Input<'b>, room: u64) -> Self {
        Self { input, room }
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Fault> {
        let there = self.input.skip(bytes)?;
        if there < bytes { Err(self.damaged("it is cut off")) } else { Ok(()) }
    }

    fn damaged(&self, what: &str) -> Fault {
        Fault::damaged(format!("{what} at byte {}", self.input.offset()))
    }

    /// A length: six bits, fourteen, or the four or eight bytes behind.
    pub(super) fn length(&mut self) -> Result<Length, Fault> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(low)),
            1 => Length::Plain(u64::from(low) << 8 | u64::from(self.byte()?)),
            2 if first == 0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.bytes()?))),
            2 if first == 0x81 => Length::Plain(u64::from_be_bytes(self.bytes()?)),
            3 => Length::Special(low),
            _ => return Err(self.damaged("no length")),
        })
    }

    /// A length that counts something.
    pub(super) fn count(&mut self) -> Result<u64, Fault> {
        match self.length()? {
            Length::Plain(count) => Ok(count),
            Length::Special(_) => Err(self.damaged("no count")),
        }
    }

    /// A number that is written as a text, or none.
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        let length = self.byte()?;
        self.skip(if length >= 253 { 0 } else { u64::from(length) })
    }

    /// A text, in whatever way it is written.
    pub(super) fn text(&mut self) -> Result<Vec<u8>, Fault> {
        match self.length()? {
            Length::Plain(length) => self.take(length),
            Length::Special(0) => Ok(i8::from_le_bytes(self.bytes()?).to_string().into_bytes()),
            Length::Special(1) => Ok(i16::from_le_bytes(self.bytes()?).to_string().into_bytes()),
            Length::Special(2) => Ok(i32::from_le_bytes(self.bytes()?).to_string().into_bytes()),
            Length::Special(3) => {
                let (packed, plain) = (self.count()?, self.count()?);
                let packed = self.take(packed)?;
                let most = self.room.min(packed.len() as u64 * 264);
                let plain = usize::try_from(plain).ok().filter(|plain| *plain as u64 <= most);
                plain
                    .and_then(|plain| lzf(&packed, plain))
                    .ok_or_else(|| self.damaged("a text that LZF did not make"))
            }
            Length::Special(_) => Err(self.damaged("a text of no kind")),
        }
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        if length > self.room {
            let message = format!("a text of {length} bytes at byte {}", self.input.offset());
            return Err(Fault::limit(Limit::WholeBytes, message));
        }
        let mut own = Packed { input: &mut *self.input, left: length };
        let text = read_bounded(&mut own, self.room)?.unwrap_or_default();
        if (text.len() as u64) < length { Err(self.damaged("a text is cut off")) } else { Ok(text) }
    }
}

/// What LZF made of a text of `length` bytes: runs of bytes, and copies of what stands before.
fn lzf(mut bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(length);
    while let Some((control, rest)) = bytes.split_first() {
        bytes = rest;
        let control = usize::from(*control);
        if control < 32 {
            let (own, rest) = bytes.split_at_checked(control + 1)?;
            text.extend_from_slice(own);
            bytes = rest;
            continue;
        }
        let mut count = control >> 5;
        if count == 7 {
            let (more, rest) = bytes.split_first()?;
            (count, bytes) = (7 + usize::from(*more), rest);
        }
        let (low, rest) = bytes.split_first()?;
        bytes = rest;
        let start = text.len().checked_sub(((control & 0x1f) << 8 | usize::from(*low)) + 1)?;
        if text.len() + count + 2 > length {
            return None;
        }
        for at in start..start + count + 2 {
            text.push(text[at]);
        }
    }
    (text.len() == length).then_some(text)
}
