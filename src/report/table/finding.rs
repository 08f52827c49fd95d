//! One block a finding: what it is, where it stands, what to do.

use std::io;

use super::super::words;
use super::page::{Page, Span, badge, dim, plain, strong, warning};
use crate::findings::{Finding, Part, PartValue, Place, State};
use crate::report::Detail;

/// Places of one finding that are listed without `-v`.
const PLACES_SHOWN: usize = 6;
/// Where the text of a place begins, under its kind.
const COLUMN: usize = 15;

/// `several`: whether the input holds more than one image, so that each place says to which it belongs.
pub(super) fn write(page: &mut Page, finding: &Finding, several: bool) -> io::Result<()> {
    page.line(
        0,
        &[
            badge(finding.severity),
            plain("  "),
            strong(&finding.name),
            dim(format!("  {}  {}", finding.rule, finding.confidence.as_str())),
        ],
    )?;
    write_secret(page, finding)?;
    for fact in &finding.facts {
        page.line(2, &[label(&fact.name), plain(&fact.value).middle()])?;
    }
    for part in &finding.parts {
        write_part(page, part)?;
    }
    page.wrapped(2, &plain(""), &finding.why)?;
    let shown = match page.detail() {
        Detail::Full => finding.places.len(),
        _ => PLACES_SHOWN,
    };
    for place in finding.places.iter().take(shown) {
        write_place(page, place, several)?;
    }
    page.rest(2, finding.places.len(), shown, "place")?;
    for (index, step) in finding.fix.iter().enumerate() {
        let label = if index == 0 { "fix  " } else { "     " };
        page.wrapped(2, &strong(label), step)?;
    }
    Ok(())
}

fn write_secret(page: &mut Page, finding: &Finding) -> io::Result<()> {
    if !page.show_secrets() {
        return page.line(2, &[plain(finding.secret.redacted()), dim(format!("  {}", finding.id))]);
    }
    match std::str::from_utf8(finding.secret.expose()) {
        Ok(text) => text.lines().try_for_each(|line| page.whole(2, line)),
        Err(_) => page.whole(2, &finding.secret.expose().escape_ascii().to_string()),
    }
}

/// What a line is about, before it.
fn label(name: &str) -> Span {
    dim(format!("{name:width$}  ", width = COLUMN - 4))
}

fn write_part(page: &mut Page, part: &Part) -> io::Result<()> {
    let shown = match &part.value {
        PartValue::Secret(secret) if page.show_secrets() => {
            String::from_utf8_lossy(secret.expose()).into_owned()
        }
        value => value.shown(),
    };
    let mut spans = vec![label(&part.name), plain(shown).middle()];
    if let Some(place) = part.places.first() {
        spans.push(plain("  "));
        spans.extend(position(place));
    }
    page.line(2, &spans)
}

pub(super) fn write_place(page: &mut Page, place: &Place, several: bool) -> io::Result<()> {
    let mut spans = vec![plain(format!("{:width$}", place.kind.as_str(), width = COLUMN - 2))];
    spans.extend(position(place));
    if place.state == Some(State::Visible) {
        spans.push(dim("  visible"));
    }
    page.line(2, &spans)?;
    let origin = words::origin(place);
    if !origin.is_empty() {
        page.line(COLUMN, &[dim(origin)])?;
    }
    if let Some(state @ (State::Deleted | State::Overwritten)) = place.state {
        let by = place.state_by.as_ref().map_or_else(String::new, words::hidden_by);
        page.line(COLUMN, &[warning(state.as_str()), plain(by)])?;
    }
    if let Some(package) = &place.shipped_by {
        page.line(COLUMN, &[dim("shipped by "), dim(package)])?;
    }
    let owner = [place.image.clone(), place.platform.as_ref().map(ToString::to_string)];
    let owner = owner.into_iter().flatten().collect::<Vec<_>>().join("  ");
    if several && !owner.is_empty() {
        page.line(COLUMN, &[dim("in "), dim(owner).middle()])?;
    }
    Ok(())
}

/// Path, members, line and name; for what is not a file the name comes first.
fn position(place: &Place) -> Vec<Span> {
    let path = words::path(place);
    let mut spans = match &place.name {
        Some(name) if path.is_empty() => vec![strong(name).middle()],
        Some(name) if !words::is_in_layer(place.kind) => {
            vec![strong(name).middle(), dim(format!("  {path}")).middle()]
        }
        Some(name) => vec![strong(path).middle(), plain(format!("  {name}")).middle()],
        None => vec![strong(path).middle()],
    };
    if !place.decoded.is_empty() {
        spans.push(dim(format!("  → {}", place.decoded.join(" → "))));
    }
    spans
}
