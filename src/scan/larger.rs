//! Files that need more memory than everybody may have at any time: they are looked into one after another.
//!
//! A small file is looked into on whatever thread has its chunk, with what everybody may have. If that is too little, nothing
//! of it counts and it is put here. The reading thread takes it up when none of its own files is fed to anybody: then
//! whoever has the memory needs nothing that this thread has yet to give, so that waiting for it comes to an end.

use std::sync::{Arc, Mutex, PoisonError};

use super::matching::EmbeddedFile;
use super::whole::Yield;
use super::{Context, inside};
use crate::digest::Digest;
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
}

/// Bytes that may wait before the reading thread takes them up.
const WAITING: usize = 4 << 20;

/// Those of one blob.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Vec<Larger>>,
    /// With what puts them in order: the file, and for those that stand in it their bytes.
    done: Mutex<Vec<(Option<u64>, Digest, Yield)>>,
}

impl Queue {
    /// Puts files into the queue.
    pub(super) fn put(&self, mut files: Vec<Larger>) {
        if !files.is_empty() {
            lock(&self.waiting).append(&mut files);
        }
    }

    /// Looks into all of them if they have become many.
    pub(super) fn keep_short(&self, context: &Context<'_>) {
        if lock(&self.waiting).iter().map(|file| file.bytes().len()).sum::<usize>() > WAITING {
            self.look(context);
        }
    }

    /// Looks into the rest of them. What all of them yielded, in the order of their files.
    pub(super) fn finish(self, context: &Context<'_>) -> impl Iterator<Item = Yield> {
        self.look(context);
        let mut done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_cached_key(|(ordinal, digest, _)| (*ordinal, *digest));
        done.into_iter().map(|(.., looked)| looked)
    }

    fn look(&self, context: &Context<'_>) {
        let files = std::mem::take(&mut *lock(&self.waiting));
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
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
