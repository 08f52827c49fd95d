//! `/api/v1`: what is known, as JSON, for whoever has a token of the role that it takes.
//!
//! Lists come in pages: `limit` says how many, `after` where to go on, and `next` of a page is what to give as `after`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ask, is_local, refuse, reply, text};
use crate::digest::Digest;
use crate::serve::Service;
use crate::serve::config::Role;
use crate::serve::hooks::proof::same;
use crate::serve::store::Found;

type Shared = State<Arc<Service>>;
type Answer = Result<Response, Response>;

/// Rows of a page, and at most.
const PAGE: (usize, usize) = (100, 1_000);

/// Bytes of the largest report.
const REPORT: usize = 1 << 30;

/// What a list may be asked for with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    after: String,
    limit: Option<usize>,
    repository: Option<String>,
    fingerprint: Option<String>,
    state: Option<String>,
}

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/v1/images", get(images))
        .route("/api/v1/images/{id}", get(image))
        .route("/api/v1/images/{id}/findings", get(findings_of))
        .route("/api/v1/images/{id}/report", get(report))
        .route("/api/v1/findings", get(findings))
        .route("/api/v1/layers/{digest}/images", get(images_of_layer))
        .route("/api/v1/jobs", get(jobs))
        .route("/api/v1/jobs/{id}/retry", post(retry))
}

/// Lets pass whoever may do what takes `role`.
pub(super) fn admit(service: &Service, headers: &HeaderMap, role: Role) -> Result<(), Response> {
    let tokens = &service.config.tokens;
    if tokens.is_empty() {
        let why = "without tokens only programs of this machine may ask";
        return if is_local(headers) { Ok(()) } else { Err(refuse(StatusCode::FORBIDDEN, why)) };
    }
    let given =
        text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Each is compared, so that how long it takes does not say which it is.
    let held = tokens.iter().filter(|token| same(given, &token.secret)).map(|token| token.role).max();
    match held {
        Some(held) if held >= role => Ok(()),
        Some(_) => Err(refuse(StatusCode::FORBIDDEN, "this token may not do that")),
        None => {
            let mut response = refuse(StatusCode::UNAUTHORIZED, "a token is needed");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Err(response)
        }
    }
}

impl Asked {
    fn most(&self) -> usize {
        self.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1)
    }

    /// The number after which to go on.
    fn number(&self) -> Result<i64, Response> {
        if self.after.is_empty() {
            return Ok(0);
        }
        self.after
            .parse()
            .map_err(|_| refuse(StatusCode::BAD_REQUEST, "`after` is what a page gave as `next`"))
    }
}

/// A page of a list; `next` of its last row.
fn page<T: Serialize>(rows: &[T], most: usize, next: impl Fn(&T) -> String) -> Response {
    let next = rows.last().filter(|_| rows.len() >= most).map(next);
    reply(StatusCode::OK, &json!({"items": rows, "next": next}))
}

fn absent() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is no such thing")
}

async fn images(State(service): Shared, headers: HeaderMap, Query(asked): Query<Asked>) -> Answer {
    admit(&service, &headers, Role::Read)?;
    let (after, most) = (asked.number()?, asked.most());
    let rows =
        ask(&service, move |service| service.store.images(asked.repository.as_deref(), after, most)).await?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

async fn image(State(service): Shared, headers: HeaderMap, Path(id): Path<i64>) -> Answer {
    admit(&service, &headers, Role::Read)?;
    let row = ask(&service, move |service| service.store.image(id)).await?;
    row.map(|row| reply(StatusCode::OK, &json!(row))).ok_or_else(absent)
}

async fn findings_of(
    State(service): Shared,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Answer {
    admit(&service, &headers, Role::Read)?;
    list_findings(&service, Some(id), asked).await
}

async fn findings(State(service): Shared, headers: HeaderMap, Query(asked): Query<Asked>) -> Answer {
    admit(&service, &headers, Role::Read)?;
    list_findings(&service, None, asked).await
}

async fn list_findings(service: &Arc<Service>, image: Option<i64>, asked: Asked) -> Answer {
    let wrong = || refuse(StatusCode::BAD_REQUEST, "`after` is what a page gave as `next`");
    let after = match asked.after.split_once('-') {
        Some((number, fingerprint)) => (number.parse().map_err(|_| wrong())?, fingerprint.to_owned()),
        None if asked.after.is_empty() => (0, String::new()),
        None => return Err(wrong()),
    };
    let most = asked.most();
    let rows = ask(service, move |service| {
        service.store.findings((image, asked.fingerprint.as_deref()), (after.0, &after.1), most)
    });
    Ok(page(&rows.await?, most, |row: &Found| format!("{}-{}", row.image, row.fingerprint)))
}

async fn images_of_layer(
    State(service): Shared,
    headers: HeaderMap,
    Path(digest): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    admit(&service, &headers, Role::Read)?;
    let (after, most) = (asked.number()?, asked.most());
    let rows = ask(&service, move |service| service.store.images_with_layer(&digest, after, most)).await?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

/// The report of an image. Who has it already is told so.
async fn report(State(service): Shared, headers: HeaderMap, Path(id): Path<i64>) -> Answer {
    admit(&service, &headers, Role::Read)?;
    let packed = ask(&service, move |service| service.store.report(id)).await?.ok_or_else(absent)?;
    let tag = format!("\"{}\"", Digest::of(&packed).hex());
    let known = text(&headers, "if-none-match").unwrap_or_default();
    let etag = HeaderValue::from_str(&tag).map_err(|_| absent())?;
    if known.split(',').any(|known| known.trim() == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let unpacked = tokio::task::spawn_blocking(move || zstd::bulk::decompress(&packed, room(&packed))).await;
    let Ok(Ok(bytes)) = unpacked else {
        return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "the report in the database is damaged"));
    };
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::ETAG, etag), (header::CONTENT_TYPE, json)], Body::from(bytes)).into_response())
}

/// Bytes that a report has when it is unpacked.
fn room(packed: &[u8]) -> usize {
    zstd::bulk::Decompressor::upper_bound(packed).unwrap_or(REPORT).min(REPORT)
}

async fn jobs(State(service): Shared, headers: HeaderMap, Query(asked): Query<Asked>) -> Answer {
    admit(&service, &headers, Role::Read)?;
    let (after, most) = (asked.number()?, asked.most());
    let rows = ask(&service, move |service| service.store.jobs(asked.state.as_deref(), after, most)).await?;
    Ok(page(&rows, most, |row| row.id.to_string()))
}

/// Has a dead job tried again.
async fn retry(State(service): Shared, headers: HeaderMap, Path(id): Path<i64>) -> Answer {
    admit(&service, &headers, Role::Admin)?;
    let revived = ask(&service, move |service| service.store.revive(id)).await?;
    service.ring();
    if revived { Ok(reply(StatusCode::OK, &json!({"revived": id}))) } else { Err(absent()) }
}
