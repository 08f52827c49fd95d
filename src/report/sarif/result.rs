//! One credential, or one gap, as a result with its locations.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Text;
use super::rule::{gap_id, level};
use crate::digest::Digest;
use crate::findings::policy::Verdict;
use crate::findings::suppress::{By, Date, Suppressed};
use crate::findings::{Finding, Outcome, Place};
use crate::image::Lines;
use crate::problem::Problem;
use crate::report::anchor::{Anchor, Anchors, in_image};
use crate::report::{ReportOptions, words};
use crate::signature::{Confidence, Severity};

/// Locations of one result that GitHub takes.
const MOST_LOCATIONS: usize = 1_000;
/// Characters of a step's text.
const STEP: usize = 1_000;

/// A result (SARIF 3.27).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Result {
    pub(super) rule_id: String,
    pub(super) rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: Properties,
    /// What is left out first if there are too many.
    #[serde(skip)]
    pub(super) rank: (bool, std::cmp::Reverse<Severity>, std::cmp::Reverse<Confidence>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are those of SARIF")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<PlaceProperties>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    end_line: usize,
}

/// A layer, a step or another part of the image (SARIF 3.33).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogicalLocation {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    fully_qualified_name: String,
}

impl LogicalLocation {
    pub(super) fn new(name: &str, kind: &'static str, fully_qualified_name: String) -> Self {
        Self { name: name.to_owned(), kind, fully_qualified_name }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlaceProperties {
    kind: &'static str,
    image: Option<String>,
    platform: Option<String>,
    layer: Option<usize>,
    digest: Option<Digest>,
    diff_id: Option<Digest>,
    step: Option<usize>,
    created_by: Option<String>,
    state: Option<&'static str>,
    shipped_by: Option<String>,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Confidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// What the policy of the run made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<Date>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fix: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    places_left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A finding.
pub(super) fn result(finding: &Finding, anchors: &Anchors<'_>, options: &ReportOptions) -> Result {
    let shown = words::credential(&finding.secret, options);
    let first = finding.fix.first().map_or_else(String::new, |fix| format!(" {fix}"));
    let message = format!("{} {shown} stands in {}.{first}", finding.name, words::places(finding));
    let related = finding.places.iter().take(MOST_LOCATIONS).enumerate();
    let fingerprint = finding.fingerprint.to_string();
    Result {
        rule_id: finding.rule.clone(),
        rule_index: 0,
        level: level(finding.severity),
        message: Text::new(&message),
        locations: [primary(&anchors.of(finding), finding.places.first())],
        related_locations: related.map(|(index, place)| related_location(index + 1, place)).collect(),
        partial_fingerprints: fingerprints(&fingerprint),
        suppressions: Vec::new(),
        properties: Properties {
            severity: Some(finding.severity),
            confidence: Some(finding.confidence),
            secret: Some(shown),
            policy: finding.verdict.clone(),
            first_seen: finding.known.as_ref().and_then(|known| known.first_seen),
            facts: finding.facts.iter().map(|fact| (fact.name.to_string(), fact.value.clone())).collect(),
            parts: finding.parts.iter().map(|part| (part.name.clone(), part.value.shown())).collect(),
            fix: finding.fix.clone(),
            places_left_out: finding.places.len().saturating_sub(MOST_LOCATIONS),
        },
        rank: (false, std::cmp::Reverse(finding.severity), std::cmp::Reverse(finding.confidence)),
    }
}

/// A finding, or places of one, that somebody decided not to be told again.
pub(super) fn suppressed_result(
    suppressed: &Suppressed,
    anchors: &Anchors<'_>,
    options: &ReportOptions,
) -> Result {
    let mut result = result(&suppressed.finding, anchors, options);
    result.rank.0 = true;
    let causes = suppressed.causes.iter().map(|cause| Suppression {
        kind: if cause.by == By::Inline { "inSource" } else { "external" },
        status: "accepted",
        justification: match &cause.reason {
            Some(reason) => format!("{}: {reason}", cause.at),
            None => cause.at.clone(),
        },
    });
    result.suppressions = causes.collect();
    result
}

/// A gap.
pub(super) fn gap_result(outcome: &Outcome, gap: &Problem) -> Result {
    let path =
        format!("{}/{}", words::source(outcome).trim_start_matches('/'), gap.place.trim_start_matches('/'));
    let anchor = Anchor { path, lines: Lines { first: 1, last: 1 }, in_dockerfile: false };
    let text = [gap.kind.as_str(), &gap.place, &gap.message].join("\n");
    Result {
        rule_id: gap_id(gap.kind),
        rule_index: 0,
        level: "warning",
        message: Text::new(&words::problem(gap)),
        locations: [primary(&anchor, None)],
        related_locations: Vec::new(),
        partial_fingerprints: fingerprints(&Digest::of(text.as_bytes()).hex()[..32]),
        suppressions: Vec::new(),
        properties: Properties::default(),
        rank: (false, std::cmp::Reverse(Severity::Medium), std::cmp::Reverse(Confidence::Confirmed)),
    }
}

/// The whole one is for whoever compares reports. GitHub tells alerts apart by the other alone, which it would compute
/// from the file, had it the file: sixteen digits and a counter.
fn fingerprints(whole: &str) -> BTreeMap<&'static str, String> {
    let short = whole.get(..16).unwrap_or(whole);
    BTreeMap::from([("layersift/v1", whole.to_owned()), (LINE_HASH, short.to_owned())])
}

const LINE_HASH: &str = "primaryLocationLineHash";

impl Result {
    /// Puts the counter behind the digits: one credential in two images of a run makes two results.
    pub(super) fn count(&mut self, times: &mut BTreeMap<String, usize>) {
        if let Some(hash) = self.partial_fingerprints.get_mut(LINE_HASH) {
            let number = times.entry(hash.clone()).or_default();
            *number += 1;
            *hash = format!("{hash}:{number}");
        }
    }
}

fn primary(anchor: &Anchor, place: Option<&Place>) -> Location {
    Location {
        id: None,
        message: None,
        physical_location: physical(anchor),
        logical_locations: place.map_or_else(Vec::new, logical),
        properties: None,
    }
}

fn related_location(id: usize, place: &Place) -> Location {
    let layer = place.layer.as_ref();
    let step = place.step.as_ref();
    Location {
        id: Some(id),
        message: Some(Text::new(&words::whole_place(place))),
        physical_location: physical(&in_image(place)),
        logical_locations: logical(place),
        properties: Some(PlaceProperties {
            kind: place.kind.as_str(),
            image: place.image.clone(),
            platform: place.platform.as_ref().map(ToString::to_string),
            layer: layer.and_then(|layer| layer.index),
            digest: layer.and_then(|layer| layer.digest),
            diff_id: layer.and_then(|layer| layer.diff_id),
            step: step.map(|step| step.index),
            created_by: step.map(|step| step.created_by.chars().take(STEP).collect()),
            state: place.state.map(crate::findings::State::as_str),
            shipped_by: place.shipped_by.clone(),
        }),
    }
}

fn physical(anchor: &Anchor) -> PhysicalLocation {
    PhysicalLocation {
        artifact_location: ArtifactLocation { uri: anchor.uri() },
        region: Region { start_line: anchor.lines.first, end_line: anchor.lines.last },
    }
}

/// The layer and the step of a place.
fn logical(place: &Place) -> Vec<LogicalLocation> {
    let image = place.image.as_deref().unwrap_or("image");
    let layer = place.layer.as_ref().and_then(|layer| layer.index).map(|index| {
        LogicalLocation::new(&format!("layer {index}"), "layer", format!("{image}/layer/{index}"))
    });
    let step = place.step.as_ref().map(|step| {
        let name = words::step(step).chars().take(STEP).collect::<String>();
        LogicalLocation::new(&name, "step", format!("{image}/step/{}", step.index))
    });
    let named = place.name.as_deref().map(|name| {
        let kind = place.kind.as_str();
        LogicalLocation::new(name, kind, format!("{image}/{kind}/{name}"))
    });
    [layer, step, named].into_iter().flatten().collect()
}
