//! Requests over HTTP: one client for registries and engines, with everything about it that must not go wrong in one place.
//!
//! * A login goes to the server that it is for. When that one leads elsewhere, it stays behind.
//! * From TLS nobody is led to a connection without.
//! * Nobody waits for good: not for a connection, not for an answer, not for the next bytes.
//! * Nothing is read that was not asked for: bodies are streams, headers are bounded, compression is not offered.
//!
//! What is asked and what the answers mean is not known here.

mod address;
mod line;
mod proxy;
mod tls;
mod url;
mod watch;

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    ConnectProxyConnector, Connector, RustlsConnector, SocksConnector, TcpConnector,
};
use ureq::{Agent, Proxy};
use zeroize::Zeroizing;

use self::address::{Elsewhere, Near, may};
pub(super) use self::line::Line;
use self::line::Nowhere;
pub use self::tls::KnownCertificates;
pub(super) use self::tls::trusted;
pub(super) use self::url::{Url, escaped, is_loopback};
use self::watch::{Pace, Watched};
use super::remote::{Proxies, Reach, Remote, RemoteError, RemoteFault};
use crate::secret::Secret;

/// A client. Connections are kept and used again.
pub(super) struct Http {
    /// For servers that the user named, and for others.
    tls: [TlsConfig; 2],
    proxies: Proxies,
    timeout: Duration,
    reach: Option<Reach>,
    /// Where every request goes, if not to the host that it names.
    line: Option<Line>,
    /// What the server is called, if not by its address.
    called: Option<String>,
    agents: Mutex<Vec<(Route, Agent)>>,
}

/// What connections of one kind share.
#[derive(Debug, Clone, PartialEq)]
struct Route {
    /// Whether the address was not named by the user.
    referred: bool,
    proxy: Option<Proxy>,
}

/// What is asked for.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Whether the address was not named by the user, but by a server.
    pub(super) referred: bool,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Whether the answer is small enough that a bound on the time for all of it is right.
    pub(super) whole: bool,
    /// How long to wait for each next piece of the answer, if not as long as for others.
    pub(super) patience: Option<Duration>,
    /// Value of `Authorization`.
    pub(super) authorization: Option<Secret>,
}

/// How it is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The address that answered.
    pub(super) url: Url,
    /// Bytes of the body, if the headers tell.
    pub(super) length: Option<u64>,
    pub(super) body: Box<dyn Read + Send>,
}

/// The time for a whole answer that is small, in those that the next bytes may take.
const WHOLE: u32 = 5;

/// How long a receiver of messages may take to say something.
const RECEIVER: Duration = Duration::from_secs(10);

/// Redirects that are followed, as browsers follow them.
const REDIRECTS: usize = 10;

impl Request {
    pub(super) fn get(url: Url) -> Self {
        let (method, headers) = (Method::Get, Vec::new());
        Self { method, url, referred: false, headers, whole: true, patience: None, authorization: None }
    }
}

impl Reply {
    /// With a body, of which something has to come every `timeout`. In errors of that the server is `called` so.
    fn new(
        answer: ureq::http::Response<ureq::Body>,
        url: Url,
        has_body: bool,
        (called, timeout): (String, Duration),
    ) -> Self {
        let (parts, body) = answer.into_parts();
        let length = body.content_length().filter(|_| has_body);
        let inner = body.into_with_config().limit(u64::MAX).reader();
        let body = Body { inner, called, timeout, pace: Pace::new(timeout) };
        Self { status: parts.status.as_u16(), headers: parts.headers, url, length, body: Box::new(body) }
    }

    /// The text of a header, if there is one.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Http {
    pub(super) fn new(remote: &Remote) -> Result<Self, RemoteError> {
        Ok(Self {
            tls: tls::configurations(remote)?,
            proxies: remote.proxies.clone(),
            timeout: remote.timeout,
            reach: remote.reach.clone(),
            line: None,
            called: None,
            agents: Mutex::default(),
        })
    }

    /// A client of the one server that `line` leads to.
    pub(super) fn over(line: Line, called: &str, timeout: Duration) -> Self {
        Self {
            tls: [TlsConfig::default(), TlsConfig::default()],
            proxies: Proxies::default(),
            timeout,
            reach: None,
            line: Some(line),
            called: Some(called.to_owned()),
            agents: Mutex::default(),
        }
    }

    /// A client of an engine on the network, which with TLS is trusted as the certificates in that folder say.
    pub(super) fn to_engine(
        remote: &Remote,
        called: &str,
        certificates: Option<&Path>,
    ) -> Result<Self, RemoteError> {
        let own = certificates.map(tls::of_engine).transpose()?.unwrap_or_default();
        Ok(Self {
            tls: [own, TlsConfig::default()],
            proxies: remote.proxies.clone(),
            timeout: remote.timeout,
            reach: None,
            line: None,
            called: Some(called.to_owned()),
            agents: Mutex::default(),
        })
    }

