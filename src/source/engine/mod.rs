//! Engines: an image is scanned as Docker or podman gives it out, in one pass and without a copy on disk.
//!
//! What an engine exports is an archive, read as one from a pipe is. Here is only the way to it: where the engine listens
//! (`place`, `setup`), what it is asked (`client`), and what to say when it does not have the image.

mod client;
mod place;
mod setup;

use std::fmt;
use std::io::Read;

use self::client::{Client, Names};
use self::place::{Place, Way};
use super::ahead::Ahead;
use super::http::Line;
use super::input::ImageName;
use super::near::near;
use super::remote::{Remote, RemoteError, RemoteFault};

/// Who keeps images on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, and what speaks as it does.
    Docker,
    /// podman's service.
    Podman,
}

impl Engine {
    /// Every engine, in the order in which they are asked for a bare name.
    pub const ALL: [Self; 2] = [Self::Docker, Self::Podman];

    /// What stands before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// The engine of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// What the report calls images that it gave.
    pub fn format(self) -> &'static str {
        match self {
            Self::Docker => "docker-engine",
            Self::Podman => "podman-engine",
        }
    }

    /// What to do if it does not listen.
    fn start(self) -> &'static str {
        match self {
            Self::Docker => {
                "start it, name its address in DOCKER_HOST, or scan a saved image: `docker save NAME | layersift scan -`"
            }
            Self::Podman => {
                "start its service with `systemctl --user start podman.socket`, name its address in CONTAINER_HOST, or scan \
                 a saved image: `podman save NAME | layersift scan -`"
            }
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The archive in which `engine` gives out the image `name`, read ahead.
pub(super) fn open(
    engine: Engine,
    name: &ImageName,
    remote: &Remote,
) -> Result<Box<dyn Read + Send>, RemoteError> {
    let client = Client::connect(engine, remote)?;
    let Some(image) = client.image(name)? else {
        let others = others(name, &client.names()?);
        let message = format!("{} has no image {}; {others}", client.called(), name.as_str());
        let remedy = "pull it, or scan it where it lies, with registry: before its name";
        return Err(RemoteError::new(RemoteFault::Absent, message, remedy));
    };
    let archive = client.export(name, &image)?;
    let read = Ahead::start(archive).map_err(|error| RemoteError::passing(error.to_string()))?;
    Ok(Box::new(read))
}

/// Every image that `engine` has: by its first name, or by its id if it has none.
pub fn images(engine: Engine, remote: &Remote) -> Result<Vec<ImageName>, RemoteError> {
    let client = Client::connect(engine, remote)?;
    client.names()?.iter().map(|names| client.parse(names)).collect()
}

/// Where an engine would be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As people write it: `unix:///var/run/docker.sock`.
    pub text: String,
    /// Whether somebody named it; if not, it is where engines listen by themselves.
    pub named: bool,
    /// Whether a socket is there; none for an engine on another machine.
    pub is_there: Option<bool>,
}

/// Where `engine` would be asked: at the address that the user named, or else at the first of the usual sockets that is there.
/// None of these if there is no address at all. Nothing is connected to.
pub fn address(engine: Engine, remote: &Remote) -> Result<Option<Address>, RemoteError> {
    let is_there = |place: &Place| match &place.way {
        Way::Line(Line::Socket(path)) => Some(path.exists()),
        _ => None,
    };
    if let Some(place) = place::named(engine, &remote.engines)? {
        let is_there = is_there(&place);
        return Ok(Some(Address { text: place.address, named: true, is_there }));
    }
    let mut usual = place::usual(engine, &remote.engines).into_iter();
    let found = usual.find(|place| is_there(place) == Some(true));
    Ok(found.map(|place| Address { text: place.address, named: false, is_there: Some(true) }))
}

/// What to say of the images that are there when `name` is not.
fn others(name: &ImageName, images: &[Names]) -> String {
    let all = || images.iter().flat_map(|names| &names.tags).map(String::as_str);
    let near = near(name.as_str(), all());
    match (near.len(), all().count()) {
        (0, 0) => "it has none".to_owned(),
        (0, count) => format!("it has {count} with other names"),
        _ => format!("it has {}", near.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_told() {
        let names = |tags: &[&str]| Names {
            id: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let told = |images: &[Names]| others(&ImageName::parse("shop").unwrap(), images);
        assert_eq!(told(&[]), "it has none");
        assert_eq!(told(&[names(&["postgres:16"]), names(&["a", "b"])]), "it has 3 with other names");
        assert_eq!(told(&[names(&["shop:2", "x"])]), "it has shop:2");
    }
}
