//! `CloudEvents` 1.0 over HTTP ("HTTP Protocol Binding"), in either mode.

use serde_json::json;

use super::{Form, Message, Written};

pub(super) const BINARY: Form = Form {
    name: "cloudevents",
    about: "CloudEvents over HTTP, binary mode",
    needs_key: false,
    write: binary,
};

pub(super) const STRUCTURED: Form = Form {
    name: "cloudevents-structured",
    about: "CloudEvents over HTTP, structured mode",
    needs_key: false,
    write: structured,
};

/// What kind of event it is. One with other data has another number.
const TYPE: &str = "dev.layersift.image.findings.v1";

/// Where events come from if nobody says what this service is called.
const SOURCE: &str = "urn:layersift";

fn binary(message: &Message, address: Option<&str>) -> Written {
    let headers = vec![
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", message.id.clone()),
        ("ce-source", address.unwrap_or(SOURCE).to_owned()),
        ("ce-type", TYPE.to_owned()),
        ("ce-subject", message.image.name()),
        ("ce-time", message.time()),
        ("content-type", "application/json".to_owned()),
    ];
    Written { headers, body: message.data(address).to_string().into_bytes() }
}

fn structured(message: &Message, address: Option<&str>) -> Written {
    let body = json!({
        "specversion": "1.0",
        "id": message.id,
        "source": address.unwrap_or(SOURCE),
        "type": TYPE,
        "subject": message.image.name(),
        "time": message.time(),
        "datacontenttype": "application/json",
        "data": message.data(address),
    });
    let headers = vec![("content-type", "application/cloudevents+json; charset=utf-8".to_owned())];
    Written { headers, body: body.to_string().into_bytes() }
}
