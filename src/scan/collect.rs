//! Puts the matches of a blob's chunks together, in the order of the stream.

use std::collections::BTreeMap;

use super::contents::{Contents, matched};
use super::inside::deepest;
use super::matching::{Match, Matches, tidy};
use super::sighting::join;
use super::versions::Notes;
use super::whole::Yield;
use crate::image::PlaceKind;
use crate::limits::{Limit, Limits};
use crate::matcher::{NEAR, resolve};
use crate::packages::{Heads, Lists};
use crate::problem::{Problem, ProblemKind};
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
pub(super) const PROBLEMS: usize = 1000;

/// Takes the matches of chunk after chunk.
#[derive(Debug)]
pub(super) struct Collector {
    found: Vec<Match>,
    most: usize,
    dropped: bool,
    problems: Vec<Problem>,
    /// Problems that are only counted.
    untold: u64,
    lists: Lists,
    /// Entries of lists that are kept.
    most_listed: usize,
    contents: Contents,
    notes: Notes,
    /// Bytes of notes that are kept.
    most_noted: usize,
    /// Line ends that the open file has in the chunks so far.
    lines: u64,
}

/// What to do about problems that are only counted.
pub(super) const UNLISTED: &str = "see to those that are listed, and scan again";

impl Collector {
    /// A collector that keeps as much as `limits` say.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            found: Vec::new(),
            most: limits.get_usize(Limit::Matches),
            dropped: false,
            problems: Vec::new(),
            untold: 0,
            lists: Lists::default(),
            most_listed: limits.get_usize(Limit::ListEntries),
            contents: Contents::new(limits.get_usize(Limit::Matches)),
            notes: Notes::default(),
            most_noted: limits.get_usize(Limit::WholeBytes),
            lines: 0,
        }
    }

    /// Takes the matches of the next chunk.
    pub(super) fn add(&mut self, chunk: Matches) {
        let matched = matched(&chunk.found).chain(matched(&chunk.whole.found)).collect();
        self.contents.add(matched, chunk.contents, chunk.files);
        let whole = chunk.whole;
        for mut found in chunk.found {
            let content = matches!(found.kind, PlaceKind::File | PlaceKind::Blob);
            if content && chunk.continued && chunk.continued_entry == found.ordinal() {
                found.line = found.line.map(|line| line.wrapping_add(self.lines));
            }
            self.push(found);
        }
        self.tell(chunk.problems);
        self.add_whole(whole);
        self.lines = match chunk.open {
            Some((lines, true)) => self.lines + lines,
            Some((lines, false)) => lines,
            None => 0,
        };
    }

    /// Takes what whole files yielded.
    pub(super) fn add_whole(&mut self, whole: Yield) {
        self.lists.append(whole.lists, self.most_listed);
        whole.found.into_iter().for_each(|found| self.push(found));
        self.dropped |= whole.dropped;
        self.untold += whole.untold;
        self.notes.append(whole.notes, self.most_noted);
        self.tell(whole.problems);
    }

    fn tell(&mut self, problems: Vec<Problem>) {
        let told = problems.len();
        let room = PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(problems.into_iter().take(room));
        self.untold += told.saturating_sub(room) as u64;
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
        if self.untold > 0 {
            let message = format!("{} more problems with files are not listed", self.untold);
            self.problems.push(Problem::new(ProblemKind::Limit, "", message, UNLISTED));
        }
        deepest(&mut resolved);
        self.problems.extend(self.notes.name(&mut resolved, self.most_noted));
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
