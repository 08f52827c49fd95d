//! Lines of a log that no CI runner obeys.
//!
//! Runners read what a job prints: GitHub's obeys `::name …::` at the beginning of a line, behind white space too, and older
//! commands `##[name]` anywhere in it; those of Azure and `TeamCity` obey `##vso[…]` and `##teamcity[…]`. Reports quote names
//! and texts of an image, and are printed. So in every format but the one that is made of such commands the character
//! that makes a text one is written in another way, which is the same character to a reader of XML or JSON.
//! Where a text comes from or how it was wrapped does not matter here: lines are looked at as they are written.

use std::borrow::Cow;
use std::io::{self, Write};

/// How a format can write an ASCII character differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\u{23}`, as other characters are shown that must not act.
    Text,
    /// `&#35;`
    Xml,
    /// `\u0023`; in JSON nothing else than a string can hold what is escaped.
    Json,
}

impl Escape {
    fn push(self, out: &mut Vec<u8>, byte: u8) {
        let text = match self {
            Self::Text => format!("\\u{{{byte:x}}}"),
            Self::Xml => format!("&#{byte};"),
            Self::Json => format!("\\u{byte:04x}"),
        };
        out.extend(text.into_bytes());
    }
}

/// Lets `write` write what no runner obeys.
pub(super) fn unheard(
    out: &mut dyn Write,
    escape: Escape,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = Lines { out, escape, line: Vec::new() };
    write(&mut lines)?;
    lines.end()
}

/// `text` with every command to a runner in it made harmless.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !bytes.split_inclusive(is_end).any(|line| line.iter().enumerate().any(|(at, _)| acts(line, at))) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    bytes.split_inclusive(is_end).for_each(|line| push_line(&mut out, line, Escape::Text));
    Cow::Owned(String::from_utf8(out).expect("ASCII characters became ASCII text"))
}

/// Holds a line back until it is complete.
struct Lines<'w> {
    out: &'w mut dyn Write,
    escape: Escape,
    line: Vec<u8>,
}

impl Lines<'_> {
    fn end(&mut self) -> io::Result<()> {
        let mut shown = Vec::with_capacity(self.line.len());
        push_line(&mut shown, &self.line, self.escape);
        self.line.clear();
        self.out.write_all(&shown)
    }
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(is_end) {
            self.line.extend(part);
            if part.last().is_some_and(is_end) {
                self.end()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn is_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn push_line(out: &mut Vec<u8>, line: &[u8], escape: Escape) {
    for (at, &byte) in line.iter().enumerate() {
        if acts(line, at) { escape.push(out, byte) } else { out.push(byte) }
    }
}

/// Whether the byte there makes the line a command. Nothing that is no command has to stay as it is, so a little more is taken
/// for one: any character beyond ASCII for white space, any word for a name.
fn acts(line: &[u8], at: usize) -> bool {
    let follows = |byte: &u8| byte.is_ascii_alphabetic();
    match line[at..] {
        [b':', b':', ref next, ..] => {
            follows(next) && line[..at].iter().all(|byte| byte.is_ascii_whitespace() || !byte.is_ascii())
        }
        [b'#', ref next, ..] => at > 0 && line[at - 1] == b'#' && (follows(next) || *next == b'['),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(parts: &[&str], escape: Escape) -> String {
        let mut out = Vec::new();
        unheard(&mut out, escape, |out| parts.iter().try_for_each(|part| out.write_all(part.as_bytes())))
            .expect("a vector takes everything");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn commands_are_shown_and_not_obeyed() {
        for (text, shown) in [
            ("::add-mask::x", r"\u{3a}:add-mask::x"),
            ("a\n \t::error::x\n", "a\n \t\\u{3a}:error::x\n"),
            ("\u{3000}::error::x", "\u{3000}\\u{3a}:error::x"),
            ("a ##[add-mask]x", r"a #\u{23}[add-mask]x"),
            ("###[group]x", r"##\u{23}[group]x"),
            ("##vso[task.setvariable variable=a]b", r"#\u{23}vso[task.setvariable variable=a]b"),
        ] {
            assert_eq!(harmless(text), shown);
            assert_eq!(written(&[text], Escape::Text), shown);
        }
    }

    #[test]
    fn what_is_no_command_stays_as_it_is() {
        let text = "std::io::Error ::1 :: # a\n## A heading\n### more ##\na ::error::x\n:a::";
        assert!(matches!(harmless(text), Cow::Borrowed(same) if same == text));
        assert_eq!(written(&[text], Escape::Text), text);
    }

    #[test]
    fn each_language_has_its_own_way_to_say_the_same() {
        assert_eq!(written(&["##[a]\n::b"], Escape::Xml), "#&#35;[a]\n&#58;:b");
        assert_eq!(written(&["\"##[a]\""], Escape::Json), "\"#\\u0023[a]\"");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "([:#a\\[ \n]|::|##){0,20}", at in 0_usize..20) {
            let at = at.min(text.len());
            let whole = harmless(&text);
            prop_assert_eq!(&written(&[&text[..at], &text[at..]], Escape::Text), &*whole);
            prop_assert!(!whole.contains("##[") && !whole.contains("##a"));
            prop_assert!(whole.lines().all(|line| !line.trim_start().starts_with("::a")));
        }
    }
}
