//! The structure of private keys in DER (X.690), walked and not interpreted: tags, lengths that add up, versions, and
//! for RSA whether the modulus is the product of its primes.
//!
//! No arithmetic on secrets beyond that; whether a key belongs to a certificate is not known here.

/// What the structure of a key tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) algorithm: &'static str,
    pub(super) bits: Option<usize>,
    /// Whether numbers in the key agree with each other; `None` where there is nothing to compare.
    pub(super) agrees: Option<bool>,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// A run of DER elements.
#[derive(Clone, Copy)]
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// Tag and content of the next element, if its length fits what is there.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let length = match usize::from(*first) {
            short @ 0..=0x7f => short,
            0x81..=0x83 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((*tag, content))
    }

    fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// A number without its leading zero bytes.
    fn integer(&mut self) -> Option<&'a [u8]> {
        let content = self.read(INTEGER).filter(|content| !content.is_empty())?;
        let zeros = content.iter().take_while(|b| **b == 0).count();
        Some(&content[zeros..])
    }
}

/// The elements of a SEQUENCE that is all there is.
fn only_sequence(bytes: &[u8]) -> Option<Elements<'_>> {
    let mut outer = Elements(bytes);
    let inner = outer.read(SEQUENCE)?;
    outer.0.is_empty().then_some(Elements(inner))
}

/// `RSAPrivateKey` (RFC 8017, appendix A.1.2).
pub(super) fn pkcs1(bytes: &[u8]) -> Option<Facts> {
    let mut key = only_sequence(bytes)?;
    let version = key.integer()?;
    let modulus = key.integer()?;
    let (exponent, private) = (key.integer()?, key.integer()?);
    let (p, q) = (key.integer()?, key.integer()?);
    let rest = [key.integer()?, key.integer()?, key.integer()?];
    let fits =
        version.len() <= 1 && exponent.len() <= 8 && modulus.len() >= 32 && private.len() <= modulus.len();
    let primes = (p.len() + q.len()).abs_diff(modulus.len()) <= 1;
    let two_primes = version.is_empty();
    if !fits || rest.iter().any(|number| number.len() > modulus.len()) || (two_primes && !primes) {
        return None;
    }
    Some(Facts {
        algorithm: "RSA",
        bits: Some(bits(modulus)),
        agrees: two_primes.then(|| remainder(modulus) == multiplied(remainder(p), remainder(q))),
    })
}

/// `ECPrivateKey` (RFC 5915, section 3).
pub(super) fn sec1(bytes: &[u8]) -> Option<Facts> {
    let mut key = only_sequence(bytes)?;
    if key.integer()? != [1] {
        return None;
    }
    let scalar = key.read(OCTETS).filter(|scalar| matches!(scalar.len(), 14..=72))?;
    let mut public = None;
    while !key.0.is_empty() {
        match key.next()? {
            (0xa0, _) => {}
            (0xa1, point) => public = Elements(point).read(BIT_STRING),
            _ => return None,
        }
    }
    // A point is a byte for its form and one or two coordinates as long as the scalar.
    let size = scalar.len();
    let agrees =
        public.map(|point| matches!(point.len().checked_sub(2), Some(l) if l == size || l == 2 * size));
    Some(Facts { algorithm: "EC", bits: Some(size * 8), agrees })
}

/// The six numbers that OpenSSL writes for DSA: version, p, q, g, public, private.
pub(super) fn dsa(bytes: &[u8]) -> Option<Facts> {
    let mut key = only_sequence(bytes)?;
    let version = key.integer()?;
    let p = key.integer()?;
    let q = key.integer()?;
    let (g, public, private) = (key.integer()?, key.integer()?, key.integer()?);
    let fits =
        version.is_empty() && key.0.is_empty() && p.len() >= 64 && q.len() >= 16 && private.len() <= q.len();
    let agrees = Some(g.len() <= p.len() && public.len() <= p.len());
    fits.then_some(Facts { algorithm: "DSA", bits: Some(bits(p)), agrees })
}

/// `PrivateKeyInfo` (RFC 5208, section 5; RFC 5958, section 2), with the key inside where its kind is known.
pub(super) fn pkcs8(bytes: &[u8]) -> Option<Facts> {
    let mut info = only_sequence(bytes)?;
    if info.integer()?.len() > 1 {
        return None;
    }
    let algorithm = Elements(info.read(SEQUENCE)?).read(OID)?;
    let inner = info.read(OCTETS)?;
    while !info.0.is_empty() {
        info.next().filter(|(tag, _)| matches!(tag, 0x80 | 0x81 | 0xa0 | 0xa1))?;
    }
    let curve = |algorithm, size| {
        let secret = Elements(inner).read(OCTETS)?;
        (secret.len() == size).then_some(Facts { algorithm, bits: Some(size * 8), agrees: None })
    };
    match algorithm {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 1 | 7 | 10] => pkcs1(inner),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => sec1(inner),
        [0x2b, 0x65, 0x70] => curve("Ed25519", 32),
        [0x2b, 0x65, 0x6e] => curve("X25519", 32),
        [0x2b, 0x65, 0x71] => curve("Ed448", 57),
        [0x2b, 0x65, 0x6f] => curve("X448", 56),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => {
            Elements(inner).integer().map(|_| Facts { algorithm: "DSA", bits: None, agrees: None })
        }
        _ => (inner.len() >= 16).then_some(Facts { algorithm: "other", bits: None, agrees: None }),
    }
}

