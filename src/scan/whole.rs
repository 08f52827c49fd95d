//! Some small files are wanted whole: their format is read, which no window of a chunk can give.
//!
//! Who wants which files is a row of [`READERS`]. While the reading thread pumps, it copies the content of such files
//! (see `copy`), whatever chunks they cross. A file that ends (or is cut) travels with its chunk, whose part of the budget so bounds the
//! memory, and is read on whatever thread has the chunk. What it yields depends on the file's bytes only.

use std::sync::Arc;

use super::collect::PROBLEMS;
use super::larger::Larger;
use super::lists::LISTS;
use super::matching::Match;
use super::structured::STRUCTURED;
use super::versions::Notes;
use super::{Context, inside};
use crate::limits::{Limit, Limits};
use crate::packages::Lists;
use crate::problem::{Problem, ProblemKind};
use crate::stream::Entry;

/// Who wants some files whole: one row of [`READERS`].
pub(super) struct Reader {
    /// What such a file is read as, for problems.
    pub(super) what: &'static str,
    /// Bounds the bytes of one file that are kept.
    pub(super) limit: Limit,
    /// Whether a file of that path is wanted. It is asked of every file.
    pub(super) wants: fn(&Context<'_>, &[u8]) -> bool,
    /// Reads the file. Returns whether it was one of its own: then bytes beyond the limit are a problem.
    pub(super) read: fn(&Context<'_>, &Text<'_>, &mut Yield) -> bool,
}

/// Everyone who wants files of a layer whole.
pub(super) const READERS: &[Reader] = &[STRUCTURED, LISTS];

/// A file from its start, as far as it was kept.
#[derive(Debug)]
pub(super) struct WholeFile {
    pub(super) entry: Arc<Entry>,
    /// The first bytes, up to the largest limit of its readers.
    pub(super) bytes: Arc<Vec<u8>>,
    /// How many bytes it has by its header.
    pub(super) size: u64,
    /// Whether a decoder opens it, so that it is looked into.
    pub(super) opens: bool,
}

/// What a [`Reader`] sees of a file, or of a member of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) entry: &'t Arc<Entry>,
    /// The first bytes.
    pub(super) bytes: &'t [u8],
    /// How many it has in all.
    pub(super) size: u64,
}

/// What reading files yields.
#[derive(Debug, Default)]
pub(super) struct Yield {
    pub(super) found: Vec<Match>,
    /// Their places are relative to the blob.
    pub(super) problems: Vec<Problem>,
    /// Problems that are only counted.
    pub(super) untold: u64,
    /// Whether there were more matches than could be kept.
    pub(super) dropped: bool,
    pub(super) lists: Lists,
    /// What was noted of objects in other files.
    pub(super) notes: Notes,
    /// Whether something was left out because it needs more memory than it had, and could have more.
    pub(super) wants_more: bool,
    /// Files that need more memory than everybody may have: they have yet to be looked into.
    pub(super) larger: Vec<Larger>,
}

/// How much of what files yield is kept until the collector has it, which keeps no more of all of them together.
#[derive(Debug)]
pub(super) struct Room {
    matches: usize,
    problems: usize,
    /// Bytes of notes.
    notes: usize,
}

impl Room {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            matches: limits.get_usize(Limit::Matches),
            problems: PROBLEMS,
            notes: limits.get_usize(Limit::WholeBytes),
        }
    }

    /// Keeps of the next file's yield what there is room for.
    pub(super) fn keep(&mut self, looked: &mut Yield) {
        looked.dropped |= looked.found.len() > self.matches;
        looked.found.truncate(self.matches);
        self.matches -= looked.found.len();
        looked.untold += looked.problems.len().saturating_sub(self.problems) as u64;
        looked.problems.truncate(self.problems);
        self.problems -= looked.problems.len();
        self.notes = looked.notes.keep_within(self.notes);
    }
}

/// Reads files with all their readers, and looks into those that a decoder opens.
pub(super) fn read(context: &Context<'_>, files: &[WholeFile]) -> Yield {
    let (mut out, small) = (Yield::default(), context.budget.small(context.limits));
    let most_noted = context.limits.get_usize(Limit::WholeBytes);
    for file in files {
        let text = Text { entry: &file.entry, bytes: &file.bytes, size: file.size };
        for reader in READERS {
            reader.read(context, text, &mut out);
        }
        if file.opens {
            let larger = || Larger::File(Arc::clone(&file.entry), Arc::clone(&file.bytes));
            let looked = inside::open(context, small, Some(&file.entry), &mut &file.bytes[..]);
            out.append_or(looked, larger, most_noted);
        }
    }
    out
}

impl Reader {
    /// Reads a file if it is wanted, as far as the limit goes.
    pub(super) fn read(&self, context: &Context<'_>, text: Text<'_>, out: &mut Yield) {
        if !(self.wants)(context, &text.entry.path) {
            return;
        }
        let limit = context.limits.get(self.limit);
        let kept = text.bytes.len().min(context.limits.get_usize(self.limit));
        let is = (self.read)(context, &Text { bytes: &text.bytes[..kept], ..text }, out);
        if is && text.size > limit {
            let message = format!(
                "only the first {limit} of {} bytes were read as {}; the rest was searched as text",
                text.size, self.what
            );
            let place = String::from_utf8_lossy(&text.entry.path);
            out.problems.push(Problem::new(ProblemKind::Limit, place, message, self.limit.remedy()));
        }
    }
}

impl Yield {
    /// Takes what looking into one more file yielded; if it needs more memory, only notes that.
    pub(super) fn append_or(&mut self, looked: Self, larger: impl FnOnce() -> Larger, most_noted: usize) {
        if looked.wants_more {
            self.larger.push(larger());
        } else {
            self.append(looked, most_noted);
        }
    }

    /// Takes what looking into one more file yielded, which has no lists, with a bound on the bytes of all notes.
    pub(super) fn append(&mut self, more: Self, most_noted: usize) {
        self.notes.append(more.notes, most_noted);
        self.found.extend(more.found);
        self.problems.extend(more.problems);
        self.untold += more.untold;
        self.dropped |= more.dropped;
    }
}

impl WholeFile {
    /// Whether all of it was kept.
    pub(super) fn is_complete(&self) -> bool {
        self.bytes.len() as u64 == self.size
    }
}
