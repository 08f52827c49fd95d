//! Private keys in DER: read by the crates of their formats, and asked whether their numbers agree.
//!
//! No arithmetic on secrets beyond whether RSA's modulus is the product of its primes, which no crate tells without a
//! library of big numbers; whether a key belongs to a certificate is not known here.

use der::asn1::{OctetStringRef, UintRef};
use der::{Decode, Reader, SliceReader, asn1::ObjectIdentifier};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use spki::AlgorithmIdentifierRef;

use super::public::{PublicHalf, curve};

/// What the structure of a key tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Structure {
    /// `RSA`, `EC P-256`, `Ed25519`, …
    pub(super) kind: String,
    pub(super) bits: Option<usize>,
    /// Whether numbers in the key agree with each other; `None` where there is nothing to compare.
    pub(super) agrees: Option<bool>,
    pub(super) public: Option<PublicHalf>,
}

impl Structure {
    /// A key of which nothing but its kind can be seen.
    pub(super) fn sealed(kind: &str) -> Self {
        Self { kind: kind.to_owned(), bits: None, agrees: None, public: None }
    }
}

/// `RSAPrivateKey` (RFC 8017, appendix A.1.2).
pub(super) fn pkcs1(bytes: &[u8]) -> Option<Structure> {
    let key = RsaPrivateKeyRef::try_from(bytes).ok()?;
    let [modulus, exponent, private] =
        [key.modulus, key.public_exponent, key.private_exponent].map(|number| number.as_bytes());
    let [p, q] = [key.prime1, key.prime2].map(|number| number.as_bytes());
    let rest = [key.exponent1, key.exponent2, key.coefficient].map(|number| number.as_bytes());
    let two_primes = key.other_prime_infos.is_none();
    let fits = exponent.len() <= 8 && modulus.len() >= 32 && private.len() <= modulus.len();
    let primes = (p.len() + q.len()).abs_diff(modulus.len()) <= 1;
    if !fits || rest.iter().any(|number| number.len() > modulus.len()) || (two_primes && !primes) {
        return None;
    }
    Some(Structure {
        kind: "RSA".to_owned(),
        bits: Some(bits(modulus)),
        agrees: two_primes.then(|| remainder(modulus) == multiplied(remainder(p), remainder(q))),
        public: Some(PublicHalf::of_rsa(modulus, exponent)),
    })
}

/// `ECPrivateKey` (RFC 5915, section 3).
pub(super) fn sec1(bytes: &[u8]) -> Option<Structure> {
    ec(bytes, None)
}

/// The same inside PKCS#8, which names the curve outside.
fn ec(bytes: &[u8], outer: Option<ObjectIdentifier>) -> Option<Structure> {
    let key = EcPrivateKey::try_from(bytes).ok()?;
    let size = Some(key.private_key.len()).filter(|size| (14..=72).contains(size))?;
    let named = key.parameters.and_then(sec1::EcParameters::named_curve).or(outer).map(|oid| oid.to_string());
    let known = named.as_deref().and_then(curve);
    // A point is a byte for its form and one or two coordinates as long as the scalar.
    let fits = |point: &[u8]| matches!(point.len().checked_sub(1), Some(l) if l == size || l == 2 * size);
    Some(Structure {
        kind: known.map_or("EC".to_owned(), |(name, _)| format!("EC {name}")),
        bits: Some(known.map_or(size * 8, |(_, bits)| bits)),
        agrees: key.public_key.map(fits),
        public: named.zip(key.public_key).map(|(curve, point)| PublicHalf::of_ec(&curve, point)),
    })
}

/// The six numbers that OpenSSL writes for DSA: version, p, q, g, public, private.
pub(super) fn dsa(bytes: &[u8]) -> Option<Structure> {
    let numbers = whole(bytes, |reader| {
        reader.sequence(|reader| {
            let mut numbers = [&[][..]; 6];
            for number in &mut numbers {
                *number = UintRef::decode(reader)?.as_bytes();
            }
            Ok(numbers)
        })
    });
    let [version, p, q, g, public, private] = numbers?;
    let fits = matches!(version, [] | [0]) && p.len() >= 64 && q.len() >= 16 && private.len() <= q.len();
    fits.then(|| Structure {
        kind: "DSA".to_owned(),
        bits: Some(bits(p)),
        agrees: Some(g.len() <= p.len() && public.len() <= p.len()),
        public: Some(PublicHalf::of_dsa([p, q, g, public])),
    })
}

