//! The whole job on one page: open, map every blob, resolve the documents, join.
//!
//! `map` (see `blob`) knows one blob and nothing of images; `join` knows the images and reads no byte. So a file, a
//! folder and a pipe differ only in the order in which they give their blobs.

mod base;
mod beside;
mod blob;
mod budget;
pub mod cache;
mod certificates;
mod chunk;
mod collect;
mod contents;
mod copy;
mod documents;
mod encoded;
mod feed;
mod group;
mod images;
mod inside;
mod join;
mod kept;
mod lane;
mod larger;
mod layers;
mod lists;
mod mapping;
mod matching;
mod memory;
mod places;
mod proof;
mod pump;
mod searcher;
mod sighting;
mod stored;
mod structured;
mod tee;
mod texts;
mod versions;
mod whole;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

pub use self::base::GivenBase;
use self::blob::BlobReport;
use self::budget::Budget;
use self::cache::{Cache, Session};
use self::documents::Documents;
pub use self::layers::{GivenUp, Layer, Mapping, unread};
use self::mapping::{Mapped, map_all, unreadable};
use self::memory::Memory;
pub use self::memory::{default_memory, least_memory};
pub use self::proof::check;
use crate::findings::Outcome;
use crate::findings::suppress::Suppressions;
use crate::image::Selection;
use crate::limits::{Limit, Limits};
use crate::matcher::Matcher;
use crate::problem::Problem;
use crate::secret::FingerprintKey;
use crate::signature::{Confidence, RuleSet};
use crate::source::{self, Blob, Blobs, Form, Found, Input, Opened, Remote, SourceError, Stream};
use crate::stream::header::Kind;
use crate::stream::{Members, Streamed, fill};

/// How to scan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds on what an image may cost.
    pub limits: Limits,
    /// Threads; 0 = one for each core.
    pub jobs: usize,
    /// Bytes of memory that it may use; none: [`default_memory`] of all threads of all scans at a time.
    pub max_memory: Option<u64>,
    /// How many scans go on at a time, each with as many threads as `jobs` says: they share the memory.
    pub scans_at_once: usize,
    /// Which platforms of an image.
    pub selection: Selection,
    /// How images are reached that are not on this machine.
    pub remote: Remote,
    /// Findings below this tier are counted and not shown.
    pub min_confidence: Confidence,
    /// What fingerprints are keyed with.
    pub fingerprint_key: FingerprintKey,
    /// What somebody decided not to be told again.
    pub suppressions: Suppressions,
    /// The clock by which a credential that says when it ends has ended; without it none has.
    pub now: Option<fn() -> SystemTime>,
    /// Where what blobs yield is kept, and looked for. The credentials of an outcome have no text then.
    pub cache: Option<Arc<Cache>>,
    /// Whether the digest by which a file names a blob is believed. If not, the blob is hashed before what is kept under a
    /// digest counts.
    pub trust_digests: bool,
    /// Images that those that are scanned may be built on.
    pub bases: Vec<GivenBase>,
}

impl Options {
    /// Whether a scan can do with these options.
    pub fn check(&self) -> Result<(), ScanError> {
        let jobs = self.threads();
        let least = least_memory(jobs);
        match self.max_memory {
            Some(given) if given < least => Err(ScanError::Memory { given, jobs, least }),
            _ => Ok(()),
        }
    }

    /// Threads of all scans at a time.
    fn threads(&self) -> usize {
        memory::threads(self.jobs).saturating_mul(self.scans_at_once.max(1))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            jobs: 0,
            max_memory: None,
            scans_at_once: 1,
            selection: Selection::default(),
            remote: Remote::default(),
            min_confidence: Confidence::Likely,
            fingerprint_key: FingerprintKey::default(),
            suppressions: Suppressions::default(),
            now: None,
            cache: None,
            trust_digests: false,
            bases: Vec::new(),
        }
    }
}

/// Is told how a scan goes on; may be called from any thread. `()` is one that keeps quiet.
pub trait Progress: Sync {
    /// So many stored bytes there are, if that is known.
    fn expect(&self, bytes: u64);
    /// So many more stored bytes were read.
    fn advance(&self, bytes: u64);
    /// One more layer is done.
    fn layer(&self);
    /// So many more matches were made.
    fn found(&self, matches: usize);
}

