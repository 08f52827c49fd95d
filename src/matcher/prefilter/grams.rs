//! Finds where one of some thousand literals may stand, by four bytes of each.
//!
//! Every second place of a text is looked at, so a literal has to be found by two of its grams: one at an even offset and
//! one at an odd one. Of each kind the rarest is taken, by how often grams stand in real files (`grams.txt`). A gram is
//! looked up in a table of bits, which fits the second-level cache and is asked without a branch; what it lets pass is
//! asked again by another hash, and only what is left is compared with literals, eight bytes at once. Case is folded by
//! setting one bit of every byte, which makes some other bytes equal too; comparing tells them apart. What a place costs is bounded by the
//! number of literals that share a gram, whatever the text is.

use std::collections::HashMap;

use crate::signature::context::Class;

/// Bytes of a gram.
const GRAM: usize = 4;
/// Bits of an index into the tables of bits.
const TABLE_BITS: u32 = 20;
/// Bits of an index into the lists of grams.
const LIST_BITS: u32 = 15;
const WORDS: usize = 1 << (TABLE_BITS - 6);
/// Sets the bit that tells the cases of letters apart, in each byte.
const FOLD: u32 = 0x2020_2020;
/// Multipliers of the hashes. That of the first table was chosen by trying: few frequent grams fall together with grams of
/// the embedded rules.
const FIRST: u32 = 0x1e55_2721;
const SECOND: u32 = 0x85eb_ca6b;
/// Places of a text that are looked at together.
const BLOCK: usize = 64;
/// Bytes after which what was found is compared.
const PIECE: usize = 32 << 10;
/// How far into a literal its grams are looked for.
const DEEPEST: usize = 24;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) bytes: Vec<u8>,
    /// Whether it must stand just so; else case does not count.
    pub(super) exact: bool,
    /// What can stand right before it, if something does.
    pub(super) before: Class,
    /// What can stand right behind it, if something does.
    pub(super) after: Class,
}

impl Literal {
    /// Is asked for once more, in these bytes and between these neighbours.
    pub(super) fn widen(&mut self, bytes: &[u8], exact: bool, [before, after]: [Class; 2]) {
        if self.exact != exact || self.bytes != bytes {
            *self = Self { bytes: bytes.to_ascii_lowercase(), exact: false, ..self.clone() };
        }
        (self.before, self.after) = (self.before.or(before), self.after.or(after));
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Grams {
    first: Box<[u64; WORDS]>,
    second: Box<[u64; WORDS]>,
    /// Where in `lists` the grams of a hash begin.
    starts: Box<[u32]>,
    /// The literals whose grams have a hash, one behind the other.
    lists: Box<[Suspect]>,
}

/// A literal of which a gram was found, as its first bytes tell it.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    /// The first bytes, in lower case where case does not count; 0 behind the literal's end.
    head: u64,
    /// The bit of each of them that tells the cases apart, where case does not count.
    fold: u64,
    /// Bytes of `head`.
    length: u8,
    /// Where its gram begins in the literal.
    offset: i8,
    literal: u32,
}

/// Bytes of a literal that are compared at once.
pub(super) const HEAD: usize = 8;

/// Four places of a literal.
#[derive(Debug, Clone, Copy)]
struct Gram {
    /// Folded bytes, 0 where the literal has none.
    bytes: u32,
    /// Which bytes are the literal's.
    known: u32,
    /// Offset in the literal of the first place: -1 for the one before it.
    offset: i8,
}

impl Grams {
    /// Of literals of two bytes or more.
    pub(super) fn new(literals: &[Literal]) -> Self {
        let frequent = frequent();
        let (mut first, mut second) = (table(), table());
        let mut suspects = Vec::new();
        for (number, literal) in (0..).zip(literals) {
            for parity in [0, 1] {
                let gram = rarest(literal, parity, &frequent);
                let mut of_lists = Vec::new();
                for bytes in gram.expanded(literal) {
                    for (table, multiplier) in [(&mut first, FIRST), (&mut second, SECOND)] {
                        let hash = hash(bytes, multiplier);
                        table[hash >> 6] |= 1 << (hash & 63);
                    }
                    of_lists.push(hash(bytes, FIRST) >> (TABLE_BITS - LIST_BITS));
                }
                of_lists.sort_unstable();
                of_lists.dedup();
                let suspect = Suspect::new(number, literal, gram.offset);
                suspects.extend(of_lists.into_iter().map(|list| (list, suspect)));
            }
        }
        let (starts, lists) = in_lists(&suspects);
        Self { first, second, starts, lists }
    }