/// `PrivateKeyInfo` (RFC 5208, section 5; RFC 5958, section 2), with the key inside where its kind is known.
pub(super) fn pkcs8(bytes: &[u8]) -> Option<Structure> {
    let info = PrivateKeyInfoRef::try_from(bytes).ok()?;
    let inner = info.private_key.as_bytes();
    let public = info.public_key.and_then(|bits| bits.as_bytes());
    let curve = |kind: &str, size: usize| {
        let secret = <&OctetStringRef>::from_der(inner).ok()?;
        let public = public.filter(|_| kind == "Ed25519").map(PublicHalf::of_ed25519);
        (secret.as_bytes().len() == size).then(|| Structure {
            bits: Some(size * 8),
            public,
            ..Structure::sealed(kind)
        })
    };
    match info.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.7" | "1.2.840.113549.1.1.10" => pkcs1(inner),
        "1.2.840.10045.2.1" => ec(inner, info.algorithm.parameters_oid().ok()),
        "1.3.101.112" => curve("Ed25519", 32),
        "1.3.101.110" => curve("X25519", 32),
        "1.3.101.113" => curve("Ed448", 57),
        "1.3.101.111" => curve("X448", 56),
        "1.2.840.10040.4.1" => UintRef::from_der(inner).ok().map(|_| Structure::sealed("DSA")),
        other => (inner.len() >= 16).then(|| Structure::sealed(other)),
    }
}

/// `EncryptedPrivateKeyInfo` (RFC 5208, section 6), whatever the method: `pkcs8` knows only those that it could undo.
pub(super) fn pkcs8_encrypted(bytes: &[u8]) -> Option<Structure> {
    let sealed = whole(bytes, |reader| {
        reader.sequence(|reader| {
            AlgorithmIdentifierRef::decode(reader)?;
            <&OctetStringRef>::decode(reader)
        })
    })?;
    (sealed.as_bytes().len() >= 32).then(|| Structure::sealed("PKCS#8"))
}

/// What `read` takes, if nothing is left behind it.
fn whole<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut SliceReader<'a>) -> der::Result<T>) -> Option<T> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let value = read(&mut reader).ok()?;
    reader.finish().ok().map(|()| value)
}

/// Whether `bytes` begin a SEQUENCE that is longer than what is there: the start of a key that was cut.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    const INTEGER: u8 = 0x02;
    const SEQUENCE: u8 = 0x30;
    match bytes {
        [SEQUENCE, 0x82, high, low, INTEGER | SEQUENCE, ..] => {
            usize::from(*high) << 8 | usize::from(*low) > bytes.len() - 4
        }
        [SEQUENCE, 0x81, length, INTEGER | SEQUENCE, ..] => usize::from(*length) > bytes.len() - 3,
        _ => false,
    }
}

/// Bits of a number without leading zero bytes.
pub(super) fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize)
}

/// A Mersenne prime: two numbers with one remainder are the same number for our purpose.
const PRIME: u128 = (1 << 61) - 1;

fn remainder(number: &[u8]) -> u128 {
    number.iter().fold(0, |rest, byte| ((rest << 8) | u128::from(*byte)) % PRIME)
}

fn multiplied(a: u128, b: u128) -> u128 {
    a * b % PRIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::checksum::codec::Filler;
    use crate::signature::checksum::made_up;

    fn made(kind: &str) -> Vec<u8> {
        let mut filler = Filler::after(kind);
        made_up::der(kind, &mut |size| filler.bytes(size))
    }

    #[test]
    fn made_up_keys_have_the_structure_of_real_ones() {
        type Read = fn(&[u8]) -> Option<Structure>;
        let read: [(&str, Read); 5] = [
            ("RSA PRIVATE KEY", pkcs1),
            ("EC PRIVATE KEY", sec1),
            ("DSA PRIVATE KEY", dsa),
            ("ENCRYPTED PRIVATE KEY", pkcs8_encrypted),
            ("PRIVATE KEY", pkcs8),
        ];
        for (kind, read) in read {
            let key = made(kind);
            let structure = read(&key).unwrap_or_else(|| panic!("{kind}"));
            assert_ne!(structure.agrees, Some(false), "{kind}");
            for cut in 0..key.len() {
                assert_eq!(read(&key[..cut]), None, "{kind} cut at {cut}");
            }
            assert_eq!(read(&[key, vec![0]].concat()), None, "{kind}");
        }
    }

    #[test]
    fn a_modulus_that_is_no_product_of_the_primes_is_told() {
        let mut key = made("RSA PRIVATE KEY");
        assert_eq!(pkcs1(&key).unwrap().agrees, Some(true));
        assert_eq!(pkcs1(&key).unwrap().bits, Some(2046));
        key[40] ^= 1;
        assert_eq!(pkcs1(&key).unwrap().agrees, Some(false));
    }

    #[test]
    fn a_key_and_its_wrapping_have_one_public_half() {
        let mut filler = Filler::after("x");
        let inner = made_up::der("RSA PRIVATE KEY", &mut |size| filler.bytes(size));
        let mut filler = Filler::after("x");
        let outer = made_up::der("PRIVATE KEY", &mut |size| filler.bytes(size));
        let public = pkcs1(&inner).unwrap().public;
        assert!(public.is_some() && public == pkcs8(&outer).unwrap().public);
    }
}
