//! What several formats say in words: where a place is, what happened there, how much was found and how much is not
//! shown.
//!
//! The texts are those of the outcome, as they are; each format escapes them in its own way.

use std::fmt::Write as _;

use super::ReportOptions;
use crate::digest::Digest;
use crate::findings::policy::{Action, Verdict};
use crate::findings::suppress::{By, Suppression};
use crate::findings::{Finding, Origin, Outcome, Place, PlaceStep, State, StateBy};
use crate::image::PlaceKind;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::signature::Severity;

/// `1 layer`, `2,345 layers`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `999 B`, `12.3 MiB`.
pub(super) fn bytes(number: u64) -> String {
    let (mut whole, mut rest, mut unit) = (number, 0, 0);
    while whole >= 1024 {
        (rest, whole, unit) = (whole % 1024, whole / 1024, unit + 1);
    }
    match ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit] {
        "B" => format!("{whole} B"),
        unit => format!("{whole}.{} {unit}", rest * 10 / 1024),
    }
}

/// The redacted form of a credential, or its text if the options ask for it.
pub(super) fn credential(secret: &Secret, options: &ReportOptions) -> String {
    if !options.show_secrets {
        return secret.redacted();
    }
    match std::str::from_utf8(secret.expose()) {
        Ok(text) => text.to_owned(),
        Err(_) => secret.expose().escape_ascii().to_string(),
    }
}

/// Whether a place of this kind is named by its path in a layer.
pub(super) fn is_in_layer(kind: PlaceKind) -> bool {
    use PlaceKind::{File, Link, Padding, Path, TarHeader};
    matches!(kind, File | Path | Link | TarHeader | Padding)
}

/// Path with members and line: `/app/backup.tar!/.env:3`; of documents a short digest. Empty if there is no path.
pub(super) fn path(place: &Place) -> String {
    let mut path = match &place.path {
        Some(path) if !is_in_layer(place.kind) => {
            path.parse().map_or(path.clone(), |digest: Digest| digest.short())
        }
        Some(path) if !path.starts_with('/') => format!("/{path}"),
        Some(path) => path.clone(),
        None => String::new(),
    };
    for member in &place.inner {
        path.push_str("!/");
        path.push_str(member);
    }
    match (place.line, place.offset) {
        (Some(line), _) if !path.is_empty() => {
            let _ = write!(path, ":{line}");
        }
        (None, Some(offset)) if place.kind == PlaceKind::File => {
            let _ = write!(path, " at byte {offset}");
        }
        _ => {}
    }
    path
}

/// Path and name, the more telling one first: `GITHUB_TOKEN`, `/root/.netrc:2 password`.
pub(super) fn position(place: &Place) -> String {
    let path = path(place);
    match &place.name {
        Some(name) if path.is_empty() => name.clone(),
        Some(name) if !is_in_layer(place.kind) => format!("{name} ({path})"),
        Some(name) => format!("{path} {name}"),
        None => path,
    }
}

/// Kind and position: `env GITHUB_TOKEN`; of what has no position its kind and step.
pub fn place(place: &Place) -> String {
    let position = position(place);
    match &place.step {
        Some(step) if position.is_empty() => format!("{} of {}", place.kind.as_str(), self::step(step)),
        _ => format!("{} {position}", place.kind.as_str()).trim_end().to_owned(),
    }
}

/// Layer and step: `layer 4 0f0a7e21c9c6, step 6 COPY . .`. Empty if neither is known.
pub(super) fn origin(place: &Place) -> String {
    let layer = place.layer.as_ref().map(|layer| {
        let digest = layer.digest.or(layer.diff_id).map(|digest| digest.short());
        match (layer.index, digest) {
            (Some(index), Some(digest)) => format!("layer {index} {digest}"),
            (Some(index), None) => format!("layer {index}"),
            (None, Some(digest)) => format!("blob {digest}, which is no layer of the image"),
            (None, None) => "a blob that is no layer of the image".to_owned(),
        }
    });
    let base = (place.origin == Some(Origin::Base)).then(|| "of the base image".to_owned());
    let step = place.step.as_ref().map(step);
    layer.into_iter().chain(base).chain(step).collect::<Vec<_>>().join(", ")
}

