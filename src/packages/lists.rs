//! What the package lists of one layer say, small enough to keep until all layers are read: a hash for each path, the
//! first bytes of a digest for each content.
//!
//! A list speaks of files, with or without their digests, or of a folder of which everything belongs to one package. It may
//! also say that a package is none that everybody can get; then nothing that the package has is excused.

use std::num::NonZeroU32;

use super::content::Head;
use crate::stream::header::clean;
use crate::stream::key;

/// A package as an index into its [`Lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(u32);

/// Who may have the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Everybody: it was taken from a public registry.
    Public,
    /// Nothing says where it came from.
    Unknown,
    /// It came from a private registry, a repository or a folder, or it says that it is not to be published.
    Private,
}

/// A file that a list names.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Whose it is.
    pub package: PackageId,
    /// Hash of the path: see [`path_key`].
    pub path: u64,
    /// Hash of the end of the path: see [`tail_key`].
    pub tail: Option<NonZeroU32>,
    /// Its content, if the list has a digest that is known here.
    pub content: Option<Head>,
}

/// A folder whose files belong to one package, but for those of packages in folders inside it.
#[derive(Debug, Clone, Copy)]
pub struct Folder {
    /// Whose it is.
    pub package: PackageId,
    /// Hash of the path: see [`path_key`].
    pub path: u64,
    /// Whether everybody can get the package.
    pub origin: Origin,
    /// Whether a list of all that was installed beside it says so, rather than the package itself.
    pub in_list: bool,
}

#[derive(Debug, Clone)]
struct Package {
    name: String,
    /// Hash of what distinguishes it from other packages.
    home: u64,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    packages: Vec<Package>,
    files: Vec<Listed>,
    folders: Vec<Folder>,
    /// The homes of packages that are not public.
    disowned: Vec<u64>,
    /// Folders of packages of which a list names every one.
    complete: Vec<u64>,
    left_out: u64,
}

/// Bytes of a package's name that are kept.
const LONGEST_NAME: usize = 100;

impl Lists {
    /// The name of a package, for people: its manager and what that calls it.
    pub fn name(&self, package: PackageId) -> &str {
        &self.packages[package.0 as usize].name
    }

    /// The hash by which [`Lists::disowned`] may speak of it.
    pub fn home(&self, package: PackageId) -> u64 {
        self.packages[package.0 as usize].home
    }

    /// Every file that has a line of its own.
    pub fn files(&self) -> &[Listed] {
        &self.files
    }

    /// Every folder that belongs to a package.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// The homes of packages that are not public.
    pub fn disowned(&self) -> &[u64] {
        &self.disowned
    }

    /// The folders with packages of which a list names every one.
    pub fn complete(&self) -> &[u64] {
        &self.complete
    }

    /// How many lines were left out because of the bound given to [`Lists::append`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes what `more` says too, as long as there are at most `most` entries in all.
    pub fn append(&mut self, more: Self, most: usize) {
        let entries = |lists: &Self| {
            let files = lists.packages.len() + lists.files.len() + lists.folders.len();
            files + lists.disowned.len() + lists.complete.len()
        };
        if entries(self) + entries(&more) > most {
            self.left_out += entries(&more) as u64 + more.left_out;
            // What is not public stays known, however much there is of the rest.
            self.disowned.extend(more.disowned.into_iter().take(most));
            return;
        }
        let Ok(before) = u32::try_from(self.packages.len()) else { return };
        let moved = |package: PackageId| PackageId(package.0.saturating_add(before));
        self.packages.extend(more.packages);
        self.files.extend(more.files.into_iter().map(|file| Listed { package: moved(file.package), ..file }));
        let folders = more.folders.into_iter();
        self.folders.extend(folders.map(|folder| Folder { package: moved(folder.package), ..folder }));
        self.disowned.extend(more.disowned);
        self.complete.extend(more.complete);
        self.left_out += more.left_out;
    }

