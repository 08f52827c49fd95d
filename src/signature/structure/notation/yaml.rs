//! YAML as configuration uses it: mappings and lists by indentation, quoted, plain and block scalars, values in brackets,
//! anchors, tags, comments, several documents. Lines that are something else, like those of a template, are passed over.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{flow, json, unescape};
use super::{DEEPEST, Leaf, Leaves, trimmed};

/// Gives every scalar of `text`.
pub(in super::super) fn yaml<'t>(text: &'t [u8], leaves: &mut Leaves<'_, 't>) {
    let start = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    if matches!(start, [b'{' | b'[', next, ..] if *next != b'{' && *next != b'%') {
        return json(text, leaves);
    }
    let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut reader = Reader {
        text,
        at,
        levels: Vec::new(),
        keys: Vec::new(),
        document: 0,
        unclosed: Vec::new(),
        ahead: 4 * text.len(),
    };
    while reader.at < text.len() {
        reader.line(leaves);
    }
}

/// A mapping or list that is open.
struct Level {
    /// Its column.
    column: usize,
    /// For a list the number of its next item.
    list: Option<usize>,
    /// How many keys lead to it.
    base: usize,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    levels: Vec<Level>,
    keys: Vec<Cow<'t, [u8]>>,
    document: usize,
    /// Quotation marks and brackets of which one was not closed: the others are looked for in their line only.
    unclosed: Vec<u8>,
    /// Bytes that may still be looked at before their turn, so that no text takes more than a few passes.
    ahead: usize,
}