    /// Shows each place of `text` at which a literal may start, with the literal; each once. Of a literal its first
    /// [`HEAD`] bytes were compared.
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let mut places = vec![0; text.len().min(PIECE).div_ceil(2)];
        let mut all = Vec::new();
        for from in (0..text.len()).step_by(PIECE) {
            // A gram may begin in this piece and end in the next.
            let piece = &text[from..text.len().min(from + PIECE + GRAM)];
            let count = self.twice(piece, self.likely(piece, &mut places), &mut places);
            for place in &places[..count] {
                self.at(text, from + usize::from(*place), &mut all);
            }
            // What comes of it needs the caches that the tables are in, so that is done for many at once.
            all.drain(..).for_each(|(at, literal)| found(at, literal));
        }
    }

    /// The places of a piece whose grams the first table has; how many.
    fn likely(&self, piece: &[u8], places: &mut [u16]) -> usize {
        let mut count = 0;
        let end = piece.len().min(PIECE);
        let mut at = 0;
        while at < end {
            let mut mask = match piece.get(at..at + BLOCK + GRAM).and_then(|block| block.try_into().ok()) {
                Some(block) => self.block(block),
                None => self.rest(&piece[at..]),
            };
            while mask != 0 {
                let place = at + 2 * mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if let (Some(slot), Ok(place)) = (places.get_mut(count), u16::try_from(place)) {
                    *slot = place;
                    count += 1;
                }
            }
            at += BLOCK;
        }
        count
    }

    /// Which of the even places of a block have a gram that the first table has.
    fn block(&self, block: &[u8; BLOCK + GRAM]) -> u32 {
        let mut mask = 0;
        for group in 0..BLOCK / 16 {
            let words: [u64; 8] = std::array::from_fn(|place| self.shifted(block, 16 * group + 2 * place));
            // In most groups there is none; then nothing has to be put together.
            if words.iter().fold(0, |any, word| any | word) & 1 == 1 {
                let bits = words.iter().rev().fold(0, |bits, word| bits << 1 | u32::from(word & 1 == 1));
                mask |= bits << (8 * group);
            }
        }
        mask
    }

    /// A word whose lowest bit is set if the first table has the gram at a place. This is all that most bytes cost.
    #[inline]
    fn shifted(&self, block: &[u8; BLOCK + GRAM], at: usize) -> u64 {
        let bytes = [block[at], block[at + 1], block[at + 2], block[at + 3]];
        let hash = hash(u32::from_le_bytes(bytes) | FOLD, FIRST);
        self.first[hash >> 6] >> (hash & 63)
    }

    /// The same for the last bytes of a text, behind which nothing stands.
    #[cold]
    fn rest(&self, piece: &[u8]) -> u32 {
        let mut block = [0; BLOCK + GRAM];
        let length = piece.len().min(block.len());
        block[..length].copy_from_slice(&piece[..length]);
        let within = u32::MAX.checked_shl(u32::try_from(length.div_ceil(2)).unwrap_or(32)).unwrap_or(0);
        self.block(&block) & !within
    }

    /// Keeps those of the first `count` places that the second table has too; how many.
    fn twice(&self, piece: &[u8], count: usize, places: &mut [u16]) -> usize {
        let mut kept = 0;
        for index in 0..count {
            let place = places[index];
            let hash = hash(gram_at(piece, usize::from(place)), SECOND);
            places[kept] = place;
            kept += usize::from(self.second[hash >> 6] >> (hash & 63) & 1 == 1);
        }
        kept
    }

    /// Adds the literals that have a gram at `place`.
    #[inline]
    fn at(&self, text: &[u8], place: usize, all: &mut Vec<(usize, usize)>) {
        let list = hash(gram_at(text, place), FIRST) >> (TABLE_BITS - LIST_BITS);
        let range = self.starts[list] as usize..self.starts[list + 1] as usize;
        for suspect in &self.lists[range] {
            let Some(start) = place.checked_add_signed(-isize::from(suspect.offset)) else { continue };
            if suspect.is_at(text, start) {
                all.push((start, suspect.literal as usize));
            }
        }
    }
}

