//! Escapes of single characters: `%3A` in addresses and forms, `\u0041`, `\x41` and `\/` in strings of JSON and of programs.
//!
//! Most escapes need no undoing: the matcher knows that a name may begin behind one, and quotation marks with backslashes.
//! What it cannot read is a credential or a name with an escape in it, or an address whose signs are escaped. So what stands
//! around an escape is undone where one stands for a printable character: of an address the word, of a string some of its
//! line. A backslash before a slash counts where it parts an address or a long row of letters.

use super::{Encoding, Run, Text};

/// See the module.
pub(super) const ESCAPES: Encoding = Encoding {
    names: &["url", "unicode"],
    about: "escapes in addresses and forms, and in strings of JSON and of programs",
    context: 2 * REACH + 2 * ROW,
    bytes_for_two: 3,
    runs,
};

/// Bytes at each side of an escape that are undone with it.
const REACH: usize = 160;

/// Fewest characters that are given: shorter than any credential with its name.
const SHORTEST: usize = 12;

/// Letters in a row that make a credential of what slashes part.
const ROW: usize = 32;

/// A way to write characters.
struct Form {
    name: &'static str,
    /// How many bytes the escape at the start of some bytes has, and what it stands for.
    escape: fn(&[u8]) -> Option<(u8, u8)>,
    /// Whether the escape at that place is a reason to undo what stands around it.
    counts: fn(&[u8], usize) -> bool,
    /// Whether a byte belongs to what is undone.
    goes_on: fn(u8) -> bool,
}

const URL: Form = Form {
    name: "url",
    escape: percent,
    // Names of packages' files have these few, and in addresses others stand beside them.
    counts: |bytes, at| {
        percent(&bytes[at..]).is_some_and(|(_, sign)| is_printable(sign) && !b":+~".contains(&sign))
    },
    goes_on: |byte| byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?#[]%|".contains(&byte),
};

const UNICODE: Form = Form {
    name: "unicode",
    escape: backslash,
    counts: |bytes, at| match backslash(&bytes[at..]) {
        Some((2, _)) => parts_an_address(bytes, at) || parts_a_row(bytes, at),
        Some((_, sign)) => is_printable(sign),
        None => false,
    },
    goes_on: |byte| is_printable(byte) || byte == b'\t',
};

fn runs(text: &Text<'_>, sink: &mut dyn FnMut(Run)) {
    let bytes = text.bytes;
    // A run may begin long before the bytes that count, and is to be whole.
    let counts = |stretch: &Stretch| stretch.start < text.within.end && text.within.start < stretch.end;
    // What is to be undone, of each form, as far as it is known.
    let mut open: [Option<Stretch>; 2] = [None, None];
    each_escape(bytes, &mut |at| {
        let (form, open) = if bytes[at] == b'%' { (&URL, &mut open[0]) } else { (&UNICODE, &mut open[1]) };
        if (form.counts)(bytes, at) && !open.as_mut().is_some_and(|open| form.extend(bytes, at, open)) {
            let last = open.replace(form.begin(bytes, at));
            last.into_iter().filter(counts).for_each(|last| form.give(bytes, &last, sink));
        }
    });
    for (form, open) in [&URL, &UNICODE].into_iter().zip(open) {
        open.into_iter().filter(counts).for_each(|last| form.give(bytes, &last, sink));
    }
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// Shows every place where an escape may stand that counts. Most bytes are in blocks without one, and that a block has none
/// is told without looking at its bytes one by one.
fn each_escape(bytes: &[u8], sink: &mut dyn FnMut(usize)) {
    let mut at = 0;
    while let Some(pairs) = bytes.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + 1 }>()) {
        if has_escape(pairs) {
            (at..at + BLOCK).filter(|at| may_count(bytes[*at], bytes[*at + 1])).for_each(&mut *sink);
        }
        at += BLOCK;
    }
    let rest = bytes.get(at..).unwrap_or_default().windows(2);
    rest.enumerate().filter(|(_, pair)| may_count(pair[0], pair[1])).for_each(|(index, _)| sink(at + index));
}

/// Whether an escape may begin in the first [`BLOCK`] bytes. Without branches, so that it is made of vector instructions.
fn has_escape(bytes: &[u8; BLOCK + 1]) -> bool {
    let pairs = bytes[..BLOCK].iter().zip(&bytes[1..]);
    pairs.fold(0, |any, (first, second)| any | u8::from(may_count(*first, *second))) != 0
}

/// Whether two bytes may begin an escape that counts: of the characters that can be printed, the first digit is 2 to 7.
fn may_count(first: u8, second: u8) -> bool {
    let is = |byte: u8, sign: u8| u8::from(byte == sign);
    let percent = is(first, b'%') & u8::from(second.wrapping_sub(b'2') < 6);
    let backslash = is(first, b'\\') & (is(second, b'/') | is(second, b'x') | is(second, b'u'));
    percent | backslash != 0
}