impl<'t> Reader<'t> {
    /// The end of the line at `at`, without its line end.
    fn line_end(&self, at: usize) -> usize {
        let end = memchr::memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |length| at + length);
        end - usize::from(end > at && self.text[end - 1] == b'\r')
    }

    /// Moves to the line behind the one of `at`.
    fn next_line(&mut self, at: usize) {
        let at = at.min(self.text.len());
        self.at = memchr::memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |length| at + length + 1);
    }

    fn line(&mut self, leaves: &mut Leaves<'_, 't>) {
        let start = self.at;
        let end = self.line_end(start);
        let line = &self.text[start..end];
        if line.starts_with(b"---") || line == b"..." {
            self.document += usize::from(line.starts_with(b"---"));
            self.levels.clear();
            self.keys.clear();
            self.next_line(end);
            return;
        }
        let blanks = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let mut at = start + blanks;
        self.next_line(end);
        if matches!(self.text.get(at), Some(b'#' | b'%')) || at == end {
            return;
        }
        // `- - key: value`
        while at < end && self.text[at] == b'-' && (at + 1 == end || self.text[at + 1] == b' ') {
            if !self.item(at - start) {
                return;
            }
            at += 1;
            at += self.text[at..end].iter().take_while(|b| **b == b' ').count();
        }
        let column = at - start;
        if let Some((key, colon)) = key(&self.text[at..end]) {
            if self.key(column, at + key.start..at + key.end) {
                self.value(at + colon + 1..end, column, leaves);
            }
        } else if let Some(level) = self.levels.last().filter(|level| level.list.is_some()) {
            let list = level.column;
            if list < column {
                self.value(at..end, list, leaves);
            }
        }
    }

    /// Begins an item of the list at `column`. Whether it is not too deep.
    fn item(&mut self, column: usize) -> bool {
        while self.levels.last().is_some_and(|level| level.column > column) {
            self.levels.pop();
        }
        if !self.levels.last().is_some_and(|level| level.column == column && level.list.is_some()) {
            if self.levels.len() >= DEEPEST {
                return false;
            }
            let base = self.base_of_next(column);
            self.levels.push(Level { column, list: Some(0), base });
        }
        let Some(level) = self.levels.last_mut() else { return false };
        self.keys.truncate(level.base);
        let number = level.list.as_mut().map_or(0, |next| std::mem::replace(next, *next + 1));
        self.keys.push(Cow::Owned(number.to_string().into_bytes()));
        true
    }

    /// Begins the value of a key of the mapping at `column`. Whether it is not too deep.
    fn key(&mut self, column: usize, key: Range<usize>) -> bool {
        let closes =
            |level: &Level| level.column > column || (level.column == column && level.list.is_some());
        while self.levels.last().is_some_and(closes) {
            self.levels.pop();
        }
        if self.levels.last().is_none_or(|level| level.column != column) {
            if self.levels.len() >= DEEPEST {
                return false;
            }
            let base = self.base_of_next(column);
            self.levels.push(Level { column, list: None, base });
        }
        self.keys.truncate(self.levels.last().map_or(0, |level| level.base));
        self.keys.push(Cow::Borrowed(unquoted(&self.text[key])));
        true
    }

    /// How many keys lead to a level that opens at `column`: all of the level that it lies in.
    fn base_of_next(&mut self, column: usize) -> usize {
        let inside = self.levels.last().map_or(0, |level| level.base + 1).min(self.keys.len());
        // Without a level around it, nothing leads to it.
        let base = if self.levels.last().is_some_and(|level| level.column <= column) { inside } else { 0 };
        self.keys.truncate(base);
        base
    }

    /// The value that stands in `range`, or in the lines behind it, of a key at `column`.
    fn value(&mut self, range: Range<usize>, column: usize, leaves: &mut Leaves<'_, 't>) {
        let mut value = trimmed(self.text, range);
        // Anchors and tags.
        while matches!(self.text[value.clone()].first(), Some(b'&' | b'!')) {
            let word = self.text[value.clone()].iter().take_while(|b| **b != b' ').count();
            value = trimmed(self.text, value.start + word..value.end);
        }
        match self.text[value.clone()].first() {
            None | Some(b'#' | b'*') => {}
            Some(b'|' | b'>') => self.block(column, leaves),
            Some(mark @ (b'"' | b'\'')) => self.quoted(value, *mark, leaves),
            Some(b'{' | b'[') if !template(&self.text[value.clone()]) => {
                // One that is not closed ends with its line.
                let text = if self.closes(&value) { self.text } else { &self.text[..value.end] };
                let document = self.document;
                let end = flow(text, value.start, self.keys.clone(), &mut |leaf| {
                    let (text, range) = (leaf.text.clone(), leaf.range.clone());
                    leaves(&Leaf { keys: leaf.keys, text, range, document });
                });
                if end > value.end {
                    self.next_line(end);
                }
            }
            Some(_) => {
                let content = &self.text[value.clone()];
                let comment = content.windows(2).position(|pair| matches!(pair, [b' ' | b'\t', b'#']));
                let end = comment.map_or(value.end, |at| value.start + at);
                let range = trimmed(self.text, value.start..end);
                self.leaf(Cow::Borrowed(&self.text[range.clone()]), range, leaves);
            }
        }
    }

    fn leaf(&self, text: Cow<'t, [u8]>, range: Range<usize>, leaves: &mut Leaves<'_, 't>) {
        leaves(&Leaf { keys: &self.keys, text, range, document: self.document });
    }

    /// A scalar in the lines behind a key at `column` that are indented more.
    fn block(&mut self, column: usize, leaves: &mut Leaves<'_, 't>) {
        let mut text: Vec<u8> = Vec::new();
        let (mut indent, mut range) = (None, None::<Range<usize>>);
        let mut blank = 0;
        while self.at < self.text.len() {
            let end = self.line_end(self.at);
            let line = &self.text[self.at..end];
            let blanks = line.iter().take_while(|b| **b == b' ').count();
            if blanks == line.len() {
                blank += 1;
            } else if blanks > column {
                let indent = *indent.get_or_insert(blanks);
                let from = self.at + blanks.min(indent);
                if range.is_some() {
                    text.resize(text.len() + blank + 1, b'\n');
                }
                blank = 0;
                text.extend_from_slice(&self.text[from..end]);
                range = Some(range.map_or(from, |range| range.start)..end);
            } else {
                break;
            }
            self.next_line(end);
        }
        if let Some(range) = range {
            self.leaf(Cow::Owned(text), range, leaves);
        }
    }

    fn quoted(&mut self, value: Range<usize>, mark: u8, leaves: &mut Leaves<'_, 't>) {
        let start = value.start + 1;
        let line = closing(&self.text[start..value.end], mark).map(|length| start + length);
        let end = line.or_else(|| {
            let rest = self.lookahead(start, mark)?;
            let far = closing(rest, mark);
            if far.is_none() {
                self.unclosed.push(mark);
            }
            far.map(|length| start + length)
        });
        if let Some(end) = end.filter(|end| *end > value.end) {
            self.next_line(end);
        }
        let range = start..end.unwrap_or(value.end).max(start);
        let raw = &self.text[range.clone()];
        let escaped = match mark {
            b'"' => raw.contains(&b'\\').then(|| unescape(raw)),
            _ => memchr::memmem::find(raw, b"''").map(|_| doubled(raw)),
        };
        self.leaf(escaped.map_or(Cow::Borrowed(raw), Cow::Owned), range, leaves);
    }

    /// The text from `at` in which `mark` may be closed, unless one was not.
    fn lookahead(&mut self, at: usize, mark: u8) -> Option<&'t [u8]> {
        if self.unclosed.contains(&mark) {
            return None;
        }
        let length = LONGEST.min(self.ahead).min(self.text.len() - at);
        self.ahead -= length;
        Some(&self.text[at..at + length])
    }

    /// Whether a value in brackets is closed.
    fn closes(&mut self, value: &Range<usize>) -> bool {
        if closes(&self.text[value.clone()]) {
            return true;
        }
        let Some(rest) = self.lookahead(value.start, b'{') else { return false };
        let closed = closes(rest);
        if !closed {
            self.unclosed.push(b'{');
        }
        closed
    }
}

