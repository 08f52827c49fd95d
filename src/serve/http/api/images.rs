//! Images, and what is being done about them.

use axum::http::StatusCode;
use serde_json::json;

use super::super::reply;
use super::call::{Answer, Call, absent, one, page};
use crate::findings::suppress::{day, start_of};
use crate::serve::store::{FindingFilter, Found, ImageFilter};

pub(super) fn list(call: &Call) -> Answer {
    let filter = ImageFilter {
        repository: call.owned("repository"),
        tag: call.owned("tag"),
        severity: call.owned("severity"),
        verdict: call.owned("verdict"),
        since: call.asked("since").and_then(since),
        digest: call.owned("digest"),
        index: call.asked("index").and_then(|index| index.parse().ok()),
        parts: call.asked("parts") == Some("true"),
        ..ImageFilter::default()
    };
    listed(call, &filter)
}

pub(super) fn with_layer(call: &Call) -> Answer {
    let layer = Some(call.part("digest").to_owned());
    listed(call, &ImageFilter { layer, ..ImageFilter::default() })
}

fn listed(call: &Call, filter: &ImageFilter) -> Answer {
    let (after, most) = (call.after(), call.most());
    let rows = call.service.store.images(filter, after, most)?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

/// A day, or milliseconds since 1970.
fn since(text: &str) -> Option<i64> {
    day(text).map(start_of).or_else(|| text.parse().ok())
}

pub(super) fn get(call: &Call) -> Answer {
    call.service.store.image(call.id())?.as_ref().map(one).ok_or_else(|| absent("image"))
}

pub(super) fn delete(call: &Call) -> Answer {
    let id = call.id();
    if !call.service.store.delete_image(&call.who.name, id)? {
        return Err(absent("image"));
    }
    Ok(reply(StatusCode::OK, &json!({"deleted": id})))
}

pub(super) fn findings(call: &Call) -> Answer {
    let id = call.id();
    let filter = FindingFilter {
        image: Some(id),
        severity: call.owned("severity"),
        rule: call.owned("rule"),
        open: call.asked("open").map(|open| open == "true"),
        fingerprint: None,
        unseen: false,
    };
    if call.service.store.image(id)?.is_none() {
        return Err(absent("image"));
    }
    super::findings::listed(call, &filter, |row: &Found| format!("{}-{}", row.image, row.fingerprint))
}

pub(super) fn jobs(call: &Call) -> Answer {
    let (after, most) = (call.after(), call.most());
    let state = call.owned("state");
    let rows = call.service.store.jobs(state.as_deref(), after, most)?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

/// Has a dead job tried again.
pub(super) fn retry(call: &Call) -> Answer {
    let id = call.id();
    let revived = call.service.store.revive(&call.who.name, id)?;
    call.service.ring();
    if revived { Ok(reply(StatusCode::OK, &json!({"revived": id}))) } else { Err(absent("dead job")) }
}
