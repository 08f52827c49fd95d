//! How the service is set up: the table `[serve]` of the configuration, understood and checked as a whole before anything
//! begins.
//!
//! Secrets are never in it: it names files and variables of the environment that hold them.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::allowed::Allowed;
use super::hooks::proof::{Proof, Scheme};
use super::hooks::{AUTO, DIALECTS, Dialect};
use crate::digest::Digest;
use crate::secret::Secret;
use crate::source::registry::RepositoryName;
use crate::stream::read_bounded;

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
    /// How many jobs are done at a time; as many as there are cores.
    pub workers: Option<usize>,
    /// For how many seconds jobs may go on after the service was told to stop.
    pub drain_seconds: Option<u64>,
    /// For how many seconds a worker holds a job before it has to say that it still works on it.
    pub lease_seconds: Option<u64>,
    /// Bytes of a delivery that are read.
    pub max_body_bytes: Option<usize>,
    /// The registries that events may be about.
    pub registry: Vec<RegistryTable>,
    /// The hooks.
    pub hook: Vec<HookTable>,
    /// Who may ask.
    pub token: Vec<TokenTable>,
}

/// A table `[[serve.registry]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the keys are those of `Allowed`")]
pub struct RegistryTable {
    pub name: String,
    pub aliases: Vec<String>,
    pub repositories: Vec<String>,
}

/// A table `[[serve.hook]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HookTable {
    /// A dialect, or `auto`.
    pub kind: String,
    /// `header`, `basic`, `hmac`, `url` or `none`; what the dialect mostly has.
    pub proof: Option<String>,
    /// The header with the secret or the signature.
    pub header: Option<String>,
    /// The user of `basic`.
    pub user: Option<String>,
    /// The registry that events are of which name none.
    pub registry: Option<String>,
    /// Where the secret is.
    pub secret_file: Option<PathBuf>,
    /// The variable of the environment that has the secret.
    pub secret_env: Option<String>,
}

/// A table `[[serve.token]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TokenTable {
    /// Who has it, for the log.
    pub name: String,
    /// `read`, `triage` or `admin`.
    pub role: String,
    /// Where the secret is.
    pub secret_file: Option<PathBuf>,
    /// The variable of the environment that has the secret.
    pub secret_env: Option<String>,
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
    /// The registries that events may be about.
    pub registries: Vec<Allowed>,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// Who may ask. None: everybody on this machine may do everything.
    pub tokens: Vec<Token>,
}

/// A hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// None: whichever it is.
    pub dialect: Option<&'static Dialect>,
    /// What its senders have to show.
    pub proof: Proof,
    /// The registry that events are of which name none.
    pub registry: Option<String>,
}

/// What its holder may do.
#[derive(Debug, Clone)]
pub struct Token {
    /// Who has it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What they show.
    pub secret: Secret,
}

/// What somebody may do; whoever may do more may do less, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// Decide about findings.
    Triage,
    /// Everything.
    Admin,
}

/// What is wrong with a configuration, each fault in a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

/// Bytes of a delivery that are read unless the configuration says otherwise: Harbor sends a resource for each tag.
const BODY: usize = 1 << 20;

/// Bytes that a secret has at least, so that nobody guesses it, and at most.
const SECRET: (usize, u64) = (16, 4 << 10);

