//! Events of registries: what a delivery to `/hooks/KIND` says was pushed.
//!
//! Every registry has words of its own for that. Each dialect is a file with a reader and a row of [`DIALECTS`]; the path of
//! the hook, the configuration, the documents and the tests of all dialects follow from the table. A reader is given JSON
//! whose sender has proven itself (`proof`), and says what was pushed. Whether this service may look there is not
//! known here: `allowed` decides that.

mod artifact_registry;
mod azure;
mod cloud_event;
mod distribution;
mod docker_hub;
mod ecr;
mod ghcr;
mod gitea;
mod harbor;
mod jfrog;
mod plain;
pub mod proof;
mod quay;
#[cfg(test)]
mod tests;
mod zot;

use serde_json::Value;

use self::proof::Scheme;

/// A delivery as it came in.
#[derive(Clone, Copy)]
pub struct Delivery<'d> {
    /// The value of a header, by its name in small letters.
    pub header: &'d dyn Fn(&str) -> Option<&'d str>,
    /// What stands in the path behind the kind.
    pub secret: Option<&'d str>,
    /// The body as it was sent.
    pub body: &'d [u8],
    /// Whether a program of this machine sent it.
    pub local: bool,
}

/// One way in which registries tell of pushes.
pub struct Dialect {
    /// The last part of its path, and what the configuration calls it.
    pub name: &'static str,
    /// Whose it is, in a line.
    pub about: &'static str,
    /// How its senders prove themselves unless the configuration says otherwise.
    pub scheme: Scheme,
    /// Whether its events name the registry; if not, the configuration has to.
    pub names_registry: bool,
    /// Whether a body is of this dialect.
    is: fn(&Event<'_>) -> bool,
    read: fn(&Event<'_>) -> Reading,
}

/// Every dialect, those that are told apart more easily first. To add one: a file in this folder and a row here.
pub const DIALECTS: &[Dialect] = &[
    distribution::DISTRIBUTION,
    distribution::GITLAB,
    harbor::HARBOR,
    docker_hub::DOCKER_HUB,
    ghcr::GHCR,
    quay::QUAY,
    ecr::ECR,
    azure::ACR,
    azure::EVENT_GRID,
    artifact_registry::ARTIFACT_REGISTRY,
    zot::ZOT,
    jfrog::JFROG,
    gitea::GITEA,
    plain::PLAIN,
];

/// The kind that stands for whichever dialect it is.
pub const AUTO: &str = "auto";

/// What was pushed, in the words of the event. Nothing of it was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// Host of the registry; none if the event does not name it.
    pub registry: Option<String>,
    /// Path of the repository.
    pub repository: String,
    /// Name of the version.
    pub tag: Option<String>,
    /// Digest of the manifest.
    pub digest: Option<String>,
}

/// What a delivery says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What was pushed.
    pub pushes: Vec<Push>,
    /// What the sender wants to be answered.
    pub answer: Option<Value>,
}

/// Pushes of one delivery at most: as many events as Event Grid sends in one (Azure's documentation, "Output batching"), and no sender
/// that is known here sends more.
pub const MOST: usize = 5_000;

/// Why a delivery says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unread {
    /// It is no JSON.
    #[error("the body is no JSON")]
    NotJson,
    /// It is of no dialect, or of another one than its path says.
    #[error("the body is not what {0} sends")]
    Foreign(&'static str),
    /// It tells of more than anybody has to tell at once.
    #[error(
        "it tells of more than {MOST} pushes, and nothing of it was taken: tell of them in several deliveries"
    )]
    TooMany,
}

/// What a reader is given.
pub(super) struct Event<'e> {
    body: Value,
    header: &'e dyn Fn(&str) -> Option<&'e str>,
}

impl std::fmt::Debug for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Dialect {
    /// The dialect of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| dialect.name == name)
    }
}

/// What `delivery` says in `dialect`, or in whichever it is if there is none. The sender has to have proven itself.
pub fn read(dialect: Option<&'static Dialect>, delivery: &Delivery<'_>) -> Result<Reading, Unread> {
    let body = serde_json::from_slice(delivery.body).map_err(|_| Unread::NotJson)?;
    let event = Event { body, header: delivery.header };
    let found = match dialect {
        Some(dialect) => Some(dialect).filter(|dialect| (dialect.is)(&event)),
        None => DIALECTS.iter().find(|dialect| (dialect.is)(&event)),
    };
    let found = found.ok_or(Unread::Foreign(dialect.map_or("any registry", |dialect| dialect.name)))?;
    let reading = (found.read)(&event);
    if reading.pushes.len() > MOST { Err(Unread::TooMany) } else { Ok(reading) }
}

impl Event<'_> {
    /// The text at a path of names (RFC 6901); none if it is empty.
    fn text(&self, pointer: &str) -> Option<&str> {
        text(&self.body, pointer)
    }

    fn is(&self, pointer: &str, expected: &str) -> bool {
        self.text(pointer) == Some(expected)
    }

    fn has(&self, pointer: &str) -> bool {
        self.body.pointer(pointer).is_some()
    }
}

/// The text at a path of names below `value`; none if it is empty.
fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// Bytes of the longest text of an event that can be a name, a tag or an address; what is longer is none. Senders may name one
/// repository with thousands of tags, and each push has it.
const LONGEST: usize = 600;

fn owned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).filter(|text| text.len() <= LONGEST).map(str::to_owned)
}

/// The elements of a list at a path of names; none if there is none.
fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The host of an address of the web.
fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next()?;
    // Whoever puts a user there wants it to be read as something else.
    Some(host).filter(|host| !host.is_empty() && !host.contains('@')).map(str::to_owned)
}

impl Reading {
    /// What was pushed; of more than may be told at once no more than shows that.
    fn of(pushes: impl IntoIterator<Item = Push>) -> Self {
        Self { pushes: pushes.into_iter().take(MOST + 1).collect(), answer: None }
    }
}

/// An image as people write it: `HOST/PATH:TAG@DIGEST`. What stands before the first `/` is the host.
fn image(text: &str) -> Option<Push> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (text, None),
    };
    let (registry, path) = name.split_once('/')?;
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(tag.to_owned()).filter(|tag| !tag.is_empty())),
        None => (path, None),
    };
    Some(Push { registry: Some(registry.to_owned()), repository: path.to_owned(), tag, digest })
}

/// A version that may be a tag or a digest.
fn version(text: &str) -> (Option<String>, Option<String>) {
    let own = Some(text.to_owned());
    if text.contains(':') { (None, own) } else { (own, None) }
}
