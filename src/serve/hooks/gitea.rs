//! Gitea and Forgejo, by their event `package`.
//!
//! Source: the documentation of Gitea, "Webhooks", and of Forgejo, "Webhooks". The address of the package's page has the
//! host; the version is a tag or a digest.

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, host, version};

pub(super) const GITEA: Dialect = Dialect {
    name: "gitea",
    about: "webhooks of Gitea and Forgejo for packages",
    scheme: Scheme::Hmac(&["x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256"]),
    names_registry: true,
    is: |event| event.has("/action") && event.has("/package/type") && event.has("/package/owner"),
    read: |event| Reading::of(read(event)),
};

fn read(event: &Event<'_>) -> Option<Push> {
    if !(event.is("/action", "created") && event.is("/package/type", "container")) {
        return None;
    }
    let owner = event.text("/package/owner/login").or_else(|| event.text("/package/owner/username"))?;
    let (tag, digest) = version(event.text("/package/version")?);
    let repository = format!("{owner}/{}", event.text("/package/name")?).to_lowercase();
    Some(Push { registry: event.text("/package/html_url").and_then(host), repository, tag, digest })
}
