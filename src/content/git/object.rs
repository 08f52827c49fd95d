//! Git's objects: their kinds and names, and what commits and trees say of others.

use std::fmt;
use std::num::NonZeroU64;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::digest::hex;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// Every kind, with the word that it has in an object's header.
const KINDS: [(Kind, &str); 4] =
    [(Kind::Commit, "commit"), (Kind::Tree, "tree"), (Kind::Blob, "blob"), (Kind::Tag, "tag")];

impl Kind {
    fn word(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }
}

/// The header of an object that stands alone, `blob 123`, without the NUL behind it.
pub(super) fn header(text: &[u8]) -> Option<(Kind, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let (word, size) = text.split_once(' ')?;
    let (kind, _) = KINDS.iter().find(|(_, known)| *known == word)?;
    let digits = size.bytes().all(|byte| byte.is_ascii_digit());
    Some((*kind, size.parse().ok().filter(|_| digits)?))
}

/// What a repository names its objects with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    /// Bytes of a name.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The hash whose names have so many hexadecimal digits.
    pub(super) fn of_digits(digits: usize) -> Option<Self> {
        [Self::Sha1, Self::Sha256].into_iter().find(|hash| 2 * hash.width() == digits)
    }

    /// The name of an object.
    pub(super) fn name(self, kind: Kind, content: &[u8]) -> Id {
        let mut namer = self.namer(kind, content.len() as u64);
        namer.push(content);
        namer.finish()
    }

    /// Names the object whose content is pushed.
    pub(super) fn namer(self, kind: Kind, size: u64) -> Namer {
        let mut namer = match self {
            Self::Sha1 => Namer::Sha1(Sha1::new()),
            Self::Sha256 => Namer::Sha256(Sha256::new()),
        };
        namer.push(format!("{} {size}\0", kind.word()).as_bytes());
        namer
    }
}

/// See [`Hash::namer`].
pub(super) enum Namer {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Namer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Id {
        match self {
            Self::Sha1(hasher) => Id::new(&hasher.finalize()),
            Self::Sha256(hasher) => Id::new(&hasher.finalize()),
        }
    }
}

/// The name of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    bytes: [u8; 32],
    width: u8,
}

impl Id {
    /// The name of these bytes, 32 at most.
    pub(super) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let width = name.len().min(bytes.len());
        bytes[..width].copy_from_slice(&name[..width]);
        Self { bytes, width: u8::try_from(width).unwrap_or(0) }
    }

    pub(super) fn of_hex(text: &[u8]) -> Option<Self> {
        Hash::of_digits(text.len())?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes = text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
        bytes.collect::<Option<Vec<u8>>>().map(|bytes| Self::new(&bytes))
    }

    /// Its first eight bytes: enough to tell apart the objects of a repository. Zero has no room of its own.
    pub(super) fn key(&self) -> NonZeroU64 {
        let key = self.bytes.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte));
        NonZeroU64::new(key).unwrap_or(NonZeroU64::MIN)
    }

    /// What it was made with.
    pub(super) fn hash(&self) -> Hash {
        if usize::from(self.width) == Hash::Sha256.width() { Hash::Sha256 } else { Hash::Sha1 }
    }

    /// Its bytes.
    pub(super) fn raw(&self) -> &[u8] {
        &self.bytes[..usize::from(self.width)]
    }

    /// Its hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        hex(self.raw())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.hex())
    }
}

/// What a commit says besides its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) tree: Id,
    pub(super) parents: Vec<Id>,
    /// Seconds; when it was made by its committer's clock.
    pub(super) time: i64,
}

/// Parents of one commit that are followed.
const PARENTS: usize = 64;

impl Commit {
    /// Reads the content of a commit.
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        let mut lines = content.split(|byte| *byte == b'\n');
        let tree = Id::of_hex(lines.next()?.strip_prefix(b"tree ")?)?;
        let (mut parents, mut time) = (Vec::new(), 0);
        for line in lines.take_while(|line| !line.is_empty()) {
            if let Some(parent) = line.strip_prefix(b"parent ") {
                parents.extend(Id::of_hex(parent).filter(|_| parents.len() < PARENTS));
            } else if let Some(committer) = line.strip_prefix(b"committer ") {
                let word = committer.split(|byte| *byte == b' ').rev().nth(1);
                time = word.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()).unwrap_or(0);
            }
        }
        Some(Self { tree, parents, time })
    }
}

/// One row of a tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'t> {
    pub(super) name: &'t [u8],
    pub(super) id: Id,
    pub(super) is: RowKind,
}

/// What a row of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    Folder,
    File,
    /// A commit of another repository.
    Module,
}

/// The rows of a tree, as far as they can be read.
pub(super) fn rows(mut content: &[u8], hash: Hash) -> impl Iterator<Item = Row<'_>> {
    std::iter::from_fn(move || {
        let space = content.iter().take(8).position(|byte| *byte == b' ')?;
        let (mode, rest) = (&content[..space], &content[space + 1..]);
        let end = memchr::memchr(0, rest)?;
        let id = rest.get(end + 1..end + 1 + hash.width())?;
        content = &rest[end + 1 + hash.width()..];
        let is = match mode {
            b"40000" | b"040000" => RowKind::Folder,
            b"160000" => RowKind::Module,
            _ => RowKind::File,
        };
        Some(Row { name: &rest[..end], id: Id::new(id), is })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_the_name_that_git_gives_it() {
        // `git hash-object --stdin < /dev/null`
        let empty = Hash::Sha1.namer(Kind::Blob, 0).finish();
        assert_eq!(empty.hex(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(Id::of_hex(empty.hex().as_bytes()), Some(empty));
        assert_eq!(Id::of_hex(b"e69de2"), None);
    }

    #[test]
    fn headers_commits_and_trees_are_read() {
        assert_eq!(header(b"blob 12"), Some((Kind::Blob, 12)));
        for no in [&b"blob"[..], b"blob ", b"blob +1", b"blub 1", b"blob 99999999999999999999"] {
            assert_eq!(header(no), None);
        }
        let (tree, parent) = ("1".repeat(40), "2".repeat(40));
        let text =
            format!("tree {tree}\nparent {parent}\nauthor A B <c> 5 +0100\ncommitter D <e> 7 -0300\n\ntext");
        let commit = Commit::read(text.as_bytes()).unwrap();
        assert_eq!((commit.tree.hex(), commit.parents[0].hex(), commit.time), (tree, parent, 7));
        let content =
            [&b"40000 folder\0"[..], &[7; 20], b"100644 file\0", &[8; 20], b"100755 cut\0", &[9; 19]]
                .concat();
        let rows: Vec<_> = rows(&content, Hash::Sha1).map(|row| (row.name.to_vec(), row.is)).collect();
        assert_eq!(rows, [(b"folder".to_vec(), RowKind::Folder), (b"file".to_vec(), RowKind::File)]);
    }
}
