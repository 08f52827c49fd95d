//! Which commit brought an object, and where it lay there: worked out from commits and trees in the order in which they come.
//!
//! Trees are walked from the oldest commit to the newest, and what was named once is never walked again: so an object gets
//! the first commit that has it, and the work is one look at each tree. A tree that is not there yet waits. Objects are
//! known by eight bytes of their names; two that share them would only share a commit and a path.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use super::object::{Commit, Hash, Id, RowKind, rows};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    commits: Vec<(Id, Commit)>,
    known: HashMap<u64, usize>,
    /// Positions in `commits`, the oldest first; empty until asked for.
    order: Vec<usize>,
    /// Of each commit, where it stands in `order`.
    ranks: Vec<usize>,
    nodes: Vec<Node>,
    by_key: HashMap<u64, usize>,
    names: Vec<Box<[u8]>>,
    by_name: HashMap<Box<[u8]>, u32>,
    /// Trees that were named and not walked.
    waiting: Vec<usize>,
    /// Bytes that all of it takes, and may take.
    bytes: usize,
    room: usize,
}

/// An object that some commit has.
#[derive(Debug)]
struct Node {
    key: u64,
    /// The tree that names it; none for the tree of a commit.
    parent: Option<u32>,
    name: u32,
    /// Position in `commits`.
    commit: u32,
}

/// What one node and its row in the map take.
const NODE: usize = 64;
/// What a commit takes besides its parents.
const COMMIT: usize = 192;
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
    pub(super) fn add(&mut self, id: Id, commit: Commit) {
        let bytes = COMMIT + commit.parents.len() * size_of::<Id>();
        if self.bytes + bytes <= self.room && !self.known.contains_key(&id.key()) {
            self.bytes += bytes;
            self.known.insert(id.key(), self.commits.len());
            self.commits.push((id, commit));
            self.order.clear();
        }
    }

    /// Walks every tree that `tree` can give and that was not walked before.
    pub(super) fn walk(&mut self, hash: Hash, tree: &mut dyn FnMut(u64) -> Option<Rc<Vec<u8>>>) {
        self.sort();
        let mut waited = std::mem::take(&mut self.waiting);
        waited.sort_by_key(|node| Reverse((self.rank(*node), *node)));
        for at in 0..self.order.len() {
            let commit = self.order[at];
            let root = self.commits[commit].1.tree.key();
            let mut open: Vec<usize> = self.node(root, None, b"", commit).into_iter().collect();
            while let Some(node) = waited.pop_if(|node| self.rank(*node) <= at) {
                open.push(node);
            }
            while let Some(node) = open.pop() {
                match tree(self.nodes[node].key) {
                    Some(content) => self.open(node, &content, hash, &mut open),
                    None => self.waiting.push(node),
                }
            }
        }
    }

    /// Where the object `id` was first, if that is known.
    pub(super) fn origin(&self, id: &Id) -> Option<Origin> {
        let node = &self.nodes[*self.by_key.get(&id.key())?];
        let commit = node.commit as usize;
        let mut names = Vec::new();
        let mut at = Some(node);
        while let Some(node) = at.filter(|node| node.parent.is_some() && names.len() < DEEP) {
            names.push(&*self.names[node.name as usize]);
            at = node.parent.map(|parent| &self.nodes[parent as usize]);
        }
        names.reverse();
        let mut path = names.join(&b'/');
        path.truncate(PATH);
        Some(Origin { commit: self.commits[commit].0, age: self.ranks[commit], path })
    }

    /// Where the commit of a node stands among all.
    fn rank(&self, node: usize) -> usize {
        self.ranks[self.nodes[node].commit as usize]
    }

    fn open(&mut self, node: usize, content: &[u8], hash: Hash, open: &mut Vec<usize>) {
        let commit = self.nodes[node].commit as usize;
        let from = open.len();
        for row in rows(content, hash) {
            let new = match row.is {
                RowKind::Module => None,
                _ => self.node(row.id.key(), Some(node), row.name, commit),
            };
            open.extend(new.filter(|_| row.is == RowKind::Folder));
        }
        open[from..].reverse();
    }

    /// A new node, unless there is one or no room for it.
    fn node(&mut self, key: u64, parent: Option<usize>, name: &[u8], commit: usize) -> Option<usize> {
        let parent = parent.map(u32::try_from).transpose().ok()?;
        let commit = u32::try_from(commit).ok()?;
        if self.bytes + NODE > self.room || self.by_key.contains_key(&key) {
            return None;
        }
        let name = self.name(name)?;
        self.bytes += NODE;
        self.by_key.insert(key, self.nodes.len());
        self.nodes.push(Node { key, parent, name, commit });
        Some(self.nodes.len() - 1)
    }

    fn name(&mut self, name: &[u8]) -> Option<u32> {
        if let Some(number) = self.by_name.get(name) {
            return Some(*number);
        }
        let bytes = NAME + 2 * name.len();
        if self.bytes + bytes > self.room {
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
        for (child, (_, commit)) in self.commits.iter().enumerate() {
            let parents: HashSet<usize> =
                commit.parents.iter().filter_map(|parent| self.known.get(&parent.key()).copied()).collect();
            left[child] = parents.len();
            for parent in parents {
                children.entry(parent).or_default().push(child);
            }
        }
        let rank = |at: usize| Reverse((self.commits[at].1.time, self.commits[at].0, at));
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
