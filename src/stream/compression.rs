//! Compressed bytes in, plain bytes out, to the true end: every gzip member, every zstd and xz frame, every bzip2
//! stream, recognised by magic bytes and never by a media type.
//!
//! What follows the last member is not decompressed and not lost either: [`Decoder::into_rest`] gives the reader back,
//! and the caller looks at the rest as raw bytes. Skippable zstd frames (the tables of zstd:chunked) are kept apart.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::peeked::Peeked;

/// A compression that a blob or an archive can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878, skippable frames included.
    Zstd,
    /// The .xz file format 1.2.
    Xz,
    /// bzip2 1.0.
    Bzip2,
}

impl Compression {
    /// Recognises a compression by the first bytes of a stream.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // A stream may open with a skippable frame only if a zstd frame follows; see `is_skippable`.
            [_, 0x2a, 0x4d, 0x18, ..] if is_skippable(head) => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0x00, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// The name in ledgers and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// RFC 8878, section 3.1.2: magic numbers 0x184D2A50 to 0x184D2A5F.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What the decoder of an xz stream needs beside its dictionary, in KiB.
const XZ_BESIDE_KIB: u64 = 1 << 10;
/// Bytes of skippable frames that are kept.
const ASIDE_MAX: usize = 4 << 20;

/// Decompresses all members of a stream.
pub struct Decoder<R: BufRead> {
    state: State<R>,
    compression: Compression,
    /// Bytes that a window or dictionary may have.
    window: u64,
    aside: Aside,
}

/// Bytes beside the content of a compressed stream: zstd's skippable frames.
#[derive(Debug, Default)]
pub struct Aside {
    /// What was kept of them.
    pub bytes: Vec<u8>,
    /// How many bytes were not kept.
    pub left_out: u64,
}

enum State<R: BufRead> {
    Between(Peeked<R>),
    Gzip(Box<GzDecoder<Peeked<R>>>),
    Zstd(Box<ZstdDecoder<'static, Peeked<R>>>),
    Xz(Box<XzReader<Peeked<R>>>),
    Bzip2(Box<BzDecoder<Peeked<R>>>),
    End(Peeked<R>),
    /// Only while the state changes, and after an error.
    Gone,
}

impl<R: BufRead> Decoder<R> {
    /// Decompresses `inner`, which starts with a member of `compression`. A stream that asks for a window or dictionary
    /// larger than `window` bytes is an error of the kind [`OutOfMemory`](io::ErrorKind::OutOfMemory).
    pub fn new(inner: R, compression: Compression, window: u64) -> Self {
        Self { state: State::Between(Peeked::new(inner)), compression, window, aside: Aside::default() }
    }

    /// After the end of the content: the reader, at the first byte behind the last member, and the bytes beside the
    /// content. None after an error.
    pub fn into_rest(self) -> (Option<Peeked<R>>, Aside) {
        let rest = match self.state {
            State::Between(rest) | State::End(rest) => Some(rest),
            _ => None,
        };
        (rest, self.aside)
    }

    /// Starts the next member, or ends if there is none.
    fn next_member(&mut self, mut inner: Peeked<R>) -> io::Result<()> {
        loop {
            let head = inner.peek()?;
            if self.compression == Compression::Zstd && is_skippable(head) {
                self.skip_frame(&mut inner)?;
                continue;
            }
            let memory = u32::try_from(self.window / 1024 + XZ_BESIDE_KIB).unwrap_or(u32::MAX);
            self.state = match (self.compression, head) {
                (Compression::Gzip, [0x1f, 0x8b, ..]) => State::Gzip(Box::new(GzDecoder::new(inner))),
                (Compression::Zstd, [0x28, 0xb5, 0x2f, 0xfd, ..]) => {
                    let mut decoder = ZstdDecoder::with_buffer(inner)?.single_frame();
                    // From 1 KiB (RFC 8878, section 3.1.1.1.2) to what the library can hold.
                    decoder.window_log_max(self.window.max(1).ilog2().clamp(10, 31))?;
                    State::Zstd(Box::new(decoder))
                }
                (Compression::Xz, [0xfd, b'7', b'z', b'X', ..]) => {
                    State::Xz(Box::new(XzReader::new_mem_limit(inner, false, memory)))
                }
                (Compression::Bzip2, [b'B', b'Z', b'h', b'1'..=b'9', ..]) => {
                    State::Bzip2(Box::new(BzDecoder::new(inner)))
                }
                _ => State::End(inner),
            };
            return Ok(());
        }
    }

    fn skip_frame(&mut self, inner: &mut Peeked<R>) -> io::Result<()> {
        let mut header = [0; 8];
        inner.read_exact(&mut header)?;
        let mut left = u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
        while left > 0 {
            let available = inner.fill_buf()?;
            if available.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "a skippable zstd frame is cut off",
                ));
            }
            let take = available.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let keep = take.min(ASIDE_MAX - self.aside.bytes.len());
            self.aside.bytes.extend_from_slice(&available[..keep]);
            self.aside.left_out += (take - keep) as u64;
            inner.consume(take);
            left -= take as u64;
        }
        Ok(())
    }
}

