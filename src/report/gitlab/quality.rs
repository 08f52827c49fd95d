//! `gl-code-quality-report.json`: what a merge request shows beside the lines
//! (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>).
//!
//! It has no place for anything but findings, so a gap is one of severity `major`, a note one of severity `info`.

use std::io::{self, Write};

use serde::Serialize;

use crate::digest::Digest;
use crate::findings::{Finding, Outcome};
use crate::problem::Problem;
use crate::report::anchor::Anchors;
use crate::report::{ReportOptions, escape, words};
use crate::signature::Severity;

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

/// See [`FORMATS`](crate::report::FORMATS).
pub(in crate::report) fn write(
    out: &mut dyn Write,
    outcomes: &[Outcome],
    options: &ReportOptions,
) -> io::Result<()> {
    let mut issues = Vec::new();
    for outcome in outcomes {
        let anchors = Anchors::new(outcome, options);
        issues.extend(outcome.findings.iter().map(|finding| issue(outcome, finding, &anchors, options)));
        issues.extend(outcome.problems.iter().map(|problem| problem_issue(outcome, problem)));
        issues.extend(words::not_shown(outcome).into_iter().map(|line| note(outcome, line)));
    }
    escape::pretty(out, &issues)
}

fn issue(outcome: &Outcome, finding: &Finding, anchors: &Anchors<'_>, options: &ReportOptions) -> Issue {
    let anchor = anchors.of(finding);
    let shown = words::credential(&finding.secret, options);
    let first = finding.fix.first().map_or_else(String::new, |fix| format!(". {fix}"));
    Issue {
        description: format!("{} {shown} in {}{first}", finding.name, words::places(finding)),
        check_name: finding.rule.clone(),
        fingerprint: fingerprint(&[&outcome.source, &finding.rule, &finding.fingerprint.to_string()]),
        severity: match finding.severity {
            Severity::Critical => "blocker",
            Severity::High => "critical",
            Severity::Medium => "major",
            Severity::Low => "minor",
        },
        location: Location {
            path: anchor.path,
            lines: Lines { begin: anchor.lines.first, end: anchor.lines.last },
        },
    }
}

fn problem_issue(outcome: &Outcome, problem: &Problem) -> Issue {
    let Problem { kind, place, message, .. } = problem;
    Issue {
        description: words::problem(problem),
        check_name: if kind.is_gap() { format!("gap-{}", kind.as_str()) } else { "note".to_owned() },
        fingerprint: fingerprint(&[&outcome.source, kind.as_str(), place, message]),
        severity: if kind.is_gap() { "major" } else { "info" },
        location: in_image(outcome),
    }
}

fn note(outcome: &Outcome, line: String) -> Issue {
    Issue {
        fingerprint: fingerprint(&[&outcome.source, &line]),
        description: line,
        check_name: "not-shown".to_owned(),
        severity: "info",
        location: in_image(outcome),
    }
}

fn in_image(outcome: &Outcome) -> Location {
    let path = words::source(outcome).trim_start_matches(['/', '.']).to_owned();
    let path = if path.is_empty() { "image".to_owned() } else { path };
    Location { path, lines: Lines { begin: 1, end: 1 } }
}

fn fingerprint(parts: &[&str]) -> String {
    Digest::of(parts.join("\n").as_bytes()).hex()[..32].to_owned()
}
