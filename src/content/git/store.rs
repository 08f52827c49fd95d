//! The objects of a pack that are at hand: as stored, so that a delta can be resolved whenever its bases are still there.
//!
//! What takes memory is what is stored; what was resolved last is kept plain beside it, because deltas of one base and the
//! links of one chain come close together. What has to be resolved again because it was dropped is counted, and bounded by
//! what the pack gives: whatever a chain is made of, the work stays linear.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU64;
use std::rc::Rc;

use super::delta;
use super::inflate::Inflater;
use super::object::{Hash, Id, Kind};

/// How an object is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Full(Kind),
    /// A delta whose base starts at this byte of the pack.
    OnOffset(u64),
    /// A delta whose base has this [`Id::key`].
    OnKey(u64),
}

/// An object as stored.
#[derive(Debug)]
struct Stored {
    at: u64,
    form: Form,
    /// Its [`Id::key`], once it was resolved.
    key: Option<NonZeroU64>,
    /// Where its bytes start among those of all.
    start: usize,
    packed: u32,
    /// Bytes of the object, or of the delta.
    size: u32,
    /// When it came.
    round: u32,
    kind: Option<Kind>,
}

/// What a stored object takes besides its bytes, with its row in the map.
const OBJECT: usize = size_of::<Stored>() + 32;

/// Links of a chain: git itself makes 4095 at most.
const CHAIN: usize = 4096;

/// Why an object cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    /// Its base was never there.
    Base,
    /// Its base was dropped to make room, or it is too large to be held, or too much was resolved again.
    Room,
    /// Its bytes do not follow the format.
    Damaged,
}

/// See the module.
pub(super) struct Store {
    hash: Hash,
    /// In the order of the pack.
    objects: Vec<Stored>,
    bytes: Vec<u8>,
    /// By their keys.
    by_key: HashMap<u64, u32>,
    plain: Plain,
    inflater: Inflater,
    /// Bytes that all of it may take.
    room: usize,
    round: u32,
    /// Bytes that were resolved on the way to something else, and that were asked for.
    again: u64,
    asked: u64,
    /// Whether an object was dropped.
    dropped: bool,
    /// Where trees start that were dropped, or could not be resolved because of that.
    trees: HashSet<u64>,
}

/// What a row of [`Store::trees`] takes, and how much of the room those may take: one part of so many.
const TREE: usize = 20;
const TREES: usize = 16;

/// Bytes that may be resolved on the way to others, whatever was asked for, and for each byte that was.
const SLACK: u64 = 256 << 20;
const FACTOR: u64 = 16;

/// Bytes by which the memory for stored objects grows.
const STEP: usize = 1 << 20;

impl Store {
    /// A store that takes at most `room` bytes, as long as what is stored takes three quarters of them at most.
    pub(super) fn new(hash: Hash, room: usize) -> Self {
        Self {
            hash,
            objects: Vec::new(),
            bytes: Vec::new(),
            by_key: HashMap::new(),
            plain: Plain::new(room),
            inflater: Inflater::default(),
            room,
            round: 0,
            again: 0,
            asked: 0,
            dropped: false,
            trees: HashSet::new(),
        }
    }

    /// Bytes that what is stored takes.
    pub(super) fn stored(&self) -> usize {
        self.objects.len() * OBJECT + self.bytes.len() + self.trees.len() * TREE
    }

    /// Whether objects had to go to make room.
    pub(super) fn has_dropped(&self) -> bool {
        self.dropped
    }

    /// The largest object that can be had as a whole: it, its base and the delta between them fit.
    pub(super) fn largest(&self) -> usize {
        self.plain.room / 3
    }

    /// Takes the object that starts at byte `at`, behind all others.
    pub(super) fn add(&mut self, at: u64, form: Form, size: usize, packed: &[u8]) {
        let kind = if let Form::Full(kind) = form { Some(kind) } else { None };
        let start = self.bytes.len();
        self.bytes.reserve_exact(if self.bytes.capacity() - start < packed.len() {
            packed.len() + STEP
        } else {
            0
        });
        self.bytes.extend_from_slice(packed);
        // What is larger cannot be had as a whole anyway.
        let small = |size| u32::try_from(size).unwrap_or(u32::MAX);
        let (packed, size) = (small(packed.len()), small(size));
        self.objects.push(Stored { at, form, key: None, start, packed, size, round: self.round, kind });
        self.plain.shrink(self.room.saturating_sub(self.stored()));
    }

    fn index(&self, at: u64) -> Option<usize> {
        self.objects.binary_search_by_key(&at, |stored| stored.at).ok()
    }

    /// The bytes of the object at byte `at`, as stored, if it is no delta.
    pub(super) fn full(&self, at: u64) -> Option<(Kind, u64, &[u8])> {
        let stored = &self.objects[self.index(at)?];
        match stored.form {
            Form::Full(kind) => Some((kind, u64::from(stored.size), packed(&self.bytes, stored))),
            _ => None,
        }
    }

