//! The members of an archive, pulled one after another: for the outer archive, whose members are blobs and documents.
//!
//! Layers are not read with this but pushed through the [`Walker`](super::Walker), which needs no copy of the content.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::bounded::{Section, fill, read_bounded};
use super::header::{BLOCK, Block, Extensions, Member, RawHeader, read_block};
use crate::limits::{Limit, Limits};

/// A reader that can also go forward without giving the bytes.
pub trait Forward: Read {
    /// Passes over `bytes` bytes.
    fn forward(&mut self, bytes: u64) -> io::Result<()>;
}

/// A stream that can only be read: what is passed over is read and dropped.
pub struct Streamed<R>(pub R);

impl<R: Read> Read for Streamed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl<R: Read> Forward for Streamed<R> {
    fn forward(&mut self, mut bytes: u64) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while bytes > 0 {
            let most = buffer.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            let (read, error) = fill(&mut self.0, &mut buffer[..most]);
            if read == 0 {
                return Err(error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
            }
            bytes -= read as u64;
        }
        Ok(())
    }
}

impl<R: Read + Seek> Forward for BufReader<R> {
    fn forward(&mut self, bytes: u64) -> io::Result<()> {
        match i64::try_from(bytes) {
            Ok(bytes) => self.seek_relative(bytes),
            Err(_) => self.seek(SeekFrom::End(0)).map(drop),
        }
    }
}

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Reading failed, or the archive is cut off.
    #[error("cannot read on at byte {offset}: {source}")]
    Read {
        /// Offset in the archive.
        offset: u64,
        /// What happened.
        source: io::Error,
    },
    /// A block that should be a header is none.
    #[error("no tar header at byte {offset}, where one should be")]
    Header {
        /// Offset in the archive.
        offset: u64,
    },
    /// An extension header is larger than the limit.
    #[error("a tar extension header at byte {offset} has {size} bytes")]
    Extension {
        /// Offset in the archive.
        offset: u64,
        /// Bytes that it claims.
        size: u64,
    },
}

/// Reads an archive member by member.
pub struct Members<R> {
    inner: R,
    /// Offset of the next byte that `inner` gives.
    offset: u64,
    /// Bytes of the current member that were not read, and its padding.
    left: u64,
    padding: u64,
    header_bytes: u64,
    extensions: Extensions,
    /// Whether the stream ended where the end marker should be.
    unmarked: bool,
}

impl<R: Forward> Members<R> {
    /// Reads the archive that starts at the next byte of `inner`.
    pub fn new(inner: R, limits: &Limits) -> Self {
        let header_bytes = limits.get(Limit::HeaderBytes);
        Self {
            inner,
            offset: 0,
            left: 0,
            padding: 0,
            header_bytes,
            extensions: Extensions::default(),
            unmarked: false,
        }
    }

    /// The next member, or none at the end of the archive. What was not read of the last member is passed over.
    pub fn next_member(&mut self) -> Result<Option<Member>, ArchiveError> {
        loop {
            let rest = self.left + self.padding;
            self.inner.forward(rest).map_err(|source| ArchiveError::Read { offset: self.offset, source })?;
            self.offset += rest;
            (self.left, self.padding) = (0, 0);
            let at = self.offset;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            self.enter(header.size);
            if !header.kind.is_extension() {
                let member = self.extensions.apply(header);
                self.enter(member.size);
                return Ok(Some(member));
            }
            let (kind, size, bound) = (header.kind, header.size, self.header_bytes);
            if size > bound {
                return Err(ArchiveError::Extension { offset: at, size });
            }
            let content = read_bounded(&mut self.body(), bound)
                .map_err(|source| ArchiveError::Read { offset: at, source })?
                .unwrap_or_default();
            if !self.extensions.add(kind, &content) {
                return Err(ArchiveError::Header { offset: at });
            }
        }
    }

    /// The content of the current member.
    pub fn body(&mut self) -> Body<'_, R> {
        Body(self)
    }

    /// Where the stream ended, if it ended without the end marker that every archive has: it may have been cut between
    /// two members. Asked after [`Members::next_member`] gave none.
    pub fn unmarked(&self) -> Option<u64> {
        self.unmarked.then_some(self.offset)
    }

    /// Offset in the archive of the current member's next byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is behind the end of the archive.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn enter(&mut self, size: u64) {
        self.left = size;
        self.padding = padding(size);
    }

    /// The next header, or none at the end marker or the end of the stream.
    fn header(&mut self) -> Result<Option<RawHeader>, ArchiveError> {
        let mut zeros = 0;
        loop {
            let at = self.offset;
            let Some(block) = self.block()? else {
                // Some writers end with one block of zeros; that is a mark too.
                self.unmarked = zeros == 0;
                return Ok(None);
            };
            match read_block(&block) {
                Block::Header(header) => {
                    let mut more = header.sparse_extended;
                    while more {
                        more = self.block()?.is_some_and(|block| block[504] == 1);
                    }
                    return Ok(Some(*header));
                }
                Block::Zero if zeros == 1 => return Ok(None),
                Block::Zero => zeros += 1,
                Block::Damaged => return Err(ArchiveError::Header { offset: at }),
            }
        }
    }

    /// The next block, or none if the stream ends before it.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
        let mut block = [0; BLOCK];
        let (filled, error) = fill(&mut self.inner, &mut block);
        let offset = self.offset;
        self.offset += filled as u64;
        match (filled, error) {
            (BLOCK, _) => Ok(Some(block)),
            (_, Some(source)) => Err(ArchiveError::Read { offset, source }),
            (0, None) => Ok(None),
            (_, None) => Err(ArchiveError::Read { offset, source: io::ErrorKind::UnexpectedEof.into() }),
        }
    }
}

/// Zeros that fill the last block of `size` bytes of content.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// The content of the current member of a [`Members`].
pub struct Body<'m, R>(&'m mut Members<R>);

impl<R: Forward> Read for Body<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = Section::new(&mut self.0.inner, self.0.left).read(out)?;
        self.0.left -= read as u64;
        self.0.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in
            [("a", "first".to_owned()), (&"long/".repeat(60)[..], String::new()), ("b", "x".repeat(700))]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn names<R: Forward>(reader: R) -> Vec<String> {
        let mut members = Members::new(reader, &Limits::default());
        let mut names = Vec::new();
        while let Some(member) = members.next_member().unwrap() {
            names.push(format!("{}:{}", String::from_utf8_lossy(&member.path), member.size));
        }
        names
    }

    #[test]
    fn a_stream_and_a_file_give_the_same_members() {
        let bytes = archive();
        let streamed = names(Streamed(&bytes[..]));
        assert_eq!(streamed, names(BufReader::new(Cursor::new(&bytes))));
        assert_eq!(streamed.len(), 3);
        assert_eq!(streamed[2], "b:700");
    }

    #[test]
    fn a_body_ends_with_its_member() {
        let bytes = archive();
        let mut members = Members::new(Streamed(&bytes[..]), &Limits::default());
        members.next_member().unwrap();
        assert_eq!(read_bounded(&mut members.body(), 100).unwrap().unwrap(), b"first");
        assert_eq!(members.next_member().unwrap().unwrap().path.len(), 299);
    }

    #[test]
    fn a_cut_archive_is_an_error() {
        let bytes = archive();
        let cut = &bytes[..bytes.len() - 1024 - 600];
        let mut members = Members::new(Streamed(cut), &Limits::default());
        let error = loop {
            match members.next_member() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("taken for a whole archive"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ArchiveError::Read { .. }), "{error}");
    }
}
