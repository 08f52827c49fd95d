//! What a layer does to paths, in 8 bytes an entry: enough to replay visibility later, whatever layers lie below.
//!
//! A layer is mapped without knowing where secrets stand in the layers under it, so it has to remember every path that
//! it touches. It remembers a hash of each: the join asks only for the few paths that hold findings and their parents.
//! Hard links are kept in full, because they give old content new names.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use serde::{Deserialize, Serialize};

use super::header::{Kind, Member};

/// What an entry does to the layers below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A directory: replaces a file, merges with a directory.
    Directory,
    /// Any other entry: replaces what is at the path.
    Replace,
    /// Whiteout of the path (OCI image-spec, layer.md, "Whiteouts").
    Whiteout,
    /// Opaque whiteout: hides all that lower layers have in the directory.
    Opaque,
}

/// Everything that one layer does to paths.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PathIndex {
    /// Blocks of one record an entry: a hash with the effect in its two lowest bits. Blocks, so that growing copies nothing.
    #[serde(with = "blocks")]
    blocks: Vec<Vec<u64>>,
    links: Vec<Link>,
    link_bytes: usize,
}

/// A hard link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The new name, as people see it.
    pub path: Vec<u8>,
    /// See [`ancestors`]: those of the new name, if `path` is not all of it.
    pub keys: Option<Vec<u64>>,
    /// Hash of the path that it names.
    pub target: u64,
    /// Ordinal of the entry.
    pub ordinal: u64,
}

const RECORDS: usize = 8 << 10;
const EFFECT_BITS: u64 = 0b11;

impl PathIndex {
    /// Adds an entry, the next in the order of the layer. Returns false if its link could not be kept for want of
    /// `link_bytes` in all.
    pub fn add(&mut self, member: &Member, link_bytes: usize) -> bool {
        let ordinal = self.len();
        let (path, effect) = effect(member);
        let record = key(&path) | effect as u64;
        match self.blocks.last_mut() {
            Some(block) if block.len() < RECORDS => block.push(record),
            _ => {
                let mut block = Vec::with_capacity(if self.blocks.is_empty() { 16 } else { RECORDS });
                block.push(record);
                self.blocks.push(block);
            }
        }
        if member.kind != Kind::Hardlink {
            return true;
        }
        let bytes = member.path.len() + size_of::<Link>();
        if self.link_bytes + bytes > link_bytes {
            return false;
        }
        self.link_bytes += bytes;
        let target = key(&super::header::clean(&member.link));
        self.links.push(Link { path: member.path.clone(), keys: None, target, ordinal });
        true
    }

    /// Entries so far.
    pub fn len(&self) -> u64 {
        let full = self.blocks.len().saturating_sub(1) * RECORDS;
        (full + self.blocks.last().map_or(0, Vec::len)) as u64
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Every entry: its ordinal, the key of its path and what it does there.
    pub fn effects(&self) -> impl Iterator<Item = (u64, u64, Effect)> + '_ {
        (0..).zip(self.blocks.iter().flatten()).map(|(ordinal, record)| {
            let effect = match record & EFFECT_BITS {
                0 => Effect::Directory,
                1 => Effect::Replace,
                2 => Effect::Whiteout,
                _ => Effect::Opaque,
            };
            (ordinal, record & !EFFECT_BITS, effect)
        })
    }

    /// The hard links, in the order of the layer.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Leaves of the new names of links what `shown` gives, where that is something else. They are known by their keys then.
    pub fn hide_links(&mut self, shown: impl Fn(&[u8]) -> Option<Vec<u8>>) {
        for link in &mut self.links {
            if let Some(shown) = shown(&link.path) {
                link.keys = Some(ancestors(&link.path).collect());
                link.path = shown;
            }
        }
    }
}

/// All records one behind another, as bytes.
mod blocks {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::RECORDS;

    const WIDTH: usize = size_of::<u64>();

