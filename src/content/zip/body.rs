//! The content of one member of a zip archive: its compression undone, counted and with its checksum.

use std::io::{self, BufRead, Read};

use deflate64::Deflate64Decoder;
use flate2::bufread::DeflateDecoder;
use lzma_rust2::{LzmaReader, lzma_get_memory_usage_by_props};
use memchr::memmem;

use super::super::input::{BACK, Input, Packed};
use super::header::{DESCRIPTOR_BYTES, Descriptor, Local};
use crate::stream::{Compression, Decoder};

/// Memory that an LZMA stream may need beside its dictionary, in KiB.
const LZMA_BESIDE_KIB: u64 = 1 << 10;

/// Gives the content of a member.
pub(super) struct Content<'i, 'b> {
    undo: Undo<'i, 'b>,
    crc: crc32fast::Hasher,
    bytes: u64,
    ended: bool,
    failed: bool,
}

/// How reading a member went.
pub(super) struct Finished {
    /// CRC-32 of the bytes that were read.
    pub(super) crc: u32,
    /// How many they were.
    pub(super) bytes: u64,
    /// Whether the end was reached.
    pub(super) ended: bool,
    /// Whether reading failed; who read knows.
    pub(super) failed: bool,
    /// Bytes that were taken from the archive and do not belong to the member.
    pub(super) ahead: usize,
}

enum Undo<'i, 'b> {
    Stored(Packed<'i, 'b>),
    /// Stored up to its descriptor.
    Marked(Marked<'i, 'b>),
    Deflate(Box<DeflateDecoder<Packed<'i, 'b>>>),
    Deflate64(Deflate64Decoder<Packed<'i, 'b>>),
    Stream(Box<Decoder<Packed<'i, 'b>>>),
    Lzma(Box<LzmaReader<Sips<'i, 'b>>>),
}

/// Whether a member that is compressed by `method` can be read.
pub(super) fn is_readable(method: u16) -> bool {
    matches!(method, 0 | 8 | 9 | 14) || compression(method).is_some()
}

/// Methods that are formats of their own.
fn compression(method: u16) -> Option<Compression> {
    match method {
        12 => Some(Compression::Bzip2),
        // 20 is what it was before 2020.
        93 | 20 => Some(Compression::Zstd),
        95 => Some(Compression::Xz),
        _ => None,
    }
}

/// What a method is called in messages.
pub(super) fn method_name(method: u16) -> &'static str {
    match method {
        1 => "shrink",
        2..=5 => "reduce",
        6 => "implode",
        94 => "MP3",
        96 => "JPEG",
        97 => "WavPack",
        98 => "PPMd",
        _ => "unknown",
    }
}

impl<'i, 'b> Content<'i, 'b> {
    /// Reads the member `local`, whose bytes are the next of `input`, with at most `window` bytes for a dictionary.
    pub(super) fn new(input: &'i mut Input<'b>, local: &Local, window: u64) -> io::Result<Self> {
        let packed = |input| Packed { input, left: local.known().unwrap_or(u64::MAX) };
        let undo = match local.method {
            0 if local.known().is_none() => Undo::Marked(Marked::new(input, true)),
            8 => Undo::Deflate(Box::new(DeflateDecoder::new(packed(input)))),
            9 => Undo::Deflate64(Deflate64Decoder::with_buffer(packed(input))),
            14 => Undo::Lzma(Box::new(lzma(packed(input), local, window)?)),
            method => match compression(method) {
                Some(compression) => Undo::Stream(Box::new(Decoder::new(packed(input), compression, window))),
                None => Undo::Stored(packed(input)),
            },
        };
        Ok(Self { undo, crc: crc32fast::Hasher::new(), bytes: 0, ended: false, failed: false })
    }

    /// Reads to the end without giving the bytes.
    pub(super) fn drain(&mut self) {
        let mut buffer = [0; 8 << 10];
        while !self.ended && !self.failed {
            // What went wrong is remembered.
            let _ = self.read(&mut buffer);
        }
    }

    /// How it went.
    pub(super) fn finish(self) -> Finished {
        let ahead = match self.undo {
            Undo::Stream(decoder) => decoder.into_rest().0.map_or(0, |rest| rest.ahead()),
            Undo::Lzma(reader) => reader.into_parts().1.len(),
            _ => 0,
        };
        let (ended, failed) = (self.ended, self.failed);
        Finished { crc: self.crc.finalize(), bytes: self.bytes, ended, failed, ahead }
    }
}

