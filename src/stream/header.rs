//! Tar headers: one 512-byte block, and the extension entries that may stand before it.
//!
//! Field layouts are the `tar` crate's; here they are checked and turned into a [`Member`] whose path is clean. Knows
//! nothing of streams: the pulling reader of archives and the pushed walker of layers share it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tar::{EntryType, Header};

/// Bytes of a tar block (POSIX.1-2024, pax, "ustar Interchange Format").
pub const BLOCK: usize = 512;

/// What a block at a header's place is.
#[derive(Debug, Clone)]
pub enum Block {
    /// 512 zeros: part of the end marker.
    Zero,
    /// A header whose checksum agrees.
    Header(Box<RawHeader>),
    /// Anything else.
    Damaged,
}

/// A header as it stands, before extensions are applied.
#[derive(Debug, Clone)]
pub struct RawHeader {
    /// What the entry is.
    pub kind: Kind,
    /// Bytes of content that follow, padded to blocks.
    pub size: u64,
    /// Whether an entry of this type carries content at all.
    content: bool,
    /// `prefix/name` as stored.
    path: Vec<u8>,
    /// Link target as stored.
    link: Vec<u8>,
    /// Whether GNU sparse extension blocks follow the header.
    pub sparse_extended: bool,
}

/// Kinds of entries, as far as a scan tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A regular file, or a type that is treated like one.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A hard link.
    Hardlink,
    /// A device or FIFO.
    Special,
    /// PAX records for the next entry.
    Pax,
    /// PAX records for all following entries.
    PaxGlobal,
    /// GNU long name of the next entry.
    LongName,
    /// GNU long link target of the next entry.
    LongLink,
}

impl Kind {
    /// Whether this entry only describes the next.
    pub fn is_extension(self) -> bool {
        matches!(self, Self::Pax | Self::PaxGlobal | Self::LongName | Self::LongLink)
    }
}

/// An entry with its extensions applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Cleaned path: no leading `/` or `./`, no empty or `.` or `..` part. Empty for the root directory.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of content.
    pub size: u64,
    /// Link target as stored.
    pub link: Vec<u8>,
    /// PAX records, extended attributes among them, in the order of their keys.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether the path came from an extension entry.
    pub long: bool,
}

/// Reads the block at a header's place.
pub fn read_block(block: &[u8; BLOCK]) -> Block {
    if block.iter().all(|byte| *byte == 0) {
        return Block::Zero;
    }
    let header = Header::from_byte_slice(block);
    let sum = header.cksum().ok();
    if sum.is_none() || !checksums(block).into_iter().any(|computed| Some(computed) == sum) {
        return Block::Damaged;
    }
    let Ok(size) = header.entry_size() else {
        return Block::Damaged;
    };
    let path = header.path_bytes().into_owned();
    let kind = kind(header.entry_type());
    let content = has_content(header.entry_type());
    let sparse_extended = header.entry_type().is_gnu_sparse() && block[482] == 1;
    Block::Header(Box::new(RawHeader {
        kind,
        size: if content { size } else { 0 },
        content,
        link: header.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default(),
        path,
        sparse_extended,
    }))
}

/// The sums of all bytes with the checksum field taken as spaces; some old writers added signed bytes.
fn checksums(block: &[u8; BLOCK]) -> [u32; 2] {
    let bytes =
        || block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    [bytes().map(u32::from).sum(), u32::try_from(signed).unwrap_or(u32::MAX)]
}

fn kind(entry: EntryType) -> Kind {
    match entry {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::Hardlink,
        EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Special,
        EntryType::XHeader => Kind::Pax,
        EntryType::XGlobalHeader => Kind::PaxGlobal,
        EntryType::GNULongName => Kind::LongName,
        EntryType::GNULongLink => Kind::LongLink,
        _ => Kind::File,
    }
}

/// Links, devices and directories carry no content, whatever their size field says (as in Go's archive/tar, which
/// container engines unpack with).
fn has_content(entry: EntryType) -> bool {
    use EntryType as T;
    !matches!(entry, T::Symlink | T::Link | T::Char | T::Block | T::Fifo | T::Directory)
}

