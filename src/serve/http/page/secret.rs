//! One credential: where it is and was, what to do about it, and what was decided; and the form in which that is done.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::secrets::secret_values;
use super::time::when;
use super::{
    Answer, Asked, Fields, Sent, Shared, Visitor, absent, asked, field, onward, shown, unanswered, with,
};
use crate::findings::suppress::Date;
use crate::report::html::{Choice, outcome_values};
use crate::serve::Service;
use crate::serve::config::Role;
use crate::serve::http::sending::turn;
use crate::serve::judge::NotKept;
use crate::serve::store::{Decision, DecisionKind, NewDecision, Occurrence, Standing, StoreError};

/// Places of one page, and decisions that are told.
const ROWS: (usize, usize) = (50, 20);

/// What is said of a decision that cannot be made, and the fields that were sent.
type Refusal<'r> = (&'r str, &'r Fields);

/// The credential of that fingerprint.
pub(super) async fn secret(
    State(service): Shared,
    visitor: Visitor,
    Path(fingerprint): Path<String>,
    Query(fields): Asked,
) -> Answer {
    page(&service, &visitor, fingerprint, fields, None).await
}

/// Decides about it.
pub(super) async fn decide(State(service): Shared, Path(fingerprint): Path<String>, sent: Sent) -> Answer {
    let Sent { visitor, fields } = sent;
    visitor.may(Role::Triage)?;
    let new = match decision(&fingerprint, &fields) {
        Ok(new) => new,
        Err(why) => return page(&service, &visitor, fingerprint, Fields::new(), Some((why, &fields))).await,
    };
    let who = visitor.name.clone();
    let made = asked(&service, &visitor, move |service| service.store.decide(&who, &new)).await?;
    match made {
        Ok(_) => Ok(onward(&format!("/secrets/{fingerprint}"))),
        Err(refused) => {
            let why = refused.to_string();
            page(&service, &visitor, fingerprint, Fields::new(), Some((&why, &fields))).await
        }
    }
}

fn decision(fingerprint: &str, fields: &Fields) -> Result<NewDecision, &'static str> {
    let kind = field(fields, "kind").and_then(DecisionKind::named).ok_or("Say what you decide.")?;
    let until = field(fields, "until").filter(|_| kind == DecisionKind::Accepted).map(str::parse::<Date>);
    Ok(NewDecision {
        fingerprint: fingerprint.to_owned(),
        kind,
        scope: field(fields, "scope").unwrap_or("*").to_owned(),
        until: until.transpose().map_err(|_| "The last day is a date, as in 2027-01-31.")?,
        reason: field(fields, "reason").unwrap_or_default().to_owned(),
    })
}

async fn page(
    service: &std::sync::Arc<Service>,
    visitor: &Visitor,
    fingerprint: String,
    fields: Fields,
    refusal: Option<Refusal<'_>>,
) -> Answer {
    let turn = turn().await.map_err(|refused| unanswered(Some(visitor), &refused))?;
    let look = move |service: &Service| {
        let _turn = turn;
        look(service, &fingerprint, &fields)
    };
    let looked = asked(service, visitor, look).await?;
    let values = looked.ok_or_else(|| absent(Some(visitor)))?;
    let sent = refusal.map(|(_, fields)| fields);
    let kept = |name: &str| sent.and_then(|fields| field(fields, name)).unwrap_or_default();
    let form = json!({
        "refused": refusal.map(|(why, _)| why),
        "kinds": kinds(),
        "sent": {
            "kind": kept("kind"), "scope": kept("scope"), "until": kept("until"), "reason": kept("reason"),
        },
    });
    let mut response = shown(visitor, "secrets", "secret.html", with(values, form));
    if refusal.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// What may be decided, in words.
fn kinds() -> Value {
    json!([
        {"name": "false-alarm", "about": "False alarm: it is no credential, or opens nothing"},
        {"name": "fixed", "about": "Fixed: it was revoked or replaced where it was issued"},
        {"name": "accepted", "about": "Accepted: it stays, until this day at the latest"},
        {"name": "open", "about": "Open: what was decided before counts no longer"},
    ])
}

fn look(service: &Service, fingerprint: &str, fields: &Fields) -> Result<Option<Value>, StoreError> {
    let Some(row) = service.store.secret(fingerprint)? else { return Ok(None) };
    let text = |name: &str| field(fields, name).unwrap_or_default();
    let after = (text("repository"), text("reference"));
    let places = service.store.occurrences(fingerprint, after, ROWS.0)?;
    let images: Vec<i64> = places.iter().map(|place| place.image).collect();
    let standing = service.store.standing(fingerprint, &images)?;
    let next = places.last().filter(|_| places.len() >= ROWS.0);
    let next = next.map(|place| json!({"repository": place.repository, "reference": place.reference}));
    let decisions = service.store.decisions(Some(fingerprint), 0, ROWS.1)?;
    let mut repositories: Vec<&str> = places.iter().map(|place| place.repository.as_str()).collect();
    repositories.dedup();
    let values = json!({
        "title": row.name,
        "secret": secret_values(&row),
        "places": places.iter().map(|place| place_values(place, &standing)).collect::<Vec<_>>(),
        "next": next,
        "decisions": decisions.iter().map(decision_values).collect::<Vec<_>>(),
        "repositories": repositories,
    });
    Ok(Some(with(values, advice(service, fingerprint, &places)?)))
}

fn place_values(place: &Occurrence, standing: &[Standing]) -> Value {
    let standing = standing.iter().find(|standing| standing.image == place.image);
    let why = match place.why.as_deref() {
        Some("newer-image") => "a newer image does not have it",
        Some("newer-rules") => "a newer scan does not find it",
        Some("untagged") => "the tag is gone",
        Some("deleted") => "the image is deleted",
        _ => "",
    };
    json!({
        "repository": place.repository,
        "reference": place.reference,
        "is_digest": place.reference.contains(':'),
        "image": standing.map(|standing| standing.image),
        "place": standing.map(|standing| &standing.place),
        "more": standing.map_or(0, |standing| standing.places - 1),
        "decided": standing.and_then(|standing| standing.decided.as_deref()),
        "unseen_since": standing.and_then(|standing| standing.unseen_since).map(when),
        "first_seen": when(place.first_seen),
        "last_seen": when(place.last_seen),
        "fixed": place.fixed.map(when),
        "why": why,
        "reopened": place.reopened.map(when),
    })
}

fn decision_values(decision: &Decision) -> Value {
    json!({
        "kind": decision.kind.as_str(),
        "scope": decision.scope,
        "until": decision.until,
        "reason": decision.reason,
        "who": decision.who,
        "made": when(decision.made),
        "in_force": decision.in_force,
    })
}

/// What to do about it, by the report of an image that has it.
fn advice(service: &Service, fingerprint: &str, places: &[Occurrence]) -> Result<Value, StoreError> {
    let nothing = json!({"finding": null, "advice": []});
    let there = places.iter().find(|place| place.fixed.is_none()).or(places.first());
    let kept = match there.map(|place| service.kept(place.image)) {
        Some(Ok(Some(kept))) => kept,
        Some(Err(NotKept::Store(error))) => return Err(error),
        // The page of the image says so.
        Some(Err(_) | Ok(None)) | None => return Ok(nothing),
    };
    let choice = Choice { row: None, only: Some(fingerprint), from: 0, most: 1 };
    let mut values = outcome_values(&kept.outcome, &kept.options(&service.report), choice);
    // Nothing of one that is decided about: it is not among them.
    let finding = values["findings"].get_mut(0).map(Value::take);
    Ok(json!({"finding": finding, "advice": values["advice"].take()}))
}
