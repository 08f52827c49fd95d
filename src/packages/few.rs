//! Lists and objects of a JSON text whose length somebody else decides: as much of them as a real one has, and whether there
//! was more.
//!
//! A few bytes of a text can be an element of a hundred bytes in memory. What is beyond [`MOST`] is passed over, and the
//! list counts as one that was not read to its end.

use std::fmt;
use std::marker::PhantomData;
use std::vec::IntoIter;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lists::Lists;

/// Elements that are kept.
const MOST: usize = 1 << 18;

/// The first elements of a list.
pub(super) struct Few<T> {
    kept: Vec<T>,
    cut: bool,
}

/// The first names of an object, with their values.
pub(super) struct FewPairs<T>(Few<(String, T)>);

impl<T> Few<T> {
    /// The elements. That there were more is told to `out`.
    pub(super) fn all(self, out: &mut Lists) -> IntoIter<T> {
        if self.cut {
            out.lose();
        }
        self.kept.into_iter()
    }
}

impl<T> FewPairs<T> {
    /// The names with their values. That there were more is told to `out`.
    pub(super) fn all(self, out: &mut Lists) -> IntoIter<(String, T)> {
        self.0.all(out)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), cut: false }
    }
}

impl<T> Default for FewPairs<T> {
    fn default() -> Self {
        Self(Few::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FewPairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs(PhantomData)).map(Self)
    }
}

struct Elements<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
    type Value = Few<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Few<T>, A::Error> {
        let mut few = Few::default();
        while few.kept.len() < MOST {
            let Some(element) = elements.next_element()? else { return Ok(few) };
            few.kept.push(element);
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {
            few.cut = true;
        }
        Ok(few)
    }
}

struct Pairs<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
    type Value = Few<(String, T)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Few<(String, T)>, A::Error> {
        let mut few = Few::default();
        while few.kept.len() < MOST {
            let Some(pair) = pairs.next_entry()? else { return Ok(few) };
            few.kept.push(pair);
        }
        while pairs.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            few.cut = true;
        }
        Ok(few)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn a_list_without_end_is_cut_and_excuses_nothing() {
        let entry = format!("{{\"version\":\"{}\"}}", "1".repeat(40));
        let pairs =
            |count: usize| (0..count).map(|n| format!("\"{n}\":{entry}")).collect::<Vec<_>>().join(",");
        for (count, cut) in [(super::MOST, false), (super::MOST + 1, true)] {
            let lists = read(
                "app/vendor/composer/installed.json",
                format!("{{\"packages\":[{}]}}", vec![entry.as_str(); count].join(",")),
            );
            assert_eq!((lists.folders().len(), lists.lost()), (super::MOST, cut));
            let text = format!("{{\"packages\":{{{}}}}}", pairs(count));
            let lists = read("node_modules/.package-lock.json", text);
            assert_eq!((lists.folders().len(), lists.lost()), (super::MOST, cut));
        }
    }
}
