//! Which proxy a host is reached by, from the variables that programs agree on.
//!
//! `NO_PROXY` is read as Go's programs read it, because that is what its users write it for: hosts, domains with or
//! without a dot in front, networks, all of them with or without a port, or `*`.

use super::url::Url;
use crate::source::network::Network;
use crate::source::remote::{Proxies, RemoteError, RemoteFault};

impl Proxies {
    /// The proxy for `url`, if it needs one. Nothing on this machine does.
    pub(super) fn choose(&self, url: &Url) -> Result<Option<ureq::Proxy>, RemoteError> {
        let own = if url.is_tls() { &self.https } else { &self.http };
        let Some(proxy) = own.as_ref().or(self.all.as_ref()) else { return Ok(None) };
        if proxy.is_empty() || url.is_loopback() || self.is_excepted(url) {
            return Ok(None);
        }
        let text = std::str::from_utf8(proxy.expose()).unwrap_or_default();
        ureq::Proxy::new(text).map(Some).map_err(|_| {
            RemoteError::new(
                RemoteFault::Final,
                "the proxy that the environment names is no address",
                "write it as in http://proxy.example:3128",
            )
        })
    }

    fn is_excepted(&self, url: &Url) -> bool {
        self.none_for.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty()).any(|item| {
            let (item, port) = split_port(item);
            port.is_none_or(|port| port == url.port()) && covers(item, url.host())
        })
    }
}

/// `host:port` in its parts; an address of IPv6 has a port only behind brackets.
fn split_port(item: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = item.strip_prefix('[').and_then(|item| item.split_once(']')) {
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match item.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (item, None),
    }
}

/// Whether the host, domain or network `item` holds `host`.
fn covers(item: &str, host: &str) -> bool {
    let (item, host) = (item.to_ascii_lowercase(), host.to_ascii_lowercase());
    if item == "*" || item == host {
        return true;
    }
    if item.contains('/') {
        let parsed = (item.parse::<Network>(), host.parse());
        return matches!(parsed, (Ok(network), Ok(address)) if network.contains(address));
    }
    let domain = item.strip_prefix('*').unwrap_or(&item);
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    host.strip_suffix(domain).is_some_and(|before| before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn chosen(none_for: &str, url: &str) -> bool {
        let proxies = Proxies {
            all: Some(Secret::new("http://p.example:1")),
            none_for: none_for.into(),
            ..Proxies::default()
        };
        proxies.choose(&Url::parse(url).unwrap()).unwrap().is_some()
    }

    #[test]
    fn exceptions_are_hosts_domains_networks_and_ports() {
        for (none_for, url, expected) in [
            ("", "https://r.example/", true),
            ("*", "https://r.example/", false),
            ("r.example", "https://r.example/", false),
            ("r.example", "https://a.r.example/", false),
            (".r.example, x", "https://a.r.example/", false),
            ("r.example", "https://bar.example/", true),
            ("r.example:5000", "https://r.example/", true),
            ("r.example:443", "https://r.example/", false),
            ("10.0.0.0/8", "https://10.9.8.7/", false),
            ("10.0.0.0/8", "https://11.9.8.7/", true),
            ("0.0.0.0/0", "https://11.9.8.7/", false),
            ("fd00::/8", "https://[fd12::1]/", false),
            ("[fd12::1]:443", "https://[fd12::1]/", false),
            ("", "https://127.0.0.1:5000/", false),
        ] {
            assert_eq!(chosen(none_for, url), expected, "{none_for} {url}");
        }
    }

    #[test]
    fn each_scheme_has_its_own() {
        let proxies = Proxies { https: Some(Secret::new("http://p.example")), ..Proxies::default() };
        assert!(proxies.choose(&Url::parse("http://r.example").unwrap()).unwrap().is_none());
        assert!(proxies.choose(&Url::parse("https://r.example").unwrap()).unwrap().is_some());
    }

    #[test]
    fn a_wrong_proxy_is_told_without_its_text() {
        let proxies = Proxies { all: Some(Secret::new("ftp://user:word@p.example")), ..Proxies::default() };
        let error = proxies.choose(&Url::parse("https://r.example").unwrap()).unwrap_err();
        assert!(!error.to_string().contains("word"), "{error}");
    }
}
