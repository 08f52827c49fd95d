//! Lines of keys and values: INI and its sections, properties, TOML as far as settings use it, `.env` files and the lines
//! of shells that set variables.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{flow, string, unescape};
use super::{Leaf, Leaves, lines, trimmed};

/// Gives the value of every `key = value`, `key: value` and `key value` of a text with `[sections]`.
pub(in super::super) fn settings<'t>(text: &'t [u8], leaves: &mut Leaves<'_, 't>) {
    read(text, &Dialect { shell: false }, leaves);
}

/// Gives the value of every `KEY=value`, `export KEY="value"`, `set KEY=value` and `setenv KEY value` of a text.
pub(in super::super) fn environment<'t>(text: &'t [u8], leaves: &mut Leaves<'_, 't>) {
    read(text, &Dialect { shell: true }, leaves);
}

struct Dialect {
    /// Whether values are those of a shell: quotes may cross lines, ` #` begins a comment, no sections.
    shell: bool,
}

fn read<'t>(text: &'t [u8], dialect: &Dialect, leaves: &mut Leaves<'_, 't>) {
    let mut keys: Vec<Cow<'t, [u8]>> = Vec::new();
    let mut sections = 0;
    // Behind a value that crosses lines.
    let mut next = 0;
    // Quotation marks that are known not to be closed any more.
    let mut open = Vec::new();
    for (start, line) in lines(text) {
        let content = line.trim_ascii_start();
        let at = start + line.len() - content.len();
        if start < next || content.is_empty() || matches!(content[0], b'#' | b';' | b'!') {
            continue;
        }
        if content[0] == b'[' && !dialect.shell {
            keys = section(content);
            sections = keys.len();
            continue;
        }
        let Some((key, value)) = pair(text, at..start + line.len(), dialect) else { continue };
        keys.truncate(sections);
        keys.extend(dotted(key));
        let value = match text.get(value.start) {
            Some(b'{' | b'[') if !dialect.shell && closes(&text[value.clone()]) => {
                flow(&text[..value.end], value.start, keys.clone(), leaves);
                continue;
            }
            Some(mark @ (b'"' | b'\'')) => quoted(text, value, *mark, &mut open),
            _ => (bare(text, value.clone(), dialect), None),
        };
        let (range, unescaped) = value;
        next = range.end;
        let text = unescaped.map_or(Cow::Borrowed(&text[range.clone()]), Cow::Owned);
        leaves(&Leaf { keys: &keys, text, range, document: 0 });
    }
}

/// The names in `[a.b]`, `[[a]]`, `[a "b.c"]`; at most three, the last with what is left.
fn section(line: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let inner = line.trim_ascii_start().trim_ascii_end();
    let inner = inner.strip_prefix(b"[[").or_else(|| inner.strip_prefix(b"[")).unwrap_or(inner);
    let end = inner.iter().rposition(|b| *b == b']').unwrap_or(inner.len());
    let inner = inner[..end].strip_suffix(b"]").unwrap_or(&inner[..end]);
    match inner.iter().position(|b| *b == b' ') {
        Some(space) if inner[space..].contains(&b'"') => {
            let name =
                inner[space..].iter().position(|b| *b == b'"').map_or(&[][..], |at| &inner[space + at..]);
            vec![Cow::Borrowed(&inner[..space]), Cow::Borrowed(unquoted(name))]
        }
        _ => dotted(inner),
    }
}

