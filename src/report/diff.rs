//! What changed from one scan to another: findings that are new, gone, or still there, perhaps at other places.
//!
//! Both sides are reports of the `json` format, written to a file before or made of an outcome now, so a report of
//! yesterday and an image of today compare like two images. A finding is the same if its fingerprint is; a place is, if what
//! does not change from build to build is: kind, path and name, but neither layer nor line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::commands::{Escape, unheard};
use super::model::{REPORT, REPORTS, Report};
use super::{ReportOptions, escape, table};
use crate::findings::suppress::hint;
use crate::findings::{Origin, Outcome};
use crate::signature::Severity;

/// The version of the document that [`Diff::write_json`] writes.
const DIFF: &str = "layersift.diff/v1";

/// One of the two scans.
#[derive(Debug, Clone)]
pub struct Side {
    source: String,
    gaps: u64,
    /// The check of the key of its fingerprints.
    key: Option<String>,
    /// In the order of the report.
    found: Vec<Found>,
}

/// A finding of a report.
#[derive(Debug, Clone)]
pub struct Found {
    /// As it stands in the report.
    pub(super) record: Value,
    pub(super) view: View,
}

/// What is read of a finding.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct View {
    pub(super) fingerprint: String,
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) name: String,
    pub(super) severity: Severity,
    pub(super) confidence: String,
    #[serde(default)]
    pub(super) origin: Option<Origin>,
    pub(super) redacted: String,
    pub(super) places: Vec<PlaceView>,
}

/// What is read of a place.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PlaceView {
    pub(super) kind: String,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) inner: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) line: Option<u64>,
}

/// Why two reports cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// A file is no JSON, or a finding in it is none.
    #[error("{name} is no report: {source}. Write one with --format json")]
    Form {
        /// The file.
        name: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is JSON of another kind or version.
    #[error("{name} is no report: its schema is `{schema}`, and {REPORT} is needed")]
    Schema {
        /// The file.
        name: String,
        /// What it says it is.
        schema: String,
    },
    /// The same credential has another fingerprint in each.
    #[error(
        "the two were scanned with different fingerprint keys ({old} and {new}): set LAYERSIFT_FINGERPRINT_KEY as it was \
         when the report was written"
    )]
    Key {
        /// The check of the key of the one.
        old: String,
        /// And of the other.
        new: String,
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
    image: Image,
    #[serde(default)]
    tool: Tool,
    #[serde(default)]
    summary: Summary,
    #[serde(default)]
    findings: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Image {
    source: String,
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
    pub fn of_report(name: &str, bytes: &[u8]) -> Result<Self, DiffError> {
        let form = |source| DiffError::Form { name: name.to_owned(), source };
        let file: File = serde_json::from_slice(bytes).map_err(form)?;
        if ![REPORT, REPORTS].contains(&&*file.schema) {
            return Err(DiffError::Schema { name: name.to_owned(), schema: file.schema });
        }
        Self::of_file(name, file).map_err(form)
    }

    /// The scan that gave `outcome`.
    pub fn of_outcome(outcome: &Outcome, options: &ReportOptions) -> Result<Self, DiffError> {
        let form = |source| DiffError::Form { name: outcome.source.clone(), source };
        let report = serde_json::to_value(Report::new(outcome, options)).map_err(form)?;
        Self::of_file(&outcome.source, serde_json::from_value(report).map_err(form)?).map_err(form)
    }

    /// How many things could not be looked at.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    fn of_file(name: &str, file: File) -> serde_json::Result<Self> {
        let mut side = Self { source: name.to_owned(), gaps: 0, key: None, found: Vec::new() };
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
            for record in file.findings {
                side.add(Found { view: View::deserialize(&record)?, record }, &mut positions);
            }
            files.extend(file.reports.into_iter().rev());
        }
        Ok(side)
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
        known.view.places.extend(found.view.places);
        let places = found.record.get("places").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(known) = known.record.get_mut("places").and_then(Value::as_array_mut) {
            known.extend(places);
        }
    }
}

impl Found {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.view.severity
    }

    /// Whether its base image has it too.
    pub fn origin(&self) -> Option<Origin> {
        self.view.origin
    }
}

impl PlaceView {
    /// What stays the same when the image is built again.
    fn hint(&self) -> String {
        hint(&self.kind, self.path.as_deref(), &self.inner, self.name.as_deref())
    }
}

/// What changed.
#[derive(Debug)]
pub struct Diff<'d> {
    pub(super) old: &'d Side,
    pub(super) new: &'d Side,
    pub(super) added: Vec<&'d Found>,
    pub(super) gone: Vec<&'d Found>,
    pub(super) remaining: Vec<Remaining<'d>>,
}

