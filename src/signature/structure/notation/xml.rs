//! XML as configuration uses it: texts of elements and values of attributes, whatever is not well-formed.
//!
//! The keys of a text are its elements, those of an attribute its element and `@name`. Where an element has a name in
//! an attribute, as in `<add key="a" value="b"/>` and `<property name="a">b</property>`, that name is a key too.

use std::borrow::Cow;
use std::ops::Range;

use super::{DEEPEST, Leaf, Leaves, trimmed};

/// Gives the text of every element and the value of every attribute of `text`.
pub(in super::super) fn xml<'t>(text: &'t [u8], leaves: &mut Leaves<'_, 't>) {
    let mut reader = Reader { text, keys: Vec::new(), open: Vec::new(), deeper: 0, unclosed: 0 };
    let mut at = 0;
    while at < text.len() {
        let tag = memchr::memchr(b'<', &text[at..]).map_or(text.len(), |length| at + length);
        reader.content(at..tag, leaves);
        at = reader.tag(tag, leaves);
    }
}

struct Reader<'t> {
    text: &'t [u8],
    /// Names of the open elements, and what they are called in an attribute.
    keys: Vec<Cow<'t, [u8]>>,
    /// Number of keys before each open element.
    open: Vec<usize>,
    deeper: usize,
    /// Where a comment or section begins that is not closed: those behind it are not either.
    unclosed: usize,
}

impl<'t> Reader<'t> {
    fn content(&self, range: Range<usize>, leaves: &mut Leaves<'_, 't>) {
        let range = trimmed(self.text, range);
        if !range.is_empty() && !self.open.is_empty() && self.deeper == 0 {
            let text = unescape(&self.text[range.clone()]);
            leaves(&Leaf { keys: &self.keys, text, range, document: 0 });
        }
    }

    /// Reads the tag at `at`; returns where the text goes on.
    fn tag(&mut self, at: usize, leaves: &mut Leaves<'_, 't>) -> usize {
        let rest = &self.text[at..];
        for (begin, end) in [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")] {
            if !rest.starts_with(begin) {
                continue;
            }
            let from = at + begin.len();
            let length = if self.unclosed > 0 { None } else { memchr::memmem::find(&self.text[from..], end) };
            let Some(length) = length else {
                self.unclosed = from;
                return from;
            };
            if begin.len() == 9 && !self.open.is_empty() && self.deeper == 0 {
                let range = from..from + length;
                let text = Cow::Borrowed(&self.text[range.clone()]);
                leaves(&Leaf { keys: &self.keys, text, range, document: 0 });
            }
            return from + length + end.len();
        }
        match rest {
            [b'<', b'/', ..] => {
                let name = name(&rest[2..]);
                self.close(name);
                let end = rest.iter().take(name.len() + 64).position(|b| *b == b'>');
                at + end.map_or(2, |end| end + 1)
            }
            [b'<', first, ..] if first.is_ascii_alphabetic() || *first == b'_' => self.element(at, leaves),
            _ => at + 1,
        }
    }

    /// Closes the innermost element of that name, with those that were left open in it.
    fn close(&mut self, name: &[u8]) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let same = |base: &usize| self.keys[*base].as_ref() == name;
        if let Some(found) = self.open.iter().rposition(same) {
            self.keys.truncate(self.open[found]);
            self.open.truncate(found);
        }
    }

    fn element(&mut self, at: usize, leaves: &mut Leaves<'_, 't>) -> usize {
        let own = name(&self.text[at + 1..]);
        let deep = self.open.len() * 2 >= DEEPEST || self.deeper > 0;
        let base = self.keys.len();
        if !deep {
            self.keys.push(Cow::Borrowed(own));
        }
        let (mut called, mut value) = (None, None);
        let mut next = at + 1 + own.len();
        while let Some((name, range, end)) = attribute(self.text, next) {
            next = end;
            if deep {
                continue;
            }
            let text = unescape(&self.text[range.clone()]);
            match name.to_ascii_lowercase().as_slice() {
                b"key" | b"name" => called = called.or_else(|| Some(text.clone())),
                b"value" => value = Some((text.clone(), range.clone())),
                _ => {}
            }
            self.keys.push(Cow::Owned([b"@", name].concat()));
            leaves(&Leaf { keys: &self.keys, text, range, document: 0 });
            self.keys.pop();
        }
        if let Some(called) = called.filter(|_| !deep) {
            self.keys.push(called);
            if let Some((text, range)) = value {
                leaves(&Leaf { keys: &self.keys, text, range, document: 0 });
            }
        }
        let rest = &self.text[next..];
        let blanks = rest.len() - rest.trim_ascii_start().len();
        let empty = rest.get(blanks) == Some(&b'/');
        let end = blanks + usize::from(empty);
        match (deep, empty) {
            (true, empty) => self.deeper += usize::from(!empty),
            (false, true) => self.keys.truncate(base),
            (false, false) => self.open.push(base),
        }
        next + end + usize::from(rest.get(end) == Some(&b'>'))
    }
}

