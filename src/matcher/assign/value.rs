//! Lexes the value of an assignment as its notation asks.
//!
//! A quoted value ends at its quotation mark, a bare one where a shell, a URL, a YAML or INI line or an XML element ends
//! it. An expression is no literal, but may hold one: the default of a look-up, the argument of a constructor.

use std::ops::Range;

use super::operator::{begins_line, blanks};
use super::quote::Quote;
use super::{Name, Style, VALUE_BYTES, embedded};
use crate::matcher::reference::{fallback, reference};

/// What is known before the value.
pub(super) struct Context<'a> {
    pub(super) text: &'a [u8],
    pub(super) name: &'a Name,
    pub(super) style: Style,
    /// Whether the operator touches key and value.
    pub(super) tight: bool,
}

/// A value.
pub(super) struct Value {
    pub(super) range: Range<usize>,
    pub(super) quote: Option<u8>,
    pub(super) literal: bool,
}

/// The value that begins at or after `next`.
pub(super) fn at(context: &Context<'_>, next: usize) -> Option<Value> {
    let text = context.text;
    let free = matches!(
        context.style,
        Style::Call | Style::Member | Style::Pair | Style::Option | Style::XmlElement | Style::Named
    );
    let start = if free { past_space(text, next) } else { next + blanks(text, next) };
    if context.style == Style::XmlElement || (context.style == Style::Named && text[..next].ends_with(b">")) {
        return element(text, start);
    }
    if context.style == Style::Colon
        && let Some(range) = block(text, start)
    {
        return Some(Value { range, quote: None, literal: true });
    }
    let start = if context.style == Style::Colon {
        past_anchor(text, nested(text, start).unwrap_or(start))
    } else {
        start
    };
    let value = quoted(text, start).or_else(|| unquoted(context, start))?;
    Some(narrowed(context, value))
}

/// What follows an anchor or a tag of YAML: `key: &name x`, `key: !!str x`.
fn past_anchor(text: &[u8], start: usize) -> usize {
    let marked = matches!(text.get(start..), Some([b'&' | b'!', b'a'..=b'z' | b'A'..=b'Z' | b'!', ..]));
    let name = text[start..]
        .iter()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || b"&!_-".contains(b))
        .count();
    let next = start + name + blanks(text, start + name);
    // Tags that look a value up are part of it.
    let plain = text[start..].starts_with(b"&") || text[start..].starts_with(b"!!");
    if marked && plain && next > start + name { next } else { start }
}

/// The value of a parameter that has further members: `"key": {"value": "x"}`.
fn nested(text: &[u8], start: usize) -> Option<usize> {
    let open = text.get(start..)?.strip_prefix(b"{")?.iter().position(|b| !b.is_ascii_whitespace())?;
    let mark = start + 1 + open;
    let quote = Quote::at(text, mark)?;
    let word = mark + quote.len();
    let end = quote.close(text, word, 24)?;
    let known = in_list("value default defaultvalue plaintext", &text[word..end]);
    let colon = end + quote.len() + blanks(text, end + quote.len());
    let next = (known && text.get(colon) == Some(&b':')).then_some(colon + 1)?;
    Some(next + blanks(text, next))
}

fn past_space(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take(64).take_while(|b| b.is_ascii_whitespace()).count()
}

/// A string of some language, with the letters that may stand before it: `r"x"`, `b'x'`, `N'x'`, `@"x"`, `r#"x"#`.
fn quoted(text: &[u8], start: usize) -> Option<Value> {
    let prefix = text[start..].iter().take(3).take_while(|b| b"rRbBuUfFLN@$#(".contains(b)).count();
    let start = start + prefix;
    let quote = Quote::at(text, start)?;
    let open = start + quote.len();
    let end = quote.close(text, open, VALUE_BYTES)?;
    let after = text[end + quote.len()..].iter().take(64).find(|b| !b.is_ascii_whitespace());
    let behind = &text[end + quote.len()..];
    let joined = matches!(after, Some(b'+' | b'%'))
        || [&b".format("[..], b".replace(", b" . ", b" .. ", b" || "]
            .iter()
            .any(|next| behind.starts_with(next));
    Some(Value { range: open..end, quote: Some(quote.mark), literal: !joined })
}

