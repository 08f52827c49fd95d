//! Pieces that follow one another, found and put together once for all the places where two of them meet.
//!
//! Each such place is a [`Seam`] with a text of its own: what stands before, the first piece, and the pieces behind it, up to
//! many. In a long row of pieces the texts of neighbours are nearly the same. So rows are kept while seams walk along them: each
//! asks for one piece more than the one before, and what a piece costs does not depend on how many others stand around it.

use std::ops::Range;

use super::{BEHIND, BESIDE, Candidate, JOINED, PIECES, SOURCE, Tie, lines, literals};

/// A piece behind the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it stands.
    pub(super) range: Range<usize>,
    /// Where it ends with the sign that makes it go on.
    pub(super) whole: usize,
}

/// How the next piece is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Literals, as items of a list or not.
    Literals { listed: bool },
    /// Lines that go on behind the sign of quoted-printable, or a backslash.
    Lines { soft: bool },
}

/// A place where two pieces meet.
#[derive(Debug)]
pub(super) struct Seam {
    /// What is seen before the first piece.
    pub(super) before: Range<usize>,
    /// Whether that is the end of an earlier piece, whose literals have their say elsewhere.
    pub(super) begun: bool,
    pub(super) first: Range<usize>,
    pub(super) second: Piece,
    pub(super) way: Way,
    pub(super) tie: Tie,
}

/// The rows of pieces that seams walk along.
#[derive(Debug)]
pub(super) struct Chains<'t> {
    source: &'t [u8],
    path: Option<&'t [u8]>,
    all: [Chain; ROWS],
    /// The one that the last seam was in, and the one that was begun last.
    last: usize,
    newest: usize,
}

/// Rows that are kept. Where each quotation mark may open a literal as well as close one, there are two rows at a time for each
/// of the three marks.
const ROWS: usize = 6;

/// Pieces and bytes behind which a row is begun anew, so that it stays small.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
struct Chain {
    way: Option<Way>,
    /// The pieces, one behind the other.
    text: Vec<u8>,
    pieces: Vec<Placed>,
    /// Whether nothing follows the last of them.
    ended: bool,
    /// The literals of rules that begin before `searched`, by place.
    candidates: Vec<Candidate>,
    searched: usize,
}

/// A piece, and where it begins in the text of all.
#[derive(Debug)]
struct Placed {
    at: usize,
    piece: Piece,
}

impl<'t> Chains<'t> {
    /// Of the pieces of `source`, which is of a file of that path.
    pub(super) fn new(source: &'t [u8], path: Option<&'t [u8]>) -> Self {
        Self { source, path, all: Default::default(), last: 0, newest: 0 }
    }

    /// The text of a seam, in which `search` finds where literals of rules stand; none if there is none near the first piece.
    pub(super) fn join(&mut self, seam: &Seam, search: &Search<'_>) -> Option<Joined<'_>> {
        // Mostly it is the row of the last seam.
        let rows = (0..ROWS).map(|back| (self.last + ROWS - back) % ROWS);
        let found = rows.into_iter().find_map(|row| Some((row, self.all[row].find(seam)?)));
        let (row, from) = found.unwrap_or_else(|| {
            let row = (self.newest + 1) % ROWS;
            self.newest = row;
            self.all[row].begin(self.source, seam);
            (row, 0)
        });
        self.last = row;
        let (source, path, chain) = (self.source, self.path, &mut self.all[row]);
        let own = seam.before.len() + seam.first.len();
        let start = chain.pieces[from].at;
        let limit = seam.first.end + SOURCE;
        let fits = |placed: &Placed| own + placed.at - start < JOINED && placed.piece.whole <= limit;
        while !chain.ended {
            let last = chain.pieces.len() - 1;
            if last > from && (last - from > MOST || !fits(&chain.pieces[last])) {
                break;
            }
            chain.extend(source, path);
        }
        let place = chain.place(source, seam, from);
        if let Some(place) = place {
            chain.look(source, path, place + seam.first.len() + BESIDE, search);
        }
        let chain = &self.all[row];
        let others = &chain.pieces[from + 1..];
        let count = others[..others.len().min(MOST)].partition_point(fits);
        let (pieces, more) = chain.pieces[from..].split_at(1 + count);
        let tail = match (seam.way, more.first()) {
            (Way::Literals { .. }, None) => literals::behind(source, pieces[count].piece.whole),
            (Way::Lines { .. }, Some(cut)) => cut.piece.range.start..cut.piece.whole,
            _ => 0..0,
        };
        let end = pieces[count].at + pieces[count].piece.range.len();
        let parts = [
            &source[seam.before.clone()],
            &source[seam.first.clone()],
            &chain.text[start..end],
            &source[tail.clone()],
        ];
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let (first, cut, near) = (seam.before.len()..own, !more.is_empty(), length.min(own + BESIDE));
        let (candidates, text) = if let Some(place) = place {
            // In the row the next line stands where the text ends with a sign.
            let sign = more.first().map_or(0, |cut| cut.piece.whole - cut.piece.range.end);
            // Most seams have none, and need no text.
            (chain.candidates(place, &first, near.min(length - sign), cut), Vec::new())
        } else {
            let text = parts.concat();
            (search(&text[..near]), text)
        };
        if candidates.is_empty() {
            return None;
        }
        let text = if text.is_empty() { parts.concat() } else { text };
        let sources = [seam.before.start, seam.first.start];
        Some(Joined { text, candidates, first, sources, pieces, tail, cut })
    }
}

/// Finds where literals of rules stand, by place.
type Search<'s> = dyn Fn(&[u8]) -> Vec<Candidate> + 's;

/// Pieces behind the second that one text has.
const MOST: usize = PIECES - 2;

impl Chain {
    /// Which of its pieces is the second of a seam.
    fn find(&self, seam: &Seam) -> Option<usize> {
        if self.way != Some(seam.way) {
            return None;
        }
        let start = |placed: &Placed| placed.piece.range.start;
        let at = self.pieces.binary_search_by_key(&seam.second.range.start, start).ok()?;
        (at < KEPT && self.pieces[at].at < KEPT_BYTES).then_some(at)
    }

