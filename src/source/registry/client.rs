//! Asks a registry for things (OCI distribution-spec), patiently: again where a failure may pass, first at its mirrors.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::auth::Auth;
use super::credentials::{Login, Logins};
use super::reference::{RepositoryName, host};
use super::retry::Patience;
use crate::source::http::{Http, Method, Reply, Request, Url, is_loopback};
use crate::source::remote::{Remote, RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// What all repositories of one scan share.
pub(super) struct Client<'r> {
    http: Arc<Http>,
    remote: &'r Remote,
    logins: Logins<'r>,
    /// The addresses of hosts.
    known: Mutex<HashMap<String, Url>>,
}

impl<'r> Client<'r> {
    pub(super) fn new(remote: &'r Remote) -> Result<Self, RemoteError> {
        let http = Arc::new(Http::new(remote)?);
        Ok(Self { http, remote, logins: Logins::of(remote), known: Mutex::default() })
    }

    /// The address of the server `host`, which is found out once.
    fn base(&self, host: &str) -> Result<Url, RemoteError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = known.get(host) {
            return Ok(base.clone());
        }
        let base = base(&self.http, self.remote, host)?;
        known.insert(host.to_owned(), base.clone());
        Ok(base)
    }
}

/// One repository, at the places where it can be had.
pub(super) struct Repository {
    name: RepositoryName,
    /// Mirrors first, the registry itself last.
    places: Vec<Place>,
}

/// A repository on one server.
struct Place {
    http: Arc<Http>,
    /// `https://ghcr.io`.
    base: Url,
    /// Path of the repository there.
    path: String,
    auth: Auth,
    patience: Patience,
    /// Whether it is a mirror that did not answer, so that others need not wait for it.
    down: AtomicBool,
}

/// Something of a repository to ask for.
#[derive(Clone)]
pub(super) struct Query<'q> {
    pub(super) method: Method,
    /// Below the repository: `manifests/latest`.
    pub(super) path: &'q str,
    pub(super) accept: &'q str,
    /// Byte to begin at.
    pub(super) from: u64,
    /// See [`Request::whole`].
    pub(super) whole: bool,
}

impl<'q> Query<'q> {
    pub(super) fn get(path: &'q str, accept: &'q str) -> Self {
        Self { method: Method::Get, path, accept, from: 0, whole: true }
    }
}

impl Repository {
    /// Connects to nothing yet, but to registries on this machine, to see whether they speak TLS.
    pub(super) fn open(client: &Client<'_>, name: &RepositoryName) -> Result<Self, RemoteError> {
        let remote = client.remote;
        let mut places = Vec::new();
        for (_, mirror) in remote.mirrors.iter().filter(|(domain, _)| domain == name.domain()) {
            places.push(Place::mirror(client, mirror, name)?);
        }
        let login = remote.login.clone().map(|(user, password)| Login::Password(user, password));
        let login = login.map_or_else(|| client.logins.find(name), |login| Ok(Some(login)))?;
        let base = client.base(host(name.domain()))?;
        places.push(Place::new(&client.http, base, name.path(), login, Patience::new(remote.retries)));
        Ok(Self { name: name.clone(), places })
    }

    pub(super) fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Asks for `query`; what is no success is an error.
    pub(super) fn ask(&self, query: &Query<'_>) -> Result<Reply, RemoteError> {
        let (own, mirrors) = self.places.split_last().ok_or_else(|| RemoteError::passing("no place"))?;
        for mirror in mirrors.iter().filter(|mirror| !mirror.down.load(Ordering::Relaxed)) {
            match mirror.ask(query) {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    let gone = error.fault() != RemoteFault::Absent;
                    mirror.down.fetch_or(gone, Ordering::Relaxed);
                }
            }
        }
        own.ask(query)
    }

    /// Which failures pass, and how long to wait for that.
    pub(super) fn patience(&self) -> Patience {
        self.places.last().map_or(Patience::new(0), |place| place.patience)
    }
}

impl Place {
    fn new(http: &Arc<Http>, base: Url, path: &str, login: Option<Login>, patience: Patience) -> Self {
        Self {
            http: Arc::clone(http),
            base,
            path: path.to_owned(),
            auth: Auth::new(login),
            patience,
            down: AtomicBool::new(false),
        }
    }

