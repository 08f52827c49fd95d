//! What the package lists of one layer say, small enough to keep until all layers are read: a hash for each path, the
//! first bytes of a digest for each content.
//!
//! A list speaks of files, with or without their digests, or of a folder of which everything belongs to one package. It may
//! also say that a package is none that everybody can get; then nothing that the package has is excused.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::content::Head;
use crate::stream::header::clean;
use crate::stream::key;

/// A package as an index into its [`Lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackageId(u32);

/// Who may have the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Everybody: it was taken from a public registry.
    Public,
    /// Nothing says where it came from.
    Unknown,
    /// It came from a private registry, a repository or a folder, or it says that it is not to be published.
    Private,
}

/// A file that a list names.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Package {
    name: String,
    /// Hash of what distinguishes it from other packages.
    home: u64,
}

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lists {
    packages: Vec<Package>,
    files: Vec<Listed>,
    folders: Vec<Folder>,
    /// The homes of packages that are not public.
    disowned: Vec<u64>,
    /// Folders of packages of which a list names every one.
    complete: Vec<u64>,
    left_out: u64,
    lost: bool,
    #[serde(skip)]
    room: Room,
}

/// What one list may still put in.
#[derive(Debug, Clone, Default)]
struct Room {
    /// Packages, files and folders; and of those that are not public as many again.
    entries: usize,
    disowned: usize,
    /// Bytes of paths and homes that are hashed. A list may name one folder for each of its files, so what a list says can
    /// be far longer than the list.
    bytes: usize,
    /// Whether something found no room: then nothing does any more.
    full: bool,
}

/// Longest name of a package that is kept. A longer one is not cut: half of a credential would be none that redaction knows.
const LONGEST_NAME: usize = 100;

impl Lists {
    /// Room for what a list of `bytes` bytes may say: at most `most` entries.
    pub(super) fn with_room(bytes: usize, most: usize) -> Self {
        let bytes = bytes.saturating_mul(16).saturating_add(1 << 20);
        Self { room: Room { entries: most, disowned: most, bytes, full: false }, ..Self::default() }
    }

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

    /// How many entries, at least, were left out for want of room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether something may have been left out that says that a package is not public: then no list here excuses anything.
    pub fn lost(&self) -> bool {
        self.lost
    }

    /// Takes what `more` says too, as long as there are at most `most` entries in all.
    pub fn append(&mut self, more: Self, most: usize) {
        self.left_out += more.left_out;
        self.lost |= more.lost;
        let before =
            u32::try_from(self.packages.len()).ok().filter(|_| self.entries() + more.entries() <= most);
        let Some(before) = before else { return self.append_private(more, most) };
        let moved = |package: PackageId| PackageId(package.0.saturating_add(before));
        self.packages.extend(more.packages);
        self.files.extend(more.files.into_iter().map(|file| Listed { package: moved(file.package), ..file }));
        let folders = more.folders.into_iter();
        self.folders.extend(folders.map(|folder| Folder { package: moved(folder.package), ..folder }));
        self.disowned.extend(more.disowned);
        self.complete.extend(more.complete);
    }

    /// The same lists without the names of packages that `name` changes, and with `hash` of each content.
    #[must_use]
    pub fn hashed(mut self, name: impl Fn(&str) -> String, hash: impl Fn(u64) -> u64) -> Self {
        self.packages.iter_mut().for_each(|package| package.name = name(&package.name));
        for file in &mut self.files {
            file.content = file.content.map(|head| head.hashed(&hash));
        }
        self
    }

    fn entries(&self) -> usize {
        let files = self.packages.len() + self.files.len() + self.folders.len();
        files + self.disowned.len() + self.complete.len()
    }

    /// Of `more`, for which there is no room, what is not public: that stays known, however much there is of the rest, as
    /// long as that is no more than as much again.
    fn append_private(&mut self, more: Self, most: usize) {
        let all = more.entries();
        let mut room = most.saturating_mul(2).saturating_sub(self.entries());
        // Nobody asks which package a private folder belongs to.
        let private = more.folders.into_iter().filter(|folder| folder.origin == Origin::Private);
        let private: Vec<Folder> = private.map(|folder| Folder { package: PackageId(0), ..folder }).collect();
        let private_entries = private.len() + more.disowned.len() + more.complete.len();
        self.lost |= private_entries > room;
        self.left_out += (all - private_entries.min(room)) as u64;
        let mut fitting = |length: usize| {
            let fit = length.min(room);
            room -= fit;
            fit
        };
        let (folders, disowned) = (fitting(private.len()), fitting(more.disowned.len()));
        let complete = fitting(more.complete.len());
        self.folders.extend(private.into_iter().take(folders));
        self.disowned.extend(more.disowned.into_iter().take(disowned));
        self.complete.extend(more.complete.into_iter().take(complete));
    }

    /// Whether there is no more room: what is still to come will be left out.
    pub(super) fn full(&self) -> bool {
        self.room.full
    }

    /// Says that the list was not read to its end, so that what it says of others may be missing.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether there is room for an entry whose parts of a path are hashed. What finds none is counted.
    fn fits(&mut self, parts: &[&[u8]]) -> bool {
        let bytes = hashed(parts);
        if self.room.full || self.room.entries == 0 || bytes > self.room.bytes {
            self.room.full = true;
            self.left_out += 1;
            return false;
        }
        self.room.entries -= 1;
        self.room.bytes -= bytes;
        true
    }

