//! The small encodings that tokens are written in, and the sums at their ends.
//!
//! Everything here is linear in its input, and inputs past [`LONGEST`] bytes are refused: a checksum looks at one
//! token, never at a file. [`Filler`] makes the letters of examples: the same for the same text before them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Tokens, keys and documents longer than this are not judged.
pub(super) const LONGEST: usize = 64 * 1024;

/// Digits, upper, lower: the order in which GitHub, npm and Synapse count.
pub(super) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(super) const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
pub(super) const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(super) const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
pub(super) const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true)
    .with_encode_padding(false);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Base64 of either alphabet, with or without padding (RFC 4648, sections 4 and 5).
pub(super) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let url_safe = text.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    engine.decode(text).ok()
}

/// Base64 in the standard alphabet, padded.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Base64 in the alphabet for URLs, without padding.
pub(super) fn base64url_encode(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// Base32 in upper case without padding (RFC 4648, section 6); left-over bits are dropped.
pub(super) fn base32_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.iter().take(LONGEST) {
        bits = (bits << 5) | u32::from(position(BASE32, *byte)?);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Base32 in upper case without padding.
pub(super) fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = ((bits << 8) | u32::from(*byte)) & 0xfff;
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(BASE32[(bits >> count) as usize & 31]));
        }
    }
    if count > 0 {
        out.push(char::from(BASE32[(bits << (5 - count)) as usize & 31]));
    }
    out
}

/// `number` in the digits of `alphabet`, filled up on the left to `width`.
pub(super) fn in_base(alphabet: &[u8], mut number: u64, width: usize) -> String {
    let base = alphabet.len() as u64;
    let mut digits = Vec::new();
    while number > 0 || digits.len() < width {
        let digit = usize::try_from(number % base).unwrap_or_default();
        digits.push(char::from(alphabet[digit]));
        number /= base;
    }
    digits.into_iter().rev().collect()
}

/// The value of a digit in `alphabet`.
pub(super) fn position(alphabet: &[u8], byte: u8) -> Option<u8> {
    u8::try_from(alphabet.iter().position(|candidate| *candidate == byte)?).ok()
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0 (Stellar's SEP-0023 and NATS nkeys, low byte first in both).
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |start: u16, byte| {
        (0..8).fold(start ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// CRC-24 of `OpenPGP`'s armour (RFC 9580, section 6.1.1).
pub(super) fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |start: u32, byte| {
        (0..8).fold(start ^ (u32::from(*byte) << 16), |crc, _| {
            let shifted = crc << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4cfb }
        })
    })
}

/// The part of `whole` that is missing after `so_far`, which may end with the first part of it.
pub(super) fn missing(so_far: &str, whole: &str) -> String {
    let overlap = (0..=whole.len().min(so_far.len()))
        .rev()
        .find(|length| whole.is_char_boundary(*length) && so_far.ends_with(&whole[..*length]));
    whole[overlap.unwrap_or(0)..].to_owned()
}

/// The last `count` bytes of `text`, or all of it.
pub(super) fn last(text: &str, count: usize) -> &str {
    text.get(text.len().saturating_sub(count)..).unwrap_or(text)
}

/// The token that `text` ends with: its last letters, digits and `others`.
pub(super) fn last_word<'a>(text: &'a str, others: &str) -> &'a str {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || others.contains(c));
    text.rsplit(ends).next().unwrap_or_default()
}

/// Whether every byte of a text that is not empty is a digit of `alphabet`.
pub(super) fn all_in(alphabet: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| alphabet.contains(byte))
}

/// A text without the spaces, quotes and padding that a loose pattern may have left around it.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let around = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`');
    let start = text.iter().position(|b| !around(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !around(b)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Letters for examples, which look random and are the same for the same text before them.
pub(super) struct Filler(u64);

impl Filler {
    pub(super) fn after(so_far: &str) -> Self {
        Self(u64::from(crc32fast::hash(so_far.as_bytes())) | 1 << 40)
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number().to_le_bytes()[3]).collect()
    }

    pub(super) fn text(&mut self, alphabet: &[u8], count: usize) -> String {
        let size = alphabet.len() as u64;
        let digit = |number: u64| usize::try_from(number % size).unwrap_or_default();
        (0..count).map(|_| char::from(alphabet[digit(self.number())])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_their_published_check_values() {
        // The catalogue of parametrised CRC algorithms gives these for the text "123456789".
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
    }

    #[test]
    fn base32_reads_what_it_wrote() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37)).collect();
            assert_eq!(base32_decode(base32_encode(&bytes).as_bytes()).unwrap(), bytes);
        }
        assert_eq!(base32_encode(b"foobar"), "MZXW6YTBOI"); // RFC 4648, section 10
    }

    #[test]
    fn only_what_is_missing_is_added() {
        assert_eq!(missing("x=abc", "abcdef"), "def");
        assert_eq!(missing("x=", "abcdef"), "abcdef");
        assert_eq!(missing("abcdef", "abcdef"), "");
    }
}
