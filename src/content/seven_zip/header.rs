//! The header of a 7z archive: which bytes are packed how ([`Streams`]), and what the files in them are called ([`Files`]).
//!
//! A block ([`Block`]) is what is packed together: one file, or many one behind another. Both tables are checked once from
//! start to end and then walked side by side, block by block.

use super::super::Fault;
use super::coder::Chain;
use super::cursor::{Checksums, Cursor, bit, unexpected};

/// Kinds of parts of a header.
const END: u8 = 0x00;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const ADDITIONAL_STREAMS: u8 = 0x03;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACKED: u8 = 0x06;
const UNPACKED: u8 = 0x07;
const MEMBERS: u8 = 0x08;
const SIZE: u8 = 0x09;
const CHECKSUMS: u8 = 0x0a;
const BLOCKS: u8 = 0x0b;
const UNPACKED_SIZES: u8 = 0x0c;
const MEMBER_COUNTS: u8 = 0x0d;
const WITHOUT_STREAM: u8 = 0x0e;
const NAMES: u8 = 0x11;

/// What the main part of a header says.
pub(super) fn read<'h>(cursor: &mut Cursor<'h>) -> Result<(Streams<'h>, Files<'h>), Fault> {
    let (mut streams, mut files) = (Streams::NONE, Files::default());
    loop {
        match cursor.byte()? {
            END => return Ok((streams, files)),
            ARCHIVE_PROPERTIES => {
                while cursor.byte()? != END {
                    let size = cursor.number()?;
                    cursor.take(size)?;
                }
            }
            ADDITIONAL_STREAMS => {
                return Err(Fault::unsupported("parts of its header are packed by themselves"));
            }
            MAIN_STREAMS => streams = Streams::read(cursor)?,
            FILES => files = Files::read(cursor)?,
            kind => return Err(unexpected(kind)),
        }
    }
}

/// What is packed, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams<'h> {
    /// Where the first packed bytes are, from the end of the start header.
    packed_at: u64,
    packed_count: u64,
    packed_sizes: Cursor<'h>,
    blocks: u64,
    chains: Cursor<'h>,
    sizes: Cursor<'h>,
    checksums: Checksums<'h>,
    /// Members of each block; one if that is not said.
    counts: Option<Cursor<'h>>,
    member_sizes: Option<Cursor<'h>>,
    member_checksums: Checksums<'h>,
}

/// Files that are packed together.
#[derive(Debug)]
pub(super) struct Block<'h> {
    /// How they are packed.
    pub(super) chain: Chain<'h>,
    /// How many they are.
    pub(super) members: u64,
    /// Bytes that their sizes leave to those that were not asked for yet.
    left: u64,
    sizes: Option<Cursor<'h>>,
    /// Checksum of the whole block, if that is known.
    pub(super) checksum: Option<u32>,
    checksums: Checksums<'h>,
}

