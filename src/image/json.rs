//! Reads the few fields of a JSON document that a reader asks for, and nothing else of it.
//!
//! Documents come from the image and may be built to cost: a million empty arrays, a hundred thousand brackets, the
//! same key again and again. What nobody asked for is skipped without being stored and without recursion, and what
//! was asked for has a budget. The texts of a document are read elsewhere (`text`), because there nothing may be
//! left out.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// JSON values that one document may hold in the fields that are read. An index of 4,096 manifests has about 50,000.
const BUDGET: usize = 1 << 18;

/// Nesting of the fields that are read: `manifests[].annotations.key` is four deep.
const DEPTH: usize = 8;

/// Why a document cannot be read, as the end of a sentence about it. The text quotes nothing of the document, which may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not JSON, or nested too deeply for a reader that must follow every level.
    #[error("is not valid JSON, or nested too deeply, at line {line}, column {column}")]
    Syntax {
        /// 1 = the first.
        line: usize,
        /// In bytes, 1 = the first.
        column: usize,
    },
    /// JSON, with far more values than a document of this kind ever needs.
    #[error("holds more values than any real document of its kind")]
    TooMany,
    /// JSON of another form than the one that its use here asks for.
    #[error("is not {0}")]
    Form(&'static str),
}

impl DocumentError {
    /// The place of `error`, without its text.
    pub(super) fn syntax(error: &serde_json::Error) -> Self {
        Self::Syntax { line: error.line(), column: error.column() }
    }
}

/// A document reduced to the fields that were asked for.
pub(crate) struct Pruned {
    /// The reduced document.
    pub(crate) value: Value,
    /// Whether the budget ended before the document did, so that something asked for is not in `value`.
    pub(crate) cut: bool,
}

/// Reads the fields of `bytes` whose key is in `keep`, at every level. Of a repeated key the last one counts, as it
/// does for the engines that run images.
pub(crate) fn prune(bytes: &[u8], keep: &[&str]) -> Result<Pruned, DocumentError> {
    let budget = Cell::new(BUDGET);
    let seed = Prune { keep, depth: DEPTH, budget: &budget };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = seed.deserialize(&mut deserializer);
    let value = read.map_err(|error| DocumentError::syntax(&error))?;
    deserializer.end().map_err(|error| DocumentError::syntax(&error))?;
    Ok(Pruned { value, cut: budget.get() == 0 })
}

/// As [`prune`], where a document that exceeds the budget is an error.
pub(super) fn prune_whole(bytes: &[u8], keep: &[&str]) -> Result<Value, DocumentError> {
    let pruned = prune(bytes, keep)?;
    if pruned.cut {
        return Err(DocumentError::TooMany);
    }
    Ok(pruned.value)
}

#[derive(Clone, Copy)]
struct Prune<'a> {
    keep: &'a [&'a str],
    depth: usize,
    budget: &'a Cell<usize>,
}

impl Prune<'_> {
    /// The seed for the next level; none where nothing below is kept.
    fn deeper(self) -> Option<Self> {
        let left = self.budget.get();
        if self.depth == 0 || left == 0 {
            return None;
        }
        self.budget.set(left - 1);
        Some(Self { depth: self.depth - 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Prune<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Prune<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(seed) = self.deeper() {
            match items.next_element_seed(seed)? {
                Some(item) => list.push(item),
                None => break,
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(kept) = entries.next_key_seed(Key(self.keep))? {
            match kept.and_then(|key| Some((key, self.deeper()?))) {
                Some((key, seed)) => {
                    object.insert(key.to_owned(), entries.next_value_seed(seed)?);
                }
                None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(object))
    }
}

/// Reads a key and gives the one of the list that it is.
struct Key<'a>(&'a [&'a str]);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|kept| **kept == key).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fields_asked_for_are_kept() {
        let pruned = prune(br#"{"a":[{"b":1,"x":2}],"x":[[[]]],"b":"c"}"#, &["a", "b"]).unwrap();
        assert_eq!(pruned.value, serde_json::json!({"a":[{"b":1}],"b":"c"}));
        assert!(!pruned.cut);
    }

    #[test]
    fn deep_nesting_where_nobody_looks_costs_nothing() {
        let bomb = format!(r#"{{"a":1,"x":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        let pruned = prune(bomb.as_bytes(), &["a"]).unwrap();
        assert_eq!(pruned.value, serde_json::json!({"a":1}));
    }

    #[test]
    fn deep_nesting_where_somebody_looks_is_cut_at_the_depth_that_is_read() {
        let bomb = format!("{}1{}", r#"{"a":"#.repeat(500), "}".repeat(500));
        assert!(prune(bomb.as_bytes(), &["a"]).is_ok());
    }

    #[test]
    fn more_values_than_the_budget_are_reported() {
        let many = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(BUDGET));
        assert!(prune(many.as_bytes(), &["a"]).unwrap().cut);
        assert_eq!(prune_whole(many.as_bytes(), &["a"]), Err(DocumentError::TooMany));
        assert!(prune_whole(many.as_bytes(), &["b"]).is_ok());
    }

    #[test]
    fn an_error_names_its_place_and_quotes_nothing() {
        let error = prune(b"{\"a\": 1,\n \"pass\" word}", &["a"]).err().unwrap();
        assert_eq!(error.to_string(), "is not valid JSON, or nested too deeply, at line 2, column 9");
        assert!(prune(b"{} {}", &[]).is_err());
        assert!(prune(b"", &[]).is_err());
    }
}
