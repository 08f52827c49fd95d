//! The list of images.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::time::when;
use super::{Answer, Asked, ROWS, Shared, Visitor, asked, field, shown, wrong};
use crate::serve::store::{ImageFilter, ImageRow, VERDICTS};
use crate::signature::Severity;

/// Images, a page of them.
pub(super) async fn list(State(service): Shared, visitor: Visitor, Query(fields): Asked) -> Answer {
    let after = field(&fields, "after").map_or(Ok(0), str::parse::<i64>);
    let after = after.map_err(|_| {
        wrong(Some(&visitor), StatusCode::BAD_REQUEST, "This address leads to no page of the list.")
    })?;
    let owned = |name: &str| field(&fields, name).map(str::to_owned);
    let filter = ImageFilter {
        text: owned("text"),
        repository: owned("repository"),
        tag: owned("tag"),
        severity: owned("severity"),
        verdict: owned("verdict"),
        gaps: field(&fields, "gaps").is_some(),
        newest_first: true,
        ..ImageFilter::default()
    };
    let rows = asked(&service, &visitor, move |service| service.store.images(&filter, after, ROWS)).await?;
    let next = rows.last().filter(|_| rows.len() >= ROWS).map(|row| row.id);
    let severities: Vec<_> = Severity::ALL.iter().map(|severity| severity.as_str()).collect();
    let verdicts = VERDICTS.iter().map(|verdict| json!({"name": verdict, "label": label(verdict)}));
    let shown_of = |name: &str| field(&fields, name).unwrap_or_default();
    let names = ["text", "repository", "tag", "severity", "verdict", "gaps"];
    let values = json!({
        "title": "Images",
        "images": rows.iter().map(image_values).collect::<Vec<_>>(),
        "next": next,
        "filtered": after != 0 || names.iter().any(|name| field(&fields, name).is_some()),
        "severities": severities,
        "verdicts": verdicts.collect::<Vec<_>>(),
        "asked": names.iter().map(|name| (*name, shown_of(name))).collect::<BTreeMap<_, _>>(),
    });
    Ok(shown(&visitor, "images", "images.html", values))
}

/// What people call a verdict.
fn label(verdict: &str) -> &str {
    match verdict {
        "fail" => "failing",
        "warn" => "with warnings alone",
        "pass" => "passing",
        other => other,
    }
}

/// What a list shows of an image.
pub(super) fn image_values(row: &ImageRow) -> Value {
    let (repository, digest) = row.name.split_once('@').unwrap_or((&row.name, ""));
    let short: String = digest.chars().take(19).collect();
    let counts = [
        ("critical", row.totals.critical),
        ("high", row.totals.high),
        ("medium", row.totals.medium),
        ("low", row.totals.low),
    ];
    let counts = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| json!({"name": name, "count": count}));
    json!({
        "id": row.id,
        "repository": repository,
        "digest": digest,
        "short": short,
        "tags": row.tags,
        "counts": counts.collect::<Vec<_>>(),
        "gaps": row.gaps,
        "verdict": row.verdict,
        "platforms": row.platforms,
        "scanned": row.scanned.map(when),
        "first_seen": when(row.first_seen),
        "last_seen": when(row.last_seen),
    })
}
