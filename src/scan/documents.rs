//! The JSON documents of an input: told from other blobs by content, kept in memory, found by name or digest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use crate::digest::Digest;
use crate::image::{self, BlobRef, DocumentKind, Resolution, Roots, Selection, classify, resolve};
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::stream::fill;

/// One document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) kind: DocumentKind,
}

/// All documents of an input, and the names of its other blobs.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    by_name: BTreeMap<String, Document>,
    by_digest: BTreeMap<Digest, String>,
    /// Names of blobs that are no documents.
    others: BTreeSet<String>,
    aliases: BTreeMap<String, String>,
    bytes: u64,
    /// An index of what was asked for, which is no document of the input.
    listing: Option<Vec<u8>>,
}

/// How many times the largest document may be held in all.
const LARGEST: u64 = 2;
/// Links from one name to the next that are followed.
const HOPS: usize = 8;
/// Bytes of a blob that tell whether it could be JSON.
const HEAD: usize = 512;

/// What a blob turned out to be.
pub(crate) enum Taken {
    Document(Document),
    /// No document; the bytes that were read to find out, and whether it could be one that is too large to keep.
    Other(Cursor<Vec<u8>>, Option<Problem>),
}

/// Reads the content of a blob of `size` bytes if it is a JSON document that can be kept.
pub(crate) fn take(reader: &mut dyn Read, size: u64, documents: &Documents, limits: &Limits) -> Taken {
    let mut head = vec![0; HEAD];
    let (filled, error) = fill(reader, &mut head);
    head.truncate(filled);
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    let (bound, room) = (limits.get(Limit::DocumentBytes), documents.room(limits));
    if error.is_some() || !matches!(first, Some(b'{' | b'[')) {
        return Taken::Other(Cursor::new(head), None);
    }
    if size > bound.min(room) {
        return Taken::Other(Cursor::new(head), Some(too_large(size)));
    }
    let size = usize::try_from(size).expect("the limit on documents is far below the address space");
    head.resize(size.max(filled), 0);
    let (more, error) = fill(reader, &mut head[filled..]);
    head.truncate(filled + more);
    // A member that is cut off is mapped like any other blob, which reports the cut.
    if error.is_some() {
        return Taken::Other(Cursor::new(head), None);
    }
    match classify(&head) {
        Some(kind) => Taken::Document(Document { digest: Digest::of(&head), bytes: head, kind }),
        None => Taken::Other(Cursor::new(head), None),
    }
}

/// What to tell of a document of `size` bytes that is not kept.
pub(crate) fn too_large(size: u64) -> Problem {
    let message =
        format!("a JSON document of {size} bytes is too large to follow; it was searched as raw bytes");
    Problem::new(ProblemKind::Limit, "", message, Limit::DocumentBytes.remedy())
}

impl Documents {
    /// Bytes of documents that may still be kept.
    pub(crate) fn room(&self, limits: &Limits) -> u64 {
        limits.get(Limit::DocumentBytes).saturating_mul(LARGEST).saturating_sub(self.bytes)
    }

    pub(crate) fn insert(&mut self, name: String, document: Document) {
        self.bytes += document.bytes.len() as u64;
        self.by_digest.insert(document.digest, name.clone());
        self.by_name.insert(name, document);
    }

    /// Takes an index that no document of the input is.
    pub(crate) fn list(&mut self, listing: Option<Vec<u8>>) {
        self.listing = listing;
    }

    /// Takes the names of all other blobs, and further names of blobs.
    pub(crate) fn alias<'n>(
        &mut self,
        aliases: Vec<(String, String)>,
        others: impl IntoIterator<Item = &'n str>,
    ) {
        self.aliases.extend(aliases);
        self.others.extend(others.into_iter().map(str::to_owned));
    }

    /// Takes the digests of other blobs, once they are known.
    pub(crate) fn name_digests(&mut self, digests: impl IntoIterator<Item = (Digest, String)>) {
        for (digest, name) in digests {
            self.by_digest.entry(digest).or_insert(name);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.by_name.iter().map(|(name, document)| (name.as_str(), document))
    }

    /// The name under which the input holds `blob`, as far as names and the digests of documents tell.
    pub(crate) fn name(&self, blob: &BlobRef) -> Option<&str> {
        match blob {
            BlobRef::Path(path) => self.follow(path),
            BlobRef::Digest(digest) => self.by_digest.get(digest).map(String::as_str).or_else(|| {
                let hex = digest.hex();
                [format!("blobs/sha256/{hex}"), hex].iter().find_map(|name| self.follow(name))
            }),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Document> {
        self.by_name.get(name)
    }

    /// The images that the documents describe.
    pub(crate) fn resolve(&self, selection: &Selection, limits: &Limits) -> Resolution {
        let named = |name: &str| self.by_name.get(name).map(|document| &document.bytes[..]);
        let of = |kinds: &[DocumentKind]| {
            let wanted = self.iter().filter(|(_, document)| kinds.contains(&document.kind));
            wanted.map(|(name, document)| (BlobRef::Path(name.to_owned()), &document.bytes[..])).collect()
        };
        let roots = Roots {
            docker_manifest: named("manifest.json"),
            index: self.listing.as_deref().or_else(|| named("index.json")),
            manifests: of(&[DocumentKind::Index, DocumentKind::Manifest]),
            configs: of(&[DocumentKind::Config]),
        };
        resolve(&roots, self, selection, limits)
    }

    /// Whether only platforms that nobody asked for name the blob `name`.
    pub(crate) fn deselected(&self, resolution: &Resolution, name: &str) -> bool {
        resolution.deselected.iter().any(|blob| self.name(blob) == Some(name))
    }

    fn follow(&self, path: &str) -> Option<&str> {
        let known = |path: &str| {
            let document = self.by_name.get_key_value(path).map(|(name, _)| name);
            document.or_else(|| self.others.get(path)).map(String::as_str)
        };
        let mut path = path;
        for _ in 0..HOPS {
            if let Some(name) = known(path) {
                return Some(name);
            }
            path = self.aliases.get(path)?;
        }
        None
    }
}

impl image::Documents for Documents {
    fn document(&self, blob: &BlobRef) -> Option<&[u8]> {
        self.by_name.get(self.name(blob)?).map(|document| &document.bytes[..])
    }

    fn exists(&self, blob: &BlobRef) -> bool {
        self.name(blob).is_some()
    }
}
