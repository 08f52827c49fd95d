//! Text in digits: base64, standard and for URLs, with padding and without, in one line and in many; and hexadecimal.
//!
//! Eight bytes of every sixteen are looked at. If they could be a part of a shortest run, a table says in one step for each
//! byte as which digit of a group it could stand for ASCII, so which of the four ways to part base64 into groups (or two for
//! hexadecimal) are left. Of a text in base64 one is left, of most other words none. So a run does not need to begin with
//! its first group: the letter of an escape or a prefix may stand in front of it, and a chunk may begin in the middle.
//!
//! A run is one line of at least [`Form::least`] digits, with the lines around it that are as long, and the shorter ones
//! that they begin and end with.

use std::collections::HashSet;
use std::ops::Range;

use super::{Encoding, Run, Text};

/// See the module.
pub(super) const DIGITS: Encoding = Encoding {
    names: &["base64", "hex"],
    about: "base64, standard and for URLs, and hexadecimal digits, in one line or in many",
    context: 160,
    bytes_for_two: 4,
    runs,
};

/// How digits stand for bytes.
struct Form {
    name: &'static str,
    /// Digits of a group.
    digits: usize,
    /// Bytes that a group stands for.
    bytes: usize,
    /// Fewest digits of a line that are looked at.
    least: usize,
    /// The text that a group stands for, if it is text.
    decode: fn(&[u8]) -> Option<[u8; 3]>,
}

const BASE64: Form = Form { name: "base64", digits: 4, bytes: 3, least: 24, decode: base64 };
const HEX: Form = Form { name: "hex", digits: 2, bytes: 1, least: 32, decode: hex };

/// Bytes that are looked at together.
const WORD: usize = 8;
/// Bytes from one look to the next: a shortest run has all that one look sees.
const STRIDE: usize = BASE64.least - WORD;
/// Spaces before a line that goes on.
const INDENT: usize = 64;

fn runs(text: &Text<'_>, sink: &mut dyn FnMut(Run)) {
    let Range { start, end } = text.around(DIGITS.context);
    let mut finder = Finder { bytes: text.bytes, known: [0; WAYS], given: [HashSet::new(), HashSet::new()] };
    for at in (start..(end + 1).saturating_sub(WORD)).step_by(STRIDE) {
        let Some(word) = text.bytes[at..].first_chunk::<WORD>() else { break };
        let mut ways = ways(word);
        while ways != 0 {
            let way = ways.trailing_zeros() as usize;
            ways &= ways - 1;
            if at >= finder.known[way] {
                finder.known[way] = finder.look(at, way, sink);
            }
        }
    }
}

/// See the module.
struct Finder<'f> {
    bytes: &'f [u8],
    /// Of each way, up to where is known what stands there.
    known: [usize; WAYS],
    /// Where the lines of runs start that were given, of each form.
    given: [HashSet<usize>; 2],
}

impl Finder<'_> {
    /// Gives the run around the byte at `at`, whose digits are parted in the way `way`, if there is one that was not given.
    /// Returns where its line ends.
    fn look(&mut self, at: usize, way: usize, sink: &mut dyn FnMut(Run)) -> usize {
        let (form, given, phase) =
            if way < 4 { (&BASE64, &mut self.given[0], way) } else { (&HEX, &mut self.given[1], way - 4) };
        let border = (at + (form.digits - phase) % form.digits).min(self.bytes.len());
        let line = form.line_before(self.bytes, border).start..form.line_from(self.bytes, border).end;
        let end = line.end;
        if line.len() >= form.least && !given.contains(&line.start) {
            let lines = form.lines(self.bytes, line);
            given.extend(lines.iter().filter(|line| line.len() >= form.least).map(|line| line.start));
            sink(form.run(self.bytes, &lines));
        }
        end
    }
}

/// Ways to part digits into groups.
const WAYS: usize = 6;

/// The ways in which eight digits could stand for text in ASCII: bit `w` for a first one that is digit `w` of a group of
/// base64, bit `4 + w` for hexadecimal.
fn ways(word: &[u8; WORD]) -> u8 {
    let byte = |at: usize| POSSIBLE[at % 4][usize::from(word[at])];
    byte(0) & byte(1) & byte(2) & byte(3) & byte(4) & byte(5) & byte(6) & byte(7)
}

/// For the place of a byte in a word and the byte: the ways that are possible.
static POSSIBLE: [[u8; 256]; 4] = possible();

const fn possible() -> [[u8; 256]; 4] {
    let mut table = [[0; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut byte = 0;
        while byte < 256 {
            let mut way = 0;
            while way < WAYS {
                let fits = if way < 4 {
                    could_be_base64((place + way) % 4, SIXES[byte])
                } else {
                    could_be_hex((place + way - 4) % 2, NIBBLES[byte])
                };
                table[place][byte] |= (fits as u8) << way;
                way += 1;
            }
            byte += 1;
        }
        place += 1;
    }
    table
}

/// Whether six bits could be those of digit `place` in a group of base64 that stands for text: each of its bytes is zero, a
/// tab, a line's end, or has 2 to 7 in its upper half.
const fn could_be_base64(place: usize, six: u8) -> bool {
    six != NONE
        && match place {
            0 => matches!(six, 0 | 2 | 3 | 8..=31),
            1 => matches!(six & 15, 0 | 2..=7),
            2 => six & 3 < 2,
            _ => true,
        }
}

const fn could_be_hex(place: usize, nibble: u8) -> bool {
    nibble != NONE && (place == 1 || matches!(nibble, 0 | 2..=7))
}

/// What no digit stands for.
pub(super) const NONE: u8 = 0xff;
/// What digits of base64 stand for.
pub(super) static SIXES: [u8; 256] =
    values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b"-_", 62);
