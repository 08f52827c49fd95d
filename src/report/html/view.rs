//! An outcome as the values that the page shows.

use serde_json::{Value, json};

use super::advice::Shared;
use super::stack::Stacks;
use super::{Room, timeline};
use crate::findings::suppress::Suppressed;
use crate::findings::{Finding, Outcome, Part, PartValue, Place, State};
use crate::problem::Problem;
use crate::report::{ReportOptions, words};

/// What is listed; the rest is counted.
const FINDINGS: usize = 5_000;
const PROBLEMS: usize = 500;
const SUPPRESSED: usize = 500;
const IMAGES: usize = 50;

/// Which findings of an outcome are shown.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'c> {
    /// Only those of this row of the stack.
    pub row: Option<&'c str>,
    /// Only the one with this anchor or fingerprint.
    pub only: Option<&'c str>,
    /// Behind so many of them.
    pub from: usize,
    /// At most so many.
    pub most: usize,
}

/// The outcome of that index.
pub(super) fn report(index: usize, outcome: &Outcome, options: &ReportOptions, room: Room) -> Value {
    let all = Choice { row: None, only: None, from: 0, most: FINDINGS };
    let tone = match (outcome.findings.is_empty(), outcome.has_gaps() || outcome.coverage.blobs.is_empty()) {
        (false, _) => "leaks",
        (true, true) => "unsure",
        (true, false) => "clean",
    };
    let mut values = chosen((index, outcome), options, room, all);
    values["source"] = json!(words::source(outcome));
    values["tone"] = json!(tone);
    values["verdict"] = json!(words::verdict(outcome));
    values["not_shown"] = json!(words::not_shown(outcome));
    values["policy"] = json!(words::policy(outcome));
    values["more_findings"] = json!(outcome.findings.len().saturating_sub(FINDINGS));
    values["problems"] = json!(problems(&outcome.problems));
    values["suppressed"] = suppressed(outcome);
    values["coverage"] = json!(coverage(outcome));
    values
}

/// The stacks of an outcome, those of its findings that are chosen, and how many there are to choose from.
pub(super) fn chosen(
    (index, outcome): (usize, &Outcome),
    options: &ReportOptions,
    room: Room,
    choice: Choice<'_>,
) -> Value {
    let anchors: Vec<_> =
        (0..outcome.findings.len()).map(|finding| format!("finding-{index}-{finding}")).collect();
    let stacks = Stacks::new(index, outcome, &anchors);
    let fits = |(found, anchor): &(&Finding, &String)| {
        let on_row = choice.row.is_none_or(|row| rows(found, &stacks).any(|key| key == row));
        let is = |only: &str| only == anchor.as_str() || only == found.fingerprint.to_string();
        on_row && choice.only.is_none_or(is)
    };
    let fitting: Vec<_> = outcome.findings.iter().zip(&anchors).filter(fits).collect();
    let shown: Vec<_> = fitting.iter().skip(choice.from).take(choice.most).collect();
    let shared = Shared::new(index, shown.iter().map(|(found, _)| *found), room.text);
    let findings: Vec<_> = shown
        .into_iter()
        .map(|&(found, anchor)| {
            let mut shown = finding((outcome, found), anchor, &stacks, options);
            shown["fix"] = found.fix.iter().map(|line| shared.line(line)).collect();
            shown["places"] = found.places.iter().take(room.places).map(words::whole_place).collect();
            shown["more_places"] = json!(found.places.len().saturating_sub(room.places));
            shown
        })
        .collect();
    let images: Vec<_> = (0..outcome.images.len().min(IMAGES)).map(|image| stacks.image(image)).collect();
    json!({ "images": images, "findings": findings, "fitting": fitting.len(), "advice": shared.list() })
}

/// The rows of the stack that a finding belongs to.
fn rows<'a>(finding: &'a Finding, stacks: &'a Stacks<'_>) -> impl Iterator<Item = String> + 'a {
    finding.places.iter().flat_map(|place| [stacks.key(place), stacks.hiding_key(place)]).flatten()
}

