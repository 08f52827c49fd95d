//! What was looked at, what was not, and the totals.

use std::collections::BTreeMap;
use std::io;

use super::super::words;
use super::page::{Page, Span, badge, bytes, count, dim, good, plain, strong, thousands, warning};
use crate::findings::suppress::By;
use crate::findings::{Coverage, Ledger, Outcome};
use crate::problem::Problem;
use crate::report::Detail;

/// Gaps and notes of each kind that are listed without `-v`.
const PROBLEMS_SHOWN: usize = 10;
/// Reasons of skipped bytes that are listed without `-v`.
const REASONS_SHOWN: usize = 5;

/// Gaps and notes apart; the notes only where there is room for them.
pub(super) fn write_problems(page: &mut Page, outcome: &Outcome) -> io::Result<()> {
    let (gaps, notes): (Vec<_>, Vec<_>) = outcome.problems.iter().partition(|problem| problem.kind.is_gap());
    write_list(page, &warning("not looked at, or not to be trusted"), &gaps)?;
    if page.detail() > Detail::Brief {
        write_list(page, &strong("notes"), &notes)?;
    }
    Ok(())
}

fn write_list(page: &mut Page, title: &Span, problems: &[&Problem]) -> io::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.line(0, &[title.clone(), dim(format!("  {}", problems.len()))])?;
    let shown = match page.detail() {
        Detail::Full => problems.len(),
        _ => PROBLEMS_SHOWN,
    };
    for problem in problems.iter().take(shown) {
        page.line(2, &[plain(format!("{:13}", problem.kind.as_str())), strong(&problem.place).middle()])?;
        page.wrapped(15, &plain(""), &problem.message)?;
        page.wrapped(15, &dim("-> "), &problem.remedy)?;
    }
    page.rest(2, problems.len(), shown, "problem")
}

/// The blobs and what became of their bytes; `gaps` says whether something could not be looked at.
pub(super) fn write_ledger(page: &mut Page, coverage: &Coverage, gaps: bool) -> io::Result<()> {
    if coverage.blobs.is_empty() {
        return Ok(());
    }
    page.blank()?;
    if page.detail() == Detail::Full {
        page.line(0, &[strong("blobs")])?;
        let titles = columns("role", "form", ["stored", "plain", "searched", "entries"]);
        page.line(2, &[dim(titles)])?;
        for blob in &coverage.blobs {
            write_blob(page, blob)?;
        }
    }
    let total = coverage.total();
    let layers = coverage.blobs.iter().filter(|blob| blob.role == "layer").count();
    let looked_at = format!(
        "{}, {}: {} stored, {} plain, {}, {} searched",
        count(layers as u64, "layer"),
        count(coverage.blobs.len() as u64, "blob"),
        bytes(total.stored_bytes),
        bytes(total.plain_bytes),
        entries(total.entries),
        bytes(total.matched_bytes),
    );
    page.wrapped(0, &strong("looked at  "), &looked_at)?;
    let unverified = coverage.blobs.iter().filter(|blob| !blob.verified).count();
    let verified = match unverified {
        0 if gaps => plain("every digest and size of what could be read"),
        0 => plain("every digest and size"),
        some => warning(format!("all but {}", count(some as u64, "blob"))),
    };
    page.line(0, &[strong("verified   "), verified])?;
    write_skipped(page, &total)
}

fn write_blob(page: &mut Page, blob: &Ledger) -> io::Result<()> {
    let [stored, plain_size, searched] = [blob.stored_bytes, blob.plain_bytes, blob.matched_bytes].map(bytes);
    let figures = [&*stored, &plain_size, &searched, &thousands(blob.entries)];
    let mut spans = vec![plain(columns(&blob.role, &blob.form, figures))];
    if !blob.verified {
        spans.push(warning("  not verified"));
    }
    spans.push(dim(format!("  {}", blob.blob)).middle());
    page.line(2, &spans)
}

fn columns(role: &str, form: &str, [stored, plain, searched, entries]: [&str; 4]) -> String {
    format!("{role:11} {form:9} {stored:>10} {plain:>10} {searched:>10} {entries:>10}")
}

fn entries(number: u64) -> String {
    match number {
        1 => "1 entry".to_owned(),
        number => format!("{} entries", thousands(number)),
    }
}

