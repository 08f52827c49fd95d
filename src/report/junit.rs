//! `JUnit` XML, which CI servers show as tests: a leak is a failed test, a gap an error; what is suppressed, or what the policy lets
//! pass, is skipped.
//!
//! There is no standard; the form is what Jenkins' junit plug-in and GitLab read (testsuites, testsuite, testcase with
//! failure, error, skipped). A suite for each input, a class for each layer, so that servers group what came in together.

use std::io::{self, Write};

use super::anchor::Anchors;
use super::sanitize::push;
use super::{ReportOptions, words};
use crate::findings::suppress::Suppressed;
use crate::findings::{Finding, Outcome, Place};
use crate::problem::Problem;

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    let count =
        |of: fn(&Counts) -> usize| outcomes.iter().map(|outcome| of(&Counts::new(outcome))).sum::<usize>();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let (tests, failures, errors) = (count(|c| c.tests), count(|c| c.failures), count(|c| c.errors));
    writeln!(
        out,
        r#"<testsuites name="layersift" tests="{tests}" failures="{failures}" errors="{errors}">"#
    )?;
    outcomes.iter().try_for_each(|outcome| write_suite(out, outcome, options))?;
    writeln!(out, "</testsuites>")
}

struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn new(outcome: &Outcome) -> Self {
        let failures = outcome.findings.iter().filter(|finding| finding.fails()).count();
        let errors = words::gaps(outcome);
        let skipped = outcome.suppression.findings.len() + outcome.findings.len() - failures;
        let passed = usize::from(is_clean(outcome));
        Self { tests: failures + errors + skipped + passed, failures, errors, skipped }
    }
}

