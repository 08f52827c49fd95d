//! Which bytes must stand around a literal for a pattern to match there: told by the pattern itself.
//!
//! A literal such as `pat` stands everywhere; followed by fourteen letters or digits and a dot, with no letter before it,
//! it is rare. From the pieces of a pattern on both sides of its literal this derives, place by place, the bytes that can
//! stand there in any match: a superset, so that what it refuses matches nowhere. The ends of a text are a symbol of
//! their own, because `$` and `\b` ask for them.

use regex_syntax::hir::{ClassBytesRange, Hir, HirKind, Look, Repetition};
use serde::{Deserialize, Serialize};

/// A set of bytes, and whether the end of the text belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Class {
    bytes: [u64; 4],
    edge: bool,
}

impl Class {
    /// Anything.
    pub(crate) const ANY: Self = Self { bytes: [u64::MAX; 4], edge: true };
    const NONE: Self = Self { bytes: [0; 4], edge: false };
    const EDGE: Self = Self { bytes: [0; 4], edge: true };

    /// These bytes, and no end of a text.
    pub(crate) fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut class = Self::default();
        for byte in bytes {
            class.bytes[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        class
    }

    fn ranges(ranges: &[ClassBytesRange]) -> Self {
        Self::of(ranges.iter().flat_map(|range| range.start()..=range.end()))
    }

    fn word() -> Self {
        Self::of((0..=u8::MAX).filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))
    }

    /// What belongs to either.
    #[must_use]
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.bytes.iter_mut().zip(other.bytes).for_each(|(own, other)| *own |= other);
        self.edge |= other.edge;
        self
    }

    fn not(self) -> Self {
        Self { bytes: self.bytes.map(|bits| !bits), edge: !self.edge }
    }

    fn within(self, other: Self) -> bool {
        self.or(other) == other
    }

    /// Whether the end of the text belongs to it.
    pub(crate) fn has_edge(&self) -> bool {
        self.edge
    }

    /// Whether `byte` belongs to it.
    #[must_use]
    pub fn has(&self, byte: u8) -> bool {
        self.bytes[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// What must stand around a literal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Classes from the literal's start to the left, each with the number of places that it holds for.
    before: Vec<(Class, usize)>,
    /// Classes from the literal's end to the right.
    after: Vec<(Class, usize)>,
    /// The longest row to the right, however far it stands.
    row: Option<Row>,
}

/// Bytes of one class, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What each may be.
    pub class: Class,
    /// How many.
    pub length: usize,
    /// Most bytes before it.
    pub within: usize,
}

impl Row {
    /// Whether there is such a row in `text`. Looks at every byte only where it has to.
    #[must_use]
    pub fn stands_in(&self, text: &[u8]) -> bool {
        let text = &text[..text.len().min(self.within.saturating_add(self.length))];
        let (mut start, mut known) = (0, 0);
        // All of `start..start + known` fit; the last byte that a row from `start` needs is tried first.
        while let Some(window) = text.get(start..start + self.length) {
            match window[known..].iter().rposition(|byte| !self.class.has(*byte)) {
                None => return true,
                Some(bad) => {
                    let next = start + known + bad + 1;
                    known = start + self.length - next;
                    start = next;
                }
            }
        }
        false
    }

    /// Either of two.
    fn or(self, other: Self) -> Self {
        let (class, length) = (self.class.or(other.class), self.length.min(other.length));
        Self { class, length, within: self.within.max(other.within) }
    }
}

/// Shortest row that is worth looking for, and most bytes before it.
const ROW: usize = 12;
const FAR: usize = 512;

impl Context {
    pub(super) fn new(before: &Span, after: &Span) -> Self {
        Self { before: before.runs(), after: after.runs(), row: after.row }
    }

    /// Whether a match may have its literal at `from..to` of `text`.
    #[must_use]
    pub fn admits(&self, text: &[u8], from: usize, to: usize) -> bool {
        fits(&self.before, text[..from].iter().rev())
            && fits(&self.after, text[to..].iter())
            && self.row.is_none_or(|row| row.stands_in(&text[to..]))
    }
}

