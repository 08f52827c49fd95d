//! Escapes that end right before a word and glue a letter of theirs to it: `\n`, `%3D`, `\u0026`, a colour of a terminal.
//!
//! In `"A=1\nTOKEN=x"` the name is `TOKEN`, and `n` is half of a line's end: a boundary of words stands behind it.

/// Length of the longest escape that is looked for: `\u0026`.
const LONGEST: usize = 8;

/// What the last byte of an escape may be.
pub(super) const LAST: &[u8] = b"0123456789abcdefABCDEFnrtvm";

/// Whether `text` ends with an escape whose last byte is a letter or a digit.
pub(super) fn ends(text: &[u8]) -> bool {
    let tail = &text[text.len().saturating_sub(LONGEST)..];
    match tail {
        [.., b'\\', b'n' | b'r' | b't' | b'v' | b'f' | b'b' | b'0'] => true,
        [.., b'%', a, b] | [.., b'\\', b'x', a, b] => hex(*a) && hex(*b),
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].into_iter().all(|digit| hex(*digit)),
        [.., b'm'] => colour(tail),
        [.., a, b, c] if tail.len() >= 4 => {
            let octal = [a, b, c].into_iter().all(|digit| matches!(digit, b'0'..=b'7'));
            octal && tail[tail.len() - 4] == b'\\'
        }
        _ => false,
    }
}

/// Bytes at the start of a word at `at` that belong to an escape begun before it: the `n` of `\nTOKEN`.
pub(super) fn glued(text: &[u8], at: usize) -> usize {
    let sign = at.checked_sub(1).map(|before| text[before]);
    if !matches!(sign, Some(b'\\' | b'%')) {
        return 0;
    }
    (1..=5).find(|length| text.get(..at + length).is_some_and(ends)).unwrap_or(0)
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// `ESC [ 31 m`, the escape itself written in any way.
fn colour(tail: &[u8]) -> bool {
    let digits =
        tail[..tail.len() - 1].iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    tail[..tail.len() - 1 - digits].ends_with(b"[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_behind_an_escape_is_found() {
        use crate::matcher::{Matcher, Surroundings};
        let matcher = Matcher::new(crate::signature::RuleSet::embedded());
        let token = crate::signature::template::expand("ghp_{base62:30}{github-crc32}", "escape");
        for before in ["\\n", "a=b%26", "\\u0026", "\u{1b}[32m", "\\040"] {
            let text = format!("x{before}{token}\\n");
            let hits = matcher.scan(text.as_bytes(), Surroundings::default());
            let found: Vec<&str> = hits.iter().map(|hit| &text[hit.secret.clone()]).collect();
            assert_eq!(found, [token.as_str()], "{text}");
        }
        let text = format!("word{token}");
        assert_eq!(matcher.scan(text.as_bytes(), Surroundings::default()), []);
    }

    #[test]
    fn escapes_end_before_a_word() {
        for text in ["a\\n", "\\t", "x=1%26", "%3d", "\\u0026", "\\x3d", "\u{1b}[31m", "\\u001b[0m", "\\040"]
        {
            assert!(ends(text.as_bytes()), "{text}");
            assert!(LAST.contains(text.as_bytes().last().unwrap()), "{text}");
        }
        for text in ["", "n", "an", "%2", "u0026", "x3d", "from", "\\\"", "040", "\\q"] {
            assert!(!ends(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn every_escape_ends_with_a_byte_that_is_listed_and_each_of_those_ends_one() {
        // Signs that begin escapes, and one byte of each kind that may follow them.
        let signs = b"\\%xu[;078afn";
        let mut last = [false; 256];
        for number in 0..signs.len().pow(4) {
            let sign = |place: u32| signs[number / signs.len().pow(place) % signs.len()];
            let mut text = [b'\\', sign(0), sign(1), sign(2), sign(3), 0];
            for byte in 0..=u8::MAX {
                text[5] = byte;
                last[usize::from(byte)] |= ends(&text);
            }
        }
        let last: Vec<u8> = (0..=u8::MAX).filter(|byte| last[usize::from(*byte)]).collect();
        let mut listed = LAST.to_vec();
        listed.sort_unstable();
        assert_eq!(last.escape_ascii().to_string(), listed.escape_ascii().to_string());
    }

    #[test]
    fn what_is_glued_to_a_word_is_measured() {
        for (text, at, length) in [
            ("\\nTOKEN", 1, 1),
            ("%26token", 1, 2),
            ("\\u0026key", 1, 5),
            ("\\token", 1, 1),
            ("token", 0, 0),
            ("$token", 1, 0),
        ] {
            assert_eq!(glued(text.as_bytes(), at), length, "{text}");
        }
    }
}
