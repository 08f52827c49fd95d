//! Jobs: what waits, what runs, and what failed for good, with its reason, whom it concerns and what to do about it.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::time::when;
use super::{Answer, Asked, ROWS, Sent, Shared, Visitor, absent, asked, field, onward, shown, wrong};
use crate::serve::config::Role;
use crate::serve::store::{Depth, Kind, Waiting};

/// States by which the list is filtered, and what people call them.
pub(super) const STATES: [(&str, &str); 5] = [
    ("dead", "failed"),
    ("running", "under way"),
    ("ready", "queued"),
    ("waiting", "waiting for layers"),
    ("later", "later"),
];

/// Jobs of a state, a page of them.
pub(super) async fn list(State(service): Shared, visitor: Visitor, Query(fields): Asked) -> Answer {
    let state = field(&fields, "state").unwrap_or(STATES[0].0).to_owned();
    let after = field(&fields, "after").map_or(Ok(0), str::parse::<i64>);
    let after = after.map_err(|_| {
        wrong(Some(&visitor), StatusCode::BAD_REQUEST, "This address leads to no page of the list.")
    })?;
    let wanted = state.clone();
    let look = move |service: &crate::serve::Service| {
        Ok((service.store.jobs(Some(&wanted), after, ROWS)?, service.depth()?))
    };
    let (rows, depth) = asked(&service, &visitor, look).await?;
    let next = rows.last().filter(|_| rows.len() >= ROWS).map(|row| row.id);
    let tabs =
        STATES.map(|(name, label)| json!({"name": name, "label": label, "jobs": number(&depth, name)}));
    let jobs: Vec<_> = rows.iter().map(job_values).collect();
    let values = json!({"title": "Jobs", "state": state, "states": tabs, "jobs": jobs, "next": next});
    Ok(shown(&visitor, "jobs", "jobs.html", values))
}

/// How many jobs are in a state.
pub(super) fn number(depth: &Depth, state: &str) -> i64 {
    depth.jobs.iter().filter(|(_, other, _)| other == state).map(|(.., jobs)| jobs).sum()
}

fn job_values(job: &Waiting) -> Value {
    let kind = Kind::named(&job.kind);
    let failed = kind.filter(|_| job.state == STATES[0].0);
    json!({
        "id": job.id, "kind": kind.map_or(job.kind.as_str(), |kind| task(kind)), "about": about(job, kind), "images": job.images,
        "state": job.state, "attempts": job.attempts, "reason": job.reason, "remedy": failed.map(remedy),
        "created": when(job.created), "due": job.due.map(when),
    })
}

/// What a job does.
fn task(kind: Kind) -> &'static str {
    match kind {
        Kind::Tag => "Find out which image a tag names",
        Kind::Image => "Scan an image",
        Kind::Layer => "Scan a layer",
        Kind::Judge => "Apply changed ignore lists and policy to all images",
        Kind::Forget => "Forget what is old enough",
        Kind::Sweep => "Look through a registry",
        Kind::Tell => "Tell of new findings, once it is known which tag or index names the image",
        Kind::Message => "Send a message",
        Kind::Decide => "Let a decision count for all images",
    }
}

/// What a job is about, for those that are about something.
fn about(job: &Waiting, kind: Option<Kind>) -> Option<&str> {
    let is_general = matches!(kind, Some(Kind::Judge | Kind::Forget | Kind::Decide));
    (!is_general).then_some(job.about.as_str())
}

/// What to do about one that failed for good.
fn remedy(kind: Kind) -> &'static str {
    match kind {
        Kind::Tag | Kind::Image => {
            "It is not scanned. If the registry gives it by now, or the login was corrected, try again; the next push of it does that \
             too. If the image was deleted, there is nothing to do."
        }
        Kind::Layer => {
            "The images that have this layer are shown without it, and say so. Try again when the registry gives it: they are \
             completed by themselves then. If workers stopped in the middle of it, they need more memory: see max-memory."
        }
        Kind::Judge | Kind::Forget | Kind::Decide => {
            "Try again when what the reason names is mended; until then nothing is lost."
        }
        Kind::Sweep => {
            "It is begun anew when its time comes. A registry that does not list its repositories needs them named in the \
             configuration (repositories)."
        }
        Kind::Tell => "Try again: the findings stand on the page of the image in any case.",
        Kind::Message => {
            "The findings stand on the page of the image. Correct the address or the secret of this receiver in the configuration, \
             and try again."
        }
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
