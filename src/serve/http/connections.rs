//! Connections: who may connect, how many at a time, and for how long.
//!
//! Nobody holds the service by being slow or many. A head, a body and a pause between requests have bounded times, a
//! connection has a last day; who does not read what it asked for is sent away (`pace`); no address has more than its share of
//! the connections. When all are taken some are left over for those who watch whether the service lives: they are told
//! that, and others to come again.

use std::collections::HashMap;
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::guard::neighbours;
use super::pace::Paced;
use crate::serve::Service;
use crate::serve::tls::{Identity, Loaded};

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    /// Who is at the other end.
    pub(super) address: IpAddr,
    pub(super) tls: bool,
    /// Whether it is one of those that are left over when all are taken.
    pub(super) spare: bool,
}

/// Connections at a time, and those that one address may have of them.
const CONNECTIONS: (usize, usize) = (1_024, 256);

/// The same of those that are left over.
const SPARE: (usize, usize) = (32, 4);

/// How long a head may take, a handshake, and a pause between two requests.
const SLOW: Duration = Duration::from_secs(10);

/// The same for a connection that is left over.
const SPARE_SLOW: Duration = Duration::from_secs(2);

/// After so long a connection ends with the answer that is under way, and after so long with or without.
const LIFE: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(900));

/// How long connections may go on after the service was told to stop.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// How often is looked whether the service is to stop, and how long nobody is let in when the system has no room.
const TICK: Duration = Duration::from_millis(200);

/// How often is looked whether there is another certificate.
const RENEWAL: Duration = Duration::from_secs(5);

/// Answers whoever connects, until the service is told to stop.
pub(super) async fn accept(service: Arc<Service>, listener: TcpListener, app: Router) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let slots = Arc::new(Slots::default());
    let mut certificate = Certificate::first(service.config.tls.as_ref()).map_err(std::io::Error::other)?;
    let mut told: Option<Instant> = None;
    while !service.is_stopping() {
        certificate.renew(&service);
        let (stream, address) = match tokio::time::timeout(TICK, listener.accept()).await {
            Ok(Ok((stream, address))) => (stream, address.ip().to_canonical()),
            Ok(Err(error)) => {
                // Too many open files, mostly: who waits in front of the door waits there.
                if told.is_none_or(|told| told.elapsed() > SLOW) {
                    told = Some(Instant::now());
                    service.log.warn("nobody can connect", json!({"reason": error.to_string()}));
                }
                tokio::time::sleep(TICK).await;
                continue;
            }
            Err(_) => continue,
        };
        let trusted = service.config.trusted_proxies.iter().any(|network| network.contains(address));
        let Some(slot) = slots.take(neighbours(address), trusted) else { continue };
        let tls = certificate.acceptor();
        let connection = Connection { address, tls: tls.is_some(), spare: slot.spare };
        tokio::spawn(attend(Arc::clone(&service), (stream, tls), (connection, slot), app.clone()));
    }
    let end = Instant::now() + GRACE;
    while slots.all() > 0 && Instant::now() < end {
        tokio::time::sleep(TICK / 4).await;
    }
    Ok(())
}

/// One connection, from its handshake to its end.
async fn attend(
    service: Arc<Service>,
    (stream, tls): (TcpStream, Option<TlsAcceptor>),
    (connection, held): (Connection, Slot),
    app: Router,
) {
    match tls {
        None => converse(&service, stream, connection, app).await,
        Some(acceptor) => {
            let slow = if connection.spare { SPARE_SLOW } else { SLOW };
            // Who hangs up early, or speaks something else, is no event.
            if let Ok(Ok(stream)) = tokio::time::timeout(slow, acceptor.accept(stream)).await {
                converse(&service, stream, connection, app).await;
            }
        }
    }
    drop(held);
}

