//! The image that another one is built on: what documents say of it, and how many layers and steps the two share.
//!
//! What documents say is a claim: a name and a digest. Which layers come from a base is told only by the base itself, whose
//! layers are the lowest of the image, one by one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Image;
use super::envelope::opened;
use super::json::prune;
use crate::digest::Digest;

/// What is known of the image that an image is built on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// How it is called.
    pub name: Option<String>,
    /// Digest of its manifest.
    pub digest: Option<Digest>,
    /// How many of the lowest layers are its own, where it was there to compare.
    pub layers: Option<usize>,
    /// How many of the first steps are its own; none where it was not there.
    pub steps: Option<usize>,
    /// What named it.
    pub from: BaseFrom,
}

/// What told of a [`Base`]. What counts more comes later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseFrom {
    /// The cache: an image was scanned before that has these layers.
    Cache,
    /// The provenance of the build.
    #[default]
    Provenance,
    /// `org.opencontainers.image.base.name` and `.digest`, in labels of the config.
    Label,
    /// The same as annotations of the manifest (OCI image-spec, annotations.md).
    Annotation,
    /// Whoever asked for the scan.
    Given,
}

/// The keys of OCI image-spec, annotations.md, "Pre-Defined Annotation Keys".
const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

/// What of a document is read.
const KEYS: &[&str] = &[
    NAME,
    DIGEST,
    "annotations",
    "config",
    "labels",
    "Labels",
    "predicate",
    "materials",
    "buildDefinition",
    "resolvedDependencies",
    "uri",
    "digest",
    "sha256",
    "subject",
];

/// A document as far as it may name a base.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    annotations: Option<Texts>,
    config: Option<Config>,
    predicate: Option<Predicate>,
    subject: Option<Subjects>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(alias = "Labels")]
    labels: Option<Texts>,
}

/// What a statement is about. Of a manifest, which has one descriptor there, that is asked elsewhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum Subjects {
    Many(Vec<Material>),
    Other(serde::de::IgnoredAny),
}

/// SLSA provenance, version 0.2 (`materials`) and 1 (`resolvedDependencies`).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Predicate {
    materials: Option<Vec<Material>>,
    build_definition: Option<BuildDefinition>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BuildDefinition {
    resolved_dependencies: Option<Vec<Material>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Material {
    uri: Option<String>,
    digest: Option<Texts>,
}

type Texts = BTreeMap<String, Text>;

/// A text, or what stands where one should.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Other(serde::de::IgnoredAny),
}

/// What a document says of bases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The bases that it names. Of several stages of a build provenance names all.
    pub bases: Vec<Base>,
    /// Digests of what it is about, if it says that itself.
    pub subjects: Vec<Digest>,
}

/// What a manifest, a config or a statement about a build, in an envelope or not, says of bases.
pub fn claims(document: &[u8]) -> Claims {
    let pruned = prune(&opened(document), KEYS).map(|document| document.value).unwrap_or_default();
    let Ok(document) = serde_json::from_value::<Document>(pruned) else {
        return Claims::default();
    };
    let labels = document.config.and_then(|config| config.labels);
    let named = [(BaseFrom::Annotation, document.annotations), (BaseFrom::Label, labels)];
    let mut bases: Vec<Base> = named.into_iter().filter_map(|(from, texts)| claim(from, &texts?)).collect();
    let predicate = document.predicate.unwrap_or_default();
    let resolved = predicate.build_definition.and_then(|built| built.resolved_dependencies);
    let materials = predicate.materials.into_iter().chain(resolved).flatten();
    bases.extend(materials.take(MOST).filter_map(|material| of_material(&material)));
    let Some(Subjects::Many(subjects)) = document.subject else {
        return Claims { bases, subjects: Vec::new() };
    };
    Claims { bases, subjects: subjects.iter().take(MOST).filter_map(digest).collect() }
}

/// Materials of one build that are looked at.
const MOST: usize = 1000;

fn claim(from: BaseFrom, texts: &Texts) -> Option<Base> {
    let name = text(texts, NAME).map(str::to_owned);
    let digest = text(texts, DIGEST).and_then(|digest| digest.parse().ok());
    (name.is_some() || digest.is_some()).then(|| Base { name, digest, from, ..Base::default() })
}

