//! What those who run the service ask: whether it lives, whether it can work, and what it counts.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;

use super::{ask, refuse, reply};
use crate::serve::Service;

type Shared = State<Arc<Service>>;

pub(super) fn routes() -> Router<Arc<Service>> {
    let alive = || async { reply(StatusCode::OK, &json!({"alive": true})) };
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

async fn ready(State(service): Shared) -> Response {
    if service.is_stopping() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "it is about to end");
    }
    match ask(&service, |service| service.store.check()).await {
        Ok(()) => reply(StatusCode::OK, &json!({"ready": true})),
        Err(refused) => refused,
    }
}

async fn metrics(State(service): Shared) -> Response {
    match ask(&service, |service| service.store.depth()).await {
        Ok(depth) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, service.metrics.text(&depth)).into_response()
        }
        Err(refused) => refused,
    }
}
