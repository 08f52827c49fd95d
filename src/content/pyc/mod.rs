//! Python's compiled files. A constant in one follows a byte of its length, which is often a letter, and its name stands in
//! another table: so each is shown on a line of its own, with what it is assigned to.

mod archive;
mod code;
mod marshal;
mod version;

use std::io::BufRead;

pub(super) use self::archive::PYZ;
use self::code::Walk;
use self::marshal::{Failure, Id, Objects};
use self::version::Version;
use super::{Decoder, Fault, Head, Part, Visitor, whole};
use crate::limits::Limit;

/// See the module.
pub(super) const PYC: Decoder = Decoder {
    name: "pyc",
    about: "compiled Python, 2.7 and 3: constants, with the names, keys and calls that they go to",
    is: |head| version(head.bytes).is_some(),
    decode,
};

/// The version that wrote a file which begins so: the mark, a line end, the header, and code.
fn version(bytes: &[u8]) -> Option<Version> {
    let [first, second, b'\r', b'\n', ..] = bytes else { return None };
    let version = Version::of(u16::from_le_bytes([*first, *second]))?;
    let code = bytes.get(version.header())? & if version.is_two() { 0xff } else { 0x7f };
    (code == b'c').then_some(version)
}

/// What a file of that version of Python begins with; `number` is 311 for 3.11.
pub(super) fn header(number: u32) -> Option<Vec<u8>> {
    let (mark, version) = Version::numbered(number)?;
    let mut header = [mark.to_le_bytes(), *b"\r\n"].concat();
    header.resize(version.header(), 0);
    Some(header)
}

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some(version) = version(head.bytes) else { return Ok(()) };
    let bytes = whole(body, visitor)?;
    let (objects, failure) = marshal::read(&bytes, version.header(), version);
    let text = text(&objects, version, (bytes.len(), failure.is_none()));
    if !text.is_empty() && visitor.visit(Part::Plain(PYC.name), &mut &text[..]).is_break() {
        return Ok(());
    }
    match failure {
        None => Ok(()),
        Some(Failure::TooMany) => {
            Err(Fault::limit(Limit::WholeBytes, "it has more constants than can be held at a time"))
        }
        Some(Failure::Damaged(at)) if version.is_known() => {
            Err(Fault::damaged(format!("no object of Python at byte {at}")))
        }
        Some(Failure::Damaged(at)) => {
            Err(Fault::unsupported(format!("a version of Python that is not known, at byte {at}")))
        }
    }
}

/// Each piece of code: what it assigns, then its other constants. Where the code is cut off, also what was read of it.
fn text(objects: &Objects<'_>, version: Version, (bytes, whole): (usize, bool)) -> Vec<u8> {
    let (mut walk, mut next) = (Walk::new(objects, version, bytes), Vec::new());
    for code in &objects.codes {
        walk.tell(code);
        next.push(code.constants);
        constants(objects, &mut next, &mut walk);
        walk.told[code.instructions as usize] = true;
    }
    if !whole {
        for id in 0..objects.count() {
            next.push(u32::try_from(id).unwrap_or_default());
            constants(objects, &mut next, &mut walk);
        }
    }
    walk.listing.into_text()
}

/// The texts in the tuples `next`, and in those in them. Each object is looked at once, however often it is referred to.
fn constants(objects: &Objects<'_>, next: &mut Vec<Id>, walk: &mut Walk<'_, '_>) {
    while let Some(id) = next.pop() {
        if std::mem::replace(&mut walk.told[id as usize], true) {
            continue;
        }
        if let Some(text) = objects.text(id) {
            walk.listing.constant(text);
        }
        next.extend(objects.many(id).iter().rev());
    }
}

#[cfg(test)]
mod tests;
