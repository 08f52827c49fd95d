//! Where logins come from: what the user typed, then login files, each with helpers and stores of its own.
//!
//! The files are those of Docker (`config.json`) and of podman, skopeo and buildah (`auth.json`, containers-auth.json(5)),
//! which have the same form; podman's may also name a repository or a part of its path.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::helper;
use super::reference::{RepositoryName, login_name};
use crate::secret::Secret;
use crate::source::remote::{Remote, RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// What proves to a registry who is asking.
#[derive(Debug, Clone)]
pub(super) enum Login {
    /// A user and a password.
    Password(String, Secret),
    /// A token of the account, which a token server takes (a refresh token of OAuth 2).
    Identity(Secret),
    /// A token for the registry itself.
    Registry(Secret),
}

/// Finds logins, and asks no helper twice: it may ask a person.
pub(super) struct Logins<'r> {
    remote: &'r Remote,
    /// What helpers said of servers.
    asked: Mutex<HashMap<(String, String), Found>>,
}

/// More than any login file needs.
const LARGEST: u64 = 8 << 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LoginFile {
    pub(super) auths: HashMap<String, Entry>,
    pub(super) cred_helpers: HashMap<String, String>,
    pub(super) creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Entry {
    auth: Zeroizing<String>,
    username: String,
    password: Zeroizing<String>,
    identitytoken: Zeroizing<String>,
    registrytoken: Zeroizing<String>,
}

impl<'r> Logins<'r> {
    /// The logins that `remote` leads to.
    pub(super) fn of(remote: &'r Remote) -> Self {
        Self { remote, asked: Mutex::default() }
    }

    /// The login for `name`, if there is one.
    pub(super) fn find(&self, name: &RepositoryName) -> Result<Option<Login>, RemoteError> {
        let ask = |helper: &str, server: &str| self.ask(helper, server);
        for path in &self.remote.login_files {
            let Some(file) = read(path)? else { continue };
            if let Some(login) = look_up(&file, name, &ask).map_err(|why| unusable(path, why))?? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    fn ask(&self, helper: &str, server: &str) -> Result<Option<Login>, RemoteError> {
        // Who comes while it is asked waits for what it says.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (helper.to_owned(), server.to_owned());
        asked.entry(key).or_insert_with(|| helper::ask(helper, server)).clone()
    }
}

/// Asks a helper of that name for the login of a server.
type Ask<'a> = &'a dyn Fn(&str, &str) -> Found;

pub(super) fn read(path: &Path) -> Result<Option<LoginFile>, RemoteError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    match read_bounded(&mut file, LARGEST) {
        Ok(Some(bytes)) => {
            let bytes = Zeroizing::new(bytes);
            // What serde says could quote a part of it.
            let parsed = serde_json::from_slice(&bytes);
            parsed
                .map(Some)
                .map_err(|error| unusable(path, &format!("line {} is not in its form", error.line())))
        }
        Ok(None) => Err(unusable(path, "it is too large")),
        Err(error) => Err(unusable(path, &error.to_string())),
    }
}

type Found = Result<Option<Login>, RemoteError>;

/// What `file` says of `name`: helpers first, as all tools do, then the store, then what it holds itself.
fn look_up(file: &LoginFile, name: &RepositoryName, ask: Ask<'_>) -> Result<Found, &'static str> {
    let keys = keys(name);
    let server = login_name(name.domain());
    let helper = keys.iter().find_map(|key| file.cred_helpers.get(key));
    if let Some(helper) = helper.or(file.creds_store.as_ref()).filter(|helper| !helper.is_empty()) {
        match ask(helper, server) {
            Ok(None) => {}
            answer => return Ok(answer),
        }
    }
    let normal = |key: &str| {
        let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        key.strip_suffix("/v1").or(key.strip_suffix("/v2")).unwrap_or(key).to_owned()
    };
    let entry = keys.iter().find_map(|wanted| {
        let exact = file.auths.get(wanted);
        exact.or_else(|| file.auths.iter().find(|(key, _)| normal(key) == *wanted).map(|(_, entry)| entry))
    });
    entry.map_or(Ok(Ok(None)), |entry| login(entry).map(Ok))
}

/// Under which keys a login may stand, the most exact first.
fn keys(name: &RepositoryName) -> Vec<String> {
    let mut keys = vec![name.to_string()];
    while let Some(slash) = keys[keys.len() - 1].rfind('/') {
        let shorter = keys[keys.len() - 1][..slash].to_owned();
        keys.push(shorter);
    }
    if login_name(name.domain()) != name.domain() {
        keys.extend(["index.docker.io", "registry-1.docker.io"].map(str::to_owned));
    }
    keys
}

pub(super) fn login(entry: &Entry) -> Result<Option<Login>, &'static str> {
    if !entry.registrytoken.is_empty() {
        return Ok(Some(Login::Registry(Secret::new(entry.registrytoken.as_bytes()))));
    }
    if !entry.identitytoken.is_empty() {
        return Ok(Some(Login::Identity(Secret::new(entry.identitytoken.as_bytes()))));
    }
    if entry.auth.is_empty() {
        return Ok(Login::of(&entry.username, &entry.password));
    }
    let decoded = STANDARD.decode(entry.auth.trim()).map(Zeroizing::new);
    let decoded = decoded.map_err(|_| "an `auth` in it is not base64")?;
    let text = std::str::from_utf8(&decoded).map_err(|_| "an `auth` in it is no text")?;
    let (user, password) = text.split_once(':').ok_or("an `auth` in it is no user and password")?;
    // Docker once wrote zeros behind the password.
    Ok(Login::of(user, password.trim_end_matches('\0')))
}

fn unusable(path: &Path, why: &str) -> RemoteError {
    let message = format!("the login file {} cannot be used: {why}", path.display());
    RemoteError::new(RemoteFault::Final, message, "log in again with the tool that wrote it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, name: &str) -> String {
        let file: LoginFile = serde_json::from_str(json).unwrap();
        let found = look_up(&file, &name.parse().unwrap(), &helper::ask);
        match found.map(|login| login.map_err(|error| error.to_string())) {
            Ok(Ok(None)) => "none".into(),
            Ok(Ok(Some(Login::Password(user, password)))) => {
                format!("{user} {}", String::from_utf8_lossy(password.expose()))
            }
            Ok(Ok(Some(Login::Identity(token)))) => format!("identity {}", token.len()),
            Ok(Ok(Some(Login::Registry(token)))) => format!("registry {}", token.len()),
            Ok(Err(why)) => why,
            Err(why) => why.into(),
        }
    }

    #[test]
    fn the_most_exact_entry_wins() {
        let entry = |user: &str| format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(format!("{user}:p:w")));
        let json = format!(
            r#"{{"auths":{{"r.example":{},"r.example/org":{},"r.example/org/app":{},"https://old.example/v2/":{}}}}}"#,
            entry("host"),
            entry("org"),
            entry("app"),
            entry("old"),
        );
        for (name, expected) in [
            ("r.example/org/app", "app p:w"),
            ("r.example/org/other", "org p:w"),
            ("r.example/orgs/app", "host p:w"),
            ("r.example:5000/org/app", "none"),
            ("old.example/x", "old p:w"),
            ("org/app", "none"),
        ] {
            assert_eq!(found(&json, name), expected, "{name}");
        }
    }

    #[test]
    fn hub_is_known_by_all_its_names() {
        for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io", "index.docker.io"] {
            let json = format!(r#"{{"auths":{{"{key}":{{"username":"u","password":"w"}}}}}}"#);
            assert_eq!(found(&json, "alpine"), "u w", "{key}");
        }
    }

    #[test]
    fn a_mirror_with_a_short_name_gets_no_login_of_hub() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, r#"{"auths":{"docker.io":{"username":"u","password":"w"}}}"#).unwrap();
        let remote = Remote { login_files: vec![file], ..Remote::default() };
        let logins = Logins::of(&remote);
        let mirror = RepositoryName::at("mirror", "library/alpine").unwrap();
        assert!(logins.find(&mirror).unwrap().is_none());
        assert!(logins.find(&"alpine".parse().unwrap()).unwrap().is_some());
    }

    #[test]
    fn tokens_are_told_from_passwords() {
        let of = |entry: &str| found(&format!(r#"{{"auths":{{"r.example":{entry}}}}}"#), "r.example/a");
        assert_eq!(of(r#"{"auth":"dTp3","identitytoken":"abc"}"#), "identity 3");
        assert_eq!(of(r#"{"registrytoken":"abcd"}"#), "registry 4");
        assert_eq!(of(r#"{"username":"<token>","password":"abc"}"#), "identity 3");
        assert_eq!(of("{}"), "none");
        assert_eq!(of(r#"{"auth":"***"}"#), "an `auth` in it is not base64");
    }

    #[test]
    fn a_file_that_is_not_there_is_passed_over_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let remote = Remote { login_files: vec![file.clone()], ..Remote::default() };
        let name = "r.example/a".parse().unwrap();
        let find = || Logins::of(&remote).find(&name);
        assert!(find().unwrap().is_none());
        std::fs::write(&file, "{\"auths\": {\"r.example\": {\"auth\": 17}}}").unwrap();
        let error = find().unwrap_err().to_string();
        assert!(error.contains("config.json cannot be used: line 1"), "{error}");
    }
}
