//! Patterns as people write them: of paths like those of `.gitignore`, of other texts with `*` and `?` only.
//!
//! A path is matched from the root of the image. A pattern with a `/` at its start or in its middle begins there; one
//! without stands for a name in any folder. `*` and `?` stop at `/`, `**` does not. A pattern that matches a folder
//! matches everything in it, and one that ends with `/` nothing else.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns of paths.
#[derive(Debug, Clone)]
pub(in super::super) struct PathPatterns(GlobSet);

/// Patterns of other texts, which have to match all of a text.
#[derive(Debug, Clone)]
pub(in super::super) struct TextPatterns(GlobSet);

impl PathPatterns {
    pub(in super::super) fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            for glob in path_globs(pattern)? {
                let glob = GlobBuilder::new(&glob).literal_separator(true).backslash_escape(true).build();
                set.add(glob.map_err(|error| format!("`{pattern}`: {}", error.kind()))?);
            }
        }
        Ok(Self(set.build().map_err(|error| error.to_string())?))
    }

    /// Whether one of them matches `path` or a folder that it is in.
    pub(in super::super) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path.trim_start_matches('/'))
    }
}

/// The globs of one pattern: for what it names, and for what is in it.
fn path_globs(pattern: &str) -> Result<Vec<String>, String> {
    if pattern.starts_with('!') {
        return Err(format!("`{pattern}`: a path cannot be excepted with `!`; write the pattern narrower"));
    }
    let folder_only = pattern.ends_with('/');
    let name = pattern.trim_matches('/');
    if name.is_empty() {
        return Err(format!("`{pattern}`: it names no path; `**` stands for every file"));
    }
    let anchored = pattern.starts_with('/') || name.contains('/');
    let name = if anchored { name.to_owned() } else { format!("**/{name}") };
    let inside = format!("{name}/**");
    Ok(if folder_only { vec![inside] } else { vec![name, inside] })
}

impl TextPatterns {
    pub(in super::super) fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let glob =
                GlobBuilder::new(&plain(pattern)).literal_separator(false).backslash_escape(false).build();
            set.add(glob.map_err(|error| format!("`{pattern}`: {}", error.kind()))?);
        }
        Ok(Self(set.build().map_err(|error| error.to_string())?))
    }

    pub(in super::super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The glob in which only `*` and `?` mean something: build steps are full of brackets and braces.
fn plain(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '*' if glob.ends_with('*') => {}
            '*' | '?' => glob.push(c),
            c => glob.push_str(&globset::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(pattern: &str, path: &str) -> bool {
        PathPatterns::new([pattern]).expect("a pattern").matches(path)
    }

    fn text(pattern: &str, text: &str) -> bool {
        TextPatterns::new([pattern]).expect("a pattern").matches(text)
    }

    #[test]
    fn paths_are_matched_as_in_gitignore() {
        for (pattern, matched, others) in [
            ("/app/.env", vec!["app/.env", "app/.env/inside"], vec!["srv/app/.env", "app/.env2", "app"]),
            ("app/.env", vec!["app/.env"], vec!["srv/app/.env"]),
            (".env", vec![".env", "app/.env", "a/b/.env", ".env/inside"], vec!["app/.envrc"]),
            ("*.pem", vec!["a.pem", "etc/ssl/b.pem", "odd.pem/inside"], vec!["a.pem.bak"]),
            ("/*.pem", vec!["a.pem"], vec!["etc/a.pem"]),
            ("etc/*/key", vec!["etc/a/key"], vec!["etc/key", "etc/a/b/key"]),
            ("etc/**/key", vec!["etc/key", "etc/a/key", "etc/a/b/key"], vec!["key"]),
            ("**/fixtures/**", vec!["fixtures/a", "a/fixtures/b/c"], vec!["fixtures"]),
            ("tests/", vec!["tests/a", "app/tests/a/b"], vec!["tests", "app/tests"]),
            ("/tests/", vec!["tests/a"], vec!["app/tests/a", "tests"]),
            ("**", vec!["a", "a/b/c"], vec![]),
            ("key?.pem", vec!["key1.pem"], vec!["key12.pem", "key/.pem"]),
            ("a/[bc].txt", vec!["a/b.txt"], vec!["a/d.txt", "a/[bc].txt"]),
            ("a/{b,c}.txt", vec!["a/c.txt"], vec!["a/d.txt"]),
            (r"a/\[b\].txt", vec!["a/[b].txt"], vec!["a/b.txt"]),
            ("é/*.txt", vec!["é/ü.txt"], vec!["e/u.txt"]),
        ] {
            for name in matched {
                assert!(path(pattern, name), "{pattern} {name}");
                assert!(path(pattern, &format!("/{name}")), "{pattern} /{name}");
            }
            for name in others {
                assert!(!path(pattern, name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let complaint = |pattern| PathPatterns::new([pattern]).expect_err("a complaint");
        insta::assert_snapshot!(complaint("a/[b"), @"`a/[b`: unclosed character class; missing ']'");
        insta::assert_snapshot!(complaint("a/{b"), @"`a/{b`: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)");
        insta::assert_snapshot!(complaint("!a"), @"`!a`: a path cannot be excepted with `!`; write the pattern narrower");
        insta::assert_snapshot!(complaint("/"), @"`/`: it names no path; `**` stands for every file");
    }

    #[test]
    fn texts_know_stars_and_question_marks_only() {
        assert!(
            text("github-*", "github-pat")
                && !text("github-*", "a github-pat")
                && !text("github", "github-pat")
        );
        assert!(text("RUN curl * | sh", "RUN curl -H 'a/b\n{c}' | sh"));
        assert!(text("RUN if [ -n ${A} ]; then *", "RUN if [ -n ${A} ]; then b; fi"));
        assert!(text(r"a\b*", r"a\bc") && text("**", "any") && text("", "") && !text("", "a"));
        assert!(text("registry/app:*", "registry/app:1") && text("*/app:1.?", "a.b:5000/c/app:1.2"));
    }

    proptest! {
        #[test]
        fn a_text_matches_itself(words in "\\PC{0,40}") {
            prop_assert!(text(&words, &words));
            let start: String = words.chars().take(5).collect();
            let starred = format!("{start}*");
            prop_assert!(text(&starred, &words));
        }

        #[test]
        fn no_pattern_panics(pattern in "[-a\\[\\]{}*?/\\\\!,^]{0,12}", name in "[a/.]{0,8}") {
            if let Ok(patterns) = PathPatterns::new([&*pattern]) {
                patterns.matches(&name);
            }
        }
    }
}
