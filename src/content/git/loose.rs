//! Objects that stand alone: a stream of zlib with a header, `blob 123`, in it.

use std::io::{self, BufRead, Read};

use super::inflate::{Inflater, Inflating};
use super::notes::Note;
use super::object::{self, Commit, Hash, Id, Kind};
use crate::content::{Fault, Head, Part, Visitor};
use crate::stream::fill;

/// Bytes of the longest header, with its NUL.
const HEADER: usize = 32;

/// Bytes of a commit or a tree that are read for what it says of others: some 25,000 files of one folder.
const MOST: usize = 1 << 20;

/// What the object that begins with `bytes` is.
pub(super) fn kind(bytes: &[u8]) -> Option<(Kind, u64)> {
    // The first two bytes of zlib: the method is deflate, and both are a multiple of 31.
    let [method, flags, ..] = *bytes else { return None };
    if method & 15 != 8 || u16::from_be_bytes([method, flags]) % 31 != 0 {
        return None;
    }
    let mut bytes = bytes;
    header(&mut Inflater::default().read(&mut bytes, None))
}

/// Reads the header.
fn header(content: &mut Inflating<'_>) -> Option<(Kind, u64)> {
    let mut line = Vec::with_capacity(HEADER);
    let mut byte = [0];
    while line.len() < HEADER {
        content.read_exact(&mut byte).ok()?;
        if byte[0] == 0 {
            return object::header(&line);
        }
        line.push(byte[0]);
    }
    None
}

/// Shows the object.
pub(super) fn decode(
    head: &Head<'_>,
    body: &mut dyn BufRead,
    visitor: &mut dyn Visitor,
) -> Result<(), Fault> {
    let mut inflater = Inflater::default();
    let mut content = inflater.read(body, None);
    let Some((kind, size)) = header(&mut content) else { return Err(Fault::damaged("it is no object")) };
    let name = name(head.path);
    let mut start =
        vec![0; if kind == Kind::Blob { 0 } else { usize::try_from(size).unwrap_or(MOST).min(MOST) }];
    let (filled, _) = fill(&mut content, &mut start);
    start.truncate(filled);
    if let Some(id) = name.as_deref().and_then(Id::of_hex) {
        let note = match kind {
            Kind::Commit => Commit::read(&start).map(|commit| Note::commit(id, commit)),
            Kind::Tree => Some(Note::tree(id, start.clone())),
            Kind::Blob | Kind::Tag => None,
        };
        if let Some(note) = note {
            visitor.note(note);
        }
    }
    if kind == Kind::Tree {
        return io::copy(&mut content, &mut io::sink()).map(drop).map_err(Fault::from);
    }
    let name = name.unwrap_or_else(|| b"object".to_vec());
    let _ = visitor.visit(Part::Member(&name), &mut start.chain(content));
    Ok(())
}

/// The name of the object in the file `path`: that of the file behind that of its folder.
fn name(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    let (file, folder) = (parts.next()?, parts.next()?);
    let digits = [folder, file].concat();
    (folder.len() == 2 && Hash::of_digits(digits.len()).is_some() && digits.iter().all(u8::is_ascii_hexdigit))
        .then_some(digits)
}
