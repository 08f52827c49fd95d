//! The memory of a scan: a fixed number of chunk buffers, shared by all layers.
//!
//! A chunk holds a ticket from when it is filled until it is matched and hashed, and there are so many tickets and no
//! more. A thread that needs one and finds none helps with the chunks that have one, so that waiting is never idle and
//! never for good: a chunk with a ticket needs nothing but a thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How long a thread with nothing to help with waits before it looks again: less than matching a chunk takes.
const PAUSE: std::time::Duration = std::time::Duration::from_micros(50);

/// Chunk buffers and tickets.
#[derive(Debug)]
pub(super) struct Budget {
    free: Mutex<Vec<Vec<u8>>>,
    tickets: AtomicUsize,
    /// Whether a thread died with a chunk.
    broken: AtomicBool,
}

/// Held while a chunk is worked on: if that panics, its ticket never comes back, and nobody may wait for it.
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
    /// A budget of `tickets` chunks in flight, beside the one that each reading thread fills.
    pub(super) fn new(tickets: usize) -> Self {
        Self {
            free: Mutex::new(Vec::new()),
            tickets: AtomicUsize::new(tickets),
            broken: AtomicBool::new(false),
        }
    }

    /// Takes a ticket; until there is one, works on what others wait for.
    pub(super) fn take(&self) {
        while !self.try_take() {
            assert!(!self.broken.load(Ordering::Acquire), "another thread has panicked");
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Sees to it that nobody waits for good if the calling thread panics.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch(self)
    }

    fn try_take(&self) -> bool {
        self.tickets.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Gives a ticket and its buffer back.
    pub(super) fn put_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.lock().push(buffer);
        self.tickets.fetch_add(1, Ordering::AcqRel);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_run_out_and_come_back() {
        let budget = Budget::new(2);
        assert!(budget.try_take() && budget.try_take() && !budget.try_take());
        budget.put_back(Vec::new());
        assert!(budget.try_take());
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let budget = Budget::new(1);
        budget.take();
        let panics = |work: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
        assert!(panics(&|| {
            let _watch = budget.watch();
            panic!("with a chunk");
        }));
        assert!(panics(&|| budget.take()));
    }
}