/// An image among the materials: `pkg:docker/debian@bookworm?platform=linux%2Famd64`.
fn of_material(material: &Material) -> Option<Base> {
    let uri = material.uri.as_deref()?;
    let name = uri.strip_prefix("pkg:docker/").or_else(|| uri.strip_prefix("pkg:oci/"))?;
    let name = name.split(['?', '#']).next().unwrap_or_default();
    let (name, tag) = name.split_once('@').unwrap_or((name, ""));
    let name = if tag.is_empty() { name.to_owned() } else { format!("{name}:{tag}") };
    text(material.digest.as_ref()?, "sha256")?;
    Some(Base { name: Some(name), digest: digest(material), ..Base::default() })
}

fn digest(material: &Material) -> Option<Digest> {
    let digits = text(material.digest.as_ref()?, "sha256")?;
    format!("sha256:{digits}").parse().ok()
}

fn text<'t>(texts: &'t Texts, key: &str) -> Option<&'t str> {
    match texts.get(key)? {
        Text::Text(text) => Some(text),
        Text::Other(_) => None,
    }
}

impl Image {
    /// Whether the lowest layers of `self` are all those of `base`, by their content.
    pub fn is_built_on(&self, base: &Image) -> bool {
        let same = |(own, other): (&super::Layer, &super::Layer)| match (own.diff_id, other.diff_id) {
            (Some(own), Some(other)) => own == other,
            _ => own.digest.is_some() && own.digest == other.digest,
        };
        let layers = self.layers.iter().zip(&base.layers);
        !base.layers.is_empty() && base.layers.len() <= self.layers.len() && layers.into_iter().all(same)
    }

    /// How many of the first steps are those of `base`, on which it is built.
    pub fn steps_of(&self, base: &Image) -> usize {
        let same = |own: &super::Step, other: &super::Step| {
            (&own.created_by, own.empty_layer) == (&other.created_by, other.empty_layer)
        };
        let steps = self.steps.iter().zip(&base.steps);
        steps.take_while(|(own, other)| same(own, other)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn a_base_is_named_by_annotations_labels_and_materials() {
        let hex = DEBIAN.strip_prefix("sha256:").unwrap();
        for (document, name, from) in [
            (
                format!(r#"{{"annotations":{{"{NAME}":"debian:12","{DIGEST}":"{DEBIAN}","n":1}}}}"#),
                "debian:12",
                BaseFrom::Annotation,
            ),
            (
                format!(r#"{{"config":{{"Labels":{{"{NAME}":"debian:12","{DIGEST}":"{DEBIAN}"}}}}}}"#),
                "debian:12",
                BaseFrom::Label,
            ),
            (
                format!(
                    r#"{{"predicate":{{"materials":[{{"uri":"git+https://x"}},{{"uri":"pkg:docker/debian@12?platform=linux%2Famd64","digest":{{"sha256":"{hex}"}}}}]}}}}"#
                ),
                "debian:12",
                BaseFrom::Provenance,
            ),
            (
                format!(
                    r#"{{"predicate":{{"buildDefinition":{{"resolvedDependencies":[{{"uri":"pkg:docker/debian@12","digest":{{"sha256":"{hex}"}}}}]}}}}}}"#
                ),
                "debian:12",
                BaseFrom::Provenance,
            ),
        ] {
            let base = Base { name: Some(name.into()), digest: DEBIAN.parse().ok(), from, ..Base::default() };
            assert_eq!(claims(document.as_bytes()).bases, std::slice::from_ref(&base), "{document}");
            let payload = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &document);
            let kind = "application/vnd.in-toto+json";
            let envelope = format!(r#"{{"payloadType":"{kind}","payload":"{payload}"}}"#);
            assert_eq!(claims(envelope.as_bytes()).bases, [base], "{document}");
        }
    }

    #[test]
    fn a_statement_says_what_it_is_about() {
        let hex = DEBIAN.strip_prefix("sha256:").unwrap();
        let statement =
            format!(r#"{{"subject":[{{"name":"x","digest":{{"sha256":"{hex}"}}}},{{"name":"y"}}]}}"#);
        assert_eq!(claims(statement.as_bytes()).subjects, [DEBIAN.parse().unwrap()]);
    }

    #[test]
    fn what_names_no_base_is_passed_over() {
        for document in [
            "",
            "[]",
            "{}",
            r#"{"annotations":7}"#,
            r#"{"config":{"Labels":null}}"#,
            r#"{"predicate":{"materials":[{}]}}"#,
        ] {
            assert_eq!(claims(document.as_bytes()), Claims::default(), "{document}");
        }
        let deep = [r#"{"annotations":"#.repeat(100_000), "}".repeat(100_000)].concat();
        assert_eq!(claims(deep.as_bytes()), Claims::default());
    }
}
