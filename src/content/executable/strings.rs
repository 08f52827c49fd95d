//! The strings of Go and Rust programs, which stand one behind another without anything between them.
//!
//! Where one ends and the next begins, only the pointers to them tell: in tables, in relocations, and in the instructions
//! that load an address. So two things are kept of a file while it passes: its longer runs of text, and every pointer that
//! could lead into one. At the end each run is cut where a pointer leads. Which run a pointer leads to is known only then,
//! because compilers put code before constants, or behind them.

use std::ops::Range;

use super::layout::{Kind, Layout, Machine, Region};
use super::pointers::Pointers;

/// Shortest run that is kept: two strings, of which one is a token.
const SHORTEST_RUN: usize = 20;
/// Shortest string that is shown.
const SHORTEST: usize = 12;
/// Bytes that the longest pattern of instructions or words has.
const CARRY: usize = 32;

/// What was collected of one image.
#[derive(Debug)]
pub(super) struct Strings {
    pointers: Pointers,
    /// The addresses whose text is known.
    seen: Vec<Range<u64>>,
    /// The text of all runs, one behind the other.
    text: Vec<u8>,
    /// The address of each run, and where it starts in the text.
    runs: Vec<(u64, usize)>,
    /// Bytes of text and runs that may be held.
    room: usize,
    /// Where the run began that the last bytes belong to, if they are one.
    open: Option<usize>,
    /// Lowest and highest address that a pointer can have.
    bounds: (u64, u64),
    /// Bytes of a region that were looked at for text, but not yet for pointers.
    carry: Vec<u8>,
    /// Relocations seen.
    relocations: usize,
    /// The page that each register of ARM64 was last set to, and at which address.
    pages: [(u64, u64); 32],
    /// Whether something had to be left out.
    full: bool,
}

impl Strings {
    /// For an image of that layout, with so many bytes of memory.
    pub(super) fn new(layout: &Layout, room: u64) -> Self {
        let low = layout.regions.iter().map(|region| region.address).min().unwrap_or(0);
        let high =
            layout.regions.iter().map(|region| region.address.saturating_add(region.size)).max().unwrap_or(0);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Self {
            pointers: Pointers::new(room / 4),
            seen: Vec::new(),
            text: Vec::new(),
            runs: Vec::new(),
            room: room / 2,
            open: None,
            bounds: (low, high),
            carry: Vec::new(),
            relocations: 0,
            pages: [(0, 0); 32],
            full: false,
        }
    }

    /// Looks at the next bytes of a region; `address` is that of the first of them.
    pub(super) fn feed(&mut self, layout: &Layout, region: &Region, address: u64, bytes: &[u8]) {
        self.runs(address, bytes);
        self.see(address..address.saturating_add(bytes.len() as u64));
        let start = address.wrapping_sub(self.carry.len() as u64);
        self.carry.extend_from_slice(bytes);
        let carry = std::mem::take(&mut self.carry);
        let done = self.pointers(layout, region, start, &carry);
        self.carry = carry;
        self.carry.drain(..done);
    }

    /// The region is over.
    pub(super) fn end(&mut self) {
        self.close();
        self.carry.clear();
    }