fn write_suite(out: &mut dyn Write, outcome: &Outcome, options: &ReportOptions) -> io::Result<()> {
    let Counts { tests, failures, errors, skipped } = Counts::new(outcome);
    let name = escaped(words::source(outcome));
    write!(out, r#"  <testsuite name="{name}" tests="{tests}" failures="{failures}" errors="{errors}""#)?;
    writeln!(out, r#" skipped="{skipped}">"#)?;
    let anchors = Anchors::new(outcome, options);
    for finding in &outcome.findings {
        write_finding(out, finding, &anchors, options)?;
    }
    let (gaps, notes): (Vec<_>, Vec<_>) = outcome.problems.iter().partition(|problem| problem.kind.is_gap());
    gaps.into_iter().try_for_each(|gap| write_error(out, gap))?;
    outcome.suppression.findings.iter().try_for_each(|suppressed| write_skipped(out, suppressed))?;
    if is_clean(outcome) {
        writeln!(out, r#"    <testcase classname="image" name="no credential leaks"/>"#)?;
    }
    let mut lines = vec![words::verdict(outcome)];
    lines.extend(words::not_shown(outcome));
    lines.extend(words::policy(outcome));
    lines.extend(notes.into_iter().map(words::problem));
    writeln!(out, "    <system-out>{}</system-out>", lines_of(&lines))?;
    writeln!(out, "  </testsuite>")
}

/// Whether one test that passes stands for all that there could be.
fn is_clean(outcome: &Outcome) -> bool {
    outcome.findings.is_empty() && !outcome.has_gaps()
}

/// A failed test, or a skipped one if the policy lets it pass: a server would fail the build for it.
fn write_finding(
    out: &mut dyn Write,
    finding: &Finding,
    anchors: &Anchors<'_>,
    options: &ReportOptions,
) -> io::Result<()> {
    let class = finding.places.first().map_or_else(|| "image".to_owned(), class);
    let anchor = anchors.of(finding);
    let name = format!("{} {}: {}", finding.rule, finding.id, words::places(finding));
    write!(out, r#"    <testcase classname="{}" name="{}""#, escaped(&class), escaped(&name))?;
    writeln!(out, r#" file="{}" line="{}">"#, escaped(&anchor.path), anchor.lines.first)?;
    let message =
        format!("{} ({}, {})", finding.name, finding.severity.as_str(), finding.confidence.as_str());
    let mut lines = vec![words::credential(&finding.secret, options), finding.why.clone()];
    lines.extend(finding.places.iter().map(words::whole_place));
    lines.extend(finding.fix.iter().map(|fix| format!("fix: {fix}")));
    let verdict = finding.verdict.as_ref().map(words::verdict_of);
    if finding.fails() {
        lines.extend(verdict);
        let (message, kind, text) = (escaped(&message), finding.severity.as_str(), lines_of(&lines));
        writeln!(out, r#"      <failure type="{kind}" message="{message}">{text}</failure>"#)?;
    } else {
        let message = escaped(&format!("{message} {}", verdict.unwrap_or_default()));
        writeln!(out, r#"      <skipped message="{message}"/>"#)?;
    }
    writeln!(out, "    </testcase>")
}

fn write_error(out: &mut dyn Write, gap: &Problem) -> io::Result<()> {
    let (place, kind) = (escaped(&gap.place), gap.kind.as_str());
    writeln!(out, r#"    <testcase classname="looked at" name="{place}">"#)?;
    let (message, remedy) = (escaped(&gap.message), escaped(&gap.remedy));
    writeln!(out, r#"      <error type="{kind}" message="{message}">{remedy}</error>"#)?;
    writeln!(out, "    </testcase>")
}

fn write_skipped(out: &mut dyn Write, suppressed: &Suppressed) -> io::Result<()> {
    let finding = &suppressed.finding;
    let class = finding.places.first().map_or_else(|| "image".to_owned(), class);
    let name = format!("{} {}: {}", finding.rule, finding.id, words::places(finding));
    writeln!(out, r#"    <testcase classname="{}" name="{}">"#, escaped(&class), escaped(&name))?;
    let causes = suppressed.causes.iter().map(|cause| match &cause.reason {
        Some(reason) => format!("{} ({}): {reason}", cause.by.as_str(), cause.at),
        None => format!("{} ({})", cause.by.as_str(), cause.at),
    });
    let message = escaped(&causes.collect::<Vec<_>>().join("; "));
    writeln!(out, r#"      <skipped message="suppressed: {message}"/>"#)?;
    writeln!(out, "    </testcase>")
}

/// The layer that a place belongs to, or its kind.
fn class(place: &Place) -> String {
    match place.layer.as_ref().and_then(|layer| layer.index) {
        Some(index) => format!("layer {index}"),
        None => place.kind.as_str().to_owned(),
    }
}

fn lines_of(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
}

/// Text for an element or an attribute in double quotes (XML 1.0, 2.4). Characters that XML cannot hold, and those that
/// deceive, are shown escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c => push(&mut out, c, true),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::sample;
    use super::*;

    fn written(outcomes: &[Outcome]) -> String {
        let mut out = Vec::new();
        write(&mut out, outcomes, &ReportOptions::default()).expect("a vector takes everything");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn it_looks_like_this() {
        let mut outcome = sample::full();
        outcome.findings.truncate(1);
        outcome.suppression.findings.truncate(1);
        insta::assert_snapshot!(written(&[outcome]));
        insta::assert_snapshot!(written(&[sample::clean()]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="layersift" tests="1" failures="0" errors="0">
          <testsuite name="app.tar" tests="1" failures="0" errors="0" skipped="0">
            <testcase classname="image" name="no credential leaks"/>
            <system-out>clean: everything was looked at</system-out>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn it_is_xml_and_the_counts_are_those_of_the_tests() {
        let mut evil = sample::full();
        evil.source = "]]></x>\"&<!--\u{0}\u{fffe}\u{1b}".into();
        evil.findings[0].name = evil.source.clone();
        evil.problems[0].message = evil.source.clone();
        let text = written(&[evil, sample::hostile(), sample::clean()]);
        let document = Document::parse(&text).unwrap();
        for suite in document.descendants().filter(|node| node.has_tag_name("testsuite")) {
            let cases = suite.children().filter(|node| node.has_tag_name("testcase")).collect::<Vec<_>>();
            let with = |name: &str| {
                let has =
                    |case: &&roxmltree::Node<'_, '_>| case.children().any(|node| node.has_tag_name(name));
                cases.iter().filter(has).count().to_string()
            };
            assert_eq!(suite.attribute("tests"), Some(&*cases.len().to_string()));
            assert_eq!(suite.attribute("failures"), Some(&*with("failure")));
            assert_eq!(suite.attribute("errors"), Some(&*with("error")));
            assert_eq!(suite.attribute("skipped"), Some(&*with("skipped")));
        }
        let root = document.root_element();
        // Of the two findings of a sample the policy lets one pass.
        assert_eq!(root.attribute("failures"), Some("2"));
    }
}
