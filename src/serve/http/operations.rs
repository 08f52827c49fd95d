//! What those who run the service ask: whether it lives, whether it can work, and what it counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;

use super::{ask, ask_first, refuse, reply, silent};
use crate::serve::Service;

/// For how long it is known whether the database answers.
const FRESH: Duration = Duration::from_secs(1);

type Shared = State<Arc<Service>>;

pub(super) fn routes() -> Router<Arc<Service>> {
    let alive = || async { reply(StatusCode::OK, &json!({"alive": true})) };
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

/// Whether `path` is one of those.
pub(super) fn is_one(path: &str) -> bool {
    ["/healthz", "/readyz", "/metrics"].contains(&path)
}

/// Whoever asks within a second is answered alike, so that nobody keeps the database busy with it.
async fn ready(State(service): Shared) -> Response {
    if service.is_stopping() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "it is about to end");
    }
    let mut last = service.guard.answered.lock().await;
    let works = match *last {
        Some((asked, works)) if asked.elapsed() < FRESH => works,
        _ => ask_first(&service, |service| service.store.check()).await.is_ok(),
    };
    if last.is_none_or(|(asked, _)| asked.elapsed() >= FRESH) {
        *last = Some((Instant::now(), works));
    }
    if works { reply(StatusCode::OK, &json!({"ready": true})) } else { silent() }
}

async fn metrics(State(service): Shared) -> Response {
    match ask(&service, Service::depth).await {
        Ok(depth) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, service.metrics.text(&depth)).into_response()
        }
        Err(refused) => refused,
    }
}
