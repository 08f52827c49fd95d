//! Texts that stand side by side in a document, and so belong together: the variables of one config, its labels, the
//! build arguments of an attestation.
//!
//! Each is searched by itself, as what it is. For the parts of a credential all of one list or object are one text, with
//! a line for each.

use std::ops::Range;

use super::sighting::{PartSeen, Spot, join};
use super::texts::TextMatch;
use crate::image::{PlaceKind, Text};
use crate::matcher::{Matcher, NEAR};

/// The list that is being gathered.
pub(super) struct Beside<'m> {
    matcher: &'m Matcher,
    /// Where it stands in the document.
    pointer: String,
    /// `name=value` in lines.
    text: Vec<u8>,
    lines: Vec<Line>,
    /// Number of the first match in it.
    first: usize,
}

struct Line {
    /// The value in the list's text.
    value: Range<usize>,
    name: Option<String>,
    kind: PlaceKind,
}

/// Bytes of a list that are one text; a longer one is several.
const LONGEST: usize = 64 << 10;

/// Bytes of a list between a credential and what belongs to it: more than a list of variables has.
const LIST_NEAR: usize = 4 * NEAR;

impl<'m> Beside<'m> {
    pub(super) fn new(matcher: &'m Matcher) -> Self {
        Self { matcher, pointer: String::new(), text: Vec::new(), lines: Vec::new(), first: 0 }
    }

    /// Takes a text; what is found in it will be added to `found` behind what is there. Gives the offset of its first
    /// byte in the list.
    pub(super) fn take(&mut self, text: &Text, found: &mut [TextMatch]) -> u64 {
        let parent = text.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        if parent != self.pointer || self.text.len() > LONGEST {
            self.finish(found);
            parent.clone_into(&mut self.pointer);
        }
        if let Some(name) = &text.name {
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b'=');
        }
        let start = self.text.len();
        self.text.extend_from_slice(text.text.as_bytes());
        self.lines.push(Line { value: start..self.text.len(), name: text.name.clone(), kind: text.kind });
        self.text.push(b'\n');
        start as u64
    }

    /// Joins what was found in the list, which ends.
    pub(super) fn finish(&mut self, found: &mut [TextMatch]) {
        for found in &mut found[self.first..] {
            self.companions(found);
        }
        join(&mut found[self.first..], self.matcher.rules(), LIST_NEAR as u64);
        self.first = found.len();
        self.text.clear();
        self.lines.clear();
    }

    /// Leaves out what was found since: it has been joined.
    pub(super) fn pass(&mut self, found: &[TextMatch]) {
        self.first = found.len();
    }

    fn companions(&self, found: &mut TextMatch) {
        let offset = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.text.len());
        let secret = offset(found.at.start)..offset(found.at.end);
        for companion in self.matcher.companions(found.what.rule, &secret, &self.text, LIST_NEAR) {
            let index = self.lines.partition_point(|line| line.value.end < companion.range.end);
            let line = self.lines.get(index).filter(|line| line.value.start <= companion.range.start);
            let Some(line) = line else { continue };
            let offset = (companion.range.start - line.value.start) as u64;
            let spot = Spot { kind: line.kind, offset, line: 0, name: line.name.clone() };
            found.what.parts.push(PartSeen::new(&companion, &self.text, spot, 0));
        }
    }
}
