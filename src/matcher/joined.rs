//! Credentials that a source writes in pieces: `"ghp_" + "abc…"`, `'AKIA' . '…'`, literals side by side, a line that goes on
//! behind a backslash.
//!
//! Where two pieces meet, and what stands on both sides could be one token, a joined text is made: what stands before the
//! first piece, the pieces without what parts them, and what stands behind the last. It is searched for what begins in
//! the first piece and ends behind it; what begins in a later one is found where that one is the first. So each piece is
//! looked at once, and all of it depends on a bounded window around the place where two pieces meet.

use std::ops::Range;

use memchr::{memchr, memchr3_iter, memmem, memrchr, memrchr2};

use super::{Hit, Matcher, Surroundings};
use crate::signature::Shape;

/// A credential in pieces.
#[derive(Debug)]
pub struct JoinedHit {
    /// What was found; its range goes from the first byte of the first piece to the last of the last.
    pub hit: Hit,
    /// The pieces, joined.
    pub secret: Vec<u8>,
}

/// Longest piece.
const PIECE: usize = 512;
/// Bytes between two pieces.
const GAP: usize = 256;
/// Bytes of all pieces together, and of the source that they stand in.
const JOINED: usize = 2048;
const SOURCE: usize = 8192;
/// Pieces that are joined.
const PIECES: usize = 64;
/// Bytes before the first piece that are seen beside it: a name and what ties it to its value.
const BESIDE: usize = 256;
/// Bytes beside pieces that only say whether a word goes on there.
const EDGE: usize = 32;
/// Literals of rules behind the first piece that are looked at: those of patterns whose literal is not at their start.
const BEHIND: usize = 4;
/// Fewest bytes of a token.
const SHORTEST: usize = 8;

/// What ties two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// An operator, or a backslash at the end of a line.
    Said,
    /// Nothing: C and Python join such literals, and other languages have them as two.
    Beside,
    /// A comma: in a list whose items are joined.
    Listed,
    /// A soft line break of quoted-printable, or a backslash.
    Continued,
}

impl Matcher {
    /// Gives the credentials in pieces of which the first ends within `within` of `text`. `text` must reach
    /// [`BEFORE`](super::BEFORE) bytes before that and [`AFTER`](super::AFTER) behind it, or to its true ends.
    pub fn joined(
        &self,
        text: &[u8],
        within: Range<usize>,
        around: Surroundings<'_>,
        sink: &mut dyn FnMut(JoinedHit),
    ) {
        for at in memchr3_iter(b'"', b'\'', b'`', &text[within.clone()]).map(|at| at + within.start) {
            // Asked of every quotation mark there is: most are followed by what ties nothing.
            if at > 0
                && in_token(text[at - 1])
                && may_tie(text.get(at + 1).copied(), text[at])
                && let Some(joined) = literals(text, at)
            {
                self.search_joined(&joined, around, sink);
            }
        }
        let reach = &text[..text.len().min(within.end + 2)];
        let mut signs = vec![&b"\\\n"[..], b"=\n"];
        if memchr(b'\r', &reach[within.start..]).is_some() {
            signs.extend([&b"\\\r\n"[..], b"=\r\n"]);
        }
        for sign in signs {
            let places = memmem::find_iter(&reach[within.start..], sign).map(|at| at + within.start);
            for at in places.take_while(|at| *at < within.end) {
                if let Some(joined) = lines(text, at, around.path) {
                    self.search_joined(&joined, around, sink);
                }
            }
        }
    }

