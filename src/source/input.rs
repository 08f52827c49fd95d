//! What is to be scanned, as it is typed and as it is meant.
//!
//! Where a name is to be looked for stands before it (`docker:`, `registry:`). A bare name may be a path, an image of an
//! engine or one of a registry. What looks like a path is none but that: who mistypes a file's name must not get an image that
//! a stranger called so.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::reader::Reader;
use super::registry::{ParseReferenceError, Reference, RepositoryName};

/// What to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A saved image: an archive, or the folder of an OCI layout.
    Path(PathBuf),
    /// An archive on standard input.
    Stdin,
    /// An archive that is handed over: see [`Input::reader`].
    Reader(Reader),
    /// An image of an engine, by a name or an id.
    Engine(Engine, ImageName),
    /// An image of the first engine that has it, or else of a registry.
    Name(ImageName),
    /// An image in a registry.
    Registry(Reference),
    /// Every tag of a repository.
    Repository(RepositoryName),
    /// Every tag of every repository of the registry of that name.
    Catalog(String),
}

/// What engines know an image by: a name, or an id or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    text: String,
    /// What a registry knows it by; none if it is an id for sure.
    reference: Option<Reference>,
}

/// Why a text names nothing that could be scanned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseInputError {
    /// It is no name of an image.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    /// An engine is named, and no image.
    #[error("`{0}:` names no image: write {0}:NAME or {0}:ID, or scan all that it has with --all-images {0}")]
    NoImage(Engine),
    /// Other programs write an image in a registry so, and for this one it would be an engine's.
    #[error("`{engine}://…` can mean two things: write registry:{name} or {engine}:{name}")]
    Ambiguous {
        /// The engine that it seems to name.
        engine: Engine,
        /// The name behind the slashes.
        name: String,
    },
    /// Images of containerd come by a pipe.
    #[error(
        "images of containerd are scanned from a pipe: `ctr image export - {0} | layersift scan -` \
         (`ctr image ls` lists them, and `-n k8s.io` behind `ctr` names those of Kubernetes)"
    )]
    Containerd(String),
}

/// Endings of names that are files and no images.
const FILES: [&str; 15] = [
    ".tar", ".gz", ".tgz", ".zst", ".tzst", ".xz", ".txz", ".bz2", ".tbz2", ".lz4", ".lzma", ".zip", ".img",
    ".oci", ".json",
];

impl Input {
    /// What `text` means as it is typed: `-`, a path, a name with what has it before a colon, or a bare name if there is no
    /// such path and it does not look like one either.
    pub fn parse(text: OsString) -> Result<Self, ParseInputError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        let named = text.to_str().unwrap_or_default();
        if let Some(name) = named.strip_prefix("registry:") {
            return Ok(Self::Registry(name.parse()?));
        }
        if let Some(name) = named.strip_prefix("containerd:") {
            return Err(ParseInputError::Containerd(containerd_name(name)));
        }
        for engine in Engine::ALL {
            if let Some(name) = named.strip_prefix(engine.name()).and_then(|rest| rest.strip_prefix(':')) {
                return of_engine(engine, name, Path::new(&text).exists().then_some(&text));
            }
        }
        let looks_like_a_path = named.is_empty()
            || named.starts_with(['/', '.', '~'])
            || named.contains('\\')
            || FILES.iter().any(|ending| named.to_ascii_lowercase().ends_with(ending));
        if looks_like_a_path || Path::new(&text).exists() {
            return Ok(Self::Path(text.into()));
        }
        Ok(ImageName::parse(named).map_or_else(|_| Self::Path(text.clone().into()), Self::Name))
    }

    /// An archive, compressed or not, that is read once from its start to its end; reports call it `name`.
    pub fn reader(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self::Reader(Reader::new(name, Box::new(reader)))
    }

    /// The registry that it is in, if it is in one, or may be.
    pub fn registry(&self) -> Option<&str> {
        match self {
            Self::Registry(reference) => Some(reference.name().domain()),
            Self::Name(name) => name.reference().map(|reference| reference.name().domain()),
            Self::Repository(name) => Some(name.domain()),
            Self::Catalog(domain) => Some(domain),
            Self::Path(_) | Self::Stdin | Self::Reader(_) | Self::Engine(..) => None,
        }
    }
}

