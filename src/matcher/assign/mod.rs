//! Finds the assignment that a keyword belongs to: `password = "x"`, `"apiKey": "x"`, `--token x`, `<secret>x</secret>`.
//!
//! What stands on the other side of the operator is lexed as the notation asks: as a quoted string of any language, a
//! word of a shell, the rest of a line of YAML or INI, a parameter of a URL, an XML attribute or element. Everything is
//! local: at most [`KEY_BYTES`] to each side of the keyword for the key, and [`VALUE_BYTES`] for the value, so a window
//! of a text gives what the whole text would. Whether the name says secret and the value is one is for `judge` to know.

mod operator;
mod quote;
mod value;

use std::ops::Range;

use self::operator::operator;
use self::quote::Quote;
use super::escape;

/// Longest key, to each side of the keyword.
pub const KEY_BYTES: usize = 128;

/// Longest value.
pub const VALUE_BYTES: usize = 4096;

/// Bytes from the end of a keyword within which its value begins: enough for every notation here, with all the blanks
/// and attributes that they allow.
pub const REACH: usize = 768;

/// An assignment, as ranges of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name, without quotes and dashes around it.
    pub key: Range<usize>,
    /// The value as it stands there, without its quotes: escapes are still in it.
    pub value: Range<usize>,
    /// The quotation mark around the value; none for a bare one.
    pub quote: Option<u8>,
    /// How it is written.
    pub style: Style,
    /// Whether the value is a literal of its notation, and no call, name, member or expression.
    pub literal: bool,
    /// Whether key and value stand together in a quoted text: `"host=x password=y"`.
    pub embedded: bool,
}

impl Assignment {
    /// The same in a text whose places are counted from elsewhere: `place` tells where each is there.
    #[must_use]
    pub(super) fn moved(mut self, place: impl Fn(usize) -> usize) -> Self {
        for range in [&mut self.key, &mut self.value] {
            *range = place(range.start)..place(range.end);
        }
        self
    }
}

/// How an assignment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// `key=x`, `key := "x"`, `key ||= 'x'`, an XML attribute, a parameter of a URL.
    Equals,
    /// `key: x`, `"key": "x"`: YAML, JSON, objects of programs, HTTP headers.
    Colon,
    /// `key => 'x'`, `key <- "x"`.
    Arrow,
    /// `--key x`, `--key=x`, `-Dkey=x`, and the same as items of a list.
    Option,
    /// `<add key="key" value="x"/>`, `{"name": "key", "value": "x"}`, and the same in YAML.
    Named,
    /// `<key>x</key>`, `<entry key="key">x</entry>`.
    XmlElement,
    /// `IDENTIFIED BY 'x'`, `PASSWORD 'x'`.
    Sql,
    /// `setKey("x")`, `key("x")`.
    Call,
    /// `.key("x")` of a builder.
    Member,
    /// `("key", "x")`.
    Pair,
    /// `["key", "value", …]`: the first two of a list, which may be anything.
    Listed,
    /// `key == "x"`.
    Compare,
    /// `key x` on a line of its own.
    Space,
}

/// Which ends of the text are true ones; at the others the text goes on where it cannot be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing stands before the text.
    pub start: bool,
    /// Nothing stands behind the text.
    pub end: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { start: true, end: true }
    }
}

/// The assignment whose key holds `keyword`, if the keyword stands in one. `None` for a value that is empty, longer than
/// [`VALUE_BYTES`], out of [`REACH`] or cut by an end of the text that is not a true one.
pub fn around(text: &[u8], keyword: Range<usize>, bounds: Bounds) -> Option<Assignment> {
    let reach = keyword.end + REACH;
    let name = Name::around(text, keyword)?;
    // The user in a URL: what follows is its password, for which there are rules.
    let before = name.before(text);
    if before.ends_with(b"://") || of_digests(before) {
        return None;
    }
    let found = operator(text, &name)?;
    let context = value::Context { text, name: &name, style: found.style, tight: found.tight };
    let value = value::at(&context, found.next)?;
    let longest = value.range.end - value.range.start;
    let cut = value.range.end >= text.len() && !bounds.end;
    if value.range.is_empty() || longest > VALUE_BYTES || value.range.start > reach || cut {
        return None;
    }
    let listed = found.style == Style::Pair && is_listed(text, before, value.range.end);
    Some(Assignment {
        embedded: embedded(text, &name),
        key: name.range,
        value: value.range,
        quote: value.quote,
        style: if listed { Style::Listed } else { found.style },
        literal: value.literal,
    })
}

/// Bytes behind a value in which the next item of a list begins.
const NEXT_ITEM: usize = 32;

/// Whether the texts between `before` and `end` are items of a list that goes on: two are a pair, and more are none.
fn is_listed(text: &[u8], before: &[u8], end: usize) -> bool {
    if before.trim_ascii_end().last() != Some(&b'[') {
        return false;
    }
    let rest = &text[end + Quote::at(text, end).map_or(0, Quote::len)..];
    let rest = &rest[..rest.len().min(NEXT_ITEM)];
    let next = rest.trim_ascii_start().strip_prefix(b",").map(<[u8]>::trim_ascii_start);
    next.and_then(<[u8]>::first).is_some_and(|item| *item != b']')
}

