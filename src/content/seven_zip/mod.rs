//! 7z archives: blocks of packed files first, and behind them a header that says what they are, often packed too.
//!
//! Because the header is at the end, the archive is held whole; the files of a block are unpacked one behind another and
//! never held. What the checksums of the header and of the files say is compared. A start that agrees with its checksum is
//! that of a 7z archive, so that whatever fails behind it is told.

mod coder;
mod cursor;
mod header;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use self::cursor::Cursor;
use self::header::{Block, Files, Streams};
use super::input::Told;
use super::{Decoder, Fault, FaultKind, Head, Part, Visitor, whole};
use crate::limits::Limit;
use crate::stream::{Section, read_bounded};

/// See the module.
pub(super) const SEVEN_ZIP: Decoder = Decoder {
    name: "seven-zip",
    about: "7z archives, in blocks of many files or one by one",
    is: |head| Start::read(head.bytes).is_some(),
    decode,
};

/// Bytes of the start header.
const START: usize = 32;
/// How often a header can be packed in another.
const NESTED: usize = 4;

/// What an archive begins with: where its header is.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// From the end of the start header.
    offset: u64,
    size: u64,
    checksum: u32,
}

impl Start {
    /// Reads it if it agrees with its checksum. An archive whose header is empty has no files.
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let agrees =
            bytes.starts_with(b"7z\xbc\xaf\x27\x1c") && crc32fast::hash(bytes.get(12..START)?) == number(8)?;
        let start = Self { offset: long(12)?, size: long(20)?, checksum: number(28)? };
        (agrees && start.size > 0).then_some(start)
    }

    fn header(self, bytes: &[u8]) -> Result<&[u8], Fault> {
        let range = usize::try_from(self.offset).ok().zip(usize::try_from(self.size).ok());
        let header =
            range.and_then(|(from, size)| bytes.get(from..from.checked_add(size)?)).ok_or_else(|| {
                Fault::damaged(
                    "the archive ends before its header: it is cut off, or the first of several files",
                )
            })?;
        agree(header, Some(self.checksum)).map(|()| header)
    }
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let bytes = whole(body, visitor)?;
    let Some(start) = Start::read(&bytes) else { return Err(Fault::damaged("no start of a 7z archive")) };
    match archive(start, &bytes[START..], visitor) {
        Err(fault) if fault.kind == FaultKind::Damaged => visitor.fault(Part::Rest, fault),
        other => return other,
    }
    Ok(())
}

/// Shows what is in an archive, whose `bytes` follow the start header.
fn archive(start: Start, bytes: &[u8], visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let header = unpacked_header(start, bytes, visitor)?;
    let mut cursor = Cursor::new(&header);
    cursor.expect(MAIN)?;
    let (mut streams, mut files) = header::read(&mut cursor)?;
    while let Some(mut block) = streams.next_block(bytes)? {
        if block.members > 0 && show(&mut block, &mut files, visitor)?.is_break() {
            return Ok(());
        }
    }
    match files.next_path() {
        Some(path) => {
            visitor.fault(Part::Member(&path), Fault::damaged("no packed bytes belong to it"));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Kinds of headers.
const MAIN: u8 = 1;
const PACKED: u8 = 0x17;

/// The header, unpacked as often as it is packed.
fn unpacked_header<'b>(start: Start, bytes: &'b [u8], visitor: &dyn Visitor) -> Result<Cow<'b, [u8]>, Fault> {
    let mut header = Cow::Borrowed(start.header(bytes)?);
    for _ in 0..NESTED {
        if header.first() != Some(&PACKED) {
            return Ok(header);
        }
        let mut streams = Streams::read(&mut Cursor::new(&header[1..]))?;
        let block =
            streams.next_block(bytes)?.ok_or_else(|| Fault::damaged("the packed header has no bytes"))?;
        let room = visitor.room().saturating_sub((bytes.len() + header.len()) as u64);
        let opened = block.chain.open(visitor.limit(Limit::WindowBytes)).map_err(of_the_header)?;
        if block.chain.size() > room {
            return Err(Fault::limit(Limit::WholeBytes, "its header is too long to be held"));
        }
        let next = read_bounded(&mut Section::new(opened, block.chain.size()), room)?.unwrap_or_default();
        agree(&next, block.checksum)?;
        header = Cow::Owned(next);
    }
    Err(Fault::damaged("the header of the archive is packed too often"))
}

/// A fault of the packed header, which has the names of all members.
fn of_the_header(mut fault: Fault) -> Fault {
    let what = if fault.kind == FaultKind::Encrypted { ", and so are the names of its members" } else { "" };
    fault.message = format!("the header of the archive: {}{what}", fault.message);
    fault
}

fn agree(bytes: &[u8], checksum: Option<u32>) -> Result<(), Fault> {
    match checksum {
        Some(checksum) if crc32fast::hash(bytes) != checksum => {
            Err(Fault::damaged("the header of the archive does not agree with its checksum"))
        }
        _ => Ok(()),
    }
}

/// Shows the files of a block.
fn show(
    block: &mut Block<'_>,
    files: &mut Files<'_>,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, Fault> {
    let mut content = match block.chain.open(visitor.limit(Limit::WindowBytes)) {
        Ok(content) => content,
        Err(fault) => {
            pass(block, files, visitor, fault);
            return Ok(ControlFlow::Continue(()));
        }
    };
    while let Some((size, checksum)) = block.next_member()? {
        let path = files.next_path();
        let part = path.as_ref().map_or(Part::Rest, |path| Part::Member(path));
        let sum = Summed { inner: Section::new(&mut content, size), sum: crc32fast::Hasher::new() };
        let mut body = Told::new(sum);
        if visitor.visit(part, &mut body).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        // What went wrong is remembered.
        let _ = io::copy(&mut body, &mut io::sink());
        if body.failed {
            pass(block, files, visitor, Fault::damaged("it is packed behind bytes that cannot be read"));
            break;
        }
        if checksum.is_some_and(|checksum| checksum != body.inner.sum.finalize()) {
            visitor.fault(part, Fault::damaged("its bytes do not agree with its checksum"));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Passes over the files of a block that were not shown, and tells why of the first of them.
fn pass(block: &Block<'_>, files: &mut Files<'_>, visitor: &mut dyn Visitor, fault: Fault) {
    let Some(more) = block.members.checked_sub(1) else { return };
    let path = files.next_path().unwrap_or_default();
    // There may be fewer names than members.
    let _ = (0..more).try_for_each(|_| files.next_path().map(drop));
    let message = match more {
        0 => fault.message,
        more => format!("{}, and so it is with {more} more that are packed with it", fault.message),
    };
    visitor.fault(Part::Member(&path), Fault { message, ..fault });
}

/// Computes the checksum of what is read.
struct Summed<R> {
    inner: R,
    sum: crc32fast::Hasher,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.sum.update(&out[..read]);
        Ok(read)
    }
}
