//! Compressed bytes in, plain bytes out, to the true end: every gzip member, every zstd, xz and LZ4 frame, every bzip2
//! stream, every member of lzip, recognised by magic bytes and never by a media type.
//!
//! What follows the last member is not decompressed and not lost either: [`Decoder::into_rest`] gives the reader back,
//! and the caller looks at the rest as raw bytes. Skippable zstd frames (the tables of zstd:chunked) are kept apart.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::{LzmaReader, XzReader};

use super::frames::{self, Frame};
use super::lz4::{Lz4, is_lz4};
use super::lzip::{Lzip, is_lzip};
use super::lzw::{Lzw, is_lzw};
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
    /// LZ4 frames 1.6.4, and the legacy form.
    Lz4,
    /// The .lzma format, which was there before .xz.
    Lzma,
    /// The .lz format of lzip, version 1.
    Lzip,
    /// The .Z format of compress.
    Compress,
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
            head if is_lz4(head) => Some(Self::Lz4),
            head if is_lzip(head) => Some(Self::Lzip),
            head if is_lzma(head) => Some(Self::Lzma),
            head if is_lzw(head) => Some(Self::Compress),
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
            Self::Lz4 => "lz4",
            Self::Lzma => "lzma",
            Self::Lzip => "lzip",
            Self::Compress => "compress",
        }
    }
}

/// RFC 8878, section 3.1.2: magic numbers 0x184D2A50 to 0x184D2A5F.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// The .lzma format has no magic bytes. Its properties are those that every program writes unless told otherwise, its
/// dictionary is of a size that programs choose, its content's size is unknown or below 256 GiB (as the tools of xz ask for
/// it), and its first coded byte is always zero.
fn is_lzma(head: &[u8]) -> bool {
    let [0x5d, dictionary @ .., 0] = head.first_chunk::<14>().copied().unwrap_or_default() else {
        return false;
    };
    let (dictionary, size) = dictionary.split_at(4);
    let dictionary = u32::from_le_bytes(dictionary.try_into().unwrap_or_default());
    let size = u64::from_le_bytes(size.try_into().unwrap_or_default());
    let round = dictionary.is_power_of_two() || (dictionary % 3 == 0 && (dictionary / 3).is_power_of_two());
    dictionary >= 1 << 12 && round && (size == u64::MAX || size < 1 << 38)
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
    /// Between two frames of zstd.
    frames: Option<frames::State>,
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
    Zstd(Box<Frame<Peeked<R>>>),
    Xz(Box<XzReader<Peeked<R>>>),
    Bzip2(Box<BzDecoder<Peeked<R>>>),
    Lz4(Box<Lz4<R>>),
    Lzma(Box<LzmaReader<Peeked<R>>>),
    Lzip(Box<Lzip<R>>),
    Compress(Box<Lzw<R>>),
    End(Peeked<R>),
    /// Only while the state changes, and after an error.
    Gone,
}