impl<'h> Streams<'h> {
    const NONE: Streams<'static> = Streams {
        packed_at: 0,
        packed_count: 0,
        packed_sizes: Cursor::EMPTY,
        blocks: 0,
        chains: Cursor::EMPTY,
        sizes: Cursor::EMPTY,
        checksums: Checksums::NONE,
        counts: None,
        member_sizes: None,
        member_checksums: Checksums::NONE,
    };

    /// Reads and checks what `cursor` passes over.
    pub(super) fn read(cursor: &mut Cursor<'h>) -> Result<Self, Fault> {
        let mut streams = Streams::NONE;
        loop {
            match cursor.byte()? {
                END => return Ok(streams),
                PACKED => streams.read_packed(cursor)?,
                UNPACKED => streams.read_blocks(cursor)?,
                MEMBERS => streams.read_members(cursor)?,
                kind => return Err(unexpected(kind)),
            }
        }
    }

    fn read_packed(&mut self, cursor: &mut Cursor<'h>) -> Result<(), Fault> {
        self.packed_at = cursor.number()?;
        self.packed_count = cursor.number()?;
        loop {
            match cursor.byte()? {
                END => return Ok(()),
                SIZE => {
                    self.packed_sizes = *cursor;
                    cursor.skip_numbers(self.packed_count)?;
                }
                CHECKSUMS => drop(Checksums::read(cursor, self.packed_count)?),
                kind => return Err(unexpected(kind)),
            }
        }
    }

    fn read_blocks(&mut self, cursor: &mut Cursor<'h>) -> Result<(), Fault> {
        cursor.expect(BLOCKS)?;
        self.blocks = cursor.number()?;
        inline(cursor)?;
        self.chains = *cursor;
        let mut coders = 0;
        for _ in 0..self.blocks {
            coders += Chain::read(cursor)?.coders() as u64;
        }
        cursor.expect(UNPACKED_SIZES)?;
        self.sizes = *cursor;
        cursor.skip_numbers(coders)?;
        loop {
            match cursor.byte()? {
                END => return Ok(()),
                CHECKSUMS => self.checksums = Checksums::read(cursor, self.blocks)?,
                kind => return Err(unexpected(kind)),
            }
        }
    }

    fn read_members(&mut self, cursor: &mut Cursor<'h>) -> Result<(), Fault> {
        loop {
            match cursor.byte()? {
                END => return Ok(()),
                MEMBER_COUNTS => {
                    self.counts = Some(*cursor);
                    cursor.skip_numbers(self.blocks)?;
                }
                SIZE => {
                    self.member_sizes = Some(*cursor);
                    let mut walk = *self;
                    for _ in 0..self.blocks {
                        cursor.skip_numbers(walk.next_count()?.saturating_sub(1))?;
                    }
                }
                CHECKSUMS => {
                    let (mut walk, mut count) = (*self, 0_u64);
                    for _ in 0..self.blocks {
                        let (members, known) = (walk.next_count()?, walk.checksums.next().is_some());
                        count = count.saturating_add(if members == 1 && known { 0 } else { members });
                    }
                    self.member_checksums = Checksums::read(cursor, count)?;
                }
                kind => return Err(unexpected(kind)),
            }
        }
    }

    fn next_count(&mut self) -> Result<u64, Fault> {
        self.counts.as_mut().map_or(Ok(1), Cursor::number)
    }

    /// The next block, whose packed bytes are in `bytes`, which begin behind the start header.
    pub(super) fn next_block(&mut self, bytes: &'h [u8]) -> Result<Option<Block<'h>>, Fault> {
        if self.blocks == 0 {
            return Ok(None);
        }
        self.blocks -= 1;
        let mut chain = Chain::read(&mut self.chains)?;
        for coder in 0..chain.coders() {
            chain.set_size(coder, self.sizes.number()?);
        }
        for _ in 0..chain.packed() {
            if self.packed_count == 0 {
                return Err(Fault::damaged(
                    "the header of the archive names fewer packed parts than there are",
                ));
            }
            self.packed_count -= 1;
            let (at, size) = (self.packed_at, self.packed_sizes.number()?);
            self.packed_at = at.saturating_add(size);
            let range = usize::try_from(at).ok().zip(usize::try_from(self.packed_at).ok());
            let packed = range.and_then(|(from, to)| bytes.get(from..to));
            chain.add_packed(
                packed.ok_or_else(|| Fault::damaged("packed bytes stand outside of the archive"))?,
            );
        }
        let members = self.next_count()?;
        let checksum = self.checksums.next();
        let known = members == 1 && checksum.is_some();
        let block = Block {
            members,
            left: chain.size(),
            sizes: self.member_sizes,
            checksum: checksum.filter(|_| known),
            checksums: self.member_checksums,
            chain,
        };
        if let Some(sizes) = &mut self.member_sizes {
            sizes.skip_numbers(members.saturating_sub(1))?;
        } else if members > 1 {
            return Err(Fault::damaged("the header of the archive has no sizes of its members"));
        }
        if !known {
            for _ in 0..members {
                self.member_checksums.next();
            }
        }
        Ok(Some(block))
    }
}

impl Block<'_> {
    /// Size and checksum of the next member.
    pub(super) fn next_member(&mut self) -> Result<Option<(u64, Option<u32>)>, Fault> {
        if self.members == 0 {
            return Ok(None);
        }
        self.members -= 1;
        let size = match &mut self.sizes {
            Some(sizes) if self.members > 0 => sizes.number()?,
            _ => self.left,
        };
        let left = self.left.checked_sub(size);
        self.left = left.ok_or_else(|| Fault::damaged("the members of a block are larger than the block"))?;
        Ok(Some((size, self.checksum.or_else(|| self.checksums.next()))))
    }
}

/// What the files are called.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Files<'h> {
    count: u64,
    next: u64,
    /// Which have no content: folders and empty files.
    empty: &'h [u8],
    /// In UTF-16, each with a zero behind it.
    names: &'h [u8],
}

impl<'h> Files<'h> {
    fn read(cursor: &mut Cursor<'h>) -> Result<Self, Fault> {
        let mut files = Self { count: cursor.number()?, ..Self::default() };
        loop {
            let kind = cursor.byte()?;
            if kind == END {
                return Ok(files);
            }
            let size = cursor.number()?;
            let mut property = Cursor::new(cursor.take(size)?);
            match kind {
                WITHOUT_STREAM => files.empty = property.take(files.count.div_ceil(8))?,
                NAMES => {
                    inline(&mut property)?;
                    files.names = property.rest();
                }
                _ => {}
            }
        }
    }

    /// The path of the next file that has content.
    pub(super) fn next_path(&mut self) -> Option<Vec<u8>> {
        while self.next < self.count {
            let (name, empty) = (self.next_name(), bit(self.empty, self.next));
            self.next += 1;
            if !empty {
                return Some(utf8(name));
            }
            // Nothing more is said of those that are left.
            if self.names.is_empty() && self.next / 8 >= self.empty.len() as u64 {
                break;
            }
        }
        None
    }

    fn next_name(&mut self) -> &'h [u8] {
        let end = self.names.chunks_exact(2).position(|unit| unit == [0, 0]);
        let end = end.map_or(self.names.len(), |units| 2 * units);
        let name = &self.names[..end];
        self.names = self.names.get(end + 2..).unwrap_or_default();
        name
    }
}

fn utf8(name: &[u8]) -> Vec<u8> {
    let units = name.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let chars = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.collect::<String>().into_bytes()
}

/// A list can stand elsewhere, which no program writes.
fn inline(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    if cursor.byte()? == 0 { Ok(()) } else { Err(Fault::unsupported("parts of its header stand elsewhere")) }
}
