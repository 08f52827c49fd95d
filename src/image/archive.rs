//! `manifest.json` of docker archives, and its marriage with `index.json`.
//!
//! Since Docker 25 an archive describes the same image twice: by `manifest.json` for old readers and by `index.json`
//! for new ones. Both become one image with the names of both. If they disagree, somebody may be hiding one image
//! behind the other, so both are kept and the disagreement is reported.

use std::collections::HashMap;

use serde_json::Value;

use super::index::Draft;
use super::json::{DocumentError, prune_whole};
use super::manifest::{ConfigRef, Manifest, Part};
use super::resolve::Documents;
use super::{BlobRef, Layer, clean_path};
use crate::digest::Digest;
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};

/// What problems call the document.
const PLACE: &str = "manifest.json";

/// The entries of the `manifest.json` in `bytes`.
pub(super) fn read(
    bytes: &[u8],
    documents: &dyn Documents,
    limits: &Limits,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Draft>, DocumentError> {
    const FORM: DocumentError = DocumentError::Form("a list of images");
    let Value::Array(entries) = prune_whole(bytes, &["Config", "RepoTags", "Layers"])? else {
        return Err(FORM);
    };
    let limit = limits.get_usize(Limit::Manifests);
    if entries.len() > limit {
        let message = format!("more than {limit} images are named; the rest is left out");
        problems.push(Problem::new(ProblemKind::Limit, PLACE, message, Limit::Manifests.remedy()));
    }
    let drafts =
        entries.iter().take(limit).enumerate().map(|(index, entry)| draft(index, entry, documents, problems));
    Ok(drafts.collect())
}

/// Adds the images of `manifest.json` to those of `index.json`: as names of the same image where there is one.
pub(super) fn join(drafts: &mut Vec<Draft>, entries: Vec<Draft>, problems: &mut Vec<Problem>) {
    let images = drafts.iter().any(|draft| draft.manifest.is_some() && !draft.attestation);
    let known = Known::new(drafts);
    let mut group = drafts.iter().map(|draft| draft.group + 1).max().unwrap_or(0);
    for mut entry in entries {
        match known.find(&entry) {
            Match::Same(index) => {
                let same = &mut drafts[index];
                entry.names.append(&mut same.names);
                same.names = entry.names;
                let manifest = entry.manifest.iter();
                same.documents.extend(manifest.flat_map(Manifest::blobs).cloned());
                continue;
            }
            Match::OtherLayers => problems
                .push(disagreement(&entry.place, "has other layers for this config than index.json has")),
            Match::None if images => {
                problems.push(disagreement(&entry.place, "names an image that index.json does not name"));
            }
            Match::None => {}
        }
        entry.group = group;
        group += 1;
        drafts.push(entry);
    }
}

fn disagreement(place: &str, what: &str) -> Problem {
    Problem::new(
        ProblemKind::Mismatch,
        place,
        format!("manifest.json {what}; both are scanned"),
        "find out who wrote this archive: engines take one or the other",
    )
}

fn draft(index: usize, entry: &Value, documents: &dyn Documents, problems: &mut Vec<Problem>) -> Draft {
    let place = format!("{PLACE}#/{index}");
    let texts = |name: &str| {
        let list = entry.get(name).and_then(Value::as_array);
        list.into_iter().flatten().map(Value::as_str)
    };
    let mut layers = Vec::new();
    for (index, path) in texts("Layers").enumerate() {
        if path.is_none() {
            let message = format!("entry {index} of Layers is not a path");
            problems.push(Problem::new(ProblemKind::Damaged, &place, message, "save the image again"));
        }
        layers.push(part(index, path.unwrap_or_default()));
    }
    let config = entry.get("Config").and_then(Value::as_str).filter(|path| !path.is_empty());
    if config.is_none() {
        problems.push(Problem::new(
            ProblemKind::Damaged,
            &place,
            "the image has no config",
            "save the image again; its history and environment are not in this archive",
        ));
    }
    let manifest = Manifest {
        config: config.map(|path| ConfigRef {
            blob: BlobRef::Path(clean_path(path)),
            media_type: String::new(),
            size: None,
        }),
        parts: layers,
        ..Manifest::default()
    };
    Draft {
        names: texts("RepoTags").flatten().map(str::to_owned).collect(),
        place,
        documents: config_aliases(&manifest, documents),
        manifest: Some(manifest),
        ..Draft::default()
    }
}

fn part(index: usize, path: &str) -> Part {
    let path = clean_path(path);
    Part {
        layer: Layer {
            index,
            digest: blob_digest(&path),
            blob: BlobRef::Path(path),
            diff_id: None,
            size: None,
            media_type: None,
            urls: Vec::new(),
            step: None,
        },
        predicate_type: None,
    }
}

/// The digest that a path in the `blobs` folder of an OCI layout claims.
fn blob_digest(path: &str) -> Option<Digest> {
    let hex = path.strip_prefix("blobs/sha256/")?;
    format!("sha256:{hex}").parse().ok()
}

/// The config of an archive by its digest, as other documents may name it.
fn config_aliases(manifest: &Manifest, documents: &dyn Documents) -> Vec<BlobRef> {
    let config = manifest.config.iter().map(|config| &config.blob);
    let digest = config.filter_map(|blob| config_digest(blob, documents));
    digest.map(BlobRef::Digest).collect()
}

/// The digest of the config `blob`: that of its bytes, or what its name claims if they are not there.
pub(super) fn config_digest(blob: &BlobRef, documents: &dyn Documents) -> Option<Digest> {
    let path = match blob {
        BlobRef::Digest(digest) => return Some(*digest),
        BlobRef::Path(path) => path,
    };
    if let Some(bytes) = documents.document(blob) {
        return Some(Digest::of(bytes));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".json").unwrap_or(name);
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    format!("sha256:{hex}").parse().ok()
}

/// The images of `index.json`, to be found by config and layers.
struct Known {
    by_layers: HashMap<(Digest, Vec<Digest>), usize>,
    by_config: HashMap<Digest, (usize, usize)>,
}

enum Match {
    None,
    OtherLayers,
    Same(usize),
}

impl Known {
    fn new(drafts: &[Draft]) -> Self {
        let mut known = Self { by_layers: HashMap::new(), by_config: HashMap::new() };
        for (index, draft) in drafts.iter().enumerate() {
            let Some(manifest) = &draft.manifest else { continue };
            let Some(BlobRef::Digest(config)) = manifest.config.as_ref().map(|config| &config.blob) else {
                continue;
            };
            if let Some(layers) = layer_digests(manifest) {
                known.by_layers.entry((*config, layers)).or_insert(index);
            }
            known.by_config.entry(*config).or_insert((index, manifest.parts.len()));
        }
        known
    }

    /// The image that `entry` describes too. Layers under names that are not their digest can only be counted.
    fn find(&self, entry: &Draft) -> Match {
        let Some(BlobRef::Digest(config)) = entry.documents.first() else {
            return Match::None;
        };
        let Some((index, count)) = self.by_config.get(config) else {
            return Match::None;
        };
        let manifest = entry.manifest.as_ref();
        let same = match manifest.and_then(layer_digests) {
            Some(layers) => self.by_layers.get(&(*config, layers)),
            None => Some(index).filter(|_| manifest.is_some_and(|manifest| manifest.parts.len() == *count)),
        };
        same.map_or(Match::OtherLayers, |index| Match::Same(*index))
    }
}

fn layer_digests(manifest: &Manifest) -> Option<Vec<Digest>> {
    manifest.parts.iter().map(|part| part.layer.digest).collect()
}
