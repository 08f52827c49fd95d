//! Files that need more memory than everybody may have at any time: they are looked into one after another.
//!
//! A small file is looked into on whatever thread has its chunk, with what everybody may have. If that is too little, nothing
//! of it counts and it is put here. The reading thread takes it up when none of its own files is fed to anybody: then
//! whoever has the memory needs nothing that this thread has yet to give, so that waiting for it comes to an end.

use std::sync::{Arc, Mutex, PoisonError};

use super::mapping::lock;
use super::matching::EmbeddedFile;
use super::whole::{Room, Yield};
use super::{Context, inside};
use crate::digest::Digest;
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::stream::Entry;

/// A file that has yet to be looked into.
#[derive(Debug)]
pub(super) enum Larger {
    /// A file of the layer.
    File(Arc<Entry>, Arc<Vec<u8>>),
    /// One that stands encoded in another.
    Embedded(EmbeddedFile),
}

impl Larger {
    fn ordinal(&self) -> Option<u64> {
        match self {
            Self::File(entry, _) => Some(entry.ordinal),
            Self::Embedded(file) => file.entry.as_ref().map(|entry| entry.ordinal),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::File(_, bytes) => bytes,
            Self::Embedded(file) => &file.bytes,
        }
    }

    /// Bytes of memory.
    fn held(&self) -> usize {
        self.bytes().len() + BESIDE
    }

    fn left_out(&self) -> Problem {
        let entry = match self {
            Self::File(entry, _) => Some(entry),
            Self::Embedded(file) => file.entry.as_ref(),
        };
        let path = entry.map(|entry| String::from_utf8_lossy(&entry.path)).unwrap_or_default();
        encoded_left_out(path)
    }
}

/// Memory of a file that stands encoded in another, beside its bytes.
pub(super) const BESIDE: usize = 160;

/// Bytes that files which stand encoded in one text may have, until somebody has time to look into them.
pub(super) fn held_encoded(limits: &Limits) -> usize {
    limits.get_usize(Limit::WholeBytes) / 4
}

/// What to tell if they have more.
pub(super) fn encoded_left_out(place: impl Into<String>) -> Problem {
    let message = "more files stand encoded in it than may wait to be looked into; the others were not";
    Problem::new(ProblemKind::Limit, place, message, Limit::WholeBytes.remedy())
}

/// Bytes that may wait before the reading thread takes them up.
const WAITING: usize = 4 << 20;

/// The files that wait, and of those that stand in the file which came last the bytes.
#[derive(Debug, Default)]
struct Waiting {
    files: Vec<Larger>,
    ordinal: Option<u64>,
    bytes: usize,
}

/// Those of one blob.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// With what puts them in order: the file, and for those that stand in it their bytes.
    done: Mutex<Vec<(Option<u64>, Digest, Yield)>>,
}

impl Queue {
    /// Puts files into the queue; to be called in the order in which they stand. Of those that stand in one file only so many
    /// are taken, because nothing is looked into while that is fed to somebody. Says what was left out.
    pub(super) fn put(&self, context: &Context<'_>, files: Vec<Larger>) -> Vec<Problem> {
        let most = held_encoded(context.limits);
        let mut waiting = lock(&self.waiting);
        let mut problems = Vec::new();
        for file in files {
            if waiting.ordinal != file.ordinal() {
                (waiting.ordinal, waiting.bytes) = (file.ordinal(), 0);
            }
            let held = file.held();
            if waiting.bytes + held > most && matches!(file, Larger::Embedded(_)) {
                problems.push(file.left_out());
                continue;
            }
            waiting.bytes += held;
            waiting.files.push(file);
        }
        problems
    }

    /// Looks into all of them if they have become many.
    pub(super) fn keep_short(&self, context: &Context<'_>) {
        if lock(&self.waiting).files.iter().map(Larger::held).sum::<usize>() > WAITING {
            self.look(context);
        }
    }

    /// Looks into the rest of them. What all of them yielded, in the order of their files.
    pub(super) fn finish(self, context: &Context<'_>) -> impl Iterator<Item = Yield> {
        self.look(context);
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.into_iter().map(|(.., looked)| looked)
    }

    fn look(&self, context: &Context<'_>) {
        let files = std::mem::take(&mut lock(&self.waiting).files);
        if files.is_empty() {
            return;
        }
        let _share = context.budget.large();
        let allowance = context.budget.large_allowance(context.limits);
        for file in files {
            let looked = match &file {
                Larger::File(entry, bytes) => inside::open(context, allowance, Some(entry), &mut &bytes[..]),
                Larger::Embedded(file) => inside::open_embedded(context, allowance, file),
            };
            lock(&self.done).push((file.ordinal(), Digest::of(file.bytes()), looked));
        }
        let mut done = lock(&self.done);
        done.sort_by_key(|(ordinal, digest, _)| (*ordinal, *digest));
        let mut room = Room::new(context.limits);
        done.iter_mut().for_each(|(.., looked)| room.keep(looked));
    }
}
