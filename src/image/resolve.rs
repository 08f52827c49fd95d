//! From the documents of an input to its images: follow, join, choose, assemble.
//!
//! The steps stand below each other in [`resolve`]. Each works on [`Draft`]s, one a manifest; the last makes
//! [`Image`]s of those that are wanted. What could not be followed is a [`Problem`]; nothing is left out in silence.
//! Where the documents come from, and whether their bytes have the digests they go by, is not known here.

use std::collections::BTreeSet;

use super::assemble::assemble;
use super::choose::{Candidate, Fate, choose};
use super::config::Config;
use super::document::{DocumentKind, classify};
use super::index::{Draft, Found, Walk};
use super::manifest::{Manifest, Part};
use super::{BlobRef, Image, Layer, Selection, archive};
use crate::digest::Digest;
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};

/// Where the resolver finds what documents name.
pub trait Documents {
    /// The bytes of the JSON document `blob`, if it is in the input and was kept.
    fn document(&self, blob: &BlobRef) -> Option<&[u8]>;

    /// Whether `blob`, which may be a layer, is in the input.
    fn exists(&self, blob: &BlobRef) -> bool;
}

/// The documents that nothing else names.
#[derive(Debug, Clone, Default)]
pub struct Roots<'a> {
    /// `manifest.json`: the list of a docker archive, or the manifest of a `dir:` folder; also what a registry gives
    /// for a name, be it a manifest or an index.
    pub docker_manifest: Option<&'a [u8]>,
    /// `index.json` of an OCI layout.
    pub index: Option<&'a [u8]>,
    /// Indexes and manifests in the input; followed only if both documents above are missing, as they are in a
    /// stream that was cut. That is a gap.
    pub manifests: Vec<(BlobRef, &'a [u8])>,
    /// Configs in the input; used only if there are no manifests at all.
    pub configs: Vec<(BlobRef, &'a [u8])>,
}

/// A statement about an image that is stored beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attestation {
    /// Digest of the manifest that it is about.
    pub subject: Option<Digest>,
    /// Where the statement is. Its bytes may be of any kind, whatever its manifest says.
    pub blob: BlobRef,
    /// `https://slsa.dev/provenance/v1`, `https://spdx.dev/Document`, …, if its manifest says.
    pub predicate_type: Option<String>,
}

/// What the documents of an input amount to.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// The images that are looked at, every platform its own, in the order of the documents.
    pub images: Vec<Image>,
    /// All attestations, whatever platform was chosen.
    pub attestations: Vec<Attestation>,
    /// Every document and layer that indexes, chosen images and attestations name.
    pub referenced: BTreeSet<BlobRef>,
    /// What only images of other platforms name. Disjoint from `referenced`.
    pub deselected: BTreeSet<BlobRef>,
    /// What is not there, disagrees, or cannot be followed. Sorted, without repetitions.
    pub problems: Vec<Problem>,
}

/// Finds the images of an input.
pub fn resolve(
    roots: &Roots<'_>,
    documents: &dyn Documents,
    selection: &Selection,
    limits: &Limits,
) -> Resolution {
    let mut found = follow(roots, documents, limits);
    if found.drafts.is_empty() {
        found.drafts = from_configs(roots, limits, &mut found.problems);
    }
    let candidates: Vec<Candidate> =
        found.drafts.into_iter().map(|draft| Candidate::new(draft, documents)).collect();
    let mut resolution =
        Resolution { referenced: found.indexes, problems: found.problems, ..Resolution::default() };
    let fates = choose(&candidates, selection, &mut resolution.problems);
    for (candidate, fate) in candidates.into_iter().zip(fates) {
        resolution.take(candidate, fate, documents);
    }
    let Resolution { referenced, deselected, problems, .. } = &mut resolution;
    deselected.retain(|blob| !referenced.contains(blob));
    problems.sort();
    problems.dedup();
    resolution
}

