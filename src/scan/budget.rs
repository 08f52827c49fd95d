//! The memory of a scan: a fixed number of chunk buffers, shared by all layers.
//!
//! A chunk holds a ticket from when it is filled until it is matched and hashed, and there are so many tickets and no
//! more. A thread that needs one and finds none helps with the chunks that have one, so that waiting is never idle and
//! never for good: a chunk with a ticket needs nothing but a thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How long a thread with nothing to help with waits before it looks again: less than matching a chunk takes.
const PAUSE: std::time::Duration = std::time::Duration::from_micros(50);

/// Chunk buffers and tickets.
#[derive(Debug)]
pub(super) struct Budget {
    free: Mutex<Vec<Vec<u8>>>,
    tickets: AtomicUsize,
}

impl Budget {
    /// A budget of `tickets` chunks in flight, beside the one that each reading thread fills.
    pub(super) fn new(tickets: usize) -> Self {
        Self { free: Mutex::new(Vec::new()), tickets: AtomicUsize::new(tickets) }
    }

    /// Takes a ticket; until there is one, works on what others wait for.
    pub(super) fn take(&self) {
        while !self.try_take() {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::sleep(PAUSE);
            }
        }
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
}
