//! The memory of a scan: a fixed number of chunk buffers, shared by all layers.
//!
//! Whoever fills a chunk takes a buffer; a chunk that is handed to another thread keeps it until it is matched and
//! hashed. When all are out, the filling thread does the work itself, so nobody ever waits for memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Chunk buffers and the right to hand chunks to other threads.
#[derive(Debug)]
pub(super) struct Budget {
    free: Mutex<Vec<Vec<u8>>>,
    tickets: AtomicUsize,
}

impl Budget {
    /// A budget of `tickets` chunks in flight, beside one for each layer that is being read.
    pub(super) fn new(tickets: usize) -> Self {
        Self { free: Mutex::new(Vec::new()), tickets: AtomicUsize::new(tickets) }
    }

    /// Takes the right to hand out one chunk, if there is one left.
    pub(super) fn try_take(&self) -> bool {
        self.tickets.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }

    /// Gives such a right back.
    pub(super) fn put_back(&self) {
        self.tickets.fetch_add(1, Ordering::AcqRel);
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Gives a buffer back for reuse.
    pub(super) fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.lock().push(buffer);
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
        budget.put_back();
        assert!(budget.try_take());
    }
}
