//! `SQLite` databases, their write-ahead logs and rollback journals: rows as text, deleted ones too.
//!
//! The file is read once, from its start to its end. As many pages as there is room for are held ([`window`]); a page is
//! looked at when as many follow it as stand before it, or when the file ends. What pages above it said by then tells its
//! table ([`tree`], [`schema`]); where nothing did, its rows are shown without names. Rows become lines ([`text`]); what no
//! cell claims is searched for rows that were deleted ([`carve`]).
//!
//! `SQLCipher` encrypts the head of the file as well, so nothing tells such a database from random bytes.

mod carve;
mod framing;
mod page;
mod record;
mod schema;
mod text;
mod tree;
mod window;

use std::io::{self, BufRead};
use std::ops::{ControlFlow, Range};

use self::carve::Carved;
use self::framing::{Form, Frame, Frames};
pub(crate) use self::page::MAGIC;
use self::page::{Kind, Node};
use self::record::{Bytes, Value};
use self::schema::{SCHEMA_ROOT, Schema, Shape, Table};
use self::text::{Origin, Sink};
use self::tree::Tree;
use self::window::{Slot, Window};
use super::{Decoder, Fault, Head, Visitor};
use crate::limits::Limit;

/// See the module.
pub(super) const SQLITE: Decoder = Decoder {
    name: "sqlite",
    about: "SQLite databases, write-ahead logs and journals: rows of all tables, and deleted ones",
    is: |head| Form::sniff(head.bytes).is_some(),
    decode,
};

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some(form) = Form::sniff(head.bytes) else { return Ok(()) };
    let Some((size, usable)) = form.page_size(head.bytes) else { return Ok(()) };
    let room = visitor.room();
    let mut reader =
        Reader { form, pages: Pages::new(size, usable, room), sink: Sink::new(visitor, room / 8), next: 0 };
    let mut frames = Frames::new(body, form, size);
    let (ended, failed) = reader.read(&mut frames);
    let far = reader.pages.window.far.get();
    match failed {
        _ if ended.is_break() => Ok(()),
        Some(error) => Err(error.into()),
        None if far > 0 => {
            let message = format!("{far} long values go on in pages that are too far away to be held");
            Err(Fault::limit(Limit::WholeBytes, message))
        }
        None => Ok(()),
    }
}

/// The pages, and what they say of each other.
struct Pages {
    window: Window,
    tree: Tree,
    schema: Schema,
    /// Pages of the table of tables that nobody read yet.
    unread: Vec<usize>,
    /// Numbers of the pages of the table of tables.
    named: Vec<u32>,
    /// Size of the part of a database that one map of pages is for; 0 if it has none.
    mapped: u32,
    utf16: Option<bool>,
}

/// Pages of the table of tables that are followed: for a hundred thousand tables.
const SCHEMA_PAGES: usize = 4096;

impl Pages {
    fn new(size: usize, usable: usize, room: u64) -> Self {
        Self {
            window: Window::new(size, usable, room / 8 * 5),
            tree: Tree::new(room / 8),
            schema: Schema::default(),
            unread: Vec::new(),
            named: vec![SCHEMA_ROOT],
            mapped: 0,
            utf16: None,
        }
    }

    /// Takes a page and what it says of others.
    fn take(&mut self, frame: Frame) {
        let number = frame.number;
        if number == 1 && frame.bytes.starts_with(MAGIC) {
            self.utf16 = match page::number(&frame.bytes, 56) {
                Some(2) => Some(false),
                Some(3) => Some(true),
                _ => None,
            };
            let vacuums = page::number(&frame.bytes, 52).is_some_and(|root| root > 0);
            self.mapped = if vacuums { u32::try_from(frame.bytes.len() / 5 + 1).unwrap_or(0) } else { 0 };
        }
        let place = self.window.push(frame);
        let Some(slot) = self.window.slot(place) else { return };
        let children: Vec<u32> = self.node(slot).map(|node| node.children().collect()).unwrap_or_default();
        if self.named.contains(&number) {
            self.unread.push(place);
        }
        for child in children {
            self.tree.claim(child, number);
        }
    }

