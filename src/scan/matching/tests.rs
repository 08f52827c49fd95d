//! What stands at the border of two chunks is seen as in one.

use std::ops::Range;
use std::sync::Arc;

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
fn chunk(bytes: &[u8], owned: Range<usize>) -> Chunk {
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

fn marks(matcher: &Matcher, chunk: &Chunk) -> Vec<(Range<u64>, Option<Mark>)> {
    let found = matches(matcher, chunk, 100).found;
    found.into_iter().map(|found| (found.range, found.mark)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn marks_are_the_same_wherever_a_chunk_ends(
        length in 30_usize..900,
        (before, behind) in (0_usize..1_200, 0_usize..1_200),
        kind in 0_usize..4,
        distance in -3_000_isize..1_500,
        wide in any::<bool>(),
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
        let mut bytes = format!("{filler}{line}\n{filler}").into_bytes();
        if wide {
            bytes = bytes.into_iter().flat_map(|byte| [byte, 0]).collect();
        }
        let literal = bytes.iter().position(|byte| *byte == b'@').expect("the literal");
        let (matcher, border) = (matcher(), literal.saturating_add_signed(distance));
        let whole = marks(&matcher, &chunk(&bytes, 0..bytes.len()));
        prop_assert_eq!(whole.len(), 1);
        let mut halves = marks(&matcher, &chunk(&bytes, 0..border));
        halves.extend(marks(&matcher, &chunk(&bytes, border..bytes.len())));
        prop_assert_eq!(halves, whole);
    }
}
