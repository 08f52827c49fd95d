//! What GitLab reads: secret detection and container scanning reports, and code quality.
//!
//! The first two are one format with two kinds of locations (security-report-schemas 15.2.1), of which this file makes
//! what they share. They have to say when the scan began and ended; that comes from the options. Gaps are messages of
//! the scan, as GitLab shows them with its result.

mod container;
pub(super) mod quality;
mod secret;

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

pub(super) use self::container::write as container;
pub(super) use self::secret::write as secret;
use super::{ReportOptions, escape, words};
use crate::digest::Digest;
use crate::findings::{Finding, Outcome};
use crate::problem::ProblemKind;
use crate::signature::Severity;

/// The version of the schemas that the reports follow.
const VERSION: &str = "15.2.1";
/// Characters of a name and of a solution that the schemas allow.
const NAME: usize = 255;
const SOLUTION: usize = 7_000;

#[derive(Serialize)]
struct Report<L> {
    version: &'static str,
    scan: Scan,
    vulnerabilities: Vec<Vulnerability<L>>,
}

#[derive(Serialize)]
struct Scan {
    analyzer: Tool,
    scanner: Tool,
    #[serde(rename = "type")]
    kind: &'static str,
    start_time: String,
    end_time: String,
    status: &'static str,
    messages: Vec<Message>,
}

#[derive(Clone, Serialize)]
struct Tool {
    id: String,
    name: String,
    version: String,
    vendor: Vendor,
}

#[derive(Clone, Serialize)]
struct Vendor {
    name: &'static str,
}

#[derive(Serialize)]
struct Message {
    level: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Vulnerability<L> {
    id: String,
    name: String,
    description: String,
    severity: &'static str,
    solution: String,
    identifiers: Vec<Identifier>,
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_source_code_extract: Option<String>,
    location: L,
}

#[derive(Serialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    value: String,
}

#[derive(Serialize)]
struct Link {
    url: String,
}

/// Writes the report of the scanner of that `kind`; `location` says where a finding is.
fn write<L: Serialize>(
    out: &mut dyn Write,
    kind: &'static str,
    (outcomes, options): (&[Outcome], &ReportOptions),
    locate: impl Fn(&Outcome, &Finding) -> L,
) -> io::Result<()> {
    let mut vulnerabilities = Vec::new();
    for outcome in outcomes {
        let found = outcome.findings.iter();
        vulnerabilities.extend(
            found.map(|finding| vulnerability((kind, outcome, finding), locate(outcome, finding), options)),
        );
    }
    escape::pretty(out, &Report { version: VERSION, scan: scan(kind, outcomes, options), vulnerabilities })
}

fn scan(kind: &'static str, outcomes: &[Outcome], options: &ReportOptions) -> Scan {
    let tool = Tool {
        id: options.tool.name.clone(),
        name: options.tool.name.clone(),
        version: options.tool.version.clone(),
        vendor: Vendor { name: "layersift" },
    };
    let unread = |outcome: &Outcome| outcome.images.is_empty() && outcome.coverage.blobs.is_empty();
    let failed = !outcomes.is_empty() && outcomes.iter().all(unread);
    Scan {
        analyzer: tool.clone(),
        scanner: tool,
        kind,
        start_time: time(options.started),
        end_time: time(options.ended),
        status: if failed { "failure" } else { "success" },
        messages: outcomes.iter().flat_map(messages).collect(),
    }
}

/// In UTC, without a fraction and without a zone.
fn time(time: Option<SystemTime>) -> String {
    let time = Timestamp::try_from(time.unwrap_or(UNIX_EPOCH)).unwrap_or_default();
    TimeZone::UTC.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn messages(outcome: &Outcome) -> Vec<Message> {
    let problems = outcome.problems.iter().map(|problem| Message {
        level: match problem.kind {
            ProblemKind::Note => "info",
            _ => "warn",
        },
        value: words::problem(problem),
    });
    let totals: Vec<_> = std::iter::once(words::verdict(outcome)).chain(words::not_shown(outcome)).collect();
    let value = format!("{}: {}", words::source(outcome), totals.join("; "));
    problems.chain([Message { level: "info", value }]).collect()
}

fn vulnerability<L>(
    (kind, outcome, finding): (&str, &Outcome, &Finding),
    location: L,
    options: &ReportOptions,
) -> Vulnerability<L> {
    let shown = words::credential(&finding.secret, options);
    let places: Vec<_> = finding.places.iter().take(100).map(words::whole_place).collect();
    let name = format!("{} in {}", finding.name, words::places(finding));
    let fingerprint = finding.fingerprint.to_string();
    let identifier = |kind, name: String, value: &str| Identifier { kind, name, value: value.to_owned() };
    Vulnerability {
        id: uuid(&[kind, &outcome.source, &finding.rule, &fingerprint]),
        name: name.chars().take(NAME).collect(),
        description: format!("{shown}\n{}\n\n{}", finding.why, places.join("\n")),
        severity: match finding.severity {
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low => "Low",
        },
        solution: finding.fix.join("\n").chars().take(SOLUTION).collect(),
        identifiers: vec![
            identifier("layersift_rule_id", format!("layersift rule {}", finding.rule), &finding.rule),
            identifier("layersift_fingerprint", format!("layersift finding {}", finding.id), &fingerprint),
        ],
        links: finding
            .revoke
            .iter()
            .filter(|url| url.starts_with("https://"))
            .map(|url| Link { url: url.clone() })
            .collect(),
        raw_source_code_extract: (kind == "secret_detection").then_some(shown),
        location,
    }
}

/// A UUID (RFC 9562, version 8) of a digest of `parts`: the same for the same finding.
fn uuid(parts: &[&str]) -> String {
    let mut hex = Digest::of(parts.join("\n").as_bytes()).hex();
    hex.truncate(32);
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "8");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests;
