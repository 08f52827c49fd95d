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
    /// The next page of repositories, and whether there is none any more.
    catalog: Option<String>,
    listed: bool,
    /// Pages of repositories that were asked for.
    pages: u32,
    /// Repositories that are still to be looked through.
    waiting: Vec<String>,
    current: Option<Current>,
    /// Whether something could not be looked at, so that what was not seen need not be gone.
    missed: bool,
    /// When this piece was begun: what is told of later is newer than what it sees.
    #[serde(skip)]
    asked: i64,
}

/// A repository that is being looked through.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Current {
    repository: String,
    /// When it was begun with.
    began: i64,
    /// The page of tags, and how many of its tags are done.
    page: Option<String>,
    pages: u32,
    done: usize,
    missed: bool,
}

/// Names that are asked for at once: repositories, and tags.
const PAGE: (usize, usize) = (100, 500);

/// Pages of one list: a registry whose pages lead in a circle is not followed for ever.
const PAGES: u32 = 20_000;

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
    if let Some(repository) = position.waiting.pop() {
        position.seen.repositories += 1;
        position.current = Some(Current { repository, began: position.asked, ..Current::default() });
        return tags(service, job, position);
    }
    if position.listed {
        end(service, job, allowed, &position)
    } else {
        repositories(service, job, allowed, position)
    }
}

/// Takes the next page of repositories.
fn repositories(service: &Service, job: &Job, allowed: &Allowed, mut position: Position) -> Done {
    let globs = &allowed.repositories;
    if !globs.is_empty() && !globs.iter().any(|glob| glob.contains(['*', '?'])) {
        // All are named, so that nobody has to be asked.
        (position.waiting, position.listed) = (globs.clone(), true);
    } else {
        position.pages += 1;
        if position.pages > PAGES {
            return Err(final_one(format!(
                "{} lists repositories on more than {PAGES} pages",
                position.registry
            )));
        }
        thread::sleep(service.config.pause);
        let walk = Walk::through_registry(&position.registry, service.scanner.remote());
        let page = walk.and_then(|walk| walk.repositories(position.catalog.as_deref(), PAGE.0));
        let page = page.map_err(|error| unlisted(&position.registry, &error))?;
        let fits = |name: &String| {
            // What cannot be a name is not asked for, and not carried along.
            let named = RepositoryName::at(&position.registry, name).is_ok();
            named && (globs.is_empty() || globs.iter().any(|glob| crate::source::registry::fits(glob, name)))
        };
        position.waiting = page.names.into_iter().filter(fits).collect();
        (position.listed, position.catalog) = (page.next.is_none(), page.next);
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
    let name = RepositoryName::at(&position.registry, &current.repository);
    thread::sleep(service.config.pause);
    let listed = name.map_err(|error| RemoteErrorOr::Name(error.to_string())).and_then(|name| {
        let walk = Walk::through(&name, service.scanner.remote())?;
        let page = walk.tags(current.page.as_deref(), PAGE.1)?;
        Ok((walk, page))
    });
    let (walk, page) = match listed {
        Ok(found) => found,
        // The repository is gone, and its tags with it.
        Err(RemoteErrorOr::Remote(error)) if error.fault() == RemoteFault::Absent => {
            return repository_done(service, job, &current, &position);
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
    let piece: Vec<&String> = page.names.iter().skip(current.done).take(PIECE).collect();
    let (images, done) = look(service, &walk, &piece, &mut current)?;
    position.seen.tags += i64::try_from(done).unwrap_or(i64::MAX);
    current.done += done;
    position.missed |= current.missed;
    if current.done >= page.names.len() {
        (current.page, current.done, current.pages) = (page.next, 0, current.pages + 1);
        if current.pages > PAGES {
            let reason = format!("its tags are on more than {PAGES} pages");
            missed(service, &position.registry, &current.repository, &reason);
            (current.page, current.missed, position.missed) = (None, true, true);
        }
        if current.page.is_none() {
            return whole(service, job, &images, &current, &position);
        }
    }
    position.current = Some(current);
    go_on(service, job, &images, None, &position)
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
    tags: &[&String],
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

fn repository_done(service: &Service, job: &Job, current: &Current, position: &Position) -> Done {
    whole(service, job, &[], current, position)
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
    let fits = |name: &String| {
        let globs = &allowed.repositories;
        globs.is_empty() || globs.iter().any(|glob| crate::source::registry::fits(glob, name))
    };
    let gone: Vec<String> = unseen.into_iter().filter(fits).collect();
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
