//! The text of a compiled program: the constants in it, with the names that its code gives them.
//!
//! A compiler puts the constants of a program into a table and their names into another; a person who decompiles it
//! sees both together again. This writes them the way that the source had them: `name = "value"`, `call("a", "b")`, or
//! a constant by itself on a line of its own.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

/// The text of one program. See the module.
#[derive(Debug)]
pub(super) struct Listing {
    text: Vec<u8>,
    /// Where the statements stand in it, by what their bytes hash to: what is said twice is written once.
    written: HashMap<u64, Range<usize>>,
    hashes: RandomState,
    /// Bytes of text from which on no more names are written, so that hostile code cannot repeat a long constant for ever.
    most: usize,
}

/// Longest constant that is written with a name, and longest name: what is longer is a text, and stands alone.
const LONGEST: usize = 4096;

impl Listing {
    /// For a program of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes / 2),
            written: HashMap::new(),
            hashes: RandomState::new(),
            most: 2 * bytes + (64 << 10),
        }
    }

    /// A constant by itself, with its line ends as they are.
    pub(super) fn constant(&mut self, value: &[u8]) {
        self.text.extend_from_slice(value);
        self.text.push(b'\n');
    }

    /// `name = "value"`. Returns whether the constant needs no line of its own.
    pub(super) fn assignment(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.statement(&[name, b" = "], &[Some(value)], b"")
    }

    /// `name("first", _, "third")`, where an argument that is not known is a blank. Returns whether the constants need no
    /// line of their own.
    pub(super) fn call(&mut self, name: &[u8], arguments: &[Option<&[u8]>]) -> bool {
        self.statement(&[name, b"("], arguments, b")")
    }

    fn statement(&mut self, begin: &[&[u8]; 2], values: &[Option<&[u8]>], end: &[u8]) -> bool {
        let fits = |text: &[u8]| text.len() <= LONGEST && memchr2(b'\n', b'\r', text).is_none();
        if self.text.len() >= self.most
            || !fits(begin[0])
            || !values.iter().flatten().all(|value| fits(value))
        {
            return false;
        }
        let start = self.text.len();
        for part in begin {
            self.text.extend_from_slice(part);
        }
        for (index, value) in values.iter().enumerate() {
            self.text.extend_from_slice(if index == 0 { b"" } else { b", " });
            match value {
                Some(value) => quote(value, &mut self.text),
                None => self.text.push(b'_'),
            }
        }
        self.text.extend_from_slice(end);
        if self.is_new(start) {
            self.text.push(b'\n');
        } else {
            self.text.truncate(start);
        }
        // What has quotes may be a text with assignments of its own, which is better read without more quotes around it.
        values.iter().flatten().all(|value| memchr3(b'"', b'\'', b'\\', value).is_none())
    }

    /// Whether the statement that the text ends with, from `start` on, was not written before.
    fn is_new(&mut self, start: usize) -> bool {
        let line = start..self.text.len();
        let mut hash = self.hashes.hash_one(&self.text[line.clone()]);
        while let Some(other) = self.written.get(&hash) {
            if self.text[other.clone()] == self.text[line.clone()] {
                return false;
            }
            hash = hash.wrapping_add(1);
        }
        self.written.insert(hash, line);
        true
    }

    /// The text.
    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }
}

/// Writes `value` behind `text`, in the quotation marks that it does not hold itself.
fn quote(mut value: &[u8], text: &mut Vec<u8>) {
    let mark = if memchr(b'"', value).is_some() && memchr(b'\'', value).is_none() { b'\'' } else { b'"' };
    text.push(mark);
    while let Some(at) = memchr2(mark, b'\\', value) {
        text.extend_from_slice(&value[..at]);
        text.extend_from_slice(&[b'\\', value[at]]);
        value = &value[at + 1..];
    }
    text.extend_from_slice(value);
    text.push(mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_like_a_source() {
        let mut listing = Listing::new(1000);
        assert!(listing.assignment(b"user", b"crm"));
        assert!(listing.assignment(b"user", b"crm"));
        assert!(!listing.assignment(b"json", b"{\"a\": 1}"));
        assert!(!listing.assignment(b"both", b"'\""));
        assert!(listing.call(b"connect", &[None, Some(b"crm"), Some(b"x y")]));
        assert!(!listing.call(b"load", &[Some(b"two\nlines")]));
        listing.constant(b"two\nlines");
        let expected = "user = \"crm\"\njson = '{\"a\": 1}'\nboth = \"'\\\"\"\n\
            connect(_, \"crm\", \"x y\")\ntwo\nlines\n";
        assert_eq!(String::from_utf8(listing.into_text()).unwrap(), expected);
    }

    #[test]
    fn a_long_constant_with_many_names_is_not_repeated_for_ever() {
        let mut listing = Listing::new(10_000);
        let value = vec![b'a'; 4000];
        for name in 0..10_000u32 {
            listing.assignment(name.to_string().as_bytes(), &value);
        }
        assert!(listing.into_text().len() < 100_000);
    }
}
