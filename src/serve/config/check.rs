//! What the table `[serve]` means as a whole. Whatever can never work ends the start here, and not a delivery or a message later.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use super::faults::Said;
use super::secrets::{Secrets, Whereabouts, is_private};
use super::{Config, Faults, Hook, Receiver, Table, Token, hook, notify, registry, sweep, token};
use crate::digest::Digest;
use crate::secret::Secret;
use crate::serve::allowed::Allowed;
use crate::serve::tls::Identity;
use crate::source::{Network, is_address};

/// Bytes of a delivery that are read unless the configuration says otherwise (Harbor sends a resource for each tag), at least, and
/// at most: so much there is for all deliveries at a time.
const BODY: (usize, (usize, usize)) = (1 << 20, (1 << 10, 64 << 20));

/// Seconds of a lease: unless the configuration says otherwise, at least, and at most.
const LEASE: (u64, (u64, u64)) = (60, (1, DAY));

/// The same of what jobs have to end.
const DRAIN: (u64, (u64, u64)) = (30, (0, DAY));

/// Seconds.
const DAY: u64 = 24 * 60 * 60;

/// Jobs at a time, at most: each has a thread.
const WORKERS: usize = 1_024;

impl Table {
    /// What it means, with the variables of the environment; or everything that is wrong with it.
    pub fn check(&self, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Config, Faults> {
        let said = &mut Said::default();
        let secrets = &Secrets { variable };
        let listen = self.checked_listen(said);
        self.check_data(said);
        let registries = self.checked_registries(said);
        let (hooks, tokens) = self.checked_senders(secrets, &registries, listen, said);
        let pace = &mut said.of_service();
        let lease = pace.number("lease-seconds", (self.lease_seconds, LEASE.0), LEASE.1);
        let drain = pace.number("drain-seconds", (self.drain_seconds, DRAIN.0), DRAIN.1);
        let max_body = pace.number("max-body-bytes", (self.max_body_bytes, BODY.0), BODY.1);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // One registry never holds all workers if there are several.
        let workers = (self.workers, (cores + usize::from(self.registry.len() > 1)).min(WORKERS));
        let config = Config {
            listen,
            data: self.data.clone().unwrap_or_default(),
            database: self.checked_database(secrets, said),
            workers: said.of_service().number("workers", workers, (0, WORKERS)),
            drain: Duration::from_secs(drain),
            lease: Duration::from_secs(lease),
            max_body,
            tls: self.checked_tls(said),
            trusted_proxies: self.checked_proxies(said),
            reach: registry::reach(&self.registry, &registries),
            sweeps: self.checked_sweeps(&registries, said),
            pause: self.sweep.pause(&mut said.of("sweep", None)),
            retention: self.retention.checked(&mut said.of("retention", None)),
            public_url: self.checked_public_url(said),
            receivers: self.checked_receivers(secrets, &registries, said),
            registries,
            hooks,
            tokens,
            cautions: std::mem::take(&mut said.cautions),
        };
        if said.faults.is_empty() { Ok(config) } else { Err(Faults(std::mem::take(&mut said.faults))) }
    }

    fn checked_listen(&self, said: &mut Said) -> SocketAddr {
        let text = self.listen.as_deref().unwrap_or("127.0.0.1:8321");
        let mut table = said.of_service();
        let Ok(listen) = text.parse::<SocketAddr>() else {
            table.fault("listen", format!("`{text}` is no address with a port, as in 127.0.0.1:8321"));
            return SocketAddr::from(([127, 0, 0, 1], 0));
        };
        if listen.port() == 0 {
            table.fault("listen", "with the port 0 nobody would know where: name one, as in 127.0.0.1:8321");
        }
        listen
    }

    /// Whether there can be a folder where it is said to be.
    fn check_data(&self, said: &mut Said) {
        let mut table = said.of_service();
        let Some(data) = &self.data else {
            if self.database.is_none() {
                table.fault("data", "name the folder in which the service keeps what it knows");
            }
            return;
        };
        let there = data.ancestors().find(|path| path.exists()).filter(|path| !path.as_os_str().is_empty());
        if let Some(other) = there.filter(|path| !path.is_dir()) {
            table
                .fault("data", format!("{} is no folder: name one, or what can become one", other.display()));
        }
    }

    fn checked_registries(&self, said: &mut Said) -> Vec<Allowed> {
        if self.registry.is_empty() {
            said.of("registry", None)
                .fault("", "name a registry that events may be about, with [[serve.registry]]");
        }
        let mut registries = Vec::new();
        for (number, table) in self.registry.iter().enumerate() {
            registries.push(table.checked(&mut said.of("registry", Some(number))));
        }
        registry::alike(&registries, said);
        registries
    }

    /// Who may tell, and who may ask.
    fn checked_senders(
        &self,
        secrets: &Secrets<'_>,
        registries: &[Allowed],
        listen: SocketAddr,
        said: &mut Said,
    ) -> (Vec<Hook>, Vec<Token>) {
        let local = listen.ip().is_loopback();
        let mut hooks = Vec::new();
        for (number, table) in self.hook.iter().enumerate() {
            let checked = table.checked(secrets, local, registries, &mut said.of("hook", Some(number)));
            hooks.extend(checked.map(|hook| (number, hook)));
        }
        hook::alike(&hooks, said);
        let mut tokens = Vec::new();
        for (number, table) in self.token.iter().enumerate() {
            let checked = table.checked(secrets, &mut said.of("token", Some(number)));
            tokens.extend(checked.map(|token| (number, token)));
        }
        token::alike(&tokens, said);
        hook::shared(&hooks, &tokens, said);
        if self.token.is_empty() && !local {
            let why = format!(
                "others than this machine reach {listen}: make a token for those who may ask, with [[serve.token]]"
            );
            said.of("token", None).fault("", why);
        }
        let (hooks, tokens) = (hooks.into_iter(), tokens.into_iter());
        (hooks.map(|(_, hook)| hook).collect(), tokens.map(|(_, token)| token).collect())
    }

    fn checked_database(&self, secrets: &Secrets<'_>, said: &mut Said) -> Option<(Secret, [u8; 32])> {
        let url = self.database.as_ref()?;
        let there = Whereabouts {
            called: "key that workers with one database share",
            file: ("seal-key-file", self.seal_key_file.as_deref()),
            variable: ("", None),
        };
        let key = secrets.read(&mut said.of_service(), &there);
        let sealed = key.map_or([0; 32], |key| *Digest::of(key.expose()).bytes());
        Some((Secret::new(url.as_bytes()), sealed))
    }

    fn checked_sweeps(&self, registries: &[Allowed], said: &mut Said) -> Vec<(String, Option<Duration>)> {
        let common = sweep::every(self.sweep.every.as_deref());
        let common = said.of("sweep", None).right("every", common).flatten();
        let mut sweeps = Vec::new();
        for (number, (table, allowed)) in self.registry.iter().zip(registries).enumerate() {
            let own = table.sweep.as_deref().map(|text| sweep::every(Some(text)));
            let own = own.map(|every| said.of("registry", Some(number)).right("sweep", every).flatten());
            sweeps.push((allowed.name.clone(), own.unwrap_or(common)));
        }
        sweeps
    }

    fn checked_receivers(
        &self,
        secrets: &Secrets<'_>,
        registries: &[Allowed],
        said: &mut Said,
    ) -> Vec<Receiver> {
        let mut receivers = Vec::new();
        for (number, table) in self.notify.iter().enumerate() {
            receivers.extend(table.checked(secrets, registries, &mut said.of("notify", Some(number))));
        }
        notify::alike(&self.notify, said);
        receivers
    }

    fn checked_tls(&self, said: &mut Said) -> Option<Identity> {
        let mut table = said.of_service();
        let identity = match (&self.tls_certificate, &self.tls_key) {
            (None, None) => return None,
            (Some(certificate), Some(key)) => Identity { certificate: certificate.clone(), key: key.clone() },
            (there, _) => {
                let key = if there.is_some() { "tls-certificate" } else { "tls-key" };
                table.fault(key, "tls-certificate and tls-key are of use only together: name both, or none");
                return None;
            }
        };
        is_private(&mut table, "tls-key", &identity.key);
        let loaded = identity.load(None);
        table.right("tls-certificate", loaded).map(|_| identity)
    }

    fn checked_proxies(&self, said: &mut Said) -> Vec<Network> {
        let mut table = said.of_service();
        if !self.trusted_proxies.is_empty() && self.token.is_empty() {
            let why = "who comes by a proxy is not of this machine: make a token for those who may ask, with [[serve.token]]";
            table.fault("trusted-proxies", why);
        }
        let parsed = self.trusted_proxies.iter().map(|text| {
            let parsed = text.parse::<Network>();
            table.right("trusted-proxies", parsed.map_err(|why| format!("`{text}`: {why}")))
        });
        parsed.flatten().collect()
    }

    fn checked_public_url(&self, said: &mut Said) -> Option<String> {
        let url = self.public_url.clone()?;
        if !is_address(&url) || url.contains(['?', '#']) {
            let why =
                format!("`{url}` is no address that pages can stand below, as in https://layersift.example");
            said.of_service().fault("public-url", why);
        }
        Some(url)
    }
}
