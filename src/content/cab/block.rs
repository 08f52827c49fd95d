//! The blocks of a folder in a cabinet, of up to 32 KiB each, unpacked one behind another.
//!
//! A block in MSZIP is a deflate stream of its own that may look back to the block before it.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::super::input::Input;
use super::half;

/// Most bytes that a block becomes.
const BLOCK: usize = 32 << 10;

/// How the blocks of a folder are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Mszip,
    /// What is not opened, by its name.
    Other(&'static str),
}

impl Packing {
    /// Of the number in the table of folders; its other bits say how large a window is.
    pub(super) fn of(number: u16) -> Self {
        match number & 0x0f {
            0 => Self::Stored,
            1 => Self::Mszip,
            2 => Self::Other("Quantum"),
            3 => Self::Other("LZX"),
            _ => Self::Other("unknown"),
        }
    }
}

/// Gives what the blocks of a folder hold.
pub(super) struct Blocks<'i, 'b> {
    input: &'i mut Input<'b>,
    /// Blocks that are left.
    left: u16,
    packing: Packing,
    reserved: u8,
    undo: Decompress,
    /// What the last block became.
    held: Vec<u8>,
    given: usize,
}

impl<'i, 'b> Blocks<'i, 'b> {
    /// The next `count` blocks of `input`, each with `reserved` bytes behind its header.
    pub(super) fn new(input: &'i mut Input<'b>, count: u16, packing: Packing, reserved: u8) -> Self {
        let undo = Decompress::new(false);
        Self { input, left: count, packing, reserved, undo, held: Vec::new(), given: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.left -= 1;
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the cabinet is cut off");
        let header = self.input.take_bytes(8)?.ok_or_else(cut)?;
        self.input.skip(self.reserved.into())?;
        let packed = self.input.take_bytes(half(&header, 4).into())?.ok_or_else(cut)?;
        let length = usize::from(half(&header, 6));
        self.given = 0;
        let fits = match self.packing {
            _ if length == 0 => return Err(damage("a block goes on in another cabinet")),
            Packing::Mszip => self.inflate(&packed, length)?,
            _ => {
                self.held = packed;
                self.held.len() == length
            }
        };
        if fits { Ok(()) } else { Err(damage("a block has another length than it says")) }
    }

    /// Undoes MSZIP; returns whether all is there.
    fn inflate(&mut self, packed: &[u8], length: usize) -> io::Result<bool> {
        let Some(deflated) = packed.strip_prefix(b"CK").filter(|_| length <= BLOCK) else { return Ok(false) };
        self.undo.reset(false);
        if !self.held.is_empty() {
            self.undo.set_dictionary(&self.held)?;
        }
        self.held = vec![0; length];
        let status = self.undo.decompress(deflated, &mut self.held, FlushDecompress::Finish)?;
        let all = self.undo.total_out() == length as u64;
        Ok(all && matches!(status, Status::StreamEnd | Status::BufError | Status::Ok))
    }
}

fn damage(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl Read for Blocks<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held.len() && self.left > 0 && !out.is_empty() {
            self.next_block()?;
        }
        let take = out.len().min(self.held.len() - self.given);
        out[..take].copy_from_slice(&self.held[self.given..][..take]);
        self.given += take;
        Ok(take)
    }
}
