//! `layersift doctor`: what a scan here would find around it, and what of that is broken.
//!
//! It looks and changes nothing but that it opens the cache, as every scan does. No connection is opened, no helper is asked,
//! and of what is secret only that it is there is said. Each part is a function of a table; one that finds something broken
//! says what to do.

mod around;
mod inside;

use std::io::{self, Write};

use layersift::report::{printable, write_json as write_report_json};
use serde::Serialize;
use serde_json::json;

use super::args::DoctorArgs;
use super::config::{Config, configured};
use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Row {
    /// What it is.
    name: String,
    state: State,
    /// What was found.
    found: String,
    /// What to do if it is broken.
    remedy: Option<String>,
}

/// Whether it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Fine,
    /// Not there, and not needed by every scan.
    Absent,
    Broken,
}

impl Row {
    fn fine(name: &str, found: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state: State::Fine, found: found.into(), remedy: None }
    }

    fn absent(name: &str, found: impl Into<String>) -> Self {
        Self { state: State::Absent, ..Self::fine(name, found) }
    }

    fn broken(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Broken, remedy: Some(remedy.into()), ..Self::fine(name, found) }
    }
}

/// What a part looks at: the settings as they are merged, and what was typed.
struct Patient<'a> {
    config: &'a Config,
    flags: &'a [(&'static str, String)],
}

/// A part, by its name.
struct Part {
    name: &'static str,
    look: fn(&Patient<'_>) -> Vec<Row>,
}

/// Every part, in the order in which they are told.
const PARTS: &[Part] = &[
    Part { name: "program", look: inside::program },
    Part { name: "settings", look: inside::settings },
    Part { name: "rules", look: inside::rules },
    Part { name: "policy", look: inside::policy },
    Part { name: "cache", look: inside::cache },
    Part { name: "terminal", look: around::terminal },
    Part { name: "network", look: around::network },
    Part { name: "logins", look: around::logins },
    Part { name: "engines", look: around::engines },
];

pub(crate) fn run(args: &DoctorArgs) -> Result<Exit, Stopped> {
    let flags = &args.settings.0;
    let parts: Vec<(&str, Vec<Row>)> = match configured(args.config.as_deref(), flags) {
        Ok(config) => {
            let patient = Patient { config: &config, flags };
            PARTS.iter().map(|part| (part.name, (part.look)(&patient))).collect()
        }
        // Nothing else can be looked at without settings.
        Err(error) => {
            let remedy = "mend what it names; then everything else can be looked at";
            vec![("settings", vec![Row::broken("settings", format!("{error:#}"), remedy)])]
        }
    };
    let broken = parts.iter().flat_map(|(_, rows)| rows).filter(|row| row.state == State::Broken).count();
    let write = |out: &mut dyn Write| match &*args.format {
        "json" => write_json(out, &parts, broken),
        _ => write_table(out, &parts, broken),
    };
    Output::Stdout.text(write).or_stop(Exit::Failed)?;
    Ok(if broken > 0 { Exit::Failed } else { Exit::Clean })
}

fn write_json(out: &mut dyn Write, parts: &[(&str, Vec<Row>)], broken: usize) -> io::Result<()> {
    let parts = parts.iter().map(|(name, rows)| json!({ "part": name, "rows": rows }));
    let parts: Vec<_> = parts.collect();
    write_report_json(out, &json!({ "schema": "layersift.doctor/v1", "broken": broken, "parts": parts }))
}

fn write_table(out: &mut dyn Write, parts: &[(&str, Vec<Row>)], broken: usize) -> io::Result<()> {
    for (part, rows) in parts {
        writeln!(out, "{part}")?;
        for row in rows {
            let sign = match row.state {
                State::Fine => "  ",
                State::Absent => "- ",
                State::Broken => "! ",
            };
            writeln!(out, "{sign}{:16}  {}", printable(&row.name), printable(&row.found))?;
            if let Some(remedy) = &row.remedy {
                writeln!(out, "                    -> {}", printable(remedy))?;
            }
        }
    }
    match broken {
        0 => writeln!(out, "nothing is broken"),
        1 => writeln!(out, "1 thing is broken (marked with !)"),
        more => writeln!(out, "{more} things are broken (marked with !)"),
    }
}
