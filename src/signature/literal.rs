//! The literals that every match of a pattern contains, derived from the pattern itself.
//!
//! They are what the prefilter looks for. An [`Anchor`] also says how far before such a literal a match can start, so
//! that the second stage looks at a few bytes instead of a line. Case-insensitive letters become folded literals.

use regex_syntax::hir::{self, Hir, HirKind, Repetition};
use serde::{Deserialize, Serialize};

use super::context::{Class, Context, Span, Walk, ends, first};

/// Literals of which at least one stands in every match of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Anchor {
    /// The literals, each of two bytes or more; in lower case if `fold`.
    pub literals: Vec<Vec<u8>>,
    /// Whether case does not count (ASCII).
    pub fold: bool,
    /// Fewest bytes of a match before the literal.
    pub before_min: usize,
    /// Most bytes of a match before the literal; at most [`MAX_BEFORE`].
    pub before_max: usize,
    /// Most bytes of a match, at most [`MAX_MATCH`].
    pub length_max: usize,
    /// What the first byte of a match can be.
    pub first: Class,
    /// Whether the literals were derived from the pattern, which then says what must stand around them.
    pub derived: bool,
    /// What can stand right before and right behind the literals, where some are short or a row of one byte;
    /// otherwise nobody asked.
    pub beside: Option<[Class; 2]>,
}

/// Bytes that one match may span: what a rule's unbounded repeat is cut to, and what a scan keeps of one chunk for
/// the next.
pub const MAX_MATCH: usize = 16 << 10;

/// Most bytes of a match that may stand before its literal.
pub const MAX_BEFORE: usize = 1 << 10;

/// Shortest literal worth looking for.
const MIN_LITERAL: usize = 3;
/// Most literals one pattern may ask for.
const MAX_LITERALS: usize = 64;
/// Literals with fewer bytes are looked for together with what stands beside them.
const SHORT: usize = 5;
/// Longest literal that is kept; the prefilter gains nothing from more.
const MAX_LENGTH: usize = 24;

/// The best anchor of a pattern, or none if no literal of [`MIN_LITERAL`] bytes stands in every match.
pub(crate) fn derive(hir: &Hir) -> Option<Anchor> {
    let best = required(hir, Scope::LITERALS).best?;
    let length_max = hir.properties().maximum_len().unwrap_or(MAX_MATCH).min(MAX_MATCH);
    // In a long row of one byte a literal of it would stand everywhere.
    let row = |string: &[u8]| string.iter().all(|byte| *byte == string[0]);
    let short = best.set.strings.iter().any(|string| string.len() < SHORT || row(string));
    let near = short.then(|| required(hir, Scope { horizon: 1, ..Scope::LITERALS }).best).flatten();
    let beside = near.map(|best| [best.before.first(), best.after.first()]);
    Some(Anchor {
        fold: best.set.fold,
        literals: best.set.strings,
        before_min: best.before_min.min(MAX_BEFORE),
        before_max: best.before_max.unwrap_or(MAX_BEFORE).min(MAX_BEFORE),
        length_max,
        first: first(hir),
        derived: true,
        beside,
    })
}

/// What must stand around the literals of [`derive()`]. It takes longer than these, so it is asked for when a literal was
/// found.
pub(super) fn context(hir: &Hir) -> Context {
    let best = required(hir, Scope { horizon: HORIZON, ..Scope::LITERALS }).best;
    best.map_or_else(Context::default, |best| Context::new(&best.before, &best.after))
}

/// Places to each side of a literal that are looked at.
const HORIZON: usize = 48;

/// Literals that a rule file names itself, for patterns from which none can be derived.
pub(crate) fn given(hir: &Hir, keywords: &[String]) -> Anchor {
    let pattern_max = hir.properties().maximum_len().unwrap_or(MAX_MATCH).min(MAX_MATCH);
    Anchor {
        literals: keywords.iter().map(|keyword| keyword.to_ascii_lowercase().into_bytes()).collect(),
        fold: true,
        before_min: 0,
        before_max: pattern_max.min(MAX_BEFORE),
        length_max: pattern_max,
        first: first(hir),
        derived: false,
        beside: None,
    }
}

