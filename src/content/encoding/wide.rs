//! UTF-16 and UTF-32 text, little and big endian, with and without a byte order mark, in text files and inside binaries.
//!
//! Credentials are ASCII, and ASCII in UTF-16 is every second byte zero, in UTF-32 three of four. So instead of guessing a
//! file's encoding from its start, runs of such characters are found wherever they stand. Whether a character belongs to a
//! run depends only on its neighbours.

use std::ops::Range;

use super::{Encoding, Run, Text, is_text};

/// See the module.
pub(super) const WIDE: Encoding = Encoding {
    names: &["utf-16le", "utf-16be", "utf-32le", "utf-32be"],
    about: "UTF-16 and UTF-32, in text files and inside binaries",
    context: 64,
    bytes_for_two: 8,
    runs,
};

/// Fewest characters of a run: shorter than any credential with its name.
const SHORTEST: usize = 12;

/// Bytes that are looked at together.
const WORD: usize = 8;
/// Bytes from one look to the next: a shortest run in UTF-16 has all that one look sees.
const STRIDE: usize = 2 * (SHORTEST - 1) - WORD;

/// A width of characters.
struct Form {
    /// Bytes of a character.
    width: usize,
    /// Names by the place of the character among its bytes: first, last.
    names: [&'static str; 2],
}

const UTF16: Form = Form { width: 2, names: ["utf-16le", "utf-16be"] };
const UTF32: Form = Form { width: 4, names: ["utf-32le", "utf-32be"] };

fn runs(text: &Text<'_>, sink: &mut dyn FnMut(Run)) {
    let bytes = text.bytes;
    let Range { start: mut at, end } = text.around(4 * SHORTEST);
    while let Some(word) = bytes[..end].get(at..).and_then(|rest| rest.first_chunk::<WORD>()) {
        let form = form(u64::from_le_bytes(*word));
        let line = form.and_then(|form| Some((form, whole(bytes, at, form)?)));
        at += STRIDE;
        if let Some((form, line)) = line {
            at = at.max(line.end);
            if line.len().div_ceil(form.width) >= SHORTEST {
                sink(run(text, line, form));
            }
        }
    }
}

/// The form of eight bytes that are nothing else: all bytes but one of each character are zero, and not all are.
fn form(word: u64) -> Option<&'static Form> {
    const HALVES: u64 = 0x00ff_00ff_00ff_00ff;
    const QUARTERS: u64 = 0x0000_00ff_0000_00ff;
    if word & HALVES != 0 && word & !HALVES != 0 || word == 0 {
        return None;
    }
    let narrow = (0..4).any(|place| word & !(QUARTERS << (8 * place)) == 0);
    Some(if narrow { &UTF32 } else { &UTF16 })
}

/// The run that has a character in the eight bytes at `at`: from its first character on, the end of its last one.
fn whole(bytes: &[u8], at: usize, form: &Form) -> Option<Range<usize>> {
    // A character is where all bytes up to the next one are zero.
    let first = (at..at + form.width).find(|at| is_character(bytes, *at, form.width))?;
    let mut start = first;
    while start >= form.width && is_character(bytes, start - form.width, form.width) {
        start -= form.width;
    }
    let mut end = first + form.width;
    while is_character(bytes, end, form.width) {
        end += form.width;
    }
    // In big endian text the last character has its zeros in front, and none behind unless more follows.
    let last = bytes.get(end).is_some_and(|byte| is_text(*byte));
    if last && bytes[end + 1 - form.width..end].iter().all(|byte| *byte == 0) {
        end += form.width;
    }
    Some(start..end.min(bytes.len()))
}

fn is_character(bytes: &[u8], at: usize, width: usize) -> bool {
    bytes
        .get(at..at + width)
        .is_some_and(|bytes| is_text(bytes[0]) && bytes[1..].iter().all(|byte| *byte == 0))
}

fn run(text: &Text<'_>, line: Range<usize>, form: &Form) -> Run {
    // Files in such encodings have their characters at whole multiples of their widths.
    let whole = |base: u64| (base + line.start as u64).is_multiple_of(form.width as u64);
    // Elsewhere nothing tells the two from each other that every chunk sees, and both give the same text.
    let little = text.base.is_none_or(whole);
    let characters: Vec<u8> = text.bytes[line.clone()].iter().copied().step_by(form.width).collect();
    let mut run = Run::new(form.names[usize::from(!little)]);
    run.push(line, &characters, (if form.width == 2 { 2 } else { 4 }, 1));
    run
}
