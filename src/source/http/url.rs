//! Addresses: what a registry names is parsed, joined and compared here, and printed without what may be secret.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use ureq::http::Uri;

/// An absolute address of http or https. Printed without its query, which may hold a signature.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::source) struct Url(Uri);

impl Url {
    /// Takes an absolute address without a user in it.
    pub(in crate::source) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.split('#').next().unwrap_or_default().parse().ok()?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority()?;
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        (known && plain).then_some(Self(uri))
    }

    /// What `text` means in a document that stands at this address (RFC 3986, section 5).
    pub(in crate::source) fn join(&self, text: &str) -> Option<Self> {
        let text = text.trim();
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map(ToString::to_string).unwrap_or_default();
        if let Some(rest) = text.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        if text.starts_with('/') {
            return Self::parse(&format!("{scheme}://{authority}{text}"));
        }
        let colon = text.find(':').filter(|at| !text[..*at].contains(['/', '?']));
        if colon.is_some() {
            return Self::parse(text);
        }
        let path = self.0.path();
        let end = path.rfind('/').map_or(0, |at| at + 1);
        let folder = if text.starts_with('?') { path } else { &path[..end] };
        Self::parse(&format!("{scheme}://{authority}{folder}{text}"))
    }

    /// The whole address.
    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }

    pub(in crate::source) fn is_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Without brackets.
    pub(in crate::source) fn host(&self) -> &str {
        let host = self.0.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// Whether both are one server: the same scheme, host and port (RFC 6454).
    pub(in crate::source) fn same_origin(&self, other: &Self) -> bool {
        self.is_tls() == other.is_tls()
            && self.port() == other.port()
            && self.host().eq_ignore_ascii_case(other.host())
    }

    /// Whether it says by its name that it is this machine.
    pub(in crate::source) fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// With a further parameter in its query, which must need no escape.
    pub(in crate::source) fn with_query(&self, name: &str, value: &str) -> Option<Self> {
        let (text, value) = (self.0.to_string(), escaped(value));
        let mark = if text.contains('?') { '&' } else { '?' };
        Self::parse(&format!("{text}{mark}{name}={value}"))
    }
}

/// Whether `host` names this machine, or is an address of it.
pub(in crate::source) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let name = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    name || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Everything that is not unreserved as `%XX` (RFC 3986, section 2).
pub(in crate::source) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", self.0.scheme_str().unwrap_or_default(), self.0.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(url: Option<Url>) -> String {
        url.map_or("none".into(), |url| url.0.to_string())
    }

    #[test]
    fn what_a_registry_names_is_joined() {
        let base = Url::parse("https://r.example:5000/v2/app/tags/list?n=1").unwrap();
        for (text, expected) in [
            ("/v2/app/tags/list?n=1&last=b", "https://r.example:5000/v2/app/tags/list?n=1&last=b"),
            ("list?last=b", "https://r.example:5000/v2/app/tags/list?last=b"),
            ("?last=b", "https://r.example:5000/v2/app/tags/list?last=b"),
            ("//cdn.example/x?sig=a:b", "https://cdn.example/x?sig=a:b"),
            ("http://[::1]:80/x#y", "http://[::1]:80/x"),
            ("file:///etc/passwd", "none"),
            ("https://user:word@r.example/", "none"),
            ("https://", "none"),
        ] {
            assert_eq!(whole(base.join(text)), expected, "{text}");
        }
    }

    #[test]
    fn one_server_is_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(url("https://a.example/x").same_origin(&url("https://A.example:443/y")));
        for other in ["http://a.example/x", "https://a.example:5000/x", "https://b.a.example/x"] {
            assert!(!url("https://a.example/x").same_origin(&url(other)), "{other}");
        }
    }

    #[test]
    fn a_signature_is_not_printed() {
        let url = Url::parse("https://a.example/blob?X-Signature=abc").unwrap();
        assert_eq!(format!("{url} {url:?}"), "https://a.example/blob https://a.example/blob");
    }

    #[test]
    fn this_machine_has_several_names() {
        for host in ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "10.0.0.1", "::2"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
