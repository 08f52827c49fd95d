//! The blocks of a squashfs image: those of its tables, of 8 KiB and read through a small cache, and those of its content.
//!
//! Tables are found by where a block begins in the image and by an offset in what the block holds; what does not fit goes on
//! in the next block.

use std::collections::VecDeque;
use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use lz4_flex::block::decompress_into;

use crate::stream::{Compression, Decoder, read_bounded};

/// Bytes that a block of a table holds, unless it is the last.
const TABLE_BLOCK: usize = 8 << 10;
/// Blocks of tables that are kept.
const KEPT: usize = 16;
/// Bytes of the first header of an image.
pub(super) const SUPERBLOCK: usize = 96;

/// What an image begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Superblock {
    /// Most bytes of a block of content.
    pub(super) block: usize,
    pub(super) codec: Codec,
    /// Where the inode of the topmost folder is.
    pub(super) root: u64,
    /// Bytes of the image.
    pub(super) bytes: u64,
    pub(super) inodes: u64,
    pub(super) folders: u64,
    pub(super) fragments: u64,
    /// Where it is said where extended attributes are, if some are.
    attributes: Option<u64>,
}

impl Superblock {
    /// Reads that of version 4, which says the size of a block twice.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..SUPERBLOCK)?;
        let [log, block] = [half(head, 22)?.into(), word(head, 12)?];
        let same = (12..=20).contains(&log) && block == 1 << log;
        let codec = Codec::of(half(head, 20)?)?;
        (head.starts_with(b"hsqs") && head[28..32] == [4, 0, 0, 0] && same).then_some(())?;
        Some(Self {
            block: block as usize,
            codec,
            root: long(head, 32)?,
            bytes: long(head, 40)?,
            inodes: long(head, 64)?,
            folders: long(head, 72)?,
            fragments: long(head, 80)?,
            attributes: long(head, 56).filter(|at| *at != u64::MAX),
        })
    }
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Zlib,
    /// A compression that has a format of its own.
    Stream(Compression),
    Lz4,
    Lzo,
}

impl Codec {
    fn of(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Zlib,
            2 => Self::Stream(Compression::Lzma),
            3 => Self::Lzo,
            4 => Self::Stream(Compression::Xz),
            5 => Self::Lz4,
            6 => Self::Stream(Compression::Zstd),
            _ => return None,
        })
    }

    /// Unpacks a block of at most `most` bytes, with at most `window` bytes for a dictionary.
    fn unpack(self, packed: &[u8], most: usize, window: u64) -> io::Result<Vec<u8>> {
        let read = |reader: &mut dyn Read| {
            read_bounded(reader, most as u64)?.ok_or_else(|| damage("a block is too long"))
        };
        match self {
            Self::Zlib => read(&mut ZlibDecoder::new(packed)),
            Self::Stream(compression) => read(&mut Decoder::new(packed, compression, window)),
            Self::Lz4 => {
                let mut plain = vec![0; most];
                let length =
                    decompress_into(packed, &mut plain).map_err(|error| damage(&error.to_string()))?;
                plain.truncate(length);
                Ok(plain)
            }
            Self::Lzo => Err(damage("LZO")),
        }
    }
}

/// A place in a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// Where its block begins in the image.
    pub(super) block: u64,
    /// Offset in what the block holds.
    pub(super) offset: usize,
}

/// Reads blocks.
pub(super) struct Image<'i> {
    pub(super) head: Superblock,
    bytes: &'i [u8],
    window: u64,
    /// Blocks of tables: where they begin, what they hold, where the next begins.
    tables: VecDeque<(u64, Vec<u8>, u64)>,
    /// The last block of ends of files, and where it begins.
    fragment: Option<(u64, Vec<u8>)>,
}

impl<'i> Image<'i> {
    /// Of the image in `bytes`.
    pub(super) fn new(head: Superblock, bytes: &'i [u8], window: u64) -> Self {
        Self { head, bytes, window, tables: VecDeque::new(), fragment: None }
    }

    /// Fills `out` from a table, and moves `at` behind it.
    pub(super) fn read(&mut self, at: &mut At, out: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < out.len() {
            let (held, next) = self.table(at.block)?;
            let there = held.get(at.offset..).unwrap_or_default();
            if there.is_empty() {
                if at.offset != TABLE_BLOCK {
                    return Err(damage("a table ends too early"));
                }
                *at = At { block: next, offset: 0 };
                continue;
            }
            let take = there.len().min(out.len() - filled);
            out[filled..filled + take].copy_from_slice(&there[..take]);
            filled += take;
            at.offset += take;
        }
        Ok(())
    }

