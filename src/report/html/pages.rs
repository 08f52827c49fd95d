//! Pages of others that look like this one: its style, its words for numbers, and its care with texts.
//!
//! Of an outcome they show the stacks and a choice of its findings, by the macros of `parts.html`.
//!
//! Templates are given once. Every text that they are filled with is sanitized as in a report, and escaped as HTML.

use std::fmt;

use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::Value;

use super::view::{self, Choice};
use crate::findings::Outcome;
use crate::report::ReportOptions;
use crate::report::sanitize::sanitize_values;
use crate::report::template::environment;
use crate::report::words;

/// Characters of one text of a page.
const TEXT: usize = 4_000;

/// The style of the page in HTML, without which its parts are only text.
pub const STYLE: &str = super::STYLE;

/// The script that switches between light and dark, by a button `theme`.
pub const THEME: &str = include_str!("theme.js");

/// What `parts.html` shows of an outcome: `images` with their rows, the chosen `findings`, how many are `fitting`, the `advice` that
/// several share, `problems`, and what is `suppressed`.
pub fn outcome_values(outcome: &Outcome, options: &ReportOptions, choice: Choice<'_>) -> Value {
    let mut values = view::chosen((0, outcome), options, super::ROOMS[0], choice);
    values["problems"] = view::problems(&outcome.problems).into();
    values["coverage"] = view::coverage(outcome).into();
    values["suppressed"] = view::suppressed(outcome);
    values["verdict"] = words::verdict(outcome).into();
    values
}

/// Templates that know each other. Filters beside the usual ones: `thousands` and `bytes` of numbers.
pub struct Pages(Environment<'static>);

/// A template is wrong, or lacks something that it is filled with. Holds nothing of the values.
#[derive(Debug, thiserror::Error)]
#[error("the page cannot be written: {0}")]
pub struct PageError(String);

impl Pages {
    /// Pages of these templates: names, which end with `.html`, and texts.
    pub fn new(templates: &[(&'static str, &'static str)]) -> Result<Self, PageError> {
        let mut environment = environment();
        environment.add_filter("thousands", words::thousands);
        environment.add_filter("bytes", words::bytes);
        for (name, text) in templates.iter().copied().chain([("parts.html", super::PARTS)]) {
            environment.add_template(name, text).map_err(|error| PageError(error.to_string()))?;
        }
        Ok(Self(environment))
    }

    /// The page of that name, filled with `values`.
    pub fn fill(&self, name: &str, mut values: Value) -> Result<String, PageError> {
        sanitize_values(&mut values, TEXT);
        let filled = self.0.get_template(name).and_then(|template| template.render(Serde(values)));
        filled.map_err(|error| {
            let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
            PageError(format!("{name}{line}: {}", error.kind()))
        })
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pages")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_escaped_and_numbers_told() {
        let pages =
            Pages::new(&[("x.html", "{{ text }} {{ many | thousands }} {{ size | bytes }}")]).unwrap();
        let filled = pages.fill("x.html", json!({"text": "<b>\u{202e}", "many": 12_345, "size": 2048}));
        assert_eq!(filled.unwrap(), r"&lt;b&gt;\u{202e} 12,345 2.0 KiB");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_values() {
        assert!(Pages::new(&[("x.html", "{% for %}")]).is_err());
        let pages = Pages::new(&[("x.html", "\n{{ nothing }}")]).unwrap();
        let error = pages.fill("x.html", json!({"secret": "value"})).unwrap_err().to_string();
        assert_eq!(error, "the page cannot be written: x.html in line 2: undefined value");
    }
}