/// Whether every match of a pattern contains one of `words`, which are in lower case, in any case. A word may be made of
/// several pieces of the pattern, as letters without case and alternatives are.
pub(crate) fn always_has(hir: &Hir, words: &[String]) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => always_has(&capture.sub, words),
        HirKind::Repetition(repetition) => {
            repetition.min > 0 && always_has(&repetition.sub, words) || all_have(&beginnings(hir), words)
        }
        HirKind::Alternation(branches) => branches.iter().all(|branch| always_has(branch, words)),
        HirKind::Concat(pieces) => {
            let mut run = Set::empty_string();
            for piece in pieces {
                let whole = required(piece, Scope::LITERALS).exact.and_then(|exact| run.clone().then(exact));
                if let Some(longer) = whole {
                    run = longer;
                    continue;
                }
                let reached = run.clone().then(beginnings(piece)).unwrap_or(run);
                if all_have(&reached, words) || always_has(piece, words) {
                    return true;
                }
                run = required(piece, Scope::LITERALS).exact.unwrap_or_else(Set::empty_string);
            }
            all_have(&run, words)
        }
        HirKind::Literal(_) | HirKind::Class(_) | HirKind::Empty | HirKind::Look(_) => {
            all_have(&beginnings(hir), words)
        }
    }
}

fn all_have(set: &Set, words: &[String]) -> bool {
    let has = |string: &Vec<u8>| {
        let lower = string.to_ascii_lowercase();
        words.iter().any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
    };
    set.strings.iter().all(has)
}

/// Strings of which one is at the beginning of every match of a piece; the empty one where nothing is known.
fn beginnings(hir: &Hir) -> Set {
    if let HirKind::Literal(literal) = hir.kind() {
        return Set { strings: vec![literal.0.to_vec()], fold: false };
    }
    if let Some(exact) = required(hir, Scope::LITERALS).exact {
        return exact;
    }
    match hir.kind() {
        HirKind::Capture(capture) => beginnings(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => beginnings(&repetition.sub),
        HirKind::Concat(pieces) => {
            let mut run = Set::empty_string();
            for piece in pieces {
                let exact = required(piece, Scope::LITERALS).exact.is_some();
                match run.clone().then(beginnings(piece)) {
                    Some(longer) => run = longer,
                    None => break,
                }
                if !exact {
                    break;
                }
            }
            run
        }
        HirKind::Alternation(branches) => branches
            .iter()
            .map(beginnings)
            .map(Some)
            .reduce(|all, one| all?.or(one?))
            .flatten()
            .unwrap_or_else(Set::empty_string),
        _ => Set::empty_string(),
    }
}

/// All strings that a piece of a pattern can match, in lower case if case does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    strings: Vec<Vec<u8>>,
    fold: bool,
}

impl Set {
    fn empty_string() -> Self {
        Self { strings: vec![Vec::new()], fold: false }
    }

    fn lower(mut self) -> Self {
        self.strings.iter_mut().for_each(|string| string.make_ascii_lowercase());
        self.strings.sort();
        self.strings.dedup();
        self.fold = true;
        self
    }

    /// Brings two sets to the same treatment of case.
    fn alike(self, other: Self) -> (Self, Self) {
        if self.fold == other.fold { (self, other) } else { (self.lower(), other.lower()) }
    }

    /// Every string of `self` followed by every string of `other`, unless that is too many or too long.
    fn then(self, other: Self) -> Option<Self> {
        let longest = |set: &Self| set.strings.iter().map(Vec::len).max().unwrap_or(0);
        if self.strings.len() * other.strings.len() > MAX_LITERALS
            || longest(&self) + longest(&other) > MAX_LENGTH
        {
            return None;
        }
        let (left, right) = self.alike(other);
        let strings = left
            .strings
            .iter()
            .flat_map(|l| right.strings.iter().map(move |r| [&l[..], &r[..]].concat()))
            .collect();
        Some(Self { strings, fold: left.fold })
    }

    fn or(self, other: Self) -> Option<Self> {
        let (mut left, right) = self.alike(other);
        left.strings.extend(right.strings);
        left.strings.sort();
        left.strings.dedup();
        (left.strings.len() <= MAX_LITERALS).then_some(left)
    }

    /// Higher is rarer in ordinary content. A set is as good as its worst string.
    fn score(&self) -> Option<u32> {
        let worst = self.strings.iter().map(|string| rarity(string)).min()?;
        let shortest = self.strings.iter().map(Vec::len).min()?;
        let crowd = self.strings.len().ilog2();
        (shortest >= MIN_LITERAL).then(|| worst.saturating_sub(crowd + u32::from(self.fold) * 2))
    }
}

