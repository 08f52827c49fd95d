//! The second stage: whether a candidate is a credential, judged from a bounded window around it.

use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use super::allow::Allowed;
use super::entropy::shannon;
use super::escape;
use super::famous::known_key;
use super::keyed::{self, Wish};
use super::placeholder::placeholder;
use super::reference::reference;
use super::{AFTER, BEFORE, Candidate, Surroundings};
use crate::signature::checksum::Verdict;
use crate::signature::{Confidence, Rule, Shape, compile_pattern};

/// A rule's patterns, compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    pattern: Regex,
    /// Index of the group `secret` in `pattern`.
    secret: usize,
    allowed: Vec<Allowed>,
    /// Of the value of a field.
    value: Option<Regex>,
}

/// A candidate and what it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'t> {
    pub(super) candidate: Candidate,
    pub(super) text: &'t [u8],
    pub(super) around: Surroundings<'t>,
}

/// Takes the credential, its tier and the key of its assignment.
type Sink<'s> = dyn FnMut(Range<usize>, Confidence, Option<Range<usize>>) + 's;

/// Takes all that a pattern matches, and the credential in it.
type MatchSink<'s> = dyn FnMut(Range<usize>, Range<usize>) + 's;

/// Starts of a match that are tried one by one; with more of them, one search looks for all.
pub(super) const FEW_STARTS: usize = 16;

impl Compiled {
    pub(super) fn new(rule: &Rule) -> Self {
        let pattern = compile(&rule.shape().pattern());
        let value = rule.value().map(|value| compile(&format!("^(?:{value})$")));
        let secret = pattern
            .group_info()
            .to_index(regex_automata::PatternID::ZERO, "secret")
            .expect("a rule's pattern has the group `secret`");
        Self { pattern, secret, allowed: rule.allow().iter().map(Allowed::new).collect(), value }
    }

    pub(super) fn verify(&self, rule: &Rule, scene: Scene<'_>, sink: &mut Sink<'_>) {
        let Scene { candidate, text, .. } = scene;
        match rule.shape() {
            Shape::Pattern(_) => self.pattern_at(rule, candidate, text, &mut |whole, secret| {
                let judged =
                    if rule.judged() { keyed::alone(&secret, scene) } else { Some(Confidence::Confirmed) };
                let tier = tier(rule, &text[secret.clone()]);
                if let Some((judged, tier)) =
                    judged.zip(tier).filter(|_| !self.passes(scene, &whole, &secret))
                {
                    sink(secret, judged.min(tier), None);
                }
            }),
            Shape::Fields => {}
            Shape::Keyed { and, .. } => {
                let wish = Wish { and, judged: rule.judged() };
                let Some(found) = keyed::find(wish, scene) else { return };
                let value = &text[found.value.clone()];
                if !self.is_whole(value) {
                    return;
                }
                let whole = found.key.start.min(found.value.start)..found.value.end;
                let tier = tier(rule, value);
                if let Some(tier) = tier.filter(|_| !self.passes(scene, &whole, &found.value)) {
                    let confidence = found.confidence.map_or(tier, |judged| judged.min(tier));
                    sink(found.value, confidence, Some(found.key));
                }
            }
        }
    }

    /// Whether the value of a field is what the rule wants it to be.
    pub(super) fn fits_value(&self, value: &[u8], around: Surroundings<'_>) -> bool {
        let scene =
            Scene { candidate: Candidate { at: 0, length: 0, literal: usize::MAX }, text: value, around };
        let whole = 0..value.len();
        self.value.as_ref().is_none_or(|pattern| pattern.is_match(value))
            && !self.passes(scene, &whole, &whole)
    }

    /// Whether the rule lets the match pass that it would report.
    fn passes(&self, scene: Scene<'_>, whole: &Range<usize>, secret: &Range<usize>) -> bool {
        self.allowed.iter().any(|allowed| allowed.lets_pass(scene, whole, secret))
    }

