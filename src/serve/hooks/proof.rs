//! How the sender of a delivery proves itself, before a byte of the body is understood.
//!
//! Whatever is compared with a secret is compared in constant time: both sides go through a keyed hash with a key that
//! only this process knows, and the hashes are compared by the verifier of the HMAC.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Delivery;
use crate::digest::from_hex;
use crate::secret::Secret;

/// A way to prove oneself, without the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A header has the secret as its value, perhaps behind the word `Bearer`.
    Header(&'static str),
    /// User and password (RFC 7617).
    Basic,
    /// One of these headers has the HMAC-SHA256 of the body in hexadecimal digits, perhaps behind `sha256=`.
    Hmac(&'static [&'static str]),
    /// The secret is the last part of the path.
    Url,
}

impl Scheme {
    /// What the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Basic => "basic",
            Self::Hmac(_) => "hmac",
            Self::Url => "url",
        }
    }
}

/// What a sender has to show.
#[derive(Debug, Clone)]
pub enum Proof {
    /// This header has this value.
    Header(String, Secret),
    /// This user has this password.
    Basic(String, Secret),
    /// One of these headers has the HMAC of the body under this key.
    Hmac(Vec<String>, Secret),
    /// The path ends with this.
    Url(Secret),
    /// That it comes from this machine. Only for a service that nobody else reaches.
    None,
}

impl Proof {
    /// What its senders know; none: nothing.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Header(_, secret) | Self::Basic(_, secret) | Self::Hmac(_, secret) | Self::Url(secret) => {
                Some(secret)
            }
            Self::None => None,
        }
    }

    /// Whether only the body shows it. Every other proof is looked at before a byte of the body is read.
    pub fn needs_body(&self) -> bool {
        matches!(self, Self::Hmac(..))
    }

    /// Whether the headers say that the body shows it.
    pub fn is_claimed<'h>(&self, header: &dyn Fn(&str) -> Option<&'h str>) -> bool {
        matches!(self, Self::Hmac(names, _) if names.iter().any(|name| header(name).is_some()))
    }

    /// Whether the sender of `delivery` has shown it.
    pub fn holds(&self, delivery: &Delivery<'_>) -> bool {
        match self {
            Self::Header(name, secret) => {
                let given = (delivery.header)(name).unwrap_or_default();
                same(given, secret) | same(given.strip_prefix("Bearer ").unwrap_or_default(), secret)
            }
            Self::Basic(user, secret) => basic(delivery, user, secret),
            Self::Hmac(names, secret) => names.iter().any(|name| signed(delivery, name, secret)),
            Self::Url(secret) => same(delivery.secret.unwrap_or_default(), secret),
            Self::None => delivery.local,
        }
    }
}

/// Whether `given` is `secret`.
pub fn same(given: &str, secret: &Secret) -> bool {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = [0; 32];
        // Without chance the hashes are still hashes.
        let _ = getrandom::fill(&mut key);
        key
    });
    let expected = keyed(key, secret.expose());
    !secret.is_empty() && mac(key, given.as_bytes()).verify_slice(&expected).is_ok()
}

fn basic(delivery: &Delivery<'_>, user: &str, password: &Secret) -> bool {
    let given = (delivery.header)("authorization").and_then(|value| value.strip_prefix("Basic "));
    let Some(Ok(decoded)) = given.map(|given| STANDARD.decode(given.trim()).map(Zeroizing::new)) else {
        return false;
    };
    let login = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    !password.is_empty() && same(&String::from_utf8_lossy(&decoded), &Secret::new(login.to_vec()))
}

fn signed(delivery: &Delivery<'_>, header: &str, key: &Secret) -> bool {
    let given = (delivery.header)(header).unwrap_or_default();
    let given = given.strip_prefix("sha256=").unwrap_or(given);
    let Some(given) = from_hex(&given.to_ascii_lowercase()) else { return false };
    !key.is_empty() && mac(key.expose(), delivery.body).verify_slice(&given).is_ok()
}

/// A hash of `text` that nobody can make who does not have `key`.
pub(in crate::serve) fn keyed(key: &[u8], text: &[u8]) -> [u8; 32] {
    mac(key, text).finalize().into_bytes().into()
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac
}

#[cfg(test)]
pub(crate) fn sign(key: &[u8], body: &[u8]) -> String {
    crate::digest::hex(&keyed(key, body))
}
