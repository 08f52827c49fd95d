//! Whether a match is one that its rule lets pass: by the credential, by all that matched, by its line or by its path.
//!
//! It looks only at the window of the candidate, so the same is let pass for any chunking: of a line that is longer than
//! that, the part around the match counts.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::pattern::{Pattern, Scratch};
use super::verify::{Scene, compile};
use super::{AFTER, BEFORE};
use crate::signature::Allow;

/// An [`Allow`], compiled.
#[derive(Debug)]
pub(super) struct Allowed {
    all: bool,
    secret: Vec<Pattern>,
    matched: Vec<Pattern>,
    line: Vec<Pattern>,
    path: Vec<Pattern>,
    words: Option<AhoCorasick>,
}

impl Allowed {
    /// Those of `allow`, whose working memory `scratch` counts.
    pub(super) fn new(allow: &Allow, scratch: &Arc<Scratch>) -> Self {
        let counted = |pattern: &String| Pattern::new(compile(pattern), scratch);
        let compiled = |patterns: &[String]| patterns.iter().map(counted).collect();
        let words = || {
            let words = AhoCorasick::builder().ascii_case_insensitive(true).build(&allow.words);
            words.expect("a list of words is bounded when a rule is made")
        };
        Self {
            all: allow.all,
            secret: compiled(&allow.secret),
            matched: compiled(&allow.matched),
            line: compiled(&allow.line),
            path: compiled(&allow.path),
            words: (!allow.words.is_empty()).then(words),
        }
    }

    /// All its patterns.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        [&self.secret, &self.matched, &self.line, &self.path].into_iter().flatten()
    }

    /// Whether the match `whole` with its credential `secret` may pass.
    pub(super) fn lets_pass(&self, scene: Scene<'_>, whole: &Range<usize>, secret: &Range<usize>) -> bool {
        let text = scene.text;
        let any = |patterns: &[Pattern], text: &[u8]| patterns.iter().any(|pattern| pattern.is_match(text));
        let word = |words: &AhoCorasick| words.is_match(&text[secret.clone()]);
        let kinds = [
            (!self.secret.is_empty()).then(|| any(&self.secret, &text[secret.clone()])),
            (!self.matched.is_empty()).then(|| any(&self.matched, &text[whole.clone()])),
            (!self.line.is_empty()).then(|| any(&self.line, line(scene, whole))),
            (!self.path.is_empty()).then(|| scene.around.path.is_some_and(|path| any(&self.path, path))),
            self.words.as_ref().map(word),
        ];
        let mut given = kinds.into_iter().flatten();
        if self.all { given.all(|fits| fits) } else { given.any(|fits| fits) }
    }
}

/// The line, or lines, that the match stands in, as far as the candidate's window goes.
fn line<'t>(scene: Scene<'t>, whole: &Range<usize>) -> &'t [u8] {
    let Scene { candidate, text, .. } = scene;
    let window = candidate.at.saturating_sub(BEFORE).min(whole.start)
        ..text.len().min(candidate.at + AFTER).max(whole.end);
    let start = memchr::memrchr(b'\n', &text[window.start..whole.start])
        .map_or(window.start, |at| window.start + at + 1);
    let end = memchr::memchr(b'\n', &text[whole.end..window.end]).map_or(window.end, |at| whole.end + at);
    text[start..end].strip_suffix(b"\r").unwrap_or(&text[start..end])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Matcher, Surroundings};
    use crate::signature::RuleSet;

    /// What a rule with this `allow` finds in `text`, a file at `path`.
    fn found(allow: &str, path: &str, text: &str) -> Vec<String> {
        let rule = r"
            provider = 'Acme'
            [[rule]]
            id = 'acme-token'
            name = 'Acme token'
            severity = 'high'
            why = 'Opens all doors.'
            pattern = 'acme[=:](?<secret>[a-z0-9]{20})'
            [[rule.allow]]
            why = 'a test'
        ";
        let rules = RuleSet::parse([("own.toml", format!("{rule}\n{allow}").as_str())]);
        let matcher = Matcher::new(Arc::new(rules.unwrap_or_else(|error| panic!("{error}"))));
        let around = Surroundings { path: Some(path.as_bytes()), pair: None };
        let hits = matcher.scan(text.as_bytes(), around);
        hits.iter().map(|hit| text[hit.secret.clone()].to_owned()).collect()
    }

    const ONE: &str = "q7wz3k9m2x8v5b1n4c6d";
    const TWO: &str = "h3j8f2l7p1t6r9y4g5s0";

    #[test]
    fn each_kind_looks_at_its_own_part() {
        let text = format!("a acme={ONE} # first\nb acme:{TWO} # second\n");
        let rest = |allow: &str| found(allow, "srv/a.conf", &text);
        assert_eq!(rest("secret = ['^q7']"), [TWO]);
        assert_eq!(rest("secret = ['^acme']"), [ONE, TWO]);
        assert_eq!(rest("match = ['^acme:']"), [ONE]);
        assert_eq!(rest("line = ['# first$']"), [TWO]);
        assert_eq!(rest("line = ['^b ']"), [ONE]);
        assert_eq!(rest("words = ['K9M2']"), [TWO]);
        assert_eq!(rest("words = ['second']"), [ONE, TWO]);
        assert_eq!(rest("path = ['[.]conf$']"), [""; 0]);
        assert_eq!(rest("path = ['[.]txt$']"), [ONE, TWO]);
    }

    #[test]
    fn one_kind_is_enough_unless_all_have_to_fit() {
        let text = format!("acme={ONE} acme={TWO}");
        let both = "path = ['^srv/']\nsecret = ['^q7', '^zz']";
        assert_eq!(found(both, "srv/a", &text), [""; 0]);
        assert_eq!(found(both, "etc/a", &text), [TWO]);
        assert_eq!(found(&format!("all = true\n{both}"), "srv/a", &text), [TWO]);
        assert_eq!(found(&format!("all = true\n{both}"), "etc/a", &text), [ONE, TWO]);
    }

    #[test]
    fn of_an_endless_line_what_is_near_counts() {
        let near = format!("{}skip me {} acme={ONE}", "x".repeat(4000), "y".repeat(400));
        let far = format!("skip me {} acme={ONE}", "y".repeat(4000));
        assert_eq!(found("line = ['skip me']", "a", &near), [""; 0]);
        assert_eq!(found("line = ['skip me']", "a", &far), [ONE]);
    }
}
