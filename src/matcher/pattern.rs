//! A compiled pattern whose working memory is counted and can be given up.
//!
//! The engine builds its automaton while it searches, in a cache that each thread needs for each pattern. With more than a
//! thousand patterns that is the largest part of the program's memory, and it depends on what the image holds. So the
//! caches of all patterns are counted together in a [`Scratch`], and whoever finds that they have become too much drops
//! them: they are built again where they are needed, and nobody finds anything else.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::meta::{Cache, Regex};
use regex_automata::util::captures::{Captures, GroupInfo};
use regex_automata::util::iter::Searcher;
use regex_automata::{HalfMatch, Input};

/// Counts the bytes of the caches of many patterns.
#[derive(Debug)]
pub(super) struct Scratch {
    held: AtomicUsize,
    most: usize,
}

impl Scratch {
    /// Bytes that all caches may have unless somebody says otherwise.
    pub(super) const DEFAULT: usize = 24 << 20;

    /// Caches of at most `most` bytes.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// Whether the caches have become too much.
    pub(super) fn is_over(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.most
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Those that nobody uses now.
    idle: Mutex<Vec<Counted>>,
    /// Whether somebody used it since it was last asked to give up its caches.
    used: AtomicBool,
    scratch: Arc<Scratch>,
}

/// A cache and how many bytes of it are counted.
#[derive(Debug)]
struct Counted {
    cache: Box<Cache>,
    bytes: usize,
    scratch: Arc<Scratch>,
}

impl Counted {
    /// Counts it anew, after it was used.
    fn count(&mut self) {
        let bytes = self.cache.memory_usage();
        // Mostly it is what it was, and threads that write to the same place wait for each other.
        if bytes != self.bytes {
            self.scratch.held.fetch_add(bytes, Ordering::Relaxed);
            self.scratch.held.fetch_sub(self.bytes, Ordering::Relaxed);
            self.bytes = bytes;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.scratch.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Pattern {
    /// A pattern whose caches `scratch` counts.
    pub(super) fn new(regex: Regex, scratch: &Arc<Scratch>) -> Self {
        let scratch = Arc::clone(scratch);
        Self { regex, idle: Mutex::default(), used: AtomicBool::new(false), scratch }
    }

    /// Whether it matches anywhere in `text`.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        let input = Input::new(text).earliest(true);
        self.with(|cache| self.regex.search_half_with(cache, &input)).is_some()
    }

    /// Where the first match ends.
    pub(super) fn search_half(&self, input: &Input<'_>) -> Option<HalfMatch> {
        self.with(|cache| self.regex.search_half_with(cache, input))
    }

    /// The groups of the first match.
    pub(super) fn captures(&self, input: &Input<'_>) -> Option<Captures> {
        let mut captures = self.regex.create_captures();
        self.with(|cache| self.regex.search_captures_with(cache, input, &mut captures));
        captures.is_match().then_some(captures)
    }

    /// Shows where the group `group` of each match is, as long as `go_on` says so.
    pub(super) fn each(&self, input: Input<'_>, group: usize, go_on: &mut dyn FnMut(Range<usize>) -> bool) {
        self.with(|cache| {
            let searcher = Searcher::new(input);
            let all = searcher.into_captures_iter(self.regex.create_captures(), |input, captures| {
                self.regex.search_captures_with(cache, input, captures);
                Ok(())
            });
            let groups = all.infallible().filter_map(|found| Some(found.get_group(group)?.range()));
            groups.map(go_on).take_while(|go_on| *go_on).for_each(drop);
        });
    }

    /// Names of its groups.
    pub(super) fn group_info(&self) -> &GroupInfo {
        self.regex.group_info()
    }

    /// Gives up the caches that nobody uses now; if `stale`, only those of a pattern that was not used since the last call.
    pub(super) fn shed(&self, stale: bool) {
        let used = self.used.swap(false, Ordering::Relaxed);
        if !(stale && used) {
            let dropped = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
            drop(dropped);
        }
    }

    /// Calls `search` with a cache. After a panic its cache is dropped.
    fn with<T>(&self, search: impl FnOnce(&mut Cache) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut counted = idle.unwrap_or_else(|| Counted {
            cache: Box::new(self.regex.create_cache()),
            bytes: 0,
            scratch: Arc::clone(&self.scratch),
        });
        let found = search(&mut counted.cache);
        counted.count();
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(counted);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::compile_pattern;

    #[test]
    fn caches_are_counted_until_they_are_dropped() {
        let scratch = Scratch::new(1 << 10);
        let pattern = |text| Pattern::new(compile_pattern(text).unwrap(), &scratch);
        let (one, other) = (pattern("[a-z]{20,40}[0-9]{3,9}"), pattern("[a-z]{30}="));
        assert!(!scratch.is_over());
        for _ in 0..3 {
            assert!(one.is_match(b"-- abcdefghijklmnopqrstuvwxyz0123456789 --"));
        }
        let of_one = scratch.held.load(Ordering::Relaxed);
        assert!(scratch.is_over() && of_one == one.idle.lock().unwrap()[0].bytes);
        assert!(!other.is_match(b"abcdefghijklmnopqrstuvwxyz0123456789"));
        for pattern in [&one, &other] {
            pattern.shed(true);
        }
        assert!(scratch.held.load(Ordering::Relaxed) > of_one, "both were used");
        assert!(one.is_match(b"abcdefghijklmnopqrstuvwxyz0123456789"));
        for pattern in [&one, &other] {
            pattern.shed(true);
        }
        assert_eq!(scratch.held.load(Ordering::Relaxed), one.idle.lock().unwrap()[0].bytes);
        one.shed(false);
        assert_eq!(scratch.held.load(Ordering::Relaxed), 0);
        assert!(one.is_match(b"abcdefghijklmnopqrstuvwxyz0123456789"), "and it still matches");
    }

    #[test]
    fn all_matches_of_a_group_are_found() {
        let pattern = Pattern::new(compile_pattern("a(?<part>[0-9]+)").unwrap(), &Scratch::new(0));
        let group = pattern.group_info().to_index(regex_automata::PatternID::ZERO, "part").unwrap();
        let first = |most: usize| {
            let mut found = Vec::new();
            pattern.each(Input::new("a1 b2 a34"), group, &mut |range| {
                found.push(range);
                found.len() < most
            });
            found
        };
        assert_eq!((first(9), first(1).len(), first(1)[0].clone()), (vec![1..2, 7..9], 1, 1..2));
        let first = pattern.captures(&Input::new("b2 a34")).unwrap();
        assert_eq!(first.get_group(group).unwrap().range(), 4..6);
        assert!(pattern.captures(&Input::new("b2")).is_none());
    }
}
