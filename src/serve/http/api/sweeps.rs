//! When registries were looked through, and having that done now.

use axum::http::StatusCode;
use serde_json::json;

use super::super::reply;
use super::call::{Answer, Call, absent, page};

/// What was begun.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct Begun {
    /// Names of registries.
    begun: Vec<String>,
}

pub(super) fn list(call: &Call) -> Answer {
    let rows = call.service.store.sweeps()?;
    Ok(page(&rows, usize::MAX, |row| row.registry.clone()))
}

/// Begins a sweep of every registry of the configuration, or of the one that is named.
pub(super) fn begin(call: &Call) -> Answer {
    let asked = call.asked("registry");
    let all = call.service.config.registries.iter().map(|allowed| allowed.name.clone());
    let begun: Vec<String> = all.filter(|name| asked.is_none_or(|asked| asked == name)).collect();
    if begun.is_empty() {
        return Err(absent("registry on the list"));
    }
    call.service.store.sweep_now(&call.who.name, &begun.iter().map(String::as_str).collect::<Vec<_>>())?;
    call.service.ring();
    Ok(reply(StatusCode::ACCEPTED, &json!(Begun { begun })))
}
