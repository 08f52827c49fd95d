//! The records of the machine formats: what `report.schema.json` describes, field by field.
//!
//! They borrow from an [`Outcome`] and fix the names and the order that programs rely on. What is not known is `null`
//! and never left out, so that a record has the same keys everywhere; `secret` alone is there only when asked for.

mod summary;

use serde::Serialize;

pub(super) use self::summary::{Summary, Totals};
use super::{ReportOptions, Tool};
use crate::digest::Digest;
use crate::findings::policy::{Judgement, Verdict};
use crate::findings::suppress::{By, Cause, Date, Known, StaleLists, Suppressed};
use crate::findings::{
    Finding, Ledger, Origin, Outcome, Part, PartValue, Place, PlaceLayer, PlaceStep, State, StateBy,
};
use crate::image::{Base, Image, Layer, PlaceKind, Platform, Step};
use crate::problem::{Problem, ProblemKind};
use crate::secret::{Fingerprint, Secret};
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, Severity};

/// The version of the report that these records make up. A field that is new keeps it; any other change is a new one.
pub(super) const REPORT: &str = "layersift.report/v1";
/// The version of several reports in one document.
pub(super) const REPORTS: &str = "layersift.reports/v1";

/// One scan of one input.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    schema: &'static str,
    tool: &'a Tool,
    image: ImageRecord<'a>,
    summary: Summary,
    findings: Vec<FindingRecord<'a>>,
    suppressed: Vec<SuppressedRecord<'a>>,
    stale: &'a StaleLists,
    policy: Option<&'a Judgement>,
    problems: Vec<ProblemRecord<'a>>,
    coverage: CoverageRecord<'a>,
}

impl<'a> Report<'a> {
    pub(super) fn new(outcome: &'a Outcome, options: &'a ReportOptions) -> Self {
        let finding = |finding| FindingRecord::new(finding, options.show_secrets);
        let suppressed = |suppressed| SuppressedRecord::new(suppressed, options.show_secrets);
        Self {
            schema: REPORT,
            tool: &options.tool,
            image: ImageRecord::new(outcome),
            summary: Summary::new(outcome),
            findings: outcome.findings.iter().map(finding).collect(),
            suppressed: outcome.suppression.findings.iter().map(suppressed).collect(),
            stale: &outcome.suppression.stale,
            policy: outcome.judgement.as_ref(),
            problems: outcome.problems.iter().map(ProblemRecord::new).collect(),
            coverage: CoverageRecord { blobs: &outcome.coverage.blobs, totals: Totals::new(outcome) },
        }
    }
}

#[derive(Serialize)]
pub(super) struct ImageRecord<'a> {
    source: &'a str,
    format: &'a str,
    manifests: Vec<ManifestRecord<'a>>,
}

impl<'a> ImageRecord<'a> {
    pub(super) fn new(outcome: &'a Outcome) -> Self {
        Self {
            source: &outcome.source,
            format: &outcome.format,
            manifests: outcome.images.iter().map(ManifestRecord::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct ManifestRecord<'a> {
    names: &'a [String],
    platform: Option<&'a Platform>,
    manifest: Option<Digest>,
    config: Option<Digest>,
    created: Option<&'a str>,
    base: Option<&'a Base>,
    layers: Vec<LayerRecord<'a>>,
    history: Vec<HistoryRecord<'a>>,
}

impl<'a> ManifestRecord<'a> {
    fn new(image: &'a Image) -> Self {
        Self {
            names: &image.names,
            platform: image.platform.as_ref(),
            manifest: image.manifest,
            config: image.config,
            created: image.created.as_deref(),
            base: image.base.as_ref(),
            layers: image.layers.iter().map(LayerRecord::new).collect(),
            history: image.steps.iter().map(HistoryRecord::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct LayerRecord<'a> {
    index: usize,
    blob: String,
    digest: Option<Digest>,
    diff_id: Option<Digest>,
    size: Option<u64>,
    media_type: Option<&'a str>,
    step: Option<usize>,
}

impl<'a> LayerRecord<'a> {
    fn new(layer: &'a Layer) -> Self {
        Self {
            index: layer.index,
            blob: layer.blob.to_string(),
            digest: layer.digest,
            diff_id: layer.diff_id,
            size: layer.size,
            media_type: layer.media_type.as_deref(),
            step: layer.step,
        }
    }
}

#[derive(Serialize)]
struct HistoryRecord<'a> {
    index: usize,
    instruction: &'a str,
    created_by: &'a str,
    empty_layer: bool,
    layer: Option<usize>,
}

impl<'a> HistoryRecord<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            index: step.index,
            instruction: &step.instruction,
            created_by: &step.created_by,
            empty_layer: step.empty_layer,
            layer: step.layer,
        }
    }
}

#[derive(Serialize)]
pub(super) struct FindingRecord<'a> {
    id: &'a str,
    rule: &'a str,
    provider: &'a str,
    name: &'a str,
    severity: Severity,
    confidence: Confidence,
    fingerprint: Fingerprint,
    origin: Option<Origin>,
    redacted: String,
    #[serde(flatten)]
    secret: Option<Exposed<'a>>,
    facts: &'a [Fact],
    parts: Vec<PartRecord<'a>>,
    why: &'a str,
    revoke: Option<&'a str>,
    fix: &'a [String],
    known: Option<&'a Known>,
    verdict: Option<&'a Verdict>,
    places: Vec<PlaceRecord<'a>>,
}

impl<'a> FindingRecord<'a> {
    pub(super) fn new(finding: &'a Finding, show_secret: bool) -> Self {
        Self {
            id: &finding.id,
            rule: &finding.rule,
            provider: &finding.provider,
            name: &finding.name,
            severity: finding.severity,
            confidence: finding.confidence,
            fingerprint: finding.fingerprint,
            origin: finding.origin(),
            redacted: finding.secret.redacted(),
            secret: show_secret.then(|| Exposed::new(&finding.secret)),
            facts: &finding.facts,
            parts: finding.parts.iter().map(|part| PartRecord::new(part, show_secret)).collect(),
            why: &finding.why,
            revoke: finding.revoke.as_deref(),
            fix: &finding.fix,
            known: finding.known.as_ref(),
            verdict: finding.verdict.as_ref(),
            places: finding.places.iter().map(PlaceRecord::new).collect(),
        }
    }
}

/// What is not shown, and why.
#[derive(Serialize)]
pub(super) struct SuppressedRecord<'a> {
    partly: bool,
    causes: Vec<CauseRecord<'a>>,
    #[serde(flatten)]
    finding: FindingRecord<'a>,
}

