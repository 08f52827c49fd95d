//! Private keys as text: PEM blocks of every kind, plain, escaped, or in base64 once more.
//!
//! The body, free of what stands around its letters, has to be base64 of the structure that the header names; what that
//! structure is, the crates of the formats know. A body of dots, of one letter or of a few characters is an example in
//! a text.

use super::armour::{headers, label, letters};
use super::codec::{Filler, LONGEST, base64_decode, base64_encode, crc24};
use super::der::{self, Structure};
use super::{Fact, Proof, Verdict, made_up, openpgp, openssh};

/// What a private key tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrivateKey {
    /// `RSA`, `EC P-256`, `DSA`, `Ed25519`, `OpenPGP RSA`, …
    pub kind: String,
    /// Size of the modulus or of the scalar, where it can be seen.
    pub bits: Option<usize>,
    /// Whether a passphrase protects it.
    pub encrypted: bool,
    /// What its owner wrote beside it, or the owner's name.
    pub comment: Option<String>,
    /// Hash of the public half, as `ssh-keygen -l` shows it, where that can be seen.
    pub public: Option<String>,
}

impl PrivateKey {
    /// The same for a report.
    pub(super) fn facts(&self) -> [Option<Fact>; 5] {
        [
            Fact::new("type", &self.kind),
            self.bits.and_then(|bits| Fact::new("bits", bits.to_string())),
            Fact::new("encrypted", if self.encrypted { "yes" } else { "no" }),
            self.comment.as_ref().and_then(|comment| Fact::new("comment", comment)),
            self.public.as_ref().and_then(|public| Fact::new(PUBLIC_KEY, public)),
        ]
    }
}

/// Name of the fact by which a key and a certificate know each other.
pub const PUBLIC_KEY: &str = "public key";

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
pub(super) fn check(text: &[u8]) -> Proof {
    match read(text) {
        Ok(key) => Proof::new(Verdict::Pass, key.facts()),
        Err(Flaw::Never) => Verdict::Fail.into(),
        Err(Flaw::Open) => Verdict::Unknown.into(),
    }
}

/// A whole block in base64 once more, as Kubernetes and CI systems keep one.
pub(super) fn check_encoded(text: &[u8]) -> Proof {
    let letters: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // A text that was cut ends in the middle of four letters.
    let whole = &letters[..letters.len() - letters.len() % 4];
    match base64_decode(&letters).or_else(|| base64_decode(whole)) {
        Some(block) => check(&block),
        None => Verdict::Unknown.into(),
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
        b"PGP PRIVATE KEY BLOCK" => return openpgp::openpgp(&letters).ok_or(open),
        _ => {}
    }
    let bytes = base64_decode(&letters).ok_or(open)?;
    let sealed = armour.legacy_encryption;
    let found = match label {
        b"RSA PRIVATE KEY" if sealed => sealed_body(&bytes, "RSA"),
        b"EC PRIVATE KEY" if sealed => sealed_body(&bytes, "EC"),
        b"DSA PRIVATE KEY" if sealed => sealed_body(&bytes, "DSA"),
        _ if sealed => sealed_body(&bytes, "other"),
        b"RSA PRIVATE KEY" => der::pkcs1(&bytes),
        b"EC PRIVATE KEY" => der::sec1(&bytes),
        b"DSA PRIVATE KEY" => der::dsa(&bytes),
        b"PRIVATE KEY" => der::pkcs8(&bytes),
        b"ENCRYPTED PRIVATE KEY" => der::pkcs8_encrypted(&bytes),
        b"OPENSSH PRIVATE KEY" => return openssh::openssh(&bytes).ok_or_else(|| flaw(&bytes)),
        b"ENCRYPTED SIGSTORE PRIVATE KEY" | b"ENCRYPTED COSIGN PRIVATE KEY" => sigstore(&bytes),
        _ => return Err(flaw(&bytes)),
    };
    match found {
        Some(Structure { agrees: Some(false), .. }) => Err(Flaw::Open),
        Some(structure) => Ok(of_structure(structure, sealed || label.starts_with(b"ENCRYPTED"))),
        // Writers mix up "RSA PRIVATE KEY" and "PRIVATE KEY": the other structures count as well.
        None => other_structure(&bytes).ok_or_else(|| flaw(&bytes)),
    }
}

fn of_structure(structure: Structure, encrypted: bool) -> PrivateKey {
    let Structure { kind, bits, public, .. } = structure;
    let public = public.map(|public| public.fingerprint());
    PrivateKey { kind, bits, encrypted, public, comment: None }
}