    /// The place `mirror`, a host with or without a path, in which `name` stands under its own path.
    fn mirror(client: &Client<'_>, mirror: &str, name: &RepositoryName) -> Result<Self, RemoteError> {
        let (host, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
        let path = [prefix.trim_end_matches('/'), name.path()].join("/");
        let path = path.trim_start_matches('/');
        // Its host is one, whatever it looks like: the login of another registry must not be found for it.
        let there = RepositoryName::at(host, path);
        let login = there.map_or(Ok(None), |there| client.logins.find(&there))?;
        let patience = Patience::new(client.remote.retries.min(1));
        Ok(Self::new(&client.http, client.base(host)?, path, login, patience))
    }

    fn ask(&self, query: &Query<'_>) -> Result<Reply, RemoteError> {
        let mut attempt = 0;
        loop {
            let error = match self.once(query) {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let Some(pause) = self.patience.pause(attempt, &error) else { return Err(error) };
            thread::sleep(pause);
            attempt += 1;
        }
    }

    /// Asks once, and once more with a fresh login if the registry wants one.
    fn once(&self, query: &Query<'_>) -> Result<Reply, RemoteError> {
        // Of all repositories together only their list can be asked for.
        let (path, scope) = match self.path.as_str() {
            "" => (format!("/v2/{}", query.path), "registry:catalog:*".to_owned()),
            path => (format!("/v2/{path}/{}", query.path), format!("repository:{path}:pull")),
        };
        let url = self.base.join(&path);
        let url =
            url.ok_or_else(|| RemoteError::refused("the name of something in the registry is no address"))?;
        let mut headers = vec![("accept", query.accept.to_owned())];
        if query.from > 0 {
            headers.push(("range", format!("bytes={}-", query.from)));
        }
        let mut request = Request {
            method: query.method,
            headers,
            whole: query.whole,
            authorization: self.auth.header(&scope),
            ..Request::get(url)
        };
        let mut reply = self.http.fetch(&request)?;
        if reply.status == 401 && reply.url.same_origin(&self.base) {
            let fresh = self.auth.renew(&self.http, &scope, request.authorization.as_ref(), &reply)?;
            request.authorization = Some(fresh);
            reply = self.http.fetch(&request)?;
        }
        if reply.is_success() { Ok(reply) } else { Err(status_error(&request.url, reply.status, &reply)) }
    }
}

/// The address of the server `host`. On this machine, TLS is tried first, and everywhere else it is all there is.
fn base(http: &Http, remote: &Remote, host: &str) -> Result<Url, RemoteError> {
    let address = |scheme: &str| {
        let message = format!("`{host}` is no host of a registry");
        let remedy = "write it as in registry.example:5000";
        Url::parse(&format!("{scheme}://{host}/"))
            .ok_or_else(|| RemoteError::new(RemoteFault::Final, message, remedy))
    };
    let (plain, safe) = (address("http")?, address("https")?);
    if remote.plain_http {
        return Ok(plain);
    }
    if !is_loopback(safe.host()) {
        return Ok(safe);
    }
    let ping = safe.join("/v2/").unwrap_or_else(|| safe.clone());
    match http.fetch(&Request::get(ping)) {
        Err(error) if matches!(error.fault(), RemoteFault::NoTls | RemoteFault::Passing) => Ok(plain),
        _ => Ok(safe),
    }
}

/// What an answer means that is no success.
pub(super) fn status_error(url: &Url, status: u16, reply: &Reply) -> RemoteError {
    let wait = reply.header("retry-after").and_then(super::retry::seconds);
    let error = match status {
        404 | 410 => RemoteError::new(
            RemoteFault::Absent,
            format!("there is no {url}"),
            "see that the name is right and that this login may see it",
        ),
        401 => super::auth::denied(url, "it does not accept the login"),
        403 => super::auth::denied(url, "it is forbidden"),
        408 => RemoteError::passing(format!("{url}: the server waited too long (408)")),
        429 => RemoteError::new(
            RemoteFault::Passing,
            wait.map_or_else(
                || format!("{url}: too many requests (429)"),
                |wait| format!("{url}: too many requests (429); it asks to wait {} s", wait.as_secs()),
            ),
            "wait as the registry asks, or log in: most registries allow more to those they know",
        ),
        500..=599 => RemoteError::passing(format!("{url}: the server failed ({status})")),
        _ => RemoteError::new(
            RemoteFault::Final,
            format!("{url}: the server answers {status}, which says nothing about it"),
            "see that this is the address of a registry",
        ),
    };
    RemoteError { wait, ..error }
}

/// A document of at most `most` bytes; none if it is larger. A cut is tried again by asking anew.
pub(super) fn document(
    repository: &Repository,
    query: &Query<'_>,
    most: u64,
) -> Result<Option<(Vec<u8>, Reply)>, RemoteError> {
    let mut attempt = 0;
    loop {
        let mut reply = repository.ask(query)?;
        let error = match read_bounded(&mut reply.body, most) {
            Ok(bytes) => return Ok(bytes.map(|bytes| (bytes, reply))),
            Err(error) => RemoteError::of(&error, &reply.url),
        };
        match repository.patience().pause(attempt, &error) {
            Some(pause) => thread::sleep(pause),
            None => return Err(error),
        }
        attempt += 1;
    }
}