impl<'a> SuppressedRecord<'a> {
    pub(super) fn new(suppressed: &'a Suppressed, show_secret: bool) -> Self {
        Self {
            partly: suppressed.partly,
            causes: suppressed.causes.iter().map(CauseRecord::new).collect(),
            finding: FindingRecord::new(&suppressed.finding, show_secret),
        }
    }
}

#[derive(Serialize)]
struct CauseRecord<'a> {
    by: By,
    at: &'a str,
    reason: Option<&'a str>,
    expires: Option<Date>,
    places: &'a [usize],
    new_places: &'a [usize],
}

impl<'a> CauseRecord<'a> {
    fn new(cause: &'a Cause) -> Self {
        Self {
            by: cause.by,
            at: &cause.at,
            reason: cause.reason.as_deref(),
            expires: cause.expires,
            places: &cause.places,
            new_places: &cause.new_places,
        }
    }
}

#[derive(Serialize)]
struct PartRecord<'a> {
    name: &'a str,
    rule: Option<&'a str>,
    value: Option<&'a str>,
    redacted: Option<String>,
    #[serde(flatten)]
    secret: Option<Exposed<'a>>,
    places: Vec<PlaceRecord<'a>>,
}

impl<'a> PartRecord<'a> {
    fn new(part: &'a Part, show_secret: bool) -> Self {
        let (value, secret) = match &part.value {
            PartValue::Text(text) => (Some(text.as_str()), None),
            PartValue::Secret(secret) => (None, Some(secret)),
        };
        Self {
            name: &part.name,
            rule: part.rule.as_deref(),
            value,
            redacted: secret.map(Secret::redacted),
            secret: secret.filter(|_| show_secret).map(Exposed::new),
            places: part.places.iter().map(PlaceRecord::new).collect(),
        }
    }
}

/// The bytes of a credential without loss, for a reader who asked for them.
#[derive(Serialize)]
struct Exposed<'a> {
    secret: std::borrow::Cow<'a, str>,
    secret_encoding: &'static str,
}

impl<'a> Exposed<'a> {
    fn new(secret: &'a Secret) -> Self {
        use base64::prelude::{BASE64_STANDARD, Engine};

        match std::str::from_utf8(secret.expose()) {
            Ok(text) => Self { secret: text.into(), secret_encoding: "utf-8" },
            Err(_) => {
                Self { secret: BASE64_STANDARD.encode(secret.expose()).into(), secret_encoding: "base64" }
            }
        }
    }
}

#[derive(Serialize)]
struct PlaceRecord<'a> {
    kind: PlaceKind,
    image: Option<&'a str>,
    path: Option<&'a str>,
    inner: &'a [String],
    name: Option<&'a str>,
    line: Option<u64>,
    offset: Option<u64>,
    decoded: &'a [String],
    layer: Option<&'a PlaceLayer>,
    step: Option<&'a PlaceStep>,
    state: Option<State>,
    state_by: Option<&'a StateBy>,
    shipped_by: Option<&'a str>,
    origin: Option<Origin>,
    platform: Option<&'a Platform>,
}

impl<'a> PlaceRecord<'a> {
    fn new(place: &'a Place) -> Self {
        Self {
            kind: place.kind,
            image: place.image.as_deref(),
            path: place.path.as_deref(),
            inner: &place.inner,
            name: place.name.as_deref(),
            line: place.line,
            offset: place.offset,
            decoded: &place.decoded,
            layer: place.layer.as_ref(),
            step: place.step.as_ref(),
            state: place.state,
            state_by: place.state_by.as_ref(),
            shipped_by: place.shipped_by.as_deref(),
            origin: place.origin,
            platform: place.platform.as_ref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ProblemRecord<'a> {
    kind: ProblemKind,
    gap: bool,
    place: &'a str,
    message: &'a str,
    remedy: &'a str,
}

impl<'a> ProblemRecord<'a> {
    pub(super) fn new(problem: &'a Problem) -> Self {
        Self {
            kind: problem.kind,
            gap: problem.kind.is_gap(),
            place: &problem.place,
            message: &problem.message,
            remedy: &problem.remedy,
        }
    }
}

#[derive(Serialize)]
struct CoverageRecord<'a> {
    blobs: &'a [Ledger],
    totals: Totals,
}
