//! JSON and what looks like it: comments, trailing commas, single quotes, bare words, missing brackets, many documents
//! in a row, and the arrays and objects of programs (`'key' => 'x'`, `key = "x"`, round brackets).

use std::borrow::Cow;
use std::ops::Range;

use super::{DEEPEST, Leaf, Leaves};

/// Gives every scalar of `text`.
pub(in super::super) fn json<'t>(text: &'t [u8], leaves: &mut Leaves<'_, 't>) {
    let mut reader = Reader::new(text, 0, Vec::new());
    while let Some(token) = reader.token() {
        reader.take(token, leaves);
    }
}

/// Gives every scalar of the value in brackets that begins at `at`, below `keys`; returns where it ends.
pub(super) fn flow<'t>(
    text: &'t [u8],
    at: usize,
    keys: Vec<Cow<'t, [u8]>>,
    leaves: &mut Leaves<'_, 't>,
) -> usize {
    let mut reader = Reader::new(text, at, keys);
    while let Some(token) = reader.token() {
        reader.take(token, leaves);
        if reader.open.len() == 1 && reader.deeper == 0 {
            break;
        }
    }
    reader.at
}

enum Token<'t> {
    Open { list: bool },
    Close,
    Scalar { text: Cow<'t, [u8]>, range: Range<usize> },
}

/// An open bracket.
struct Frame {
    /// How many keys lead to it.
    base: usize,
    list: bool,
    /// Number of the next value.
    next: usize,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// The text as a whole, then each open bracket.
    open: Vec<Frame>,
    /// The keys that lead to the next value.
    keys: Vec<Cow<'t, [u8]>>,
    /// Brackets that are open beyond [`DEEPEST`].
    deeper: usize,
    /// Whether a comment was not closed: those behind it are not either.
    unclosed: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t [u8], at: usize, keys: Vec<Cow<'t, [u8]>>) -> Self {
        let whole = Frame { base: keys.len(), list: false, next: 0 };
        Self { text, at, open: vec![whole], keys, deeper: 0, unclosed: false }
    }

    fn take(&mut self, token: Token<'t>, leaves: &mut Leaves<'_, 't>) {
        match token {
            Token::Open { .. } if self.open.len() >= DEEPEST => self.deeper += 1,
            Token::Close if self.deeper > 0 => self.deeper -= 1,
            _ if self.deeper > 0 => {}
            Token::Open { list } => {
                self.number();
                self.open.push(Frame { base: self.keys.len(), list, next: 0 });
            }
            Token::Close if self.open.len() == 1 => {}
            Token::Close => {
                self.open.pop();
                self.done();
            }
            Token::Scalar { text, range } => {
                if self.is_key() {
                    self.keys.truncate(self.base());
                    self.keys.push(text);
                } else {
                    self.number();
                    leaves(&Leaf { keys: &self.keys, text, range, document: 0 });
                    self.done();
                }
            }
        }
    }

    fn base(&self) -> usize {
        self.open.last().map_or(0, |frame| frame.base)
    }

    /// Gives a value of a list that has no key its number as one.
    fn number(&mut self) {
        if let Some(frame) = self.open.last().filter(|frame| frame.list && self.keys.len() == frame.base) {
            self.keys.push(Cow::Owned(frame.next.to_string().into_bytes()));
        }
    }

    /// Behind a value.
    fn done(&mut self) {
        self.keys.truncate(self.base());
        if let Some(frame) = self.open.last_mut() {
            frame.next += 1;
        }
    }

    /// Whether the scalar before `at` is a key: a sign follows it, which is passed, or a block.
    fn is_key(&mut self) -> bool {
        self.blanks();
        let length = match &self.text[self.at..] {
            [b'=', b'=', ..] => 0,
            [b'=', b'>', ..] => 2,
            [b':' | b'=', ..] => 1,
            // `name {`
            [b'{', ..] => return true,
            _ => 0,
        };
        self.at += length;
        length > 0
    }

    fn token(&mut self) -> Option<Token<'t>> {
        loop {
            self.blanks();
            let byte = *self.text.get(self.at)?;
            let start = self.at;
            self.at += 1;
            match byte {
                b'{' | b'[' | b'(' => return Some(Token::Open { list: byte != b'{' }),
                b'}' | b']' | b')' => return Some(Token::Close),
                b',' | b':' | b'=' | b';' => {}
                b'"' | b'\'' => return Some(self.quoted(byte)),
                _ => {
                    let ends = |b: &u8| b.is_ascii_whitespace() || b",:={}[]()\"';".contains(b);
                    let rest = &self.text[self.at..];
                    self.at += rest.iter().position(ends).unwrap_or(rest.len());
                    let range = start..self.at;
                    // The name of what is called.
                    if self.text.get(self.at) == Some(&b'(') {
                        continue;
                    }
                    return Some(Token::Scalar { text: Cow::Borrowed(&self.text[range.clone()]), range });
                }
            }
        }
    }

    /// Passes over blanks, comments and a byte order mark.
    fn blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let line = || memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let skipped = match rest {
                [b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
                [0xef, 0xbb, 0xbf, ..] => 3,
                [b'/', b'/', ..] | [b'#', b' ', ..] => line(),
                [b'/', b'*', ..] => self.comment(rest).unwrap_or_else(line),
                _ => return,
            };
            self.at += skipped;
        }
    }

    /// The length of the comment that `rest` begins with.
    fn comment(&mut self, rest: &[u8]) -> Option<usize> {
        let end = (!self.unclosed).then(|| memchr::memmem::find(rest, b"*/")).flatten();
        self.unclosed = end.is_none();
        end.map(|end| end + 2)
    }

    /// A string whose opening `mark` was passed. One that is not closed ends with its line.
    fn quoted(&mut self, mark: u8) -> Token<'t> {
        let (range, escaped) = string(self.text, self.at, mark);
        self.at = range.end + usize::from(self.text.get(range.end) == Some(&mark));
        let raw = &self.text[range.clone()];
        let text = if escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) };
        Token::Scalar { text, range }
    }
}

