//! One image: its stack of steps, what leaks from each, and what was not looked at.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::images::image_values;
use super::time::when;
use super::{Answer, Asked, Fields, Shared, Visitor, absent, asked, field, shown, unanswered, with, wrong};
use crate::findings::Outcome;
use crate::report::html::{Choice, outcome_values};
use crate::report::{FORMATS, Format};
use crate::serve::Service;
use crate::serve::http::sending::turn;
use crate::serve::judge::NotKept;
use crate::serve::store::{FindingFilter, Found, ImageRow, StoreError};

/// Findings of one page.
const FINDINGS: usize = 50;

/// The image of that number.
pub(super) async fn image(
    State(service): Shared,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(fields): Asked,
) -> Answer {
    let Ok(id) = id.parse() else { return Err(absent(Some(&visitor))) };
    let turn = turn().await.map_err(|refused| unanswered(Some(&visitor), &refused))?;
    let look = move |service: &Service| {
        let _turn = turn;
        look(service, id, &fields)
    };
    let looked = asked(&service, &visitor, look).await?;
    let values = looked.ok_or_else(|| absent(Some(&visitor)))?;
    Ok(shown(&visitor, "images", "image.html", values))
}

fn look(service: &Service, id: i64, fields: &Fields) -> Result<Option<Value>, StoreError> {
    let Some(row) = service.store.image(id)? else { return Ok(None) };
    let index = row.index.map(|index| service.store.image(index)).transpose()?.flatten();
    let (kept, unread) = match service.kept(id) {
        Ok(kept) => (kept, None),
        Err(NotKept::Store(error)) => return Err(error),
        Err(error) => (None, Some(error.to_string())),
    };
    let nothing = json!({"images": [], "findings": [], "fitting": 0, "advice": [], "problems": [], "suppressed": [], "coverage": ""});
    let values = kept.map_or(nothing, |kept| {
        let bases = json!({"bases": bases(&kept.outcome)});
        with(outcome_values(&kept.outcome, &kept.options(&service.report), choice(fields)), bases)
    });
    let beside = json!({"unread": unread, "unseen": unseen(service, id)?, "within": index.map(|index| within(&row, &index))});
    Ok(Some(with(with(frame(&row, fields, &values), beside), values)))
}

/// What earlier scans found where the last one could not look.
fn unseen(service: &Service, id: i64) -> Result<Value, StoreError> {
    let filter = FindingFilter { image: Some(id), unseen: true, ..FindingFilter::default() };
    let found = service.store.findings(&filter, (0, ""), FINDINGS)?;
    let values = found.iter().map(|found| {
        let Found { severity, fingerprint, name, redacted, place, .. } = found;
        let (last_seen, state) = (when(found.last_seen), if found.open { "open" } else { "closed" });
        json!({
            "severity": severity, "fingerprint": fingerprint, "name": name, "secret": redacted, "place": place,
            "last_seen": last_seen, "state": state,
        })
    });
    Ok(values.collect())
}

/// Its report in a format, to be kept.
pub(super) async fn report(
    State(service): Shared,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(fields): Asked,
) -> Answer {
    let format = field(&fields, "format").and_then(Format::named);
    let (Ok(id), Some(format)) = (id.parse(), format) else { return Err(absent(Some(&visitor))) };
    let turn = turn().await.map_err(|refused| unanswered(Some(&visitor), &refused))?;
    let held = turn.clone();
    let written = asked(&service, &visitor, move |service| match (held, service.report_of(id, format)) {
        (_, Err(NotKept::Store(error))) => Err(error),
        (_, other) => Ok(other.map_err(|error| error.to_string())),
    });
    let written =
        written.await?.map_err(|why| wrong(Some(&visitor), StatusCode::INTERNAL_SERVER_ERROR, &why))?;
    let bytes = written.ok_or_else(|| absent(Some(&visitor)))?;
    let headers = [
        (header::CONTENT_TYPE, format.media_type.to_owned()),
        // Only to be kept: what is in it is not a page of this service.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"image-{id}.{}\"", extension(format))),
    ];
    let mut response = (headers, Body::from(bytes)).into_response();
    response.extensions_mut().insert(turn);
    Ok(response)
}

/// How the name of a file of this format ends.
fn extension(format: &Format) -> String {
    match format.name {
        "json" | "jsonl" | "html" | "csv" | "sarif" => format.name.to_owned(),
        name if format.media_type.contains("json") => format!("{name}.json"),
        name if format.media_type.contains("xml") => format!("{name}.xml"),
        "markdown" => "md".to_owned(),
        name => format!("{name}.txt"),
    }
}

/// Which findings an address asks for.
fn choice(fields: &Fields) -> Choice<'_> {
    let from = field(fields, "from").and_then(|from| from.parse().ok()).unwrap_or(0);
    Choice { row: field(fields, "row"), only: field(fields, "finding"), from, most: FINDINGS }
}

/// What the page says beside the outcome.
fn frame(row: &ImageRow, fields: &Fields, values: &Value) -> Value {
    let choice = choice(fields);
    let fitting = usize::try_from(values["fitting"].as_u64().unwrap_or(0)).unwrap_or(0);
    let shown = values["findings"].as_array().map_or(0, Vec::len);
    let next = choice.from.saturating_add(shown);
    let filtered = choice.row.is_some() || choice.only.is_some();
    let of = if filtered { "chosen" } else { "in all" };
    let about = match (fitting, shown) {
        (0, _) => "No credential was found here.".to_owned(),
        (1, _) => format!("1 credential {of}."),
        (all, some) if all == some => format!("{all} credentials {of}."),
        (all, some) => format!(
            "{all} credentials {of}, of which {} to {} are here.",
            choice.from.saturating_add(1),
            choice.from.saturating_add(some)
        ),
    };
    let image = image_values(row);
    let formats = FORMATS.iter().map(|format| json!({"name": format.name, "about": format.about}));
    json!({
        "title": image["repository"],
        "bases": [],
        "image": image,
        "formats": formats.collect::<Vec<_>>(),
        "chosen": choice.row,
        "filtered": filtered,
        "about": about,
        "next": (shown > 0 && next < fitting).then_some(next),
    })
}

/// What an image that belongs to `index` is there.
fn within(row: &ImageRow, index: &ImageRow) -> Value {
    let own = index.platforms.iter().find(|platform| row.name.ends_with(&platform.digest));
    json!({"index": image_values(index), "platform": own.map(|platform| &platform.platform)})
}

/// The images that these are built on, by what is known of them.
fn bases(outcome: &Outcome) -> Vec<String> {
    let bases = outcome.images.iter().filter_map(|image| image.base.as_ref());
    let mut bases: Vec<String> = bases.filter_map(|base| base.name.clone()).collect();
    bases.sort();
    bases.dedup();
    bases
}
