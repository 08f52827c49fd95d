//! Where a report goes: standard output, or a file that is there whole or not at all.
//!
//! The file is opened under another name beside its own before the scan begins, so a folder that cannot be written to
//! is known at once, and takes its own name when everything is on the disk. What was at that name stays until then.
//! An interrupt removes the unfinished file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use layersift::report::unobeyed;

use super::interrupt::{Interrupt, Waste};

/// Where a report goes.
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// A pipe or a device: written as it is.
    Device(PathBuf, File),
    /// A file.
    File(Unfinished),
}

impl Output {
    /// Standard output, or the file at `path`; `private` keeps others from reading it.
    pub(crate) fn open(path: Option<&Path>, private: bool, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let context = || format!("cannot write to {}", path.display());
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                anyhow::bail!("cannot write to {}: it is a folder", path.display())
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(path).with_context(context)?;
                Ok(Self::Device(path.to_owned(), file))
            }
            _ => Unfinished::create(path, private, interrupt).map(Self::File).with_context(context),
        }
    }

    /// Lets `write` write text for people, of which a CI runner obeys nothing.
    pub(crate) fn text(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
        let mut text = Vec::new();
        write(&mut text)?;
        self.write(|out| out.write_all(unobeyed(&String::from_utf8_lossy(&text)).as_bytes()))
    }

    /// Lets `write` write, and gives the file its name. A reader that closed the pipe is no error: it has read what
    /// it wanted.
    pub(crate) fn write(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = BufWriter::new(io::stdout().lock());
                let written = write(&mut out).and_then(|()| out.flush());
                // What a failed writer still holds would be written again when it is dropped.
                let _ = out.into_parts();
                unless_closed(written).context("cannot write to standard output")
            }
            Self::Device(path, file) => {
                let mut out = BufWriter::new(file);
                let written = write(&mut out).and_then(|()| out.flush());
                let _ = out.into_parts();
                unless_closed(written).with_context(|| format!("cannot write to {}", path.display()))
            }
            Self::File(unfinished) => {
                let path = unfinished.target.clone();
                unfinished.finish(write).with_context(|| format!("cannot write to {}", path.display()))
            }
        }
    }
}

fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A file under a name of its own, which is removed unless it is finished.
pub(crate) struct Unfinished {
    file: File,
    target: PathBuf,
    waste: Waste,
}

impl Unfinished {
    fn create(path: &Path, private: bool, interrupt: &Interrupt) -> io::Result<Self> {
        // The file that a link names is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let permissions = fs::metadata(&target).map(|metadata| metadata.permissions()).ok();
        if permissions.as_ref().is_some_and(fs::Permissions::readonly) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let (file, waste) = free_name(&target, private, interrupt)?;
        if let Some(permissions) = permissions.filter(|_| !private) {
            file.set_permissions(permissions)?;
        }
        Ok(Self { file, target, waste })
    }

    fn finish(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = BufWriter::new(&self.file);
        let written = write(&mut out).and_then(|()| out.flush());
        let _ = out.into_parts();
        written?;
        self.file.sync_all()?;
        self.waste.rename(&self.target)
    }
}

/// A new file beside `target`.
fn free_name(target: &Path, private: bool, interrupt: &Interrupt) -> io::Result<(File, Waste)> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    for attempt in 0..100 {
        let mut unfinished = OsString::from(".");
        unfinished.push(name);
        unfinished.push(format!(".{}-{attempt}.unfinished", std::process::id()));
        match interrupt.create(target.with_file_name(unfinished), |path| create_new(path, private)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn create_new(path: &Path, private: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn open(path: &Path) -> Output {
        Output::open(Some(path), false, &Interrupt::default()).unwrap()
    }

    #[test]
    fn a_file_has_its_name_when_all_of_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let output = open(&path);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.write(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_and_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let error = open(&path)
            .write(|out| {
                out.write_all(b"half")?;
                Err(io::ErrorKind::StorageFull.into())
            })
            .unwrap_err();
        assert!(format!("{error:#}").contains("report.json"), "{error:#}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(open(&path));
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn a_folder_and_a_missing_folder_are_refused_before_the_scan() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing/report.json")] {
            let error = Output::open(Some(&path), false, &Interrupt::default()).err().unwrap();
            assert!(error.to_string().starts_with("cannot write to"), "{error:#}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_secrets_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        open(&path).write(|out| out.write_all(b"new")).unwrap();
        assert_eq!(mode(), 0o640);
        let private = Output::open(Some(&path), true, &Interrupt::default()).unwrap();
        private.write(|out| out.write_all(b"secret")).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(Output::open(Some(&path), false, &Interrupt::default()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        open(&link).write(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        open(Path::new("/dev/null")).write(|out| out.write_all(b"gone")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
