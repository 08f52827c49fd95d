//! Credentials that a source writes in pieces: `"ghp_" + "abc…"`, `'AKIA' . '…'`, literals side by side, a line that goes on
//! behind a backslash.
//!
//! Where two pieces meet, and what stands on both sides could be one token, a joined text is made: what stands before the
//! first piece, the pieces without what parts them, and what stands behind the last. It is searched for what begins in
//! the first piece and ends behind it; what begins in a later one is found where that one is the first. So each piece is
//! looked at once, and all of it depends on a bounded window around the place where two pieces meet.

mod lines;
mod literals;

use std::ops::Range;

use memchr::{memchr, memchr3_iter, memmem};

use self::lines::lines;
use self::literals::{literals, may_tie};
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