async fn converse(
    service: &Service,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: Connection,
    app: Router,
) {
    let inner = TowerToHyperService::new(app);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection);
        inner.call(request)
    });
    let mut builder = http1::Builder::new();
    let slow = if connection.spare { SPARE_SLOW } else { SLOW };
    builder.timer(TokioTimer::new()).header_read_timeout(slow).max_buf_size(64 << 10);
    builder.keep_alive(!connection.spare);
    let (stream, backlog) = Paced::new(stream);
    let served = builder.serve_connection(TokioIo::new(stream), answer);
    let mut served = std::pin::pin!(served);
    let (began, ending) = (Instant::now(), AtomicBool::new(false));
    while began.elapsed() < LIFE.1 {
        tokio::select! {
            // Who hangs up early is no event.
            _ = served.as_mut() => break,
            () = tokio::time::sleep(2 * TICK) => {
                if backlog.is_too_slow(Instant::now()) {
                    break;
                }
                let over = service.is_stopping() || began.elapsed() > LIFE.0;
                if over && !ending.swap(true, Ordering::Relaxed) {
                    served.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The certificate that is shown, and when it was looked for last.
struct Certificate<'i> {
    files: Option<&'i Identity>,
    loaded: Option<Loaded>,
    looked: Instant,
}

impl<'i> Certificate<'i> {
    fn first(files: Option<&'i Identity>) -> Result<Self, String> {
        let loaded = files.map(|files| files.load(None)).transpose()?.flatten();
        Ok(Self { files, loaded, looked: Instant::now() })
    }

    /// Takes another one if there is. What is wrong with it is told, and the old one shown on.
    fn renew(&mut self, service: &Service) {
        let Some(files) = self.files.filter(|_| self.looked.elapsed() > RENEWAL) else { return };
        match files.load(self.loaded.as_ref()) {
            Ok(None) => {}
            Ok(Some(other)) => {
                self.loaded = Some(other);
                service.log.info("another certificate is shown", json!({}));
            }
            // While one of the files is written the two do not fit; that passes.
            Err(reason) => service.log.warn("the certificate cannot be renewed", json!({"reason": reason})),
        }
        self.looked = Instant::now();
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        self.loaded.as_ref().map(|loaded| Arc::clone(&loaded.config).into())
    }
}

/// Connections that are there.
#[derive(Default)]
struct Slots(Mutex<HashMap<(IpAddr, bool), usize>>);

/// The right to one connection, which ends with this.
struct Slot {
    slots: Arc<Slots>,
    key: (IpAddr, bool),
    spare: bool,
}

impl Slots {
    /// A slot for `address`, perhaps one that is left over; none if there is none. Who is `trusted` comes for many.
    fn take(self: &Arc<Self>, address: IpAddr, trusted: bool) -> Option<Slot> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |spare: bool, (all, own): (usize, usize)| {
            let there: usize =
                taken.iter().filter(|((_, other), _)| *other == spare).map(|(_, count)| count).sum();
            let held = taken.get(&(address, spare)).copied().unwrap_or(0);
            there < all && (trusted || held < own)
        };
        let spare = !room(false, CONNECTIONS);
        if spare && !room(true, SPARE) {
            return None;
        }
        *taken.entry((address, spare)).or_insert(0) += 1;
        Some(Slot { slots: Arc::clone(self), key: (address, spare), spare })
    }

    fn all(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn no_address_has_all_connections_and_some_are_left_over() {
        let slots = Arc::new(Slots::default());
        let mut held: Vec<Slot> = Vec::new();
        let greedy = std::iter::from_fn(|| slots.take(address(1), false));
        held.extend(greedy.take(2_000));
        assert_eq!(held.iter().filter(|slot| !slot.spare).count(), CONNECTIONS.1);
        assert_eq!(held.iter().filter(|slot| slot.spare).count(), SPARE.1);
        assert!(slots.take(address(2), false).is_some_and(|slot| !slot.spare), "others are not concerned");
        for last in 2..=200 {
            held.extend(std::iter::from_fn(|| slots.take(address(last), false)).take(2_000));
        }
        assert_eq!(held.len(), CONNECTIONS.0 + SPARE.0);
        assert!(slots.take(address(201), false).is_none());
        held.pop();
        assert!(slots.take(address(201), false).is_some_and(|slot| slot.spare));
        held.clear();
        assert_eq!(slots.all(), 0);
        held.extend(std::iter::from_fn(|| slots.take(address(1), true)).take(2_000));
        assert_eq!(held.len(), CONNECTIONS.0 + SPARE.0, "a proxy comes for many");
    }
}
