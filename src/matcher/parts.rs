//! Credentials of several parts: an id and its secret, an endpoint and its key, a user and a password.
//!
//! A rule names its parts. A part may be what another rule finds, or a text that is no secret by itself (an account, a
//! host, a user) and that a pattern finds. Either stands at most [`NEAR`] bytes away in the same text, so that what is
//! joined depends on a bounded window like everything else. Of several, the one in the same block is meant (no blank
//! line, section or brace between), then the nearest, then the one before.

use std::collections::VecDeque;
use std::ops::Range;

use memchr::{memchr3_iter, memrchr3_iter};

use super::reference::reference;
use super::verify::PartPattern;
use super::{Claim, Matcher};
use crate::signature::{Confidence, RuleSet};

/// Bytes between a credential and what belongs to it.
pub const NEAR: usize = 2048;

/// A text that belongs to a credential and is none by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// Index into the parts of the credential's rule.
    pub part: usize,
    /// Where it stands.
    pub range: Range<usize>,
}

/// Longest companion.
const LONGEST: usize = 256;

/// Matches of one part's pattern that are looked at on each side.
const MOST: usize = 64;

impl Matcher {
    /// What belongs to the credential that rule number `rule` found at `secret` of `text`, by the patterns of the rule's
    /// parts: at most `near` bytes away.
    pub fn companions(&self, rule: usize, secret: &Range<usize>, text: &[u8], near: usize) -> Vec<Companion> {
        let patterns = self.compiled(rule).parts();
        if patterns.is_empty() {
            return Vec::new();
        }
        let around = Around::new(text, secret, near);
        let best = |(part, pattern): &(usize, PartPattern)| {
            Some(Companion { part: *part, range: around.best(pattern)? })
        };
        patterns.iter().filter_map(best).collect()
    }
}

/// The text around a credential.
struct Around<'t> {
    text: &'t [u8],
    secret: &'t Range<usize>,
    before: Range<usize>,
    behind: Range<usize>,
    /// The block that the credential stands in.
    block: Range<usize>,
}

impl<'t> Around<'t> {
    fn new(text: &'t [u8], secret: &'t Range<usize>, near: usize) -> Self {
        let before = secret.start.saturating_sub(near)..secret.start;
        let behind = secret.end..text.len().min(secret.end.saturating_add(near));
        let border = |at: &usize| is_border(text, *at);
        let start = memrchr3_iter(b'{', b'}', b'\n', &text[before.clone()]).map(|at| before.start + at);
        let end = memchr3_iter(b'{', b'}', b'\n', &text[behind.clone()]).map(|at| behind.start + at);
        let block = start.clone().find(border).unwrap_or(before.start)
            ..end.clone().find(border).unwrap_or(behind.end);
        Self { text, secret, before, behind, block }
    }

    /// The match of `pattern` that is meant.
    fn best(&self, pattern: &PartPattern) -> Option<Range<usize>> {
        let sides = [self.last_before(pattern), self.first_behind(pattern)];
        sides.into_iter().flatten().min_by_key(|range| {
            let inside = self.block.start <= range.start && range.end <= self.block.end;
            let behind = range.start >= self.secret.end;
            let distance = if behind { range.start - self.secret.end } else { self.secret.start - range.end };
            (!inside, distance, behind)
        })
    }

    /// The first usable match behind the credential. Those farther away are never meant.
    fn first_behind(&self, pattern: &PartPattern) -> Option<Range<usize>> {
        let mut first = None;
        pattern.each(self.text, self.behind.clone(), &mut |range| {
            first = Some(range).filter(|range| self.is_usable(range));
            first.is_none()
        });
        first
    }

    /// The last usable match before the credential, of the [`MOST`] last ones. It is looked for near the credential first: where
    /// credentials stand close together, so do the texts that belong to them.
    fn last_before(&self, pattern: &PartPattern) -> Option<Range<usize>> {
        let side = &self.before;
        let mut reach = CLOSE;
        loop {
            let from = side.end.saturating_sub(reach).max(side.start);
            let lead = from.saturating_sub(LEAD).max(side.start);
            let mut found = VecDeque::new();
            pattern.each(self.text, lead..side.end, &mut |range| {
                if range.start >= from {
                    found.push_back(range);
                }
                if found.len() > MOST {
                    found.pop_front();
                }
                true
            });
            let last = found.iter().rev().find(|range| self.is_usable(range));
            if last.is_some() || found.len() == MOST || from == side.start {
                return last.cloned();
            }
            reach *= 2;
        }
    }

    /// Whether there is a value. A user may be called `admin`, and a host `localhost`: only what is no value at all is left aside.
    fn is_usable(&self, range: &Range<usize>) -> bool {
        let value = &self.text[range.clone()];
        (1..=LONGEST).contains(&value.len()) && reference(value).is_none()
    }
}

/// Bytes before a credential that are looked at first, and bytes before those in which a match may begin that ends there.
const CLOSE: usize = 256;
const LEAD: usize = 256;

/// Whether a new block begins at `at`: a blank line, a section of an INI file, a document of YAML, a brace.
fn is_border(text: &[u8], at: usize) -> bool {
    match text[at] {
        b'{' | b'}' => true,
        b'\n' => {
            let rest = &text[at + 1..];
            let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
            matches!(rest, [b'\n' | b'[', ..] | [b'-', b'-', b'-', ..])
        }
        _ => false,
    }
}

/// For each claim that has parts by rule, the other claims that are they: (claim, part, other). `claims` are those of one
/// text, in the order of their places; at most `near` bytes may stand between two.
///
/// Each is part of one credential of a kind only. The nearest one before is meant, unless another credential of the kind
/// stands between or has it already; then the nearest behind.
pub fn joins<C: Claim>(claims: &[C], rules: &RuleSet, near: u64) -> Vec<Join> {
    let mut joins = Vec::new();
    let mut taken = std::collections::BTreeSet::new();
    let real = |claim: &C| claim.confidence() > Confidence::Example;
    for (main, claim) in claims.iter().enumerate().filter(|(_, claim)| real(claim)) {
        let rule = &rules.rules()[claim.rule()];
        for (part, wanted) in rule.parts().iter().enumerate() {
            let Some(id) = wanted.rule() else { continue };
            let range = claim.range();
            let other_of_kind = |(_, other): &(usize, &C)| other.rule() != claim.rule();
            let fits = |(at, other): &(usize, &C)| {
                rules.rules()[other.rule()].id() == id && real(other) && !taken.contains(&(claim.rule(), *at))
            };
            let before = claims[..main].iter().enumerate().rev();
            let before = before
                .take_while(|(_, other)| other.range().end.saturating_add(near) >= range.start)
                .take_while(other_of_kind)
                .find(fits);
            let behind = claims.iter().enumerate().skip(main + 1);
            let behind = behind
                .take_while(|(_, other)| other.range().start <= range.end.saturating_add(near))
                .take_while(other_of_kind)
                .find(fits);
            let found = before.or(behind).map(|(at, _)| at);
            if let Some(other) = found {
                taken.insert((claim.rule(), other));
                joins.push(Join { main, part, other });
            }
        }
    }
    joins
}

/// One claim is a part of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// The claim with the parts.
    pub main: usize,
    /// Which of its rule's parts.
    pub part: usize,
    /// The claim that is it.
    pub other: usize,
}