/// What hexadecimal digits stand for.
pub(super) static NIBBLES: [u8; 256] = values(b"0123456789abcdef", b"ABCDEF", 10);

/// The places of `digits`, and from `from` on those of others that stand for the same.
const fn values(digits: &[u8], same: &[u8], from: u8) -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut value = 0;
    while (value as usize) < digits.len() {
        table[digits[value as usize] as usize] = value;
        value += 1;
    }
    value = 0;
    while (value as usize) < same.len() {
        table[same[value as usize] as usize] = from + value;
        value += 1;
    }
    table
}

/// Whether a byte is one of a text in ASCII or UTF-16.
fn is_text(byte: u8) -> bool {
    byte == 0 || super::is_text(byte)
}

fn base64(group: &[u8]) -> Option<[u8; 3]> {
    let [a, b, c, d] = group else { return None };
    let six = |digit: &u8| u32::from(SIXES[usize::from(*digit)]);
    let sixes = [six(a), six(b), six(c), six(d)];
    if sixes.contains(&u32::from(NONE)) {
        return None;
    }
    let [_, bytes @ ..] = (sixes[0] << 18 | sixes[1] << 12 | sixes[2] << 6 | sixes[3]).to_be_bytes();
    bytes.iter().all(|byte| is_text(*byte)).then_some(bytes)
}

fn hex(group: &[u8]) -> Option<[u8; 3]> {
    let [high, low] = group else { return None };
    let (high, low) = (NIBBLES[usize::from(*high)], NIBBLES[usize::from(*low)]);
    let byte = (high & 15) << 4 | low & 15;
    (high != NONE && low != NONE && is_text(byte)).then_some([byte, 0, 0])
}

impl Form {
    /// The groups from `start` on that stand for text.
    fn line_from(&self, bytes: &[u8], start: usize) -> Range<usize> {
        let mut end = start;
        while bytes.get(end..end + self.digits).is_some_and(|group| (self.decode)(group).is_some()) {
            end += self.digits;
        }
        start..end
    }

    /// The groups before `end` that stand for text.
    fn line_before(&self, bytes: &[u8], end: usize) -> Range<usize> {
        let mut start = end;
        while start >= self.digits && (self.decode)(&bytes[start - self.digits..start]).is_some() {
            start -= self.digits;
        }
        start..end
    }

    /// The lines of the run that `line` is one of.
    fn lines(&self, bytes: &[u8], line: Range<usize>) -> Vec<Range<usize>> {
        let mut lines = vec![line.clone()];
        let mut first = line.clone();
        while first.len() >= self.least {
            let Some(end) = line_break_before(bytes, first.start) else { break };
            first = self.line_before(bytes, end);
            lines.extend((!first.is_empty()).then(|| first.clone()));
        }
        lines.reverse();
        let mut last = line;
        while last.len() >= self.least {
            let Some(start) = line_break(bytes, last.end) else { break };
            last = self.line_from(bytes, start);
            lines.extend((!last.is_empty()).then(|| last.clone()));
        }
        lines
    }

    /// What `lines` stand for, and the group behind them that has fewer digits than others.
    fn run(&self, bytes: &[u8], lines: &[Range<usize>]) -> Run {
        let mut run = Run::new(self.name);
        let mut text = Vec::new();
        let ratio = (u8::try_from(self.digits).unwrap_or(1), u8::try_from(self.bytes).unwrap_or(1));
        for line in lines {
            text.clear();
            for group in bytes[line.clone()].chunks_exact(self.digits) {
                text.extend_from_slice(&(self.decode)(group).unwrap_or_default()[..self.bytes]);
            }
            run.push(line.clone(), &text, ratio);
        }
        if let Some(last) = lines.last().filter(|_| self.digits == 4) {
            let (source, text) = rest(bytes, last.end);
            run.push(source, &text, ratio);
        }
        run
    }
}

/// What two or three digits at `at`, which are the last, stand for.
fn rest(bytes: &[u8], at: usize) -> (Range<usize>, Vec<u8>) {
    let tail = &bytes[at..bytes.len().min(at + 4)];
    let length = tail.iter().position(|digit| SIXES[usize::from(*digit)] == NONE).unwrap_or(tail.len());
    let mut group = [b'A'; 4];
    group[..length.min(3)].copy_from_slice(&tail[..length.min(3)]);
    let sixes = group.map(|digit| u32::from(SIXES[usize::from(digit)]));
    let [_, first, second, _] = (sixes[0] << 18 | sixes[1] << 12 | sixes[2] << 6 | sixes[3]).to_be_bytes();
    let text: &[u8] = match length {
        2 => &[first],
        3 => &[first, second],
        _ => &[],
    };
    if text.iter().all(|byte| is_text(*byte)) {
        (at..at + length, text.to_vec())
    } else {
        (at..at, Vec::new())
    }
}

/// Where the next line starts, if one ends at `at`: with a line break or one that is written as an escape.
fn line_break(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let behind = |text: &[u8]| rest.starts_with(text).then_some(text.len());
    let mut skipped = [&b"\n"[..], b"\r\n", b"\\n", b"\\r\\n"].into_iter().find_map(behind)?;
    skipped += rest[skipped..].iter().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Some(at + skipped)
}

/// Where the line before the one at `at` ends.
fn line_break_before(bytes: &[u8], at: usize) -> Option<usize> {
    let blanks =
        bytes[..at].iter().rev().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let before = &bytes[..at - blanks];
    let ends = |text: &&[u8]| before.ends_with(text);
    let found = [&b"\r\n"[..], b"\n", b"\\r\\n", b"\\n"].into_iter().find(ends)?;
    Some(before.len() - found.len())
}
