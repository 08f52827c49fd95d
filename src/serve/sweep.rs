//! Looking through registries for what no hook told of: hooks get lost, and a service is not always there.
//!
//! A sweep of a registry is one job, so there is one at a time however many servers there are. It goes in pieces: a page of
//! repositories, or some tags of one of them. Each piece notes in one transaction what it saw and where to go on, and gives
//! its worker back, so that pushes come first, whoever is killed on the way loses a piece, and a registry of
//! any size takes the memory of a page. What has the same digest and was scanned with the same settings costs one `HEAD`.

use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Service;
use super::allowed::Allowed;
use super::listing::{BOUNDS, Endless, Listing};
use super::metrics::Counter;
use super::store::{Gone, Job, Seen, Wanted};
use super::work::{Done, Failure, broken, final_one, remote};
use crate::source::registry::{Reference, RepositoryName, Walk};
use crate::source::{RemoteError, RemoteFault};

/// Where a sweep is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    registry: String,
    seen: Seen,
    /// Its repositories.
    repositories: Listing,
    current: Option<Current>,
    /// Whether something could not be looked at, so that what was not seen need not be gone.
    missed: bool,
    /// When this piece was begun: what is told of later is newer than what it sees.
    #[serde(skip)]
    asked: i64,
}

/// A repository that is being looked through.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Current {
    repository: String,
    /// When it was begun with.
    began: i64,
    tags: Listing,
    missed: bool,
}

/// Names that are asked for at once: repositories, and tags.
const PAGE: (usize, usize) = (100, 500);

/// Tags of a piece.
const PIECE: usize = 100;

/// Repositories that may turn out to be gone in one sweep.
const GONE: usize = 1_000;

/// Below pushes, and below the sweep itself.
const PRIORITY: i64 = 0;

/// Does the next piece of a sweep.
pub(super) fn sweep(service: &Service, job: &Job) -> Done {
    let mut position: Position = serde_json::from_str(&job.subject).map_err(|_| broken(job))?;
    let allowed = service.config.registries.iter().find(|allowed| allowed.name == position.registry);
    let allowed = allowed.ok_or_else(|| {
        final_one(format!("the registry {} is not on the list any more", position.registry))
    })?;
    position.asked = service.store.now()?;
    if position.seen.began == 0 {
        position.seen.began = position.asked;
    }
    if position.current.is_some() {
        return tags(service, job, position);
    }
    if let Some(repository) = position.repositories.next() {
        position.seen.repositories += 1;
        position.current = Some(Current { repository, began: position.asked, ..Current::default() });
        return tags(service, job, position);
    }
    if position.repositories.is_done() {
        end(service, job, allowed, &position)
    } else {
        repositories(service, job, allowed, position)
    }
}

/// Takes the next page of repositories, or some of it.
fn repositories(service: &Service, job: &Job, allowed: &Allowed, mut position: Position) -> Done {
    let globs = &allowed.repositories;
    if !globs.is_empty() && !globs.iter().any(|glob| glob.contains(['*', '?'])) {
        // All are named, so that nobody has to be asked.
        position.repositories = Listing::of(globs.clone());
        return go_on(service, job, &[], None, &position);
    }
    let registry = position.registry.clone();
    // What cannot be a name is not asked for, and not carried along.
    let fits = |name: &str| RepositoryName::at(&registry, name).is_ok() && allowed.covers(name);
    thread::sleep(service.config.pause);
    let more = position.repositories.more(BOUNDS, |page, each| {
        let walk = Walk::through_registry(&registry, service.scanner.remote())?;
        walk.repositories(page, PAGE.0, &mut |name| {
            if fits(&name) {
                each(name);
            }
        })
    });
    if more.map_err(|error| unlisted(&registry, &error))? == Err(Endless) {
        let most = BOUNDS.questions;
        return Err(final_one(format!("{registry} lists repositories on more than {most} pages")));
    }
    go_on(service, job, &[], None, &position)
}

/// What it means that a registry does not list its repositories. Most that are open to everybody do not.
fn unlisted(registry: &str, error: &RemoteError) -> Failure {
    let why = format!("{registry} does not list its repositories: {error}");
    if error.fault() == RemoteFault::Passing {
        return remote(why, error);
    }
    let remedy =
        "name them without `*` in `repositories` of its [[serve.registry]], or set its `sweep` to \"never\"";
    final_one(format!("{why}; {remedy}"))
}

