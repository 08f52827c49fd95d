//! The form of our own: JSON, signed as "Standard Webhooks" 1.0 has it.

use base64::Engine as _;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
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

/// Bytes that a key has at least.
const LEAST: usize = 16;

/// The key that `secret` is: what stands behind `whsec_` is in base64, as it is with other senders ("Standard Webhooks", "Secret
/// key"), with or without the signs at its end. A text that is none is no key, because its receiver would make another one of it.
pub(in crate::serve) fn signing_key(secret: &Secret) -> Result<Secret, String> {
    let Some(encoded) = secret.expose().strip_prefix(b"whsec_") else { return Ok(secret.clone()) };
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = GeneralPurpose::new(&STANDARD_ALPHABET, config).decode(encoded).map(Zeroizing::new);
    let decoded = decoded.map_err(|_| {
        "what stands behind whsec_ is not base64: copy it anew, or take whsec_ away".to_owned()
    })?;
    if decoded.len() < LEAST {
        return Err(format!("the key behind whsec_ is shorter than {LEAST} bytes: make one of 24 bytes"));
    }
    Ok(Secret::new(decoded.as_slice()))
}

/// The headers that prove where `body` comes from, when it was sent, and that it is this message ("Standard Webhooks", "Signature
/// scheme"): the HMAC of all three under the [`signing_key`].
pub(super) fn signed(id: &str, time: u64, body: &[u8], key: &Secret) -> [(&'static str, String); 3] {
    let text = [format!("{id}.{time}.").as_bytes(), body].concat();
    let signature = STANDARD.encode(keyed(key.expose(), &text));
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", time.to_string()),
        ("webhook-signature", format!("v1,{signature}")),
    ]
}
