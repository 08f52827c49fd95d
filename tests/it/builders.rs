//! What real builders made of one leaking Dockerfile, in every format that they save: the same findings from each.
//!
//! The images come from `testdata/build-fixtures.sh`, which also writes down what leaks in them. Without them the
//! test fails and says so, because a test that passes by not running proves nothing.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::support::root;
use crate::support::scanner::{Report, is_copy, scanner};

/// A row of `inputs.tsv`.
struct Input {
    path: PathBuf,
    format: String,
    how: String,
}

/// An element of `expected.json`.
#[derive(Deserialize)]
struct Expected {
    name: String,
    secret: String,
    rule: String,
    places: Vec<Wanted>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Wanted {
    kind: String,
    name: Option<String>,
    path: Option<String>,
    state: Option<String>,
    instruction: Option<String>,
    /// Instruction of the step that hid it.
    by: Option<String>,
    /// Only configs in Docker's own format have a member for it.
    #[serde(default)]
    docker_only: bool,
}

#[test]
fn every_builder_and_format_gives_the_same_findings() {
    let expected: Vec<Expected> = serde_json::from_str(&fixture("expected.json")).unwrap();
    let inputs = inputs();
    let mut failures = Vec::new();
    for input in &inputs {
        let report = scanner().path(&input.path).report();
        check(input, &input.how, &expected, &report, &mut failures);
        if input.path.is_file() {
            let piped = scanner().stdin(fs::read(&input.path).unwrap()).report();
            check(input, &format!("{} | layersift scan -", input.how), &expected, &piped, &mut failures);
            assert_eq!(report.comparable(), piped.comparable(), "{}", input.how);
        }
    }
    let first = failures.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} failures, the first ones:\n{first}", failures.len());
    assert!(inputs.len() >= 20, "only {} inputs", inputs.len());
}

fn fixture(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; make it with testdata/build-fixtures.sh", path.display())
    })
}

fn folder() -> PathBuf {
    root().join("target/fixtures")
}

fn inputs() -> Vec<Input> {
    assert!(!fixture("complete").is_empty(), "run testdata/build-fixtures.sh again, it was cut short");
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        Input {
            path: folder().join(columns[0]),
            format: columns[2].to_owned(),
            how: format!("{} ({})", columns[3], columns[0]),
        }
    };
    fixture("inputs.tsv").lines().map(row).collect()
}

fn check(input: &Input, how: &str, expected: &[Expected], report: &Report, failures: &mut Vec<String>) {
    let mut fail = |text: String| failures.push(format!("{how}: {text}"));
    if report.code != 1 || !report.problems().is_empty() {
        fail(format!("exit code {}, problems {:?}", report.code, report.problems()));
    }
    for expected in expected {
        let found = report.finding(&expected.secret).filter(|finding| finding["rule"] == *expected.rule);
        let Some(finding) = found else {
            fail(format!("{} not found as {}", expected.name, expected.rule));
            continue;
        };
        let places = finding["places"].as_array().unwrap();
        let docker = !input.format.starts_with("oci");
        for wanted in expected.places.iter().filter(|wanted| docker || !wanted.docker_only) {
            if !places.iter().any(|place| fits(wanted, place)) {
                fail(format!("{}: no {wanted:?}", expected.name));
            }
        }
        for place in places.iter().filter(|place| !is_repeated(place)) {
            if !expected.places.iter().any(|wanted| fits(wanted, place)) {
                fail(format!("{}: place not expected: {place}", expected.name));
            }
        }
    }
    for finding in report.findings() {
        if !expected.iter().any(|expected| finding["secret"] == *expected.secret) {
            fail(format!("not expected: {finding}"));
        }
    }
}

/// Whether a place is in a copy of the config that some builders write and others do not: `container_config`, and the
/// `<id>/json` of old archives.
fn is_repeated(place: &Value) -> bool {
    is_copy(place) || place["kind"] == "config"
}

fn fits(wanted: &Wanted, place: &Value) -> bool {
    let is = |wanted: &Option<String>, found: &Value| wanted.as_ref().is_none_or(|wanted| found == wanted);
    place["kind"] == *wanted.kind
        && is(&wanted.name, &place["name"])
        && is(&wanted.path, &place["path"])
        && is(&wanted.state, &place["state"])
        && is(&wanted.instruction, &place["step"]["instruction"])
        && is(&wanted.by, &place["state_by"]["step"]["instruction"])
}
