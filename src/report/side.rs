//! A report read again: what a comparison, and a policy that is tried, need of it.
//!
//! Reports are those of the `json` format, written to a file before or made of an outcome now, so a report of yesterday and
//! an image of today are one thing here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ReportOptions;
use super::model::{REPORT, REPORTS, Report};
use crate::findings::policy::{Action, Judgement, Policy, Verdict};
use crate::findings::suppress::{Baseline, Known};
use crate::findings::{Images, Outcome, Place, Subject};
use crate::image::{Base, Image, Platform};
use crate::signature::{Confidence, Severity};

/// One scan, or several of one run.
#[derive(Debug, Clone)]
pub struct Side {
    source: String,
    gaps: u64,
    /// The check of the key of its fingerprints.
    pub(super) key: Option<String>,
    /// In the order of the report.
    pub(super) found: Vec<Found>,
    images: Vec<Image>,
}

/// A finding of a report.
#[derive(Debug, Clone)]
pub struct Found {
    /// As it stands in the report.
    pub(super) record: Value,
    pub(super) view: View,
    verdict: Option<Verdict>,
}

/// What is read of a finding.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct View {
    pub(super) fingerprint: String,
    pub(super) id: String,
    pub(super) rule: String,
    #[serde(default)]
    provider: String,
    pub(super) name: String,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) redacted: String,
    pub(super) places: Vec<Place>,
    #[serde(default)]
    known: Option<Known>,
}

/// Why something is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SideError {
    /// A file is no JSON, or a finding in it is none.
    #[error("{name} is no report: {source}. Write one with --format json")]
    Form {
        /// The file.
        name: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is JSON of another kind or version.
    #[error(
        "{name} is no report: its schema is `{schema}`, and {REPORT} is needed. Write one with --format json"
    )]
    Schema {
        /// The file.
        name: String,
        /// What it says it is.
        schema: String,
    },
}

/// A report, or several of one run, as far as they are read.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    schema: String,
    #[serde(default)]
    reports: Vec<File>,
    #[serde(default)]
    image: FileImage,
    #[serde(default)]
    tool: Tool,
    #[serde(default)]
    summary: Summary,
    #[serde(default)]
    findings: Vec<Record>,
}

/// A finding as it stands in the file, and as it is read. What is none ends the reading.
struct Record {
    record: Value,
    view: View,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let record = Value::Object(serde_json::Map::deserialize(deserializer)?);
        let view = View::deserialize(&record).map_err(D::Error::custom)?;
        Ok(Self { record, view })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileImage {
    source: String,
    manifests: Vec<Manifest>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    names: Vec<String>,
    platform: Option<Platform>,
    created: Option<String>,
    base: Option<Base>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tool {
    fingerprint_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    gaps: u64,
}

impl Side {
    /// The scan that the report in the file `name` is of.
    pub fn of_report(name: &str, bytes: &[u8]) -> Result<Self, SideError> {
        let form = |source| SideError::Form { name: name.to_owned(), source };
        let file: File = serde_json::from_slice(bytes).map_err(form)?;
        if ![REPORT, REPORTS].contains(&&*file.schema) {
            return Err(SideError::Schema { name: name.to_owned(), schema: file.schema });
        }
        Ok(Self::of_file(name, file))
    }

    /// The scan that gave `outcome`.
    pub fn of_outcome(outcome: &Outcome, options: &ReportOptions) -> Result<Self, SideError> {
        let form = |source| SideError::Form { name: outcome.source.clone(), source };
        let report = serde_json::to_value(Report::new(outcome, options)).map_err(form)?;
        Ok(Self::of_file(&outcome.source, serde_json::from_value(report).map_err(form)?))
    }

    /// How many things could not be looked at.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// What was scanned.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its findings, in the order of the report.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Notes what `baselines` know, where the report does not say it.
    pub fn remember(&mut self, baselines: &[Baseline]) {
        for found in self.found.iter_mut().filter(|found| found.view.known.is_none()) {
            found.view.known = Known::to(baselines, &found.view.fingerprint);
        }
    }

    /// Lets `policy` judge all findings anew.
    pub fn judge(&mut self, policy: &Policy) -> Judgement {
        let images = Images::new(&self.images);
        for found in &mut self.found {
            let verdict = policy.judge(found.view.subject(), &found.view.places, &images);
            if let Ok(written) = serde_json::to_value(&verdict) {
                found.record["verdict"] = written;
            }
            found.verdict = Some(verdict);
        }
        let verdicts: Vec<_> = self.found.iter().filter_map(Found::verdict).collect();
        policy.judgement(&verdicts)
    }

    fn of_file(name: &str, file: File) -> Self {
        let mut side =
            Self { source: name.to_owned(), gaps: 0, key: None, found: Vec::new(), images: Vec::new() };
        let mut positions = BTreeMap::new();
        let mut files = vec![file];
        while let Some(file) = files.pop() {
            if !file.image.source.is_empty()
                && file.schema == REPORT
                && files.is_empty()
                && side.found.is_empty()
            {
                side.source = file.image.source;
            }
            side.gaps += file.summary.gaps;
            side.key = side.key.or(file.tool.fingerprint_key);
            side.images.extend(file.image.manifests.into_iter().map(Manifest::image));
            for Record { record, view } in file.findings {
                side.add(Found { view, record, verdict: None }, &mut positions);
            }
            files.extend(file.reports.into_iter().rev());
        }
        side
    }

    /// Adds a finding, or its places if it is there: several images of one run may have the same.
    fn add(&mut self, found: Found, positions: &mut BTreeMap<String, usize>) {
        let next = self.found.len();
        let position = *positions.entry(found.view.fingerprint.clone()).or_insert(next);
        if position == next {
            self.found.push(found);
            return;
        }
        let known = &mut self.found[position];
        // Each image is judged by itself in a scan: here the worst of them counts.
        known.view.confidence = known.view.confidence.max(found.view.confidence);
        known.view.severity = known.view.severity.max(found.view.severity);
        known.view.known = known.view.known.take().filter(|_| found.view.known.is_some());
        known.view.places.extend(found.view.places);
        let places = found.record.get("places").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(known) = known.record.get_mut("places").and_then(Value::as_array_mut) {
            known.extend(places);
        }
    }
}

impl Manifest {
    fn image(self) -> Image {
        let Self { names, platform, created, base } = self;
        Image { names, platform, created, base, ..Image::default() }
    }
}

impl View {
    fn subject(&self) -> Subject<'_> {
        Subject {
            rule: &self.rule,
            provider: &self.provider,
            fingerprint: &self.fingerprint,
            severity: self.severity,
            confidence: self.confidence,
            known: self.known.as_ref(),
        }
    }
}

impl Found {
    /// As it stands in the report.
    pub fn record(&self) -> &Value {
        &self.record
    }

    /// Where it stands.
    pub fn places(&self) -> &[Place] {
        &self.view.places
    }

    /// What a policy made of it, if one was asked.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Whether it fails the run; it does if no policy was asked.
    pub fn fails(&self) -> bool {
        self.verdict.as_ref().is_none_or(|verdict| verdict.action == Action::Fail)
    }
}
