//! Where an engine listens: the places that may be meant, in the order in which its own client looks at them.

use std::path::{Path, PathBuf};

use super::Engine;
use super::setup::{Setup, docker_context, podman_connection};
use crate::source::http::{Line, Url};
use crate::source::remote::{Engines, RemoteError, RemoteFault};

/// Where an engine may listen.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As people write it: `unix:///var/run/docker.sock`.
    pub(super) address: String,
    pub(super) way: Way,
}

/// How to get there.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// By a socket of this machine, or through a program.
    Line(Line),
    /// By the network; with TLS if there is a folder with certificates, as Docker names and places them.
    Network { url: Url, certificates: Option<PathBuf> },
}

/// The socket of Docker's service.
const DOCKER: &str = "/var/run/docker.sock";
/// The socket of podman's service for the whole machine.
const PODMAN: &str = "/run/podman/podman.sock";

/// The places of `engine`. More than one only where nobody named one: then the first that can be reached counts.
pub(super) fn places(engine: Engine, engines: &Engines) -> Result<Vec<Place>, RemoteError> {
    Ok(match named(engine, engines)? {
        Some(place) => vec![place],
        None => usual(engine, engines),
    })
}

/// The place that the user named.
pub(super) fn named(engine: Engine, engines: &Engines) -> Result<Option<Place>, RemoteError> {
    let setup = match engine {
        Engine::Docker => docker(engines)?,
        Engine::Podman => podman(engines)?,
    };
    setup.map(|setup| place(engine, &setup)).transpose()
}

/// Where engines listen if nobody says anything.
pub(super) fn usual(engine: Engine, engines: &Engines) -> Vec<Place> {
    let below = |folder: &Option<PathBuf>, path: &str| folder.as_ref().map(|folder| folder.join(path));
    let sockets = match engine {
        Engine::Docker => vec![
            Some(DOCKER.into()),
            below(&engines.runtime, "docker.sock"),
            // Where Docker Desktop listens.
            below(&engines.docker_config, "run/docker.sock"),
            below(&engines.docker_config, "desktop/docker.sock"),
        ],
        Engine::Podman => vec![below(&engines.runtime, "podman/podman.sock"), Some(PODMAN.into())],
    };
    sockets.into_iter().flatten().map(socket).collect()
}

/// What the user chose for Docker: a host, or else a context.
fn docker(engines: &Engines) -> Result<Option<Setup>, RemoteError> {
    if let Some(host) = &engines.docker_host {
        let certificates = engines.docker_certificates.clone().or_else(|| engines.docker_config.clone());
        let certificates = if engines.docker_tls { Some(certificates.unwrap_or_default()) } else { None };
        return Ok(Some(Setup { host: host.clone(), certificates, identity: None }));
    }
    docker_context(engines)
}

/// What the user chose for podman: a host, or else a connection.
fn podman(engines: &Engines) -> Result<Option<Setup>, RemoteError> {
    match &engines.podman_host {
        Some(host) => Ok(Some(Setup { host: host.clone(), certificates: None, identity: None })),
        None => podman_connection(engines),
    }
}

fn place(engine: Engine, setup: &Setup) -> Result<Place, RemoteError> {
    let host = setup.host.as_str();
    if let Some(path) = host.strip_prefix("unix://").filter(|path| path.starts_with('/')) {
        return Ok(socket(path.into()));
    }
    if let Some(rest) = host.strip_prefix("tcp://") {
        return network(rest, setup.certificates.as_deref()).ok_or_else(|| unknown(host));
    }
    if let Some(rest) = host.strip_prefix("ssh://") {
        let line = ssh(engine, rest, setup.identity.as_deref()).ok_or_else(|| unknown(host))?;
        return Ok(Place { address: host.to_owned(), way: Way::Line(line) });
    }
    Err(unknown(host))
}

fn socket(path: PathBuf) -> Place {
    Place { address: format!("unix://{}", path.display()), way: Way::Line(Line::Socket(path)) }
}

fn network(rest: &str, certificates: Option<&Path>) -> Option<Place> {
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    let (scheme, port) = if certificates.is_some() { ("https", 2376) } else { ("http", 2375) };
    let bare = host.rsplit(']').next().unwrap_or(host);
    let host = if bare.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let url = Url::parse(&format!("{scheme}://{host}/"))?;
    let way = Way::Network { url, certificates: certificates.map(Path::to_owned) };
    Some(Place { address: format!("tcp://{host}"), way })
}

