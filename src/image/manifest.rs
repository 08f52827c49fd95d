//! One manifest of any kind, in one form: what it calls its config, and its layers in order.
//!
//! OCI image manifests, Docker schema 2 manifests, OCI artifact manifests and the entries of `manifest.json` all
//! become a [`Manifest`]. Whether the blobs are there and whether the config agrees is not known here.

use std::collections::HashMap;

use oci_spec::image::{ArtifactManifest, Descriptor, ImageManifest, MediaType};

use super::document::DocumentKind;
use super::json::DocumentError;
use super::lenient::Repaired;
use super::{BlobRef, Layer, lenient};
use crate::digest::Digest;
use crate::problem::{Problem, ProblemKind};

/// What one manifest names.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifest {
    /// Digest of the manifest itself; none for an entry of `manifest.json`.
    pub(super) digest: Option<Digest>,
    /// The config, if the manifest names one.
    pub(super) config: Option<ConfigRef>,
    /// From the lowest to the top.
    pub(super) parts: Vec<Part>,
    /// What kind of artifact it says it is.
    pub(super) artifact_type: Option<String>,
    /// The manifest that this one is about.
    pub(super) subject: Option<Digest>,
}

/// How a manifest names its config.
#[derive(Debug, Clone)]
pub(super) struct ConfigRef {
    /// Where it is.
    pub(super) blob: BlobRef,
    /// As the manifest gives it; may be empty.
    pub(super) media_type: String,
    /// In bytes, if the manifest gives it.
    pub(super) size: Option<u64>,
}

/// One layer, with what only matters if it turns out to be an attestation.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The layer, without what the config says about it.
    pub(super) layer: Layer,
    /// The kind of in-toto predicate that it is annotated with.
    pub(super) predicate_type: Option<String>,
}

impl Manifest {
    /// Reads the manifest `bytes`, a document of `kind` whose name is `blob`.
    pub(super) fn read(
        bytes: &[u8],
        kind: DocumentKind,
        blob: &BlobRef,
        problems: &mut Vec<Problem>,
    ) -> Result<Self, DocumentError> {
        if kind != DocumentKind::Manifest {
            return Err(DocumentError::Form("an image index or manifest"));
        }
        let place = blob.to_string();
        let read = lenient::manifest(bytes, &place)?;
        let manifest = match artifact(bytes, &read.document, &place)? {
            Some(artifact) => Self::from_artifact(artifact, &place, problems),
            None => Self::from_image(read, &place, problems),
        };
        Ok(Self {
            digest: Some(match blob {
                BlobRef::Digest(digest) => *digest,
                BlobRef::Path(_) => Digest::of(bytes),
            }),
            ..manifest
        })
    }

    /// A manifest of layers that only the config `blob` tells of.
    pub(super) fn of_config(blob: &BlobRef, parts: Vec<Part>) -> Self {
        Self {
            config: Some(ConfigRef { blob: blob.clone(), media_type: String::new(), size: None }),
            parts,
            ..Self::default()
        }
    }

    fn from_image(read: Repaired<ImageManifest>, place: &str, problems: &mut Vec<Problem>) -> Self {
        problems.extend(read.problems);
        let manifest = read.document;
        Self {
            digest: None,
            config: Some(ConfigRef {
                blob: refer(manifest.config(), place, problems).0,
                media_type: manifest.config().media_type().to_string(),
                size: lenient::size(manifest.config()),
            }),
            parts: parts(manifest.layers(), place, problems),
            artifact_type: manifest.artifact_type().as_ref().map(MediaType::to_string),
            subject: manifest.subject().as_ref().and_then(digest_of),
        }
    }

    fn from_artifact(read: Repaired<ArtifactManifest>, place: &str, problems: &mut Vec<Problem>) -> Self {
        problems.extend(read.problems);
        let manifest = read.document;
        Self {
            digest: None,
            config: None,
            parts: parts(manifest.blobs(), place, problems),
            artifact_type: Some(manifest.artifact_type().to_string()),
            subject: manifest.subject().as_ref().and_then(digest_of),
        }
    }

