//! Rules: what a credential looks like, as data that carries its own proof.
//!
//! [`RuleSet::embedded`] is every rule of the `signatures` folder, compiled into the program; [`mod@file`] reads the same
//! format from a user's files. Nothing here looks at an image.

pub mod checksum;
pub mod file;
pub mod literal;
mod rule;
pub mod template;
mod tier;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

pub use self::file::RuleError;
pub use self::rule::{Find, Ignore, MAX_MATCH, Rule, Shape};
pub use self::tier::{Confidence, Severity};
use crate::digest::{Digest, Hasher};

/// Rules with unique ids, in the order of their files.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    fingerprint: Option<Digest>,
}

/// The files of the `signatures` folder: name and text.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/signatures.rs"));

impl RuleSet {
    /// Every rule that is compiled into the program.
    ///
    /// # Panics
    /// Never in a build whose tests passed: one of them parses every embedded file.
    pub fn embedded() -> Arc<Self> {
        static SET: OnceLock<Arc<RuleSet>> = OnceLock::new();
        Arc::clone(SET.get_or_init(|| {
            let set =
                Self::parse(EMBEDDED.iter().copied()).expect("the tests parse every embedded rule file");
            Arc::new(set)
        }))
    }

    /// The rules of some files, given as name and text.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        let mut seen = BTreeMap::new();
        let mut hasher = Hasher::default();
        for (file, text) in files {
            for rule in file::parse(file, text)? {
                if let Some(other) = seen.insert(rule.id.clone(), file.to_owned()) {
                    let message = format!("the id is taken in {other}");
                    return Err(RuleError::Rule { file: file.into(), rule: rule.id, message });
                }
                rules.push(rule);
            }
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Ok(Self { rules, fingerprint: Some(hasher.finish()) })
    }

    /// All rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with this id.
    pub fn named(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Changes whenever a rule does: part of what a cached result depends on.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint.unwrap_or_else(|| Digest::of(b""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_parses_and_every_id_is_unique() {
        let set = RuleSet::parse(EMBEDDED.iter().copied()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!set.rules().is_empty());
    }

    #[test]
    fn an_id_is_taken_once() {
        let text = include_str!("../../signatures/github.toml");
        let error = RuleSet::parse([("a.toml", text), ("b.toml", text)]).unwrap_err();
        assert!(error.to_string().contains("taken in a.toml"), "{error}");
    }
}