/// A finding that both have.
#[derive(Debug)]
pub(super) struct Remaining<'d> {
    /// As the newer one has it.
    pub(super) found: &'d Found,
    /// Indexes of its places that the older one does not have.
    pub(super) new_places: Vec<usize>,
    /// Places that only the older one has.
    pub(super) gone_places: Vec<&'d PlaceView>,
}

impl<'d> Diff<'d> {
    /// What changed from `old` to `new`.
    pub fn new(old: &'d Side, new: &'d Side) -> Result<Self, DiffError> {
        if let (Some(a), Some(b)) = (&old.key, &new.key)
            && a != b
        {
            return Err(DiffError::Key { old: a.clone(), new: b.clone() });
        }
        let by_fingerprint = |side: &'d Side| -> BTreeMap<&'d str, &'d Found> {
            side.found.iter().map(|found| (&*found.view.fingerprint, found)).collect()
        };
        let (known, still) = (by_fingerprint(old), by_fingerprint(new));
        let mut diff = Self { old, new, added: Vec::new(), gone: Vec::new(), remaining: Vec::new() };
        for found in &new.found {
            match known.get(&*found.view.fingerprint) {
                Some(before) => diff.remaining.push(Remaining::new(before, found)),
                None => diff.added.push(found),
            }
        }
        diff.gone = old.found.iter().filter(|found| !still.contains_key(&*found.view.fingerprint)).collect();
        Ok(diff)
    }

    /// The findings that are new.
    pub fn added(&self) -> impl Iterator<Item = &Found> {
        self.added.iter().copied()
    }

    /// The newer scan.
    pub fn newer(&self) -> &Side {
        self.new
    }

    /// For people.
    pub fn write_table(&self, out: &mut dyn Write, options: &ReportOptions) -> io::Result<()> {
        unheard(out, Escape::Text, |out| table::write_diff(out, self, options))
    }

    /// For programs: one JSON document.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        escape::pretty(out, &DiffRecord::new(self))
    }
}

impl<'d> Remaining<'d> {
    fn new(before: &'d Found, found: &'d Found) -> Self {
        let hints = |found: &Found| found.view.places.iter().map(PlaceView::hint).collect::<BTreeSet<_>>();
        let (then, now) = (hints(before), hints(found));
        let places = found.view.places.iter().enumerate();
        let new_places = places.filter(|(_, place)| !then.contains(&place.hint())).map(|(index, _)| index);
        let gone = before.view.places.iter().filter(|place| !now.contains(&place.hint()));
        Self { found, new_places: new_places.collect(), gone_places: gone.collect() }
    }
}

#[derive(Serialize)]
struct DiffRecord<'d> {
    schema: &'static str,
    old: SideRecord<'d>,
    new: SideRecord<'d>,
    summary: Counts,
    added: Vec<&'d Value>,
    gone: Vec<&'d Value>,
    remaining: Vec<RemainingRecord<'d>>,
}

#[derive(Serialize)]
struct SideRecord<'d> {
    source: &'d str,
    findings: usize,
    gaps: u64,
}

#[derive(Serialize)]
struct Counts {
    added: usize,
    gone: usize,
    remaining: usize,
    /// Of those that remain.
    at_new_places: usize,
}

#[derive(Serialize)]
struct RemainingRecord<'d> {
    new_places: &'d [usize],
    gone_places: Vec<String>,
    finding: &'d Value,
}

impl<'d> DiffRecord<'d> {
    fn new(diff: &'d Diff<'d>) -> Self {
        let side =
            |side: &'d Side| SideRecord { source: &side.source, findings: side.found.len(), gaps: side.gaps };
        let remaining = |remaining: &'d Remaining<'d>| RemainingRecord {
            new_places: &remaining.new_places,
            gone_places: remaining.gone_places.iter().map(|place| place.hint()).collect(),
            finding: &remaining.found.record,
        };
        Self {
            schema: DIFF,
            old: side(diff.old),
            new: side(diff.new),
            summary: Counts {
                added: diff.added.len(),
                gone: diff.gone.len(),
                remaining: diff.remaining.len(),
                at_new_places: diff.remaining.iter().filter(|found| !found.new_places.is_empty()).count(),
            },
            added: diff.added.iter().map(|found| &found.record).collect(),
            gone: diff.gone.iter().map(|found| &found.record).collect(),
            remaining: diff.remaining.iter().map(remaining).collect(),
        }
    }
}

impl Side {
    pub(super) fn source(&self) -> &str {
        &self.source
    }
}
