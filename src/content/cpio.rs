//! Archives of cpio: initial RAM disks, and the payload of rpm packages.
//!
//! The forms newc, crc and odc, and the old binary one in both orders of bytes. An initial RAM disk is several archives one
//! behind the other, with zeros between them and compressed from some point on: what follows the last archive is shown as it
//! is, so that it is taken for what it is.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use super::input::{Input, Told, Until};
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::stream::Section;

/// See the module.
pub(super) const CPIO: Decoder = Decoder {
    name: "cpio",
    about: "cpio archives: initial RAM disks, payloads of rpm",
    is: |head| Header::read(head.bytes).is_some_and(|header| header.named(head.bytes)),
    decode,
};

/// What the textual forms begin with.
const MARK: &[u8] = b"07070";
/// The longest header.
const HEADER: usize = 110;
/// Most bytes of a name, as file systems have it.
const NAME: u32 = 4096;
/// What the last member is called.
const TRAILER: &[u8] = b"TRAILER!!!";

/// The header of a member.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    /// Bytes of the header itself.
    length: usize,
    mode: u32,
    name: u32,
    size: u64,
    /// Sum of the content's bytes.
    sum: Option<u32>,
    /// Name and content end at multiples of so many bytes.
    aligned: u32,
}

impl Header {
    /// The header at the start of `bytes`.
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = match bytes {
            [b'0', b'7', b'0', b'7', b'0', kind @ (b'1' | b'2'), ..] => Self::new_ascii(bytes, *kind)?,
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => Self::old_ascii(bytes)?,
            [0xc7, 0x71, ..] => Self::binary(bytes, u16::from_le_bytes)?,
            [0x71, 0xc7, ..] => Self::binary(bytes, u16::from_be_bytes)?,
            _ => return None,
        };
        // Types of files as they were defined in 1977: 1, 2, 4, 6, 8, 10, 12 sixteenths; 9 is a network's.
        let kind = header.mode >> 12;
        ((1..=NAME).contains(&header.name) && kind <= 15 && bytes.len() >= header.length).then_some(header)
    }

    fn new_ascii(bytes: &[u8], kind: u8) -> Option<Self> {
        let field = |index: usize| number(bytes.get(6 + 8 * index..14 + 8 * index)?, 16);
        let value = |index| field(index).and_then(|value| u32::try_from(value).ok());
        (0..13).try_for_each(|index| field(index).map(drop))?;
        let sum = (kind == b'2').then(|| value(12)).flatten();
        Some(Self { length: HEADER, mode: value(1)?, name: value(11)?, size: field(6)?, sum, aligned: 4 })
    }

    fn old_ascii(bytes: &[u8]) -> Option<Self> {
        let field = |from: usize, to: usize| number(bytes.get(from..to)?, 8);
        field(6, 48).and(field(48, 59))?;
        let (mode, name) = (u32::try_from(field(18, 24)?).ok()?, u32::try_from(field(59, 65)?).ok()?);
        Some(Self { length: 76, mode, name, size: field(65, 76)?, sum: None, aligned: 1 })
    }

    fn binary(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Option<Self> {
        let field = |index: usize| Some(read(*bytes.get(2 * index..)?.first_chunk()?));
        let size = (u64::from(field(11)?) << 16) | u64::from(field(12)?);
        let (mode, name) = (field(3)?.into(), field(10)?.into());
        Some(Self { length: 26, mode, name, size, sum: None, aligned: 2 })
    }

    /// Whether the name behind the header at the start of `bytes` is one, as far as it is there.
    fn named(&self, bytes: &[u8]) -> bool {
        let name = &bytes[self.length.min(bytes.len())..];
        let length = self.name as usize;
        let (text, end) = name.split_at((length - 1).min(name.len()));
        text.iter().all(|byte| *byte != 0) && end.first().is_none_or(|byte| *byte == 0)
    }

    /// Bytes that fill `length` bytes up.
    fn padding(&self, length: u64) -> u64 {
        length.wrapping_neg() % u64::from(self.aligned)
    }

    fn is_file(&self) -> bool {
        matches!(self.mode >> 12, 0 | 8)
    }
}

