//! From a report of the `json` format back to the outcome: the records of `model`, read.
//!
//! Fields that are not there are as if nothing were known, because older reports have fewer; fields that are not known are
//! passed over, because newer ones have more.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use super::{KEPT, Kept, MarkAt, Tool, is_report};
use crate::digest::Digest;
use crate::findings::policy::{Judgement, Verdict};
use crate::findings::suppress::{By, Cause, Date, Known, StaleLists, Suppressed, Suppression};
use crate::findings::{Coverage, Finding, Ledger, Outcome, Part, PartValue, Place};
use crate::image::{Base, BlobRef, Image, Layer, Platform, Step};
use crate::problem::Problem;
use crate::secret::{Fingerprint, Secret};
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, Severity};

/// Why something is no kept outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// It cannot be unpacked.
    #[error("it is damaged: {0}")]
    Damaged(io::Error),
    /// It has more bytes than are read.
    #[error(
        "it has more than {} bytes; scan the image with `layersift scan` to have a report of it",
        super::LARGEST
    )]
    TooLarge,
    /// It is no JSON, or a record in it is none.
    #[error("it is no report: {0}")]
    Form(#[from] serde_json::Error),
    /// It is JSON of another kind, or of a version that this program does not know.
    #[error(
        "its schema is `{0}`, which this version does not read: scan the image again, or use a newer version"
    )]
    Schema(String),
}

/// A kept document, or a report: each has only some of these.
#[derive(Deserialize)]
struct File {
    schema: String,
    times: Option<(u64, u64)>,
    #[serde(default)]
    marks: Vec<MarkAt>,
    report: Option<Report>,
}

#[derive(Deserialize)]
struct Report {
    schema: String,
    tool: Tool,
    image: Input,
    #[serde(default)]
    summary: Summary,
    findings: Vec<Found>,
    #[serde(default)]
    suppressed: Vec<Hidden>,
    #[serde(default)]
    stale: StaleLists,
    policy: Option<Judgement>,
    problems: Vec<Problem>,
    coverage: Blobs,
}

#[derive(Deserialize)]
struct Input {
    source: String,
    format: String,
    manifests: Vec<ImageRecord>,
}

#[derive(Deserialize)]
struct ImageRecord {
    names: Vec<String>,
    platform: Option<Platform>,
    manifest: Option<Digest>,
    config: Option<Digest>,
    created: Option<String>,
    base: Option<Base>,
    layers: Vec<LayerRecord>,
    history: Vec<History>,
}

#[derive(Deserialize)]
struct LayerRecord {
    index: usize,
    blob: String,
    digest: Option<Digest>,
    diff_id: Option<Digest>,
    size: Option<u64>,
    media_type: Option<String>,
    step: Option<usize>,
}

#[derive(Deserialize)]
struct History {
    index: usize,
    instruction: String,
    created_by: String,
    empty_layer: bool,
    layer: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    hidden: usize,
    hidden_shipped: usize,
}

