//! Asks an engine: what it has, and for an image as an archive (Docker Engine API, "Images"; podman's libpod API).
//!
//! Requests of Docker's API carry no version, so every engine answers in its own. podman is asked in its own API, which says
//! whether an image has annotations: then it is exported as an OCI archive, because Docker's form has no room for them.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Engine;
use super::place::{Place, Way, places};
use crate::image::prune;
use crate::source::http::{Http, Line, Reply, Request, Url};
use crate::source::input::ImageName;
use crate::source::remote::{Remote, RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// A connection to an engine.
pub(super) struct Client {
    http: Http,
    /// What every path stands below.
    base: Url,
    engine: Engine,
    called: String,
    line: Option<Line>,
    /// What stands before paths of podman's own API, if it is podman.
    libpod: Option<String>,
    timeout: Duration,
}

/// An image that the engine has.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Image {
    size: u64,
    #[serde(deserialize_with = "is_filled")]
    annotations: bool,
}

/// What an image of a list is called.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Names {
    #[serde(rename = "Id")]
    pub(super) id: String,
    #[serde(rename = "RepoTags", deserialize_with = "tags")]
    pub(super) tags: Vec<String>,
}

/// What an engine answers that fails.
#[derive(Deserialize)]
struct Failure {
    message: String,
}

/// More than any answer but an archive needs.
const LARGEST: u64 = 64 << 20;
/// What is read of answers.
const IMAGE: &[&str] = &["Id", "RepoTags"];
/// Bytes and characters of an error's text that are taken.
const TEXT: (u64, usize) = (64 << 10, 300);
/// Bytes of an image for which the engine gets the usual time once more, before it gives the first: it may write the archive
/// to a file of its own first, and compress it.
const SLOW: u64 = 256 << 20;
/// Times that it gets in any case at most.
const SLOWEST: u64 = 100;

const AGAIN: &str = "see that the engine works, and scan again";

impl Client {
    /// Reaches the engine where it is said to be, or at the first of its usual places where somebody listens.
    pub(super) fn connect(engine: Engine, remote: &Remote) -> Result<Self, RemoteError> {
        let mut first = None;
        for place in places(engine, &remote.engines)? {
            match Self::at(engine, &place, remote) {
                Ok(client) => return Ok(client),
                // What is there and does not let one in says more than what is not there.
                Err(error) => {
                    let says_more = is_nobody(first.as_ref()) && !is_nobody(Some(&error));
                    first = if says_more { Some(error) } else { first.or(Some(error)) };
                }
            }
        }
        Err(first.unwrap_or_else(|| RemoteError::passing("there is nowhere to look for it")))
    }

    fn at(engine: Engine, place: &Place, remote: &Remote) -> Result<Self, RemoteError> {
        let called = called(engine, place);
        let local = || Url::parse("http://engine.localhost/");
        let (http, base, line) = match &place.way {
            Way::Line(line) => {
                line.try_out().map_err(|error| unreachable(engine, place, &error))?;
                (Http::over(line.clone(), &called, remote.timeout), local(), Some(line.clone()))
            }
            Way::Network { url, certificates } => {
                let certificates = certificates.as_ref().map(PathBuf::as_path);
                (Http::to_engine(remote, &called, certificates)?, Some(url.clone()), None)
            }
        };
        let base = base.ok_or_else(|| RemoteError::passing("it has no address"))?;
        let mut client = Self { http, base, engine, called, line, libpod: None, timeout: remote.timeout };
        let ping = client.ask("/_ping", client.timeout)?;
        if !ping.is_success() {
            return Err(client.failed(ping));
        }
        let version =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let version = ping.header("libpod-api-version").filter(version);
        client.libpod = version.map(|version| format!("/v{version}/libpod"));
        Ok(client)
    }

    /// As people would say it: `the Docker engine at unix:///var/run/docker.sock`.
    pub(super) fn called(&self) -> &str {
        &self.called
    }

