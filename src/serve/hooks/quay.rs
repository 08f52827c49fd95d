//! Quay, by its event "Push to Repository". It names tags and no digests, and is not signed.
//!
//! Source: the documentation of Quay, "Repository notifications". Older versions have a map from tags to ids of images.

use serde_json::Value;

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, image, owned};

pub(super) const QUAY: Dialect = Dialect {
    name: "quay",
    about: "notifications of Quay",
    scheme: Scheme::Url,
    names_registry: true,
    is: |event| event.has("/docker_url") && event.has("/updated_tags"),
    read,
};

fn read(event: &Event<'_>) -> Reading {
    let Some(named) = owned(&event.body, "/docker_url").and_then(|url| image(&url)) else {
        return Reading::default();
    };
    let push = |tag: &str| Push { tag: Some(tag.to_owned()), ..named.clone() };
    match event.body.get("updated_tags") {
        Some(Value::Array(tags)) => Reading::of(tags.iter().filter_map(Value::as_str).map(push)),
        Some(Value::Object(tags)) => Reading::of(tags.keys().map(|tag| push(tag))),
        _ => Reading::default(),
    }
}
