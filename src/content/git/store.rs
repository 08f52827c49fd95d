//! The objects of a pack that are at hand: as stored, so that a delta can be resolved whenever its bases are still there.
//!
//! What takes memory is what is stored; what was resolved last is kept plain beside it, because deltas of one base and the
//! links of one chain come close together. What has to be resolved again because it was dropped is counted, and bounded by
//! what the pack gives: whatever a chain is made of, the work stays linear.

use std::collections::{BTreeMap, HashMap};
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
    /// A delta whose base has this name.
    OnId(Id),
}

/// An object as stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) form: Form,
    /// Bytes of the object, or of the delta.
    pub(super) size: usize,
    pub(super) packed: Box<[u8]>,
    /// Its name, once it was resolved.
    pub(super) id: Option<Id>,
    pub(super) kind: Option<Kind>,
    /// When it was last used.
    used: u64,
}

/// What a stored object takes besides its bytes, with its rows in the maps.
const OBJECT: usize = 224;

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
    pub(super) hash: Hash,
    objects: BTreeMap<u64, Stored>,
    /// By eight bytes of their names.
    ids: HashMap<u64, u64>,
    /// Bytes that the objects take.
    bytes: usize,
    plain: Plain,
    inflater: Inflater,
    clock: u64,
    /// Bytes that were resolved on the way to something else, and that were asked for.
    again: u64,
    asked: u64,
    /// Whether an object was dropped.
    dropped: bool,
}

/// Bytes that may be resolved on the way to others, whatever was asked for, and for each byte that was.
const SLACK: u64 = 256 << 20;
const FACTOR: u64 = 16;

impl Store {
    /// A store that keeps at most `plain` bytes of resolved objects.
    pub(super) fn new(hash: Hash, plain: usize) -> Self {
        Self {
            hash,
            objects: BTreeMap::new(),
            ids: HashMap::new(),
            bytes: 0,
            plain: Plain { objects: HashMap::new(), used: BTreeMap::new(), bytes: 0, room: plain },
            inflater: Inflater::default(),
            clock: 0,
            again: 0,
            asked: 0,
            dropped: false,
        }
    }

    /// Bytes that it takes, without what is plain.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The largest object that can be had as a whole.
    pub(super) fn largest(&self) -> usize {
        self.plain.room / 2
    }

    /// Takes the object that starts at byte `at`.
    pub(super) fn add(&mut self, at: u64, form: Form, size: usize, packed: Vec<u8>) {
        self.clock += 1;
        self.bytes += OBJECT + packed.len();
        let kind = if let Form::Full(kind) = form { Some(kind) } else { None };
        let packed = packed.into_boxed_slice();
        self.objects.insert(at, Stored { form, size, packed, id: None, kind, used: self.clock });
    }

    /// The object at byte `at`, as stored.
    pub(super) fn stored(&self, at: u64) -> Option<&Stored> {
        self.objects.get(&at)
    }

    /// Tells the name of the object at byte `at`.
    pub(super) fn name(&mut self, at: u64, id: Id) {
        if let Some(stored) = self.objects.get_mut(&at) {
            stored.id = Some(id);
            self.ids.insert(id.key(), at);
        }
    }

    /// Where the object with this [`Id::key`] starts.
    pub(super) fn find(&self, key: u64) -> Option<u64> {
        self.ids.get(&key).copied()
    }

    /// Takes the content of the object at byte `at`, which is at hand already.
    pub(super) fn know(&mut self, at: u64, kind: Kind, content: Vec<u8>) {
        self.clock += 1;
        self.plain.put(at, self.clock, kind, &Rc::new(content));
    }

    /// The content of the object at byte `at`, which has its name and its kind from then on.
    pub(super) fn resolve(&mut self, at: u64) -> Result<(Kind, Rc<Vec<u8>>), Lost> {
        let mut chain = Vec::new();
        let mut next = at;
        let (kind, mut content) = loop {
            self.clock += 1;
            if let Some(plain) = self.plain.get(next, self.clock) {
                break plain;
            }
            let missing = if self.dropped { Lost::Room } else { Lost::Base };
            let stored = self.objects.get_mut(&next).ok_or(missing)?;
            stored.used = self.clock;
            if stored.size > self.plain.room / 2 {
                return Err(Lost::Room);
            }
            match stored.form {
                Form::Full(kind) => {
                    let plain = self.inflater.whole(&stored.packed, stored.size);
                    let content = Rc::new(plain.map_err(|_| Lost::Damaged)?);
                    self.keep(next, at, kind, &content);
                    break (kind, content);
                }
                Form::OnOffset(base) => chain.push(std::mem::replace(&mut next, base)),
                Form::OnId(base) => {
                    let base = self.ids.get(&base.key()).copied().ok_or(missing)?;
                    chain.push(std::mem::replace(&mut next, base));
                }
            }
            if chain.len() > CHAIN {
                return Err(Lost::Damaged);
            }
        };
        while let Some(link) = chain.pop() {
            content = Rc::new(self.link(link, &content)?);
            self.keep(link, at, kind, &content);
            if self.again > SLACK + FACTOR * self.asked {
                return Err(Lost::Room);
            }
        }
        self.named(at, kind, &content);
        Ok((kind, content))
    }

