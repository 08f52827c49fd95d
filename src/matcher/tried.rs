//! Starts of matches that were tried in vain, so that no start is tried again for each literal near it.
//!
//! Where a pattern has its literal far behind its start, many starts are tried for each literal that is found, and a text in
//! which the literal stands every few bytes would have all of them tried over and over. What comes of a start does not
//! depend on the literal, so what one of them learnt holds for the next. So does what the path of the text tells, and what a word
//! is a key of that several blocks around it ask about.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;

use super::assign::{Assignment, KEY_BYTES, REACH, VALUE_BYTES};
use super::judge::Setting;

/// What was tried in one text that is shown in windows, rule by rule.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Where in the text the present window starts.
    base: Cell<usize>,
    rules: RefCell<BTreeMap<usize, Vain>>,
    /// What the path that was last asked about tells.
    path: RefCell<Option<(Vec<u8>, Setting)>>,
    /// The assignments of words that were looked at, by where the word starts.
    assignments: RefCell<Vec<Option<Looked>>>,
}

/// A word and what it is a key of, as places of the text.
#[derive(Debug, Clone)]
struct Looked {
    word: Range<usize>,
    /// What was seen of the text.
    window: Range<usize>,
    assignment: Option<Assignment>,
}

impl Looked {
    /// Whether `window` shows of the word's surroundings what this one showed.
    fn holds_in(&self, window: &Range<usize>) -> bool {
        let far = |window: &Range<usize>| {
            (self.word.start - window.start >= AROUND.0, window.end - self.word.end >= AROUND.1)
        };
        let ((start, end), (other_start, other_end)) = (far(&self.window), far(window));
        (self.window.start == window.start || (start && other_start))
            && (self.window.end == window.end || (end && other_end))
    }
}

/// Bytes before and behind a word that decide what it is a key of, and more.
const AROUND: (usize, usize) = (4 * KEY_BYTES, REACH + 2 * VALUE_BYTES);

/// Words whose assignments are known at a time: as many as may stand in one block.
const LOOKED: usize = 1024;

/// Starts at which no match of a rule's pattern begins.
#[derive(Debug)]
struct Vain {
    starts: Range<usize>,
    /// Where the window started: what stands before its first byte is not seen.
    base: usize,
    /// Where the window ended, if that may be why nothing matched.
    end: Option<usize>,
}

impl Tried {
    /// From now on windows start at `base`.
    pub(super) fn window(&self, base: usize) {
        self.base.set(base);
    }

    /// What `path` tells of its text.
    pub(super) fn setting(&self, path: &[u8]) -> Setting {
        let mut known = self.path.borrow_mut();
        match &*known {
            Some((of, setting)) if of == path => *setting,
            _ => known.insert((path.to_vec(), Setting::of_path(path))).1,
        }
    }

    /// The assignment whose key holds `word` in a window of `length` bytes, which `find` finds if nobody did.
    pub(super) fn assignment(
        &self,
        word: &Range<usize>,
        length: usize,
        find: impl FnOnce() -> Option<Assignment>,
    ) -> Option<Assignment> {
        let base = self.base.get();
        let (here, window) = (word.start + base..word.end + base, base..base + length);
        let mut looked = self.assignments.borrow_mut();
        if looked.is_empty() {
            looked.resize(LOOKED, None);
        }
        let slot = &mut looked[here.start % LOOKED];
        match slot {
            Some(known) if known.word == here && known.holds_in(&window) => {
                known.assignment.clone().map(|found| found.moved(|at| at - base))
            }
            _ => {
                let found = find();
                let assignment = found.clone().map(|found| found.moved(|at| at + base));
                *slot = Some(Looked { word: here, window, assignment });
                found
            }
        }
    }

    /// The first start, from `earliest` on, that was not yet tried for the rule. The window ends at `end`.
    pub(super) fn first_open(&self, rule: usize, earliest: usize, end: usize) -> usize {
        let base = self.base.get();
        let rules = self.rules.borrow();
        let Some(vain) = rules.get(&rule) else { return earliest };
        let same_end = vain.end.is_none_or(|known| known == base + end);
        let begins = vain.starts.start.cmp(&(base + earliest));
        let holds = same_end && (begins.is_lt() || (begins.is_eq() && vain.base == base));
        if holds { vain.starts.end.saturating_sub(base).max(earliest) } else { earliest }
    }

    /// None of `starts` is one for the rule. `end`: that of the window, if it was seen.
    pub(super) fn in_vain(&self, rule: usize, starts: Range<usize>, end: Option<usize>) {
        let base = self.base.get();
        let starts = starts.start + base..starts.end + base;
        let vain = Vain { starts, base, end: end.map(|end| end + base) };
        self.rules.borrow_mut().insert(rule, vain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_in_one_window_is_known_in_the_next() {
        let tried = Tried::default();
        tried.window(100);
        assert_eq!(tried.first_open(7, 5, 50), 5);
        tried.in_vain(7, 5..20, None);
        assert_eq!(tried.first_open(7, 5, 50), 20);
        tried.window(110);
        assert_eq!(tried.first_open(7, 0, 50), 10, "up to 120 of the text");
        assert_eq!(tried.first_open(7, 12, 50), 12, "farther than that");
        assert_eq!(tried.first_open(8, 0, 50), 0, "another rule");
        tried.window(90);
        assert_eq!(tried.first_open(7, 5, 50), 5, "starts before were not tried");
        assert_eq!(tried.first_open(7, 15, 50), 15, "another byte stands before the first start");
    }

    #[test]
    fn what_a_word_is_a_key_of_is_found_out_once_where_the_same_is_seen_around_it() {
        let (tried, asked) = (Tried::default(), Cell::new(0));
        let ask = |base: usize, end: usize| {
            tried.window(base);
            let find = || {
                asked.set(asked.get() + 1);
                let (key, value) = (1000 - base..1005 - base, 1006 - base..1010 - base);
                let style = crate::matcher::assign::Style::Equals;
                Some(Assignment { key, value, quote: None, style, literal: true, embedded: false })
            };
            let found = tried.assignment(&(1000 - base..1005 - base), end - base, find);
            assert_eq!(found.map(|found| found.value), Some(1006 - base..1010 - base));
            asked.get()
        };
        assert_eq!(ask(0, 20_000), 1);
        assert_eq!((ask(400, 20_000), ask(400, 25_000)), (1, 1), "far ends");
        assert_eq!((ask(900, 25_000), ask(900, 25_000)), (2, 2), "a near start, and the same one");
        assert_eq!((ask(900, 1500), ask(0, 1500)), (3, 4), "another end, another start");
    }

    #[test]
    fn what_the_end_of_a_window_decided_holds_only_for_that_end() {
        let tried = Tried::default();
        tried.in_vain(7, 0..20, Some(50));
        assert_eq!(tried.first_open(7, 3, 50), 20);
        assert_eq!(tried.first_open(7, 3, 60), 3);
        tried.window(10);
        assert_eq!(tried.first_open(7, 3, 40), 10, "the same end");
    }
}