impl Progress for () {
    fn expect(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn layer(&self) {}
    fn found(&self, _: usize) {}
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The input cannot be read or is no image.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It may use too little memory.
    #[error(
        "{given} bytes of memory are too little: with {jobs} threads a scan needs {}MiB or more. \
         Allow as much with --max-memory, or use fewer threads with --jobs",
        least.div_ceil(1 << 20)
    )]
    Memory {
        /// Bytes that it may use.
        given: u64,
        /// Threads.
        jobs: usize,
        /// Bytes that it needs.
        least: u64,
    },
    /// The operating system gives no threads.
    #[error("cannot start {jobs} threads: {source}. Use fewer with --jobs")]
    Threads {
        /// How many were asked for.
        jobs: usize,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Scans images with one rule set.
pub struct Scanner {
    matcher: Matcher,
    /// What a scan may use.
    memory: Memory,
    /// Shares of what is for who needs much, of all scans at a time.
    large: Arc<AtomicUsize>,
    options: Options,
}

/// What the steps of one scan share.
pub(crate) struct Context<'s> {
    matcher: &'s Matcher,
    limits: &'s Limits,
    budget: Budget,
    progress: &'s dyn Progress,
    /// Where reports are kept, if they are.
    cache: Option<Session<'s>>,
    trust_digests: bool,
    /// Layers that are not to be read.
    given_up: &'s GivenUp,
}

/// Everything that was read from an input, before anybody asked what it means.
#[derive(Default)]
pub(crate) struct Gathered {
    documents: Documents,
    /// By name.
    reports: BTreeMap<String, BlobReport>,
    /// Blobs that nobody asked for, with their size and why that is so.
    passed_over: BTreeMap<String, (u64, &'static str)>,
    /// Blobs of which nothing could be read, with the size that they should have.
    unread: BTreeMap<String, u64>,
    problems: Vec<Problem>,
    /// How the blobs are held.
    form: Form,
    /// Where the source decided which platforms are there.
    selection: Option<Selection>,
    /// Whether there is nothing because the user wants nothing of what is there.
    unwanted: bool,
}

fn memory_of(options: &Options) -> Memory {
    let threads = options.threads();
    Memory::new(options.max_memory.unwrap_or_else(|| default_memory(threads)), threads)
}

impl Scanner {
    /// A scanner for `rules`.
    pub fn new(rules: Arc<RuleSet>, options: Options) -> Self {
        let memory = memory_of(&options);
        let large = budget::shares(&memory);
        let matcher = Matcher::with_scratch(rules, memory.patterns);
        Self { matcher, memory: memory.each_of(options.scans_at_once.max(1)), large, options }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<RuleSet> {
        self.matcher.rules()
    }

    /// The cache, if there is one.
    pub fn cache(&self) -> Option<&Cache> {
        self.options.cache.as_deref()
    }

    /// Scans one input to its end. What could not be looked at is in [`Outcome::problems`].
    pub fn scan(&self, input: &Input, progress: &dyn Progress) -> Result<Outcome, ScanError> {
        self.scan_without(input, &GivenUp::new(), progress)
    }

    fn scan_without(
        &self,
        input: &Input,
        given_up: &GivenUp,
        progress: &dyn Progress,
    ) -> Result<Outcome, ScanError> {
        let Options { limits, remote, selection, .. } = &self.options;
        let windows = self.memory.bounds(limits);
        self.in_pool(|| {
            let Found { input, opened, problems } = source::open(input, &windows, remote, selection)?;
            let context = self.context(opened.window(), progress, given_up);
            let mut gathered = match opened {
                Opened::Blobs(blobs) => self.gather(&context, blobs),
                Opened::Stream(stream) => drain(&context, stream),
            };
            gathered.problems.extend(problems);
            Ok(join::join(self, &context, &input, gathered)?)
        })
    }

    /// Does `work` on threads of its own.
    fn in_pool<T: Send>(&self, work: impl FnOnce() -> Result<T, ScanError> + Send) -> Result<T, ScanError> {
        self.options.check()?;
        let jobs = memory::threads(self.options.jobs);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
        let pool = pool.map_err(|error| ScanError::Threads { jobs, source: std::io::Error::other(error) })?;
        pool.install(work)
    }

    /// What the steps of a scan share beside a stream that takes `window` bytes for its own.
    fn context<'s>(&'s self, window: u64, progress: &'s dyn Progress, given_up: &'s GivenUp) -> Context<'s> {
        let limits = &self.options.limits;
        let budget = Budget::new(self.memory.beside(window), Arc::clone(&self.large));
        // What is found depends on the memory only where it bounds windows and rooms.
        let bounds = (limits, &budget.memory.bounds(limits));
        let cache = self.options.cache.as_deref();
        Context {
            matcher: &self.matcher,
            limits,
            budget,
            progress,
            cache: cache.map(|cache| cache.session(self.rules(), bounds, &self.options.fingerprint_key)),
            trust_digests: self.options.trust_digests,
            given_up,
        }
    }

