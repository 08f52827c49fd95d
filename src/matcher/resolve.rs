//! Which rule a text belongs to when several claim it.

use super::Hit;
use crate::signature::{Rule, RuleSet, Shape};

/// Leaves one hit for each credential: of hits that overlap, the one whose rule is most sure, most specific and
/// longest; the others only if that rule names them in `also`. Sorted by place.
pub fn resolve(mut hits: Vec<Hit>, rules: &RuleSet) -> Vec<Hit> {
    let rule = |hit: &Hit| &rules.rules()[hit.rule];
    hits.sort_by(|a, b| {
        let rank = |hit: &Hit| (specific(rule(hit)), hit.confidence, hit.secret.len());
        rank(b).cmp(&rank(a)).then(a.secret.start.cmp(&b.secret.start)).then(a.rule.cmp(&b.rule))
    });
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    // Start of each kept hit, to find the few that could overlap without comparing all with all.
    let mut taken = std::collections::BTreeMap::<(usize, usize), usize>::new();
    let longest = hits.iter().map(|hit| hit.secret.len()).max().unwrap_or(0);
    for hit in hits {
        let from = hit.secret.start.saturating_sub(longest);
        let clash = taken
            .range((from, 0)..(hit.secret.end, 0))
            .map(|(_, index)| &kept[*index])
            .find(|other| overlap(other, &hit) && !shares(rule(other), rule(&hit), other, &hit));
        if clash.is_none() {
            taken.insert((hit.secret.start, kept.len()), kept.len());
            kept.push(hit);
        }
    }
    kept.sort_by(|a, b| (a.secret.start, a.secret.end, a.rule).cmp(&(b.secret.start, b.secret.end, b.rule)));
    kept
}

fn overlap(a: &Hit, b: &Hit) -> bool {
    a.secret.start < b.secret.end && b.secret.start < a.secret.end
}

fn shares(winner: &Rule, other: &Rule, a: &Hit, b: &Hit) -> bool {
    let same = winner.id() == other.id() && a.secret == b.secret;
    !same
        && (winner.also().iter().any(|id| id == other.id())
            || other.also().iter().any(|id| id == winner.id()))
}

/// A provider's own format says more than a word beside a common shape, and that more than a name that sounds secret.
fn specific(rule: &Rule) -> u8 {
    match rule.shape() {
        Shape::Pattern(_) => 2,
        Shape::Keyed { judged: false, .. } => 1,
        Shape::Keyed { judged: true, .. } => 0,
    }
}