    fn search_joined(&self, joined: &Joined, around: Surroundings<'_>, sink: &mut dyn FnMut(JoinedHit)) {
        let text = &joined.text;
        let mut behind = 0;
        let mut hits = Vec::new();
        let near = text.len().min(joined.first.end + BESIDE);
        for candidate in self.candidates(&text[..near]) {
            behind += usize::from(candidate.at >= joined.first.end);
            if candidate.at < joined.from || behind > BEHIND {
                continue;
            }
            self.verify(candidate, text, around, &mut hits);
        }
        hits.retain(|hit| {
            let rule = self.rule(hit);
            let sure = matches!(rule.shape(), Shape::Pattern(_)) && !rule.judged();
            let crosses = joined.first.contains(&hit.secret.start) && hit.secret.end > joined.first.end;
            let whole = !joined.cut || hit.secret.end < text.len();
            crosses && whole && (sure || joined.tie != Tie::Beside)
        });
        hits.sort_by_key(|hit| (hit.rule, hit.secret.start, hit.secret.end));
        hits.dedup_by(|a, b| a.rule == b.rule && a.secret == b.secret);
        for hit in hits {
            let secret = text[hit.secret.clone()].to_vec();
            let place = joined.source(hit.secret.start)..joined.source(hit.secret.end - 1) + 1;
            sink(JoinedHit { hit: Hit { secret: place, key: None, ..hit }, secret });
        }
    }
}

/// Pieces that were joined, with what stands beside them.
#[derive(Debug)]
struct Joined {
    text: Vec<u8>,
    /// Where each stretch of the source begins: in the joined text, and in the source.
    stretches: Vec<(usize, usize)>,
    /// From where on literals of rules count: those before belong to an earlier piece.
    from: usize,
    /// The first piece.
    first: Range<usize>,
    tie: Tie,
    /// Whether there is more of it.
    cut: bool,
}

impl Joined {
    /// Begins with `before` and the first piece, which stands behind it.
    fn new(source: &[u8], before: Range<usize>, first: Range<usize>, tie: Tie) -> Self {
        let mut joined =
            Self { text: Vec::new(), stretches: Vec::new(), from: 0, first: 0..0, tie, cut: false };
        joined.push(source, before);
        let start = joined.text.len();
        joined.push(source, first);
        joined.first = start..joined.text.len();
        joined
    }

    fn push(&mut self, source: &[u8], range: Range<usize>) {
        self.stretches.push((self.text.len(), range.start));
        self.text.extend_from_slice(&source[range]);
    }

    /// Where a byte of the joined text stands in the source.
    fn source(&self, at: usize) -> usize {
        let stretch = self.stretches.partition_point(|(start, _)| *start <= at) - 1;
        let (start, source) = self.stretches[stretch];
        source + (at - start)
    }

    /// Whether so much has been joined that a token which begins in the first piece has ended, or is none.
    fn is_full(&self) -> bool {
        self.text.len() >= JOINED || self.stretches.len() > PIECES
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether a token may have the byte.
fn in_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:@%!~";
        let (mut table, mut at) = ([false; 256], 0);
        while at < letters.len() {
            table[letters[at] as usize] = true;
            at += 1;
        }
        table
    };
    TOKEN[usize::from(byte)]
}

/// Bytes at the end of `text` that a token may have, escapes apart.
fn run_before(text: &[u8]) -> usize {
    let run = text.iter().rev().take_while(|byte| in_token(**byte)).count();
    let escaped = text.len() > run && text[text.len() - run - 1] == b'\\';
    run.saturating_sub(usize::from(escaped))
}

fn run_behind(text: &[u8]) -> usize {
    text.iter().take_while(|byte| in_token(**byte)).count()
}

/// Whether a byte behind the quotation mark `mark` may be the first of what ties two literals.
fn may_tie(byte: Option<u8>, mark: u8) -> bool {
    byte.is_some_and(|byte| match byte {
        b' ' | b'\t' | b'\n' | b'\r' | b'+' | b'.' | b'|' | b'<' | b'&' | b'~' | b'^' | b',' | b'\\'
        | b'/' => true,
        other => is_quote(other) && other != mark,
    })
}

