//! Which engine the user chose in the files of its client: Docker's contexts, podman's connections.
//!
//! ```text
//! ~/.docker/config.json                            {"currentContext": "NAME"}
//! ~/.docker/contexts/meta/SHA256-OF-NAME/meta.json {"Endpoints": {"docker": {"Host": "…"}}}
//! ~/.docker/contexts/tls/SHA256-OF-NAME/docker/    ca.pem, cert.pem, key.pem
//! ~/.config/containers/podman-connections.json     {"Connection": {"Default": "NAME", "Connections": {"NAME": {"URI": "…"}}}}
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::source::remote::{Engines, RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// An engine that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setup {
    /// `unix://…`, `tcp://…`, `ssh://…`.
    pub(super) host: String,
    /// Folder with certificates, if TLS is wanted.
    pub(super) certificates: Option<PathBuf>,
    /// File with the key that ssh is to show.
    pub(super) identity: Option<PathBuf>,
}

/// More than any of these files needs.
const LARGEST: u64 = 8 << 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    current_context: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Meta {
    endpoints: HashMap<String, Endpoint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: String,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Connections {
    connection: Named,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Named {
    connections: HashMap<String, Connection>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Connection {
    #[serde(rename = "URI")]
    uri: String,
    #[serde(rename = "Identity")]
    identity: String,
}

/// The context that is chosen, if it is not that of this machine.
pub(super) fn docker_context(engines: &Engines) -> Result<Option<Setup>, RemoteError> {
    let Some(folder) = &engines.docker_config else { return Ok(None) };
    let name = match &engines.docker_context {
        Some(name) => name.clone(),
        None => read::<DockerConfig>(&folder.join("config.json"))?.unwrap_or_default().current_context,
    };
    if name.is_empty() || name == "default" {
        return Ok(None);
    }
    let key = Digest::of(name.as_bytes()).hex();
    let meta = read::<Meta>(&folder.join("contexts/meta").join(&key).join("meta.json"))?;
    let endpoint = meta.and_then(|mut meta| meta.endpoints.remove("docker"));
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.host.is_empty()) else {
        let message = format!("there is no Docker context `{name}` with an address");
        let remedy =
            "see `docker context ls`, and choose one with DOCKER_CONTEXT or name an address in DOCKER_HOST";
        return Err(RemoteError::new(RemoteFault::Final, message, remedy));
    };
    if endpoint.skip_tls_verify {
        let message = format!("the Docker context `{name}` asks not to check the certificate of its engine");
        let remedy = "give it the authority of the engine's certificate: docker context update --docker host=…,ca=ca.pem";
        return Err(RemoteError::new(RemoteFault::Final, message, remedy));
    }
    let certificates = Some(folder.join("contexts/tls").join(&key).join("docker"));
    let certificates = certificates.filter(|folder| folder.is_dir());
    Ok(Some(Setup { host: endpoint.host, certificates, identity: None }))
}

/// The connection that is chosen by name. One that is only the default is for podman's client on other systems: on this one
/// podman itself asks the machine.
pub(super) fn podman_connection(engines: &Engines) -> Result<Option<Setup>, RemoteError> {
    let Some(name) = &engines.podman_connection else { return Ok(None) };
    let file = engines.podman_config.as_ref().map(|folder| folder.join("podman-connections.json"));
    let connections = file.map(|file| read::<Connections>(&file)).transpose()?.flatten().unwrap_or_default();
    let Some(Connection { uri, identity }) = connections.connection.connections.get(name).cloned() else {
        let message = format!("podman-connections.json knows no connection `{name}`");
        let remedy =
            "set CONTAINER_HOST to the URI that `podman system connection list` shows, in place of its name";
        return Err(RemoteError::new(RemoteFault::Final, message, remedy));
    };
    let identity = Some(PathBuf::from(identity)).filter(|path| path.is_absolute());
    Ok(Some(Setup { host: uri, certificates: None, identity }))
}

/// What the file holds; none if it is not there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RemoteError> {
    let unusable = |why: &str| {
        let message = format!("{} cannot be used: {why}", path.display());
        RemoteError::new(RemoteFault::Final, message, "mend it, or name the engine's address in DOCKER_HOST")
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unusable(&error.to_string())),
    };
    match read_bounded(&mut file, LARGEST) {
        // What serde says could quote a part of it, and the file may hold logins.
        Ok(Some(bytes)) => serde_json::from_slice(&zeroize::Zeroizing::new(bytes))
            .map(Some)
            .map_err(|error| unusable(&format!("line {} is not in its form", error.line()))),
        Ok(None) => Err(unusable("it is too large")),
        Err(error) => Err(unusable(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder of Docker's client with the context `far`.
    fn folder(current: &str, meta: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let key = Digest::of(b"far").hex();
        fs::write(folder.path().join("config.json"), format!("{{\"currentContext\": \"{current}\"}}"))
            .unwrap();
        let context = folder.path().join("contexts/meta").join(&key);
        fs::create_dir_all(&context).unwrap();
        fs::write(context.join("meta.json"), meta).unwrap();
        fs::create_dir_all(folder.path().join("contexts/tls").join(&key).join("docker")).unwrap();
        folder
    }

    fn chosen(folder: &Path, context: Option<&str>) -> Result<Option<String>, String> {
        let engines = Engines {
            docker_config: Some(folder.into()),
            docker_context: context.map(str::to_owned),
            ..Engines::default()
        };
        docker_context(&engines)
            .map(|setup| {
                setup.map(|setup| {
                    assert!(setup.certificates.is_some());
                    setup.host
                })
            })
            .map_err(|error| error.to_string())
    }

    const META: &str = r#"{"Name": "far", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://h:1", "SkipTLSVerify": false}}}"#;

    #[test]
    fn a_context_is_that_of_the_variable_or_else_of_the_file() {
        let far = Ok(Some("tcp://h:1".to_owned()));
        assert_eq!(chosen(folder("far", META).path(), None), far);
        assert_eq!(chosen(folder("", META).path(), Some("far")), far);
        assert_eq!(chosen(folder("far", META).path(), Some("default")), Ok(None));
        assert_eq!(chosen(folder("default", META).path(), None), Ok(None));
        assert_eq!(chosen(Path::new("/nowhere"), None), Ok(None));
    }

    #[test]
    fn a_context_that_cannot_be_used_is_told() {
        let told = |current: &str, meta: &str| chosen(folder(current, meta).path(), None).unwrap_err();
        assert_eq!(told("other", META), "there is no Docker context `other` with an address");
        assert_eq!(told("far", "{}"), "there is no Docker context `far` with an address");
        assert!(told("far", "{").ends_with("meta.json cannot be used: line 1 is not in its form"));
        assert!(told("far", &META.replace("false", "true")).contains("not to check the certificate"));
    }

    #[test]
    fn connections_of_podman_are_chosen_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"Connection": {"Default": "a", "Connections": {"a": {"URI": "ssh://a@h:22/run/p.sock", "Identity": "/k"}}}}"#;
        fs::write(folder.path().join("podman-connections.json"), text).unwrap();
        let chosen = |name: Option<&str>| {
            podman_connection(&Engines {
                podman_config: Some(folder.path().into()),
                podman_connection: name.map(str::to_owned),
                ..Engines::default()
            })
        };
        assert_eq!(chosen(None), Ok(None));
        let setup = chosen(Some("a")).unwrap().unwrap();
        assert_eq!(
            (setup.host.as_str(), setup.identity),
            ("ssh://a@h:22/run/p.sock", Some(PathBuf::from("/k")))
        );
        assert!(chosen(Some("b")).unwrap_err().remedy().contains("CONTAINER_HOST"));
    }
}