/// `<key>x</key>`, also with `CDATA`.
fn element(text: &[u8], start: usize) -> Option<Value> {
    const CDATA: &[u8] = b"<![CDATA[";
    let body = &text[start..text.len().min(start + VALUE_BYTES + CDATA.len() + 1)];
    let (open, end) = match body.strip_prefix(CDATA) {
        Some(data) => (CDATA.len(), CDATA.len() + memchr::memmem::find(data, b"]]>")?),
        None => (0, memchr::memchr(b'<', body)?),
    };
    let closing = open > 0 || body[end..].starts_with(b"</");
    let trimmed = body[open..end].trim_ascii_end().len();
    closing.then_some(Value { range: start + open..start + open + trimmed, quote: None, literal: true })
}

/// A block scalar of YAML (`key: |`): its lines up to the first that is indented less.
fn block(text: &[u8], start: usize) -> Option<Range<usize>> {
    let body = &text[start..text.len().min(start + VALUE_BYTES)];
    let header = body.iter().take(4).take_while(|b| b"|>-+123456789".contains(b)).count();
    if !matches!(body.first(), Some(b'|' | b'>')) || !matches!(body.get(header), Some(b'\n' | b'\r')) {
        return None;
    }
    let first = header + body[header..].iter().position(|b| *b == b'\n')? + 1;
    let indent = body[first..].iter().take_while(|b| **b == b' ').count();
    let (mut at, mut end) = (first, first);
    let mut signs = Signs::default();
    for line in body[first..].split_inclusive(|b| *b == b'\n') {
        let depth = line.iter().take_while(|b| **b == b' ').count();
        let blank = line.trim_ascii().is_empty();
        if indent == 0 || (depth < indent && !blank) {
            break;
        }
        if line.iter().any(|byte| signs.too_many(*byte)) {
            return None;
        }
        at += line.len();
        if !blank {
            end = at - (line.len() - line.trim_ascii_end().len());
        }
    }
    (end > first + indent).then_some(start + first + indent..start + end)
}

/// A value without quotes around it.
fn unquoted(context: &Context<'_>, start: usize) -> Option<Value> {
    let expression =
        matches!(context.style, Style::Equals | Style::Colon | Style::Arrow | Style::Pair | Style::Named);
    // `('--password', default='x')`
    let declared = context.style == Style::Option && context.name.closed();
    if (expression || declared)
        && let Some(value) = inner_literal(context.text, start)
    {
        return Some(value);
    }
    match context.style {
        Style::Equals | Style::Colon | Style::Named => Some(line(context, start)),
        Style::Option | Style::Sql => Some(word(context, start)),
        Style::Arrow => Some(Value { literal: false, ..word(context, start) }),
        Style::Space => last_word(context, start),
        _ => None,
    }
}

/// The rest of the line if the key begins it, else a word.
fn line(context: &Context<'_>, start: usize) -> Value {
    let text = context.text;
    let before = context.name.before(text);
    // `ENV A=1 B=2` and `A=1 command`: with more than one word a tight sign ends at a blank.
    let alone = begins_line(before) && context.name.open.is_none();
    if !alone && context.style != Style::Named {
        return word(context, start);
    }
    let body = &text[start..text.len().min(start + VALUE_BYTES + 1)];
    let mut signs = Signs::default();
    let ends = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0) || signs.too_many(*byte);
    let end = body.iter().position(ends).unwrap_or(body.len());
    if signs.count > MOST_SIGNS {
        return Value { range: start..start, quote: None, literal: false };
    }
    let mut value = body[..end].trim_ascii_end();
    let comment = (1..value.len()).find(|at| value[*at] == b'#' && value[*at - 1].is_ascii_whitespace());
    value = value[..comment.unwrap_or(value.len())].trim_ascii_end();
    value = value.strip_suffix(b"\\").unwrap_or(value).trim_ascii_end();
    if context.tight && context.style == Style::Equals && value.contains(&b' ') {
        return word(context, start);
    }
    let ended = value.strip_suffix(b";").or_else(|| value.strip_suffix(b",")).unwrap_or(value);
    let key = &text[context.name.range.clone()];
    let member = [&b"self."[..], b"this.", b"cls."].iter().any(|owner| key.starts_with(owner));
    let code = ended.len() < value.len() || member || is_code(ended);
    Value { range: start..start + ended.len(), quote: None, literal: !code }
}

