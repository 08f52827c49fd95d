//! Maps blobs that open in any order: several at once, the large ones alone, and each as what it turns out to be.

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blob::BlobReport;
use super::documents::{self, Documents};
use super::layers::NotTried;
use super::{Context, kept};
use crate::limits::Limits;
use crate::problem::{Problem, ProblemKind};
use crate::source::{Blob, RemoteError};

/// What became of a blob.
pub(super) enum Mapped {
    Report(Box<BlobReport>, Option<Problem>),
    /// It was one, whatever its manifest says.
    Document(documents::Document),
}

/// Maps blobs on all threads of the pool, or on `at_once` of them; each takes the next one when it is done with its last.
///
/// A thread that waits for its chunks helps others with theirs, but never starts a second blob on top of the first:
/// each thread has a loop of its own, which no other takes over, and that bounds the memory. Those whose decompression
/// takes much are mapped at the end, one after another.
pub(super) fn map_all(
    context: &Context<'_>,
    documents: &Documents,
    queue: &[Blob],
    at_once: Option<usize>,
) -> Vec<(String, io::Result<Mapped>)> {
    let next = AtomicUsize::new(0);
    let (done, large) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let late = Late::new(documents, context.limits);
    let map = |blob: &Blob, alone: bool| {
        let mapped = map_one(context, &late, blob, alone).transpose()?;
        context.progress.layer();
        lock(&done).push((blob.name.clone(), mapped));
        Some(())
    };
    rayon::broadcast(|thread| {
        if at_once.is_some_and(|at_once| thread.index() >= at_once) {
            return;
        }
        while let Some(blob) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            if map(blob, false).is_none() {
                lock(&large).push(blob);
            }
        }
    });
    let large = large.into_inner().unwrap_or_else(PoisonError::into_inner);
    for blob in large {
        let _share = context.budget.exclusive();
        map(blob, true);
    }
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Documents that turn out to be some when they are mapped.
pub(super) struct Late<'d> {
    documents: &'d Documents,
    /// Bytes that all of them together may still have.
    room: AtomicU64,
}

impl<'d> Late<'d> {
    pub(super) fn new(documents: &'d Documents, limits: &Limits) -> Self {
        Self { documents, room: AtomicU64::new(documents.room(limits)) }
    }

    fn has_room(&self, bytes: u64) -> bool {
        let left = |room: u64| room.checked_sub(bytes);
        self.room.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok()
    }
}

/// What becomes of `blob`; none as [`super::blob::map`] says.
pub(super) fn map_one(
    context: &Context<'_>,
    late: &Late<'_>,
    blob: &Blob,
    alone: bool,
) -> io::Result<Option<Mapped>> {
    let report = |report| Mapped::Report(Box::new(report), None);
    if !blob.late {
        return Ok(kept::blob(context, blob, alone)?.map(report));
    }
    if let Some(known) = kept::known(context, blob) {
        return Ok(Some(report(known)));
    }
    if let Some(error) = NotTried::of(&blob.name, context.given_up) {
        return Err(error);
    }
    Ok(map_stored(context, late, (&blob.name, blob.size), blob.open()?, alone))
}

/// What becomes of a blob with these stored bytes, name and size, of which nothing is kept.
pub(super) fn map_stored(
    context: &Context<'_>,
    late: &Late<'_>,
    (name, size): (&str, u64),
    mut stored: impl Read,
    alone: bool,
) -> Option<Mapped> {
    let (head, problem) = match documents::take(&mut stored, size, late.documents, context.limits) {
        documents::Taken::Document(document) => {
            let size = document.bytes.len() as u64;
            if late.has_room(size) {
                return Some(Mapped::Document(document));
            }
            (Cursor::new(document.bytes), Some(documents::too_large(size)))
        }
        documents::Taken::Other(head, problem) => (head, problem),
    };
    let report = kept::map(context, name, &mut head.chain(stored), alone);
    report.map(|report| Mapped::Report(Box::new(report), problem))
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> Problem {
    if let Some(not_tried) = NotTried::within(error) {
        let remedy = "have it tried again when the reason is gone";
        return Problem::new(ProblemKind::Unreadable, name, not_tried.to_string(), remedy);
    }
    let remedy =
        RemoteError::within(error).map_or("make it readable, or save the image again", RemoteError::remedy);
    Problem::new(ProblemKind::Unreadable, name, format!("cannot be read: {error}"), remedy)
}
