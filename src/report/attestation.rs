//! An in-toto statement that says of an image which secrets were found in it: Docker's own predicate type, so that
//! policies which ask for it can be met (<https://docs.docker.com/dhi/core-concepts/attestations/>).
//!
//! A policy takes the image if the predicate is empty. So it is empty only if nothing was found and everything was
//! looked at: a finding and a gap both stand in it. A statement a line, one for each input; to sign it and to push it
//! is left to other tools (`cosign attest`, `oras attach`).

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::model::{FindingRecord, ProblemRecord};
use super::{ReportOptions, escape, words};
use crate::findings::Outcome;
use crate::image::Image;

/// (in-toto attestation framework, v1, "Statement").
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://scout.docker.com/secrets/v0.1";

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    outcomes.iter().try_for_each(|outcome| escape::line(out, &statement(outcome, options)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Subject<'a>>,
    predicate_type: &'static str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Predicate<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<FindingRecord<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ProblemRecord<'a>>,
    /// What is not shown, said only where something is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_shown: Vec<String>,
}

fn statement<'a>(outcome: &'a Outcome, options: &ReportOptions) -> Statement<'a> {
    let secrets: Vec<_> =
        outcome.findings.iter().map(|finding| FindingRecord::new(finding, options.show_secrets)).collect();
    // A note alone does not make an image unclean.
    let problems: Vec<_> = if secrets.is_empty() && !outcome.has_gaps() {
        Vec::new()
    } else {
        outcome.problems.iter().map(ProblemRecord::new).collect()
    };
    let is_clean = secrets.is_empty() && problems.is_empty();
    Statement {
        kind: STATEMENT,
        subject: outcome.images.iter().filter_map(|image| subject(outcome, image)).collect(),
        predicate_type: PREDICATE,
        predicate: Predicate {
            secrets,
            problems,
            not_shown: if is_clean { Vec::new() } else { words::not_shown(outcome) },
        },
    }
}

/// The manifest names an image in a registry; of an archive without one the configuration does.
fn subject<'a>(outcome: &'a Outcome, image: &'a Image) -> Option<Subject<'a>> {
    let digest = image.manifest.or(image.config)?;
    let name = image.names.first().map_or(&*outcome.source, String::as_str);
    Some(Subject { name, digest: BTreeMap::from([("sha256", digest.hex())]) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::sample;
    use super::*;

    fn statements(outcomes: &[Outcome]) -> Vec<Value> {
        let mut out = Vec::new();
        write(&mut out, outcomes, &ReportOptions::default()).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn a_clean_image_has_an_empty_predicate() {
        let mut outcome = sample::clean();
        let [statement] = &statements(&[outcome.clone()])[..] else { panic!("one statement") };
        let digest = outcome.images[0].manifest.expect("a manifest").hex();
        let expected = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "app:1.0", "digest": { "sha256": digest } }],
            "predicateType": "https://scout.docker.com/secrets/v0.1",
            "predicate": {},
        });
        assert_eq!(*statement, expected);
        outcome.problems = vec![sample::note()];
        assert_eq!(statements(&[outcome])[0]["predicate"], json!({}), "a note is no gap");
    }

    #[test]
    fn a_finding_and_a_gap_both_make_it_unclean() {
        let full = &statements(&[sample::full()])[0];
        assert_eq!(full["predicate"]["secrets"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            full["subject"].as_array().map(Vec::len),
            Some(1),
            "an image without a digest is no subject"
        );
        let mut gap = sample::clean();
        gap.problems.push(sample::gap());
        let predicate = &statements(&[gap])[0]["predicate"];
        assert_eq!(predicate["problems"][0]["kind"], "damaged");
        assert!(predicate.get("secrets").is_none());
    }

    #[test]
    fn an_input_a_line() {
        assert_eq!(statements(&[sample::full(), sample::clean()]).len(), 2);
        assert_eq!(statements(&[Outcome::default()])[0]["subject"], json!([]));
    }
}
