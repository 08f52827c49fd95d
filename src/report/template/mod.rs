//! A report in a form of one's own: a template in the language of Jinja, filled by minijinja.
//!
//! What it is given are the records of the `json` format, with a few lines of words (`verdict`, `not_shown`) and, in each
//! finding, where a forge would show it (`file`, `line`, `end_line`). Texts of the image come sanitized. A name that
//! ends with `.html`, `.xml` or `.json` has values escaped for that.

use std::io::{self, Write};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, default_auto_escape_callback};
use serde_json::{Value, json};

use super::anchor::Anchors;
use super::commands::{Escape, unheard};
use super::model::Report;
use super::sanitize::sanitize_values;
use super::{ReportOptions, words};
use crate::findings::Outcome;

/// A template, known to be well-formed.
#[derive(Debug, Clone)]
pub struct Template {
    name: Arc<str>,
    text: Arc<str>,
}

/// What is wrong with a template, and where.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl Default for Template {
    /// A line for each finding and each problem.
    fn default() -> Self {
        Self { name: "default.txt".into(), text: include_str!("default.txt").into() }
    }
}

impl Template {
    /// The template `text`; what its `name` ends with says how values are escaped.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let environment = environment();
        environment.template_from_named_str(name, text).map_err(|error| TemplateError(describe(&error)))?;
        Ok(Self { name: name.into(), text: text.into() })
    }

    /// As minijinja escapes values in a template of that name.
    fn escape(&self) -> Escape {
        match default_auto_escape_callback(&self.name) {
            AutoEscape::Html => Escape::Xml,
            AutoEscape::Json => Escape::Json,
            _ => Escape::Text,
        }
    }
}

/// How templates are read, those of users and that of the page.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // A field that does not exist is a mistake of whoever wrote the template; to ask whether it is there is none.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment
}

fn describe(error: &minijinja::Error) -> String {
    let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("the template is wrong{line}: {}{detail}", error.kind())
}

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    let template = options.template.clone().unwrap_or_default();
    let reports = outcomes.iter().map(|outcome| report(outcome, options)).collect::<Result<Vec<_>, _>>()?;
    let mut context = json!({ "tool": options.tool, "reports": reports });
    sanitize_values(&mut context, usize::MAX);
    let environment = environment();
    let filled = environment
        .template_from_named_str(&template.name, &template.text)
        .and_then(|compiled| compiled.render(Serde(context)))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, describe(&error)))?;
    unheard(out, template.escape(), |out| out.write_all(filled.as_bytes()))
}

fn report(outcome: &Outcome, options: &ReportOptions) -> serde_json::Result<Value> {
    let mut report = serde_json::to_value(Report::new(outcome, options))?;
    report["verdict"] = json!(words::verdict(outcome));
    report["not_shown"] = json!(words::not_shown(outcome));
    let anchors = Anchors::new(outcome, options);
    for (index, finding) in outcome.findings.iter().enumerate() {
        let anchor = anchors.of(finding);
        let record = &mut report["findings"][index];
        record["where"] = json!(words::places(finding));
        record["file"] = json!(anchor.path);
        record["line"] = json!(anchor.lines.first);
        record["end_line"] = json!(anchor.lines.last);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn written(template: &str, text: &str, outcomes: &[Outcome]) -> io::Result<String> {
        let template = Template::parse(template, text).map_err(io::Error::other)?;
        let options = ReportOptions { template: Some(template), ..sample::with_dockerfile() };
        let mut out = Vec::new();
        write(&mut out, outcomes, &options)?;
        Ok(String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn the_default_is_a_line_each() {
        let mut out = Vec::new();
        let options = sample::with_dockerfile();
        write(&mut out, &[sample::full(), sample::clean()], &options).expect("a vector takes everything");
        insta::assert_snapshot!(String::from_utf8(out).expect("UTF-8"), @r"
        app.tar: 2 findings: 1 critical, 1 medium; not everything could be looked at: 1 gap
        critical github-pat ghp_A1…A1b2 (40 bytes) in env GITHUB_TOKEN and 1 more place (Dockerfile:4)
        medium private-key … (48 bytes) in file /etc/keys/1.der at byte 1 and 8 more places (etc/keys/1.der:1)
        damaged blobs/sha256/damaged: the archive ends in the middle of a blob (save the image again)
        note app:1.0: the history names more layers than the image has (none of the steps is attributed)
        2 less certain findings not shown
        1 finding that public packages ship not shown
        2 suppressed: 1 by ignore files, 1 inline; and 2 places of what is shown suppressed
        app.tar: clean: everything was looked at
        ");
    }

    #[test]
    fn it_has_all_that_the_json_format_has() {
        let text = "{% for report in reports %}{{ report.image.source }} {{ report.summary.by_severity.critical }} \
                    {{ report.findings[0].places[1].state_by.layer }} {{ tool.name }}{% endfor %}";
        assert_eq!(written("x.txt", text, &[sample::full()]).unwrap(), "app.tar 1 1 layersift");
    }

    #[test]
    fn values_are_escaped_as_the_name_says() {
        let mut outcome = sample::clean();
        outcome.source = "<b>\"\u{1b}[31m".into();
        let text = "{{ reports[0].image.source }}";
        let shown = |name| written(name, text, std::slice::from_ref(&outcome)).unwrap();
        assert_eq!(shown("x.txt"), r#"<b>"\u{1b}[31m"#);
        assert_eq!(shown("x.html"), r"&lt;b&gt;&quot;\u{1b}[31m");
        assert!(serde_json::from_str::<String>(&shown("x.json")).is_ok());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let error = |text| written("x.txt", text, &[sample::full()]).unwrap_err().to_string();
        insta::assert_snapshot!(error("\n{% for x in %}"), @"the template is wrong in line 2: syntax error: unexpected end of block");
        insta::assert_snapshot!(error("\n\n{{ reports[0].nothing }}"), @"the template is wrong in line 3: undefined value");
    }
}
