//! `layersift explain`: what a credential is, what somebody can do with it, how to revoke it and how to build without it.
//!
//! A rule is explained for every way into an image. A finding of a report in JSON is explained for its own places, which
//! the report holds with the advice for them; so nothing has to be scanned again.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, anyhow};
use layersift::findings::{Credential, Way, ways};
use layersift::report::{printable, unobeyed};
use layersift::signature::Rule;
use serde_json::Value;

use super::args::ExplainArgs;
use super::config::configured;
use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;
use super::rules::named;
use super::ruleset::effective;
use super::suppress::read;

/// A report may be large.
const LARGEST: u64 = 1 << 30;
/// Digits of a fingerprint that are enough to name it.
const FEWEST_DIGITS: usize = 6;
/// Most columns of the text; a line of a terminal may have fewer.
const WIDTH: usize = 96;

pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Stopped> {
    let text = match &args.report {
        Some(report) => finding(&args.what, report).or_stop(Exit::Usage)?,
        None => rule(args).or_stop(Exit::Usage)?,
    };
    Output::Stdout.write(|out| out.write_all(unobeyed(&text).as_bytes())).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}

fn rule(args: &ExplainArgs) -> anyhow::Result<String> {
    let rules = effective(&configured(args.config.as_deref(), &args.settings.0)?.settings)?;
    if is_fingerprint(&args.what) && rules.named(&args.what).is_none() {
        return Err(anyhow!(
            "`{}` is a fingerprint: name the report that it stands in, as in --report report.json",
            args.what
        ));
    }
    let (rule, _) = named(&rules, &args.what)?;
    let mut page = Page::default();
    page.title(&format!("{}  {}  {}", rule.name(), rule.id(), rule.severity().as_str()));
    page.section("What it is", &[what_it_is(rule)]);
    page.section("What somebody can do with it", &[rule.why().to_owned()]);
    page.section("How to revoke it", &[revoke(rule.revoke())]);
    let credential = Credential { name: rule.name(), revoke: rule.revoke() };
    let ways: Vec<_> =
        ways(&credential).into_iter().map(|Way { title, advice }| format!("{title}: {advice}")).collect();
    page.list("How to build without it, if it was", &ways);
    page.section(
        "And then",
        &["Rebuild, push under a new tag, and delete the old image from every registry.".to_owned()],
    );
    Ok(page.text)
}

fn what_it_is(rule: &Rule) -> String {
    let source = rule.source().map_or_else(String::new, |source| format!(" Its form: {source}."));
    format!(
        "A credential of {}: {}. A finding of this rule is {} unless more is known.{source}",
        rule.provider(),
        rule.name(),
        rule.confidence().as_str()
    )
}

fn revoke(revoke: Option<&str>) -> String {
    revoke
        .map_or_else(|| "There is no one place: replace it wherever it is trusted.".to_owned(), str::to_owned)
}

