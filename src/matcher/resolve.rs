//! Which rule a text belongs to when several claim it.

use std::ops::Range;

use super::Hit;
use crate::signature::{Confidence, Rule, RuleSet, Shape};

/// What a rule claims of a text.
pub trait Claim {
    /// Index into the rule set.
    fn rule(&self) -> usize;
    /// The credential's bytes in the text.
    fn range(&self) -> Range<u64>;
    /// How sure it is.
    fn confidence(&self) -> Confidence;
    /// Makes it as sure as another claim of the same text is.
    fn raise(&mut self, confidence: Confidence);
    /// Whether the format of its file names the value, so that its range and its decoding are known to be right.
    fn by_field(&self) -> bool {
        false
    }
}

impl Claim for Hit {
    fn rule(&self) -> usize {
        self.rule
    }

    fn range(&self) -> Range<u64> {
        self.secret.start as u64..self.secret.end as u64
    }

    fn confidence(&self) -> Confidence {
        self.confidence
    }

    fn raise(&mut self, confidence: Confidence) {
        self.confidence = confidence;
    }
}

/// Leaves one claim for each credential of a text: of claims that overlap, the one whose rule is most specific, that of a
/// field, most sure and longest; the others only if one of the two rules names the other in `also`. Sorted by place. A claim
/// that its rule doubts is as sure as the surest that it won over for the same text.
pub fn resolve<C: Claim>(mut claims: Vec<C>, rules: &RuleSet) -> Vec<C> {
    let rule = |claim: &C| &rules.rules()[claim.rule()];
    give_way(&mut claims, rules);
    claims.sort_by_key(|claim| {
        let range = claim.range();
        let length = range.end - range.start;
        let best = (rank(rule(claim), claim.by_field(), claim.confidence()), length);
        (std::cmp::Reverse(best), range.start, claim.rule())
    });
    // What is kept, by where it starts: the few that could overlap are found without comparing all with all.
    let mut kept = std::collections::BTreeMap::<(u64, usize), C>::new();
    let longest = claims.iter().map(|claim| claim.range().end - claim.range().start).max().unwrap_or(0);
    for claim in claims {
        let range = claim.range();
        let near = kept.range((range.start.saturating_sub(longest), 0)..(range.end, 0));
        let clash = near
            .filter(|(_, other)| other.range().end > range.start)
            .find(|(_, other)| claim.rule() == other.rule() || !shares(rule(other), rule(&claim)));
        match clash.map(|(place, _)| *place).and_then(|place| kept.get_mut(&place)) {
            None => drop(kept.insert((range.start, claim.rule()), claim)),
            Some(better) => {
                if doubted(better, rules)
                    && better.range() == range
                    && claim.confidence() > better.confidence()
                {
                    better.raise(claim.confidence());
                }
            }
        }
    }
    kept.into_values().collect()
}

/// Whether a claim's rule knows whose the credential is, but doubts that it is one because its shape says little: then it is
/// as sure as the name says that it stands beside. A pattern that doubts has its reasons.
fn doubted<C: Claim>(claim: &C, rules: &RuleSet) -> bool {
    let keyed = matches!(rules.rules()[claim.rule()].shape(), Shape::Keyed { .. });
    keyed && claim.confidence() == Confidence::Review
}

/// Takes the claims of rules away that others were made from, where those claim the same text.
fn give_way<C: Claim>(claims: &mut Vec<C>, rules: &RuleSet) {
    let base = |claim: &C| rules.rules()[claim.rule()].derived_from();
    let mut taken: Vec<(&str, Range<u64>)> =
        claims.iter().filter_map(|claim| Some((base(claim)?, claim.range()))).collect();
    if taken.is_empty() {
        return;
    }
    taken.sort_by(|a, b| (a.0, a.1.start).cmp(&(b.0, b.1.start)));
    let longest = taken.iter().map(|(_, range)| range.end - range.start).max().unwrap_or(0);
    claims.retain(|claim| {
        let (id, range) = (rules.rules()[claim.rule()].id(), claim.range());
        let first = taken.partition_point(|(base, other)| (*base, other.start + longest) < (id, range.start));
        let near = taken[first..].iter().take_while(|(base, other)| *base == id && other.start < range.end);
        !near.into_iter().any(|(_, other)| other.end > range.start)
    });
}

/// Whether one of two rules says that the other reports the same text too.
pub(super) fn shares(a: &Rule, b: &Rule) -> bool {
    a.also().iter().any(|id| id == b.id()) || b.also().iter().any(|id| id == a.id())
}

/// What makes one claim better than another. A token that speaks for itself says more than a field of a known format, that
/// more than anything around it, and a name that sounds secret says least; between a place where any secret may stand (a
/// URL's password, a header, an option) and a word beside a common shape, the surer one counts.
pub fn rank(rule: &Rule, by_field: bool, confidence: Confidence) -> impl Ord + use<> {
    let specific = specific(rule);
    let class = match specific {
        1 | 2 => 1,
        other => other,
    };
    (class, by_field, confidence, specific)
}

/// How specific a rule is: a token that speaks for itself says more than a field of a known format, that more than a
/// place where any secret may stand (a URL's password, a header, an option), that more than a word beside a common shape,
/// and that more than a name that sounds secret.
pub fn specific(rule: &Rule) -> u8 {
    match rule.shape() {
        Shape::Pattern(pattern) if speaks_for_itself(pattern) => 4,
        Shape::Fields => 3,
        Shape::Pattern(_) if !rule.asked().is_empty() => 3,
        Shape::Pattern(_) => 2,
        Shape::Keyed { .. } if rule.provider() == NO_PROVIDER => 0,
        Shape::Keyed { .. } => 1,
    }
}

/// Whom rules name that know no provider: names that sound secret.
const NO_PROVIDER: &str = "Generic";

/// Whether nothing but a boundary stands before the credential.
fn speaks_for_itself(pattern: &str) -> bool {
    let before = pattern.split("(?<secret>").next().unwrap_or_default();
    before.is_empty() || before == r"\b" || before.starts_with("(?:^|[^")
}
