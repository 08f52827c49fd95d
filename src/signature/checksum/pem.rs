//! Private keys as text: PEM blocks of every kind, OpenSSH, `OpenPGP`, `OpenVPN` and `PuTTY`.
//!
//! The body, free of what stands around its letters, has to be base64 of the structure that the header names. A body
//! of dots, of one letter or of a few characters is an example in a text.

use super::Verdict;
use super::armour::{headers, label, letters};
use super::codec::{Filler, LONGEST, base64_decode, base64_encode, crc24};
use super::der::{self, Facts};

/// What a private key tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateKey {
    /// `RSA`, `EC`, `DSA`, `Ed25519`, `OpenSSH`, `OpenPGP`, …
    pub algorithm: &'static str,
    /// Size of the modulus or of the scalar, where it can be seen.
    pub bits: Option<usize>,
    /// Whether a passphrase protects it.
    pub encrypted: bool,
}

/// Why a block is no whole key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// It cannot be one.
    Never,
    /// It is cut, damaged or of a kind that is not known here.
    Open,
}

/// Reads the first PEM block in `text`. `None` if it is not the whole of a key whose structure is known.
pub fn private_key(text: &[u8]) -> Option<PrivateKey> {
    read(text).ok()
}

/// Passes a block whose structure is that of its header's kind; fails one whose body is empty, short, dotted or
/// something else.
pub(super) fn check(text: &[u8]) -> Verdict {
    match read(text) {
        Ok(_) => Verdict::Pass,
        Err(Flaw::Never) => Verdict::Fail,
        Err(Flaw::Open) => Verdict::Unknown,
    }
}

fn read(text: &[u8]) -> Result<PrivateKey, Flaw> {
    let text = &text[..text.len().min(LONGEST)];
    let (label, after) = label(text).ok_or(Flaw::Never)?;
    let end = memchr::memmem::find(after, b"-----END");
    let (armour, rest) = headers(&after[..end.unwrap_or(after.len())]);
    let letters = letters(rest).ok_or(Flaw::Never)?;
    let open = if end.is_none() && letters.len() >= 64 { Flaw::Open } else { Flaw::Never };
    match label {
        b"OpenVPN Static key V1" => return openvpn(&letters).ok_or(open),
        b"PGP PRIVATE KEY BLOCK" => return openpgp(&letters).ok_or(open),
        _ => {}
    }
    let bytes = base64_decode(&letters).ok_or(open)?;
    let sealed = armour.legacy_encryption;
    let found = match label {
        _ if sealed => sealed_body(&bytes),
        b"RSA PRIVATE KEY" => der::pkcs1(&bytes),
        b"EC PRIVATE KEY" => der::sec1(&bytes),
        b"DSA PRIVATE KEY" => der::dsa(&bytes),
        b"PRIVATE KEY" => der::pkcs8(&bytes),
        b"ENCRYPTED PRIVATE KEY" => der::pkcs8_encrypted(&bytes),
        b"OPENSSH PRIVATE KEY" => return openssh(&bytes).ok_or_else(|| flaw(&bytes)),
        b"ENCRYPTED SIGSTORE PRIVATE KEY" | b"ENCRYPTED COSIGN PRIVATE KEY" => sigstore(&bytes),
        _ => return Err(flaw(&bytes)),
    };
    match found {
        Some(Facts { agrees: Some(false), .. }) => Err(Flaw::Open),
        Some(facts) => Ok(PrivateKey {
            algorithm: facts.algorithm,
            bits: facts.bits,
            encrypted: sealed || label.starts_with(b"ENCRYPTED"),
        }),
        // Writers mix up "RSA PRIVATE KEY" and "PRIVATE KEY": the other structures count as well.
        None => other_structure(&bytes).ok_or_else(|| flaw(&bytes)),
    }
}

fn other_structure(bytes: &[u8]) -> Option<PrivateKey> {
    let facts = [der::pkcs1, der::sec1, der::pkcs8].into_iter().find_map(|read| read(bytes))?;
    let encrypted = false;
    Some(PrivateKey { algorithm: facts.algorithm, bits: facts.bits, encrypted })
}

/// A body that is no known structure: open if it is as long and as mixed as a key, or begins like one.
fn flaw(bytes: &[u8]) -> Flaw {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    let mixed = bytes.len() >= 96 && distinct >= 64;
    if mixed || (bytes.len() >= 48 && distinct >= 24 && der::is_cut(bytes)) {
        Flaw::Open
    } else {
        Flaw::Never
    }
}

/// The body of a PEM block that is encrypted as a whole: whole cipher blocks.
fn sealed_body(bytes: &[u8]) -> Option<Facts> {
    let whole = bytes.len() >= 48 && bytes.len().is_multiple_of(8);
    whole.then_some(Facts { algorithm: "encrypted", bits: None, agrees: None })
}

/// A JSON document that holds the sealed key.
fn sigstore(bytes: &[u8]) -> Option<Facts> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes).ok()?;
    object.contains_key("ciphertext").then_some(Facts { algorithm: "encrypted", bits: None, agrees: None })
}

