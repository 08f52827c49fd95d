//! One finding for each credential, whatever rules found it and wherever it stands.

use std::collections::BTreeMap;

use super::places::Located;
use crate::findings::{Credential, Finding, Place, Redactor, fix};
use crate::image::PlaceKind;
use crate::matcher::specific;
use crate::secret::{FingerprintKey, Secret};
use crate::signature::{Confidence, RuleSet};

/// Findings to show, how many are below the confidence asked for, and how many of those because packages ship them.
pub(super) struct Group {
    pub(super) findings: Vec<Finding>,
    pub(super) hidden: usize,
    pub(super) hidden_shipped: usize,
}

/// Groups matches by credential.
pub(super) fn group(
    located: Vec<Located>,
    rules: &RuleSet,
    min_confidence: Confidence,
    key: &FingerprintKey,
) -> Group {
    let mut by_secret: BTreeMap<Secret, Vec<Located>> = BTreeMap::new();
    for located in located {
        by_secret.entry(located.secret.clone()).or_default().push(located);
    }
    let (mut findings, mut hidden, mut hidden_shipped) = (Vec::new(), 0, 0);
    for (secret, places) in by_secret {
        let best =
            |of: fn(&Located) -> Confidence| places.iter().map(of).max().unwrap_or(Confidence::Example);
        let confidence = best(Located::confidence);
        if confidence < min_confidence {
            hidden += 1;
            hidden_shipped += usize::from(best(|located| located.confidence) >= min_confidence);
        } else {
            findings.push(finding(secret, places, confidence, rules, key));
        }
    }
    findings.sort_by(|a, b| {
        let rank = |finding: &Finding| std::cmp::Reverse((finding.severity, finding.confidence));
        (rank(a), &a.rule, a.places.first(), a.fingerprint).cmp(&(
            rank(b),
            &b.rule,
            b.places.first(),
            b.fingerprint,
        ))
    });
    Group { findings, hidden, hidden_shipped }
}

fn finding(
    secret: Secret,
    located: Vec<Located>,
    confidence: Confidence,
    rules: &RuleSet,
    key: &FingerprintKey,
) -> Finding {
    let of = |located: &Located| &rules.rules()[located.rule];
    let best = located
        .iter()
        .max_by_key(|located| {
            let rule = of(located);
            (specific(rule), located.confidence, rule.severity(), std::cmp::Reverse(located.rule))
        })
        .map(of)
        .expect("a group has at least one match");
    let mut places: Vec<Place> = located.into_iter().map(|located| located.place).collect();
    places.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.cmp(b)));
    places.dedup();
    let fingerprint = secret.fingerprint(key);
    // What to do is told by the places that are leaks of this image, if any are.
    let mut own: Vec<Place> = places.iter().filter(|place| place.shipped_by.is_none()).cloned().collect();
    if own.is_empty() {
        own.clone_from(&places);
    }
    let credential = Credential { name: best.name(), revoke: best.revoke() };
    Finding {
        id: fingerprint.to_string()[..12].to_owned(),
        rule: best.id().to_owned(),
        provider: best.provider().to_owned(),
        name: best.name().to_owned(),
        severity: best.severity(),
        confidence,
        fingerprint,
        why: best.why().to_owned(),
        revoke: best.revoke().map(str::to_owned),
        fix: fix(&credential, &own),
        secret,
        places,
    }
}

/// Image by image, history and config first, then by layer, path and offset.
fn order(place: &Place) -> impl Ord + '_ {
    let in_layer = matches!(
        place.kind,
        PlaceKind::File
            | PlaceKind::Path
            | PlaceKind::Link
            | PlaceKind::TarHeader
            | PlaceKind::Padding
            | PlaceKind::Blob
    );
    let layer = place.layer.as_ref().filter(|_| in_layer).map(|layer| layer.index);
    (&place.image, &place.platform, in_layer, layer, &place.path, place.kind, place.offset)
}

/// Takes credentials out of everything that the finding shows, except build steps, out of which they were taken before.
pub(super) fn redact(finding: &mut Finding, redactor: &Redactor) {
    for line in &mut finding.fix {
        *line = redactor.path(line);
    }
    for place in &mut finding.places {
        let whole = |text: &mut String| *text = redactor.text(text);
        let path = |text: &mut String| *text = redactor.path(text);
        place.image.iter_mut().for_each(path);
        // The name of a file that is a credential is taken out of its own path, however short.
        let in_path = matches!(place.kind, PlaceKind::Path | PlaceKind::Link);
        if in_path {
            place.path.iter_mut().for_each(whole);
        } else {
            place.path.iter_mut().for_each(path);
        }
        place.inner.iter_mut().for_each(path);
        place.name.iter_mut().for_each(path);
        place.shipped_by.iter_mut().for_each(path);
        place.mark.iter_mut().filter_map(|mark| mark.reason.as_mut()).for_each(whole);
    }
}
