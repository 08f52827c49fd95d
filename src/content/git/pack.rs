//! Packs: all objects of a repository in one file, most of them as deltas on others.
//!
//! A pack is read once from its start to its end. Objects are kept as they are stored while there is room, then all of them
//! are shown at once: commits first, then trees, whose walk tells where a blob lay and which commit brought it, then blobs,
//! the oldest of each path first. If the room is too small for the pack this happens as often as it is full, and bases
//! that are far back may be gone; of a delta on one of those its new bytes are shown, and that this is all is told.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::io::{self, BufRead, Read};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::entry::{self, Reader};
use super::history::History;
use super::inflate::{Inflater, Inflating};
use super::notes::Note;
use super::object::{Commit, Hash, Id, Kind};
use super::store::{Form, Lost, Store};
use crate::content::{Fault, Head, Part, Visitor};
use crate::limits::Limit;

/// Bytes before the first object.
pub(super) const HEADER: usize = 12;

/// Whether `bytes` begin a pack that has an object.
pub(super) fn is(bytes: &[u8]) -> bool {
    let Some((header, object)) = bytes.split_first_chunk::<HEADER>() else { return false };
    let known = matches!(header, [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..]) && header[8..] != [0; 4];
    let mut object = object;
    known && entry::read(&mut Reader::new(&mut object), Hash::Sha1).is_ok()
}

/// The hash of the repository: of SHA-256 if the name of its pack is.
pub(super) fn hash(head: &Head<'_>) -> Hash {
    let name = head.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let digits = name.split(|byte| !byte.is_ascii_hexdigit()).map(<[u8]>::len).max();
    digits.and_then(Hash::of_digits).unwrap_or(Hash::Sha1)
}

/// Reads the pack that starts at the next byte of `body`.
pub(super) fn decode(hash: Hash, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut reader = Reader::new(body);
    let mut header = [0; HEADER];
    reader.read_exact(&mut header)?;
    let objects = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let mut pack = Pack::new(hash, visitor);
    let mut fault = None;
    for _ in 0..objects {
        match pack.take(&mut reader) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(()),
            Err(failed) => {
                fault = Some(failed);
                break;
            }
        }
        if pack.store.stored() > pack.most && pack.show(false).is_break() {
            return Ok(());
        }
    }
    if pack.show(true).is_break() {
        return Ok(());
    }
    pack.note();
    let lost = pack.lost();
    fault.or(lost).map_or(Ok(()), Err)?;
    rest(hash, &mut reader, visitor)
}

/// Shows what is behind the checksum that ends a pack.
fn rest(hash: Hash, reader: &mut Reader<'_>, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    reader.read_exact(&mut [0; 32][..hash.width()])?;
    if !reader.fill_buf()?.is_empty() {
        let _ = visitor.visit(Part::Rest, reader);
    }
    Ok(())
}

struct Pack<'p> {
    hash: Hash,
    visitor: &'p mut dyn Visitor,
    store: Store,
    history: History,
    inflater: Inflater,
    /// Objects that were not shown yet, by where they start.
    fresh: Vec<u64>,
    /// Bytes of stored objects that are kept before they are shown.
    most: usize,
    lost: BTreeMap<Lost, u64>,
    /// Blobs that were shown before it was known where they were, by their keys.
    unnamed: HashSet<u64>,
    /// How many of those are kept.
    most_unnamed: usize,
}

impl<'p> Pack<'p> {
    fn new(hash: Hash, visitor: &'p mut dyn Visitor) -> Self {
        // A quarter for where it was; of the rest three quarters for what is stored, and what is left for what is plain.
        let room = usize::try_from(visitor.room()).unwrap_or(usize::MAX);
        Self {
            hash,
            visitor,
            store: Store::new(hash, room / 4 * 3),
            history: History::new(room / 4),
            inflater: Inflater::default(),
            fresh: Vec::new(),
            most: room / 16 * 9,
            unnamed: HashSet::new(),
            most_unnamed: room / 512,
            lost: BTreeMap::new(),
        }
    }

