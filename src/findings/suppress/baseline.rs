//! The baseline: what was known when somebody decided to fix only what comes new.
//!
//! It holds fingerprints, since when each is known and perhaps why it still is, and for people rules, redacted forms and
//! places. Fingerprints can be compared only under the
//! key that they were made with, so the baseline names its key by a few digits, and another key is an error: otherwise
//! everything would look new. A report in JSON is a baseline too: what it shows, and what its own baseline knew.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{By, Cause, Date, Gone, Known};
use crate::findings::{Finding, Outcome, Place};
use crate::secret::FingerprintKey;

/// The version of the file.
pub const BASELINE: &str = "layersift.baseline/v1";
/// The versions of reports that are taken for a baseline.
const REPORTS: [&str; 2] = ["layersift.report/v1", "layersift.reports/v1"];

/// Findings that were known before, by their fingerprints.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    name: String,
    items: BTreeMap<String, Item>,
    /// The checks of the keys of its fingerprints; one, unless it was put together of reports.
    keys: BTreeSet<String>,
    /// Whether it is a report, which was taken for a baseline.
    is_report: bool,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The rule that it was found by.
    pub rule: String,
    /// What it looks like.
    pub redacted: String,
    /// The day from which on it is known.
    pub first_seen: Option<Date>,
    /// Why it is still there.
    pub reason: Option<String>,
    /// Where it is known to be; see [`Place::hint`]. None: wherever it stands.
    pub places: BTreeSet<String>,
}

/// What an update changed: fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Now known.
    pub added: Vec<String>,
    /// No longer there, and dropped.
    pub gone: Vec<String>,
    /// Not found, and kept.
    pub kept: Vec<String>,
}

