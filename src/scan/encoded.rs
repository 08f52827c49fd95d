//! Texts that stand encoded in a text, and in those again: walks them all and knows where each of their bytes stands.
//!
//! What a search of such a text may look at is what every chunk sees that owns the place: the windows of the matcher are
//! measured in bytes of the file, whatever the encodings make of them.

use std::ops::Range;

use crate::content::encoding::{ENCODINGS, Encoding, Run, Text};
use crate::limits::{Limit, Limits};
use crate::matcher::{AFTER, BEFORE, Mark, REACH};

/// One decoded text, and what was undone outside of it.
pub(super) struct Trail<'t> {
    run: &'t Run,
    outer: Option<&'t Trail<'t>>,
    /// How many encodings were undone.
    depth: u64,
    /// Bytes of the file around a byte that decide what it stands for.
    context: usize,
    /// So many bytes of the file stand for one of the text, at most, doubled for each encoding.
    bytes_for_two: usize,
}

/// Bounds on what is decoded of one text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Encodings inside of each other.
    depth: u64,
    /// Bytes of all decoded texts together.
    bytes: usize,
}

impl Bounds {
    /// Those of a text of `length` bytes.
    pub(super) fn new(limits: &Limits, length: usize) -> Self {
        Self { depth: limits.get(Limit::Depth), bytes: SLACK.saturating_add(length.saturating_mul(RATIO)) }
    }
}

/// Decoded bytes for each byte of a text. All that real encodings make of each other is less than the text itself.
const RATIO: usize = 6;
/// Decoded bytes that even a short text may have.
const SLACK: usize = 16 << 10;

/// What was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Texts that are encoded too often.
    Depth,
    /// Texts that become too many bytes in all ways to read them.
    Bytes,
}

impl Over {
    /// What happened.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Depth => "texts are encoded in each other more often than is undone",
            Self::Bytes => "texts that are encoded in each other become too many bytes; not all were undone",
        }
    }

    /// What to do about it.
    pub(super) fn remedy(self) -> String {
        match self {
            Self::Depth => Limit::Depth.remedy(),
            Self::Bytes => "decode the file yourself and look at what it holds".to_owned(),
        }
    }
}

/// Shows every text that stands encoded in `text`, at any depth. Says so if there was more than `bounds` let through.
pub(super) fn each_decoded(
    text: &Text<'_>,
    bounds: Bounds,
    sink: &mut dyn FnMut(&Trail<'_>),
) -> Option<Over> {
    let mut walk = Walk { bounds, sink, over: None };
    walk.text(text, None);
    walk.over
}

struct Walk<'w> {
    bounds: Bounds,
    sink: &'w mut dyn FnMut(&Trail<'_>),
    over: Option<Over>,
}

impl Walk<'_> {
    fn text(&mut self, text: &Text<'_>, outer: Option<&Trail<'_>>) {
        for encoding in ENCODINGS {
            (encoding.runs)(text, &mut |run| self.run(encoding, &run, outer));
        }
    }

    fn run(&mut self, encoding: &Encoding, run: &Run, outer: Option<&Trail<'_>>) {
        let trail = Trail::new(encoding, run, outer);
        if trail.depth > self.bounds.depth {
            self.over = Some(Over::Depth);
            return;
        }
        let Some(left) = self.bounds.bytes.checked_sub(run.text.len()) else {
            self.over = Some(Over::Bytes);
            return;
        };
        self.bounds.bytes = left;
        (self.sink)(&trail);
        let inner = Text { base: None, ..Text::whole(&run.text) };
        self.text(&inner, Some(&trail));
    }
}

impl<'t> Trail<'t> {
    fn new(encoding: &Encoding, run: &'t Run, outer: Option<&'t Trail<'t>>) -> Self {
        let (depth, context, factor) = outer.map_or((0, 0, 2), |o| (o.depth, o.context, o.bytes_for_two));
        Self {
            run,
            outer,
            depth: depth + 1,
            context: context.saturating_add(encoding.context.saturating_mul(factor) / 2),
            bytes_for_two: factor.saturating_mul(encoding.bytes_for_two) / 2,
        }
    }