impl<R: BufRead> Decoder<R> {
    /// Decompresses `inner`, which starts with a member of `compression`. A stream that asks for a window or dictionary
    /// larger than `window` bytes is an error of the kind [`OutOfMemory`](io::ErrorKind::OutOfMemory).
    pub fn new(inner: R, compression: Compression, window: u64) -> Self {
        Self {
            state: State::Between(Peeked::new(inner)),
            compression,
            window,
            aside: Aside::default(),
            frames: None,
        }
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
            let most = u32::try_from(self.window / 1024 + XZ_BESIDE_KIB).unwrap_or(u32::MAX);
            self.state = match (self.compression, head) {
                (Compression::Gzip, [0x1f, 0x8b, ..]) => State::Gzip(Box::new(GzDecoder::new(inner))),
                (Compression::Zstd, [0x28, 0xb5, 0x2f, 0xfd, ..]) => {
                    // From 1 KiB (RFC 8878, section 3.1.1.1.2) to what the library can hold.
                    let window = self.window.max(1).ilog2().clamp(10, 31);
                    State::Zstd(Box::new(Frame::new(inner, self.frames.take(), window)?))
                }
                (Compression::Xz, [0xfd, b'7', b'z', b'X', ..]) => {
                    State::Xz(Box::new(XzReader::new_mem_limit(inner, false, most)))
                }
                (Compression::Bzip2, [b'B', b'Z', b'h', b'1'..=b'9', ..]) => {
                    State::Bzip2(Box::new(BzDecoder::new(inner)))
                }
                (Compression::Lz4, head) if is_lz4(head) => {
                    State::Lz4(Box::new(Lz4::new(inner, self.window)?))
                }
                (Compression::Lzma, head) if is_lzma(head) => {
                    State::Lzma(Box::new(LzmaReader::new_mem_limit(inner, most, None).map_err(memory)?))
                }
                (Compression::Lzip, head) if is_lzip(head) => {
                    State::Lzip(Box::new(Lzip::new(inner, self.window)?))
                }
                (Compression::Compress, head) if is_lzw(head) => State::Compress(Box::new(Lzw::new(inner)?)),
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
                State::Lz4(decoder) => decoder.read(out)?,
                State::Lzma(decoder) => decoder.read(out).map_err(memory)?,
                State::Lzip(decoder) => decoder.read(out)?,
                State::Compress(decoder) => decoder.read(out)?,
                State::End(_) | State::Gone => return Ok(0),
                State::Between(_) => 0,
            };
            if read > 0 {
                return Ok(read);
            }
            let inner = match std::mem::replace(&mut self.state, State::Gone) {
                State::Gzip(decoder) => decoder.into_inner(),
                State::Zstd(frame) => {
                    let (inner, state) = frame.into_inner();
                    self.frames = state;
                    inner
                }
                State::Xz(decoder) => decoder.into_inner(),
                State::Bzip2(decoder) => decoder.into_inner(),
                State::Lz4(decoder) => decoder.into_inner(),
                State::Compress(decoder) => decoder.into_inner(),
                State::Lzma(decoder) => {
                    let (mut inner, ahead) = decoder.into_parts();
                    inner.back(&ahead);
                    inner
                }
                State::Lzip(decoder) => match decoder.into_inner() {
                    Some(inner) => inner,
                    None => return Ok(0),
                },
                State::Between(inner) => inner,
                State::End(_) | State::Gone => unreachable!("both returned above"),
            };
            self.next_member(inner)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::{BufReader, Write};
    use std::process::{Command, Stdio};
    use std::sync::LazyLock;

    use proptest::prelude::*;

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

    /// What `command` makes of the text on its input.
    fn made(command: &[&str], text: &[u8]) -> Vec<u8> {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run tests/install.sh", command[0]));
        let (mut stdin, text) = (child.stdin.take().unwrap(), text.to_vec());
        let writer = std::thread::spawn(move || stdin.write_all(&text).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(!output.stdout.is_empty(), "{command:?}");
        output.stdout
    }

    /// Text of many lines, of which few are alike.
    fn text(lines: u32) -> Vec<u8> {
        let mut text = String::new();
        for line in 0..lines {
            writeln!(text, "line {:x} of some text", line.wrapping_mul(2_654_435_761)).unwrap();
        }
        text.into_bytes()
    }

    #[test]
    fn what_the_tools_write_is_read_and_what_follows_is_given_back() {
        let (short, long) = (text(3), text(60_000));
        for command in [
            &["lz4", "-qzc"][..],
            &["lz4", "-qzc", "-BD", "-B4"],
            &["lz4", "-qzc", "-BD", "-B5", "-BX", "--content-size", "-9"],
            &["lz4", "-qzc", "--no-frame-crc", "-B7"],
            &["lz4", "-zcl"],
            &["xz", "-zc", "--format=lzma"],
            &["xz", "-zc", "--format=lzma", "-1"],
            &["xz", "-zc"],
            &["bzip2", "-zc"],
            &["lzip", "-c"],
            &["lzip", "-c0", "-b", "100000"],
        ] {
            for text in [&short, &long] {
                let bytes = [&made(command, text)[..], b"zz trailing"].concat();
                for piece in [3, 4096] {
                    let (plain, rest, _) = read_in_pieces(&bytes, piece);
                    assert!(plain.unwrap() == **text, "{command:?}");
                    assert_eq!(rest, b"zz trailing", "{command:?} {piece}");
                }
            }
        }
    }

    #[test]
    fn compress_is_read_with_codes_of_any_width() {
        let texts = [text(3), text(60_000), vec![b'a'; 100_000]];
        // What it writes with nine bits it cannot read itself.
        for width in ["10", "12", "16"] {
            for text in &texts {
                let bytes = made(&["compress", "-c", "-b", width], text);
                for piece in [3, 4096] {
                    assert!(read_in_pieces(&bytes, piece).0.unwrap() == *text, "{width}");
                }
            }
        }
    }

    #[test]
    fn lz4_frames_follow_each_other_and_a_cut_one_is_an_error() {
        let (first, second) = (text(9000), text(100));
        for option in ["-zc", "-zcl"] {
            let frames = [made(&["lz4", option], &first), made(&["lz4", option], &second)].concat();
            assert!(read_all(&frames).0.unwrap() == [&first[..], &second].concat(), "{option}");
        }
        let frame = made(&["lz4", "-qzc"], &first);
        for cut in [frame.len() - 1, frame.len() - 5, frame.len() - 8, 300] {
            assert!(read_all(&frame[..cut]).0.is_err(), "{cut}");
        }
        let mut wrong = frame.clone();
        wrong[200] ^= 1;
        assert!(read_all(&wrong).0.is_err());
    }

    #[test]
    fn a_member_of_lzip_agrees_with_its_trailer() {
        let member = made(&["lzip", "-c"], &text(9000));
        let length = member.len();
        assert!(read_all(&[&member[..], &member].concat()).0.unwrap() == text(9000).repeat(2));
        for at in [300, length - 20, length - 16] {
            let mut wrong = member.clone();
            wrong[at] ^= 1;
            assert!(read_all(&wrong).0.is_err(), "{at}");
        }
        for cut in [6, 20, length / 2, length - 1] {
            assert!(read_all(&member[..cut]).0.is_err(), "{cut}");
        }
    }

    #[test]
    fn lz4_lzma_and_lzip_ask_for_no_more_memory_than_they_may_have() {
        for command in
            [&["lz4", "-qzc"][..], &["lz4", "-zcl"], &["xz", "-zc", "--format=lzma", "-9"], &["lzip", "-c"]]
        {
            let bytes = made(command, &text(10));
            let compression = Compression::sniff(&bytes).unwrap();
            let error = Decoder::new(&bytes[..], compression, 1 << 10).read(&mut [0; 10]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{command:?}");
        }
    }

    proptest! {
        #[test]
        fn changed_bytes_make_no_panic(command in 0usize..5, at in any::<usize>(), byte in any::<u8>()) {
            static MADE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
                let commands: [&[&str]; 5] =
                    [&["lz4", "-qzc", "-BD"], &["lz4", "-zcl"], &["xz", "-zc", "--format=lzma"], &["compress", "-c"], &["lzip", "-c"]];
                commands.iter().map(|command| made(command, &text(200))).collect()
            });
            let mut bytes = MADE[command].clone();
            let at = at % bytes.len();
            bytes[at] = byte;
            if Compression::sniff(&bytes).is_some() {
                let _ = read_all(&bytes);
            }
        }
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
        assert_eq!(Compression::sniff(b"]\0\0 is no LZMA"), None);
        assert_eq!(Compression::sniff(&[0x1f, 0x9d, 0x90, 0xff, 0xff, 0xff]), None);
    }
}
