//! The report for people: worst first, one block a finding, then what was not looked at, then totals.
//!
//! The totals stand last because that is where a terminal leaves the reader. "Clean" is said only of a scan without
//! gaps. `Page` draws the lines, so that no text of the image reaches the terminal as it is.

mod coverage;
mod diff;
mod finding;
mod page;
mod suppressed;

use std::io::{self, Write};

pub(super) use self::diff::write_diff;
use self::page::{Page, dim, plain, strong};
use super::{Detail, ReportOptions, words};
use crate::findings::Outcome;
use crate::image::Image;

/// Images of one input that are listed without `-v`.
const IMAGES_SHOWN: usize = 6;

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    let mut page = Page::new(out, options);
    for (index, outcome) in outcomes.iter().enumerate() {
        if index > 0 {
            page.blank()?;
        }
        write_one(&mut page, outcome)?;
    }
    if outcomes.len() > 1 && page.detail() > Detail::Brief {
        page.blank()?;
        coverage::write_grand_total(&mut page, outcomes)?;
    }
    Ok(())
}

fn write_one(page: &mut Page, outcome: &Outcome) -> io::Result<()> {
    write_head(page, outcome)?;
    let several = outcome.images.len() > 1;
    for finding in &outcome.findings {
        page.blank()?;
        finding::write(page, finding, several)?;
        let told = [("known  ", words::known(finding)), ("policy  ", words::judged(outcome, finding))];
        for (label, text) in told {
            text.map_or(Ok(()), |text| page.wrapped(2, &dim(label), &text))?;
        }
    }
    suppressed::write(page, &outcome.suppression, several)?;
    coverage::write_problems(page, outcome)?;
    if page.detail() > Detail::Brief {
        coverage::write_ledger(page, &outcome.coverage, outcome.has_gaps())?;
        page.blank()?;
        coverage::write_totals(page, outcome)?;
        suppressed::write_totals(page, &outcome.suppression)?;
        words::policy(outcome).iter().try_for_each(|line| page.wrapped(0, &plain(""), line))?;
    }
    Ok(())
}

fn write_head(page: &mut Page, outcome: &Outcome) -> io::Result<()> {
    let source = match &*outcome.source {
        "-" => "standard input",
        source => source,
    };
    page.line(0, &[strong(source).middle(), dim("  "), dim(&outcome.format)])?;
    let shown = match page.detail() {
        Detail::Full => outcome.images.len(),
        _ => IMAGES_SHOWN,
    };
    for image in outcome.images.iter().take(shown) {
        page.line(2, &[dim(describe(image)).middle()])?;
    }
    page.rest(2, outcome.images.len(), shown, "image")
}

fn describe(image: &Image) -> String {
    let mut parts = vec![match &*image.names {
        [] => image
            .manifest
            .or(image.config)
            .map_or_else(|| "image without a name".to_owned(), |digest| digest.to_string()),
        names => names.join(", "),
    }];
    parts.extend(image.platform.as_ref().map(ToString::to_string));
    parts.push(page::count(image.layers.len() as u64, "layer"));
    parts.push(page::count(image.steps.len() as u64, "step"));
    parts.join("  ")
}

#[cfg(test)]
mod tests;
