//! An archive that a program hands over as a reader: an input like others, but one that can be scanned once.

use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// A reader with the name that reports give it. Clones share it: whoever is first has it.
#[derive(Clone)]
pub struct Reader {
    name: Arc<str>,
    reader: Arc<Mutex<Option<Box<dyn Read + Send>>>>,
}

impl Reader {
    pub(super) fn new(name: &str, reader: Box<dyn Read + Send>) -> Self {
        Self { name: name.into(), reader: Arc::new(Mutex::new(Some(reader))) }
    }

    /// The reader, unless somebody had it before.
    pub(super) fn take(&self) -> io::Result<Box<dyn Read + Send>> {
        let taken = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| io::Error::other("it was read already, and a reader can be read once"))
    }
}

impl PartialEq for Reader {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.reader, &other.reader)
    }
}

impl Eq for Reader {}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.name).finish()
    }
}
