//! What everything passes that is read inside of a file: it is searched, counted against the limits, and its errors are kept.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::Context;
use super::searcher::Searcher;
use crate::content::Fault;
use crate::limits::Limit;

/// Bytes that nobody else reads are read so many at a time.
const BUFFER: usize = 16 << 10;

/// A bound on memory of which each decoder that asks leaves half to those inside of it.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Decoders outside of the current one that asked.
    outside: u32,
    /// Whether the current one did.
    asked: Cell<bool>,
}

impl Share {
    /// Begins a decoder; what is returned ends it.
    pub(super) fn enter(&mut self) -> (u32, bool) {
        let before = (self.outside, self.asked.get());
        self.outside += u32::from(self.asked.replace(false));
        before
    }

    pub(super) fn leave(&mut self, (outside, asked): (u32, bool)) {
        self.outside = outside;
        self.asked.set(asked);
    }

    /// What of `bound` the current decoder may have.
    pub(super) fn of(&self, bound: u64) -> u64 {
        self.asked.set(true);
        bound.checked_shr(self.outside).unwrap_or(0)
    }
}

/// Counts what looking into one file costs.
pub(super) struct Meter<'m> {
    context: &'m Context<'m>,
    /// Bytes of the file itself, and what it is taken to have more.
    pub(super) stored: Cell<u64>,
    /// Bytes shown, at all depths.
    pub(super) inner: Cell<u64>,
    began: Instant,
    /// The limit that was reached.
    pub(super) over: Cell<Option<Limit>>,
}

/// Stored bytes that every file is taken to have more for its ratio: what a tar takes for the smallest file and its header.
/// With more, a layer of many small bombs would cost more than one large one.
const RATIO_SLACK: u64 = 1 << 10;

impl<'m> Meter<'m> {
    pub(super) fn new(context: &'m Context<'m>) -> Self {
        let (stored, inner) = (Cell::new(RATIO_SLACK), Cell::new(0));
        Self { context, stored, inner, began: Instant::now(), over: Cell::new(None) }
    }

    fn count(&self, bytes: u64) {
        let limits = self.context.limits;
        let inner = self.inner.get() + bytes;
        self.inner.set(inner);
        let seconds = || self.began.elapsed() > Duration::from_secs(limits.get(Limit::FileSeconds));
        let over = if inner > limits.get(Limit::InnerBytes) {
            Some(Limit::InnerBytes)
        } else if inner / self.stored.get().max(1) >= limits.get(Limit::Ratio) {
            Some(Limit::Ratio)
        } else {
            seconds().then_some(Limit::FileSeconds)
        };
        if over.is_some() {
            self.over.set(over);
        }
    }
}

/// Gives the bytes of a part to whoever reads it, and shows them to a searcher.
pub(super) struct Tee<'t> {
    pub(super) body: &'t mut dyn Read,
    pub(super) searcher: Option<Searcher<'t>>,
    pub(super) meter: &'t Meter<'t>,
    pub(super) bytes: u64,
    pub(super) failed: Option<Fault>,
}

impl Tee<'_> {
    /// Reads what nobody has read.
    pub(super) fn drain(&mut self) {
        let mut buffer = [0; BUFFER];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

impl Read for Tee<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.meter.over.get().is_some() || self.failed.is_some() {
            return Err(io::Error::other("it is not read any further"));
        }
        let read = match self.body.read(out) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let again = io::Error::new(error.kind(), error.to_string());
                self.failed = Some(error.into());
                return Err(again);
            }
        };
        self.bytes += read as u64;
        match &mut self.searcher {
            None => self.meter.stored.set(self.meter.stored.get() + read as u64),
            Some(searcher) => {
                self.meter.count(read as u64);
                searcher.push(&out[..read]);
            }
        }
        Ok(read)
    }
}
