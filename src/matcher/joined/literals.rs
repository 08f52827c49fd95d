//! Literals that a program joins: by an operator, by standing side by side, as items of a list.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr2};

use super::chain::{Piece, Seam, Way};
use super::{BESIDE, EDGE, GAP, PIECE, SHORTEST, Tie, in_token, is_quote, run_before, run_behind};

/// Whether a byte behind the quotation mark `mark` may be the first of what ties two literals.
pub(super) fn may_tie(byte: Option<u8>, mark: u8) -> bool {
    byte.is_some_and(|byte| match byte {
        b' ' | b'\t' | b'\n' | b'\r' | b'+' | b'.' | b'|' | b'<' | b'&' | b'~' | b'^' | b',' | b'\\'
        | b'/' => true,
        other => is_quote(other) && other != mark,
    })
}

/// Where the literal that the quotation mark at `end` closes meets the next one.
pub(super) fn seam(text: &[u8], end: usize) -> Option<Seam> {
    let (tie, next) = between(text, end + 1)?;
    if !text.get(next + 1).is_some_and(|byte| in_token(*byte)) {
        return None;
    }
    let first = literal_before(text, end)?;
    let listed = tie == Tie::Listed;
    if listed && !opens_list(text, first.start - 1) {
        return None;
    }
    let second = literal(text, next)?;
    let (left, right) = (run_before(&text[first.clone()]), run_behind(&text[second.range.clone()]));
    let goes_on = right == second.range.len();
    if left == 0 || right == 0 || (left + right < SHORTEST && !goes_on) {
        return None;
    }
    let earlier = joined_before(text, first.start - 1);
    let begun = earlier.is_some();
    let before =
        earlier.map_or_else(|| beside(&first), |earlier| earlier.end - earlier.len().min(EDGE)..earlier.end);
    Some(Seam { before, begun, first, second, way: Way::Literals { listed }, tie })
}

/// What stands before a first piece.
fn beside(first: &Range<usize>) -> Range<usize> {
    first.start.saturating_sub(BESIDE)..first.start
}

/// The literal that is joined to another: as an item of the same list, or not as one.
pub(super) fn next(text: &[u8], piece: &Piece, listed: bool) -> Option<Piece> {
    let (tie, next) = between(text, piece.whole + 1)?;
    if (tie == Tie::Listed) == listed { literal(text, next) } else { None }
}

/// What is seen behind the last literal, which ends at `end`.
pub(super) fn behind(text: &[u8], end: usize) -> Range<usize> {
    end..text.len().min(end + EDGE)
}

/// Whether the list that begins with `first`, and of which what was joined ends at `end`, is one whose items are joined to one
/// text.
pub(super) fn is_joined(text: &[u8], first: &Range<usize>, end: usize) -> bool {
    joins_list(&text[beside(first)], &text[behind(text, end)])
}

/// The literal whose opening quotation mark is at `open`, without its marks.
fn literal(text: &[u8], open: usize) -> Option<Piece> {
    let mark = *text.get(open)?;
    let body = &text[open + 1..text.len().min(open + 1 + PIECE)];
    let mut at = 0;
    loop {
        at += body.get(at..)?.iter().position(|byte| matches!(*byte, b'\\' | b'\n') || *byte == mark)?;
        match body[at] {
            b'\\' => at += 2,
            b'\n' => return None,
            _ => {
                let range = open + 1..open + 1 + at;
                return (at > 0).then_some(Piece { whole: range.end, range });
            }
        }
    }
}

/// The literal that the quotation mark at `end` closes, without its marks.
fn literal_before(text: &[u8], end: usize) -> Option<Range<usize>> {
    let mark = text[end];
    let from = end.saturating_sub(PIECE);
    let open = memrchr2(mark, b'\n', &text[from..end])?;
    let open = from + open;
    let escaped = |at: usize| at > 0 && text[at - 1] == b'\\';
    (text[open] == mark && !escaped(open) && !escaped(end) && open + 1 < end).then_some(open + 1..end)
}

/// What ties the literal that ends before `from` to the next, and where that one's quotation mark stands.
fn between(text: &[u8], from: usize) -> Option<(Tie, usize)> {
    let gap = text.get(from..text.len().min(from + GAP))?;
    let blanks = space(gap);
    // Behind blanks most often something else stands.
    let next = *gap.get(blanks)?;
    if next.is_ascii_alphanumeric()
        && !matches!(next, b'f' | b'F' | b'r' | b'R' | b'b' | b'B' | b'u' | b'U' | b'L')
    {
        return None;
    }
    let (tie, length) = match &gap[blanks..] {
        [b'+', b'+', ..] | [b'.', b'.', ..] | [b'|', b'|', ..] | [b'<', b'>' | b'<', ..] => (Tie::Said, 2),
        [b'+' | b'.' | b'&' | b'~' | b'^', ..] => (Tie::Said, 1),
        [b',', ..] => (Tie::Listed, 1),
        _ => (Tie::Beside, 0),
    };
    let mut at = blanks + length;
    at += space(&gap[at..]);
    // Two marks without anything between are one that is escaped, as SQL has it.
    if at == 0 && from > 0 && gap.first() == Some(&text[from - 1]) {
        return None;
    }
    let letters = gap[at..].iter().take(2).take_while(|byte| b"fFrRbBuUL@$".contains(byte)).count();
    at += letters;
    gap.get(at).is_some_and(|byte| is_quote(*byte)).then_some((tie, from + at))
}

/// Blanks, ends of lines with what makes the next one go on, and comments.
fn space(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += match rest {
            [b' ' | b'\t' | b'\n' | b'\r', ..] => 1,
            [b'\\' | b'_', b'\n', ..] => 2,
            [b'\\' | b'_', b'\r', b'\n', ..] => 3,
            [b'/', b'/', ..] => memchr(b'\n', rest).unwrap_or(rest.len()),
            [b'/', b'*', ..] => memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2),
            _ => return at,
        };
    }
}

/// The literal that is joined to the one whose quotation mark at `open` opens it.
fn joined_before(text: &[u8], open: usize) -> Option<Range<usize>> {
    let gap = &text[open.saturating_sub(GAP)..open];
    let end = open - gap.len() + gap.iter().rposition(|byte| is_quote(*byte))?;
    let tied = between(text, end + 1).is_some_and(|(_, next)| next == open);
    tied.then(|| literal_before(text, end)).flatten()
}

/// Whether the literal whose quotation mark is at `open` is the first of a list.
fn opens_list(text: &[u8], open: usize) -> bool {
    let before = text[open.saturating_sub(32)..open].trim_ascii_end();
    matches!(before.last(), Some(b'[' | b'(' | b'{'))
}

/// Whether a list of literals with that before and behind it is one whose items are joined to one text.
fn joins_list(before: &[u8], behind: &[u8]) -> bool {
    let before = before[before.len().saturating_sub(32)..].to_ascii_lowercase();
    let said = |name: &[u8]| memmem::find(&before, name).is_some();
    let behind: Vec<u8> =
        behind.iter().take(32).copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    said(b"concat(")
        || said(b"concat!(")
        || said(b"join(")
        || said(b"implode(")
        || memmem::find(&behind, b"].join(").is_some()
}
