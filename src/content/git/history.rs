//! Which commit brought an object, and where it lay there: worked out from commits and trees in the order in which they come.
//!
//! Trees are walked from the oldest commit to the newest, and what was named once is never walked again: so an object gets
//! the first commit that has it, and the work is one look at each tree. A tree that is not there yet waits. Objects are
//! known by eight bytes of their names; two that share them would only share a commit and a path.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::object::{Commit, Hash, Id, RowKind, rows};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    commits: Vec<Known>,
    /// The parents of all commits.
    parents: Vec<u64>,
    known: HashMap<u64, usize>,
    /// Positions in `commits`, the oldest first; empty until asked for.
    order: Vec<usize>,
    /// Of each commit, where it stands in `order`.
    ranks: Vec<usize>,
    nodes: Vec<Node>,
    by_key: HashMap<u64, u32>,
    names: Vec<Box<[u8]>>,
    by_name: HashMap<Box<[u8]>, u32>,
    /// Trees that were named and not walked.
    waiting: Vec<Open>,
    /// Bytes that all of it takes, and may take.
    bytes: usize,
    room: usize,
    /// Whether there was no room for something.
    full: bool,
}

/// A commit.
#[derive(Debug)]
struct Known {
    id: Id,
    tree: u64,
    time: i64,
    /// Where its parents are in `parents`.
    parents: Range<u32>,
}

/// An object that some commit has.
#[derive(Debug)]
struct Node {
    /// The tree that names it; itself for the tree of a commit.
    parent: u32,
    name: u32,
    /// Position in `commits`.
    commit: u32,
}

/// A tree that is to be walked.
#[derive(Debug, Clone, Copy)]
struct Open {
    key: u64,
    node: usize,
}

/// What one node and its row in the map take.
const NODE: usize = size_of::<Node>() + 28;
/// What a commit and its rows take besides its parents.
const COMMIT: usize = size_of::<Known>() + 48;
/// What a name takes besides its bytes, twice.
const NAME: usize = 96;
/// Folders in folders that a path is made of, and its bytes.
const DEEP: usize = 512;
const PATH: usize = 4096;

/// Where an object was first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) commit: Id,
    /// Position of that commit from the oldest.
    pub(super) age: usize,
    pub(super) path: Vec<u8>,
}

impl History {
    /// A history that takes at most `room` bytes of memory; objects beyond that have no origin.
    pub(super) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Takes one more commit.
    pub(super) fn add(&mut self, id: Id, commit: &Commit) {
        let bytes = COMMIT + commit.parents.len() * size_of::<u64>();
        if self.known.contains_key(&id.key().get()) || !self.has_room(bytes) {
            return;
        }
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let from = place(self.parents.len());
        self.parents.extend(commit.parents.iter().map(|parent| parent.key().get()));
        let parents = from..place(self.parents.len());
        self.bytes += bytes;
        self.known.insert(id.key().get(), self.commits.len());
        self.commits.push(Known { id, tree: commit.tree.key().get(), time: commit.time, parents });
        self.order.clear();
    }

    /// Walks every tree that `tree` can give and that was not walked before.
    pub(super) fn walk(&mut self, hash: Hash, tree: &mut dyn FnMut(u64) -> Option<Rc<Vec<u8>>>) {
        self.sort();
        let mut waited = std::mem::take(&mut self.waiting);
        waited.sort_by_key(|open| Reverse((self.rank(open.node), open.node)));
        for at in 0..self.order.len() {
            let commit = self.order[at];
            let root = self.commits[commit].tree;
            let mut open: Vec<Open> = self.node(root, None, b"", commit).into_iter().collect();
            while let Some(waiting) = waited.pop_if(|open| self.rank(open.node) <= at) {
                open.push(waiting);
            }
            while let Some(next) = open.pop() {
                match tree(next.key) {
                    Some(content) => self.open(next.node, &content, hash, &mut open),
                    None => self.waiting.push(next),
                }
            }
        }
    }

