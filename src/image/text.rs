//! Every text of a document that could hold a credential, with what it is the value of.
//!
//! The whole document is walked, fields that no specification names as well: every string, every number, and every
//! object key that is more than a plain word. The walk is a stream and builds no tree. Where the form of the document
//! tells more about a text (`Env` is `NAME=value`, a command line has options, a payload is base64), the text is
//! given as what it means. Whether it is a credential is not decided here.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::document::DocumentKind;
use super::envelope::{self, PAYLOADS};
use super::json::DocumentError;
use super::place::PlaceKind;
use super::step::name_words;

/// One text of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What kind of place it is.
    pub kind: PlaceKind,
    /// What it is the value of: the variable, label, annotation, option or field. For an object's key, none.
    /// At most 256 bytes of it.
    pub name: Option<String>,
    /// Where it stands in the document (JSON pointer, RFC 6901), shortened to about 1,000 bytes.
    pub pointer: String,
    /// The text itself, with the document's encodings undone. Of `NAME=value` in `Env` it is the value.
    pub text: String,
    /// Position of the history entry that it belongs to.
    pub step: Option<usize>,
}

/// All texts of the document `bytes`, in the order of the document.
pub fn texts(kind: DocumentKind, bytes: &[u8]) -> Result<Vec<Text>, DocumentError> {
    let mut list = Vec::new();
    each_text(kind, bytes, &mut |text| list.push(text))?;
    Ok(list)
}

/// Gives every text of the document `bytes` to `sink`, one at a time, so that a large document needs no memory.
///
/// On an error the texts before the damage have been given. What follows it has to be searched as plain bytes.
pub fn each_text(kind: DocumentKind, bytes: &[u8], sink: &mut dyn FnMut(Text)) -> Result<(), DocumentError> {
    Walker { kind, path: Vec::new(), sink, payloads: 0 }.walk(bytes)
}

/// Bytes of [`Text::pointer`] after which no further part is added.
const POINTER: usize = 1000;
/// Bytes of [`Text::name`].
const NAME: usize = 256;

#[derive(Debug)]
enum Part {
    Key(String),
    Index(usize),
}

struct Walker<'s> {
    kind: DocumentKind,
    path: Vec<Part>,
    sink: &'s mut dyn FnMut(Text),
    payloads: usize,
}

/// What the strings of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Plain,
    /// `NAME=value`.
    Variables,
    /// The words of a command line.
    Command,
}