/// Why a file is no baseline for this scan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is no JSON, or not that of a baseline.
    #[error(
        "{name} is no baseline: {source}. Write one with `layersift baseline create`, or use a report of --format json"
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
    redacted: String,
    #[serde(default)]
    first_seen: Option<Date>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    known: Option<Known>,
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
        let baseline = Self::read(name, json)?;
        match baseline.keys.iter().find(|theirs| **theirs != key.check()) {
            Some(theirs) => {
                let (name, theirs) = (name.to_owned(), theirs.clone());
                Err(BaselineError::Key { name, theirs, ours: key.check() })
            }
            None => Ok(baseline),
        }
    }

    /// Reads a baseline or a report, whatever its key, to look at it.
    pub fn read(name: &str, json: &[u8]) -> Result<Self, BaselineError> {
        let form = |source| BaselineError::Form { name: name.to_owned(), source };
        let file: File = serde_json::from_slice(json).map_err(form)?;
        if file.schema != BASELINE && !REPORTS.contains(&&*file.schema) {
            return Err(BaselineError::Schema { name: name.to_owned(), schema: file.schema });
        }
        let is_report = file.schema != BASELINE;
        let mut baseline = Self { name: name.to_owned(), is_report, ..Self::default() };
        let mut files = vec![file];
        while let Some(file) = files.pop() {
            baseline.keys.extend(file.fingerprint_key.or(file.tool.fingerprint_key));
            let known = file.suppressed.into_iter().filter(FileFinding::was_known);
            file.findings.into_iter().chain(known).for_each(|finding| baseline.add(finding));
            files.extend(file.reports);
        }
        Ok(baseline)
    }

    /// Whether it is a report that was taken for a baseline.
    pub fn is_report(&self) -> bool {
        self.is_report
    }

    /// The check of the key of its fingerprints, if it says so.
    pub fn key(&self) -> Option<&str> {
        self.keys.first().map(String::as_str)
    }

    fn add(&mut self, finding: FileFinding) {
        let FileFinding { fingerprint, rule, redacted, first_seen, reason, known, places, .. } = finding;
        let (seen, why) = known.map_or((None, None), |known| (known.first_seen, known.reason));
        let item = Item {
            rule,
            redacted,
            first_seen: first_seen.or(seen),
            reason: reason.or(why),
            places: places.into_iter().map(FilePlace::hint).collect(),
        };
        self.insert(fingerprint, item);
    }

    /// One called `name` that knows these, by their fingerprints.
    pub fn with(name: &str, items: impl IntoIterator<Item = (String, Item)>) -> Self {
        let mut baseline = Self { name: name.to_owned(), ..Self::default() };
        items.into_iter().for_each(|(fingerprint, item)| baseline.insert(fingerprint, item));
        baseline
    }

    /// What is known after `outcomes`.
    pub fn of<'o>(name: &str, outcomes: impl IntoIterator<Item = &'o Outcome>) -> Self {
        let mut baseline = Self { name: name.to_owned(), ..Self::default() };
        for finding in outcomes.into_iter().flat_map(Outcome::known) {
            let known = finding.known.as_ref();
            let item = Item {
                rule: finding.rule.clone(),
                redacted: finding.secret.redacted(),
                first_seen: known.and_then(|known| known.first_seen),
                reason: known.and_then(|known| known.reason.clone()),
                places: finding.places.iter().map(Place::hint).collect(),
            };
            baseline.insert(finding.fingerprint.to_string(), item);
        }
        baseline
    }

    /// Adds an item, or what is new of it if it is there.
    fn insert(&mut self, fingerprint: String, item: Item) {
        let known = self.items.entry(fingerprint).or_default();
        known.rule = item.rule;
        known.redacted = item.redacted;
        known.first_seen = known.first_seen.into_iter().chain(item.first_seen).min();
        known.reason = known.reason.take().or(item.reason);
        known.places.extend(item.places);
    }

    /// Adds all that `other` knows.
    pub fn merge(&mut self, other: Self) {
        other.items.into_iter().for_each(|(fingerprint, item)| self.insert(fingerprint, item));
    }

    /// Takes the place of an `older` one: days and reasons stay, what is new is known from `today` on, for `reason`. What
    /// was not found is dropped, unless `keep`.
    pub fn succeed(&mut self, older: &Self, today: Date, reason: Option<&str>, keep: bool) -> Changes {
        let mut changes = Changes::default();
        for (fingerprint, item) in &mut self.items {
            if let Some(known) = older.items.get(fingerprint) {
                item.first_seen = known.first_seen;
                item.reason.clone_from(&known.reason);
                if keep {
                    item.places.extend(known.places.iter().cloned());
                }
            } else {
                item.reason = item.reason.take().or_else(|| reason.map(str::to_owned));
                changes.added.push(fingerprint.clone());
            }
            item.first_seen = item.first_seen.or(Some(today));
        }
        for (fingerprint, known) in &older.items {
            if self.items.contains_key(fingerprint) {
                continue;
            }
            if keep {
                self.items.insert(fingerprint.clone(), known.clone());
                changes.kept.push(fingerprint.clone());
            } else {
                changes.gone.push(fingerprint.clone());
            }
        }
        changes
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it knows, by fingerprint.
    pub fn items(&self) -> &BTreeMap<String, Item> {
        &self.items
    }

    /// What it says of the finding of that fingerprint, if it knows it.
    pub fn known(&self, fingerprint: &str) -> Option<Known> {
        let item = self.items.get(fingerprint)?;
        Some(Known { by: self.name.clone(), first_seen: item.first_seen, reason: item.reason.clone() })
    }

    /// Where the finding of that fingerprint was known to be, if it is known.
    pub(super) fn places(&self, fingerprint: &str) -> Option<&BTreeSet<String>> {
        self.items.get(fingerprint).map(|item| &item.places)
    }

    /// What is known and not among `found`.
    pub(super) fn gone(&self, found: &BTreeSet<String>) -> Vec<Gone> {
        let gone = self.items.iter().filter(|(fingerprint, _)| !found.contains(*fingerprint));
        gone.map(|(fingerprint, item)| Gone { fingerprint: fingerprint.clone(), rule: item.rule.clone() })
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
