//! Notifications of the distribution registry, which many others are built on, GitLab's among them.
//!
//! Source: the registry's documentation, "Work with notifications". An envelope has several events; pushes of blobs and
//! pulls are among them.

use serde_json::Value;

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, host, list, owned, text};

pub(super) const DISTRIBUTION: Dialect = Dialect {
    name: "distribution",
    about: "notifications of distribution/registry and what is built on it",
    scheme: Scheme::Header("authorization"),
    names_registry: true,
    is: |event| event.body.pointer("/events").is_some_and(Value::is_array),
    read,
};

pub(super) const GITLAB: Dialect = Dialect {
    name: "gitlab",
    about: "notifications of GitLab's container registry, in the form of distribution",
    ..DISTRIBUTION
};

fn read(event: &Event<'_>) -> Reading {
    let pushes = list(&event.body, "/events").iter().filter_map(pushed);
    Reading::of(pushes)
}

pub(super) fn pushed(event: &Value) -> Option<Push> {
    if text(event, "/action") != Some("push") {
        return None;
    }
    target(event)
}

/// What was pushed, unless it is known to be no manifest.
pub(super) fn target(event: &Value) -> Option<Push> {
    let media_type = text(event, "/target/mediaType").unwrap_or("manifest");
    if !media_type.contains("manifest") && !media_type.contains("index") {
        return None;
    }
    let registry = owned(event, "/request/host").or_else(|| host(text(event, "/target/url")?));
    let repository = owned(event, "/target/repository")?;
    Some(Push {
        registry,
        repository,
        tag: owned(event, "/target/tag"),
        digest: owned(event, "/target/digest"),
    })
}
