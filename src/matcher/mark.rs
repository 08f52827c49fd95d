//! `layersift:ignore`, written beside a credential by whoever wrote the text.
//!
//! A mark counts on the credential's own line, and on the line before if nothing but the signs of a comment stands in
//! front of it there. Nothing is suppressed here: the mark goes along with the match, and whoever reads the report
//! decides whether to believe authors of images. Whether there is a mark depends on [`REACH`] bytes at both sides of
//! the credential and on nothing else, so it is the same for any chunking.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr};
use serde::{Deserialize, Serialize};

/// Bytes at each side of a credential in which its mark has to stand.
pub const REACH: usize = 1 << 10;

/// The word.
const WORD: &[u8] = b"layersift:ignore";
/// Bytes of a reason that are kept.
const REASON: usize = 200;
/// Words that open a comment although they are letters: of batch files, of m4.
const OPENERS: [&[u8]; 2] = [b"rem", b"dnl"];
/// What ends a comment before its line ends.
const CLOSERS: [&[u8]; 4] = [b"*/", b"-->", b"#}", b"%>"];

/// One mark.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Ids of the rules that it is meant for; with none it is meant for all.
    pub rules: Vec<String>,
    /// What its author gave as the reason.
    pub reason: Option<String>,
    /// Whether it stands on the line before.
    pub above: bool,
}

impl Mark {
    /// The mark of the credential at `secret` of `text`. `text` has to reach [`REACH`] bytes to both sides of it, or to
    /// its true ends.
    pub fn at(text: &[u8], secret: &Range<usize>) -> Option<Self> {
        Self::within(text, secret, REACH)
    }

    /// The same where a byte of `text` stands for several of its source.
    pub fn within(text: &[u8], secret: &Range<usize>, reach: usize) -> Option<Self> {
        let before = &text[secret.start.saturating_sub(reach)..secret.start];
        let after = &text[secret.end..text.len().min(secret.end + reach)];
        let (above, before) = match memrchr(b'\n', before) {
            Some(end) => (Some(&before[..end]), &before[end + 1..]),
            None => (None, before),
        };
        let whole_words = |text: &[u8]| text.iter().rposition(u8::is_ascii_whitespace).unwrap_or(0);
        let line_end = match memchr(b'\n', after) {
            None if after.len() == reach => whole_words(after),
            end => end.unwrap_or(after.len()),
        };
        let own = find(&after[..line_end]).or_else(|| find(before)).map(|(_, mark)| mark);
        own.or_else(|| {
            let above = above?;
            let line = match memrchr(b'\n', above) {
                Some(end) => &above[end + 1..],
                // A line whose start is out of reach may begin with anything.
                None if secret.start >= reach => return None,
                None => above,
            };
            let (at, mark) = find(line)?;
            is_opener(&line[..at]).then_some(Self { above: true, ..mark })
        })
    }

    /// Whether it is meant for findings of `rule`.
    pub fn covers(&self, rule: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|own| own == rule)
    }
}

/// The first mark of a line, and where it stands.
fn find(line: &[u8]) -> Option<(usize, Mark)> {
    let at = memmem::find_iter(line, WORD).find(|at| {
        let part_of_word = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
        !part_of_word(line[..*at].last()) && !part_of_word(line.get(at + WORD.len()))
    })?;
    Some((at, parse(&line[at + WORD.len()..])))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':')
}

/// Whether nothing but the signs of a comment stands in front of a mark.
fn is_opener(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let signs = |text: &[u8]| !text.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    signs(text) || OPENERS.iter().any(|opener| text.eq_ignore_ascii_case(opener))
}