    /// Adds the package that `manager` calls `name`. `home` tells it from all others.
    pub(super) fn package(&mut self, manager: &str, name: &[u8], home: &[u8]) -> PackageId {
        let text = String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME)]);
        self.packages.push(Package { name: format!("{manager} {}", text.trim()), home: key(home) });
        PackageId(u32::try_from(self.packages.len() - 1).unwrap_or(u32::MAX))
    }

    /// Adds a file at `path`, which is relative to the folder `root`.
    pub(super) fn file(&mut self, package: PackageId, root: &[u8], path: &[u8], content: Option<Head>) {
        let path = join(root, path);
        self.files.push(Listed { package, path: path_key(&path), tail: tail_key(&path), content });
    }

    /// Adds a folder of which the package itself says what it is.
    pub(super) fn folder(&mut self, package: PackageId, path: &[u8], origin: Origin) {
        self.folders.push(Folder { package, path: path_key(path), origin, in_list: false });
    }

    /// Adds a folder that a list of all packages names.
    pub(super) fn folder_in_list(&mut self, package: PackageId, path: &[u8], origin: Origin) {
        self.folders.push(Folder { package, path: path_key(path), origin, in_list: true });
    }

    /// Says that the package of that home is not public.
    pub(super) fn disown(&mut self, home: &[u8]) {
        self.disowned.push(key(home));
    }

    /// Says that a list names every package in the folder.
    pub(super) fn completes(&mut self, folder: &[u8]) {
        self.complete.push(path_key(folder));
    }
}

/// `path` in the folder `root`, cleaned; one that starts with a slash starts at the root all the same.
pub(super) fn join(root: &[u8], path: &[u8]) -> Vec<u8> {
    clean(&[root, b"/", path].concat())
}

/// The hash of a clean path. Systems with a merged `/usr` have at `usr/lib` what lists call `lib`: both are one.
pub fn path_key(path: &[u8]) -> u64 {
    let merged = path.strip_prefix(b"usr/").filter(|rest| {
        let first = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
        matches!(first, b"bin" | b"sbin" | b"lib" | b"lib32" | b"lib64" | b"libx32")
    });
    key(merged.unwrap_or(path))
}

/// The hash of the last three parts of a clean path, if it has as many: what a copy of a tree has in common with it.
pub fn tail_key(path: &[u8]) -> Option<NonZeroU32> {
    let mut slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.nth(1)?;
    let start = slashes.next().map_or(0, |third| third + 1);
    let key = key(&path[start..]);
    NonZeroU32::new(u32::try_from(key >> 32).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_were_appended_keep_their_packages() {
        let mut all = Lists::default();
        for name in ["one", "two"] {
            let mut lists = Lists::default();
            let package = lists.package("dpkg", name.as_bytes(), name.as_bytes());
            lists.file(package, b"", name.as_bytes(), None);
            all.append(lists, 100);
        }
        let names: Vec<&str> = all.files().iter().map(|file| all.name(file.package)).collect();
        assert_eq!(names, ["dpkg one", "dpkg two"]);
    }

    #[test]
    fn what_is_too_much_is_counted_and_what_is_private_is_kept() {
        let mut all = Lists::default();
        let mut lists = Lists::default();
        let package = lists.package("npm", b"a", b"a");
        (0..10).for_each(|_| lists.file(package, b"", b"x", None));
        lists.disown(b"a");
        all.append(lists, 5);
        assert_eq!((all.files().len(), all.left_out(), all.disowned().len()), (0, 12, 1));
    }

    #[test]
    fn the_end_of_a_path_has_three_parts() {
        assert_eq!(tail_key(b"x/y/a/b/c.js"), tail_key(b"a/b/c.js"));
        assert_ne!(tail_key(b"x/y/a/b/c.js"), tail_key(b"a/d/c.js"));
        assert_eq!((tail_key(b"b/c.js"), tail_key(b"c.js"), tail_key(b"")), (None, None, None));
        assert_eq!(size_of::<Listed>(), 24, "there may be a million of them");
    }

    #[test]
    fn a_merged_usr_is_the_same_place() {
        assert_eq!(path_key(b"usr/lib/x/libc.so"), path_key(b"lib/x/libc.so"));
        assert_ne!(path_key(b"usr/share/x"), path_key(b"share/x"));
        assert_ne!(path_key(b"opt/usr/lib/x"), path_key(b"opt/lib/x"));
    }
}
