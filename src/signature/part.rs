//! What belongs to a credential and stands near it: the other half of a key, an account, a host.

use std::collections::BTreeSet;

use super::file::PartEntry;
use super::pattern::{capture_names, parse_pattern};
use super::rule::Find;

/// What belongs to the credential of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is, for people.
    pub name: String,
    /// What it looks like.
    pub shape: PartShape,
}

/// What a [`Part`] looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartShape {
    /// It is a credential by itself, and the rule with this id finds it.
    Rule(String),
    /// It is none by itself: a pattern whose group `part` it is.
    Pattern(String),
}

impl Part {
    /// The rule that finds it.
    pub fn rule(&self) -> Option<&str> {
        match &self.shape {
            PartShape::Rule(id) => Some(id),
            PartShape::Pattern(_) => None,
        }
    }

    /// The pattern that finds it.
    pub fn pattern(&self) -> Option<&str> {
        match &self.shape {
            PartShape::Rule(_) => None,
            PartShape::Pattern(pattern) => Some(pattern),
        }
    }
}

/// The parts that a file describes, whose patterns were `parsed` before or not.
pub(super) fn build(entries: &[PartEntry], parsed: bool) -> Result<Vec<Part>, String> {
    let mut names = BTreeSet::new();
    for entry in entries {
        if entry.name.trim().is_empty() || !names.insert(&entry.name) {
            return Err(format!("part `{}`: each part has a name of its own", entry.name));
        }
    }
    entries.iter().map(|entry| part(entry, parsed)).collect()
}

fn part(entry: &PartEntry, parsed: bool) -> Result<Part, String> {
    let wrong = |message: &str| format!("part `{}`: {message}", entry.name);
    let shape = match (&entry.rule, &entry.pattern) {
        (Some(rule), None) => PartShape::Rule(rule.clone()),
        (None, Some(pattern)) if parsed => PartShape::Pattern(pattern.clone()),
        (None, Some(pattern)) => {
            let hir = parse_pattern(pattern).map_err(|error| wrong(&error))?;
            if capture_names(&hir).iter().filter(|name| *name == "part").count() != 1 {
                return Err(wrong("the pattern needs exactly one group `(?<part>…)`"));
            }
            PartShape::Pattern(pattern.clone())
        }
        _ => return Err(wrong("give either `rule` or `pattern`")),
    };
    Ok(Part { name: entry.name.clone(), shape })
}

/// Whether the parts that examples show are there.
pub(super) fn check(parts: &[Part], finds: &[Find]) -> Result<(), String> {
    for (name, template) in finds.iter().flat_map(|find| &find.parts) {
        if !parts.iter().any(|part| part.name == *name) {
            return Err(format!("a `finds` shows a part `{name}`, which the rule does not have"));
        }
        if template.is_empty() {
            return Err(format!("part `{name}` of a `finds` is empty"));
        }
    }
    Ok(())
}