/// OpenSSH's own format (PROTOCOL.key in its sources): cipher, key derivation, public keys, private part.
fn openssh(bytes: &[u8]) -> Option<PrivateKey> {
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = string(&mut rest)?;
    let derivation = string(&mut rest)?;
    string(&mut rest)?;
    let (count, after) = rest.split_first_chunk::<4>()?;
    rest = after;
    if !matches!(u32::from_be_bytes(*count), 1..=16) {
        return None;
    }
    let mut public = string(&mut rest)?;
    let private = string(&mut rest)?;
    let encrypted = cipher != b"none";
    if encrypted != (derivation != b"none") || private.len() < 32 {
        return None;
    }
    // The two numbers are equal when the private part is readable.
    if !encrypted && private[..4] != private[4..8] {
        return None;
    }
    let algorithm = match string(&mut public)? {
        b"ssh-rsa" => "RSA",
        b"ssh-dss" => "DSA",
        b"ssh-ed25519" => "Ed25519",
        kind if kind.starts_with(b"ecdsa") => "EC",
        _ => "OpenSSH",
    };
    Some(PrivateKey { algorithm, bits: None, encrypted })
}

/// A string with its length before it (RFC 4251, section 5).
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

/// `OpenPGP`'s armour (RFC 9580, section 6): a secret-key packet first, and the sum at the end if there is one.
fn openpgp(letters: &[u8]) -> Option<PrivateKey> {
    let (body, sum) = match letters.split_last_chunk::<5>() {
        Some((body, sum)) if sum[0] == b'=' && sum[1] != b'=' => (body, base64_decode(&sum[1..])),
        _ => (letters, None),
    };
    let bytes = base64_decode(body)?;
    if sum.is_some_and(|sum| crc24(&bytes).to_be_bytes()[1..] != sum[..]) || bytes.len() < 40 {
        return None;
    }
    let tag = match bytes[0] {
        new @ 0xc0..=0xff => new & 0x3f,
        old @ 0x80..=0xbf => (old >> 2) & 0x0f,
        _ => return None,
    };
    matches!(tag, 5 | 7).then_some(PrivateKey { algorithm: "OpenPGP", bits: None, encrypted: false })
}

/// 256 bytes in hex.
fn openvpn(letters: &[u8]) -> Option<PrivateKey> {
    let whole =
        letters.len() == 512 && letters.iter().all(u8::is_ascii_hexdigit) && letters[1..] != letters[..511];
    whole.then_some(PrivateKey { algorithm: "OpenVPN", bits: Some(2048), encrypted: false })
}

/// `PuTTY`'s format: as many lines as it says, of base64, and a MAC.
pub(super) fn putty(text: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(&text[..text.len().min(LONGEST)]) else {
        return Verdict::Unknown;
    };
    let mut lines = text.lines().map(str::trim);
    let Some(count) = lines.by_ref().find_map(|line| line.strip_prefix("Private-Lines: ")) else {
        return Verdict::Unknown;
    };
    let count = count.parse::<usize>().unwrap_or_default();
    let body: Vec<&str> = lines.by_ref().take(count.min(1_000)).collect();
    let whole = count > 0
        && body.len() == count
        && base64_decode(body.concat().as_bytes()).is_some_and(|b| b.len() >= 16);
    let mac = lines.next().and_then(|line| line.strip_prefix("Private-MAC: "));
    Verdict::from(
        whole && mac.is_some_and(|mac| mac.len() >= 40 && mac.bytes().all(|b| b.is_ascii_hexdigit())),
    )
}

/// Private lines and MAC for a `PuTTY` key whose public lines `so_far` ends with.
pub(super) fn complete_putty(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let body = base64_encode(&filler.bytes(96));
    let mac = filler.text(b"0123456789abcdef", 64);
    format!("Private-Lines: 2\n{}\n{}\nPrivate-MAC: {mac}", &body[..64], &body[64..])
}

/// The body of a key of the kind whose header `so_far` ends with (its lines parted by what stands after the header),
/// or a whole block.
pub(super) fn complete(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let begun =
        so_far.rfind("-----BEGIN ").map(|at| &so_far[at + 11..]).filter(|begun| !begun.contains("-----END"));
    let Some((kind, after)) = begun.and_then(|begun| begun.split_once("-----")) else {
        let body = base64_encode(&der::made_up("PRIVATE KEY", &mut |size| filler.bytes(size)));
        let (head, tail) =
            (concat!("-----", "BEGIN PRIVATE KEY-----"), concat!("-----", "END PRIVATE KEY-----"));
        return format!("{head}\n{}\n{tail}", folded(&body, "\n"));
    };
    let line_end = if after.trim_matches(['\\', 'r', 'n', ' ', '\n', '\t']).is_empty() && !after.is_empty() {
        after
    } else {
        "\n"
    };
    let bytes = match kind {
        "OPENSSH PRIVATE KEY" => made_up_openssh(&mut filler),
        "PGP PRIVATE KEY BLOCK" => {
            let bytes = [vec![0x95, 1, 0x54], filler.bytes(340)].concat();
            let sum = base64_encode(&crc24(&bytes).to_be_bytes()[1..]);
            return format!("{}{line_end}={sum}", folded(&base64_encode(&bytes), line_end));
        }
        "OpenVPN Static key V1" => return folded(&filler.text(b"0123456789abcdef", 512), line_end),
        _ if after.contains("ENCRYPTED") => filler.bytes(1200),
        _ => der::made_up(kind, &mut |size| filler.bytes(size)),
    };
    folded(&base64_encode(&bytes), line_end)
}

