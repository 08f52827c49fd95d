//! A saved image as its members in order: what becomes a tar, a folder, or a damaged copy of either.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::layer::LayerBuilder;

/// One member of an archive or layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    Dir,
    File(Vec<u8>),
    Link(String),
}

/// Members with their paths, in the order of the archive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bundle(pub(crate) Vec<(String, Member)>);

impl Bundle {
    /// Adds a file, unless it is there already (blobs are named by their content).
    pub(crate) fn put(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.member(path.into(), Member::File(bytes.into()));
    }

    pub(crate) fn put_json(&mut self, path: impl Into<String>, value: &Value) {
        self.put(path, value.to_string());
    }

    pub(crate) fn member(&mut self, path: String, member: Member) {
        if !self.0.iter().any(|(other, _)| *other == path) {
            self.0.push((path, member));
        }
    }

    /// Sorts by path, with the folders themselves, as containerd's and Docker 25's exporters write it.
    pub(crate) fn sorted_with_dirs(mut self) -> Self {
        for dir in ["blobs", "blobs/sha256"] {
            self.member(dir.to_owned(), Member::Dir);
        }
        self.0.sort_by(|left, right| left.0.cmp(&right.0));
        self
    }

    /// The bytes of the file at `path`.
    pub(crate) fn file_mut(&mut self, path: &str) -> &mut Vec<u8> {
        match self.0.iter_mut().find(|(other, _)| other == path) {
            Some((_, Member::File(bytes))) => bytes,
            _ => panic!("no file {path} in the bundle"),
        }
    }

    /// Changes a JSON file in place.
    pub(crate) fn edit_json(&mut self, path: &str, edit: impl FnOnce(&mut Value)) {
        let bytes = self.file_mut(path);
        let mut value = serde_json::from_slice(bytes).unwrap();
        edit(&mut value);
        *bytes = value.to_string().into_bytes();
    }

    pub(crate) fn remove(&mut self, path: &str) {
        let before = self.0.len();
        self.0.retain(|(other, _)| other != path);
        assert_eq!(self.0.len() + 1, before, "{path} is in the bundle once");
    }

    /// The archive.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut tar = LayerBuilder::new();
        for (path, member) in &self.0 {
            tar = match member {
                Member::Dir => tar.dir(path),
                Member::File(bytes) => tar.file(path, bytes),
                Member::Link(target) => tar.symlink(path, target),
            };
        }
        tar.tar()
    }

    /// The folder.
    pub(crate) fn write_dir(&self, dir: &Path) {
        for (path, member) in &self.0 {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match member {
                Member::Dir => fs::create_dir_all(path).unwrap(),
                Member::File(bytes) => fs::write(path, bytes).unwrap(),
                Member::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            }
        }
    }
}
