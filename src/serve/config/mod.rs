//! How the service is set up: the table `[serve]` of the configuration, understood and checked as a whole (`check`) before
//! anything begins. Each table in it is a file here, and what can never work is a fault: all are told at once (`faults`).
//!
//! Secrets are never in it: it names files and variables of the environment that hold them.

mod check;
mod faults;
mod hook;
mod notify;
mod registry;
mod retention;
mod secrets;
mod sweep;
#[cfg(test)]
mod tests;
mod token;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use self::faults::{Fault, Faults, Place};
pub use self::hook::{Hook, HookTable};
pub use self::notify::{NotifyTable, Receiver};
pub use self::registry::RegistryTable;
pub use self::retention::{Retention, RetentionTable};
pub use self::sweep::SweepTable;
pub use self::token::{Role, Token, TokenTable};
use super::allowed::Allowed;
use super::tls::Identity;
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
    /// What works and should be set up otherwise.
    pub cautions: Vec<Fault>,
}

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
}