/// The parts of a key: at its dots, of which those in quotation marks count for nothing.
fn dotted(key: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut parts = Vec::new();
    let (mut from, mut mark) = (0, None);
    for (at, byte) in key.iter().enumerate() {
        match (mark, byte) {
            (Some(open), byte) if open == *byte => mark = None,
            (None, b'"' | b'\'') => mark = Some(*byte),
            (None, b'.') if parts.len() < 8 => {
                parts.push(Cow::Borrowed(unquoted(&key[from..at])));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(Cow::Borrowed(unquoted(&key[from..])));
    parts
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    match text {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => text,
    }
}

/// The key of a line, and where its value stands.
fn pair<'t>(text: &'t [u8], line: Range<usize>, dialect: &Dialect) -> Option<(&'t [u8], Range<usize>)> {
    let content = &text[line.clone()];
    let mut from = 0;
    for word in
        [&b"export "[..], b"set ", b"setx ", b"setenv ", b"local ", b"declare -x ", b"ENV ", b"env ", b"- "]
    {
        if content[from..].starts_with(word) {
            from += word.len();
            from += content[from..].iter().take_while(|b| **b == b' ').count();
        }
    }
    let body = &content[from..];
    let signs = |b: &u8| matches!(b, b'=' | b':');
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let quote = body.first().filter(|b| matches!(b, b'"' | b'\''));
    let key_end = match quote {
        Some(mark) => body[1..].iter().position(|b| b == mark)? + 2,
        // A sign inside a key, as in `//host:8080/:_authToken=x`, is one that something else than a blank follows.
        None if body.starts_with(b"//") => body.iter().position(|b| *b == b'=' || blank(b))?,
        None if dialect.shell => body.iter().position(|b| *b == b'=' || blank(b))?,
        None => {
            let sign = body.iter().position(signs);
            let space = body.iter().position(blank);
            match (sign, space) {
                // `key = value`; of `key value=x` the blank is the sign.
                (Some(sign), Some(space)) if space < sign => {
                    let between = body[space..sign].iter().all(blank);
                    if between { sign } else { space }
                }
                (sign, space) => sign.or(space)?,
            }
        }
    };
    let key = body[..key_end].trim_ascii();
    let mut at = key_end + body[key_end..].iter().take_while(|b| blank(b)).count();
    match body.get(at..) {
        Some([b':' | b'?', b'=', ..] | [b'=', b'>', ..]) => at += 2,
        Some([b'=', ..]) => at += 1,
        Some([b':', ..]) if !dialect.shell => at += 1,
        _ => {}
    }
    at += body.get(at..)?.iter().take_while(|b| blank(b)).count();
    let start = line.start + from + at;
    (!key.is_empty() && key.len() <= 512).then(|| (key, trimmed(text, start..line.end)))
}

/// Whether as many brackets close in a value as open.
fn closes(value: &[u8]) -> bool {
    let count = |signs: &[u8]| value.iter().filter(|b| signs.contains(b)).count();
    count(b"{[") == count(b"}]")
}

/// A value in quotation marks, and what it stands for if there are escapes.
fn quoted(text: &[u8], value: Range<usize>, mark: u8, open: &mut Vec<u8>) -> (Range<usize>, Option<Vec<u8>>) {
    let triple = text[value.start..].starts_with(&[mark; 3]);
    let start = value.start + if triple { 3 } else { 1 };
    let (range, escaped) = string(text, start, mark);
    let closed = text.get(range.end) == Some(&mark);
    if (closed && !triple) || open.contains(&mark) {
        let raw = &text[range.clone()];
        return (range, (escaped && mark == b'"').then(|| unescape(raw)));
    }
    // It crosses lines: keys in PEM do.
    let needle: &[u8] = if triple { &[mark; 3] } else { &[mark] };
    let length = memchr::memmem::find(&text[start..], needle).filter(|length| *length <= LONGEST);
    if let Some(length) = length {
        return (start..start + length, None);
    }
    open.push(mark);
    (range, None)
}

/// Longest value that crosses lines.
const LONGEST: usize = 64 << 10;

/// A value without quotation marks: to the end of the line, or to a comment.
fn bare(text: &[u8], value: Range<usize>, dialect: &Dialect) -> Range<usize> {
    let content = &text[value.clone()];
    let comment = content.windows(2).position(|pair| {
        let mark = if dialect.shell { pair[1] == b'#' } else { matches!(pair[1], b'#' | b';') };
        mark && matches!(pair[0], b' ' | b'\t')
    });
    trimmed(text, value.start..comment.map_or(value.end, |at| value.start + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ini(text: &str) -> Vec<String> {
        super::super::tests::dump(settings, text)
    }

    fn env(text: &str) -> Vec<String> {
        super::super::tests::dump(environment, text)
    }

    #[test]
    fn keys_stand_in_their_sections() {
        let text =
            "\u{feff}a = 1\r\n[b]\r\n# c = 2\nd: 3 ; x\n[e \"f.g\"]\n\th = \"i j\"\n[k.\"l.m\"]\nn.o='p'\n";
        assert_eq!(ini(text), ["a=1", "b.d=3", "e.f.g.h=i j", "k.l.m.n.o=p"]);
        assert_eq!(ini("requirepass x y\nkey value=1\n"), ["requirepass=x y", "key=value=1"]);
        assert_eq!(ini("//h:80/:_authToken=a=b"), ["//h:80/:_authToken=a=b"]);
        assert_eq!(ini("a = { b = \"c\", d = [\"e\"] }"), ["a.b=c", "a.d.0=e"]);
    }

    #[test]
    fn variables_of_shells_are_read() {
        assert_eq!(
            env("export A=b # c\n B='d e'\nC=\"f\\\"g\"\nset D=h\nE = i#j\n"),
            ["A=b", "B=d e", "C=f\"g", "D=h", "E=i#j"]
        );
        assert_eq!(env("setenv A b\nKEY=\"x\ny\"\nB=c"), ["A=b", "KEY=x\ny", "B=c"]);
    }

    #[test]
    fn an_open_quotation_mark_ends_with_its_line() {
        assert_eq!(env("A=\"b\nC=d\n"), ["A=b", "C=d"]);
        assert_eq!(ini("a = 'b\nc = d"), ["a=b", "c=d"]);
    }
}