/// What the extension entries before a header said.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    global: BTreeMap<Vec<u8>, Vec<u8>>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Extensions {
    /// Takes the content of an extension entry. Records that do not follow the format end the list; false says so.
    pub fn add(&mut self, kind: Kind, content: &[u8]) -> bool {
        let text = || content.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        match kind {
            Kind::LongName => self.long_name = Some(text()),
            Kind::LongLink => self.long_link = Some(text()),
            Kind::Pax => return add_records(&mut self.records, content),
            Kind::PaxGlobal => return add_records(&mut self.global, content),
            _ => {}
        }
        true
    }

    /// The entry that `header` and the extensions before it describe. Global records stay for the next one.
    pub fn apply(&mut self, header: RawHeader) -> Member {
        let own = std::mem::take(&mut self.records);
        let find = |key: &[u8]| own.get(key).or_else(|| self.global.get(key)).cloned();
        let gnu_name = find(b"GNU.sparse.name");
        let path = gnu_name.or_else(|| find(b"path")).or_else(|| self.long_name.take());
        let link = find(b"linkpath").or_else(|| self.long_link.take());
        let size = find(b"size").and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        let long = path.is_some() || link.is_some();
        let (long_name, long_link) = (self.long_name.take(), self.long_link.take());
        debug_assert!(long || (long_name.is_none() && long_link.is_none()));
        let path = path.unwrap_or(header.path);
        let kind =
            if header.kind == Kind::File && path.ends_with(b"/") { Kind::Directory } else { header.kind };
        let size = if header.content { size.unwrap_or(header.size) } else { 0 };
        Member { path: clean(&path), kind, size, link: link.unwrap_or(header.link), records: own, long }
    }
}

/// PAX records: `length key=value\n`, length in decimal and counting itself (POSIX.1-2024, pax, "pax Extended Header").
fn add_records(into: &mut BTreeMap<Vec<u8>, Vec<u8>>, content: &[u8]) -> bool {
    let mut rest = content;
    while !rest.is_empty() && rest[0] != 0 {
        let Some((key, value, after)) = record(rest) else {
            return false;
        };
        into.insert(key.to_vec(), value.to_vec());
        rest = after;
    }
    true
}

fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let line = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = line.iter().position(|byte| *byte == b'=')?;
    Some((&line[..equals], &line[equals + 1..], &bytes[length..]))
}

/// A path as a container sees it: relative to the root, with `.` and empty parts dropped and `..` resolved inside it.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = out.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                out.truncate(parent);
            }
            part => {
                if !out.is_empty() {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_stay_inside() {
        for (path, cleaned) in [
            ("./etc/passwd", "etc/passwd"),
            ("/etc//x/./y/", "etc/x/y"),
            ("../../etc/shadow", "etc/shadow"),
            ("a/../../b", "b"),
            ("", ""),
            ("./", ""),
        ] {
            assert_eq!(clean(path.as_bytes()), cleaned.as_bytes(), "{path}");
            assert_eq!(clean(&clean(path.as_bytes())), cleaned.as_bytes(), "{path}");
        }
    }

    #[test]
    fn pax_records_override_the_header() {
        let mut extensions = Extensions::default();
        assert!(extensions.add(Kind::Pax, b"19 path=dir/longer\n22 SCHILY.xattr.a=b=c\n\0\0"));
        let header = RawHeader {
            kind: Kind::File,
            size: 3,
            content: true,
            path: b"short".to_vec(),
            link: vec![],
            sparse_extended: false,
        };
        let member = extensions.apply(header.clone());
        assert_eq!(member.path, b"dir/longer");
        assert_eq!(member.records[&b"SCHILY.xattr.a"[..]], b"b=c");
        assert_eq!(extensions.apply(header).path, b"short", "they hold for one entry");
    }

    #[test]
    fn a_long_path_that_is_cut_behind_a_slash_is_no_directory() {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name.copy_from_slice("deep/".repeat(20).as_bytes());
        header.set_size(5);
        header.set_cksum();
        let Block::Header(header) = read_block(header.as_bytes()) else { panic!("no header") };
        let mut extensions = Extensions::default();
        assert_eq!(extensions.apply((*header).clone()).kind, Kind::Directory);
        assert!(extensions.add(Kind::LongName, format!("{}file", "deep/".repeat(20)).as_bytes()));
        assert_eq!(extensions.apply(*header).kind, Kind::File);
    }

    #[test]
    fn broken_records_are_said_to_be_broken() {
        for broken in ["9999 path=x\n", "x", "5 a=b", "7 path x", "-3 a=b\n", "0 a=b\n", "3 a=b\n"] {
            assert!(!Extensions::default().add(Kind::Pax, broken.as_bytes()), "{broken:?}");
        }
    }

    #[test]
    fn a_block_is_a_header_only_if_its_checksum_agrees() {
        let mut header = Header::new_gnu();
        header.set_path("etc/x").unwrap();
        header.set_size(5);
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert!(matches!(read_block(&block), Block::Header(h) if h.size == 5 && h.kind == Kind::File));
        block[0] ^= 1;
        assert!(matches!(read_block(&block), Block::Damaged));
        assert!(matches!(read_block(&[0; BLOCK]), Block::Zero));
    }
}
