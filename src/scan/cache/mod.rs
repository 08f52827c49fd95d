//! The layer cache: what a blob yielded, kept for the next scan that meets the same bytes under the same rules.
//!
//! A report depends on nothing but the blob's bytes, the rules, the limits and the program (`Session` names those), so
//! it can be kept under the blob's digest, whatever image and whatever source the blob came from. It is kept without the
//! text of any credential (see `sealed`). With a cache every report, new or kept, takes the same way through its stored
//! form, so what comes out does not depend on which it was.
//!
//! A cache may fail at any time: the disk is full, the file damaged, another process in the way. Then blobs are mapped as
//! if there were none, and [`Cache::notices`] says why.

mod known;
mod names;
mod place;
mod sealed;
mod secrets;
mod store;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub(super) use self::known::{Chains, KnownImage};
use self::names::Names;
use self::place::Place;
pub use self::place::{ReportName, Reports};
use self::secrets::{Secrets, shows_short};
use self::store::Store;
pub use self::store::{Kept, Stats};
use super::blob::BlobReport;
use super::collect::UNLISTED;
use super::sighting::Sighting;
use crate::digest::{Digest, Hasher};
use crate::findings::Redactor;
use crate::limits::{LIMITS, Limit, Limits};
use crate::secret::{FingerprintKey, SealKey, Secret};
use crate::signature::RuleSet;

/// A folder with what earlier scans found. To be shared by all scans of a process.
#[derive(Debug)]
pub struct Cache {
    key: SealKey,
    place: Place,
    names: Names,
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[error("the cache in {} cannot be used: {source}", folder.display())]
pub struct CacheError {
    folder: PathBuf,
    source: io::Error,
}

/// The file with the reports. Another form of them is another file.
const FILE: &str = "reports-1.sqlite";

/// The file with the key of everything in the cache.
const KEY: &str = "key";

impl Cache {
    /// Opens the cache in `folder`, which is made if it is not there, for nobody but its owner.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let error = |source| CacheError { folder: folder.to_owned(), source };
        private_folder(folder).map_err(error)?;
        let key = SealKey::new(&key(folder).map_err(error)?);
        let place = Place::File(Mutex::new(Store::open(folder.join(FILE)).map_err(error)?));
        Ok(Self { key, place, names: Names::default() })
    }

    /// A cache that several machines share. All of them need the same `key`, which is not kept where the reports are:
    /// whoever has both can try guesses at weak passwords.
    pub fn shared(key: &[u8; 32], reports: Arc<dyn Reports>) -> Self {
        Self { key: SealKey::new(key), place: Place::Shared(reports), names: Names::default() }
    }

    /// The file that holds the reports.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Removes everything from the cache in `folder`.
    pub fn clear(folder: &Path) -> io::Result<()> {
        let files = store::files(&folder.join(FILE)).into_iter().chain([folder.join(KEY)]);
        files.into_iter().try_for_each(|file| match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    /// How much is in it.
    pub fn stats(&self) -> Option<Stats> {
        self.place.stats()
    }

    /// Removes what is older or more than `keep` allows. Returns how many reports that were.
    pub fn prune(&self, keep: &Kept) -> u64 {
        self.place.prune(keep)
    }

    /// What went wrong since the cache was opened, for people, each once.
    pub fn notices(&self) -> Vec<String> {
        self.place.notices()
    }

    /// What is kept and looked for in scans with these rules, limits, bounds that the memory sets to limits, and fingerprints.
    pub(super) fn session<'c>(
        &'c self,
        rules: &'c RuleSet,
        (limits, bounds): (&Limits, &Limits),
        fingerprints: &'c FingerprintKey,
    ) -> Session<'c> {
        let mut settings = Hasher::default();
        settings.update(env!("LAYERSIFT_ENGINE").as_bytes());
        settings.update(env!("CARGO_PKG_VERSION").as_bytes());
        settings.update(rules.fingerprint().bytes());
        for limits in [limits, bounds] {
            for row in LIMITS {
                settings.update(&limits.get(row.limit).to_le_bytes());
            }
        }
        settings.update(&self.key.of_fingerprints(fingerprints));
        Session { cache: self, rules, fingerprints, settings: settings.finish() }
    }
}

/// The cache as one scan sees it.
#[derive(Debug)]
pub(super) struct Session<'c> {
    cache: &'c Cache,
    rules: &'c RuleSet,
    fingerprints: &'c FingerprintKey,
    /// Digest of all that a report depends on beside the blob.
    settings: Digest,
}

