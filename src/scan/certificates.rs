//! Tells beside a private key the certificates of the same image that hold its public half.
//!
//! A certificate is public: what finds one makes no finding, but says whose the key is, and until when.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{further, redact_place};
use super::places::Located;
use crate::findings::{Finding, Part, PartValue, Place, Redactor};
use crate::signature::RuleSet;
use crate::signature::checksum::{EXPIRES, Fact, PUBLIC_KEY};

/// Certificates by the hash of their public key.
pub(super) struct Certificates(BTreeMap<String, Vec<Located>>);

impl Certificates {
    /// Takes what is public out of `located`.
    pub(super) fn take(located: Vec<Located>, rules: &RuleSet) -> (Self, Vec<Located>) {
        let public = |located: &Located| rules.rules()[located.what.rule].public();
        let (public, others): (Vec<_>, Vec<_>) = located.into_iter().partition(public);
        let mut by_key: BTreeMap<String, Vec<Located>> = BTreeMap::new();
        for located in public {
            if let Some(key) = value(&located.what.facts, PUBLIC_KEY) {
                by_key.entry(key.to_owned()).or_default().push(located);
            }
        }
        (Self(by_key), others)
    }

    /// Adds to `finding` the certificates of its key, each once with all its places as `redactor` lets them be shown.
    pub(super) fn tell(&self, finding: &mut Finding, redactor: &Redactor) {
        let certificates = value(&finding.facts, PUBLIC_KEY).and_then(|key| self.0.get(key));
        let Some(certificates) = certificates else { return };
        let image = |place: &Place| (place.image.clone(), place.platform.clone());
        let images: BTreeSet<_> = finding.places.iter().map(image).collect();
        let mut told: BTreeMap<&[Fact], Vec<Place>> = BTreeMap::new();
        for located in certificates {
            if images.contains(&image(&located.place)) {
                told.entry(&located.what.facts).or_default().push(located.place.clone());
            }
        }
        finding.facts.extend(further("further certificates", told.len().saturating_sub(MOST)));
        for (facts, mut places) in told.into_iter().take(MOST) {
            const NAMES: [(&str, &str); 3] =
                [("subject", "certificate"), ("issuer", "issued by"), (EXPIRES, "valid until")];
            let shown = |(from, to)| Fact::new(to, value(facts, from)?);
            let mut shown: Vec<Fact> = NAMES.into_iter().filter_map(shown).collect();
            let subject = shown.first().map_or(String::new(), |fact| fact.value.clone());
            finding.facts.append(&mut shown);
            for place in &mut places {
                redact_place(place, redactor);
            }
            places.sort();
            places.dedup();
            finding.parts.push(Part {
                name: "certificate".to_owned(),
                rule: None,
                value: PartValue::Text(subject),
                places,
            });
        }
    }
}

/// Certificates of one key that are told.
const MOST: usize = 4;

fn value<'f>(facts: &'f [Fact], name: &str) -> Option<&'f str> {
    facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str())
}
