//! A list of a registry, gone through in pieces: its repositories, or the tags of one of them.
//!
//! What is carried from piece to piece is where to go on and some names, however long the list is and however much of it the
//! registry answers at once. Of a page with more names than are carried the smallest are taken, and it is asked for again for those
//! behind them; what comes or goes meanwhile has no other name skipped. How often is asked is bounded, because pages may lead in a
//! circle, or on without an end.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Where in a list somebody is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    /// Names that were taken and that nobody has looked at, the next one last.
    waiting: Vec<String>,
    /// The page at hand; none: the first one.
    page: Option<String>,
    /// The largest name that was taken of it, if not all of them were.
    within: Option<String>,
    /// Whether there is no page any more.
    ended: bool,
    /// How often was asked.
    asked: u32,
}

/// What bounds a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How often is asked.
    pub(super) questions: u32,
    /// Names that are taken at a time.
    pub(super) names: usize,
}

/// The bounds of every listing: ten million names, of which some hundred kilobytes are carried.
pub(super) const BOUNDS: Bounds = Bounds { questions: 20_000, names: 500 };

/// The registry was asked as often as it may be, and there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Endless;

/// The smallest names of a page behind one of them.
struct Taken<'l> {
    behind: Option<&'l str>,
    most: usize,
    names: BTreeSet<String>,
    more: bool,
}

impl Taken<'_> {
    fn offer(&mut self, name: String) {
        if self.behind.is_some_and(|behind| name.as_str() <= behind) {
            return;
        }
        self.names.insert(name);
        if self.names.len() > self.most {
            self.names.pop_last();
            self.more = true;
        }
    }
}

impl Listing {
    /// A list that is known already.
    pub(super) fn of(names: Vec<String>) -> Self {
        Self { waiting: names, ended: true, ..Self::default() }
    }

    /// Whether somebody has to ask before there is a name.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether all names were given.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.ended
    }

    /// The next name, which is not given again.
    pub(super) fn next(&mut self) -> Option<String> {
        self.waiting.pop()
    }

    /// The next names, `most` of them at most. They are given again unless they are [`done`](Self::done) with.
    pub(super) fn peek(&self, most: usize) -> impl Iterator<Item = &str> {
        self.waiting.iter().rev().take(most).map(String::as_str)
    }

    /// Notes that the next `number` names are done with.
    pub(super) fn done(&mut self, number: usize) {
        self.waiting.truncate(self.waiting.len().saturating_sub(number));
    }

    /// Takes more names. `ask` is given the page to ask for and what to show its names to, and says which page is behind it.
    pub(super) fn more<E>(
        &mut self,
        bounds: Bounds,
        ask: impl FnOnce(Option<&str>, &mut dyn FnMut(String)) -> Result<Option<String>, E>,
    ) -> Result<Result<(), Endless>, E> {
        if self.asked >= bounds.questions {
            return Ok(Err(Endless));
        }
        let behind = self.within.as_deref();
        let mut taken = Taken { behind, most: bounds.names, names: BTreeSet::new(), more: false };
        let next = ask(self.page.as_deref(), &mut |name| taken.offer(name))?;
        let Taken { names, more, .. } = taken;
        self.asked += 1;
        self.within = names.last().filter(|_| more).cloned();
        self.waiting = names.into_iter().rev().collect();
        if !more {
            (self.ended, self.page) = (next.is_none(), next);
        }
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bounds = Bounds { questions: 50, names: 3 };

    /// A page of a registry: its names, and which is behind it.
    type Page = (Vec<String>, Option<String>);

    /// Goes through what a registry answers, from piece to piece as a job does; the names, how often it was asked, and whether it
    /// came to an end.
    fn walked(bounds: Bounds, registry: impl Fn(Option<&str>) -> Page) -> (Vec<String>, u32, bool) {
        let (mut listing, mut seen) = (Listing::default(), Vec::new());
        while !listing.is_done() {
            if let Some(name) = listing.next() {
                seen.push(name);
                let carried = serde_json::to_string(&listing).unwrap();
                listing = serde_json::from_str(&carried).unwrap();
                assert!(listing.waiting.len() <= bounds.names);
                continue;
            }
            let more = listing.more(bounds, |page, each| {
                let (names, next) = registry(page);
                names.into_iter().for_each(each);
                Ok::<_, ()>(next)
            });
            if more.unwrap().is_err() {
                return (seen, listing.asked, false);
            }
        }
        (seen, listing.asked, true)
    }

    fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|number| format!("n{number:04}")).collect()
    }

    #[test]
    fn pages_are_followed_to_the_last() {
        let registry = |page: Option<&str>| match page {
            None => (numbered(0..3), Some("b".to_owned())),
            Some("b") => (Vec::new(), Some("c".to_owned())),
            _ => (numbered(3..5), None),
        };
        assert_eq!(walked(SMALL, registry), (numbered(0..5), 3, true));
    }

    #[test]
    fn a_registry_that_answers_all_at_once_is_gone_through_in_pieces() {
        // In whatever order, and twice.
        let all = [numbered(50..100), numbered(0..60)].concat();
        assert_eq!(walked(SMALL, |_| (all.clone(), None)), (numbered(0..100), 34, true));
        let two = |page: Option<&str>| match page {
            None => (numbered(0..7), Some("b".to_owned())),
            _ => (numbered(7..9), None),
        };
        assert_eq!(walked(SMALL, two), (numbered(0..9), 4, true));
    }

    #[test]
    fn pages_that_lead_in_a_circle_or_on_and_on_end() {
        let circle = |page: Option<&str>| {
            let next = if page == Some("b") { "c" } else { "b" };
            (numbered(0..1), Some(next.to_owned()))
        };
        let (_, asked, ended) = walked(SMALL, circle);
        assert_eq!((asked, ended), (SMALL.questions, false));
        // A page that has other names each time that it is asked for.
        let asked = std::cell::Cell::new(0);
        let more_and_more = |_: Option<&str>| {
            asked.set(asked.get() + 1);
            (numbered(0..asked.get() * 10), None)
        };
        let (seen, asked, ended) = walked(SMALL, more_and_more);
        assert_eq!((seen.len(), asked, ended), (150, SMALL.questions, false));
    }

    #[test]
    fn names_that_are_not_done_with_are_given_again() {
        let mut listing = Listing::default();
        let page = |_: Option<&str>, each: &mut dyn FnMut(String)| {
            numbered(0..3).into_iter().for_each(each);
            Ok::<_, ()>(None)
        };
        listing.more(SMALL, page).unwrap().unwrap();
        assert_eq!(listing.peek(2).collect::<Vec<_>>(), ["n0000", "n0001"]);
        listing.done(1);
        assert_eq!(listing.peek(9).collect::<Vec<_>>(), ["n0001", "n0002"]);
        listing.done(2);
        assert!(listing.is_done());
    }
}
