//! What people may ask of a finding and its place, as one table of keys: for what they want ignored, and for what fails a run.
//!
//! A condition compares with what a report shows, in the form in which the report shows it: the digits of a fingerprint
//! or a digest may be the first twelve, and a build step may be written as the history has it or as the table does. So it
//! holds for a finding of this scan and for one of a report of yesterday alike.

mod pattern;
mod scene;
pub(super) mod table;

use self::pattern::{PathPatterns, TextPatterns};
pub(super) use self::scene::Scene;
pub use self::scene::{Images, Subject};
use super::{Origin, Place, PlaceLayer, State};
use crate::image::PlaceKind;
use crate::signature::{Confidence, Severity};

/// A value of a key, as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(usize),
    Switch(bool),
}

/// A key of an entry. Several values of one key mean any of them, several keys all of them.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Whether an ignore file has it too: what a finding is, and where; not what is thought of it.
    pub(super) ignores: bool,
    /// Turns its values, of which there is at least one, into what it asks for.
    pub(super) read: fn(&[Value]) -> Result<Condition, String>,
}

/// Every key that is a condition. To add one: a variant of [`Condition`] and a row here.
pub(super) const KEYS: &[Key] = &[
    key("fingerprint", |values| each(values, fingerprint).map(Condition::Fingerprint)),
    key("rule", |values| text_patterns(values).map(Condition::Rule)),
    key("path", |values| PathPatterns::new(texts(values)?).map(Condition::Path)),
    key("layer", |values| each(values, layer).map(Condition::Layer)),
    key("step", |values| each(values, step).map(Condition::Step)),
    key("image", |values| text_patterns(values).map(Condition::Image)),
    key("kind", |values| each(values, kind).map(Condition::Kind)),
    policy("provider", |values| text_patterns(values).map(Condition::Provider)),
    policy("severity", |values| each(values, severity).map(Condition::Severity)),
    policy("min-severity", |values| only(values, severity).map(Condition::MinSeverity)),
    policy("confidence", |values| each(values, confidence).map(Condition::Confidence)),
    policy("min-confidence", |values| only(values, confidence).map(Condition::MinConfidence)),
    policy("origin", |values| each(values, origin).map(Condition::Origin)),
    policy("state", |values| each(values, state).map(Condition::State)),
    policy("known", |values| only(values, switch).map(Condition::Known)),
    policy("known-days", |values| only(values, days).map(Condition::KnownDays)),
    policy("image-days", |values| only(values, days).map(Condition::ImageDays)),
];

const fn key(name: &'static str, read: fn(&[Value]) -> Result<Condition, String>) -> Key {
    Key { name, ignores: true, read }
}

const fn policy(name: &'static str, read: fn(&[Value]) -> Result<Condition, String>) -> Key {
    Key { name, ignores: false, read }
}

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
    Provider(TextPatterns),
    Severity(Vec<Severity>),
    MinSeverity(Severity),
    Confidence(Vec<Confidence>),
    MinConfidence(Confidence),
    /// `Base` is what a base that the user named has too; `Own` is everything else.
    Origin(Vec<Origin>),
    State(Vec<State>),
    /// Whether a baseline knows it.
    Known(bool),
    /// Known to a baseline for so many days at least.
    KnownDays(usize),
    /// In an image that was built so many days ago or earlier.
    ImageDays(usize),
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
    /// Whether the finding, or this place of it, is what is asked for.
    pub(super) fn holds(&self, scene: &Scene<'_>) -> bool {
        let Scene { subject, place, .. } = scene;
        match self {
            Self::Fingerprint(starts) => starts.iter().any(|start| subject.fingerprint.starts_with(start)),
            Self::Rule(patterns) => patterns.matches(subject.rule),
            Self::Provider(patterns) => patterns.matches(subject.provider),
            Self::Severity(all) => all.contains(&subject.severity),
            Self::MinSeverity(least) => subject.severity >= *least,
            Self::Confidence(all) => all.contains(&subject.confidence),
            Self::MinConfidence(least) => subject.confidence >= *least,
            Self::Known(known) => subject.known.is_some() == *known,
            Self::KnownDays(days) => {
                scene.days_since(subject.known.and_then(|known| known.first_seen), *days)
            }
            Self::ImageDays(days) => scene.days_since(scene.created(), *days),
            Self::Origin(all) => all.contains(&scene.origin()),
            place_only => place.is_some_and(|place| place_only.holds_at(place, scene)),
        }
    }

    /// The conditions that ask for nothing but the place.
    fn holds_at(&self, place: &Place, scene: &Scene<'_>) -> bool {
        match self {
            Self::Path(patterns) => in_layer(place.kind) && is_at(place, patterns),
            Self::Layer(layers) => {
                place.layer.as_ref().is_some_and(|own| layers.iter().any(|layer| layer.is(own)))
            }
            Self::Step(steps) => steps.iter().any(|step| step.is_of(place)),
            Self::Image(patterns) => scene.image_names(place).iter().any(|name| patterns.matches(name)),
            Self::Kind(kinds) => kinds.contains(&place.kind),
            Self::State(states) => place.state.is_some_and(|state| states.contains(&state)),
            _ => false,
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
        Value::Switch(_) => {
            Err("expected a text or a number from 0, or a list of them, not boolean".to_owned())
        }
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
        Value::Number(_) | Value::Switch(_) => None,
    };
    found.ok_or_else(|| "expected the fingerprint of a finding in quotes, or its first 12 digits".to_owned())
}

fn layer(value: &Value) -> Result<Layer, String> {
    match value {
        Value::Number(index) => Ok(Layer::Index(*index)),
        Value::Switch(_) => Err("expected the position of a layer as a number, or its digest".to_owned()),
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
        text => text_patterns(std::slice::from_ref(text)).map(Step::Text),
    }
}

fn kind(value: &Value) -> Result<PlaceKind, String> {
    named(value, "the kind of a place", &PlaceKind::ALL, PlaceKind::as_str)
}

fn severity(value: &Value) -> Result<Severity, String> {
    named(value, "a severity", &Severity::ALL, Severity::as_str)
}

fn confidence(value: &Value) -> Result<Confidence, String> {
    named(value, "a confidence", &Confidence::ALL, Confidence::as_str)
}

fn origin(value: &Value) -> Result<Origin, String> {
    named(value, "whose it is", &[Origin::Base, Origin::Own], Origin::as_str)
}

fn state(value: &Value) -> Result<State, String> {
    named(value, "the state of a file", &[State::Visible, State::Deleted, State::Overwritten], State::as_str)
}

/// The one of `all` that is called so in reports.
fn named<T: Copy>(value: &Value, what: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let text = if let Value::Text(text) = value { text.as_str() } else { "" };
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().copied().map(name).collect();
        format!("expected {what}: one of {}", names.join(", "))
    })
}

fn switch(value: &Value) -> Result<bool, String> {
    match value {
        Value::Switch(on) => Ok(*on),
        _ => Err("expected true or false".to_owned()),
    }
}

fn days(value: &Value) -> Result<usize, String> {
    match value {
        Value::Number(days) => Ok(*days),
        _ => Err("expected a number of days".to_owned()),
    }
}

/// Of what cannot be a list.
fn only<T>(values: &[Value], read: fn(&Value) -> Result<T, String>) -> Result<T, String> {
    match values {
        [value] => read(value),
        _ => Err("expected one value, not a list".to_owned()),
    }
}
