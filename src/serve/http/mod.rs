//! Connections: who may connect, for how long, and which path leads where.
//!
//! A connection has a bounded time for its head and for its body, and there is a bounded number of them: nobody can hold the
//! service by sending slowly. What touches the database runs on threads that may wait.

#![expect(clippy::result_large_err, reason = "a refusal is an answer, which is made once a request")]

mod api;
mod hooks;
mod operations;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::Service;
use super::store::StoreError;

/// Connections at a time.
const CONNECTIONS: usize = 1_024;

/// Threads that wait for the database.
const WAITING: usize = 32;

/// For how long a head may take, and a body.
const SLOW: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(20));

/// How long connections may go on after the service was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Answers whoever connects, until the service is told to stop.
pub(super) fn serve(service: Arc<Service>, listener: TcpListener) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(WAITING)
        .enable_all()
        .build()?;
    runtime.block_on(accept(service, listener))?;
    runtime.shutdown_timeout(GRACE);
    Ok(())
}

async fn accept(service: Arc<Service>, listener: TcpListener) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let app = router(&service);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while !service.is_stopping() {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let accepted = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
        let Ok(Ok((stream, _))) = accepted else { continue };
        let (app, service) = (app.clone(), Arc::clone(&service));
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(SLOW.0).max_buf_size(64 << 10);
            let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
            let mut connection = std::pin::pin!(connection);
            loop {
                tokio::select! {
                    // Who hangs up early is no event.
                    _ = connection.as_mut() => break,
                    () = tokio::time::sleep(Duration::from_millis(500)) => {
                        if service.is_stopping() {
                            connection.as_mut().graceful_shutdown();
                        }
                    }
                }
            }
            drop(slot);
        });
    }
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(GRACE, slots.acquire_many(all)).await;
    Ok(())
}

fn router(service: &Arc<Service>) -> Router {
    let routes = Router::new().merge(hooks::routes()).merge(operations::routes()).merge(api::routes());
    let missing = || async { refuse(StatusCode::NOT_FOUND, "there is nothing at this address") };
    routes.fallback(missing).with_state(Arc::clone(service)).layer(axum::middleware::map_response(plain))
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

/// The body of a request, if it has at most `most` bytes and comes soon.
async fn body(request: Request, most: usize) -> Result<axum::body::Bytes, Response> {
    let read = tokio::time::timeout(SLOW.1, to_bytes(request.into_body(), most)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or was not sent to its end"))
        }
        Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

/// What `ask` gets from the database, on a thread that may wait.
async fn ask<T: Send + 'static>(
    service: &Arc<Service>,
    ask: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    let inner = Arc::clone(service);
    let answer = tokio::task::spawn_blocking(move || ask(&inner)).await;
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            service.log.warn("the database failed", json!({"reason": error.to_string()}));
            let mut response =
                refuse(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer; try again");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            Err(response)
        }
        Err(_) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "the program failed")),
    }
}

/// The text of a header.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(HeaderName::from_bytes(name.as_bytes()).ok()?)?.to_str().ok()
}

/// Whether a program of this machine asks, and not a page that somebody has open: pages say where they come from, and ask by
/// the name of their own host (DNS rebinding).
fn is_local(headers: &HeaderMap) -> bool {
    let host = text(headers, "host").unwrap_or_default();
    let name = if host.starts_with('[') { host.split_inclusive(']').next() } else { host.split(':').next() };
    let known = matches!(name, Some("localhost" | "127.0.0.1" | "[::1]"));
    known && !headers.contains_key(header::ORIGIN)
}
