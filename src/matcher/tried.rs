//! Starts of matches that were tried in vain, so that no start is tried again for each literal near it.
//!
//! Where a pattern has its literal far behind its start, many starts are tried for each literal that is found, and a text in
//! which the literal stands every few bytes would have all of them tried over and over. What comes of a start does not
//! depend on the literal, so what one of them learnt holds for the next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;

/// What was tried in one text that is shown in windows, rule by rule.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Where in the text the present window starts.
    base: Cell<usize>,
    rules: RefCell<BTreeMap<usize, Vain>>,
}

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
    fn what_the_end_of_a_window_decided_holds_only_for_that_end() {
        let tried = Tried::default();
        tried.in_vain(7, 0..20, Some(50));
        assert_eq!(tried.first_open(7, 3, 50), 20);
        assert_eq!(tried.first_open(7, 3, 60), 3);
        tried.window(10);
        assert_eq!(tried.first_open(7, 3, 40), 10, "the same end");
    }
}
