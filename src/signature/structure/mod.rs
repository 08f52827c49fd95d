//! Formats of files that say themselves which of their values is the credential: `auths.*.auth` of a Docker
//! configuration, the fifth part of a line of `.pgpass`.
//!
//! One row for each format, in a file for each family, and rules ask for the fields by name. A reader sees the content of
//! one file, whole or cut off, and says which bytes are the value of which field; it judges no value and knows no rule.
//! Readers tolerate damage: what they do not understand they pass over, and the rules for any text look at it all the
//! same. The notations that formats share (JSON, YAML and their like) are read in `notation`; most formats are nothing
//! but a notation and a list of keys.

mod cloud;
mod database;
mod docker;
mod framework;
mod kubernetes;
mod lines;
mod notation;
mod packages;
mod path;
mod system;

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use self::notation::{Leaf, Notation};
pub use self::path::wanting;

/// A format.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Structure {
    /// The name by which rules call it.
    pub name: &'static str,
    /// What such files are, for people.
    pub about: &'static str,
    /// Ends of paths, in lower case: whole parts, each of which may have a `*`.
    pub paths: &'static [&'static str],
    /// Whether a content is of this format, where the path does not tell.
    pub is: fn(&[u8]) -> bool,
    read: Read,
}

/// How fields are found.
#[derive(Clone, Copy)]
enum Read {
    /// By the keys that lead to them in a notation.
    Keys(Notation, &'static [Key]),
    /// By a reader of the format's own, which has these fields.
    Own(&'static [&'static str], fn(&[u8], &mut Sink<'_>)),
}

/// The keys that lead to a field.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// The last of them, whatever their case; one `*` in each stands for any text.
    keys: &'static [&'static str],
    field: &'static str,
    encoding: Encoding,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Base64,
}

/// Takes the fields of a file.
pub type Sink<'s> = dyn FnMut(Field<'_>) + 's;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'t> {
    /// Which of the fields of its structure.
    pub name: &'static str,
    /// The key that holds it, with what it belongs to: `auths.registry.example.org.auth`.
    pub key: String,
    /// The value as it stands in the file, without its quotation marks.
    pub range: Range<usize>,
    /// The value, without its escapes and its encoding.
    pub value: Cow<'t, [u8]>,
    /// The encoding that was undone.
    pub decoded: Option<&'static str>,
}

/// The field of formats that do not say what their values are: a value is what its key is called.
pub const SETTING: &str = "setting";

/// The same where values are set to be used as they are: variables of a service, values of a Secret.
pub const VARIABLE: &str = "variable";

/// The same in what holds nothing but secrets.
pub const VALUE: &str = "value";

/// The field of encoded values that are texts of any kind.
pub const TEXT: &str = "text";

/// The name of the encoding in [`Field::decoded`].
pub const BASE64: &str = "base64";

impl Field<'_> {
    /// The name that the value is judged by.
    pub fn called(&self) -> &str {
        match self.name {
            SETTING | VARIABLE | VALUE => self.key.rsplit('.').next().unwrap_or_default(),
            name => name,
        }
    }

    /// Where a part of the value stands in the file: of base64 the characters that hold it, else the whole.
    pub fn encoded(&self, part: &Range<usize>) -> Range<usize> {
        let whole = self.range.len();
        if self.decoded != Some(BASE64) || self.value.len().div_ceil(3) * 4 < whole {
            return self.range.clone();
        }
        let at = |group: usize| self.range.start + (group * 4).min(whole);
        at(part.start / 3)..at(part.end.div_ceil(3))
    }
}

impl Structure {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static str> {
        self.fields().into_iter().find(|field| *field == name)
    }

    /// The fields that it has.
    pub fn fields(&self) -> Vec<&'static str> {
        match self.read {
            Read::Own(fields, _) => fields.to_vec(),
            Read::Keys(_, keys) => {
                let mut fields: Vec<&str> = keys.iter().map(|key| key.field).collect();
                fields.sort_unstable();
                fields.dedup();
                fields
            }
        }
    }

    /// Gives every field of a content, in the order of the file. Takes time in proportion to its length.
    pub fn read(&self, text: &[u8], sink: &mut Sink<'_>) {
        match self.read {
            Read::Own(_, read) => read(text, sink),
            Read::Keys(notation, keys) => notation(text, &mut |leaf| {
                let key = keys.iter().find(|key| leaf.ends(key.keys));
                let field = key.and_then(|key| field(leaf, key.field, key.encoding));
                field.into_iter().for_each(&mut *sink);
            }),
        }
    }
}

