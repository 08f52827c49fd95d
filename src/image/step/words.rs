//! Single words of a command: their text without quotes, and how options are told from arguments.

use std::ops::Range;

use super::scan::Dialect;
use super::vocabulary::{attaches, is_flag, valued_letters};

/// Bytes of a word that are looked at to understand what it is.
const UNDERSTOOD: usize = 256;

/// A word, maybe in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Without the quotes around it.
    pub(super) range: Range<usize>,
    /// Whether no shell has read it, so that quotes in it mean nothing: an element of a JSON list.
    pub(super) literal: bool,
}

/// What a word that begins with a dash is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dash {
    /// `-` and what comes after `--`.
    Argument,
    /// `--`.
    End,
    /// An option that never has a value.
    Flag,
    /// An option whose value is the next word, if that is not an option too.
    Before(String),
    /// An option with its value.
    With(String, Word),
}

impl Word {
    /// The word of a shell script at `range`, quotes included.
    pub(super) fn of_script(text: &str, range: Range<usize>, dialect: Dialect) -> Self {
        Self { range: unquoted(text, range, dialect), literal: false }
    }

    /// What the word says, as far as that is needed to understand it.
    pub(super) fn says(&self, text: &str) -> String {
        let mut end = self.range.end.min(self.range.start + UNDERSTOOD);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let raw = &text[self.range.start..end];
        if self.literal { raw.to_owned() } else { raw.replace(['"', '\'', '\\'], "") }
    }

    /// The parts before and after the first `=`, if the one before can be a name.
    pub(super) fn assignment(&self, text: &str) -> Option<(String, Self)> {
        let (name, value) = self.split(text)?;
        let clean = name.strip_suffix('+').unwrap_or(&name);
        is_name(clean).then(|| (clean.to_owned(), value))
    }

    /// The parts before and after the first `=`.
    fn split(&self, text: &str) -> Option<(String, Self)> {
        let raw = &text[self.range.clone()];
        let at = raw.bytes().take(UNDERSTOOD).position(|byte| byte == b'=')?;
        let start = self.range.start;
        let name = Self { range: start..start + at, literal: self.literal };
        Some((name.says(text), self.rest(text, at + 1)))
    }

    /// The word without its first `bytes` bytes and without the quotes that may come then.
    pub(super) fn rest(&self, text: &str, bytes: usize) -> Self {
        let range = self.range.start + bytes..self.range.end;
        let range = if self.literal { range } else { unquoted(text, range, Dialect::Quoted) };
        Self { range, literal: self.literal }
    }

    /// What it is as an argument of `tool`.
    pub(super) fn dash(&self, text: &str, tool: &str) -> Dash {
        let says = self.says(text);
        if says == "--" {
            return Dash::End;
        }
        let Some(letters) = says.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return Dash::Argument;
        };
        let Some(first) = letters.bytes().next().filter(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
        else {
            return if letters.bytes().all(|byte| byte.is_ascii_digit()) {
                Dash::Flag
            } else {
                Dash::Argument
            };
        };
        let attached = || Dash::With(format!("-{}", first as char), self.rest(text, 2));
        if first != b'-' && letters.len() > 1 && attaches(tool) && text[self.range.clone()].starts_with('-') {
            return attached();
        }
        if let Some(valued) = valued_letters(tool).filter(|_| first != b'-') {
            return self.cluster(text, &says, valued);
        }
        if letters.starts_with("--") {
            // The first line of a PEM block.
            return Dash::Argument;
        }
        if let Some((name, value)) = self.split(text)
            && safe(&name).is_some()
        {
            return Dash::With(name, value);
        }
        let plain = letters.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        let number = letters.len() > 4 && letters[1..].bytes().any(|byte| byte.is_ascii_digit());
        if first != b'-' && (!plain || number) && text[self.range.clone()].starts_with('-') {
            return attached();
        }
        if is_flag(&says, tool) {
            return Dash::Flag;
        }
        safe(&says).map_or(Dash::Argument, Dash::Before)
    }

    /// What `-sSLo` is, if of all letters only those in `valued` take a value.
    fn cluster(&self, text: &str, says: &str, valued: &str) -> Dash {
        let Some(at) = says.find(|letter| valued.contains(letter)) else {
            return Dash::Flag;
        };
        let name = format!("-{}", &says[at..=at]);
        let as_written = text[self.range.clone()].starts_with(&says[..=at]);
        if at + 1 < says.len() && as_written {
            return Dash::With(name, self.rest(text, at + 1));
        }
        Dash::Before(name)
    }
}

/// Whether `name` can name a variable, a property or a key of a file.
pub(super) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    starts && safe(name).is_some() && !name.contains("://")
}

