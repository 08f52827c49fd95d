//! `CloudEvents` over HTTP: structured, where the whole event is the body, and binary, where the body is its data and
//! headers say the rest (`CloudEvents`, "HTTP Protocol Binding", sections 3.1 and 3.2).

use serde_json::Value;

use super::{Event, text};

/// What is asked of a `CloudEvent`.
pub(super) struct CloudEvent<'e> {
    /// Its `type`.
    pub(super) kind: &'e str,
    pub(super) data: &'e Value,
}

impl<'e> CloudEvent<'e> {
    /// The event that was delivered, if it is one of these.
    pub(super) fn of(event: &'e Event<'_>) -> Option<Self> {
        if let Some(kind) = (event.header)("ce-type") {
            return Some(Self { kind, data: &event.body });
        }
        Self::structured(&event.body)
    }

    /// The same of a body that is an event as a whole.
    pub(super) fn structured(body: &'e Value) -> Option<Self> {
        text(body, "/specversion")?;
        Some(Self { kind: text(body, "/type")?, data: body.get("data")? })
    }
}