    /// Keeps the runs of text in `bytes`.
    fn runs(&mut self, address: u64, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            if self.open.is_none() {
                at = begin(bytes, at);
                if at == bytes.len() {
                    break;
                }
                // Before a byte that is no text, nothing this close is long enough; most of a program is like that.
                let window = &bytes[at..bytes.len().min(at + SHORTEST_RUN)];
                if let Some(last) = window.iter().rposition(|byte| !is_text(*byte)) {
                    at += last + 1;
                    continue;
                }
                self.open = Some(self.text.len());
                self.runs.push((address.wrapping_add(at as u64), self.text.len()));
            }
            let length = bytes[at..].iter().position(|byte| !is_text(*byte)).unwrap_or(bytes.len() - at);
            if self.text.len() + 16 * self.runs.len() + length > self.room {
                self.full = true;
            } else {
                self.text.extend_from_slice(&bytes[at..at + length]);
            }
            at += length;
            if at < bytes.len() {
                self.close();
                at += 1;
            }
        }
    }

    /// Ends a run, and drops it if it is too short.
    fn close(&mut self) {
        if let Some(start) = self.open.take()
            && self.text.len() - start < SHORTEST_RUN
        {
            self.text.truncate(start);
            self.runs.pop();
        }
    }

    /// Looks for pointers, and returns how many bytes are done with.
    fn pointers(&mut self, layout: &Layout, region: &Region, address: u64, bytes: &[u8]) -> usize {
        let done = bytes.len().saturating_sub(CARRY);
        match (region.code, layout.machine) {
            (true, Machine::Amd64) => {
                self.amd64(address, bytes);
                if layout.kind == Kind::Fixed {
                    self.numbers(bytes);
                }
            }
            (true, Machine::Arm64) => return self.arm64(address, bytes),
            (true, Machine::Other) => return bytes.len(),
            (false, _) => return self.words((layout, region), address, bytes),
        }
        done
    }

    /// A pointer that could lead into a run.
    pub(super) fn point(&mut self, address: u64) {
        if address <= self.bounds.0 || address >= self.bounds.1 {
            return;
        }
        if self.pointers.push(address) {
            self.sort();
        }
    }

    /// Notes that the text at these addresses is known.
    fn see(&mut self, range: Range<u64>) {
        match self.seen.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.seen.push(range),
        }
    }

    /// Sorts the pointers, and forgets those that lead to what is known to be no run, or to the start of one.
    fn sort(&mut self) {
        let ordered = self.seen.is_sorted_by(|one, next| one.end <= next.start)
            && self.runs.is_sorted_by_key(|(address, _)| *address);
        let mut seen = self.seen.iter().peekable();
        let mut runs = ranges(&self.runs, self.text.len())
            .map(|(address, run)| address..address.saturating_add(run.len() as u64))
            .peekable();
        self.pointers.sort(|pointer| {
            while seen.next_if(|seen| seen.end <= pointer).is_some() {}
            while runs.next_if(|run| run.end <= pointer).is_some() {}
            let known = seen.peek().is_some_and(|seen| seen.start <= pointer);
            !ordered || !known || runs.peek().is_some_and(|run| run.start < pointer)
        });
    }

    /// A pointer with a number beside it that could be the length of a string: where it ends, the next begins.
    pub(super) fn sized(&mut self, address: u64, length: u64) {
        if (SHORTEST as u64..1 << 16).contains(&length) {
            self.point(address.wrapping_add(length));
        }
    }

    /// `lea register, [rip + distance]`.
    fn amd64(&mut self, address: u64, bytes: &[u8]) {
        const LENGTH: usize = 7;
        let last = bytes.len().saturating_sub(LENGTH - 1);
        // What is in the carry is looked at again with what follows it; a pointer that is told twice is no harm.
        for at in memchr::memchr_iter(0x8d, &bytes[..bytes.len().min(last + 1)]) {
            let Some([0x48 | 0x4c, _, how, distance @ ..]) =
                at.checked_sub(1).and_then(|at| bytes.get(at..at + LENGTH))
            else {
                continue;
            };
            if how & 0xc7 == 5 {
                let distance = i32::from_le_bytes([distance[0], distance[1], distance[2], distance[3]]);
                let next = address.wrapping_add((at - 1 + LENGTH) as u64);
                self.point(next.wrapping_add_signed(i64::from(distance)));
            }
        }
    }

    /// `mov register, address`.
    fn numbers(&mut self, bytes: &[u8]) {
        for word in bytes.windows(5).filter(|word| word[0] & 0xf8 == 0xb8) {
            self.point(u64::from(u32::from_le_bytes([word[1], word[2], word[3], word[4]])));
        }
    }

    /// `adrp register, page` and, soon after it, `add other, register, offset`; or `adr register, distance`.
    fn arm64(&mut self, address: u64, bytes: &[u8]) -> usize {
        const SOON: u64 = 64;
        let chunks = bytes.chunks_exact(4);
        let done = bytes.len() - chunks.remainder().len();
        for (index, word) in chunks.enumerate() {
            let place = address.wrapping_add(4 * index as u64);
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let register = (word & 31) as usize;
            let immediate = || {
                let number = u64::from(word >> 5 & 0x7_ffff) << 2 | u64::from(word >> 29 & 3);
                // Twenty-one bits with a sign.
                (number << 43).cast_signed() >> 43
            };
            if word & 0x9f00_0000 == 0x9000_0000 {
                self.pages[register] = ((place & !0xfff).wrapping_add_signed(immediate() << 12), place);
            } else if word & 0x9f00_0000 == 0x1000_0000 {
                self.point(place.wrapping_add_signed(immediate()));
            } else if word & 0xffc0_0000 == 0x9100_0000 {
                let (page, when) = self.pages[(word >> 5 & 31) as usize];
                if place.wrapping_sub(when) < SOON {
                    self.point(page.wrapping_add(u64::from(word >> 10 & 0xfff)));
                }
            }
        }
        done
    }

    /// Pointers in tables, where they belong or in relocations.
    fn words(&mut self, (layout, region): (&Layout, &Region), address: u64, bytes: &[u8]) -> usize {
        let width = layout.pointer;
        let skip = usize::try_from(address.wrapping_neg() % width as u64).unwrap_or(0);
        let words = (bytes.len() - skip.min(bytes.len())) / width;
        // What was looked at is kept for one word more, since a relocation has three.
        let done = (skip + words.saturating_sub(1) * width).saturating_sub(width).min(bytes.len());
        let words = bytes.get(skip..).unwrap_or_default().chunks_exact(width);
        match (layout.big_endian, layout.kind == Kind::Relocated && !region.writable) {
            (false, true) => self.relocations(layout, words.map(little)),
            (true, true) => self.relocations(layout, words.map(big)),
            (false, false) => self.table(layout, words.map(little)),
            (true, false) => self.table(layout, words.map(big)),
        }
        done
    }

    /// Relocations: each is where, how (relative), what.
    fn relocations(&mut self, layout: &Layout, words: impl Iterator<Item = u64>) {
        if layout.pointer != 8 {
            return;
        }
        let mut before = [None; 2];
        for word in words {
            if let [Some(place), Some(8 | 0x403)] = before
                && layout.is_writable(place)
            {
                self.relocations += 1;
                self.point(word);
            }
            before = [before[1], Some(word)];
        }
    }

    /// Pointers where they belong.
    fn table(&mut self, layout: &Layout, words: impl Iterator<Item = u64>) {
        // Where there are relocations, a number in a table is no pointer.
        if self.relocations > 0 {
            return;
        }
        let mut before = None;
        for next in words {
            let Some(word) = before.replace(next) else { continue };
            self.point(word);
            if layout.kind == Kind::Chained {
                let target = word & 0xf_ffff_ffff;
                self.point(target);
                self.point(layout.base.wrapping_add(target));
            }
            // A string's length stands behind its pointer.
            self.sized(word, next);
        }
    }

    /// The strings that stand directly behind others, one a line, by their addresses; and whether some were left out.
    pub(super) fn finish(mut self) -> (Vec<u8>, bool) {
        self.end();
        self.sort();
        let mut lines = Vec::new();
        let mut runs: Vec<(u64, Range<usize>)> = ranges(&self.runs, self.text.len()).collect();
        runs.sort_unstable_by_key(|(address, run)| (*address, run.start));
        let (mut pointers, mut reached) = (self.pointers.iter().peekable(), 0);
        for (address, run) in runs {
            let text = &self.text[run];
            // Two regions may say that they stand at the same addresses: then pointers lead into both.
            if address < reached {
                pointers = self.pointers.iter().peekable();
            }
            reached = reached.max(address.saturating_add(text.len() as u64));
            while pointers.next_if(|pointer| *pointer <= address).is_some() {}
            let mut from = 0;
            let mut show = |piece: Range<usize>| {
                if piece.len() >= SHORTEST {
                    lines.extend_from_slice(&text[piece]);
                    lines.push(b'\n');
                }
            };
            while let Some(cut) = pointers.next_if(|pointer| *pointer - address < text.len() as u64) {
                let to = usize::try_from(cut - address).unwrap_or(text.len());
                show(from..to);
                from = to;
            }
            if from > 0 {
                show(from..text.len());
            }
        }
        (lines, self.full || self.pointers.is_full())
    }
}

