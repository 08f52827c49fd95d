//! One JSON record per line, for pipelines that read while they go and for log collectors.
//!
//! Every line says its `type` and the `source` that it belongs to, so lines can be filtered, sorted and mixed with
//! those of other scans. The records are those of the `json` format.

use std::io::{self, Write};

use serde::Serialize;

use super::model::{FindingRecord, ImageRecord, ProblemRecord, REPORT, Summary, SuppressedRecord, Totals};
use super::{ReportOptions, Tool, escape};
use crate::findings::policy::Judgement;
use crate::findings::suppress::StaleLists;
use crate::findings::{Ledger, Outcome};

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    outcomes.iter().try_for_each(|outcome| write_one(out, outcome, options))
}

fn write_one(out: &mut dyn Write, outcome: &Outcome, options: &ReportOptions) -> io::Result<()> {
    let source = &*outcome.source;
    let image = ImageRecord::new(outcome);
    escape::line(out, &Line::Image { schema: REPORT, tool: &options.tool, image })?;
    for finding in &outcome.findings {
        let finding = FindingRecord::new(finding, options.show_secrets);
        escape::line(out, &Line::Finding { source, finding })?;
    }
    for suppressed in &outcome.suppression.findings {
        let suppressed = SuppressedRecord::new(suppressed, options.show_secrets);
        escape::line(out, &Line::Suppressed { source, suppressed })?;
    }
    if !outcome.suppression.stale.is_empty() {
        escape::line(out, &Line::Stale { source, stale: &outcome.suppression.stale })?;
    }
    if let Some(policy) = &outcome.judgement {
        escape::line(out, &Line::Policy { source, policy })?;
    }
    for problem in &outcome.problems {
        let problem = ProblemRecord::new(problem);
        escape::line(out, &Line::Problem { source, problem })?;
    }
    for blob in &outcome.coverage.blobs {
        escape::line(out, &Line::Coverage { source, blob })?;
    }
    let (summary, totals) = (Summary::new(outcome), Totals::new(outcome));
    escape::line(out, &Line::Summary { source, summary, totals })
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Image {
        schema: &'static str,
        tool: &'a Tool,
        #[serde(flatten)]
        image: ImageRecord<'a>,
    },
    Finding {
        source: &'a str,
        #[serde(flatten)]
        finding: FindingRecord<'a>,
    },
    Suppressed {
        source: &'a str,
        #[serde(flatten)]
        suppressed: SuppressedRecord<'a>,
    },
    Stale {
        source: &'a str,
        #[serde(flatten)]
        stale: &'a StaleLists,
    },
    Policy {
        source: &'a str,
        #[serde(flatten)]
        policy: &'a Judgement,
    },
    Problem {
        source: &'a str,
        #[serde(flatten)]
        problem: ProblemRecord<'a>,
    },
    Coverage {
        source: &'a str,
        #[serde(flatten)]
        blob: &'a Ledger,
    },
    Summary {
        source: &'a str,
        #[serde(flatten)]
        summary: Summary,
        totals: Totals,
    },
}
