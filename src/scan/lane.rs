//! Chunks arrive on any thread in any order; hashing and counting need them in the order of the stream.
//!
//! A lane is a turnstile without waiting: a chunk that comes early is left behind, and whoever holds the next one also
//! takes those that were left.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Passes items numbered from 0 to a sink in order.
#[derive(Debug)]
pub(super) struct Lane<T, S> {
    waiting: Mutex<BTreeMap<u64, T>>,
    /// The number of the next item, and where it goes.
    sink: Mutex<(u64, S)>,
}

impl<T, S> Lane<T, S> {
    pub(super) fn new(sink: S) -> Self {
        Self { waiting: Mutex::new(BTreeMap::new()), sink: Mutex::new((0, sink)) }
    }

    /// Hands in item `number`; `pass` is called for every item whose turn has come, on one thread at a time.
    pub(super) fn hand_in(&self, number: u64, item: T, pass: impl Fn(&mut S, T)) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, item);
        // Whoever holds the sink looks again after each item, so an item handed in meanwhile is not forgotten: either
        // the holder sees it, or the holder has let go and this call gets the sink.
        loop {
            let Ok(mut guard) = self.sink.try_lock() else { return };
            let (next, sink) = &mut *guard;
            while let Some(item) = self.take(*next) {
                pass(sink, item);
                *next += 1;
            }
            let next = *next;
            drop(guard);
            if !self.has(next) {
                return;
            }
        }
    }

    /// The sink, after every item was handed in.
    pub(super) fn finish(self) -> S {
        self.sink.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }

    fn take(&self, number: u64) -> Option<T> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    fn has(&self, number: u64) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&number)
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn items_pass_in_order_whoever_hands_them_in() {
        for _ in 0..50 {
            let lane = Lane::new(Vec::new());
            (0..200_u32)
                .into_par_iter()
                .rev()
                .for_each(|number| lane.hand_in(number.into(), number, Vec::push));
            assert_eq!(lane.finish(), (0..200).collect::<Vec<_>>());
        }
    }
}