/// The address of each run, and where it stands in the text, which has so many bytes.
fn ranges(runs: &[(u64, usize)], length: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let ends = runs.iter().skip(1).map(|(_, start)| *start).chain([length]);
    runs.iter().zip(ends).map(|((address, start), end)| (*address, *start..end))
}

/// Bytes that are looked at together.
const WORD: usize = 8;

/// The first place from `at` on where a run may begin that is long enough, as eight bytes at a time tell.
fn begin(bytes: &[u8], mut at: usize) -> usize {
    const UPPER: u64 = u64::from_le_bytes([0x80; WORD]);
    // What is added to a tab to reach the upper half; no byte of ASCII carries into the next.
    const TAB: u64 = u64::from_le_bytes([0x80 - b'\t'; WORD]);
    while let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk::<SHORTEST_RUN>()) {
        // Every run that begins here, or in front of these bytes, has all of them.
        let word = window.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        let text = word.wrapping_add(TAB) & !word & UPPER;
        if text == UPPER {
            break;
        }
        at += SHORTEST_RUN - (!text & UPPER).leading_zeros() as usize / 8;
    }
    at
}

fn little(word: &[u8]) -> u64 {
    let whole = word.first_chunk().map(|word| u64::from_le_bytes(*word));
    whole.unwrap_or_else(|| word.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn big(word: &[u8]) -> u64 {
    word.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn regions_at_the_same_addresses_are_both_taken_apart() {
        let region = |offset, address| Region { offset, size: 40, address, code: false, writable: false };
        let regions = vec![region(0, 0x1000), region(40, 0x1000), region(80, 0x2000)];
        let layout = Layout {
            machine: Machine::Other,
            pointer: 8,
            big_endian: false,
            kind: Kind::Plain,
            base: 0,
            regions,
            end: 120,
            images: Vec::new(),
        };
        let mut strings = Strings::new(&layout, 1 << 20);
        let table = [0_u64, 0x1000 + 20, 0, 0, 0].map(u64::to_le_bytes).concat();
        let texts = [
            &b"harmless is the text that stands before "[..],
            b"another text, to20kens0of0another0text00",
            &table,
        ];
        for (region, bytes) in layout.regions.iter().zip(texts) {
            strings.feed(&layout, region, region.address, bytes);
            strings.end();
        }
        let (lines, full) = strings.finish();
        let lines: Vec<_> = lines.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect();
        assert!(!full);
        assert_eq!(
            lines,
            [
                "harmless is the text",
                " that stands before ",
                "another text, to20ke",
                "ns0of0another0text00",
                ""
            ]
        );
    }

    proptest! {
        #[test]
        fn no_run_begins_in_what_is_passed_over(
            bytes in prop::collection::vec(prop_oneof![9 => 1..127_u8, 1 => any::<u8>()], 0..400),
        ) {
            for at in 0..bytes.len() {
                let begin = begin(&bytes, at);
                let run = |start: usize| {
                    let run = bytes.get(start..start + SHORTEST_RUN);
                    run.is_some_and(|run| run.iter().all(|byte| is_text(*byte)))
                };
                prop_assert!(at <= begin && begin <= bytes.len());
                prop_assert!(!(at..begin).any(run), "{at} {begin}");
            }
        }
    }
}
