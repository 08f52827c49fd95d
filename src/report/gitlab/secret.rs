//! `gl-secret-detection-report.json`: a finding stands in a file of the repository, or in one of the image.

use std::io::{self, Write};

use serde::Serialize;

use crate::findings::Outcome;
use crate::report::ReportOptions;
use crate::report::anchor::Anchors;

#[derive(Serialize)]
struct Location {
    file: String,
    start_line: usize,
    end_line: usize,
    commit: Commit,
}

/// The schema asks for one. An image knows none, so it is the name that GitLab's own analyzer has for none.
#[derive(Serialize)]
struct Commit {
    sha: &'static str,
}

/// See [`FORMATS`](crate::report::FORMATS).
pub(in crate::report) fn write(
    out: &mut dyn Write,
    outcomes: &[Outcome],
    options: &ReportOptions,
) -> io::Result<()> {
    super::write(out, "secret_detection", (outcomes, options), |outcome, finding| {
        let anchor = Anchors::new(outcome, options).of(finding);
        let (start_line, end_line) = (anchor.lines.first, anchor.lines.last);
        Location { file: anchor.path, start_line, end_line, commit: Commit { sha: "0000000" } }
    })
}