    /// Takes the object at the next byte of `reader`.
    fn take(&mut self, reader: &mut Reader<'_>) -> Result<ControlFlow<()>, Fault> {
        let at = reader.at;
        let (form, size) = entry::read(reader, self.hash)?;
        let fits = usize::try_from(size).ok().filter(|size| *size <= self.store.largest());
        match (form, fits) {
            (Form::Full(kind), Some(size)) => self.full(at, kind, size, reader),
            (Form::Full(kind), None) => self.large(at, (kind, size), reader),
            (_, fits) => {
                let mut inflating = self.inflater.read(reader, fits.map(most_packed));
                exact(&mut inflating, size, |_| ())?;
                if !inflating.has_ended() {
                    return Err(wasteful(at));
                }
                let packed = inflating.into_packed();
                match fits {
                    Some(size) => {
                        self.store.add(at, form, size, &packed);
                        self.fresh.push(at);
                    }
                    None => self.lose(Lost::Room),
                }
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    fn full(
        &mut self,
        at: u64,
        kind: Kind,
        size: usize,
        reader: &mut Reader<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        let mut namer = self.hash.namer(kind, size as u64);
        let mut content = Vec::new();
        let mut inflating = self.inflater.read(reader, Some(most_packed(size)));
        exact(&mut inflating, size as u64, |bytes| {
            namer.push(bytes);
            content.extend_from_slice(bytes);
        })?;
        if !inflating.has_ended() {
            return Err(wasteful(at));
        }
        let packed = inflating.into_packed();
        let id = namer.finish();
        self.store.add(at, Form::Full(kind), size, &packed);
        self.store.name(at, kind, id);
        let shown = match kind {
            Kind::Commit | Kind::Tag => self.text(kind, id, &content),
            Kind::Blob | Kind::Tree => {
                self.fresh.push(at);
                ControlFlow::Continue(())
            }
        };
        self.store.know(at, kind, content);
        Ok(shown)
    }

    /// An object that is too large to be held: as it is stored it may not be, and is shown later; else it is shown at once.
    fn large(
        &mut self,
        at: u64,
        (kind, size): (Kind, u64),
        reader: &mut Reader<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        let mut namer = self.hash.namer(kind, size);
        let mut inflating = self.inflater.read(reader, Some(self.most / 2));
        exact(&mut inflating, size, |bytes| namer.push(bytes))?;
        let ended = inflating.has_ended();
        let packed = inflating.into_packed();
        if let Some(size) = usize::try_from(size).ok().filter(|_| ended) {
            self.store.add(at, Form::Full(kind), size, &packed);
            self.store.name(at, kind, namer.finish());
            self.fresh.push(at);
            return Ok(ControlFlow::Continue(()));
        }
        let mut all = (&packed[..]).chain(reader);
        let mut content = self.inflater.read(&mut all, None);
        let name = format!("object at byte {at}");
        let shown = self.visitor.visit(Part::Member(name.as_bytes()), &mut content);
        if shown.is_continue() {
            io::copy(&mut content, &mut io::sink())?;
        }
        Ok(shown)
    }

    /// Shows what came since the last time; if it was the `last` time nothing is left over.
    fn show(&mut self, last: bool) -> ControlFlow<()> {
        let blobs = self.resolve(last)?;
        let (store, hash) = (&mut self.store, self.hash);
        self.history.walk(hash, &mut |key| match store.resolve(store.find(key)?) {
            Ok((Kind::Tree, content)) => Some(content),
            _ => None,
        });
        for (at, key) in self.in_order(blobs) {
            self.blob(at, key)?;
        }
        if !last {
            self.store.shrink(self.most / 8 * 7, &self.fresh);
        }
        ControlFlow::Continue(())
    }

    /// Resolves what came, shows what is text by itself, and gives the blobs.
    fn resolve(&mut self, last: bool) -> ControlFlow<(), Vec<u64>> {
        let (mut blobs, mut open) = (Vec::new(), std::mem::take(&mut self.fresh));
        // A delta may come before its base, and that may be a delta too.
        for _ in 0..PASSES {
            let before = open.len();
            let mut later = Vec::new();
            for at in open {
                match self.kind(at) {
                    Ok(Kind::Blob) => blobs.push(at),
                    Ok(Kind::Tree) => {}
                    Ok(kind) => self.delta_of_a_text(at, kind)?,
                    Err(Lost::Base) => later.push(at),
                    Err(why) => self.lose_delta(at, why)?,
                }
            }
            open = later;
            if open.is_empty() || open.len() == before {
                break;
            }
        }
        // What still has no base waits for it, as long as there is room.
        if last || open.iter().map(|at| self.store.cost(*at)).sum::<usize>() > self.most / 4 {
            open.iter().try_for_each(|at| self.lose_delta(*at, Lost::Base))?;
            open.clear();
        }
        self.fresh = open;
        ControlFlow::Continue(blobs)
    }

    /// What the object at byte `at` is.
    fn kind(&mut self, at: u64) -> Result<Kind, Lost> {
        let known = self.store.known(at);
        known.map_or_else(|| self.store.resolve(at).map(|(kind, _)| kind), |(kind, _)| Ok(kind))
    }

    fn delta_of_a_text(&mut self, at: u64, kind: Kind) -> ControlFlow<()> {
        match self.store.resolve(at) {
            Ok((_, content)) => self.text(kind, self.hash.name(kind, &content), &content),
            Err(why) => self.lose_delta(at, why),
        }
    }

    /// A commit or a tag.
    fn text(&mut self, kind: Kind, id: Id, content: &[u8]) -> ControlFlow<()> {
        if let Some(commit) = Commit::read(content).filter(|_| kind == Kind::Commit) {
            self.history.add(id, &commit);
        }
        self.visitor.visit(Part::Member(id.hex().as_bytes()), &mut &content[..])
    }

    /// Blobs of one path after one another, the oldest first: the next is mostly the base of the one before.
    fn in_order(&self, blobs: Vec<u64>) -> Vec<(u64, u64)> {
        let mut blobs: Vec<_> = blobs
            .into_iter()
            .filter_map(|at| {
                let (_, key) = self.store.known(at)?;
                let origin = self.history.origin(key);
                let path = origin.as_ref().map(|origin| {
                    let mut hasher = DefaultHasher::new();
                    origin.path.hash(&mut hasher);
                    hasher.finish()
                });
                Some((path, origin.map(|origin| origin.age), at, key))
            })
            .collect();
        blobs.sort_unstable_by_key(|(path, age, at, _)| (*path, *age, *at));
        blobs.into_iter().map(|(_, _, at, key)| (at, key)).collect()
    }

    fn blob(&mut self, at: u64, key: u64) -> ControlFlow<()> {
        let origin = self.history.origin(key);
        if origin.is_none() && self.unnamed.len() < self.most_unnamed {
            self.unnamed.insert(key);
        }
        let (content, id) = match (self.store.resolve(at), self.store.full(at)) {
            (Ok((kind, content)), _) => {
                let id = origin.is_none().then(|| self.hash.name(kind, &content));
                (Content::Whole(content), id)
            }
            // Too large to be held.
            (Err(_), Some((kind, size, packed))) => {
                let id = origin.is_none().then(|| named(self.hash, kind, size, packed));
                (Content::Packed(packed), id)
            }
            (Err(why), None) => return self.lose_delta(at, why),
        };
        let of = origin.as_ref().map(|origin| origin.commit).or(id).map(|id| id.hex()).unwrap_or_default();
        let part = match &origin {
            Some(origin) => Part::Version { of: of.as_bytes(), path: &origin.path },
            None => Part::Member(of.as_bytes()),
        };
        match content {
            Content::Whole(content) => self.visitor.visit(part, &mut &content[..]),
            Content::Packed(mut packed) => {
                self.visitor.visit(part, &mut self.inflater.read(&mut packed, None))
            }
        }
    }

    /// Tells where the objects were that a commit has and the pack has not (those that a clone fetches when it needs them),
    /// and those that came before the trees that name them.
    fn note(&mut self) {
        let absent = |key| !self.store.has_dropped() && self.store.find(key).is_none();
        for key in self.history.keys().filter(|key| self.unnamed.contains(key) || absent(*key)) {
            if let Some((key, origin)) = NonZeroU64::new(key).zip(self.history.origin(key)) {
                self.visitor.note(Note::place(key, origin));
            }
        }
    }

    /// Shows what the delta at byte `at` adds, and keeps in mind that this is not all.
    fn lose_delta(&mut self, at: u64, lost: Lost) -> ControlFlow<()> {
        if self.store.lost_a_tree(at) {
            // There is no text in it; what it names is told by its own name.
            return ControlFlow::Continue(());
        }
        self.lose(lost);
        let new = self.store.inserted(at).unwrap_or_default();
        let name = format!("delta at byte {at}");
        self.visitor.visit(Part::Member(name.as_bytes()), &mut &new[..])
    }

    fn lose(&mut self, lost: Lost) {
        *self.lost.entry(lost).or_default() += 1;
    }

    /// What could not be shown.
    fn lost(&self) -> Option<Fault> {
        let told = |(lost, objects): (&Lost, &u64)| {
            let why = match lost {
                Lost::Base => "build on objects that are not in this pack",
                Lost::Room => "build on objects that could not be held",
                Lost::Damaged => "are damaged",
            };
            format!("{objects} objects {why}: of those only what they add was searched")
        };
        let message = self.lost.iter().map(told).collect::<Vec<_>>().join("; ");
        self.lost.last_key_value().map(|(worst, _)| match worst {
            Lost::Base => Fault::unsupported(message),
            Lost::Room => Fault::limit(Limit::WholeBytes, message),
            Lost::Damaged => Fault::damaged(message),
        })
    }
}

/// The content of a blob, at hand or to be decompressed as it is shown.
enum Content<'c> {
    Whole(Rc<Vec<u8>>),
    Packed(&'c [u8]),
}

/// The name of the object that `packed` is.
fn named(hash: Hash, kind: Kind, size: u64, mut packed: &[u8]) -> Id {
    let (mut namer, mut inflater) = (hash.namer(kind, size), Inflater::default());
    // It was read once to its end.
    let _ = exact(&mut inflater.read(&mut packed, None), size, |bytes| namer.push(bytes));
    namer.finish()
}

/// How often those are tried again whose bases come behind them.
const PASSES: usize = 64;

/// Bytes that `size` bytes take compressed, whoever did it: zlib itself needs five more for each 16 KiB.
fn most_packed(size: usize) -> usize {
    size + size / 8 + 1024
}

fn wasteful(at: u64) -> Fault {
    Fault::damaged(format!("the object at byte {at} takes more bytes than it has"))
}

/// Reads all of `content` in pieces; a fault if it has not `size` bytes.
fn exact(content: &mut Inflating<'_>, size: u64, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
    let mut buffer = [0; 16 << 10];
    let mut left = size;
    loop {
        let read = content.read(&mut buffer)?;
        left = left
            .checked_sub(read as u64)
            .ok_or_else(|| Fault::damaged("an object is longer than it says"))?;
        take(&buffer[..read]);
        if read == 0 {
            return if left == 0 || !content.has_ended() {
                Ok(())
            } else {
                Err(Fault::damaged("an object is shorter than it says"))
            };
        }
    }
}
