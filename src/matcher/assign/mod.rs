//! Finds the assignment that a keyword belongs to: `password = "x"`, `"apiKey": "x"`, `--token x`, `<secret>x</secret>`.
//!
//! What stands on the other side of the operator is lexed as the notation asks: as a quoted string of any language, a
//! word of a shell, the rest of a line of YAML or INI, a parameter of a URL, an XML attribute or element. Everything is
//! local: at most [`KEY_BYTES`] to each side of the keyword for the key, and [`VALUE_BYTES`] for the value, so a window
//! of a text gives what the whole text would. Whether the name says secret and the value is one is for `judge` to know.

mod quote;
mod value;

use std::ops::Range;

use self::quote::Quote;

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
    /// `("key", "x")`.
    Pair,
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
    if name.before(text).ends_with(b"://") {
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
    Some(Assignment {
        key: name.range,
        value: value.range,
        quote: value.quote,
        style: found.style,
        literal: value.literal,
    })
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
        let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let (before, after) = (text.get(..keyword.start)?, text.get(keyword.end..)?);
        let left = before.iter().rev().take(KEY_BYTES + 1).take_while(|b| inside(b)).count();
        let right = after.iter().take(KEY_BYTES + 1).take_while(|b| inside(b)).count();
        if left > KEY_BYTES || right > KEY_BYTES {
            return None;
        }
        let whole = keyword.start - left..keyword.end + right;
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

    /// The text before the key, its dashes and its quotation mark.
    fn before<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let end = self.range.start - self.dashes.min(self.range.start);
        let end = end - self.open.map_or(0, Quote::len).min(end);
        &text[end.saturating_sub(KEY_BYTES)..end]
    }
}

/// An operator after a key.
struct Operator {
    style: Style,
    /// Where the value may begin.
    next: usize,
    /// Whether no blank stands before and behind the operator.
    tight: bool,
}

fn operator(text: &[u8], name: &Name) -> Option<Operator> {
    let before = name.before(text);
    if let Some(next) = named_pair(text, name, before) {
        return Some(Operator { style: Style::Named, next, tight: false });
    }
    let mut at = name.end;
    // `char key[64] = "x"`
    if !name.closed && text.get(at) == Some(&b'[') {
        let close = text[at..].iter().take(8).position(|b| *b == b']')?;
        at += close + 1;
    }
    if before.ends_with(b"<") && name.dashes == 0 {
        return element(text, at).map(|next| Operator { style: Style::XmlElement, next, tight: true });
    }
    let blanks = blanks(text, at);
    let rest = &text[at + blanks..];
    let Some((style, length)) = sign(rest) else {
        let (style, next) = without_sign(text, name, before, at, blanks)?;
        return Some(Operator { style, next, tight: true });
    };
    let mut next = at + blanks + length;
    let typed = past_type(text, next).filter(|_| style == Style::Colon && !name.closed);
    next = typed.unwrap_or(next);
    let style = if typed.is_some() { Style::Equals } else { style };
    let behind = text.get(next).is_some_and(u8::is_ascii_whitespace);
    let style = if name.dashes > 0 && style == Style::Equals { Style::Option } else { style };
    Some(Operator { style, next, tight: blanks == 0 && !behind })
}

/// Number of blanks at `at`.
fn blanks(text: &[u8], at: usize) -> usize {
    text[at..].iter().take(64).take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// The operator that `rest` begins with, and its length.
fn sign(rest: &[u8]) -> Option<(Style, usize)> {
    const SIGNS: &[(&[u8], Option<Style>)] = &[
        (b"===", Some(Style::Compare)),
        (b"!==", Some(Style::Compare)),
        (b"==", Some(Style::Compare)),
        (b"!=", Some(Style::Compare)),
        (b"=~", None),
        (b":-", Some(Style::Equals)),
        (b":?", None),
        (b":+", None),
        (b"=>", Some(Style::Arrow)),
        (b"=", Some(Style::Equals)),
        (b"::", None),
        (b":=", Some(Style::Equals)),
        (b":", Some(Style::Colon)),
        (b"?:", Some(Style::Colon)),
        (b"||=", Some(Style::Equals)),
        (b"??=", Some(Style::Equals)),
        (b"?=", Some(Style::Equals)),
        // `process.env.KEY || "x"`
        (b"||", Some(Style::Compare)),
        (b"??", Some(Style::Compare)),
        (b"+=", Some(Style::Equals)),
        (b".=", Some(Style::Equals)),
        (b"<-", Some(Style::Arrow)),
        (b"\\u003d", Some(Style::Equals)),
        (b"\\u003D", Some(Style::Equals)),
        (b"%3D", Some(Style::Equals)),
    ];
    let (sign, style) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    style.map(|style| (style, sign.len()))
}

/// What follows `: &'static str =`, `: string =`, `: Optional[str] =`.
fn past_type(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..text.len().min(at + 56)];
    let equals = rest.iter().position(|b| matches!(b, b'=' | b'\n' | b'"'))?;
    let after = rest.get(equals + 1)?;
    let kind = rest[..equals].trim_ascii();
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"_<>[]|&'?*.: ".contains(b);
    let is_type = rest[equals] == b'='
        && matches!(after, b' ' | b'"' | b'\'')
        && rest[..equals].ends_with(b" ")
        && !kind.is_empty()
        && kind.iter().all(fits);
    is_type.then_some(at + equals + 1)
}

