//! Envelopes around statements: DSSE (`payload` and `payloadType`), by itself or in a bundle of Sigstore (`dsseEnvelope`).
//!
//! Who signed what is not asked here: what an envelope holds is read like what has none.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// Envelopes in envelopes that are opened.
pub(super) const PAYLOADS: usize = 2;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: Option<String>,
    dsse_envelope: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    payload: String,
}

/// What `text` holds in base64: of either alphabet, as the protocol allows (DSSE, envelope.md), padded or not.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    const ANY: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, ANY).decode(text).ok()
}

/// The document in the envelope `document`, or that itself if it is none.
pub(super) fn opened(document: &[u8]) -> Cow<'_, [u8]> {
    let mut document = Cow::Borrowed(document);
    for _ in 0..PAYLOADS {
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&document) else { break };
        let payload = envelope.payload.or(envelope.dsse_envelope.map(|inner| inner.payload));
        let Some(payload) = payload.and_then(|payload| decoded(&payload)) else { break };
        document = Cow::Owned(payload);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_opened_and_nothing_else_is_changed() {
        let statement = r#"{"_type":"https://in-toto.io/Statement/v1","a":"???>>>"}"#;
        let encode = |alphabet, text: &str| {
            GeneralPurpose::new(alphabet, GeneralPurposeConfig::new()).encode(text.as_bytes())
        };
        for alphabet in [&STANDARD, &URL_SAFE] {
            let payload = encode(alphabet, statement);
            for payload in [payload.as_str(), payload.trim_end_matches('=')] {
                let kind = "application/vnd.in-toto+json";
                let envelope = format!(r#"{{"payloadType":"{kind}","payload":"{payload}","signatures":[]}}"#);
                assert_eq!(opened(envelope.as_bytes()), statement.as_bytes());
                let bundle = format!(r#"{{"mediaType":"x","dsseEnvelope":{envelope}}}"#);
                assert_eq!(opened(bundle.as_bytes()), statement.as_bytes());
            }
        }
        for other in ["", "{}", statement, r#"{"payload":7}"#, r#"{"payload":"%%%"}"#] {
            assert_eq!(opened(other.as_bytes()), other.as_bytes(), "{other}");
        }
    }
}
