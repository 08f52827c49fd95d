//! Credentials that a source writes in pieces: `"ghp_" + "abc…"`, `'AKIA' . '…'`, literals side by side, a line that goes on
//! behind a backslash.
//!
//! Where two pieces meet, and what stands on both sides could be one token, a joined text is made: what stands before the
//! first piece, the pieces without what parts them, and what stands behind the last. It is searched for what begins in
//! the first piece and ends behind it; what begins in a later one is found where that one is the first. So each piece is
//! looked at once, and all of it depends on a bounded window around the place where two pieces meet. The pieces of a row are
//! found and joined once for all of its seams (`chain`).

mod chain;
mod lines;
mod literals;

use std::ops::Range;

use memchr::{memchr, memchr3_iter, memmem};

use self::chain::{Chains, Joined, Seam};
use super::{Candidate, Hit, Matcher, Surroundings};
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
        let mut chains = None;
        let mut search = |seam: &Seam| {
            let joined: &mut Chains<'_> = chains.get_or_insert_with(|| Chains::new(text, around.path));
            let Some(joined) = joined.join(seam, &|text| self.candidates(text)) else { return };
            if seam.tie != Tie::Listed || literals::is_joined(text, &seam.first, joined.end()) {
                self.search_joined(seam, &joined, around, sink);
            }
        };
        for at in memchr3_iter(b'"', b'\'', b'`', &text[within.clone()]).map(|at| at + within.start) {
            // Asked of every quotation mark there is: most are followed by what ties nothing.
            if at > 0
                && in_token(text[at - 1])
                && literals::may_tie(text.get(at + 1).copied(), text[at])
                && let Some(seam) = literals::seam(text, at)
            {
                search(&seam);
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
                if let Some(seam) = lines::seam(text, at, around.path) {
                    search(&seam);
                }
            }
        }
    }

    fn search_joined(
        &self,
        seam: &Seam,
        joined: &Joined<'_>,
        around: Surroundings<'_>,
        sink: &mut dyn FnMut(JoinedHit),
    ) {
        let (text, first) = (&joined.text, &joined.first);
        let from = if seam.begun { first.start } else { 0 };
        let mut behind = 0;
        let mut hits = Vec::new();
        for candidate in joined.candidates.iter().copied() {
            behind += usize::from(candidate.at >= first.end);
            if candidate.at >= from && behind <= BEHIND {
                self.verify_before(first.end, candidate, (text, around), &mut hits);
            }
        }
        hits.retain(|hit| {
            let rule = self.rule(hit);
            let sure = matches!(rule.shape(), Shape::Pattern(_)) && !rule.judged();
            let crosses = first.contains(&hit.secret.start) && hit.secret.end > first.end;
            let whole = !joined.cut || hit.secret.end < text.len();
            crosses && whole && (sure || seam.tie != Tie::Beside)
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

#[cfg(test)]
mod tests;
