//! Keystores: PKCS#12, and Java's JKS and JCEKS. A private key in one that has no password, or one that everybody tries
//! first, is a key in the clear: it is shown in PEM, with its name and what opened it. One that stays locked is told in a line.

mod cipher;
mod jks;
mod password;
mod pkcs12;
mod tlv;

use std::io::BufRead;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::cipher::{Budget, Opened};
use super::{Decoder, Fault, Head, Part, Visitor, whole};
use crate::limits::Limit;

/// See the module.
pub(super) const JKS: Decoder = Decoder {
    name: "jks",
    about: "Java keystores, JKS and JCEKS: private and secret keys without a password or with a default one",
    is: |head| jks::is(head.bytes),
    decode: decode_jks,
};

/// See the module.
pub(super) const PKCS12: Decoder = Decoder {
    name: "pkcs12",
    about: "PKCS#12 keystores: private keys without a password or with a default one",
    is: |head| pkcs12::is(head.bytes),
    decode: decode_pkcs12,
};

/// Something in a keystore.
#[derive(Debug)]
enum Found {
    /// A key in the clear, in PKCS#8.
    Plain { name: String, key: Vec<u8> },
    /// A key that a password protects.
    Locked { name: String, key: Protected, secret: bool },
    /// A certificate, in DER.
    Certificate(Vec<u8>),
}

impl Found {
    fn plain(name: String, key: &[u8]) -> Self {
        Self::Plain { name, key: key.to_vec() }
    }
}

/// Bytes, and how they are encrypted: the inside of an `AlgorithmIdentifier`.
#[derive(Debug)]
struct Protected {
    algorithm: Vec<u8>,
    data: Vec<u8>,
}

/// Rounds of hashing that one file may cost: less than a second. A keystore of today takes 10,000 a password.
const ROUNDS: u64 = 4_000_000;

fn decode_jks(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let bytes = whole(body, visitor)?;
    let mut store = jks::read(&bytes);
    let mut attempts = Attempts::new(head.path);
    // Trying the password of the store costs nothing.
    if let Some(index) = attempts.passwords.iter().position(|password| jks::opens(&bytes, password)) {
        attempts.works(index);
    } else {
        // A secret key has the password of its store in practice, and costs so much that only few could be tried.
        store.found.retain(|found| !matches!(found, Found::Locked { secret: true, .. }));
    }
    let text = attempts.text("JKS", &store.found);
    if !text.is_empty() && visitor.visit(Part::Plain(JKS.name), &mut text.as_bytes()).is_break() {
        return Ok(());
    }
    attempts.fault()?;
    match store.stopped {
        None => Ok(()),
        Some(at) => Err(Fault::unsupported(format!(
            "an entry of another kind, or damage, at byte {at} of the keystore"
        ))),
    }
}

fn decode_pkcs12(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let bytes = whole(body, visitor)?;
    let Some(mut store) = pkcs12::read(&bytes) else {
        return Err(Fault::damaged("the structure of the keystore is damaged"));
    };
    let mut attempts = Attempts::new(head.path);
    for locked in std::mem::take(&mut store.boxes) {
        let bags = attempts.open(&locked, |plain| tlv::take(&mut &plain[..], tlv::SEQUENCE).is_some());
        if let Some(bags) = bags {
            let _ = store.bags(&bags, 0);
        }
    }
    let text = attempts.text("PKCS#12", &store.found);
    if !text.is_empty() && visitor.visit(Part::Plain(PKCS12.name), &mut text.as_bytes()).is_break() {
        return Ok(());
    }
    attempts.fault()
}

/// Tries passwords, the one that worked first.
struct Attempts {
    passwords: Vec<String>,
    budget: Budget,
    /// Whether not even one password could be tried on something.
    untried: bool,
}

impl Attempts {
    fn new(path: &[u8]) -> Self {
        Self { passwords: password::candidates(path), budget: Budget(ROUNDS), untried: false }
    }

    /// Puts the password that worked to the front.
    fn works(&mut self, index: usize) {
        self.passwords[..=index].rotate_right(1);
    }

    /// What `locked` holds, if one of the passwords opens it so that `is` is content. That password is the first then.
    fn open(&mut self, locked: &Protected, is: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        for index in 0..self.passwords.len() {
            match cipher::open(&locked.algorithm, &locked.data, &self.passwords[index], &mut self.budget) {
                Opened::Plain(plain) if is(&plain) => {
                    self.works(index);
                    return Some(plain);
                }
                Opened::Plain(_) | Opened::Locked => {}
                Opened::Unknown => return None,
                Opened::TooMany => {
                    self.untried |= index == 0;
                    return None;
                }
            }
        }
        None
    }

    fn fault(&self) -> Result<(), Fault> {
        if self.untried {
            let message =
                "no password was tried on a key, because each would take too many rounds of hashing";
            return Err(Fault::limit(Limit::FileSeconds, message));
        }
        Ok(())
    }

    /// What there is to tell of keys, and the certificates if a key is open.
    fn text(&mut self, kind: &str, found: &[Found]) -> String {
        let (mut text, mut open) = (Vec::new(), false);
        for found in found {
            match found {
                Found::Plain { name, key } => {
                    open = true;
                    text.push(format!("Keystore ({kind}) without a password, key {}:\n", shown(name)));
                    text.push(pem("PRIVATE KEY", key));
                }
                Found::Locked { name, key, secret } => match self.open(key, is_key) {
                    Some(plain) => {
                        open = true;
                        let by = if self.passwords[0].is_empty() { "without a" } else { "with a default" };
                        text.push(format!("Keystore ({kind}) {by} password, key {}:\n", shown(name)));
                        text.push(if *secret {
                            secret_text(name, &plain)
                        } else {
                            pem("PRIVATE KEY", &plain)
                        });
                    }
                    None if *secret => {}
                    None => {
                        let data = STANDARD.encode(&key.data);
                        text.push(format!("Locked keystore ({kind}), key {}: {data}\n", shown(name)));
                    }
                },
                Found::Certificate(_) => {}
            }
        }
        for found in found {
            if let (Found::Certificate(certificate), true) = (found, open) {
                text.push(pem("CERTIFICATE", certificate));
            }
        }
        text.concat()
    }
}

/// Whether bytes are a key, private or secret.
fn is_key(plain: &[u8]) -> bool {
    pkcs12::is_key(plain) || jks::unsealed(plain).is_some()
}

/// A secret key: what was imported as a password is text.
fn secret_text(name: &str, plain: &[u8]) -> String {
    let key = pkcs12::key(plain).or_else(|| jks::unsealed(plain)).unwrap_or_default();
    let printable = key.iter().all(|byte| (b' '..=b'~').contains(byte));
    let value = if printable { String::from_utf8_lossy(key).into_owned() } else { STANDARD.encode(key) };
    format!("{}_secret = \"{value}\"\n", shown(name))
}

/// A name as one word of one line.
fn shown(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_control() || letter.is_whitespace() { '_' } else { letter })
        .collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text += &String::from_utf8_lossy(line);
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests;
