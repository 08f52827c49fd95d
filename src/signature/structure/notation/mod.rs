//! The notations that formats share, read tolerantly and with positions: each gives the scalars of a text with the keys
//! that lead to them. None builds a tree, so a text of any size and depth costs no more memory than its deepest keys.

mod code;
mod json;
mod settings;
mod xml;
mod yaml;

use std::borrow::Cow;
use std::ops::Range;

pub(super) use self::code::code;
pub(super) use self::json::json;
pub(super) use self::settings::{environment, settings};
pub(super) use self::xml::xml;
pub(super) use self::yaml::yaml;

/// A scalar of a text.
#[derive(Debug)]
pub(super) struct Leaf<'t, 'k> {
    /// The keys that lead to it, outermost first; positions in lists are numbers.
    pub(super) keys: &'k [Cow<'t, [u8]>],
    /// Its text, without quotation marks and escapes.
    pub(super) text: Cow<'t, [u8]>,
    /// Where it stands, without quotation marks.
    pub(super) range: Range<usize>,
    /// Which of several documents in the text has it.
    pub(super) document: usize,
}

/// Takes the scalars of a text in their order.
pub(super) type Leaves<'s, 't> = dyn FnMut(&Leaf<'t, '_>) + 's;

/// A notation: gives every scalar of a text.
pub(super) type Notation = for<'t> fn(&'t [u8], &mut Leaves<'_, 't>);

/// Deepest nesting whose scalars are given; what lies deeper is passed over.
pub(super) const DEEPEST: usize = 64;

impl Leaf<'_, '_> {
    /// The last key, in lower case.
    pub(super) fn key(&self) -> String {
        self.keys.last().map(|key| lossy(key).to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether the last keys are these, whatever their case. A `*` stands for any text in a key.
    pub(super) fn ends(&self, wanted: &[&str]) -> bool {
        let fits = |(own, wanted): (&Cow<'_, [u8]>, &&str)| fits(own, wanted);
        self.keys.len() >= wanted.len() && self.keys.iter().rev().zip(wanted.iter().rev()).all(fits)
    }

    /// The keys, joined: of a path that is longer than people write, the innermost. It is kept for every credential found.
    pub(super) fn dotted(&self) -> String {
        let keys: Vec<Cow<'_, str>> = self.keys.iter().map(|key| lossy(key)).collect();
        let mut bytes = 0;
        let fit = keys.iter().rev().take_while(|key| {
            bytes += key.len() + 1;
            bytes <= LONGEST_PATH
        });
        keys[keys.len() - fit.count()..].join(".")
    }
}

/// Bytes of joined keys. One key alone is shorter: see [`lossy`].
const LONGEST_PATH: usize = 1024;

/// Whether `key` is `wanted`, in which one `*` stands for any text.
pub(super) fn fits(key: &[u8], wanted: &str) -> bool {
    let Some((head, tail)) = wanted.split_once('*') else {
        return key.eq_ignore_ascii_case(wanted.as_bytes());
    };
    key.len() >= head.len() + tail.len()
        && key[..head.len()].eq_ignore_ascii_case(head.as_bytes())
        && key[key.len() - tail.len()..].eq_ignore_ascii_case(tail.as_bytes())
}

/// A key for people. One that is longer than such keys are is not cut: half of a credential would be none that redaction
/// knows.
pub(super) fn lossy(key: &[u8]) -> Cow<'_, str> {
    if key.len() > LONGEST_KEY {
        return Cow::Owned(format!("(a key of {} bytes)", key.len()));
    }
    String::from_utf8_lossy(key)
}

/// Bytes of one key that is shown.
const LONGEST_KEY: usize = 256;

/// The lines of a text with where they begin, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let start = at;
        at += length + 1;
        let line = &rest[..length];
        Some((start, line.strip_suffix(b"\r").unwrap_or(line)))
    })
}

/// The part of `text` that `range` names without blanks at its ends, as a range.
pub(super) fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_ascii_start().len();
    start..start.max(range.start + part.trim_ascii_end().len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every scalar of `text` as `keys=text`.
    pub(super) fn dump(notation: Notation, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        notation(text.as_bytes(), &mut |leaf| {
            assert!(leaf.range.start <= leaf.range.end && leaf.range.end <= text.len());
            out.push(format!("{}={}", leaf.dotted(), String::from_utf8_lossy(&leaf.text)));
        });
        out
    }

    const ALL: [Notation; 6] = [json, yaml, settings, environment, xml, code];

    #[test]
    fn lines_have_any_end() {
        let all: Vec<_> = lines(b"\xef\xbb\xbfa\r\n\nb").collect();
        assert_eq!(all, [(3, &b"a"[..]), (6, b""), (7, b"b")]);
    }

    #[test]
    fn of_a_long_path_the_innermost_keys_are_kept() {
        let key = "k".repeat(250);
        let text = format!("{{\"{key}\": ").repeat(40) + "{\"password\": \"x\"" + &"}".repeat(41);
        let found = dump(json, &text);
        assert!(found[0].ends_with("k.password=x"), "{found:?}");
        assert!((800..=LONGEST_PATH + 2).contains(&found[0].len()));
    }

    #[test]
    fn a_key_that_is_too_long_is_told_and_not_cut() {
        let text = format!("{{\"{}\": {{\"password\": \"x\"}}}}", "k".repeat(812));
        assert_eq!(dump(json, &text), ["(a key of 812 bytes).password=x"]);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits(b"DB_PASSWORD", "*password") && fits(b"any", "*") && fits(b"AUTH", "auth"));
        assert!(!fits(b"a", "a*a") && !fits(b"auths", "auth"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_notation_panic_or_leave_the_text(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for notation in ALL {
                notation(&bytes, &mut |leaf| {
                    assert!(leaf.range.start <= leaf.range.end && leaf.range.end <= bytes.len());
                    assert!(leaf.keys.len() <= DEEPEST + 1);
                });
            }
        }

        #[test]
        fn no_signs_make_a_notation_panic(
            text in "([\\[\\]{}():,\"'=<>/#;|&*!\\\\%$ \\r\\n\\t-]|password|---|<!--|-->|]]>|export |&amp;|a|1|é){0,80}"
        ) {
            for notation in ALL {
                dump(notation, &text);
            }
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        let pieces = [
            "[",
            "{",
            "a: [\n",
            "a: \"\n",
            "<a",
            "<!--",
            "<![CDATA[",
            "- ",
            "\"",
            "'''",
            "/*",
            "a=\"\n",
            " a: |\n",
            "<a b=\"",
            "a: {\n",
            "'",
            "a: &b !c ",
            "define('",
            "\\\n",
            "=>",
            "<a><b>",
            "/*\n",
            "a: [)\n",
            "a = [(]\n",
            "a: '\n",
            "\"\"\"\n",
            "[a]\n",
            "-----BEGIN A\n",
        ];
        for piece in pieces {
            let text = piece.repeat((1 << 19) / piece.len());
            for notation in ALL {
                let start = std::time::Instant::now();
                notation(text.as_bytes(), &mut |_| {});
                assert!(start.elapsed().as_secs() < 20, "{piece:?}");
            }
        }
    }
}