    /// What is known of the image `name`; none if the engine does not have it.
    pub(super) fn image(&self, name: &ImageName) -> Result<Option<Image>, RemoteError> {
        let path = format!("{}/images/{}/json", self.prefix(), name.as_str());
        let reply = self.ask(&path, self.timeout)?;
        if reply.status == 404 {
            return Ok(None);
        }
        let bytes = self.answer(reply)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| self.odd())
    }

    /// What every image is called.
    pub(super) fn names(&self) -> Result<Vec<Names>, RemoteError> {
        let bytes = self.answer(self.ask(&format!("{}/images/json", self.prefix()), self.timeout)?)?;
        // It may be as long as whoever answers likes.
        let images = prune(&bytes, IMAGE).map_err(|_| self.odd())?;
        if images.cut {
            let message = format!("{} has more images than can be listed", self.called);
            return Err(RemoteError::new(
                RemoteFault::Final,
                message,
                "name the image that is to be scanned",
            ));
        }
        serde_json::from_value(images.value).map_err(|_| self.odd())
    }

    /// The first name of an image, or its id if it has none.
    pub(super) fn parse(&self, names: &Names) -> Result<ImageName, RemoteError> {
        let name = names.tags.first().unwrap_or(&names.id);
        ImageName::parse(name)
            .map_err(|error| RemoteError::new(RemoteFault::Final, format!("{}: {error}", self.called), AGAIN))
    }

    /// The archive of the image `name`.
    pub(super) fn export(
        &self,
        name: &ImageName,
        image: &Image,
    ) -> Result<Box<dyn Read + Send>, RemoteError> {
        let form = match (&self.libpod, image.annotations) {
            (None, _) => "",
            (Some(_), true) => "?format=oci-archive",
            (Some(_), false) => "?format=docker-archive",
        };
        let path = format!("{}/images/{}/get{form}", self.prefix(), name.as_str());
        let times = 1 + (image.size / SLOW).min(SLOWEST);
        let patience = self.timeout.saturating_mul(u32::try_from(times).unwrap_or(1));
        let reply = self.ask(&path, patience)?;
        if reply.is_success() { Ok(reply.body) } else { Err(self.failed(reply)) }
    }

    fn prefix(&self) -> &str {
        self.libpod.as_deref().unwrap_or_default()
    }

    /// Asks, and waits up to `patience` for each next piece of the answer.
    fn ask(&self, path: &str, patience: Duration) -> Result<Reply, RemoteError> {
        let url = self.base.join(path);
        let url = url.ok_or_else(|| RemoteError::passing("the name of the image is no address"))?;
        let request = Request { whole: false, patience: Some(patience), ..Request::get(url) };
        self.http.fetch(&request).map_err(|error| self.explained(error))
    }

    fn answer(&self, mut reply: Reply) -> Result<Vec<u8>, RemoteError> {
        if !reply.is_success() {
            return Err(self.failed(reply));
        }
        let bytes = read_bounded(&mut reply.body, LARGEST);
        let bytes = bytes.map_err(|error| self.explained(RemoteError::of(&error, &self.called)))?;
        bytes.ok_or_else(|| self.odd())
    }

    fn odd(&self) -> RemoteError {
        let message = format!("{} does not answer as an engine does", self.called);
        RemoteError::new(RemoteFault::Final, message, "see that it is the address of an engine")
    }

    /// What an answer means that is no success.
    fn failed(&self, mut reply: Reply) -> RemoteError {
        let body = read_bounded(&mut reply.body, TEXT.0).ok().flatten().unwrap_or_default();
        let text = serde_json::from_slice::<Failure>(&body).map(|failure| failure.message);
        let text: String = text.unwrap_or_default().chars().take(TEXT.1).collect();
        let (called, status) = (&self.called, reply.status);
        let message = match text.as_str() {
            "" => format!("{called} answers {status}"),
            text => format!("{called} answers {status}: {text}"),
        };
        RemoteError::new(RemoteFault::Final, message, AGAIN)
    }

    /// An error of the connection, with what there is to say of an engine.
    fn explained(&self, error: RemoteError) -> RemoteError {
        match self.line.as_ref().and_then(Line::said) {
            Some(said) => {
                let remedy = format!(
                    "see that ssh gets there without a question, and that {} is installed there",
                    self.engine
                );
                RemoteError { message: format!("{error} ({said})"), remedy: remedy.into(), ..error }
            }
            None => RemoteError { remedy: AGAIN.into(), ..error },
        }
    }
}