    /// Applies the delta at byte `at`.
    fn link(&mut self, at: u64, base: &[u8]) -> Result<Vec<u8>, Lost> {
        let stored = self.objects.get(&at).ok_or(Lost::Room)?;
        let delta = self.inflater.whole(&stored.packed, stored.size).map_err(|_| Lost::Damaged)?;
        let size = delta::result_size(&delta).ok_or(Lost::Damaged)?;
        if size > self.plain.room as u64 / 2 {
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
        self.clock += 1;
        self.plain.put(at, self.clock, kind, content);
    }

    fn named(&mut self, at: u64, kind: Kind, content: &[u8]) {
        let Some(stored) = self.objects.get_mut(&at).filter(|stored| stored.id.is_none()) else { return };
        let mut namer = self.hash.namer(kind, content.len() as u64);
        namer.push(content);
        let id = namer.finish();
        (stored.id, stored.kind) = (Some(id), Some(kind));
        self.ids.insert(id.key(), at);
    }

    /// The new bytes of the delta at byte `at`.
    pub(super) fn inserted(&mut self, at: u64) -> Option<Vec<u8>> {
        let stored = self.objects.get(&at).filter(|stored| !matches!(stored.form, Form::Full(_)))?;
        let delta = self.inflater.whole(&stored.packed, stored.size).ok()?;
        Some(delta::inserted(&delta))
    }

    /// Drops objects until those that are left take at most `most` bytes: first what is large and was not used for long.
    /// What could not be resolved yet stays.
    pub(super) fn shrink(&mut self, most: usize) {
        let cost = |stored: &Stored| (OBJECT + stored.packed.len()) as u64 * (self.clock - stored.used + 1);
        let named = self.objects.iter().filter(|(_, stored)| stored.id.is_some());
        let mut by_cost: Vec<(u64, u64)> = named.map(|(at, stored)| (cost(stored), *at)).collect();
        by_cost.sort_unstable();
        while self.bytes > most
            && let Some((_, at)) = by_cost.pop()
            && let Some(stored) = self.objects.remove(&at)
        {
            self.bytes -= OBJECT + stored.packed.len();
            stored.id.and_then(|id| self.ids.remove(&id.key()));
            self.dropped = true;
        }
    }

    /// Drops the object at byte `at`.
    pub(super) fn drop(&mut self, at: u64) {
        if let Some(stored) = self.objects.remove(&at) {
            self.bytes -= OBJECT + stored.packed.len();
            self.dropped = true;
        }
    }
}

/// Content that was resolved, as much as there is room for; what was not used for longest goes first.
struct Plain {
    objects: HashMap<u64, (Kind, Rc<Vec<u8>>, u64)>,
    used: BTreeMap<u64, u64>,
    bytes: usize,
    room: usize,
}

/// What a row takes besides the content.
const ROW: usize = 128;

impl Plain {
    fn get(&mut self, at: u64, clock: u64) -> Option<(Kind, Rc<Vec<u8>>)> {
        let (kind, content, used) = self.objects.get_mut(&at)?;
        self.used.remove(used);
        self.used.insert(clock, at);
        *used = clock;
        Some((*kind, Rc::clone(content)))
    }

    fn put(&mut self, at: u64, clock: u64, kind: Kind, content: &Rc<Vec<u8>>) {
        self.bytes += ROW + content.len();
        self.used.insert(clock, at);
        self.objects.insert(at, (kind, Rc::clone(content), clock));
        while self.bytes > self.room
            && let Some((_, at)) = self.used.pop_first()
            && let Some((_, content, _)) = self.objects.remove(&at)
        {
            self.bytes -= ROW + content.len();
        }
    }
}
