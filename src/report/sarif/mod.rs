//! SARIF 2.1.0, as GitHub code scanning and other consumers take it
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>,
//! <https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>).
//!
//! One run for all inputs, because GitHub refuses several of one category. A result is one credential; its place in the
//! repository comes first, all its places are related locations. Gaps are results of rules of their own, so that they
//! are seen where findings are, and all problems are notifications of the run too.

mod result;
mod rule;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use self::result::{Result, gap_result, result, suppressed_result};
use self::rule::{Rule, rules};
use super::{ReportOptions, escape, words};
use crate::findings::Outcome;
use crate::problem::Problem;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const HOME: &str = env!("CARGO_PKG_HOMEPAGE");

/// Results of a run that GitHub takes; it refuses the whole file if there are more.
const MOST_RESULTS: usize = 25_000;
/// Notifications that are written; the rest is counted in one.
const MOST_NOTIFICATIONS: usize = 5_000;

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    escape::pretty(
        out,
        &Log { schema: SCHEMA, version: "2.1.0", runs: [run(outcomes, options, MOST_RESULTS)] },
    )
}

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    results: Vec<Result>,
    properties: RunProperties,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: String,
    semantic_version: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    information_uri: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    descriptor: Descriptor,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<NotificationLocation>,
}

#[derive(Serialize)]
struct Descriptor {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NotificationLocation {
    logical_locations: [result::LogicalLocation; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties {
    images: Vec<ImageProperties>,
}

/// One input: what of it is not among the results.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageProperties {
    source: String,
    names: Vec<String>,
    verdict: String,
    not_shown: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policy: Vec<String>,
}

/// A message (SARIF 3.11).
#[derive(Serialize)]
struct Text {
    text: String,
}

impl Text {
    /// `[text](target)` in a message would be a link.
    fn new(text: &str) -> Self {
        Self { text: text.replace("](", "] (") }
    }
}

fn run(outcomes: &[Outcome], options: &ReportOptions, most: usize) -> Run {
    let rules = rules(outcomes, options);
    let mut results = Vec::new();
    for outcome in outcomes {
        let anchors = super::anchor::Anchors::new(outcome, options);
        let found = outcome.findings.iter().map(|finding| result(finding, &anchors, options));
        results.extend(found);
        let gaps = outcome.problems.iter().filter(|problem| problem.kind.is_gap());
        results.extend(gaps.map(|gap| gap_result(outcome, gap)));
        let suppressed = outcome.suppression.findings.iter().filter(|_| options.show_suppressed);
        results.extend(suppressed.map(|suppressed| suppressed_result(suppressed, &anchors, options)));
    }
    // What a consumer would not take is the least important.
    results.sort_by_key(|result| result.rank);
    let left_out = results.len().saturating_sub(most);
    results.truncate(most);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for result in &mut results {
        let index = rules.iter().position(|rule| rule.id == result.rule_id);
        result.rule_index = index.unwrap_or_default();
        result.count(&mut times);
    }
    Run {
        tool: Tool {
            driver: Driver {
                name: options.tool.name.clone(),
                semantic_version: options.tool.version.clone(),
                information_uri: HOME,
                rules,
            },
        },
        automation_details: AutomationDetails { id: category(outcomes) },
        invocations: [Invocation {
            execution_successful: !outcomes.iter().any(Outcome::has_gaps),
            tool_execution_notifications: notifications(outcomes, left_out),
        }],
        results,
        properties: RunProperties { images: outcomes.iter().map(image).collect() },
    }
}

fn image(outcome: &Outcome) -> ImageProperties {
    ImageProperties {
        source: words::source(outcome).to_owned(),
        names: outcome.images.iter().flat_map(|image| image.names.clone()).collect(),
        verdict: words::verdict(outcome),
        not_shown: words::not_shown(outcome),
        policy: words::policy(outcome),
    }
}

/// `layersift/REPOSITORY/`: the part before the last `/` is what GitHub calls a category, in which the alerts of a later
/// upload replace those of an earlier one. So a tag is not in it.
fn category(outcomes: &[Outcome]) -> String {
    let names = outcomes.iter().flat_map(|outcome| outcome.images.iter().flat_map(|image| &image.names));
    let mut repositories: Vec<_> = names.map(|name| repository(name)).collect();
    repositories.sort_unstable();
    repositories.dedup();
    let all = repositories.join("+").chars().take(200).collect::<String>();
    if all.is_empty() { "layersift/".to_owned() } else { format!("layersift/{all}/") }
}

/// A reference without its tag and digest.
fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

fn notifications(outcomes: &[Outcome], left_out: usize) -> Vec<Notification> {
    let mut all = Vec::new();
    if left_out > 0 {
        let text = format!(
            "{} left out, the least important ones: {MOST_RESULTS} is what a consumer takes. The json format has all.",
            words::count(left_out as u64, "result")
        );
        all.push(notice("error", "results-left-out", &text));
    }
    let problems: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.problems).collect();
    all.extend(problems.iter().take(MOST_NOTIFICATIONS).map(|problem| notification(problem)));
    if let Some(more @ 1..) = problems.len().checked_sub(MOST_NOTIFICATIONS) {
        let text = format!("and {}; the json format has all", words::count(more as u64, "more problem"));
        all.push(notice("warning", "problems-left-out", &text));
    }
    all
}

fn notice(level: &'static str, id: &str, text: &str) -> Notification {
    Notification {
        level,
        descriptor: Descriptor { id: id.to_owned() },
        message: Text::new(text),
        locations: Vec::new(),
    }
}

fn notification(problem: &Problem) -> Notification {
    let place = result::LogicalLocation::new(&problem.place, "problem", String::new());
    Notification {
        level: if problem.kind.is_gap() { "warning" } else { "note" },
        descriptor: Descriptor { id: problem.kind.as_str().to_owned() },
        message: Text::new(&words::problem(problem)),
        locations: vec![NotificationLocation { logical_locations: [place] }],
    }
}

#[cfg(test)]
mod tests;