/// Whether the bracket that `text` begins with is closed in it. Brackets in quotation marks do not count; a mark opens only
/// where a value may begin: `{it's: x}` has none.
fn closes(text: &[u8]) -> bool {
    let (mut open, mut at, mut begins) = (0_i64, 0, false);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' | b'\'' if begins => match closing(&text[at + 1..], *byte) {
                Some(length) => at += length + 1,
                None => return false,
            },
            b'{' | b'[' => open += 1,
            b'}' | b']' => open -= 1,
            _ => {}
        }
        if open <= 0 {
            return true;
        }
        begins = matches!(byte, b'{' | b'[' | b',' | b':') || (begins && byte.is_ascii_whitespace());
        at += 1;
    }
    false
}

/// `{{ name }}`, `{% if %}`
fn template(value: &[u8]) -> bool {
    matches!(value, [b'{', b'{' | b'%', ..])
}

/// Longest value in quotation marks or brackets that crosses lines.
const LONGEST: usize = 1 << 20;

/// The bytes before the quotation mark that closes `text`.
fn closing(text: &[u8], mark: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|b| *b == mark || (*b == b'\\' && mark == b'"'))?;
        let escape = text[at] == b'\\' || (mark == b'\'' && text.get(at + 1) == Some(&mark));
        if !escape {
            return Some(at);
        }
        at += 2;
    }
}

/// `''` stands for `'`.
fn doubled(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        out.push(*byte);
        at += if raw[at..].starts_with(b"''") { 2 } else { 1 };
    }
    out
}

fn unquoted(key: &[u8]) -> &[u8] {
    match key {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => key,
    }
}

/// Longest key.
const KEY: usize = 512;

