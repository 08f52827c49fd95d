//! How the service is set up: the table `[serve]` of the configuration, understood and checked as a whole before anything
//! begins. Each table in it is a file here.
//!
//! Secrets are never in it: it names files and variables of the environment that hold them.

mod hook;
mod notify;
mod registry;
mod retention;
mod secrets;
mod sweep;
#[cfg(test)]
mod tests;
mod token;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use self::hook::{Hook, HookTable};
pub use self::notify::{NotifyTable, Receiver};
pub use self::registry::RegistryTable;
pub use self::retention::{Retention, RetentionTable};
use self::secrets::Secrets;
pub use self::sweep::SweepTable;
pub use self::token::{Role, Token, TokenTable};
use super::allowed::Allowed;
use super::tls::Identity;
use crate::digest::Digest;
use crate::secret::Secret;
use crate::source::{Network, Reach};

/// The table `[serve]`, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Table {
    /// Address and port to listen at; `127.0.0.1:8321`.
    pub listen: Option<String>,
    /// The folder of the database and of what layers yielded.
    pub data: Option<PathBuf>,
    /// The address of a `PostgreSQL` database, in the place of that in the folder.
    pub database: Option<String>,
    /// A file that nobody else can read, with what reports of layers are sealed with in a shared database.
    pub seal_key_file: Option<PathBuf>,
    /// How many jobs are done at a time; as many as there are cores, and one more if there are several registries.
    pub workers: Option<usize>,
    /// For how many seconds jobs may go on after the service was told to stop.
    pub drain_seconds: Option<u64>,
    /// For how many seconds a worker holds a job before it has to say that it still works on it.
    pub lease_seconds: Option<u64>,
    /// Bytes of a delivery that are read.
    pub max_body_bytes: Option<usize>,
    /// The certificate that is shown to who connects, in PEM; without it connections are plain.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// Addresses and networks of proxies, which are believed when they say whom they bring.
    pub trusted_proxies: Vec<String>,
    /// Where people reach the service, for links to it in messages.
    pub public_url: Option<String>,
    /// How often registries are looked through.
    pub sweep: SweepTable,
    /// What is forgotten, and when.
    pub retention: RetentionTable,
    /// The registries that events may be about.
    pub registry: Vec<RegistryTable>,
    /// The hooks.
    pub hook: Vec<HookTable>,
    /// Who may ask.
    pub token: Vec<TokenTable>,
    /// Who is told of new findings.
    pub notify: Vec<NotifyTable>,
}

/// What the table means.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder of the database and of what layers yielded.
    pub data: PathBuf,
    /// A database on a server, and what is shared in it sealed with.
    pub database: Option<(Secret, [u8; 32])>,
    /// How many jobs are done at a time.
    pub workers: usize,
    /// For how long jobs may go on after the service was told to stop.
    pub drain: Duration,
    /// For how long a worker holds a job before it has to say that it still works on it.
    pub lease: Duration,
    /// Bytes of a delivery that are read.
    pub max_body: usize,
    /// The certificate that is shown to who connects.
    pub tls: Option<Identity>,
    /// Proxies that are believed when they say whom they bring.
    pub trusted_proxies: Vec<Network>,
    /// The registries that events may be about.
    pub registries: Vec<Allowed>,
    /// Where they may lead on to.
    pub reach: Reach,
    /// How often each of them is looked through; none: never.
    pub sweeps: Vec<(String, Option<Duration>)>,
    /// The time between two requests of a sweep.
    pub pause: Duration,
    /// What is forgotten, and when.
    pub retention: Retention,
    /// Where people reach the service.
    pub public_url: Option<String>,
    /// Who is told of new findings.
    pub receivers: Vec<Receiver>,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// Who may ask. None: everybody on this machine may do everything.
    pub tokens: Vec<Token>,
}

/// What is wrong with a configuration, each fault in a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

/// Bytes of a delivery that are read unless the configuration says otherwise: Harbor sends a resource for each tag.
const BODY: usize = 1 << 20;

impl Table {
    /// The same with paths that are relative to `folder` made whole.
    #[must_use]
    pub fn rebased(mut self, folder: &Path) -> Self {
        let mut paths =
            vec![&mut self.data, &mut self.seal_key_file, &mut self.tls_certificate, &mut self.tls_key];
        paths.extend(self.hook.iter_mut().map(|hook| &mut hook.secret_file));
        paths.extend(self.token.iter_mut().map(|token| &mut token.secret_file));
        for notify in &mut self.notify {
            paths.extend([&mut notify.url_file, &mut notify.secret_file]);
        }
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        self
    }