    /// A client of a server that is told things, whose address nobody is to read. It comes as nobody, and for everything it
    /// does there is a bound.
    pub(super) fn to_receiver(remote: &Remote, called: &str) -> Result<Self, RemoteError> {
        let timeout = remote.timeout.min(RECEIVER);
        let nobody = Remote { certificate: None, key: None, ..remote.clone() };
        Ok(Self { called: Some(called.to_owned()), timeout, ..Self::new(&nobody)? })
    }

    /// Sends `body`, once. Where the answer leads is not followed.
    pub(super) fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Reply, RemoteError> {
        let request = Request::get(url.clone());
        let agent = self.agent(self.route(&request)?);
        let mut builder = agent.post(url.uri().clone());
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        let whole = Some(self.timeout.saturating_mul(2));
        let configured = builder.config().timeout_global(whole).build();
        let answer = configured.send(body).map_err(|error| self.failed(url, self.timeout, &error))?;
        Ok(Reply::new(answer, url.clone(), true, (self.called(url), self.timeout)))
    }

    /// Asks, and goes where the answer leads, until it leads nowhere else.
    pub(super) fn fetch(&self, request: &Request) -> Result<Reply, RemoteError> {
        let mut next = request.clone();
        for _ in 0..REDIRECTS {
            let reply = self.once(&next)?;
            let (301 | 302 | 303 | 307 | 308, Some(target)) = (reply.status, reply.header("location")) else {
                return Ok(reply);
            };
            let here = &next.url;
            let Some(target) = here.join(target) else {
                return Err(RemoteError::refused(format!(
                    "{here} leads to what is no address of http or https"
                )));
            };
            if here.is_tls() && !target.is_tls() {
                return Err(RemoteError::refused(format!(
                    "{here} leads to {target}, a connection without TLS"
                )));
            }
            if !here.same_origin(&target) {
                if let Some(called) = &self.called {
                    return Err(RemoteError::refused(format!(
                        "{called} leads to {target}, which is elsewhere"
                    )));
                }
                // Not for good luck on the way back either: what was left behind once is not sent again.
                next.authorization = None;
                // And who was led away is not at home again by being led back: the name may be another server's by now.
                next.referred = request.referred || self.is_referred(&request.url, &target);
            }
            next.url = target;
        }
        Err(RemoteError::refused(format!(
            "{} leads from one address to the next, without an end",
            request.url
        )))
    }

    /// Whether `to` is an address that nobody named but the server at `from`. What leads on from a registry of this machine is
    /// its user's own, unless others say which images are looked at.
    pub(super) fn is_referred(&self, from: &Url, to: &Url) -> bool {
        !from.same_origin(to) && (self.reach.is_some() || !from.is_loopback())
    }

    /// Trades a token of an account for one of a scope (token specification, "Getting a token", POST). What the address
    /// has as its query goes into the form. Nobody is followed with that.
    pub(super) fn exchange(&self, request: &Request, account: &Secret) -> Result<Reply, RemoteError> {
        let query = request.url.uri().query().unwrap_or_default();
        let account = Zeroizing::new(escaped(&String::from_utf8_lossy(account.expose())));
        let form = Zeroizing::new(format!(
            "{query}&grant_type=refresh_token&client_id=layersift&refresh_token={}",
            *account
        ));
        let url = &request.url;
        let agent = self.agent(self.route(request)?);
        let target = url.uri().to_string();
        let answer = agent
            .post(target.split('?').next().unwrap_or_default())
            .header("content-type", "application/x-www-form-urlencoded")
            .send(form.as_bytes())
            .map_err(|error| self.failed(url, self.timeout, &error))?;
        Ok(Reply::new(answer, url.clone(), true, (self.called(url), self.timeout)))
    }

