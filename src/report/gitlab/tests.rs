//! The reports against what GitLab's schemas require, which are written down here in their own words.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::sample;
use super::*;

type Write = fn(&mut dyn io::Write, &[Outcome], &ReportOptions) -> io::Result<()>;

fn options() -> ReportOptions {
    let mut options = sample::with_dockerfile();
    options.tool.version = "1.2.3".into();
    options.started = Some(UNIX_EPOCH + Duration::from_millis(1_800_000_000_999));
    options.ended = Some(UNIX_EPOCH + Duration::from_secs(1_800_000_061));
    options
}

fn text(write: Write, outcomes: &[Outcome], options: &ReportOptions) -> String {
    let mut out = Vec::new();
    write(&mut out, outcomes, options).expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

/// What both kinds require.
fn schema(kind: &str, location: &Value) -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let time = json!({ "type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}$" });
    let vendor = json!({ "type": "object", "required": ["name"], "properties": { "name": text } });
    let tool = json!({
        "type": "object",
        "required": ["id", "name", "version", "vendor"],
        "properties": { "id": text, "name": text, "version": text, "vendor": vendor },
    });
    let message = json!({
        "type": "object",
        "required": ["level", "value"],
        "properties": { "level": { "enum": ["info", "warn", "fatal"] }, "value": text },
    });
    let identifier = json!({
        "type": "object",
        "required": ["type", "name", "value"],
        "properties": { "type": text, "name": text, "value": text },
    });
    let uuid = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
    json!({
        "type": "object",
        "required": ["version", "scan", "vulnerabilities"],
        "properties": {
            "version": { "const": "15.2.1" },
            "scan": {
                "type": "object",
                "required": ["analyzer", "scanner", "type", "start_time", "end_time", "status"],
                "properties": {
                    "analyzer": tool,
                    "scanner": tool,
                    "type": { "const": kind },
                    "start_time": time,
                    "end_time": time,
                    "status": { "enum": ["success", "failure"] },
                    "messages": { "type": "array", "items": message },
                },
            },
            "vulnerabilities": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "identifiers", "location"],
                    "properties": {
                        "id": { "type": "string", "pattern": uuid },
                        "name": { "type": "string", "maxLength": 255 },
                        "description": { "type": "string", "maxLength": 1_048_576 },
                        "solution": { "type": "string", "maxLength": 7_000 },
                        "severity": { "enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"] },
                        "identifiers": { "type": "array", "minItems": 1, "items": identifier },
                        "location": location,
                    },
                },
            },
        },
    })
}

fn secret_schema() -> Value {
    schema(
        "secret_detection",
        &json!({
            "type": "object",
            "required": ["commit", "file", "start_line"],
            "properties": {
                "commit": { "type": "object", "required": ["sha"], "properties": { "sha": { "minLength": 1 } } },
                "file": { "type": "string", "minLength": 1 },
                "start_line": { "type": "integer", "minimum": 1 },
            },
        }),
    )
}

fn container_schema() -> Value {
    let named =
        json!({ "type": "object", "required": ["name"], "properties": { "name": { "minLength": 1 } } });
    schema(
        "container_scanning",
        &json!({
            "type": "object",
            "required": ["dependency", "operating_system", "image"],
            "properties": {
                "dependency": {
                    "type": "object",
                    "required": ["package", "version"],
                    "properties": { "package": named, "version": { "type": "string" } },
                },
                "operating_system": { "type": "string", "minLength": 1 },
                "image": { "type": "string", "minLength": 1, "pattern": "^[^:]+(:\\d+[^:]*)?:[^:]+$" },
            },
        }),
    )
}

fn quality_schema() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "location", "severity"],
            "properties": {
                "severity": { "enum": ["info", "minor", "major", "critical", "blocker"] },
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": { "type": "string", "pattern": "^[^./]" },
                        "lines": { "type": "object", "required": ["begin"] },
                    },
                },
            },
        },
    })
}

#[test]
fn reports_have_what_the_schemas_require() {
    let mut long = sample::full();
    long.findings[0].name = "ä".repeat(300);
    long.findings[0].fix = vec!["x".repeat(8_000)];
    for (write, schema) in [
        (secret as Write, secret_schema()),
        (container as Write, container_schema()),
        (quality::write as Write, quality_schema()),
    ] {
        let validator = jsonschema::draft7::new(&schema).expect("the schema compiles");
        for outcomes in [
            vec![sample::full(), sample::hostile(), sample::clean()],
            vec![long.clone()],
            vec![Outcome::default()],
            vec![],
        ] {
            for options in [options(), ReportOptions::default()] {
                let document = serde_json::from_str(&text(write, &outcomes, &options)).expect("JSON");
                let errors = validator.iter_errors(&document);
                let errors: Vec<_> =
                    errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
                assert_eq!(errors, [""; 0]);
            }
        }
    }
}

#[test]
fn they_look_like_this() {
    let mut outcome = sample::full();
    outcome.findings.truncate(1);
    insta::assert_snapshot!(text(secret, &[outcome.clone()], &options()));
    insta::assert_snapshot!(text(container, &[outcome.clone()], &options()));
    insta::assert_snapshot!(text(quality::write, &[outcome], &options()));
    insta::assert_snapshot!(text(quality::write, &[sample::clean()], &options()), @"[]");
}

#[test]
fn ids_and_fingerprints_differ_between_findings_and_stay_between_runs() {
    for (write, list, key) in
        [(secret as Write, "/vulnerabilities", "id"), (quality::write as Write, "", "fingerprint")]
    {
        let ids = || -> Vec<String> {
            let document: Value =
                serde_json::from_str(&text(write, &[sample::full()], &options())).expect("JSON");
            let list = document.pointer(list).and_then(Value::as_array).expect("a list").clone();
            list.iter().map(|item| item[key].to_string()).collect()
        };
        assert_eq!(ids(), ids());
        let mut unique = ids();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids().len());
    }
}

#[test]
fn a_scan_that_read_nothing_has_failed() {
    let document: Value =
        serde_json::from_str(&text(secret, &[Outcome::default()], &options())).expect("JSON");
    assert_eq!(document["scan"]["status"], "failure");
}
