//! What one document names, for those who have to fetch it before anything can be resolved.
//!
//! [`resolve()`](super::resolve()) works on what is there. A registry gives one document at a time, and each says what
//! to ask for next.

use oci_spec::image::Descriptor;

use super::document::{DocumentKind, classify};
use super::manifest::{Manifest, annotation, refer};
use super::{BlobRef, Platform, index, lenient};
use crate::digest::Digest;

/// What a document wants a blob for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A manifest or a further index.
    Manifest,
    /// The config of a manifest.
    Config,
    /// A layer, or whatever else a manifest lists in its place.
    Layer,
}

/// Something that a document names.
#[derive(Debug, Clone)]
pub struct Named {
    /// What for.
    pub role: Role,
    /// The blob.
    pub blob: BlobRef,
    /// Its digest as the document writes it, with the algorithm.
    pub digest: String,
    /// Its size in bytes, if the document gives it.
    pub size: Option<u64>,
    /// What the document says it is.
    pub media_type: String,
    /// The platform that an index states for it.
    pub platform: Option<Platform>,
    /// Whether it may be kept elsewhere.
    pub foreign: bool,
    /// Whether an index says that it is an attestation about another of its manifests.
    pub attestation: bool,
}

/// Everything that the index or manifest `bytes` names, in its order; nothing if they are neither.
pub fn named(bytes: &[u8]) -> Vec<Named> {
    match classify(bytes) {
        Some(DocumentKind::Index) => lenient::index(bytes, "")
            .map_or_else(|_| Vec::new(), |read| read.document.manifests().iter().map(manifest).collect()),
        Some(DocumentKind::Manifest) => {
            let blob = BlobRef::Digest(Digest::of(bytes));
            Manifest::read(bytes, DocumentKind::Manifest, &blob, &mut Vec::new())
                .map_or_else(|_| Vec::new(), |manifest| parts(&manifest))
        }
        _ => Vec::new(),
    }
}

fn manifest(descriptor: &Descriptor) -> Named {
    let (blob, _) = refer(descriptor, "", &mut Vec::new());
    Named {
        role: Role::Manifest,
        digest: written(&blob),
        blob,
        size: lenient::size(descriptor),
        media_type: descriptor.media_type().to_string(),
        platform: index::platform(descriptor),
        foreign: false,
        attestation: annotation(descriptor, "vnd.docker.reference.type") == Some("attestation-manifest"),
    }
}

fn parts(manifest: &Manifest) -> Vec<Named> {
    let config = manifest.config.iter().filter(|config| !is_unreadable(&config.blob)).map(|config| Named {
        role: Role::Config,
        blob: config.blob.clone(),
        digest: written(&config.blob),
        size: config.size,
        media_type: config.media_type.clone(),
        platform: None,
        foreign: false,
        attestation: false,
    });
    let layers = manifest.parts.iter().map(|part| Named {
        role: Role::Layer,
        blob: part.layer.blob.clone(),
        digest: written(&part.layer.blob),
        size: part.layer.size,
        media_type: part.layer.media_type.clone().unwrap_or_default(),
        platform: None,
        foreign: part.layer.is_foreign(),
        attestation: false,
    });
    config.chain(layers).collect()
}

/// `sha256:…`, `sha512:…`
fn written(blob: &BlobRef) -> String {
    match blob {
        BlobRef::Digest(digest) => digest.to_string(),
        BlobRef::Path(path) => path.trim_start_matches("blobs/").replacen('/', ":", 1),
    }
}

fn is_unreadable(blob: &BlobRef) -> bool {
    written(blob).starts_with(lenient::NO_DIGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let each = |named: Named| format!("{:?} {} {:?}", named.role, &named.digest[..12], named.size);
        named(text.replace("HEX", &"0a".repeat(32)).as_bytes()).into_iter().map(each).collect()
    }

    #[test]
    fn an_index_names_manifests_and_a_manifest_its_parts() {
        let index = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:HEX","size":7,"platform":{"os":"linux","architecture":"arm64"}}]}"#;
        assert_eq!(told(index), ["Manifest sha256:0a0a0 Some(7)"]);
        let platform = named(index.replace("HEX", &"0a".repeat(32)).as_bytes())[0].platform.clone();
        assert_eq!(platform.map(|platform| platform.to_string()).as_deref(), Some("linux/arm64"));
        let manifest = r#"{"schemaVersion":2,"config":{"digest":"sha256:HEX","size":2},"layers":[{"digest":"sha512:HEXHEX","size":-1},{"digest":"sha256:HEX","size":9}]}"#;
        let expected =
            ["Config sha256:0a0a0 Some(2)", "Layer sha512:0a0a0 None", "Layer sha256:0a0a0 Some(9)"];
        assert_eq!(told(manifest), expected);
        let artifact = r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"x/y","blobs":[{"digest":"sha256:HEX","size":1}]}"#;
        assert_eq!(told(artifact), ["Layer sha256:0a0a0 Some(1)"]);
    }

    #[test]
    fn other_documents_name_nothing() {
        for text in ["", "{}", "[]", "{\"schemaVersion\":1}", "\x1f"] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }
}
