//! The baseline: what was known when somebody decided to fix only what comes new.
//!
//! It holds fingerprints, and for people rules, redacted forms and places. Fingerprints can be compared only under the
//! key that they were made with, so the baseline names its key by a few digits, and another key is an error: otherwise
//! everything would look new. A report in JSON is a baseline too: what it shows, and what its own baseline knew.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{By, Cause, Gone};
use crate::findings::{Finding, Outcome, Place};
use crate::secret::FingerprintKey;

/// The version of the file.
pub const BASELINE: &str = "layersift.baseline/v1";
/// The versions of reports that are taken for a baseline.
const REPORTS: [&str; 2] = ["layersift.report/v1", "layersift.reports/v1"];

/// Findings that were known before.
#[derive(Debug, Clone)]
pub struct Baseline {
    name: String,
    known: BTreeMap<String, Known>,
}

/// One of them.
#[derive(Debug, Clone, Default)]
struct Known {
    rule: String,
    places: BTreeSet<String>,
}

/// Why a file is no baseline for this scan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is no JSON, or not that of a baseline.
    #[error(
        "{name} is no baseline: {source}. Write one with --write-baseline, or use a report of --format json"
    )]
    Form {
        /// The file.
        name: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is JSON of another kind or version.
    #[error(
        "{name} is no baseline: its schema is `{schema}`, and one of {BASELINE}, {} is needed", REPORTS.join(", ")
    )]
    Schema {
        /// The file.
        name: String,
        /// What it says it is.
        schema: String,
    },
    /// Its fingerprints were made with another key.
    #[error(
        "{name} was written with another fingerprint key ({theirs}, and this run has {ours}): set \
         LAYERSIFT_FINGERPRINT_KEY as it was then, or write the baseline anew"
    )]
    Key {
        /// The file.
        name: String,
        /// The check of its key.
        theirs: String,
        /// The check of ours.
        ours: String,
    },
}

/// A baseline or a report, as far as it is read. What is unknown is passed over, as a report may have new fields.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    schema: String,
    #[serde(default)]
    fingerprint_key: Option<String>,
    #[serde(default)]
    tool: Tool,
    #[serde(default)]
    findings: Vec<FileFinding>,
    #[serde(default)]
    suppressed: Vec<FileFinding>,
    #[serde(default)]
    reports: Vec<File>,
}

#[derive(Default, Deserialize)]
struct Tool {
    #[serde(default)]
    fingerprint_key: Option<String>,
}

#[derive(Deserialize)]
struct FileFinding {
    fingerprint: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    places: Vec<FilePlace>,
    #[serde(default)]
    causes: Vec<FileCause>,
}

/// A place of a baseline, which is a text, or of a report.
#[derive(Deserialize)]
#[serde(untagged)]
enum FilePlace {
    Hint(String),
    Place {
        kind: String,
        path: Option<String>,
        #[serde(default)]
        inner: Vec<String>,
        name: Option<String>,
    },
}

#[derive(Deserialize)]
struct FileCause {
    by: String,
}

impl Baseline {
    /// Reads a baseline or a report, which is called `name`, for a scan with `key`.
    pub fn parse(name: &str, json: &[u8], key: &FingerprintKey) -> Result<Self, BaselineError> {
        let form = |source| BaselineError::Form { name: name.to_owned(), source };
        let file: File = serde_json::from_slice(json).map_err(form)?;
        if file.schema != BASELINE && !REPORTS.contains(&&*file.schema) {
            return Err(BaselineError::Schema { name: name.to_owned(), schema: file.schema });
        }
        let mut baseline = Self { name: name.to_owned(), known: BTreeMap::new() };
        let mut files = vec![file];
        while let Some(file) = files.pop() {
            let theirs = file.fingerprint_key.or(file.tool.fingerprint_key);
            if let Some(theirs) = theirs.filter(|theirs| *theirs != key.check()) {
                return Err(BaselineError::Key { name: name.to_owned(), theirs, ours: key.check() });
            }
            let known = file.suppressed.into_iter().filter(FileFinding::was_known);
            file.findings.into_iter().chain(known).for_each(|finding| baseline.add(finding));
            files.extend(file.reports);
        }
        Ok(baseline)
    }

    fn add(&mut self, finding: FileFinding) {
        let known = self.known.entry(finding.fingerprint).or_default();
        known.rule = finding.rule;
        known.places.extend(finding.places.into_iter().map(FilePlace::hint));
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the finding of that fingerprint was known to be, if it is known.
    pub(super) fn places(&self, fingerprint: &str) -> Option<&BTreeSet<String>> {
        self.known.get(fingerprint).map(|known| &known.places)
    }

    /// What is known and not among `found`.
    pub(super) fn gone(&self, found: &BTreeSet<String>) -> Vec<Gone> {
        let gone = self.known.iter().filter(|(fingerprint, _)| !found.contains(*fingerprint));
        gone.map(|(fingerprint, known)| Gone { fingerprint: fingerprint.clone(), rule: known.rule.clone() })
            .collect()
    }
}

impl FileFinding {
    fn was_known(&self) -> bool {
        self.causes.iter().any(|cause| cause.by == By::Baseline.as_str())
    }
}

impl FilePlace {
    fn hint(self) -> String {
        match self {
            Self::Hint(hint) => hint,
            Self::Place { kind, path, inner, name } => hint(&kind, path.as_deref(), &inner, name.as_deref()),
        }
    }
}

/// What of a place stays the same when the image is built again: neither layers nor lines.
pub fn hint(kind: &str, path: Option<&str>, inner: &[String], name: Option<&str>) -> String {
    // Documents are called by their digest, which changes with each build.
    let path = path.filter(|path| !path.starts_with("sha256:") && !path.starts_with("blobs/sha256/"));
    let parts = [Some(kind), path].into_iter().flatten().chain(inner.iter().map(String::as_str));
    parts.chain(name).collect::<Vec<_>>().join(" ")
}

impl Place {
    /// By what a baseline knows it: kind, path and name.
    pub fn hint(&self) -> String {
        hint(self.kind.as_str(), self.path.as_deref(), &self.inner, self.name.as_deref())
    }
}

impl Outcome {
    /// The findings that a baseline of this outcome holds: those shown, and those that its own baseline knew.
    pub fn known(&self) -> impl Iterator<Item = &Finding> {
        let suppressed = self.suppression.findings.iter();
        let by_baseline = |causes: &[Cause]| causes.iter().any(|cause| cause.by == By::Baseline);
        let known = suppressed.filter(move |suppressed| by_baseline(&suppressed.causes));
        self.findings.iter().chain(known.map(|suppressed| &suppressed.finding))
    }
}
