//! The job in pieces, for who shares it out among many: which layers an image has that nobody scanned yet, the scan of one
//! of them, and the join of what was kept.
//!
//! All of it goes by the cache: a layer that was scanned is one whose report is kept, and the join is an ordinary scan that
//! finds every report there. What a piece yields is what the whole would have yielded.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::cache::Session;
use super::documents::Documents;
use super::join::digest_in_name;
use super::mapping::{Late, Mapped, map_stored};
use super::{Progress, ScanError, Scanner, kept};
use crate::digest::Digest;
use crate::findings::Outcome;
use crate::problem::{Problem, ProblemKind};
use crate::source::registry::{Reference, RepositoryName};
use crate::source::{self, Input, Opened, RemoteError, SourceError};

/// A layer in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Digest of its stored bytes, with the algorithm.
    pub digest: String,
    /// How many bytes its manifest says that it has.
    pub size: u64,
}

/// What became of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mapping {
    /// It was scanned, and its report is kept.
    Kept,
    /// Its report was there already.
    Known,
    /// It was read to its end, and its report may not be kept: the join has to read it again.
    NotKept,
    /// It could not be read to its end.
    Cut {
        /// Why.
        why: String,
        /// What the registry's part in it was, if it had one.
        remote: Option<RemoteError>,
    },
}

/// Layers that are not to be read, by their digests, and why: they are told as gaps.
pub type GivenUp = BTreeMap<String, String>;

/// How what is told of a layer that was given up begins.
const GIVEN_UP: &str = "was given up";

/// A reader that remembers what a registry did not give.
struct Witness<'w> {
    stored: Box<dyn Read + Send>,
    remote: &'w Mutex<Option<RemoteError>>,
}

impl Read for Witness<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.stored.read(out).inspect_err(|error| {
            let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
            *remote = remote.take().or_else(|| RemoteError::within(error).cloned());
        })
    }
}

/// Why one of the problems of an outcome may pass by itself: something could not be read, and was not given up. None if
/// there is none such.
pub fn unread(problems: &[Problem]) -> Option<&Problem> {
    let unread = |problem: &&Problem| problem.kind == ProblemKind::Unreadable && !NotTried::told(problem);
    problems.iter().find(unread)
}

/// Why a layer was not read.
#[derive(Debug)]
pub(super) struct NotTried(String);

impl NotTried {
    /// Why the blob `name` is not to be read, if it is among `given_up`.
    pub(super) fn of(name: &str, given_up: &GivenUp) -> Option<io::Error> {
        let digest = digest_in_name(name)?.to_string();
        given_up.get(&digest).map(|why| io::Error::other(Self(why.clone())))
    }

    /// Whether `problem` tells of one.
    fn told(problem: &Problem) -> bool {
        problem.message.starts_with(GIVEN_UP)
    }

    /// The reason that `error` carries, if it does.
    pub(super) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for NotTried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{GIVEN_UP}: {}", self.0)
    }
}

impl std::error::Error for NotTried {}

impl Scanner {
    /// What reports are kept under beside the digest of their blob: the same for every program, rules and options that
    /// yield the same. None without a cache.
    pub fn settings(&self) -> Option<String> {
        let bounds = self.memory.bounds(&self.options.limits);
        self.session(&bounds).map(|session| session.settings().hex())
    }

    /// How registries are reached.
    pub fn remote(&self) -> &crate::source::Remote {
        &self.options.remote
    }

    /// The digest of the manifest that a name in a registry stands for now.
    pub fn resolve(&self, reference: &Reference) -> Result<String, ScanError> {
        let digest = source::resolve(reference, &self.options.limits, &self.options.remote);
        digest.map_err(|source| {
            SourceError::Remote { input: reference.to_string(), source, tried: Vec::new() }.into()
        })
    }

    /// The layers of an image in a registry of which no report is kept, the largest first. Reads its documents only.
    pub fn missing(&self, input: &Input) -> Result<Vec<Layer>, ScanError> {
        self.options.check()?;
        let windows = self.memory.bounds(&self.options.limits);
        let Opened::Blobs(blobs) =
            source::open(input, &windows, &self.options.remote, &self.options.selection)?.opened
        else {
            return Ok(Vec::new());
        };
        let session = self.session(&windows);
        let is_kept = |digest: &Digest| session.as_ref().is_some_and(|session| session.has(digest));
        let mut layers: Vec<Layer> = Vec::new();
        for blob in blobs.blobs.iter().filter(|blob| blob.late && blob.is_remote()) {
            let Some(digest) = digest_in_name(&blob.name).filter(|digest| !is_kept(digest)) else { continue };
            layers.push(Layer { digest: digest.to_string(), size: blob.size });
        }
        layers.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.digest.cmp(&b.digest)));
        layers.dedup();
        Ok(layers)
    }

    /// Scans one layer of `repository` and keeps what it yields.
    pub fn map_layer(
        &self,
        repository: &RepositoryName,
        layer: &Layer,
        progress: &dyn Progress,
    ) -> Result<Mapping, ScanError> {
        let given_up = GivenUp::new();
        self.in_pool(|| {
            let context = self.context(0, progress, &given_up);
            let refused =
                |source| SourceError::Remote { input: repository.to_string(), source, tried: Vec::new() };
            let blob = source::layer(repository, (&layer.digest, layer.size), &self.options.remote);
            let blob = blob.map_err(refused)?;
            if kept::known(&context, &blob).is_some() {
                return Ok(Mapping::Known);
            }
            let documents = Documents::default();
            let late = Late::new(&documents, context.limits);
            let remote = Mutex::default();
            let map = |alone| {
                let stored = Witness { stored: blob.open()?, remote: &remote };
                Ok(map_stored(&context, &late, (&blob.name, blob.size), stored, alone))
            };
            let mapped = match map(false) {
                // It needs more than everybody may have, and so has it in turn with other scans.
                Ok(None) => {
                    let _share = context.budget.exclusive();
                    map(true)
                }
                mapped => mapped,
            };
            let remote = || remote.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let report = match mapped {
                Ok(Some(Mapped::Report(report, _))) => report,
                Ok(_) => return Ok(Mapping::NotKept),
                Err(error) => {
                    let remote = remote().or_else(|| RemoteError::within(&error).cloned());
                    return Ok(Mapping::Cut { why: error.to_string(), remote });
                }
            };
            let kept = context.cache.as_ref().is_some_and(|session| session.has(&report.digest));
            let of_bytes =
                |kind: ProblemKind| kind == ProblemKind::Unreadable || kind == ProblemKind::Missing;
            let cut =
                report.problems.iter().find(|problem| of_bytes(problem.kind) && !report.stored_complete);
            Ok(match (kept && report.digest.to_string() == layer.digest, cut) {
                (true, _) => Mapping::Kept,
                (false, Some(problem)) => Mapping::Cut { why: problem.message.clone(), remote: remote() },
                (false, None) => Mapping::NotKept,
            })
        })
    }

    /// Like [`Scanner::scan`], but does not read layers that are `given_up`, unless their reports are kept.
    pub fn join(
        &self,
        input: &Input,
        given_up: &GivenUp,
        progress: &dyn Progress,
    ) -> Result<Outcome, ScanError> {
        self.scan_without(input, given_up, progress)
    }

    fn session(&self, bounds: &crate::limits::Limits) -> Option<Session<'_>> {
        let cache = self.options.cache.as_deref()?;
        let limits = (&self.options.limits, bounds);
        Some(cache.session(self.rules(), limits, &self.options.fingerprint_key))
    }
}
