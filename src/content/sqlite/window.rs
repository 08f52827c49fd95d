//! The pages that are held: as many as the visitor has room for, half of them before the page that is looked at and half
//! behind it. A database that fits is there as a whole.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};

use super::framing::Frame;
use super::page::{self, Node};
use super::record::Bytes;

/// A page that is held.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) number: u32,
    /// What is used of it.
    pub(super) bytes: Vec<u8>,
    /// Number of the transaction that wrote it.
    transaction: u32,
    /// Whether a record goes on in it.
    pub(super) continues: Cell<bool>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// How many pages were let go.
    gone: usize,
    /// Where the versions of a page are, counted from the first page of the file.
    versions: HashMap<u32, VecDeque<usize>>,
    transaction: u32,
    most: usize,
    /// Bytes of a page that are used.
    usable: usize,
    /// Bytes of records beside those in their own pages: no more than the file has, however often a page is named.
    left: Cell<u64>,
    /// The same for what was deleted.
    left_deleted: Cell<u64>,
    /// Whether the last page came.
    pub(super) ended: Cell<bool>,
    /// Records whose rest stands too far away.
    pub(super) far: Cell<u64>,
}

/// What a slot costs beside its page.
const SLOT: usize = 128;

impl Window {
    pub(super) fn new(size: usize, usable: usize, room: u64) -> Self {
        let most = usize::try_from(room).unwrap_or(usize::MAX) / (size + SLOT);
        Self {
            slots: VecDeque::new(),
            gone: 0,
            versions: HashMap::new(),
            transaction: 0,
            most: most.max(4),
            usable,
            left: Cell::new(0),
            left_deleted: Cell::new(0),
            ended: Cell::new(false),
            far: Cell::new(0),
        }
    }

    /// Takes the next page, and tells where it is. There has to be room for it.
    pub(super) fn push(&mut self, frame: Frame) -> usize {
        let place = self.gone + self.slots.len();
        let Frame { number, mut bytes, commit } = frame;
        for left in [&self.left, &self.left_deleted] {
            left.set(left.get() + bytes.len() as u64);
        }
        bytes.truncate(self.usable);
        self.versions.entry(number).or_default().push_back(place);
        self.slots.push_back(Slot {
            number,
            bytes,
            transaction: self.transaction,
            continues: Cell::new(false),
        });
        self.transaction = self.transaction.saturating_add(u32::from(commit));
        place
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= self.most
    }

    /// Whether every page that came is still held.
    pub(super) fn is_whole(&self) -> bool {
        self.gone == 0
    }

    /// Pages that are held before `place`.
    pub(super) fn before(&self, place: usize) -> usize {
        place - self.gone
    }

    /// Pages that are held.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The place of the page that comes next.
    pub(super) fn end(&self) -> usize {
        self.gone + self.slots.len()
    }

    /// Where the versions of a page are.
    pub(super) fn places(&self, number: u32) -> impl Iterator<Item = usize> + '_ {
        self.versions.get(&number).into_iter().flatten().copied()
    }

    /// Lets the first page go.
    pub(super) fn pop(&mut self) {
        let Some(slot) = self.slots.pop_front() else { return };
        self.gone += 1;
        if let Some(versions) = self.versions.get_mut(&slot.number) {
            versions.pop_front();
            if versions.is_empty() {
                self.versions.remove(&slot.number);
            }
        }
    }

    pub(super) fn slot(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place.checked_sub(self.gone)?)
    }

    /// The record of a cell of the page at `place`, as far as its pages are held. What was `deleted` goes on in no page that
    /// is something else by now.
    pub(super) fn record<'w>(&'w self, cell: &page::Cell<'w>, place: usize, deleted: bool) -> Bytes<'w> {
        let mut parts = vec![cell.local];
        let mut rest = cell.length - cell.local.len() as u64;
        let mut next = cell.overflow;
        while rest > 0 && next > 0 {
            let Some(slot) = self.version(next, place) else {
                let far = !(deleted || self.ended.get() && self.is_whole());
                self.far.set(self.far.get() + u64::from(far));
                break;
            };
            let left = if deleted { &self.left_deleted } else { &self.left };
            let other = deleted && (slot.continues.get() || Node::new(&slot.bytes, slot.number).is_some());
            let Some(after) = left.get().checked_sub(slot.bytes.len() as u64).filter(|_| !other) else {
                break;
            };
            left.set(after);
            if !deleted {
                slot.continues.set(true);
            }
            let (Some(following), Some(part)) = (page::number(&slot.bytes, 0), slot.bytes.get(4..)) else {
                break;
            };
            let used = part.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            parts.push(&part[..used]);
            (rest, next) = (rest - used as u64, following);
        }
        Bytes(parts)
    }

    /// The page of that number as the transaction of the page at `place` left it.
    fn version(&self, number: u32, place: usize) -> Option<&Slot> {
        let versions = self.versions.get(&number)?;
        let transaction = self.slot(place)?.transaction;
        let later =
            versions.partition_point(|at| self.slot(*at).is_some_and(|slot| slot.transaction <= transaction));
        self.slot(*versions.get(later.saturating_sub(1))?)
    }
}