/// `name`, unless it may be more than a name: too long, with spaces, or an address with credentials.
pub(super) fn safe(name: &str) -> Option<String> {
    const LENGTH: usize = 80;
    let login = name.find(':').is_some_and(|colon| name[colon..].contains('@'));
    let plain = name.chars().all(|c| c.is_alphanumeric() || "_-.:/@$*+~,%".contains(c));
    (!name.is_empty() && name.len() <= LENGTH && plain && !login).then(|| name.to_owned())
}

/// `range` of `text` without the quotes, if quotes are around the whole of it.
pub(super) fn unquoted(text: &str, range: Range<usize>, dialect: Dialect) -> Range<usize> {
    let raw = &text[range.clone()];
    let quotes: &[(&str, &str)] = match dialect {
        Dialect::Plain => &[("$'", "'"), ("$\"", "\""), ("'", "'"), ("\"", "\"")],
        _ => &[("\\\"", "\\\""), ("$'", "'"), ("'", "'"), ("\"", "\"")],
    };
    for (open, close) in quotes {
        let Some(inside) = raw.strip_prefix(open) else { continue };
        let start = range.start + open.len();
        let escapes = *close == "\"" || *open == "$'";
        return match closing(inside, close, escapes) {
            Some(at) if at + close.len() == inside.len() => start..start + at,
            Some(_) => range,
            None => start..range.end,
        };
    }
    range
}

/// Where `text` has its first `close`, not counting those after a backslash if `escapes`.
fn closing(text: &str, close: &str, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(close.as_bytes()) {
            return Some(at);
        }
        at += if escapes && bytes[at] == b'\\' { 2 } else { 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dash(word: &str, tool: &str) -> String {
        match Word::of_script(word, 0..word.len(), Dialect::Plain).dash(word, tool) {
            Dash::With(name, value) => format!("{name} = {}", &word[value.range]),
            Dash::Before(name) => name,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn options_are_cut_from_their_values() {
        for (word, tool, expected) in [
            ("--password=x", "", "--password = x"),
            ("--password='x y'", "", "--password = x y"),
            ("\"--password=x\"", "", "--password = x"),
            ("--password", "", "--password"),
            ("--password-stdin", "", "Flag"),
            ("-p", "", "-p"),
            ("-px", "mysql", "-p = x"),
            ("-p\"x y\"", "mysqldump", "-p = x y"),
            ("-pS3cret-9", "tool", "-p = S3cret-9"),
            ("-p@ss", "tool", "-p = @ss"),
            ("-Dkey.name=x", "mvn", "-Dkey.name = x"),
            ("-srcstorepass", "keytool", "-srcstorepass"),
            ("-sSL", "curl", "Flag"),
            ("-sSLo", "curl", "-o"),
            ("-uuser:x", "curl", "-u = user:x"),
            ("-sSL", "other", "-sSL"),
            ("-1", "openssl", "Flag"),
            ("-", "", "Argument"),
            ("--", "", "End"),
            ("word", "", "Argument"),
            ("-----BEGIN", "", "Argument"),
            ("'--a b'", "", "Argument"),
        ] {
            assert_eq!(dash(word, tool), expected, "{word} {tool}");
        }
    }

    #[test]
    fn only_quotes_around_the_whole_are_taken_off() {
        for (raw, expected) in [
            ("'a b'", "a b"),
            ("\"a\\\"b\"", "a\\\"b"),
            ("$'a\\'b'", "a\\'b"),
            ("'a'b", "'a'b"),
            ("\"a\"\"b\"", "\"a\"\"b\""),
            ("'open", "open"),
            ("''", ""),
            ("a", "a"),
        ] {
            assert_eq!(&raw[unquoted(raw, 0..raw.len(), Dialect::Plain)], expected);
        }
    }

    #[test]
    fn names_that_may_be_more_are_refused() {
        for name in ["API_KEY", "//host/:_authToken", "@scope:registry", "a.b-c", "~/.npmrc"] {
            assert!(safe(name).is_some(), "{name}");
        }
        for name in ["", "a b", "https://u:p@h", "url.\"x\"", &"a".repeat(81)] {
            assert!(safe(name).is_none(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_word_can_be_looked_at(word in r#"[-='"\\$a-c1é]{1,12}"#, tool in "mysql|x") {
            for dialect in [Dialect::Plain, Dialect::Quoted, Dialect::Json] {
                let parsed = Word::of_script(&word, 0..word.len(), dialect);
                if let Dash::With(_, value) = parsed.dash(&word, &tool) {
                    prop_assert!(word.get(value.range).is_some());
                }
                if let Some((_, value)) = parsed.assignment(&word) {
                    prop_assert!(word.get(value.range).is_some());
                }
            }
        }
    }
}
