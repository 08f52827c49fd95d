//! What is not shown because somebody decided so: a line that counts it, and all of it for who asks.

use std::collections::BTreeSet;
use std::io;

use super::finding::write_place;
use super::page::{Page, badge, count, dim, plain, strong, warning};
use crate::findings::suppress::{By, Cause, Suppressed, Suppression};
use crate::report::Detail;

/// Every suppressed finding with its places and who suppresses them, and with `-v` what of the lists is stale.
pub(super) fn write(page: &mut Page, suppression: &Suppression, several: bool) -> io::Result<()> {
    if page.show_suppressed() && !suppression.findings.is_empty() {
        page.blank()?;
        page.line(0, &[strong("suppressed"), dim(format!("  {}", suppression.findings.len()))])?;
        for suppressed in &suppression.findings {
            write_one(page, suppressed, several)?;
        }
    }
    match page.detail() {
        Detail::Full => write_stale(page, suppression),
        Detail::Normal => Ok(()),
        Detail::Brief => write_expired(page, suppression),
    }
}

/// Who sees no notes has to be told all the same why findings are back.
fn write_expired(page: &mut Page, suppression: &Suppression) -> io::Result<()> {
    let notes = suppression.expired().zip(&suppression.stale.expired);
    for (note, _) in notes.filter(|(_, entry)| entry.findings > 0) {
        page.blank()?;
        page.line(0, &[warning(&note.place).middle()])?;
        page.wrapped(2, &plain(""), &note.message)?;
        page.wrapped(2, &dim("-> "), &note.remedy)?;
    }
    Ok(())
}

fn write_one(page: &mut Page, suppressed: &Suppressed, several: bool) -> io::Result<()> {
    let finding = &suppressed.finding;
    let partly = if suppressed.partly { "  (other places of it are shown)" } else { "" };
    page.blank()?;
    page.line(
        0,
        &[
            badge(finding.severity),
            plain("  "),
            strong(&finding.name),
            dim(format!("  {}{partly}", finding.rule)),
        ],
    )?;
    page.line(2, &[plain(finding.secret.redacted()), dim(format!("  {}", finding.id))])?;
    for cause in &suppressed.causes {
        page.wrapped(2, &plain(""), &describe(cause))?;
        for index in &cause.places {
            write_place(page, &finding.places[*index], several)?;
        }
    }
    Ok(())
}

fn describe(cause: &Cause) -> String {
    let by = match cause.by {
        By::IgnoreFile => format!("by {}", cause.at),
        By::Inline => format!("inline at {}", cause.at),
        By::Baseline => format!("in the baseline {}", cause.at),
    };
    let reason = cause.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let expires = cause.expires.map_or_else(String::new, |date| format!(" (until {date})"));
    let new = match cause.new_places.len() {
        0 => String::new(),
        new => format!(", {} that it does not know", count(new as u64, "place")),
    };
    format!("{by}{reason}{expires}{new}")
}

fn write_stale(page: &mut Page, suppression: &Suppression) -> io::Result<()> {
    let stale = &suppression.stale;
    if stale.unused.is_empty() && stale.gone.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.line(0, &[strong("stale")])?;
    for unused in &stale.unused {
        page.wrapped(2, &plain("matches nothing  "), &format!("{}: {}", unused.at, unused.reason))?;
    }
    for gone in &stale.gone {
        page.wrapped(2, &plain("gone             "), &format!("{}  {}", gone.rule, gone.fingerprint))?;
    }
    Ok(())
}

/// One line that counts, and one for what is stale.
pub(super) fn write_totals(page: &mut Page, suppression: &Suppression) -> io::Result<()> {
    if !suppression.findings.is_empty() {
        let how = if page.show_suppressed() { "" } else { "; --show-suppressed lists them" };
        page.wrapped(0, &plain(""), &format!("{}{how}", counted(suppression)))?;
    }
    let stale = &suppression.stale;
    let unused = Some(stale.unused.len()).filter(|unused| *unused > 0);
    let gone = Some(stale.gone.len()).filter(|gone| *gone > 0);
    let parts = [
        unused.map(|unused| match unused {
            1 => "1 entry to ignore matches nothing".to_owned(),
            more => format!("{more} entries to ignore match nothing"),
        }),
        gone.map(|gone| format!("{gone} of the baseline {} gone", if gone == 1 { "is" } else { "are" })),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return Ok(());
    }
    let how = if page.detail() == Detail::Full { "" } else { " (--verbose lists them)" };
    page.line(0, &[dim(format!("{}{how}", parts.join(", ")))])
}

/// `4 suppressed: 2 by .layersiftignore, 1 inline, 1 in the baseline`.
fn counted(suppression: &Suppression) -> String {
    let [by_file, inline, baseline] = By::ALL.map(|by| suppression.count(by));
    let (_, new_places) = suppression.places();
    let in_new_places = match new_places {
        0 => String::new(),
        1 => " (also in a new place)".to_owned(),
        more => format!(" (also in {more} new places)"),
    };
    let parts = [
        (by_file, format!("{by_file} by {}", file_names(suppression))),
        (inline, format!("{inline} inline")),
        (baseline, format!("{baseline} in the baseline{in_new_places}")),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    let partly = suppression.findings.iter().filter(|suppressed| suppressed.partly);
    let places: usize = partly.map(|suppressed| suppressed.finding.places.len()).sum();
    let whole = by_file + inline + baseline;
    match (whole, places) {
        (0, places) => format!("{} of what is shown suppressed", count(places as u64, "place")),
        (whole, 0) => format!("{whole} suppressed: {}", parts.join(", ")),
        (whole, places) => {
            let places = count(places as u64, "place");
            format!("{whole} suppressed: {}; and {places} of what is shown", parts.join(", "))
        }
    }
}

/// The name of the file whose entries suppress, if it is one.
fn file_names(suppression: &Suppression) -> String {
    let causes = suppression.findings.iter().flat_map(|suppressed| &suppressed.causes);
    let files: BTreeSet<&str> = causes
        .filter(|cause| cause.by == By::IgnoreFile)
        .map(|cause| cause.at.rsplit_once(':').map_or(&*cause.at, |(file, _)| file))
        .collect();
    match files.first() {
        Some(file) if files.len() == 1 => file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned(),
        _ => "ignore files".to_owned(),
    }
}
