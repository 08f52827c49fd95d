//! One finding for each credential, whatever rules found it and wherever it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;

use super::Options;
use super::certificates::Certificates;
use super::places::Located;
use crate::findings::{Credential, Finding, Part, PartValue, Place, Redactor, fix};
use crate::image::PlaceKind;
use crate::matcher::rank;
use crate::secret::Secret;
use crate::signature::checksum::{EXPIRED, EXPIRES, Fact, moment};
use crate::signature::{Confidence, Rule, RuleSet, Severity};

/// Findings to show, how many are below the confidence asked for, and how many of those because packages ship them.
pub(super) struct Group {
    pub(super) findings: Vec<Finding>,
    pub(super) hidden: usize,
    pub(super) hidden_shipped: usize,
}

/// Groups matches by credential. A credential that only stands as a part of others has no finding of its own.
///
/// Places are put in order as they are shown: the cache has no credential by which they could be.
pub(super) fn group(located: Vec<Located>, rules: &RuleSet, options: &Options, redactor: &Redactor) -> Group {
    let min_confidence = options.min_confidence;
    let (certificates, located) = Certificates::take(located, rules);
    let mut by_secret: BTreeMap<Secret, Vec<Located>> = BTreeMap::new();
    for located in located {
        by_secret.entry(located.what.secret.clone()).or_default().push(located);
    }
    let absorbed = absorbed(&by_secret, min_confidence);
    let (mut shown, mut hidden, mut hidden_shipped) = (Vec::new(), 0, 0);
    for (secret, places) in by_secret {
        let confidence = confidence(&places);
        if absorbed.contains(&secret) {
            continue;
        }
        if confidence < min_confidence {
            hidden += 1;
            hidden_shipped +=
                usize::from(places.iter().any(|located| located.what.confidence >= min_confidence));
        } else {
            shown.push((secret, places, confidence));
        }
    }
    for located in shown.iter_mut().flat_map(|(_, places, _)| places) {
        located.redact(redactor);
    }
    // Fingerprints are slow on purpose, so all threads make them.
    let shown = shown.into_par_iter();
    let mut findings: Vec<Finding> = shown
        .map(|(secret, places, confidence)| finding(secret, places, confidence, rules, options))
        .collect();
    for finding in &mut findings {
        certificates.tell(finding, redactor);
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

/// How sure a credential is: as the surest of its places, and of its parts, of which one proves the other.
fn confidence(located: &[Located]) -> Confidence {
    let leaks = located.iter().filter(|located| located.confidence() > Confidence::Example);
    let parts = leaks.flat_map(|located| &located.what.parts);
    let parts = parts.filter_map(|part| part.by.map(|(_, confidence)| confidence));
    let own = located.iter().map(Located::confidence);
    own.chain(parts).max().unwrap_or(Confidence::Example)
}

/// Credentials of which every place is that of a part of another credential, whose finding is shown.
fn absorbed(by_secret: &BTreeMap<Secret, Vec<Located>>, min_confidence: Confidence) -> BTreeSet<Secret> {
    // A part of a part stays: what owns it may itself be absorbed.
    let alone = |located: &[Located]| located.iter().any(|located| located.what.owner.is_none());
    // Asked once of each owner, which may have as many places as its parts have.
    let owns =
        |(_, located): &(&Secret, &Vec<Located>)| alone(located) && confidence(located) >= min_confidence;
    let owners: BTreeSet<&Secret> = by_secret.iter().filter(owns).map(|(secret, _)| secret).collect();
    let is_part = |located: &Located| located.what.owner.as_ref().is_some_and(|owner| owners.contains(owner));
    let parts = by_secret.iter().filter(|(_, located)| located.iter().all(is_part));
    parts.map(|(secret, _)| secret.clone()).collect()
}

fn finding(
    secret: Secret,
    located: Vec<Located>,
    confidence: Confidence,
    rules: &RuleSet,
    options: &Options,
) -> Finding {
    let of = |located: &Located| &rules.rules()[located.what.rule];
    let best = located
        .iter()
        .max_by_key(|located| {
            let (rule, what) = (of(located), &located.what);
            (rank(rule, false, what.confidence), rule.severity(), std::cmp::Reverse(what.rule))
        })
        .map(of)
        .expect("a group has at least one match");
    let (parts, worst, untold) = parts(&located, rules);
    let mut severity = worst.map_or(best.severity(), |worst| worst.max(best.severity()));
    let ended = ended(&located, options.now.map(|now| now()));
    if ended {
        severity = Severity::Low;
    }
    let mut facts = facts(&located);
    facts.extend(further("further parts", untold));
    facts.extend(Fact::new(EXPIRED, "yes").filter(|_| ended));
    let mut places: Vec<Place> = located.into_iter().map(|located| located.place).collect();
    tidy(&mut places);
    let fingerprint = secret.fingerprint(&options.fingerprint_key);
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
        severity,
        confidence,
        fingerprint,
        why: best.why().to_owned(),
        revoke: best.revoke().map(str::to_owned),
        fix: fix(&credential, &own),
        secret,
        facts,
        parts,
        places,
        known: None,
        verdict: None,
    }
}

/// Whether the credential says that it ended before `now`: then little can be done with it.
fn ended(located: &[Located], now: Option<SystemTime>) -> bool {
    let now = now.and_then(|now| moment(now.duration_since(UNIX_EPOCH).ok()?.as_secs()));
    let mut ends = located.iter().flat_map(|located| &located.what.facts).filter(|fact| fact.name == EXPIRES);
    ends.next().zip(now).is_some_and(|(end, now)| end.value < now)
}

/// What the credential and its parts tell, each fact once.
fn facts(located: &[Located]) -> Vec<Fact> {
    let mut seen = BTreeSet::new();
    let parts = located.iter().flat_map(|located| &located.what.parts).flat_map(|part| &part.facts);
    let all = located.iter().flat_map(|located| &located.what.facts).chain(parts);
    let mut all = all.filter(|fact| seen.insert(*fact));
    let mut kept: Vec<Fact> = all.by_ref().take(MOST).cloned().collect();
    kept.extend(further("further facts", all.count()));
    kept
}

/// The fact that there is more to tell than is told.
pub(super) fn further(what: &'static str, count: usize) -> Option<Fact> {
    (count > 0).then(|| Fact::new(what, count.to_string())).flatten()
}

/// Facts, and parts that are no credentials, that a finding may have.
const MOST: usize = 24;

/// Each part once with all its places, the worst of their severities, and how many parts were left out.
fn parts(located: &[Located], rules: &RuleSet) -> (Vec<Part>, Option<Severity>, usize) {
    let mut parts: BTreeMap<(usize, usize, PartValue), Part> = BTreeMap::new();
    let mut worst = None;
    for located in located {
        let of = located.what.rule;
        for (seen, place) in located.what.parts.iter().zip(&located.parts) {
            let rule = seen.by.map(|(rule, _)| &rules.rules()[rule]);
            worst = worst.max(rule.map(Rule::severity));
            let value = match rule {
                Some(_) => PartValue::Secret(seen.value.clone()),
                None => PartValue::Text(String::from_utf8_lossy(seen.value.expose()).into_owned()),
            };
            let part = parts.entry((of, seen.part, value.clone())).or_insert_with(|| Part {
                name: rules.rules()[of].parts()[seen.part].name.clone(),
                rule: rule.map(|rule| rule.id().to_owned()),
                value,
                places: Vec::new(),
            });
            part.places.push(place.clone());
        }
    }
    let all = parts.len();
    for part in parts.values_mut() {
        tidy(&mut part.places);
    }
    // By what is shown: the texts of credentials may not be there.
    let mut parts: Vec<_> = parts.into_iter().map(|((of, part, _), value)| ((of, part), value)).collect();
    parts.sort_by_cached_key(|(of, part)| {
        let text = matches!(part.value, PartValue::Text(_));
        (*of, text, part.value.shown(), part.places.clone())
    });
    let parts = bounded(parts.into_iter().map(|(_, part)| part));
    let untold = all - parts.len();
    (parts, worst, untold)
}

/// The parts that are kept. A credential among them may have no finding of its own, so none of those is left out.
fn bounded(parts: impl Iterator<Item = Part>) -> Vec<Part> {
    let mut texts = 0;
    let kept = |part: &Part| match part.value {
        PartValue::Secret(_) => true,
        PartValue::Text(_) => {
            texts += 1;
            texts <= MOST
        }
    };
    parts.filter(kept).collect()
}

fn tidy(places: &mut Vec<Place>) {
    places.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.cmp(b)));
    places.dedup();
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

