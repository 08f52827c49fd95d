//! The files that pages load: their style, their script and their icon, which are in the program.
//!
//! Addresses have a digest of all of them, so that a browser keeps them as long as they are the same.

use std::sync::OnceLock;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::text;
use super::{Asked, absent};
use crate::digest::Digest;
use crate::report::html::{PAGE_STYLE, PAGE_THEME};

/// A file: its name, its type, its parts.
type Asset = (&'static str, &'static str, [&'static str; 2]);

const ASSETS: [Asset; 3] = [
    ("page.css", "text/css; charset=utf-8", [PAGE_STYLE, include_str!("page.css")]),
    ("page.js", "text/javascript; charset=utf-8", [PAGE_THEME, include_str!("page.js")]),
    ("icon.svg", "image/svg+xml", [include_str!("icon.svg"), ""]),
];

/// Changes when one of them does.
pub(super) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all: String = ASSETS.iter().flat_map(|(.., parts)| parts.iter().copied()).collect();
        Digest::of(all.as_bytes()).hex()[..16].to_owned()
    })
}

/// One of them. Who has it already is told so.
pub(super) async fn give(Path(name): Path<String>, Query(asked): Asked, headers: HeaderMap) -> Response {
    let Some((_, kind, parts)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return absent(None);
    };
    let tag = format!("\"{}\"", version());
    let current = asked.get("v").is_some_and(|asked| asked == version());
    let kept = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known =
        text(&headers, "if-none-match").unwrap_or_default().split(',').any(|known| known.trim() == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, *kind)], parts.concat()).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