/// The string that begins at `at` behind its `mark` and ends before the next one, or with its line; and whether there
/// are escapes in it.
pub(super) fn string(text: &[u8], start: usize, mark: u8) -> (Range<usize>, bool) {
    let (mut at, mut escaped) = (start, false);
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => {
                escaped = true;
                at += 1;
            }
            b'\n' => break,
            byte if *byte == mark => break,
            _ => {}
        }
        at += 1;
    }
    let mut end = at.min(text.len());
    if end < text.len() && text[end] == b'\n' && end > start && text[end - 1] == b'\r' {
        end -= 1;
    }
    (start..end, escaped)
}

/// The text that a string with escapes stands for; unknown escapes stand for themselves.
pub(super) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let escape = raw.get(at + 1).filter(|_| *byte == b'\\');
        let Some(escape) = escape else {
            out.push(*byte);
            at += 1;
            continue;
        };
        at += 2;
        match escape {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let digits = raw.get(at..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                    Some(code) => {
                        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        at += 4;
                    }
                    None => out.extend_from_slice(b"\\u"),
                }
            }
            other => out.push(*other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        super::super::tests::dump(json, text)
    }

    #[test]
    fn scalars_come_with_their_keys() {
        let text = r#"{"a": {"b": 1, "c": ["x", {"d": "y"}, []]}, "e": null} {"f": true}"#;
        assert_eq!(read(text), ["a.b=1", "a.c.0=x", "a.c.1.d=y", "e=null", "f=true"]);
        assert_eq!(read("[[1,2],[3]]"), ["0.0=1", "0.1=2", "1.0=3"]);
        assert_eq!(read("\"alone\""), ["=alone"]);
    }

    #[test]
    fn arrays_of_programs_are_read_too() {
        assert_eq!(read("'a' => array('b' => 'c', 'd'), e = {f: \"g\"}"), ["a.b=c", "a.1=d", "e.f=g"]);
        assert_eq!(read("a {\n b { d = 1 }\n}"), ["a.b.d=1"]);
    }

    #[test]
    fn escapes_are_undone_and_the_place_is_that_of_the_text() {
        assert_eq!(read(r#"{"a":"x\/y\u0041\"z\\"}"#), [r#"a=x/yA"z\"#]);
        json(br#"{"a":"x\/y"}"#, &mut |leaf| assert_eq!(leaf.range, 6..10));
    }

    #[test]
    fn damage_costs_no_more_than_its_line() {
        assert_eq!(read("\u{feff}{ // c\n a: 'b', /* x */ \"c\": \"d\",}"), ["a=b", "c=d"]);
        assert_eq!(read("{\"a\": \"b\r\n \"c\": {\"d\": \"e"), ["a=b", "c.d=e"]);
        assert_eq!(read("}}]{\"a\":1}"), ["a=1"]);
        assert_eq!(read(r#"{"a":{"b":1}}}{"c":2}"#), ["a.b=1", "c=2"]);
    }

    #[test]
    fn no_depth_is_too_deep() {
        let deep = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000) + "{\"b\":2}";
        assert_eq!(read(&deep), ["b=2"]);
    }
}