    pub(super) fn serialize<S: Serializer>(blocks: &[Vec<u64>], serializer: S) -> Result<S::Ok, S::Error> {
        let records: Vec<u8> = blocks.iter().flatten().flat_map(|record| record.to_le_bytes()).collect();
        serializer.serialize_bytes(&records)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u64>>, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        if bytes.len() % WIDTH != 0 {
            return Err(D::Error::custom("half a record"));
        }
        let record = |bytes: &[u8]| bytes.iter().rev().fold(0, |record, byte| record << 8 | u64::from(*byte));
        let block = |block: &[u8]| block.chunks_exact(WIDTH).map(record).collect();
        Ok(bytes.chunks(RECORDS * WIDTH).map(block).collect())
    }
}

/// The key under which [`PathIndex::effects`] names a clean path.
pub fn key(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    hasher.finish() & !EFFECT_BITS
}

/// The keys of a clean path, its parents and the root, the longest first.
pub fn ancestors(path: &[u8]) -> impl Iterator<Item = u64> {
    let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]);
    let root = (!path.is_empty()).then_some(&path[..0]);
    std::iter::once(path).chain(slashes).chain(root).map(key)
}

/// The path that an entry speaks of, and what it does there.
fn effect(member: &Member) -> (Cow<'_, [u8]>, Effect) {
    let path = &member.path[..];
    let slash = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = path.split_at(slash);
    match name.strip_prefix(b".wh.") {
        Some(b".wh..opq") => (Cow::Borrowed(folder.strip_suffix(b"/").unwrap_or(folder)), Effect::Opaque),
        // Other names with this prefix are the bookkeeping of AUFS, which never reaches a container.
        Some(rest) if rest.starts_with(b".wh.") => (Cow::Borrowed(path), Effect::Replace),
        Some(hidden) => (Cow::Owned([folder, hidden].concat()), Effect::Whiteout),
        None if member.kind == Kind::Directory => (Cow::Borrowed(path), Effect::Directory),
        None => (Cow::Borrowed(path), Effect::Replace),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(path: &str, kind: Kind, link: &str) -> Member {
        let (path, link) = (path.as_bytes().to_vec(), link.as_bytes().to_vec());
        Member { path, kind, size: 0, link, records: BTreeMap::new(), long: false }
    }

    #[test]
    fn every_entry_is_one_record_in_order() {
        let mut index = PathIndex::default();
        for number in 0..20_000 {
            assert!(index.add(&member(&format!("f{number}"), Kind::File, ""), 0));
        }
        assert_eq!(index.len(), 20_000);
        let (ordinal, key_, effect) = index.effects().nth(19_999).unwrap();
        assert_eq!((ordinal, key_, effect), (19_999, key(b"f19999"), Effect::Replace));
    }

    #[test]
    fn whiteouts_speak_of_the_path_they_hide() {
        let mut index = PathIndex::default();
        for path in ["a/.wh.b", "a/.wh..wh..opq", ".wh.top", "a/.wh..wh.plnk", "a/c"] {
            index.add(&member(path, Kind::File, ""), 0);
        }
        let effects: Vec<_> = index.effects().map(|(_, key, effect)| (key, effect)).collect();
        assert_eq!(effects[0], (key(b"a/b"), Effect::Whiteout));
        assert_eq!(effects[1], (key(b"a"), Effect::Opaque));
        assert_eq!(effects[2], (key(b"top"), Effect::Whiteout));
        assert_eq!(effects[4], (key(b"a/c"), Effect::Replace));
    }

    #[test]
    fn links_are_kept_up_to_a_bound() {
        let mut index = PathIndex::default();
        assert!(index.add(&member("new", Kind::Hardlink, "./old"), 1000));
        assert_eq!(
            index.links(),
            [Link { path: b"new".to_vec(), keys: None, target: key(b"old"), ordinal: 0 }]
        );
        assert!(!index.add(&member("newer", Kind::Hardlink, "old"), 10));
        assert_eq!(index.len(), 2);
    }
}