/// Bytes that are to be undone.
struct Stretch {
    start: usize,
    /// The last escape that counts.
    last: usize,
    /// Up to where it goes on, at most [`REACH`] behind the last escape.
    end: usize,
}

impl Form {
    /// The stretch that the escape at `at` begins.
    fn begin(&self, bytes: &[u8], at: usize) -> Stretch {
        let before = self.before(bytes, at);
        // Where it does not begin by itself it begins between words, so that none looks like another because it is cut.
        let cut = |byte: &u8| !is_word(*byte);
        let part = if before == REACH { bytes[at - before..at].iter().position(cut) } else { Some(0) };
        let mut stretch = Stretch { start: at - before + part.unwrap_or(before), last: at, end: at };
        self.reach(bytes, at, &mut stretch);
        stretch
    }

    /// Whether the escape at `at` belongs to the stretch, which then goes on.
    fn extend(&self, bytes: &[u8], at: usize, stretch: &mut Stretch) -> bool {
        let belongs = at < stretch.end || at - self.before(bytes, at) <= stretch.end;
        if belongs {
            self.reach(bytes, at, stretch);
        }
        belongs
    }

    /// How many bytes before `at` belong to it.
    fn before(&self, bytes: &[u8], at: usize) -> usize {
        bytes[at.saturating_sub(REACH)..at].iter().rev().take_while(|byte| (self.goes_on)(**byte)).count()
    }

    fn reach(&self, bytes: &[u8], at: usize, stretch: &mut Stretch) {
        let from = stretch.end.max(at);
        let behind = &bytes[from..bytes.len().min(at + REACH).max(from)];
        stretch.end = from + behind.iter().take_while(|byte| (self.goes_on)(**byte)).count();
        stretch.last = at;
    }

    fn give(&self, bytes: &[u8], stretch: &Stretch, sink: &mut dyn FnMut(Run)) {
        let Stretch { start, last, mut end } = *stretch;
        if end == last + REACH {
            end -= bytes[last..end].iter().rev().position(|byte| !is_word(*byte)).unwrap_or(0);
        }
        let mut run = Run::new(self.name);
        let (mut plain, mut at) = (start, start);
        while at < end {
            let Some((length, sign)) = (self.escape)(&bytes[at..]) else {
                at += 1;
                continue;
            };
            run.push(plain..at, &bytes[plain..at], (1, 1));
            run.push(at..at + usize::from(length), &[sign], (length, 1));
            at += usize::from(length);
            plain = at;
        }
        run.push(plain..at, &bytes[plain..at.max(plain)], (1, 1));
        if run.text.len() >= SHORTEST {
            sink(run);
        }
    }
}

/// `%41`.
fn percent(bytes: &[u8]) -> Option<(u8, u8)> {
    let [b'%', rest @ ..] = bytes else { return None };
    Some((3, byte(rest)?))
}

/// `\u0041`, `\x41`, `\/`.
fn backslash(bytes: &[u8]) -> Option<(u8, u8)> {
    match bytes {
        [b'\\', b'/', ..] => Some((2, b'/')),
        [b'\\', b'x', rest @ ..] => Some((4, byte(rest)?)),
        [b'\\', b'u', b'0', b'0', rest @ ..] => Some((6, byte(rest).filter(u8::is_ascii)?)),
        _ => None,
    }
}

/// The byte that two hexadecimal digits stand for.
fn byte(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'\\' | b'_' | b'-')
}

/// Whether the slash at `at` is the first one of an address: `:\/\/`.
fn parts_an_address(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1] == b':' && bytes[at..].starts_with(br"\/\/")
}

/// Whether the slash at `at` stands in a long row of letters, as base64 is.
fn parts_a_row(bytes: &[u8], at: usize) -> bool {
    let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'\\' | b'=');
    let before = bytes[..at].iter().rev().take(ROW).take_while(letter).count();
    let behind = bytes[at..].iter().take(ROW).take_while(letter).count();
    before + behind >= ROW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_seen_wherever_it_stands() {
        for escape in ["%2F", "%7e", "\\x41", "\\u0041", "\\/"] {
            for offset in 0..2 * BLOCK + 3 {
                for behind in [0, 1, 62, 63, 64, 200] {
                    let bytes = [&vec![b'%'; offset][..], escape.as_bytes(), &vec![b'\\'; behind]].concat();
                    let mut seen = Vec::new();
                    each_escape(&bytes, &mut |at| seen.push(at));
                    assert_eq!(seen, [offset], "{escape} {behind}");
                }
            }
        }
    }
}