fn fits<'t>(runs: &[(Class, usize)], mut bytes: impl Iterator<Item = &'t u8>) -> bool {
    for (class, places) in runs {
        for _ in 0..*places {
            match bytes.next() {
                None => return class.edge,
                Some(byte) if class.has(*byte) => {}
                Some(_) => return false,
            }
        }
    }
    true
}

/// The bytes of values that are all of a pattern: the fewest, and which ones.
pub(super) fn alphabet(hir: &Hir) -> (Class, usize) {
    (symbols(hir), hir.properties().minimum_len().unwrap_or(0))
}

/// What the first byte of a match can be; anything, if a match may be empty.
pub(super) fn first(hir: &Hir) -> Class {
    let walk = Walk { backwards: false, horizon: 1 };
    let span = walk.pieces(std::slice::from_ref(hir), Class::ANY, false);
    span.at.first().copied().filter(|_| span.min > 0).unwrap_or(Class::ANY)
}

/// Every byte that stands anywhere in a match.
fn symbols(hir: &Hir) -> Class {
    match hir.kind() {
        HirKind::Empty => Class::default(),
        HirKind::Look(_) => Class::EDGE,
        HirKind::Literal(literal) => Class::of(literal.0.iter().copied()),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => Class::ranges(class.ranges()),
        HirKind::Class(regex_syntax::hir::Class::Unicode(_)) => Class::ANY,
        HirKind::Repetition(repetition) => symbols(&repetition.sub),
        HirKind::Capture(capture) => symbols(&capture.sub),
        HirKind::Concat(pieces) | HirKind::Alternation(pieces) => {
            pieces.iter().map(symbols).fold(Class::default(), Class::or)
        }
    }
}

/// What a piece of a pattern can be, seen from the literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    min: usize,
    /// None = unbounded.
    max: Option<usize>,
    /// What can stand at each place, as far as it reaches and is looked at.
    at: Vec<Class>,
    /// What can stand at its last place, if it has any.
    end: Class,
    /// The longest row of one class in it.
    row: Option<Row>,
}

impl Span {
    pub(super) const EMPTY: Self = Self { min: 0, max: Some(0), at: Vec::new(), end: Class::NONE, row: None };

    fn one(class: Class) -> Self {
        Self { min: 1, max: Some(1), at: vec![class], end: class, row: None }
    }

    fn anything(horizon: usize) -> Self {
        Self { min: 0, max: None, at: vec![Class::ANY; horizon], end: Class::ANY, row: None }
    }

    /// This, then `next`, farther from the literal.
    pub(super) fn then(mut self, next: &Self, horizon: usize) -> Self {
        let max = self.max.zip(next.max).map(|(own, more)| own.saturating_add(more));
        let reach = max.map_or(horizon, |max| max.min(horizon));
        self.at.resize(reach, Class::default());
        let last = self.max.unwrap_or(horizon).min(horizon);
        for shift in self.min..=last {
            for (place, class) in self.at.iter_mut().skip(shift).zip(&next.at) {
                *place = place.or(*class);
            }
        }
        let end = next.last(self.end);
        let behind =
            next.row.zip(self.max).map(|(row, max)| Row { within: row.within.saturating_add(max), ..row });
        let rows = self.row.into_iter().chain(behind.filter(|row| row.within <= FAR));
        let row = rows.max_by_key(|row| row.length);
        Self { min: self.min.saturating_add(next.min), max, at: self.at, end, row }
    }

    pub(super) fn or(mut self, other: &Self) -> Self {
        if self.at.len() < other.at.len() {
            self.at.resize(other.at.len(), Class::default());
        }
        self.at.iter_mut().zip(&other.at).for_each(|(own, other)| *own = own.or(*other));
        self.min = self.min.min(other.min);
        self.max = self.max.zip(other.max).map(|(a, b)| a.max(b));
        self.end = self.end.or(other.end);
        self.row = self.row.zip(other.row).map(|(own, other)| own.or(other));
        self
    }

