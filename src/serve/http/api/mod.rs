//! `/api/v1`: what is known, as JSON, for whoever has a token of the role that it takes.
//!
//! One table has every route: its path, who may ask, what may be asked for, and what answers. The router, the checks before
//! an answer and the document that describes the interface (`openapi`) are all made of it. What answers is an ordinary
//! function that may wait for the database; it runs on a thread that may.
//!
//! Lists come in pages: `limit` says how many, `after` where to go on, and `next` of a page is what to give as `after`.

mod call;
mod changes;
mod findings;
mod images;
mod openapi;
mod receivers;
mod reports;
mod routes;
mod sweeps;
mod takes;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};

use self::call::Call;
use self::routes::{ROUTES, Route};
use super::sending::turn;
use super::{ask, body, is_local, refuse, text};
use crate::digest::Digest;
use crate::serve::Service;
use crate::serve::config::Role;
use crate::serve::hooks::proof::same;

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    /// The name of their token.
    pub(super) name: String,
    pub(super) role: Role,
}

/// Bytes of the body of a request.
const BODY: usize = 64 << 10;

/// Bytes of an answer that is compared with the one that its reader has.
const COMPARED: usize = 64 << 20;

/// See [`super::paths`].
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.path)
}

pub(super) fn routes() -> Router<Arc<Service>> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let filter = match route.method {
            "POST" => MethodFilter::POST,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let run = move |State(service): State<Arc<Service>>, path: RawPathParams, request: Request| async move {
            answer(service, route, &path, request).await.unwrap_or_else(|refused| refused)
        };
        router.route(route.path, on(filter, run))
    })
}

/// Lets pass whoever may do what takes `role`.
pub(super) fn admit(service: &Service, headers: &HeaderMap, role: Role) -> Result<Who, Response> {
    let tokens = &service.config.tokens;
    if tokens.is_empty() {
        let why = "without tokens only programs of this machine may ask";
        let local = || Who { name: "local".to_owned(), role: Role::Admin };
        return is_local(headers).then(local).ok_or_else(|| refuse(StatusCode::FORBIDDEN, why));
    }
    let given =
        text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Each is compared, so that how long it takes does not say which it is.
    let held = tokens.iter().filter(|token| same(given, &token.secret)).max_by_key(|token| token.role);
    match held {
        Some(held) if held.role >= role => Ok(Who { name: held.name.clone(), role: held.role }),
        Some(_) => {
            Err(refuse(StatusCode::FORBIDDEN, "this token may not do that; use one with the role for it"))
        }
        None => {
            let why = "a token is needed, as in Authorization: Bearer TOKEN";
            let mut response = refuse(StatusCode::UNAUTHORIZED, why);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Err(response)
        }
    }
}

/// Answers a request: who asks is known before what they ask is read.
async fn answer(
    service: Arc<Service>,
    route: &'static Route,
    path: &RawPathParams,
    request: Request,
) -> Result<Response, Response> {
    let who = admit(&service, request.headers(), route.role)?;
    let path = call::parts(path)?;
    let query = call::query(route, request.uri())?;
    let known = text(request.headers(), "if-none-match").unwrap_or_default().to_owned();
    let accept = text(request.headers(), "accept").unwrap_or_default().to_owned();
    let body = if route.body.is_some() { body(request, BODY).await?.to_vec() } else { Vec::new() };
    let call = Call { service: Arc::clone(&service), who, path, query, accept, body };
    let turn = if route.is_report { Some(turn().await?) } else { None };
    let held = turn.clone();
    let mut answer = ask(&service, move |_| {
        // Held for as long as the work goes on, even if nobody waits for it any more.
        let _held = held;
        match (route.run)(&call) {
            Ok(response) => Ok(Ok(response)),
            Err(call::Failure::Store(error)) => Err(error),
            Err(call::Failure::Refused(status, why)) => Ok(Err(refuse(status, &why))),
        }
    })
    .await??;
    if let Some(turn) = turn {
        answer.extensions_mut().insert(turn);
    }
    let is_whole = route.method == "GET" && answer.status() == StatusCode::OK;
    Ok(if is_whole { unless_known(answer, &known).await } else { answer })
}

/// The answer, or that whoever asks has it already.
async fn unless_known(answer: Response, known: &str) -> Response {
    let (mut parts, body) = answer.into_parts();
    if !parts.headers.contains_key(header::ETAG) {
        // What functions of this module make is in memory already.
        let Ok(bytes) = axum::body::to_bytes(body, COMPARED).await else {
            return refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the answer is too large; ask for a smaller page",
            );
        };
        let tag = format!("\"{}\"", Digest::of(&bytes).short());
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            parts.headers.insert(header::ETAG, tag);
        }
        return not_modified(&parts.headers, known)
            .unwrap_or_else(|| Response::from_parts(parts, bytes.into()));
    }
    not_modified(&parts.headers, known).unwrap_or_else(|| Response::from_parts(parts, body))
}

/// That nothing changed, if what is known is what there is.
fn not_modified(headers: &HeaderMap, known: &str) -> Option<Response> {
    let tag = headers.get(header::ETAG)?;
    let same = known.split(',').any(|known| known.trim().as_bytes() == tag.as_bytes());
    same.then(|| (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response())
}