/// Whether a quotation mark that opened on the line before the key is still open, and is none of the key's own; or an
/// address whose parameter the key is, which says where it ends as well as quotation marks do.
fn embedded(text: &[u8], name: &Name) -> bool {
    let before = name.before(text);
    let line = last_line(before);
    let whole = line.len() < before.len() || before.len() < KEY_BYTES;
    let odd = |mark: u8| {
        let marks = memchr::memchr_iter(mark, line).filter(|at| *at == 0 || line[at - 1] != b'\\');
        marks.count() % 2 == 1
    };
    let opened = name.open.is_some() && !name.closed && name.dashes == 0;
    let parameter = || {
        if memchr::memmem::find(line, b"://").is_none() {
            return false;
        }
        let ends = |b: &u8| b.is_ascii_whitespace() || b"\"'`<>()".contains(b);
        let address = line.rsplit(ends).next().unwrap_or_default();
        memchr::memmem::find(address, b"://").is_some()
    };
    opened
        || (matches!(line.last(), Some(b'?' | b'&')) && parameter())
        || (whole && (odd(b'"') || odd(b'\'')))
}

/// What of a text stands on its last line.
fn last_line(text: &[u8]) -> &[u8] {
    memchr::memrchr2(b'\n', b'\r', text).map_or(text, |end| &text[end + 1..])
}

/// Whether a key that stands behind `before` is one of digests: `checksum/secret: 9f86…` of an annotation.
fn of_digests(before: &[u8]) -> bool {
    let Some(head) = before.strip_suffix(b"/") else { return false };
    let word = head.rsplit(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    [&b"checksum"[..], b"hash", b"digest", b"sha256"].iter().any(|digest| word.eq_ignore_ascii_case(digest))
}

/// A key and what stands right beside it.
#[derive(Debug)]
struct Name {
    range: Range<usize>,
    /// Dashes before it.
    dashes: usize,
    /// The quotation mark that opens right before it.
    open: Option<Quote>,
    /// Where the text goes on after the key, its closing quotation mark and bracket.
    end: usize,
    /// Whether a quotation mark closes right after it.
    closed: bool,
}

impl Name {
    fn around(text: &[u8], keyword: Range<usize>) -> Option<Self> {
        // Words of other languages are names too, in whatever letters.
        let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | 0x80..);
        // A keyword may hold the sign behind the name: `pwd=`.
        let first = text.get(keyword.clone())?.iter().position(inside)?;
        let length = text[keyword.start + first..keyword.end].iter().take_while(|b| inside(b)).count();
        let keyword = keyword.start + first..keyword.start + first + length;
        let (before, after) = (text.get(..keyword.start)?, text.get(keyword.end..)?);
        let left = before.iter().rev().take(KEY_BYTES + 1).take_while(|b| inside(b)).count();
        let right = after.iter().take(KEY_BYTES + 1).take_while(|b| inside(b)).count();
        if left > KEY_BYTES || right > KEY_BYTES {
            return None;
        }
        let glued = escape::glued(text, keyword.start - left).min(left);
        let whole = keyword.start - left + glued..keyword.end + right;
        let word = |b: &u8| !matches!(b, b'.' | b'-');
        let start = whole.start + text[whole.clone()].iter().position(word)?;
        let end = whole.start + text[whole.clone()].iter().rposition(word)? + 1;
        let dashes = text[whole.start..start].iter().rev().take_while(|b| **b == b'-').count();
        // `-Dkey=x` of Java and `-Pkey=x` of Gradle.
        let defined = dashes == 1 && matches!(text[start..end], [b'D' | b'P', b'a'..=b'z' | b'A'..=b'Z', ..]);
        let range = start + usize::from(defined && keyword.start > start)..end;
        let open = Quote::ending(text, whole.start).filter(|_| start - whole.start == dashes);
        let close = Quote::at(text, end).filter(|_| end == whole.end);
        let mut next = end.max(whole.end) + close.map_or(0, Quote::len);
        if close.is_some() && text.get(next) == Some(&b']') {
            next += 1;
        }
        (keyword.start < range.end && keyword.end > range.start).then_some(Self {
            range,
            dashes,
            open,
            end: next,
            closed: close.is_some(),
        })
    }

    /// Whether quotation marks stand around the key.
    fn closed(&self) -> bool {
        self.closed && self.open.is_some()
    }

    /// The text before the key, its dashes and its quotation mark.
    fn before<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let end = self.range.start - self.dashes.min(self.range.start);
        let end = end - self.open.map_or(0, Quote::len).min(end);
        &text[end.saturating_sub(KEY_BYTES)..end]
    }
}

#[cfg(test)]
mod tests;
