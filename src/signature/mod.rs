//! Rules: what a credential looks like, as data that carries its own proof.
//!
//! [`RuleSet::embedded`] is every rule of the `signatures` folder, compiled into the program; [`RuleSet::extended`] puts a
//! user's files of the same format on top. Nothing here looks at an image.

mod allow;
mod automaton;
pub mod checksum;
mod compose;
pub mod context;
mod draft;
mod embedded;
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
pub(crate) use self::automaton::compile_pattern;
pub use self::compose::{Choice, ChoiceError};
pub use self::file::RuleError;
pub use self::literal::MAX_MATCH;
pub use self::nearest::nearest;
pub use self::part::{Part, PartShape};
pub use self::rule::{Asked, Demand, Find, Ignore, Rule, Shape};
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

impl RuleSet {
    /// Every rule that is compiled into the program.
    ///
    /// # Panics
    /// Never in a build whose tests passed: one of them compares every embedded rule with its file.
    pub fn embedded() -> Arc<Self> {
        static SET: OnceLock<Arc<RuleSet>> = OnceLock::new();
        Arc::clone(SET.get_or_init(|| {
            Arc::new(compose::embedded().expect("the tests compare every embedded rule with its file"))
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
        compose::extend(self, files)
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
    fn the_rules_in_the_program_are_what_their_files_say() {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/signatures")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
        files.sort();
        let files = files.iter().map(|(name, text)| (&**name, &**text));
        let written = RuleSet::parse(files).unwrap_or_else(|error| panic!("{error}"));
        let embedded = RuleSet::embedded();
        assert!(!embedded.rules().is_empty() && embedded.disabled().is_empty());
        assert_eq!(embedded.rules().len(), written.rules().len());
        for (embedded, written) in embedded.rules().iter().zip(written.rules()) {
            let written = Rule { embedded: true, ..written.clone() };
            assert_eq!(format!("{embedded:?}"), format!("{written:?}"));
        }
    }

    #[test]
    fn an_id_is_taken_once() {
        let text = include_str!("../../signatures/github.toml");
        let error = RuleSet::parse([("a.toml", text), ("b.toml", text)]).unwrap_err();
        assert!(error.to_string().contains("taken by a rule of a.toml"), "{error}");
    }
}
