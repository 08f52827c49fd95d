//! What an image is: manifests, layers, the build history and their alignment. Immutable, and without bytes of layers.
//!
//! The documents of an image (index, manifest, config, attestations) are turned into these types by [`resolve()`]; where
//! their bytes come from is not known here. Nothing in this module reads a file or knows of credentials.

mod archive;
mod assemble;
mod base;
mod choose;
mod config;
mod dockerfile;
mod document;
mod envelope;
mod history;
mod index;
mod json;
mod lenient;
mod manifest;
mod named;
mod path;
mod place;
mod platform;
mod resolve;
pub mod step;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::base::{Base, BaseFrom, Claims, claims};
pub use self::dockerfile::{Dockerfile, DockerfileError, Lines};
pub use self::document::{DocumentKind, classify};
pub use self::json::DocumentError;
pub(crate) use self::json::prune;
pub use self::named::{Named, Role, named};
pub use self::path::clean_path;
pub use self::place::PlaceKind;
pub use self::platform::{ParsePlatformError, PlatformFilter, Selection};
pub use self::resolve::{Attestation, Documents, Resolution, Roots, resolve};
pub use self::step::{Argument, ArgumentKind, ParsedStep, parse as parse_step};
pub use self::text::{Text, each_text, texts};
use crate::digest::Digest;

/// How a document names a blob.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobRef {
    /// By content (OCI descriptors).
    Digest(Digest),
    /// By its path in the archive (`manifest.json` of docker archives), cleaned: no leading `/` or `./`.
    Path(String),
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// Operating system and processor that an image is for (OCI image-spec, image-index.md, "platform").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
        Ok(Self { os: os.unwrap_or_default(), architecture: architecture.unwrap_or_default(), variant })
    }
}

/// One image of one platform.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Tags and reference names, as the archive or layout gives them.
    pub names: Vec<String>,
    /// From the index or the config.
    pub platform: Option<Platform>,
    /// Digest of the manifest, where there is one.
    pub manifest: Option<Digest>,
    /// Digest of the config.
    pub config: Option<Digest>,
    /// When it was built, as its config says: an RFC 3339 time, or nothing.
    pub created: Option<String>,
    /// From the lowest (base) to the top.
    pub layers: Vec<Layer>,
    /// The build steps, oldest first.
    pub steps: Vec<Step>,
    /// What it is built on, as far as that is known.
    pub base: Option<Base>,
}

/// One layer of an image, as its manifest and config describe it.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Position, 0 = the lowest.
    pub index: usize,
    /// Where its bytes are.
    pub blob: BlobRef,
    /// Digest of the blob as stored, if the manifest claims one.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar, if the config claims one (OCI image-spec, config.md, "Layer `DiffID`").
    pub diff_id: Option<Digest>,
    /// Bytes of the blob as stored, if the manifest claims it.
    pub size: Option<u64>,
    /// As the manifest gives it; a hint, never trusted.
    pub media_type: Option<String>,
    /// URLs of a foreign or non-distributable layer's descriptor.
    pub urls: Vec<String>,
    /// Index into [`Image::steps`] of the step that made it, where history and layers agree.
    pub step: Option<usize>,
}

/// One entry of the build history (OCI image-spec, config.md, "history").
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Position in the history, 0 = the first.
    pub index: usize,
    /// `RUN`, `COPY`, `ENV`, … in upper case, or empty if `created_by` has no such form.
    pub instruction: String,
    /// The text of the history entry. In an `Outcome` credentials in it are redacted.
    pub created_by: String,
    /// Whether the entry says that it made no layer.
    pub empty_layer: bool,
    /// Index into [`Image::layers`] of the layer that it made, where history and layers agree.
    pub layer: Option<usize>,
}
