//! SARIF against its schema and what GitHub asks for.

use serde_json::Value;

use super::super::sample;
use super::*;

fn parsed(outcomes: &[Outcome], options: &ReportOptions) -> Value {
    let mut out = Vec::new();
    write(&mut out, outcomes, options).expect("a vector takes everything");
    serde_json::from_slice(&out).expect("valid JSON")
}

/// The schema that OASIS publishes with the standard.
fn validator() -> jsonschema::Validator {
    let schema = include_str!("../../../testdata/schemas/sarif-2.1.0.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    jsonschema::draft4::new(&schema).expect("the schema compiles")
}

#[test]
fn it_follows_the_schema() {
    let validator = validator();
    let all = ReportOptions { show_suppressed: true, show_secrets: true, ..sample::with_dockerfile() };
    for (outcomes, options) in [
        (vec![sample::full(), sample::hostile(), sample::clean()], all),
        (vec![sample::full()], ReportOptions::default()),
        (vec![sample::clean()], ReportOptions::default()),
        (vec![Outcome::default()], ReportOptions::default()),
        (vec![], ReportOptions::default()),
    ] {
        let document = parsed(&outcomes, &options);
        let errors = validator.iter_errors(&document);
        let errors: Vec<_> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, [""; 0]);
    }
}

#[test]
fn it_looks_like_this() {
    let mut outcome = sample::full();
    outcome.findings.truncate(1);
    let mut out = Vec::new();
    let mut options = sample::with_dockerfile();
    options.tool.version = "1.2.3".into();
    write(&mut out, &[outcome], &options).expect("a vector takes everything");
    insta::assert_snapshot!(String::from_utf8(out).expect("UTF-8"));
}

#[test]
fn github_gets_what_it_asks_for() {
    let options = ReportOptions { show_suppressed: true, ..sample::with_dockerfile() };
    let document = parsed(&[sample::full()], &options);
    let run = &document["runs"][0];
    assert_eq!(run["automationDetails"]["id"], "layersift/app/");
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in run["results"].as_array().expect("results") {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small")];
        assert_eq!(rule["id"], result["ruleId"]);
        let location = &result["locations"][0]["physicalLocation"];
        assert!(location["region"]["startLine"].as_u64().expect("a line") >= 1);
        let uri = location["artifactLocation"]["uri"].as_str().expect("a path");
        assert!(!uri.starts_with('/') && !uri.contains(':'), "{uri}");
        assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
    }
    for rule in rules {
        let is_gap = rule["id"].as_str().is_some_and(|id| id.starts_with("gap-"));
        assert_eq!(rule["properties"]["security-severity"].is_null(), is_gap);
        assert!(rule["properties"]["tags"].as_array().expect("tags").len() <= 10);
    }
    let first = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(first["artifactLocation"]["uri"], "Dockerfile");
    assert_eq!(first["region"]["startLine"], 4);
}

#[test]
fn what_would_be_too_many_is_left_out_from_the_end_and_told() {
    let mut outcome = sample::full();
    let finding = outcome.findings.pop().expect("a finding");
    outcome.findings.extend(vec![finding; 4]);
    let places = vec![outcome.findings[0].places[0].clone(); MOST_PLACES + 1];
    outcome.findings[0].places = places;
    let run = serde_json::to_value(run(&[outcome], &ReportOptions::default(), 3)).expect("JSON");
    let results = run["results"].as_array().expect("results");
    let rules: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().expect("an id")).collect();
    assert_eq!(rules, ["github-pat", "gap-damaged", "private-key"]);
    assert_eq!(results[0]["relatedLocations"].as_array().map(Vec::len), Some(MOST_PLACES));
    assert_eq!(results[0]["properties"]["placesLeftOut"], 1);
    let told = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert!(told["message"]["text"].as_str().expect("a text").starts_with("3 results left out"), "{told}");
}

const MOST_PLACES: usize = 1_000;

#[test]
fn no_text_of_the_image_becomes_a_link() {
    let mut outcome = sample::full();
    outcome.findings[0].places[0].name = Some("[click](https://evil.example)".into());
    let document = parsed(&[outcome], &ReportOptions::default());
    let text = document["runs"][0]["results"][0]["message"]["text"].as_str().expect("a text");
    assert!(!text.contains("]("), "{text}");
}

#[test]
fn a_category_is_a_repository_without_its_tag() {
    for (name, expected) in [
        ("shop:1.4", "shop"),
        ("registry.example:5000/team/shop", "registry.example:5000/team/shop"),
        ("registry.example:5000/team/shop:1@sha256:00", "registry.example:5000/team/shop"),
    ] {
        assert_eq!(repository(name), expected);
    }
    assert_eq!(category(&[]), "layersift/");
}
