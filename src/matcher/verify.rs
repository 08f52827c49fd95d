//! The second stage: whether a candidate is a credential, judged from a bounded window around it.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::{Anchored, Input};

use super::allow::Allowed;
use super::entropy::shannon;
use super::escape;
use super::famous::known_key;
use super::judge::{Setting, is_login};
use super::keyed::{self, Memo, Wish};
use super::pattern::{Pattern, Scratch};
use super::placeholder::{WORD, introduced, placeholder};
use super::reference::reference;
use super::tried::Tried;
use super::{AFTER, BEFORE, Candidate, Surroundings};
use crate::signature::checksum::{Fact, Proof, Verdict};
use crate::signature::context::Class;
use crate::signature::{Confidence, Part, Rule, Shape, compile_pattern};

/// A rule's patterns, compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    pattern: Pattern,
    /// Index of the group `secret` in `pattern`.
    secret: usize,
    allowed: Vec<Allowed>,
    /// Of the value of a field.
    value: Option<Pattern>,
    /// Those of the rule's parts that have one, with their places among the parts.
    parts: Vec<(usize, PartPattern)>,
}

/// The pattern of a text that belongs to a credential.
#[derive(Debug)]
pub(super) struct PartPattern {
    pattern: Pattern,
    /// Index of the group `part`.
    part: usize,
}

impl PartPattern {
    fn new(pattern: &str, scratch: &Arc<Scratch>) -> Self {
        let pattern = Pattern::new(compile(pattern), scratch);
        let part = group(&pattern, "part");
        Self { pattern, part }
    }

    /// Shows each match in `side` of `text`, as long as `go_on` says so.
    pub(super) fn each(&self, text: &[u8], side: Range<usize>, go_on: &mut dyn FnMut(Range<usize>) -> bool) {
        self.pattern.each(Input::new(text).span(side), self.part, go_on);
    }
}

fn group(pattern: &Pattern, name: &str) -> usize {
    let index = pattern.group_info().to_index(regex_automata::PatternID::ZERO, name);
    index.expect("the groups of patterns were checked when the rule was made")
}

/// A candidate and what it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'t> {
    pub(super) candidate: Candidate,
    pub(super) text: &'t [u8],
    pub(super) around: Surroundings<'t>,
    /// What the candidate is a key of, once some rule asked.
    pub(super) memo: &'t Memo,
    /// What was tried in the text around, and the rule's index there.
    pub(super) tried: Option<(&'t Tried, usize)>,
}

/// Takes the credential, its tier and the key of its assignment.
type Sink<'s> = dyn FnMut(Range<usize>, Tier, Option<Range<usize>>) + 's;

/// How sure a match is, and what its proof tells.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) confidence: Confidence,
    pub(super) facts: Vec<Fact>,
}

impl Tier {
    /// What is not proven and was introduced as an example is one.
    fn doubt(&mut self, before: &[u8]) {
        if self.confidence < Confidence::Confirmed && introduced(before) {
            self.confidence = Confidence::Example;
        }
    }
}

/// What a pattern matches.
struct Matched {
    whole: Range<usize>,
    secret: Range<usize>,
    /// The groups called as [`NAMED`] says.
    named: [Option<Range<usize>>; NAMED.len()],
}

/// Takes a match of the pattern.
type MatchSink<'s> = dyn FnMut(Matched) + 's;

/// Starts of a match that are tried one by one; with more of them, one search looks for all.
pub(super) const FEW_STARTS: usize = 16;

impl Compiled {
    /// Those of `rule`, whose working memory `scratch` counts.
    pub(super) fn new(rule: &Rule, scratch: &Arc<Scratch>) -> Self {
        let counted = |pattern: &str| Pattern::new(compile(pattern), scratch);
        let pattern = counted(&rule.shape().pattern());
        let secret = group(&pattern, "secret");
        let parts = rule.parts().iter().map(Part::pattern).enumerate();
        let parts = parts.filter_map(|(at, pattern)| Some((at, PartPattern::new(pattern?, scratch))));
        let allowed = rule.allow().iter().map(|allow| Allowed::new(allow, scratch)).collect();
        let value = rule.value().map(|value| counted(&format!("^(?:{value})$")));
        Self { pattern, secret, allowed, parts: parts.collect(), value }
    }

    pub(super) fn parts(&self) -> &[(usize, PartPattern)] {
        &self.parts
    }

    /// The same without its list `number` of what may pass.
    pub(super) fn without_allow(rule: &Rule, number: usize) -> Self {
        let mut compiled = Self::new(rule, &Scratch::new(Scratch::DEFAULT));
        compiled.allowed.remove(number);
        compiled
    }

    /// Gives up working memory that nobody uses now; if `stale`, only that of patterns that were not used of late.
    pub(super) fn shed(&self, stale: bool) {
        let own = [&self.pattern].into_iter().chain(&self.value);
        let parts = self.parts.iter().map(|(_, part)| &part.pattern);
        let allowed = self.allowed.iter().flat_map(Allowed::patterns);
        own.chain(parts).chain(allowed).for_each(|pattern| pattern.shed(stale));
    }

