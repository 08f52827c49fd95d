//! The report of an image in every format, written of what is kept when somebody asks.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::call::{Answer, Call, Failure, absent, wrong};
use crate::digest::Digest;
use crate::report::{FORMATS, Format};

pub(super) fn report(call: &Call) -> Answer {
    let format = format(call)?;
    let out = call.service.report_of(call.id(), format)?;
    let out = out.ok_or_else(|| absent("report; it may not be scanned yet"))?;
    Ok(answer(format, out))
}

/// The format that is asked for by its name, or by what the asking program takes; JSON if it takes anything.
fn format(call: &Call) -> Result<&'static Format, Failure> {
    if let Some(name) = call.asked("format") {
        let names = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
        return Format::named(name).ok_or_else(|| wrong(format!("`format` is one of {}", names())));
    }
    let mut accepted = call.accept.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
    let of = |kind: &str| FORMATS.iter().find(|format| base(format.media_type) == kind);
    let json = || FORMATS.iter().find(|format| format.name == "json");
    let found = accepted.find_map(|kind| match kind {
        "" | "*/*" | "application/*" => json(),
        kind => of(kind),
    });
    let why = "no format of reports is accepted; name one with `format`";
    found.ok_or_else(|| Failure::Refused(StatusCode::NOT_ACCEPTABLE, why.to_owned()))
}

fn base(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default()
}

fn answer(format: &Format, bytes: Vec<u8>) -> Response {
    let tag = format!("\"{}\"", Digest::of(&bytes).short());
    let kind = HeaderValue::from_static(format.media_type);
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if format.name == "html" {
        // The page stands alone: its own styles, and nothing from elsewhere.
        let policy =
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