    /// What it means, with the variables of the environment.
    pub fn check(&self, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Config, Faults> {
        let mut faults = Vec::new();
        let mut fault = |what: String| faults.push(what);
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:8321");
        let listen = listen.parse().unwrap_or_else(|_| {
            fault(format!("serve.listen: `{listen}` is no address with a port, as in 127.0.0.1:8321"));
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        if self.data.is_none() && self.database.is_none() {
            fault("serve.data: name the folder in which the service keeps what it knows".to_owned());
        }
        if self.registry.is_empty() {
            fault(
                "serve.registry: name a registry that events may be about, with [[serve.registry]]"
                    .to_owned(),
            );
        }
        let registries: Vec<Allowed> = self.registry.iter().map(|table| table.checked(&mut fault)).collect();
        let secrets = Secrets { variable };
        let local = listen.ip().is_loopback();
        let mut hooks = Vec::new();
        for (number, table) in self.hook.iter().enumerate() {
            let hook = table.checked(&secrets, local, &registries);
            hooks.extend(hook.map_err(|why| fault(format!("serve.hook {}: {why}", number + 1))).ok());
        }
        let mut tokens = Vec::new();
        for (number, table) in self.token.iter().enumerate() {
            let token = table.checked(&secrets);
            tokens.extend(token.map_err(|why| fault(format!("serve.token {}: {why}", number + 1))).ok());
        }
        if self.token.is_empty() && !local {
            fault(format!(
                "serve.token: others than this machine reach {listen}; make a token for those who may ask"
            ));
        }
        let database = self.database.as_ref().map(|url| {
            let key = secrets.read(self.seal_key_file.as_ref(), None);
            let key = key.map_err(|why| {
                fault(format!("serve.seal-key-file: workers that share a database share a key: {why}"));
            });
            let sealed = key.map_or([0; 32], |key| *Digest::of(key.expose()).bytes());
            (Secret::new(url.as_bytes()), sealed)
        });
        let reach = registry::reach(&self.registry, &registries);
        let sweeps = self.sweeps(&registries, &mut fault);
        let pause = self.sweep.pause(&mut fault);
        let retention = self.retention.checked(&mut fault);
        let receivers = self.receivers(&secrets, &mut fault);
        if let Some(url) = self.public_url.as_ref().filter(|url| !is_address(url)) {
            fault(format!("serve.public-url: `{url}` is no address, as in https://layersift.example"));
        }
        let tls = self.tls().unwrap_or_else(|why| {
            fault(why);
            None
        });
        let trusted_proxies = self.proxies(&mut fault);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let config = Config {
            listen,
            data: self.data.clone().unwrap_or_default(),
            database,
            // One registry never holds all workers if there are several.
            workers: self.workers.unwrap_or(cores + usize::from(self.registry.len() > 1)),
            drain: Duration::from_secs(self.drain_seconds.unwrap_or(30)),
            lease: Duration::from_secs(self.lease_seconds.unwrap_or(60).max(1)),
            max_body: self.max_body_bytes.unwrap_or(BODY),
            tls,
            trusted_proxies,
            registries,
            reach,
            sweeps,
            pause,
            retention,
            public_url: self.public_url.clone(),
            receivers,
            hooks,
            tokens,
        };
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    fn sweeps(
        &self,
        registries: &[Allowed],
        fault: &mut dyn FnMut(String),
    ) -> Vec<(String, Option<Duration>)> {
        let mut sweeps = Vec::new();
        for (table, allowed) in self.registry.iter().zip(registries) {
            let every = sweep::every(table.sweep.as_deref().or(self.sweep.every.as_deref()));
            let key = match table.sweep {
                Some(_) => format!("serve.registry {}: sweep", allowed.name),
                None => "serve.sweep.every".to_owned(),
            };
            let every = every.map_err(|why| fault(format!("{key}: {why}"))).ok();
            sweeps.push((allowed.name.clone(), every.flatten()));
        }
        sweeps
    }

    fn receivers(&self, secrets: &Secrets<'_>, fault: &mut dyn FnMut(String)) -> Vec<Receiver> {
        let mut receivers: Vec<Receiver> = Vec::new();
        for (number, table) in self.notify.iter().enumerate() {
            let twice = receivers.iter().any(|other| other.name == table.name);
            let checked = if twice { Err("two have this name".to_owned()) } else { table.checked(secrets) };
            let told =
                checked.map_err(|why| fault(format!("serve.notify {} {}: {why}", number + 1, table.name)));
            receivers.extend(told.ok());
        }
        receivers
    }

    fn tls(&self) -> Result<Option<Identity>, String> {
        let identity = match (&self.tls_certificate, &self.tls_key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => Identity { certificate: certificate.clone(), key: key.clone() },
            _ => return Err("serve.tls-certificate and serve.tls-key are of use only together".to_owned()),
        };
        let loaded = identity.load(None);
        loaded.map(|_| Some(identity)).map_err(|why| format!("serve.tls-certificate, serve.tls-key: {why}"))
    }

    fn proxies(&self, fault: &mut dyn FnMut(String)) -> Vec<Network> {
        if !self.trusted_proxies.is_empty() && self.token.is_empty() {
            fault("serve.trusted-proxies: who comes by a proxy is not of this machine; make a token for those who may ask".to_owned());
        }
        let mut proxies = Vec::new();
        for text in &self.trusted_proxies {
            let parsed: Result<Network, _> = text.parse();
            proxies
                .extend(parsed.map_err(|why| fault(format!("serve.trusted-proxies: `{text}`: {why}"))).ok());
        }
        proxies
    }
}

/// Whether `text` is an address of the web that can stand in a message.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()))
}
