//! What people and programs read of a scan: a table of formats, one file each.
//!
//! A format writes [`Outcome`]s and decides nothing: what is shown was chosen by the scan, what fails a build is
//! chosen by the command line. The same outcomes give the same bytes: no format writes times or machine names.
//! Redaction is the default; the text of a credential is written only with [`ReportOptions::show_secrets`].

mod anchor;
mod attestation;
mod baseline;
mod commands;
mod csv;
pub mod diff;
mod escape;
mod github;
mod gitlab;
pub mod html;
mod json;
mod jsonl;
mod junit;
pub mod kept;
mod markdown;
mod model;
#[cfg(test)]
mod sample;
mod sanitize;
mod sarif;
pub mod side;
mod table;
mod template;
mod words;

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::SystemTime;

use self::commands::Escape::{Text, Xml};
use self::commands::unheard;

pub use self::anchor::Source;
pub use self::baseline::write_baseline;
pub use self::escape::pretty as write_json;
pub use self::template::{Template, TemplateError};
pub use self::words::place as describe;
use crate::findings::Outcome;

/// One way to write outcomes.
#[derive(Clone, Copy)]
pub struct Format {
    /// The value of `--format`.
    pub name: &'static str,
    /// What it is for, in a line of the help.
    pub about: &'static str,
    /// What it is, for programs that fetch it (RFC 9110, section 8.3).
    pub media_type: &'static str,
    /// Writes all outcomes of one run, in the order of the command line.
    pub write: fn(&mut dyn Write, &[Outcome], &ReportOptions) -> io::Result<()>,
}

/// Every format. To add one: a file in this folder and a row here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "table",
        about: "for people: findings, gaps and totals as text",
        media_type: "text/plain; charset=utf-8",
        write: |out, outcomes, options| unheard(out, Text, |out| table::write(out, outcomes, options)),
    },
    Format {
        name: "json",
        about: "for programs: one document (schema layersift.report/v1)",
        media_type: "application/json",
        write: json::write,
    },
    Format {
        name: "jsonl",
        about: "for pipelines: one JSON record per line",
        media_type: "application/jsonl",
        write: jsonl::write,
    },
    Format {
        name: "html",
        about: "for looking: one page that stands alone",
        media_type: "text/html; charset=utf-8",
        write: |out, outcomes, options| unheard(out, Xml, |out| html::write(out, outcomes, options)),
    },
    Format {
        name: "sarif",
        about: "for code scanning: SARIF 2.1.0",
        media_type: "application/sarif+json",
        write: sarif::write,
    },
    Format {
        name: "markdown",
        about: "for a comment or a summary of a pipeline",
        media_type: "text/markdown; charset=utf-8",
        write: |out, outcomes, options| unheard(out, Text, |out| markdown::write(out, outcomes, options)),
    },
    Format {
        name: "github",
        about: "annotations of a GitHub workflow",
        media_type: "text/plain; charset=utf-8",
        write: github::write,
    },
    Format {
        name: "gitlab-secrets",
        about: "for GitLab: gl-secret-detection-report.json",
        media_type: "application/json",
        write: gitlab::secret,
    },
    Format {
        name: "gitlab-container",
        about: "for GitLab: gl-container-scanning-report.json",
        media_type: "application/json",
        write: gitlab::container,
    },
    Format {
        name: "gitlab-quality",
        about: "for GitLab: gl-code-quality-report.json",
        media_type: "application/json",
        write: gitlab::quality::write,
    },
    Format {
        name: "junit",
        about: "for CI servers: JUnit XML",
        media_type: "application/xml",
        write: |out, outcomes, options| unheard(out, Xml, |out| junit::write(out, outcomes, options)),
    },
    Format {
        name: "csv",
        about: "for spreadsheets: a row for each place",
        media_type: "text/csv; charset=utf-8",
        write: |out, outcomes, options| unheard(out, Text, |out| csv::write(out, outcomes, options)),
    },
    Format {
        name: "attestation",
        about: "for policies: an in-toto statement of Docker's secrets predicate",
        media_type: "application/vnd.in-toto+json",
        write: attestation::write,
    },
    Format {
        name: "template",
        about: "in a form of your own: the file of --template",
        media_type: "text/plain; charset=utf-8",
        write: template::write,
    },
];

impl Format {
    /// The format of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }
}

/// `text` with every character escaped that could drive a terminal or deceive its reader.
pub fn printable(text: &str) -> Cow<'_, str> {
    sanitize::sanitize(text, true)
}

/// `text`, perhaps of many lines, with everything escaped that a CI runner would obey if it stood in a job's log.
pub fn unobeyed(text: &str) -> Cow<'_, str> {
    commands::harmless(text)
}

/// The JSON Schema (draft 2020-12) of the `json` format, and of the lines of `jsonl` as `#/$defs/line`.
pub const JSON_SCHEMA: &str = include_str!("report.schema.json");

