//! WebAssembly: strings that stand one behind another in what a module's memory holds at its start.
//!
//! Its code comes first, so every number in it that could lead into the memory is kept until the memory passes. A number
//! that stands right behind such a one may be the length of a string.

use std::io::{self, BufRead, Read};

use memchr::{memchr2_iter, memmem};

use super::layout::{Kind, Layout, Machine, Region};
use super::strings::Strings;
use super::{CHUNK, show};
use crate::content::input::{Input, Packed};
use crate::content::{Decoder, Fault, Head, Visitor};
use crate::stream::fill;

/// See the module.
pub(in crate::content) const WASM: Decoder = Decoder {
    name: "wasm",
    about: "WebAssembly: strings without borders",
    is: |head| head.bytes.starts_with(b"\0asm\x01\0\0\0"),
    decode,
};

/// The bits of an address.
const WORD: u64 = u32::MAX as u64;
const CODE: u8 = 10;
const DATA: u8 = 11;
/// Most bytes of an instruction that gives a number.
const LONGEST: usize = 11;

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    // Go has pointers of eight bytes, and names itself in the first section.
    let go = [&b"go.buildid"[..], b"go:buildid"].iter().any(|name| memmem::find(head.bytes, name).is_some());
    let memory = Region { offset: 0, size: 1 << 32, address: 0, code: false, writable: true };
    let layout = Layout {
        machine: Machine::Other,
        pointer: if go { 8 } else { 4 },
        big_endian: false,
        kind: Kind::Plain,
        base: 0,
        regions: vec![memory],
        end: 0,
        images: Vec::new(),
    };
    let mut strings = Strings::new(&layout, visitor.room());
    let mut input = Input::new(body);
    input.skip(8)?;
    // What is cut off, or damaged, was searched as it is; all that is shown of it is what was read.
    while let Some((id, size)) = section(&mut input)? {
        let mut section = Packed { input: &mut input, left: size };
        match id {
            CODE => code(&mut section, &mut strings)?,
            DATA => {
                data(&mut section, &layout, &mut strings)?;
            }
            _ => {}
        }
        let left = section.left;
        if input.skip(left)? < left {
            break;
        }
    }
    show(strings, visitor);
    Ok(())
}

/// The kind and the size of the section that starts at the next byte.
fn section(input: &mut Input<'_>) -> io::Result<Option<(u8, u64)>> {
    let Some(id) = byte(input)? else { return Ok(None) };
    Ok(number(input)?.map(|size| (id, size)))
}

fn byte(reader: &mut dyn Read) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let (length, error) = fill(reader, &mut byte);
    error.map_or(Ok((length == 1).then_some(byte[0])), Err)
}

/// A number as WebAssembly writes it: seven bits a byte, the lowest first. Of one with a sign the lowest bits are right.
fn number(reader: &mut dyn Read) -> io::Result<Option<u64>> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let Some(byte) = byte(reader)? else { return Ok(None) };
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Keeps the numbers in code: `i32.const` and `i64.const`.
fn code(section: &mut Packed<'_, '_>, strings: &mut Strings) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut held = 0;
    loop {
        let (length, error) = fill(section, &mut chunk[held..]);
        if let Some(error) = error {
            return Err(error);
        }
        let bytes = &chunk[..held + length];
        let mut before: Option<(usize, u64)> = None;
        for at in memchr2_iter(0x41, 0x42, bytes) {
            let mut rest = &bytes[at + 1..];
            let Some(value) = number(&mut rest)? else { continue };
            let (value, above) = (value & WORD, value >> 32 & WORD);
            strings.point(value);
            // A pointer and a length that are put into memory as one number.
            if bytes[at] == 0x42 {
                strings.sized(value, above);
            }
            if let Some((_, address)) = before.filter(|(end, _)| *end == at) {
                strings.sized(address, value);
            }
            before = Some((bytes.len() - rest.len(), value));
        }
        if length == 0 {
            return Ok(());
        }
        // What may go on is looked at again.
        held = bytes.len().min(2 * LONGEST);
        let start = bytes.len() - held;
        chunk.copy_within(start..start + held, 0);
    }
}

/// Looks at the memory. None where it is not as it should be.
fn data(section: &mut Packed<'_, '_>, layout: &Layout, strings: &mut Strings) -> io::Result<Option<()>> {
    let mut chunk = vec![0; CHUNK];
    let Some(count) = number(section)? else { return Ok(None) };
    for _ in 0..count {
        let Some(flags) = number(section)? else { return Ok(None) };
        if flags == 2 && number(section)?.is_none() {
            return Ok(None);
        }
        // Where code decides where it goes, nothing can lead there.
        let mut address = 1 << 40;
        if flags != 1 {
            let (Some(how), Some(value)) = (byte(section)?, number(section)?) else { return Ok(None) };
            // Of a library that may stand anywhere, addresses are told from its start.
            address = if matches!(how, 0x41 | 0x42) { value & WORD } else { 0 };
            if byte(section)? != Some(0x0b) {
                return Ok(None);
            }
        }
        let Some(mut left) = number(section)?.map(|size| size & WORD) else { return Ok(None) };
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let (length, error) = fill(section, &mut chunk[..most]);
            strings.feed(layout, &layout.regions[0], address, &chunk[..length]);
            match error {
                Some(error) => return Err(error),
                None if length < most => break,
                None => {}
            }
            address += length as u64;
            left -= length as u64;
        }
        // Zeros at the end are left out, also those of a pointer.
        strings.feed(layout, &layout.regions[0], address, &[0; 16]);
        strings.end();
    }
    Ok(Some(()))
}