fn name(text: &[u8]) -> &[u8] {
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'>' | b'/' | b'=' | b'<' | b'"' | b'\'');
    &text[..text.iter().take(256).position(ends).unwrap_or(text.len().min(256))]
}

/// The attribute at `at`: its name, where its value stands, and where the text goes on.
fn attribute(text: &[u8], at: usize) -> Option<(&[u8], Range<usize>, usize)> {
    let skip = |at: usize| at + text[at..].len() - text[at..].trim_ascii_start().len();
    let start = skip(at);
    let name = name(&text[start..]);
    let sign = skip(start + name.len());
    let quote = skip(sign + usize::from(text.get(sign) == Some(&b'=')));
    let mark = *text.get(quote).filter(|_| !name.is_empty() && text.get(sign) == Some(&b'='))?;
    if !matches!(mark, b'"' | b'\'') {
        return None;
    }
    // A value that is not closed ends with its line or tag.
    let rest = &text[quote + 1..];
    let ends = |b: &u8| *b == mark || matches!(b, b'\n' | b'<');
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    let closed = rest.get(length) == Some(&mark);
    Some((name, quote + 1..quote + 1 + length, quote + 1 + length + usize::from(closed)))
}

/// What a text with entities stands for.
fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'&') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        let end = rest.iter().take(12).position(|b| *b == b';').filter(|_| rest[0] == b'&');
        let character = end.and_then(|end| entity(&rest[1..end]));
        if let (Some(character), Some(end)) = (character, end) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            at += end + 1;
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    Cow::Owned(out)
}

fn entity(name: &[u8]) -> Option<char> {
    let number = |digits: &[u8], radix| {
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok().and_then(char::from_u32)
    };
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        super::super::tests::dump(xml, text)
    }

    #[test]
    fn elements_and_attributes_lead_to_texts() {
        let text = "<?xml version=\"1.0\"?><!-- <p>no</p> --><a>\r\n <b c='d'>e &amp; f</b><g/>\n<h><![CDATA[i<j]]></h> </a>";
        assert_eq!(read(text), ["a.b.@c=d", "a.b=e & f", "a.h=i<j"]);
    }

    #[test]
    fn names_in_attributes_are_keys() {
        assert_eq!(
            read(r#"<s><add key="a" value="b" /><p name="c">d</p></s>"#),
            ["s.add.@key=a", "s.add.@value=b", "s.add.a=b", "s.p.@name=c", "s.p.c=d"]
        );
    }

    #[test]
    fn damage_costs_little() {
        assert_eq!(read("<a><b>c<d>e</d></a><f>g"), ["a.b=c", "a.b.d=e", "f=g"]);
        assert_eq!(read("<a b=\"c\n<d>e</d>"), ["a.@b=c", "a.d=e"]);
        assert_eq!(read("<a><!-- <b>c</b></a>"), ["a.b=c"]);
        assert_eq!(read("</x><a>b</x>c</a>"), ["a=b", "a=c"]);
    }

    #[test]
    fn no_depth_is_too_deep() {
        let deep = "<a>".repeat(50_000) + "x" + &"</a>".repeat(50_000) + "<b>y</b>";
        assert_eq!(read(&deep), ["b=y"]);
    }
}