    /// What can stand before the place behind it, if `inner` can stand before its first.
    pub(super) fn last(&self, inner: Class) -> Class {
        if self.min > 0 { self.end } else { self.end.or(inner) }
    }

    /// This, then nobody knows what.
    pub(super) fn open(self, horizon: usize) -> Self {
        self.then(&Self::anything(horizon), horizon)
    }

    /// What can stand at the first place.
    pub(super) fn first(&self) -> Class {
        self.at.first().filter(|_| self.min > 0).copied().unwrap_or(Class::ANY)
    }

    /// The places that every match has, as far as they say something.
    fn runs(&self) -> Vec<(Class, usize)> {
        let places = &self.at[..self.at.len().min(self.min)];
        let told = places.iter().rposition(|class| *class != Class::ANY).map_or(0, |last| last + 1);
        let mut runs: Vec<(Class, usize)> = Vec::new();
        for class in &places[..told] {
            match runs.last_mut() {
                Some((last, count)) if last == class => *count += 1,
                _ => runs.push((*class, 1)),
            }
        }
        runs
    }
}

/// A walk through the pieces of a pattern away from its literal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub(super) backwards: bool,
    /// Places that are looked at.
    pub(super) horizon: usize,
}

impl Walk {
    /// `pieces` stand in the order of the pattern. `inner` is what can stand before the first place, `outermost` says that
    /// the pattern has nothing behind the last.
    pub(super) fn pieces(self, pieces: &[Hir], inner: Class, outermost: bool) -> Span {
        let (mut span, mut inner) = (Span::EMPTY, inner);
        for number in 0..pieces.len() {
            let piece = &pieces[if self.backwards { pieces.len() - 1 - number } else { number }];
            let next = self.piece(piece, inner, outermost && number + 1 == pieces.len());
            inner = next.last(inner);
            span = span.then(&next, self.horizon);
        }
        span
    }

    pub(super) fn literal(self, bytes: &[u8]) -> Span {
        let class = |byte: &u8| Class::of([*byte]);
        let at: Vec<Class> = if self.backwards {
            bytes.iter().rev().take(self.horizon).map(class).collect()
        } else {
            bytes.iter().take(self.horizon).map(class).collect()
        };
        let end = if self.backwards { bytes.first() } else { bytes.last() };
        Span { min: bytes.len(), max: Some(bytes.len()), at, end: end.map_or(Class::NONE, class), row: None }
    }

    fn piece(self, hir: &Hir, inner: Class, outermost: bool) -> Span {
        match hir.kind() {
            _ if self.horizon == 0 => Span::EMPTY,
            HirKind::Empty => Span::EMPTY,
            HirKind::Look(look) => self.look(*look, inner, outermost),
            HirKind::Literal(literal) => self.literal(&literal.0),
            HirKind::Class(_) => Span::one(symbols(hir)),
            HirKind::Capture(capture) => self.piece(&capture.sub, inner, outermost),
            HirKind::Repetition(repetition) => self.repetition(repetition),
            HirKind::Concat(pieces) => self.pieces(pieces, inner, outermost),
            HirKind::Alternation(branches) => branches
                .iter()
                .map(|branch| self.piece(branch, inner, outermost))
                .reduce(|all, one| all.or(&one))
                .unwrap_or(Span::EMPTY),
        }
    }

    /// An end of the text is a symbol, behind which nothing is looked at. Other looks count where nothing of the pattern
    /// stands behind them, since then they say what the next symbol is.
    fn look(self, look: Look, inner: Class, outermost: bool) -> Span {
        let line = Class::EDGE.or(Class::of(*b"\n"));
        let class = match (look, self.backwards) {
            (Look::Start, true) | (Look::End, false) => Class::EDGE,
            _ if !outermost => return Span::EMPTY,
            (Look::StartLF, true) | (Look::EndLF, false) => line,
            (Look::StartCRLF, true) | (Look::EndCRLF, false) => line.or(Class::of(*b"\r")),
            (Look::WordAscii, _) if inner.within(Class::word()) => Class::word().not(),
            (Look::WordAscii, _) if inner.within(Class::word().not()) => Class::word(),
            _ => return Span::EMPTY,
        };
        Span::one(class)
    }

