//! Reads the rows of one table of an `SQLite` database (its "Database File Format"): as much as rpm's needs, and nothing of
//! journals, indexes or queries.

use std::cell::Cell;

/// What such a file starts with.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Nesting of pages: a tree that is deeper is damaged.
const DEPTH: usize = 20;

/// Columns of a row: tables that are read here have fewer.
const COLUMNS: usize = 16;

const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// Gives the last column of every row of `table` that is bytes.
pub(super) fn rows(bytes: &[u8], table: &str, sink: &mut dyn FnMut(&[u8])) {
    let Some(database) = Database::new(bytes) else { return };
    let mut root = None;
    // The first page is the table of tables: type, name, table, root page, statement.
    database.walk(1, &mut |record| {
        let columns = columns(record);
        if let [b"table", name, _, page, ..] = columns[..]
            && name == table.as_bytes()
        {
            root = Some(page.iter().take(8).fold(0, |page: u64, byte| page << 8 | u64::from(*byte)));
        }
    });
    if let Some(root) = root {
        database.walk(root, &mut |record| columns(record).last().copied().into_iter().for_each(&mut *sink));
    }
}

struct Database<'b> {
    bytes: &'b [u8],
    page: usize,
    /// Bytes of a page that are used.
    usable: usize,
    /// Records together are no longer than the file, unless they share bytes.
    left: Cell<usize>,
}

impl<'b> Database<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        let page = match u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?]) {
            1 => 65536,
            size => usize::from(size),
        };
        let usable = page.checked_sub(usize::from(*bytes.get(20)?))?;
        (page >= 512 && usable >= 480).then(|| Self { bytes, page, usable, left: Cell::new(bytes.len()) })
    }

    /// The page of that number, 1 = the first.
    fn page(&self, number: u64) -> Option<&'b [u8]> {
        let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(self.page)?;
        self.bytes.get(start..start.checked_add(self.page)?)
    }

    /// Every record of the tree with that root. Each page is looked at once, however often it is named.
    fn walk(&self, root: u64, sink: &mut dyn FnMut(&[u8])) {
        let mut seen = vec![false; self.bytes.len() / self.page + 1];
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            let known = usize::try_from(number).ok().and_then(|number| seen.get_mut(number));
            let Some(known) = known.filter(|known| !**known && depth < DEPTH) else { continue };
            *known = true;
            let Some(page) = self.page(number) else { continue };
            // The head of the whole file stands before that of the first page.
            let head = if number == 1 { 100 } else { 0 };
            let Some(Node { kind, cells, right }) = node(page, head) else { continue };
            match kind {
                LEAF => cells.filter_map(|cell| self.record(page, cell)).for_each(|record| sink(&record)),
                INTERIOR => {
                    let children = cells.filter_map(|cell| super::number(page, cell));
                    let children = children.chain(right).map(|child| (u64::from(child), depth + 1));
                    let from = open.len();
                    open.extend(children);
                    open[from..].reverse();
                }
                _ => {}
            }
        }
    }

    /// The record of a cell: a part in the page, the rest in a chain of other pages.
    fn record(&self, page: &'b [u8], cell: usize) -> Option<Vec<u8>> {
        let rest = page.get(cell..)?;
        let (length, used) = varint(rest)?;
        let (_, id) = varint(rest.get(used..)?)?;
        let body = rest.get(used + id..)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.left.get())?;
        self.left.set(self.left.get() - length);
        let here = self.local(length);
        let mut record = body.get(..here)?.to_vec();
        let mut next = if here < length { super::number(body, here)? } else { 0 };
        while record.len() < length {
            let page = self.page(u64::from(next))?;
            next = super::number(page, 0)?;
            let part = page.get(4..self.usable)?;
            record.extend_from_slice(&part[..part.len().min(length - record.len())]);
        }
        Some(record)
    }

    /// How many bytes of a record of that length are in the page itself.
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= most { fitting } else { least }
    }
}

struct Node<C> {
    kind: u8,
    /// Offsets of the cells in the page.
    cells: C,
    /// The last child.
    right: Option<u32>,
}

fn node(page: &[u8], head: usize) -> Option<Node<impl Iterator<Item = usize>>> {
    let (kind, count) = (*page.get(head)?, u16::from_be_bytes([*page.get(head + 3)?, *page.get(head + 4)?]));
    let start = head + if kind == INTERIOR { 12 } else { 8 };
    let right = if kind == INTERIOR { super::number(page, head + 8) } else { None };
    let pointers = page.get(start..)?.chunks_exact(2).take(usize::from(count));
    let cells = pointers.map(|pointer| usize::from(u16::from_be_bytes([pointer[0], pointer[1]])));
    Some(Node { kind, cells, right })
}

/// The columns of a record, numbers as their bytes; none of one that has too many.
fn columns(record: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let Some((head, mut at)) = varint(record) else { return out };
    let Some(mut body) = usize::try_from(head).ok().filter(|head| *head <= record.len()) else { return out };
    let end = body;
    while at < end {
        let Some((kind, used)) = record.get(at..end).and_then(varint) else { return out };
        let length = match kind {
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            0 | 8..=11 => 0,
            kind => (kind - 12) / 2,
        };
        let column =
            usize::try_from(length).ok().and_then(|length| record.get(body..body.checked_add(length)?));
        let Some(column) = column else { return out };
        if out.len() == COLUMNS {
            return Vec::new();
        }
        out.push(column);
        body += column.len();
        at += used;
    }
    out
}

/// A number of one to nine bytes, and how many it has.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
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
