//! Secret keys of `OpenPGP` in armour (RFC 9580, section 6): the packets at their beginning, as far as they are in the
//! clear.
//!
//! The libraries that read all of it bring every algorithm along; what is asked here is the kind of the first packet,
//! the size of its numbers, and whether a passphrase seals them.

use super::codec::{base64_decode, crc24};
use super::der;
use super::pem::PrivateKey;

const SECRET_KEY: u8 = 5;
const SECRET_SUBKEY: u8 = 7;
const USER_ID: u8 = 13;

/// Reads the letters of a block, with the sum behind them if there is one.
pub(super) fn openpgp(letters: &[u8]) -> Option<PrivateKey> {
    let (body, sum) = match letters.split_last_chunk::<5>() {
        Some((body, sum)) if sum[0] == b'=' && sum[1] != b'=' => (body, base64_decode(&sum[1..])),
        _ => (letters, None),
    };
    let bytes = base64_decode(body)?;
    if sum.is_some_and(|sum| crc24(&bytes).to_be_bytes()[1..] != sum[..]) || bytes.len() < 40 {
        return None;
    }
    let mut rest = bytes.as_slice();
    let (tag, key) = packet(&mut rest)?;
    if !matches!(tag, SECRET_KEY | SECRET_SUBKEY) {
        return None;
    }
    let mut found = secret_key(key);
    // Signatures may stand between the key and its first owner.
    found.comment = std::iter::from_fn(|| packet(&mut rest))
        .take(8)
        .find(|(tag, _)| *tag == USER_ID)
        .map(|(_, owner)| String::from_utf8_lossy(owner).into_owned());
    Some(found)
}

/// Tag and content of the next packet (section 4.2); the content of the last one may be cut.
fn packet<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (first, after) = rest.split_first()?;
    let (tag, sizes) = match first {
        0xc0..=0xff => (first & 0x3f, None),
        0x80..=0xbf => ((first >> 2) & 0x0f, Some(1_usize << (first & 3))),
        _ => return None,
    };
    let (length, after) = match (sizes, after) {
        (Some(size @ 1..=4), after) => {
            let (bytes, after) = after.split_at_checked(size)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), after)
        }
        (Some(_), after) => (after.len(), after),
        (None, [one @ 0..=191, after @ ..]) => (usize::from(*one), after),
        (None, [one @ 192..=223, two, after @ ..]) => {
            ((usize::from(*one) - 192) * 256 + usize::from(*two) + 192, after)
        }
        (None, [255, a, b, c, d, after @ ..]) => {
            (usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?, after)
        }
        _ => return None,
    };
    let (content, after) = after.split_at(length.min(after.len()));
    *rest = after;
    Some((tag, content))
}

/// A secret key packet (section 5.5.3) of version 4 or 6.
fn secret_key(key: &[u8]) -> PrivateKey {
    let unknown = PrivateKey { kind: "OpenPGP".to_owned(), ..PrivateKey::default() };
    let (algorithm, mut rest) = match key {
        [4, _, _, _, _, algorithm, rest @ ..] | [6, _, _, _, _, algorithm, _, _, _, _, rest @ ..] => {
            (*algorithm, rest)
        }
        _ => return unknown,
    };
    let (kind, numbers, curve) = match algorithm {
        1..=3 => ("RSA", 2, false),
        16 => ("Elgamal", 3, false),
        17 => ("DSA", 4, false),
        18 | 19 | 22 => ("EC", 1, true),
        25..=28 => ("EC", 0, false),
        _ => return unknown,
    };
    let fixed = match algorithm {
        25 | 27 => 32,
        26 => 56,
        28 => 57,
        _ => 0,
    };
    let mut bits = None;
    let mut skip = || {
        if curve {
            let (length, after) = rest.split_first()?;
            rest = after.get(usize::from(*length)..)?;
        }
        for _ in 0..numbers {
            let number = number(&mut rest)?;
            bits = bits.or_else(|| (!curve).then(|| der::bits(number)));
        }
        rest = rest.get(fixed..)?;
        if algorithm == 18 {
            let (length, after) = rest.split_first()?;
            rest = after.get(usize::from(*length)..)?;
        }
        rest.first()
    };
    let usage = skip().copied();
    let kind = format!("OpenPGP {kind}");
    PrivateKey { kind, bits, encrypted: usage.is_some_and(|usage| usage != 0), ..unknown }
}

/// A number with its bits before it (section 3.2).
fn number<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (bits, after) = rest.split_first_chunk::<2>()?;
    let (number, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))?;
    *rest = after;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::checksum::codec::{Filler, base64_encode};
    use crate::signature::checksum::made_up;

    #[test]
    fn a_key_tells_its_owner_and_whether_it_is_sealed() {
        let mut bytes = made_up::openpgp(&mut Filler::after("x"));
        let plain = openpgp(base64_encode(&bytes).as_bytes()).unwrap();
        assert_eq!((plain.kind.as_str(), plain.bits, plain.encrypted), ("OpenPGP RSA", Some(2048), false));
        assert_eq!(plain.comment.as_deref(), Some("Made Up <made-up@example.invalid>"));
        let usage = 3 + 6 + 258 + 5;
        assert_eq!(bytes[usage], 0);
        bytes[usage] = 254;
        assert!(openpgp(base64_encode(&bytes).as_bytes()).unwrap().encrypted);
        for cut in 0..bytes.len() {
            let _ = openpgp(base64_encode(&bytes[..cut]).as_bytes());
        }
    }

    #[test]
    fn a_wrong_sum_is_no_key() {
        let bytes = made_up::openpgp(&mut Filler::after("x"));
        let body = base64_encode(&bytes);
        let sum = base64_encode(&crc24(&bytes).to_be_bytes()[1..]);
        assert!(openpgp(format!("{body}={sum}").as_bytes()).is_some());
        assert!(openpgp(format!("{body}=AAAA").as_bytes()).is_none());
    }
}
