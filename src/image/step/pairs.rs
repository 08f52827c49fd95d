//! Finds `name = value` inside a text: a line of a file that a step writes, JSON in an argument, a query, a header.
//!
//! What language the text is in is not known, so this is a search for the few signs that most of them share: `=` or
//! `:` after a name, quotes around a value, and words such as `password` that announce one. The text is read once,
//! from left to right, and a value that is found is read again only if it is a text of its own.

use std::ops::Range;

use super::vocabulary::announces_value;

/// A value and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: Range<usize>,
    /// Without quotes.
    pub(super) value: Range<usize>,
    /// What stands between them.
    pub(super) sign: Sign,
}

/// How a name is tied to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equals,
    Colon,
    /// The name is a word such as `password`, and the value follows it.
    Space,
}

/// Values in values that are read.
const DEPTH: usize = 2;

/// The pairs in `range` of `text`, a pair before those inside its value.
pub(super) fn pairs(text: &str, range: Range<usize>) -> Vec<Pair> {
    let mut found = Vec::new();
    search(text.as_bytes(), range, DEPTH, &mut found);
    found.retain(|pair| text.get(pair.value.clone()).is_some_and(|value| !value.is_empty()));
    found
}

fn search(bytes: &[u8], range: Range<usize>, depth: usize, found: &mut Vec<Pair>) {
    let mut reader = Reader { bytes, at: range.start, end: range.end };
    let mut name: Option<Range<usize>> = None;
    let mut quoted = false;
    while let Some(byte) = reader.peek(0) {
        if is_name(byte) {
            name = Some(reader.name());
            quoted = false;
            continue;
        }
        if byte == b'\\' && matches!(reader.peek(1), Some(b'n' | b'r' | b't')) {
            name = None;
            reader.at += 2;
            continue;
        }
        let sign = match byte {
            b'=' => reader.equals(),
            b':' => reader.colon(quoted),
            b' ' | b'\t' => reader.announced(name.as_ref()),
            _ => None,
        };
        let value = sign.zip(name.clone()).and_then(|(sign, name)| {
            let (value, in_quotes) = reader.value(sign)?;
            let name = if sign == Sign::Space { reader.phrase(name) } else { name };
            found.push(Pair { name, value: value.clone(), sign });
            Some((value, in_quotes || sign == Sign::Colon))
        });
        if let Some((value, is_text)) = value {
            if is_text && depth > 0 {
                search(bytes, value, depth - 1, found);
            }
            name = None;
        } else {
            quoted = reader.quote() > 0 && name.as_ref().is_some_and(|name| name.end == reader.at);
            let keep = quoted || (matches!(byte, b' ' | b'\t') && reader.sign_follows());
            name = name.filter(|_| keep);
            reader.at += if quoted { reader.quote() } else { 1 };
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    end: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        (at < self.end).then(|| self.bytes[at])
    }

    fn name(&mut self) -> Range<usize> {
        let start = self.at;
        while self.peek(0).is_some_and(is_name) {
            self.at += 1;
        }
        start..self.at
    }

    /// Length of the quote here, which may have a backslash before it, or 0.
    fn quote(&self) -> usize {
        match (self.peek(0), self.peek(1)) {
            (Some(b'"' | b'\'' | b'`'), _) => 1,
            (Some(b'\\'), Some(b'"' | b'\'')) => 2,
            _ => 0,
        }
    }

    /// Whether the `=` here ties a value: `==`, `=>` and `=~` do not.
    fn equals(&self) -> Option<Sign> {
        (!matches!(self.peek(1), Some(b'=' | b'>' | b'~'))).then_some(Sign::Equals)
    }

    /// Whether the `:` here ties a value: after a quoted name, or before a space or a quote.
    fn colon(&self, quoted: bool) -> Option<Sign> {
        let before = self.at.checked_sub(1).map(|at| self.bytes[at]);
        let spaced = matches!(before, Some(b' ' | b'\t'));
        let next = matches!(self.peek(1), Some(b' ' | b'"' | b'\'' | b'\\'));
        (quoted || (next && !spaced)).then_some(Sign::Colon)
    }

    /// Whether the value of `name` begins after the space here.
    fn announced(&self, name: Option<&Range<usize>>) -> Option<Sign> {
        let name = name.filter(|name| name.end == self.at)?;
        let word = std::str::from_utf8(&self.bytes[name.clone()]).ok()?;
        let announces = announces_value(word) || self.phrase(name.clone()) != *name;
        (announces && !self.sign_follows()).then_some(Sign::Space)
    }

    /// `name` with the word before it, if the two belong together: `IDENTIFIED BY` (SQL).
    fn phrase(&self, name: Range<usize>) -> Range<usize> {
        const WORD: &[u8] = b"identified ";
        let start = name.start.checked_sub(WORD.len()).filter(|start| {
            self.bytes[name.clone()].eq_ignore_ascii_case(b"by")
                && self.bytes[*start..name.start].eq_ignore_ascii_case(WORD)
        });
        start.unwrap_or(name.start)..name.end
    }

    /// Whether nothing but a few spaces stands before a `=` or `:`.
    fn sign_follows(&self) -> bool {
        let ahead = (0..8).find(|ahead| !matches!(self.peek(*ahead), Some(b' ' | b'\t')));
        ahead.is_some_and(|ahead| matches!(self.peek(ahead), Some(b'=' | b':')))
    }

    /// The value after the sign here, and whether it stood in quotes. Moves past it; stays if there is none.
    fn value(&mut self, sign: Sign) -> Option<(Range<usize>, bool)> {
        let start = self.at;
        self.at += 1;
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let quote = self.quote();
        if quote > 0 {
            let closer = &self.bytes[self.at..self.at + quote];
            self.at += quote;
            let inside = self.at;
            while self.at < self.end && !self.bytes[self.at..self.end].starts_with(closer) {
                self.at += if quote == 1 && self.peek(0) == Some(b'\\') { 2 } else { 1 };
            }
            self.at = self.at.min(self.end);
            let value = inside..self.at;
            self.at = (self.at + quote).min(self.end);
            return Some((value, true));
        }
        if matches!(self.peek(0), None | Some(b'{' | b'[' | b'(' | b'\n')) {
            self.at = start;
            return None;
        }
        let inside = self.at;
        while !self.ends_value(sign) {
            self.at += 1;
        }
        let mut end = self.at;
        while end > inside && matches!(self.bytes[end - 1], b' ' | b'\t' | b'\r') {
            end -= 1;
        }
        if end == inside {
            self.at = start;
            return None;
        }
        Some((inside..end, false))
    }

    fn ends_value(&self, sign: Sign) -> bool {
        let Some(byte) = self.peek(0) else { return true };
        let line = byte == b'\n' || (byte == b'\\' && matches!(self.peek(1), Some(b'n' | b'r')));
        let quote = self.quote() > 0;
        line || quote
            || match sign {
                Sign::Colon => matches!(byte, b',' | b'}'),
                Sign::Equals | Sign::Space => {
                    byte.is_ascii_whitespace() || matches!(byte, b'&' | b';' | b',' | b')' | b'}' | b']')
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |pair: Pair| format!("{} -> {}", &text[pair.name], &text[pair.value]);
        pairs(text, 0..text.len()).into_iter().map(show).collect()
    }

    #[test]
    fn names_and_values_of_many_languages_are_found() {
        for (text, expected) in [
            ("API_KEY=abc", &["API_KEY -> abc"][..]),
            ("export API_KEY=\"a b\" X=1", &["API_KEY -> a b", "X -> 1"]),
            ("password = x y", &["password -> x"]),
            ("api_key: a b\nnext: c", &["api_key -> a b", "next -> c"]),
            (r#"{"username":"u","password":"p w"}"#, &["username -> u", "password -> p w"]),
            (r#"{"auths":{"host":{"auth":"x"}}}"#, &["auth -> x"]),
            (r#"{\"password\":\"x\"}"#, &["password -> x"]),
            ("//host/:_authToken=x", &["_authToken -> x"]),
            ("https://h/p?a=b&sig=x%2F#f", &["a -> b", "sig -> x%2F#f"]),
            ("c.NotebookApp.password='x'", &["c.NotebookApp.password -> x"]),
            ("db.createUser({user:'u',pwd:'x',roles:[]})", &["user -> u", "pwd -> x"]),
            ("Authorization: Bearer x", &["Authorization -> Bearer x"]),
            ("http.extraHeader=\"A-B: c\"", &["http.extraHeader -> A-B: c", "A-B -> c"]),
            ("machine h login u password x", &["password -> x"]),
            ("written before: password x", &["before -> password x", "password -> x"]),
            ("requirepass x\n", &["requirepass -> x"]),
            ("ALTER USER u IDENTIFIED BY 'x'", &["IDENTIFIED BY -> x"]),
            ("[d]\\na=1\\nb=2", &["a -> 1", "b -> 2"]),
            ("if (a == b) c => d", &[]),
            ("https://u:p@host std::x a : b", &[]),
            ("a=", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_value_lies_in_the_text(text in r#"([ -~é\n]|="|\\"|: |password ){0,60}"#) {
            for pair in pairs(&text, 0..text.len()) {
                prop_assert!(text.get(pair.value.clone()).is_some() && text.get(pair.name.clone()).is_some());
                prop_assert!(pair.name.end <= pair.value.start);
            }
        }
    }

    #[test]
    fn hostile_texts_cost_no_more_than_their_length() {
        for piece in ["a=", "a='", "a: ", "a=\\\"", "password ", "a ", "a=\"b='"] {
            let text = piece.repeat(60_000);
            let started = std::time::Instant::now();
            pairs(&text, 0..text.len());
            assert!(started.elapsed().as_secs() < 5, "{piece:?} took {:?}", started.elapsed());
        }
    }
}
