//! What digits of base64 and hexadecimal stand for, over line ends: all of it, and its beginning.
//!
//! A text may be full of magics, one behind another in the same digits. What was decoded to look at one of them is kept for
//! those behind it, so that such a text costs what its length allows.

use super::digits::{NIBBLES, NONE, SIXES};
use crate::content::HEAD;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Base64,
    Hex,
}

/// The beginnings of what digits stand for. See the module.
#[derive(Default)]
pub(super) struct Heads {
    known: Vec<(Form, usize, Beginning)>,
    /// Which one is given up next.
    oldest: usize,
}

/// Ways to part digits into groups, of both forms.
const WAYS: usize = 6;
/// Bytes that are decoded at a time: the more, the less is decoded twice.
const AHEAD: usize = 8 * HEAD;

impl Heads {
    /// The first [`HEAD`] bytes that the digits at `start` stand for, or all if they are fewer.
    pub(super) fn at(&mut self, form: Form, text: &[u8], start: usize) -> &[u8] {
        let serves = |(of, begin, decoded): &(Form, usize, Beginning)| {
            if *of == form { decoded.index(form, start.checked_sub(*begin)?) } else { None }
        };
        let known = self.known.iter().enumerate().find_map(|(slot, known)| Some((slot, serves(known)?)));
        let (slot, index) = known.unwrap_or_else(|| {
            let fresh = (form, start, Beginning::new(form, &text[start..]));
            if self.known.len() < WAYS {
                self.known.push(fresh);
                return (self.known.len() - 1, 0);
            }
            self.oldest = (self.oldest + 1) % WAYS;
            self.known[self.oldest] = fresh;
            (self.oldest, 0)
        });
        let bytes = &self.known[slot].2.decoded.bytes[index..];
        &bytes[..bytes.len().min(HEAD)]
    }
}

/// What the first digits of a text stand for, and how to find what those behind them stand for.
struct Beginning {
    decoded: Decoded,
    /// Where each line starts in the text, and how many digits stand in the lines before it.
    lines: Vec<(usize, usize)>,
    /// Whether what was decoded is all that there is.
    whole: bool,
}

impl Beginning {
    fn new(form: Form, text: &[u8]) -> Self {
        let mut lines = Vec::new();
        let ahead = &text[..text.len().min(2 * AHEAD)];
        let decoded = decode(form, ahead, AHEAD, &mut |at, digits| lines.push((at, digits)));
        let whole = decoded.bytes.len() < AHEAD && (decoded.read < ahead.len() || ahead.len() == text.len());
        Self { decoded, lines, whole }
    }

    /// The index of the byte that the digits at `place` begin, if from there on stands what decoding them alone would give.
    fn index(&self, form: Form, place: usize) -> Option<usize> {
        let line = self.lines.partition_point(|(start, _)| *start <= place).checked_sub(1)?;
        let (start, before) = self.lines[line];
        let end = self.lines.get(line + 1).map_or(self.decoded.read, |(_, digits)| start + digits - before);
        let digits = before + (place - start);
        let index = digits / form.group() * form.bytes_of_group();
        let enough = index + HEAD <= self.decoded.bytes.len();
        // Only behind a first line may a longer one stand: what ends behind another one could go on behind this one.
        let same = self.whole && (line == 0 || line + 1 < self.lines.len());
        (digits.is_multiple_of(form.group()) && place < end && (enough || same)).then_some(index)
    }
}

/// What digits stand for, and how many bytes of the text they take.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) read: usize,
}

