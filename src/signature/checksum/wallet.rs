//! Keys of wallets and of peers: base58check, bech32, CRC16 and the range of a curve.

use sha2::{Digest as _, Sha256};

use super::Verdict;
use super::codec::{
    BASE32, BASE58, Filler, base32_decode, base32_encode, crc16, last, last_word, missing, position, trimmed,
};

/// Longer texts are no base58check: the decoding is quadratic.
const LONGEST_BASE58: usize = 128;

/// Base58 whose last four bytes are the head of the double SHA-256 of the rest: WIF, xprv, XRP seeds in Bitcoin's
/// alphabet.
pub(super) fn base58check(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let Some(bytes) = base58_decode(token) else {
        return Verdict::Fail;
    };
    let Some((payload, sum)) = bytes.split_last_chunk::<4>().filter(|(payload, _)| payload.len() >= 17)
    else {
        return Verdict::Fail;
    };
    Verdict::from(double_sha256(payload) == *sum)
}

fn double_sha256(payload: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(Sha256::digest(payload));
    [digest[0], digest[1], digest[2], digest[3]]
}

fn base58_decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST_BASE58 {
        return None;
    }
    let mut out: Vec<u8> = Vec::new(); // lowest byte first
    for byte in text {
        let mut carry = u32::from(position(BASE58, *byte)?);
        for digit in &mut out {
            carry += u32::from(*digit) * 58;
            *digit = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            out.push(carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    out.extend(text.iter().take_while(|b| **b == b'1').map(|_| 0));
    out.reverse();
    Some(out)
}

fn base58_encode(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).unwrap_or_default();
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).unwrap_or_default());
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|b| **b == 0).map(|_| '1');
    zeros.chain(digits.iter().rev().map(|digit| char::from(BASE58[usize::from(*digit)]))).collect()
}

/// A key for imports (a version byte, 32 bytes and for the short form a one), or an extended key after `xprv`.
pub(super) fn complete_base58check(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let mut payload = if so_far.ends_with("xprv") {
        [vec![0x04, 0x88, 0xad, 0xe4], filler.bytes(74)].concat()
    } else if so_far.ends_with('5') {
        [vec![0x80], filler.bytes(32)].concat()
    } else {
        [vec![0x80], filler.bytes(32), vec![1]].concat()
    };
    payload.extend(double_sha256(&payload));
    missing(so_far, &base58_encode(&payload))
}

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Bech32 and bech32m (BIP 173, BIP 350), of any length: age keys, nsec, Cosmos.
pub(super) fn bech32(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let lower = token.to_ascii_lowercase();
    let mixed = token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    let Some(one) = lower.iter().rposition(|b| *b == b'1').filter(|at| *at > 0 && !mixed) else {
        return Verdict::Fail;
    };
    let values: Option<Vec<u8>> = lower[one + 1..].iter().map(|b| position(BECH32, *b)).collect();
    Verdict::from(values.is_some_and(|values| {
        values.len() >= 12 && matches!(polymod(&lower[..one], &values), 1 | 0x2bc8_30a3)
    }))
}

/// The sum of BIP 173 over prefix and values.
fn polymod(prefix: &[u8], values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = prefix.iter().map(|b| b >> 5);
    let low = prefix.iter().map(|b| b & 31);
    high.chain([0]).chain(low).chain(values.iter().copied()).fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let mut next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        for (bit, generator) in GENERATOR.iter().enumerate() {
            next ^= generator * ((top >> bit) & 1);
        }
        next
    })
}

/// The six letters that end the token which `so_far` ends with.
pub(super) fn complete_bech32(so_far: &str) -> String {
    let word = last_word(so_far, "-");
    let lower = word.to_ascii_lowercase();
    let Some((prefix, data)) = lower.rsplit_once('1') else {
        return String::new();
    };
    let mut values: Vec<u8> = data.bytes().filter_map(|b| position(BECH32, b)).collect();
    values.extend([0; 6]);
    let sum = polymod(prefix.as_bytes(), &values) ^ 1;
    let letter = |at: u32| char::from(BECH32[(sum >> (5 * (5 - at))) as usize & 31]);
    let tail: String = (0..6).map(letter).collect();
    if word.bytes().any(|b| b.is_ascii_uppercase()) { tail.to_ascii_uppercase() } else { tail }
}

