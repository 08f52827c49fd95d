//! Every credential once, over all images: the list.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::time::when;
use super::{Answer, Asked, Fields, ROWS, Shared, Visitor, asked, field, shown, wrong};
use crate::serve::store::{SecretFilter, SecretRow};
use crate::signature::Severity;

/// States by which the list is filtered, and what people call them.
const STATES: [(&str, &str); 3] =
    [("open", "open"), ("closed", "closed by a decision"), ("fixed", "gone everywhere")];

/// Credentials that fit a filter, a page of them. Open ones, unless another state is asked for.
pub(super) async fn list(State(service): Shared, visitor: Visitor, Query(fields): Asked) -> Answer {
    let filter = filter(&fields);
    let after = field(&fields, "after").map(str::to_owned);
    let cursor = after.as_deref().map(|after| {
        let (number, fingerprint) = after.split_once('-')?;
        Some((number.parse::<i64>().ok()?, fingerprint.to_owned()))
    });
    let Some(cursor) = cursor.map_or(Some(None), |cursor| cursor.map(Some)) else {
        let why = "This address leads to no page of the list.";
        return Err(wrong(Some(&visitor), StatusCode::BAD_REQUEST, why));
    };
    let by_severity = filter.by_severity;
    let look = move |service: &crate::serve::Service| {
        let after = cursor.as_ref().map(|(number, fingerprint)| (*number, fingerprint.as_str()));
        service.store.secrets(&filter, after, ROWS)
    };
    let rows = asked(&service, &visitor, look).await?;
    let next = rows.last().filter(|_| rows.len() >= ROWS).map(|row| row.cursor(by_severity));
    let severities: Vec<_> = Severity::ALL.iter().map(|severity| severity.as_str()).collect();
    let values = json!({
        "title": "Credentials",
        "secrets": rows.iter().map(secret_values).collect::<Vec<_>>(),
        "next": next,
        "asked": {
            "text": field(&fields, "text").unwrap_or_default(),
            "severity": field(&fields, "severity").unwrap_or_default(),
            "state": state(&fields),
            "repository": field(&fields, "repository").unwrap_or_default(),
            "sort": if by_severity { "severity" } else { "newest" },
        },
        "severities": severities,
        "states": STATES.map(|(name, label)| json!({"name": name, "label": label})),
    });
    Ok(shown(&visitor, "secrets", "secrets.html", values))
}

/// The state that is asked for: that of what is to be done, unless the address says something else.
fn state(fields: &Fields) -> &str {
    fields.get("state").map_or("open", |state| state.trim())
}

fn filter(fields: &Fields) -> SecretFilter {
    let owned = |name: &str| field(fields, name).map(str::to_owned);
    let state = state(fields);
    SecretFilter {
        severity: owned("severity"),
        rule: owned("rule"),
        state: Some(state.to_owned()).filter(|state| STATES.iter().any(|(known, _)| known == state)),
        repository: owned("repository"),
        text: owned("text"),
        by_severity: field(fields, "sort") == Some("severity"),
    }
}

/// What pages show of a credential.
pub(super) fn secret_values(row: &SecretRow) -> Value {
    json!({
        "fingerprint": row.fingerprint,
        "rule": row.rule,
        "name": row.name,
        "severity": row.severity,
        "redacted": row.redacted,
        "first_seen": when(row.first_seen),
        "last_seen": when(row.last_seen),
        "images": row.images,
        "repositories": row.repositories,
        "state": row.state,
        "fixed": row.fixed.map(when),
        "reopened": row.reopened.map(when),
    })
}
