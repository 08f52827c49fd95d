//! Examples as templates: `ghp_{base62:30}{github-crc32}` stands for a token that nobody ever issued.
//!
//! A repository of rules full of working-looking tokens would set off every other scanner, so examples are expanded
//! when they are needed, by a small generator that gives the same text for the same seed. `{alphabet:length}` is random,
//! `{uuid}` and `{pem:kind}` too; `{checksum}` completes the token before it. Any other brace stands for itself.

use super::{Find, checksum};

/// Expands the template of a text and of what is looked for in it, which gets the same expansion in both.
pub fn expand_pair(text: &str, wanted: &[&str], seed: &str) -> (String, Vec<String>) {
    let mut random = Random::new(seed);
    let expanded: Vec<String> = wanted.iter().map(|wanted| expand_with(wanted, &mut random)).collect();
    let mut out = String::new();
    let mut rest = text;
    // Where two stand at one place the longer one is meant.
    let first = |rest: &str| {
        let places = wanted.iter().enumerate().filter_map(|(at, wanted)| Some((rest.find(wanted)?, at)));
        places.min_by_key(|(place, at)| (*place, std::cmp::Reverse(wanted[*at].len())))
    };
    while let Some((place, at)) = first(rest) {
        out.push_str(&expand_with(&rest[..place], &mut random));
        out.push_str(&expanded[at]);
        rest = &rest[place + wanted[at].len()..];
    }
    out.push_str(&expand_with(rest, &mut random));
    (out, expanded)
}