    /// Names and values of all extended attributes, if there are some.
    pub(super) fn attributes(&mut self) -> io::Result<Option<Attributes<'_, 'i>>> {
        let Some(at) = self.head.attributes else { return Ok(None) };
        // They stand in front of a table of which attributes are whose, and behind that both places are said.
        let places = self.range(at, 24)?;
        let [block, end] = [0, 16].map(|at| long(places, at).unwrap_or_default());
        Ok(Some(Attributes { image: self, block, end, given: 0 }))
    }

    /// What the block of a table that begins at `block` holds, and where the next begins.
    fn table(&mut self, block: u64) -> io::Result<(&[u8], u64)> {
        let kept = self.tables.iter().position(|(at, ..)| *at == block);
        let index = if let Some(index) = kept {
            index
        } else {
            let header = half(self.range(block, 2)?, 0).unwrap_or_default();
            let length = u64::from(header & 0x7fff);
            let packed = self.range(block + 2, length)?;
            let held = self.unpacked(packed, header & 0x8000 != 0, TABLE_BLOCK)?;
            if self.tables.len() == KEPT {
                self.tables.pop_front();
            }
            self.tables.push_back((block, held, block + 2 + length));
            self.tables.len() - 1
        };
        let (_, held, next) = &self.tables[index];
        Ok((held, *next))
    }

    /// A block of content that begins at `at`, and where the next begins. The highest bit of `size` says that it is stored.
    pub(super) fn content(&self, at: u64, size: u32) -> io::Result<(Vec<u8>, u64)> {
        let length = u64::from(size & 0x00ff_ffff);
        let plain = self.unpacked(self.range(at, length)?, size & 0x0100_0000 != 0, self.head.block)?;
        Ok((plain, at + length))
    }

    /// `length` bytes at `offset` in a block that holds the ends of several files.
    pub(super) fn end(&mut self, index: u32, offset: u32, length: usize) -> io::Result<Vec<u8>> {
        let pointer = self.head.fragments.saturating_add(u64::from(index / 512) * 8);
        let block = long(self.range(pointer, 8)?, 0).unwrap_or_default();
        let mut entry = [0; 16];
        self.read(&mut At { block, offset: (index % 512) as usize * 16 }, &mut entry)?;
        let at = long(&entry, 0).unwrap_or_default();
        if self.fragment.as_ref().is_none_or(|(kept, _)| *kept != at) {
            self.fragment = None;
            let (held, _) = self.content(at, word(&entry, 8).unwrap_or_default())?;
            self.fragment = Some((at, held));
        }
        let held = self.fragment.as_ref().and_then(|(_, held)| held.get(offset as usize..)?.get(..length));
        held.map(<[u8]>::to_vec).ok_or_else(|| damage("the end of a file is not where it should be"))
    }

    fn unpacked(&self, packed: &[u8], stored: bool, most: usize) -> io::Result<Vec<u8>> {
        match stored {
            true if packed.len() > most => Err(damage("a block is too long")),
            true => Ok(packed.to_vec()),
            false => self.head.codec.unpack(packed, most, self.window),
        }
    }

    fn range(&self, at: u64, length: u64) -> io::Result<&'i [u8]> {
        let range = usize::try_from(at).ok().zip(usize::try_from(at.saturating_add(length)).ok());
        let range = range.and_then(|(from, to)| self.bytes.get(from..to));
        range.ok_or_else(|| damage("bytes stand outside of the image, which may be cut off"))
    }
}

/// Gives the extended attributes of all files, one behind another.
pub(super) struct Attributes<'t, 'i> {
    image: &'t mut Image<'i>,
    block: u64,
    end: u64,
    given: usize,
}

impl Read for Attributes<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.block < self.end {
            let (held, next) = self.image.table(self.block)?;
            let left = held.get(self.given..).unwrap_or_default();
            if !left.is_empty() {
                let take = left.len().min(out.len());
                out[..take].copy_from_slice(&left[..take]);
                self.given += take;
                return Ok(take);
            }
            (self.block, self.given) = (next, 0);
        }
        Ok(0)
    }
}

pub(super) fn damage(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

pub(super) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