fn made_up_openssh(filler: &mut Filler) -> Vec<u8> {
    let string = |text: &[u8]| [&u32::try_from(text.len()).unwrap_or_default().to_be_bytes(), text].concat();
    let point = filler.bytes(32);
    let public = [string(b"ssh-ed25519"), string(&point)].concat();
    let check = filler.bytes(4);
    let secret = string(&[filler.bytes(32), point].concat());
    let private =
        [check.clone(), check, public.clone(), secret, string(b"made-up"), vec![1, 2, 3, 4]].concat();
    let head = [b"openssh-key-v1\0".to_vec(), string(b"none"), string(b"none"), string(b"")].concat();
    [head, vec![0, 0, 0, 1], string(&public), string(&private)].concat()
}

fn folded(letters: &str, line_end: &str) -> String {
    let lines: Vec<&str> =
        (0..letters.len()).step_by(64).map(|at| &letters[at..letters.len().min(at + 64)]).collect();
    lines.join(line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 8] = [
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
        "OpenVPN Static key V1",
    ];

    fn block(kind: &str, line_end: &str) -> String {
        let head = format!("-----BEGIN {kind}-----{line_end}");
        let body = complete(&head);
        format!("{head}{body}{line_end}-----END {kind}-----")
    }

    #[test]
    fn keys_of_every_kind_pass_however_their_lines_are_parted() {
        for kind in KINDS {
            for line_end in ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\n    ", " "] {
                let text = block(kind, line_end);
                assert_eq!(check(text.as_bytes()), Verdict::Pass, "{kind} {line_end:?}");
            }
            let strings = block(kind, "\n").replace('\n', "\\n\" +\n    \"");
            assert_eq!(check(format!("\"{strings}\"").as_bytes()), Verdict::Pass, "{strings}");
            let comment = block(kind, "\n").replace('\n', "\n// ");
            assert_eq!(check(comment.as_bytes()), Verdict::Pass, "{comment}");
        }
    }

    #[test]
    fn what_only_looks_like_a_block_fails() {
        let rsa = block("RSA PRIVATE KEY", "\n");
        for (body, why) in [
            ("", "empty"),
            ("...", "dots"),
            ("MIIEpAIBAAKCAQEA", "short"),
            ("MIIEpAIBAAKCAQEA...", "cut off by dots"),
            (&"A".repeat(800), "one letter"),
            ("<your key here>", "words"),
            ("\" + key + \"", "an expression"),
        ] {
            let text = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----");
            assert_eq!(check(text.as_bytes()), Verdict::Fail, "{why}");
        }
        assert_eq!(check(b"-----BEGIN RSA PRIVATE KEY-----"), Verdict::Fail);
        assert_eq!(check(&rsa.as_bytes()[..rsa.len() / 2]), Verdict::Unknown);
    }

    #[test]
    fn a_passphrase_is_told() {
        let head = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n";
        let sealed = base64_encode(&Filler::after("x").bytes(1200));
        for text in [
            format!("{head}{}\n-----END RSA PRIVATE KEY-----", folded(&sealed, "\n")),
            format!("{head}{}\n-----END RSA PRIVATE KEY-----", folded(&sealed, "\n")).replace('\n', "\\n"),
            format!("{head}{}\n-----END RSA PRIVATE KEY-----", folded(&sealed, "\n")).replace('\n', " "),
        ] {
            assert!(private_key(text.as_bytes()).unwrap().encrypted, "{text}");
        }
        let plain = private_key(block("RSA PRIVATE KEY", "\n").as_bytes()).unwrap();
        assert_eq!((plain.algorithm, plain.bits, plain.encrypted), ("RSA", Some(2046), false));
        assert!(private_key(block("ENCRYPTED PRIVATE KEY", "\n").as_bytes()).unwrap().encrypted);
    }

    #[test]
    fn a_label_of_the_wrong_kind_does_not_hide_a_key() {
        let text = block("RSA PRIVATE KEY", "\n").replace("RSA PRIVATE", "PRIVATE");
        assert_eq!(check(text.as_bytes()), Verdict::Pass);
    }

    #[test]
    fn a_putty_key_has_as_many_lines_as_it_says() {
        let key = format!("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n{}", complete_putty(""));
        assert_eq!(putty(key.as_bytes()), Verdict::Pass);
        assert_eq!(putty(key.replace("Lines: 2", "Lines: 3").as_bytes()), Verdict::Fail);
    }
}
