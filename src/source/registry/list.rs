//! What a registry has: the tags of a repository (distribution-spec, "Listing Tags"), and its repositories (`_catalog`,
//! which the specification leaves to registries, and many public ones do not offer).
//!
//! Lists come in pages, each of which names the next; they end when nothing new comes or too much has.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::client::{Query, Repository, document};
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::source::remote::RemoteError;

/// Names of a list, in the order of the registry.
pub(super) struct Listed {
    pub(super) names: Vec<String>,
    /// What is missing from it.
    pub(super) problem: Option<Problem>,
}

/// Every name of the list at `path`, which is `tags/list` or `_catalog`.
pub(super) fn names(repository: &Repository, path: &str, limits: &Limits) -> Result<Listed, RemoteError> {
    let most = limits.get_usize(Limit::Manifests);
    let mut listed = Listed { names: Vec::new(), problem: None };
    let (mut known, mut pages) = (BTreeSet::new(), BTreeSet::new());
    let mut next = Some("n=1000".to_owned());
    while let Some(query) = next.take() {
        if pages.len() >= most || !pages.insert(query.clone()) {
            let message = "its pages lead on without an end; what they did not name was not looked at";
            let remedy = Limit::Manifests.remedy();
            listed.problem = Some(Problem::new(ProblemKind::Limit, path, message, remedy));
            return Ok(listed);
        }
        let mut too_many = false;
        next = page(repository, (path, &query), limits.get(Limit::DocumentBytes), &mut |name| {
            too_many |= known.len() >= most;
            if !too_many && known.insert(name.clone()) {
                listed.names.push(name);
            }
        })?;
        if too_many {
            let message = format!("there are more than {most}; the others were not looked at");
            let remedy = Limit::Manifests.remedy();
            listed.problem = Some(Problem::new(ProblemKind::Limit, path, message, remedy));
            return Ok(listed);
        }
    }
    Ok(listed)
}

/// Shows `each` name of the page of the list at `path` that `query` asks for, which has at most so many bytes; the query of the page
/// behind it, if there is one. A page may be empty, and the next one not. Names are held one by one: of how many there are the page
/// alone decides.
pub(super) fn page(
    repository: &Repository,
    (path, query): (&str, &str),
    most: u64,
    each: &mut dyn FnMut(String),
) -> Result<Option<String>, RemoteError> {
    let path = format!("{path}?{query}");
    let found = document(repository, &Query::get(&path, "application/json"), most)?;
    let next = found.and_then(|(bytes, reply)| {
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        Body(each).deserialize(&mut json).and_then(|()| json.end()).ok()?;
        Some(reply.header("link").and_then(query_of))
    });
    next.ok_or_else(|| RemoteError::refused(format!("{} gives no list of names", repository.name())))
}

/// A document with a list of names, which are shown as they are read.
struct Body<'e>(&'e mut dyn FnMut(String));

/// The list in it; null for a repository without tags.
struct Names<'e>(&'e mut dyn FnMut(String));

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "tags" || key == "repositories" {
                map.next_value_seed(Names(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<(), A::Error> {
        while let Some(name) = names.next_element()? {
            (self.0)(name);
        }
        Ok(())
    }
}

/// Bytes of the query of a page: names of repositories and tags have 255 and 128 at most, and every page is remembered.
const LONGEST_QUERY: usize = 2048;

/// The query of the next page that a `Link` names (RFC 8288). Its server and path stay those of the list.
pub(super) fn query_of(link: &str) -> Option<String> {
    link.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').map(str::trim).any(|parameter| {
            parameter.eq_ignore_ascii_case("rel=next") || parameter.eq_ignore_ascii_case("rel=\"next\"")
        });
        let (_, query) = target.split_once('?').filter(|_| is_next)?;
        (query.len() <= LONGEST_QUERY).then(|| query.to_owned())
    })
}

/// Whether `name` is as `pattern` says: `*` stands for any characters, `?` for one.
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut reached) = (0, 0);
    // Where the last `*` stands, and how far it has reached.
    let mut star = None;
    while reached < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, reached));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[reached] => (at, reached) = (at + 1, reached + 1),
            _ => match star {
                Some((stands, from)) => {
                    star = Some((stands, from + 1));
                    (at, reached) = (stands + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether some name that begins with `start`, and goes on behind it, is as `pattern` says.
pub fn fits_some(pattern: &str, start: &str) -> bool {
    let pattern = pattern.as_bytes();
    // Every place of the pattern that may be reached with what was read.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    let skip = |reached: &mut Vec<bool>| {
        for at in 0..pattern.len() {
            if pattern[at] == b'*' && reached[at] {
                reached[at + 1] = true;
            }
        }
    };
    skip(&mut reached);
    for byte in start.bytes() {
        let mut next = vec![false; pattern.len() + 1];
        for at in (0..pattern.len()).filter(|at| reached[*at]) {
            match pattern[at] {
                b'*' => next[at] = true,
                known if known == b'?' || known == byte => next[at + 1] = true,
                _ => {}
            }
        }
        skip(&mut next);
        reached = next;
    }
    // What is left of it stands for something, if anything is left.
    reached[..pattern.len()].contains(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_name_by_name() {
        let read = |text: &str| {
            let mut names = Vec::new();
            let mut json = serde_json::Deserializer::from_str(text);
            let read = Body(&mut |name| names.push(name)).deserialize(&mut json).and_then(|()| json.end());
            read.map(|()| names).map_err(drop)
        };
        let names = |all: &[&str]| Ok(all.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(read("{\"name\":\"a\",\"tags\":[\"1\",\"\\u0032\"]}"), names(&["1", "2"]));
        assert_eq!(read("{\"repositories\":[\"a/b\"],\"x\":{\"y\":[1]}}"), names(&["a/b"]));
        for empty in ["{\"tags\":null}", "{\"tags\":[]}", "{}"] {
            assert_eq!(read(empty), names(&[]), "{empty}");
        }
        for wrong in
            ["[]", "\"a\"", "{\"tags\":\"a\"}", "{\"tags\":[1]}", "{\"tags\":[\"a\"", "{\"tags\":[]}x", ""]
        {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_can_be_of_a_registry_or_not() {
        for (pattern, expected) in [
            ("*", true),
            ("r.example/*", true),
            ("r.example/team/app", true),
            ("*/team/*", true),
            ("r.*", true),
            ("?.example/app", true),
            ("*.example/*", true),
            ("r.example", false),
            ("r.example/", false),
            ("team/*", false),
            ("team*", false),
            ("s.example/*", false),
            ("r.example:5000/*", false),
            ("https://r.example/*", false),
            ("", false),
        ] {
            assert_eq!(fits_some(pattern, "r.example/"), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_are_globs() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "latest", true),
            ("v1.*", "v1.2.3", true),
            ("v1.*", "v10", false),
            ("*-debug", "1-debug", true),
            ("*-debug", "1-debug-2", false),
            ("?.?", "1.2", true),
            ("?.?", "1.23", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_next_page_is_one_of_the_same_list() {
        let next = |link: &str| query_of(link);
        assert_eq!(next("</v2/a/tags/list?last=b&n=2>; rel=\"next\"").as_deref(), Some("last=b&n=2"));
        assert_eq!(next("<https://evil.example/x?last=b>; rel=next").as_deref(), Some("last=b"));
        for link in
            ["", "</v2/a/tags/list?last=b>; rel=\"prev\"", "</v2/a/tags/list>; rel=next", "x?y; rel=next"]
        {
            assert_eq!(next(link), None, "{link}");
        }
    }
}
