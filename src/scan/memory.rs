//! The memory of a scan, shared out: how much of `--max-memory` is for what.
//!
//! What the program itself needs comes first, then what each thread has in hand, then the working memory of patterns. What is
//! left is for whoever needs much at a time, one after another: a window of 64 MiB, or a file that is read as a whole. So the
//! peak grows with the threads and never with the image. Nothing here depends on what is found: with less memory a scan is
//! slower, and tells of windows that do not fit.

use super::chunk::{KEPT, LEFT};
use crate::limits::{Limit, Limits};

/// One MiB.
const MIB: usize = 1 << 20;

/// The program, its rules with their patterns, and what is found.
const PROGRAM: usize = 33 * MIB;
/// What a thread has in hand: a chunk that is read, chunks in flight, and copies of files.
const THREAD: usize = 8 * MIB;
/// Least that is left for whoever needs much, and for what the allocator keeps of what was freed.
const LARGE: usize = 48 * MIB;
/// Least working memory of patterns.
const PATTERNS: usize = 4 * MIB;
/// Bytes that every thread may have for a window, or for a file as a whole, at any time: as much as compressors ask for
/// unless they are told to use more.
const SMALL: u64 = 8 << 20;

/// Bytes that are used unless somebody says otherwise, with one thread, with two, and for each further one: as much as images
/// of gigabytes from a pipe were measured to need, with what the allocator keeps for each thread.
const ONE: u64 = 115_000_000;
const TWO: u64 = 128_000_000;
const FURTHER: u64 = 18_000_000;

/// See the module. All in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Plain bytes of a chunk.
    pub(super) chunk: usize,
    /// Chunks in flight, and the files that travel with them.
    pub(super) in_flight: usize,
    /// Working memory of patterns.
    pub(super) patterns: usize,
    /// For whoever needs much.
    large: u64,
    /// How many may need much at the same time.
    pub(super) largest: usize,
}

/// What one may have for windows, and for a file as a whole. Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) window: u64,
    pub(super) room: u64,
    /// Whether one could have more, after waiting for it.
    pub(super) more: bool,
}

/// Threads for `jobs`, of which 0 means one for each core.
pub(super) fn threads(jobs: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if jobs == 0 { cores() } else { jobs }
}

/// Bytes that a scan with `jobs` threads (0 = one for each core) needs at least.
pub fn least_memory(jobs: usize) -> u64 {
    (PROGRAM + PATTERNS + LARGE + threads(jobs).saturating_mul(THREAD)) as u64
}

/// Bytes that a scan with `jobs` threads (0 = one for each core) may have unless somebody says otherwise.
pub fn default_memory(jobs: usize) -> u64 {
    match threads(jobs) as u64 {
        ..2 => ONE,
        threads => TWO.saturating_add(FURTHER.saturating_mul(threads - 2)),
    }
}

impl Memory {
    /// Shares out `most` bytes among `threads` threads; with less than the least, as if it were that.
    pub(super) fn new(most: u64, threads: usize) -> Self {
        let least = least_memory(threads);
        let most = usize::try_from(most.max(least)).unwrap_or(usize::MAX);
        let spare = most - usize::try_from(least).unwrap_or(most);
        let of_thread = spare / threads;
        let chunk = MIB >> [4 * MIB, 2 * MIB].iter().filter(|enough| of_thread < **enough).count();
        let patterns = PATTERNS + (spare / 8).min(28 * MIB);
        let rest = most - PROGRAM - patterns - threads.saturating_mul(THREAD);
        let largest = (rest / (96 * MIB)).clamp(1, threads);
        Self {
            chunk,
            in_flight: threads.saturating_mul(2 * (chunk + KEPT + LEFT) + MIB),
            patterns,
            large: (rest / largest) as u64,
            largest,
        }
    }

    /// What each of `scans` at a time has in hand; what is for who needs much is for all of them.
    pub(super) fn each_of(self, scans: usize) -> Self {
        Self { in_flight: self.in_flight / scans, ..self }
    }

    /// What is left beside a stream around all layers that takes `window` bytes for its own.
    pub(super) fn beside(self, window: u64) -> Self {
        let large = if window > SMALL { self.large.saturating_sub(window).max(SMALL) } else { self.large };
        Self { large, ..self }
    }

    /// What everybody may have at any time.
    pub(super) fn small(&self, limits: &Limits) -> Allowance {
        let of = |limit| limits.get(limit).min(SMALL);
        let allowance = Allowance { window: of(Limit::WindowBytes), room: of(Limit::WholeBytes), more: true };
        Allowance { more: allowance != Allowance { more: true, ..self.large(limits) }, ..allowance }
    }

    /// What one may have who needs much.
    pub(super) fn large(&self, limits: &Limits) -> Allowance {
        let window = limits.get(Limit::WindowBytes).min(self.large);
        let room = limits.get(Limit::WholeBytes).min(self.large);
        Allowance { window, room, more: false }
    }

    /// `limits`, as far as there is memory for them.
    pub(super) fn bounds(&self, limits: &Limits) -> Limits {
        let large = self.large(limits);
        limits.clone().with(Limit::WindowBytes, large.window).with(Limit::WholeBytes, large.room)
    }

    /// What to tell somebody who hit `limit`.
    pub(super) fn remedy(&self, limit: Limit, limits: &Limits) -> String {
        let bounded = matches!(limit, Limit::WindowBytes | Limit::WholeBytes);
        if bounded && limits.get(limit) > self.large {
            format!("give the scan more than {} bytes with --max-memory if you trust the image", self.large)
        } else {
            limit.remedy()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_out_is_no_more_than_there_is() {
        for threads in [1, 2, 3, 8, 64] {
            for most in [0, least_memory(threads), default_memory(threads), 1 << 30, 1 << 36] {
                let memory = Memory::new(most, threads);
                let in_hand = memory.in_flight + threads * (memory.chunk + KEPT + LEFT);
                assert!(in_hand <= threads * THREAD, "{memory:?}");
                let all = (PROGRAM + threads * THREAD + memory.patterns) as u64
                    + memory.large * memory.largest as u64;
                assert!(all <= most.max(least_memory(threads)), "{most} {memory:?}");
                assert!(memory.large >= LARGE as u64 && memory.chunk >= 2 * (KEPT + LEFT), "{memory:?}");
            }
        }
    }

    #[test]
    fn two_threads_need_no_more_than_128_megabytes_and_have_the_default_windows() {
        assert_eq!([1, 2, 3, 8].map(default_memory), [115_000_000, 128_000_000, 146_000_000, 236_000_000]);
        let (memory, limits) = (Memory::new(default_memory(2), 2), Limits::default());
        assert_eq!(memory.chunk, 1 << 20);
        assert_eq!(memory.large(&limits).window, limits.get(Limit::WindowBytes));
        assert_eq!(memory.large(&limits).room, limits.get(Limit::WholeBytes));
    }
}
