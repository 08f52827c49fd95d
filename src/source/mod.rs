//! Where the bytes of an image come from. A source names its blobs and opens them; what they are, nobody asks it.
//!
//! A file or a folder gives blobs that can be opened in any order and several at once. A pipe, an engine, and an archive that
//! is compressed as a whole, give members one after another, once.

mod ahead;
mod archive;
mod courier;
pub mod engine;
mod http;
mod input;
mod layout;
mod near;
mod network;
mod reader;
pub mod registry;
mod remote;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::archive::{REST, alias, damaged, too_many, unmarked};
pub use self::courier::{Answered, Courier, is_address};
use self::engine::Engine;
pub use self::input::{ImageName, Input, ParseInputError};
pub use self::network::{Network, NoNetwork};
pub use self::reader::Reader;
use self::registry::{Reference, RemoteBlob, RepositoryName, Search};
pub use self::remote::{Engines, KnownCertificates, Proxies, Reach, Remote, RemoteError, RemoteFault};
use crate::image::Selection;
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::stream::{Compression, Decoder, Section, header, is_tar};

/// How many certificates are trusted when a registry is reached so: those of the system, and those of files that the user
/// named. An error if one of the files cannot be used.
pub fn trusted_authorities(remote: &Remote) -> Result<[usize; 2], RemoteError> {
    http::trusted(remote)
}

/// Why an input cannot be scanned at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system does not give it.
    #[error("cannot read {input}: {source}")]
    Unreadable {
        /// The input as it was named.
        input: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is there, and no image.
    #[error("{input} is not a saved image: {found}. {remedy}")]
    NotAnImage {
        /// The input as it was named.
        input: String,
        /// What it looks like instead.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// No registry and no engine gives it.
    #[error("cannot scan {input}: {source}; {}{}", source.remedy(), told(tried))]
    Remote {
        /// The input as it was named.
        input: String,
        /// What went wrong.
        source: RemoteError,
        /// Where else it was looked for before, and why it is not there.
        tried: Vec<String>,
    },
}

impl SourceError {
    /// Where else the input was looked for, as a part of a sentence; empty if it was nowhere else.
    pub fn tried(&self) -> String {
        if let Self::Remote { tried, .. } = self { told(tried) } else { String::new() }
    }
}

fn told(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!(". Before that were tried: {}", tried.join("; ")) }
}

/// An input that was found.
#[derive(Debug)]
pub struct Found {
    /// What it is: of a bare name, whose image it turned out to be.
    pub input: Input,
    /// Its bytes.
    pub opened: Opened,
    /// What went wrong on the way to it, and may have led to another image than was meant.
    pub problems: Vec<Problem>,
}

/// An input, opened.
#[derive(Debug)]
pub enum Opened {
    /// Blobs that can be opened in any order.
    Blobs(Blobs),
    /// An archive that can be read once, uncompressed.
    Stream(Stream),
}

impl Opened {
    /// Bytes that reading it takes all the time for windows of decompressors.
    pub fn window(&self) -> u64 {
        match self {
            Self::Blobs(_) => 0,
            Self::Stream(stream) => stream.window,
        }
    }
}

/// A pipe or a compressed archive.
pub struct Stream {
    /// The archive's bytes, decompressed.
    pub reader: Box<dyn Read + Send>,
    /// The compressions that were undone, outermost first.
    pub compression: Vec<Compression>,
    /// Bytes that their windows take.
    pub window: u64,
    /// Who gives it.
    pub form: Form,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({:?})", self.compression)
    }
}

/// How blobs are held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// In a file.
    #[default]
    Archive,
    /// In a folder.
    Folder,
    /// By a registry.
    Registry,
    /// By an engine.
    Engine(Engine),
}

/// The blobs of a file, a folder or a registry.
#[derive(Debug, Default)]
pub struct Blobs {
    /// Every regular file, in the order of the archive, or by name.
    pub blobs: Vec<Blob>,
    /// Other names of blobs: symbolic and hard links of the archive, as (name, name of the blob).
    pub aliases: Vec<(String, String)>,
    /// What could not be listed.
    pub problems: Vec<Problem>,
    /// Blobs that are there and are not to be read.
    pub passed_over: Vec<Blob>,
    /// How they are held.
    pub form: Form,
    /// An index of what was asked for, where no document of the input is one.
    pub listing: Option<Vec<u8>>,
    /// Which platforms are there to be looked at, where the source decided that.
    pub selection: Option<Selection>,
    /// How many may be open at once; none if that does not matter.
    pub at_once: Option<usize>,
    /// Whether there is nothing because the user wants nothing of what is there.
    pub unwanted: bool,
}

