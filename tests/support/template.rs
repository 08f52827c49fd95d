//! Made-up credentials from templates, so that the repository holds nothing that looks like a live one.
//!
//! `ghp_{base62:30}{github-crc32}` becomes a token with a right checksum. The text depends on the template and the
//! seed alone.

use sha2::{Digest as _, Sha256};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const ALPHABETS: &[(&str, &[u8])] = &[
    ("base62", BASE62),
    ("base32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    (
        "base64",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    ),
    ("hex", b"0123456789abcdef"),
    ("digits", b"0123456789"),
];

/// Fills `{alphabet:n}` and `{github-crc32}` of `template`.
pub(crate) fn expand(template: &str, seed: &str) -> String {
    let mut out = String::new();
    let mut noise = Noise::new(seed);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (field, after) = after.split_once('}').expect("a template's field is closed");
        rest = after;
        if field == "github-crc32" {
            let start = out.rfind('_').map_or(0, |at| at + 1);
            out += &base62(crc32fast::hash(&out.as_bytes()[start..]), 6);
            continue;
        }
        let (alphabet, count) = field
            .split_once(':')
            .expect("a template's field is `alphabet:count`");
        let (_, alphabet) = ALPHABETS
            .iter()
            .find(|(name, _)| *name == alphabet)
            .unwrap_or_else(|| panic!("no alphabet {alphabet}"));
        let count: usize = count.parse().expect("a template's count is a number");
        out.extend(
            noise
                .by_ref()
                .take(count)
                .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()])),
        );
    }
    out + rest
}

/// The number in base 62, padded with zeros: the last six characters of GitHub's tokens are the CRC-32 of the rest
/// (GitHub, "Behind GitHub's new authentication token formats", 2021).
fn base62(mut number: u32, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    String::from_utf8(digits).unwrap()
}

/// Endless bytes from a seed: SHA-256 of the seed and a counter.
pub(crate) struct Noise {
    seed: String,
    block: u64,
    ready: Vec<u8>,
}

impl Noise {
    pub(crate) fn new(seed: &str) -> Self {
        Self {
            seed: seed.to_owned(),
            block: 0,
            ready: Vec::new(),
        }
    }
}

impl Iterator for Noise {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.ready.is_empty() {
            self.ready = Sha256::digest(format!("{}/{}", self.seed, self.block)).to_vec();
            self.block += 1;
        }
        self.ready.pop()
    }
}