fn called(engine: Engine, place: &Place) -> String {
    let title = match engine {
        Engine::Docker => "the Docker engine",
        Engine::Podman => "podman",
    };
    format!("{title} at {}", place.address)
}

fn is_nobody(error: Option<&RemoteError>) -> bool {
    error.is_some_and(|error| error.fault() == RemoteFault::Nobody)
}

/// Why a socket cannot be used.
fn unreachable(engine: Engine, place: &Place, error: &std::io::Error) -> RemoteError {
    use std::io::ErrorKind as K;

    let called = called(engine, place);
    match error.kind() {
        K::NotFound | K::NotADirectory | K::Unsupported => {
            let who = if engine == Engine::Docker { "Docker engine" } else { "service of podman" };
            let message = format!("no {who} listens at {}", place.address);
            RemoteError::new(RemoteFault::Nobody, message, engine.start())
        }
        K::ConnectionRefused => {
            let message = format!("{called} does not run: nobody listens there");
            RemoteError::new(RemoteFault::Passing, message, engine.start())
        }
        K::PermissionDenied => {
            let message = format!("{called} cannot be asked: you may not use its socket");
            let remedy = match engine {
                Engine::Docker => {
                    "join the group that owns it (`docker`), run this as root, or scan a saved image: \
                     `docker save NAME | layersift scan -`"
                }
                Engine::Podman => {
                    "start a service of your own with `systemctl --user start podman.socket`, or scan a saved image: \
                     `podman save NAME | layersift scan -`"
                }
            };
            RemoteError::new(RemoteFault::Denied, message, remedy)
        }
        _ => RemoteError::new(
            RemoteFault::Passing,
            format!("{called} cannot be reached: {error}"),
            engine.start(),
        ),
    }
}

/// Whether there is a map that holds something. Nothing of it is kept.
fn is_filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Filled;

    impl<'de> Visitor<'de> for Filled {
        type Value = bool;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a map or nothing")
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut filled = false;
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                filled = true;
            }
            Ok(filled)
        }
    }

    deserializer.deserialize_any(Filled)
}

/// The names of an image: an engine may say null for none, or name an image without a name so.
fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let tags = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(tags.into_iter().filter(|tag| !tag.contains("<none>")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_engines_are_read() {
        let text = r#"[{"Id": "sha256:1", "RepoTags": ["a:1", "b:2"]}, {"Id": "2", "RepoTags": null},
                       {"Id": "3", "RepoTags": ["<none>:<none>"]}, {"Id": "4"}]"#;
        let all: Vec<Names> = serde_json::from_str(text).unwrap();
        let tags: Vec<usize> = all.iter().map(|names| names.tags.len()).collect();
        assert_eq!((tags, all[3].id.as_str()), (vec![2, 0, 0, 0], "4"));
    }

    #[test]
    fn of_annotations_only_is_kept_whether_there_are_some() {
        for (text, annotated) in [
            (r#"{"Size": 1, "Annotations": {"a": "b"}}"#, true),
            (r#"{"Size": 1, "Annotations": {}}"#, false),
            (r#"{"Annotations": null}"#, false),
            ("{}", false),
        ] {
            let image: Image = serde_json::from_str(text).unwrap();
            assert_eq!(image.annotations, annotated, "{text}");
        }
    }

    #[test]
    fn why_a_socket_cannot_be_used_is_told_with_a_remedy() {
        for (kind, fault, says) in [
            (std::io::ErrorKind::NotFound, RemoteFault::Nobody, "listens at unix:///x"),
            (std::io::ErrorKind::ConnectionRefused, RemoteFault::Passing, "does not run"),
            (std::io::ErrorKind::PermissionDenied, RemoteFault::Denied, "may not use its socket"),
            (std::io::ErrorKind::Other, RemoteFault::Passing, "cannot be reached"),
        ] {
            for engine in Engine::ALL {
                let place = Place { address: "unix:///x".into(), way: Way::Line(Line::Socket("/x".into())) };
                let error = unreachable(engine, &place, &kind.into());
                assert!(error.fault() == fault && error.to_string().contains(says), "{error}");
                let pipe = format!("{engine} save NAME | layersift scan -");
                assert!(error.remedy().contains(&pipe), "{}", error.remedy());
            }
        }
    }
}
