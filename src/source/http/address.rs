//! Keeps a registry from sending this program to servers of the machine that it runs on.
//!
//! A registry may name other hosts, to get a token from or a blob. If it is a stranger, that must not reach what only
//! listens to this machine, nor the server of a cloud that gives every machine its credentials, whatever name they
//! have: so it is the address that is looked at, after the name was resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::source::network::Network;
use crate::source::remote::Reach;

/// Resolves like the system, and leaves out where nobody is to be led.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    system: DefaultResolver,
    reach: Option<Reach>,
}

impl Elsewhere {
    pub(super) fn new(reach: Option<Reach>) -> Self {
        Self { system: DefaultResolver::default(), reach }
    }
}

impl Resolver for Elsewhere {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.system.resolve(uri, config, timeout)?;
        // The user named the proxy, and what it connects to is for itself to resolve.
        if config.proxy().is_some_and(|proxy| proxy.uri() == uri) {
            return Ok(found);
        }
        let mut kept = self.system.empty();
        kept.truncate(0);
        let mut refused = Near::Machine;
        for address in &found {
            match may(self.reach.as_ref(), uri.host().unwrap_or_default(), address.ip()) {
                Ok(()) => kept.push(*address),
                Err(why) => refused = why,
            }
        }
        if kept.is_empty() { Err(ureq::Error::Other(Box::new(refused))) } else { Ok(kept) }
    }
}

/// It was such an address that another server named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Near {
    /// This machine or its link.
    #[error("a registry names a server of this machine or of its link")]
    Machine,
    /// A network that not everybody reaches.
    #[error("a registry names a server whose address is not public, and that leads-to does not name")]
    Private,
}

/// Whether a server may lead to `address`, which it calls `host`.
pub(super) fn may(reach: Option<&Reach>, host: &str, address: IpAddr) -> Result<(), Near> {
    let near = is_near(address);
    let Some(Reach { registries, hosts, networks }) = reach else {
        return if near { Err(Near::Machine) } else { Ok(()) };
    };
    let is = |other: &String| other.eq_ignore_ascii_case(host.trim_matches(['[', ']']));
    if hosts.iter().any(is) || networks.iter().any(|network| network.contains(address)) {
        return Ok(());
    }
    match (near, is_private(address)) {
        (true, _) => Err(Near::Machine),
        (false, true) if !registries.iter().any(is) => Err(Near::Private),
        _ => Ok(()),
    }
}

/// Networks that not everybody reaches, or nobody (IANA, "Special-Purpose Address Registry").
const PRIVATE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    "fc00::/7",
    "fec0::/10",
    "ff00::/8",
];

fn is_private(address: IpAddr) -> bool {
    let inner = match address.to_canonical() {
        IpAddr::V6(address) => within(address).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    let held = |network: &&str| {
        let network: Result<Network, _> = network.parse();
        network.is_ok_and(|network| network.contains(address))
    };
    PRIVATE.iter().any(held) || inner.is_some_and(is_private)
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
        assert!(PRIVATE.iter().all(|network| network.parse::<Network>().is_ok()));
    }

    #[test]
    fn whom_others_tell_what_to_look_at_goes_to_public_addresses_and_to_what_is_named() {
        let reach = Reach {
            registries: vec!["registry.corp".into(), "10.0.0.5".into(), "127.0.0.1".into()],
            hosts: vec!["auth.corp".into()],
            networks: vec!["10.7.0.0/16".parse().unwrap(), "127.0.0.9".parse().unwrap()],
        };
        for (host, address, expected) in [
            ("cdn.example", "1.1.1.1", Ok(())),
            ("cdn.example", "2606:4700::1111", Ok(())),
            ("cdn.example", "10.0.0.1", Err(Near::Private)),
            ("cdn.example", "192.168.1.1", Err(Near::Private)),
            ("cdn.example", "172.31.0.1", Err(Near::Private)),
            ("cdn.example", "100.64.0.1", Err(Near::Private)),
            ("cdn.example", "fd00::1", Err(Near::Private)),
            ("cdn.example", "::ffff:10.0.0.1", Err(Near::Private)),
            ("cdn.example", "64:ff9b::10.0.0.1", Err(Near::Private)),
            ("cdn.example", "2002:a00:1::", Err(Near::Private)),
            ("cdn.example", "255.255.255.255", Err(Near::Private)),
            ("cdn.example", "169.254.169.254", Err(Near::Machine)),
            ("cdn.example", "127.0.0.1", Err(Near::Machine)),
            ("cdn.example", "::ffff:127.0.0.1", Err(Near::Machine)),
            ("[::1]", "::1", Err(Near::Machine)),
            // Another port of a registry that is in a private network, and none of one on this machine.
            ("registry.corp", "10.0.0.5", Ok(())),
            ("10.0.0.5", "10.0.0.5", Ok(())),
            ("127.0.0.1", "127.0.0.1", Err(Near::Machine)),
            ("registry.corp", "127.0.0.1", Err(Near::Machine)),
            ("Auth.corp", "10.0.0.6", Ok(())),
            ("auth.corp", "127.0.0.1", Ok(())),
            ("elsewhere.corp", "10.7.1.1", Ok(())),
            ("localhost", "127.0.0.9", Ok(())),
        ] {
            assert_eq!(may(Some(&reach), host, address.parse().unwrap()), expected, "{host} {address}");
        }
        assert_eq!(may(None, "cdn.example", "10.0.0.1".parse().unwrap()), Ok(()));
        assert_eq!(may(None, "cdn.example", "127.0.0.1".parse().unwrap()), Err(Near::Machine));
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