/// Without what depends on the page's size.
fn finding(
    (outcome, finding): (&Outcome, &Finding),
    anchor: &str,
    stacks: &Stacks<'_>,
    options: &ReportOptions,
) -> Value {
    let revoke = finding.revoke.as_deref().filter(|revoke| revoke.starts_with("https://"));
    let facts = finding.facts.iter().map(|fact| json!({ "name": &*fact.name, "value": fact.value }));
    let parts = finding.parts.iter().map(|part| part_fact(part, options));
    json!({
        "anchor": anchor,
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.as_str(),
        "confidence": finding.confidence.as_str(),
        "secret": words::credential(&finding.secret, options),
        "fingerprint": finding.fingerprint.to_string(),
        "why": finding.why,
        "policy": words::judged(outcome, finding),
        "known": words::known(finding),
        "revoke": revoke,
        "facts": facts.chain(parts).collect::<Vec<_>>(),
        "first": finding.places.first().map(first),
        "places_about": words::count(finding.places.len() as u64, "place"),
        "states": words_of(finding.places.iter().map(|place| state(place).to_owned())),
        "rows": words_of(rows(finding, stacks)),
        "timeline": timeline::events(finding),
        "track": timeline::track(finding, outcome, stacks),
    })
}

/// A place, and what became of it.
fn first(place: &Place) -> String {
    let mut parts = vec![words::place(place), words::fate(place)];
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// By what the filter of states goes.
fn state(place: &Place) -> &'static str {
    match place.state {
        Some(State::Visible) => "visible",
        Some(State::Deleted | State::Overwritten) => "hidden",
        None if words::is_in_layer(place.kind) => "file",
        None => "config",
    }
}

/// Each once, with spaces between them.
fn words_of(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<_> = all.collect();
    all.sort();
    all.dedup();
    all.join(" ")
}

fn part_fact(part: &Part, options: &ReportOptions) -> Value {
    let value = match &part.value {
        PartValue::Secret(secret) => words::credential(secret, options),
        PartValue::Text(text) => text.clone(),
    };
    json!({ "name": part.name, "value": value })
}

pub(super) fn problems(all: &[Problem]) -> Vec<Value> {
    let (gaps, notes): (Vec<_>, Vec<_>) = all.iter().partition(|problem| problem.kind.is_gap());
    let lists = [("Not looked at, or not to be trusted", gaps), ("Notes", notes)];
    let lists = lists.into_iter().filter(|(_, problems)| !problems.is_empty());
    let list = |(title, problems): (&str, Vec<&Problem>)| {
        let items = problems.iter().take(PROBLEMS).map(|problem| {
            let Problem { kind, place, message, remedy } = problem;
            json!({ "kind": kind.as_str(), "place": place, "message": message, "remedy": remedy })
        });
        let items: Vec<_> = items.collect();
        json!({ "title": title, "items": items, "more": problems.len().saturating_sub(PROBLEMS) })
    };
    lists.map(list).collect()
}

/// What is not shown, and why.
pub(super) fn suppressed(outcome: &Outcome) -> Value {
    outcome.suppression.findings.iter().take(SUPPRESSED).map(one_suppressed).collect()
}

fn one_suppressed(suppressed: &Suppressed) -> Value {
    let finding = &suppressed.finding;
    let causes = suppressed.causes.iter().map(|cause| {
        let reason = cause.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let expires = cause.expires.map_or_else(String::new, |date| format!(" (until {date})"));
        format!("{} {}{reason}{expires}", cause.by.as_str(), cause.at)
    });
    json!({
        "severity": finding.severity.as_str(),
        "name": finding.name,
        "fingerprint": finding.fingerprint.to_string(),
        "secret": finding.secret.redacted(),
        "place": words::places(finding),
        "known": words::known(finding),
        "causes": causes.collect::<Vec<_>>().join("; "),
    })
}

pub(super) fn coverage(outcome: &Outcome) -> String {
    let total = outcome.coverage.total();
    let unverified = outcome.coverage.blobs.iter().filter(|blob| !blob.verified).count();
    let verified = match unverified {
        0 => "every digest and size agrees".to_owned(),
        some => format!("{} could not be verified", words::count(some as u64, "blob")),
    };
    format!(
        "{}, {}: {} stored, {} plain, {} searched, {} entries; {verified}",
        outcome.format,
        words::count(outcome.coverage.blobs.len() as u64, "blob"),
        words::bytes(total.stored_bytes),
        words::bytes(total.plain_bytes),
        words::bytes(total.matched_bytes),
        words::thousands(total.entries)
    )
}