    /// Whether the pattern matches all of `value`.
    fn is_whole(&self, value: &[u8]) -> bool {
        let whole = self.pattern.search_half(&Input::new(value).anchored(Anchored::Yes));
        whole.is_some_and(|end| end.offset() == value.len())
    }

    /// The match that contains the candidate, if the pattern matches there.
    fn pattern_at(&self, rule: &Rule, candidate: Candidate, text: &[u8], sink: &mut MatchSink<'_>) {
        let anchor = rule.anchor();
        let Some(latest) = candidate.at.checked_sub(anchor.before_min) else {
            return;
        };
        let earliest = candidate.at.saturating_sub(anchor.before_max.min(BEFORE));
        let literal_end = candidate.at + candidate.length;
        let end = |start: usize| text.len().min(start + anchor.length_max).min(candidate.at + AFTER);
        if latest - earliest <= FEW_STARTS {
            let found = (earliest..=latest).find_map(|start| {
                let input = Input::new(text).span(start..end(start)).anchored(Anchored::Yes);
                self.capture(&input)
                    .or_else(|| self.capture_behind_escape(text, start..end(start)))
                    .filter(|(whole, _)| whole.end >= literal_end)
            });
            if let Some((whole, secret)) = found {
                sink(whole, secret);
            }
            return;
        }
        let mut from = earliest;
        while from <= latest {
            let input = Input::new(text).span(from..end(latest));
            let Some((whole, secret)) = self.capture(&input) else {
                return;
            };
            if whole.start > latest {
                return;
            }
            if whole.end >= literal_end {
                return sink(whole, secret);
            }
            from = whole.end.max(from + 1);
        }
    }

    /// The match at the start of `range`, if an escape ends there: its last letter is no part of a word, and what
    /// stands before it is not shown to the pattern.
    fn capture_behind_escape(
        &self,
        text: &[u8],
        range: Range<usize>,
    ) -> Option<(Range<usize>, Range<usize>)> {
        if !escape::ends(&text[..range.start]) {
            return None;
        }
        let rest = &text[range.start..];
        let input = Input::new(rest).span(0..range.end - range.start).anchored(Anchored::Yes);
        let (whole, secret) = self.capture(&input)?;
        let moved = |part: Range<usize>| part.start + range.start..part.end + range.start;
        Some((moved(whole), moved(secret)))
    }

    /// The whole match and the group `secret`.
    fn capture(&self, input: &Input<'_>) -> Option<(Range<usize>, Range<usize>)> {
        self.pattern.search_half(input)?;
        let mut captures = self.pattern.create_captures();
        self.pattern.search_captures(input, &mut captures);
        let whole = captures.get_match()?.range();
        let secret = captures.get_group(self.secret)?.range();
        (!secret.is_empty()).then_some((whole, secret))
    }
}

/// The tier of a match, or none if it is no credential.
pub(super) fn tier(rule: &Rule, secret: &[u8]) -> Option<Confidence> {
    if rule.entropy().is_some_and(|least| shannon(secret) < least) {
        return None;
    }
    if known_key(secret).is_some() {
        return Some(Confidence::Example);
    }
    if secret.len() <= LONGEST_WORD && (placeholder(secret).is_some() || reference(secret).is_some()) {
        return None;
    }
    match rule.checksum().map(|checksum| ((checksum.check)(secret), checksum.proven)) {
        Some((Verdict::Pass, _)) => Some(Confidence::Confirmed),
        Some((Verdict::Fail, true)) => None,
        _ => Some(rule.confidence()),
    }
}

/// Longer credentials are documents, in which a word like `example` says nothing.
const LONGEST_WORD: usize = 512;

/// Whether the patterns of a rule compile within the bounds, and if not why.
pub(super) fn try_compile(rule: &Rule) -> Result<(), String> {
    for pattern in rule.patterns() {
        compile_pattern(&pattern).map_err(|error| format!("{pattern}: {error}"))?;
    }
    Ok(())
}

pub(super) fn compile(pattern: &str) -> Regex {
    compile_pattern(pattern).expect("the patterns of a rule set were compiled when it was made or tested")
}