/// `EncryptedPrivateKeyInfo` (RFC 5208, section 6).
pub(super) fn pkcs8_encrypted(bytes: &[u8]) -> Option<Facts> {
    let mut info = only_sequence(bytes)?;
    Elements(info.read(SEQUENCE)?).read(OID)?;
    let sealed = info.read(OCTETS)?;
    let whole = info.0.is_empty() && sealed.len() >= 32;
    whole.then_some(Facts { algorithm: "encrypted", bits: None, agrees: None })
}

/// Whether `bytes` begin a SEQUENCE that is longer than what is there: the start of a key that was cut.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    match bytes {
        [SEQUENCE, 0x82, high, low, INTEGER | SEQUENCE, ..] => {
            usize::from(*high) << 8 | usize::from(*low) > bytes.len() - 4
        }
        [SEQUENCE, 0x81, length, INTEGER | SEQUENCE, ..] => usize::from(*length) > bytes.len() - 3,
        _ => false,
    }
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len() * 8 - unused
}

/// A Mersenne prime: two numbers with one remainder are the same number for our purpose.
const PRIME: u128 = (1 << 61) - 1;

fn remainder(number: &[u8]) -> u128 {
    number.iter().fold(0, |rest, byte| ((rest << 8) | u128::from(*byte)) % PRIME)
}

fn multiplied(a: u128, b: u128) -> u128 {
    a * b % PRIME
}

/// One element, for examples.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u16::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short.to_be_bytes()[1]),
        Ok(long) => out.extend([&[0x82][..], &long.to_be_bytes()].concat()),
        Err(_) => return Vec::new(),
    }
    out.extend_from_slice(content);
    out
}

/// A key of the right structure for examples, made of bytes that no generator drew: nothing can be signed with it.
pub(super) fn made_up(kind: &str, bytes: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<u8> {
    let sequence = |parts: &[Vec<u8>]| element(SEQUENCE, &parts.concat());
    let mut number = |size: usize| {
        let mut number = bytes(size);
        number[0] = number[0] & 0x3f | 0x40;
        number
    };
    match kind {
        "EC PRIVATE KEY" => {
            let curve = element(OID, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
            let point = [vec![0, 4], number(64)].concat();
            sequence(&[
                element(INTEGER, &[1]),
                element(OCTETS, &number(32)),
                element(0xa0, &curve),
                element(0xa1, &element(BIT_STRING, &point)),
            ])
        }
        "DSA PRIVATE KEY" => {
            let sizes = [128, 20, 128, 128, 20];
            let numbers = sizes.map(|size| element(INTEGER, &number(size)));
            sequence(&[vec![element(INTEGER, &[0])], numbers.to_vec()].concat())
        }
        "ENCRYPTED PRIVATE KEY" => {
            let method = element(OID, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d]);
            sequence(&[sequence(&[method]), element(OCTETS, &number(1232))])
        }
        "RSA PRIVATE KEY" => {
            let (p, q) = (number(128), number(128));
            let modulus = product(&p, &q);
            let rest = [256, 128, 128, 128].map(number);
            let exponent = vec![1, 0, 1];
            let numbers = [&vec![0], &modulus, &exponent, &rest[0], &p, &q, &rest[1], &rest[2], &rest[3]];
            sequence(&numbers.map(|number| element(INTEGER, number)))
        }
        _ => {
            let algorithm = element(OID, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]);
            let inner = made_up("RSA PRIVATE KEY", bytes);
            let algorithm = sequence(&[algorithm, element(0x05, &[])]);
            sequence(&[element(INTEGER, &[0]), algorithm, element(OCTETS, &inner)])
        }
    }
}

/// `a` times `b`, both with the highest byte first.
fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![0_u8; a.len() + b.len()];
    for (i, x) in a.iter().enumerate().rev() {
        let mut carry = 0_u16;
        for (j, y) in b.iter().enumerate().rev() {
            let sum = u16::from(*x) * u16::from(*y) + u16::from(out[i + j + 1]) + carry;
            out[i + j + 1] = sum.to_be_bytes()[1];
            carry = sum >> 8;
        }
        out[i] = carry.to_be_bytes()[1];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::checksum::codec::Filler;

    fn made(kind: &str) -> Vec<u8> {
        let mut filler = Filler::after(kind);
        made_up(kind, &mut |size| filler.bytes(size))
    }

    #[test]
    fn made_up_keys_have_the_structure_of_real_ones() {
        type Read = fn(&[u8]) -> Option<Facts>;
        let read: [(&str, Read); 5] = [
            ("RSA PRIVATE KEY", pkcs1),
            ("EC PRIVATE KEY", sec1),
            ("DSA PRIVATE KEY", dsa),
            ("ENCRYPTED PRIVATE KEY", pkcs8_encrypted),
            ("PRIVATE KEY", pkcs8),
        ];
        for (kind, read) in read {
            let key = made(kind);
            let facts = read(&key).unwrap_or_else(|| panic!("{kind}"));
            assert_ne!(facts.agrees, Some(false), "{kind}");
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
}
