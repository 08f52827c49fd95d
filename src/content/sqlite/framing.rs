//! How pages stand in a file: one behind the other in a database, as frames in its write-ahead log, as records in its
//! rollback journal. A log has several versions of a page, and behind those that count, those of before.

use std::io::{self, BufRead};

use super::page::{MAGIC, number, short};
use crate::stream;

/// What a rollback journal starts with.
const JOURNAL: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// What a write-ahead log starts with, but for the last bit.
const WAL: &[u8] = &[0x37, 0x7f, 0x06];

/// Which of the three files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Database,
    Wal,
    Journal,
}

impl Form {
    /// The form of a file that begins like that.
    pub(super) fn sniff(head: &[u8]) -> Option<Self> {
        let form = if head.starts_with(MAGIC) {
            Self::Database
        } else if head.starts_with(WAL) && matches!(head.get(3), Some(0x82 | 0x83)) {
            Self::Wal
        } else if head.starts_with(JOURNAL) {
            Self::Journal
        } else {
            return None;
        };
        form.page_size(head).map(|_| form)
    }

    /// The size of a page, and how many bytes of it are used.
    pub(super) fn page_size(self, head: &[u8]) -> Option<(usize, usize)> {
        let (size, spare) = match self {
            Self::Database => {
                let size = match short(head, 16)? {
                    1 => 65536,
                    size => usize::from(size),
                };
                (size, usize::from(*head.get(20)?))
            }
            Self::Wal => (number(head, 8)? as usize, 0),
            Self::Journal => (number(head, 24)? as usize, 0),
        };
        let usable = size.checked_sub(spare)?;
        (size.is_power_of_two() && (512..=65536).contains(&size) && usable >= 480).then_some((size, usable))
    }
}

/// A page as it was read.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) number: u32,
    pub(super) bytes: Vec<u8>,
    /// Whether a transaction ends with it.
    pub(super) commit: bool,
}

/// Gives one page after the other.
pub(super) struct Frames<'b> {
    body: &'b mut dyn BufRead,
    form: Form,
    size: usize,
    /// Bytes that were read.
    at: u64,
    /// The page that comes next, of a database.
    next: u32,
    /// Records that are left before the next head of a journal.
    left: u64,
    sector: u64,
    failed: Option<io::Error>,
}

impl<'b> Frames<'b> {
    pub(super) fn new(body: &'b mut dyn BufRead, form: Form, size: usize) -> Self {
        Self { body, form, size, at: 0, next: 1, left: 0, sector: 512, failed: None }
    }

    /// The next page, and nothing behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        match self.form {
            Form::Database => {
                let frame = self.page(self.next, false)?;
                self.next = self.next.saturating_add(1);
                Ok(frame)
            }
            Form::Wal => {
                if self.at == 0 {
                    self.skip(32)?;
                }
                let head = self.read(24)?;
                let (Some(page), Some(size)) = (number(&head, 0), number(&head, 4)) else { return Ok(None) };
                self.page(page, size > 0)
            }
            Form::Journal => {
                if self.left == 0 && !self.journal_head()? {
                    return Ok(None);
                }
                self.left -= 1;
                let Some(page) = number(&self.read(4)?, 0) else { return Ok(None) };
                let frame = self.page(page, false)?;
                self.skip(4)?;
                Ok(frame)
            }
        }
    }

    /// A page that the end of the file cuts off goes on with zeros.
    fn page(&mut self, number: u32, commit: bool) -> io::Result<Option<Frame>> {
        let mut bytes = self.read(self.size)?;
        if let Some(failed) = self.failed.take_if(|_| bytes.is_empty()) {
            return Err(failed);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        bytes.resize(self.size, 0);
        Ok(Some(Frame { number, bytes, commit }))
    }

    /// Goes to the next sector, where a head may say how many records follow.
    fn journal_head(&mut self) -> io::Result<bool> {
        self.skip(self.at.next_multiple_of(self.sector) - self.at)?;
        let head = self.read(28)?;
        if !head.starts_with(JOURNAL) {
            return Ok(false);
        }
        // All that follow, where the count was not written yet.
        let count = number(&head, 8).filter(|count| !matches!(*count, 0 | u32::MAX));
        self.left = count.map_or(u64::MAX, u64::from);
        let sector = number(&head, 20).map_or(0, u64::from);
        if sector.is_power_of_two() && (32..=65536).contains(&sector) {
            self.sector = sector;
        }
        self.skip(self.at.next_multiple_of(self.sector) - self.at)?;
        Ok(true)
    }

    /// The next bytes; fewer at the end, and before an error, which comes when the next are asked for.
    fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let mut bytes = vec![0; length];
        let (read, failed) = stream::fill(&mut self.body, &mut bytes);
        self.failed = failed;
        bytes.truncate(read);
        self.at += read as u64;
        Ok(bytes)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.read(usize::try_from(bytes).unwrap_or(usize::MAX)).map(drop)
    }
}
