//! Which table a page belongs to. A leaf does not say; the pages above name their children, and the table of tables names
//! the roots. Pages come in any order, so what each names is kept: four bytes for a page of the file.

use std::collections::HashMap;

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    /// The page that names each page first.
    parents: Vec<u32>,
    /// Others that name it: an old version, or a page that was deleted.
    others: HashMap<u32, Vec<u32>>,
    most: usize,
}

/// Other pages that may name a page.
const OTHERS: usize = 3;
/// Pages that are looked at on the way to a root: trees are not as deep, and a circle ends.
const STEPS: usize = 64;

impl Tree {
    /// One that keeps no more than `room` bytes.
    pub(super) fn new(room: u64) -> Self {
        Self {
            parents: Vec::new(),
            others: HashMap::new(),
            most: usize::try_from(room).unwrap_or(usize::MAX) / 4,
        }
    }

    /// The page `parent` names `child`.
    pub(super) fn claim(&mut self, child: u32, parent: u32) {
        let at = child as usize;
        if at >= self.most {
            return;
        }
        if at >= self.parents.len() {
            self.parents.resize(at + 1, 0);
        }
        if self.parents[at] == 0 {
            self.parents[at] = parent;
        } else if self.parents[at] != parent
            && (self.others.contains_key(&child) || self.others.len() < self.most / 16)
        {
            let others = self.others.entry(child).or_default();
            if others.len() < OTHERS && !others.contains(&parent) {
                others.push(parent);
            }
        }
    }

    /// Whether what names that page is kept.
    pub(super) fn knows(&self, page: u32) -> bool {
        (page as usize) < self.most
    }

    /// The root above `page`, of those that `is_root` takes for one.
    pub(super) fn root(&self, page: u32, is_root: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut open, mut steps) = (vec![page], 0);
        while let Some(page) = open.pop().filter(|_| steps < STEPS) {
            if is_root(page) {
                return Some(page);
            }
            steps += 1;
            let others = self.others.get(&page).map_or(&[][..], Vec::as_slice);
            open.extend(others.iter().rev());
            open.extend(self.parents.get(page as usize).filter(|parent| **parent > 0));
        }
        None
    }
}
