//! The records of a zip archive (APPNOTE.TXT 6.3.10, section 4.3): local headers, data descriptors, entries of the central
//! directory and its end.
//!
//! All numbers are little endian. Sizes that do not fit 32 bits stand in an extra field (section 4.5.3).

use std::io;

use super::super::input::Input;

/// What every record begins with.
pub(super) const MARK: &[u8] = b"PK";
/// A member follows.
pub(super) const LOCAL: &[u8; 4] = b"PK\x03\x04";
/// Sizes and checksum of the member before.
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";
/// An entry of the central directory.
pub(super) const ENTRY: &[u8; 4] = b"PK\x01\x02";
/// The end of the central directory.
pub(super) const END: &[u8; 4] = b"PK\x05\x06";
/// The same with 64 bits, and where that is.
pub(super) const END64: &[u8; 4] = b"PK\x06\x06";
/// Where [`END64`] is.
pub(super) const LOCATOR: &[u8; 4] = b"PK\x06\x07";
/// A signature of the central directory.
pub(super) const SIGNATURE: &[u8; 4] = b"PK\x05\x05";
/// What is needed to decrypt the central directory.
pub(super) const DECRYPTION: &[u8; 4] = b"PK\x06\x08";

/// Bytes of a local header before its name.
pub(super) const LOCAL_BYTES: usize = 30;

/// Compression methods that are defined (section 4.4.5).
const METHODS: &[u16] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 19, 20];
/// The same, further up.
const HIGH_METHODS: std::ops::RangeInclusive<u16> = 92..=99;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A local header.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Bytes as stored.
    pub(super) packed: u64,
    /// Bytes of content.
    pub(super) size: u64,
    pub(super) name: Vec<u8>,
}

impl Local {
    /// Whether `bytes` are a local header as programs write it, also where none is expected.
    pub(super) fn is(bytes: &[u8]) -> bool {
        let version = bytes.get(4).copied();
        bytes.starts_with(LOCAL)
            && version.is_some_and(|version| version <= 100)
            && u16_at(bytes, 8)
                .is_some_and(|method| METHODS.contains(&method) || HIGH_METHODS.contains(&method))
            && u16_at(bytes, 26).is_some_and(|name| name > 0)
            && bytes.len() >= LOCAL_BYTES
    }

    /// Reads the header at the next byte; none if the archive ends in it.
    pub(super) fn read(input: &mut Input<'_>) -> io::Result<Option<Self>> {
        let Some(fixed) = input.take_bytes(LOCAL_BYTES)? else { return Ok(None) };
        let (lengths, numbers) = (|at| usize::from(u16_at(&fixed, at).unwrap_or(0)), |at| u32_at(&fixed, at));
        let Some(name) = input.take_bytes(lengths(26))? else { return Ok(None) };
        let Some(extra) = input.take_bytes(lengths(28))? else { return Ok(None) };
        let [mut size, mut packed] = [22, 18].map(|at| u64::from(numbers(at).unwrap_or(0)));
        widen(&extra, &mut [&mut size, &mut packed]);
        Ok(Some(Self {
            flags: u16_at(&fixed, 6).unwrap_or(0),
            method: u16_at(&fixed, 8).unwrap_or(0),
            crc: numbers(14).unwrap_or(0),
            packed,
            size,
            name,
        }))
    }

    /// Whether sizes and checksum stand behind the member.
    pub(super) fn described(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Whether the bytes can only be read with a key: by traditional, strong or AES encryption.
    pub(super) fn encrypted(&self) -> bool {
        self.flags & 0x2001 != 0 || self.method == 99
    }

    /// Bytes as stored, unless only what stands behind them says how many they are.
    pub(super) fn known(&self) -> Option<u64> {
        let unknown = self.described() && (self.packed == 0 || self.packed == u64::from(u32::MAX));
        (!unknown).then_some(self.packed)
    }

    /// Whether it is a folder, or a file without a byte.
    pub(super) fn is_empty(&self) -> bool {
        self.known() == Some(0) && self.size == 0
    }
}

/// Takes from an extra field those of `numbers` that did not fit their 32 bits: they stand there in this order.
fn widen(extra: &[u8], numbers: &mut [&mut u64]) {
    let mut rest = extra;
    while let (Some(id), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(field) = rest.get(4..4 + usize::from(length)) else { return };
        if id == 1 {
            let mut at = 0;
            for number in numbers.iter_mut().filter(|number| ***number == u64::from(u32::MAX)) {
                let Some(wide) = u64_at(field, at) else { return };
                **number = wide;
                at += 8;
            }
            return;
        }
        rest = &rest[4 + field.len()..];
    }
}

/// A data descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// Bytes that it has itself.
    pub(super) length: usize,
    pub(super) crc: u32,
    pub(super) size: u64,
}

/// Most bytes of a descriptor.
pub(super) const DESCRIPTOR_BYTES: usize = 24;