/// One blob.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Clean path in the archive or folder.
    pub name: String,
    /// Bytes as stored.
    pub size: u64,
    /// Whether it costs much to open and is no document, as far as its manifest says.
    pub late: bool,
    location: Location,
}

#[derive(Debug, Clone)]
enum Location {
    Section(Arc<File>, u64),
    File(PathBuf),
    Bytes(Arc<[u8]>),
    Remote(Arc<RemoteBlob>),
}

impl Blob {
    /// Whether its bytes have to be fetched from another machine.
    pub fn is_remote(&self) -> bool {
        matches!(self.location, Location::Remote(_))
    }

    /// The blob's bytes as stored. An end before [`Blob::size`] is an error.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.location {
            Location::Section(file, offset) => {
                let at = archive::FileAt { file: Arc::clone(file), offset: *offset };
                Box::new(Section::new(at, self.size))
            }
            Location::File(path) => Box::new(File::open(path)?),
            Location::Bytes(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
            Location::Remote(blob) => blob.open()?,
        })
    }
}

/// Opens an input; images that are not on this machine as `remote` says, and of those the platforms of `selection`.
pub fn open(
    input: &Input,
    limits: &Limits,
    remote: &Remote,
    selection: &Selection,
) -> Result<Found, SourceError> {
    let search = Search { remote, selection, limits };
    let refused = |source| SourceError::Remote { input: input.to_string(), source, tried: Vec::new() };
    let opened = match input {
        Input::Registry(reference) => registry::open(reference, search).map(Opened::Blobs).map_err(refused),
        Input::Repository(name) => registry::open_all(name, search).map(Opened::Blobs).map_err(refused),
        Input::Catalog(domain) => registry::open_catalog(domain, search).map(Opened::Blobs).map_err(refused),
        Input::Engine(engine, name) => {
            let archive = engine::open(*engine, name, remote).map_err(refused)?;
            stream(archive, input, limits, Form::Engine(*engine))
        }
        Input::Name(name) => return look_for(name, search),
        Input::Stdin => stream(Box::new(io::stdin()), input, limits, Form::Archive),
        Input::Reader(reader) => match reader.take() {
            Ok(reader) => stream(reader, input, limits, Form::Archive),
            Err(source) => Err(SourceError::Unreadable { input: input.to_string(), source }),
        },
        Input::Path(path) => path_at(path, input, limits),
    }?;
    Ok(Found { input: input.clone(), opened, problems: Vec::new() })
}

/// Looks for a bare name, which is no path: in the engines, and then in the registry.
fn look_for(name: &ImageName, search: Search<'_>) -> Result<Found, SourceError> {
    let mut tried = vec!["a file, and there is none of that name".to_owned()];
    let mut problems = Vec::new();
    // Of an engine's image there is no history without its layers.
    let engines = if search.remote.history_only { &[][..] } else { &Engine::ALL };
    for engine in engines {
        let input = Input::Engine(*engine, name.clone());
        match engine::open(*engine, name, search.remote) {
            Ok(archive) => {
                let opened = stream(archive, &input, search.limits, Form::Engine(*engine))?;
                return Ok(Found { input, opened, problems });
            }
            Err(error) => {
                if !matches!(error.fault(), RemoteFault::Absent | RemoteFault::Nobody) {
                    problems.push(unasked(&input, &error));
                }
                tried.push(format!("{engine}, and {error}"));
            }
        }
    }
    let input = name.as_str().to_owned();
    let Some(reference) = name.reference() else {
        let source = RemoteError::new(
            RemoteFault::Absent,
            "it is the id of an image, and no engine has one of that id",
            "see which images there are with `docker image ls` or `podman image ls`",
        );
        return Err(SourceError::Remote { input, source, tried });
    };
    let blobs = registry::open(reference, search);
    let blobs = blobs.map_err(|source| SourceError::Remote { input, source, tried })?;
    Ok(Found { input: Input::Registry(reference.clone()), opened: Opened::Blobs(blobs), problems })
}

/// What to say of an engine that could not be asked for an image, which was then taken from elsewhere.
fn unasked(input: &Input, error: &RemoteError) -> Problem {
    let message = format!("this may be another image than the engine's: {error}");
    let remedy = format!("{}; or write registry: before the name if the registry's is meant", error.remedy());
    Problem::new(ProblemKind::Note, input.to_string(), message, remedy)
}