/// Suspects, each with the number of its list, list by list; where each list begins, and where the last one ends.
fn in_lists(suspects: &[(usize, Suspect)]) -> (Box<[u32]>, Box<[Suspect]>) {
    let mut starts = vec![0_u32; (1 << LIST_BITS) + 1];
    for (list, _) in suspects {
        starts[list + 1] += 1;
    }
    let mut end = 0;
    for start in &mut starts {
        end += *start;
        *start = end;
    }
    let mut next = starts.clone();
    let mut lists = vec![Suspect::NONE; suspects.len()];
    for (list, suspect) in suspects {
        lists[next[*list] as usize] = *suspect;
        next[*list] += 1;
    }
    (starts.into_boxed_slice(), lists.into_boxed_slice())
}

impl Suspect {
    const NONE: Self = Self { head: 0, fold: 0, length: 0, offset: 0, literal: 0 };

    fn new(number: u32, literal: &Literal, offset: i8) -> Self {
        let Literal { bytes: literal, exact, .. } = literal;
        let (mut head, mut fold) = ([0; HEAD], [0; HEAD]);
        for ((head, fold), byte) in head.iter_mut().zip(&mut fold).zip(literal) {
            let folds = !exact && byte.is_ascii_alphabetic();
            *head = if folds { byte.to_ascii_lowercase() } else { *byte };
            *fold = if folds { 0x20 } else { 0 };
        }
        let length = u8::try_from(literal.len().min(HEAD)).expect("at most HEAD");
        Self {
            head: u64::from_le_bytes(head),
            fold: u64::from_le_bytes(fold),
            length,
            offset,
            literal: number,
        }
    }

    #[inline]
    fn is_at(&self, text: &[u8], start: usize) -> bool {
        let here = if let Some(here) = text.get(start..start + HEAD) {
            u64::from_le_bytes(here.try_into().expect("HEAD bytes"))
        } else {
            let rest = text.get(start..).unwrap_or_default();
            let mut here = [0; HEAD];
            here[..rest.len()].copy_from_slice(rest);
            if rest.len() < usize::from(self.length) {
                return false;
            }
            u64::from_le_bytes(here)
        };
        let known = u64::MAX >> (64 - 8 * u32::from(self.length));
        (here | self.fold) & known == self.head
    }
}

fn table() -> Box<[u64; WORDS]> {
    vec![0; WORDS].into_boxed_slice().try_into().expect("the length is that of the type")
}

#[inline]
fn hash(bytes: u32, multiplier: u32) -> usize {
    (bytes.wrapping_mul(multiplier) >> (32 - TABLE_BITS)) as usize
}

/// The folded gram at a place; behind the end of the text stand zeros.
#[inline]
fn gram_at(text: &[u8], place: usize) -> u32 {
    let mut bytes = [0; GRAM];
    match text.get(place..place + GRAM) {
        Some(whole) => bytes.copy_from_slice(whole),
        None => bytes.iter_mut().zip(text.iter().skip(place)).for_each(|(byte, here)| *byte = *here),
    }
    u32::from_le_bytes(bytes) | FOLD
}

impl Gram {
    /// The gram at `offset` of a literal.
    fn of(literal: &[u8], offset: i8) -> Self {
        let (mut bytes, mut known) = (0, 0);
        for place in 0..GRAM {
            let at = isize::from(offset).checked_add_unsigned(place).and_then(|at| usize::try_from(at).ok());
            if let Some(byte) = at.and_then(|at| literal.get(at)) {
                bytes |= u32::from(byte | 0x20) << (8 * place);
                known |= 0xff << (8 * place);
            }
        }
        Self { bytes, known, offset }
    }

    fn unknown(self) -> u32 {
        self.known.count_zeros() / 8
    }

