//! The rules behind the results: those of credentials, and one for each kind of gap.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Text;
use crate::findings::{Finding, Outcome};
use crate::problem::ProblemKind;
use crate::report::ReportOptions;
use crate::signature::{Confidence, Severity};

/// A reporting descriptor (SARIF 3.49).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) id: String,
    short_description: Text,
    full_description: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    help: Help,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    tags: Vec<String>,
    precision: &'static str,
    /// GitHub reads a CVSS score here, of security rules only.
    #[serde(rename = "security-severity", skip_serializing_if = "Option::is_none")]
    security_severity: Option<&'static str>,
}

/// The rules of all results, in the order of their ids.
pub(super) fn rules(outcomes: &[Outcome], options: &ReportOptions) -> Vec<Rule> {
    let mut by_id: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let mut gaps: Vec<ProblemKind> = Vec::new();
    for outcome in outcomes {
        let suppressed = outcome.suppression.findings.iter().filter(|_| options.show_suppressed);
        let suppressed = suppressed.map(|suppressed| &suppressed.finding);
        for finding in outcome.findings.iter().chain(suppressed) {
            by_id.entry(&finding.rule).or_default().push(finding);
        }
        gaps.extend(outcome.problems.iter().map(|problem| problem.kind).filter(|kind| kind.is_gap()));
    }
    gaps.sort_unstable();
    gaps.dedup();
    let rules = by_id.values().filter_map(|findings| of_credential(findings));
    rules.chain(gaps.into_iter().map(of_gap)).collect()
}

/// Of several findings of one rule the worst and the surest speak for it.
fn of_credential(findings: &[&Finding]) -> Option<Rule> {
    let first = findings.first()?;
    let severity = findings.iter().map(|finding| finding.severity).max()?;
    let confidence = findings.iter().map(|finding| finding.confidence).max()?;
    let revoke = first.revoke.as_deref();
    let address = revoke.filter(|revoke| revoke.starts_with("https://"));
    let how = match (address, revoke) {
        (Some(address), _) => format!("Revoke it: <{address}>"),
        (None, Some(sentence)) => sentence.to_owned(),
        (None, None) => "Whoever can pull the image has it: replace it wherever it is trusted.".to_owned(),
    };
    let secrets = "Whatever a build needs and the image must not hold comes by a secret mount: \
                   <https://docs.docker.com/build/building/secrets/>";
    Some(Rule {
        id: first.rule.clone(),
        short_description: Text::new(&format!("{} in an image", first.name)),
        full_description: Text::new(&first.why),
        help_uri: address.map(str::to_owned),
        help: Help {
            text: format!("{}\n{how}\n{secrets}", first.why),
            markdown: format!("{}\n\n{how}\n\n{secrets}", first.why),
        },
        default_configuration: Configuration { level: level(severity) },
        properties: Properties {
            tags: vec!["security".to_owned(), "secret".to_owned(), kebab(&first.provider)],
            precision: match confidence {
                Confidence::Confirmed => "very-high",
                Confidence::Likely => "high",
                Confidence::Review => "medium",
                Confidence::Example => "low",
            },
            security_severity: Some(match severity {
                Severity::Critical => "9.5",
                Severity::High => "8.0",
                Severity::Medium => "5.5",
                Severity::Low => "2.5",
            }),
        },
    })
}

fn of_gap(kind: ProblemKind) -> Rule {
    let what = "Something of the image could not be looked at, or not be trusted, so that finding nothing there does \
                not mean that there is nothing.";
    Rule {
        id: gap_id(kind),
        short_description: Text::new(&format!("Not looked at, or not to be trusted: {}", kind.as_str())),
        full_description: Text::new(what),
        help_uri: None,
        help: Help { text: what.to_owned(), markdown: what.to_owned() },
        default_configuration: Configuration { level: "warning" },
        properties: Properties {
            tags: vec!["coverage".to_owned()],
            precision: "very-high",
            security_severity: None,
        },
    }
}

/// The id of the rule for gaps of that kind.
pub(super) fn gap_id(kind: ProblemKind) -> String {
    format!("gap-{}", kind.as_str())
}

/// How GitHub ranks it.
pub(super) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn kebab(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}
