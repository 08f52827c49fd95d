//! What answers over HTTP: which path leads where, and what all answers have in common.
//!
//! `connections` lets in who connects, `guard` decides who may ask now. What touches the database runs on threads that may wait,
//! and for a bounded time.

#![expect(clippy::result_large_err, reason = "a refusal is an answer, which is made once a request")]

mod api;
mod body;
mod bucket;
mod connections;
mod guard;
mod hooks;
mod operations;
mod pace;
mod page;
mod room;
mod sending;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use self::body::{body, body_on_trust};
pub(super) use self::guard::Guard;
use self::guard::is_local;
use super::Service;
use super::store::StoreError;

/// Threads that wait for the database, and those of them that readers may have: what is told has to be kept however much is read.
const WAITING: (usize, usize) = (32, 24);

/// For how long an answer waits for the database.
const SLOW: Duration = Duration::from_secs(10);

/// See [`super::routes`].
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    api::paths()
}

/// Answers whoever connects, until the service is told to stop.
pub(super) fn serve(service: Arc<Service>, listener: TcpListener) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(WAITING.0)
        .enable_all()
        .build()?;
    let app = router(&service);
    runtime.block_on(connections::accept(service, listener, app))?;
    runtime.shutdown_timeout(connections::GRACE);
    Ok(())
}

fn router(service: &Arc<Service>) -> Router {
    let routes = Router::new().merge(hooks::routes()).merge(operations::routes()).merge(api::routes());
    let routes = routes.merge(page::routes());
    let missing = |headers: HeaderMap| async move {
        let browser = text(&headers, "accept").is_some_and(|accepted| accepted.contains("text/html"));
        if browser {
            page::absent(None)
        } else {
            refuse(StatusCode::NOT_FOUND, "there is nothing at this address")
        }
    };
    let guard = from_fn_with_state(Arc::clone(service), guard::guard);
    let bounded = from_fn_with_state(Arc::clone(service), sending::bounded);
    let routes = routes.fallback(missing).with_state(Arc::clone(service)).layer(bounded);
    routes.layer(guard).layer(map_response(plain))
}

/// What every answer has: nobody keeps it, and nobody takes it for something else.
async fn plain(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// An answer that says why there is no other one.
fn refuse(status: StatusCode, why: &str) -> Response {
    reply(status, &json!({"error": why}))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, headers, Body::from(format!("{body}\n"))).into_response()
}

/// What `ask` gets from the database, on a thread that may wait. Who waits too long is told to come again; the thread goes on
/// until the database gives up, and others do not take its place.
async fn ask<T: Send + 'static>(
    service: &Arc<Service>,
    ask: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    static READERS: Semaphore = Semaphore::const_new(WAITING.1);
    on_a_thread(service, Some(&READERS), ask).await
}

/// The same for what readers must not hold up.
async fn ask_first<T: Send + 'static>(
    service: &Arc<Service>,
    ask: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    on_a_thread(service, None, ask).await
}

async fn on_a_thread<T: Send + 'static>(
    service: &Arc<Service>,
    among: Option<&'static Semaphore>,
    ask: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    static THREADS: Semaphore = Semaphore::const_new(WAITING.0);
    let inner = Arc::clone(service);
    let answer = async move {
        let one = if let Some(among) = among { among.acquire().await.ok() } else { None };
        let thread = THREADS.acquire().await;
        tokio::task::spawn_blocking(move || {
            let answer = ask(&inner);
            drop((thread, one));
            answer
        })
        .await
    };
    match tokio::time::timeout(SLOW, answer).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => {
            service.log.warn("the database failed", json!({"reason": error.to_string()}));
            Err(silent())
        }
        Ok(Err(_)) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "the program failed")),
        Err(_) => {
            service.log.warn("the database failed", json!({"reason": "it gave no answer in time"}));
            Err(silent())
        }
    }
}

fn silent() -> Response {
    let why = "the database does not answer; try again";
    guard::wait(StatusCode::SERVICE_UNAVAILABLE, why, Duration::from_secs(5))
}

/// The text of a header.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(HeaderName::from_bytes(name.as_bytes()).ok()?)?.to_str().ok()
}