fn path_at(path: &Path, input: &Input, limits: &Limits) -> Result<Opened, SourceError> {
    let unreadable = |source| SourceError::Unreadable { input: input.to_string(), source };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return layout::open(path, limits).map(Opened::Blobs);
    }
    let mut file = File::open(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return stream(Box::new(file), input, limits, Form::Archive);
    }
    let mut head = [0; header::BLOCK];
    let (filled, error) = crate::stream::fill(&mut file, &mut head);
    if let Some(source) = error {
        return Err(unreadable(source));
    }
    if is_tar(&head[..filled]) {
        return archive::open(file, metadata.len(), limits).map(Opened::Blobs).map_err(unreadable);
    }
    let file = File::open(path).map_err(unreadable)?;
    stream(Box::new(file), input, limits, Form::Archive)
}

/// A layer of a repository, by its digest and its size.
pub fn layer(
    repository: &RepositoryName,
    (digest, size): (&str, u64),
    remote: &Remote,
) -> Result<Blob, RemoteError> {
    registry::layer(repository, (digest, size), remote)
}

/// The digest of the manifest that `reference` names now.
pub fn resolve(reference: &Reference, limits: &Limits, remote: &Remote) -> Result<String, RemoteError> {
    let selection = Selection::default();
    registry::resolve(reference, Search { remote, selection: &selection, limits })
}

/// Undoes the compressions around an archive that is read once.
fn stream(
    reader: Box<dyn Read + Send>,
    input: &Input,
    limits: &Limits,
    form: Form,
) -> Result<Opened, SourceError> {
    let unreadable = |error: io::Error| match RemoteError::within(&error) {
        Some(remote) => {
            SourceError::Remote { input: input.to_string(), source: remote.clone(), tried: Vec::new() }
        }
        None => SourceError::Unreadable { input: input.to_string(), source: error },
    };
    let mut reader: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(256 << 10, reader));
    let (mut compression, mut window) = (Vec::new(), 0_u64);
    loop {
        let (head, whole) = peek(reader).map_err(unreadable)?;
        reader = whole;
        if is_tar(&head) {
            return Ok(Opened::Stream(Stream { reader: Box::new(reader), compression, window, form }));
        }
        let deep = compression.len() as u64 >= limits.get(Limit::Depth);
        match Compression::sniff(&head).filter(|_| !deep) {
            Some(found) => {
                compression.push(found);
                window = window.saturating_add(crate::stream::window(found, &head));
                reader = Box::new(BufReader::with_capacity(
                    256 << 10,
                    Decoder::new(reader, found, limits.get(Limit::WindowBytes)),
                ));
            }
            None => return Err(not_an_image(input, &head)),
        }
    }
}

type Peeked = (Vec<u8>, Box<dyn BufRead + Send>);

/// The first block of a reader, and the reader with that block still in front.
fn peek(mut reader: Box<dyn BufRead + Send>) -> io::Result<Peeked> {
    let mut head = vec![0; header::BLOCK];
    let (filled, error) = crate::stream::fill(&mut reader, &mut head);
    if let Some(error) = error {
        return Err(error);
    }
    head.truncate(filled);
    let whole = io::Cursor::new(head.clone()).chain(reader);
    Ok((head, Box::new(whole)))
}

fn not_an_image(input: &Input, head: &[u8]) -> SourceError {
    let found = match head {
        [] => "it is empty",
        [b'{' | b'[', ..] => "it is JSON",
        [0x7f, b'E', b'L', b'F', ..] => "it is a program",
        [b'P', b'K', 3, 4, ..] => "it is a zip archive",
        _ => "it is neither a tar archive nor a compressed one",
    };
    SourceError::NotAnImage { input: input.to_string(), found: found.into(), remedy: REMEDY.into() }
}

/// How to get a saved image.
pub const REMEDY: &str = "Save one with `docker save NAME -o FILE`, `podman save NAME -o FILE` or `skopeo copy docker://NAME oci-archive:FILE`";

/// The clean name of an archive member or a file below `root`.
fn name(path: &[u8]) -> String {
    String::from_utf8_lossy(&header::clean(path)).into_owned()
}

/// The clean name of a file below `root`.
fn relative(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    name(relative.to_string_lossy().replace('\\', "/").as_bytes())
}
