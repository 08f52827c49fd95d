//! Matches what stands encoded in the content of files: base64 in a settings file, UTF-16 in a program.

use std::ops::Range;

use super::super::encoded::{Bounds, Trail, each_decoded};
use super::{EmbeddedFile, Told, Work, companions, found, path};
use crate::content::encoding::{Text, embedded};
use crate::matcher::Surroundings;
use crate::problem::{Problem, ProblemKind};
use crate::secret::Secret;
use crate::stream::Segment;

/// Digits before the end of a chunk that may stand for nothing, because the last group of each encoding is not whole, with what
/// breaks a line there.
const LAST_GROUPS: usize = 256;

/// Where an encoded text stands.
struct Scene<'e> {
    segment: &'e Segment,
    /// Where the segment starts in the chunk.
    start: usize,
    /// What of it the chunk owns.
    owned: Range<usize>,
}

impl Work<'_> {
    /// What stands encoded in the segment.
    pub(super) fn encoded(&mut self, segment: &Segment) {
        let Range { start, end } = self.local(segment);
        let owned = self.chunk.owned.start.max(start)..self.chunk.owned.end.min(end);
        if owned.is_empty() {
            return;
        }
        let text = Text {
            bytes: &self.chunk.bytes[start..end],
            within: owned.start - start..owned.end - start,
            base: Some((self.chunk.base + start as u64).saturating_sub(segment.start)),
        };
        let scene = Scene { segment, start, owned };
        self.embedded(text.bytes, &scene, &|offset| offset, &[]);
        let bounds = Bounds::new(self.limits, text.bytes.len());
        if let Some(over) = each_decoded(&text, bounds, &mut |trail| self.decoded(trail, &scene)) {
            let place = String::from_utf8_lossy(path(segment));
            self.problems.push(Problem::new(ProblemKind::Limit, place, over.message(), over.remedy()));
        }
    }

    /// Files that stand encoded in a text of which `names` were undone, and whose bytes stand in the segment where `place` says.
    fn embedded(
        &mut self,
        text: &[u8],
        scene: &Scene<'_>,
        place: &dyn Fn(usize) -> usize,
        names: &[&'static str],
    ) {
        let chunk_end = self.chunk.bytes.len();
        let goes_on = scene.segment.end > self.chunk.base + chunk_end as u64;
        let (mut found, mut cut) = (Vec::new(), false);
        embedded(text, &mut |file| {
            if scene.owned.contains(&(scene.start + place(file.start))) {
                // The end of a decoded text is mostly that of its digits, and not where the chunk ends.
                let at_end =
                    file.end == text.len() && scene.start + place(file.end) + LAST_GROUPS >= chunk_end;
                cut |= goes_on && at_end;
                let names = names.iter().copied().chain([file.encoding]).collect();
                found.push(EmbeddedFile { entry: scene.segment.entry.clone(), names, bytes: file.bytes });
            }
        });
        self.embedded.extend(found);
        if cut {
            let place = String::from_utf8_lossy(path(scene.segment));
            let message =
                "a file that stands encoded in it is too long to be decoded; its beginning was looked into";
            let remedy = "decode it yourself and look at what it holds";
            self.problems.push(Problem::new(ProblemKind::Limit, place, message, remedy));
        }
    }

    /// A text that stands encoded in a segment.
    fn decoded(&mut self, trail: &Trail<'_>, scene: &Scene<'_>) {
        let (text, matcher, start) = (trail.text(), self.matcher, scene.start);
        self.embedded(text, scene, &|offset| trail.offset(offset), &trail.names());
        let path = Some(path(scene.segment));
        let verifier = matcher.verifier();
        let mut told = Told::default();
        matcher.search(text, |candidate| {
            if !scene.owned.contains(&(start + trail.offset(candidate.at))) {
                return;
            }
            let window = trail.window(candidate.at, candidate.length);
            let (from, window) = (window.start, &text[window]);
            let local = candidate.moved(candidate.at - from);
            verifier.verify(local, from, (window, Surroundings { path, pair: None }), &mut self.hits);
            for hit in self.hits.drain(..) {
                let local = hit.secret.start + from..hit.secret.end + from;
                if !told.is_new(hit.rule, &local) {
                    continue;
                }
                let secret = Secret::new(&window[hit.secret.clone()]);
                let place = trail.place(&local);
                let place = start + place.start..start + place.end;
                let mut found = found(&hit, secret, scene.segment, self.chunk.base, place);
                let place = |at: usize| start + trail.offset(at + from);
                companions(self.matcher, &hit, window, (&mut found, &place), self.chunk);
                found.decoded = trail.names();
                found.mark = trail.mark(&local);
                self.found.push(found);
            }
            self.bound();
        });
    }
}
