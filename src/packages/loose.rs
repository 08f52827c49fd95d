//! A value of a JSON text that has any of several types, of which only the simple ones are kept.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Loose {
    /// `null`, or not there.
    #[default]
    Nothing,
    Bool(bool),
    Text(String),
    /// A number, a list or an object.
    Other,
}

impl Loose {
    /// The text, if it is one and not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Loose;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::Bool(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Loose, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Loose, A::Error> {
        while values.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_taken() {
        for (text, value) in [
            ("null", Loose::Nothing),
            ("true", Loose::Bool(true)),
            ("\"a\"", Loose::Text("a".into())),
            ("-1", Loose::Other),
            ("1", Loose::Other),
            ("1.5", Loose::Other),
            ("[[1],{}]", Loose::Other),
            ("{\"a\":[null]}", Loose::Other),
        ] {
            assert_eq!(serde_json::from_str::<Loose>(text).unwrap(), value, "{text}");
        }
    }
}
