//! What package managers wrote down about the files that they installed: which package a file belongs to, and its digest.
//!
//! What a public package ships unchanged is no leak of the image that it is installed in. Here is read what there is to
//! know about that; `findings` decides what follows from it. Every kind of list is a row of [`KINDS`] and, by family, a file.
//! All of it comes from the image, so a reader is bounded by the bytes it is given and passes over what it does not know.

mod apk;
mod asked;
mod cargo;
mod composer;
mod conda;
mod content;
mod dpkg;
mod few;
mod gem;
mod lists;
mod loose;
mod node;
mod nuget;
mod pacman;
mod python;
mod registry;
mod rpm;
mod toolchain;
mod twin;

pub use self::asked::{AskedPath, PathHashes};
pub use self::content::{Head, Heads};
pub use self::lists::{Folder, Listed, Lists, Origin, PackageId, path_key, tail_key};
pub use self::twin::source_of;

/// A kind of list.
#[derive(Debug)]
pub struct Kind {
    /// What it is.
    pub name: &'static str,
    /// Whether a file of that clean path is one.
    wants: fn(&[u8]) -> bool,
    read: fn(&List<'_>, &mut Lists),
}

/// A list as it stands in a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'l> {
    /// Clean path.
    path: &'l [u8],
    bytes: &'l [u8],
}

impl<'l> List<'l> {
    /// The folder that it is in, and its name.
    fn split(&self) -> (&'l [u8], &'l [u8]) {
        split(self.path)
    }
}

const fn row(name: &'static str, wants: fn(&[u8]) -> bool, read: fn(&List<'_>, &mut Lists)) -> Kind {
    Kind { name, wants, read }
}

/// Every kind of list. The first that wants a path has it.
pub const KINDS: &[Kind] = &[
    row("rpm database", rpm::is_database, rpm::read_database),
    row("dpkg digests", dpkg::is_md5sums, dpkg::read_md5sums),
    row("dpkg status", dpkg::is_status, dpkg::read_status),
    row("apk database", apk::is_installed, apk::read_installed),
    row("pacman file list", pacman::is_mtree, pacman::read_mtree),
    row("pacman description", pacman::is_description, pacman::read_description),
    row("conda package", conda::is_package, conda::read_package),
    row("Python record", python::is_record, python::read_record),
    row("Python origin", python::is_direct_url, python::read_direct_url),
    row("Python metadata", python::is_metadata, python::read_metadata),
    row("Node package", node::is_package, node::read_package),
    row("Node lock file", node::is_lock, node::read_lock),
    row("Yarn lock file", node::is_yarn_integrity, node::read_yarn_integrity),
    row("Ruby gem", gem::is_specification, gem::read_specification),
    row("Cargo checksums", cargo::is_checksums, cargo::read_checksums),
    row("Cargo source", cargo::is_unpacked, cargo::read_unpacked),
    row("Composer package", composer::is_package, composer::read_package),
    row("Composer list", composer::is_list, composer::read_list),
    row("NuGet package", nuget::is_metadata, nuget::read_metadata),
    row("Go toolchain", toolchain::is_go, toolchain::read_go),
    row("Python library", toolchain::is_python, toolchain::read_python),
];

/// The kind of list that a file of that clean path is, if it is one.
pub fn kind_of(path: &[u8]) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| (kind.wants)(path))
}

impl Kind {
    /// What the list at `path` with the content `bytes` says: at most `most` entries.
    pub fn read(&self, path: &[u8], bytes: &[u8], most: usize) -> Lists {
        let mut lists = Lists::with_room(bytes.len(), most);
        (self.read)(&List { path, bytes }, &mut lists);
        lists
    }
}

/// The folder of a clean path, and the rest.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// What stands before `folder` in the path of a file that is in it, empty or ending in a slash.
fn below<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    let root = split(path).0.strip_suffix(folder)?;
    (root.is_empty() || root.ends_with(b"/")).then_some(root)
}

/// The lines of a text, without their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A JSON text, which may start with a byte order mark.
fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()
}

#[cfg(test)]
mod tests;