/// `[USER@]HOST[:PORT][/SOCKET]`: the engine's own program on the other machine joins ssh to its socket.
fn ssh(engine: Engine, rest: &str, identity: Option<&Path>) -> Option<Line> {
    let (server, socket) = match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, ""),
    };
    let (user, host) = match server.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, server),
    };
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    // Nothing of it may be taken for an option, nor by the shell of the other machine for anything but a word.
    let word = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/:%+@".contains(&byte))
    };
    let sound = word(host)
        && user.is_none_or(|user| word(user) && !user.contains(':'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && (socket.trim_end_matches('/').is_empty() || word(socket));
    if !sound {
        return None;
    }
    let mut args: Vec<String> = Vec::new();
    args.extend(user.into_iter().flat_map(|user| ["-l".to_owned(), user.to_owned()]));
    args.extend(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_owned()]));
    let identity = identity.map(|identity| identity.display().to_string());
    args.extend(identity.into_iter().flat_map(|identity| ["-i".to_owned(), identity]));
    args.extend(["-o", "ConnectTimeout=30", "-T", "--", host, engine.name()].map(str::to_owned));
    if !socket.trim_end_matches('/').is_empty() {
        let option = if engine == Engine::Docker { "--host" } else { "--url" };
        args.extend([option.to_owned(), format!("unix://{socket}")]);
    }
    args.extend(["system", "dial-stdio"].map(str::to_owned));
    Some(Line::program("ssh", args))
}

fn unknown(host: &str) -> RemoteError {
    // It may hold a password, which has no place in it.
    let shown = if host.contains('@') { "what is named as its address" } else { host };
    let message = format!("{shown} is no address of an engine");
    RemoteError::new(RemoteFault::Final, message, "write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(place: &Place) -> String {
        match &place.way {
            Way::Line(Line::Socket(path)) => format!("socket {}", path.display()),
            Way::Line(Line::Program { program, args, .. }) => format!("{program} {}", args.join(" ")),
            Way::Network { url, certificates } => format!("{url} {certificates:?}"),
        }
    }

    fn at(engine: Engine, engines: &Engines) -> Vec<String> {
        match places(engine, engines) {
            Ok(places) => places.iter().map(shown).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    fn docker(host: &str) -> String {
        at(Engine::Docker, &Engines { docker_host: Some(host.into()), ..Engines::default() }).join("\n")
    }

    #[test]
    fn without_a_word_the_sockets_of_this_machine_are_meant() {
        let engines = Engines {
            runtime: Some("/run/user/7".into()),
            docker_config: Some("/home/a/.docker".into()),
            ..Engines::default()
        };
        assert_eq!(
            at(Engine::Docker, &engines),
            [
                "socket /var/run/docker.sock",
                "socket /run/user/7/docker.sock",
                "socket /home/a/.docker/run/docker.sock",
                "socket /home/a/.docker/desktop/docker.sock"
            ]
        );
        assert_eq!(
            at(Engine::Podman, &engines),
            ["socket /run/user/7/podman/podman.sock", "socket /run/podman/podman.sock"]
        );
    }

    #[test]
    fn hosts_are_read_as_docker_reads_them() {
        for (host, expected) in [
            ("unix:///x/y.sock", "socket /x/y.sock"),
            ("tcp://10.1.2.3", "http://10.1.2.3:2375/ None"),
            ("tcp://[fd00::1]:99/x", "http://[fd00::1]:99/ None"),
            ("tcp://[fd00::1]", "http://[fd00::1]:2375/ None"),
            ("ssh://host", "ssh -o ConnectTimeout=30 -T -- host docker system dial-stdio"),
            (
                "ssh://me@host:2222",
                "ssh -l me -p 2222 -o ConnectTimeout=30 -T -- host docker system dial-stdio",
            ),
            (
                "ssh://host/run/user/7/docker.sock",
                "ssh -o ConnectTimeout=30 -T -- host docker --host unix:///run/user/7/docker.sock system dial-stdio",
            ),
        ] {
            assert_eq!(docker(host), expected, "{host}");
        }
        let safe = Engines {
            docker_host: Some("tcp://h.example".into()),
            docker_tls: true,
            docker_certificates: Some("/certs".into()),
            ..Engines::default()
        };
        assert_eq!(at(Engine::Docker, &safe), ["https://h.example:2376/ Some(\"/certs\")"]);
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_no_address() {
        for host in [
            "",
            "unix://x.sock",
            "tcp://",
            "npipe:////./pipe/docker_engine",
            "ssh://-oProxyCommand=x",
            "ssh://-l@host",
            "ssh://host/x;reboot",
            "ssh://host/$(reboot)",
            "ssh://me:word@host",
            "ssh://host:port",
            "ssh://",
        ] {
            let told = docker(host);
            assert!(told.ends_with("is no address of an engine") && !told.contains("word"), "{host}: {told}");
        }
    }

    #[test]
    fn podman_is_asked_on_another_machine_too() {
        let engines =
            Engines { podman_host: Some("ssh://a@h:22/run/podman/podman.sock".into()), ..Engines::default() };
        assert_eq!(
            at(Engine::Podman, &engines),
            [
                "ssh -l a -p 22 -o ConnectTimeout=30 -T -- h podman --url unix:///run/podman/podman.sock system dial-stdio"
            ]
        );
    }
}
