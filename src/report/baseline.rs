//! Writes the baseline: what is known from now on, in a file that can be kept and reviewed.
//!
//! It holds no more of a finding than is needed to know it again, and for people what it is and where it stands, without
//! layers and lines, so that it changes only when the findings do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;

use super::escape;
use crate::findings::suppress::BASELINE;
use crate::findings::{Outcome, Place};
use crate::secret::FingerprintKey;

#[derive(Serialize)]
struct Baseline<'f> {
    schema: &'static str,
    fingerprint_key: String,
    findings: Vec<Known<'f>>,
}

#[derive(Serialize)]
struct Known<'f> {
    fingerprint: String,
    rule: &'f str,
    redacted: String,
    places: BTreeSet<String>,
}

/// Writes the baseline of `outcomes`, whose fingerprints were made with `key`.
pub fn write_baseline(out: &mut dyn Write, outcomes: &[Outcome], key: &FingerprintKey) -> io::Result<()> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for finding in outcomes.iter().flat_map(Outcome::known) {
        let fingerprint = finding.fingerprint.to_string();
        let entry = known.entry(fingerprint.clone()).or_insert_with(|| Known {
            fingerprint,
            rule: &finding.rule,
            redacted: finding.secret.redacted(),
            places: BTreeSet::new(),
        });
        entry.places.extend(finding.places.iter().map(Place::hint));
    }
    let findings = known.into_values().collect();
    escape::pretty(out, &Baseline { schema: BASELINE, fingerprint_key: key.check(), findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::suppress::{Baseline, By, Suppressions};
    use crate::report::{Format, ReportOptions, sample};

    fn written(outcomes: &[Outcome]) -> Vec<u8> {
        let mut out = Vec::new();
        write_baseline(&mut out, outcomes, &FingerprintKey::default()).expect("a vector takes everything");
        out
    }

    /// Findings that are left, and places that are new, after `outcome` was compared with the baseline `json`.
    fn left(json: &[u8], outcome: &Outcome) -> (usize, (usize, usize)) {
        let baseline = Baseline::parse("b", json, &FingerprintKey::default()).expect("a baseline");
        let suppressions = Suppressions { baselines: vec![baseline], ..Suppressions::default() };
        let (kept, suppression) = suppressions.apply(outcome.findings.clone(), &outcome.images);
        assert_eq!(suppression.count(By::Baseline) + kept.len(), outcome.findings.len());
        assert_eq!(suppression.stale.gone, []);
        (kept.len(), suppression.places())
    }

    #[test]
    fn what_was_written_is_known_and_so_is_what_a_report_shows() {
        let places =
            |outcome: &Outcome| outcome.findings.iter().map(|finding| finding.places.len()).sum::<usize>();
        for outcome in [sample::full(), sample::hostile()] {
            assert_eq!(left(&written(std::slice::from_ref(&outcome)), &outcome), (0, (places(&outcome), 0)));
            let mut options = ReportOptions::default();
            options.tool.fingerprint_key = Some(FingerprintKey::default().check());
            for outcomes in [vec![outcome.clone()], vec![sample::clean(), outcome.clone()]] {
                let mut report = Vec::new();
                let json = Format::named("json").expect("a format");
                (json.write)(&mut report, &outcomes, &options).expect("a vector takes everything");
                assert_eq!(left(&report, &outcome), (0, (places(&outcome), 0)));
            }
        }
    }

    #[test]
    fn it_holds_no_credential_and_nothing_that_drives_a_terminal() {
        let text = String::from_utf8(written(&[sample::full(), sample::hostile()])).expect("UTF-8");
        assert!(!text.contains(&sample::token()));
        assert!(!text.chars().any(|c| c != '\n' && super::super::sanitize::is_live(c)), "{text}");
    }

    #[test]
    fn it_looks_like_this() {
        let mut outcome = sample::full();
        outcome.findings.truncate(1);
        insta::assert_snapshot!(String::from_utf8(written(&[outcome.clone(), outcome])).expect("UTF-8"), @r#"
        {
          "schema": "layersift.baseline/v1",
          "fingerprint_key": "bd446867",
          "findings": [
            {
              "fingerprint": "5c58b25c7949c01ba2bd9ff20ad5e533",
              "rule": "github-pat",
              "redacted": "ghp_A1…A1b2 (40 bytes)",
              "places": [
                "env GITHUB_TOKEN",
                "file app/backup.tar .env"
              ]
            },
            {
              "fingerprint": "7b5e9d6187be8f2f96cc44d1ca77c75f",
              "rule": "private-key",
              "redacted": "… (48 bytes)",
              "places": [
                "file etc/keys/1.der",
                "file etc/keys/2.der",
                "file etc/keys/3.der"
              ]
            }
          ]
        }
        "#);
    }
}