/// Looks at some tags of the repository at hand.
fn tags(service: &Service, job: &Job, mut position: Position) -> Done {
    let Some(mut current) = position.current.take() else { return Err(broken(job)) };
    let (walk, listed) = match tags_of(service, &position.registry, &mut current) {
        Ok(found) => found,
        // The repository is gone, and its tags with it.
        Err(RemoteErrorOr::Remote(error)) if error.fault() == RemoteFault::Absent => {
            return whole(service, job, &[], &current, &position);
        }
        Err(RemoteErrorOr::Remote(error)) if error.fault() == RemoteFault::Passing => {
            return Err(remote(error.to_string(), &error));
        }
        Err(error) => {
            missed(service, &position.registry, &current.repository, &error.to_string());
            position.missed = true;
            return go_on(service, job, &[], None, &position);
        }
    };
    if listed == Err(Endless) {
        let reason = format!("its tags are on more than {} pages", BOUNDS.questions);
        missed(service, &position.registry, &current.repository, &reason);
        (current.missed, position.missed) = (true, true);
        return whole(service, job, &[], &current, &position);
    }
    let piece: Vec<String> = current.tags.peek(PIECE).map(str::to_owned).collect();
    let (images, done) = look(service, &walk, &piece, &mut current)?;
    position.seen.tags += i64::try_from(done).unwrap_or(i64::MAX);
    current.tags.done(done);
    position.missed |= current.missed;
    if current.tags.is_done() {
        return whole(service, job, &images, &current, &position);
    }
    position.current = Some(current);
    go_on(service, job, &images, None, &position)
}

/// What walks through a repository, and whether its tags could be listed as far as they are needed now.
fn tags_of(
    service: &Service,
    registry: &str,
    current: &mut Current,
) -> Result<(Walk, Result<(), Endless>), RemoteErrorOr> {
    let name = RepositoryName::at(registry, &current.repository);
    let name = name.map_err(|error| RemoteErrorOr::Name(error.to_string()))?;
    thread::sleep(service.config.pause);
    let walk = Walk::through(&name, service.scanner.remote())?;
    if !current.tags.is_empty() {
        return Ok((walk, Ok(())));
    }
    let listed = current.tags.more(BOUNDS, |page, each| walk.tags(page, PAGE.1, each))?;
    Ok((walk, listed))
}

/// Why a repository cannot be looked through.
#[derive(Debug, thiserror::Error)]
enum RemoteErrorOr {
    #[error("{0}")]
    Name(String),
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// The images that `tags` name now, and how many of the tags are done with: all, unless the service ends or the registry does
/// not answer any more.
fn look(
    service: &Service,
    walk: &Walk,
    tags: &[String],
    current: &mut Current,
) -> Result<(Vec<Reference>, usize), Failure> {
    let mut images = Vec::new();
    for (done, tag) in tags.iter().enumerate() {
        if service.is_stopping() && done > 0 {
            return Ok((images, done));
        }
        thread::sleep(service.config.pause);
        match walk.image(tag) {
            Ok(image) => images.extend(image),
            // Deleted while it was looked at.
            Err(error) if error.fault() == RemoteFault::Absent => {}
            Err(error) if error.fault() == RemoteFault::Passing => {
                // What was seen is kept; what fails now fails again when the next piece begins with it.
                return if done > 0 { Ok((images, done)) } else { Err(remote(error.to_string(), &error)) };
            }
            Err(error) => {
                missed(service, &current.repository, tag, &error.to_string());
                current.missed = true;
            }
        }
    }
    Ok((images, tags.len()))
}

fn missed(service: &Service, place: &str, name: &str, reason: &str) {
    service.log.warn("not seen by a sweep", json!({"in": place, "name": name, "reason": reason}));
}

/// Notes the last images of a repository, and that what of it was not seen is gone.
fn whole(service: &Service, job: &Job, images: &[Reference], current: &Current, position: &Position) -> Done {
    let gone = Gone { registry: &position.registry, repository: &current.repository, before: current.began };
    go_on(service, job, images, Some(&gone).filter(|_| !current.missed), position)
}

/// Notes a piece, and where the next begins.
fn go_on(
    service: &Service,
    job: &Job,
    images: &[Reference],
    gone: Option<&Gone<'_>>,
    position: &Position,
) -> Done {
    let wanted = |image| Wanted { image, settings: &service.crew.settings, priority: PRIORITY };
    let wanted: Vec<Wanted<'_>> = images.iter().map(wanted).collect();
    let next = |queued: i64| {
        let mut next = position.clone();
        next.seen.queued += queued;
        json!(next).to_string()
    };
    let noted = service.store.swept((job, &service.crew.worker), (&wanted, position.asked), gone, &next)?;
    if let Ok(queued) = noted {
        service.metrics.add(Counter::Swept, images.len() as u64);
        service.metrics.add(Counter::Queued, queued.unsigned_abs());
    }
    Ok(noted.map(drop))
}

/// Notes that all was seen. Repositories that were not are gone, unless something could not be looked at.
fn end(service: &Service, job: &Job, allowed: &Allowed, position: &Position) -> Done {
    let (registry, seen) = (&position.registry, position.seen);
    let unseen =
        if position.missed { Vec::new() } else { service.store.unseen(registry, seen.began, GONE)? };
    let gone: Vec<String> = unseen.into_iter().filter(|name| allowed.covers(name)).collect();
    let done = service.store.sweep_done((job, &service.crew.worker), registry, seen, &gone)?;
    if done.is_ok() {
        service.metrics.add(Counter::Sweeps, 1);
        let fields = json!({
            "registry": registry, "repositories": seen.repositories, "tags": seen.tags, "queued": seen.queued,
            "repositories gone": gone.len(),
        });
        service.log.info("sweep done", fields);
    }
    Ok(done)
}
