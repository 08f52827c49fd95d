//! Artifactory of `JFrog`, by its event `pushed` of the domain `docker`.
//!
//! Source: `JFrog`'s documentation, "Webhooks", "Event types". The event has the checksum of the file that was written; where
//! that file is the manifest, it is the digest. Images are reached by their path: `HOST/REPOSITORY/IMAGE`.

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, host, owned};

pub(super) const JFROG: Dialect = Dialect {
    name: "jfrog",
    about: "webhooks of JFrog Artifactory, signed with their secret",
    scheme: Scheme::Hmac(&["x-jfrog-event-auth"]),
    names_registry: true,
    is: |event| event.has("/domain") && event.has("/event_type") && event.has("/data/repo_key"),
    read: |event| Reading::of(read(event)),
};

fn read(event: &Event<'_>) -> Option<Push> {
    if !(event.is("/domain", "docker") && event.is("/event_type", "pushed")) {
        return None;
    }
    let manifest =
        ["manifest.json", "list.manifest.json"].contains(&event.text("/data/name").unwrap_or_default());
    let checksum = event.text("/data/sha256").filter(|_| manifest);
    Some(Push {
        registry: event.text("/jpd_origin").and_then(host),
        repository: format!("{}/{}", event.text("/data/repo_key")?, event.text("/data/image_name")?),
        tag: owned(&event.body, "/data/tag"),
        digest: checksum.map(|checksum| format!("sha256:{checksum}")),
    })
}
