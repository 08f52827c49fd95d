//! Compares a report with what a case expects: every finding, every place, every problem, and nothing else.

use serde_json::Value;

use super::case::{Case, ExpectedFinding, ExpectedPlace};
use super::scanner::{Report, is_copy};

/// What differs, in lines for a person; empty if nothing does.
pub(crate) fn differences(case: &Case, report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    for expected in &case.finding {
        let secret = case.secret(&expected.secret);
        let found = report
            .findings()
            .iter()
            .find(|found| found["secret"] == secret && found["rule"] == *expected.rule);
        match found {
            Some(found) => {
                places(&expected.secret, &expected.places, found, &mut all);
                parts(case, expected, found, &mut all);
                qualities(expected, found, &mut all);
            }
            None => all.push(format!("not found: {} as {}", expected.secret, expected.rule)),
        }
    }
    for found in report.findings() {
        let wanted = |expected: &ExpectedFinding| {
            found["secret"] == case.secret(&expected.secret) && found["rule"] == *expected.rule
        };
        if !case.finding.iter().any(wanted) {
            all.push(format!("not expected: {found}"));
        }
    }
    problems(case, report, &mut all);
    let shipped = &report.json["summary"]["hidden_shipped"];
    if *shipped != case.hidden_shipped {
        all.push(format!(
            "{shipped} findings are hidden because packages ship them, and not {}",
            case.hidden_shipped
        ));
    }
    let code = match (case.finding.is_empty(), gaps(report)) {
        (false, _) => 1,
        (true, true) => 4,
        (true, false) => 0,
    };
    if report.code != code {
        all.push(format!("exit code {} and not {code}", report.code));
    }
    all
}

fn parts(case: &Case, expected: &ExpectedFinding, found: &Value, all: &mut Vec<String>) {
    let mut left: Vec<&Value> = found["parts"].as_array().expect("parts").iter().collect();
    for wanted in &expected.parts {
        let fits = |part: &Value| {
            let secret = wanted.secret.as_deref().map(|secret| case.secret(secret));
            part["name"] == *wanted.name
                && secret.is_none_or(|secret| part["secret"] == secret)
                && wanted.value.as_ref().is_none_or(|value| part["value"] == **value)
        };
        match left.iter().position(|part| fits(part)) {
            Some(at) => places(&wanted.name, &wanted.places, left.remove(at), all),
            None => all.push(format!("{}: no part {} in {}", expected.secret, wanted.name, found["parts"])),
        }
    }
    all.extend(left.iter().map(|part| format!("{}: part not expected: {part}", expected.secret)));
}

/// Facts, severity and confidence.
fn qualities(expected: &ExpectedFinding, found: &Value, all: &mut Vec<String>) {
    for (name, value) in &expected.facts {
        let told = found["facts"].as_array().expect("facts").iter();
        if !told.into_iter().any(|fact| fact["name"] == **name && fact["value"] == **value) {
            all.push(format!("{}: no fact {name} {value} in {}", expected.secret, found["facts"]));
        }
    }
    for (key, wanted) in [("severity", &expected.severity), ("confidence", &expected.confidence)] {
        if wanted.as_ref().is_some_and(|wanted| found[key] != **wanted) {
            all.push(format!("{}: {key} is {} and not {wanted:?}", expected.secret, found[key]));
        }
    }
}

fn gaps(report: &Report) -> bool {
    report.problem_kinds().iter().any(|kind| *kind != "note")
}

fn problems(case: &Case, report: &Report, all: &mut Vec<String>) {
    let fits = |problem: &Value, kind: &str, says: &str| {
        problem["kind"] == kind && problem.to_string().contains(says)
    };
    for expected in &case.problem {
        if !report.problems().iter().any(|problem| fits(problem, &expected.kind, &expected.says)) {
            all.push(format!("no problem {} that says `{}`", expected.kind, expected.says));
        }
    }
    for problem in report.problems() {
        if !case.problem.iter().any(|expected| fits(problem, &expected.kind, &expected.says)) {
            all.push(format!("problem not expected: {problem}"));
        }
    }
}

fn places(secret: &str, expected: &[ExpectedPlace], found: &Value, all: &mut Vec<String>) {
    let mut left: Vec<&Value> = found["places"].as_array().expect("places").iter().collect();
    left.retain(|place| !is_copy(place));
    for wanted in expected {
        let fit = left.iter().position(|place| misfits(wanted, place).is_empty());
        if let Some(at) = fit {
            left.remove(at);
            continue;
        }
        let nearest = left
            .iter()
            .filter(|place| place["kind"] == *wanted.kind)
            .min_by_key(|place| misfits(wanted, place).len());
        all.push(match nearest {
            Some(place) => format!("{secret}: {}", misfits(wanted, place).join("; ")),
            None => format!("{secret}: no place of kind {}", wanted.kind),
        });
    }
    if !left.is_empty() {
        all.extend(left.iter().map(|place| format!("{secret}: place not expected: {place}")));
    }
}

/// What is not as it should be at `place`.
fn misfits(wanted: &ExpectedPlace, place: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let mut check = |key: &str, found: &Value, wanted: Option<Value>| {
        if let Some(wanted) = wanted.filter(|wanted| wanted != found) {
            all.push(format!("{key} is {found} and not {wanted}"));
        }
    };
    check("kind", &place["kind"], Some(wanted.kind.clone().into()));
    check("path", &place["path"], wanted.path.clone().map(Value::from));
    check("name", &place["name"], wanted.name.clone().map(Value::from));
    check("line", &place["line"], wanted.line.map(Value::from));
    check("offset", &place["offset"], wanted.offset.map(Value::from));
    check("decoded", &place["decoded"], wanted.decoded.clone().map(Value::from));
    check("layer", &place["layer"]["index"], wanted.layer.map(Value::from));
    check("step", &place["step"]["index"], wanted.step.map(Value::from));
    check("instruction", &place["step"]["instruction"], wanted.instruction.clone().map(Value::from));
    check("state", &place["state"], wanted.state.clone().map(Value::from));
    check("by_layer", &place["state_by"]["layer"], wanted.by_layer.map(Value::from));
    check("by_step", &place["state_by"]["step"]["index"], wanted.by_step.map(Value::from));
    check("platform", &place["platform"], wanted.platform.clone().map(Value::from));
    let package = wanted.shipped_by.as_deref();
    check(
        "shipped_by",
        &place["shipped_by"],
        package.map(|name| if name.is_empty() { Value::Null } else { name.into() }),
    );
    if wanted.no_step {
        check("step", &place["step"], Some(Value::Null));
    }
    if wanted.state.as_deref() == Some("visible") {
        check("state_by", &place["state_by"], Some(Value::Null));
    }
    all
}