impl Table {
    /// The same with paths that are relative to `folder` made whole.
    #[must_use]
    pub fn rebased(mut self, folder: &Path) -> Self {
        let hooks = self.hook.iter_mut().map(|hook| &mut hook.secret_file);
        let tokens = self.token.iter_mut().map(|token| &mut token.secret_file);
        for path in hooks.chain(tokens).chain([&mut self.data, &mut self.seal_key_file]).flatten() {
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
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let config = Config {
            listen,
            data: self.data.clone().unwrap_or_default(),
            database,
            workers: self.workers.unwrap_or(cores),
            drain: Duration::from_secs(self.drain_seconds.unwrap_or(30)),
            lease: Duration::from_secs(self.lease_seconds.unwrap_or(60).max(1)),
            max_body: self.max_body_bytes.unwrap_or(BODY),
            registries,
            hooks,
            tokens,
        };
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }
}

impl RegistryTable {
    fn checked(&self, fault: &mut dyn FnMut(String)) -> Allowed {
        let Self { name, aliases, repositories } = self;
        let name = if let Ok(image) = RepositoryName::at(name, "image") {
            image.domain().to_owned()
        } else {
            fault(format!("serve.registry: `{name}` is no host of a registry, as in registry.example:5000"));
            name.clone()
        };
        Allowed { name, aliases: aliases.clone(), repositories: repositories.clone() }
    }
}

impl HookTable {
    fn checked(&self, secrets: &Secrets<'_>, local: bool, registries: &[Allowed]) -> Result<Hook, String> {
        let dialect = Dialect::named(&self.kind);
        if dialect.is_none() && self.kind != AUTO {
            let known: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name).collect();
            return Err(format!(
                "there is no kind `{}`: there are {} and {AUTO}",
                self.kind,
                known.join(", ")
            ));
        }
        let known = |name: &str| registries.iter().any(|allowed| allowed.is_called(name));
        match &self.registry {
            Some(name) if !known(name) => return Err(format!("the registry `{name}` is not on the list")),
            None if dialect.is_some_and(|dialect| !dialect.names_registry) => {
                return Err(format!(
                    "events of {} name no registry: say which one it is, with registry",
                    self.kind
                ));
            }
            _ => {}
        }
        let proof = self.proof(dialect, secrets, local)?;
        Ok(Hook { dialect, proof, registry: self.registry.clone() })
    }

    fn proof(&self, dialect: Option<&Dialect>, secrets: &Secrets<'_>, local: bool) -> Result<Proof, String> {
        let usual = dialect.map_or(Scheme::Url, |dialect| dialect.scheme);
        let proof = self.proof.as_deref().unwrap_or(usual.name());
        if proof == "none" {
            let why = "no proof is for a service that only this machine reaches";
            return if local { Ok(Proof::None) } else { Err(why.to_owned()) };
        }
        let secret = secrets.read(self.secret_file.as_ref(), self.secret_env.as_ref())?;
        let header = self.header.as_ref().map(|header| header.to_ascii_lowercase());
        Ok(match (proof, usual) {
            ("header", Scheme::Header(usual)) => {
                Proof::Header(header.unwrap_or_else(|| usual.to_owned()), secret)
            }
            ("header", _) => Proof::Header(header.unwrap_or_else(|| "authorization".to_owned()), secret),
            ("hmac", Scheme::Hmac(usual)) => {
                let usual = || usual.iter().map(|&name| name.to_owned()).collect();
                Proof::Hmac(header.map_or_else(usual, |header| vec![header]), secret)
            }
            ("hmac", _) => {
                Proof::Hmac(vec![header.ok_or("name the header with the signature, with header")?], secret)
            }
            ("basic", _) => Proof::Basic(self.user.clone().ok_or("name the user, with user")?, secret),
            ("url", _) => Proof::Url(secret),
            (other, _) => {
                return Err(format!(
                    "there is no proof `{other}`: there are header, basic, hmac, url and none"
                ));
            }
        })
    }
}

impl TokenTable {
    fn checked(&self, secrets: &Secrets<'_>) -> Result<Token, String> {
        let role = match self.role.as_str() {
            "read" => Role::Read,
            "triage" => Role::Triage,
            "admin" => Role::Admin,
            other => return Err(format!("there is no role `{other}`: there are read, triage and admin")),
        };
        let secret = secrets.read(self.secret_file.as_ref(), self.secret_env.as_ref())?;
        Ok(Token { name: self.name.clone(), role, secret })
    }
}

/// Where secrets are.
struct Secrets<'s> {
    variable: &'s dyn Fn(&str) -> Option<OsString>,
}