    pub(super) fn verify(&self, rule: &Rule, scene: Scene<'_>, sink: &mut Sink<'_>) {
        let text = scene.text;
        match rule.shape() {
            Shape::Pattern(_) => {
                self.pattern_at(rule, scene, &mut |Matched { whole, secret, named }| {
                    let judged = if rule.judged() {
                        keyed::alone(&secret, scene)
                    } else {
                        Some(Confidence::Confirmed)
                    };
                    let body = open_part(scene.candidate, &secret, text);
                    let tier = tier(rule, &text[secret.clone()], Some(body));
                    if let Some((judged, mut tier)) =
                        judged.zip(tier).filter(|_| !self.passes(scene, &whole, &secret))
                    {
                        tier.confidence = tier.confidence.min(judged);
                        tier.facts.extend(told(&named, text));
                        if rule.placed() {
                            let most = by_place(&scene, secret.start);
                            tier.confidence = tier.confidence.min(most);
                        }
                        tier.doubt(&text[..secret.start]);
                        sink(secret, tier, None);
                    }
                });
            }
            Shape::Fields => {}
            Shape::Keyed { and, .. } => {
                let fits = |value: &[u8]| self.is_whole(value);
                let wish = Wish { and, judged: rule.judged(), fits: &fits };
                keyed::find(wish, scene, &mut |found| {
                    let value = &text[found.value.clone()];
                    let whole = found.key.start.min(found.value.start)..found.value.end;
                    // Who judged it knows already that it stands for itself.
                    let tier = tier(rule, value, (!rule.judged()).then_some(value));
                    if let Some(mut tier) = tier.filter(|_| !self.passes(scene, &whole, &found.value)) {
                        let judged = found.confidence.unwrap_or(tier.confidence);
                        tier.confidence = judged.min(tier.confidence);
                        tier.doubt(&text[..found.value.start]);
                        sink(found.value, tier, Some(found.key));
                    }
                });
            }
        }
    }

    /// Whether the value of a field is what the rule wants it to be.
    pub(super) fn fits_value(&self, value: &[u8], around: Surroundings<'_>) -> bool {
        let candidate = Candidate { at: 0, length: 0, literal: usize::MAX };
        let scene = Scene { candidate, text: value, around, memo: &Memo::default(), tried: None };
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
    fn pattern_at(&self, rule: &Rule, scene: Scene<'_>, sink: &mut MatchSink<'_>) {
        let Scene { candidate, text, .. } = scene;
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
                    .filter(|found| found.whole.end >= literal_end)
            });
            if let Some(found) = found {
                sink(found);
            }
            return;
        }
        let end = end(latest);
        let open = |(tried, rule): (&Tried, usize)| tried.first_open(rule, earliest, text.len());
        let first = scene.tried.map_or(earliest, open);
        let mut from = first;
        while from <= latest {
            let Some(found) = self.first_in(text, from..latest + 1, end, &anchor.first) else { break };
            if found.whole.end >= literal_end {
                return sink(found);
            }
            from = found.whole.end.max(from + 1);
        }
        // Only what no match begins at is in vain for other literals too, and only if no match was cut.
        if let Some((tried, rule)) = scene.tried
            && from == first
            && first <= latest
            && latest + anchor.length_max < candidate.at + AFTER
        {
            tried.in_vain(rule, earliest..latest + 1, (end == text.len()).then_some(end));
        }
    }

    /// The match that starts first, if it starts in `starts` of `text`. None reaches beyond `end`.
    fn first_in(&self, text: &[u8], starts: Range<usize>, end: usize, first: &Class) -> Option<Matched> {
        let within = &text[starts.start..starts.end.min(end)];
        let likely = |(at, byte): (usize, &u8)| first.has(*byte).then_some(starts.start + at);
        let few = within.iter().enumerate().filter_map(likely).take(FEW_STARTS + 1);
        if few.clone().count() <= FEW_STARTS && !first.has_edge() {
            return few
                .into_iter()
                .find_map(|start| self.capture(&Input::new(text).span(start..end).anchored(Anchored::Yes)));
        }
        let found = self.capture(&Input::new(text).span(starts.start..end))?;
        starts.contains(&found.whole.start).then_some(found)
    }

    /// The match at the start of `range`, if an escape ends there: its last letter is no part of a word, and what
    /// stands before it is not shown to the pattern.
    fn capture_behind_escape(&self, text: &[u8], range: Range<usize>) -> Option<Matched> {
        if !escape::ends(&text[..range.start]) {
            return None;
        }
        let rest = &text[range.start..];
        let input = Input::new(rest).span(0..range.end - range.start).anchored(Anchored::Yes);
        let Matched { whole, secret, named } = self.capture(&input)?;
        let moved = |part: Range<usize>| part.start + range.start..part.end + range.start;
        Some(Matched { whole: moved(whole), secret: moved(secret), named: named.map(|part| part.map(moved)) })
    }

    /// The whole match and its groups, if the group `secret` holds something.
    fn capture(&self, input: &Input<'_>) -> Option<Matched> {
        self.pattern.search_half(input)?;
        let captures = self.pattern.captures(input)?;
        let whole = captures.get_match()?.range();
        let secret = captures.get_group(self.secret)?.range();
        let named = NAMED.map(|name| captures.get_group_by_name(name).map(|group| group.range()));
        (!secret.is_empty()).then_some(Matched { whole, secret, named })
    }
}