/// Bits of surprise of a string in text and binaries, roughly.
fn rarity(string: &[u8]) -> u32 {
    string
        .iter()
        .map(|byte| match byte {
            b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' | 0 => 3,
            b'a'..=b'z' => 4,
            b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'"' | b'\'' | b'=' | b'\n' => 5,
            _ => 6,
        })
        .sum()
}

#[derive(Debug, Clone)]
struct Best {
    set: Set,
    before_min: usize,
    /// None = unbounded.
    before_max: Option<usize>,
    /// What stands to both sides.
    before: Span,
    after: Span,
}

impl Best {
    fn better(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        // What is too far from the start would be found only in short matches.
        let near = |best: &Self| best.before_max.is_some_and(|before| before <= MAX_BEFORE);
        let score =
            |best: &Option<Self>| best.as_ref().and_then(|best| Some((near(best), best.set.score()?)));
        if score(&b) > score(&a) { b } else { a }
    }

    fn alone(set: Set) -> Self {
        Self { set, before_min: 0, before_max: Some(0), before: Span::EMPTY, after: Span::EMPTY }
    }

    /// The same literals in the middle of a longer row of pieces.
    fn among(self, row: &Row<'_>, at: usize) -> Self {
        let (min, max) = row.length(at);
        let Scope { horizon, .. } = row.scope;
        let (first, last) = (ends(&self.set.strings, true), ends(&self.set.strings, false));
        let before = row.before(at, self.before.last(first));
        let after = row.after(at + 1, self.after.last(last));
        Self {
            before_min: self.before_min.saturating_add(min),
            before_max: self.before_max.zip(max).map(|(own, more)| own.saturating_add(more)),
            before: self.before.then(&before, horizon),
            after: self.after.then(&after, horizon),
            set: self.set,
        }
    }

    /// The same literals in one of several repeats.
    fn repeated(self, horizon: usize) -> Self {
        Self { before: self.before.open(horizon), after: self.after.open(horizon), ..self }
    }
}

/// What is known of a piece of a pattern.
struct Required {
    /// All that it can match, if that is few.
    exact: Option<Set>,
    /// The best literals that each of its matches contains.
    best: Option<Best>,
}

impl Required {
    fn exact(set: Set) -> Self {
        let best = set.score().map(|_| Best::alone(set.clone()));
        Self { exact: Some(set), best }
    }

    const NOTHING: Self = Self { exact: None, best: None };
}

/// Where in the pattern a piece stands.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// Places to each side of the literal that are looked at.
    horizon: usize,
    /// Whether nothing stands before the piece, or behind it.
    first: bool,
    last: bool,
}

impl Scope {
    /// A whole pattern, of which only the literals are asked for.
    const LITERALS: Self = Self { horizon: 0, first: true, last: true };
}

fn required(hir: &Hir, scope: Scope) -> Required {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Required::exact(Set::empty_string()),
        HirKind::Literal(literal) => literal_set(&literal.0, scope),
        HirKind::Class(class) => class_set(class).map_or(Required::NOTHING, Required::exact),
        HirKind::Capture(capture) => required(&capture.sub, scope),
        HirKind::Repetition(repetition) => repeated(repetition, scope),
        HirKind::Concat(pieces) => concat(&Row { pieces, scope }),
        HirKind::Alternation(branches) => alternation(branches, scope),
    }
}

fn repeated(repetition: &Repetition, scope: Scope) -> Required {
    let inner = required(&repetition.sub, Scope { first: false, last: false, ..scope });
    let best = |inner: Option<Best>| inner.map(|best| best.repeated(scope.horizon));
    match (repetition.min, repetition.max) {
        (0, Some(1)) => match inner.exact.and_then(|set| set.or(Set::empty_string())) {
            Some(set) => Required { exact: Some(set), best: None },
            None => Required::NOTHING,
        },
        (0, _) => Required::NOTHING,
        (min, max) if Some(min) == max && min <= 8 => {
            let exact = inner
                .exact
                .as_ref()
                .and_then(|one| (0..min).try_fold(Set::empty_string(), |all, _| all.then(one.clone())));
            exact.map_or_else(|| Required { exact: None, best: best(inner.best) }, Required::exact)
        }
        _ => Required { exact: None, best: best(inner.best) },
    }
}

