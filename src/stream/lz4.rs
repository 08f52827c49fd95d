//! One frame of LZ4 (LZ4 Frame Format 1.6.4), or of its legacy form, in which kernels and their RAM disks are packed.
//!
//! The blocks are undone by a crate; the frame around them is read here, because where a frame ends has to be known
//! exactly: a frame that is cut off is an error, and what follows one is given back.

use std::hash::Hasher as _;
use std::io::{self, BufRead, Read};

use lz4_flex::block::decompress_into_with_dict;
use twox_hash::xxhash32::Hasher;

use super::peeked::Peeked;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
/// Bytes that a block of the legacy form becomes, unless it is the last.
const LEGACY_BLOCK: usize = 8 << 20;
/// Bytes that blocks may look back over.
const HISTORY: usize = 64 << 10;

/// Whether a frame begins with `head`.
pub(super) fn is_lz4(head: &[u8]) -> bool {
    // Version 1 with no reserved bit set, and a block size that is defined.
    let frame = |rest: &[u8]| matches!(rest, [flags, size, ..] if flags & 0xc2 == VERSION && matches!(size, 0x40..=0x7f) && size & 0x8f == 0);
    head.strip_prefix(&MAGIC).is_some_and(frame)
        || (head.starts_with(&LEGACY_MAGIC) && legacy_block(head).is_some())
}

/// The size of the first block of a legacy frame, if it can be one.
fn legacy_block(head: &[u8]) -> Option<usize> {
    let size = u32::from_le_bytes(*head.get(4..)?.first_chunk()?) as usize;
    (1..=LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16).contains(&size).then_some(size)
}

/// Gives what a frame holds.
pub(super) struct Lz4<R> {
    inner: Peeked<R>,
    frame: Frame,
    packed: Vec<u8>,
    /// What the block before became, as far as the next one can look back.
    history: Vec<u8>,
    plain: Vec<u8>,
    given: usize,
    hasher: Hasher,
    total: u64,
    ended: bool,
}

/// What the header of a frame says.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// As they stand there; none in the legacy form, which has no version.
    flags: u8,
    size: Option<u64>,
    /// Most bytes of a block.
    block: usize,
}

/// Flags of a frame: its version, then what it has.
const VERSION: u8 = 0x40;
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUMS: u8 = 0x10;
const SIZE: u8 = 8;
const CHECKSUM: u8 = 4;
const DICTIONARY: u8 = 1;

