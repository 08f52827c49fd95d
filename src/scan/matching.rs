//! Matches one chunk: prefilter over all its bytes at once, then each candidate inside the segment it stands in.

mod encoded;
mod joined;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::Chunk;
use super::contents;
use super::inside::Inside;
use super::sighting::{PartSeen, Seen, Sighting, Spot, line_ends, lines_between};
use super::whole::{WholeFile, Yield};
use crate::image::PlaceKind;
use crate::limits::{Limit, Limits};
use crate::matcher::{AFTER, BEFORE, Candidate, Claim, Hit, Mark, Matcher, NEAR, Surroundings, Verifier};
use crate::packages::Heads;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::signature::Confidence;
use crate::stream::{Entry, Segment, SegmentKind, TextKind};

/// A credential in a blob.
#[derive(Debug, Clone)]
pub(crate) struct Match {
    pub(crate) what: Sighting,
    pub(crate) kind: PlaceKind,
    /// The tar entry that it belongs to.
    pub(crate) entry: Option<Arc<Entry>>,
    /// Name of a record, or the key that holds it in a file of a known format.
    pub(crate) name: Option<String>,
    /// Bytes of the content, the text or, for padding, the whole stream.
    pub(crate) range: Range<u64>,
    /// Line in the content, 1 = the first.
    pub(crate) line: Option<u64>,
    /// Where in the file its text stands, if not in the file's own bytes.
    pub(crate) inside: Option<Arc<Inside>>,
    /// Encodings that were undone, outermost first.
    pub(crate) decoded: Vec<&'static str>,
    /// What stands beside it to have it ignored.
    pub(crate) mark: Option<Mark>,
}

impl Match {
    /// Ordinal of the entry.
    pub(crate) fn ordinal(&self) -> Option<u64> {
        self.entry.as_ref().map(|entry| entry.ordinal)
    }

    /// The text that it stands in. Of an entry there are one content, what is inside of that, and many records.
    pub(crate) fn text(&self) -> (Option<u64>, PlaceKind, Option<&Inside>, Option<&str>) {
        let record = self.name.as_deref().filter(|_| self.kind != PlaceKind::File);
        (self.ordinal(), self.kind, self.inside.as_deref(), record)
    }
}

/// Sorts matches by place and drops those that were found twice.
pub(super) fn tidy(found: &mut Vec<Match>) {
    // Of two that are alike the one that knows its key stays, and the one of which less was undone.
    let place = |a: &Match| (a.range.start, a.range.end, a.what.rule);
    let order = |a: &Match| (a.name.is_none(), a.decoded.len());
    found.sort_by(|a, b| {
        let of_places = (a.text(), place(a)).cmp(&(b.text(), place(b)));
        of_places.then_with(|| (order(a), &a.what.secret).cmp(&(order(b), &b.what.secret)))
    });
    found.dedup_by(|a, b| {
        a.text() == b.text() && place(a) == place(b) && (a.name.is_none() || a.name == b.name)
    });
}

impl Claim for Match {
    fn rule(&self) -> usize {
        self.what.rule
    }

    fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn confidence(&self) -> Confidence {
        self.what.confidence
    }

    fn raise(&mut self, confidence: Confidence) {
        self.what.confidence = confidence;
    }

    fn by_field(&self) -> bool {
        self.kind == PlaceKind::File && self.name.is_some()
    }
}

impl Seen for Match {
    fn what(&self) -> &Sighting {
        &self.what
    }

    fn what_mut(&mut self) -> &mut Sighting {
        &mut self.what
    }

    fn spot(&self) -> Spot {
        let line = self.line.unwrap_or_default();
        Spot { kind: self.kind, offset: self.range.start, line, name: self.name.clone() }
    }
}

