//! What stands around and between the letters of a PEM block, in all the ways in which texts carry one.
//!
//! A block may stand in a file, in a JSON string (`\n`), in a URL (`%0A`), in a source file as strings that are added,
//! in a comment or on one line. Here all of that is taken off; what the letters mean is not known here.

/// The label of the first `-----BEGIN label-----`, and what follows it.
pub(super) fn label(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = memchr::memmem::find(text, b"-----BEGIN ")? + b"-----BEGIN ".len();
    let rest = &text[start..];
    let length = memchr::memmem::find(&rest[..rest.len().min(80)], b"-----")?;
    Some((&rest[..length], &rest[length + 5..]))
}

/// What the lines between header and body say.
#[derive(Default)]
pub(super) struct Armour {
    /// `Proc-Type: 4,ENCRYPTED` (RFC 1421, section 4.6.1.1).
    pub(super) legacy_encryption: bool,
}

/// Takes off `Name: value` lines, whether their ends are real or escaped.
pub(super) fn headers(mut body: &[u8]) -> (Armour, &[u8]) {
    let mut armour = Armour::default();
    for _ in 0..16 {
        let line = past_line_ends(body);
        let name = line.iter().take(40).position(|b| !(b.is_ascii_alphanumeric() || *b == b'-')).unwrap_or(0);
        if name == 0 || line.get(name..name + 2) != Some(b": ") {
            return (armour, body);
        }
        let value = &line[name + 2..];
        let to_space = line.starts_with(b"DEK-Info") || line.starts_with(b"Proc-Type");
        let ends =
            |b: &u8| matches!(b, b'\n' | b'\r' | b'\\' | b'%') || (to_space && b.is_ascii_whitespace());
        let end = value.iter().position(ends).unwrap_or(value.len());
        armour.legacy_encryption |= line.starts_with(b"Proc-Type") && value[..end].ends_with(b"ENCRYPTED");
        body = &value[end..];
    }
    (armour, body)
}

/// What follows white space and line ends, real ones and escapes.
fn past_line_ends(mut text: &[u8]) -> &[u8] {
    loop {
        let slashes = text.iter().take_while(|b| **b == b'\\').count();
        text = match text {
            [b, rest @ ..] if b.is_ascii_whitespace() => rest,
            [b'%', b'0', _, rest @ ..] => rest,
            _ if slashes > 0 && matches!(text.get(slashes), Some(b'n' | b'r')) => &text[slashes + 1..],
            _ => return text,
        }
    }
}

/// The base64 letters of a body, free of line ends, escapes, quotes and comment marks; `None` if anything else stands
/// among them.
pub(super) fn letters(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    let mut line_start = false;
    while let Some(byte) = body.get(at) {
        let rest = &body[at..];
        at += match *byte {
            b'=' => soft_break(rest, &mut out),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' => keep(&mut out, *byte),
            b'/' if line_start
                && rest.starts_with(b"//")
                && rest.get(2).is_some_and(u8::is_ascii_whitespace) =>
            {
                2
            }
            b'/' => keep(&mut out, b'/'),
            b'\n' | b'\r' | b' ' | b'\t' => 1,
            b'\\' => escape(rest, &mut out),
            b'%' => percent(rest, &mut out)?,
            b'`' if matches!(rest, [_, b'n' | b'r', ..]) => 2,
            b'"' | b'\'' | b'`' => joint(rest)?,
            b'-' if line_start && rest.get(1).is_some_and(u8::is_ascii_whitespace) => 1,
            b'#' | b'*' | b'>' | b'|' | b';' if line_start => 1,
            b'&' if rest.starts_with(b"&#") => rest.iter().take(8).position(|b| *b == b';')? + 1,
            _ => return None,
        };
        line_start = matches!(byte, b'\n' | b'\r') || (line_start && matches!(byte, b' ' | b'\t'));
    }
    Some(out)
}

fn keep(out: &mut Vec<u8>, byte: u8) -> usize {
    out.push(byte);
    1
}

/// Length of `=`, which is a letter, of `=3D`, which is one too in quoted-printable, and of `=` before the end of a line
/// behind which letters go on: there it is none.
fn soft_break(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'+';
    match rest {
        [_, b'3', b'D' | b'd', ..] => 2 + keep(out, b'='),
        [_, b'\n', next, ..] if letter(next) => 2,
        [_, b'\r', b'\n', next, ..] if letter(next) => 3,
        _ => keep(out, b'='),
    }
}

/// Length of `\n`, `\\r`, a backslash at a line's end, or `\/` (which gives a slash).
fn escape(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let slashes = rest.iter().take_while(|b| **b == b'\\').count();
    match rest.get(slashes) {
        Some(b'n' | b'r' | b't') => slashes + 1,
        Some(b'/') => {
            out.push(b'/');
            slashes + 1
        }
        _ => slashes,
    }
}

/// Length of a percent-encoded byte, which is a letter of base64 or white space.
fn percent(rest: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    match rest.get(1..3)? {
        b"2B" | b"2b" => out.push(b'+'),
        b"2F" | b"2f" => out.push(b'/'),
        b"3D" | b"3d" => out.push(b'='),
        b"0A" | b"0a" | b"0D" | b"0d" | b"20" => {}
        _ => return None,
    }
    Some(3)
}

/// Length of what stands between two string literals that are added, with both quotes; a quote at the very end is
/// the end of the last one.
fn joint(rest: &[u8]) -> Option<usize> {
    let near = &rest[1..rest.len().min(257)];
    let mark = |b: &u8| matches!(b, b'"' | b'\'' | b'`');
    let length = near.iter().position(mark).unwrap_or(near.len());
    let sign = |b: &u8| b.is_ascii_whitespace() || b"+.,\\&|<>()[]{}#*/n;_~".contains(b);
    let between = &near[..length];
    // Another statement or call that adds a line; a name between two operators is a part that is not known.
    let adds = between.iter().any(|b| matches!(b, b')' | b'\n')) || says_line_end(between);
    if !adds && !between.iter().all(sign) {
        return None;
    }
    match rest.get(1 + length) {
        Some(b'"' | b'\'' | b'`') => Some(length + 2),
        None => Some(length + 1),
        Some(_) => None,
    }
}

/// Names of the end of a line in programs.
fn says_line_end(between: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [b"vbCrLf", b"vbLf", b"vbNewLine", b"PHP_EOL", b"NewLine", b"endl"];
    NAMES.iter().any(|name| memchr::memmem::find(between, name).is_some())
}
