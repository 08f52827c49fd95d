//! Keeps a registry from sending this program to servers of the machine that it runs on.
//!
//! A registry may name other hosts, to get a token from or a blob. If it is a stranger, that must not reach what only
//! listens to this machine, nor the server of a cloud that gives every machine its credentials, whatever name they
//! have: so it is the address that is looked at, after the name was resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Resolves like the system, and leaves out this machine and its link.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(DefaultResolver);

impl Resolver for Elsewhere {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        // The user named the proxy, and what it connects to is for itself to resolve.
        if config.proxy().is_some_and(|proxy| proxy.uri() == uri) {
            return Ok(found);
        }
        let mut kept = self.0.empty();
        kept.truncate(0);
        for address in found.iter().filter(|address: &&SocketAddr| !is_near(address.ip())) {
            kept.push(*address);
        }
        if kept.is_empty() { Err(ureq::Error::Other(Box::new(Near))) } else { Ok(kept) }
    }
}

/// It was this machine that another one named.
#[derive(Debug, thiserror::Error)]
#[error("a registry names a server of this machine or of its link")]
pub(super) struct Near;

/// Whether `host`, as it stands in an address, is such an address itself.
pub(super) fn names_near(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse().is_ok_and(is_near)
}

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address == METADATA
                || within(address).is_some_and(|inner| is_near(inner.into()))
        }
    }
}

/// Where the machines of one cloud ask for their credentials.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The address of IPv4 that a gateway makes of one of IPv6: NAT64 (RFC 6052, section 2.1), 6to4 (RFC 3056, section 2).
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let at = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => 12,
        [0x2002, ..] => 2,
        _ => return None,
    };
    Some(Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_in_every_form() {
        for near in [
            "127.0.0.1",
            "127.8.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "::1",
            "::",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "fd00:ec2::254",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["10.0.0.1", "192.168.1.1", "1.1.1.1", "2001:db8::1", "fd00::1", "64:ff9b::1.1.1.1"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
        assert!(names_near("[::1]") && names_near("169.254.169.254"));
        assert!(!names_near("auth.example") && !names_near("1.1.1.1"));
    }

    #[test]
    fn a_proxy_may_be_near_and_what_a_registry_names_may_not() {
        let proxy = ureq::Proxy::new("http://127.0.0.1:9").unwrap();
        let through = ureq::Agent::config_builder().proxy(Some(proxy)).build();
        let direct = ureq::Agent::config_builder().proxy(None).build();
        let resolve = |uri: &str, config: &Config| {
            Elsewhere::default().resolve(&uri.parse().unwrap(), config, NextTimeout::default()).is_ok()
        };
        assert!(resolve("http://127.0.0.1:9", &through));
        assert!(!resolve("http://127.0.0.1:9", &direct));
        assert!(!resolve("http://127.0.0.1:8", &through));
        assert!(!resolve("http://127.0.0.1:8", &direct));
        assert!(resolve("http://192.0.2.1:8", &direct));
    }
}