/// After `<key`, where an element's text begins.
fn element(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..text.len().min(at + 256)];
    let close = rest.iter().position(|b| matches!(b, b'>' | b'<' | b'\n'))?;
    let open = rest[close] == b'>' && !rest[..close].ends_with(b"/");
    let attributes = close == 0 || rest[0].is_ascii_whitespace();
    (open && attributes).then_some(at + close + 1)
}

/// Notations that have no sign between key and value.
fn without_sign(text: &[u8], name: &Name, before: &[u8], at: usize, blanks: usize) -> Option<(Style, usize)> {
    let here = at + blanks;
    let next = *text.get(here)?;
    let quoted = Quote::at(text, here).is_some();
    if next == b'(' && !name.closed && blanks == 0 {
        return Some((Style::Call, here + 1));
    }
    if next == b',' && name.closed {
        let option = name.dashes > 0;
        let listed = matches!(before.trim_ascii_end().last(), Some(b'(' | b'[' | b'{'));
        let style = if option { Style::Option } else { Style::Pair };
        return (option || listed).then_some((style, here + 1));
    }
    // `["app" "--token" "x"]` as the history writes exec form.
    if name.dashes > 0 && blanks > 0 && (!name.closed || quoted) {
        return Some((Style::Option, here));
    }
    if blanks == 0 || name.closed {
        return None;
    }
    let key = &text[name.range.clone()];
    // `var key string = "x"`
    if let Some(next) = past_go_type(text, here) {
        return Some((Style::Equals, next));
    }
    if next == b'\'' && key.eq_ignore_ascii_case(b"password") {
        return Some((Style::Sql, here));
    }
    if text[here..].len() > 4 && key.eq_ignore_ascii_case(b"identified") {
        let by = text[here..here + 3].eq_ignore_ascii_case(b"by ");
        return by.then_some((Style::Sql, past_by(text, here + 3)));
    }
    // `echo "requirepass x" >> file`
    let begins_text = name.open.is_some() && name.dashes == 0;
    (begins_text || begins_line(before)).then_some((Style::Space, here))
}

/// What follows `PASSWORD ` in `IDENTIFIED BY PASSWORD 'x'`.
fn past_by(text: &[u8], at: usize) -> usize {
    let at = at + blanks(text, at);
    let word = text.get(at..at + 9).is_some_and(|word| word.eq_ignore_ascii_case(b"password "));
    if word { at + 9 } else { at }
}

fn past_go_type(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..text.len().min(at + 24)];
    let kind =
        [&b"string"[..], b"[]byte", b"String", b"text"].into_iter().find(|kind| rest.starts_with(kind))?;
    let after = &rest[kind.len()..];
    let sign = after.iter().position(|b| *b != b' ')?;
    (sign > 0 && after[sign] == b'=').then_some(at + kind.len() + sign + 1)
}

/// Whether only blanks, or a word that sets a variable, stand before a key on its line.
fn begins_line(before: &[u8]) -> bool {
    let line = before.rsplit(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    // A line that is longer than what can be seen begins with something else.
    let cut = line.len() == before.len() && line.len() >= KEY_BYTES;
    let line = line.trim_ascii();
    let words = line.split(|b| *b == b' ').collect::<Vec<_>>();
    let sets = |word: &[u8]| matches!(word, b"set" | b"setx" | b"config" | b"add" | b"-g" | b"--global");
    !cut && match words.as_slice() {
        [b"" | b"ENV" | b"ARG" | b"export" | b"setenv" | b"-"] => true,
        // `npm config set KEY x`, `poetry config KEY x`
        [.., word] if sets(word) => true,
        // `machine host login user password x`
        [.., b"login" | b"user", _] => true,
        _ => false,
    }
}

/// After `name="key"`, `"name": "key",` or `- name: key`, the place of the value that belongs to it.
fn named_pair(text: &[u8], name: &Name, before: &[u8]) -> Option<usize> {
    let sign = before.trim_ascii_end();
    let sign = sign.strip_suffix(b"=").or_else(|| sign.strip_suffix(b":"))?.trim_ascii_end();
    let bare = sign.strip_suffix(b"\"").or_else(|| sign.strip_suffix(b"'")).unwrap_or(sign);
    let bare = bare.strip_suffix(b"\\").unwrap_or(bare);
    let word = bare.rsplit(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    if !matches!(
        word.to_ascii_lowercase().as_slice(),
        b"name" | b"key" | b"id" | b"variable" | b"parameterkey"
    ) {
        return None;
    }
    let rest = &text[name.end..text.len().min(name.end + 256)];
    // `<entry key="key">x</entry>`
    if name.closed && rest.starts_with(b">") {
        return Some(name.end + 1);
    }
    let gap = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b'"' | b'\'' | b'\\');
    let start = rest.iter().position(|b| !gap(b))?;
    let word = rest[start..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let value = &rest[start..start + word];
    if !matches!(value.to_ascii_lowercase().as_slice(), b"value" | b"val" | b"content" | b"parametervalue") {
        return None;
    }
    let after = name.end + start + word;
    let after = after + Quote::at(text, after).map_or(0, Quote::len);
    let after = after + blanks(text, after);
    matches!(text.get(after), Some(b'=' | b':')).then_some(after + 1)
}

#[cfg(test)]
mod tests;
