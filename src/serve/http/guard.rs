//! What every request passes first: who asks, and whether they may ask now.
//!
//! An answer of 401 counts against the address that asked, whatever it asked for; one with too many of them is told to wait
//! before anything that it shows is looked at, so that nobody guesses quickly, and nobody has much work done for nothing.
//! Behind a proxy the address is what the proxy says it is, if the configuration trusts that proxy.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Mutex;

use super::bucket::{Buckets, Rate};
use super::connections::Connection;
use super::room::{Full, PATIENCE, Place, Room};
use super::{operations, refuse, text};
use crate::serve::Service;
use crate::serve::config::Config;
use crate::serve::metrics::Counter;
use crate::source::Network;

/// Who asks: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    /// Their address.
    pub(super) address: IpAddr,
    /// Whether nobody on the way reads along.
    pub(super) tls: bool,
}

/// What bounds requests, of all connections together.
pub(in crate::serve) struct Guard {
    /// By address, those that proved nothing.
    failures: Buckets<IpAddr>,
    /// By the number of the hook.
    hooks: Vec<Option<Buckets<()>>>,
    /// Bodies that are in memory.
    bodies: Room,
    /// The same of those whose sender has to prove itself with them.
    on_trust: Room,
    /// Answers that their readers have not taken yet.
    pub(super) answers: Room,
    /// When the database was asked whether it answers, and whether it did.
    pub(super) answered: Mutex<Option<(Instant, bool)>>,
}

/// Failures of an address: thirty, and then one in two seconds.
const FAILURES: Rate = Rate { burst: 30.0, per_second: 0.5 };

/// Addresses that are remembered.
const ADDRESSES: usize = 20_000;

/// Kibibytes of bodies that are in memory at a time.
const BODIES: usize = 64 << 10;

/// Kibibytes of large answers that are in memory at a time; a single one may be larger.
const ANSWERS: usize = 256 << 10;

/// Kibibytes of bodies that one address may have there before it has proven anything.
const SHARE: usize = BODIES / 8;

/// What proxies add to requests.
const FORWARDED: &[&str] =
    &["forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip"];

impl Guard {
    pub(in crate::serve) fn new(config: &Config) -> Self {
        let now = Instant::now();
        let of_hook = |per_minute: u32| {
            let rate = Rate { burst: f64::from(per_minute), per_second: f64::from(per_minute) / 60.0 };
            Buckets::new(rate, 1, now)
        };
        Self {
            failures: Buckets::new(FAILURES, ADDRESSES, now),
            hooks: config.hooks.iter().map(|hook| hook.per_minute.map(of_hook)).collect(),
            bodies: Room::new(BODIES),
            on_trust: Room::shared(BODIES, SHARE),
            answers: Room::new(ANSWERS),
            answered: Mutex::default(),
        }
    }

    /// Notes a delivery to the hook of that number, or says how long to wait with it.
    pub(super) fn delivered(&self, hook: usize) -> Result<(), Duration> {
        let Some(bucket) = self.hooks.get(hook).and_then(Option::as_ref) else { return Ok(()) };
        let now = Instant::now();
        if let Some(wait) = bucket.wait(&(), now) {
            return Err(wait);
        }
        bucket.take((), now);
        Ok(())
    }

    /// Room for a body of so many bytes, for as long as it is held.
    pub(super) async fn room(&self, bytes: usize) -> Result<Place, Response> {
        self.bodies.take(bytes).await.map_err(full)
    }

    /// The same for a body that `address` sends and that is read before it has proven anything: so nobody keeps out those who have,
    /// and no address the others.
    pub(super) async fn room_on_trust(&self, bytes: usize, address: IpAddr) -> Result<Place, Response> {
        self.on_trust.take_of(bytes, neighbours(address)).await.map_err(full)
    }
}

fn full(why: Full) -> Response {
    match why {
        Full::OfOne => {
            wait(StatusCode::TOO_MANY_REQUESTS, "too much is sent at once from this address", PATIENCE)
        }
        Full::OfAll => wait(StatusCode::SERVICE_UNAVAILABLE, "too much is sent at once", PATIENCE),
    }
}

/// An answer that says when to come again.
pub(super) fn wait(status: StatusCode, why: &str, time: Duration) -> Response {
    let mut response = refuse(status, why);
    let seconds = HeaderValue::from(time.as_secs() + u64::from(time.subsec_nanos() > 0));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// Lets a request pass, or has it wait.
pub(super) async fn guard(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let Some(connection) = request.extensions().get::<Connection>().copied() else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the program failed");
    };
    let asker = asker(connection, request.headers(), &service.config.trusted_proxies);
    if request.version() == Version::HTTP_10 {
        // Programs of today do not speak it, but a proxy that nobody told otherwise does, without a word that it is one.
        request.headers_mut().append(header::VIA, HeaderValue::from_static("1.0 unknown"));
    }
    let watched = operations::is_one(request.uri().path());
    if connection.spare && !watched {
        service.metrics.add(Counter::Limited, 1);
        return closing(wait(StatusCode::SERVICE_UNAVAILABLE, "there are too many connections", SOON));
    }
    let address = neighbours(asker.address);
    if !watched && let Some(time) = service.guard.failures.wait(&address, Instant::now()) {
        service.metrics.add(Counter::Limited, 1);
        let why = "too much was asked from this address that was not proven";
        return closing(wait(StatusCode::TOO_MANY_REQUESTS, why, time));
    }
    request.extensions_mut().insert(asker);
    let guesses = guesses(&request);
    let response = next.run(request).await;
    match response.status() {
        // A body that does not come holds room for others.
        StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT if guesses => {
            service.guard.failures.take(address, Instant::now());
            closing(response)
        }
        // What is left of the body is not waited for.
        StatusCode::UNAUTHORIZED | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
            closing(response)
        }
        _ => response,
    }
}

