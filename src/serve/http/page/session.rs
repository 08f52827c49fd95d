//! Who looks at the pages, and whether a form was sent by them.
//!
//! Whoever shows a token in the form gets a session: a random number, which their browser shows from then on. A session and
//! not the token itself, so that a browser never holds what ends only when the configuration changes; in the
//! database and not in a sealed cookie, so that signing out is an end. Its role is that of the token at each request: a token that is
//! taken out of the configuration, or whose secret changes, ends its sessions.
//!
//! A form holds a number that follows from the session's, and its sender says where it comes from. So no other page can have a
//! browser send one. Without tokens only this machine may look, and then the number is all that there is of a session.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::guard::{Asker, is_from_here};
use super::super::text;
use super::{asked_by_nobody, onward, wrong};
use crate::digest::{Digest, hex};
use crate::secret::Secret;
use crate::serve::Service;
use crate::serve::config::{Role, Token};
use crate::serve::hooks::proof::{keyed, same};

/// What the cookie is called: over a connection that anybody may change, and over one that nobody can (RFC 6265bis,
/// section 4.1.3.2).
const COOKIES: [&str; 2] = ["layersift", "__Host-layersift"];

/// Somebody who may read.
#[derive(Debug, Clone)]
pub(in crate::serve::http) struct Visitor {
    /// The name of their token.
    pub(super) name: String,
    pub(super) role: Role,
    /// Whether they showed a token.
    pub(super) signed_in: bool,
    key: Key,
    /// The browser does not know its number yet.
    fresh: bool,
}

/// What a browser shows to be known again.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// 64 hexadecimal digits.
    number: Secret,
    secure: bool,
}

impl Key {
    /// One that nobody can guess.
    pub(super) fn new(asker: Asker) -> Option<Self> {
        let mut drawn = [0; 32];
        getrandom::fill(&mut drawn).ok()?;
        Some(Self { number: Secret::new(hex(&drawn)), secure: asker.tls })
    }

    /// The one that a request shows.
    fn of(headers: &HeaderMap, asker: Asker) -> Option<Self> {
        let secure = asker.tls;
        let name = COOKIES[usize::from(secure)];
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let number = pairs.find(|(key, _)| *key == name)?.1;
        let formed = number.len() == 64 && number.bytes().all(|digit| digit.is_ascii_hexdigit());
        formed.then(|| Self { number: Secret::new(number), secure })
    }

    /// Under which the database knows it.
    pub(super) fn id(&self) -> String {
        Digest::of(self.number.expose()).hex()
    }

    /// What proves that its holder had shown `token`.
    pub(super) fn proof(&self, token: &Token) -> String {
        hex(&keyed(self.number.expose(), token.secret.expose()))
    }

    /// What forms of its holder have to hold.
    fn mark(&self) -> String {
        hex(&keyed(self.number.expose(), b"form"))
    }

