//! Rule files: TOML in, drafts of rules out. The one place that knows the format's keys; `signatures/README.md` documents it.
//!
//! A file is refused as a whole or not at all: every complaint names the file, the line and the rule, and unknown keys
//! are errors (they are typos). What a draft says is made a [`Rule`](super::Rule) in `draft`, and what a file changes of
//! others' rules in `compose`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::allow::Allow;
use super::literal::Anchor;
use super::nearest::nearest;
use super::{Confidence, Severity};

/// What is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is not TOML, has keys that the format does not have, or says what cannot be done.
    #[error("{file}:{line}: {message}")]
    File {
        /// Name of the file.
        file: String,
        /// Line in it, 1 = the first.
        line: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A rule does not keep a promise of the format.
    #[error("{file}:{line}: rule `{rule}`: {message}")]
    Rule {
        /// Name of the file.
        file: String,
        /// Line on which the rule begins.
        line: usize,
        /// Id of the rule.
        rule: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The rules of all files together ask for too much.
    #[error("{0}")]
    All(String),
}

/// What one file says.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) drafts: Vec<Draft>,
    /// Ids, or their beginnings with a `*`, of rules that are not to be used.
    pub(super) disable: Vec<Reference>,
    pub(super) allow: Vec<FileAllow>,
}

/// What rules of this file, or others that it names, do not report.
#[derive(Debug, Clone)]
pub(super) struct FileAllow {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) allow: Allow,
    /// None: the rules that the file makes or changes.
    pub(super) rules: Option<Vec<String>>,
}

/// A rule as it was written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) provider: Option<String>,
    /// Where the credentials of the file's rules are revoked.
    pub(super) revoke: Option<String>,
    pub(super) entry: Entry,
    /// If it was checked when the program was built: what was found out then.
    pub(super) checked: Option<Checked>,
}

/// What is known of a draft that was checked before.
#[derive(Debug)]
pub(super) struct Checked {
    /// The literals of its pattern, if it has one.
    pub(super) anchor: Option<Anchor>,
}

impl Draft {
    /// A complaint about it.
    pub(super) fn error(&self, message: impl Into<String>) -> RuleError {
        let (file, line, message) = (self.file.clone(), self.line, message.into());
        match self.entry.id.as_ref().or(self.entry.extends.as_ref()) {
            Some(rule) => RuleError::Rule { file, line, rule: rule.clone(), message },
            None => RuleError::File { file, line, message },
        }
    }
}

/// Somebody names rules.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) file: String,
    pub(super) line: usize,
    /// An id, or the beginning of ids with a `*` behind it.
    pub(super) name: String,
}

/// Reads one rule file. `file` is its name for messages.
pub(super) fn parse(file: &str, text: &str) -> Result<Parsed, RuleError> {
    let lines = Lines::of(text);
    let line = |at: usize| lines.at(at);
    let parsed: File = toml::from_str(text).map_err(|error| RuleError::File {
        file: file.into(),
        line: line(error.span().map_or(0, |span| span.start)),
        message: with_hint(error.message()),
    })?;
    let File { provider, revoke, disable, allow, rule } = parsed;
    let draft = |entry: Spanned<Entry>| Draft {
        file: file.into(),
        line: line(entry.span().start),
        provider: provider.clone(),
        revoke: revoke.clone(),
        entry: entry.into_inner(),
        checked: None,
    };
    let reference = |name: Spanned<String>| Reference {
        file: file.into(),
        line: line(name.span().start),
        name: name.into_inner(),
    };
    let file_allow = |entry: Spanned<AllowEntry>| FileAllow {
        file: file.into(),
        line: line(entry.span().start),
        rules: entry.get_ref().rules.clone(),
        allow: Allow::from(entry.get_ref()),
    };
    Ok(Parsed {
        allow: allow.into_iter().map(file_allow).collect(),
        drafts: rule.into_iter().map(draft).collect(),
        disable: disable.into_iter().map(reference).collect(),
    })
}

/// Where the lines of a text end.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line of a byte, 1 = the first.
    pub(super) fn at(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}

/// The parser's message; of a key that is nearly one of those it lists, only the one that was meant.
fn with_hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let meant = match &quoted[..] {
        [unknown, known @ ..] if message.contains("expected") => nearest(unknown, known.iter().copied()),
        _ => None,
    };
    match (meant, message.split_once(", expected")) {
        (Some(meant), Some((what, _))) => format!("{what}; did you mean `{meant}`?"),
        _ => message.replace('\n', " "),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provider: Option<String>,
    revoke: Option<String>,
    #[serde(default)]
    disable: Vec<Spanned<String>>,
    #[serde(default)]
    allow: Vec<Spanned<AllowEntry>>,
    #[serde(default)]
    rule: Vec<Spanned<Entry>>,
}