/// The field that a scalar is the value of; none if it is not encoded as it should be.
fn field<'t>(leaf: &Leaf<'t, '_>, name: &'static str, encoding: Encoding) -> Option<Field<'t>> {
    let (value, decoded) = match encoding {
        Encoding::Plain => (leaf.text.clone(), None),
        Encoding::Base64 => (Cow::Owned(base64(&leaf.text)?), Some(BASE64)),
    };
    (!value.is_empty()).then(|| Field { name, key: leaf.dotted(), range: leaf.range.clone(), value, decoded })
}

/// What base64 stands for, with line breaks or without.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let bare: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    GeneralPurpose::new(&STANDARD, LENIENT).decode(bare).ok()
}

/// A format that its path tells, and whose fields are found by keys.
const fn keys(
    name: &'static str,
    about: &'static str,
    paths: &'static [&'static str],
    notation: Notation,
    keys: &'static [Key],
) -> Structure {
    Structure { name, about, paths, is: always, read: Read::Keys(notation, keys) }
}

/// A format that its path tells, with a reader of its own.
const fn own(
    name: &'static str,
    about: &'static str,
    paths: &'static [&'static str],
    fields: &'static [&'static str],
    read: fn(&[u8], &mut Sink<'_>),
) -> Structure {
    Structure { name, about, paths, is: always, read: Read::Own(fields, read) }
}

impl Structure {
    /// The same format for paths that do not tell.
    const fn only_if(self, is: fn(&[u8]) -> bool) -> Self {
        Self { is, ..self }
    }
}

const fn key(keys: &'static [&'static str], field: &'static str) -> Key {
    Key { keys, field, encoding: Encoding::Plain }
}

const fn base64_key(keys: &'static [&'static str], field: &'static str) -> Key {
    Key { keys, field, encoding: Encoding::Base64 }
}

fn always(_: &[u8]) -> bool {
    true
}

/// Every format that is read, by family.
const FAMILIES: &[&[Structure]] =
    &[packages::ROWS, cloud::ROWS, kubernetes::ROWS, database::ROWS, framework::ROWS, system::ROWS];

/// Every format that is read.
pub fn structures() -> impl Iterator<Item = &'static Structure> {
    FAMILIES.iter().copied().flatten()
}

/// The format of that name.
pub fn named(name: &str) -> Option<&'static Structure> {
    structures().find(|row| row.name == name)
}

impl std::fmt::Debug for Structure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Structure({})", self.name)
    }
}

impl PartialEq for Structure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Structure {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::RuleSet;
    use crate::signature::template::expand_find;

    #[test]
    fn names_are_unique() {
        for (at, row) in structures().enumerate() {
            assert!(structures().take(at).all(|other| other.name != row.name), "{}", row.name);
            assert!(
                !row.fields().is_empty() && !row.paths.is_empty() && !row.about.is_empty(),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn every_field_is_proved_by_an_example_of_a_rule() {
        let rules = RuleSet::embedded();
        let finds: Vec<_> =
            rules.rules().iter().flat_map(|rule| rule.finds().iter().map(move |f| (rule, f))).collect();
        for row in structures() {
            for name in row.fields().into_iter().filter(|name| *name != TEXT) {
                let proved = finds.iter().filter(|(rule, _)| rule.asks(row, name)).any(|(_, find)| {
                    let (text, secret) = expand_find(find, "seed");
                    let mut found = false;
                    let wanted =
                        find.path.as_ref().is_some_and(|path| wanting(path.as_bytes()).contains(&row));
                    if wanted && (row.is)(text.as_bytes()) {
                        row.read(text.as_bytes(), &mut |field| {
                            found |= field.name == name && *field.value == *secret[0].as_bytes();
                        });
                    }
                    found
                });
                assert!(proved, "no example of a rule that asks for {}.{name} has one", row.name);
            }
        }
    }

    /// Whether every field of `text` keeps what [`Field`] promises.
    fn read_all(row: &Structure, text: &[u8]) {
        (row.is)(text);
        row.read(text, &mut |field| {
            assert!(row.field(field.name).is_some(), "{} gives {}", row.name, field.name);
            assert!(field.range.start <= field.range.end && field.range.end <= text.len(), "{field:?}");
            let part = field.encoded(&(0..field.value.len().min(1)));
            assert!(part.start >= field.range.start && part.end <= field.range.end, "{field:?}");
        });
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for row in structures() {
                read_all(row, &bytes);
            }
        }

        #[test]
        fn no_text_of_signs_makes_a_reader_panic(
            text in "([\\[\\]{}:,\"'=<>/#;|&*!\\\\%$ \\r\\n\\t-]|auth|password|data|kind: Secret|key|machine|a|1|é){0,60}"
        ) {
            for row in structures() {
                read_all(row, text.as_bytes());
            }
        }
    }
}
