//! What changed from one scan to another, for people: what is new first, what remains last.

use std::io::{self, Write};

use super::page::{Page, Span, badge, count, dim, good, plain, strong, warning};
use crate::findings::Place;
use crate::report::diff::{Diff, Found, Remaining};
use crate::report::{Detail, ReportOptions};

/// Places of one finding that are listed without `-v`.
const PLACES_SHOWN: usize = 6;

/// See [`Diff::write_table`].
pub(in super::super) fn write_diff(
    out: &mut dyn Write,
    diff: &Diff<'_>,
    options: &ReportOptions,
) -> io::Result<()> {
    let mut page = Page::new(out, options);
    let (old, new) = (diff.old.source(), diff.new.source());
    page.line(0, &[strong(old).middle(), dim("  →  "), strong(new).middle()])?;
    section(&mut page, warning("new"), &diff.added)?;
    section(&mut page, good("gone"), &diff.gone)?;
    let changed = |found: &&Remaining| !found.new_places.is_empty() || !found.gone_places.is_empty();
    let all = page.detail() == Detail::Full;
    let remaining: Vec<_> = diff.remaining.iter().filter(|found| all || changed(found)).collect();
    if !remaining.is_empty() {
        page.blank()?;
        page.line(0, &[strong("remaining")])?;
    }
    for remaining in remaining {
        write_remaining(&mut page, remaining)?;
    }
    page.blank()?;
    let (added, gone, remain) = (diff.added.len(), diff.gone.len(), diff.remaining.len());
    let total = format!("{added} new, {gone} gone, {remain} remaining");
    page.line(0, &[if added == 0 { good(total) } else { strong(total) }])?;
    for (side, gaps) in [(old, diff.old.gaps()), (new, diff.new.gaps())] {
        if gaps > 0 {
            let told = format!("{} in ", count(gaps, "gap"));
            page.line(0, &[warning(told), plain(side).middle(), dim(": what stood there is not compared")])?;
        }
    }
    Ok(())
}

fn section(page: &mut Page, title: Span, found: &[&Found]) -> io::Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.line(0, &[title])?;
    for found in found {
        head(page, found)?;
        let shown = if page.detail() == Detail::Full { usize::MAX } else { PLACES_SHOWN };
        let places = &found.view.places;
        for place in places.iter().take(shown) {
            page.line(4, &at(place))?;
        }
        page.rest(4, places.len(), shown.min(places.len()), "place")?;
    }
    Ok(())
}

fn write_remaining(page: &mut Page, remaining: &Remaining<'_>) -> io::Result<()> {
    head(page, remaining.found)?;
    let line = |page: &mut Page, what: Span, place: &Place| {
        page.line(4, &[vec![what, plain("  ")], at(place)].concat())
    };
    for index in &remaining.new_places {
        line(page, warning("new "), &remaining.found.view.places[*index])?;
    }
    for place in &remaining.gone_places {
        line(page, good("gone"), place)?;
    }
    Ok(())
}

fn head(page: &mut Page, found: &Found) -> io::Result<()> {
    let view = &found.view;
    let rule = format!("  {}  {}  ", view.rule, view.confidence.as_str());
    let name = [badge(view.severity), plain("  "), strong(&view.name), dim(rule)];
    let secret = [plain(&view.redacted), dim(format!("  {}", view.id))];
    page.line(2, &[&name[..], &secret[..]].concat())
}

fn at(place: &Place) -> Vec<Span> {
    let mut path = place.path.clone().unwrap_or_default();
    for member in &place.inner {
        path.push_str("!/");
        path.push_str(member);
    }
    if let Some(line) = place.line.filter(|_| !path.is_empty()) {
        path.extend([":", &line.to_string()]);
    }
    let mut spans = vec![dim(format!("{:12}", place.kind.as_str()))];
    if !path.is_empty() {
        spans.push(plain(path).middle());
    }
    spans.extend(place.name.iter().map(|name| plain(format!("  {name}")).middle()));
    spans
}