/// Every manifest that can be reached from the roots.
fn follow(roots: &Roots<'_>, documents: &dyn Documents, limits: &Limits) -> Found {
    let mut walk = Walk::new(documents, limits);
    let mut problems = Vec::new();
    if let Some(bytes) = roots.index {
        walk.root(bytes, "index.json");
    }
    let mut entries = Vec::new();
    if let Some(bytes) = roots.docker_manifest {
        match classify(bytes) {
            Some(DocumentKind::Index) => walk.root(bytes, "manifest.json"),
            Some(DocumentKind::Manifest) => entries.extend(folder_manifest(bytes, &mut problems)),
            _ => match archive::read(bytes, documents, limits, &mut problems) {
                Ok(read) => entries = read,
                Err(error) => problems.push(Problem::new(
                    ProblemKind::Damaged,
                    "manifest.json",
                    format!("the document {error}"),
                    "save the image again",
                )),
            },
        }
    }
    if roots.index.is_none() && roots.docker_manifest.is_none() {
        problems.push(Problem::new(
            ProblemKind::Missing,
            "index.json",
            "there is neither an index.json nor a manifest.json, so names and the order of layers may be incomplete",
            "save the image again; the input may have been cut",
        ));
        // Indexes first: their manifests then carry the names and platforms that they give.
        let is_index = |bytes: &[u8]| classify(bytes) == Some(DocumentKind::Index);
        let (indexes, manifests): (Vec<_>, Vec<_>) =
            roots.manifests.iter().partition(|(_, bytes)| is_index(bytes));
        for (blob, bytes) in indexes.into_iter().chain(manifests) {
            walk.loose(blob, bytes);
        }
    }
    let mut found = walk.finish();
    archive::join(&mut found.drafts, entries, &mut problems);
    found.problems.append(&mut problems);
    found
}

/// The one image of a folder whose `manifest.json` is its manifest (the `dir:` format of skopeo and podman).
fn folder_manifest(bytes: &[u8], problems: &mut Vec<Problem>) -> Option<Draft> {
    let blob = BlobRef::Path("manifest.json".to_owned());
    let manifest = Manifest::read(bytes, DocumentKind::Manifest, &blob, problems);
    let error = match manifest {
        Ok(manifest) => {
            return Some(Draft { place: blob.to_string(), manifest: Some(manifest), ..Draft::default() });
        }
        Err(error) => error,
    };
    problems.push(Problem::new(
        ProblemKind::Damaged,
        "manifest.json",
        format!("the document {error}"),
        "save the image again",
    ));
    None
}

/// Images of configs alone. The layers are looked for under their `diff_id`s, which is what uncompressed layers are
/// stored under and what every layer can be told by once its bytes were read.
fn from_configs(roots: &Roots<'_>, limits: &Limits, problems: &mut Vec<Problem>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let limit = limits.get_usize(Limit::Manifests);
    if roots.configs.len() > limit {
        let message = format!("there are more than {limit} configs; the rest is not tied to layers");
        problems.push(Problem::new(ProblemKind::Limit, "index.json", message, Limit::Manifests.remedy()));
    }
    for (blob, bytes) in roots.configs.iter().take(limit) {
        let Config::Image(facts) = Config::read(bytes, false) else {
            continue;
        };
        let layer = |(index, id): (usize, &String)| {
            let diff_id: Option<Digest> = id.parse().ok();
            let blob = diff_id.map_or_else(|| BlobRef::Path(format!("layer {index}")), BlobRef::Digest);
            Part {
                layer: Layer {
                    index,
                    blob,
                    digest: None,
                    diff_id,
                    size: None,
                    media_type: None,
                    urls: Vec::new(),
                    step: None,
                },
                predicate_type: None,
            }
        };
        let parts = facts.diff_ids.iter().enumerate().map(layer).collect();
        drafts.push(Draft {
            group: drafts.len(),
            place: blob.to_string(),
            manifest: Some(Manifest::of_config(blob, parts)),
            ..Draft::default()
        });
    }
    drafts
}

impl Resolution {
    fn take(&mut self, candidate: Candidate, fate: Fate, documents: &dyn Documents) {
        let manifest = candidate.draft.manifest.as_ref();
        let blobs = manifest.into_iter().flat_map(Manifest::blobs).chain(&candidate.draft.documents);
        match fate {
            Fate::Deselected => {
                self.deselected.extend(blobs.cloned());
            }
            Fate::Absent => self.referenced.extend(blobs.cloned()),
            Fate::Attestation => {
                self.referenced.extend(blobs.cloned());
                self.attest(&candidate, documents);
            }
            Fate::Image => {
                self.referenced.extend(blobs.cloned());
                self.images.extend(assemble(candidate, documents, &mut self.problems));
            }
        }
    }

    fn attest(&mut self, candidate: &Candidate, documents: &dyn Documents) {
        let Some(manifest) = &candidate.draft.manifest else {
            return;
        };
        for part in &manifest.parts {
            let blob = part.layer.blob.clone();
            if !documents.exists(&blob) {
                self.problems.push(Problem::new(
                    ProblemKind::Missing,
                    blob.to_string(),
                    format!("an attestation that {} names is not there", candidate.draft.place),
                    "save the image again with its attestations",
                ));
            }
            self.attestations.push(Attestation {
                subject: candidate.draft.subject.or(manifest.subject),
                blob,
                predicate_type: part.predicate_type.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
