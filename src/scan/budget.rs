//! The memory of what is in flight: chunks and the files that travel with them, of all layers together.
//!
//! A chunk holds a part of the budget from when it is filled until it is matched and hashed. A thread that needs some and
//! finds none helps with the chunks that have theirs, so that waiting is never idle and never for good: such a chunk needs
//! nothing but a thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How long a thread with nothing to help with waits before it looks again: less than matching a chunk takes.
pub(super) const PAUSE: std::time::Duration = std::time::Duration::from_micros(50);

/// Chunk buffers, and how much may be in flight.
#[derive(Debug)]
pub(super) struct Budget {
    free: Mutex<Vec<Vec<u8>>>,
    /// Bytes.
    total: usize,
    left: AtomicUsize,
    /// Whether a thread died with a chunk.
    broken: AtomicBool,
}

/// Held while a chunk is worked on: if that panics, its part never comes back, and nobody may wait for it.
#[must_use]
pub(super) struct Watch<'b>(&'b Budget);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl Budget {
    /// A budget of `total` bytes in flight, beside the chunk that each reading thread fills.
    pub(super) fn new(total: usize) -> Self {
        let (free, left) = (Mutex::default(), AtomicUsize::new(total));
        Self { free, total, left, broken: AtomicBool::new(false) }
    }

    /// Takes `bytes`, or all there is if that is less; until it can, works on what others wait for. Returns what was taken.
    pub(super) fn take(&self, bytes: usize) -> usize {
        let bytes = bytes.min(self.total);
        while !self.try_take(bytes) {
            assert!(!self.broken.load(Ordering::Acquire), "another thread has panicked");
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::sleep(PAUSE);
            }
        }
        bytes
    }

    /// Sees to it that nobody waits for good if the calling thread panics.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch(self)
    }

    fn try_take(&self, bytes: usize) -> bool {
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes)).is_ok()
    }

    /// A buffer, whatever is in it.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Gives back a buffer and the bytes that were taken for it.
    pub(super) fn put_back(&self, buffer: Vec<u8>, bytes: usize) {
        self.lock().push(buffer);
        self.left.fetch_add(bytes, Ordering::AcqRel);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_run_out_and_come_back() {
        let budget = Budget::new(20);
        assert_eq!((budget.take(12), budget.try_take(9)), (12, false));
        budget.put_back(Vec::new(), 12);
        assert_eq!(budget.take(100), 20, "who wants more than there is waits for all");
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let budget = Budget::new(1);
        budget.take(1);
        let panics = |work: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
        assert!(panics(&|| {
            let _watch = budget.watch();
            panic!("with a chunk");
        }));
        assert!(panics(&|| {
            budget.take(1);
        }));
    }
}