    /// Asks once.
    fn once(&self, request: &Request) -> Result<Reply, RemoteError> {
        let agent = self.agent(self.route(request)?);
        let method = match request.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
        };
        let mut builder = ureq::http::Request::builder().method(method).uri(request.url.uri().clone());
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(secret) = &request.authorization {
            let value = ureq::http::HeaderValue::from_bytes(secret.expose()).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            let message = "the login for it cannot be sent: it has characters that no header may have";
            builder = builder.header("authorization", value.map_err(|_| RemoteError::refused(message))?);
        }
        let asked = builder.body(()).map_err(|error| RemoteError::refused(error.to_string()))?;
        let whole = request.whole.then(|| self.timeout.saturating_mul(WHOLE));
        let patience = request.patience.unwrap_or(self.timeout);
        let asked = agent
            .configure_request(asked)
            .timeout_recv_body(whole)
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .build();
        let url = &request.url;
        let answer = agent.run(asked).map_err(|error| self.failed(url, patience, &error))?;
        Ok(Reply::new(answer, url.clone(), request.method == Method::Get, (self.called(url), patience)))
    }

    /// What errors call the server at `url`.
    fn called(&self, url: &Url) -> String {
        self.called.clone().unwrap_or_else(|| url.to_string())
    }

    fn route(&self, request: &Request) -> Result<Route, RemoteError> {
        // A proxy would connect to it.
        let host = request.url.host();
        let literal = host.parse().ok().filter(|_| request.referred);
        if let Some(near) = literal.and_then(|address| may(self.reach.as_ref(), host, address).err()) {
            return Err(RemoteError::refused(format!("{host}: {near}")));
        }
        Ok(Route { referred: request.referred, proxy: self.proxies.choose(&request.url)? })
    }

    fn agent(&self, route: Route) -> Agent {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(other, _)| *other == route) {
            return agent.clone();
        }
        let connect = self.timeout.min(Duration::from_secs(30));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("layersift/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .tls_config(self.tls[usize::from(route.referred)].clone())
            .proxy(route.proxy.clone())
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_send_request(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .timeout_per_read(Some(self.timeout))
            .timeout_per_write(Some(self.timeout))
            .build();
        // An engine is given time by the size of its image.
        let watched = if self.called.is_some() { Duration::MAX } else { self.timeout };
        // As ureq does it by itself, with our watch below TLS.
        let connector =
            ().chain(SocksConnector::default())
                .chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(Watched(watched))
                .chain(RustlsConnector::default());
        let agent = if let Some(line) = &self.line {
            Agent::with_parts(config, line.clone(), Nowhere)
        } else if route.referred {
            Agent::with_parts(config, connector, Elsewhere::new(self.reach.clone()))
        } else {
            Agent::with_parts(config, connector, DefaultResolver::default())
        };
        agents.push((route, agent.clone()));
        agent
    }

    /// What a failure means that came while `url` was asked for and waited for that long, without what the address may hide.
    fn failed(&self, url: &Url, waited: Duration, error: &ureq::Error) -> RemoteError {
        use ureq::Error as E;
        let called = &self.called(url);
        match error {
            E::Timeout(_) => {
                let seconds = waited.as_secs_f32();
                RemoteError::passing(format!("{called} gave no answer in {seconds} s"))
            }
            E::Io(error) => failed_io(called, error),
            E::Rustls(error) => untrusted(called, error),
            E::HostNotFound => RemoteError::passing(format!("there is no host {}", url.host())),
            E::ConnectionFailed => RemoteError::passing(format!("{called} cannot be reached")),
            E::ConnectProxyFailed(_) => {
                let message = format!("the proxy gives no connection to {called}");
                RemoteError::new(RemoteFault::Passing, message, "look at HTTPS_PROXY and NO_PROXY")
            }
            E::Other(error) if error.is::<Near>() => RemoteError::refused(format!("{}: {error}", url.host())),
            error => RemoteError::new(
                RemoteFault::Final,
                format!("{called} does not answer as HTTP asks for: {error}"),
                "see that this is the address of a registry",
            ),
        }
    }
}

fn failed_io(called: &str, error: &io::Error) -> RemoteError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error) = tls {
        return untrusted(called, error);
    }
    let cut = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    );
    let message = format!("{called} cannot be reached: {error}");
    let message = if cut { format!("{called} broke the connection off") } else { message };
    RemoteError::passing(message)
}

fn untrusted(called: &str, error: &rustls::Error) -> RemoteError {
    match error {
        rustls::Error::InvalidMessage(_) => RemoteError::new(
            RemoteFault::NoTls,
            format!("{called} does not speak TLS"),
            "use --plain-http if nobody can listen on the way to it",
        ),
        error => RemoteError::new(
            RemoteFault::Final,
            format!("no safe connection to {called}: {error}"),
            "if its certificate is of an authority of your own, name that with --registry-ca",
        ),
    }
}

/// Whether reading failed because nobody waits any longer.
fn is_timeout(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    error.kind() == io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
}

/// A body whose errors say where it came from, and that it may be tried again.
struct Body {
    inner: ureq::BodyReader<'static>,
    called: String,
    /// For how long next to nothing may come.
    timeout: Duration,
    pace: Pace,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        let read = self.inner.read(out);
        let read = read.map_err(|error| {
            let why = if is_timeout(&error) {
                format!("nothing, or next to nothing, came for {} s", self.timeout.as_secs_f32())
            } else {
                error.to_string()
            };
            RemoteError::passing(format!("{} stopped in the middle: {why}", self.called))
        })?;
        // Below TLS the connection is watched too, but records may hold next to nothing themselves.
        if read > 0
            && let Err(few) = self.pace.note(read, start.elapsed())
        {
            let message = format!("{} gave {few} bytes in {} s", self.called, self.timeout.as_secs());
            return Err(RemoteError::passing(message).into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_this_machine_through_a_proxy_either() {
        let proxies = Proxies { all: Some(Secret::new("http://127.0.0.1:9")), ..Proxies::default() };
        let http = Http::new(&Remote { proxies, ..Remote::default() }).unwrap();
        let route = |url: &str, referred| {
            let request = Request { referred, ..Request::get(Url::parse(url).unwrap()) };
            http.route(&request)
        };
        for near in ["http://169.254.169.254/", "https://[fe80::1]/", "http://0.0.0.0:80/"] {
            let error = route(near, true).unwrap_err().to_string();
            assert!(error.contains("of this machine"), "{near}: {error}");
            assert!(route(near, false).is_ok(), "{near}: the user may name it");
        }
        // What a name stands for the proxy finds out, and the proxy itself may well be near.
        let far = route("https://auth.example/", true).unwrap();
        assert!(far.proxy.is_some() && far.referred);
    }
}