#[derive(Deserialize)]
struct Found {
    id: String,
    rule: String,
    #[serde(default)]
    provider: String,
    name: String,
    severity: Severity,
    confidence: Confidence,
    fingerprint: Fingerprint,
    redacted: String,
    #[serde(default)]
    facts: Vec<Fact>,
    #[serde(default)]
    parts: Vec<PartRecord>,
    #[serde(default)]
    why: String,
    revoke: Option<String>,
    #[serde(default)]
    fix: Vec<String>,
    known: Option<Known>,
    verdict: Option<Verdict>,
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct PartRecord {
    name: String,
    rule: Option<String>,
    value: Option<String>,
    redacted: Option<String>,
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct Hidden {
    partly: bool,
    causes: Vec<CauseRecord>,
    #[serde(flatten)]
    finding: Found,
}

#[derive(Deserialize)]
struct CauseRecord {
    by: By,
    at: String,
    reason: Option<String>,
    expires: Option<Date>,
    places: Vec<usize>,
    #[serde(default)]
    new_places: Vec<usize>,
}

#[derive(Deserialize)]
struct Blobs {
    blobs: Vec<Ledger>,
}

/// See [`Kept::read`].
pub(super) fn read(text: &[u8]) -> Result<Kept, KeptError> {
    let File { schema, times, marks, report } = serde_json::from_slice(text)?;
    let report = match report {
        Some(report) if schema == KEPT => report,
        None if is_report(&schema) => serde_json::from_slice(text)?,
        _ => return Err(KeptError::Schema(schema)),
    };
    if !is_report(&report.schema) {
        return Err(KeptError::Schema(report.schema));
    }
    let moment = |milliseconds| UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    let times = times.and_then(|(began, ended)| moment(began).zip(moment(ended)));
    let tool = report.tool.clone();
    let mut outcome = report.outcome();
    for MarkAt { finding, place, mark } in marks {
        let finding = outcome.findings.get_mut(finding);
        if let Some(place) = finding.and_then(|finding| finding.places.get_mut(place)) {
            place.mark = Some(mark);
        }
    }
    Ok(Kept { outcome, tool, times })
}

impl Report {
    fn outcome(self) -> Outcome {
        Outcome {
            source: self.image.source,
            format: self.image.format,
            images: self.image.manifests.into_iter().map(ImageRecord::image).collect(),
            manifests: Vec::new(),
            findings: self.findings.into_iter().map(Found::finding).collect(),
            hidden: self.summary.hidden,
            hidden_shipped: self.summary.hidden_shipped,
            suppression: Suppression {
                findings: self.suppressed.into_iter().map(Hidden::suppressed).collect(),
                stale: self.stale,
            },
            judgement: self.policy,
            problems: self.problems,
            coverage: Coverage { blobs: self.coverage.blobs },
        }
    }
}

impl ImageRecord {
    fn image(self) -> Image {
        let Self { names, platform, manifest, config, created, base, layers, history } = self;
        let layers = layers.into_iter().map(LayerRecord::layer).collect();
        let steps = history.into_iter().map(History::step).collect();
        Image { names, platform, manifest, config, created, layers, steps, base }
    }
}

impl LayerRecord {
    fn layer(self) -> Layer {
        let Self { index, blob, digest, diff_id, size, media_type, step } = self;
        let blob = blob.parse().map_or(BlobRef::Path(blob), BlobRef::Digest);
        Layer { index, blob, digest, diff_id, size, media_type, urls: Vec::new(), step }
    }
}

impl History {
    fn step(self) -> Step {
        let Self { index, instruction, created_by, empty_layer, layer } = self;
        Step { index, instruction, created_by, empty_layer, layer }
    }
}

impl Found {
    fn finding(self) -> Finding {
        Finding {
            secret: Secret::shown(&self.redacted, self.fingerprint),
            id: self.id,
            rule: self.rule,
            provider: self.provider,
            name: self.name,
            severity: self.severity,
            confidence: self.confidence,
            fingerprint: self.fingerprint,
            facts: self.facts,
            parts: self.parts.into_iter().map(PartRecord::part).collect(),
            why: self.why,
            revoke: self.revoke,
            fix: self.fix,
            places: self.places,
            known: self.known,
            verdict: self.verdict,
        }
    }
}

impl PartRecord {
    fn part(self) -> Part {
        let Self { name, rule, value, redacted, places } = self;
        let secret = |shown: String| Secret::shown(&shown, Fingerprint::of_redacted(&shown));
        let value = match (value, redacted) {
            (None, Some(shown)) => PartValue::Secret(secret(shown)),
            (value, _) => PartValue::Text(value.unwrap_or_default()),
        };
        Part { name, rule, value, places }
    }
}

impl Hidden {
    fn suppressed(self) -> Suppressed {
        let Self { partly, causes, finding } = self;
        let causes = causes.into_iter().map(CauseRecord::cause).collect();
        Suppressed { finding: finding.finding(), partly, causes }
    }
}

impl CauseRecord {
    fn cause(self) -> Cause {
        let Self { by, at, reason, expires, places, new_places } = self;
        Cause { by, at, reason, expires, places, new_places }
    }
}
