//! One page to look at: the image as a stack of steps, each credential with what became of it, and what to do.
//!
//! The file stands alone: styles and script are in it, its policy lets nothing else in or out, and without the script
//! everything is still there to read and to print. `report.html` is filled by minijinja, which escapes every value;
//! `view` makes the values, `stack` those of the steps, `timeline` those of a credential's life, `advice` what
//! many credentials share. Of a page that would be too large every text is cut shorter.

mod advice;
mod pages;
mod stack;
mod timeline;
mod view;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use serde_json::{Value, json};

use super::sanitize::sanitize_values;
use super::template::environment;
use super::{ReportOptions, words};
use crate::digest::Digest;
use crate::findings::Outcome;
use crate::image::Image;

pub use self::pages::{PageError, Pages, STYLE as PAGE_STYLE, THEME as PAGE_THEME, outcome_values};
pub use self::view::Choice;

const PAGE: &str = include_str!("report.html");
const PARTS: &str = include_str!("parts.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = concat!(include_str!("theme.js"), include_str!("report.js"));

/// Bytes of a page that a browser likes, and that can be attached to a message.
const LARGEST: usize = 5_000_000;

/// How much of each finding there is room for.
#[derive(Clone, Copy)]
struct Room {
    /// Places that are listed.
    places: usize,
    /// Characters of one text.
    text: usize,
}

/// The first in which the page is not too large is taken, the last one in any case.
const ROOMS: [Room; 4] = [
    Room { places: 20, text: 4_000 },
    Room { places: 5, text: 1_000 },
    Room { places: 3, text: 300 },
    Room { places: 2, text: 100 },
];

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    let mut page = String::new();
    for room in ROOMS {
        page = fill(context(outcomes, options, room)).map_err(io::Error::other)?;
        if page.len() <= LARGEST {
            break;
        }
    }
    out.write_all(page.as_bytes())
}

fn fill(context: Value) -> Result<String, minijinja::Error> {
    let mut environment = environment();
    environment.add_template("parts.html", PARTS)?;
    environment.template_from_named_str("report.html", PAGE)?.render(Serde(context))
}

fn context(outcomes: &[Outcome], options: &ReportOptions, room: Room) -> Value {
    let reports = outcomes.iter().enumerate();
    let mut reports: Vec<_> =
        reports.map(|(index, outcome)| view::report(index, outcome, options, room)).collect();
    for report in &mut reports {
        sanitize_values(report, room.text);
    }
    let mut title = json!(title(outcomes));
    sanitize_values(&mut title, room.text);
    let severities = words::by_severity(outcomes).into_iter();
    let severities: Vec<_> = severities
        .map(
            |(severity, count)| json!({ "name": severity.as_str(), "count": words::thousands(count as u64) }),
        )
        .collect();
    let rules =
        options.tool.rules.as_ref().map_or_else(String::new, |rules| format!(", {} rules", rules.count));
    json!({
        "policy": policy(),
        "style": STYLE,
        "script": SCRIPT,
        "title": title,
        "total": outcomes.iter().map(|outcome| outcome.findings.len()).sum::<usize>(),
        "severities": severities,
        "reports": reports,
        "cut": (room.text < ROOMS[0].text).then_some(room.text),
        "tool": format!("{} {}{rules}", options.tool.name, options.tool.version),
    })
}

/// Names of the images, or what was scanned.
fn title(outcomes: &[Outcome]) -> String {
    let [outcome] = outcomes else {
        return words::count(outcomes.len() as u64, "image");
    };
    let names: Vec<_> =
        outcome.images.iter().flat_map(|image: &Image| &image.names).map(String::as_str).collect();
    match &names[..] {
        [] => words::source(outcome).to_owned(),
        names => names[..names.len().min(5)].join(", "),
    }
}

/// Nothing is loaded, and only this style and this script are obeyed (CSP Level 3).
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Digest::of(text.as_bytes()).bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

#[cfg(test)]
mod tests;