    fn begin(&mut self, source: &[u8], seam: &Seam) {
        self.way = Some(seam.way);
        self.text.clear();
        self.pieces.clear();
        self.ended = false;
        self.candidates.clear();
        self.searched = 0;
        self.push(source, seam.second.clone());
    }

    fn push(&mut self, source: &[u8], piece: Piece) {
        let at = self.text.len();
        self.text.extend_from_slice(&source[piece.range.clone()]);
        self.pieces.push(Placed { at, piece });
    }

    /// Adds the piece that follows the last one, or what is seen behind that.
    fn extend(&mut self, source: &[u8], path: Option<&[u8]>) {
        let (Some(way), Some(last)) = (self.way, self.pieces.last().map(|placed| &placed.piece)) else {
            self.ended = true;
            return;
        };
        let next = match way {
            Way::Literals { listed } => literals::next(source, last, listed),
            Way::Lines { soft } => lines::next(source, last, soft, path),
        };
        if let Some(piece) = next {
            return self.push(source, piece);
        }
        self.ended = true;
        if matches!(way, Way::Literals { .. }) {
            self.text.extend_from_slice(&source[literals::behind(source, last.whole)]);
        }
    }

    /// Where the first piece of a seam whose second is piece `from` begins in the text, if that goes on before it as the seam's
    /// own does.
    fn place(&self, source: &[u8], seam: &Seam, from: usize) -> Option<usize> {
        let Placed { at, piece } = self.pieces.get(from.checked_sub(1)?)?;
        let fits = piece.range.end == seam.first.end && piece.range.start <= seam.first.start;
        let place = at + seam.first.start.checked_sub(piece.range.start).filter(|_| fits)?;
        let last = source[seam.before.clone()].last().filter(|_| seam.begun)?;
        (self.text.get(place.checked_sub(1)?) == Some(last)).then_some(place)
    }

    /// Looks for literals of rules that begin before `end`.
    fn look(&mut self, source: &[u8], path: Option<&[u8]>, end: usize, search: &Search<'_>) {
        if self.searched >= end {
            return;
        }
        while !self.ended && self.text.len() < end + AHEAD {
            self.extend(source, path);
        }
        // What a literal is, and what stands beside it, decides whether it is one.
        let whole = if self.ended { usize::MAX } else { self.text.len() - AHEAD / 2 };
        let from = self.searched.saturating_sub(1);
        let found = search(&self.text[from..]).into_iter().map(|found| found.moved(found.at + from));
        self.candidates.extend(found.filter(|found| (self.searched..whole).contains(&found.at)));
        self.searched = whole;
    }

    /// The literals in the first `near` bytes of a seam's text, whose first piece is `first` there and begins at `place` here.
    /// Those that end where a text is cut are left aside.
    fn candidates(&self, place: usize, first: &Range<usize>, near: usize, cut: bool) -> Vec<Candidate> {
        let from = self.candidates.partition_point(|found| found.at < place);
        let own = self.candidates[from..].iter().map(|found| found.moved(found.at - place + first.start));
        let near = near + usize::from(!cut);
        let mut behind = 0;
        own.take_while(|found| {
            behind += usize::from(found.at >= first.end);
            found.at < near && behind <= BEHIND
        })
        .filter(|found| found.at + found.length < near)
        .collect()
    }
}

/// Bytes behind what is asked for in which literals are looked for together: twice what the longest of them need, or more.
const AHEAD: usize = 1024;

/// The text of a seam: pieces that were joined, with what stands beside them.
#[derive(Debug)]
pub(super) struct Joined<'c> {
    pub(super) text: Vec<u8>,
    /// Where literals of rules stand in it, by place: those that begin near the first piece.
    pub(super) candidates: Vec<Candidate>,
    /// The first piece.
    pub(super) first: Range<usize>,
    /// Where in the source stands what is before the first piece, and that one.
    sources: [usize; 2],
    /// The other pieces.
    pieces: &'c [Placed],
    /// What stands behind them in the source.
    tail: Range<usize>,
    /// Whether there is more of it.
    pub(super) cut: bool,
}

impl Joined<'_> {
    /// Where a byte of the text stands in the source.
    pub(super) fn source(&self, at: usize) -> usize {
        let [before, first] = self.sources;
        let tail = self.text.len() - self.tail.len();
        if at >= tail {
            return self.tail.start + (at - tail);
        }
        match at.checked_sub(self.first.end) {
            Some(behind) => {
                let at = self.pieces[0].at + behind;
                let placed = &self.pieces[self.pieces.partition_point(|placed| placed.at <= at) - 1];
                placed.piece.range.start + (at - placed.at)
            }
            None if at < self.first.start => before + at,
            None => first + (at - self.first.start),
        }
    }

    /// Where in the source the last piece ends.
    pub(super) fn end(&self) -> usize {
        self.pieces.last().map_or(0, |placed| placed.piece.range.end)
    }
}