    /// The node in that page; none if it is of another kind, or a map of pages.
    fn node<'p>(&self, slot: &'p Slot) -> Option<Node<'p>> {
        let map = self.mapped > 0 && slot.number >= 2 && (slot.number - 2).is_multiple_of(self.mapped);
        Node::new(&slot.bytes, slot.number).filter(|_| !map)
    }

    /// Reads the parts of the table of tables that came since.
    fn read_schema(&mut self) {
        while let Some(place) = self.unread.pop() {
            let Some(slot) = self.window.slot(place) else { continue };
            let Some(node) = self.node(slot) else { continue };
            for child in node.children() {
                if self.named.len() < SCHEMA_PAGES && !self.named.contains(&child) {
                    self.named.push(child);
                    self.unread.extend(self.window.places(child));
                }
            }
            if node.kind != Kind::Leaf {
                continue;
            }
            let cells = node.cells();
            for cell in &cells {
                if let Some(row) = record::values(&self.window.record(cell, place, false)) {
                    self.schema.take(&row, self.utf16, false);
                }
            }
            let (window, schema, utf16) = (&self.window, &mut self.schema, self.utf16);
            for area in node.free(&cells) {
                carve::carve(&slot.bytes, area, Kind::Leaf, &[5], &mut |found| {
                    if let Some((_, row)) = restored(window, place, &found) {
                        schema.take(&row, utf16, true);
                    }
                });
            }
        }
    }

    /// The table that a page belongs to.
    fn table(&self, number: u32) -> Option<&Table> {
        let live = |root| self.schema.table(root).is_some_and(|table| !table.dropped);
        let root = self.tree.root(number, live);
        let root = root.or_else(|| self.tree.root(number, |root| self.schema.table(root).is_some()));
        self.schema.table(root?)
    }
}

/// The row of a record that was carved, and its number.
fn restored<'w>(
    window: &'w Window,
    place: usize,
    found: &Carved<'w>,
) -> Option<(Option<u64>, Vec<Value<'w>>)> {
    match found {
        Carved::Whole(cell) => Some((cell.row, record::values(&window.record(cell, place, true))?)),
        Carved::Rest(rest) => {
            let bytes: Bytes<'w> = window.record(&rest.values, place, true);
            Some((None, rest.row(&bytes)))
        }
    }
}

/// Goes through the pages.
struct Reader<'v> {
    form: Form,
    pages: Pages,
    sink: Sink<'v>,
    /// The page that is looked at next.
    next: usize,
}