/// The literals that are joined to the one whose quotation mark at `end` closes it.
fn literals(text: &[u8], end: usize) -> Option<Joined> {
    let (tie, next) = between(text, end + 1)?;
    if !text.get(next + 1).is_some_and(|byte| in_token(*byte)) {
        return None;
    }
    let first = literal_before(text, end)?;
    if tie == Tie::Listed && !opens_list(text, first.start - 1) {
        return None;
    }
    let second = literal(text, next)?;
    let (left, right) = (run_before(&text[first.clone()]), run_behind(&text[second.clone()]));
    let goes_on = right == second.len();
    if left == 0 || right == 0 || (left + right < SHORTEST && !goes_on) {
        return None;
    }
    let earlier = joined_before(text, first.start - 1);
    let from = first.start.saturating_sub(BESIDE);
    let before =
        earlier.map_or(from..first.start, |earlier| earlier.end - earlier.len().min(EDGE)..earlier.end);
    let (inner, pieces) = (before.len(), first.clone());
    let earlier = before.end < first.start - 1;
    let mut joined = Joined::new(text, before, pieces, tie);
    joined.from = if earlier { inner } else { 0 };
    let mut last = second;
    loop {
        joined.push(text, last.clone());
        let next = between(text, last.end + 1).filter(|(other, _)| *other == tie || tie != Tie::Listed);
        let next = next.filter(|(other, _)| tie == Tie::Listed || *other != Tie::Listed);
        let Some(next) = next.and_then(|(_, next)| literal(text, next)) else { break };
        if joined.is_full() || next.end > end + SOURCE {
            joined.cut = true;
            break;
        }
        last = next;
    }
    let behind = last.end..text.len().min(last.end + EDGE);
    if tie == Tie::Listed && !(joins_list(&text[from..first.start], &text[behind.clone()])) {
        return None;
    }
    if !joined.cut {
        joined.push(text, behind);
    }
    Some(joined)
}

/// The literal whose opening quotation mark is at `open`, without its marks.
fn literal(text: &[u8], open: usize) -> Option<Range<usize>> {
    let mark = *text.get(open)?;
    let body = &text[open + 1..text.len().min(open + 1 + PIECE)];
    let mut at = 0;
    loop {
        at += body.get(at..)?.iter().position(|byte| matches!(*byte, b'\\' | b'\n') || *byte == mark)?;
        match body[at] {
            b'\\' => at += 2,
            b'\n' => return None,
            _ => return (at > 0).then_some(open + 1..open + 1 + at),
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

/// The line that goes on behind the sign at `end`: a backslash, or the `=` of quoted-printable.
fn lines(text: &[u8], end: usize, path: Option<&[u8]>) -> Option<Joined> {
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
    let mut next = past_line_end(text, end, path)?;
    let right = run_behind(&text[next..text.len().min(next + PIECE)]);
    let goes_on = text.get(next + right) == Some(&b'\\');
    if run == 0 || right == 0 || (run + right < SHORTEST && !goes_on) {
        return None;
    }
    let piece = end - run..end;
    // A line before that goes on here has its own say; its end may be the start of a word.
    let earlier = start.checked_sub(1).and_then(|line_end| sign_before(text, line_end));
    let earlier =
        earlier.filter(|sign| run == end - start && past_line_end(text, *sign, path) == Some(start));
    let before = match earlier {
        Some(sign) => sign - run_before(&text[sign.saturating_sub(EDGE)..sign])..sign,
        None => start..piece.start,
    };
    let inner = before.len();
    let mut joined = Joined::new(text, before, piece, Tie::Continued);
    joined.from = if earlier.is_some() { inner } else { 0 };
    loop {
        let length = memchr(b'\n', &text[next..text.len().min(next + PIECE)]);
        let line = next..length.map_or(text.len().min(next + PIECE), |length| next + length);
        let last = line.end.checked_sub(1).and_then(|_| sign_before(text, line.end));
        let last = last.filter(|sign| *sign > next && (text[*sign] == b'=') == soft);
        joined.cut = joined.is_full() || line.end > end + SOURCE;
        let Some(sign) = last.filter(|_| !joined.cut) else {
            joined.push(text, line);
            return Some(joined);
        };
        joined.push(text, next..sign);
        match past_line_end(text, sign, path) {
            Some(following) => next = following,
            None => return Some(joined),
        }
    }
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
