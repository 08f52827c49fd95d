//! A folder: an OCI layout, or any folder of blobs and documents, such as skopeo's `dir:`.
//!
//! Every regular file below it is a blob. Symbolic links are followed to regular files of the same folder only: the
//! folder may be a stranger's, and must not make this program read anything else. What is neither is a problem and not
//! opened, since opening a FIFO or a device could hang.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Blob, Blobs, Form, Location, SourceError, archive, relative};
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};

/// Depth of folders below the root; layouts have two.
const DEPTH: usize = 16;

/// Files of which a folder of blobs has one at its top: an OCI layout (image-layout.md), or skopeo's `dir:`.
const MARKS: [&str; 3] = ["oci-layout", "index.json", "manifest.json"];

/// Lists the files of a folder.
pub(super) fn open(root: &Path, limits: &Limits) -> Result<Blobs, SourceError> {
    fs::read_dir(root)
        .map_err(|source| SourceError::Unreadable { input: root.display().to_string(), source })?;
    if !MARKS.iter().any(|mark| root.join(mark).exists()) {
        return Err(SourceError::NotAnImage {
            input: root.display().to_string(),
            found: format!("a folder without any of {}", MARKS.join(", ")),
            remedy: super::REMEDY.into(),
        });
    }
    let mut blobs = Blobs { form: Form::Folder, ..Blobs::default() };
    let mut open = vec![(root.to_path_buf(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                blobs.problems.push(unreadable(root, &folder, &error));
                continue;
            }
        };
        for entry in entries {
            match entry.map(|entry| entry.path()) {
                Ok(path) => add(root, path, depth, &mut open, &mut blobs),
                Err(error) => blobs.problems.push(unreadable(root, &folder, &error)),
            }
            if blobs.blobs.len() as u64 >= limits.get(Limit::LayerEntries) {
                blobs.problems.push(archive::too_many(blobs.blobs.len()));
                return Ok(blobs);
            }
        }
    }
    blobs.blobs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(blobs)
}

fn add(root: &Path, path: PathBuf, depth: usize, open: &mut Vec<(PathBuf, usize)>, blobs: &mut Blobs) {
    let linked = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
    match fs::metadata(&path) {
        Ok(_) if linked && !inside(root, &path) => blobs.problems.push(Problem::new(
            ProblemKind::Unsupported,
            relative(root, &path),
            "a symbolic link that leads out of the folder; it was not followed",
            "copy the folder with `cp -rL`, which replaces links by what they stand for",
        )),
        Ok(metadata) if metadata.is_file() => {
            let name = relative(root, &path);
            blobs.blobs.push(Blob {
                name,
                size: metadata.len(),
                late: false,
                location: Location::File(path),
            });
        }
        Ok(metadata) if metadata.is_dir() && depth < DEPTH && !linked => open.push((path, depth + 1)),
        Ok(_) => blobs.problems.push(Problem::new(
            ProblemKind::Unsupported,
            relative(root, &path),
            "neither a regular file nor a folder of the layout; it was not opened",
            "replace it by the file that it stands for",
        )),
        Err(error) => blobs.problems.push(unreadable(root, &path, &error)),
    }
}

fn inside(root: &Path, path: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(path).zip(real(root)).is_some_and(|(path, root)| path.starts_with(root))
}

fn unreadable(root: &Path, path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(
        ProblemKind::Unreadable,
        relative(root, path),
        format!("cannot be read: {error}"),
        "make it readable for the user that runs the scan",
    )
}
