//! The memory of what is in flight: chunks and the files that travel with them, of all layers together.
//!
//! A chunk holds a part of the budget from when it is filled until it is matched and hashed. A thread that needs some and
//! finds none helps with the chunks that have theirs, so that waiting is never idle and never for good: such a chunk needs
//! nothing but a thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::memory::{Allowance, Memory};
use crate::limits::Limits;

/// How long a thread with nothing to help with waits before it looks again: less than matching a chunk takes.
pub(super) const PAUSE: std::time::Duration = std::time::Duration::from_micros(50);

/// Chunk buffers, and how much may be in flight.
#[derive(Debug)]
pub(super) struct Budget {
    free: Mutex<Vec<Vec<u8>>>,
    pub(super) memory: Memory,
    /// Bytes in flight that are left.
    left: AtomicUsize,
    /// Shares for who needs much that are left.
    large: AtomicUsize,
    /// Whether a layer is read alone, because its own window takes what is there for who needs much.
    alone: AtomicBool,
    /// Whether a thread died with a chunk.
    broken: AtomicBool,
}

/// Held while a chunk is worked on: if that panics, its part never comes back, and nobody may wait for it.
#[must_use]
pub(super) struct Watch<'b>(&'b Budget);

/// A share of the memory for who needs much.
#[must_use]
pub(super) struct Share<'b>(&'b Budget);

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.large.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl Budget {
    /// A budget of `memory`.
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            free: Mutex::default(),
            memory,
            left: AtomicUsize::new(memory.in_flight),
            large: AtomicUsize::new(memory.largest),
            alone: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    /// What everybody may have at any time.
    pub(super) fn small(&self, limits: &Limits) -> Allowance {
        let small = self.memory.small(limits);
        Allowance { more: small.more && !self.alone.load(Ordering::Acquire), ..small }
    }

    /// What one may have who has a share for who needs much.
    pub(super) fn large_allowance(&self, limits: &Limits) -> Allowance {
        let alone = self.alone.load(Ordering::Acquire);
        if alone { self.small(limits) } else { self.memory.large(limits) }
    }

    /// Says whether the layer that is read from now on needs much itself, so that nothing in it may.
    pub(super) fn alone(&self, alone: bool) {
        self.alone.store(alone, Ordering::Release);
    }

    /// Takes a share for who needs much; until there is one, works on what others wait for. Who calls it must not hold
    /// back anything that one who has a share may need.
    pub(super) fn large(&self) -> Share<'_> {
        while self
            .large
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
            .is_err()
        {
            self.help();
        }
        Share(self)
    }

    /// Takes `bytes`, or all there is if that is less; until it can, works on what others wait for. Returns what was taken.
    pub(super) fn take(&self, bytes: usize) -> usize {
        let bytes = bytes.min(self.memory.in_flight);
        while !self.try_take(bytes) {
            self.help();
        }
        bytes
    }

    /// Works on what others wait for, if there is anything.
    fn help(&self) {
        assert!(!self.broken.load(Ordering::Acquire), "another thread has panicked");
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            std::thread::sleep(PAUSE);
        }
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
        let memory = Memory::new(0, 1);
        let (budget, all) = (Budget::new(memory), memory.in_flight);
        assert_eq!((budget.take(all - 8), budget.try_take(9)), (all - 8, false));
        budget.put_back(Vec::new(), all - 8);
        assert_eq!(budget.take(all + 1), all, "who wants more than there is waits for all");
    }

    #[test]
    fn who_needs_much_waits_for_who_has_it() {
        let (budget, limits) = (Budget::new(Memory::new(0, 4)), Limits::default());
        assert!(budget.small(&limits).more && !budget.large_allowance(&limits).more);
        let share = budget.large();
        std::thread::scope(|threads| {
            let waits = threads.spawn(|| drop(budget.large()));
            std::thread::sleep(PAUSE * 10);
            assert!(!waits.is_finished());
            drop(share);
        });
        budget.alone(true);
        assert_eq!(budget.large_allowance(&limits), budget.small(&limits));
        assert!(!budget.small(&limits).more, "in a layer that needs it all nobody may have more");
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let budget = Budget::new(Memory::new(0, 1));
        budget.take(usize::MAX);
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