/// Whether a request that is not believed may be a guess. One that shows nothing guesses nothing, and what another page has a
/// browser ask is not the doing of who sits in front of it.
fn guesses(request: &Request) -> bool {
    let headers = request.headers();
    let shows = headers.contains_key(header::AUTHORIZATION) || request.method() != Method::GET;
    let elsewhere = text(headers, "sec-fetch-site").is_some_and(|site| site == "cross-site");
    shows && !elsewhere
}

/// When to come again if there was no room.
const SOON: Duration = Duration::from_secs(2);

/// Who proved nothing does not hold a connection either.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn asker(connection: Connection, headers: &HeaderMap, proxies: &[Network]) -> Asker {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let (mut address, mut tls) = (connection.address, connection.tls);
    if trusted(address) {
        // Each proxy adds whom it saw at the end; what stands before the first that nobody trusts may be invented.
        let named = named(headers);
        for place in named.iter().rev() {
            let Some(next) = place else { break };
            address = *next;
            if !trusted(address) {
                break;
            }
        }
        let scheme = text(headers, "x-forwarded-proto").and_then(|value| value.rsplit(',').next());
        tls |= scheme.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"));
    }
    Asker { address, tls }
}

/// The addresses that `X-Forwarded-For` names, or if there is none `Forwarded` (RFC 7239, section 5.2). None: no address.
fn named(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let items = |name: &'static str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim).collect::<Vec<_>>()
    };
    if headers.contains_key("x-forwarded-for") {
        return items("x-forwarded-for").into_iter().map(address_of).collect();
    }
    let of = |item: &str| {
        let pair = item.split(';').filter_map(|pair| pair.split_once('='));
        let mut named = pair.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        named.next().and_then(|(_, value)| address_of(value))
    };
    items("forwarded").into_iter().map(of).collect()
}

/// The address in `text`, perhaps with a port, in brackets and in quotes.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let inner = text.strip_prefix('[').and_then(|text| text.split(']').next());
    let host = inner.unwrap_or_else(|| match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    });
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// What stands for an address and all that its owner has most likely: the first 64 bits of one of IPv6.
pub(super) fn neighbours(address: IpAddr) -> IpAddr {
    if address.is_ipv6() { Network::around(address, 64).first() } else { address }
}

/// Whether nobody brought this request from elsewhere, and it calls this machine by its own name: a page that somebody has
/// open asks by the name of its own host (DNS rebinding).
pub(super) fn is_from_here(headers: &HeaderMap) -> bool {
    let brought = |name: &str| FORWARDED.contains(&name) || name.starts_with("x-forwarded-");
    if headers.keys().any(|name| brought(name.as_str())) {
        return false;
    }
    let host = text(headers, "host").unwrap_or_default();
    let name = if host.starts_with('[') { host.split_inclusive(']').next() } else { host.split(':').next() };
    matches!(name, Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Whether a program of this machine asks, and not a page: pages say where they come from.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    is_from_here(headers) && !headers.contains_key(header::ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn who_asks_is_what_trusted_proxies_say() {
        let proxies: Vec<Network> = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().unwrap()).to_vec();
        let ask = |from: &str, all: &[(&'static str, &'static str)]| {
            let connection = Connection { address: from.parse().unwrap(), tls: false, spare: false };
            let asker = asker(connection, &headers(all), &proxies);
            (asker.address.to_string(), asker.tls)
        };
        let told = |text: &str, tls| (text.to_owned(), tls);
        assert_eq!(ask("192.0.2.1", &[("x-forwarded-for", "1.1.1.1")]), told("192.0.2.1", false));
        assert_eq!(ask("192.0.2.1", &[("x-forwarded-proto", "https")]), told("192.0.2.1", false));
        assert_eq!(ask("127.0.0.1", &[]), told("127.0.0.1", false));
        for (names, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
            ("10.1.1.1", "10.1.1.1"),
            ("192.0.2.1:1234", "192.0.2.1"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, unknown", "127.0.0.1"),
        ] {
            assert_eq!(ask("127.0.0.1", &[("x-forwarded-for", names)]), told(expected, false), "{names}");
        }
        let twice = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(ask("127.0.0.1", &twice), told("192.0.2.1", true));
        let standard = [("forwarded", "for=6.6.6.6, for=\"[2001:db8::1]:80\";proto=https;by=10.0.0.1")];
        assert_eq!(ask("127.0.0.1", &standard), told("2001:db8::1", false));
    }

    #[test]
    fn what_a_proxy_brings_is_not_of_this_machine() {
        assert!(is_local(&headers(&[("host", "127.0.0.1:8321")])));
        assert!(is_local(&headers(&[("host", "[::1]:8321")])));
        for name in
            ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]
        {
            assert!(!is_from_here(&headers(&[("host", "localhost"), (name, "x")])), "{name}");
        }
        assert!(!is_from_here(&headers(&[("host", "layersift.example")])));
        assert!(!is_from_here(&headers(&[])));
        let page = headers(&[("host", "localhost"), ("origin", "http://localhost")]);
        assert!(is_from_here(&page) && !is_local(&page));
    }
}