    /// The header that has a browser show it, or forget it.
    pub(super) fn cookie(&self, keep: bool) -> Option<HeaderValue> {
        let number = if keep { String::from_utf8_lossy(self.number.expose()) } else { "".into() };
        let end = if keep { "" } else { "; Max-Age=0" };
        let secure = if self.secure { "; Secure" } else { "" };
        let name = COOKIES[usize::from(self.secure)];
        let mut value =
            HeaderValue::try_from(format!("{name}={number}; Path=/; HttpOnly; SameSite=Strict{secure}{end}"))
                .ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Visitor {
    /// What templates know of them.
    pub(super) fn values(&self) -> Value {
        json!({
            "name": self.name,
            "role": self.role.as_str(),
            "may_triage": self.role >= Role::Triage,
            "is_admin": self.role >= Role::Admin,
            "signed_in": self.signed_in,
            "mark": self.key.mark(),
        })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether a form with this mark was made for them.
    pub(super) fn sent(&self, mark: &str) -> bool {
        same(mark, &Secret::new(self.key.mark()))
    }

    /// The header for a browser that does not know its number yet.
    pub(super) fn cookie(&self) -> Option<HeaderValue> {
        self.key.cookie(true).filter(|_| self.fresh)
    }

    /// Lets pass whoever may do what takes `role`.
    pub(super) fn may(&self, role: Role) -> Result<(), Response> {
        if self.role >= role {
            return Ok(());
        }
        let why = format!(
            "This takes a token of the role {}, and yours has the role {}.",
            role.as_str(),
            self.role.as_str()
        );
        Err(wrong(Some(self), StatusCode::FORBIDDEN, &why))
    }

    /// Who sends a request, if that is known.
    pub(super) async fn of(
        service: &Arc<Service>,
        headers: &HeaderMap,
        asker: Asker,
    ) -> Result<Option<Self>, Response> {
        let key = Key::of(headers, asker);
        if service.config.tokens.is_empty() {
            return nobody(headers, asker, key).map(Some);
        }
        let Some(key) = key else { return Ok(None) };
        let id = key.id();
        let Some(proof) = asked_by_nobody(service, move |service| service.store.session(&id)).await? else {
            return Ok(None);
        };
        // Each is compared, so that how long it takes does not say which it is.
        let shown = |token: &&Token| same(&proof, &Secret::new(key.proof(token)));
        let token = service.config.tokens.iter().filter(shown).max_by_key(|token| token.role);
        Ok(token.map(|token| Self {
            name: token.name.clone(),
            role: token.role,
            signed_in: true,
            key,
            fresh: false,
        }))
    }
}

/// Whoever uses this machine, where there are no tokens.
fn nobody(headers: &HeaderMap, asker: Asker, key: Option<Key>) -> Result<Visitor, Response> {
    if !is_from_here(headers) {
        let why = "Without tokens only this machine may look, by the name localhost, and without a proxy between. \
                   Make a token: [[serve.token]] in the configuration.";
        return Err(wrong(None, StatusCode::FORBIDDEN, why));
    }
    let fresh = key.is_none();
    let key = key.or_else(|| Key::new(asker)).ok_or_else(|| {
        wrong(None, StatusCode::INTERNAL_SERVER_ERROR, "The system gives no random numbers.")
    })?;
    Ok(Visitor { name: "local".to_owned(), role: Role::Admin, signed_in: false, key, fresh })
}

/// Whether a request was sent by a page of this service, as far as its browser says (Fetch Metadata; RFC 6454, section 7).
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    match (text(headers, "sec-fetch-site"), text(headers, "origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) == text(headers, "host"),
        // No browser is that silent.
        (None, None) => true,
    }
}

/// Whether a browser leads here from a page of somebody else, and therefore shows nothing that it knows.
pub(super) fn is_led(headers: &HeaderMap) -> bool {
    text(headers, "sec-fetch-site") == Some("cross-site")
}

impl FromRequestParts<Arc<Service>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Response> {
        let asker = asker(&parts.extensions)?;
        match Self::of(service, &parts.headers, asker).await? {
            Some(visitor) => Ok(visitor),
            None if parts.method == Method::GET => Err(onward(&sign_in(&parts.uri))),
            None => {
                Err(wrong(None, StatusCode::FORBIDDEN, "The session has ended. Sign in, and do it again."))
            }
        }
    }
}

/// Who asks; `guard` puts it there.
fn asker(extensions: &Extensions) -> Result<Asker, Response> {
    let asker = extensions.get().copied();
    asker.ok_or_else(|| wrong(None, StatusCode::INTERNAL_SERVER_ERROR, "The program failed."))
}

/// Where to sign in, to come back to `uri` then.
fn sign_in(uri: &Uri) -> String {
    let back = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut address = "/sign-in?next=".to_owned();
    for byte in back.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' => address.push(byte.into()),
            _ => address.extend(["%", &hex(&[byte])]),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| {
                (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn only_pages_of_this_service_may_send() {
        for (sent, ours) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[("sec-fetch-site", "cross-site"), ("origin", "https://a.example"), ("host", "a.example")],
                false,
            ),
            (&[("origin", "https://a.example:8"), ("host", "a.example:8")], true),
            (&[("origin", "https://a.example"), ("host", "a.example:8")], false),
            (&[("origin", "https://evil.example"), ("host", "a.example")], false),
            (&[("origin", "null"), ("host", "a.example")], false),
        ] {
            assert_eq!(is_ours(&headers(sent)), ours, "{sent:?}");
        }
    }

    #[test]
    fn a_cookie_is_bound_to_the_host_where_the_connection_is_safe() {
        let number = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let open =
            HeaderMap::from_iter([(header::COOKIE, format!("a=b; layersift={number}").parse().unwrap())]);
        let from = |tls| Asker { address: std::net::Ipv4Addr::LOCALHOST.into(), tls };
        let key = Key::of(&open, from(false)).unwrap();
        assert_eq!(
            key.cookie(true).unwrap(),
            format!("layersift={number}; Path=/; HttpOnly; SameSite=Strict").as_str()
        );
        let mut safe = open.clone();
        assert!(Key::of(&safe, from(true)).is_none(), "one that anybody could have set is none");
        safe.insert(header::COOKIE, format!("__Host-layersift={number}").parse().unwrap());
        let cookie = Key::of(&safe, from(true)).unwrap().cookie(false).unwrap();
        assert_eq!(cookie, "__Host-layersift=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0");
        for wrong in ["layersift=x", "layersift=", "layersift", "x"] {
            assert!(
                Key::of(&HeaderMap::from_iter([(header::COOKIE, wrong.parse().unwrap())]), from(false))
                    .is_none()
            );
        }
    }

    #[test]
    fn what_stands_in_the_database_proves_nothing_by_itself() {
        let token = Token { name: "t".into(), role: Role::Read, secret: Secret::new("0123456789abcdef") };
        let from = Asker { address: std::net::Ipv4Addr::LOCALHOST.into(), tls: true };
        let (one, other) = (Key::new(from).unwrap(), Key::new(from).unwrap());
        assert_eq!(one.proof(&token), one.proof(&token));
        assert_ne!(one.proof(&token), other.proof(&token));
        assert_ne!(one.id().as_bytes(), one.number.expose());
        assert_ne!(one.mark(), other.mark());
    }

    #[test]
    fn the_way_back_is_one_value() {
        let uri = "/images?a=b&c=%20#x".parse().unwrap();
        assert_eq!(sign_in(&uri), "/sign-in?next=/images%3fa%3db%26c%3d%2520");
    }
}