impl Session<'_> {
    /// Whether a blob of `size` bytes as stored may be here: to hash one that is not would be for nothing.
    pub(super) fn may_have(&self, size: u64) -> bool {
        self.cache.place.has_size(&self.settings, size)
    }

    fn name<'n>(&'n self, digest: &'n Digest) -> ReportName<'n> {
        ReportName { settings: &self.settings, digest }
    }

    /// What all that this session keeps depends on beside the blob.
    pub(super) fn settings(&self) -> &Digest {
        &self.settings
    }

    /// Whether there is a report of the blob with these stored bytes.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.cache.place.has(self.name(digest))
    }

    /// The report of the blob with these stored bytes, as one of the blob called `name`.
    pub(super) fn find(&self, digest: &Digest, name: &str) -> Option<BlobReport> {
        let (bytes, seal) = self.cache.place.find(self.name(digest))?;
        let report = (seal == self.seal(digest, &bytes)).then(|| self.read(&bytes, name)).flatten();
        if report.is_none() {
            self.cache.place.spoilt(self.name(digest));
        }
        report
    }

    /// Keeps `report`, if another scan of the same bytes would give it again. Returns it as it is kept.
    pub(super) fn keep(&self, report: BlobReport) -> BlobReport {
        let name = report.ledger.blob.clone();
        let (digest, size) = (report.digest, report.ledger.stored_bytes);
        let lasting = report.stored_complete && !depends_on_time(&report);
        let secrets = Secrets::new(&report, self);
        let sealed = secrets.seal(&report);
        // A hash of a path leads whoever has it to a weak credential in that path. Beside a file its key lies as well.
        let guessable = matches!(self.cache.place, Place::Shared(_)) && sealed.hides_paths();
        let storable = lasting && !guessable && !shows_short(&report, &sealed, self.rules);
        let Ok(bytes) = postcard::to_allocvec(&sealed) else { return report };
        let Some(kept) = self.read(&bytes, &name) else { return report };
        if storable {
            let seal = self.seal(&digest, &bytes);
            self.cache.place.keep(self.name(&digest), size, &bytes, &seal);
        }
        kept
    }

    /// Takes the texts out of the matches of all documents; first, as long as they are known, out of what the matches tell:
    /// of a sealed credential that a fact was cut in nobody knows how it began.
    pub(super) fn seal_texts<'f>(&self, found: impl Iterator<Item = &'f mut Sighting>) {
        let found: Vec<&mut Sighting> = found.collect();
        let redactor = secrets::redactor(found.iter().map(|what| &**what), self.rules);
        let seal = |secret: &mut Secret| *secret = secret.seal(&self.cache.key, self.fingerprints);
        for found in found {
            let of_parts = found.parts.iter_mut().flat_map(|part| &mut part.facts);
            for fact in found.facts.iter_mut().chain(of_parts) {
                fact.value = redactor.cut(&fact.value);
            }
            seal(&mut found.secret);
            found.owner.iter_mut().for_each(seal);
            found.parts.iter_mut().filter(|part| part.by.is_some()).for_each(|part| seal(&mut part.value));
        }
    }

    /// A redactor for credentials that are sealed.
    pub(super) fn redactor(&self, secrets: &BTreeSet<&Secret>) -> Redactor {
        Redactor::sealed(secrets.iter().copied(), &self.cache.key)
    }

    fn read(&self, bytes: &[u8], name: &str) -> Option<BlobReport> {
        let sealed: sealed::Report = postcard::from_bytes(bytes).ok()?;
        sealed.open(&self.cache.names, name)
    }

    /// What only a holder of the key can put beside a report.
    fn seal(&self, digest: &Digest, bytes: &[u8]) -> [u8; 32] {
        self.cache.key.hash("report", &[self.settings.bytes(), digest.bytes(), bytes])
    }
}

/// Whether a slower or faster machine might report something else: a file took too long, or that may be one of the problems
/// that are only counted.
fn depends_on_time(report: &BlobReport) -> bool {
    let remedy = Limit::FileSeconds.remedy();
    report.problems.iter().any(|problem| problem.remedy.contains(&remedy) || problem.remedy == UNLISTED)
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder)?.permissions()) & 0o022 != 0 {
        // They could put there what this program would believe.
        return Err(io::Error::other(
            "others than its owner can write to it; take that away with chmod go-w",
        ));
    }
    Ok(())
}

/// The key of the cache in `folder`; a new one if there is none. Of several processes that make one at a time, the first
/// makes it for all.
fn key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join(KEY);
    for _ in 0..3 {
        match fs::read(&path) {
            Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
                Ok(key) => return Ok(key),
                // Half a key: whatever it sealed is of no use.
                Err(_) => fs::remove_file(&path)?,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut new = [0; 32];
        getrandom::fill(&mut new).map_err(|error| io::Error::other(error.to_string()))?;
        let unfinished = folder.join(format!("{KEY}.{}", std::process::id()));
        let written = private_file(&unfinished).and_then(|mut file| {
            file.write_all(&new)?;
            file.sync_all()
        });
        // Unlike a renamed file, a link takes the place of no other.
        let linked = written.and_then(|()| fs::hard_link(&unfinished, &path));
        let _ = fs::remove_file(&unfinished);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Err(io::Error::other("its key comes and goes"))
}

fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests;