impl Descriptor {
    /// The descriptor at the start of `bytes` of a member of `packed` bytes as stored, and of `size` bytes of content
    /// where that is known. Its signature may be missing, and its sizes may have 32 or 64 bits, whatever the header says.
    pub(super) fn find(bytes: &[u8], packed: u64, size: Option<u64>) -> Option<Self> {
        let start = if bytes.starts_with(DESCRIPTOR) { 4 } else { 0 };
        let starts = if start == 4 { &[4, 0][..] } else { &[0] };
        starts.iter().find_map(|start| Self::sized(bytes, *start, packed, size))
    }

    /// The same for a member that only its descriptor ends, so that the signature has to be there.
    pub(super) fn signed(bytes: &[u8], packed: u64, size: Option<u64>) -> Option<Self> {
        if bytes.starts_with(DESCRIPTOR) { Self::sized(bytes, 4, packed, size) } else { None }
    }

    /// What stands at `start` if its sizes agree, with 64 bits or with 32.
    fn sized(bytes: &[u8], start: usize, packed: u64, size: Option<u64>) -> Option<Self> {
        let crc = u32_at(bytes, start)?;
        let wide = || Some((u64_at(bytes, start + 4)?, u64_at(bytes, start + 12)?, start + 20));
        let [low_packed, low_size] = [4, 8].map(|at| u32_at(bytes, start + at));
        let narrow = || Some((u64::from(low_packed?), u64::from(low_size?), start + 12));
        let agrees = |found: (u64, u64, usize), mask: u64| {
            let right = found.0 == packed & mask && size.is_none_or(|size| found.1 == size & mask);
            // Where the size is not known, what follows tells a narrow one from a wide one.
            let follows = size.is_some() || matches!(bytes.get(found.2..found.2 + 2), None | Some(MARK));
            right && follows
        };
        let wide = wide().filter(|found| agrees(*found, u64::MAX));
        let (_, size, length) =
            wide.or_else(|| narrow().filter(|found| agrees(*found, u64::from(u32::MAX))))?;
        Some(Self { length, crc, size })
    }

    /// What every signed one begins with.
    pub(super) fn mark() -> &'static [u8] {
        DESCRIPTOR
    }
}

/// An entry of the central directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) method: u16,
    pub(super) packed: u64,
    /// Where its local header is.
    pub(super) offset: u64,
}

impl Entry {
    /// Reads the entry at the next byte; none if the archive ends in it.
    pub(super) fn read(input: &mut Input<'_>) -> io::Result<Option<Self>> {
        let Some(fixed) = input.take_bytes(46)? else { return Ok(None) };
        let length = |at| usize::from(u16_at(&fixed, at).unwrap_or(0));
        input.skip(length(28) as u64)?;
        let Some(extra) = input.take_bytes(length(30))? else { return Ok(None) };
        input.skip(length(32) as u64)?;
        let [mut size, mut packed, mut offset] =
            [24, 20, 42].map(|at| u64::from(u32_at(&fixed, at).unwrap_or(0)));
        widen(&extra, &mut [&mut size, &mut packed, &mut offset]);
        Ok(Some(Self { method: u16_at(&fixed, 10).unwrap_or(0), packed, offset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_every_form_are_told_apart() {
        let narrow = [&[7, 0, 0, 0][..], &[2, 0, 0, 0], &[0, 0, 0, 0]].concat();
        let wide = [&[7, 0, 0, 0][..], &[2, 0, 0, 0, 0, 0, 0, 0], &[0; 8]].concat();
        for (body, length) in [(narrow, 12), (wide, 20)] {
            for signature in [&DESCRIPTOR[..], b""] {
                for next in [&b"PK\x03\x04 and so on"[..], b""] {
                    let bytes = [signature, &body, next].concat();
                    for size in [Some(0), None] {
                        let found = Descriptor::find(&bytes, 2, size).unwrap();
                        let expected = Descriptor { length: length + signature.len(), crc: 7, size: 0 };
                        assert_eq!(found, expected, "{signature:?} {next:?} {size:?}");
                        assert_eq!(Descriptor::find(&bytes, 3, size), None);
                        let signed = Descriptor::signed(&bytes, 2, size);
                        assert_eq!(signed.is_some(), !signature.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn wide_numbers_replace_those_that_did_not_fit() {
        let extra = [&[9, 9, 1, 0, 5][..], &[1, 0, 8, 0], &7_u64.to_le_bytes()].concat();
        let (mut size, mut packed) = (12, u64::from(u32::MAX));
        widen(&extra, &mut [&mut size, &mut packed]);
        assert_eq!((size, packed), (12, 7));
        let mut broken = u64::from(u32::MAX);
        widen(&extra[..extra.len() - 1], &mut [&mut broken]);
        assert_eq!(broken, u64::from(u32::MAX), "what is cut off is not read");
    }
}
