//! Writes the baseline: what is known from now on, in a file that can be kept and reviewed.
//!
//! It holds no more of a finding than is needed to know it again, and for people what it is and where it stands, without
//! layers and lines, so that it changes only when the findings do.

use std::io::{self, Write};

use serde::Serialize;

use super::escape;
use crate::findings::suppress::{BASELINE, Baseline, Item};

#[derive(Serialize)]
struct File<'b> {
    schema: &'static str,
    fingerprint_key: &'b str,
    findings: Vec<Entry<'b>>,
}

#[derive(Serialize)]
struct Entry<'b> {
    fingerprint: &'b str,
    #[serde(flatten)]
    item: &'b Item,
}

/// Writes the baseline, whose fingerprints were made with the key of that [check](crate::secret::FingerprintKey::check).
pub fn write_baseline(out: &mut dyn Write, baseline: &Baseline, key: &str) -> io::Result<()> {
    let findings = baseline.items().iter().map(|(fingerprint, item)| Entry { fingerprint, item }).collect();
    escape::pretty(out, &File { schema: BASELINE, fingerprint_key: key, findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Outcome;
    use crate::findings::suppress::{By, Suppressions};
    use crate::report::{Format, ReportOptions, sample};
    use crate::secret::FingerprintKey;

    fn written(outcomes: &[Outcome]) -> Vec<u8> {
        let mut baseline = Baseline::of("b", outcomes);
        baseline.succeed(&Baseline::default(), "2026-11-26".parse().expect("a day"), None, false);
        let mut out = Vec::new();
        write_baseline(&mut out, &baseline, &FingerprintKey::default().check())
            .expect("a vector takes everything");
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
              "first_seen": "2026-10-01",
              "reason": "waits for the vendor",
              "places": [
                "env GITHUB_TOKEN",
                "file app/backup.tar .env"
              ]
            },
            {
              "fingerprint": "7b5e9d6187be8f2f96cc44d1ca77c75f",
              "rule": "private-key",
              "redacted": "… (48 bytes)",
              "first_seen": "2026-11-26",
              "reason": null,
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
