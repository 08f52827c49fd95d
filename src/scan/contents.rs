//! Names the content of files that have matches by its digests, as package lists do.
//!
//! Hashing every file three times would cost more than searching it, and few have a match. So a file that lies in a chunk
//! is hashed there, once a match was made in it. Of a file that crosses chunks the bytes are kept (see `whole`) until all of
//! its chunks came by in their order, and hashed then. Files of more than [`MOST`] bytes go without: of those, what the
//! layers tell has to do.

use std::collections::{BTreeMap, BTreeSet};

use super::chunk::{Chunk, LEFT};
use super::matching::Match;
use super::whole::WholeFile;
use crate::image::PlaceKind;
use crate::packages::Heads;
use crate::stream::{Segment, SegmentKind};

/// Bytes of a file that is named by its digests.
pub(super) const MOST: u64 = 4 << 20;

/// How many bytes to keep of a file that no chunk answers for alone, `end` being where the chunk ends that it starts in.
pub(super) fn crossing(segment: &Segment, end: u64) -> Option<usize> {
    let size = segment.end - segment.start;
    let crosses = segment.end.saturating_add(LEFT as u64) > end;
    (crosses && size <= MOST).then(|| usize::try_from(size).ok()).flatten()
}

/// The digests of files that have a match and lie in the chunk that answers for them.
pub(super) fn of_chunk(chunk: &Chunk, found: &[Match]) -> Vec<(u64, Heads)> {
    let new = chunk.base + chunk.new as u64;
    let end = chunk.base + chunk.bytes.len() as u64;
    let ordinals: BTreeSet<u64> = matched(found).collect();
    let whole = |segment: &&Segment| {
        segment.kind == SegmentKind::Content
            && segment.start >= new
            && crossing(segment, end).is_none()
            && segment.end <= end
    };
    let digest = |segment: &Segment| {
        let ordinal = segment.entry.as_ref()?.ordinal;
        let local = |at: u64| usize::try_from(at - chunk.base).ok();
        let bytes = chunk.bytes.get(local(segment.start)?..local(segment.end)?)?;
        ordinals.contains(&ordinal).then(|| (ordinal, Heads::of(bytes)))
    };
    chunk.segments.iter().filter(whole).filter_map(digest).collect()
}

/// The ordinals of files with matches in their content.
pub(super) fn matched(found: &[Match]) -> impl Iterator<Item = u64> + '_ {
    found.iter().filter(|found| found.kind == PlaceKind::File).filter_map(Match::ordinal)
}

/// Takes what chunk after chunk tells.
#[derive(Debug)]
pub(super) struct Contents {
    known: BTreeMap<u64, Heads>,
    /// Files that are kept in `known`.
    most: usize,
    /// The last file with a match: the only one of those so far that may not have ended yet.
    last: Option<u64>,
    /// Files that ended in the last chunk: the next one may still have a match in them.
    waiting: Vec<WholeFile>,
}

impl Contents {
    /// Keeps the digests of at most `most` files.
    pub(super) fn new(most: usize) -> Self {
        Self { known: BTreeMap::new(), most, last: None, waiting: Vec::new() }
    }

    /// Takes the files with matches of the next chunk, the digests of those that it has whole, and the files that end in it.
    pub(super) fn add(
        &mut self,
        mut matched: BTreeSet<u64>,
        known: Vec<(u64, Heads)>,
        ended: Vec<WholeFile>,
    ) {
        matched.extend(self.last);
        self.last = matched.last().copied();
        for (ordinal, heads) in known {
            self.know(ordinal, || heads);
        }
        let ended = ended.into_iter().filter(|file| file.is_complete() && file.size <= MOST);
        let mut waited = std::mem::take(&mut self.waiting);
        waited.retain(|file| matched.contains(&file.entry.ordinal));
        let (now, later): (Vec<_>, Vec<_>) = ended.partition(|file| matched.contains(&file.entry.ordinal));
        for file in waited.iter().chain(&now) {
            self.know(file.entry.ordinal, || Heads::of(&file.bytes));
        }
        self.waiting = later;
    }

    /// The digests of all files with matches, by the ordinals of their entries.
    pub(super) fn finish(self) -> BTreeMap<u64, Heads> {
        self.known
    }

    fn know(&mut self, ordinal: u64, heads: impl FnOnce() -> Heads) {
        if self.known.len() < self.most {
            self.known.entry(ordinal).or_insert_with(heads);
        }
    }
}
