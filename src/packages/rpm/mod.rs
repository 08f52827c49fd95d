//! Fedora, Red Hat, SUSE, Amazon: one database of package headers, in one of three formats, each a file here.
//!
//! A header is a table of tags; those that name files have a digest for each. A package that nobody signed was made by
//! whoever built the image.

mod berkeley;
mod native;

use super::List;
use super::content::Head;
use super::lists::Lists;
use crate::content::sqlite;

/// The folders in which the database stands, whatever its format.
const FOLDERS: [&str; 2] = ["var/lib/rpm/", "usr/lib/sysimage/rpm/"];

/// What stands before the folder of the database in the path of its file of that name.
fn root<'p>(path: &'p [u8], file: &str) -> Option<&'p [u8]> {
    let folder = path.strip_suffix(file.as_bytes())?;
    let root = FOLDERS.iter().find_map(|known| folder.strip_suffix(known.as_bytes()))?;
    (root.is_empty() || root.ends_with(b"/")).then_some(root)
}

const SQLITE: &str = "rpmdb.sqlite";
const NATIVE: &str = "Packages.db";
const BERKELEY: &str = "Packages";

/// `rpmdb.sqlite`, `Packages.db` or `Packages` in a folder of the database.
pub(super) fn is_database(path: &[u8]) -> bool {
    [SQLITE, NATIVE, BERKELEY].iter().any(|file| root(path, file).is_some())
}

/// Every header of the database, whichever of the three formats it has.
pub(super) fn read_database(list: &List<'_>, out: &mut Lists) {
    let Some(root) = [SQLITE, NATIVE, BERKELEY].iter().find_map(|file| root(list.path, file)) else { return };
    let mut header = |blob: &[u8]| read_header(root, blob, out);
    if list.bytes.starts_with(sqlite::MAGIC) {
        sqlite::rows(list.bytes, "Packages", &mut header);
    } else if list.bytes.starts_with(native::MAGIC) {
        native::blobs(list.bytes, &mut header);
    } else {
        berkeley::values(list.bytes, &mut header);
    }
}

/// Tags of the header, as rpm numbers them.
const NAME: u32 = 1000;
const FILE_DIGESTS: u32 = 1035;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;
/// Folders of one package that are read.
const MOST_FOLDERS: usize = 1 << 18;
/// Signatures of any kind that rpm has had.
const SIGNATURES: [u32; 5] = [259, 262, 267, 268, 278];

/// One package: how many tags, how many bytes of values, the tags, the values; all numbers with the highest byte first.
fn read_header(root: &[u8], blob: &[u8], out: &mut Lists) {
    let Some(header) = Header::new(blob) else { return };
    let name = header.strings(NAME).next().unwrap_or_default();
    let home = [root, b"\0rpm\0", name];
    if !SIGNATURES.iter().any(|tag| header.value(*tag).is_some()) {
        out.disown(&home);
    }
    let Some(package) = out.package("rpm", name, &home) else { return };
    let folders: Vec<&[u8]> = header.strings(DIRECTORY_NAMES).take(MOST_FOLDERS).collect();
    let files = header.strings(BASE_NAMES).zip(header.numbers(DIRECTORY_INDEXES));
    for ((base, folder), digest) in files.zip(header.strings(FILE_DIGESTS)) {
        // Folders and links have no digest.
        if let (Some(folder), Some(head)) = (folders.get(folder as usize), Head::of_hex(digest)) {
            out.file(package, &[root, b"/", folder, base], Some(head));
        }
    }
}

/// The tags of a header.
struct Header<'b> {
    tags: &'b [u8],
    values: &'b [u8],
}

impl<'b> Header<'b> {
    fn new(blob: &'b [u8]) -> Option<Self> {
        let length = (number(blob, 0)? as usize).checked_mul(16)?;
        let rest = blob.get(8..)?;
        Some(Self { tags: rest.get(..length)?, values: rest.get(length..)? })
    }

    /// The values of a tag: their bytes, to the end of all values, and how many they are.
    fn value(&self, tag: u32) -> Option<(&'b [u8], usize)> {
        let entry = self.tags.chunks_exact(16).find(|entry| number(entry, 0) == Some(tag))?;
        Some((self.values.get(number(entry, 8)? as usize..)?, number(entry, 12)? as usize))
    }

    /// Texts that end with a zero.
    fn strings(&self, tag: u32) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let (bytes, count) = self.value(tag).unwrap_or_default();
        bytes.split(|byte| *byte == 0).take(count)
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> + use<'b> {
        let (bytes, count) = self.value(tag).unwrap_or_default();
        bytes.chunks_exact(4).take(count).filter_map(|bytes| number(bytes, 0))
    }
}

/// Four bytes at `at`, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Four bytes at `at`, the lowest first.
fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
pub(super) mod tests;
