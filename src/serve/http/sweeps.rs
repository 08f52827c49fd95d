//! `/api/v1/sweeps`: when registries were looked through, and having that done now.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::api::admit;
use super::{ask, refuse, reply};
use crate::serve::Service;
use crate::serve::config::Role;

type Shared = State<Arc<Service>>;
type Answer = Result<Response, Response>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    registry: Option<String>,
}

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/api/v1/sweeps", get(sweeps).post(begin))
}

async fn sweeps(State(service): Shared, headers: HeaderMap) -> Answer {
    admit(&service, &headers, Role::Read)?;
    let rows = ask(&service, |service| service.store.sweeps()).await?;
    Ok(reply(StatusCode::OK, &json!({"items": rows, "next": null})))
}

/// Begins a sweep of every registry of the configuration, or of the one that is named.
async fn begin(State(service): Shared, headers: HeaderMap, Query(asked): Query<Asked>) -> Answer {
    admit(&service, &headers, Role::Admin)?;
    let all = service.config.registries.iter().map(|allowed| allowed.name.clone());
    let begun: Vec<String> =
        all.filter(|name| asked.registry.as_ref().is_none_or(|asked| asked == name)).collect();
    if begun.is_empty() {
        return Err(refuse(StatusCode::NOT_FOUND, "there is no such registry on the list"));
    }
    let names = begun.clone();
    let sweep = move |service: &Service| {
        service.store.sweep_now(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    ask(&service, sweep).await?;
    service.ring();
    Ok(reply(StatusCode::ACCEPTED, &json!({"begun": begun})))
}
