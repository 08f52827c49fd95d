//! What stands at the border of two chunks is seen as in one.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::super::chunk::{KEPT, LEFT};
use super::*;
use crate::signature::RuleSet;
use crate::signature::template::expand;

/// A rule whose literal stands behind its credential, so that a match begins long before its candidate.
const LATE: &str = r#"
    provider = "Late"
    [[rule]]
    id = "late-literal"
    name = "Late literal"
    severity = "low"
    pattern = '\b(?<secret>[a-z0-9]{30,900}@late)\b'
    why = "Nothing."
    [[rule.finds]]
    text = "a={base62:40}@late"
    secret = "{base62:40}@late"
    [[rule.finds]]
    text = "b: {base62:40}@late;"
    secret = "{base62:40}@late"
    [[rule.ignores]]
    text = "@late"
    why = "nothing in front of it"
"#;

fn matcher() -> Matcher {
    let rules = RuleSet::parse([("late.toml", LATE)]).unwrap_or_else(|error| panic!("{error}"));
    Matcher::new(Arc::new(rules))
}

/// The chunk that owns `owned` of `bytes`, with no more around it than a chunk has.
pub(super) fn chunk(bytes: &[u8], owned: Range<usize>) -> Chunk {
    let (from, to) = (owned.start.saturating_sub(KEPT), bytes.len().min(owned.end + LEFT));
    let content = Segment { start: 0, end: u64::MAX, kind: SegmentKind::Content, entry: None };
    Chunk {
        bytes: bytes[from..to].to_vec(),
        base: from as u64,
        owned: owned.start - from..owned.end - from,
        segments: vec![content],
        ..Chunk::default()
    }
}

/// Of a match: where it stands, what it is, what was undone, and its mark.
type Told = (Range<u64>, Vec<u8>, Vec<&'static str>, Option<Mark>);

fn found(matcher: &Matcher, chunk: &Chunk) -> Vec<Told> {
    let found = matches(matcher, chunk, &Limits::default()).found;
    let told = |found: Match| (found.range, found.what.secret.expose().to_vec(), found.decoded, found.mark);
    found.into_iter().map(told).collect()
}

/// A text as it is and in encodings, some of them in each other. Lines of digits begin behind a few others.
fn encoded(text: &str, form: usize) -> Vec<u8> {
    let digit = |nibble| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let hex =
        |text: &[u8]| text.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>();
    let wrapped = |text: &str, between: &str| {
        let lines: Vec<_> = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line)).collect();
        lines.join(between)
    };
    let utf16 = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>();
    let base64 = |text: &[u8]| BASE64_STANDARD.encode(text);
    match form {
        0 => text.into(),
        1 => utf16(text.as_bytes()),
        2 => format!("data = {}", base64(text.as_bytes())).into(),
        3 => wrapped(&base64(text.as_bytes()), "\n").into(),
        4 => wrapped(&base64(text.as_bytes()), "\r\n    ").into(),
        5 => hex(text.as_bytes()).into(),
        6 => text.bytes().flat_map(|byte| [0, 0, 0, byte]).collect(),
        7 => base64(&utf16(text.as_bytes())).into(),
        8 => wrapped(&base64(wrapped(&base64(text.as_bytes()), "\n").as_bytes()), "\n").into(),
        9 => utf16(hex(text.as_bytes()).as_bytes()),
        10 => escaped(text.as_bytes(), "%"),
        11 => escaped(&escaped(text.as_bytes(), "%"), "%"),
        _ => escaped(text.as_bytes(), "\\u00"),
    }
}

/// Forms that [`encoded`] knows.
const FORMS: usize = 13;

/// All that is no letter and no digit, and every `a` too, as an escape.
fn escaped(text: &[u8], before: &str) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let escape = |byte: &u8| {
        let plain = byte.is_ascii_alphanumeric() && *byte != b'a';
        if plain { vec![*byte] } else { [before.as_bytes(), &[digit(byte >> 4), digit(byte & 15)]].concat() }
    };
    text.iter().flat_map(escape).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn marks_are_the_same_wherever_a_chunk_ends(
        length in 30_usize..900,
        (before, behind) in (0_usize..1_200, 0_usize..1_200),
        kind in 0_usize..4,
        distance in -3_000_isize..1_500,
        form in 0..FORMS,
    ) {
        let secret = expand("{base62:900}", "late")[..length].to_lowercase();
        let (mark, before, behind) = ("/* layersift:ignore */", " ;".repeat(before / 2), "; ".repeat(behind / 2));
        let line = match kind {
            0 => format!("{mark}{before}{secret}@late{behind}"),
            1 => format!("{before}{secret}@late{behind}{mark}"),
            2 => format!("{mark}\n{before}{secret}@late{behind}"),
            _ => format!("{before}{secret}@late{behind}"),
        };
        let filler = "plain words\n".repeat(900);
        let bytes = encoded(&format!("{filler}{line}\n{filler}"), form);
        let matcher = matcher();
        let whole = found(&matcher, &chunk(&bytes, 0..bytes.len()));
        prop_assert_eq!(whole.len(), 1, "{}", form);
        let literal = usize::try_from(whole[0].0.end).expect("it is small");
        let border = literal.saturating_add_signed(distance);
        let mut halves = found(&matcher, &chunk(&bytes, 0..border));
        halves.extend(found(&matcher, &chunk(&bytes, border..bytes.len())));
        prop_assert_eq!(halves, whole);
    }
}

/// What stands around a token in files: a shell, JSON, YAML, variables, sections, XML.
const SURROUNDINGS: [&str; 6] = [
    "#!/bin/sh\nexport VALUE='{}'\necho done\n",
    "{\"name\": \"a\", \"value\": \"{}\", \"more\": [1, 2]}\n",
    "app:\n  value: {}\n  more: 1\n",
    "VALUE={}\nMORE=1\n",
    "[app]\nvalue = {}\nmore = 1\n",
    "<app>\n <value>{}</value>\n</app>\n",
];

#[test]
fn a_token_is_found_in_every_encoding_of_every_encoding() {
    let matcher = Matcher::new(RuleSet::embedded());
    let token = expand("ghp_{base62:30}{github-crc32}", "depth");
    let text = |number: usize, inner: &str| SURROUNDINGS[number % SURROUNDINGS.len()].replace("{}", inner);
    // Each once or twice in another, and a third time in base64; what is not ASCII cannot stand in a text again.
    let textual = [2, 3, 5, 10, 12];
    for (number, (first, second)) in (0..FORMS).flat_map(|a| textual.map(|b| (a, b))).enumerate() {
        let innermost = text(number, &token);
        let once = encoded(&innermost, first);
        let mut files = vec![(1, once.clone())];
        if let Some(once) = String::from_utf8(once).ok().filter(|once| !once.contains('\0')) {
            let twice = encoded(&text(number + 1, &once), second);
            let twice = String::from_utf8(twice).expect("these forms are ASCII");
            files.push((3, encoded(&text(number + 2, &twice), 2)));
            files.push((2, twice.into_bytes()));
        }
        for (depth, file) in files {
            let found = found(&matcher, &chunk(&file, 0..file.len()));
            let is = |told: &&Told| told.1 == token.as_bytes();
            assert!(
                found.iter().any(|told| is(&told)),
                "forms {first}, {second} at depth {depth}: {found:?}"
            );
        }
    }
}