/// Signs of a program in a value without quotes.
fn is_code(value: &[u8]) -> bool {
    const SIGNS: &[&[u8]] = &[
        b" + ", b" if ", b" or ", b" and ", b" ? ", b" == ", b" || ", b" && ", b" * ", b" in ", b"=> ",
        b" is ", b" - ",
    ];
    const HEADS: &[&[u8]] =
        &[b"new ", b"await ", b"not ", b"lambda ", b"function", b"async ", b"if ", b"(", b"[", b"{"];
    let has = |sign: &&[u8]| memchr::memmem::find(value, sign).is_some();
    // Each of the signs has a blank.
    let signs = value.contains(&b' ') && SIGNS.iter().any(has);
    signs || reference(value).is_some() || HEADS.iter().any(|head| value.starts_with(head))
}

/// Up to what ends a word of a shell, a parameter of a URL, an item of an object.
fn word(context: &Context<'_>, start: usize) -> Value {
    let body = &context.text[start..context.text.len().min(start + VALUE_BYTES + 1)];
    let option = context.style == Style::Option;
    let encoded = context.text[..start].ends_with(b"%3D") || context.text[..start].ends_with(b"%3d");
    let mut depth = 0_usize;
    let mut end = 0;
    let mut signs = Signs::default();
    while let Some(byte) = body.get(end) {
        if is_name(*byte) {
            signs.name += 1;
            end += 1;
            continue;
        }
        if signs.too_many(*byte) {
            return Value { range: start..start, quote: None, literal: false };
        }
        let rest = &body[end..];
        match *byte {
            // `${NAME:-a b}` and `$(command)` are one word.
            b'{' | b'(' if depth > 0 || body[..end].ends_with(b"$") => depth += 1,
            b'}' | b')' if depth > 0 => depth -= 1,
            b'\n' | b'\r' | 0 => break,
            _ if depth > 0 => {}
            b' ' | b'\t' | b'"' | b'\'' | b'`' | b'<' | b'>' | b';' | b'|' | b'&' | b')' => break,
            b',' | b'}' | b']' if !option => break,
            b'%' if encoded && rest.starts_with(b"%26") => break,
            // The line goes on.
            b'\\' if matches!(rest.get(1), Some(b'\n' | b'\r')) => break,
            b'\\' if matches!(rest.get(1), Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\' | b'u')) => break,
            _ => {}
        }
        end += 1;
    }
    let value = &body[..end];
    let next = body[end..].first();
    // An item of an object and the right side of a statement are names and calls unless they are quoted.
    // In `${key:x}` it is the default of a look-up.
    let object = context.style == Style::Colon
        && matches!(next, Some(b',' | b'}' | b')'))
        && !context.name.before(context.text).ends_with(b"${");
    let statement = context.style == Style::Equals && !context.tight && !embedded(context.text, context.name);
    let called = matches!(next, Some(b'(')) || value.ends_with(b"(") || reference(value).is_some();
    let literal = !(object || statement || called);
    Value { range: start..start + end, quote: None, literal }
}

/// Counts the signs that stand behind names in a text without quotation marks. With many of them it is a list of
/// assignments and no value. So a text of nothing but keys, of which each has all the others as its value, is not read
/// once for each of them.
#[derive(Default)]
struct Signs {
    name: usize,
    count: usize,
}

/// Whether names have the byte, which ends no value.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Most signs behind names in a value: addresses and digests have some.
const MOST_SIGNS: usize = 8;

impl Signs {
    /// Takes the next byte. Whether there are too many signs by now.
    fn too_many(&mut self, byte: u8) -> bool {
        if is_name(byte) || byte == b' ' {
            self.name += usize::from(byte != b' ');
            return false;
        }
        self.count += usize::from(matches!(byte, b'=' | b':') && self.name >= 3);
        self.name = 0;
        self.count > MOST_SIGNS
    }
}

/// The only word that is left on the line, or the next one where a login stands before the key.
fn last_word(context: &Context<'_>, start: usize) -> Option<Value> {
    let value = word(context, start);
    let rest = &context.text[value.range.end..context.text.len().min(value.range.end + 256)];
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    let before = context.name.before(context.text);
    let more = before.trim_ascii_end().contains(&b' ') && context.name.open.is_none();
    let closed = context.name.open.is_some_and(|open| Quote::at(context.text, value.range.end) == Some(open));
    (more || closed || line.is_empty() || line == b";" || line.starts_with(b"#")).then_some(value)
}

/// How far an expression is looked at.
const EXPRESSION_BYTES: usize = 256;

/// The literal in an expression: `os.environ.get("X", "here")`, `process.env.X || 'here'`, `SecretStr("here")`.
fn inner_literal(text: &[u8], start: usize) -> Option<Value> {
    let body = &text[start..text.len().min(start + EXPRESSION_BYTES)];
    let body = &body[..memchr::memchr(b'\n', body).unwrap_or(body.len())];
    if !body.first().is_some_and(|b| b.is_ascii_alphabetic() || b"_$(\\&".contains(b))
        && !body.starts_with(b"[]")
    {
        return None;
    }
    let mut from = 0;
    let mut callee: &[u8] = b"";
    for turn in 0..3 {
        let open = from + memchr::memchr3(b'"', b'\'', b'\\', &body[from..])?;
        let quote = Quote::at(text, start + open)?;
        let inside = start + open + quote.len();
        let end = quote.close(text, inside, EXPRESSION_BYTES)?;
        let between = body[from..open].trim_ascii_end();
        let first = turn == 0;
        if first {
            callee = between.strip_suffix(b"(").unwrap_or_default();
        }
        let wraps = first && in_list(WRAPPERS, last_name(callee));
        let second = !first && between == b"," && in_list(LOOKUPS, last_name(callee));
        if wraps || second || DEFAULTS.split(' ').any(|sign| between.ends_with(sign.as_bytes())) {
            return Some(Value { range: inside..end, quote: Some(quote.mark), literal: true });
        }
        from = (end + quote.len()).checked_sub(start).filter(|from| *from <= body.len())?;
    }
    None
}

/// What makes a secret of its only argument.
const WRAPPERS: &str = "secretstr secret securestring string str byte rune bytes from b64decode base64_decode decode fromstring \
    new ok some just newsecret tostring encode literal valueof of secretvalue password credential unsafeplaintext plaintext";

/// What looks a name up and takes a default.
const LOOKUPS: &str = "get getenv env fetch getproperty environ config getenvordefault envor lookupenv getordefault \
    getenvdefault value str string option property param getstring envstring secret password default_env setdefault";

/// What stands before a default.
const DEFAULTS: &str = "|| ?? ?: or unwrap_or( orElse( unwrap_or_else(|| default= default: fallback= :- //";

fn in_list(list: &str, name: &[u8]) -> bool {
    list.split_ascii_whitespace().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn last_name(callee: &[u8]) -> &[u8] {
    callee.rsplit(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).next().unwrap_or_default()
}

/// Leaves of `${NAME:-default}` the default, and of `Bearer x` the x.
fn narrowed(context: &Context<'_>, mut value: Value) -> Value {
    let text = context.text;
    if let Some(inside) = fallback(&text[value.range.clone()]) {
        value.range = value.range.start + inside.start..value.range.start + inside.end;
        value.literal = true;
    }
    let key = &text[context.name.range.clone()];
    let header = key.len() >= 13 && key[key.len() - 13..].eq_ignore_ascii_case(b"authorization");
    if header && let Some(space) = text[value.range.clone()].iter().position(|b| *b == b' ') {
        let scheme = &text[value.range.start..value.range.start + space];
        if in_list("bearer basic token apikey api-key key ssws genieKey negotiate", scheme) {
            value.range.start += space + 1;
        }
    } else if header && value.quote.is_none() {
        // The scheme was taken for the value: what follows it is the value.
        let scheme = &text[value.range.clone()];
        let next = value.range.end + blanks(text, value.range.end);
        if in_list("bearer basic token apikey api-key key ssws genieKey", scheme) && next > value.range.end {
            return Value { ..word(context, next) };
        }
    }
    value
}
