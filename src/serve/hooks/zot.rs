//! zot, by the event that it sends when an image was pushed. It does not say which registry it is.
//!
//! Source: the documentation of zot, "Events". Sent as a `CloudEvent` in either form.

use super::cloud_event::CloudEvent;
use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, owned, text, version};

pub(super) const ZOT: Dialect = Dialect {
    name: "zot",
    about: "events of zot, as CloudEvents over HTTP",
    scheme: Scheme::Basic,
    names_registry: false,
    is: |event| CloudEvent::of(event).is_some_and(|event| event.kind.starts_with("zotregistry.")),
    read: |event| Reading::of(read(event)),
};

fn read(event: &Event<'_>) -> Option<Push> {
    let CloudEvent { data, .. } =
        CloudEvent::of(event).filter(|event| event.kind == "zotregistry.image.updated")?;
    let (tag, digest) = text(data, "/reference").map_or((None, None), version);
    let repository = owned(data, "/name")?;
    Some(Push { registry: None, repository, tag, digest: owned(data, "/digest").or(digest) })
}