/// The image `name` of an engine. A file that is called so all the same can be meant as well as the image.
fn of_engine(engine: Engine, name: &str, file: Option<&OsString>) -> Result<Input, ParseInputError> {
    if name.is_empty() {
        return Err(ParseInputError::NoImage(engine));
    }
    if let Some(name) = name.strip_prefix("//") {
        return Err(ParseInputError::Ambiguous { engine, name: name.to_owned() });
    }
    match (ImageName::parse(name), file) {
        (Ok(name), _) => Ok(Input::Engine(engine, name)),
        (Err(_), Some(file)) => Ok(Input::Path(file.into())),
        (Err(error), None) => Err(error.into()),
    }
}

/// The name in full, as containerd keeps it, of what is one.
fn containerd_name(name: &str) -> String {
    match name.parse::<Reference>() {
        Ok(reference) => reference.to_string(),
        Err(_) => "NAME".to_owned(),
    }
}

impl ImageName {
    /// Takes the name of an image, its id, or the beginning of that.
    pub fn parse(text: &str) -> Result<Self, ParseReferenceError> {
        let is_id = {
            let digits = text.strip_prefix("sha256:").unwrap_or(text);
            digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let reference: Reference = text.parse()?;
        Ok(Self { text: text.to_owned(), reference: (!is_id).then_some(reference) })
    }

    /// As it was typed. It has only characters of names of images.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What a registry knows it by, if one can.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("-"),
            Self::Reader(reader) => reader.fmt(f),
            Self::Engine(engine, name) => write!(f, "{engine}:{}", name.text),
            Self::Name(name) => f.write_str(&name.text),
            Self::Registry(reference) => reference.fmt(f),
            Self::Repository(name) => name.fmt(f),
            Self::Catalog(domain) => f.write_str(domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Input::parse(text.into()) {
            Ok(Input::Path(path)) => format!("path {}", path.display()),
            Ok(Input::Name(name)) => format!("name {}", name.text),
            Ok(Input::Engine(engine, name)) => format!("{engine} {}", name.text),
            Ok(Input::Registry(reference)) => format!("registry {reference}"),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_says_where_it_is_looked_for() {
        for (text, expected) in [
            ("alpine", "name alpine"),
            ("ghcr.io/org/app:1", "name ghcr.io/org/app:1"),
            ("docker:app:1", "docker app:1"),
            ("docker:3f2a", "docker 3f2a"),
            ("podman:localhost/app", "podman localhost/app"),
            ("registry:app", "registry docker.io/library/app:latest"),
            ("Cargo.toml", "path Cargo.toml"),
            ("src", "path src"),
        ] {
            assert_eq!(parsed(text), expected);
        }
    }

    #[test]
    fn what_looks_like_a_file_is_looked_for_nowhere_else() {
        for text in [
            "imge.tar",
            "./imge",
            "../app",
            "/no/such/app",
            "~/app",
            "app.TAR.GZ",
            "org/app.tgz",
            "C:\\app",
            "",
            "A b",
        ] {
            assert_eq!(parsed(text), format!("path {text}"));
        }
    }

    #[test]
    fn what_names_nothing_says_what_to_write() {
        for (text, part) in [
            ("docker:", "--all-images docker"),
            ("podman:", "podman:NAME"),
            ("docker://app", "write registry:app or docker:app"),
            ("docker:../containers", "`../containers` is no name of an image"),
            ("containerd:app:1", "`ctr image export - docker.io/library/app:1 | layersift scan -`"),
            ("containerd:", "`ctr image export - NAME | layersift scan -`"),
            ("containerd:a b; rm x", "`ctr image export - NAME | layersift scan -`"),
        ] {
            assert!(parsed(text).contains(part), "{text}: {}", parsed(text));
        }
    }

    #[test]
    fn an_id_is_in_no_registry() {
        let digits = "0a".repeat(32);
        for text in [digits.clone(), format!("sha256:{digits}")] {
            let Ok(Input::Name(name)) = Input::parse(text.clone().into()) else { panic!("{text}") };
            assert_eq!((name.as_str(), name.reference()), (text.as_str(), None));
        }
        assert!(ImageName::parse("0a0a0a").is_ok_and(|name| name.reference().is_some()));
    }
}
