//! One page of a b-tree, as `SQLite`'s "Database File Format" describes it: which kind it is, its children, its cells.
//! Nothing here believes a number of the page before the page is as long as the number says.

use std::ops::Range;

/// What a database starts with.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Bytes of the file's own head, which stand before the head of the first page.
pub(super) const FILE_HEAD: usize = 100;

/// What a page of a b-tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows of a table by their numbers.
    Leaf,
    /// Children of a table.
    Interior,
    /// Entries of an index, or rows of a table without numbers.
    KeyLeaf,
    /// Children of an index, with entries between them.
    KeyInterior,
}

/// A page of a b-tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'p> {
    page: &'p [u8],
    head: usize,
    pub(super) kind: Kind,
    pointers: &'p [u8],
}

/// A cell with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell<'p> {
    /// Number of the row, in tables.
    pub(super) row: Option<u64>,
    /// Bytes of the record, wherever they are.
    pub(super) length: u64,
    /// What of it is in the page.
    pub(super) local: &'p [u8],
    /// The page on which it goes on; 0 for none.
    pub(super) overflow: u32,
    /// The cell in its page.
    pub(super) range: Range<usize>,
}

impl<'p> Node<'p> {
    /// The page of that number, if it can be one of a b-tree. `page` is what is used of it.
    pub(super) fn new(page: &'p [u8], number: u32) -> Option<Self> {
        let head = if number == 1 { FILE_HEAD } else { 0 };
        let kind = match page.get(head)? {
            2 => Kind::KeyInterior,
            5 => Kind::Interior,
            10 => Kind::KeyLeaf,
            13 => Kind::Leaf,
            _ => return None,
        };
        let start = head + if matches!(kind, Kind::Interior | Kind::KeyInterior) { 12 } else { 8 };
        let count = usize::from(short(page, head + 3)?);
        let pointers = page.get(start..start.checked_add(2 * count)?)?;
        // Free blocks, the area of cells and the fragments have to stand where they can.
        let (free, cells) = (usize::from(short(page, head + 1)?), usize::from(short(page, head + 5)?));
        let fits = free < page.len() && (cells == 0 || (cells >= start && cells <= page.len()));
        (fits && *page.get(head + 7)? <= 60).then_some(Self { page, head, kind, pointers })
    }

    /// Where the head and the pointers end.
    pub(super) fn end(&self) -> usize {
        self.head + if self.interior() { 12 } else { 8 } + self.pointers.len()
    }

    pub(super) fn interior(&self) -> bool {
        matches!(self.kind, Kind::Interior | Kind::KeyInterior)
    }

    fn offsets(&self) -> impl Iterator<Item = usize> + use<'p> {
        self.pointers.chunks_exact(2).map(|pointer| usize::from(u16::from_be_bytes([pointer[0], pointer[1]])))
    }

    /// The pages below.
    pub(super) fn children(&self) -> impl Iterator<Item = u32> + use<'p> {
        let (page, interior) = (self.page, self.interior());
        let right = number(page, self.head + 8);
        self.offsets()
            .map(move |at| number(page, at))
            .chain([right])
            .flatten()
            .filter(move |child| interior && *child > 0)
    }

    /// The cells that have records, each byte of the page in one at most.
    pub(super) fn cells(&self) -> Vec<Cell<'p>> {
        if self.kind == Kind::Interior {
            return Vec::new();
        }
        let mut all: Vec<Cell<'p>> = self.offsets().filter_map(|at| cell(self.page, self.kind, at)).collect();
        let in_order = |pair: &[Cell<'_>]| pair[0].range.start >= pair[1].range.end;
        // Rows are shown in their order, unless cells overlap: then the page is damaged.
        if !all.windows(2).all(in_order) {
            let mut sorted: Vec<Range<usize>> = all.iter().map(|cell| cell.range.clone()).collect();
            sorted.sort_unstable_by_key(|range| range.start);
            if sorted.windows(2).any(|pair| pair[1].start < pair[0].end) {
                all.sort_unstable_by_key(|cell| cell.range.start);
                let mut end = 0;
                all.retain(|cell| {
                    let apart = cell.range.start >= end;
                    end = if apart { cell.range.end } else { end };
                    apart
                });
            }
        }
        all
    }

    /// The bytes of the page that belong to nothing: what was deleted stands there. `cells` are its cells.
    pub(super) fn free(&self, cells: &[Cell<'p>]) -> Vec<Range<usize>> {
        let mut taken: Vec<Range<usize>> = cells.iter().map(|cell| cell.range.clone()).collect();
        if self.kind == Kind::Interior {
            let length =
                |at: usize| 4 + varint(self.page.get(at + 4..).unwrap_or_default()).map_or(0, |n| n.1);
            taken.extend(self.offsets().map(|at| at..at + length(at)));
        }
        taken.sort_unstable_by_key(|range| range.start);
        let (mut at, mut free) = (self.end(), Vec::new());
        for range in taken {
            if range.start > at {
                free.push(at..range.start.min(self.page.len()));
            }
            at = at.max(range.end);
        }
        if at < self.page.len() {
            free.push(at..self.page.len());
        }
        free
    }
}

/// The cell at `at` of a page of that kind: the child, the length, the number of the row, the record.
pub(super) fn cell(page: &[u8], kind: Kind, at: usize) -> Option<Cell<'_>> {
    let mut next = at + if kind == Kind::KeyInterior { 4 } else { 0 };
    let (length, used) = varint(page.get(next..)?)?;
    next += used;
    let mut row = None;
    if kind == Kind::Leaf {
        let (id, used) = varint(page.get(next..)?)?;
        (row, next) = (Some(id), next + used);
    }
    let here = local(length, page.len(), kind);
    let local = page.get(next..next.checked_add(here)?)?;
    next += here;
    let mut overflow = 0;
    if here as u64 != length {
        overflow = number(page, next)?;
        next += 4;
    }
    Some(Cell { row, length, local, overflow, range: at..next.max(at + 4).min(page.len()) })
}

/// How many bytes of a record of that length are in a page of which `usable` bytes are used.
pub(super) fn local(length: u64, usable: usize, kind: Kind) -> usize {
    let usable = usable as u64;
    let most = if kind == Kind::Leaf { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    let here = if length <= most {
        length
    } else {
        let least = (usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (usable - 4);
        if fitting <= most { fitting } else { least }
    };
    usize::try_from(here).unwrap_or(usize::MAX)
}

/// Two bytes at `at`, the highest first.
pub(super) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

/// Four bytes at `at`, the highest first.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// A number of one to nine bytes, and how many it has.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}
