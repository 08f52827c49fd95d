//! An outcome that is written down and read again: what a service keeps, to write any format of it later.
//!
//! It is the report of the `json` format, as anybody may have it, and beside it what only programs need: the marks that
//! stand beside credentials, and when the scan was. So what is kept is described already, old ones stay readable for as long
//! as that version of the report does, and a report that somebody has in a file is read in the same way. Credentials are in
//! it as reports show them and in no other form.

mod read;

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use self::read::KeptError;
use super::model::{REPORT, Report};
use super::{ReportOptions, Tool, escape};
use crate::findings::{Outcome, Place};
use crate::matcher::Mark;
use crate::stream::read_bounded;

/// The version of the document around the report.
const KEPT: &str = "layersift.kept/v1";

/// Bytes of the largest document that is written and read.
pub const LARGEST: u64 = 256 << 20;

/// Level of the compression.
const LEVEL: i32 = 3;

/// Why an outcome is not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// It has more bytes than would be read.
    #[error("it has more than {LARGEST} bytes")]
    TooLarge,
    /// It cannot be packed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Passes on so many bytes, and fails with the next one.
struct Bounded<W> {
    out: W,
    room: u64,
    full: bool,
}

/// An outcome, and what of its run is not in it.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// What the scan yielded.
    pub outcome: Outcome,
    /// What scanned.
    pub tool: Tool,
    /// When the scan began and ended, where that is known.
    pub times: Option<(SystemTime, SystemTime)>,
}

#[derive(Serialize)]
struct Document<'k> {
    schema: &'static str,
    /// Milliseconds since 1970.
    times: Option<(u64, u64)>,
    marks: Vec<MarkAt>,
    report: Report<'k>,
}

/// The mark beside a place of a finding, both by their position in the report.
#[derive(Serialize, Deserialize)]
struct MarkAt {
    finding: usize,
    place: usize,
    mark: Mark,
}

impl Kept {
    /// Writes it as JSON in zstd, of at most [`LARGEST`] bytes, which is as much as [`Kept::unpack`] reads.
    pub fn pack(&self) -> Result<Vec<u8>, PackError> {
        self.pack_within(LARGEST)
    }

    fn pack_within(&self, room: u64) -> Result<Vec<u8>, PackError> {
        let mut out = Bounded { out: zstd::Encoder::new(Vec::new(), LEVEL)?, room, full: false };
        let written = self.write(&mut out);
        if out.full {
            return Err(PackError::TooLarge);
        }
        written?;
        Ok(out.out.finish()?)
    }

    /// Reads what [`Kept::pack`] wrote, now or in an earlier version. Holds at most [`LARGEST`] bytes of it at a time.
    pub fn unpack(packed: &[u8]) -> Result<Self, KeptError> {
        let mut unpacker = zstd::Decoder::with_buffer(packed).map_err(KeptError::Damaged)?;
        let text = read_bounded(&mut unpacker, LARGEST).map_err(KeptError::Damaged)?;
        Self::read(&text.ok_or(KeptError::TooLarge)?)
    }

    /// Reads a document, or a report of the `json` format, which is the same without what only programs need.
    pub fn read(text: &[u8]) -> Result<Self, KeptError> {
        read::read(text)
    }

    /// How a report of it is written that looks as `options` say: it was made by what scanned, when it scanned.
    #[must_use]
    pub fn options(&self, options: &ReportOptions) -> ReportOptions {
        let (started, ended) = self.times.unzip();
        ReportOptions { tool: self.tool.clone(), started, ended, ..options.clone() }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let options = ReportOptions { tool: self.tool.clone(), ..ReportOptions::default() };
        let findings = self.outcome.findings.iter().enumerate();
        let marks = findings.flat_map(|(finding, found)| {
            let places = found.places.iter().enumerate();
            places.filter_map(move |(place, at): (usize, &Place)| {
                Some(MarkAt { finding, place, mark: at.mark.clone()? })
            })
        });
        let document = Document {
            schema: KEPT,
            times: self.times.map(|(began, ended)| (milliseconds(began), milliseconds(ended))),
            marks: marks.collect(),
            report: Report::new(&self.outcome, &options),
        };
        escape::line(out, &document)
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full |= bytes.len() as u64 > self.room;
        if self.full {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.out.write(bytes)?;
        self.room -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whether `schema` is that of one report.
fn is_report(schema: &str) -> bool {
    schema == REPORT
}

#[cfg(test)]
mod tests;