fn literal_set(bytes: &[u8], scope: Scope) -> Required {
    let (kept, cut) = bytes.split_at(bytes.len().min(MAX_LENGTH));
    let required = Required::exact(Set { strings: vec![kept.to_vec()], fold: false });
    if cut.is_empty() {
        return required;
    }
    let after = Walk { backwards: false, horizon: scope.horizon }.literal(cut);
    Required { exact: None, best: required.best.map(|best| Best { after, ..best }) }
}

fn class_set(class: &hir::Class) -> Option<Set> {
    let hir::Class::Bytes(class) = class else { return None };
    let bytes: Vec<u8> =
        class.ranges().iter().flat_map(|range| range.start()..=range.end()).take(12).collect();
    if bytes.len() == 2 && bytes[0].is_ascii_uppercase() && bytes[0].to_ascii_lowercase() == bytes[1] {
        return Some(Set { strings: vec![vec![bytes[1]]], fold: true });
    }
    (bytes.len() <= 10)
        .then(|| Set { strings: bytes.into_iter().map(|byte| vec![byte]).collect(), fold: false })
}

/// Pieces of a pattern that stand one behind the other.
struct Row<'h> {
    pieces: &'h [Hir],
    scope: Scope,
}

impl Row<'_> {
    /// Fewest and most bytes of the pieces before `at`.
    fn length(&self, at: usize) -> (usize, Option<usize>) {
        self.pieces[..at].iter().map(lengths).fold((0, Some(0)), |(min, max), (least, most)| {
            (min.saturating_add(least), max.zip(most).map(|(a, b): (usize, usize)| a.saturating_add(b)))
        })
    }

    fn before(&self, at: usize, inner: Class) -> Span {
        let walk = Walk { backwards: true, horizon: self.scope.horizon };
        walk.pieces(&self.pieces[..at], inner, self.scope.first)
    }

    fn after(&self, at: usize, inner: Class) -> Span {
        let walk = Walk { backwards: false, horizon: self.scope.horizon };
        walk.pieces(&self.pieces[at..], inner, self.scope.last)
    }

    /// The literals that the pieces `from..to` can be.
    fn run(&self, set: &Set, from: usize, to: usize) -> Option<Best> {
        set.score()?;
        let (before_min, before_max) = self.length(from);
        let (first, last) = (ends(&set.strings, true), ends(&set.strings, false));
        let (before, after) = (self.before(from, first), self.after(to, last));
        Some(Best { set: set.clone(), before_min, before_max, before, after })
    }
}

fn lengths(hir: &Hir) -> (usize, Option<usize>) {
    (hir.properties().minimum_len().unwrap_or(0), hir.properties().maximum_len())
}

fn concat(row: &Row<'_>) -> Required {
    let mut best = None;
    // The run of pieces with few strings that is open now, and where it starts.
    let (mut run, mut from) = (Set::empty_string(), 0);
    let mut all_exact = true;
    let count = row.pieces.len();
    for (at, piece) in row.pieces.iter().enumerate() {
        let Scope { horizon, first, last } = row.scope;
        let inner =
            required(piece, Scope { horizon, first: first && at == 0, last: last && at + 1 == count });
        best = Best::better(best, inner.best.map(|inner| inner.among(row, at)));
        let extended = inner.exact.as_ref().and_then(|set| run.clone().then(set.clone()));
        match (extended, inner.exact) {
            (Some(longer), _) => run = longer,
            (None, exact) => {
                all_exact = false;
                best = Best::better(best, row.run(&run, from, at));
                from = if exact.is_some() { at } else { at + 1 };
                run = exact.unwrap_or_else(Set::empty_string);
            }
        }
    }
    let best = Best::better(best, row.run(&run, from, count));
    Required { exact: all_exact.then_some(run), best }
}

