//! What the central directory says, held against the members that were read.
//!
//! Members are read from their own headers, in the order of the bytes; programs that unpack an archive go by its directory.
//! Where the two differ, somebody who unpacks it sees something else than what was shown: members that stand inside of
//! others (as in archives that are made to explode), other sizes, another compression. Then the archive is damaged.

use super::header::{Entry, Local};

/// Bytes that one entry or member takes here.
const EACH: u64 = 16;

/// Members and entries of one archive.
#[derive(Debug)]
pub(super) struct Directory {
    /// Offsets of the members' headers, ascending, with what has to agree; none where the member itself is damaged.
    members: Vec<(u64, Option<u32>)>,
    /// What the directory says.
    entries: Vec<(u64, u32)>,
    /// Where its first entry stands.
    start: Option<u64>,
    /// Most of both together.
    most: usize,
    full: bool,
}

/// What of the directory is not as it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disagreement {
    /// Entries that no member agrees with.
    pub(super) entries: usize,
    /// Where the first of them should be.
    pub(super) first: u64,
}

impl Directory {
    /// Holds at most `room` bytes.
    pub(super) fn new(room: u64) -> Self {
        let most = usize::try_from(room / EACH).unwrap_or(usize::MAX);
        Self { members: Vec::new(), entries: Vec::new(), start: None, most, full: false }
    }

    /// Whether there was more than can be held, so that nothing is compared.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Takes a member whose header is at `offset` and which has `packed` bytes, if it is whole.
    pub(super) fn member(&mut self, offset: u64, local: &Local, packed: Option<u64>) {
        if self.has_room() {
            self.members.push((offset, packed.map(|packed| summary(local.method, packed))));
        }
    }

    /// Takes an entry of the directory that stands at `at`.
    pub(super) fn entry(&mut self, at: u64, entry: &Entry) {
        self.start.get_or_insert(at);
        if self.has_room() {
            self.entries.push((entry.offset, summary(entry.method, entry.packed)));
        }
    }

    fn has_room(&mut self) -> bool {
        self.full |= self.members.len() + self.entries.len() >= self.most;
        !self.full
    }

    /// Compares both. The end of the directory says that it starts at `stated`: if it does not, bytes were put in front of
    /// the archive, and all offsets in it are that much too small; or only that one is wrong.
    pub(super) fn compare(&self, stated: u64) -> Option<Disagreement> {
        let moved = self.start.map_or(0, |start| start.wrapping_sub(stated));
        let disagreement = self.moved(moved)?;
        if moved == 0 { Some(disagreement) } else { self.moved(0).map(|_| disagreement) }
    }

    fn moved(&self, by: u64) -> Option<Disagreement> {
        let wrong = |(offset, summary): &&(u64, u32)| {
            let offset = offset.wrapping_add(by);
            match self.members.binary_search_by_key(&offset, |member| member.0) {
                Ok(index) => self.members[index].1.is_some_and(|member| member != *summary),
                Err(_) => true,
            }
        };
        let mut all = self.entries.iter().filter(wrong);
        let first = all.next()?.0.wrapping_add(by);
        Some(Disagreement { entries: 1 + all.count(), first })
    }
}

/// What header and entry have to agree in. Of a member without a byte nothing: writers are careless there.
fn summary(method: u16, packed: u64) -> u32 {
    if packed == 0 {
        return 0;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&method.to_le_bytes());
    hasher.update(&packed.to_le_bytes());
    hasher.finalize() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(method: u16) -> Local {
        Local { flags: 0, method, crc: 0, packed: 5, size: 9, name: b"a".to_vec() }
    }

    fn directory(entries: &[(u64, u16, u64)]) -> Directory {
        let mut directory = Directory::new(1000);
        directory.member(10, &local(8), Some(5));
        directory.member(100, &local(8), None);
        for (offset, method, packed) in entries {
            directory.entry(200, &Entry { method: *method, packed: *packed, offset: *offset });
        }
        directory
    }

    #[test]
    fn members_may_all_have_moved_but_not_differ() {
        assert_eq!(directory(&[(10, 8, 5), (100, 0, 7)]).compare(200), None, "one is damaged");
        assert_eq!(directory(&[(0, 8, 5), (90, 8, 7)]).compare(190), None, "ten bytes in front");
        assert_eq!(directory(&[(10, 8, 5)]).compare(0), None, "only the directory's own place is wrong");
        for wrong in [(10, 0, 5), (10, 8, 6), (11, 8, 5)] {
            let found = directory(&[(100, 8, 5), wrong]).compare(200);
            assert_eq!(found, Some(Disagreement { entries: 1, first: wrong.0 }));
        }
    }

    #[test]
    fn what_does_not_fit_is_not_compared() {
        let mut directory = Directory::new(EACH);
        directory.member(10, &local(8), Some(5));
        assert!(!directory.is_full());
        directory.member(20, &local(8), Some(5));
        assert!(directory.is_full());
    }
}
