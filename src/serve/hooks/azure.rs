//! Azure's registry: by webhooks of its own, and through Event Grid, which first wants to know whether the hook wants its
//! events.
//!
//! Sources: Azure's documentation, "Azure Container Registry webhook reference", "Azure Container Registry as an Event
//! Grid source", "Endpoint validation with Event Grid schema". Both have the target of a notification of distribution.

use serde_json::{Value, json};

use super::cloud_event::CloudEvent;
use super::distribution::{pushed, target};
use super::proof::Scheme;
use super::{Dialect, Event, Reading, text};

pub(super) const ACR: Dialect = Dialect {
    name: "acr",
    about: "webhooks of Azure Container Registry",
    scheme: Scheme::Header("authorization"),
    names_registry: true,
    is: |event| event.has("/action") && event.has("/target/repository"),
    read: |event| Reading::of(pushed(&event.body)),
};

pub(super) const EVENT_GRID: Dialect = Dialect {
    name: "event-grid",
    about: "Azure Container Registry through Event Grid, in its own form or as CloudEvents",
    scheme: Scheme::Url,
    names_registry: true,
    is: |event| events(event).next().is_some(),
    read,
};

const PUSHED: &str = "Microsoft.ContainerRegistry.ImagePushed";
const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";

/// Type and data of each event of Azure's, of which a delivery may have several.
fn events<'e>(event: &'e Event<'_>) -> impl Iterator<Item = (&'e str, &'e Value)> {
    let binary = CloudEvent::of(event).map(|event| (event.kind, event.data));
    let several = event.body.as_array().map_or(&[][..], Vec::as_slice);
    let own = |event: &'e Value| Some((text(event, "/eventType")?, event.get("data")?));
    let cloud = |event: &'e Value| CloudEvent::structured(event).map(|event| (event.kind, event.data));
    let several = several.iter().filter_map(move |event| own(event).or_else(|| cloud(event)));
    binary.into_iter().chain(several).filter(|(kind, _)| kind.starts_with("Microsoft."))
}

fn read(event: &Event<'_>) -> Reading {
    let mut reading = Reading::default();
    for (kind, data) in events(event) {
        if kind == VALIDATION {
            let code = text(data, "/validationCode");
            reading.answer = reading.answer.or(code.map(|code| json!({"validationResponse": code})));
        }
    }
    let pushed = events(event).filter(|(kind, _)| *kind == PUSHED);
    Reading { pushes: Reading::of(pushed.filter_map(|(_, data)| target(data))).pushes, ..reading }
}