fn alternation(branches: &[Hir], scope: Scope) -> Required {
    let parts: Vec<Required> = branches.iter().map(|branch| required(branch, scope)).collect();
    let exact = parts
        .iter()
        .map(|part| part.exact.clone())
        .reduce(|all, one| all.zip(one).and_then(|(all, one)| all.or(one)))
        .flatten();
    let best = parts
        .into_iter()
        .map(|part| part.best)
        .reduce(|all, one| {
            let (all, one) = all.zip(one)?;
            Some(Best {
                set: all.set.or(one.set)?,
                before_min: all.before_min.min(one.before_min),
                before_max: all.before_max.zip(one.before_max).map(|(a, b)| a.max(b)),
                before: all.before.or(&one.before),
                after: all.after.or(&one.after),
            })
        })
        .flatten();
    Required { exact, best }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::parse_pattern;
    use super::*;

    fn anchor(pattern: &str) -> Anchor {
        derive(&parse_pattern(pattern).unwrap()).unwrap()
    }

    fn literals(pattern: &str) -> Vec<String> {
        anchor(pattern).literals.iter().map(|l| String::from_utf8_lossy(l).into_owned()).collect()
    }

    #[test]
    fn a_prefix_is_found_through_groups_and_boundaries() {
        let anchor = anchor(r"\b(?<secret>ghp_[0-9A-Za-z]{36})\b");
        assert_eq!(anchor.literals, [b"ghp_".to_vec()]);
        assert_eq!((anchor.before_min, anchor.before_max, anchor.length_max), (0, 0, 40));
        assert!(!anchor.fold);
    }

    #[test]
    fn alternatives_give_one_literal_each() {
        assert_eq!(literals("(?<secret>(?:AKIA|ASIA|ABIA)[A-Z2-7]{16})"), ["ABIA", "AKIA", "ASIA"]);
        assert_eq!(
            literals("(?:sk|rk)_(?:live|test)_[a-z]{9}"),
            ["rk_live_", "rk_test_", "sk_live_", "sk_test_"]
        );
    }

    #[test]
    fn the_rarest_literal_wins_wherever_it_stands() {
        let anchor = anchor("[0-9]{8,10}:AA[A-Za-z0-9_-]{33}tail_literal");
        assert_eq!(anchor.literals, [b"tail_literal".to_vec()]);
        assert_eq!((anchor.before_min, anchor.before_max), (44, 46));
    }

    #[test]
    fn letters_without_case_fold() {
        let anchor = anchor("(?i)flickr[a-z ]{0,20}=");
        assert_eq!(anchor.literals, [b"flickr".to_vec()]);
        assert!(anchor.fold);
    }

    #[test]
    fn what_may_be_absent_is_no_anchor() {
        assert!(derive(&parse_pattern("(?:token)?[0-9a-f]{32}").unwrap()).is_none());
        assert!(derive(&parse_pattern("(?:token|[0-9])[0-9a-f]{32}").unwrap()).is_none());
        assert_eq!(literals("(?:https?://)hooks"), ["http://hooks", "https://hooks"]);
    }

    #[test]
    fn a_literal_near_the_start_is_better_than_a_rarer_one_far_behind() {
        assert_eq!(literals("(?:begin)[a-z]{64,}----THE-END----"), ["begin"]);
    }

    #[test]
    fn a_word_that_every_match_contains_is_known() {
        let has = |pattern: &str, words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            always_has(&parse_pattern(pattern).unwrap(), &words)
        };
        assert!(has("(?i)[a-z]{0,9}acme[ =]+[0-9a-f]{32}", &["acme"]));
        assert!(has("(?:sk|rk)_(?:live|test)_[a-z]{9}", &["sk_live", "rk_live", "sk_test", "rk_test"]));
        assert!(!has("(?:sk|rk)_(?:live|test)_[a-z]{9}", &["sk_live", "rk_live", "sk_test"]));
        assert!(has("xox[pe](?:-[0-9]{10,13}){3}", &["xoxp-", "xoxe-"]));
        assert!(!has("xox[pe](?:-[0-9]{10,13}){0,3}", &["xoxp-", "xoxe-"]));
        assert!(has("(?i)message[_-]?bird[a-z]{0,20}=", &["messagebird", "message_bird", "message-bird"]));
        assert!(!has("(?i)message[_-]?bird[a-z]{0,20}=", &["messagebird", "message_bird"]));
        assert!(has("(?:one|two)x", &["one", "two"]));
        assert!(!has("(?:one|two)x", &["one"]));
        assert!(!has("(?:acme)?[0-9a-f]{32}", &["acme"]));
        assert!(!has("[0-9a-f]{32}", &["acme"]));
        assert!(!has("hooks.acme.com", &["hooks.acme.com"]), "a dot is any byte");
        assert!(has("(?:(?i)ACME-){2}[0-9]{4}", &["acme"]));
    }

    #[test]
    fn an_unbounded_start_is_cut_to_the_window() {
        assert_eq!(anchor("[a-z]+_secret_").before_max, MAX_BEFORE);
    }
}
