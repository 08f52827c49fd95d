//! Docker Hub. Its webhooks are not signed, name no digest, and have no other secret than their own address.
//!
//! Source: Docker's documentation, "Docker Hub webhooks". `callback_url` is never called: whoever knows the address of the
//! hook could name any.

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, owned};

pub(super) const DOCKER_HUB: Dialect = Dialect {
    name: "docker-hub",
    about: "webhooks of Docker Hub",
    scheme: Scheme::Url,
    names_registry: true,
    is: |event| event.has("/push_data") && event.has("/repository/repo_name"),
    read,
};

fn read(event: &Event<'_>) -> Reading {
    let push = owned(&event.body, "/repository/repo_name").map(|repository| Push {
        registry: Some("docker.io".to_owned()),
        repository: if repository.contains('/') { repository } else { format!("library/{repository}") },
        tag: owned(&event.body, "/push_data/tag"),
        digest: None,
    });
    Reading::of(push)
}
