//! Walks indexes down to the manifests that they name, and collects every name that a manifest goes by.
//!
//! Indexes stand in indexes: `docker save` of a multi-platform image, or a layout with several images. The walk has
//! its own stack, visits an index once for each name that leads to it, and stops at two limits, so that neither a
//! long chain nor a thicket of indexes that all name each other costs more than that.

use std::collections::{BTreeSet, HashMap, HashSet};

use oci_spec::image::Descriptor;

use super::document::{DocumentKind, classify};
use super::json::DocumentError;
use super::manifest::{Manifest, annotation, refer};
use super::resolve::Documents;
use super::{BlobRef, Platform, lenient};
use crate::digest::Digest;
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};

/// A manifest on the way to becoming an image or an attestation.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Names that lead to it, maybe repeated.
    pub(super) names: Vec<String>,
    /// The platform that an index states for it.
    pub(super) platform: Option<Platform>,
    /// Manifests of one group are the platforms of one image.
    pub(super) group: usize,
    /// What problems call it: the manifest's digest, or the place of its entry in `manifest.json`.
    pub(super) place: String,
    /// Whether an index says that it is an attestation.
    pub(super) attestation: bool,
    /// The manifest that an index says it is about.
    pub(super) subject: Option<Digest>,
    /// What it names; none if the document is not there.
    pub(super) manifest: Option<Manifest>,
    /// Its own document and other names of its blobs.
    pub(super) documents: Vec<BlobRef>,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Manifests in the order of the indexes.
    pub(super) drafts: Vec<Draft>,
    /// The indexes themselves.
    pub(super) indexes: BTreeSet<BlobRef>,
    /// What could not be followed.
    pub(super) problems: Vec<Problem>,
}

/// The walk over all indexes of one input.
pub(super) struct Walk<'a> {
    documents: &'a dyn Documents,
    limits: &'a Limits,
    found: Found,
    drafts: HashMap<BlobRef, usize>,
    visited: HashSet<(BlobRef, Vec<String>)>,
    groups: HashMap<(String, Vec<String>), usize>,
    stack: Vec<Pending>,
    followed: usize,
}

/// An index that is to be read.
struct Pending {
    blob: Option<BlobRef>,
    place: String,
    names: Vec<String>,
    depth: usize,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub(super) fn new(documents: &'a dyn Documents, limits: &'a Limits) -> Self {
        Self {
            documents,
            limits,
            found: Found::default(),
            drafts: HashMap::new(),
            visited: HashSet::new(),
            groups: HashMap::new(),
            stack: Vec::new(),
            followed: 0,
        }
    }

    /// Follows the index `bytes`, which is called `place` and has no name by digest.
    pub(super) fn root(&mut self, bytes: &[u8], place: &str) {
        let root = Pending { blob: None, place: place.to_owned(), names: Vec::new(), depth: 0 };
        self.read(bytes, &root);
        self.follow();
    }

    /// Follows the document `blob` that no index names.
    pub(super) fn loose(&mut self, blob: &BlobRef, bytes: &[u8]) {
        // An index names it by its digest, however the input names it.
        let digest = BlobRef::Digest(Digest::of(bytes));
        let blob = if self.documents.exists(&digest) { &digest } else { blob };
        let known = self.found.indexes.contains(blob) || self.drafts.contains_key(blob);
        if known || !self.count(&blob.to_string()) {
            return;
        }
        if classify(bytes) == Some(DocumentKind::Index) {
            self.push(blob.clone(), Vec::new(), 0);
        } else {
            let draft =
                Draft { group: self.group("", std::slice::from_ref(&blob.to_string())), ..Draft::default() };
            self.manifest(blob.clone(), draft);
        }
        self.follow();
    }

    /// What was found.
    pub(super) fn finish(self) -> Found {
        self.found
    }

    fn follow(&mut self) {
        while let Some(pending) = self.stack.pop() {
            let Some(blob) = &pending.blob else { continue };
            match self.documents.document(blob) {
                Some(bytes) => self.read(bytes, &pending),
                None => self.problem(
                    ProblemKind::Missing,
                    &pending.place,
                    "an index that is named is not there",
                    "save the image again with all its parts",
                ),
            }
        }
    }

    fn read(&mut self, bytes: &[u8], pending: &Pending) {
        let read = match lenient::index(bytes, &pending.place) {
            Ok(read) => read,
            Err(error) => return self.unreadable(&pending.place, &error),
        };
        self.found.problems.extend(read.problems);
        let below = self.stack.len();
        for descriptor in read.document.manifests() {
            if !self.count(&pending.place) {
                break;
            }
            self.descriptor(descriptor, pending);
        }
        // The stack gives back the last one first; the order of the index is the one to keep.
        self.stack[below..].reverse();
    }