/// What one chunk yields. Lines are counted from the start of the chunk's own bytes where a file came from the chunk
/// before; whoever sees the chunks in order adds the rest.
#[derive(Debug, Default)]
pub(super) struct Matches {
    pub(super) found: Vec<Match>,
    /// What could not be looked at; their places are relative to the blob.
    pub(super) problems: Vec<Problem>,
    /// Whether a file came from the chunk before.
    pub(super) continued: bool,
    /// The ordinal of its entry, if it has one.
    pub(super) continued_entry: Option<u64>,
    /// For the file that goes on behind this chunk: line ends in the bytes that this chunk owns, and whether it came
    /// from the chunk before.
    pub(super) open: Option<(u64, bool)>,
    /// What whole files yield, whose lines are counted from their start.
    pub(super) whole: Yield,
    /// The files that end here and were wanted whole.
    pub(super) files: Vec<WholeFile>,
    /// Digests of files with matches.
    pub(super) contents: Vec<(u64, Heads)>,
    /// Files that stand encoded in texts, to be looked into.
    pub(super) embedded: Vec<EmbeddedFile>,
}

/// A file that stands encoded in the content of another.
#[derive(Debug)]
pub(super) struct EmbeddedFile {
    /// The file that it stands in.
    pub(super) entry: Option<Arc<Entry>>,
    /// What was undone, outermost first.
    pub(super) names: Vec<&'static str>,
    pub(super) bytes: Vec<u8>,
}

/// Matches everything that `chunk` owns.
pub(super) fn matches(matcher: &Matcher, chunk: &Chunk, limits: &Limits) -> Matches {
    let mut work = Work {
        matcher,
        verifier: matcher.verifier(),
        chunk,
        limits,
        hits: Vec::new(),
        told: Told::default(),
        found: Vec::new(),
        problems: Vec::new(),
        embedded: Vec::new(),
        last_header: None,
    };
    for segment in &chunk.segments {
        if segment.kind == SegmentKind::Content {
            work.encoded(segment);
            work.joined(segment);
        }
    }
    for segment in &chunk.segments {
        work.search(segment);
    }
    work.texts();
    work.finish()
}

/// Longest literal of the prefilter.
const MAX_LITERAL: usize = 64;

struct Work<'w> {
    matcher: &'w Matcher,
    verifier: Verifier<'w>,
    chunk: &'w Chunk,
    limits: &'w Limits,
    hits: Vec<Hit>,
    told: Told,
    found: Vec<Match>,
    problems: Vec<Problem>,
    embedded: Vec<EmbeddedFile>,
    /// Ordinal of the last entry whose header's texts were matched.
    last_header: Option<u64>,
}

/// The last credentials of one text that were told of. Several literals lead to one, and all that is said of it is said once.
#[derive(Debug, Default)]
struct Told(VecDeque<(usize, Range<usize>)>);

impl Told {
    /// Most that are known.
    const MOST: usize = 8;

    /// Whether what `rule` finds at `place` was not told of just now.
    fn is_new(&mut self, rule: usize, place: &Range<usize>) -> bool {
        if self.0.iter().any(|(other, at)| *other == rule && at == place) {
            return false;
        }
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back((rule, place.clone()));
        true
    }
}

