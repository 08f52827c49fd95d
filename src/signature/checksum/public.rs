//! The public half of a key: by it a private key, a certificate and the log of a server know each other.
//!
//! Whatever format it comes from, it is brought into the form that SSH sends (RFC 4253, section 6.6; RFC 5656; RFC 8709),
//! since `ssh-keygen -l` shows the hash of that form. It is nothing secret.

use sha2::{Digest as _, Sha256};

/// A public key in SSH's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicHalf(Vec<u8>);

/// Curves that SSH has names for: object identifier, SSH's name, the usual name, bits.
const CURVES: &[(&str, &str, &str, usize)] = &[
    ("1.2.840.10045.3.1.7", "nistp256", "P-256", 256),
    ("1.3.132.0.34", "nistp384", "P-384", 384),
    ("1.3.132.0.35", "nistp521", "P-521", 521),
    ("1.3.132.0.10", "secp256k1", "secp256k1", 256),
];

/// The usual name and the bits of a curve, by its object identifier or its SSH name.
pub(super) fn curve(id: &str) -> Option<(&'static str, usize)> {
    let row = CURVES.iter().find(|(oid, ssh, usual, _)| [oid, ssh, usual].contains(&&id))?;
    Some((row.2, row.3))
}

impl PublicHalf {
    /// What SSH itself sent.
    pub(super) fn of_ssh(blob: &[u8]) -> Self {
        Self(blob.to_vec())
    }

    /// Modulus and exponent, highest byte first.
    pub(super) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self([string(b"ssh-rsa"), number(exponent), number(modulus)].concat())
    }

    pub(super) fn of_dsa(numbers: [&[u8]; 4]) -> Self {
        Self([string(b"ssh-dss"), numbers.map(number).concat()].concat())
    }

    /// A point of the curve with that object identifier or name.
    pub(super) fn of_ec(curve: &str, point: &[u8]) -> Self {
        let known = CURVES.iter().find(|(oid, ssh, usual, _)| [oid, ssh, usual].contains(&&curve));
        let name = known.map_or(curve, |row| row.1);
        let kind = format!("ecdsa-sha2-{name}");
        Self([string(kind.as_bytes()), string(name.as_bytes()), string(point)].concat())
    }

    pub(super) fn of_ed25519(point: &[u8]) -> Self {
        Self([string(b"ssh-ed25519"), string(point)].concat())
    }

    /// As `ssh-keygen -l` shows it.
    pub(super) fn fingerprint(&self) -> String {
        use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
        format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(&self.0)))
    }
}

/// A string with its length before it (RFC 4251, section 5).
pub(super) fn string(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap_or_default().to_be_bytes(), text].concat()
}

/// A positive number (`mpint` of RFC 4251): no needless zeros, and one where the first bit would say that it is negative.
fn number(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let sign: &[u8] = if bytes.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    string(&[sign, bytes].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_no_needless_zeros() {
        assert_eq!(number(&[0, 0, 0x7f]), [0, 0, 0, 1, 0x7f]);
        assert_eq!(number(&[0x80]), [0, 0, 0, 2, 0, 0x80]);
        assert_eq!(number(&[0]), [0, 0, 0, 0]);
    }

    #[test]
    fn a_curve_is_known_by_each_of_its_names() {
        let point = [4; 65];
        let one = PublicHalf::of_ec("1.2.840.10045.3.1.7", &point);
        assert_eq!(one, PublicHalf::of_ec("nistp256", &point));
        assert_eq!(one, PublicHalf::of_ec("P-256", &point));
        assert_eq!(curve("P-521"), Some(("P-521", 521)));
    }
}
