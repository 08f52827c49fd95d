//! What is open and what is under way, at a glance; the latter by itself too, for a page that stays open.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::images::image_values;
use super::jobs::{STATES, number};
use super::secrets::secret_values;
use super::time::span;
use super::{Answer, Shared, Visitor, asked, shown, with};
use crate::serve::Service;
use crate::serve::store::{Depth, Glance, StoreError};

/// Rows of each list.
const ROWS: usize = 8;

/// Scans that are listed.
const RUNNING: usize = 20;

/// Days within which something is new.
const NEW: i64 = 7;

/// The first page.
pub(super) async fn overview(State(service): Shared, visitor: Visitor) -> Answer {
    let look = |service: &Service| Ok((service.store.glance(NEW, ROWS)?, now(service)?));
    let (glance, now) = asked(&service, &visitor, look).await?;
    let values = json!({"title": "Overview", "hooks": hooks(&service), "listen": service.config.listen.to_string(), "days": NEW});
    Ok(shown(&visitor, "overview", "overview.html", with(with(values, glance_values(&glance)), now)))
}

/// What is under way.
pub(super) async fn live(State(service): Shared, visitor: Visitor) -> Result<Response, Response> {
    let now = asked(&service, &visitor, now).await?;
    Ok(shown(&visitor, "overview", "live.html", now))
}

fn now(service: &Service) -> Result<Value, StoreError> {
    let depth = service.depth()?;
    let states = STATES.iter().map(|(state, label)| {
        // Of what failed is told what it was.
        let of = (*state == "dead").then(|| kinds(&depth, state));
        json!({"name": state, "label": label, "jobs": number(&depth, state), "of": of})
    });
    let states = states.filter(|state| state["jobs"] != 0);
    let running = service.store.running(RUNNING)?;
    let running = running.iter().map(|job| {
        let machine = job.worker.split('/').next();
        let step = job.step.map(|step| {
            let rate = step.done.saturating_mul(1_000).checked_div(step.took).unwrap_or(0);
            json!({"done": step.done, "total": step.total, "rate": rate})
        });
        json!({"kind": job.kind, "what": job.what, "worker": machine, "tries": job.attempts, "step": step})
    });
    Ok(json!({
        "states": states.collect::<Vec<_>>(),
        "oldest": (number(&depth, "ready") > 0).then(|| span(depth.oldest / 1_000)),
        "running": running.collect::<Vec<_>>(),
    }))
}

/// How many jobs of each kind are in a state, in words.
fn kinds(depth: &Depth, state: &str) -> String {
    let of = depth.jobs.iter().filter(|(_, other, _)| other == state);
    let count = |(kind, _, jobs): &(String, String, i64)| {
        format!("{jobs} {kind}{}", if *jobs == 1 { "" } else { "s" })
    };
    of.map(count).collect::<Vec<_>>().join(", ")
}

fn glance_values(glance: &Glance) -> Value {
    let severities = glance
        .severities
        .iter()
        .map(|severity| json!({"name": severity.name, "open": severity.open, "new": severity.new}));
    json!({
        "severities": severities.collect::<Vec<_>>(),
        "newest": glance.newest.iter().map(secret_values).collect::<Vec<_>>(),
        "worst": glance.worst.iter().map(image_values).collect::<Vec<_>>(),
        "images": glance.images,
        "gaps": glance.gaps,
    })
}

/// Addresses of hooks, as senders write them, for whoever sees nothing yet.
fn hooks(service: &Service) -> Vec<String> {
    let name = |hook: &crate::serve::config::Hook| {
        let kind = hook.dialect.map_or(crate::serve::hooks::AUTO, |dialect| dialect.name);
        format!("/hooks/{kind}")
    };
    let mut all: Vec<String> = service.config.hooks.iter().map(name).collect();
    all.sort();
    all.dedup();
    all
}
