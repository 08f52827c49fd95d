use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::signature::RuleSet;
use crate::signature::template::expand;

fn matcher() -> &'static Matcher {
    static MATCHER: OnceLock<Matcher> = OnceLock::new();
    MATCHER.get_or_init(|| Matcher::new(RuleSet::embedded()))
}

/// What is found where the first piece ends within `within`: rule, place and text.
fn found(text: &[u8], within: Range<usize>) -> Vec<(usize, Range<usize>, String)> {
    let around = Surroundings { path: Some(b"srv/a.yaml"), pair: None };
    let mut found = Vec::new();
    matcher().joined(text, within, around, &mut |joined| {
        let secret = String::from_utf8_lossy(&joined.secret).into_owned();
        found.push((joined.hit.rule, joined.hit.secret, secret));
    });
    found
}

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "joined")
}

/// The letters of a text as a row of strings with `tie` between them.
fn row(text: &str, tie: &str) -> String {
    text.chars().map(|letter| format!("\"{letter}\"")).collect::<Vec<_>>().join(tie)
}

#[test]
fn a_token_in_a_long_row_of_letters_is_found_once_and_where_it_stands() {
    let (token, filler) = (token(), "x-".repeat(700));
    for (tie, start) in [("+", "\""), (" . ", "\""), ("\\\n", "")] {
        let in_row = |text: &str| {
            if start.is_empty() {
                text.chars().flat_map(|letter| [letter, '\\', '\n']).collect()
            } else {
                row(text, tie) + tie
            }
        };
        let (before, own, behind) = (in_row(&filler), in_row(&token), in_row(&format!("-{filler}")));
        let text = format!("{before}{own}{behind}");
        let all = found(text.as_bytes(), 0..text.len());
        let place = before.len() + start.len();
        let secrets: Vec<_> = all.iter().map(|(_, range, secret)| (range.start, secret.as_str())).collect();
        assert_eq!(secrets, [(place, token.as_str())], "{tie:?}");
    }
}

/// What rows are made of, and what looks like it.
const PARTS: &[&str] = &[
    "\"",
    "'",
    "`",
    "\"",
    "'",
    "+",
    " + ",
    " . ",
    ", ",
    "[\"",
    "\"].join(\"\")",
    "concat(",
    "\\\n",
    "=\n",
    "\\\r\n",
    "/*'*/",
    "a",
    "-",
    "token=",
    "ghp_",
    "AKIA",
    "password = ",
    "\n",
    "0a1B",
    "\"+\"",
    "\" \"",
    "'.'",
    "\\\"",
    "Xk9mQ2vT",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_found_of_a_row_is_what_each_place_in_it_gives_alone(
        parts in prop::collection::vec((0..PARTS.len(), 1..40_usize), 0..24),
        token_at in 0..24_usize,
        cut in 1..39_usize,
    ) {
        let token = token();
        let mut text = String::new();
        for (number, (part, times)) in parts.iter().enumerate() {
            if number == token_at {
                text.push_str(&["\"", &token[..cut], "\"+'", &token[cut..], "'"].concat());
            }
            // Few things in a row make many pieces, and many of them one.
            text.push_str(&PARTS[*part].repeat(if part % 3 == 0 { *times } else { 1 }));
        }
        let whole = found(text.as_bytes(), 0..text.len());
        let alone: Vec<_> = (0..text.len()).flat_map(|at| found(text.as_bytes(), at..at + 1)).collect();
        let sorted = |mut all: Vec<(usize, Range<usize>, String)>| {
            all.sort_by_key(|(rule, range, _)| (range.start, range.end, *rule));
            all
        };
        prop_assert_eq!(sorted(whole), sorted(alone));
    }
}