/// The two libraries say only in words that a stream asks for more memory than it may have.
fn memory(error: io::Error) -> io::Error {
    let text = error.to_string();
    if text.contains("too much memory") || text.contains("needed memory too big") {
        return io::Error::new(io::ErrorKind::OutOfMemory, "it asks for more memory than it may have");
    }
    error
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.state {
                State::Gzip(decoder) => decoder.read(out)?,
                State::Zstd(decoder) => decoder.read(out).map_err(memory)?,
                State::Xz(decoder) => decoder.read(out).map_err(memory)?,
                State::Bzip2(decoder) => decoder.read(out)?,
                State::End(_) | State::Gone => return Ok(0),
                State::Between(_) => 0,
            };
            if read > 0 {
                return Ok(read);
            }
            let inner = match std::mem::replace(&mut self.state, State::Gone) {
                State::Gzip(decoder) => decoder.into_inner(),
                State::Zstd(decoder) => decoder.finish(),
                State::Xz(decoder) => decoder.into_inner(),
                State::Bzip2(decoder) => decoder.into_inner(),
                State::Between(inner) => inner,
                State::End(_) | State::Gone => unreachable!("both returned above"),
            };
            self.next_member(inner)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use super::*;
    use crate::stream::read_bounded;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> (io::Result<Vec<u8>>, Vec<u8>, Aside) {
        read_in_pieces(bytes, bytes.len())
    }

    /// Reads through a buffer of `piece` bytes.
    fn read_in_pieces(bytes: &[u8], piece: usize) -> (io::Result<Vec<u8>>, Vec<u8>, Aside) {
        let reader = BufReader::with_capacity(piece, bytes);
        let mut decoder = Decoder::new(reader, Compression::sniff(bytes).unwrap(), 1 << 26);
        let mut out = Vec::new();
        let mut buffer = [0; 7];
        let result = loop {
            match decoder.read(&mut buffer) {
                Ok(0) => break Ok(out),
                Ok(read) => out.extend_from_slice(&buffer[..read]),
                Err(error) => break Err(error),
            }
        };
        let (rest, aside) = decoder.into_rest();
        let rest = rest.map(|mut rest| read_bounded(&mut rest, 1 << 20).unwrap().unwrap());
        (result, rest.unwrap_or_default(), aside)
    }

    #[test]
    fn every_gzip_member_is_read_and_the_rest_is_given_back() {
        let bytes = [gzip(b"first "), gzip(b""), gzip(b"second"), b"trailing".to_vec()].concat();
        let (plain, rest, _) = read_all(&bytes);
        assert_eq!(plain.unwrap(), b"first second");
        assert_eq!(rest, b"trailing");
    }

    #[test]
    fn a_member_may_begin_where_a_buffer_ends() {
        let bytes = [gzip(b"first "), gzip(b"second"), b"trailing".to_vec()].concat();
        for piece in 1..bytes.len() {
            let (plain, rest, _) = read_in_pieces(&bytes, piece);
            assert_eq!((&plain.unwrap()[..], &rest[..]), (&b"first second"[..], &b"trailing"[..]), "{piece}");
        }
    }

    #[test]
    fn every_zstd_frame_is_read_and_skippable_frames_are_kept_apart() {
        let frame = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"aside"].concat();
        let bytes = [skippable.clone(), frame(b"first "), skippable, frame(b"second")].concat();
        let (plain, rest, aside) = read_all(&bytes);
        assert_eq!(plain.unwrap(), b"first second");
        assert!(rest.is_empty());
        assert_eq!(aside.bytes, b"asideaside");
    }

    #[test]
    fn a_cut_stream_is_an_error_and_not_an_end() {
        let bytes = gzip(b"some text that is long enough to be cut");
        let zstd = zstd::encode_all(&b"some text that is long enough to be cut"[..], 1).unwrap();
        for cut in [&bytes[..bytes.len() - 3], &bytes[..12], &zstd[..zstd.len() - 2]] {
            assert!(read_all(cut).0.is_err());
        }
    }

    #[test]
    fn a_window_larger_than_allowed_is_told_apart_from_damage() {
        let text: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let bytes = zstd::encode_all(&text[..], 1).unwrap();
        let error = Decoder::new(&bytes[..], Compression::Zstd, 1 << 10).read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
    }

    #[test]
    fn magic_bytes_decide() {
        assert_eq!(Compression::sniff(b"BZh"), None);
        assert_eq!(Compression::sniff(b"BZhello world"), None);
        assert_eq!(Compression::sniff(&gzip(b"")), Some(Compression::Gzip));
        assert_eq!(Compression::sniff(b""), None);
    }
}