    /// Every folded gram that it may be in a text: what the literal does not say, its neighbours do.
    fn expanded(self, literal: &Literal) -> Vec<u32> {
        let mut all = vec![self.bytes];
        for place in (0..GRAM).filter(|place| self.known & 0xff << (8 * place) == 0) {
            let at = isize::from(self.offset).saturating_add_unsigned(place);
            let class = match at {
                -1 => literal.before,
                _ if usize::try_from(at) == Ok(literal.bytes.len()) => literal.after,
                _ => Class::ANY,
            };
            // A folded byte has 128 values.
            let folded = (0..=u8::MAX)
                .filter(|byte| byte & 0x20 != 0 && (class.has(*byte) || class.has(byte & !0x20)));
            let folded: Vec<u32> = folded.map(|byte| u32::from(byte) << (8 * place)).collect();
            all = all.iter().flat_map(|gram| folded.iter().map(move |byte| gram | byte)).collect();
        }
        all
    }
}

/// The gram of a literal at an offset of this parity that is to be expected most rarely.
fn rarest(literal: &Literal, parity: usize, frequent: &HashMap<u32, u64>) -> Gram {
    let last = i8::try_from(literal.bytes.len().min(DEEPEST)).unwrap_or(i8::MAX) - 1;
    let offsets = (-i8::from(parity == 1)..last).step_by(2);
    let count = |bytes: u32| frequent.get(&bytes).copied().unwrap_or(1);
    let expected = |gram: &Gram| match gram.unknown() {
        0 => count(gram.bytes),
        _ => gram.expanded(literal).into_iter().map(count).sum(),
    };
    let grams: Vec<Gram> = offsets.map(|offset| Gram::of(&literal.bytes, offset)).collect();
    let fewest = grams.iter().map(|gram| gram.unknown()).min();
    grams
        .into_iter()
        .filter(|gram| Some(gram.unknown()) == fewest)
        .min_by_key(|gram| (expected(gram), gram.offset.abs()))
        .unwrap_or_else(|| Gram::of(&literal.bytes, -i8::from(parity == 1)))
}

/// How often grams stand in files of images, where one that is rare counts as 1. They are kept in lines: those of the
/// first stand twice as often as those of the second, and so on.
fn frequent() -> HashMap<u32, u64> {
    let lines: Vec<&str> = include_str!("grams.txt").lines().collect();
    let count = |line: usize| LEAST << (lines.len() - 1 - line);
    let grams = |(line, grams): (usize, &'static str)| grams.split(' ').map(move |gram| (gram, line));
    let grams = lines.iter().copied().enumerate().flat_map(grams);
    grams.map(|(gram, line)| (gram_at(gram.as_bytes(), 0), count(line))).collect()
}

/// How often the grams of the last line stand, compared with those of none.
const LEAST: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gram_of_the_list_has_four_bytes() {
        let grams: Vec<&str> = include_str!("grams.txt").split_ascii_whitespace().collect();
        assert!(grams.iter().all(|gram| gram.len() == GRAM), "{grams:?}");
        assert_eq!(frequent().len(), grams.len(), "one stands twice");
    }

    #[test]
    fn a_literal_is_found_by_its_rarest_grams() {
        let frequent = frequent();
        let literal = |bytes: &[u8]| Literal {
            bytes: bytes.to_vec(),
            exact: false,
            before: Class::ANY,
            after: Class::ANY,
        };
        let gram = |parity| rarest(&literal(b"functionxyz"), parity, &frequent).offset;
        assert_eq!((gram(0), gram(1)), (6, 5));
        let gram = |bytes: &[u8], parity| {
            let gram = rarest(&literal(bytes), parity, &frequent);
            (gram.offset, gram.unknown())
        };
        assert_eq!((gram(b"ghp_", 0), gram(b"ghp_", 1)), ((0, 0), (-1, 1)));
        assert_eq!((gram(b"abc", 0), gram(b"abc", 1)), ((0, 1), (-1, 1)));
        assert_eq!((gram(b"ab", 0), gram(b"ab", 1)), ((0, 2), (-1, 2)));
    }

    #[test]
    fn an_unknown_byte_may_be_any() {
        let gram = Gram::of(b"ab", -1);
        let (before, after) = (Class::ANY, Class::ANY);
        let mut all = gram.expanded(&Literal { bytes: b"ab".to_vec(), exact: false, before, after });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 128 * 128);
        for (before, after) in [(0_u8, 0xff_u8), (b'_', b'~'), (b'Z', b'\n')] {
            let bytes = u32::from_le_bytes([before, b'a', b'b', after]) | FOLD;
            assert!(all.binary_search(&bytes).is_ok());
        }
    }
}
