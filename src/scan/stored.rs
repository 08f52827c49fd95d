//! The stored bytes of a blob as they are read: counted, and hashed block by block on whatever thread has time, so that
//! whoever decompresses them does nothing else.
//!
//! Of bytes that are not compressed the plain bytes are the stored ones, and one hash serves both: see [`Stored::unhashed`].

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Progress;
use super::budget::PAUSE;
use super::lane::Lane;
use crate::digest::{Digest, Hasher};

/// Bytes of a block.
const BLOCK: usize = 128 << 10;

/// Blocks of one blob that wait to be hashed.
const WAITING: usize = 4;

/// Hashes the blocks of one blob in their order.
pub(super) struct Hashes {
    lane: Lane<Vec<u8>, Hasher>,
    free: Mutex<Vec<Vec<u8>>>,
    waiting: AtomicUsize,
}

impl Default for Hashes {
    fn default() -> Self {
        let (free, waiting) = (Mutex::default(), AtomicUsize::new(0));
        Self { lane: Lane::new(Hasher::default()), free, waiting }
    }
}

impl Hashes {
    /// Hashes block `number`, and those behind it that are there already.
    pub(super) fn hash(&self, number: u64, block: Vec<u8>) {
        self.lane.hand_in(number, block, |hasher, block| {
            hasher.update(&block);
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(block);
            self.waiting.fetch_sub(1, Ordering::Release);
        });
    }

    /// The digest of all blocks, after the last one was hashed.
    pub(super) fn finish(self) -> Digest {
        self.lane.finish().finish()
    }

    /// Takes note of one more block that waits. Until there are few enough, works on what others wait for.
    fn enter(&self) {
        while self.waiting.load(Ordering::Acquire) >= WAITING {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::sleep(PAUSE);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    fn buffer(&self) -> Vec<u8> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

/// See the module.
pub(super) struct Stored<'s> {
    inner: &'s mut dyn Read,
    count: &'s AtomicU64,
    progress: &'s dyn Progress,
    hashes: Option<&'s Hashes>,
    /// Has a block hashed.
    hash: &'s dyn Fn(u64, Vec<u8>),
    /// The number of the block that is read now.
    number: u64,
    block: Vec<u8>,
    at: usize,
}

impl<'s> Stored<'s> {
    /// What `inner` gives, each byte counted in `count`.
    pub(super) fn new(inner: &'s mut dyn Read, count: &'s AtomicU64, progress: &'s dyn Progress) -> Self {
        let (number, block, at) = (0, Vec::new(), 0);
        Self { inner, count, progress, hashes: None, hash: &|_, _| (), number, block, at }
    }

    /// Hashes what is read from the first block on; `hash` is to call [`Hashes::hash`], on any thread.
    pub(super) fn hashed(self, hashes: &'s Hashes, hash: &'s dyn Fn(u64, Vec<u8>)) -> Self {
        Self { hashes: Some(hashes), hash, ..self }
    }

    /// Hashes nothing from here on. What was read so far may have been hashed.
    pub(super) fn unhashed(&mut self) {
        self.hashes = None;
    }

    /// Has the last block hashed.
    pub(super) fn finish(mut self) {
        self.pass();
    }

    /// Passes a block on that was read; what is left is a buffer for the next one.
    fn pass(&mut self) {
        self.at = 0;
        if let Some(hashes) = self.hashes.filter(|_| !self.block.is_empty()) {
            hashes.enter();
            (self.hash)(self.number, std::mem::take(&mut self.block));
            self.number += 1;
            self.block = hashes.buffer();
        }
    }

    fn read_inner(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        self.progress.advance(read as u64);
        Ok(read)
    }
}

impl BufRead for Stored<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.block.len() {
            self.pass();
            let mut block = std::mem::take(&mut self.block);
            block.resize(BLOCK, 0);
            let read = self.read_inner(&mut block);
            block.truncate(*read.as_ref().unwrap_or(&0));
            self.block = block;
            read?;
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && self.hashes.is_none() && out.len() >= BLOCK {
            return self.read_inner(out);
        }
        let there = self.fill_buf()?;
        let take = out.len().min(there.len());
        out[..take].copy_from_slice(&there[..take]);
        self.consume(take);
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of uneven sizes.
    struct Uneven<'b>(&'b [u8], usize);

    impl Read for Uneven<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 * 7 % 300_007 + 1;
            let take = self.1.min(out.len()).min(self.0.len());
            self.0.read(&mut out[..take])
        }
    }

    #[test]
    fn every_byte_is_given_once_and_hashed_once() {
        let bytes: Vec<u8> = (0..251).cycle().take(9 * BLOCK + 77).collect();
        for size in [1000, BLOCK, 3 * BLOCK] {
            let (hashes, count) = (Hashes::default(), AtomicU64::new(0));
            let given = rayon::in_place_scope_fifo(|scope| {
                let hash = |number, block| {
                    let hashes = &hashes;
                    scope.spawn_fifo(move |_| hashes.hash(number, block));
                };
                let mut inner = Uneven(&bytes, 5);
                let mut stored = Stored::new(&mut inner, &count, &()).hashed(&hashes, &hash);
                let (mut given, mut buffer) = (Vec::new(), vec![0; size]);
                for _ in 0..3 {
                    // Also behind the end.
                    while let read @ 1.. = stored.read(&mut buffer).unwrap() {
                        given.extend_from_slice(&buffer[..read]);
                    }
                }
                stored.finish();
                given
            });
            assert!(given == bytes, "{size}");
            assert_eq!(count.into_inner(), bytes.len() as u64);
            assert_eq!(hashes.finish(), Digest::of(&bytes), "{size}");
        }
    }

    #[test]
    fn what_is_not_hashed_is_given_too() {
        let bytes: Vec<u8> = (0..251).cycle().take(9 * BLOCK + 77).collect();
        let (hashes, count) = (Hashes::default(), AtomicU64::new(0));
        let mut inner = Uneven(&bytes, 5);
        let hash = |_, _| unreachable!("nothing is hashed");
        let mut stored = Stored::new(&mut inner, &count, &()).hashed(&hashes, &hash);
        assert_eq!(stored.fill_buf().unwrap()[..2], [0, 1]);
        stored.unhashed();
        let (mut given, mut buffer) = (Vec::new(), vec![0; 2 * BLOCK]);
        while let read @ 1.. = stored.read(&mut buffer).unwrap() {
            given.extend_from_slice(&buffer[..read]);
        }
        assert!(given == bytes);
    }
}
