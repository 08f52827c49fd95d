//! What git keeps: objects that stand alone, packs of them, and bundles, which are packs with a header.
//!
//! A file that no commit has any more, an older version of one and the message of a tag are all objects, and each is
//! shown: a version of a file under `COMMIT:PATH`, with the first commit that has it, which is what `git show` takes; what
//! no commit leads to and everything else under its own name, which is what `git cat-file` takes. Trees are not shown:
//! they hold nothing but the names. Objects that stand alone are shown under their own names, and tell in notes what they
//! know of each other.
//!
//! What else lies in a repository (`config`, reflogs, `packed-refs`, pointers of LFS) is text as it is.

mod delta;
mod entry;
mod history;
mod inflate;
mod loose;
mod notes;
mod object;
mod pack;
mod store;

use std::io::BufRead;

pub use notes::Note;
pub(crate) use notes::{Repository, Version, repository};

use super::{Decoder, Fault, Head, Visitor};

/// Objects by themselves: `.git/objects/ab/cdef…`.
pub(super) const LOOSE: Decoder = Decoder {
    name: "git-object",
    about: "an object of git by itself: a version of a file, a commit, a tag",
    is: |head| loose::kind(head.bytes).is_some(),
    decode: loose::decode,
};

/// `.git/objects/pack/pack-….pack`.
pub(super) const PACK: Decoder = Decoder {
    name: "git-pack",
    about: "git's packs: every version of every file, with commit and path, and commits and tags",
    is: |head| pack::is(head.bytes),
    decode: |head, body, visitor| pack::decode(pack::hash(head), body, visitor),
};

/// What `git bundle` writes.
pub(super) const BUNDLE: Decoder = Decoder {
    name: "git-bundle",
    about: "git's bundles: a pack with the names of what is in it",
    is: |head| BUNDLES.iter().any(|line| head.bytes.starts_with(line)),
    decode: bundle,
};

/// The first line of a bundle.
const BUNDLES: [&[u8]; 2] = [b"# v2 git bundle\n", b"# v3 git bundle\n"];

/// Bytes of a bundle's lines, all together.
const LINES: usize = 16 << 20;

/// Passes over the lines before the pack, which are text as they are.
fn bundle(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let (mut hash, mut line, mut bytes) = (pack::hash(head), Vec::new(), 0);
    while line != b"\n" {
        line.clear();
        let mut byte = [0];
        while line.last() != Some(&b'\n') {
            body.read_exact(&mut byte)?;
            line.push(byte[0]);
            bytes += 1;
            if bytes > LINES {
                return Err(Fault::damaged("the lines before the pack do not end"));
            }
        }
        if line == b"@object-format=sha256\n" {
            hash = object::Hash::Sha256;
        }
    }
    pack::decode(hash, body, visitor)
}

#[cfg(test)]
mod tests;