    fn repetition(self, repetition: &Repetition) -> Span {
        let one = self.piece(&repetition.sub, Class::ANY, false);
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let (min, max) = (count(repetition.min), repetition.max.map(count));
        let mut all = Span::EMPTY;
        let mut copies = 0;
        while copies < min && copies < self.horizon {
            all = all.then(&one, self.horizon);
            copies += 1;
        }
        let rest = max.zip(one.max).map(|(max, longest)| (max - copies).saturating_mul(longest));
        let reach = rest.map_or(self.horizon, |rest| rest.min(self.horizon));
        let more =
            Span { min: 0, max: rest, at: vec![symbols(&repetition.sub); reach], end: one.end, row: None };
        let single = one.min == 1 && one.max == Some(1) && !one.end.edge && min >= ROW;
        let row = single.then_some(Row { class: one.end, length: min, within: 0 });
        let min = all.min.saturating_add((min - copies).saturating_mul(one.min));
        Span { min, row, ..all.then(&more, self.horizon) }
    }
}

/// What the first or the last bytes of some strings can be.
pub(super) fn ends(strings: &[Vec<u8>], first: bool) -> Class {
    let end = |string: &Vec<u8>| if first { string.first().copied() } else { string.last().copied() };
    strings
        .iter()
        .map(|string| end(string).map_or(Class::ANY, |byte| Class::of([byte])))
        .fold(Class::default(), Class::or)
}

#[cfg(test)]
mod tests {
    use super::super::literal::{context, derive};
    use super::super::pattern::parse_pattern;
    use super::super::{RuleSet, Shape};
    use super::*;

    /// Whether the literal of `pattern` that stands first in `text` is admitted.
    fn admits(pattern: &str, text: &str) -> bool {
        let hir = parse_pattern(pattern).unwrap();
        let literals = derive(&hir).unwrap().literals;
        let place =
            |literal: &Vec<u8>| Some((memchr::memmem::find(text.as_bytes(), literal)?, literal.len()));
        let (at, length) = literals.iter().filter_map(place).min().unwrap();
        context(&hir).admits(text.as_bytes(), at, at + length)
    }

    #[test]
    fn what_stands_beside_a_literal_decides() {
        let pattern = r"\b(?<secret>pat[0-9A-Z]{4}\.[a-f]{2,9})\b";
        assert!(admits(pattern, "patABC0.ff"));
        assert!(admits(pattern, "-patABC0.ff-"));
        for text in ["path", "patABC0", "patABC0.f", "patABC0.fg", "patABC0-ff", "xpatABC0.ff", "_patABC0.ff"]
        {
            assert!(!admits(pattern, text), "{text}");
        }
    }

    #[test]
    fn a_border_behind_a_token_counts() {
        for pattern in [r"(?<secret>pat_[0-9]{4})\b", "(?<secret>pat_[0-9]{4})(?:[^0-9a-z]|$)"] {
            assert!(admits(pattern, "pat_1234") && admits(pattern, "pat_1234 5"), "{pattern}");
            assert!(!admits(pattern, "pat_12345") && !admits(pattern, "pat_1234a"), "{pattern}");
        }
    }

    #[test]
    fn a_line_may_begin_at_the_start_of_a_text() {
        let pattern = r"(?m)^[ \t]{0,2}token=(?<secret>[a-z]{4})$";
        assert!(admits(pattern, "token=abcd") && admits(pattern, "\n\ttoken=abcd\n"));
        assert!(!admits(pattern, "xtoken=abcd") && !admits(pattern, "token=abc"));
    }

