//! Who changed what, for those who may do everything.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::time::when;
use super::{Answer, Asked, ROWS, Shared, Visitor, asked, field, shown, wrong};
use crate::serve::config::Role;
use crate::serve::store::AuditRow;

/// Changes, the newest first, a page of them.
pub(super) async fn list(State(service): Shared, visitor: Visitor, Query(fields): Asked) -> Answer {
    visitor.may(Role::Admin)?;
    let before = field(&fields, "before").map_or(Ok(0), str::parse::<i64>);
    let why = "This address leads to no page of the list.";
    let before = before.map_err(|_| wrong(Some(&visitor), StatusCode::BAD_REQUEST, why))?;
    let rows = asked(&service, &visitor, move |service| service.store.audit(before, ROWS)).await?;
    let next = rows.last().filter(|_| rows.len() >= ROWS).map(|row| row.id);
    let changes: Vec<_> = rows.iter().map(change_values).collect();
    let values = json!({"title": "Audit", "changes": changes, "next": next, "first": before == 0});
    Ok(shown(&visitor, "audit", "audit.html", values))
}

fn change_values(row: &AuditRow) -> Value {
    let fingerprint = row.subject.len() == 32 && row.subject.bytes().all(|digit| digit.is_ascii_hexdigit());
    json!({
        "at": when(row.at),
        "who": row.who,
        "action": row.action,
        "subject": row.subject,
        "fingerprint": fingerprint,
        "was": row.was.as_ref().map(parts),
        "became": row.became.as_ref().map(parts),
    })
}

/// The parts of what stands there, in a line.
fn parts(value: &Value) -> String {
    let Value::Object(parts) = value else { return value.to_string() };
    let known = parts.iter().filter(|(name, value)| !value.is_null() && *name != "decision");
    let part = |(name, value): (&String, &Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{name}: {text}")
    };
    known.map(part).collect::<Vec<_>>().join(", ")
}