    /// Whether what it holds are in-toto statements about another manifest.
    pub(super) fn is_attestation(&self) -> bool {
        let statement = |part: &Part| {
            let media_type = part.layer.media_type.as_deref().unwrap_or_default();
            media_type.starts_with("application/vnd.in-toto") || media_type.contains("dsse.envelope")
        };
        self.artifact_type.as_deref() == Some("application/vnd.docker.attestation.manifest.v1+json")
            || (!self.parts.is_empty() && self.parts.iter().all(statement))
    }

    /// Every blob that it names.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        let config = self.config.iter().map(|config| &config.blob);
        config.chain(self.parts.iter().map(|part| &part.layer.blob))
    }
}

impl ConfigRef {
    /// Whether the manifest says that its config is one of a container image.
    pub(super) fn claims_image(&self) -> bool {
        self.media_type.is_empty()
            || self.media_type.contains("image.config.")
            || self.media_type.contains("container.image.")
    }

    /// Whether it is the empty document of the specification, which writers need not store.
    pub(super) fn is_empty_document(&self) -> bool {
        self.blob == BlobRef::Digest(Digest::of(b"{}"))
    }
}

/// How `descriptor` names its blob, and the digest that it claims.
///
/// A blob of another digest algorithm is looked for at its place in an OCI layout; that it cannot be verified is
/// reported.
pub(super) fn refer(
    descriptor: &Descriptor,
    place: &str,
    problems: &mut Vec<Problem>,
) -> (BlobRef, Option<Digest>) {
    if let Some(digest) = digest_of(descriptor) {
        return (BlobRef::Digest(digest), Some(digest));
    }
    let algorithm = descriptor.digest().algorithm().to_string();
    let blob = BlobRef::Path(format!("blobs/{algorithm}/{}", descriptor.digest().digest()));
    if algorithm != lenient::NO_DIGEST {
        problems.push(Problem::new(
            ProblemKind::Unsupported,
            place,
            format!("{blob} is named by a digest that is not SHA-256 and cannot be verified"),
            "save the image again with SHA-256 digests",
        ));
    }
    (blob, None)
}

/// The digest that `descriptor` claims, if it is SHA-256.
pub(super) fn digest_of(descriptor: &Descriptor) -> Option<Digest> {
    descriptor.digest().as_ref().parse().ok()
}

/// The value of `descriptor`'s annotation `key`.
pub(super) fn annotation<'a>(descriptor: &'a Descriptor, key: &str) -> Option<&'a str> {
    let annotations: &HashMap<String, String> = descriptor.annotations().as_ref()?;
    annotations.get(key).map(String::as_str)
}

fn parts(layers: &[Descriptor], place: &str, problems: &mut Vec<Problem>) -> Vec<Part> {
    let part = |(index, descriptor): (usize, &Descriptor)| {
        let (blob, digest) = refer(descriptor, place, problems);
        let predicate_type = annotation(descriptor, "in-toto.io/predicate-type")
            .or(annotation(descriptor, "predicateType"))
            .map(str::to_owned);
        let media_type = descriptor.media_type().to_string();
        Part {
            layer: Layer {
                index,
                blob,
                digest,
                diff_id: None,
                size: lenient::size(descriptor),
                media_type: Some(media_type).filter(|media_type| !media_type.is_empty()),
                urls: descriptor.urls().clone().unwrap_or_default(),
                step: None,
            },
            predicate_type,
        }
    };
    layers.iter().enumerate().map(part).collect()
}

/// The artifact manifest in `bytes`, if they have neither a config nor layers and so are no image manifest.
fn artifact(
    bytes: &[u8],
    image: &ImageManifest,
    place: &str,
) -> Result<Option<Repaired<ArtifactManifest>>, DocumentError> {
    if !image.layers().is_empty() || image.config().digest().algorithm().as_ref() != lenient::NO_DIGEST {
        return Ok(None);
    }
    let read = lenient::artifact(bytes, place)?;
    let is_one =
        !read.document.blobs().is_empty() || read.document.media_type() == &MediaType::ArtifactManifest;
    Ok(is_one.then_some(read))
}
