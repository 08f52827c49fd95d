//! The digests by which package managers name the content of their files: MD5, SHA-1 and SHA-256.
//!
//! Of each only the first eight bytes are kept: enough to tell a few hundred thousand files apart, and a list of them stays
//! small. Whoever could find a second content for one could also write a list that names it.

use std::num::NonZeroU64;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;

/// The first eight bytes of a digest of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Head(NonZeroU64);

impl Head {
    /// The head of a digest written in hexadecimal: 32, 40 or 64 digits.
    pub(super) fn of_hex(text: &[u8]) -> Option<Self> {
        if !matches!(text.len(), 32 | 40 | 64) || !text.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = std::str::from_utf8(&text[..16]).ok()?;
        u64::from_str_radix(digits, 16).ok().map(Self::new)
    }

    /// The head of a digest written in base64, of either alphabet, padded or not.
    pub(super) fn of_base64(text: &[u8]) -> Option<Self> {
        let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let bare = text[..end].get(..44.min(end))?;
        let bytes =
            BASE64_STANDARD_NO_PAD.decode(bare).or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(bare)).ok()?;
        if end > 44 || !matches!(bytes.len(), 16 | 20 | 32) {
            return None;
        }
        Some(Self::of(&bytes))
    }

    fn of(digest: &[u8]) -> Self {
        Self::new(digest.iter().take(8).fold(0, |head, byte| head << 8 | u64::from(*byte)))
    }

    /// What `hash` makes of it: equal for equal heads, and all that is asked of one.
    #[must_use]
    pub fn hashed(self, hash: impl Fn(u64) -> u64) -> Self {
        Self::new(hash(self.0.get()))
    }

    /// Zero has no room of its own: it counts as one.
    fn new(head: u64) -> Self {
        Self(NonZeroU64::new(head).unwrap_or(NonZeroU64::MIN))
    }
}

/// What any list may call one content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads([Head; 3]);

impl Heads {
    /// The digests of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self([
            Head::of(&Md5::digest(content)),
            Head::of(&Sha1::digest(content)),
            Head::of(&Sha256::digest(content)),
        ])
    }

    /// What `hash` makes of each of them.
    #[must_use]
    pub fn hashed(self, hash: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(|head| head.hashed(&hash)))
    }

    /// Whether one of them is `head`.
    pub fn contains(&self, head: Head) -> bool {
        self.0.contains(&head)
    }
}

impl IntoIterator for Heads {
    type Item = Head;
    type IntoIter = std::array::IntoIter<Head, 3>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_digest_names_the_content() {
        let heads = Heads::of(b"abc");
        let named = |head: Option<Head>| head.is_some_and(|head| heads.contains(head));
        assert!(named(Head::of_hex(b"900150983cd24fb0d6963f7d28e17f72")));
        assert!(named(Head::of_hex(b"a9993e364706816aba3e25717850c26c9cd0d89d")));
        assert!(named(Head::of_hex(b"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")));
        assert!(named(Head::of_base64(b"qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")));
        assert!(named(Head::of_base64(b"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")));
        assert!(!named(Head::of_hex(b"910150983cd24fb0d6963f7d28e17f72")));
    }

    #[test]
    fn what_is_no_digest_has_no_head() {
        for text in ["", "900150983cd24fb0", "zz0150983cd24fb0d6963f7d28e17f72", "qZk+", "====", "é"] {
            assert_eq!(
                (Head::of_hex(text.as_bytes()), Head::of_base64(text.as_bytes())),
                (None, None),
                "{text}"
            );
        }
    }
}
