//! Finds the operator that ties a key to its value, in the notations of configuration files, shells and programs.
//!
//! Most have a sign behind the key. Some have the key as the value of a `name`, some a keyword or only a blank; these are
//! taken where the rest of the line says that nothing else is meant.

use super::quote::Quote;
use super::{KEY_BYTES, Name, Style, last_line};

/// An operator after a key.
pub(super) struct Operator {
    pub(super) style: Style,
    /// Where the value may begin.
    pub(super) next: usize,
    /// Whether no blank stands before and behind the operator.
    pub(super) tight: bool,
}

pub(super) fn operator(text: &[u8], name: &Name) -> Option<Operator> {
    let before = name.before(text);
    if let Some(next) = named_pair(text, name, before) {
        return Some(Operator { style: Style::Named, next, tight: false });
    }
    if let Some(next) = declared(text, name, before) {
        return Some(Operator { style: Style::Named, next, tight: false });
    }
    let mut at = name.end;
    // `char key[64] = "x"`
    if !name.closed && text.get(at) == Some(&b'[') {
        let close = text[at..].iter().take(8).position(|b| *b == b']')?;
        at += close + 1;
    }
    if let Some(next) = sibling(text, name.end, before) {
        return Some(Operator { style: Style::Named, next, tight: false });
    }
    if before.ends_with(b"<") && name.dashes == 0 {
        return element(text, at).map(|next| Operator { style: Style::XmlElement, next, tight: true });
    }
    // `**Password**: x`, `**Password:** x`
    let emphasis = usize::from(before.ends_with(b"**")) * 2;
    if emphasis > 0 && text[at..].starts_with(b"**") {
        at += emphasis;
    }
    let blanks = blanks(text, at);
    let rest = &text[at + blanks..];
    let Some((style, length)) = sign(rest) else {
        let (style, next) = without_sign(text, name, before, at, blanks)?;
        return Some(Operator { style, next, tight: true });
    };
    let mut next = at + blanks + length;
    if emphasis > 0 && text[next..].starts_with(b"**") {
        next += emphasis;
    }
    let typed = if style == Style::Colon && !name.closed { past_type(text, next) } else { None };
    next = typed.unwrap_or(next);
    let style = if typed.is_some() { Style::Equals } else { style };
    let behind = text.get(next).is_some_and(u8::is_ascii_whitespace);
    let style = if name.dashes > 0 && style == Style::Equals { Style::Option } else { style };
    Some(Operator { style, next, tight: blanks == 0 && !behind })
}

/// Number of blanks at `at`.
pub(super) fn blanks(text: &[u8], at: usize) -> usize {
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
        (b"%3d", Some(Style::Equals)),
        (b"%3A", Some(Style::Colon)),
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
        // `SET PASSWORD FOR x = PASSWORD('y')`
        if &text[name.range.clone()] == b"PASSWORD" && before.trim_ascii_end().ends_with(b"=") {
            return Some((Style::Sql, here + 1));
        }
        let member = before.ends_with(b".") || text[name.range.clone()].contains(&b'.');
        return Some((if member { Style::Member } else { Style::Call }, here + 1));
    }
    let symbol = before.ends_with(b":");
    let opened = |at: usize| Quote::at(text, at + self::blanks(text, at)).is_some();
    // `:password "x"` of Clojure, `set :password, "x"` of Ruby, `{password, "x"}` of Erlang, `password{"x"}` of C++.
    // `strcpy(password, "x")`, `put(PASSWORD, "x")`: the key is a name of the program.
    let first = symbol || before.ends_with(b"{") || before.ends_with(b"(");
    if !name.closed && ((symbol && blanks > 0 && quoted) || (next == b',' && first && opened(here + 1))) {
        return Some((Style::Pair, here + usize::from(next == b',')));
    }
    if next == b'{' && !name.closed && blanks == 0 && opened(here + 1) {
        return Some((Style::Equals, here + 1));
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
    if defined(before) {
        return Some((Style::Equals, here));
    }
    if let Some(next) = said(text, here) {
        return Some((Style::Space, next));
    }
    // `proxy_set_header X-Api-Key "x";`, `storePassword 'x'`: the quoted text ends the line.
    if quoted && ends_line(text, here) {
        return Some((Style::Space, here));
    }
    // `echo "requirepass x" >> file`
    let scheme = || {
        let head = before[before.len().saturating_sub(24)..].to_ascii_lowercase();
        memchr::memmem::find(&head, b"authorization").is_some()
    };
    let begins_text = name.open.is_some() && name.dashes == 0 && !scheme();
    (begins_text || begins_line(before)).then_some((Style::Space, here))
}

/// Whether a preprocessor's definition begins before the key.
fn defined(before: &[u8]) -> bool {
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    matches!(line.strip_prefix(b"#").map(<[u8]>::trim_ascii), Some(b"define"))
}

/// What follows `password is x`, `password: is x`, `password for the portal is x`, `password - x`.
fn said(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..text.len().min(at + 64)];
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    let from = match line {
        [b'f', b'o', b'r', b' ', ..] => memchr::memmem::find(line, b" is ")? + 1,
        _ => 0,
    };
    let sign = [&b"is: "[..], b"is ", b"- "].into_iter().find(|sign| line[from..].starts_with(sign))?;
    let next = from + sign.len();
    // Sentences go on with a word.
    let word = line[next..].split(|b| *b == b' ').next().unwrap_or_default();
    word.iter().any(u8::is_ascii_digit).then_some(at + next)
}