impl Secrets<'_> {
    /// The secret of a file or a variable: all of it but the line break at its end.
    fn read(&self, file: Option<&PathBuf>, variable: Option<&String>) -> Result<Secret, String> {
        let bytes = match (file, variable) {
            (Some(path), None) => {
                let read = File::open(path).and_then(|mut file| read_bounded(&mut file, SECRET.1));
                let read = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                read.ok_or_else(|| format!("{} is too long for a secret", path.display()))?
            }
            (None, Some(name)) => {
                let value = (self.variable)(name).ok_or_else(|| format!("the variable {name} is not set"))?;
                value.into_encoded_bytes()
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err("say where its secret is, with secret-file or secret-env".to_owned());
            }
        };
        let bytes = Zeroizing::new(bytes);
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() < SECRET.0 {
            return Err(format!("its secret is shorter than {} bytes", SECRET.0));
        }
        Ok(Secret::new(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<OsString> {
        match name {
            "GOOD" => Some("0123456789abcdef\n".into()),
            "SHORT" => Some("0123".into()),
            _ => None,
        }
    }

    fn check(text: &str) -> Result<Config, String> {
        let table: Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        table.check(&variable).map_err(|faults| faults.to_string())
    }

    const LEAST: &str = "data = '/d'\n[[registry]]\nname = 'r.example'\n";

    #[test]
    fn what_is_not_said_is_what_is_safe() {
        let config = check(LEAST).unwrap();
        assert!(config.listen.ip().is_loopback() && config.tokens.is_empty() && config.hooks.is_empty());
        let hook = |text: &str| {
            check(&format!("{LEAST}[[hook]]\n{text}")).map(|config| config.hooks[0].proof.clone())
        };
        let proof = |text: &str| format!("{:?}", hook(text).unwrap()).split('(').next().unwrap().to_owned();
        assert_eq!(proof("kind = 'harbor'\nsecret-env = 'GOOD'"), "Header");
        assert_eq!(proof("kind = 'ghcr'\nsecret-env = 'GOOD'"), "Hmac");
        assert_eq!(proof("kind = 'docker-hub'\nsecret-env = 'GOOD'"), "Url");
        assert_eq!(proof("kind = 'auto'\nsecret-env = 'GOOD'"), "Url");
        assert_eq!(proof("kind = 'zot'\nregistry = 'R.example'\nuser = 'u'\nsecret-env = 'GOOD'"), "Basic");
        assert_eq!(proof("kind = 'harbor'\nproof = 'none'"), "None");
        assert!(!format!("{:?}", hook("kind = 'ghcr'\nsecret-env = 'GOOD'")).contains("0123456789abcdef"));
    }

    #[test]
    fn each_fault_is_told() {
        let hook = |text: &str| check(&format!("{LEAST}[[hook]]\n{text}")).unwrap_err();
        for (told, part) in [
            (check("").unwrap_err(), "serve.data"),
            (check("").unwrap_err(), "serve.registry"),
            (check("data = 'd'\n[[registry]]\nname = 'a b'").unwrap_err(), "`a b` is no host"),
            (check("lisen = 'x'").unwrap_err(), "unknown field `lisen`"),
            (check(&format!("listen = 'x'\n{LEAST}")).unwrap_err(), "serve.listen"),
            (check(&format!("listen = '0.0.0.0:1'\n{LEAST}")).unwrap_err(), "make a token"),
            (hook("kind = 'habor'"), "there is no kind `habor`"),
            (hook("kind = 'harbor'"), "secret-file or secret-env"),
            (hook("kind = 'harbor'\nsecret-env = 'NONE'"), "NONE is not set"),
            (hook("kind = 'harbor'\nsecret-env = 'SHORT'"), "shorter than 16"),
            (hook("kind = 'harbor'\nsecret-file = '/nowhere'"), "cannot read /nowhere"),
            (hook("kind = 'harbor'\nproof = 'x'\nsecret-env = 'GOOD'"), "there is no proof `x`"),
            (hook("kind = 'harbor'\nproof = 'hmac'\nsecret-env = 'GOOD'"), "name the header"),
            (hook("kind = 'zot'\nsecret-env = 'GOOD'"), "name no registry"),
            (hook("kind = 'zot'\nregistry = 'x'\nsecret-env = 'GOOD'"), "`x` is not on the list"),
            (hook("kind = 'zot'\nregistry = 'r.example'\nsecret-env = 'GOOD'"), "name the user"),
            (check(&format!("{LEAST}[[token]]\nrole = 'root'")).unwrap_err(), "there is no role `root`"),
        ] {
            assert!(told.contains(part), "{told} / {part}");
        }
        let open = format!("listen = '0.0.0.0:1'\n{LEAST}[[hook]]\nkind = 'harbor'\nproof = 'none'");
        assert!(check(&open).unwrap_err().contains("only this machine"));
    }
}
