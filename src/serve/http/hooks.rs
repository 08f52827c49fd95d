//! `POST /hooks/KIND`: from a delivery to jobs. The order is that of suspicion: is there such a hook, has its sender proven
//! itself, is there room for the body, and only then what it says. A byte of the body is read before the proof only where
//! the body is what proves it.
//!
//! Answered with 2xx is what is durable. What is refused because of a list is answered with 2xx too: to send it again would
//! not help, and would hold up what the registry has to tell after it.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::json;

use super::guard::{Asker, wait};
use super::{ask_first, body, body_on_trust, is_local, refuse, reply, text};
use crate::serve::Service;
use crate::serve::allowed::image;
use crate::serve::config::Hook;
use crate::serve::hooks::{AUTO, Delivery, Reading, Unread, read};
use crate::serve::metrics::Counter;
use crate::serve::store::Wanted;
use crate::serve::work::PUSHED;
use crate::source::registry::Reference;

/// Images that are kept in one transaction.
const PIECE: usize = 250;

/// Characters of a name that the log has.
const SHOWN: usize = 300;

type Shared = State<Arc<Service>>;

pub(super) fn routes() -> Router<Arc<Service>> {
    let without =
        |service: Shared, Path(kind): Path<String>, request: Request| deliver(service, kind, None, request);
    let with = |service: Shared, Path((kind, secret)): Path<(String, String)>, request: Request| {
        deliver(service, kind, Some(secret), request)
    };
    let greet_without = |service: Shared, Path(kind): Path<String>, headers: HeaderMap| {
        ready(greet(&service, &kind, None, &headers))
    };
    let greet_with = |service: Shared, Path((kind, secret)): Path<(String, String)>, headers: HeaderMap| {
        ready(greet(&service, &kind, Some(&secret), &headers))
    };
    Router::new()
        .route("/hooks/{kind}", post(without).options(greet_without))
        .route("/hooks/{kind}/{secret}", post(with).options(greet_with))
}

/// A hook and its number.
type Numbered<'h> = (usize, &'h Hook);

/// The hooks of a kind.
fn of_kind<'s>(service: &'s Service, kind: &str) -> Vec<Numbered<'s>> {
    let name = |hook: &Hook| hook.dialect.map_or(AUTO, |dialect| dialect.name);
    service.config.hooks.iter().enumerate().filter(|(_, hook)| name(hook) == kind).collect()
}

async fn deliver(State(service): Shared, kind: String, secret: Option<String>, request: Request) -> Response {
    taken(&service, &kind, secret.as_deref(), request).await.unwrap_or_else(|refused| refused)
}

async fn taken(
    service: &Arc<Service>,
    kind: &str,
    secret: Option<&str>,
    request: Request,
) -> Result<Response, Response> {
    let hooks = of_kind(service, kind);
    if hooks.is_empty() {
        return Err(refuse(StatusCode::NOT_FOUND, "there is no such hook"));
    }
    if request.headers().contains_key("content-encoding") {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a compressed body is not read"));
    }
    let headers = request.headers().clone();
    let unproven = || unproven(service, kind);
    let known = by_head(&hooks, &headers, secret).map_err(|Unproven| unproven())?;
    let most = service.config.max_body;
    let length = text(&headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(most);
    let (room, body) = if known.is_some() {
        (service.guard.room(length.min(most)).await?, body(request, most).await?)
    } else {
        let Some(Asker { address, .. }) = request.extensions().get().copied() else {
            return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "the program failed"));
        };
        let room = service.guard.room_on_trust(length.min(most), address).await.inspect_err(|refused| {
            if refused.status() == StatusCode::TOO_MANY_REQUESTS {
                service.metrics.add(Counter::Limited, 1);
            }
        })?;
        (room, body_on_trust(request, most).await?)
    };
    let (number, hook) = known.or_else(|| by_body(&hooks, &headers, &body)).ok_or_else(unproven)?;
    service.guard.delivered(number).map_err(|time| {
        service.metrics.add(Counter::Limited, 1);
        wait(StatusCode::TOO_MANY_REQUESTS, "more is delivered than this hook may take", time)
    })?;
    let reading = understood(service, (kind, hook), &headers, &body)?;
    service.metrics.add(Counter::Deliveries, 1);
    let (images, refused) = images(service, hook, &reading);
    let answer = reading.answer;
    // What was read is given back before the database is waited for.
    drop((body, reading.pushes, room));
    let queued = keep(service, &images).await?;
    let own = json!({"queued": queued, "known": images.len() - queued, "refused": refused});
    Ok(reply(StatusCode::OK, &answer.unwrap_or(own)))
}

