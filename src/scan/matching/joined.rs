//! Matches what the content of files holds in pieces: strings that a program adds, lines that go on.

use std::ops::Range;

use super::{Work, companions, found, path};
use crate::matcher::{AFTER, BEFORE, JoinedHit, Mark, Surroundings};
use crate::secret::Secret;
use crate::stream::Segment;

/// How the report calls it.
const PIECES: &str = "joined";

impl Work<'_> {
    /// What stands in pieces in the segment.
    pub(super) fn joined(&mut self, segment: &Segment) {
        let Range { start, end } = self.local(segment);
        let owned = self.chunk.owned.start.max(start)..self.chunk.owned.end.min(end);
        if owned.is_empty() {
            return;
        }
        let text = &self.chunk.bytes[start..end];
        let around = Surroundings { path: Some(path(segment)), pair: None };
        let (matcher, chunk) = (self.matcher, self.chunk);
        matcher.joined(text, owned.start - start..owned.end - start, around, &mut |joined| {
            let JoinedHit { hit, secret } = joined;
            let place = start + hit.secret.start..start + hit.secret.end;
            let mut found = found(&hit, Secret::new(secret), segment, chunk.base, place);
            let from = hit.secret.start.saturating_sub(BEFORE);
            let window = &text[from..text.len().min(hit.secret.end + AFTER)];
            let mut local = hit.clone();
            local.secret = hit.secret.start - from..hit.secret.end - from;
            companions(matcher, &local, window, (&mut found, &|at| start + at + from), chunk);
            found.decoded = vec![PIECES];
            found.mark = Mark::at(text, &hit.secret);
            self.found.push(found);
            self.bound();
        });
    }
}