/// Decodes `text` up to the first byte that goes on with nothing, or to `most` bytes. Shows where each line starts, and how many
/// digits stand before it.
pub(super) fn decode(form: Form, text: &[u8], most: usize, lines: &mut dyn FnMut(usize, usize)) -> Decoded {
    let per_digit = if form == Form::Base64 { 6 } else { 4 };
    let (mut bytes, mut bits, mut held, mut at) = (Vec::with_capacity(most.min(HEAD)), 0, 0, 0);
    let (mut line, mut digits) = (form.line(text), 0);
    loop {
        lines(at, digits);
        digits += line;
        for value in text[at..at + line].iter().filter_map(|byte| form.value(*byte)) {
            held = held << per_digit | value;
            bits += per_digit;
            if bits >= 8 {
                bits -= 8;
                bytes.push((held >> bits).to_le_bytes()[0]);
                held &= (1 << bits) - 1;
            }
            if bytes.len() == most {
                break;
            }
        }
        at += line;
        let next = at + line_end(&text[at..]);
        let length = text.get(next..).map_or(0, |text| form.line(text));
        // The last line may be shorter, and only the first may begin behind something else.
        let goes_on =
            next > at && length > 0 && (at == line || length <= line) && ends(&text[next + length..]);
        if !goes_on || bytes.len() == most {
            return Decoded { bytes, read: at };
        }
        (at, line) = (next, length);
    }
}

/// Whether a line of digits may end in front of `text`.
fn ends(text: &[u8]) -> bool {
    text.first().is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'=' | b'"' | b'\'' | b'`' | b'\\' | b'<'))
}

impl Form {
    /// Digits that stand for whole bytes together.
    fn group(self) -> usize {
        if self == Self::Base64 { 4 } else { 2 }
    }

    /// Bytes that a group stands for.
    fn bytes_of_group(self) -> usize {
        if self == Self::Base64 { 3 } else { 1 }
    }

    /// Digits that `text` begins with.
    fn line(self, text: &[u8]) -> usize {
        text.iter().take_while(|byte| self.value(**byte).is_some()).count()
    }

    /// What a digit stands for.
    pub(super) fn value(self, byte: u8) -> Option<u32> {
        let value = |value: u8| (value != NONE).then_some(u32::from(value));
        match self {
            Self::Base64 => value(SIXES[usize::from(byte)]),
            Self::Hex => value(NIBBLES[usize::from(byte)]),
        }
    }
}

/// Bytes of the line end that `text` begins with, with the indentation of the next line; 0 if it begins with none.
fn line_end(text: &[u8]) -> usize {
    let end = ["\r\n", "\n", "\\r\\n", "\\n"].iter().find(|end| text.starts_with(end.as_bytes()));
    let Some(end) = end else { return 0 };
    let indent =
        text[end.len()..].iter().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    end.len() + indent
}

/// Spaces before a line that goes on.
const INDENT: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Digits that begin like files, and what else may stand among them.
    const PARTS: &[&str] = &[
        "UEsDB",
        "H4sI",
        "B1c3Rhc",
        "IBAzC",
        "504b0304",
        "7573746172",
        "A",
        "wd",
        "\n",
        "\n  ",
        "\\n",
        " ",
        "=",
        "0",
    ];

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let some = prop::collection::vec(prop::sample::select(PARTS), 1..4);
        let order = prop::collection::vec(any::<prop::sample::Index>(), 1..600);
        (some, order).prop_map(|(some, order)| order.iter().flat_map(|at| at.get(&some).bytes()).collect())
    }

    proptest! {
        #[test]
        fn what_was_decoded_before_is_what_decoding_alone_gives(text in texts(), step in 1..9_usize) {
            let mut heads = Heads::default();
            for start in (0..text.len()).step_by(step) {
                for form in [Form::Base64, Form::Hex] {
                    let alone = decode(form, &text[start..], HEAD, &mut |_, _| {});
                    prop_assert_eq!(heads.at(form, &text, start), alone.bytes);
                }
            }
        }
    }

    #[test]
    fn a_text_of_magics_is_decoded_a_few_times() {
        for (part, form) in [
            ("UEsDB", Form::Base64),
            ("UEsDB\n", Form::Base64),
            ("UEsDBUEsDBUEsDB\n", Form::Base64),
            ("7573746172", Form::Hex),
            ("aHNxc ", Form::Base64),
        ] {
            let text = part.repeat(50_000);
            let (mut heads, mut decoded) = (Heads::default(), 0);
            for start in (0..text.len()).step_by(part.len()) {
                heads.at(form, text.as_bytes(), start);
                let fresh = heads.known.iter().find(|(_, begin, _)| *begin == start);
                decoded += fresh.map_or(0, |(_, _, beginning)| beginning.decoded.bytes.len());
            }
            assert!(decoded < 4 * text.len(), "{part}: {decoded} bytes");
        }
    }
}