/// Skipped bytes by reason, the largest first.
fn write_skipped(page: &mut Page, total: &Ledger) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for skipped in &total.skipped {
        let (times, sum) = reasons.entry(&skipped.reason).or_default();
        *times += 1;
        *sum += skipped.bytes.unwrap_or(0);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, (_, sum))| (std::cmp::Reverse(*sum), *reason));
    let shown = match page.detail() {
        Detail::Full => reasons.len(),
        _ => REASONS_SHOWN,
    };
    for (reason, (times, sum)) in reasons.iter().take(shown) {
        let size = match sum {
            0 => "size unknown".to_owned(),
            sum => bytes(*sum),
        };
        page.line(
            0,
            &[strong("skipped    "), plain(format!("{size}, {}: {reason}", count(*times, "time")))],
        )?;
    }
    page.rest(0, reasons.len(), shown, "reason")
}

/// The last lines: how many findings, and whether "none" means clean.
pub(super) fn write_totals(page: &mut Page, outcome: &Outcome) -> io::Result<()> {
    let gaps = words::gaps(outcome);
    match (outcome.findings.len(), gaps) {
        (0, 0) if outcome.coverage.blobs.is_empty() => {
            page.line(0, &[warning("nothing was there to be looked at")])?;
        }
        (0, 0) if !outcome.suppression.findings.is_empty() => {
            page.line(0, &[good("nothing but what is suppressed: everything was looked at")])?;
        }
        (0, 0) => page.line(0, &[good("clean: everything was looked at")])?,
        (0, gaps) => page.line(0, &[warning(unsure(gaps))])?,
        (found, gaps) => {
            let mut spans = vec![strong(count(found as u64, "finding")), plain(":")];
            spans.extend(by_severity(std::slice::from_ref(outcome)));
            if gaps > 0 {
                spans.push(warning(format!(
                    "; not everything could be looked at: {}",
                    count(gaps as u64, "gap")
                )));
            }
            page.line(0, &spans)?;
        }
    }
    write_hidden(page, outcome)
}

/// How much is not shown, why, and what shows it.
fn write_hidden(page: &mut Page, outcome: &Outcome) -> io::Result<()> {
    let shipped = outcome.hidden_shipped.min(outcome.hidden);
    let rows = [
        (outcome.hidden - shipped, "less certain finding", "not shown (--min-confidence example shows all)"),
        (shipped, "finding", "that public packages ship not shown (--min-confidence example shows all)"),
    ];
    rows.iter().filter(|(number, ..)| *number > 0).try_for_each(|(number, noun, why)| {
        page.line(0, &[dim(format!("{} {why}", count(*number as u64, noun)))])
    })
}

/// One line over all inputs.
pub(super) fn write_grand_total(page: &mut Page, outcomes: &[Outcome]) -> io::Result<()> {
    let found: usize = outcomes.iter().map(|outcome| outcome.findings.len()).sum();
    let gaps: usize = outcomes.iter().map(words::gaps).sum();
    let inputs = count(outcomes.len() as u64, "input");
    let mut spans = vec![strong(format!("{inputs}: {}", count(found as u64, "finding")))];
    if found > 0 {
        spans.push(plain(":"));
        spans.extend(by_severity(outcomes));
    }
    let empty = outcomes.iter().any(|outcome| outcome.coverage.blobs.is_empty());
    let suppressed: usize =
        outcomes.iter().flat_map(|outcome| By::ALL.map(|by| outcome.suppression.count(by))).sum();
    match (found, gaps) {
        (0, 0) if !empty && suppressed > 0 => {
            spans.push(good(format!("; {suppressed} suppressed; everything was looked at")));
        }
        (0, 0) if !empty => spans.push(good("; clean: everything was looked at")),
        (_, 0) => {}
        (_, gaps) => {
            let gaps = count(gaps as u64, "gap");
            spans.push(warning(format!("; not everything could be looked at: {gaps}")));
        }
    }
    page.line(0, &spans)
}

fn unsure(gaps: usize) -> String {
    let gaps = count(gaps as u64, "gap");
    format!("no finding, but not everything could be looked at: {gaps}")
}

fn by_severity(outcomes: &[Outcome]) -> Vec<Span> {
    let counts = words::by_severity(outcomes).into_iter();
    counts.flat_map(|(severity, count)| [plain(format!(" {count} ")), badge(severity)]).collect()
}
