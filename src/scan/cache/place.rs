//! Where a cache has its reports: in a file of its own, or wherever somebody who shares them among machines keeps them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::{Kept, Stats, Store};
use crate::digest::Digest;

/// What a report is kept under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportName<'n> {
    /// Digest of all that it depends on beside the blob.
    pub settings: &'n Digest,
    /// Digest of the blob as stored.
    pub digest: &'n Digest,
}

/// Keeps reports for several machines. What is given back is looked at before it is believed; what fails is as if
/// there were no report, and is told by whoever keeps them.
pub trait Reports: Send + Sync {
    /// Whether there is one.
    fn has(&self, name: ReportName<'_>) -> bool;
    /// The report and its seal.
    fn find(&self, name: ReportName<'_>) -> Option<(Vec<u8>, [u8; 32])>;
    /// Keeps a report with its seal.
    fn keep(&self, name: ReportName<'_>, report: &[u8], seal: &[u8; 32]);
    /// Removes one that is not as it was kept.
    fn forget(&self, name: ReportName<'_>);
}

/// See the module.
pub(super) enum Place {
    File(Mutex<Store>),
    Shared(Arc<dyn Reports>),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Shared(_) => "Shared",
        })
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    /// Whether a blob of `size` bytes may be there.
    pub(super) fn has_size(&self, settings: &Digest, size: u64) -> bool {
        match self {
            Self::File(store) => lock(store).has_size(settings, size),
            Self::Shared(_) => true,
        }
    }

    pub(super) fn has(&self, name: ReportName<'_>) -> bool {
        match self {
            Self::File(store) => lock(store).has(name.settings, name.digest),
            Self::Shared(reports) => reports.has(name),
        }
    }

    pub(super) fn find(&self, name: ReportName<'_>) -> Option<(Vec<u8>, [u8; 32])> {
        match self {
            Self::File(store) => lock(store).find(name.settings, name.digest),
            Self::Shared(reports) => reports.find(name),
        }
    }

    /// Keeps the report of a blob of `size` bytes.
    pub(super) fn keep(&self, name: ReportName<'_>, size: u64, report: &[u8], seal: &[u8; 32]) {
        match self {
            Self::File(store) => lock(store).keep(name.settings, name.digest, (size, report, seal)),
            Self::Shared(reports) => reports.keep(name, report, seal),
        }
    }

    pub(super) fn spoilt(&self, name: ReportName<'_>) {
        match self {
            Self::File(store) => lock(store).spoilt(name.settings, name.digest),
            Self::Shared(reports) => reports.forget(name),
        }
    }

    pub(super) fn stats(&self) -> Option<Stats> {
        self.file().and_then(|mut store| store.stats())
    }

    pub(super) fn prune(&self, keep: &Kept) -> u64 {
        self.file().map_or(0, |mut store| store.prune(keep))
    }

    pub(super) fn notices(&self) -> Vec<String> {
        self.file().map(|store| store.notices()).unwrap_or_default()
    }

    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<MutexGuard<'_, Store>> {
        match self {
            Self::File(store) => Some(lock(store)),
            Self::Shared(_) => None,
        }
    }
}
