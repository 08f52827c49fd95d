//! Streams of zlib inside of a larger stream: read to their exact end, and kept as they are stored if somebody wants that.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// The state of a decompressor, which is worth using again: a pack has as many streams as objects.
pub(super) struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Inflater {
    /// Decompresses the stream that starts at the next byte of `body`. With `keep` its bytes are kept as they are stored,
    /// and nothing is read beyond so many of them.
    pub(super) fn read<'i>(&'i mut self, body: &'i mut dyn BufRead, keep: Option<usize>) -> Inflating<'i> {
        self.0.reset(true);
        Inflating { state: &mut self.0, body, packed: Vec::new(), keep, ended: false }
    }

    /// All of the stream in `packed`, if it has `size` bytes.
    pub(super) fn whole(&mut self, mut packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let mut out = vec![0; size];
        let mut inflating = self.read(&mut packed, None);
        inflating.read_exact(&mut out)?;
        match inflating.read(&mut [0])? {
            0 => Ok(out),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it has more bytes than it says")),
        }
    }
}

/// See [`Inflater::read`].
pub(super) struct Inflating<'i> {
    state: &'i mut Decompress,
    body: &'i mut dyn BufRead,
    packed: Vec<u8>,
    keep: Option<usize>,
    ended: bool,
}

impl Inflating<'_> {
    /// The stream as stored, as far as it was read.
    pub(super) fn into_packed(self) -> Vec<u8> {
        self.packed
    }

    /// Whether the end of the stream was read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

impl Read for Inflating<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while !self.ended {
            let input = self.body.fill_buf()?;
            let at_end = input.is_empty();
            let room = self.keep.map_or(input.len(), |keep| keep - self.packed.len());
            if room == 0 && !at_end {
                return Ok(0);
            }
            let input = &input[..input.len().min(room)];
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, out, FlushDecompress::None).map_err(io::Error::from)?;
            let read = usize::try_from(self.state.total_in() - read).unwrap_or(input.len());
            let written = usize::try_from(self.state.total_out() - written).unwrap_or(out.len());
            if self.keep.is_some() {
                self.packed.extend_from_slice(&input[..read]);
            }
            self.body.consume(read);
            self.ended = status == Status::StreamEnd;
            if written > 0 {
                return Ok(written);
            }
            if at_end && !self.ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the compressed data are cut off"));
            }
            if read == 0 && !self.ended {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the compressed data do not go on"));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use super::*;

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_stream_is_read_to_its_exact_end() {
        let packed = zlib(&b"some text ".repeat(500));
        let bytes = [&packed[..], b"next"].concat();
        for piece in [1, 3, 4096] {
            let mut body = BufReader::with_capacity(piece, &bytes[..]);
            let mut inflater = Inflater::default();
            let mut inflating = inflater.read(&mut body, Some(1 << 20));
            let text = crate::stream::read_bounded(&mut inflating, 1 << 20).unwrap().unwrap();
            assert!(inflating.has_ended());
            assert_eq!((text.len(), inflating.into_packed()), (5000, packed.clone()));
            assert_eq!(crate::stream::read_bounded(&mut body, 10).unwrap().unwrap(), b"next");
            assert_eq!(inflater.whole(&packed, 5000).unwrap(), text);
            assert!(inflater.whole(&packed, 4999).is_err() && inflater.whole(&packed, 5001).is_err());
        }
    }

    #[test]
    fn no_more_is_read_than_what_may_be_kept() {
        let packed = zlib(&(0..=255).collect::<Vec<u8>>());
        let mut body = &packed[..];
        let mut inflater = Inflater::default();
        let mut inflating = inflater.read(&mut body, Some(packed.len() - 1));
        let text = crate::stream::read_bounded(&mut inflating, 1 << 20).unwrap().unwrap();
        assert!(!inflating.has_ended() && text.len() <= 256);
        assert_eq!(inflating.into_packed(), packed[..packed.len() - 1]);
        assert_eq!(body, &packed[packed.len() - 1..]);
    }

    #[test]
    fn what_is_cut_or_none_is_an_error() {
        let packed = zlib(b"some text");
        for bytes in [&packed[..packed.len() - 2], b"", b"no zlib at all"] {
            let mut body = bytes;
            let read = crate::stream::read_bounded(&mut Inflater::default().read(&mut body, None), 100);
            assert!(read.is_err());
        }
    }
}
