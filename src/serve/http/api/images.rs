//! Images, and what is being done about them.

use axum::http::StatusCode;
use serde_json::json;

use super::super::reply;
use super::call::{Answer, Call, Failure, absent, one, page, wrong};
use super::findings::SEVERITIES;
use crate::digest::Digest;
use crate::findings::suppress::{day, start_of};
use crate::serve::store::{FindingFilter, Found, ImageFilter, JOB_STATES, VERDICTS};

pub(super) fn list(call: &Call) -> Answer {
    let filter = ImageFilter {
        repository: call.owned("repository"),
        tag: call.owned("tag"),
        severity: call.one_of("severity", SEVERITIES)?,
        verdict: call.one_of("verdict", VERDICTS)?,
        since: call.asked("since").map(since).transpose()?,
        digest: call.asked("digest").map(digest).transpose()?,
        index: call.asked("index").map(index).transpose()?,
        parts: call.one_of("parts", &["true", "false"])?.is_some_and(|parts| parts == "true"),
        ..ImageFilter::default()
    };
    listed(call, &filter)
}

pub(super) fn with_layer(call: &Call) -> Answer {
    let digest: Digest = call.part("digest").parse().map_err(|why| {
        wrong(format!("the path has no digest where one should be, as sha256: and 64 digits: {why}"))
    })?;
    let layer = Some(digest.to_string());
    listed(call, &ImageFilter { layer, ..ImageFilter::default() })
}

fn listed(call: &Call, filter: &ImageFilter) -> Answer {
    let (after, most) = (call.after()?, call.most()?);
    let rows = call.service.store.images(filter, after, most)?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

fn digest(text: &str) -> Result<String, Failure> {
    let digest = text.parse::<Digest>();
    let wrong = |_| wrong("`digest` is `sha256:` and 64 hexadecimal digits");
    digest.map(|digest| digest.to_string()).map_err(wrong)
}

fn index(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| wrong("`index` is the number of an image"))
}

/// A day, or milliseconds since 1970.
fn since(text: &str) -> Result<i64, Failure> {
    let moment = day(text).map(start_of).or_else(|| text.parse().ok());
    moment.ok_or_else(|| wrong("`since` is a day such as 2026-11-01, or a number of milliseconds since 1970"))
}

pub(super) fn get(call: &Call) -> Answer {
    call.service.store.image(call.id()?)?.as_ref().map(one).ok_or_else(|| absent("image"))
}

pub(super) fn delete(call: &Call) -> Answer {
    let id = call.id()?;
    if !call.service.store.delete_image(&call.who.name, id)? {
        return Err(absent("image"));
    }
    Ok(reply(StatusCode::OK, &json!({"deleted": id})))
}

pub(super) fn findings(call: &Call) -> Answer {
    let id = call.id()?;
    let filter = FindingFilter {
        image: Some(id),
        severity: call.one_of("severity", SEVERITIES)?,
        rule: call.owned("rule"),
        open: call.one_of("open", &["true", "false"])?.map(|open| open == "true"),
        fingerprint: None,
        unseen: false,
    };
    if call.service.store.image(id)?.is_none() {
        return Err(absent("image"));
    }
    super::findings::listed(call, &filter, |row: &Found| format!("{}-{}", row.image, row.fingerprint))
}

pub(super) fn jobs(call: &Call) -> Answer {
    let (after, most) = (call.after()?, call.most()?);
    let state = call.one_of("state", JOB_STATES)?;
    let rows = call.service.store.jobs(state.as_deref(), after, most)?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

/// Has a dead job tried again.
pub(super) fn retry(call: &Call) -> Answer {
    let id = call.id()?;
    let revived = call.service.store.revive(&call.who.name, id)?;
    call.service.ring();
    if revived { Ok(reply(StatusCode::OK, &json!({"revived": id}))) } else { Err(absent("dead job")) }
}
