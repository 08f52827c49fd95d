//! The text of a credential, which stays inside.
//!
//! [`Secret`] redacts by type: `Debug`, `Display` and `Serialize` give the redacted form, and [`Secret::expose`] is
//! the one way to the text. What may leave the process instead is the redacted form and a [`Fingerprint`]. A credential
//! can be [sealed](Secret::seal): then there is no text any more.

mod seal;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::seal::{Imprint, SealKey, Sealed, SealedForm, width};
use crate::digest::{Digest, hex};

/// The bytes of a credential, as they would be used (decoded, unescaped). Wiped from memory when dropped.
///
/// Two credentials are equal if their texts are, or if both are sealed with one key and their texts were.
#[derive(Clone)]
pub struct Secret(Content);

#[derive(Clone)]
enum Content {
    Text(Zeroizing<Vec<u8>>),
    Sealed(Arc<Sealed>),
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Secret {}

impl PartialOrd for Secret {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Secret {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Content::Text(a), Content::Text(b)) => a.as_slice().cmp(b.as_slice()),
            (Content::Sealed(a), Content::Sealed(b)) => a.imprint.cmp(&b.imprint),
            (Content::Text(_), Content::Sealed(_)) => Ordering::Less,
            (Content::Sealed(_), Content::Text(_)) => Ordering::Greater,
        }
    }
}

impl std::hash::Hash for Secret {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match &self.0 {
            Content::Text(text) => text.as_slice().hash(state),
            Content::Sealed(sealed) => sealed.imprint.hash(state),
        }
    }
}

impl From<Arc<Sealed>> for Secret {
    fn from(sealed: Arc<Sealed>) -> Self {
        Self(Content::Sealed(sealed))
    }
}

impl Secret {
    /// Takes the bytes of a credential.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Content::Text(Zeroizing::new(bytes.into())))
    }

    /// The same credential without its text. Its fingerprint is from then on that under `fingerprints`.
    #[must_use]
    pub fn seal(&self, key: &SealKey, fingerprints: &FingerprintKey) -> Self {
        match &self.0 {
            Content::Text(_) => Arc::new(Sealed::new(self, key, fingerprints)).into(),
            Content::Sealed(_) => self.clone(),
        }
    }

    /// One of which only what a report shows is there: its redacted form, and its fingerprint.
    pub fn shown(redacted: &str, fingerprint: Fingerprint) -> Self {
        Arc::new(Sealed::shown(redacted, fingerprint)).into()
    }

    /// What is left of it, if it is sealed.
    pub fn sealed(&self) -> Option<&Arc<Sealed>> {
        match &self.0 {
            Content::Text(_) => None,
            Content::Sealed(sealed) => Some(sealed),
        }
    }

    /// The credential itself; nothing if it is sealed. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Content::Text(text) => text,
            Content::Sealed(_) => &[],
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Content::Text(text) => text.len(),
            Content::Sealed(sealed) => usize::try_from(sealed.length).unwrap_or(usize::MAX),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The forms in which it can stand in a text: as it is, as JSON and shell write it, and on one line, as facts are.
    /// None that is shorter than two bytes.
    pub fn forms(&self) -> Vec<Vec<u8>> {
        let text = self.expose();
        let escaped = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default();
        let escaped = escaped.trim_matches('"').as_bytes().to_vec();
        let blank = |c: char| if c.is_control() { ' ' } else { c };
        let line: String = String::from_utf8_lossy(text).chars().map(blank).collect();
        let mut forms = vec![text.to_vec(), escaped, line.trim().as_bytes().to_vec()];
        forms.sort();
        forms.dedup();
        forms.retain(|form| form.len() >= 2);
        forms
    }

    /// A form that lets its owner recognise the credential and nobody use it: for a token a few characters of both
    /// ends, for a short or multi-line text none, and the length in bytes.
    ///
    /// At most a quarter of the characters is shown, and nothing of a text under 16 bytes, because short texts are
    /// passwords that people chose.
    pub fn redacted(&self) -> String {
        if let Content::Sealed(sealed) = &self.0 {
            return sealed.redacted.clone();
        }
        let bytes = self.expose();
        let printable = |b: &u8| b.is_ascii_graphic();
        let (head, tail) = match bytes.len() {
            0..=15 => (0, 0),
            16..=23 => (4, 0),
            24..=39 => (4, 2),
            _ => (6, 4),
        };
        if bytes.starts_with(b"-----BEGIN") {
            let title = bytes[10..].split(|b| *b == b'-').next().unwrap_or_default();
            let title = String::from_utf8_lossy(&title[..title.len().min(40)]).into_owned();
            return format!("-----BEGIN{title}-----… ({} bytes)", bytes.len());
        }
        if !bytes.iter().all(printable) {
            return format!("… ({} bytes)", bytes.len());
        }
        let text = |range: &[u8]| String::from_utf8_lossy(range).into_owned();
        format!("{}…{} ({} bytes)", text(&bytes[..head]), text(&bytes[bytes.len() - tail..]), bytes.len())
    }

    /// The name under which this credential is known to baselines, caches and databases. That of a sealed one is the one
    /// that it was sealed with.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        if let Content::Sealed(sealed) = &self.0 {
            return sealed.fingerprint();
        }
        let mut out = [0; 16];
        pbkdf2::pbkdf2_hmac::<Sha256>(self.expose(), key.0.as_slice(), FINGERPRINT_ROUNDS, &mut out);
        Fingerprint(out)
    }
}

