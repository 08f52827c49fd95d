//! What is done for a job: a tag is resolved, an image is seen through, a layer is scanned.
//!
//! An image passes here twice. The first time its documents say which layers it has; for each that nobody scanned yet there
//! is a job, and the image waits for those. The second time all of them are kept and it is joined, without reading a
//! layer. What could not be scanned is a gap of its report, which is closed as soon as it can be.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Service;
use super::forget;
use super::judge::NotKept;
use super::messages;
use super::metrics::Counter;
use super::store::{Failed, Job, Kind, Lost, Outdated, Scanned, StoreError, Unreachable, Wanted};
use super::sweep;
use super::watched::Watch;
use crate::scan::{GivenUp, Layer, Mapping, Progress, ScanError};
use crate::source::registry::{Reference, RepositoryName};
use crate::source::{Input, RemoteError, RemoteFault, SourceError};

/// Why a job is not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The work failed.
    Work(Failed),
    /// The database failed: nothing can be noted either.
    Store(StoreError),
}

/// Whether the job was still its worker's when it was done.
pub(super) type Done = Result<Result<(), Lost>, Failure>;

/// A layer, as a job has it.
#[derive(Serialize, Deserialize)]
struct LayerSubject {
    registry: String,
    repository: String,
    digest: String,
    size: u64,
}

/// How urgent pushes are: more than what is looked for again.
pub(super) const PUSHED: i64 = 10;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        let reason = error.to_string();
        match &error {
            ScanError::Source(SourceError::Remote { source, .. }) => remote(reason, source),
            ScanError::Threads { .. } => may_pass(reason),
            _ => final_one(reason),
        }
    }
}

/// A failure that does not pass by itself.
pub(super) fn final_one(reason: impl Into<String>) -> Failure {
    Failure::Work(Failed { reason: reason.into(), may_pass: false, unreachable: None })
}

/// A failure of this machine that may pass.
pub(super) fn may_pass(reason: impl Into<String>) -> Failure {
    Failure::Work(Failed { reason: reason.into(), may_pass: true, unreachable: None })
}

/// A failure of the other side.
pub(super) fn remote(reason: String, error: &RemoteError) -> Failure {
    let away = error.fault() == RemoteFault::Passing;
    // Logins are mended more often than names.
    let may_pass = away || error.fault() == RemoteFault::Denied;
    let unreachable = away.then(|| Unreachable { wait: error.wait() });
    Failure::Work(Failed { reason, may_pass, unreachable })
}

/// Does `job`, and notes what became of it.
pub(super) fn work(service: &Service, job: &Job) -> Result<(), StoreError> {
    let began = Instant::now();
    let attempt = std::panic::AssertUnwindSafe(|| match job.kind {
        Kind::Tag => tag(service, job),
        Kind::Image => image(service, job),
        Kind::Layer => layer(service, job),
        Kind::Judge => judge(service, job),
        Kind::Forget => forget::forget(service, job),
        Kind::Sweep => sweep::sweep(service, job),
        Kind::Tell => messages::tell(service, job),
        Kind::Message => messages::send(service, job),
        Kind::Decide => decide(service, job),
    });
    let done = std::panic::catch_unwind(attempt);
    let done = done.unwrap_or_else(|_| Err(may_pass("the program failed; please report this")));
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    service.metrics.add(Counter::Busy, took);
    let fields = json!({"job": job.id, "kind": job.kind.as_str(), "name": job.name, "milliseconds": took});
    let failed = match done {
        Ok(Ok(())) => {
            service.metrics.add(Counter::Done, 1);
            service.log.info("job done", fields);
            return Ok(());
        }
        Ok(Err(Lost)) => {
            service.log.warn("job was taken over by another worker", fields);
            return Ok(());
        }
        Err(Failure::Store(error)) if error.may_pass() => return Err(error),
        // What the database will never take is told with the job.
        Err(Failure::Store(error)) => Failed { reason: error.to_string(), may_pass: true, unreachable: None },
        Err(Failure::Work(failed)) => failed,
    };
    service.metrics.add(Counter::Failed, 1);
    let (reason, tries) = (&failed.reason, job.attempts);
    let fields = json!({"job": job.id, "name": job.name, "reason": reason, "tries": tries});
    service.log.warn("job failed", fields);
    // If it is another worker's by now, that one notes what becomes of it.
    service.store.failed(job, &service.crew.worker, &failed).map(drop)
}

pub(super) fn broken(job: &Job) -> Failure {
    final_one(format!("job {} cannot be read; an older or newer version wrote it", job.id))
}

fn named(job: &Job) -> Result<Reference, Failure> {
    Reference::from_json(&job.subject).ok_or_else(|| broken(job))
}

/// Finds out which image a tag names.
fn tag(service: &Service, job: &Job) -> Done {
    let tagged = named(job)?;
    // What is told of while the registry answers is newer than its answer.
    let asked = service.store.now()?;
    let digest = service.scanner.resolve(&tagged)?;
    let image = Reference::new(tagged.name().clone(), tagged.tag(), Some(&digest));
    let image = image.map_err(|error| final_one(error.to_string()))?;
    let wanted = Wanted { image: &image, settings: &service.crew.settings, priority: job.priority };
    Ok(service.store.resolved(job, &service.crew.worker, &wanted, asked)?)
}