impl Read for Content<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.ended {
            return Ok(0);
        }
        let read = match &mut self.undo {
            Undo::Stored(reader) => reader.read(out),
            Undo::Marked(reader) => reader.read(out),
            Undo::Deflate(reader) => reader.read(out),
            Undo::Deflate64(reader) => reader.read(out),
            Undo::Stream(reader) => reader.read(out),
            Undo::Lzma(reader) => reader.read(out),
        };
        match &read {
            Ok(0) => self.ended = true,
            Ok(read) => {
                self.crc.update(&out[..*read]);
                self.bytes += *read as u64;
            }
            Err(error) => self.failed |= error.kind() != io::ErrorKind::Interrupted,
        }
        read
    }
}

/// LZMA as in zip archives (section 5.8): two bytes of version, the length of the properties, the properties.
fn lzma<'i, 'b>(
    mut packed: Packed<'i, 'b>,
    local: &Local,
    window: u64,
) -> io::Result<LzmaReader<Sips<'i, 'b>>> {
    let mut head = [0; 9];
    packed.read_exact(&mut head)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = head else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "LZMA properties of another length"));
    };
    let dictionary = u32::from_le_bytes(dictionary);
    let needed = u64::from(lzma_get_memory_usage_by_props(dictionary, properties)?);
    if needed > window / 1024 + LZMA_BESIDE_KIB {
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, "it asks for more memory than it may have"));
    }
    // With an end marker, or where the size is not known, the stream says where it ends.
    let open = local.flags & 2 != 0 || local.known().is_none();
    let size = if open { u64::MAX } else { local.size };
    LzmaReader::new_with_props(Sips(packed), size, properties, dictionary, None)
}

/// Reads in small pieces, so that a decoder which reads ahead takes no more than can be taken back.
struct Sips<'i, 'b>(Packed<'i, 'b>);

impl Read for Sips<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min(BACK / 2);
        self.0.read(&mut out[..most])
    }
}

/// A descriptor, and the two bytes that every record behind it begins with.
const LOOK: usize = DESCRIPTOR_BYTES + 2;

/// Bytes up to a data descriptor whose sizes and checksum agree with them.
pub(super) struct Marked<'i, 'b> {
    input: &'i mut Input<'b>,
    /// None where it cannot be known: of encrypted bytes.
    crc: Option<crc32fast::Hasher>,
    bytes: u64,
}

impl<'i, 'b> Marked<'i, 'b> {
    /// Gives what stands before the descriptor.
    pub(super) fn new(input: &'i mut Input<'b>, plain: bool) -> Self {
        Self { input, crc: plain.then(crc32fast::Hasher::new), bytes: 0 }
    }

    /// Passes over all of it; returns how many bytes it were.
    pub(super) fn skip(mut self) -> io::Result<u64> {
        let mut buffer = [0; 8 << 10];
        while self.read(&mut buffer)? > 0 {}
        Ok(self.bytes)
    }

    /// Whether the descriptor of what was read stands at the start of `bytes`.
    fn ends(&self, bytes: &[u8]) -> bool {
        let size = self.crc.is_some().then_some(self.bytes);
        let found = Descriptor::signed(bytes, self.bytes, size);
        let agrees =
            |found: Descriptor| self.crc.as_ref().is_none_or(|crc| crc.clone().finalize() == found.crc);
        found.is_some_and(agrees)
    }
}

impl Read for Marked<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mark = Descriptor::mark();
        let ahead = self.input.peek(LOOK)?;
        let look = ahead.len().min(LOOK);
        let mut first = [0; LOOK];
        first[..look].copy_from_slice(&ahead[..look]);
        let (there, found) = (ahead.len(), memmem::find(ahead, mark));
        let safe = match found {
            Some(0) => {
                if self.ends(&first[..look]) {
                    return Ok(0);
                }
                1
            }
            Some(at) => at,
            // It may begin in the last bytes; at the end of the archive none does.
            None if there >= LOOK => there + 1 - mark.len(),
            None => there,
        };
        let most = safe.min(out.len());
        let take = self.input.fill_buf()?.read(&mut out[..most])?;
        if let Some(crc) = &mut self.crc {
            crc.update(&out[..take]);
        }
        self.input.consume(take);
        self.bytes += take as u64;
        Ok(take)
    }
}