/// ` by layer 5, step 7 RUN rm -rf .env`.
pub(super) fn hidden_by(by: &StateBy) -> String {
    let step = by.step.as_ref().map_or_else(String::new, |by| format!(", {}", step(by)));
    format!(" by layer {}{step}", by.layer)
}

/// What became of a file: `visible`, `deleted by layer 5, step 7 RUN rm`. Empty for other places.
pub(super) fn fate(place: &Place) -> String {
    let by = place.state_by.as_ref().map_or_else(String::new, hidden_by);
    match place.state {
        None => String::new(),
        Some(State::Visible) => State::Visible.as_str().to_owned(),
        Some(state) => format!("{}{by}", state.as_str()),
    }
}

/// `step 5 COPY .env /app/`: without what the builder put around the words of the Dockerfile.
pub(super) fn step(step: &PlaceStep) -> String {
    format!("step {} {}", step.index, step.shown()).trim_end().to_owned()
}

/// All of a place in one line, with the image that it belongs to.
pub(super) fn whole_place(place: &Place) -> String {
    let owner = [place.image.clone(), place.platform.as_ref().map(ToString::to_string)];
    let owner = owner.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let shipped =
        place.shipped_by.as_ref().map_or_else(String::new, |package| format!("shipped by {package}"));
    let owner = if owner.is_empty() { owner } else { format!("in {owner}") };
    let parts = [self::place(place), origin(place), fate(place), shipped, owner];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// `env GITHUB_TOKEN and 2 more places`.
pub(super) fn places(finding: &Finding) -> String {
    let first = finding.places.first().map_or_else(|| "no known place".to_owned(), place);
    match finding.places.len() {
        0 | 1 => first,
        all => format!("{first} and {}", count(all as u64 - 1, "more place")),
    }
}

/// What was scanned, as a person names it.
pub(super) fn source(outcome: &Outcome) -> &str {
    match &*outcome.source {
        "-" => "standard input",
        source => source,
    }
}

/// A problem in a line, with what to do about it.
pub(super) fn problem(problem: &Problem) -> String {
    format!("{}: {} ({})", problem.place, problem.message, problem.remedy)
}

/// How many problems leave something unseen.
pub(super) fn gaps(outcome: &Outcome) -> usize {
    outcome.problems.iter().filter(|problem| problem.kind.is_gap()).count()
}

/// How many findings of each severity there are, worst first, without those of which there is none.
pub(super) fn by_severity(outcomes: &[Outcome]) -> Vec<(Severity, usize)> {
    let findings = || outcomes.iter().flat_map(|outcome| &outcome.findings);
    let of = |severity| findings().filter(|finding| finding.severity == severity).count();
    Severity::ALL
        .into_iter()
        .map(|severity| (severity, of(severity)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The outcome in a line: what was found, and whether "nothing" means clean.
pub(super) fn verdict(outcome: &Outcome) -> String {
    let gaps = gaps(outcome);
    let gap_count = count(gaps as u64, "gap");
    match (outcome.findings.len(), gaps) {
        (0, 0) if outcome.coverage.blobs.is_empty() => "nothing was there to be looked at".to_owned(),
        (0, 0) if !outcome.suppression.findings.is_empty() => {
            "nothing but what is suppressed: everything was looked at".to_owned()
        }
        (0, 0) => "clean: everything was looked at".to_owned(),
        (0, _) => format!("no finding, but not everything could be looked at: {gap_count}"),
        (found, gaps) => {
            let severities = by_severity(std::slice::from_ref(outcome)).into_iter();
            let severities: Vec<_> =
                severities.map(|(severity, count)| format!("{count} {}", severity.as_str())).collect();
            let partly = format!("; not everything could be looked at: {gap_count}");
            let partly = if gaps > 0 { &*partly } else { "" };
            format!("{}: {}{partly}", count(found as u64, "finding"), severities.join(", "))
        }
    }
}

/// What the policy made of the findings: a line for each rule that decided. Nothing if every finding fails anyway.
pub(super) fn policy(outcome: &Outcome) -> Vec<String> {
    let Some(judgement) = outcome.judgement.as_ref().filter(|judgement| judgement.is_chosen()) else {
        return Vec::new();
    };
    let deciding = judgement.rules.iter().filter(|rule| rule.findings > 0);
    let line = |rule: &crate::findings::policy::Decided| {
        let does = match (rule.action, rule.findings) {
            (Action::Fail, 1) => "fails",
            (Action::Fail, _) => "fail",
            (Action::Warn, 1) => "is warned of",
            (Action::Warn, _) => "are warned of",
            (Action::Pass, 1) => "passes",
            (Action::Pass, _) => "pass",
        };
        let rules = rule_name(&rule.name, rule.at.as_deref());
        format!("{} {does}: {rules}", count(rule.findings as u64, "finding"))
    };
    deciding.map(line).collect()
}

/// What the policy made of a finding, and by which rule; nothing if every finding fails anyway.
pub(super) fn judged(outcome: &Outcome, finding: &Finding) -> Option<String> {
    outcome.judgement.as_ref().filter(|judgement| judgement.is_chosen())?;
    finding.verdict.as_ref().map(verdict_of)
}

/// `fails: no keys (layersift.toml:3)`.
pub(super) fn verdict_of(verdict: &Verdict) -> String {
    let does = match verdict.action {
        Action::Fail => "fails",
        Action::Warn => "warned of",
        Action::Pass => "passes",
    };
    format!("{does}: {}", rule_name(&verdict.rule, verdict.at.as_deref()))
}

fn rule_name(name: &str, at: Option<&str>) -> String {
    at.map_or_else(|| name.to_owned(), |at| format!("{name} ({at})"))
}

/// `since 2026-10-01, in known.json: waits for the vendor`, of what a baseline knows.
pub(super) fn known(finding: &Finding) -> Option<String> {
    let known = finding.known.as_ref()?;
    let since = known.first_seen.map_or_else(String::new, |day| format!("since {day}, "));
    let reason = known.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    Some(format!("{since}in {}{reason}", known.by))
}

/// What is not shown, and why: a line for each reason.
pub(super) fn not_shown(outcome: &Outcome) -> Vec<String> {
    let shipped = outcome.hidden_shipped.min(outcome.hidden);
    let hidden = outcome.hidden - shipped;
    let mut lines = Vec::new();
    if hidden > 0 {
        lines.push(format!("{} not shown", count(hidden as u64, "less certain finding")));
    }
    if shipped > 0 {
        lines.push(format!("{} that public packages ship not shown", count(shipped as u64, "finding")));
    }
    lines.extend(suppressed(&outcome.suppression));
    lines
}

/// `4 suppressed: 2 by ignore files, 1 inline, 1 in the baseline`.
fn suppressed(suppression: &Suppression) -> Option<String> {
    let [by_file, inline, baseline] = By::ALL.map(|by| suppression.count(by));
    let partly = suppression.findings.iter().filter(|suppressed| suppressed.partly);
    let places: usize = partly.map(|suppressed| suppressed.finding.places.len()).sum();
    let parts = [(by_file, "by ignore files"), (inline, "inline"), (baseline, "in the baseline")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, by)| format!("{count} {by}")).collect();
    let of_shown = format!("{} of what is shown suppressed", count(places as u64, "place"));
    match (parts.is_empty(), places) {
        (true, 0) => None,
        (true, _) => Some(of_shown),
        (false, 0) => Some(format!("{} suppressed: {}", by_file + inline + baseline, parts.join(", "))),
        (false, _) => {
            Some(format!("{} suppressed: {}; and {of_shown}", by_file + inline + baseline, parts.join(", ")))
        }
    }
}