    /// Where the object with this key was first, if that is known.
    pub(super) fn origin(&self, key: u64) -> Option<Origin> {
        let mut at = *self.by_key.get(&key)?;
        let commit = self.nodes[at as usize].commit as usize;
        let mut names = Vec::new();
        while self.nodes[at as usize].parent != at && names.len() < DEEP {
            names.push(&*self.names[self.nodes[at as usize].name as usize]);
            at = self.nodes[at as usize].parent;
        }
        names.reverse();
        let mut path = names.join(&b'/');
        path.truncate(PATH);
        Some(Origin { commit: self.commits[commit].id, age: self.ranks[commit], path })
    }

    /// The keys of all objects that some commit has.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        let mut keys: Vec<_> = self.by_key.iter().map(|(key, node)| (*node, *key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key)
    }

    /// Whether there was no room for all commits and objects.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self.bytes + bytes <= self.room;
        self.full |= !fits;
        fits
    }

    /// Where the commit of a node stands among all.
    fn rank(&self, node: usize) -> usize {
        self.ranks[self.nodes[node].commit as usize]
    }

    fn open(&mut self, node: usize, content: &[u8], hash: Hash, open: &mut Vec<Open>) {
        let commit = self.nodes[node].commit as usize;
        let from = open.len();
        for row in rows(content, hash) {
            let new = match row.is {
                RowKind::Module => None,
                _ => self.node(row.id.key().get(), Some(node), row.name, commit),
            };
            open.extend(new.filter(|_| row.is == RowKind::Folder));
        }
        open[from..].reverse();
    }

    /// A new node, unless there is one or no room for it.
    fn node(&mut self, key: u64, parent: Option<usize>, name: &[u8], commit: usize) -> Option<Open> {
        let own = u32::try_from(self.nodes.len()).ok()?;
        let parent = parent.map_or(Ok(own), u32::try_from).ok()?;
        let commit = u32::try_from(commit).ok()?;
        if self.by_key.contains_key(&key) || !self.has_room(NODE) {
            return None;
        }
        let name = self.name(name)?;
        self.bytes += NODE;
        self.by_key.insert(key, own);
        self.nodes.push(Node { parent, name, commit });
        Some(Open { key, node: own as usize })
    }

    fn name(&mut self, name: &[u8]) -> Option<u32> {
        if let Some(number) = self.by_name.get(name) {
            return Some(*number);
        }
        let bytes = NAME + 2 * name.len();
        if !self.has_room(bytes) {
            return None;
        }
        self.bytes += bytes;
        let number = u32::try_from(self.names.len()).ok()?;
        self.names.push(name.into());
        self.by_name.insert(name.into(), number);
        Some(number)
    }

    /// Brings the commits into an order in which parents come before their children, and else the older by its clock.
    fn sort(&mut self) {
        if !self.order.is_empty() {
            return;
        }
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut left = vec![0usize; self.commits.len()];
        for (child, commit) in self.commits.iter().enumerate() {
            let parents = &self.parents[commit.parents.start as usize..commit.parents.end as usize];
            let parents: HashSet<usize> =
                parents.iter().filter_map(|parent| self.known.get(parent).copied()).collect();
            left[child] = parents.len();
            for parent in parents {
                children.entry(parent).or_default().push(child);
            }
        }
        let rank = |at: usize| Reverse((self.commits[at].time, self.commits[at].id, at));
        let mut ready: BinaryHeap<_> = (0..left.len()).filter(|at| left[*at] == 0).map(rank).collect();
        while let Some(Reverse((.., at))) = ready.pop() {
            self.order.push(at);
            for child in children.remove(&at).unwrap_or_default() {
                left[child] -= 1;
                if left[child] == 0 {
                    ready.push(rank(child));
                }
            }
        }
        self.ranks = vec![0; self.commits.len()];
        for (rank, commit) in self.order.iter().enumerate() {
            self.ranks[*commit] = rank;
        }
    }
}
