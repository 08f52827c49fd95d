//! UTF-16 text, little and big endian, with and without a byte order mark, in text files and inside binaries alike.
//!
//! Credentials are ASCII, and ASCII in UTF-16 is every second byte zero. So instead of guessing a file's encoding from
//! its start, runs of such pairs are found wherever they stand. Whether a pair belongs to a run depends only on its
//! neighbours, so cutting a file into chunks changes nothing.

use std::ops::Range;

/// Fewest characters of a run: shorter than any credential with its name.
pub const SHORTEST: usize = 12;

/// A run of ASCII characters in UTF-16.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Offset of the byte that holds the first character.
    pub start: usize,
    /// The characters.
    pub text: Vec<u8>,
}

impl Run {
    /// Offset of the byte that holds character `index`.
    pub fn offset(&self, index: usize) -> usize {
        self.start + 2 * index
    }

    /// The name of the encoding, if the text starts at an even offset of its file as UTF-16 files do.
    pub fn encoding(&self, file_offset: u64) -> &'static str {
        if (file_offset + self.start as u64).is_multiple_of(2) { "utf-16le" } else { "utf-16be" }
    }
}

/// Every run of at least [`SHORTEST`] characters that has a byte in `within`, whole as far as `bytes` reach.
pub fn runs(bytes: &[u8], within: Range<usize>) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = within.start.saturating_sub(SAMPLE);
    let end = bytes.len().min(within.end + SAMPLE);
    // A run of n characters has n - 1 pairs (character, 0) at one parity: looking at every eighth pair of both
    // parities misses none of at least twelve characters.
    while at + 2 < end {
        let parity = usize::from(!is_pair(bytes, at));
        if !is_pair(bytes, at + parity) {
            at += SAMPLE;
            continue;
        }
        let run = whole(bytes, at + parity);
        let next = run.end;
        if (run.end - run.start).div_ceil(2) >= SHORTEST {
            let text = bytes[run.clone()].iter().copied().step_by(2).collect();
            runs.push(Run { start: run.start, text });
        }
        at = next.max(at + SAMPLE);
    }
    runs
}

/// Bytes between two looks: less than a shortest run.
const SAMPLE: usize = 2 * (SHORTEST - 2);

/// The run around the pair at `at`.
fn whole(bytes: &[u8], at: usize) -> Range<usize> {
    let mut start = at;
    while start >= 2 && is_pair(bytes, start - 2) {
        start -= 2;
    }
    let mut end = at + 2;
    while is_pair(bytes, end) {
        end += 2;
    }
    // In big endian text the last character has its zero in front, and none behind unless more follows.
    let last_be = end < bytes.len() && is_text(bytes[end]) && end >= 1 && bytes[end - 1] == 0;
    start..(end + 2 * usize::from(last_be)).min(bytes.len())
}

fn is_pair(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 2), Some([character, 0]) if is_text(*character))
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn both_byte_orders_are_found_at_any_offset() {
        let text = "password = made-up-value\r\n";
        for big in [false, true] {
            for offset in 0..50 {
                let mut bytes = vec![0xff; offset];
                bytes.extend(encode(text, big));
                bytes.extend([0xff; 40]);
                let runs = runs(&bytes, 0..bytes.len());
                assert_eq!(runs.len(), 1, "{big} {offset}");
                assert_eq!(String::from_utf8_lossy(&runs[0].text), text, "{big} {offset}");
                assert_eq!(bytes[runs[0].offset(3)], b's');
            }
        }
    }

    #[test]
    fn a_text_may_end_with_its_file() {
        for big in [false, true] {
            for length in SHORTEST..40 {
                let bytes = encode(&"k".repeat(length), big);
                let runs = runs(&bytes, 0..bytes.len());
                assert_eq!(runs.len(), 1, "{big} {length}");
                assert_eq!(runs[0].text.len(), length, "{big} {length}");
            }
        }
    }

    #[test]
    fn every_run_of_the_shortest_length_is_found() {
        for offset in 0..100 {
            let mut bytes = vec![1; offset];
            bytes.extend(encode("abcdefghijkl", false));
            bytes.extend([1; 100]);
            assert_eq!(runs(&bytes, 0..bytes.len()).len(), 1, "{offset}");
        }
    }

    #[test]
    fn a_run_may_end_with_the_bytes() {
        for big in [false, true] {
            let bytes = encode("abcdefghijkl", big);
            let found = runs(&bytes, 0..bytes.len());
            assert_eq!(found.len(), 1, "{big}");
            assert_eq!(found[0].text, b"abcdefghijkl", "{big}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(b'a'), any::<u8>()], 0..120),
            from in 0usize..120,
        ) {
            for run in runs(&bytes, from.min(bytes.len())..bytes.len()) {
                prop_assert!(run.text.len() >= SHORTEST && run.offset(run.text.len() - 1) < bytes.len());
            }
        }
    }

    #[test]
    fn plain_text_zeros_and_short_strings_are_no_runs() {
        for bytes in [
            &b"plain ascii text of some length that goes on"[..],
            &[0; 300],
            b"a\0b\0c\0d\0e\0\xff\xff\xff\xff",
        ] {
            assert!(runs(bytes, 0..bytes.len()).is_empty());
        }
    }
}