/// The key that a line begins with, and where its colon stands.
fn key(line: &[u8]) -> Option<(Range<usize>, usize)> {
    let first = *line.first()?;
    let head = &line[..line.len().min(KEY)];
    let from = match first {
        b'"' | b'\'' => 1 + closing(&head[1..], first)? + 1,
        b'{' | b'[' | b'|' | b'>' | b'@' | b'`' | b',' => return None,
        _ => 0,
    };
    let ends =
        |at: &usize| head[*at] == b':' && matches!(line.get(at + 1), None | Some(b' ' | b'\t' | b'\r'));
    let colon = (from..head.len()).find(ends)?;
    let key = trimmed(line, 0..colon);
    (!key.is_empty()).then_some((key, colon))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        super::super::tests::dump(yaml, text)
    }

    #[test]
    fn indentation_leads_to_keys() {
        let text = "a:\n  b: 1\n  c:\n  - x # y\n  - d: z\n    e: \"f\"\n  -\n    g: h\n'i j': k\n- l\n";
        assert_eq!(
            read(text),
            ["a.b=1", "a.c.0=x", "a.c.1.d=z", "a.c.1.e=f", "a.c.2.g=h", "i j=k", "i j.0=l"]
        );
        assert_eq!(read("a:\n    b:\n        c: 1\n    d: 2\ne: 3\n"), ["a.b.c=1", "a.d=2", "e=3"]);
        assert_eq!(read("a:\r\n  b: c\r\n"), ["a.b=c"]);
    }

    #[test]
    fn scalars_have_many_forms() {
        let text = "a: 'it''s'\nb: \"x\\ty\"\nc: &n !!str d#e\nf: *n\ng: |-\n  h\n   i\n\n  j\nk: >\n  l\nm: {n: o, p: [q]}\n";
        assert_eq!(read(text), ["a=it's", "b=x\ty", "c=d#e", "g=h\n i\n\nj", "k=l", "m.n=o", "m.p.0=q"]);
        assert_eq!(read("a: \"b\n  c\"\nd: e: f\n"), ["a=b\n  c", "d=e: f"]);
        assert_eq!(read("a: {b: c,\n  d: e}\nf: g\n"), ["a.b=c", "a.d=e", "f=g"]);
        assert_eq!(read("{\"a\": {\"b\": \"c\"}}"), ["a.b=c"]);
        assert_eq!(read("a: {b: \"}\",\n  c: d}\ne: f\n"), ["a.b=}", "a.c=d", "e=f"]);
        assert_eq!(read("a: {b: ']',\n  c: d}\ne: f\n"), ["a.b=]", "a.c=d", "e=f"]);
    }

    #[test]
    fn documents_are_counted() {
        let mut seen = Vec::new();
        yaml(b"a: 1\n---\nb: {x: 2}\n...\n--- # c\nd: 3\n", &mut |leaf| {
            seen.push((leaf.document, leaf.dotted()));
        });
        assert_eq!(seen, [(0, "a".into()), (1, "b.x".into()), (2, "d".into())]);
    }

    #[test]
    fn damage_and_templates_cost_their_line() {
        assert_eq!(read("a: \"b\nc: d\n"), ["a=b", "c=d"]);
        assert_eq!(read("{{- if .x }}\na: {{ .y }}\n{{- end }}\nb: c\n"), ["a={{ .y }}", "b=c"]);
        assert_eq!(read("a: {b\nc: d\n"), ["a=b", "c=d"]);
        assert_eq!(read("a:\n\tb: c\n"), ["a.b=c"]);
        assert_eq!(read("a: |\n  b"), ["a=b"]);
    }

    #[test]
    fn no_depth_is_too_deep() {
        let deep = (0..200).map(|depth| " ".repeat(depth) + "a:\n").collect::<String>();
        assert_eq!(read(&(deep + "b: c\n")), ["b=c"]);
        assert_eq!(read(&("- ".repeat(10_000) + "x\nb: c\n")), ["b=c"]);
    }
}