/// Says so to who did not prove itself, and counts it.
fn unproven(service: &Service, kind: &str) -> Response {
    service.metrics.add(Counter::Unproven, 1);
    let kind: String = kind.chars().take(SHOWN).collect();
    service.log.warn("delivery without proof", json!({"kind": kind}));
    refuse(StatusCode::UNAUTHORIZED, "the sender did not prove itself")
}

/// Nothing of what a sender has shown is a proof.
struct Unproven;

/// The hook whose proof the head of a delivery is; none if its body may be one.
fn by_head<'h>(
    hooks: &[Numbered<'h>],
    headers: &HeaderMap,
    secret: Option<&str>,
) -> Result<Option<Numbered<'h>>, Unproven> {
    let header = |name: &str| text(headers, name);
    let delivery = Delivery { header: &header, secret, body: b"", local: is_local(headers) };
    let holds = |(_, hook): &&Numbered<'_>| !hook.proof.needs_body() && hook.proof.holds(&delivery);
    match hooks.iter().find(holds) {
        Some(known) => Ok(Some(*known)),
        None if hooks.iter().any(|(_, hook)| hook.proof.is_claimed(&header)) => Ok(None),
        None => Err(Unproven),
    }
}

fn by_body<'h>(hooks: &[Numbered<'h>], headers: &HeaderMap, body: &[u8]) -> Option<Numbered<'h>> {
    let header = |name: &str| text(headers, name);
    let delivery = Delivery { header: &header, secret: None, body, local: false };
    hooks.iter().find(|(_, hook)| hook.proof.needs_body() && hook.proof.holds(&delivery)).copied()
}

/// What a delivery says whose sender has proven itself.
fn understood(
    service: &Service,
    (kind, hook): (&str, &Hook),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reading, Response> {
    let header = |name: &str| text(headers, name);
    let reading = read(hook.dialect, &Delivery { header: &header, secret: None, body, local: false });
    reading.map_err(|error| {
        service.metrics.add(Counter::Refused, 1);
        service.log.warn("delivery cannot be read", json!({"kind": kind, "reason": error.to_string()}));
        let status =
            if error == Unread::TooMany { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        refuse(status, &error.to_string())
    })
}

/// Has `images` scanned that were not; returns how many. They are kept piece by piece, so that others get their turn between. If one
/// cannot be, the sender is told to send all again, and the others are known then.
async fn keep(service: &Arc<Service>, images: &[Reference]) -> Result<usize, Response> {
    let mut queued = 0;
    for piece in images.chunks(PIECE) {
        let (told, piece) = (piece.len(), piece.to_vec());
        let new = ask_first(service, move |service| want(service, &piece)).await?;
        service.metrics.add(Counter::Queued, new as u64);
        service.metrics.add(Counter::Known, (told - new) as u64);
        if new > 0 {
            service.ring();
        }
        queued += new;
    }
    Ok(queued)
}

fn want(service: &Service, images: &[Reference]) -> Result<usize, crate::serve::store::StoreError> {
    let wanted = |image| Wanted { image, settings: &service.crew.settings, priority: PUSHED };
    service.store.told(&images.iter().map(wanted).collect::<Vec<_>>())
}

/// The images of a delivery that may be looked at, each once, and how many may not.
fn images(service: &Service, hook: &Hook, reading: &Reading) -> (Vec<Reference>, usize) {
    let (mut images, mut refused) = (Vec::new(), 0);
    for push in &reading.pushes {
        match image(push, &service.config.registries, hook.registry.as_deref()) {
            Ok(image) => images.push(image),
            Err(error) => {
                refused += 1;
                let shown = |text: &str| text.chars().take(SHOWN).collect::<String>();
                let (registry, repository) = (push.registry.as_deref().map(shown), shown(&push.repository));
                let fields =
                    json!({"registry": registry, "repository": repository, "reason": error.to_string()});
                service.log.warn("push is not followed", fields);
            }
        }
    }
    service.metrics.add(Counter::Refused, refused as u64);
    images.sort();
    images.dedup();
    (images, refused)
}

/// Says to Event Grid that its events are welcome (`CloudEvents`, "HTTP 1.1 Web Hooks", section 4). Only to one who knows the
/// address as a whole.
fn greet(service: &Service, kind: &str, secret: Option<&str>, headers: &HeaderMap) -> Response {
    let hooks = of_kind(service, kind);
    let origin = headers.get("webhook-request-origin").cloned();
    // Without a part of the path that is secret nothing is greeted: a proof in a header is shown with what it proves.
    let known = secret.map(|_| by_head(&hooks, headers, secret));
    let (Some(origin), Some(Ok(Some(_)))) = (origin, known) else {
        return unproven(service, kind);
    };
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert("webhook-allowed-origin", origin);
    response.headers_mut().insert("webhook-allowed-rate", HeaderValue::from_static("1000"));
    response
}