impl Work<'_> {
    /// What stands in a segment. Each is searched by itself, because what stands before its start is none of its text.
    fn search(&mut self, segment: &Segment) {
        let Range { start, end } = self.local(segment);
        let owned = self.chunk.owned.start.max(start)..self.chunk.owned.end.min(end);
        if owned.is_empty() {
            return;
        }
        let (matcher, chunk) = (self.matcher, self.chunk);
        matcher.search(&chunk.bytes[owned.start..end.min(owned.end + MAX_LITERAL)], |candidate| {
            let candidate = candidate.moved(candidate.at + owned.start);
            if candidate.at >= owned.end {
                return;
            }
            match segment.kind {
                SegmentKind::Header => self.header(segment.entry.as_ref()),
                SegmentKind::Content | SegmentKind::Padding => self.bytes(candidate, segment),
            }
        });
    }

    /// A candidate in content or padding.
    fn bytes(&mut self, candidate: Candidate, segment: &Segment) {
        let Range { start, end } = self.local(segment);
        if candidate.at + candidate.length > end {
            return;
        }
        let from = start.max(candidate.at.saturating_sub(BEFORE));
        let text = &self.chunk.bytes[from..end.min(candidate.at + AFTER)];
        let path = Some(path(segment));
        let local = candidate.moved(candidate.at - from);
        let around = Surroundings { path, pair: None };
        self.verifier.verify(local, from, (text, around), &mut self.hits);
        for hit in self.hits.drain(..) {
            let secret = hit.secret.start + from..hit.secret.end + from;
            if !self.told.is_new(hit.rule, &secret) {
                continue;
            }
            let bytes = Secret::new(&self.chunk.bytes[secret.clone()]);
            let local = secret.start - start..secret.end - start;
            let mark = Mark::at(&self.chunk.bytes[start..end], &local);
            let mut found = Match { mark, ..found(&hit, bytes, segment, self.chunk.base, secret) };
            let place = |at: usize| at + from;
            companions(self.matcher, &hit, text, (&mut found, &place), self.chunk);
            self.found.push(found);
        }
        self.bound();
    }

    /// The path and link target of an entry in whose header block a literal stands.
    fn header(&mut self, entry: Option<&Arc<Entry>>) {
        let Some(entry) = entry else { return };
        if self.last_header.replace(entry.ordinal) == Some(entry.ordinal) {
            return;
        }
        self.text(entry, PlaceKind::Path, None, &entry.path);
        self.text(entry, PlaceKind::Link, None, &entry.link);
    }

    fn texts(&mut self) {
        for text in &self.chunk.texts {
            let (kind, name) = match &text.kind {
                TextKind::Path => (PlaceKind::Path, None),
                TextKind::Link => (PlaceKind::Link, None),
                TextKind::Record(name) => (PlaceKind::TarHeader, Some(name.as_str())),
            };
            self.text(&text.entry, kind, name, &text.bytes);
        }
    }

    fn text(&mut self, entry: &Arc<Entry>, kind: PlaceKind, name: Option<&str>, text: &[u8]) {
        for hit in self.matcher.scan(text, Surroundings { path: Some(&entry.path), pair: None }) {
            // The parts of what stands in a path or a header are left aside: nothing is written that way in pieces.
            self.found.push(Match {
                what: Sighting::new(&hit, Secret::new(&text[hit.secret.clone()])),
                kind,
                entry: Some(Arc::clone(entry)),
                name: name.map(str::to_owned),
                range: hit.secret.start as u64..hit.secret.end as u64,
                line: None,
                inside: None,
                decoded: Vec::new(),
                mark: None,
            });
        }
    }

    /// The segment's bytes in the chunk.
    fn local(&self, segment: &Segment) -> Range<usize> {
        let offset = |at: u64| {
            usize::try_from(at.saturating_sub(self.chunk.base))
                .unwrap_or(usize::MAX)
                .min(self.chunk.bytes.len())
        };
        offset(segment.start)..offset(segment.end)
    }

    /// Keeps the memory of a hostile chunk bounded: of far too many matches, the first.
    fn bound(&mut self) {
        let most = self.limits.get_usize(Limit::Matches).clamp(64, usize::MAX / 4);
        if self.found.len() >= 4 * most {
            tidy(&mut self.found);
            self.found.truncate(2 * most);
        }
    }

    fn finish(mut self) -> Matches {
        tidy(&mut self.found);
        let chunk = self.chunk;
        let owned_start = chunk.base + chunk.owned.start as u64;
        let owned_end = chunk.base + chunk.owned.end as u64;
        let spans = |at: u64| chunk.segments.iter().find(|s| s.start < at && at < s.end);
        let content = |segment: &&Segment| segment.kind == SegmentKind::Content;
        let before = spans(owned_start).filter(content);
        let (continued, continued_entry) = (before.is_some(), before.and_then(ordinal));
        self.lines(owned_start);
        let open = spans(owned_end).filter(content).map(|segment| {
            let from = self.local(segment).start.max(chunk.owned.start);
            let came = segment.start < owned_start;
            (line_ends(&chunk.bytes[from..chunk.owned.end]), came)
        });
        let contents = contents::of_chunk(chunk, &self.found);
        let Self { found, problems, .. } = self;
        let embedded = self.embedded;
        Matches {
            found,
            problems,
            continued,
            continued_entry,
            open,
            contents,
            embedded,
            ..Matches::default()
        }
    }

    /// Numbers the lines of matches in content.
    fn lines(&mut self, owned_start: u64) {
        let mut last: Option<(u64, u64, u64)> = None;
        for found in &mut self.found {
            let Some(base) = content_start(self.chunk, found) else { continue };
            let at = base + found.range.start;
            let (from, lines) = match last {
                Some((segment, from, lines)) if segment == base && from <= at => (from, lines),
                _ => (base.max(owned_start), 0),
            };
            let local = |at: u64| {
                usize::try_from(at - self.chunk.base).unwrap_or(usize::MAX).min(self.chunk.bytes.len())
            };
            // A credential may start before the bytes that the chunk owns: count backwards then.
            let line = if at >= from {
                lines.cast_signed() + line_ends(&self.chunk.bytes[local(from)..local(at)]).cast_signed()
            } else {
                -line_ends(&self.chunk.bytes[local(at.max(self.chunk.base))..local(from)]).cast_signed()
            };
            found.line = Some(line.cast_unsigned().wrapping_add(1));
            if at >= from {
                last = Some((base, at, line.cast_unsigned()));
            }
        }
    }
}