/// The other named groups of a match, as facts.
fn told<'t>(
    named: &'t [Option<Range<usize>>; NAMED.len()],
    text: &'t [u8],
) -> impl Iterator<Item = Fact> + 't {
    NAMED.iter().zip(named).filter_map(|(name, range)| {
        let value = &text[range.clone()?];
        reference(value).is_none().then(|| Fact::new(name, String::from_utf8_lossy(value))).flatten()
    })
}

/// The most that can be said of what a rule finds whose matches stand in tests, sources and documents as often as where
/// they are used.
fn by_place(scene: &Scene<'_>, at: usize) -> Confidence {
    let path = scene.around.path;
    let path_is = |end: &[u8]| path.is_some_and(|path| path.to_ascii_lowercase().ends_with(end));
    match keyed::setting(scene, at) {
        _ if path.is_some_and(Setting::tested) => Confidence::Review,
        // A dump of a database.
        Setting::Source if path_is(b".sql") => Confidence::Likely,
        Setting::Source | Setting::Documentation | Setting::Prose | Setting::Minified => Confidence::Review,
        Setting::Environment | Setting::Config | Setting::Shell | Setting::Unknown => Confidence::Likely,
    }
}

/// Groups of a rule's pattern that say something of the credential and are nothing secret.
const NAMED: [&str; 3] = ["user", "host", "id"];

/// The tier of a match, or none if it is no credential. `body` is what of it the rule leaves open, unless it is known that it
/// stands for nothing else.
pub(super) fn tier(rule: &Rule, secret: &[u8], body: Option<&[u8]>) -> Option<Tier> {
    if rule.entropy().is_some_and(|least| shannon(secret) < least) {
        return None;
    }
    let known = known_key(secret).is_some();
    let word = !known && secret.len() <= LONGEST_WORD && !secret.starts_with(b"-----");
    let only_stands_in = |body| stands_in(secret, body) || reference(secret).is_some();
    if word && (body.is_some_and(only_stands_in) || is_login(secret) == Some(false)) {
        return None;
    }
    let proof = rule.checksum().map_or(Proof::from(Verdict::Unknown), |checksum| (checksum.prove)(secret));
    let proven = rule.checksum().is_some_and(|checksum| checksum.proven);
    let conclusive = rule.checksum().is_some_and(|checksum| checksum.conclusive);
    let confidence = match proof.verdict {
        _ if known => Confidence::Example,
        Verdict::Pass if conclusive => Confidence::Confirmed,
        Verdict::Fail if proven => return None,
        Verdict::Pass | Verdict::Fail | Verdict::Unknown => rule.confidence(),
    };
    Some(Tier { confidence, facts: proof.facts })
}

/// What of a token its rule leaves open: `sk_test_` is no word of whoever wrote it.
fn open_part<'t>(candidate: Candidate, secret: &Range<usize>, text: &'t [u8]) -> &'t [u8] {
    let literal = candidate.at + candidate.length;
    let fixed = candidate.at <= secret.start + 1 && literal > secret.start;
    let start = if fixed { literal.min(secret.end) } else { secret.start };
    &text[start..secret.end]
}

/// Whether a token, or what of it the rule leaves open, only stands in for one.
fn stands_in(secret: &[u8], body: &[u8]) -> bool {
    if body.len() == secret.len() || body.len() < SHORTEST_BODY {
        return placeholder(secret).is_some();
    }
    placeholder(body).is_some() || placeholder(secret).is_some_and(|reason| reason != WORD)
}

/// Less than this says nothing by itself.
const SHORTEST_BODY: usize = 12;

/// Longer credentials are documents, in which a word like `example` says nothing.
const LONGEST_WORD: usize = 512;

/// Whether the patterns of a rule compile within the bounds, and if not why.
pub(super) fn try_compile(rule: &Rule) -> Result<(), String> {
    for pattern in rule.patterns() {
        compile_pattern(&pattern).map_err(|error| format!("{pattern}: {error}"))?;
    }
    Ok(())
}

pub(super) fn compile(pattern: &str) -> regex_automata::meta::Regex {
    compile_pattern(pattern).expect("the patterns of a rule set were compiled when it was made or tested")
}
