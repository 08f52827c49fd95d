//! Google's Artifact Registry, which publishes to the Pub/Sub topic `gcr`; a push subscription delivers that.
//!
//! Sources: Google's documentation, "Configure Pub/Sub notifications", "Push subscriptions". The message is base64 in an
//! envelope, and names the image as one would pull it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, image, text};

pub(super) const ARTIFACT_REGISTRY: Dialect = Dialect {
    name: "artifact-registry",
    about: "Google Artifact Registry through a push subscription of Pub/Sub",
    scheme: Scheme::Url,
    names_registry: true,
    is: |event| event.has("/message/data") && event.has("/subscription"),
    read: |event| Reading::of(read(event)),
};

fn read(event: &Event<'_>) -> Option<Push> {
    let message: Value = serde_json::from_slice(&STANDARD.decode(event.text("/message/data")?).ok()?).ok()?;
    if text(&message, "/action") != Some("INSERT") {
        return None;
    }
    let by = |pointer| text(&message, pointer).and_then(image);
    let (by_digest, by_tag) = (by("/digest"), by("/tag"));
    let tag = by_tag.as_ref().and_then(|push| push.tag.clone());
    by_digest.map(|push| Push { tag, ..push }).or(by_tag)
}
