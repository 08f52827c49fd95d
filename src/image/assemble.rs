//! Puts one image together from its manifest and its config, and says where the two do not fit.

use std::collections::HashSet;

use super::archive::config_digest;
use super::choose::Candidate;
use super::config::{Config, Facts};
use super::manifest::Manifest;
use super::resolve::Documents;
use super::{BlobRef, Image, Layer, history};
use crate::digest::Digest;
use crate::problem::{Problem, ProblemKind};

const SAVE_AGAIN: &str = "save the image again with all its parts";

/// The image that `candidate` describes; none if it has no manifest.
pub(super) fn assemble(
    candidate: Candidate,
    documents: &dyn Documents,
    problems: &mut Vec<Problem>,
) -> Option<Image> {
    let manifest = candidate.draft.manifest?;
    let mut report = Report { place: candidate.draft.place, problems };
    for part in &manifest.parts {
        report.layer(&part.layer, manifest.parts.len(), documents);
    }
    report.config(&manifest, &candidate.config);
    let config = manifest.config.as_ref().map(|config| &config.blob);
    let mut image = Image {
        names: distinct(&candidate.draft.names),
        platform: candidate.platform,
        manifest: manifest.digest,
        config: config.and_then(|blob| config_digest(blob, documents)),
        created: None,
        layers: manifest.parts.into_iter().map(|part| part.layer).collect(),
        steps: Vec::new(),
        base: None,
    };
    if let Config::Image(facts) = candidate.config {
        let place = config.map(BlobRef::to_string).unwrap_or_default();
        report.place = image.config.map_or(place, |digest| digest.to_string());
        report.platforms(candidate.draft.platform.as_ref(), &facts);
        align(&mut image, facts, &mut report);
    }
    Some(image)
}

/// Adds what the config says about the layers.
fn align(image: &mut Image, facts: Facts, report: &mut Report<'_>) {
    if facts.diff_ids.len() == image.layers.len() {
        for (layer, id) in image.layers.iter_mut().zip(&facts.diff_ids) {
            layer.diff_id = id.parse::<Digest>().ok();
            if layer.diff_id.is_none() {
                report.add(
                    ProblemKind::Unsupported,
                    format!("the diff_id of layer {} is not SHA-256 and cannot be verified", layer.index),
                    "build the image again with SHA-256 digests",
                );
            }
        }
    } else {
        report.add(
            ProblemKind::Mismatch,
            format!(
                "the config lists {} layers and the manifest {}",
                facts.diff_ids.len(),
                image.layers.len()
            ),
            "find out who wrote this image: its config belongs to other layers",
        );
    }
    image.created = facts.created;
    image.steps = facts.steps;
    if let Err(message) = history::align(&mut image.steps, &mut image.layers) {
        report.add(
            ProblemKind::Note,
            message,
            "nothing is missing from the scan; compare with the Dockerfile by hand",
        );
    }
}

struct Report<'a> {
    place: String,
    problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    fn add(&mut self, kind: ProblemKind, message: String, remedy: &str) {
        self.problems.push(Problem::new(kind, &self.place, message, remedy));
    }

    fn layer(&mut self, layer: &Layer, count: usize, documents: &dyn Documents) {
        if documents.exists(&layer.blob) {
            return;
        }
        let (of, number) = (&self.place, layer.index + 1);
        let problem = if layer.is_foreign() {
            let urls: Vec<String> = layer.urls.iter().take(3).map(|url| shown_url(url)).collect();
            let urls = if urls.is_empty() { "a place that is not named".to_owned() } else { urls.join(", ") };
            Problem::new(
                ProblemKind::Unsupported,
                layer.blob.to_string(),
                format!("layer {number} of {count} of {of} is foreign and kept elsewhere: {urls}"),
                "fetch the layer, or allow partial results if you trust its owner",
            )
        } else {
            Problem::new(
                ProblemKind::Missing,
                layer.blob.to_string(),
                format!("layer {number} of {count} of {of} is not there"),
                SAVE_AGAIN,
            )
        };
        self.problems.push(problem);
    }

    fn config(&mut self, manifest: &Manifest, config: &Config) {
        let Some(reference) = &manifest.config else {
            // An entry of `manifest.json` without a config was reported when it was read.
            if manifest.digest.is_some() {
                self.artifact(manifest, "unknown");
            }
            return;
        };
        let blob = &reference.blob;
        match config {
            Config::Missing => self.add(
                ProblemKind::Missing,
                format!("the config {blob} is not there, so history and environment could not be searched"),
                SAVE_AGAIN,
            ),
            Config::Damaged(error) => {
                let message = format!("the config {blob} {error}, so no step is named for its layers");
                self.add(ProblemKind::Damaged, message, "build or save the image again");
            }
            Config::Other => self.artifact(manifest, &reference.media_type),
            Config::Image(_) | Config::None => {}
        }
    }

    fn artifact(&mut self, manifest: &Manifest, kind: &str) {
        let kind = manifest.artifact_type.as_deref().unwrap_or(kind);
        let count = manifest.parts.len();
        let message = format!("not a container image ({kind}); its {count} blobs are searched as they are");
        self.add(ProblemKind::Note, message, "nothing is missing from the scan");
    }

    fn platforms(&mut self, claimed: Option<&super::Platform>, facts: &Facts) {
        if let (Some(claimed), Some(stated)) = (claimed, &facts.platform)
            && (&claimed.os, &claimed.architecture) != (&stated.os, &stated.architecture)
        {
            let message =
                format!("the index says that this image is for {claimed}, its config says {stated}");
            self.add(ProblemKind::Note, message, "nothing is missing from the scan");
        }
    }
}

impl Layer {
    /// Whether the manifest says that the blob is kept elsewhere (OCI image-spec, layer.md, "Non-Distributable
    /// Layers"; Docker schema 2, "foreign" layers).
    pub fn is_foreign(&self) -> bool {
        let media_type = self.media_type.as_deref().unwrap_or_default();
        !self.urls.is_empty() || media_type.contains("nondistributable") || media_type.contains(".foreign.")
    }
}

/// An address without what may be a credential in it: user, password and query.
fn shown_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let shown: String = format!("{host}{path}").chars().take(200).collect();
    if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
}

/// `names` as people write them, without repetitions, in the same order.
fn distinct(names: &[String]) -> Vec<String> {
    let names = names.iter().map(|name| familiar(name).to_owned());
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// Engines write the name of one image in full or without its default registry and user (distribution reference,
/// "familiar name"); the short form is the one that everybody types.
fn familiar(name: &str) -> &str {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    short.strip_prefix("library/").filter(|rest| short != name && !rest.contains('/')).unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        for (url, shown) in [
            ("https://u:p@host:1/a/b?sig=x#y", "https://host:1/a/b"),
            ("https://host", "https://host"),
            ("https://host?token=x", "https://host"),
            ("u:p@host/a@b", "host/a@b"),
            ("", ""),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
