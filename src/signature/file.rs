//! Rule files: TOML in, [`Rule`]s out. The one place that knows the format's keys; `signatures/README.md` documents it.
//!
//! A file is refused as a whole or not at all: every complaint names the file and the rule, unknown keys are errors
//! (they are typos), and what is accepted keeps the promises of [`Rule`].

use serde::Deserialize;

use super::literal::{self, Anchor};
use super::rule::{Find, Ignore, Rule, Shape, parse_pattern};
use super::{Confidence, Severity, checksum};

/// What is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is not TOML, or has keys that the format does not have.
    #[error("{file}: {message}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// The TOML parser's message, with line and column.
        message: String,
    },
    /// A rule does not keep a promise of the format.
    #[error("{file}: rule `{rule}`: {message}")]
    Rule {
        /// Name of the file.
        file: String,
        /// Id of the rule.
        rule: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// Parses one rule file. `file` is its name for messages.
pub fn parse(file: &str, text: &str) -> Result<Vec<Rule>, RuleError> {
    let parsed: File = toml::from_str(text)
        .map_err(|error| RuleError::Syntax { file: file.into(), message: error.to_string().trim().into() })?;
    let File { provider, revoke, rule } = parsed;
    rule.into_iter()
        .map(|entry| {
            let id = entry.id.clone();
            build(&provider, revoke.as_deref(), entry).map_err(|message| RuleError::Rule {
                file: file.into(),
                rule: id,
                message,
            })
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provider: String,
    revoke: Option<String>,
    #[serde(default)]
    rule: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    severity: Severity,
    confidence: Option<Confidence>,
    pattern: Option<String>,
    words: Option<Vec<String>>,
    #[serde(default)]
    and: Vec<String>,
    value: Option<String>,
    #[serde(default)]
    judged: bool,
    #[serde(default)]
    keywords: Vec<String>,
    checksum: Option<String>,
    entropy: Option<f64>,
    path: Option<String>,
    why: String,
    revoke: Option<String>,
    source: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    finds: Vec<FindEntry>,
    #[serde(default)]
    ignores: Vec<IgnoreEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindEntry {
    text: String,
    secret: String,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IgnoreEntry {
    text: String,
    why: String,
    path: Option<String>,
}

fn build(provider: &str, revoke: Option<&str>, entry: Entry) -> Result<Rule, String> {
    check_texts(&entry)?;
    let checksum = entry
        .checksum
        .as_deref()
        .map(|name| checksum::named(name).ok_or_else(|| format!("no checksum is called `{name}`")))
        .transpose()?;
    if let Some(path) = &entry.path {
        parse_pattern(path).map_err(|error| format!("path: {error}"))?;
    }
    let (shape, anchor) = shape(&entry)?;
    Ok(Rule {
        id: entry.id,
        name: entry.name,
        provider: provider.into(),
        severity: entry.severity,
        confidence: entry.confidence.unwrap_or(Confidence::Likely),
        shape,
        anchor,
        checksum,
        entropy: entry.entropy,
        path: entry.path,
        why: entry.why,
        revoke: entry.revoke.or_else(|| revoke.map(str::to_owned)),
        source: entry.source,
        also: entry.also,
        finds: entry
            .finds
            .into_iter()
            .map(|f| Find { text: f.text, secret: f.secret, path: f.path })
            .collect(),
        ignores: entry
            .ignores
            .into_iter()
            .map(|i| Ignore { text: i.text, why: i.why, path: i.path })
            .collect(),
    })
}

fn check_texts(entry: &Entry) -> Result<(), String> {
    let kebab = |id: &str| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !kebab(&entry.id) {
        return Err("an id has only a-z, 0-9 and `-`".into());
    }
    if entry.name.trim().is_empty() || entry.why.trim().is_empty() {
        return Err("`name` and `why` must say something".into());
    }
    if entry.finds.len() < 2 || entry.ignores.is_empty() {
        return Err("a rule needs at least two `finds` and one `ignores`".into());
    }
    if let Some(find) = entry.finds.iter().find(|find| !find.text.contains(&find.secret)) {
        return Err(format!("the secret of a `finds` does not stand in its text: {}", find.text));
    }
    if entry.ignores.iter().any(|ignore| ignore.why.trim().is_empty()) {
        return Err("an `ignores` needs its reason, `why`".into());
    }
    if entry.entropy.is_some_and(|bits| !(0.0..=8.0).contains(&bits)) {
        return Err("`entropy` is in bits a character, 0 to 8".into());
    }
    Ok(())
}

fn shape(entry: &Entry) -> Result<(Shape, Anchor), String> {
    match (&entry.pattern, &entry.words, &entry.value) {
        (Some(pattern), None, None) => {
            let hir = parse_pattern(pattern).map_err(|error| format!("pattern: {error}"))?;
            let secrets = capture_names(&hir).into_iter().filter(|name| name == "secret").count();
            if secrets != 1 {
                return Err("the pattern needs exactly one group `(?<secret>…)`".into());
            }
            let anchor = if entry.keywords.is_empty() {
                literal::derive(&hir).ok_or(
                    "no literal of three bytes stands in every match: give `keywords`, or `words` and `value`",
                )?
            } else {
                check_keywords(&entry.keywords)?;
                literal::given(&hir, &entry.keywords)
            };
            Ok((Shape::Pattern(pattern.clone()), anchor))
        }
        (None, Some(words), Some(value)) => {
            parse_pattern(value).map_err(|error| format!("value: {error}"))?;
            check_keywords(words)?;
            if words.is_empty()
                || words.iter().chain(&entry.and).any(|word| *word != word.to_ascii_lowercase())
            {
                return Err("`words` and `and` are in lower case, and `words` is not empty".into());
            }
            let anchor = Anchor {
                literals: words.iter().map(|word| word.clone().into_bytes()).collect(),
                fold: true,
                ..Anchor::default()
            };
            let keyed = Shape::Keyed {
                words: words.clone(),
                and: entry.and.clone(),
                value: value.clone(),
                judged: entry.judged,
            };
            Ok((keyed, anchor))
        }
        _ => Err("a rule has either `pattern`, or `words` and `value`".into()),
    }
}

fn check_keywords(keywords: &[String]) -> Result<(), String> {
    match keywords.iter().find(|keyword| keyword.len() < 2 || !keyword.is_ascii()) {
        Some(keyword) => Err(format!("`{keyword}` is no keyword: it needs two ASCII characters or more")),
        None => Ok(()),
    }
}

fn capture_names(hir: &regex_syntax::hir::Hir) -> Vec<String> {
    use regex_syntax::hir::HirKind;
    match hir.kind() {
        HirKind::Capture(capture) => {
            let own = capture.name.iter().map(ToString::to_string);
            own.chain(capture_names(&capture.sub)).collect()
        }
        HirKind::Repetition(repetition) => capture_names(&repetition.sub),
        HirKind::Concat(pieces) | HirKind::Alternation(pieces) => {
            pieces.iter().flat_map(capture_names).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
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

    fn complaint(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "the replacement does nothing");
        parse("x.toml", &text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_gives_its_rules() {
        let rules = parse("x.toml", GOOD).unwrap();
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
    }
}
