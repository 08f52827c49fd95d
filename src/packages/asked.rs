//! What is asked of a path when it is looked for in lists: of its text or, where that is not at hand, of hashes that were made
//! of it.
//!
//! A path may hold a credential, and what keeps reports must not keep that. So everything that depends on more of a path than
//! people see goes through here, and has the same answer either way.

use std::borrow::Cow;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::lists::{path_key, tail_key};
use super::twin::source_of;
use crate::stream::key;

/// A clean path.
#[derive(Debug, Clone)]
pub enum AskedPath<'p> {
    /// As it is.
    Text(Cow<'p, [u8]>),
    /// What is left of one.
    Hashed(&'p PathHashes),
}

/// What is left of a path that is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathHashes {
    key: u64,
    listed: u64,
    tail: Option<NonZeroU32>,
    /// Of the folders around it, the innermost first.
    folders: Vec<u64>,
    never_packed: bool,
    source: Option<Box<PathHashes>>,
}

impl PathHashes {
    /// What is to be kept of `path`.
    pub fn of(path: &[u8]) -> Self {
        Self {
            key: key(path),
            listed: path_key(path),
            tail: tail_key(path),
            folders: folders(path).map(path_key).collect(),
            never_packed: never_packed(path),
            source: source_of(path).map(|source| Box::new(Self::of(&source))),
        }
    }
}

impl<'p> AskedPath<'p> {
    /// The path `text`.
    pub fn text(text: &'p [u8]) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The key under which path indexes have it: see [`key`].
    pub fn key(&self) -> u64 {
        match self {
            Self::Text(path) => key(path),
            Self::Hashed(hashes) => hashes.key,
        }
    }

    /// What lists name it by: see [`path_key`].
    pub fn listed(&self) -> u64 {
        match self {
            Self::Text(path) => path_key(path),
            Self::Hashed(hashes) => hashes.listed,
        }
    }

    /// See [`tail_key`].
    pub fn tail(&self) -> Option<NonZeroU32> {
        match self {
            Self::Text(path) => tail_key(path),
            Self::Hashed(hashes) => hashes.tail,
        }
    }

    /// What lists name the folders by that it is in, the innermost first. None of a path that is longer or deeper than those
    /// of packages: each folder is hashed, and the paths of an image may be of any length.
    pub fn folders(&self) -> Vec<u64> {
        match self {
            Self::Text(path) => folders(path).map(path_key).collect(),
            Self::Hashed(hashes) => hashes.folders.clone(),
        }
    }

    /// Whether no tool packs a file of that name, so that it was put into a package's folder later: settings of a person.
    pub fn is_never_packed(&self) -> bool {
        match self {
            Self::Text(path) => never_packed(path),
            Self::Hashed(hashes) => hashes.never_packed,
        }
    }

    /// The source that the file is compiled from: see [`source_of`].
    pub fn source(&self) -> Option<Self> {
        match self {
            Self::Text(path) => source_of(path).map(|source| Self::Text(Cow::Owned(source))),
            Self::Hashed(hashes) => hashes.source.as_deref().map(Self::Hashed),
        }
    }
}

fn folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    let packed = path.len() <= LONGEST_PATH && slashes.clone().nth(DEEPEST).is_none();
    slashes.filter(move |_| packed).map(|(at, _)| &path[..at])
}

/// Bytes of a path that a package may have: what systems allow.
const LONGEST_PATH: usize = 4096;

/// Folders around a file of a package.
const DEEPEST: usize = 64;

fn never_packed(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    let name = parts.next().unwrap_or_default();
    name == b".npmrc" || parts.any(|folder| folder == b".git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_answer_like_the_path() {
        let deep = "d/".repeat(DEEPEST + 1) + "x";
        let paths = [
            "",
            "a",
            "a/.npmrc",
            "a/.git/config",
            "usr/lib/python3/__pycache__/b.cpython-312.pyc",
            "usr/lib/x/y/z.so",
            &deep,
        ];
        for path in paths {
            let left = PathHashes::of(path.as_bytes());
            let (mut text, mut hashed) = (AskedPath::text(path.as_bytes()), AskedPath::Hashed(&left));
            for generation in 0.. {
                let answers = |asked: &AskedPath<'_>| {
                    (asked.key(), asked.listed(), asked.tail(), asked.folders(), asked.is_never_packed())
                };
                assert_eq!(answers(&text), answers(&hashed), "{path}, {generation}");
                match (text.source(), hashed.source()) {
                    (Some(of_text), Some(of_hashes)) => (text, hashed) = (of_text, of_hashes),
                    (None, None) => break,
                    other => panic!("{path}: {other:?}"),
                }
            }
        }
        assert_eq!(AskedPath::text(b"a/b/c").folders(), [path_key(b"a/b"), path_key(b"a")]);
    }

    #[test]
    fn no_folder_is_looked_up_for_paths_that_nobody_packs() {
        let of = |depth: usize, name: usize| {
            let path = [&b"a/".repeat(depth)[..], &b"x".repeat(name)].concat();
            AskedPath::text(&path).folders().len()
        };
        assert_eq!((of(0, 1), of(3, 1), of(DEEPEST, 1)), (0, 3, DEEPEST));
        assert_eq!((of(DEEPEST + 1, 1), of(2, LONGEST_PATH)), (0, 0));
    }
}