    /// The text.
    pub(super) fn text(&self) -> &'t [u8] {
        &self.run.text
    }

    /// What was undone, outermost first.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut names = self.outer.map_or_else(Vec::new, Trail::names);
        names.push(self.run.encoding);
        names
    }

    /// Where what stands for byte `index` of the text starts in the outermost bytes.
    pub(super) fn offset(&self, index: usize) -> usize {
        let offset = self.run.offset(index);
        self.outer.map_or(offset, |outer| outer.offset(offset))
    }

    /// Where a part of the text stands in the outermost bytes.
    pub(super) fn place(&self, part: &Range<usize>) -> Range<usize> {
        self.offset(part.start)..self.end(part.end)
    }

    fn end(&self, length: usize) -> usize {
        let end = self.run.end(length);
        self.outer.map_or(end, |outer| outer.end(end))
    }

    /// How many bytes of the text start before `offset` of the outermost bytes.
    fn before(&self, offset: usize) -> usize {
        let offset = self.outer.map_or(offset, |outer| outer.before(offset));
        self.run.before(offset)
    }

    /// What the matcher may see of the text around a candidate of `length` bytes at `at`.
    pub(super) fn window(&self, at: usize, length: usize) -> Range<usize> {
        let (place, cut) = (self.offset(at), self.context.saturating_sub(REACH));
        let from = self.before(place.saturating_sub(BEFORE.saturating_sub(cut)));
        let to = self.before(place + AFTER.saturating_sub(cut));
        from.min(at)..to.max(at + length)
    }

    /// The mark of the credential at `secret` of the text.
    pub(super) fn mark(&self, secret: &Range<usize>) -> Option<Mark> {
        let (place, reach) = (self.place(secret), REACH.saturating_sub(self.context));
        let from = self.before(place.start.saturating_sub(reach));
        let to = self.before(place.end + reach);
        let far = self.text().len() + 1;
        let before = if from == 0 { far } else { secret.start.saturating_sub(from) };
        let behind = if to == self.text().len() { far } else { to.saturating_sub(secret.end) };
        Mark::within(self.text(), secret, before.min(behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a text: how often, how many bytes, how deep at most; and what was too much.
    fn shown(text: &[u8]) -> (usize, usize, u64, Option<Over>) {
        let (mut count, mut bytes, mut deepest) = (0, 0, 0);
        let bounds = Bounds::new(&Limits::default(), text.len());
        let over = each_decoded(&Text::whole(text), bounds, &mut |trail| {
            count += 1;
            bytes += trail.text().len();
            deepest = deepest.max(trail.depth);
        });
        (count, bytes, deepest, over)
    }

    #[test]
    fn hostile_texts_cost_no_more_than_their_length_allows() {
        let many = |text: &str, length: usize| text.repeat(length / text.len());
        for text in [
            many("%25", 300_000),
            format!("%{}41", many("25", 300_000)),
            many("\\\\", 300_000),
            many("\\u005c", 300_000),
            many("\\x25", 300_000),
            many("%5cx25", 300_000),
            many("YWJjZGVmZ2hpamtsbW5vcHFy ", 300_000),
            many("YWJjZGVmZ2hpamtsbW5vcHFy\n", 300_000),
            many("QUFBQUFBQUFBQUFBQUFBQUFB", 300_000),
            many("a\0", 300_000),
            many("61", 300_000),
        ] {
            let (_, bytes, deepest, over) = shown(text.as_bytes());
            assert!(bytes <= SLACK + RATIO * text.len(), "{}: {bytes}", &text[..20]);
            assert!(deepest <= Limits::default().get(Limit::Depth), "{}: {deepest}", &text[..20]);
            assert!(over.is_none() || deepest > 4 || bytes > text.len(), "{}: {over:?}", &text[..20]);
        }
    }

    #[test]
    fn what_is_encoded_too_often_is_told() {
        let nested = format!("%{}41 and more words", "25".repeat(40));
        let (_, _, deepest, over) = shown(nested.as_bytes());
        assert_eq!((deepest, over), (Limits::default().get(Limit::Depth), Some(Over::Depth)));
        assert_eq!(shown(b"plain words").3, None);
    }
}