/// The keys of a rule. What is not given is inherited if the rule extends another.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Option<String>,
    pub(super) extends: Option<String>,
    pub(super) name: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) confidence: Option<Confidence>,
    pub(super) pattern: Option<String>,
    pub(super) words: Option<Vec<String>>,
    pub(super) and: Option<Vec<String>>,
    pub(super) value: Option<String>,
    pub(super) fields: Option<Vec<String>>,
    pub(super) judged: Option<bool>,
    pub(super) placed: Option<bool>,
    pub(super) public: Option<bool>,
    pub(super) keywords: Option<Vec<String>>,
    pub(super) checksum: Option<String>,
    pub(super) entropy: Option<f64>,
    pub(super) path: Option<String>,
    pub(super) why: Option<String>,
    pub(super) revoke: Option<String>,
    pub(super) source: Option<String>,
    pub(super) also: Option<Vec<String>>,
    pub(super) part: Option<Vec<PartEntry>>,
    pub(super) finds: Option<Vec<FindEntry>>,
    pub(super) ignores: Option<Vec<IgnoreEntry>>,
    pub(super) allow: Option<Vec<AllowEntry>>,
    pub(super) unproven: Option<String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AllowEntry {
    /// Only at the top of a file.
    pub(super) rules: Option<Vec<String>>,
    why: String,
    all: bool,
    secret: Vec<String>,
    #[serde(rename = "match")]
    matched: Vec<String>,
    line: Vec<String>,
    path: Vec<String>,
    words: Vec<String>,
}

impl From<&AllowEntry> for Allow {
    fn from(entry: &AllowEntry) -> Self {
        let AllowEntry { why, all, secret, matched, line, path, words, .. } = entry.clone();
        Self { why, all, secret, matched, line, path, words, shared: false }
    }
}

impl Entry {
    /// The given keys that only one rule can have.
    pub(super) fn own_keys(&self) -> Vec<&'static str> {
        let keys = [
            ("id", self.id.is_some()),
            ("name", self.name.is_some()),
            ("pattern", self.pattern.is_some()),
            ("words", self.words.is_some()),
            ("value", self.value.is_some()),
            ("fields", self.fields.is_some()),
            ("keywords", self.keywords.is_some()),
            ("checksum", self.checksum.is_some()),
            ("part", self.part.is_some()),
            ("finds", self.finds.is_some()),
            ("ignores", self.ignores.is_some()),
        ];
        keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindEntry {
    pub(super) text: String,
    pub(super) secret: String,
    #[serde(default)]
    pub(super) encoded: bool,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) parts: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartEntry {
    pub(super) name: String,
    pub(super) rule: Option<String>,
    pub(super) pattern: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IgnoreEntry {
    pub(super) text: String,
    pub(super) why: String,
    pub(super) path: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, RuleSet};
    use super::*;

    const GOOD: &str = r#"
        provider = "Example"
        [[rule]]
        id = "example-token"
        name = "Example token"
        severity = "high"
        pattern = '\b(?<secret>exmpl_[0-9a-f]{32})\b'
        why = "It is only an example."
        [[rule.finds]]
        text = "a=exmpl_{hex:32}"
        secret = "exmpl_{hex:32}"
        [[rule.finds]]
        text = "b=exmpl_{hex:32};"
        secret = "exmpl_{hex:32}"
        [[rule.ignores]]
        text = "exmpl_"
        why = "too short"
    "#;

    fn parse(text: &str) -> Result<Vec<Rule>, RuleError> {
        Ok(RuleSet::parse([("x.toml", text)])?.rules().to_vec())
    }

    fn complaint(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "the replacement does nothing");
        parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_gives_its_rules() {
        let rules = parse(GOOD).unwrap();
        assert_eq!(rules[0].id(), "example-token");
        assert_eq!(rules[0].anchor().literals, [b"exmpl_".to_vec()]);
    }

    #[test]
    fn every_broken_promise_is_named() {
        assert!(complaint("severity = ", "severty = ").contains("severty"));
        assert!(complaint("?<secret>", "?<token>").contains("(?<secret>"));
        assert!(complaint("{32})\\b", "{32}\\b").contains("unclosed group"));
        assert!(complaint("exmpl_[0-9a-f]{32}", "[0-9a-f]{32}").contains("keywords"));
        assert!(complaint("example-token", "Example Token").contains("a-z"));
        assert!(complaint("text = \"a=exmpl_{hex:32}\"", "text = \"a=\"").contains("does not stand"));
        assert!(complaint("why = \"too short\"", "why = \"\"").contains("reason"));
        assert!(complaint("pattern =", "checksum = \"nope\"\npattern =").contains("nope"));
        assert!(complaint("pattern =", "fields = [\"nope.auth\"]\npattern =").contains("nope"));
        assert!(
            complaint("pattern =", "fields = [\"docker-config.nope\"]\npattern =").contains("identity-token")
        );
    }
}
