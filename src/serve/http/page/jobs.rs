//! Jobs: what waits, what runs, and what is dead with its reason, to be tried again.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::json;

use super::time::when;
use super::{Answer, Asked, ROWS, Sent, Shared, Visitor, absent, asked, field, onward, shown, wrong};
use crate::serve::config::Role;

/// States by which the list is filtered.
pub(super) const STATES: [&str; 5] = ["dead", "running", "ready", "waiting", "later"];

/// Jobs of a state, a page of them.
pub(super) async fn list(State(service): Shared, visitor: Visitor, Query(fields): Asked) -> Answer {
    let state = field(&fields, "state").unwrap_or(STATES[0]).to_owned();
    let after = field(&fields, "after").map_or(Ok(0), str::parse::<i64>);
    let after = after.map_err(|_| {
        wrong(Some(&visitor), StatusCode::BAD_REQUEST, "This address leads to no page of the list.")
    })?;
    let wanted = state.clone();
    let rows =
        asked(&service, &visitor, move |service| service.store.jobs(Some(&wanted), after, ROWS)).await?;
    let next = rows.last().filter(|_| rows.len() >= ROWS).map(|row| row.id);
    let jobs = rows.iter().map(|job| {
        json!({
            "id": job.id, "kind": job.kind, "name": name(&job.name), "state": job.state, "attempts": job.attempts,
            "reason": job.reason, "created": when(job.created), "due": job.due.map(when),
        })
    });
    let jobs: Vec<_> = jobs.collect();
    let values = json!({"title": "Jobs", "state": state, "states": STATES, "jobs": jobs, "next": next});
    Ok(shown(&visitor, "jobs", "jobs.html", values))
}

/// The name of a job without what its layer is to be scanned with, which is the same for all.
fn name(name: &str) -> String {
    match name.split(' ').collect::<Vec<_>>()[..] {
        ["layer", _, digest] => format!("layer {digest}"),
        _ => name.to_owned(),
    }
}

/// Has a dead job tried again.
pub(super) async fn retry(State(service): Shared, Path(id): Path<String>, sent: Sent) -> Answer {
    sent.visitor.may(Role::Admin)?;
    let Ok(id) = id.parse() else { return Err(absent(Some(&sent.visitor))) };
    let who = sent.visitor.name.clone();
    let revived = asked(&service, &sent.visitor, move |service| service.store.revive(&who, id)).await?;
    service.ring();
    if revived { Ok(onward("/jobs")) } else { Err(absent(Some(&sent.visitor))) }
}