impl Reader<'_> {
    /// Everything up to the end, or to an error behind which nothing can be read.
    fn read(&mut self, frames: &mut Frames<'_>) -> (ControlFlow<()>, Option<io::Error>) {
        let failed = loop {
            match frames.next() {
                Ok(Some(frame)) => {
                    if self.make_room().is_break() {
                        return (ControlFlow::Break(()), None);
                    }
                    self.pages.take(frame);
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        self.pages.window.ended.set(failed.is_none());
        (self.rest(), failed)
    }

    /// Looks at pages until the first can go.
    fn make_room(&mut self) -> ControlFlow<()> {
        while self.pages.window.is_full() {
            if self.pages.window.before(self.next) > self.pages.window.len() / 2 {
                self.pages.window.pop();
            } else {
                self.pages.read_schema();
                self.sink.utf16 = self.pages.utf16;
                self.page(self.next, true)?;
                self.page(self.next, false)?;
                self.next += 1;
            }
        }
        ControlFlow::Continue(())
    }

    /// Looks at the pages that are left: first at those of trees, since they tell which others hold what they say.
    fn rest(&mut self) -> ControlFlow<()> {
        self.pages.read_schema();
        self.sink.utf16 = self.pages.utf16;
        for of_trees in [true, false] {
            for place in self.next..self.pages.window.end() {
                self.page(place, of_trees)?;
            }
        }
        self.sink.finish()
    }

    /// Shows what is in the page at `place`, if it is one of a tree, or if it is none.
    fn page(&mut self, place: usize, of_trees: bool) -> ControlFlow<()> {
        let Self { pages, sink, form, .. } = self;
        let Some(slot) = pages.window.slot(place) else { return ControlFlow::Continue(()) };
        let mut look =
            Look { pages, sink, place, slot, table: None, deleted: true, again: *form != Form::Database };
        match pages.node(slot) {
            Some(node) if of_trees => {
                look.table = pages.table(slot.number);
                let orphan = pages.window.ended.get() && !look.again && pages.tree.knows(slot.number);
                look.deleted = look.table.map_or(orphan, |table| table.dropped);
                look.tree(&node)
            }
            None if !of_trees && !slot.continues.get() => look.area(0..slot.bytes.len(), Kind::Leaf),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A look at one page.
struct Look<'l, 'v> {
    pages: &'l Pages,
    sink: &'l mut Sink<'v>,
    place: usize,
    slot: &'l Slot,
    table: Option<&'l Table>,
    deleted: bool,
    again: bool,
}

impl<'l> Look<'l, '_> {
    fn tree(&mut self, node: &Node<'l>) -> ControlFlow<()> {
        let cells = node.cells();
        // What an index has, its table has as well.
        let copies = self.table.is_some_and(|table| table.shape == Shape::Index);
        let shown = if copies && !self.deleted { &[][..] } else { &cells };
        for cell in shown {
            let record = self.pages.window.record(cell, self.place, self.deleted);
            if let Some(row) = record::values(&record) {
                self.show(cell.row, &row, self.deleted)?;
            }
        }
        let kind = if matches!(node.kind, Kind::Leaf | Kind::Interior) { Kind::Leaf } else { Kind::KeyLeaf };
        node.free(&cells).into_iter().try_for_each(|area| self.area(area, kind))
    }

    /// Shows what was deleted there.
    fn area(&mut self, area: Range<usize>, kind: Kind) -> ControlFlow<()> {
        let columns = match self.table {
            // An entry of an index ends with the number of its row.
            Some(table) => vec![table.columns.len() + usize::from(table.shape == Shape::Index)],
            None => self.pages.schema.counts(),
        };
        let mut all = Vec::new();
        carve::carve(&self.slot.bytes, area, kind, &columns, &mut |found| all.push(found));
        all.iter().try_for_each(|found| match restored(&self.pages.window, self.place, found) {
            Some((id, row)) => self.show(id, &row, true),
            None => ControlFlow::Continue(()),
        })
    }

    fn show(&mut self, row: Option<u64>, values: &[Value<'_>], deleted: bool) -> ControlFlow<()> {
        let known = self.table.filter(|table| values.len() <= table.columns.len() + 1);
        let table = known.or_else(|| self.pages.schema.only(values).filter(|_| deleted));
        let again = self.again || deleted;
        self.sink.row(&Origin { table, deleted, row, again }, values)
    }
}

/// The rows of the table of that name in a database that is held as a whole; `bytes` are those of its last column.
pub(crate) fn rows(bytes: &[u8], table: &str, sink: &mut dyn FnMut(&[u8])) {
    let Some((size, usable)) = Form::Database.page_size(bytes).filter(|_| bytes.starts_with(MAGIC)) else {
        return;
    };
    let mut pages = Pages::new(size, usable, 2 * bytes.len() as u64 + (1 << 20));
    let (mut body, mut count) = (bytes, 0);
    let mut frames = Frames::new(&mut body, Form::Database, size);
    while let Ok(Some(frame)) = frames.next() {
        pages.take(frame);
        count += 1;
    }
    pages.window.ended.set(true);
    pages.read_schema();
    for place in 0..count {
        let Some(slot) = pages.window.slot(place) else { return };
        let own = pages
            .table(slot.number)
            .is_some_and(|own| own.name == table && own.shape == Shape::Rows && !own.dropped);
        let Some(node) = pages.node(slot).filter(|node| own && node.kind == Kind::Leaf) else { continue };
        for cell in node.cells() {
            let row = record::values(&pages.window.record(&cell, place, false));
            if let Some(Value::Blob(bytes) | Value::Text(bytes)) = row.unwrap_or_default().last() {
                sink(&bytes.whole());
            }
        }
    }
}

#[cfg(test)]
mod tests;
