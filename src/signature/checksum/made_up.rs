//! Keys for examples: of the right structure, made of bytes that no generator drew. Nothing can be signed with them.

use super::codec::Filler;
use super::public::string;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// The DER of a key with the label `kind`; a PKCS#8 one for a label that is not known.
pub(super) fn der(kind: &str, bytes: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<u8> {
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
            let inner = der("RSA PRIVATE KEY", bytes);
            let algorithm = sequence(&[algorithm, element(0x05, &[])]);
            sequence(&[element(INTEGER, &[0]), algorithm, element(OCTETS, &inner)])
        }
    }
}

/// A certificate that is signed by nobody: for the name `made-up`, until 2040.
pub(super) fn certificate(bytes: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<u8> {
    let sequence = |parts: &[Vec<u8>]| element(SEQUENCE, &parts.concat());
    let oid = |bytes: &[u8]| element(OID, bytes);
    let ed25519 = sequence(&[oid(&[0x2b, 0x65, 0x70])]);
    let common_name = sequence(&[oid(&[0x55, 0x04, 0x03]), element(0x0c, b"made-up")]);
    let name = sequence(&[element(0x31, &common_name)]);
    let validity = sequence(&[element(0x17, b"200101000000Z"), element(0x17, b"400101000000Z")]);
    let bits = |bytes: Vec<u8>| element(BIT_STRING, &[vec![0], bytes].concat());
    let key = sequence(&[ed25519.clone(), bits(bytes(32))]);
    let version = element(0xa0, &element(INTEGER, &[2]));
    let body = [version, element(INTEGER, &[1]), ed25519.clone(), name.clone(), validity, name, key];
    sequence(&[sequence(&body), ed25519, bits(bytes(512))])
}

/// One element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u16::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short.to_be_bytes()[1]),
        Ok(short @ 0x80..=0xff) => out.extend([0x81, short.to_be_bytes()[1]]),
        Ok(long) => out.extend([&[0x82][..], &long.to_be_bytes()].concat()),
        Err(_) => return Vec::new(),
    }
    out.extend_from_slice(content);
    out
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

/// OpenSSH's own format, an Ed25519 key.
pub(super) fn openssh(filler: &mut Filler) -> Vec<u8> {
    let point = filler.bytes(32);
    let public = [string(b"ssh-ed25519"), string(&point)].concat();
    let check = filler.bytes(4);
    let secret = string(&[filler.bytes(32), point].concat());
    let mut private = [check.clone(), check, public.clone(), secret, string(b"made-up")].concat();
    private.extend((1..8).take((8 - private.len() % 8) % 8));
    let head = [b"openssh-key-v1\0".to_vec(), string(b"none"), string(b"none"), string(b"")].concat();
    [head, vec![0, 0, 0, 1], string(&public), string(&private)].concat()
}

/// `OpenPGP`: a secret RSA key of version 4 that no passphrase protects, and its owner.
pub(super) fn openpgp(filler: &mut Filler) -> Vec<u8> {
    let mut number = |size: u16| {
        let mut bytes = filler.bytes(size.into());
        bytes[0] |= 0x80;
        [(size * 8).to_be_bytes().to_vec(), bytes].concat()
    };
    let head = vec![4, 0x60, 0, 0, 0, 1];
    let numbers =
        [number(256), vec![0, 17, 1, 0, 1], vec![0], number(256), number(128), number(128), number(128)];
    let body = [head, numbers.concat(), vec![0, 0]].concat();
    let owner = b"Made Up <made-up@example.invalid>";
    let packet = |tag: u8, body: &[u8]| {
        [&[0x81 | tag << 2][..], &u16::try_from(body.len()).unwrap_or_default().to_be_bytes(), body].concat()
    };
    [packet(5, &body), packet(13, owner)].concat()
}
