//! What a rule matches and must not report: patterns and words, each list with its reason.

use super::pattern::parse_pattern;

/// Matches that are none of a rule's credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    /// Why they are none.
    pub why: String,
    /// Whether each kind that is given must fit, and not only one of them.
    pub all: bool,
    /// Patterns of which one is found in the credential.
    pub secret: Vec<String>,
    /// Patterns of which one is found in all that the rule matches.
    pub matched: Vec<String>,
    /// Patterns of which one is found in the line of the match, or of a long line in what stands near it.
    pub line: Vec<String>,
    /// Patterns of which one is found in the path of the file.
    pub path: Vec<String>,
    /// Words of which one stands in the credential, in upper or lower case.
    pub words: Vec<String>,
    /// Whether it is said at the top of a file, for several rules at once.
    pub shared: bool,
}

/// Most patterns and words of one list.
const MOST: usize = 10_000;

impl Allow {
    /// Every pattern of it.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        [&self.secret, &self.matched, &self.line, &self.path].into_iter().flatten().map(String::as_str)
    }

    /// Whether it says something that can be.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.why.trim().is_empty() {
            return Err("an `allow` needs its reason, `why`".into());
        }
        let count = self.patterns().count() + self.words.len();
        if count == 0 || count > MOST {
            return Err(format!(
                "an `allow` needs `secret`, `match`, `line`, `path` or `words`, and at most {MOST} of them"
            ));
        }
        if self.words.iter().any(|word| word.is_empty() || word.len() > 256) {
            return Err("a word of an `allow` has 1 to 256 bytes".into());
        }
        self.patterns().try_for_each(|pattern| match parse_pattern(pattern) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("allow: {error}")),
        })
    }
}
