//! The memory of what is in flight: chunks and the files that travel with them, of all layers together.
//!
//! A chunk holds a part of the budget from when it is filled until it is matched and hashed. A thread that needs some and
//! finds none helps with the chunks that have theirs, so that waiting is never idle and never for good: such a chunk needs
//! nothing but a thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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
    /// Shares for who needs much that are left to all scans of a scanner.
    large: Arc<AtomicUsize>,
    /// The same for what is read by who has such a share himself.
    own: AtomicUsize,
    /// Whether one has.
    exclusive: AtomicBool,
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
pub(super) struct Share<'b>(&'b AtomicUsize);

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A share that a layer has from its start to its end; what is in it has shares of that one.
#[must_use]
pub(super) struct Exclusive<'b> {
    budget: &'b Budget,
    _share: Share<'b>,
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        self.budget.exclusive.store(false, Ordering::Release);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

/// The shares for who needs much of `memory`, for all scans that go on at a time.
pub(super) fn shares(memory: &Memory) -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(memory.largest))
}

impl Budget {
    /// A budget of `memory`, with the shares for who needs much that [`shares`] made.
    pub(super) fn new(memory: Memory, large: Arc<AtomicUsize>) -> Self {
        Self {
            free: Mutex::default(),
            memory,
            left: AtomicUsize::new(memory.in_flight),
            large,
            own: AtomicUsize::new(memory.largest),
            exclusive: AtomicBool::new(false),
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
        let shares = if self.exclusive.load(Ordering::Acquire) { &self.own } else { &*self.large };
        while shares.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_err() {
            self.help();
        }
        Share(shares)
    }

    /// Takes such a share for a layer, while this scan reads nothing else.
    pub(super) fn exclusive(&self) -> Exclusive<'_> {
        let share = self.large();
        self.exclusive.store(true, Ordering::Release);
        Exclusive { budget: self, _share: share }
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
        let (budget, all) = (Budget::new(memory, shares(&memory)), memory.in_flight);
        assert_eq!((budget.take(all - 8), budget.try_take(9)), (all - 8, false));
        budget.put_back(Vec::new(), all - 8);
        assert_eq!(budget.take(all + 1), all, "who wants more than there is waits for all");
    }

    #[test]
    fn who_needs_much_waits_for_who_has_it() {
        let (memory, limits) = (Memory::new(0, 4), Limits::default());
        let budget = Budget::new(memory, shares(&memory));
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
    fn scans_that_go_on_at_a_time_share_what_there_is_for_who_needs_much() {
        let memory = Memory::new(0, 4);
        let large = shares(&memory);
        let budgets = [Budget::new(memory, Arc::clone(&large)), Budget::new(memory, large)];
        let layer = budgets[0].exclusive();
        // What is in that layer has the memory of that layer.
        drop(budgets[0].large());
        std::thread::scope(|threads| {
            let waits = threads.spawn(|| drop(budgets[1].large()));
            std::thread::sleep(PAUSE * 10);
            assert!(!waits.is_finished());
            drop(layer);
        });
        drop(budgets[0].large());
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let memory = Memory::new(0, 1);
        let budget = Budget::new(memory, shares(&memory));
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
