//! Lines that go on: behind a backslash, or behind the soft line break of quoted-printable.

use memchr::{memchr, memrchr};

use super::chain::{Piece, Seam, Way};
use super::{EDGE, GAP, PIECE, SHORTEST, Tie, run_before, run_behind};

/// Where the line that goes on behind the sign at `end`, a backslash or the `=` of quoted-printable, meets the next one.
pub(super) fn seam(text: &[u8], end: usize, path: Option<&[u8]>) -> Option<Seam> {
    let start = line_start(text, end)?;
    let soft = text[end] == b'=';
    // Lines of quoted-printable break only where they would be too long.
    if soft && !((SOFT.0..SOFT.1).contains(&(end - start)) && is_quoted(&text[start..end])) {
        return None;
    }
    let run = run_before(&text[start..end]);
    // The last group of base64 ends with that sign too.
    if soft && is_filled(&text[start..end]) {
        return None;
    }
    let next = past_line_end(text, end, path)?;
    let right = run_behind(&text[next..text.len().min(next + PIECE)]);
    let goes_on = text.get(next + right) == Some(&b'\\');
    if run == 0 || right == 0 || (run + right < SHORTEST && !goes_on) {
        return None;
    }
    let first = end - run..end;
    // A line before that goes on here has its own say; its end may be the start of a word.
    let earlier = start.checked_sub(1).and_then(|line_end| sign_before(text, line_end));
    let earlier =
        earlier.filter(|sign| run == end - start && past_line_end(text, *sign, path) == Some(start));
    let before = match earlier {
        Some(sign) => sign - run_before(&text[sign.saturating_sub(EDGE)..sign])..sign,
        None => start..first.start,
    };
    let second = piece(text, next, soft);
    let way = Way::Lines { soft };
    Some(Seam { before, begun: earlier.is_some(), first, second, way, tie: Tie::Continued })
}

/// The line in which a line goes on.
pub(super) fn next(text: &[u8], line: &Piece, soft: bool, path: Option<&[u8]>) -> Option<Piece> {
    let sign = line.range.end;
    let next = if sign < line.whole { past_line_end(text, sign, path) } else { None };
    next.map(|start| piece(text, start, soft))
}

/// The line that begins at `start`, up to the sign that makes it go on.
fn piece(text: &[u8], start: usize, soft: bool) -> Piece {
    let end = text.len().min(start + PIECE);
    let whole = memchr(b'\n', &text[start..end]).map_or(end, |length| start + length);
    let sign = whole.checked_sub(1).and_then(|_| sign_before(text, whole));
    let sign = sign.filter(|sign| *sign > start && (text[*sign] == b'=') == soft);
    Piece { range: start..sign.unwrap_or(whole), whole }
}

/// Whether a line could be one of quoted-printable, where each `=` stands before two digits (RFC 2045, section 6.7).
fn is_quoted(line: &[u8]) -> bool {
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    memchr::memchr_iter(b'=', line).all(|at| hex(line.get(at + 1)) && hex(line.get(at + 2)))
}

/// Fewest digits of base64 whose last `=` is taken for what fills a group.
const PADDED: usize = 20;

/// Whether a line ends with base64 that lacks nothing but one `=`: its last group has three digits for two bytes, so that the
/// last digit ends with two zero bits (RFC 4648, section 3.5).
fn is_filled(line: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = line.iter().rev().take_while(|byte| digit(byte)).count();
    let begins = !matches!(line[..line.len() - digits].last(), Some(b'-' | b'_'));
    let zeros = line.last().is_some_and(|last| b"AEIMQUYcgkosw048".contains(last));
    digits >= PADDED && digits % 4 == 3 && begins && zeros
}

/// Lengths of lines that quoted-printable breaks: at most 76 with the sign, and hardly less.
const SOFT: (usize, usize) = (60, 76);

fn line_start(text: &[u8], at: usize) -> Option<usize> {
    let from = at.saturating_sub(PIECE);
    let start = memrchr(b'\n', &text[from..at]).map(|start| from + start + 1);
    start.or((from == 0).then_some(0))
}

/// Where the backslash or `=` stands that makes the line go on which ends at `line_end`.
fn sign_before(text: &[u8], line_end: usize) -> Option<usize> {
    let end = if text[..line_end].ends_with(b"\r") { line_end - 1 } else { line_end };
    let sign = end.checked_sub(1)?;
    (text.get(line_end) == Some(&b'\n') && matches!(text[sign], b'\\' | b'=')).then_some(sign)
}

/// Where the next line goes on behind the sign at `sign`. A shell takes blanks at its start for the end of a word; files of
/// properties and YAML drop them.
fn past_line_end(text: &[u8], sign: usize, path: Option<&[u8]>) -> Option<usize> {
    let start = sign + 1 + memchr(b'\n', &text[sign + 1..text.len().min(sign + 3)])? + 1;
    let blanks = text[start..].iter().take(GAP).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let drops = || {
        let ends = |path: &[u8], end: &[u8]| {
            path.len() >= end.len() && path[path.len() - end.len()..].eq_ignore_ascii_case(end)
        };
        path.is_some_and(|path| [&b".properties"[..], b".yml", b".yaml"].iter().any(|end| ends(path, end)))
    };
    (blanks == 0 || drops()).then_some(start + blanks)
}
