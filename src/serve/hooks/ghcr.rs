//! GitHub's container registry, by the events `registry_package` and `package`.
//!
//! Source: GitHub's documentation, "Webhook events and payloads". The name of a package is as its owner wrote it, that of
//! the repository in small letters. GitHub asks with a `ping` whether the hook is there.

use serde_json::Value;

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, image, owned, text, version};

pub(super) const GHCR: Dialect = Dialect {
    name: "ghcr",
    about: "webhooks of GitHub for packages of its container registry",
    scheme: Scheme::Hmac(&["x-hub-signature-256"]),
    names_registry: true,
    is: |event| package(event).is_some() || (event.has("/zen") && event.has("/hook_id")),
    read,
};

/// The package that an event of GitHub is about.
fn package<'e>(event: &'e Event<'_>) -> Option<&'e Value> {
    let package = ["/registry_package", "/package"].iter().find_map(|name| event.body.pointer(name));
    package.filter(|package| package.get("package_version").is_some())
}

fn read(event: &Event<'_>) -> Reading {
    let published = event.is("/action", "published") || event.is("/action", "updated");
    Reading::of(package(event).filter(|_| published).and_then(pushed))
}

fn pushed(package: &Value) -> Option<Push> {
    let kind = text(package, "/package_type").or_else(|| text(package, "/ecosystem"))?;
    if !kind.eq_ignore_ascii_case("container") && !kind.eq_ignore_ascii_case("docker") {
        return None;
    }
    let by_url = text(package, "/package_version/package_url").and_then(image);
    let registry = by_url.as_ref().and_then(|push| push.registry.clone());
    let path = || Some(format!("{}/{}", text(package, "/namespace")?, text(package, "/name")?));
    let repository = by_url.map(|push| push.repository).or_else(path)?.to_lowercase();
    let named = text(package, "/package_version/version").map_or((None, None), version);
    Some(Push {
        registry: registry.or_else(|| Some("ghcr.io".to_owned())),
        repository,
        tag: owned(package, "/package_version/container_metadata/tag/name").or(named.0),
        digest: owned(package, "/package_version/container_metadata/tag/digest").or(named.1),
    })
}