    /// Blobs in any order: documents first, then every blob that a chosen platform needs or that nobody names.
    fn gather(&self, context: &Context<'_>, blobs: Blobs) -> Gathered {
        let Blobs { blobs, aliases, problems, passed_over, form, listing, selection, at_once, unwanted } =
            blobs;
        let mut gathered = Gathered { problems, form, selection, unwanted, ..Gathered::default() };
        gathered.documents.list(listing);
        let (mut queue, blobs): (Vec<Blob>, Vec<Blob>) = blobs.into_iter().partition(|blob| blob.late);
        for blob in blobs {
            let taken = blob.open().map(|mut stored| {
                documents::take(&mut stored, blob.size, &gathered.documents, context.limits)
            });
            match taken {
                Ok(documents::Taken::Document(document)) => gathered.documents.insert(blob.name, document),
                Ok(documents::Taken::Other(_, problem)) => {
                    gathered.problems.extend(problem.map(|problem| join::located(&blob.name, &problem)));
                    queue.push(blob);
                }
                Err(error) => gathered.problems.push(unreadable(&blob.name, &error)),
            }
        }
        let there = queue.iter().chain(&passed_over).map(|blob| blob.name.as_str());
        gathered.documents.alias(aliases, there);
        let selection = gathered.selection.as_ref().unwrap_or(&self.options.selection);
        let resolution = gathered.documents.resolve(selection, context.limits);
        let unwanted = |blob: &Blob| gathered.documents.deselected(&resolution, &blob.name);
        let (unwanted, mut queue): (Vec<_>, Vec<_>) = queue.into_iter().partition(unwanted);
        let because = |why| move |blob: Blob| (blob.name, (blob.size, why));
        gathered.passed_over =
            passed_over.into_iter().map(because("only the history was asked for")).collect();
        let unwanted = unwanted.into_iter().map(because("only a platform that was not chosen has it"));
        gathered.passed_over.extend(unwanted);
        context.progress.expect(queue.iter().fold(0, |sum, blob| blob.size.saturating_add(sum)));
        // The largest first: it is the critical path.
        queue.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
        for (name, mapped) in map_all(context, &gathered.documents, &queue, at_once) {
            match mapped {
                Ok(Mapped::Report(report, problem)) => {
                    gathered.problems.extend(problem.map(|problem| join::located(&name, &problem)));
                    gathered.reports.insert(name, *report);
                }
                Ok(Mapped::Document(document)) => gathered.documents.insert(name, document),
                Err(error) => {
                    gathered.problems.push(unreadable(&name, &error));
                    let size = queue.iter().find(|blob| blob.name == name).map_or(0, |blob| blob.size);
                    gathered.unread.insert(name, size);
                }
            }
        }
        gathered
    }
}

/// Members in the order of an archive that can be read once.
fn drain(context: &Context<'_>, stream: Stream) -> Gathered {
    let mut gathered = Gathered { form: stream.form, ..Gathered::default() };
    let mut aliases = Vec::new();
    let mut members = Members::new(Streamed(stream.reader), context.limits);
    loop {
        let member = match members.next_member() {
            Ok(Some(member)) => member,
            Ok(None) => {
                gathered.problems.extend(members.unmarked().map(source::unmarked));
                break;
            }
            Err(error) => {
                gathered.problems.push(source::damaged(&error));
                break;
            }
        };
        if member.kind != Kind::File {
            aliases.extend(source::alias(&member));
            continue;
        }
        let name = String::from_utf8_lossy(&member.path).into_owned();
        let mut body = members.body();
        match documents::take(&mut body, member.size, &gathered.documents, context.limits) {
            documents::Taken::Document(bytes) => gathered.documents.insert(name, bytes),
            documents::Taken::Other(head, problem) => {
                gathered.problems.extend(problem.map(|problem| join::located(&name, &problem)));
                let report = kept::by_name(context, &name, context.trust_digests)
                    .or_else(|| kept::map(context, &name, &mut head.chain(&mut body), true));
                context.progress.layer();
                gathered.reports.extend(report.map(|report| (name, report)));
            }
        }
        if gathered.reports.len() as u64 >= context.limits.get(Limit::LayerEntries) {
            gathered.problems.push(source::too_many(gathered.reports.len()));
            break;
        }
    }
    behind(context, members.into_inner(), &mut gathered);
    let names: Vec<String> = gathered.reports.keys().cloned().collect();
    gathered.documents.alias(aliases, names.iter().map(String::as_str));
    gathered
}

/// What stands behind the end of an archive, or behind damage in it.
fn behind(context: &Context<'_>, mut rest: Streamed<Box<dyn Read + Send>>, gathered: &mut Gathered) {
    let mut head = vec![0; 64 << 10];
    loop {
        let (filled, error) = fill(&mut rest, &mut head);
        if let Some(error) = error {
            gathered.problems.push(unreadable(source::REST, &error));
        }
        if head[..filled].iter().any(|byte| *byte != 0) {
            let report = kept::map(context, source::REST, &mut head[..filled].chain(&mut rest), true);
            gathered.reports.extend(report.map(|report| (source::REST.into(), report)));
            return;
        }
        if filled < head.len() {
            return;
        }
    }
}