/// Expands the text of an example, its credential, which the text may have in base64, and its parts.
pub fn expand_find(find: &Find, seed: &str) -> (String, Vec<String>) {
    use base64::Engine as _;
    let wanted: Vec<&str> =
        std::iter::once(&find.secret).chain(find.parts.values()).map(String::as_str).collect();
    let (text, expanded) = expand_pair(&find.text, &wanted, seed);
    if !find.encoded {
        return (text, expanded);
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(&expanded[0]);
    (text.replace(&expanded[0], &encoded), expanded)
}

/// Expands one template.
pub fn expand(template: &str, seed: &str) -> String {
    expand_with(template, &mut Random::new(seed))
}

fn expand_with(template: &str, random: &mut Random) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let item = rest.find('}').and_then(|close| Some((close, fill(&rest[1..close], &out, random)?)));
        if let Some((close, filled)) = item {
            out.push_str(&filled);
            rest = &rest[close + 1..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out + rest
}

/// What stands for `{item}` after `before`, or none if that is no item.
fn fill(item: &str, before: &str, random: &mut Random) -> Option<String> {
    if item == "uuid" {
        let groups = [8, 4, 4, 4, 12].map(|length| random.text(b"0123456789abcdef", length));
        return Some(groups.join("-"));
    }
    if let Some(checksum) = checksum::named(item) {
        return Some((checksum.complete)(begun(before)));
    }
    let (name, argument) = item.split_once(':')?;
    if name == "pem" {
        return pem_body(argument, random);
    }
    let length: usize = argument.parse().ok().filter(|length| *length <= 8192)?;
    alphabet(name).map(|alphabet| random.text(alphabet, length))
}

/// The token that `before` ends with: an open PEM block, or what stands after the last delimiter.
fn begun(before: &str) -> &str {
    let armour = before.rfind("-----BEGIN ").map(|at| &before[at..]);
    if let Some(armour) = armour.filter(|armour| !armour.contains("-----END")) {
        return armour;
    }
    let delimiter = |c: char| c.is_whitespace() || "\"'=:,;/@<>()[]{}".contains(c);
    before.rsplit(delimiter).next().unwrap_or_default()
}

/// Every alphabet by its name, the widest before those that it contains.
pub(super) const ALPHABETS: &[(&str, &[u8])] = &[
    ("base64url", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    ("base64", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
    ("word", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"),
    ("base62", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ("base58", b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"),
    ("alnum", b"abcdefghijklmnopqrstuvwxyz0123456789"),
    ("ALNUM", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    ("base32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    ("lower", b"abcdefghijklmnopqrstuvwxyz"),
    ("upper", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("hex", b"0123456789abcdef"),
    ("HEX", b"0123456789ABCDEF"),
    ("digits", b"0123456789"),
];

fn alphabet(name: &str) -> Option<&'static [u8]> {
    ALPHABETS.iter().find(|(known, _)| *known == name).map(|(_, letters)| *letters)
}

/// A body for PEM armour with the structure of its kind and numbers that are no key.
fn pem_body(kind: &str, random: &mut Random) -> Option<String> {
    use base64::Engine as _;
    let der = match kind {
        "rsa" => rsa_key(random),
        "ec" => sequence(&[integer(&[1]), tlv(4, &random.bytes(32)), tlv(0xa0, &tlv(6, &P256))]),
        "pkcs8" => {
            let algorithm = sequence(&[tlv(6, &RSA_ENCRYPTION), tlv(5, &[])]);
            sequence(&[integer(&[0]), algorithm, tlv(4, &rsa_key(random))])
        }
        "ed25519" => {
            let algorithm = sequence(&[tlv(6, &ED25519)]);
            sequence(&[integer(&[0]), algorithm, tlv(4, &tlv(4, &random.bytes(32)))])
        }
        "openssh" => openssh_key(random),
        _ => return None,
    };
    let width = if kind == "openssh" { 70 } else { 64 };
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..encoded.len()).step_by(width).map(|at| &encoded[at..encoded.len().min(at + width)]).collect();
    Some(lines.join("\n"))
}

/// Object identifiers in DER: prime256v1 (RFC 5480), rsaEncryption (RFC 8017), id-Ed25519 (RFC 8410).
const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ED25519: [u8; 3] = [0x2b, 0x65, 0x70];

/// RFC 8017, appendix A.1.2: version, modulus, public exponent and six more integers, for 2048 bits.
fn rsa_key(random: &mut Random) -> Vec<u8> {
    let mut parts = vec![integer(&[0]), integer(&random.positive(256)), integer(&[1, 0, 1])];
    parts.push(integer(&random.positive(256)));
    parts.extend((0..5).map(|_| integer(&random.positive(128))));
    sequence(&parts)
}

/// OpenSSH PROTOCOL.key: an unencrypted Ed25519 key.
fn openssh_key(random: &mut Random) -> Vec<u8> {
    let string = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).expect("parts of a key are short");
        [&length.to_be_bytes()[..], bytes].concat()
    };
    let (public, private, check) = (random.bytes(32), random.bytes(32), random.bytes(4));
    let public_blob = [string(b"ssh-ed25519"), string(&public)].concat();
    let pair = [private, public.clone()].concat();
    let mut secret =
        [check.clone(), check, string(b"ssh-ed25519"), string(&public), string(&pair), string(b"made-up")]
            .concat();
    secret.extend((1..).take((8 - secret.len() % 8) % 8));
    let none = [string(b"none"), string(b"none"), string(b"")].concat();
    [&b"openssh-key-v1\0"[..], &none, &1_u32.to_be_bytes(), &string(&public_blob), &string(&secret)].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    tlv(2, bytes)
}

fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("parts of a key are short").to_be_bytes();
    match (length[0], length[1]) {
        (0, short @ 0..=127) => [&[tag, short], body].concat(),
        (0, byte) => [&[tag, 0x81, byte], body].concat(),
        (high, low) => [&[tag, 0x82, high, low], body].concat(),
    }
}

/// A generator of text that looks random and is the same for the same seed: SHA-256 in counter mode.
struct Random {
    seed: crate::digest::Digest,
    counter: u64,
    pool: Vec<u8>,
}

impl Random {
    fn new(seed: &str) -> Self {
        Self { seed: crate::digest::Digest::of(seed.as_bytes()), counter: 0, pool: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        if self.pool.is_empty() {
            let block = [&self.seed.bytes()[..], &self.counter.to_le_bytes()].concat();
            self.pool = crate::digest::Digest::of(&block).bytes().to_vec();
            self.counter += 1;
        }
        self.pool.pop().expect("the pool was just filled")
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    /// A big-endian number whose highest byte is neither zero nor negative.
    fn positive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = self.bytes(length);
        bytes[0] = bytes[0] & 0x3f | 0x40;
        bytes
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[usize::from(self.byte()) % alphabet.len()])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_text() {
        let template = "a {base62:20} {uuid} {hex:4} b";
        assert_eq!(expand(template, "one"), expand(template, "one"));
        assert_ne!(expand(template, "one"), expand(template, "two"));
        assert_eq!(expand(template, "one").len(), 66);
    }

    #[test]
    fn braces_of_json_stay() {
        let json = r#"{"auths":{"host":{"auth":"x"}}} ${NAME} {0} {nosuch:5}"#;
        assert_eq!(expand(json, "seed"), json);
    }

    #[test]
    fn the_credential_is_the_same_in_both() {
        let (text, found) =
            expand_pair("x={hex:8} y={hex:8}{hex:4} z={hex:9}", &["{hex:8}{hex:4}", "{hex:9}"], "seed");
        assert!(text.contains(&format!("y={} z={}", found[0], found[1])), "{text} {found:?}");
    }

    #[test]
    fn pem_bodies_are_base64_in_lines() {
        for kind in ["rsa", "ec", "pkcs8", "ed25519", "openssh"] {
            let body = expand(&format!("{{pem:{kind}}}"), "seed");
            assert!(body.lines().all(|line| (1..=70).contains(&line.len())), "{kind}: {body}");
        }
    }
}
