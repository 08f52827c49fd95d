//! Rows for a spreadsheet: a row for each place of each finding, and for each problem.
//!
//! The form is that of RFC 4180, but with plain line feeds. A field that a spreadsheet would take for a formula gets a
//! `'` before it: names and paths are written by whoever made the image.

use std::io::{self, Write};

use super::anchor::Anchors;
use super::sanitize::sanitize;
use super::{ReportOptions, words};
use crate::findings::{Finding, Outcome, Place};
use crate::problem::Problem;

/// Title and value of every column. To add one: a row here, at the end.
const COLUMNS: &[(&str, Value)] = &[
    ("type", |row| row.kind.to_owned()),
    ("source", |row| row.outcome.source.clone()),
    ("image", |row| row.place(|place| place.image.clone())),
    ("platform", |row| row.place(|place| place.platform.as_ref().map(ToString::to_string))),
    ("severity", |row| row.finding(|finding| finding.severity.as_str().to_owned())),
    ("confidence", |row| row.finding(|finding| finding.confidence.as_str().to_owned())),
    ("rule", |row| row.finding(|finding| finding.rule.clone())),
    ("name", |row| row.finding(|finding| finding.name.clone())),
    ("secret", |row| row.finding(|finding| words::credential(&finding.secret, row.options))),
    ("fingerprint", |row| row.finding(|finding| finding.fingerprint.to_string())),
    ("kind", |row| match row.problem {
        Some(problem) => problem.kind.as_str().to_owned(),
        None => row.place(|place| Some(place.kind.as_str().to_owned())),
    }),
    ("path", |row| match row.problem {
        Some(problem) => problem.place.clone(),
        None => row.place(|place| Some(inner_path(place))),
    }),
    ("line", |row| row.place(|place| place.line.map(|line| line.to_string()))),
    ("variable", |row| row.place(|place| place.name.clone())),
    ("layer", |row| row.place(|place| place.layer.as_ref()?.index.map(|index| index.to_string()))),
    ("layer_digest", |row| row.place(|place| place.layer.as_ref()?.digest.map(|digest| digest.to_string()))),
    ("step", |row| row.place(|place| place.step.as_ref().map(|step| step.index.to_string()))),
    ("created_by", |row| row.place(|place| place.step.as_ref().map(|step| step.created_by.clone()))),
    ("state", |row| row.place(|place| place.state.map(|state| state.as_str().to_owned()))),
    ("dockerfile_line", |row| {
        row.place(|place| row.anchors.in_dockerfile(place).map(|anchor| anchor.lines.first.to_string()))
    }),
    ("message", |row| match row.problem {
        Some(problem) => problem.message.clone(),
        None => row.finding(|finding| finding.why.clone()),
    }),
    ("remedy", |row| match row.problem {
        Some(problem) => problem.remedy.clone(),
        None => row.finding(|finding| finding.fix.join(" ")),
    }),
];

/// What a column has of a row.
type Value = fn(&Row<'_>) -> String;

/// What a row is about.
struct Row<'a> {
    kind: &'static str,
    outcome: &'a Outcome,
    options: &'a ReportOptions,
    anchors: &'a Anchors<'a>,
    finding: Option<(&'a Finding, &'a Place)>,
    problem: Option<&'a Problem>,
}

impl Row<'_> {
    fn finding(&self, of: impl Fn(&Finding) -> String) -> String {
        self.finding.map_or_else(String::new, |(finding, _)| of(finding))
    }

    fn place(&self, of: impl Fn(&Place) -> Option<String>) -> String {
        self.finding.and_then(|(_, place)| of(place)).unwrap_or_default()
    }
}

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    write_row(out, COLUMNS.iter().map(|(title, _)| (*title).to_owned()))?;
    for outcome in outcomes {
        let anchors = &Anchors::new(outcome, options);
        let row = |kind| Row { kind, outcome, options, anchors, finding: None, problem: None };
        let found = outcome.findings.iter().map(|finding| ("finding", finding));
        let suppressed = outcome.suppression.findings.iter();
        let suppressed = suppressed.map(|suppressed| ("suppressed", &suppressed.finding));
        for (kind, finding) in found.chain(suppressed) {
            for place in &finding.places {
                write_values(out, &Row { finding: Some((finding, place)), ..row(kind) })?;
            }
        }
        for problem in &outcome.problems {
            let kind = if problem.kind.is_gap() { "gap" } else { "note" };
            write_values(out, &Row { problem: Some(problem), ..row(kind) })?;
        }
    }
    Ok(())
}

fn write_values(out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
    write_row(out, COLUMNS.iter().map(|(_, value)| value(row)))
}

fn write_row(out: &mut dyn Write, fields: impl Iterator<Item = String>) -> io::Result<()> {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(quoted(&field).as_bytes())?;
    }
    out.write_all(b"\n")
}

/// `field` as one cell, whatever is in it.
fn quoted(field: &str) -> String {
    let shown = sanitize(field, true);
    // Tabs and line ends begin formulas too, and are escaped by now.
    let is_formula = shown.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let shield = if is_formula { "'" } else { "" };
    if shown.contains(['"', ',', '\'', ';']) || shown.starts_with(' ') || is_formula {
        return format!("\"{shield}{}\"", shown.replace('"', "\"\""));
    }
    shown.into_owned()
}

fn inner_path(place: &Place) -> String {
    let path = place.path.iter().chain(&place.inner).map(String::as_str);
    path.collect::<Vec<_>>().join("!/")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn written(outcomes: &[Outcome]) -> String {
        let mut out = Vec::new();
        write(&mut out, outcomes, &ReportOptions::default()).expect("a vector takes everything");
        String::from_utf8(out).expect("CSV is UTF-8")
    }

    /// Rows and fields as RFC 4180 has them.
    fn parsed(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut field)),
                '\n' if !quoted => {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                c => field.push(c),
            }
        }
        rows
    }

    #[test]
    fn it_looks_like_this() {
        let mut outcome = sample::full();
        outcome.findings.truncate(1);
        outcome.suppression.findings.clear();
        insta::assert_snapshot!(written(&[outcome]));
    }

    #[test]
    fn every_row_has_every_column_whatever_the_names() {
        let rows = parsed(&written(&[sample::full(), sample::hostile(), sample::clean()]));
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()));
        let of = |kind: &str| rows.iter().filter(|row| row[0] == kind).count();
        assert_eq!((of("finding"), of("suppressed"), of("gap"), of("note")), (22, 13, 2, 2));
    }

    #[test]
    fn no_field_is_a_formula() {
        for (field, cell) in [
            ("=1+1", "\"'=1+1\""),
            ("  @SUM(A1)", "\"'  @SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("\t=1", "\\t=1"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(quoted(field), cell);
        }
    }
}
