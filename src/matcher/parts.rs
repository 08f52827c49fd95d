//! Credentials of several parts: an id and its secret, an endpoint and its key, a user and a password.
//!
//! A rule names its parts. A part may be what another rule finds, or a text that is no secret by itself (an account, a
//! host, a user) and that a pattern finds. Either stands at most [`NEAR`] bytes away in the same text, so that what is
//! joined depends on a bounded window like everything else. Of several, the one in the same block is meant (no blank
//! line, section or brace between), then the nearest, then the one before.

use std::ops::Range;

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
        let start = (before.clone()).rev().find(|at| is_border(text, *at)).unwrap_or(before.start);
        let end = behind.clone().find(|at| is_border(text, *at)).unwrap_or(behind.end);
        Self { text, secret, before, behind, block: start..end }
    }

    /// The match of `pattern` that is meant.
    fn best(&self, pattern: &PartPattern) -> Option<Range<usize>> {
        let sides = [&self.before, &self.behind];
        let matches = sides.into_iter().flat_map(|side| {
            let found = pattern.find_all(self.text, side.clone());
            // Of those before, the last ones are near.
            if side.start < self.secret.start { found.into_iter().rev().take(MOST).collect() } else { found }
        });
        let usable = |range: &Range<usize>| {
            let value = &self.text[range.clone()];
            // A user may be called `admin`, and a host `localhost`: only what is no value at all is left aside.
            (1..=LONGEST).contains(&value.len()) && reference(value).is_none()
        };
        matches.filter(usable).min_by_key(|range| {
            let inside = self.block.start <= range.start && range.end <= self.block.end;
            let behind = range.start >= self.secret.end;
            let distance = if behind { range.start - self.secret.end } else { self.secret.start - range.end };
            (!inside, distance, behind)
        })
    }
}

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
