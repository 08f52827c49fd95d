//! What an entry may ask of a finding and its place, as one table of keys.
//!
//! A condition compares with what a report shows, in the form in which the report shows it: the digits of a fingerprint
//! or a digest may be the first twelve, and a build step may be written as the history has it or as the table does.

use super::apply::Names;
use super::pattern::{PathPatterns, TextPatterns};
use crate::findings::{Finding, Place, PlaceLayer};
use crate::image::PlaceKind;

/// What a condition looks at.
pub(super) struct Scene<'s> {
    pub(super) finding: &'s Finding,
    /// Of the finding.
    pub(super) fingerprint: &'s str,
    pub(super) place: &'s Place,
    pub(super) names: &'s Names<'s>,
}

/// A value of a key, as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(usize),
}

/// A key of an entry. Several values of one key mean any of them, several keys all of them.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Turns its values, of which there is at least one, into what it asks for.
    pub(super) read: fn(&[Value]) -> Result<Condition, String>,
}

/// Every key that is a condition. To add one: a variant of [`Condition`] and a row here.
pub(super) const KEYS: &[Key] = &[
    Key { name: "fingerprint", read: |values| each(values, fingerprint).map(Condition::Fingerprint) },
    Key { name: "rule", read: |values| text_patterns(values).map(Condition::Rule) },
    Key { name: "path", read: |values| PathPatterns::new(texts(values)?).map(Condition::Path) },
    Key { name: "layer", read: |values| each(values, layer).map(Condition::Layer) },
    Key { name: "step", read: |values| each(values, step).map(Condition::Step) },
    Key { name: "image", read: |values| text_patterns(values).map(Condition::Image) },
    Key { name: "kind", read: |values| each(values, kind).map(Condition::Kind) },
];

/// One thing that is asked for.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Fingerprint(Vec<String>),
    Rule(TextPatterns),
    Path(PathPatterns),
    Layer(Vec<Layer>),
    Step(Vec<Step>),
    Image(TextPatterns),
    Kind(Vec<PlaceKind>),
}

/// A layer by its position, or by the first digits of its digest or `diff_id`.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    Index(usize),
    Digest(String),
}

/// A build step by its position, or by its text.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Index(usize),
    Text(TextPatterns),
}

impl Condition {
    /// Whether the place of the finding is what is asked for.
    pub(super) fn holds(&self, scene: &Scene<'_>) -> bool {
        let Scene { finding, fingerprint, place, names } = scene;
        match self {
            Self::Fingerprint(starts) => starts.iter().any(|start| fingerprint.starts_with(start)),
            Self::Rule(patterns) => patterns.matches(&finding.rule),
            Self::Path(patterns) => in_layer(place.kind) && is_at(place, patterns),
            Self::Layer(layers) => {
                place.layer.as_ref().is_some_and(|own| layers.iter().any(|layer| layer.is(own)))
            }
            Self::Step(steps) => steps.iter().any(|step| step.is_of(place)),
            Self::Image(patterns) => {
                let names = place.image.as_deref().and_then(|first| names.get(first));
                names.is_some_and(|names| names.iter().any(|name| patterns.matches(name)))
            }
            Self::Kind(kinds) => kinds.contains(&place.kind),
        }
    }
}

/// Whether places of this kind have a path in a layer. The paths of others are names of documents.
fn in_layer(kind: PlaceKind) -> bool {
    use PlaceKind::{File, Link, Padding, Path, TarHeader};
    matches!(kind, File | Path | Link | TarHeader | Padding)
}

/// Whether the patterns match the file, or the member of it in which the place is.
fn is_at(place: &Place, patterns: &PathPatterns) -> bool {
    let Some(path) = &place.path else { return false };
    if place.inner.is_empty() {
        return patterns.matches(path);
    }
    patterns.matches(&format!("{path}/{}", place.inner.join("/")))
}

impl Layer {
    fn is(&self, layer: &PlaceLayer) -> bool {
        match self {
            Self::Index(index) => layer.index == Some(*index),
            Self::Digest(start) => {
                let digests = [layer.digest, layer.diff_id].into_iter().flatten();
                digests.into_iter().any(|digest| digest.hex().starts_with(start))
            }
        }
    }
}

impl Step {
    fn is_of(&self, place: &Place) -> bool {
        let Some(step) = &place.step else { return false };
        match self {
            Self::Index(index) => step.index == *index,
            Self::Text(patterns) => patterns.matches(&step.created_by) || patterns.matches(&step.shown()),
        }
    }
}

fn each<T>(values: &[Value], read: fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    values.iter().map(read).collect()
}

fn texts(values: &[Value]) -> Result<Vec<&str>, String> {
    let text = |value| match value {
        &Value::Number(number) => Err(format!("{number} is a number; write a text in quotes")),
        Value::Text(text) if text.is_empty() => Err("an empty text matches nothing".to_owned()),
        Value::Text(text) => Ok(text.as_str()),
    };
    values.iter().map(text).collect()
}

fn text_patterns(values: &[Value]) -> Result<TextPatterns, String> {
    TextPatterns::new(texts(values)?)
}

/// Fewest digits by which a fingerprint or digest may be named: those that reports for people show.
const DIGITS: usize = 12;

/// The first digits of what has `all` of them.
fn digits(text: &str, all: usize) -> Option<String> {
    let hex = (DIGITS..=all).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| text.to_ascii_lowercase())
}

fn fingerprint(value: &Value) -> Result<String, String> {
    let found = match value {
        Value::Text(text) => digits(text, 32),
        Value::Number(_) => None,
    };
    found.ok_or_else(|| "expected the fingerprint of a finding in quotes, or its first 12 digits".to_owned())
}

fn layer(value: &Value) -> Result<Layer, String> {
    match value {
        Value::Number(index) => Ok(Layer::Index(*index)),
        Value::Text(text) => digits(text.strip_prefix("sha256:").unwrap_or(text), 64)
            .map(Layer::Digest)
            .ok_or_else(|| {
                format!(
                    "`{text}`: expected the position of a layer as a number, or its digest or diff_id, of which \
                     the first 12 digits are enough"
                )
            }),
    }
}

fn step(value: &Value) -> Result<Step, String> {
    match value {
        Value::Number(index) => Ok(Step::Index(*index)),
        text @ Value::Text(_) => text_patterns(std::slice::from_ref(text)).map(Step::Text),
    }
}

fn kind(value: &Value) -> Result<PlaceKind, String> {
    let found = match value {
        Value::Text(text) => PlaceKind::named(text),
        Value::Number(_) => None,
    };
    found.ok_or_else(|| {
        let names: Vec<_> = PlaceKind::ALL.into_iter().map(PlaceKind::as_str).collect();
        format!("expected the kind of a place: one of {}", names.join(", "))
    })
}
