//! TLS to the database: whether there has to be, and over what.
//!
//! The address says it as for every other client, with `sslmode` and `sslrootcert` (libpq, "SSL Support"), and is taken by its
//! strictest meaning: where there is TLS the certificate is that of the host. Nothing is sent to another machine in the
//! clear unless `sslmode=disable` says so.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, tls};
use tokio_rustls::TlsConnector;

use crate::serve::store::engine::StoreError;

/// What makes connections safe.
#[derive(Clone)]
pub(super) struct Safe(Arc<ClientConfig>);

/// A connection over TLS.
pub(super) struct Stream<S>(tokio_rustls::client::TlsStream<S>);

/// What an address says of TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Said {
    mode: Option<String>,
    root: Option<PathBuf>,
}

/// The database at `address`, and over what it is reached; none: in the clear.
pub(super) fn parse(address: &str) -> Result<(Config, Option<Safe>), StoreError> {
    let (rest, said) = taken_apart(address);
    let mut config: Config =
        rest.parse().map_err(|_| StoreError::lasting("its address is none of PostgreSQL"))?;
    let near = config.get_hosts().iter().all(is_near)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    let safe = match said.mode.as_deref() {
        Some("disable") => false,
        Some("require" | "verify-ca" | "verify-full") => true,
        None => !near,
        Some(_) => {
            let why = "sslmode in its address is disable, require, verify-ca or verify-full; the last three are one here";
            return Err(StoreError::lasting(why));
        }
    };
    config.ssl_mode(if safe { SslMode::Require } else { SslMode::Disable });
    let made = safe.then(|| crate::serve::tls::trusting(said.root.as_deref()));
    let made = made.transpose().map_err(StoreError::lasting)?;
    Ok((config, made.map(Safe)))
}

/// Whether nobody is on the way to it.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// `address` without what it says of TLS, and that. Both forms have it: `postgres://…?sslmode=…` and `host=… sslmode=…`.
fn taken_apart(address: &str) -> (String, Said) {
    let mut said = Said::default();
    let mut take = |pair: &str, decode: fn(&str) -> String| {
        match pair.split_once('=') {
            Some(("sslmode", value)) => said.mode = Some(decode(value)),
            Some(("sslrootcert", value)) => said.root = Some(decode(value).into()),
            _ => return false,
        }
        true
    };
    let rest = if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        let (front, query) = address.split_once('?').unwrap_or((address, ""));
        let kept: Vec<&str> =
            query.split('&').filter(|pair| !pair.is_empty() && !take(pair, decoded)).collect();
        if kept.is_empty() { front.to_owned() } else { format!("{front}?{}", kept.join("&")) }
    } else {
        let unquoted = |value: &str| value.trim_matches('\'').to_owned();
        let kept: Vec<&str> = words(address).into_iter().filter(|pair| !take(pair, unquoted)).collect();
        kept.join(" ")
    };
    (rest, said)
}

/// The words of a text, in which quotes hold blanks together and `\` keeps the next character from being one.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => quoted = !quoted,
            blank if blank.is_whitespace() && !quoted => {
                words.push(&text[begin..at]);
                begin = at + blank.len_utf8();
            }
            _ => {}
        }
    }
    words.push(&text[begin..]);
    words.retain(|word| !word.is_empty());
    words
}

/// `%XX` as the bytes that it stands for.
fn decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Safe {
    type Stream = Stream<S>;
    type TlsConnect = To;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<To> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(To { connector: TlsConnector::from(Arc::clone(&self.0)), name })
    }
}

/// The way to one host.
pub(super) struct To {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for To {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Stream) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tls::TlsStream for Stream<S> {
    /// The certificate is that of the host, so there is nobody between to be bound out.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_says_of_tls_is_taken_out_of_it() {
        for (address, rest, mode, root) in [
            ("postgres://u:p@h/d", "postgres://u:p@h/d", None, None),
            ("postgres://h/d?sslmode=disable", "postgres://h/d", Some("disable"), None),
            (
                "postgresql://h?a=b&sslmode=x&sslrootcert=%2Fca%20x.pem&c=d",
                "postgresql://h?a=b&c=d",
                Some("x"),
                Some("/ca x.pem"),
            ),
            ("host=h sslmode=verify-full  user=u", "host=h user=u", Some("verify-full"), None),
            (
                "host=h password='a sslmode=disable b' sslrootcert='/c a'",
                "host=h password='a sslmode=disable b'",
                None,
                Some("/c a"),
            ),
            (r"password=a\ sslmode=disable host=h", r"password=a\ sslmode=disable host=h", None, None),
        ] {
            let (kept, said) = taken_apart(address);
            let expected = Said { mode: mode.map(str::to_owned), root: root.map(PathBuf::from) };
            assert_eq!((kept.as_str(), &said), (rest, &expected), "{address}");
        }
    }

    #[test]
    fn nothing_goes_to_another_machine_in_the_clear_unless_somebody_says_so() {
        for (address, safe) in [
            ("postgres://u@127.0.0.1/d", false),
            ("postgres://u@localhost/d", false),
            ("postgres://u@[::1]/d", false),
            ("host=/run/postgresql user=u", false),
            ("postgres://u@127.0.0.1/d?sslmode=require", true),
            ("postgres://u@db.example/d", true),
            ("postgres://u@127.0.0.1,db.example/d", true),
            ("host=localhost hostaddr=192.0.2.1 user=u", true),
            ("host=db.example user=u sslmode=verify-ca", true),
            ("postgres://u@db.example/d?sslmode=disable", false),
        ] {
            let (config, made) = parse(address).unwrap();
            let expected = if safe { SslMode::Require } else { SslMode::Disable };
            assert_eq!((made.is_some(), config.get_ssl_mode()), (safe, expected), "{address}");
        }
        for wrong in ["postgres://u@h/d?sslmode=prefer", "host=h sslmode=allow", "nothing"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let missing = parse("postgres://u@h/d?sslrootcert=/nowhere").err().unwrap().to_string();
        assert!(missing.contains("/nowhere"), "{missing}");
    }
}