/// What follows the word: `rule-id, rule-id reason`.
fn parse(rest: &[u8]) -> Mark {
    let end = CLOSERS.iter().filter_map(|closer| memmem::find(rest, closer)).min().unwrap_or(rest.len());
    let mut rest = rest[..end].trim_ascii();
    let mut rules = Vec::new();
    while let Some((id, behind)) = rule_id(rest) {
        rules.push(id);
        rest = behind.trim_ascii_start();
        match rest.strip_prefix(b",") {
            Some(behind) => rest = behind.trim_ascii_start(),
            None => break,
        }
    }
    Mark { rules, reason: reason(rest), above: false }
}

/// A word with a hyphen in small letters, as ids of rules are. So a typing error in an id makes a mark for nothing,
/// and not one for everything.
fn rule_id(text: &[u8]) -> Option<(String, &[u8])> {
    let in_id = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let end = text.iter().position(|byte| !in_id(byte)).unwrap_or(text.len());
    let (id, behind) = text.split_at(end);
    let ended = behind.first().is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b':'));
    let hyphened = id.contains(&b'-') && !id.starts_with(b"-") && !id.ends_with(b"-");
    (ended && hyphened).then(|| (String::from_utf8_lossy(id).into_owned(), behind))
}

/// The words of a sentence, as long as they look like some: what goes on as code or as a key is no reason, and a word
/// that is cut off could be part of a credential.
fn reason(text: &[u8]) -> Option<String> {
    let code = |byte: &u8| matches!(byte, b'"' | b'`' | b'<' | b'>' | b'{' | b'}' | b'=' | b'$' | b'\\');
    let end = text.iter().position(code).or_else(|| memmem::find(text, b"-----"));
    let mut text = &text[..end.unwrap_or(text.len())];
    if text.len() > REASON {
        let word_end = text[..REASON].iter().rposition(u8::is_ascii_whitespace);
        text = &text[..word_end.unwrap_or(0)];
    }
    let text = String::from_utf8_lossy(text);
    let signs = |c: char| c.is_whitespace() || matches!(c, ':' | ',' | ';' | '-' | '\'' | '(' | ')');
    let text = text.trim_matches(signs);
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The mark of the word `SECRET` in `text`.
    fn mark(text: &str) -> Option<Mark> {
        let start = text.find("SECRET").expect("a secret");
        Mark::at(text.as_bytes(), &(start..start + 6))
    }

    fn rules(text: &str) -> Option<Vec<String>> {
        mark(text).map(|mark| mark.rules)
    }

    #[test]
    fn a_mark_on_the_line_counts_on_either_side() {
        for text in [
            "key = SECRET # layersift:ignore",
            "key = SECRET // layersift:ignore\nmore",
            "/* layersift:ignore */ key = SECRET",
            "<add key='SECRET' /> <!-- layersift:ignore -->\r\n",
            "SECRET;layersift:ignore",
            "first\nkey = SECRET # layersift:ignore",
        ] {
            assert_eq!(mark(text), Some(Mark::default()), "{text}");
        }
    }

    #[test]
    fn a_mark_on_the_line_before_counts_as_a_comment_of_its_own() {
        for opener in
            ["#", "  //", "/*", " *", "<!--", "--", ";", "%", "REM", "rem ", "{#", "\"//\": \"", "::", ""]
        {
            for end in ["\n", "\r\n", " */\n"] {
                let text = format!("{opener} layersift:ignore{end}key = SECRET");
                assert!(mark(&text).is_some_and(|mark| mark.above), "{text}");
                assert!(mark(&format!("other\n{text}")).is_some(), "{text}");
            }
        }
        for text in [
            "other = 1 # layersift:ignore\nkey = SECRET",
            "# layersift:ignore\n\nkey = SECRET",
            "key = SECRET\n# layersift:ignore",
            "# layersift:ignored\nkey = SECRET",
            "# layersift:ignore-next\nkey = SECRET",
            "# mylayersift:ignore\nkey = SECRET",
            "# Layersift:Ignore\nkey = SECRET",
            "key = SECRET",
        ] {
            assert_eq!(mark(text), None, "{text}");
        }
    }

    #[test]
    fn rules_and_a_reason_may_follow() {
        let read = |text: &str| {
            let mark = mark(&format!("SECRET # layersift:ignore{text}")).expect("a mark");
            (mark.rules.join(" "), mark.reason.unwrap_or_default())
        };
        let expect = |rules: &str, reason: &str| (rules.to_owned(), reason.to_owned());
        assert_eq!(read(" github-pat"), expect("github-pat", ""));
        assert_eq!(
            read(" github-pat, aws-access-key  made up"),
            expect("github-pat aws-access-key", "made up")
        );
        assert_eq!(
            read(" github-pat,aws-access-key: made up"),
            expect("github-pat aws-access-key", "made up")
        );
        assert_eq!(read(" a key of the tests"), expect("", "a key of the tests"));
        assert_eq!(read(" (made up) */ more"), expect("", "made up"));
        assert_eq!(read(" -- because"), expect("", "because"));
        assert_eq!(read(" github-pat, because"), expect("github-pat", "because"));
        assert!(mark("SECRET # layersift:ignore githbu-pat").is_some_and(|mark| !mark.covers("github-pat")));
        assert!(mark("SECRET # layersift:ignore github-pat").is_some_and(|mark| mark.covers("github-pat")));
    }

    #[test]
    fn the_credential_is_no_part_of_the_reason() {
        let found = mark("/* layersift:ignore made up: SECRET").expect("a mark");
        assert_eq!(found.reason.as_deref(), Some("made up"));
    }

    #[test]
    fn code_and_keys_are_no_part_of_the_reason() {
        let read = |text: &str| mark(&format!("SECRET # layersift:ignore {text}")).expect("a mark").reason;
        assert_eq!(read("made up\", \"key\": \"other"), Some("made up".into()));
        assert_eq!(read("-----BEGIN RSA PRIVATE KEY----- MIIE"), None);
        assert_eq!(read(&"x".repeat(2 * REASON)), None, "a word that is cut is not shown");
        let long = read(&"words ".repeat(REASON)).expect("a reason");
        assert!(long.len() <= REASON && long.ends_with("words"), "{long}");
    }

    #[test]
    fn on_a_long_line_the_mark_has_to_be_near() {
        let filler = |length: usize| "x ".repeat(length / 2);
        for (distance, found) in [(0, true), (REACH - 40, true), (REACH, false), (10 * REACH, false)] {
            let behind = format!("SECRET{} layersift:ignore", filler(distance));
            assert_eq!(mark(&behind).is_some(), found, "{distance}");
            let before = format!("layersift:ignore {}SECRET", filler(distance));
            assert_eq!(mark(&before).is_some(), found, "{distance}");
            let above = format!("# layersift:ignore {}\nSECRET", filler(distance));
            assert_eq!(mark(&above).is_some(), found, "{distance}");
        }
        let cut = format!("code {}# layersift:ignore\nSECRET", "# ".repeat(REACH));
        assert_eq!(rules(&cut), None, "what stands before it cannot be seen");
    }

    proptest! {
        #[test]
        fn what_is_out_of_reach_changes_nothing(
            text in proptest::collection::vec(
                proptest::sample::select(vec!["\n", "# ", "layersift:ignore", " a-b", "x", "\r\n", "\u{e4}"]), 0..1_500),
            split in 0_usize..1_500,
        ) {
            let (head, tail) = text.split_at(split.min(text.len()));
            let (head, tail) = (head.concat(), tail.concat());
            let whole = format!("{head}SECRET{tail}");
            let secret = head.len()..head.len() + 6;
            let from = secret.start.saturating_sub(REACH);
            let cut = &whole.as_bytes()[from..whole.len().min(secret.end + REACH)];
            prop_assert_eq!(
                Mark::at(whole.as_bytes(), &secret),
                Mark::at(cut, &(secret.start - from..secret.end - from))
            );
        }
    }
}
