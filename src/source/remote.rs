//! What registries and engines have in common: how to reach them, and why they did not give what they were asked for.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub use super::http::KnownCertificates;
use super::network::Network;
use crate::secret::Secret;

/// How registries and engines are reached. Nothing of it is read from the environment here: the program does that.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Talk to registries without TLS. Without this only those on this machine are.
    pub plain_http: bool,
    /// Files of certificates (PEM) that are trusted beside those of the system.
    pub authorities: Vec<PathBuf>,
    /// File with the client's certificates (PEM).
    pub certificate: Option<PathBuf>,
    /// File with the private key of the client's certificate (PEM).
    pub key: Option<PathBuf>,
    /// User and password, which win over what files say; never sent to a mirror.
    pub login: Option<(String, Secret)>,
    /// Files with logins, in the form of Docker's `config.json`, the first to know a registry wins. What is not there is
    /// passed over.
    pub login_files: Vec<PathBuf>,
    /// Registry and what is asked first in its place, as in `docker.io` and `mirror.example/hub`.
    pub mirrors: Vec<(String, String)>,
    /// Of whole repositories only tags that fit one of these globs, if there are any.
    pub tags: Vec<String>,
    /// Of whole repositories only tags of images that were made since then, as far as that is known.
    pub newer_than: Option<SystemTime>,
    /// Look for what refers to images: signatures, attestations.
    pub referrers: bool,
    /// Read no layer of an image in a registry, only what its documents say.
    pub history_only: bool,
    /// Which proxies to use.
    pub proxies: Proxies,
    /// How long nothing may come, or next to nothing.
    pub timeout: Duration,
    /// Where registries may lead on to, if not everywhere but to this machine and its link.
    pub reach: Option<Reach>,
    /// How often a request is made again that failed in a way that may pass.
    pub retries: u32,
    /// Where engines may be.
    pub engines: Engines,
    /// Certificates that were read already, which copies of this share.
    pub known: KnownCertificates,
}

/// Where registries may lead on to, for a program to which others say which images to look at: to hosts of registries, to
/// every public address, and to what is named here.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The hosts of the registries themselves.
    pub registries: Vec<String>,
    /// Hosts, whatever address they have.
    pub hosts: Vec<String>,
    /// Networks and addresses.
    pub networks: Vec<Network>,
}

/// Where engines are, as the variables of their clients say it. Files in these folders say more.
#[derive(Debug, Clone, Default)]
pub struct Engines {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of Docker's client, `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub docker_tls: bool,
    /// `DOCKER_CERT_PATH`: the folder of `ca.pem`, `cert.pem` and `key.pem`.
    pub docker_certificates: Option<PathBuf>,
    /// `CONTAINER_HOST`.
    pub podman_host: Option<String>,
    /// `CONTAINER_CONNECTION`.
    pub podman_connection: Option<String>,
    /// The folder of podman's configuration: `~/.config/containers`.
    pub podman_config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`: where services of the user listen.
    pub runtime: Option<PathBuf>,
}

/// Proxies as the variables of the same names give them.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// `HTTP_PROXY`: for connections without TLS. May hold a password.
    pub http: Option<Secret>,
    /// `HTTPS_PROXY`: for connections with TLS.
    pub https: Option<Secret>,
    /// `ALL_PROXY`: where the others say nothing.
    pub all: Option<Secret>,
    /// `NO_PROXY`: hosts, domains and networks that are reached without.
    pub none_for: String,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            plain_http: false,
            authorities: Vec::new(),
            certificate: None,
            key: None,
            login: None,
            login_files: Vec::new(),
            mirrors: Vec::new(),
            tags: Vec::new(),
            newer_than: None,
            referrers: true,
            history_only: false,
            proxies: Proxies::default(),
            timeout: Duration::from_secs(60),
            reach: None,
            retries: 5,
            engines: Engines::default(),
            known: KnownCertificates::default(),
        }
    }
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteFault {
    /// It may pass: no connection, a cut, a time-out, too many requests.
    Passing,
    /// There is no such thing.
    Absent,
    /// Nobody is there to be asked.
    Nobody,
    /// It is not given to everybody.
    Denied,
    /// The other side does not speak TLS.
    NoTls,
    /// Anything else; to try again would not help.
    Final,
}

/// Why a registry or an engine did not give what it was asked for. Holds no credential and no query of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    pub(super) fault: RemoteFault,
    pub(super) message: String,
    pub(super) remedy: Cow<'static, str>,
    /// How long the other side asks to wait.
    pub(super) wait: Option<Duration>,
}

/// What to do about most failures of a network.
const LATER: &str = "see that it can be reached from here, and scan again";

impl RemoteError {
    pub(super) fn new(
        fault: RemoteFault,
        message: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { fault, message: message.into(), remedy: remedy.into(), wait: None }
    }

    pub(super) fn passing(message: impl Into<String>) -> Self {
        Self::new(RemoteFault::Passing, message, LATER)
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(RemoteFault::Final, message, "do not trust this registry before you know why it does that")
    }

    /// What kind of failure it was.
    pub fn fault(&self) -> RemoteFault {
        self.fault
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// How long the other side asks to wait before it is asked again.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// What `error`, which came while `what` was read, means.
    pub(super) fn of(error: &io::Error, what: &dyn std::fmt::Display) -> Self {
        Self::within(error).cloned().unwrap_or_else(|| Self::passing(format!("{what}: {error}")))
    }

    /// The remote error that `error` carries, if it does.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<RemoteError> for io::Error {
    fn from(error: RemoteError) -> Self {
        Self::other(error)
    }
}
