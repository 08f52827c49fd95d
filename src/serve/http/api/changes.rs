//! What people decide, and who changed what.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::super::reply;
use super::call::{Answer, Call, Failure, page, wrong};
use crate::findings::suppress::Baseline;
use crate::report::write_baseline;
use crate::serve::store::{NewDecision, Refused};

pub(super) fn decisions(call: &Call) -> Answer {
    let (before, most) = (call.after(), call.most());
    let fingerprint = call.asked("fingerprint").map(|text| call.fingerprint(text)).transpose()?;
    let rows = call.service.store.decisions(fingerprint.as_deref(), before, most)?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

pub(super) fn decide(call: &Call) -> Answer {
    let new: NewDecision = call.json()?;
    match call.service.store.decide(&call.who.name, &new)? {
        Ok(decision) => Ok(reply(StatusCode::CREATED, &json!(decision))),
        Err(refused @ Refused::Unknown) => Err(Failure::Refused(StatusCode::NOT_FOUND, refused.to_string())),
        Err(refused) => Err(wrong(refused.to_string())),
    }
}

/// What decisions say is not to be shown, as `layersift scan --baseline` takes it.
pub(super) fn baseline(call: &Call) -> Answer {
    let known = Baseline::with("decisions", call.service.store.dismissed(call.asked("repository"))?);
    let key = call.service.report.tool.fingerprint_key.clone().unwrap_or_default();
    let mut out = Vec::new();
    // A vector takes everything.
    let _ = write_baseline(&mut out, &known, &key);
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], Body::from(out)).into_response())
}

pub(super) fn audit(call: &Call) -> Answer {
    let (before, most) = (call.after(), call.most());
    let rows = call.service.store.audit(before, most)?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}