/// Whether only the end of a statement stands behind the quoted text at `at`.
fn ends_line(text: &[u8], at: usize) -> bool {
    let Some(quote) = Quote::at(text, at) else { return false };
    let Some(end) = quote.close(text, at + quote.len(), 512) else { return false };
    let rest = &text[end + quote.len()..text.len().min(end + quote.len() + 16)];
    let line = rest.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    matches!(line.trim_ascii(), b"" | b";" | b"always;")
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
pub(super) fn begins_line(before: &[u8]) -> bool {
    let line = last_line(before);
    // A line that is longer than what can be seen begins with something else.
    let cut = line.len() == before.len() && line.len() >= KEY_BYTES;
    // Every key without quotation marks is asked about its line, and most lines have many words.
    let line = line.trim_ascii();
    let last_word = |text| memchr::memrchr(b' ', text).map_or(text, |blank| &text[blank + 1..]);
    let last = last_word(line);
    !cut && match line[..line.len() - last.len()].strip_suffix(b" ") {
        // `npm config set KEY x`, `poetry config KEY x`; `machine host login user password x`
        Some(before) => is_setter(last) || matches!(last_word(before), b"login" | b"user"),
        None => is_setter(last) || matches!(last, b"" | b"ENV" | b"ARG" | b"export" | b"setenv" | b"-"),
    }
}

/// The default of `variable "key" { default = "x" }` in Terraform.
fn declared(text: &[u8], name: &Name, before: &[u8]) -> Option<usize> {
    if !name.closed || !before.trim_ascii_end().ends_with(b"variable") {
        return None;
    }
    let open = name.end + blanks(text, name.end);
    let rest = text[open..text.len().min(open + 512)].strip_prefix(b"{")?;
    let block = rest.split(|b| *b == b'}').next()?;
    let mark = memchr::memmem::find(block, b"default")?;
    let equals = block[mark..].iter().position(|b| *b == b'=')?;
    Some(open + 1 + mark + equals + 1)
}

/// Whether a word stands before a key that is set: of npm, fish, PowerShell, nginx, Apache.
#[rustfmt::skip]
fn is_setter(word: &[u8]) -> bool {
    matches!(
        word,
        b"set" | b"setx" | b"config" | b"add" | b"-g" | b"--global" | b"-gx" | b"-x" | b"-Ux" | b"-xg" | b"setq"
            | b"setenv" | b"SetEnv" | b"proxy_set_header" | b"add_header" | b"fastcgi_param" | b"RequestHeader"
            | b"Set-Item" | b"Set-Variable" | b"enable"
    )
}

/// After `<name>key</name>`, the text of the element that follows it.
fn sibling(text: &[u8], at: usize, before: &[u8]) -> Option<usize> {
    let tag = before.strip_suffix(b">")?.rsplit(|b| *b == b'<').next()?;
    let rest = &text[at..text.len().min(at + 256)];
    let close = rest.strip_prefix(b"</")?.iter().position(|b| *b == b'>')? + 3;
    if !names(tag.rsplit(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default()) {
        return None;
    }
    opened_element(text, at + close)
}

/// Where the text of an element begins that opens at `at`, behind blanks and line ends.
fn opened_element(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..text.len().min(at + 256)];
    let open = rest.iter().position(|b| !b.is_ascii_whitespace())?;
    let tag = rest[open..].strip_prefix(b"<")?;
    let end = tag.iter().position(|b| *b == b'>')?;
    (tag[0] != b'/' && !tag[..end].ends_with(b"/")).then_some(at + open + end + 2)
}

/// Whether a word says that what it names is called so: `name`, `key`.
fn names(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    matches!(word.as_slice(), b"name" | b"key" | b"id" | b"variable" | b"parameterkey")
}

/// After `name="key"`, `"name": "key",` or `- name: key`, the place of the value that belongs to it.
fn named_pair(text: &[u8], name: &Name, before: &[u8]) -> Option<usize> {
    let sign = before.trim_ascii_end();
    let sign = sign.strip_suffix(b"=").or_else(|| sign.strip_suffix(b":"))?.trim_ascii_end();
    let bare = sign.strip_suffix(b"\"").or_else(|| sign.strip_suffix(b"'")).unwrap_or(sign);
    let bare = bare.strip_suffix(b"\\").unwrap_or(bare);
    let word = bare.rsplit(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    if !names(word) {
        return None;
    }
    let rest = &text[name.end..text.len().min(name.end + 256)];
    // `<entry key="key">x</entry>`, `<property name="key"><value>x</value></property>`
    if name.closed && rest.starts_with(b">") {
        return Some(opened_element(text, name.end + 1).unwrap_or(name.end + 1));
    }
    let gap = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b'"' | b'\'' | b'\\');
    let mut start = rest.iter().position(|b| !gap(b))?;
    let letters = |from: usize| rest[from..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    // `android:name="key" android:value="x"`
    let namespace = letters(start);
    if rest.get(start + namespace) == Some(&b':') && letters(start + namespace + 1) > 0 {
        start += namespace + 1;
    }
    let word = letters(start);
    let value = &rest[start..start + word];
    if !matches!(value.to_ascii_lowercase().as_slice(), b"value" | b"val" | b"content" | b"parametervalue") {
        return None;
    }
    let after = name.end + start + word;
    let after = after + Quote::at(text, after).map_or(0, Quote::len);
    let after = after + blanks(text, after);
    matches!(text.get(after), Some(b'=' | b':')).then_some(after + 1)
}
