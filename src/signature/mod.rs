//! Rules: what a credential looks like, as data that carries its own proof.
//!
//! [`RuleSet::embedded`] is every rule of the `signatures` folder, compiled into the program; [`RuleSet::extended`] puts a
//! user's files of the same format on top. Nothing here looks at an image.

mod allow;
pub mod checksum;
mod compose;
pub mod context;
mod draft;
mod file;
pub mod import;
pub mod literal;
mod nearest;
mod part;
mod pattern;
mod rule;
pub mod structure;
pub mod template;
mod tier;

use std::sync::{Arc, OnceLock};

pub use self::allow::Allow;
pub use self::compose::{Choice, ChoiceError};
pub use self::file::RuleError;
pub use self::nearest::nearest;
pub use self::part::{Part, PartShape};
pub(crate) use self::pattern::compile_pattern;
pub use self::rule::{Asked, Demand, Find, Ignore, MAX_MATCH, Rule, Shape};
pub use self::tier::{Confidence, Severity};
use crate::digest::Digest;

/// Rules with unique ids.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    disabled: Vec<Disabled>,
    fingerprint: Option<Digest>,
}

/// A rule that is there and is not used.
#[derive(Debug, Clone)]
pub struct Disabled {
    /// The rule.
    pub rule: Rule,
    /// What disables it: a place in a file, or a setting.
    pub by: String,
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
            let set = compose::extend(&Self::default(), EMBEDDED.iter().copied(), true);
            let mut set = set.expect("the tests parse every embedded rule file");
            set.rules.iter_mut().for_each(|rule| rule.embedded = true);
            Arc::new(set)
        }))
    }

    /// The rules of some files alone, given as name and text.
    pub fn parse<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Result<Self, RuleError> {
        Self::default().extended(files)
    }

    /// These rules with those of some files, given as name and text, on top: new ones, changes, and what they disable.
    pub fn extended<'f>(
        &self,
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Result<Self, RuleError> {
        compose::extend(self, files, false)
    }

    /// The rules that are left when a choice was made among them.
    pub fn chosen(&self, choice: &Choice) -> Result<Self, ChoiceError> {
        compose::choose(self, choice)
    }

    /// The rules that `keep` keeps, as a set of its own.
    #[must_use]
    pub fn retained(&self, keep: impl Fn(&Rule) -> bool) -> Self {
        compose::retain(self, keep)
    }

    /// All rules that are used.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with this id.
    pub fn named(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The rules that are there and are not used.
    pub fn disabled(&self) -> &[Disabled] {
        &self.disabled
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
        let set = compose::extend(&RuleSet::default(), EMBEDDED.iter().copied(), true);
        let set = set.unwrap_or_else(|error| panic!("{error}"));
        assert!(!set.rules().is_empty());
    }

    #[test]
    fn an_id_is_taken_once() {
        let text = include_str!("../../signatures/github.toml");
        let error = RuleSet::parse([("a.toml", text), ("b.toml", text)]).unwrap_err();
        assert!(error.to_string().contains("taken by a rule of a.toml"), "{error}");
    }
}