/// Sees what an image has, or joins it.
fn image(service: &Service, job: &Job) -> Done {
    let taken = Instant::now();
    let reference = named(job)?;
    let input = Input::Registry(reference.clone());
    let (worker, settings) = (&service.crew.worker, &service.crew.settings);
    if !job.waited || job.settings.as_deref() != Some(settings) {
        let missing = service.scanner.missing(&input)?;
        if !missing.is_empty() {
            let layers: Vec<_> =
                missing.iter().map(|layer| layer_job(service, reference.name(), layer)).collect();
            return Ok(service.store.park(job, worker, settings, &layers)?);
        }
    }
    let prefix = layer_name(service, "");
    let lacks = service.store.given_up(job)?;
    let given_up = lacks
        .iter()
        .filter_map(|layer| Some((layer.name.strip_prefix(&prefix)?.to_owned(), layer.reason.clone())));
    let given_up: GivenUp = given_up.collect();
    let began = SystemTime::now();
    let outcome = service.scanner.join(&input, &given_up, &service.metrics)?;
    let scanned = service.to_keep(&reference, outcome, began).map_err(|error| match error {
        NotKept::Store(error) => error.into(),
        error => may_pass(format!("what was found cannot be kept: {error}")),
    })?;
    let scanned = Scanned { lacks: lacks.into_iter().map(|layer| layer.name).collect(), ..scanned };
    service.metrics.add(Counter::Images, 1);
    let shown = scanned.findings.iter().filter(|found| found.ignored.is_none() && !found.unseen);
    service.metrics.add(Counter::Findings, shown.count() as u64);
    service.metrics.add(Counter::Gaps, scanned.gaps.unsigned_abs());
    let done = service.store.scanned((job, worker), &reference, settings, &scanned)?;
    if done.is_ok() && job.priority >= PUSHED {
        let waited = u64::try_from(job.age).unwrap_or(0);
        let took = u64::try_from(taken.elapsed().as_millis()).unwrap_or(u64::MAX);
        service.metrics.reported(waited.saturating_add(took));
    }
    Ok(done)
}

fn layer_name(service: &Service, digest: &str) -> String {
    format!("layer {} {digest}", service.crew.settings)
}

fn layer_job(service: &Service, name: &RepositoryName, layer: &Layer) -> (String, String) {
    let subject = json!({
        "registry": name.domain(), "repository": name.path(), "digest": layer.digest, "size": layer.size
    });
    (layer_name(service, &layer.digest), subject.to_string())
}

/// Scans a layer, from any of the repositories that have it: the one that it was asked for first may be gone, or closed.
fn layer(service: &Service, job: &Job) -> Done {
    let subject: LayerSubject = serde_json::from_str(&job.subject).map_err(|_| broken(job))?;
    let first = RepositoryName::at(&subject.registry, &subject.repository).map_err(|_| broken(job))?;
    let layer = Layer { digest: subject.digest, size: subject.size };
    let watch = service.watched.watch(&service.metrics, job.id, layer.size);
    let mapped = layer_of(service, &first, &layer, &watch).or_else(|failure| {
        let others = service.store.sources(job)?.into_iter().filter(|name| *name != first);
        // What is told is what the first one said.
        others
            .map(|name| layer_of(service, &name, &layer, &watch))
            .find(Result::is_ok)
            .unwrap_or(Err(failure))
    });
    mapped?;
    Ok(service.store.done(job, &service.crew.worker)?)
}

fn layer_of(
    service: &Service,
    name: &RepositoryName,
    layer: &Layer,
    watch: &Watch<'_>,
) -> Result<(), Failure> {
    let mapping = service.scanner.map_layer(name, layer, watch)?;
    if let Mapping::Cut { why, remote: error } = mapping {
        return Err(match error {
            Some(error) => remote(why, &error),
            None => may_pass(why),
        });
    }
    service.metrics.add(if mapping == Mapping::Known { Counter::Shared } else { Counter::Layers }, 1);
    Ok(())
}

/// Judges all images anew that were judged by other lists, another policy or on another day. What is done stays done.
fn judge(service: &Service, job: &Job) -> Done {
    let today = service.judge.today();
    if !today.is_of(&job.subject) {
        let why = "it is for a worker with other lists or another policy than this one has";
        return Err(may_pass(why));
    }
    let mut after = Outdated::default();
    while let Some(outdated) = service.store.judged_otherwise(today.name(), &after, 1)?.pop() {
        let image = outdated.1;
        after = outdated;
        match service.judge_anew(image, &today) {
            Ok(_) => {}
            Err(NotKept::Store(error)) => return Err(error.into()),
            Err(error) => {
                let fields = json!({"image": image, "reason": error.to_string()});
                service.log.warn("an image cannot be judged anew", fields);
            }
        }
    }
    Ok(service.store.done(job, &service.crew.worker)?)
}

/// Writes a decision beside the findings that it covers.
fn decide(service: &Service, job: &Job) -> Done {
    let number = job.subject.parse().map_err(|_| broken(job))?;
    service.store.spread(number)?;
    Ok(service.store.spread_done(job, &service.crew.worker)?)
}

impl Progress for super::metrics::Metrics {
    fn expect(&self, _: u64) {}

    fn advance(&self, bytes: u64) {
        self.add(Counter::Bytes, bytes);
    }

    fn layer(&self) {}

    fn found(&self, _: usize) {}
}
