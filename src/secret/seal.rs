//! A credential without its text: what is left of one that was read in an earlier run.
//!
//! A sealed credential can be told from others, shown in its redacted form, named by its fingerprint, and recognised in
//! a text that is at hand. It is made of keyed hashes, and nothing leads from them to the text but guessing, for which
//! one needs the key too.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Fingerprint, FingerprintKey, Secret};

/// What credentials are sealed with. Whoever holds it and what was sealed can try guesses at weak passwords.
#[derive(Clone)]
pub struct SealKey {
    mac: Hmac<Sha256>,
    /// Factors of the filter.
    factors: [u64; 3],
}

/// A keyed hash of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Imprint([u8; 16]);

/// A credential without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub(super) imprint: Imprint,
    pub(super) length: u64,
    pub(super) redacted: String,
    pub(super) fingerprint: [u8; 16],
    pub(super) forms: Vec<SealedForm>,
}

/// A form in which a sealed credential can stand in a text: see [`Secret::forms`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealedForm {
    /// Bytes that it has.
    pub length: usize,
    /// What [`SealKey::filter`] says of its first [`width`] bytes: what most other texts differ in.
    pub filter: u16,
    /// What [`SealKey::imprint`] says of the whole.
    pub imprint: Imprint,
}

/// Bytes at the start of a form of `length` bytes that are filtered by.
pub fn width(length: usize) -> usize {
    match length {
        8.. => 8,
        4.. => 4,
        _ => 2,
    }
}

impl SealKey {
    /// A key made of 32 bytes that nobody can guess.
    ///
    /// # Panics
    /// Never: HMAC (RFC 2104) takes keys of any length.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(bytes).expect("HMAC takes keys of any length");
        let factor = |number: u8| {
            let drawn = Zeroizing::new(hash(mac.clone(), &[b"filter", &[number][..]]));
            u64::from_le_bytes(drawn[..8].try_into().expect("eight bytes are eight")) % PRIME
        };
        let factors = [factor(0), factor(1), factor(2)];
        Self { mac, factors }
    }

    /// The keyed hash of a text.
    pub fn imprint(&self, text: &[u8]) -> Imprint {
        let hash = hash(self.mac.clone(), &[b"imprint", text]);
        let mut imprint = [0; 16];
        imprint.copy_from_slice(&hash[..16]);
        Imprint(imprint)
    }

    /// The keyed hash of a sequence of texts, for purposes of which `purpose` is one.
    pub fn hash(&self, purpose: &str, texts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(b"hash");
        for text in std::iter::once(purpose.as_bytes()).chain(texts.iter().copied()) {
            mac.update(&(text.len() as u64).to_le_bytes());
            mac.update(text);
        }
        mac.finalize().into_bytes().into()
    }

    /// Sixteen bits of a keyed hash of up to eight bytes, in a few nanoseconds: a polynomial over the integers modulo 2^61-1.
    pub fn filter(&self, start: &[u8]) -> u16 {
        let mut bytes = [0; 8];
        let length = start.len().min(8);
        bytes[..length].copy_from_slice(&start[..length]);
        let text = u64::from_le_bytes(bytes);
        let [a, b, c] = self.factors.map(u128::from);
        let sum = a * u128::from(text >> 32) + b * u128::from(text & 0xffff_ffff) + c + length as u128;
        let hash = sum % u128::from(PRIME);
        // The upper bits: those below tell too much of a sum.
        u16::try_from(hash >> 45).unwrap_or(u16::MAX)
    }

    /// What tells one key of fingerprints from another.
    pub fn of_fingerprints(&self, key: &FingerprintKey) -> [u8; 32] {
        self.hash("fingerprint key", &[key.0.as_slice()])
    }
}

/// A Mersenne prime: 61 bits.
const PRIME: u64 = (1 << 61) - 1;

fn hash(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey")
    }
}

impl Sealed {
    /// Seals `secret`, whose fingerprints are made with `fingerprints`.
    pub(super) fn new(secret: &Secret, key: &SealKey, fingerprints: &FingerprintKey) -> Self {
        let form = |form: Vec<u8>| {
            let form = Zeroizing::new(form);
            let filter = key.filter(&form[..width(form.len()).min(form.len())]);
            SealedForm { length: form.len(), filter, imprint: key.imprint(&form) }
        };
        Self {
            imprint: key.imprint(secret.expose()),
            length: secret.len() as u64,
            redacted: secret.redacted(),
            fingerprint: secret.fingerprint(fingerprints).0,
            forms: secret.forms().into_iter().map(form).collect(),
        }
    }

    /// That of a credential of which no more than this is known. It is recognised in no text.
    pub(super) fn shown(redacted: &str, fingerprint: Fingerprint) -> Self {
        Self {
            imprint: Imprint(fingerprint.0),
            length: 0,
            redacted: redacted.to_owned(),
            fingerprint: fingerprint.0,
            forms: Vec::new(),
        }
    }

    /// See [`Secret::redacted`].
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    /// The forms by which it is recognised in a text.
    pub fn forms(&self) -> &[SealedForm] {
        &self.forms
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealKey {
        SealKey::new(&[7; 32])
    }

    #[test]
    fn a_sealed_credential_tells_what_the_text_tells() {
        let prints = FingerprintKey::new(b"ours");
        for text in ["hunter2", "made-up-token-value-1234", "a text\nof two lines", ""] {
            let secret = Secret::new(text);
            let sealed = secret.seal(&key(), &prints);
            assert_eq!(sealed.redacted(), secret.redacted());
            assert_eq!(sealed.len(), secret.len());
            assert_eq!(sealed.fingerprint(&prints), secret.fingerprint(&prints));
            assert_eq!(sealed, Secret::new(text).seal(&key(), &prints));
            assert_eq!(sealed.expose(), b"", "the text is gone");
        }
    }

    #[test]
    fn nothing_of_a_sealed_credential_holds_its_text() {
        let sealed = Secret::new("hunter2-hunter2").seal(&key(), &FingerprintKey::default());
        let stored = postcard::to_allocvec(&**sealed.sealed().unwrap()).unwrap();
        let shows = |part: &[u8]| stored.windows(part.len()).any(|window| window == part);
        assert!(!shows(b"hunt") && !format!("{sealed:?}").contains("hunt"));
    }

    #[test]
    fn sealed_credentials_differ_by_text_and_key() {
        let prints = FingerprintKey::default();
        let seal = |text: &str, key: &SealKey| Secret::new(text).seal(key, &prints);
        assert_ne!(seal("one", &key()), seal("two", &key()));
        assert_ne!(seal("one", &key()), seal("one", &SealKey::new(&[8; 32])));
    }

    #[test]
    fn the_filter_spreads() {
        let key = key();
        let mut seen: Vec<u16> = (0..1000_u32).map(|n| key.filter(format!("{n:08}").as_bytes())).collect();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 900, "{}", seen.len());
    }
}