/// Adds to `found` the parts that patterns find around `hit` in `text`, whose bytes stand in the chunk where `place` says.
fn companions(
    matcher: &Matcher,
    hit: &Hit,
    text: &[u8],
    (found, place): (&mut Match, &dyn Fn(usize) -> usize),
    chunk: &Chunk,
) {
    let here = place(hit.secret.start);
    for companion in matcher.companions(hit.rule, &hit.secret, text, NEAR) {
        let at = place(companion.range.start);
        let lines = lines_between(&chunk.bytes, here, at);
        let offset = found.range.start.wrapping_add((at as u64).wrapping_sub(here as u64));
        let spot = Spot { kind: found.kind, offset, line: 0, name: found.name.clone() };
        found.what.parts.push(PartSeen::new(&companion, text, spot, lines));
    }
}

/// Where in the stream the content of a match starts, for matches in content.
fn content_start(chunk: &Chunk, found: &Match) -> Option<u64> {
    let content =
        |s: &&Segment| s.kind == SegmentKind::Content && found.kind == file_kind(s) && same(found, s);
    match &found.entry {
        Some(entry) => {
            let from = chunk.segments.partition_point(|segment| ordinal(segment) < Some(entry.ordinal));
            chunk.segments[from..].iter().take(4).find(content).map(|segment| segment.start)
        }
        None => chunk.segments.iter().find(content).map(|segment| segment.start),
    }
}

/// The path of the file that a segment belongs to; empty for bytes of no file, which are not taken for a command line.
fn path(segment: &Segment) -> &[u8] {
    segment.entry.as_ref().map_or(&[], |entry| &entry.path)
}

fn same(found: &Match, segment: &Segment) -> bool {
    found.ordinal() == ordinal(segment)
}

fn ordinal(segment: &Segment) -> Option<u64> {
    segment.entry.as_ref().map(|entry| entry.ordinal)
}

fn file_kind(segment: &Segment) -> PlaceKind {
    match (segment.kind, &segment.entry) {
        (SegmentKind::Content, Some(_)) => PlaceKind::File,
        (SegmentKind::Content, None) => PlaceKind::Blob,
        _ => PlaceKind::Padding,
    }
}

/// A match at `place` of the chunk that starts at `base` of the stream.
fn found(hit: &Hit, secret: Secret, segment: &Segment, base: u64, place: Range<usize>) -> Match {
    let kind = file_kind(segment);
    let origin = if kind == PlaceKind::Padding { 0 } else { segment.start };
    let offset = |at: usize| (base + at as u64).saturating_sub(origin);
    Match {
        what: Sighting::new(hit, secret),
        kind,
        entry: segment.entry.clone(),
        name: None,
        range: offset(place.start)..offset(place.end),
        line: None,
        inside: None,
        decoded: Vec::new(),
        mark: None,
    }
}

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;