fn damaged(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl<R: BufRead> Lz4<R> {
    /// Reads the frame that starts at the next byte, with at most `window` bytes for its blocks.
    pub(super) fn new(mut inner: Peeked<R>, window: u64) -> io::Result<Self> {
        let frame = Frame::read(&mut inner)?;
        if 2 * frame.block as u64 > window {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "it asks for more memory than it may have",
            ));
        }
        Ok(Self {
            inner,
            frame,
            packed: Vec::new(),
            history: Vec::new(),
            plain: Vec::new(),
            given: 0,
            hasher: Hasher::with_seed(0),
            total: 0,
            ended: false,
        })
    }

    /// The reader, behind the frame.
    pub(super) fn into_inner(self) -> Peeked<R> {
        self.inner
    }

    /// Undoes the next block. At the end of the frame says so.
    fn next_block(&mut self) -> io::Result<()> {
        let Some((size, stored)) =
            (if self.frame.has(VERSION) { self.header()? } else { self.legacy_header()? })
        else {
            self.ended = true;
            return Ok(());
        };
        self.packed.resize(size, 0);
        self.inner.read_exact(&mut self.packed)?;
        if self.frame.has(BLOCK_CHECKSUMS) && number(&mut self.inner)? != Hasher::oneshot(0, &self.packed) {
            return Err(damaged("a block of LZ4 does not agree with its checksum"));
        }
        if self.frame.has(VERSION) && !self.frame.has(INDEPENDENT) {
            let from = self.plain.len().saturating_sub(HISTORY);
            self.history.extend_from_slice(&self.plain[from..]);
            self.history.drain(..self.history.len().saturating_sub(HISTORY));
        }
        self.given = 0;
        if stored {
            std::mem::swap(&mut self.plain, &mut self.packed);
        } else {
            self.plain.resize(self.frame.block, 0);
            let length = decompress_into_with_dict(&self.packed, &mut self.plain, &self.history)
                .map_err(|_| damaged("a damaged block of LZ4"))?;
            self.plain.truncate(length);
        }
        if self.frame.has(CHECKSUM) {
            self.hasher.write(&self.plain);
        }
        self.total += self.plain.len() as u64;
        Ok(())
    }

    /// Size of the next block, and whether it is stored as it is; none behind the last.
    fn header(&mut self) -> io::Result<Option<(usize, bool)>> {
        let word = number(&mut self.inner)?;
        if word != 0 {
            let size = (word & 0x7fff_ffff) as usize;
            if size > self.frame.block {
                return Err(damaged("a block of LZ4 that is larger than its frame allows"));
            }
            return Ok(Some((size, word >> 31 == 1)));
        }
        if self.frame.has(CHECKSUM) && number(&mut self.inner)? != self.hasher.finish_32() {
            return Err(damaged("a frame of LZ4 that does not agree with its checksum"));
        }
        if self.frame.size.is_some_and(|size| size != self.total) {
            return Err(damaged("a frame of LZ4 that has not the size that it says"));
        }
        Ok(None)
    }

    /// The same for the legacy form, which has no mark at its end: it ends with its first short block, or where no size of a
    /// block follows.
    fn legacy_header(&mut self) -> io::Result<Option<(usize, bool)>> {
        if !self.total.is_multiple_of(LEGACY_BLOCK as u64) {
            return Ok(None);
        }
        let ahead = self.inner.peek()?;
        // Only what stands in front of the size differs from the start of a frame.
        let Some(size) = legacy_block(&[&[0; 4], ahead].concat()) else { return Ok(None) };
        self.inner.read_exact(&mut [0; 4])?;
        Ok(Some((size, false)))
    }
}

impl Frame {
    fn read(inner: &mut dyn Read) -> io::Result<Self> {
        let mut magic = [0; 4];
        inner.read_exact(&mut magic)?;
        if magic == LEGACY_MAGIC {
            return Ok(Self { flags: 0, size: None, block: LEGACY_BLOCK });
        }
        let mut descriptor = vec![0; 2];
        inner.read_exact(&mut descriptor)?;
        let (flags, block) = (descriptor[0], descriptor[1] >> 4);
        if flags & 0xc2 != VERSION || !(4..=7).contains(&block) {
            return Err(damaged("a frame of LZ4 of a version that is not defined"));
        }
        if flags & DICTIONARY != 0 {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a frame of LZ4 that needs a dictionary"));
        }
        let mut size = None;
        if flags & SIZE != 0 {
            let mut bytes = [0; 8];
            inner.read_exact(&mut bytes)?;
            descriptor.extend_from_slice(&bytes);
            size = Some(u64::from_le_bytes(bytes));
        }
        let mut check = [0];
        inner.read_exact(&mut check)?;
        if Hasher::oneshot(0, &descriptor).to_le_bytes()[1] != check[0] {
            return Err(damaged("the header of a frame of LZ4 does not agree with its checksum"));
        }
        Ok(Self { flags, size, block: 1 << (2 * block + 8) })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The next four bytes.
fn number(inner: &mut dyn Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    inner.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() && !self.ended {
            self.next_block()?;
            if self.ended {
                self.plain.clear();
                self.given = 0;
            }
        }
        let take = out.len().min(self.plain.len() - self.given);
        out[..take].copy_from_slice(&self.plain[self.given..self.given + take]);
        self.given += take;
        Ok(take)
    }
}
