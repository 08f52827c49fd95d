//! The configuration format of Gitleaks and Betterleaks, as far as it means something here. What it holds besides is
//! kept by name, so that it can be told.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::super::file::{Lines, RuleError};

/// A configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) title: Option<String>,
    #[serde(rename = "description")]
    _description: IgnoredAny,
    #[serde(rename = "minVersion")]
    _min_version: IgnoredAny,
    pub(super) extend: Extend,
    pub(super) rules: Vec<Spanned<Rule>>,
    /// One of older versions.
    pub(super) allowlist: Option<Allowlist>,
    pub(super) allowlists: Vec<Allowlist>,
    /// Expressions by which Betterleaks drops findings, and files.
    pub(super) filter: Option<String>,
    pub(super) prefilter: Option<String>,
    #[serde(flatten)]
    pub(super) unknown: BTreeMap<String, toml::Value>,
}

/// What a configuration stands on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Extend {
    pub(super) path: Option<String>,
    pub(super) url: Option<String>,
    pub(super) use_default: bool,
    pub(super) disabled_rules: Vec<String>,
}

/// A rule.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) regex: Option<String>,
    /// Betterleaks calls it so now.
    #[serde(alias = "valueGroup")]
    pub(super) secret_group: usize,
    pub(super) entropy: Option<f64>,
    pub(super) keywords: Vec<String>,
    pub(super) path: Option<String>,
    pub(super) tags: Vec<String>,
    /// One of older versions.
    pub(super) allowlist: Option<Allowlist>,
    pub(super) allowlists: Vec<Allowlist>,
    /// Rules of which one has to match near it.
    pub(super) required: Vec<Required>,
    /// The same in Betterleaks.
    pub(super) components: Vec<Required>,
    /// An expression by which Betterleaks drops findings.
    pub(super) filter: Option<String>,
    /// How sure Betterleaks is: high, medium or low.
    pub(super) confidence: Option<String>,
    /// Whether it only serves others as `required`.
    pub(super) skip_report: bool,
    /// Everything else, by name.
    #[serde(flatten)]
    pub(super) unknown: BTreeMap<String, toml::Value>,
}

/// A rule that has to match nearby.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Required {
    pub(super) id: String,
}

/// What is let pass.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Allowlist {
    pub(super) description: String,
    pub(super) condition: Option<String>,
    pub(super) commits: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) regexes: Vec<String>,
    pub(super) regex_target: Option<String>,
    pub(super) stopwords: Vec<String>,
    pub(super) target_rules: Vec<String>,
    #[serde(flatten)]
    pub(super) unknown: BTreeMap<String, toml::Value>,
}

/// Reads a configuration; each rule with its line.
pub(super) fn parse(file: &str, text: &str) -> Result<(Config, Vec<(usize, Rule)>), RuleError> {
    let lines = Lines::of(text);
    let mut config: Config = toml::from_str(text).map_err(|error| RuleError::File {
        file: file.into(),
        line: lines.at(error.span().map_or(0, |span| span.start)),
        message: error.message().replace('\n', " "),
    })?;
    let rules = std::mem::take(&mut config.rules);
    let rules = rules.into_iter().map(|rule| (lines.at(rule.span().start), rule.into_inner())).collect();
    Ok((config, rules))
}

impl Rule {
    /// Takes what a rule of the same id says that stands above it: what is given there wins, lists add up.
    pub(super) fn changed_by(&mut self, above: Self) {
        let Self { description, regex, secret_group, entropy, path, .. } = above;
        if !description.is_empty() {
            self.description = description;
        }
        self.regex = regex.or(self.regex.take());
        self.secret_group = if secret_group == 0 { self.secret_group } else { secret_group };
        self.entropy = entropy.or(self.entropy);
        self.path = path.or(self.path.take());
        self.keywords.extend(above.keywords);
        self.tags.extend(above.tags);
        self.allowlists.extend(above.allowlist.into_iter().chain(above.allowlists));
        self.required.extend(above.required);
        self.components.extend(above.components);
        self.filter = above.filter.or(self.filter.take());
        self.confidence = above.confidence.or(self.confidence.take());
        self.skip_report |= above.skip_report;
        self.unknown.extend(above.unknown);
    }
}
