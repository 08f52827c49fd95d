//! Puts the matches of a blob's chunks together, in the order of the stream.

use std::collections::BTreeMap;

use super::contents::{Contents, matched};
use super::matching::{Match, Matches, tidy};
use super::sighting::join;
use crate::image::PlaceKind;
use crate::limits::{Limit, Limits};
use crate::matcher::{NEAR, resolve};
use crate::packages::{Heads, Lists};
use crate::problem::Problem;
use crate::signature::RuleSet;

/// What all chunks of a blob yield.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) matches: Vec<Match>,
    /// Whether there were more than could be kept.
    pub(super) dropped: bool,
    pub(super) problems: Vec<Problem>,
    pub(super) lists: Lists,
    pub(super) contents: BTreeMap<u64, Heads>,
}

/// Problems with the files of one blob are one kind many times: the first thousand are enough.
const PROBLEMS: usize = 1000;

/// Takes the matches of chunk after chunk.
#[derive(Debug)]
pub(super) struct Collector {
    found: Vec<Match>,
    most: usize,
    dropped: bool,
    problems: Vec<Problem>,
    lists: Lists,
    /// Entries of lists that are kept.
    most_listed: usize,
    contents: Contents,
    /// Line ends that the open file has in the chunks so far.
    lines: u64,
}

impl Collector {
    /// A collector that keeps as much as `limits` say.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            found: Vec::new(),
            most: limits.get_usize(Limit::Matches),
            dropped: false,
            problems: Vec::new(),
            lists: Lists::default(),
            most_listed: limits.get_usize(Limit::ListEntries),
            contents: Contents::new(limits.get_usize(Limit::Matches)),
            lines: 0,
        }
    }

    /// Takes the matches of the next chunk.
    pub(super) fn add(&mut self, chunk: Matches) {
        let matched = matched(&chunk.found).chain(matched(&chunk.whole.found)).collect();
        self.contents.add(matched, chunk.contents, chunk.files);
        self.lists.append(chunk.whole.lists, self.most_listed);
        for mut found in chunk.found {
            let content = matches!(found.kind, PlaceKind::File | PlaceKind::Blob);
            if content && chunk.continued && chunk.continued_entry == found.ordinal() {
                found.line = found.line.map(|line| line.wrapping_add(self.lines));
            }
            self.push(found);
        }
        chunk.whole.found.into_iter().for_each(|found| self.push(found));
        let room = PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(chunk.whole.problems.into_iter().take(room));
        self.lines = match chunk.open {
            Some((lines, true)) => self.lines + lines,
            Some((lines, false)) => lines,
            None => 0,
        };
    }

    fn push(&mut self, found: Match) {
        if self.found.len() < self.most {
            self.found.push(found);
        } else {
            self.dropped = true;
        }
    }

    /// One match for each credential of each text.
    pub(super) fn finish(mut self, rules: &RuleSet) -> Collected {
        tidy(&mut self.found);
        let mut resolved = Vec::with_capacity(self.found.len());
        let mut text: Vec<Match> = Vec::new();
        for found in self.found {
            if text.last().is_some_and(|other| other.text() != found.text()) {
                resolved.extend(joined(std::mem::take(&mut text), rules));
            }
            text.push(found);
        }
        resolved.extend(joined(text, rules));
        Collected {
            matches: resolved,
            dropped: self.dropped,
            problems: self.problems,
            lists: self.lists,
            contents: self.contents.finish(),
        }
    }
}

/// One match for each credential of one text, with what belongs together joined.
fn joined(text: Vec<Match>, rules: &RuleSet) -> Vec<Match> {
    let mut text = resolve(text, rules);
    join(&mut text, rules, NEAR as u64);
    text
}