fn is_fingerprint(text: &str) -> bool {
    (FEWEST_DIGITS..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The finding that `what` names by fingerprint, id or their first digits, or the findings of that rule.
fn finding(what: &str, report: &Path) -> anyhow::Result<String> {
    let bytes = read(report, LARGEST)?;
    let all =
        findings(&bytes).with_context(|| format!("{} is no report in json or jsonl", report.display()))?;
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let is_named = |finding: &&Value| {
        let by_digits =
            is_fingerprint(what) && field(finding, "fingerprint").starts_with(&what.to_ascii_lowercase());
        by_digits || field(finding, "rule") == what
    };
    let found: Vec<_> = all.iter().filter(is_named).collect();
    if found.is_empty() {
        let there = all.len();
        let shown = report.display();
        return Err(anyhow!(
            "there is no finding `{what}` in {shown}, which has {there}: name one by six digits of its fingerprint or \
             more, or by its rule"
        ));
    }
    Ok(found.into_iter().map(explained).collect::<Vec<_>>().join("\n"))
}

/// The findings of one report, of several, or of lines; suppressed ones too.
fn findings(bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
    let documents: Vec<Value> =
        serde_json::Deserializer::from_slice(bytes).into_iter().collect::<Result<_, _>>()?;
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    let mut known = false;
    for document in documents {
        let reports = match document["reports"].as_array() {
            Some(reports) => reports.clone(),
            None => vec![document],
        };
        for report in reports {
            known |= report["schema"].as_str().is_some_and(|schema| schema.starts_with("layersift.report"));
            all.extend(list(&report, "findings"));
            all.extend(list(&report, "suppressed"));
            if matches!(report["type"].as_str(), Some("finding" | "suppressed")) {
                all.push(report);
            }
        }
    }
    if known { Ok(all) } else { Err(anyhow!("it has no `schema` of layersift")) }
}

fn explained(finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let mut page = Page::default();
    page.title(&format!("{}  {}  {}", text("name"), text("rule"), text("severity")));
    page.section("What it is", &[format!("{}, {}", text("redacted"), text("confidence"))]);
    page.section("What somebody can do with it", &[text("why")]);
    page.section("How to revoke it", &[revoke(finding["revoke"].as_str())]);
    let places = finding["places"].as_array().map_or(&[][..], Vec::as_slice);
    page.list("Where it is", &places.iter().map(place).collect::<Vec<_>>());
    let fix: Vec<_> = finding["fix"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|fix| Some(fix.as_str()?.to_owned()))
        .collect();
    page.list("What to do, first step first", &fix);
    page.text
}

/// A place of a report in words.
fn place(place: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut path = text(&place["path"]);
    for member in place["inner"].as_array().into_iter().flatten() {
        path.extend(["!/", member.as_str().unwrap_or_default()]);
    }
    if let Some(line) = place["line"].as_u64().filter(|_| !path.is_empty()) {
        let _ = write!(path, ":{line}");
    }
    let step = |step: &Value| {
        step["index"].as_u64().map(|index| format!("step {index} {}", text(&step["created_by"])))
    };
    let state = place["state"].as_str().map(|state| match step(&place["state_by"]["step"]) {
        Some(by) => format!("{state} by {by}"),
        None => state.to_owned(),
    });
    let layer = place["layer"]["index"].as_u64().map(|layer| format!("layer {layer}"));
    let position = [text(&place["kind"]), path, text(&place["name"])];
    let position = position.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let parts = [Some(position), layer, step(&place["step"]), state];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Lines of a fixed width, without anything that could drive a terminal.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn title(&mut self, text: &str) {
        self.text.push_str(&printable(text));
        self.text.push('\n');
    }

    fn section(&mut self, title: &str, lines: &[String]) {
        let _ = write!(self.text, "\n{title}\n");
        for line in lines {
            self.wrapped("  ", "  ", line);
        }
    }

    fn list(&mut self, title: &str, items: &[String]) {
        let _ = write!(self.text, "\n{title}\n");
        for (index, item) in items.iter().enumerate() {
            let number = format!("  {}. ", index + 1);
            let indent = " ".repeat(number.len());
            self.wrapped(&number, &indent, item);
        }
    }

    fn wrapped(&mut self, first: &str, indent: &str, text: &str) {
        let shown = printable(text);
        let terminal = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
        let width = WIDTH.min(terminal).max(indent.len() + 20);
        let mut line = first.to_owned();
        let mut is_empty = true;
        for word in shown.split_whitespace() {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
                self.text.push_str(&line);
                self.text.push('\n');
                indent.clone_into(&mut line);
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use layersift::signature::RuleSet;
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_are_read_from_every_form_of_a_report() {
        let finding = json!({ "fingerprint": "00ff", "rule": "x" });
        let one = json!({ "schema": "layersift.report/v1", "findings": [finding], "suppressed": [finding] });
        let several = json!({ "schema": "layersift.reports/v1", "reports": [one, one] });
        let lines = "{\"type\":\"image\",\"schema\":\"layersift.report/v1\"}\n{\"type\":\"finding\",\"rule\":\"x\"}\n";
        for (bytes, count) in [(one.to_string(), 2), (several.to_string(), 4), (lines.to_owned(), 1)] {
            assert_eq!(findings(bytes.as_bytes()).unwrap().len(), count);
        }
        for other in ["{}", "[]", "{\"reports\": 1}", "no json", "{\"schema\": \"x\", \"findings\": [1]}"] {
            assert!(findings(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn nothing_of_a_report_drives_a_terminal() {
        let finding = json!({
            "name": "\u{1b}[31m",
            "rule": "x",
            "places": [{ "path": "a\u{202e}b", "inner": ["\u{9b}2J"], "line": 3, "state": "deleted" }],
            "fix": ["\u{7}"],
        });
        let text = explained(&finding);
        assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text}");
        assert!(text.contains(":3, deleted"), "{text}");
    }

    #[test]
    fn every_rule_can_be_explained() {
        for rule in RuleSet::embedded().rules() {
            let credential = Credential { name: rule.name(), revoke: rule.revoke() };
            assert!(ways(&credential).len() >= 6, "{}", rule.id());
            assert!(what_it_is(rule).contains(rule.name()));
        }
    }
}
