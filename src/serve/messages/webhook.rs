//! The form of our own: JSON, signed as "Standard Webhooks" 1.0 has it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Form, Message, Written};
use crate::secret::Secret;
use crate::serve::hooks::proof::keyed;

pub(super) const WEBHOOK: Form =
    Form { name: "webhook", about: "JSON, signed as Standard Webhooks has it", needs_key: true, write };

fn write(message: &Message, address: Option<&str>) -> Written {
    let body = json!({"type": "image.findings", "timestamp": message.time(), "data": message.data(address)});
    let headers = vec![("content-type", "application/json".to_owned())];
    Written { headers, body: body.to_string().into_bytes() }
}

/// The headers that prove where `body` comes from, when it was sent, and that it is this message ("Standard Webhooks", "Signature
/// scheme"): the HMAC of all three. A key behind `whsec_` is in base64, as it is with other senders.
pub(super) fn signed(id: &str, time: u64, body: &[u8], key: &Secret) -> [(&'static str, String); 3] {
    let encoded = key.expose().strip_prefix(b"whsec_");
    let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).map(Zeroizing::new);
    let key = decoded.as_ref().map_or(key.expose(), |decoded| decoded.as_slice());
    let text = [format!("{id}.{time}.").as_bytes(), body].concat();
    let signature = STANDARD.encode(keyed(key, &text));
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", time.to_string()),
        ("webhook-signature", format!("v1,{signature}")),
    ]
}