/// Stellar's secret keys: base32 of a version byte, 32 bytes and CRC16 (SEP-0023).
pub(super) fn stellar(token: &[u8]) -> Verdict {
    let bytes = base32_decode(trimmed(token)).filter(|bytes| bytes.len() == 35);
    Verdict::from(bytes.is_some_and(|bytes| bytes[0] == 18 << 3 && sum16_agrees(&bytes)))
}

pub(super) fn complete_stellar(so_far: &str) -> String {
    let payload = [vec![18 << 3], Filler::after(so_far).bytes(32)].concat();
    missing(so_far, &with_sum16(payload))
}

/// Seeds of NATS (nkeys): two bytes for "seed" and the role, 32 bytes, CRC16.
pub(super) fn nats_seed(token: &[u8]) -> Verdict {
    let bytes = base32_decode(trimmed(token)).filter(|bytes| bytes.len() == 36);
    Verdict::from(bytes.is_some_and(|bytes| bytes[0] & 0xf8 == 18 << 3 && sum16_agrees(&bytes)))
}

/// The rest of a seed that begins `SU`, `SA`, `SO`, …
pub(super) fn complete_nats_seed(so_far: &str) -> String {
    let role = match last(so_far, 2).as_bytes() {
        [b'S', role] => position(BASE32, *role).unwrap_or(20),
        _ => 20,
    };
    let payload = [vec![18 << 3 | role >> 2, role << 6], Filler::after(so_far).bytes(32)].concat();
    missing(so_far, &with_sum16(payload))
}

fn sum16_agrees(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<2>().is_some_and(|(payload, sum)| crc16(payload).to_le_bytes() == *sum)
}

fn with_sum16(mut payload: Vec<u8>) -> String {
    payload.extend(crc16(&payload).to_le_bytes());
    base32_encode(&payload)
}

/// 32 bytes in hex, as a number between 1 and the order of secp256k1 (SEC 2, section 2.4.1).
pub(super) fn secp256k1(token: &[u8]) -> Verdict {
    const ORDER: &[u8; 64] = b"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let token = trimmed(token).to_ascii_lowercase();
    let token = token.strip_prefix(b"0x").unwrap_or(&token);
    let hex = token.len() == 64 && token.iter().all(u8::is_ascii_hexdigit);
    Verdict::from(hex && token < ORDER.as_slice() && token[..48].iter().any(|b| *b != b'0'))
}

pub(super) fn complete_secp256k1(so_far: &str) -> String {
    let digits = Filler::after(so_far).text(b"0123456789abcdef", 63);
    format!("{}7{digits}", if so_far.ends_with("0x") { "" } else { "0x" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_keys_agree() {
        // The key of the wiki page on WIF, and the test vector of BIP 173 with the shortest data that we accept.
        let wif = ["5HueCGU8rMjxEXxiPuD5BDku4MkF", "qeZyd4dZ1jvhTVqvbTLvyTJ"].concat();
        assert_eq!(base58check(wif.as_bytes()), Verdict::Pass);
        assert_eq!(base58check(wif.replace('D', "E").as_bytes()), Verdict::Fail);
        let address = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
        assert_eq!(bech32(address.as_bytes()), Verdict::Pass);
        assert_eq!(bech32(address.to_uppercase().as_bytes()), Verdict::Pass);
        assert_eq!(bech32(address.replace('8', "9").as_bytes()), Verdict::Fail);
    }

    #[test]
    fn seeds_begin_with_the_letters_of_their_role() {
        for start in ["SU", "SA", "SO", "SN", "SC"] {
            let seed = format!("{start}{}", complete_nats_seed(start));
            assert_eq!((seed.len(), nats_seed(seed.as_bytes())), (58, Verdict::Pass), "{seed}");
        }
        let key = complete_stellar("");
        assert!(key.starts_with('S') && key.len() == 56, "{key}");
    }

    #[test]
    fn a_scalar_stays_under_the_order() {
        assert_eq!(secp256k1("f".repeat(64).as_bytes()), Verdict::Fail);
        assert_eq!(secp256k1(format!("{}1", "0".repeat(63)).as_bytes()), Verdict::Fail);
    }
}
