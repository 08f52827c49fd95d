//! Private keys as SSH's programs keep them: OpenSSH's own format, read by `ssh-key`, and `PuTTY`'s, whose lines are read
//! here and whose public half `ssh-key` reads.

use ssh_key::public::KeyData;

use super::codec::{Filler, LONGEST, base64_decode, base64_encode};
use super::pem::PrivateKey;
use super::public::{PublicHalf, curve, string};
use super::{Proof, Verdict, der};

/// OpenSSH's own format (PROTOCOL.key in its sources). The numbers that tell a wrong passphrase are equal, the public
/// half is the one that belongs to the private one, and the padding is right; of a sealed key only the public half is
/// read.
pub(super) fn openssh(bytes: &[u8]) -> Option<PrivateKey> {
    let key = ssh_key::PrivateKey::from_bytes(bytes).ok()?;
    let mut found = of_public(key.public_key())?;
    found.encrypted = key.is_encrypted();
    found.comment = Some(key.comment().to_owned());
    Some(found)
}

/// What the public half tells.
fn of_public(key: &ssh_key::PublicKey) -> Option<PrivateKey> {
    let (kind, bits) = match key.key_data() {
        KeyData::Rsa(rsa) => ("RSA".to_owned(), Some(der::bits(rsa.n.as_bytes()))),
        KeyData::Dsa(dsa) => ("DSA".to_owned(), Some(der::bits(dsa.p.as_bytes()))),
        KeyData::Ed25519(_) => ("Ed25519".to_owned(), Some(256)),
        KeyData::Ecdsa(ecdsa) => match curve(ecdsa.curve().as_str()) {
            Some((name, bits)) => (format!("EC {name}"), Some(bits)),
            None => ("EC".to_owned(), None),
        },
        // A key on a token: the file alone signs nothing, which its type says.
        other => (other.algorithm().as_str().to_owned(), None),
    };
    let public = PublicHalf::of_ssh(&key.to_bytes().ok()?);
    Some(PrivateKey { kind, bits, public: Some(public.fingerprint()), ..PrivateKey::default() })
}

/// `PuTTY`'s format: as many lines as it says, a public half of the kind that it says, private numbers that fill the
/// private lines unless a passphrase seals them, and a MAC.
pub(super) fn putty(text: &[u8]) -> Proof {
    let Ok(text) = std::str::from_utf8(&text[..text.len().min(LONGEST)]) else {
        return Verdict::Unknown.into();
    };
    let text = text.replace("\\r", "").replace("\\n", "\n");
    let file = Lines(text.lines().map(|line| line.trim_matches(['"', ' ', '\t', '\r', ','])).collect());
    if file.value("Private-Lines").is_none() {
        return Verdict::Unknown.into();
    }
    let mac = file
        .value("Private-MAC")
        .is_some_and(|mac| mac.len() >= 40 && mac.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let Some(private) = file.block("Private-Lines").filter(|_| mac) else {
        return Verdict::Fail.into();
    };
    let public = file.block("Public-Lines").and_then(|public| ssh_key::PublicKey::from_bytes(&public).ok());
    let Some((key, mut found)) = public.and_then(|key| of_public(&key).map(|found| (key, found))) else {
        return Verdict::Unknown.into();
    };
    found.encrypted = file.value("Encryption") != Some("none");
    found.comment = file.value("Comment").map(str::to_owned);
    let kind = ["PuTTY-User-Key-File-3", "PuTTY-User-Key-File-2"].iter().find_map(|name| file.value(name));
    let whole = found.encrypted || numbers(&private) == Some(if key.key_data().is_rsa() { 4 } else { 1 });
    let agrees = kind == Some(key.algorithm().as_str()) && whole;
    Proof::new(if agrees { Verdict::Pass } else { Verdict::Unknown }, found.facts())
}

/// How many strings with their length before them the bytes are, if nothing else is there.
fn numbers(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        bytes = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?.1;
        count += 1;
    }
    Some(count)
}

/// Lines `Name: value`, some of which say how many lines of base64 follow.
struct Lines<'t>(Vec<&'t str>);

impl<'t> Lines<'t> {
    fn value(&self, name: &str) -> Option<&'t str> {
        self.0.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// What the lines of base64 behind such a line hold; none if they are not as many as it says.
    fn block(&self, name: &str) -> Option<Vec<u8>> {
        let start = self.0.iter().position(|line| line.starts_with(name))?;
        let count = self.value(name)?.parse().ok().filter(|count| (1..=200).contains(count))?;
        let lines = self.0.get(start + 1..)?.get(..count)?;
        let ends = self.0.get(start + 1 + count).is_none_or(|line| line.contains(": "));
        base64_decode(lines.concat().as_bytes()).filter(|_| ends)
    }
}

/// What stands behind the comment of a `PuTTY` key of kind `ssh-ed25519` that is not encrypted.
pub(super) fn complete_putty(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let public = [string(b"ssh-ed25519"), string(&filler.bytes(32))].concat();
    let public = base64_encode(&public);
    let private = base64_encode(&string(&filler.bytes(32)));
    let mac = filler.text(b"0123456789abcdef", 64);
    format!(
        "Public-Lines: 2\n{}\n{}\nPrivate-Lines: 1\n{private}\nPrivate-MAC: {mac}",
        &public[..64],
        &public[64..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: a key\n";

    #[test]
    fn a_putty_key_tells_what_it_is() {
        let key = format!("{HEAD}{}", complete_putty(""));
        let proof = putty(key.as_bytes());
        assert_eq!(proof.verdict, Verdict::Pass);
        let value = |name| proof.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
        assert_eq!((value("type"), value("comment")), (Some("Ed25519"), Some("a key")));
        assert_eq!(putty(key.replace('\n', "\\r\\n").as_bytes()), proof);
        assert_eq!(putty(key.replace('\n', "\r\n").as_bytes()), proof);
    }

    #[test]
    fn a_putty_key_has_as_many_lines_as_it_says() {
        let key = format!("{HEAD}{}", complete_putty(""));
        assert_eq!(
            putty(key.replace("Private-Lines: 1", "Private-Lines: 2").as_bytes()).verdict,
            Verdict::Fail
        );
        assert_eq!(putty(key.replace("ssh-ed25519", "ssh-rsa").as_bytes()).verdict, Verdict::Unknown);
        let sealed = key.replace("Encryption: none", "Encryption: aes256-cbc");
        let facts = putty(sealed.as_bytes()).facts;
        assert!(facts.iter().any(|fact| fact.name == "encrypted" && fact.value == "yes"));
    }
}
