//! Keeps a registry from sending this program to servers of the machine that it runs on.
//!
//! A registry may name other hosts, to get a token from or a blob. If it is a stranger, that must not reach what only
//! listens to this machine, nor the server of a cloud that gives every machine its credentials, whatever name they
//! have: so it is the address that is looked at, after the name was resolved.

use std::net::{IpAddr, SocketAddr};

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

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local()
        }
    }
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
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["10.0.0.1", "192.168.1.1", "1.1.1.1", "2001:db8::1", "fd00::1"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}