    #[test]
    fn a_long_row_is_asked_for_behind_a_gap() {
        let pattern = "graph[^\\n]{0,9}?[^0-9](?<secret>[0-9]{15,16}|[a-f]{20})";
        let digits = "0123456789".repeat(2);
        assert!(admits(pattern, &format!("graph 12 {}", &digits[..15])));
        assert!(admits(pattern, &format!("graph 12 {}", "abcdef".repeat(4))));
        assert!(!admits(pattern, &format!("graph 12 {}", &digits[..14])));
        assert!(!admits(pattern, &format!("graph 1234567890 {digits}")));
        assert!(!admits("graph[a-z]{3,9}(?<secret>[0-9]{15})", "graphabc-0123456789"));
    }

    #[test]
    fn a_row_is_found_wherever_it_stands() {
        let class = Class::of([b'-']).not();
        for (text, length, expected) in [
            (&b"aaaa"[..], 4, true),
            (b"aaaa", 5, false),
            (b"aaa-aaaa", 4, true),
            (b"aaa-aaa-aaaab", 4, true),
            (b"-aaa-aaa-", 4, false),
            (b"aa-aaaa-", 4, true),
            (b"----------aaaa", 4, true),
            (b"-----------aaaa", 4, false),
            (b"", 0, true),
            (b"", 1, false),
        ] {
            assert_eq!(
                Row { class, length, within: 10 }.stands_in(text),
                expected,
                "{}",
                text.escape_ascii()
            );
        }
    }

    /// A text that a pattern may match: its looks are passed over.
    fn sample(hir: &Hir, random: &mut u64, out: &mut Vec<u8>) {
        let mut below = |bound: usize| {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(*random >> 33).unwrap() % bound
        };
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
            HirKind::Class(_) => {
                let class = symbols(hir);
                let bytes: Vec<u8> = (0..=u8::MAX).filter(|byte| class.has(*byte)).collect();
                out.push(bytes[below(bytes.len())]);
            }
            HirKind::Repetition(repetition) => {
                let min = usize::try_from(repetition.min).unwrap();
                let max = repetition.max.map_or(min + 9, |max| usize::try_from(max).unwrap());
                // Short repeats and longest ones, and something between.
                let count = [min, min + below(max - min + 1).min(40), max.min(min + 300)][below(3)];
                (0..count).for_each(|_| sample(&repetition.sub, random, out));
            }
            HirKind::Capture(capture) => sample(&capture.sub, random, out),
            HirKind::Concat(pieces) => pieces.iter().for_each(|piece| sample(piece, random, out)),
            HirKind::Alternation(branches) => sample(&branches[below(branches.len())], random, out),
        }
    }

    #[test]
    fn what_a_pattern_matches_is_admitted() {
        let mut matched = 0;
        for (number, rule) in RuleSet::embedded().rules().iter().enumerate() {
            let Shape::Pattern(pattern) = rule.shape() else { continue };
            let (hir, anchor) = (parse_pattern(pattern).unwrap(), rule.anchor());
            let regex = regex::bytes::RegexBuilder::new(pattern).unicode(false).build().unwrap();
            let context = if anchor.derived { context(&hir) } else { Context::default() };
            let mut random = u64::try_from(number).unwrap();
            for (before, after) in
                [("", ""), (" ", " "), ("\n", "\n"), ("\"", "\","), ("x", "_"), ("=", ";x")]
            {
                let mut text = before.as_bytes().to_vec();
                sample(&hir, &mut random, &mut text);
                text.extend_from_slice(after.as_bytes());
                let Some(found) = regex.find(&text) else { continue };
                matched += 1;
                let within = &text[..found.end()];
                let admitted = anchor.literals.iter().any(|literal| {
                    (found.start()..within.len()).any(|at| {
                        let end = at + literal.len();
                        let Some(here) = within.get(at..end) else { return false };
                        let stands =
                            here == &literal[..] || anchor.fold && here.eq_ignore_ascii_case(literal);
                        stands && context.admits(&text, at, end)
                    })
                });
                assert!(admitted, "{}: {}", rule.id(), text.escape_ascii());
            }
        }
        assert!(matched > 1000, "only {matched} samples match");
    }
}