/// The number that `digits` are, all of them.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let digit = |value: u64, byte: &u8| {
        let digit = char::from(*byte).to_digit(radix)?;
        value.checked_mul(radix.into())?.checked_add(digit.into())
    };
    // Of a row of fields only the form counts.
    if digits.len() > 20 {
        return digits.iter().all(|byte| char::from(*byte).is_digit(radix)).then_some(0);
    }
    digits.iter().try_fold(0, digit)
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut input = Input::new(body);
    // The first damage is told when all is read.
    let mut damage = None;
    loop {
        let at = input.offset();
        let ahead = input.peek(HEADER)?;
        if ahead.is_empty() {
            break;
        }
        if ahead.starts_with(b"07070X") {
            return Err(Fault::unsupported(
                "members without headers of their own, as in very large rpm packages",
            ));
        }
        let flow = if let Some(header) = Header::read(ahead) {
            member(&mut input, &header, visitor)?
        } else {
            damage.get_or_insert_with(|| Fault::damaged(format!("no header of a member at byte {at}")));
            rest(&mut input, visitor)?
        };
        if flow.is_break() {
            break;
        }
    }
    damage.map_or(Ok(()), Err)
}

/// Shows the next member, and what follows it if it is the last of its archive.
fn member(
    input: &mut Input<'_>,
    header: &Header,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, Fault> {
    input.consume(header.length);
    let mut name = input.take_bytes(header.name as usize)?.ok_or_else(cut)?;
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    input.skip(header.padding(header.length as u64 + u64::from(header.name)))?;
    if name == TRAILER {
        return behind(input, visitor);
    }
    let mut left = header.size;
    if header.is_file() && left > 0 {
        let mut body = Told::new(Summed { inner: Section::new(&mut *input, left), sum: 0 });
        let flow = visitor.visit(Part::Member(&name), &mut body);
        if flow.is_break() || body.failed {
            return Ok(ControlFlow::Break(()));
        }
        let sum = body.inner.sum;
        left = body.inner.inner.left();
        if left == 0 && header.sum.is_some_and(|expected| expected != sum) {
            visitor.fault(Part::Member(&name), Fault::damaged("its bytes do not agree with its checksum"));
        }
    }
    if input.skip(left)? < left {
        return Err(cut());
    }
    input.skip(header.padding(header.size))?;
    Ok(ControlFlow::Continue(()))
}

/// Behind the end of an archive: another one, or something else.
fn behind(input: &mut Input<'_>, visitor: &mut dyn Visitor) -> Result<ControlFlow<()>, Fault> {
    input.skip_zeros()?;
    let ahead = input.peek(HEADER)?;
    if ahead.is_empty() || Header::read(ahead).is_some() {
        return Ok(ControlFlow::Continue(()));
    }
    let _ = visitor.visit(Part::Rest, input);
    Ok(ControlFlow::Break(()))
}

/// Shows what stands in front of the next header.
fn rest(input: &mut Input<'_>, visitor: &mut dyn Visitor) -> Result<ControlFlow<()>, Fault> {
    let is = |ahead: &[u8]| Header::read(ahead).is_some();
    let mut rest = Until { input, mark: MARK, is, ahead: HEADER };
    let flow = visitor.visit(Part::Rest, &mut rest);
    if flow.is_continue() {
        io::copy(&mut rest, &mut io::sink())?;
    }
    Ok(flow)
}

fn cut() -> Fault {
    Fault::damaged("the archive is cut off")
}

/// Adds up what is read.
struct Summed<R> {
    inner: R,
    sum: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.sum = out[..read].iter().fold(self.sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::content::FaultKind;
    use crate::content::tests::{Shown, run, shown, shown_in_pieces};

    /// What cpio writes in `format`.
    fn made(format: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("etc/a"), "first").unwrap();
        fs::write(folder.path().join("b"), "second".repeat(50)).unwrap();
        let command = format!("find etc b | sort -r | cpio --quiet -o -H {format}");
        run(folder.path(), "cpio", &["sh", "-c", &command])
    }

    fn names(shown: &Shown) -> Vec<&str> {
        shown.parts.iter().map(|part| &part.0[..]).collect()
    }

    #[test]
    fn every_form_is_read() {
        for format in ["newc", "crc", "odc", "bin"] {
            let bytes = made(format);
            let (shown, ended) = shown_in_pieces(&CPIO, "x.cpio", &bytes);
            assert_eq!((ended, &shown.faults), (Ok(()), &vec![]), "{format}");
            assert_eq!(names(&shown), ["etc/a", "b"], "{format}");
            assert_eq!(shown.parts[1].1, "second".repeat(50).as_bytes(), "{format}");
            if format == "bin" {
                let (again, _) = shown_in_pieces(&CPIO, "", &swapped(&bytes));
                assert_eq!(again.parts.len(), 2, "the other order of bytes");
            }
        }
    }

    /// The old binary form as a machine of the other order of bytes writes it.
    fn swapped(bytes: &[u8]) -> Vec<u8> {
        let (mut bytes, mut at) = (bytes.to_vec(), 0);
        while let Some(header) = Header::read(&bytes[at..]) {
            bytes[at..at + 26].chunks_exact_mut(2).for_each(<[u8]>::reverse);
            let name = u64::from(header.name);
            let skip = name + name % 2 + header.size + header.size % 2;
            at += 26 + usize::try_from(skip).unwrap();
        }
        bytes
    }

    #[test]
    fn archives_behind_archives_and_what_is_compressed_behind_them_are_shown() {
        let gzip = [0x1f, 0x8b, 8, 0, 1, 2, 3];
        let bytes = [&made("newc")[..], &[0; 300], &made("newc"), &[0; 50], &gzip].concat();
        let (shown, ended) = shown_in_pieces(&CPIO, "initrd.img", &bytes);
        assert_eq!((ended, &shown.faults), (Ok(()), &vec![]));
        assert_eq!(names(&shown), ["etc/a", "b", "etc/a", "b", "(rest)"]);
        assert_eq!(shown.parts[4].1, gzip);
    }

    #[test]
    fn damage_is_told_once_and_reading_goes_on() {
        let one = made("crc");
        let content = one.windows(5).position(|window| window == b"first").unwrap();
        let mut wrong = one.clone();
        wrong[content] ^= 1;
        let (shown, ended) = shown_in_pieces(&CPIO, "", &wrong);
        assert_eq!((ended, shown.parts.len()), (Ok(()), 2));
        assert_eq!((&shown.faults[0].0[..], shown.faults[0].1.kind), ("etc/a", FaultKind::Damaged));
        let mut wrong = one.clone();
        wrong.splice(content + 5..content + 5, *b"more");
        let (shown, ended) = shown_in_pieces(&CPIO, "", &wrong);
        assert!(ended.is_err() && shown.faults.is_empty());
        assert_eq!(names(&shown), ["etc/a", "(rest)", "b"]);
        for cut in [content + 3, content + 8 + 60, content + 8 + 112] {
            let (shown, ended) = shown_in_pieces(&CPIO, "", &one[..cut]);
            assert_eq!(shown.faults.len() + usize::from(ended.is_err()), 1, "{cut}");
        }
    }

    #[test]
    fn texts_and_numbers_are_none() {
        for bytes in [&b"070701 is a number"[..], b"0707070", &[0xc7, 0x71, 1, 2, 3], &[0xc7; 40]] {
            assert!(!(CPIO.is)(&Head { path: b"", bytes, size: None }), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 26usize..300, form in 0usize..4) {
            let header = [&b"0707010000000100008180"[..], &b"00000001".repeat(10), b"00000002", b"00000000a\0\0\0zzzz"].concat();
            let old = [&b"070707"[..], &b"100000".repeat(7), b"00000000001", b"000002", b"00000000003a\0zzz"].concat();
            let binary = |magic: [u8; 2]| [&magic[..], &[1; 18], &[2, 0, 0, 0, 9, 0], b"a\0zzzz"].concat();
            let one = [header, old, binary([0xc7, 0x71]), binary([0x71, 0xc7])][form].clone();
            let mut hostile = one.repeat(3);
            let at = at.min(hostile.len());
            hostile.splice(at..at, bytes);
            let mut shown = Shown { parts: Vec::new(), faults: Vec::new(), most: 100, room: 1 << 10 };
            let head = Head { path: b"", bytes: &hostile, size: None };
            let _ = (CPIO.decode)(&head, &mut &hostile[..], &mut shown);
        }

        #[test]
        fn a_name_that_begins_so_is_one_at_any_cut(cut in 0usize..400) {
            static MADE: LazyLock<Vec<u8>> = LazyLock::new(|| made("newc"));
            if cut >= HEADER {
                let _ = shown(&CPIO, "", &MADE[..cut], 9);
            }
        }
    }
}
