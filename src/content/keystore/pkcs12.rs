//! PKCS#12 (RFC 7292): bags with keys and certificates, some of them in boxes that are locked as a whole.

use super::tlv::{self, BYTES, CONTEXT, OBJECT, SEQUENCE, SET};
use super::{Found, Protected};

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const ENCRYPTED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6];
/// Without the last number, which says of what kind a bag is.
const BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1];
const FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 20];

/// What stands in a store.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Keys and certificates that are not in a locked box.
    pub(super) found: Vec<Found>,
    /// Boxes: how each is locked, and what is in it.
    pub(super) boxes: Vec<Protected>,
}

/// Whether a file begins like one: version 3, and data.
pub(super) fn is(bytes: &[u8]) -> bool {
    let begin = &bytes[..bytes.len().min(48)];
    let [SEQUENCE, length, rest @ ..] = begin else { return false };
    let digits = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    let after = rest.get(digits..).unwrap_or_default();
    after.starts_with(&[2, 1, 3, SEQUENCE]) && memchr::memmem::find(after, DATA).is_some_and(|at| at < 16)
}

/// Reads a store. `None` if it is none.
pub(super) fn read(mut bytes: &[u8]) -> Option<Store> {
    let mut outer = tlv::take(&mut bytes, SEQUENCE)?;
    tlv::next(&mut outer)?;
    let mut content = tlv::take(&mut outer, SEQUENCE)?;
    if tlv::take(&mut content, OBJECT)? != DATA {
        return None;
    }
    let safes = tlv::joined(tlv::next(&mut tlv::take(&mut content, CONTEXT)?)?);
    let mut store = Store::default();
    for safe in tlv::all(tlv::take(&mut &safes[..], SEQUENCE)?) {
        let _ = store.safe(safe.value);
    }
    Some(store)
}

impl Store {
    fn safe(&mut self, mut safe: &[u8]) -> Option<()> {
        let kind = tlv::take(&mut safe, OBJECT)?;
        let mut content = tlv::take(&mut safe, CONTEXT)?;
        if kind == DATA {
            self.bags(&tlv::joined(tlv::next(&mut content)?), 0);
        } else if kind == ENCRYPTED {
            let mut data = tlv::take(&mut content, SEQUENCE)?;
            tlv::next(&mut data)?;
            let mut info = tlv::take(&mut data, SEQUENCE)?;
            tlv::next(&mut info)?;
            let algorithm = tlv::take(&mut info, SEQUENCE)?.to_vec();
            let data = tlv::joined(tlv::next(&mut info)?);
            self.boxes.push(Protected { algorithm, data });
        }
        Some(())
    }

    /// Reads bags: those of the store, or those of a box that was opened.
    pub(super) fn bags(&mut self, mut bags: &[u8], depth: usize) -> Option<()> {
        const DEEPEST: usize = 4;
        for bag in tlv::all(tlv::take(&mut bags, SEQUENCE)?) {
            let mut bag = bag.value;
            let Some([kind]) = tlv::take(&mut bag, OBJECT).and_then(|kind| kind.strip_prefix(BAG)) else {
                continue;
            };
            let Some(value) = tlv::take(&mut bag, CONTEXT) else { continue };
            let name = tlv::take(&mut bag, SET).and_then(friendly_name).unwrap_or_default();
            match kind {
                1 => self.found.push(Found::plain(name, value)),
                2 => self.found.extend(locked(value).map(|key| Found::Locked { name, key, secret: false })),
                3 => self.found.extend(certificate(value)),
                5 => self.found.extend(secret(value).map(|key| Found::Locked { name, key, secret: true })),
                6 if depth < DEEPEST => _ = self.bags(value, depth + 1),
                _ => {}
            }
        }
        Some(())
    }
}

/// An encrypted PKCS#8 key.
pub(super) fn locked(mut bytes: &[u8]) -> Option<Protected> {
    let mut key = tlv::take(&mut bytes, SEQUENCE)?;
    let algorithm = tlv::take(&mut key, SEQUENCE)?.to_vec();
    let data = tlv::joined(tlv::next(&mut key)?);
    Some(Protected { algorithm, data })
}

fn certificate(mut bytes: &[u8]) -> Option<Found> {
    let mut bag = tlv::take(&mut bytes, SEQUENCE)?;
    tlv::take(&mut bag, OBJECT)?;
    Some(Found::Certificate(tlv::joined(tlv::next(&mut tlv::take(&mut bag, CONTEXT)?)?)))
}

/// Java's secret keys: an encrypted PKCS#8 key in a bag of a kind of its own.
fn secret(mut bytes: &[u8]) -> Option<Protected> {
    let mut bag = tlv::take(&mut bytes, SEQUENCE)?;
    tlv::take(&mut bag, OBJECT)?;
    locked(&tlv::joined(tlv::next(&mut tlv::take(&mut bag, CONTEXT)?)?))
}

/// The name that people gave a bag, among its attributes.
fn friendly_name(attributes: &[u8]) -> Option<String> {
    for attribute in tlv::all(attributes) {
        let mut attribute = attribute.value;
        if tlv::take(&mut attribute, OBJECT)? == FRIENDLY_NAME {
            let name = tlv::next(&mut tlv::take(&mut attribute, SET)?)?.value;
            let units: Vec<u16> =
                name.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
            return Some(String::from_utf16_lossy(&units));
        }
    }
    None
}

/// Whether bytes are a PKCS#8 key: version, algorithm, key.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    key(bytes).is_some()
}

/// What is inside of a PKCS#8 key.
pub(super) fn key(mut bytes: &[u8]) -> Option<&[u8]> {
    let mut key = tlv::take(&mut bytes, SEQUENCE)?;
    let version = tlv::take(&mut key, tlv::INTEGER)?;
    let mut algorithm = tlv::take(&mut key, SEQUENCE)?;
    tlv::take(&mut algorithm, OBJECT)?;
    let inside = tlv::take(&mut key, BYTES)?;
    (matches!(version, [0 | 1]) && bytes.is_empty()).then_some(inside)
}
