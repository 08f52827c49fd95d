//! Who is told of new findings, and telling them something to see whether it arrives.

use axum::http::StatusCode;
use serde_json::json;

use super::super::reply;
use super::call::{Answer, Call, absent, page};

/// Somebody who is told of new findings.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct ReceiverRow {
    /// What it is called.
    name: String,
    /// The form of its messages.
    kind: &'static str,
    /// What is less severe is not told.
    min_severity: &'static str,
    /// Globs of repositories; all if there is none.
    repositories: Vec<String>,
}

/// A message that is on its way.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct Told {
    /// Its id, as the receiver gets it.
    message: String,
}

#[expect(clippy::unnecessary_wraps, reason = "routes are functions of one shape")]
pub(super) fn list(call: &Call) -> Answer {
    let receivers = call.service.config.receivers.iter();
    let rows: Vec<ReceiverRow> = receivers
        .map(|receiver| ReceiverRow {
            name: receiver.name.clone(),
            kind: receiver.form.name,
            min_severity: receiver.least.as_str(),
            repositories: receiver.repositories.clone(),
        })
        .collect();
    Ok(page(&rows, usize::MAX, |row| row.name.clone()))
}

/// Sends a message that says that it is a test.
pub(super) fn test(call: &Call) -> Answer {
    let name = call.part("name");
    let receiver = call.service.config.receivers.iter().find(|receiver| receiver.name == name);
    let receiver = receiver.ok_or_else(|| absent("receiver"))?;
    let message = call.service.store.test_receiver(&call.who.name, receiver)?;
    call.service.ring();
    Ok(reply(StatusCode::ACCEPTED, &json!(Told { message })))
}
