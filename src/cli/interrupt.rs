//! Ctrl-C: what is unfinished is removed, and the process ends with 130 as a shell expects.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The exit code of a process that SIGINT ended (128 + 2).
const INTERRUPTED: i32 = 130;

/// The unfinished files of this process.
#[derive(Default, Clone)]
pub(crate) struct Interrupt(Arc<Mutex<Vec<PathBuf>>>);

impl Interrupt {
    /// Removes the unfinished files when the process is asked to end, by Ctrl-C or otherwise.
    pub(crate) fn listen() -> Self {
        let this = Self::default();
        let files = this.clone();
        // Without a listener the process ends all the same; only an unfinished file would stay.
        let _ = ctrlc::set_handler(move || {
            for path in files.lock().iter() {
                let _ = fs::remove_file(path);
            }
            std::process::exit(INTERRUPTED);
        });
        this
    }

    /// Creates a file that counts as unfinished from its first moment on.
    pub(crate) fn create(
        &self,
        path: PathBuf,
        create: impl FnOnce(&Path) -> io::Result<File>,
    ) -> io::Result<(File, Waste)> {
        // The lock keeps an interrupt from coming between the creation and the entry.
        let mut files = self.lock();
        let file = create(&path)?;
        files.push(path.clone());
        drop(files);
        Ok((file, Waste { path, interrupt: self.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An unfinished file, which is removed when this is dropped.
pub(crate) struct Waste {
    path: PathBuf,
    interrupt: Interrupt,
}

impl Waste {
    /// Finishes the file under its own name.
    pub(crate) fn rename(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)
    }
}

impl Drop for Waste {
    fn drop(&mut self) {
        // After a rename nothing is left at this path.
        let _ = fs::remove_file(&self.path);
        self.interrupt.lock().retain(|path| *path != self.path);
    }
}
