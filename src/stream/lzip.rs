//! One member of a lzip file: LZMA with properties that are always the same, between a header of six bytes and a trailer with
//! the checksum of what it holds and both sizes.

use std::io::{self, BufRead, Read};

use lzma_rust2::LzmaReader;

use super::peeked::Peeked;

/// The properties of every member: three bits of context, none of place, two of alignment.
const PROPERTIES: u8 = 93;
/// Bytes of a header and of a trailer.
const HEADER: usize = 6;
const TRAILER: usize = 20;

/// Whether a member begins with `head`: its version, and the size of a dictionary as it is coded there.
pub(super) fn is_lzip(head: &[u8]) -> bool {
    matches!(head, [b'L', b'Z', b'I', b'P', 1, size, ..] if (12..=29).contains(&(size & 0x1f)))
}

/// Gives what a member holds.
pub(super) struct Lzip<R> {
    state: State<R>,
    sum: crc32fast::Hasher,
    bytes: u64,
}

enum State<R> {
    Within(Box<LzmaReader<Peeked<R>>>),
    End(Peeked<R>),
    /// After an error.
    Gone,
}

/// Bytes of the dictionary that the header's byte `coded` asks for: a power of two, less some sixteenths of it (manual of lzip,
/// "File format").
pub(super) fn dictionary(coded: u8) -> u32 {
    let power = 1_u32 << (coded & 0x1f).clamp(12, 29);
    power - power / 16 * u32::from(coded >> 5)
}

impl<R: BufRead> Lzip<R> {
    /// Reads the member that starts at the next byte, with at most `window` bytes for its dictionary.
    pub(super) fn new(mut inner: Peeked<R>, window: u64) -> io::Result<Self> {
        let mut header = [0; HEADER];
        inner.read_exact(&mut header)?;
        let dictionary = dictionary(header[5]);
        if u64::from(dictionary) > window {
            let message = "it asks for more memory than it may have";
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
        }
        let reader = LzmaReader::new_with_props(inner, u64::MAX, PROPERTIES, dictionary, None)?;
        Ok(Self { state: State::Within(Box::new(reader)), sum: crc32fast::Hasher::new(), bytes: 0 })
    }

    /// After the end: the reader, at the first byte behind the member.
    pub(super) fn into_inner(self) -> Option<Peeked<R>> {
        match self.state {
            State::End(inner) => Some(inner),
            State::Within(_) | State::Gone => None,
        }
    }

    /// Compares what was read with the trailer.
    fn finish(&mut self) -> io::Result<()> {
        let State::Within(reader) = std::mem::replace(&mut self.state, State::Gone) else { return Ok(()) };
        let (mut inner, ahead) = reader.into_parts();
        inner.back(&ahead);
        let mut trailer = [0; TRAILER];
        inner.read_exact(&mut trailer)?;
        let expected = [&self.sum.clone().finalize().to_le_bytes()[..], &self.bytes.to_le_bytes()].concat();
        if !trailer.starts_with(&expected) {
            let message = "a member does not agree with its size and checksum";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.state = State::End(inner);
        Ok(())
    }
}

impl<R: BufRead> Read for Lzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let State::Within(reader) = &mut self.state else { return Ok(0) };
        if out.is_empty() {
            return Ok(0);
        }
        let read = reader.read(out)?;
        self.sum.update(&out[..read]);
        self.bytes += read as u64;
        if read == 0 {
            self.finish()?;
        }
        Ok(read)
    }
}