    /// Adds the package that `manager` calls `name`. `home`, joined, tells it from all others. None if there is no room.
    pub(super) fn package(&mut self, manager: &str, name: &[u8], home: &[&[u8]]) -> Option<PackageId> {
        let id = u32::try_from(self.packages.len()).ok()?;
        if !self.fits(home) {
            return None;
        }
        let name = name.trim_ascii();
        let name = match name.len() {
            0..=LONGEST_NAME => format!("{manager} {}", String::from_utf8_lossy(name).trim()),
            length => format!("{manager} (a name of {length} bytes)"),
        };
        self.packages.push(Package { name, home: key(&home.concat()) });
        Some(PackageId(id))
    }

    /// Adds a file whose path is `parts`, joined and cleaned.
    pub(super) fn file(&mut self, package: PackageId, parts: &[&[u8]], content: Option<Head>) {
        if self.fits(parts) {
            let path = clean(&parts.concat());
            self.files.push(Listed { package, path: path_key(&path), tail: tail_key(&path), content });
        }
    }

    /// Adds a folder of which the package itself says what it is.
    pub(super) fn folder(&mut self, package: PackageId, path: &[&[u8]], origin: Origin) {
        self.add_folder(package, path, origin, false);
    }

    /// Adds a folder that a list of all packages names.
    pub(super) fn folder_in_list(&mut self, package: PackageId, path: &[&[u8]], origin: Origin) {
        self.add_folder(package, path, origin, true);
    }

    fn add_folder(&mut self, package: PackageId, path: &[&[u8]], origin: Origin, in_list: bool) {
        if self.fits(path) {
            let path = path_key(&clean(&path.concat()));
            self.folders.push(Folder { package, path, origin, in_list });
        } else {
            self.lose();
        }
    }

    /// Says that the package of that home is not public, also when there is no room for anything else.
    pub(super) fn disown(&mut self, home: &[&[u8]]) {
        let bytes = hashed(home);
        if self.room.disowned == 0 || bytes > self.room.bytes {
            return self.lose();
        }
        self.room.disowned -= 1;
        self.room.bytes -= bytes;
        self.disowned.push(key(&home.concat()));
    }

    /// Says that a list names every package in the folder.
    pub(super) fn completes(&mut self, folder: &[u8]) {
        self.complete.push(path_key(folder));
    }
}

/// Bytes of the joined parts of a path, and what it costs to join them.
fn hashed(parts: &[&[u8]]) -> usize {
    parts.iter().fold(16, |bytes, part| bytes.saturating_add(part.len()))
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
            let mut lists = Lists::with_room(0, 100);
            let package = lists.package("dpkg", name.as_bytes(), &[name.as_bytes()]).unwrap();
            lists.file(package, &[name.as_bytes()], None);
            all.append(lists, 100);
        }
        let names: Vec<&str> = all.files().iter().map(|file| all.name(file.package)).collect();
        assert_eq!(names, ["dpkg one", "dpkg two"]);
    }

    #[test]
    fn what_is_too_much_is_counted_and_what_is_private_is_kept() {
        let mut all = Lists::default();
        let mut lists = Lists::with_room(0, 100);
        let package = lists.package("npm", b"a", &[b"a"]).unwrap();
        (0..10).for_each(|_| lists.file(package, &[b"x"], None));
        lists.folder(package, &[b"public"], Origin::Public);
        lists.folder(package, &[b"private"], Origin::Private);
        lists.disown(&[b"a"]);
        all.append(lists, 5);
        assert_eq!((all.files().len(), all.folders().len(), all.disowned().len()), (0, 1, 1));
        assert_eq!((all.left_out(), all.lost()), (12, false));
    }

    #[test]
    fn private_packages_without_end_leave_nothing_to_trust() {
        let mut all = Lists::default();
        for _ in 0..4 {
            let mut lists = Lists::with_room(0, 100);
            (0..10).for_each(|_| lists.disown(&[b"a"]));
            all.append(lists, 15);
        }
        assert_eq!((all.disowned().len(), all.left_out(), all.lost()), (30, 10, true));
    }

    #[test]
    fn a_list_has_room_for_entries_and_bytes_and_what_finds_none_is_counted() {
        let mut lists = Lists::with_room(0, 3);
        let package = lists.package("npm", b"a", &[b"a"]).unwrap();
        (0..5).for_each(|_| lists.file(package, &[b"x"], None));
        lists.disown(&[b"a"]);
        assert_eq!((lists.files().len(), lists.disowned().len()), (2, 1));
        assert_eq!((lists.left_out(), lists.full(), lists.lost()), (3, true, false));
        assert!(lists.package("npm", b"b", &[b"b"]).is_none());
        lists.folder_in_list(package, &[b"c"], Origin::Private);
        assert!(lists.lost(), "nobody knows any more that it is private");

        let mut lists = Lists::with_room(0, 1_000_000);
        let folder = vec![b'a'; 1 << 16];
        let package = lists.package("rpm", b"a", &[b"a"]).unwrap();
        (0..1000).for_each(|_| lists.file(package, &[&folder, b"/x"], None));
        lists.file(package, &[b"x"], None);
        assert_eq!((lists.files().len(), lists.left_out()), (15, 986), "what is full stays full");
        (0..1000).for_each(|_| lists.disown(&[&folder]));
        assert!(lists.lost());
    }

    #[test]
    fn a_name_that_is_too_long_is_told_and_not_cut() {
        let mut lists = Lists::with_room(0, 10);
        let package = lists.package("npm", &[b'a'; 812], &[b"a"]).unwrap();
        assert_eq!(lists.name(package), "npm (a name of 812 bytes)");
        let package = lists.package("npm", &[b'a'; LONGEST_NAME], &[b"a"]).unwrap();
        assert_eq!(lists.name(package), format!("npm {}", "a".repeat(LONGEST_NAME)));
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
