//! Puts the matches of a blob's chunks together, in the order of the stream.

use super::matching::{Match, Matches, tidy};
use crate::image::PlaceKind;
use crate::matcher::resolve;
use crate::signature::RuleSet;

/// Takes the matches of chunk after chunk.
#[derive(Debug)]
pub(super) struct Collector {
    found: Vec<Match>,
    most: usize,
    dropped: bool,
    /// Line ends that the open file has in the chunks so far.
    lines: u64,
}

impl Collector {
    /// A collector that keeps at most `most` matches.
    pub(super) fn new(most: usize) -> Self {
        Self { found: Vec::new(), most, dropped: false, lines: 0 }
    }

    /// Takes the matches of the next chunk.
    pub(super) fn add(&mut self, chunk: Matches) {
        for mut found in chunk.found {
            let content = matches!(found.kind, PlaceKind::File | PlaceKind::Blob);
            if content && chunk.continued && chunk.continued_entry == found.ordinal() {
                found.line = found.line.map(|line| line.wrapping_add(self.lines));
            }
            if self.found.len() < self.most {
                self.found.push(found);
            } else {
                self.dropped = true;
            }
        }
        self.lines = match chunk.open {
            Some((lines, true)) => self.lines + lines,
            Some((lines, false)) => lines,
            None => 0,
        };
    }

    /// One match for each credential of each text, and whether there were more than could be kept.
    pub(super) fn finish(mut self, rules: &RuleSet) -> (Vec<Match>, bool) {
        tidy(&mut self.found);
        let mut resolved = Vec::with_capacity(self.found.len());
        let mut text: Vec<Match> = Vec::new();
        for found in self.found {
            let same = |other: &Match| {
                (other.ordinal(), other.kind, &other.name) == (found.ordinal(), found.kind, &found.name)
            };
            if !text.last().is_none_or(same) {
                resolved.extend(resolve(std::mem::take(&mut text), rules));
            }
            text.push(found);
        }
        resolved.extend(resolve(text, rules));
        (resolved, self.dropped)
    }
}