/// Rounds of PBKDF2 (RFC 8018, section 5.2) in a fingerprint: about a fifth of a millisecond, which a scan does not
/// feel and a guesser does.
const FINGERPRINT_ROUNDS: u32 = 1_000;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.redacted())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

/// What fingerprints are keyed with. With the built-in key, somebody who holds a report can try guesses at a weak
/// password; a key of one's own, kept from the reports' readers, rules that out.
#[derive(Clone)]
pub struct FingerprintKey(Zeroizing<[u8; 32]>);

impl FingerprintKey {
    /// A key made of any text that its owners keep.
    ///
    /// # Panics
    /// Never: HMAC (RFC 2104) takes keys of any length.
    pub fn new(text: &[u8]) -> Self {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&b"layersift fingerprint key v1"[..])
            .expect("HMAC takes keys of any length");
        mac.update(text);
        Self(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    /// Eight digits by which two lists of fingerprints can be told to have been made with the same key. They are too
    /// few to confirm a guess at the key.
    pub fn check(&self) -> String {
        let print = Secret::new(&b"layersift fingerprint key check v1"[..]).fingerprint(self);
        hex(&print.0[..4])
    }
}

impl Default for FingerprintKey {
    fn default() -> Self {
        Self::new(b"")
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey")
    }
}

/// A keyed, slow hash of a credential: equal for equal credentials under one key, and no way back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// That of a credential of which only `text` is known. It names no credential.
    pub fn of_redacted(text: &str) -> Self {
        let mut out = [0; 16];
        out.copy_from_slice(&Digest::of(text.as_bytes()).bytes()[..16]);
        Self(out)
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut out = [0; 16];
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        for (byte, at) in out.iter_mut().zip((0..32).step_by(2)).filter(|_| is_hex) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| ParseFingerprintError)?;
        }
        is_hex.then_some(Self(out)).ok_or(ParseFingerprintError)
    }
}

/// A text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 32 hexadecimal digits")]
pub struct ParseFingerprintError;

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_printing_gives_the_text() {
        let secret = Secret::new("correct horse battery");
        for printed in [format!("{secret}"), format!("{secret:?}"), serde_json::to_string(&secret).unwrap()] {
            assert!(!printed.contains("horse"), "{printed}");
        }
    }

    #[test]
    fn a_quarter_at_most_is_shown() {
        for length in 0..200 {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let shown = Secret::new(text).redacted();
            let visible =
                shown.split(" (").next().unwrap().chars().filter(char::is_ascii_alphanumeric).count();
            assert!(visible * 4 <= length, "{length}: {shown}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_the_text_and_the_key() {
        let (a, b) = (Secret::new("one"), Secret::new("two"));
        let (default, own) = (FingerprintKey::default(), FingerprintKey::new(b"ours"));
        assert_eq!(a.fingerprint(&default), a.clone().fingerprint(&default));
        assert_ne!(a.fingerprint(&default), b.fingerprint(&default));
        assert_ne!(a.fingerprint(&default), a.fingerprint(&own));
    }

    #[test]
    fn a_key_is_known_by_its_check() {
        let (default, own) = (FingerprintKey::default(), FingerprintKey::new(b"ours"));
        assert_eq!(own.check(), FingerprintKey::new(b"ours").check());
        assert_ne!(own.check(), default.check());
        assert_eq!(own.check().len(), 8);
    }
}
