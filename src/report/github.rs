//! Annotations of a GitHub workflow: lines on standard output that its runner shows beside the code and in the summary.
//!
//! The runner obeys such lines (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>), so
//! nothing of the image may begin one or end one early. It shows the first ten errors and ten warnings of a step.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::anchor::Anchors;
use super::commands::harmless;
use super::sanitize::sanitize;
use super::{ReportOptions, words};
use crate::findings::policy::Action;
use crate::findings::{Finding, Outcome};
use crate::problem::Problem;
use crate::signature::Severity;

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    for outcome in outcomes {
        let anchors = Anchors::new(outcome, options);
        for finding in &outcome.findings {
            write_finding(out, (outcome, finding), &anchors, options)?;
        }
        outcome.problems.iter().try_for_each(|problem| write_problem(out, problem))?;
        let totals: Vec<_> = std::iter::once(words::verdict(outcome))
            .chain(words::not_shown(outcome))
            .chain(words::policy(outcome))
            .collect();
        let text = format!("{}: {}", words::source(outcome), totals.join("; "));
        command(out, "notice", &[("title", "layersift")], &text)?;
    }
    Ok(())
}

fn write_finding(
    out: &mut dyn Write,
    (outcome, finding): (&Outcome, &Finding),
    anchors: &Anchors<'_>,
    options: &ReportOptions,
) -> io::Result<()> {
    let kind = match (finding.severity, finding.verdict.as_ref().map(|verdict| verdict.action)) {
        (_, Some(Action::Pass)) | (Severity::Low, _) => "notice",
        (_, Some(Action::Warn)) | (Severity::Medium, _) => "warning",
        (Severity::Critical | Severity::High, _) => "error",
    };
    let anchor = anchors.of(finding);
    let [first, last] = [anchor.lines.first, anchor.lines.last].map(|line| line.to_string());
    let title = format!("{} leaked ({})", finding.name, finding.severity.as_str());
    let mut text = format!("{}\n", words::credential(&finding.secret, options));
    let (shown, rest) = finding.places.split_at(finding.places.len().min(PLACES));
    for place in shown {
        text.push_str(&words::whole_place(place));
        text.push('\n');
    }
    if !rest.is_empty() {
        let _ = writeln!(text, "and {}", words::count(rest.len() as u64, "more place"));
    }
    if let Some(judged) = words::judged(outcome, finding) {
        let _ = writeln!(text, "{judged}");
    }
    text.push_str(&finding.fix.join("\n"));
    // A path that is not in the repository would hide the annotation.
    let properties = [("file", &*anchor.path), ("line", &*first), ("endLine", &*last), ("title", &*title)];
    command(out, kind, if anchor.in_dockerfile { &properties } else { &properties[3..] }, &text)
}

/// Places that one annotation names.
const PLACES: usize = 5;

fn write_problem(out: &mut dyn Write, problem: &Problem) -> io::Result<()> {
    let (kind, title) = if problem.kind.is_gap() {
        ("warning", "not looked at, or not to be trusted")
    } else {
        ("notice", "note")
    };
    let text = format!("{}: {}\n{}", problem.place, problem.message, problem.remedy);
    command(out, kind, &[("title", title)], &text)
}

fn command(out: &mut dyn Write, kind: &str, properties: &[(&str, &str)], text: &str) -> io::Result<()> {
    write!(out, "::{kind}")?;
    for (index, (name, value)) in properties.iter().enumerate() {
        let sign = if index == 0 { ' ' } else { ',' };
        write!(out, "{sign}{name}={}", escaped(value).replace(':', "%3A").replace(',', "%2C"))?;
    }
    writeln!(out, "::{}", escaped(text))
}

/// Line feeds of ours stay lines; other live characters are shown as text.
fn escaped(text: &str) -> String {
    let shown = |line| harmless(&sanitize(line, true)).replace('%', "%25");
    text.split('\n').map(shown).collect::<Vec<_>>().join("%0A")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn written(outcomes: &[Outcome], options: &ReportOptions) -> String {
        let mut out = Vec::new();
        write(&mut out, outcomes, options).expect("a vector takes everything");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn it_looks_like_this() {
        insta::assert_snapshot!(written(&[sample::full()], &sample::with_dockerfile()));
        insta::assert_snapshot!(written(&[sample::clean()], &ReportOptions::default()), @"::notice title=layersift::app.tar: clean: everything was looked at");
    }

    #[test]
    fn every_line_is_one_command_whatever_the_names() {
        let evil = "x\n::set-env name=A::b\r\n::error::%0A::stop-commands::x,title=y:z";
        let mut outcome = sample::full();
        outcome.source = evil.into();
        for finding in &mut outcome.findings {
            finding.name = evil.into();
            finding.places[0].name = Some(evil.into());
        }
        outcome.problems[0].place = evil.into();
        let text = written(&[outcome], &sample::with_dockerfile());
        assert_eq!(text.lines().count(), 5);
        for line in text.lines() {
            let (head, _) = line[2..].split_once("::").expect("a command");
            assert!(["error ", "warning ", "notice "].iter().any(|kind| head.starts_with(kind)), "{line}");
            let properties = head.split_once(' ').expect("properties").1.split(',');
            let names: Vec<_> = properties.map(|property| property.split('=').next().unwrap_or("")).collect();
            assert!(names == ["title"] || names == ["file", "line", "endLine", "title"], "{line}");
        }
    }
}