fn other_structure(bytes: &[u8]) -> Option<PrivateKey> {
    let plain = [der::pkcs1, der::sec1, der::pkcs8].into_iter().find_map(|read| read(bytes));
    if let Some(structure) = plain.filter(|structure| structure.agrees != Some(false)) {
        return Some(of_structure(structure, false));
    }
    openssh::openssh(bytes).or_else(|| der::pkcs8_encrypted(bytes).map(|sealed| of_structure(sealed, true)))
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
fn sealed_body(bytes: &[u8], kind: &str) -> Option<Structure> {
    let whole = bytes.len() >= 48 && bytes.len().is_multiple_of(8);
    whole.then(|| Structure::sealed(kind))
}

/// A JSON document that holds the sealed key.
fn sigstore(bytes: &[u8]) -> Option<Structure> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes).ok()?;
    object.contains_key("ciphertext").then(|| Structure::sealed("cosign"))
}

/// 256 bytes in hex.
fn openvpn(letters: &[u8]) -> Option<PrivateKey> {
    let whole =
        letters.len() == 512 && letters.iter().all(u8::is_ascii_hexdigit) && letters[1..] != letters[..511];
    whole.then(|| PrivateKey { kind: "OpenVPN".to_owned(), bits: Some(2048), ..PrivateKey::default() })
}

/// The body of a key of the kind whose header `so_far` ends with (its lines parted by what stands after the header),
/// or a whole block.
pub(super) fn complete(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let begun =
        so_far.rfind("-----BEGIN ").map(|at| &so_far[at + 11..]).filter(|begun| !begun.contains("-----END"));
    let Some((kind, after)) = begun.and_then(|begun| begun.split_once("-----")) else {
        let body = base64_encode(&made_up::der("PRIVATE KEY", &mut |size| filler.bytes(size)));
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
        "OPENSSH PRIVATE KEY" => made_up::openssh(&mut filler),
        "PGP PRIVATE KEY BLOCK" => {
            let bytes = made_up::openpgp(&mut filler);
            let sum = base64_encode(&crc24(&bytes).to_be_bytes()[1..]);
            return format!("{}{line_end}={sum}", folded(&base64_encode(&bytes), line_end));
        }
        "OpenVPN Static key V1" => return folded(&filler.text(b"0123456789abcdef", 512), line_end),
        _ if after.contains("ENCRYPTED") => filler.bytes(1200),
        _ => made_up::der(kind, &mut |size| filler.bytes(size)),
    };
    folded(&base64_encode(&bytes), line_end)
}

/// A whole block in base64, as it stands in a kubeconfig.
pub(super) fn complete_encoded(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let body = base64_encode(&made_up::der("RSA PRIVATE KEY", &mut |size| filler.bytes(size)));
    let (head, tail) =
        (concat!("-----", "BEGIN RSA PRIVATE KEY-----"), concat!("-----", "END RSA PRIVATE KEY-----"));
    super::codec::missing(
        so_far,
        &base64_encode(format!("{head}\n{}\n{tail}\n", folded(&body, "\n")).as_bytes()),
    )
}

pub(super) fn folded(letters: &str, line_end: &str) -> String {
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

    fn verdict(text: &[u8]) -> Verdict {
        check(text).verdict
    }

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
                assert_eq!(verdict(text.as_bytes()), Verdict::Pass, "{kind} {line_end:?}");
            }
            let strings = block(kind, "\n").replace('\n', "\\n\" +\n    \"");
            assert_eq!(verdict(format!("\"{strings}\"").as_bytes()), Verdict::Pass, "{strings}");
            let comment = block(kind, "\n").replace('\n', "\n// ");
            assert_eq!(verdict(comment.as_bytes()), Verdict::Pass, "{comment}");
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
            assert_eq!(verdict(text.as_bytes()), Verdict::Fail, "{why}");
        }
        assert_eq!(verdict(b"-----BEGIN RSA PRIVATE KEY-----"), Verdict::Fail);
        assert_eq!(verdict(&rsa.as_bytes()[..rsa.len() / 2]), Verdict::Unknown);
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
        assert_eq!((plain.kind.as_str(), plain.bits, plain.encrypted), ("RSA", Some(2046), false));
        assert!(private_key(block("ENCRYPTED PRIVATE KEY", "\n").as_bytes()).unwrap().encrypted);
    }

    #[test]
    fn a_label_of_the_wrong_kind_does_not_hide_a_key() {
        let text = block("RSA PRIVATE KEY", "\n").replace("RSA PRIVATE", "PRIVATE");
        assert_eq!(verdict(text.as_bytes()), Verdict::Pass);
    }

    #[test]
    fn a_block_in_base64_once_more_is_read() {
        let text = complete_encoded("");
        let proof = check_encoded(text.as_bytes());
        assert_eq!(proof.verdict, Verdict::Pass);
        assert!(proof.facts.iter().any(|fact| fact.name == "type" && fact.value == "RSA"));
        assert_eq!(check_encoded(&text.as_bytes()[..text.len() / 2]).verdict, Verdict::Unknown);
    }
}