/// How to write, the same for every format; each takes what it has a use for.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct ReportOptions {
    /// Write the credentials themselves.
    pub show_secrets: bool,
    /// List what is suppressed, where a format would only count it.
    pub show_suppressed: bool,
    /// Write ANSI colours, where the format has colours.
    pub color: bool,
    /// Write characters beyond ASCII, where the format has a choice.
    pub unicode: bool,
    /// Columns of the terminal or page.
    pub width: usize,
    /// How much of it.
    pub detail: Detail,
    /// What wrote the report.
    pub tool: Tool,
    /// The Dockerfile whose lines are named where they are known.
    pub dockerfile: Option<Source>,
    /// What the template format fills; a simple one if there is none.
    pub template: Option<Template>,
    /// When the scan began and ended, for the formats that have to say so.
    pub started: Option<SystemTime>,
    /// See [`started`](Self::started).
    pub ended: Option<SystemTime>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            show_secrets: false,
            show_suppressed: false,
            color: false,
            unicode: true,
            width: 120,
            detail: Detail::Normal,
            tool: Tool::default(),
            dockerfile: None,
            template: None,
            started: None,
            ended: None,
        }
    }
}

/// How much a format for people writes. Formats for programs always write everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Findings and gaps only.
    Brief,
    /// The first places of each finding, and totals.
    Normal,
    /// Every place and every blob.
    Full,
}

/// What wrote a report.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Tool {
    /// `layersift`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The rules that it looked for.
    pub rules: Option<ToolRules>,
    /// The check of the key that the fingerprints were made with.
    pub fingerprint_key: Option<String>,
}

impl Default for Tool {
    fn default() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rules: None,
            fingerprint_key: None,
        }
    }
}

/// The rules behind a report.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct ToolRules {
    /// How many.
    pub count: usize,
    /// The same for the same set of rules, in every version.
    pub fingerprint: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn written(format: &Format, outcomes: &[Outcome], options: &ReportOptions) -> String {
        let mut out = Vec::new();
        (format.write)(&mut out, outcomes, options).expect("a vector takes everything");
        String::from_utf8(out).expect("every format writes UTF-8")
    }

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<_> = FORMATS.iter().map(|format| format.name).collect();
        assert_eq!(names.len(), FORMATS.len());
        for format in FORMATS {
            assert_eq!(Format::named(format.name).map(|found| found.about), Some(format.about));
        }
        assert!(Format::named("xml").is_none());
    }

    #[test]
    fn no_format_writes_a_secret_unless_asked_and_each_does_when_asked() {
        let outcomes = [sample::full()];
        let secret = sample::token();
        for format in FORMATS {
            for detail in [Detail::Brief, Detail::Normal, Detail::Full] {
                let mut options = ReportOptions { detail, ..ReportOptions::default() };
                assert!(!written(format, &outcomes, &options).contains(&secret), "{}", format.name);
                options.show_secrets = true;
                assert!(written(format, &outcomes, &options).contains(&secret), "{}", format.name);
            }
        }
    }

    #[test]
    fn no_format_lets_the_image_drive_a_terminal() {
        let outcomes = [sample::hostile()];
        for format in FORMATS {
            for show_secrets in [false, true] {
                for detail in [Detail::Brief, Detail::Full] {
                    let show_suppressed = true;
                    let options =
                        ReportOptions { show_secrets, show_suppressed, detail, ..ReportOptions::default() };
                    let text = written(format, &outcomes, &options);
                    let live = text.chars().find(|&c| c != '\n' && sanitize::is_live(c));
                    assert_eq!(live, None, "{}: {text}", format.name);
                }
            }
        }
    }

    #[test]
    fn no_format_lets_the_image_command_a_runner() {
        let evil = "::add-mask::a ::error::b ##[add-mask]c ##vso[task.setvariable variable=d]e ##teamcity[f]";
        let outcomes = [sample::saying(evil)];
        for format in FORMATS {
            for width in [40, 57, 120] {
                let (show_secrets, detail) = (true, Detail::Full);
                let options = ReportOptions {
                    show_secrets,
                    show_suppressed: true,
                    width,
                    detail,
                    ..ReportOptions::default()
                };
                let text = written(format, &outcomes, &options);
                let obeyed = |line: &str| {
                    let command = line.trim_start().starts_with("::") && format.name != "github";
                    command || line.contains("##[") || line.contains("##vso[") || line.contains("##teamcity[")
                };
                let line = text.lines().find(|line| obeyed(line));
                assert_eq!(line, None, "{} in {width} columns", format.name);
            }
        }
    }

    #[test]
    fn every_gap_changes_every_format() {
        let clean = sample::clean();
        let mut gap = sample::clean();
        gap.problems.push(sample::gap());
        for format in FORMATS {
            for detail in [Detail::Brief, Detail::Normal, Detail::Full] {
                let options = ReportOptions { detail, ..ReportOptions::default() };
                let text = written(format, std::slice::from_ref(&gap), &options);
                assert!(text.contains(&sample::gap().message), "{}: {text}", format.name);
                assert_ne!(text, written(format, std::slice::from_ref(&clean), &options));
            }
        }
    }

    #[test]
    fn a_writer_that_fails_is_an_error_and_no_panic() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in FORMATS {
            let error = (format.write)(&mut Full, &[sample::full()], &ReportOptions::default())
                .expect_err("the disk is full");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{}", format.name);
        }
    }
}