    /// Bytes that keeping the object at byte `at` takes.
    pub(super) fn cost(&self, at: u64) -> usize {
        self.index(at).map_or(0, |index| OBJECT + self.objects[index].packed as usize)
    }

    /// What the object at byte `at` is and its key, if it was resolved.
    pub(super) fn known(&self, at: u64) -> Option<(Kind, u64)> {
        let stored = &self.objects[self.index(at)?];
        Some((stored.kind?, stored.key?.get()))
    }

    /// Tells the name of the object at byte `at`.
    pub(super) fn name(&mut self, at: u64, kind: Kind, id: Id) {
        if let Some(index) = self.index(at) {
            let stored = &mut self.objects[index];
            (stored.kind, stored.key) = (Some(kind), Some(id.key()));
            self.by_key.insert(id.key().get(), u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    /// Where the object with this key starts.
    pub(super) fn find(&self, key: u64) -> Option<u64> {
        let index = *self.by_key.get(&key)?;
        self.objects.get(index as usize).map(|stored| stored.at)
    }

    /// Takes the content of the object at byte `at`, which is at hand already.
    pub(super) fn know(&mut self, at: u64, kind: Kind, content: Vec<u8>) {
        self.plain.put(at, kind, &Rc::new(content));
    }

    /// The content of the object at byte `at`, which has its name and its kind from then on.
    pub(super) fn resolve(&mut self, at: u64) -> Result<(Kind, Rc<Vec<u8>>), Lost> {
        let mut chain = Vec::new();
        let mut next = at;
        let (kind, mut content) = loop {
            if let Some(plain) = self.plain.get(next) {
                break plain;
            }
            let missing = if self.dropped { Lost::Room } else { Lost::Base };
            let index = self.index(next).ok_or(missing)?;
            let stored = &self.objects[index];
            if stored.size as usize > self.largest() {
                return Err(Lost::Room);
            }
            let base = match stored.form {
                Form::Full(kind) => {
                    let plain = self.inflater.whole(packed(&self.bytes, stored), stored.size as usize);
                    let content = Rc::new(plain.map_err(|_| Lost::Damaged)?);
                    self.keep(next, at, kind, &content);
                    break (kind, content);
                }
                Form::OnOffset(base) => base,
                Form::OnKey(key) => self.find(key).ok_or(missing)?,
            };
            chain.push(index);
            next = base;
            if chain.len() > CHAIN {
                return Err(Lost::Damaged);
            }
        };
        while let Some(index) = chain.pop() {
            content = Rc::new(self.link(index, &content)?);
            self.keep(self.objects[index].at, at, kind, &content);
            if self.again > SLACK + FACTOR * self.asked {
                return Err(Lost::Room);
            }
        }
        if self.known(at).is_none() {
            let id = self.hash.name(kind, &content);
            self.name(at, kind, id);
        }
        Ok((kind, content))
    }

    /// Applies the delta that is the object `index`.
    fn link(&mut self, index: usize, base: &[u8]) -> Result<Vec<u8>, Lost> {
        let stored = &self.objects[index];
        let delta = self.inflater.whole(packed(&self.bytes, stored), stored.size as usize);
        let delta = delta.map_err(|_| Lost::Damaged)?;
        let size = delta::result_size(&delta).ok_or(Lost::Damaged)?;
        if size > self.largest() as u64 {
            return Err(Lost::Room);
        }
        delta::apply(base, &delta).ok_or(Lost::Damaged)
    }

    fn keep(&mut self, at: u64, asked: u64, kind: Kind, content: &Rc<Vec<u8>>) {
        let bytes = content.len() as u64;
        if at == asked {
            self.asked += bytes;
        } else {
            self.again += bytes;
        }
        self.plain.put(at, kind, content);
    }

    /// Whether the object at byte `at`, which cannot be resolved, is a tree because it builds on one.
    pub(super) fn lost_a_tree(&mut self, at: u64) -> bool {
        let base = self.index(at).map(|index| self.objects[index].form);
        let is_tree = matches!(base, Some(Form::OnOffset(base)) if self.trees.contains(&base));
        if is_tree {
            self.remember_tree(at);
        }
        is_tree
    }

    fn remember_tree(&mut self, at: u64) {
        if (self.trees.len() + 1) * TREE <= self.room / TREES {
            self.trees.insert(at);
        }
    }

    /// The new bytes of the delta at byte `at`.
    pub(super) fn inserted(&mut self, at: u64) -> Option<Vec<u8>> {
        let stored = &self.objects[self.index(at)?];
        if matches!(stored.form, Form::Full(_)) {
            return None;
        }
        let delta = self.inflater.whole(packed(&self.bytes, stored), stored.size as usize).ok()?;
        Some(delta::inserted(&delta))
    }

    /// Drops objects until what is stored takes at most `most` bytes, and what could not be resolved, but for the objects at
    /// the bytes `waiting`, which are in order.
    ///
    /// Objects that are deltas on one another go together. First go those of which each is large: of two that may be the
    /// base of more the smaller costs less, and what changes often will be one. Git writes an object and all that builds on
    /// it together if an older commit has a tag, so what was added to last comes last; else the newest version of every
    /// file comes first and older ones at the end, so how long ago something was added to says nothing.
    pub(super) fn shrink(&mut self, most: usize, waiting: &[u64]) {
        let mut families: HashMap<u32, Family> = HashMap::new();
        let mut roots: Vec<u32> = Vec::with_capacity(self.objects.len());
        for (index, stored) in self.objects.iter().enumerate() {
            let base = match stored.form {
                Form::Full(_) => None,
                Form::OnOffset(base) => self.index(base),
                Form::OnKey(key) => self.by_key.get(&key).map(|index| *index as usize),
            };
            let own = u32::try_from(index).unwrap_or(u32::MAX);
            let root = base.and_then(|base| roots.get(base).copied()).unwrap_or(own);
            roots.push(root);
            let family = families.entry(root).or_default();
            family.bytes += OBJECT + stored.packed as usize;
            family.members += 1;
            family.round = family.round.max(stored.round);
        }
        let mut by_cost: Vec<(u64, u32)> =
            families.iter().map(|(root, family)| (family.cost(self.round), *root)).collect();
        by_cost.sort_unstable();
        let mut left = self.stored();
        let mut gone = HashSet::new();
        while left > most
            && let Some((_, root)) = by_cost.pop()
        {
            left = left.saturating_sub(families[&root].bytes);
            gone.insert(root);
        }
        self.dropped |= !gone.is_empty();
        self.round += 1;
        let mut roots = roots.into_iter();
        let mut trees = Vec::new();
        self.retain(|stored| {
            let stays = roots.next().is_some_and(|root| !gone.contains(&root)) && stored.key.is_some();
            let stays = stays || waiting.binary_search(&stored.at).is_ok();
            trees.extend((!stays && stored.kind == Some(Kind::Tree)).then_some(stored.at));
            stays
        });
        for at in trees {
            self.remember_tree(at);
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&Stored) -> bool) {
        let (mut end, bytes) = (0, &mut self.bytes);
        self.objects.retain_mut(|stored| {
            let stays = keep(stored);
            if stays {
                bytes.copy_within(stored.start..stored.start + stored.packed as usize, end);
                stored.start = end;
                end += stored.packed as usize;
            }
            stays
        });
        bytes.truncate(end);
        self.by_key.clear();
        for (index, stored) in self.objects.iter().enumerate() {
            let key = stored.key.map(NonZeroU64::get);
            self.by_key.extend(key.zip(u32::try_from(index).ok()));
        }
        self.plain.shrink(self.room.saturating_sub(self.stored()));
    }
}

/// The bytes of `stored` among those of all.
fn packed<'b>(bytes: &'b [u8], stored: &Stored) -> &'b [u8] {
    &bytes[stored.start..stored.start + stored.packed as usize]
}

/// Objects that are deltas on one another.
#[derive(Default)]
struct Family {
    bytes: usize,
    members: usize,
    /// When the last one came.
    round: u32,
}

/// How many times larger a family of the last round may be than one of before.
const OPEN: u64 = 16;

impl Family {
    /// What holding it costs for each member, in the round `round`.
    fn cost(&self, round: u32) -> u64 {
        let open = if self.round == round { 1 } else { OPEN };
        (self.bytes as u64).saturating_mul(open) / self.members as u64
    }
}

/// Content that was resolved, as much as there is room for; what was not used for longest goes first.
struct Plain {
    objects: HashMap<u64, (Kind, Rc<Vec<u8>>, u64)>,
    used: BTreeMap<u64, u64>,
    clock: u64,
    bytes: usize,
    room: usize,
}

/// What a row takes besides the content.
const ROW: usize = 192;

impl Plain {
    fn new(room: usize) -> Self {
        Self { objects: HashMap::new(), used: BTreeMap::new(), clock: 0, bytes: 0, room }
    }

    fn get(&mut self, at: u64) -> Option<(Kind, Rc<Vec<u8>>)> {
        let (kind, content, used) = self.objects.get_mut(&at)?;
        self.clock += 1;
        self.used.remove(used);
        self.used.insert(self.clock, at);
        *used = self.clock;
        Some((*kind, Rc::clone(content)))
    }

    fn put(&mut self, at: u64, kind: Kind, content: &Rc<Vec<u8>>) {
        self.clock += 1;
        self.bytes += ROW + content.len();
        self.used.insert(self.clock, at);
        self.objects.insert(at, (kind, Rc::clone(content), self.clock));
        self.shrink(self.room);
    }

    fn shrink(&mut self, room: usize) {
        self.room = room;
        while self.bytes > self.room
            && let Some((_, at)) = self.used.pop_first()
            && let Some((_, content, _)) = self.objects.remove(&at)
        {
            self.bytes -= ROW + content.len();
        }
    }
}
