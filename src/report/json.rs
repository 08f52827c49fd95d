//! One JSON document for programs: the stable, documented form of a report.
//!
//! `report.schema.json` beside this file describes it, and the tests hold both together. One input gives a report,
//! several give a list of reports under a schema name of its own.

use std::io::{self, Write};

use serde::Serialize;

use super::model::{REPORTS, Report};
use super::{ReportOptions, escape};
use crate::findings::Outcome;

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    if let [outcome] = outcomes {
        return escape::pretty(out, &Report::new(outcome, options));
    }
    let reports = outcomes.iter().map(|outcome| Report::new(outcome, options)).collect();
    escape::pretty(out, &Reports { schema: REPORTS, reports })
}

#[derive(Serialize)]
struct Reports<'a> {
    schema: &'static str,
    reports: Vec<Report<'a>>,
}

#[cfg(test)]
mod tests;
