//! Harbor, in its own form and in that of `CloudEvents`.
//!
//! Source: Harbor's documentation, "Configure Webhook Notifications". `resource_url` is the image as one would pull it.

use super::cloud_event::CloudEvent;
use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, image, list, owned};

pub(super) const HARBOR: Dialect = Dialect {
    name: "harbor",
    about: "webhooks of Harbor, payload format Default or CloudEvents",
    scheme: Scheme::Header("authorization"),
    names_registry: true,
    is: |event| {
        event.has("/event_data/repository/repo_full_name")
            || CloudEvent::of(event).is_some_and(|event| event.kind.starts_with("harbor."))
    },
    read,
};

fn read(event: &Event<'_>) -> Reading {
    let data = if let Some(event) = CloudEvent::of(event) {
        Some(event).filter(|event| event.kind == "harbor.artifact.pushed").map(|event| event.data)
    } else {
        // Before version 2 it was called pushImage.
        let pushed = event.is("/type", "PUSH_ARTIFACT") || event.is("/type", "pushImage");
        event.body.pointer("/event_data").filter(|_| pushed)
    };
    let Some(data) = data else { return Reading::default() };
    let repository = owned(data, "/repository/repo_full_name");
    let pushes = list(data, "/resources").iter().filter_map(|resource| {
        let named = owned(resource, "/resource_url").and_then(|url| image(&url))?;
        let tag = owned(resource, "/tag").filter(|tag| !tag.contains(':'));
        Some(Push {
            repository: repository.clone().unwrap_or(named.repository),
            registry: named.registry,
            tag: tag.or(named.tag),
            digest: owned(resource, "/digest").or(named.digest),
        })
    });
    Reading::of(pushes)
}
