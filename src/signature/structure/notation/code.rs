//! Settings that are programs: PHP, Python, Ruby. Gives every string that is assigned to a name, as `name = "x"`,
//! `'name' => 'x'`, `name: "x"`, `define('name', 'x')`; what is computed is passed over.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{string, unescape};
use super::{Leaf, Leaves};

/// Gives every string of `text` that has a name.
pub(in super::super) fn code<'t>(text: &'t [u8], leaves: &mut Leaves<'_, 't>) {
    let mut reader = Reader { text, at: 0, name: None, sign: false, call: false, unclosed: Vec::new() };
    while reader.at < text.len() {
        reader.token(leaves);
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// The last name: an identifier, or a string that may be a key.
    name: Option<&'t [u8]>,
    /// Whether a sign of assignment stands behind it.
    sign: bool,
    /// Whether it is the first argument of a call that defines something.
    call: bool,
    /// Ends that were looked for in vain.
    unclosed: Vec<&'static [u8]>,
}

impl<'t> Reader<'t> {
    fn token(&mut self, leaves: &mut Leaves<'_, 't>) {
        let rest = &self.text[self.at..];
        match rest {
            [b'/', b'*', ..] => self.at += 2 + self.until(self.at + 2, b"*/").unwrap_or(0),
            [b'#', ..] | [b'/', b'/', ..] => self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => {
                let mark: &'static [u8] = if rest[0] == b'"' { b"\"\"\"" } else { b"'''" };
                let start = self.at + 3;
                let length = self.until(start, mark).map(|length| length - 3);
                self.at = start + length.map_or(0, |length| length + 3);
                if let Some(length) = length {
                    self.literal(start..start + length, false, leaves);
                }
            }
            [mark @ (b'"' | b'\''), ..] => {
                let (range, escaped) = string(self.text, self.at + 1, *mark);
                self.at = range.end + usize::from(self.text.get(range.end) == Some(mark));
                self.literal(range, escaped && *mark == b'"', leaves);
            }
            [b'=' | b'!', b'=', ..] => {
                self.forget();
                self.at += 2;
            }
            [b'=', b'>', ..] => self.assign(2),
            [b'=' | b':', ..] => self.assign(1),
            // `$a['b'] = 'c'`, `ENV["X"] ||= "y"`
            [b']' | b')' | b' ' | b'\t' | b'\r' | b'|' | b'[', ..] => self.at += 1,
            [b'\n', ..] => {
                self.name = self.name.filter(|_| self.sign);
                self.at += 1;
            }
            [b',', ..] => {
                let sign = self.call;
                (self.sign, self.call) = (sign, false);
                self.name = self.name.filter(|_| sign);
                self.at += 1;
            }
            [b'(', ..] => {
                self.call = self.name.is_some_and(|name| CALLS.contains(&name));
                self.name = self.name.filter(|_| !self.sign);
                self.sign = false;
                self.at += 1;
            }
            [first, ..] if first.is_ascii_alphabetic() || matches!(first, b'_' | b'$') => self.word(),
            _ => {
                self.forget();
                self.at += 1;
            }
        }
    }

    fn word(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_$".contains(b)).count();
        // A name behind a sign is the value: what follows it is a call or an expression.
        let word = &rest[..length];
        self.name = Some(word.strip_prefix(b"$").unwrap_or(word)).filter(|_| !self.sign);
        self.sign = false;
        self.at += length;
    }

    fn assign(&mut self, length: usize) {
        self.sign = self.name.is_some();
        self.call = false;
        self.at += length;
    }

    fn forget(&mut self) {
        (self.name, self.sign, self.call) = (None, false, false);
    }

    /// A string: the value of the name before it, or a name itself.
    fn literal(&mut self, range: Range<usize>, escaped: bool, leaves: &mut Leaves<'_, 't>) {
        let raw = &self.text[range.clone()];
        match self.name.filter(|_| self.sign) {
            Some(name) => {
                let text = if escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) };
                leaves(&Leaf { keys: &[Cow::Borrowed(name)], text, range, document: 0 });
                self.forget();
            }
            None => self.name = Some(raw),
        }
    }

    /// Bytes from `start` to behind the next `end`, unless it was looked for in vain already.
    fn until(&mut self, start: usize, end: &'static [u8]) -> Option<usize> {
        if self.unclosed.contains(&end) {
            return None;
        }
        let found = memchr::memmem::find(self.text.get(start..)?, end).map(|length| length + end.len());
        if found.is_none() {
            self.unclosed.push(end);
        }
        found
    }
}

/// Functions that give their first argument the value of their second.
const CALLS: &[&[u8]] = &[b"define", b"putenv", b"setdefault", b"set", b"config"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        super::super::tests::dump(code, text)
    }

    #[test]
    fn strings_have_names() {
        assert_eq!(
            read("<?php\ndefine( 'DB_PASSWORD', 'a\\'b' ); // x = 'y'\n$cfg['x']['pass'] = \"c\";"),
            ["DB_PASSWORD=a\\'b", "pass=c"]
        );
        assert_eq!(
            read("D = {'default': {'USER': 'u', 'PASSWORD': \"p\\\"q\"}}\nKEY='''k\nl'''\n"),
            ["USER=u", "PASSWORD=p\"q", "KEY=k\nl"]
        );
        assert_eq!(
            read("config.secret = 'x'\npassword: \"y\", :token => 'z'\nA ||= 'b'"),
            ["secret=x", "password=y", "token=z", "A=b"]
        );
    }

    #[test]
    fn what_is_computed_is_passed_over() {
        assert_eq!(
            read("KEY = os.environ['SECRET_KEY']\nA = get('b')\nif a == 'c': pass\n# K = 'x'\n/* L = 'y' */"),
            [""; 0]
        );
    }

    #[test]
    fn an_open_string_ends_with_its_line() {
        assert_eq!(read("A = 'b\nC = 'd'\n"), ["A=b", "C=d"]);
        assert_eq!(read("A = '''b\nC = \"d\"\n"), ["C=d"]);
    }
}