    fn descriptor(&mut self, descriptor: &Descriptor, parent: &Pending) {
        let (blob, _) = refer(descriptor, &parent.place, &mut self.found.problems);
        // What an index is called, its manifests are called too.
        let mut names = parent.names.clone();
        for name in self::names(descriptor) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let document = self.documents.document(&blob);
        let is_index = document.and_then(classify).map_or_else(
            || {
                let media_type = descriptor.media_type().to_string();
                media_type.contains("image.index.") || media_type.contains("manifest.list.")
            },
            |kind| kind == DocumentKind::Index,
        );
        if is_index {
            return self.push(blob, names, parent.depth + 1);
        }
        let draft = Draft {
            platform: platform(descriptor),
            group: self.group(&parent.place, &names),
            attestation: annotation(descriptor, "vnd.docker.reference.type") == Some("attestation-manifest"),
            subject: annotation(descriptor, "vnd.docker.reference.digest").and_then(|text| text.parse().ok()),
            names,
            ..Draft::default()
        };
        self.manifest(blob, draft);
    }

    fn push(&mut self, blob: BlobRef, names: Vec<String>, depth: usize) {
        if !self.visited.insert((blob.clone(), names.clone())) {
            return;
        }
        let place = blob.to_string();
        if depth > self.limits.get_usize(Limit::Depth) {
            let message = "an index lies deeper in indexes than is followed";
            return self.problem(ProblemKind::Limit, &place, message, &Limit::Depth.remedy());
        }
        self.found.indexes.insert(blob.clone());
        self.stack.push(Pending { blob: Some(blob), place, names, depth });
    }

    fn manifest(&mut self, blob: BlobRef, draft: Draft) {
        if let Some(known) = self.drafts.get(&blob) {
            let known = &mut self.found.drafts[*known];
            known.names.extend(draft.names);
            known.platform = known.platform.take().or(draft.platform);
            known.attestation |= draft.attestation;
            return;
        }
        let place = blob.to_string();
        let manifest = match self.documents.document(&blob) {
            None if self.documents.exists(&blob) => {
                return self.unreadable(&place, &DocumentError::Form("an image index or manifest"));
            }
            None => None,
            Some(bytes) => {
                let kind = classify(bytes).unwrap_or(DocumentKind::Json);
                match Manifest::read(bytes, kind, &blob, &mut self.found.problems) {
                    Ok(manifest) => Some(manifest),
                    Err(error) => return self.unreadable(&place, &error),
                }
            }
        };
        self.drafts.insert(blob.clone(), self.found.drafts.len());
        self.found.drafts.push(Draft { place, manifest, documents: vec![blob], ..draft });
    }

    /// Counts one more descriptor; false if that is too many.
    fn count(&mut self, place: &str) -> bool {
        let limit = self.limits.get_usize(Limit::Manifests);
        self.followed = self.followed.saturating_add(1);
        if self.followed > limit {
            if self.followed == limit.saturating_add(1) {
                let message = format!("more than {limit} manifests are named; the rest is left out");
                self.problem(ProblemKind::Limit, place, &message, &Limit::Manifests.remedy());
            }
            return false;
        }
        true
    }

    fn group(&mut self, place: &str, names: &[String]) -> usize {
        let next = self.groups.len();
        *self.groups.entry((place.to_owned(), names.to_vec())).or_insert(next)
    }

    fn unreadable(&mut self, place: &str, error: &DocumentError) {
        let kind = match error {
            DocumentError::Form(_) => ProblemKind::Unsupported,
            _ => ProblemKind::Damaged,
        };
        let message = format!("a document that is named as a manifest {error}");
        self.problem(kind, place, &message, "save the image again in the OCI or Docker format");
    }

    fn problem(&mut self, kind: ProblemKind, place: &str, message: &str, remedy: &str) {
        self.found.problems.push(Problem::new(kind, place, message, remedy));
    }
}

/// Names in the annotations of `descriptor`, the most complete first.
fn names(descriptor: &Descriptor) -> Vec<String> {
    let image = annotation(descriptor, "io.containerd.image.name");
    let reference = annotation(descriptor, "org.opencontainers.image.ref.name");
    // Docker repeats the tag alone beside the whole name.
    let reference = reference.filter(|tag| {
        !image.is_some_and(|image| {
            image == *tag || image.strip_suffix(tag).is_some_and(|rest| rest.ends_with(':'))
        })
    });
    let names = [image, reference].into_iter().flatten();
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The platform that `descriptor` states; `unknown` is how `BuildKit` says that there is none.
pub(super) fn platform(descriptor: &Descriptor) -> Option<Platform> {
    let stated = descriptor.platform().as_ref()?;
    let platform = Platform {
        os: stated.os().to_string(),
        architecture: stated.architecture().to_string(),
        variant: stated.variant().clone(),
    };
    Some(platform.normalized()).filter(|platform| platform.os != "unknown")
}