impl Walker<'_> {
    fn walk(&mut self, bytes: &[u8]) -> Result<(), DocumentError> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let walked = Value(self).deserialize(&mut deserializer);
        let text = walked.map_err(|error| DocumentError::syntax(&error))?;
        if let Some(text) = text {
            self.string(text);
        }
        deserializer.end().map_err(|error| DocumentError::syntax(&error))
    }

    /// The `index`-th part of the path, if it is a key.
    fn key(&self, index: usize) -> Option<&str> {
        match self.path.get(index)? {
            Part::Key(key) => Some(key),
            Part::Index(_) => None,
        }
    }

    /// Whether the `index`-th part is the key `name`. The engines' decoder does not look at the case of letters.
    fn is_key(&self, index: usize, name: &str) -> bool {
        self.key(index).is_some_and(|key| key.eq_ignore_ascii_case(name))
    }

    /// The last key of the path: the field whose value, or whose list, is being walked.
    fn field(&self) -> Option<&str> {
        let key = |part: &Part| matches!(part, Part::Key(_));
        self.key(self.path.iter().rposition(key)?)
    }

    fn is_config(&self) -> bool {
        matches!(self.kind, DocumentKind::Config | DocumentKind::LegacyLayer)
    }

    /// Whether the path lies in the execution parameters of a config.
    fn in_parameters(&self) -> bool {
        self.is_config() && (self.is_key(0, "config") || self.is_key(0, "container_config"))
    }

    /// The kind of place that the path is, with the history entry that it belongs to.
    fn place(&self) -> (PlaceKind, Option<usize>) {
        if self.kind == DocumentKind::Statement {
            return (PlaceKind::Attestation, None);
        }
        if self.path.len() > 1 && (0..self.path.len() - 1).any(|index| self.is_key(index, "annotations")) {
            return (PlaceKind::Annotation, None);
        }
        if self.in_parameters() {
            return (self.parameter(), None);
        }
        match (&self.kind, self.path.get(1)) {
            (DocumentKind::Config, Some(Part::Index(step))) if self.is_key(0, "history") => {
                (PlaceKind::History, Some(*step))
            }
            (DocumentKind::Config, _) => (PlaceKind::Config, None),
            _ => (PlaceKind::Metadata, None),
        }
    }

    /// The kind of a parameter. `container_config` is what the builder's last container ran with, and no part of what
    /// a container of the image gets.
    fn parameter(&self) -> PlaceKind {
        const KINDS: &[(&str, PlaceKind)] = &[
            ("Env", PlaceKind::Env),
            ("Labels", PlaceKind::Label),
            ("Cmd", PlaceKind::Cmd),
            ("Entrypoint", PlaceKind::Entrypoint),
            ("Healthcheck", PlaceKind::Healthcheck),
            ("OnBuild", PlaceKind::Onbuild),
        ];
        let given = self.is_key(0, "config");
        let known = KINDS.iter().find(|(name, _)| given && self.is_key(1, name));
        known.map_or(PlaceKind::Config, |(_, kind)| *kind)
    }

    /// What the list at the path holds.
    fn list(&self) -> List {
        let named = |names: &[&str]| {
            let last = self.path.len().wrapping_sub(1);
            names.iter().any(|name| self.is_key(last, name))
        };
        if self.in_parameters() {
            if named(&["Env"]) {
                return List::Variables;
            }
            if named(&["Cmd", "Entrypoint", "Test", "Shell"]) {
                return List::Command;
            }
        } else if self.kind == DocumentKind::Statement {
            if named(&["env"]) {
                return List::Variables;
            }
            if named(&["args"]) {
                return List::Command;
            }
        }
        List::Plain
    }

    /// What a text at the path is the value of.
    fn name(&self) -> Option<String> {
        let field = self.field()?;
        let field = match self.kind {
            DocumentKind::Statement => field.strip_prefix("build-arg:").unwrap_or(field),
            _ => field,
        };
        Some(shorten(field, NAME).to_owned())
    }

    fn emit(&mut self, name: Option<String>, text: String) {
        if text.is_empty() {
            return;
        }
        let (kind, step) = self.place();
        let pointer = self.pointer();
        (self.sink)(Text { kind, name, pointer, text, step });
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for part in &self.path {
            if pointer.len() >= POINTER {
                pointer.push('…');
                break;
            }
            match part {
                Part::Index(index) => write!(pointer, "/{index}").expect("writing to a String cannot fail"),
                Part::Key(key) => {
                    let key = shorten(key, POINTER - pointer.len());
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
            }
        }
        pointer
    }

    /// A key that is made of letters alone is the name of a field. Any other may hold what somebody put there.
    fn object_key(&mut self, key: &str) {
        let plain = key.len() <= 32 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !plain {
            self.emit(None, key.to_owned());
        }
    }

    fn string(&mut self, text: String) {
        let decoded = if self.kind == DocumentKind::Statement { self.decoded(&text) } else { None };
        let Some(decoded) = decoded else {
            let name = self.name();
            return self.emit(name, text);
        };
        if self.field() != Some("payload") {
            return self.emit(Some("Dockerfile".to_owned()), decoded);
        }
        self.payloads += 1;
        let depth = self.path.len();
        if self.walk(decoded.as_bytes()).is_err() {
            // What was not JSON to its end is given as it is.
            self.path.truncate(depth);
            let name = self.name();
            self.emit(name, decoded);
        }
        self.payloads -= 1;
    }

    /// The text that a statement holds as base64: the payload of an envelope (DSSE), or the files of a build in its
    /// provenance (`source.infos[].data` and `mkfile.data`, `BuildKit` attestation storage).
    fn decoded(&self, text: &str) -> Option<String> {
        let last = self.path.len().checked_sub(1)?;
        let before = last.checked_sub(1);
        let file = self.is_key(last, "data")
            && before.is_some_and(|at| {
                self.is_key(at, "mkfile")
                    || (matches!(self.path[at], Part::Index(_)) && at > 0 && self.is_key(at - 1, "infos"))
            });
        let payload = self.is_key(last, "payload") && self.payloads < PAYLOADS;
        if !file && !payload {
            return None;
        }
        String::from_utf8(envelope::decoded(text)?).ok()
    }

    fn items(&mut self, list: List, items: Vec<(usize, String)>) {
        if list == List::Command {
            return self.command(items);
        }
        for (index, item) in items {
            self.path.push(Part::Index(index));
            match item.split_once('=').filter(|_| list == List::Variables) {
                Some((name, value)) => self.emit(Some(shorten(name, NAME).to_owned()), value.to_owned()),
                None if list == List::Variables => self.emit(None, item),
                None => self.string(item),
            }
            self.path.pop();
        }
    }

    fn command(&mut self, items: Vec<(usize, String)>) {
        let (positions, words): (Vec<usize>, Vec<String>) = items.into_iter().unzip();
        let names = name_words(&words);
        for ((index, word), name) in positions.into_iter().zip(words).zip(names) {
            self.path.push(Part::Index(index));
            match name {
                Some((name, at)) => self.emit(Some(name), word[at..].to_owned()),
                None => self.emit(None, word),
            }
            self.path.pop();
        }
    }
}

/// The first `bytes` bytes of `text`, or a few less to end at a character.
fn shorten(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Walks one value.
struct Value<'w, 's>(&'w mut Walker<'s>);

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    /// The value if it is a string, which the list or object that it stands in gives out.
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let walker = self.0;
        let list = walker.list();
        let mut words = Vec::new();
        for index in 0.. {
            walker.path.push(Part::Index(index));
            let item = items.next_element_seed(Value(walker))?;
            walker.path.pop();
            match item {
                None => break,
                Some(None) => {}
                Some(Some(text)) => words.push((index, text)),
            }
            // Only the words of a command need each other.
            if list != List::Command {
                walker.items(list, std::mem::take(&mut words));
            }
        }
        walker.items(list, words);
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let walker = self.0;
        while let Some(key) = entries.next_key::<String>()? {
            walker.path.push(Part::Key(key.clone()));
            walker.object_key(&key);
            if let Some(text) = entries.next_value_seed(Value(walker))? {
                walker.string(text);
            }
            walker.path.pop();
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