/// Takes credentials out of everything that the finding shows, except places and build steps, out of which they were taken
/// before.
pub(super) fn redact(finding: &mut Finding, redactor: &Redactor) {
    for line in &mut finding.fix {
        *line = redactor.path(line);
    }
    for fact in &mut finding.facts {
        fact.value = redactor.cut(&fact.value);
    }
    for part in &mut finding.parts {
        if let PartValue::Text(text) = &mut part.value {
            *text = redactor.path(text);
        }
        part.places.iter_mut().for_each(|place| redact_image(place, redactor));
    }
    finding.places.iter_mut().for_each(|place| redact_image(place, redactor));
}

/// By the name of its image it is known whose a place is, so that goes last.
fn redact_image(place: &mut Place, redactor: &Redactor) {
    place.image.iter_mut().for_each(|name| *name = redactor.path(name));
}

impl Located {
    /// Takes credentials out of its places, but for the names of images.
    fn redact(&mut self, redactor: &Redactor) {
        redact_place(&mut self.place, redactor);
        self.parts.iter_mut().for_each(|place| redact_place(place, redactor));
    }
}

pub(super) fn redact_place(place: &mut Place, redactor: &Redactor) {
    let whole = |text: &mut String| *text = redactor.text(text);
    let path = |text: &mut String| *text = redactor.path(text);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::findings::sample;
    use crate::image::PlaceKind;
    use crate::scan::sighting::Sighting;

    fn located(secret: &str, owner: Option<&str>) -> Located {
        let what = Sighting {
            rule: 0,
            confidence: Confidence::Likely,
            secret: Secret::new(secret),
            facts: Vec::new(),
            parts: Vec::new(),
            owner: owner.map(Secret::new),
        };
        let place = sample::place(PlaceKind::File);
        Located { what, place, parts: Vec::new() }
    }

    /// One pair at as many places as are kept: each place of the one must not look at all of the other.
    #[test]
    fn parts_at_many_places_are_told_in_time() {
        const PLACES: usize = 50_000;
        let mut by_secret: BTreeMap<Secret, Vec<Located>> = BTreeMap::new();
        for (secret, owner) in [("an-id", Some("a-key")), ("a-key", None), ("loose", Some("an-id"))] {
            let all = (0..PLACES).map(|_| located(secret, owner)).collect();
            by_secret.insert(Secret::new(secret), all);
        }
        let start = Instant::now();
        let told = absorbed(&by_secret, Confidence::Review);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(told, BTreeSet::from([Secret::new("an-id")]));
        assert_eq!(absorbed(&by_secret, Confidence::Confirmed), BTreeSet::new());
    }

    #[test]
    fn the_name_of_a_package_tells_no_credential() {
        let mut place = located("made-up-password", None).place;
        place.shipped_by = Some("npm made-up-password@1.0.0".to_owned());
        redact_place(&mut place, &Redactor::new(&[Secret::new("made-up-password")]));
        let shown = place.shipped_by.unwrap();
        assert!(shown.starts_with("npm ") && !shown.contains("made-up-password"), "{shown}");
    }

    #[test]
    fn of_many_parts_no_credential_is_left_out() {
        let part = |value| Part { name: "x".to_owned(), rule: None, value, places: Vec::new() };
        let texts = (0..2 * MOST).map(|n| part(PartValue::Text(n.to_string())));
        let secrets = (0..2 * MOST).map(|n| part(PartValue::Secret(Secret::new(n.to_string()))));
        let kept = bounded(texts.chain(secrets));
        let secrets = kept.iter().filter(|part| matches!(part.value, PartValue::Secret(_))).count();
        assert_eq!((kept.len() - secrets, secrets), (MOST, 2 * MOST));
    }
}
