//! The reader stack: from stored bytes to the entries of a tar, one reader with one job on top of another.
//!
//! For a layer, from the bottom: the source's bytes, which are hashed as stored, [`Decoder`] (all members), then chunks of
//! plain bytes that are hashed again (`diff_id`) and pushed through a [`Walker`]. At the end the rest is
//! read too, because only the true end of a stream proves its digest. For an archive: [`Members`].

mod bounded;
mod compression;
mod frames;
pub mod header;
mod lz4;
mod lzip;
mod lzw;
mod members;
mod paths;
mod peeked;
mod walker;
mod window;

pub use self::bounded::{Section, fill, read_bounded};
pub use self::compression::{Aside, Compression, Decoder};
pub use self::members::{ArchiveError, Body, Forward, Members, Streamed};
pub use self::paths::{Effect, Link, PathIndex, ancestors, key};
pub use self::peeked::Peeked;
pub use self::walker::{Entry, Segment, SegmentKind, Text, TextKind, Walked, Walker};
pub use self::window::window;

/// Whether the first block of a stream is a tar header, or the end marker of an empty tar.
pub fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<{ header::BLOCK }>() else {
        return false;
    };
    match header::read_block(block) {
        header::Block::Header(_) => true,
        header::Block::Zero => head.iter().all(|byte| *byte == 0),
        header::Block::Damaged => false,
    }
}
