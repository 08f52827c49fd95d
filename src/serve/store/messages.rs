//! Which findings are new to a repository, and the messages that tell of them.
//!
//! A message says what people pushed: a tag. Of an image that none names it is told some minutes later, because it may be one
//! platform of an index: registries tell of those first. Whatever names it by then has told of it, or its name is taken.

use super::Store;
use super::audit::{Change, record};
use super::engine::{Session, StoreError, values};
use super::findings::{FOUND, Found, found};
use super::images::{ImageKey, key};
use super::members::index_of;
use super::queue::{Job, Kind, Lost, New, WorkerId, finish, go_on, push, push_later};
use crate::serve::config::Receiver;
use crate::serve::messages::{Message, Subject, Told, host};
use crate::signature::Severity;

/// Whether a message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It may.
    Now,
    /// Others come first; it comes back.
    Later,
    /// Its job is another worker's.
    Lost(Lost),
}

/// Messages come before what is scanned: they are small, and somebody waits for them.
const PRIORITY: i64 = 20;

/// Findings that a message lists.
const LISTED: usize = 50;

/// For how long a name of an image that has none is waited for, and then again as long as images of its repository are under way, up
/// to how long in all. Milliseconds.
const NAMELESS: (i64, i64, i64) = (5 * 60_000, 60_000, 6 * 60 * 60_000);

/// Tells `receivers` of what is open in an image that was pushed under `tag` and was not known of its repository before.
pub(super) fn tell(
    session: &mut dyn Session,
    receivers: &[Receiver],
    image: &ImageKey,
    tag: Option<&str>,
) -> Result<(), StoreError> {
    let subject = called(session, image, tag)?;
    if subject.tag.is_some() || subject.id != image.id || receivers.is_empty() {
        return tell_as(session, receivers, image, &subject);
    }
    let (name, number) = (format!("tell {}@{}", image.repository(), image.digest), image.id.to_string());
    let new =
        New { kind: Kind::Tell, name: &name, subject: &number, settings: None, priority: PRIORITY, host: "" };
    push_later(session, new, NAMELESS.0)
}

/// What people call an image: by the tag that it was pushed under, by the newest one that names it, or as a part of an index.
fn called(session: &mut dyn Session, image: &ImageKey, tag: Option<&str>) -> Result<Subject, StoreError> {
    let ImageKey { id, registry, repository, digest, .. } = image;
    let (registry, repository) = (registry.clone(), repository.clone());
    let tag = match tag {
        Some(tag) => Some(tag.to_owned()),
        None => newest_tag(session, image, digest)?,
    };
    if tag.is_none()
        && let Some((id, digest)) = index_of(session, image)?
    {
        let tag = newest_tag(session, image, &digest)?;
        return Ok(Subject { id, registry, repository, tag, digest });
    }
    Ok(Subject { id: *id, registry, repository, tag, digest: digest.clone() })
}

/// The tag that leads to `digest` since the shortest time, in the repository of `image`.
fn newest_tag(
    session: &mut dyn Session,
    image: &ImageKey,
    digest: &str,
) -> Result<Option<String>, StoreError> {
    let newest = "SELECT tag FROM tags WHERE registry = $1 AND repository = $2 AND digest = $3 ORDER BY seen DESC, tag LIMIT 1";
    let row = session.first(newest, values![&image.registry, &image.repository, digest])?;
    Ok(row.map(|row| row.text(0)))
}

/// Whether an image of the same repository is still to be scanned, which may be the index of `image`.
fn is_under_way(session: &mut dyn Session, image: &ImageKey) -> Result<bool, StoreError> {
    let other = "SELECT 1 FROM images i
            JOIN jobs ON jobs.name = 'image ' || i.registry || '/' || i.repository || '@' || i.digest
        WHERE i.registry = $1 AND i.repository = $2 AND i.scanned IS NULL AND jobs.state <> 'dead' LIMIT 1";
    Ok(session.first(other, values![&image.registry, &image.repository])?.is_some())
}

/// Tells of what is new in `image`, under that name.
fn tell_as(
    session: &mut dyn Session,
    receivers: &[Receiver],
    image: &ImageKey,
    subject: &Subject,
) -> Result<(), StoreError> {
    let open =
        format!("SELECT {FOUND} WHERE image = $1 AND closed_until <= {{now}} ORDER BY findings.fingerprint");
    // In one order, so that two such transactions do not wait for each other.
    let open: Vec<Found> = session.query(&open, values![image.id])?.iter().map(found).collect();
    let mut new = Vec::new();
    for found in &open {
        let insert = "INSERT INTO told (registry, repository, fingerprint, since) VALUES ($1, $2, $3, {now})
            ON CONFLICT DO NOTHING";
        if session.execute(insert, values![&image.registry, &image.repository, &found.fingerprint])? > 0 {
            new.push(found);
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    new.sort_by_key(|found| std::cmp::Reverse(severity(found)));
    let made = session.first("SELECT {now}", &[])?.map_or(0, |row| row.int(0));
    let name = image.repository();
    let wants = |receiver: &&Receiver| {
        let globs = &receiver.repositories;
        globs.is_empty() || globs.iter().any(|glob| crate::source::registry::fits(glob, &name))
    };
    for receiver in receivers.iter().filter(wants) {
        let told: Vec<&Found> =
            new.iter().copied().filter(|found| severity(found) >= Some(receiver.least)).collect();
        if told.is_empty() {
            continue;
        }
        let message = Message {
            id: drawn(),
            receiver: receiver.name.clone(),
            made,
            turn: false,
            test: false,
            image: subject.clone(),
            findings: told.iter().take(LISTED).map(|found| Told::from(*found)).collect(),
            more: told.len().saturating_sub(LISTED),
        };
        send(session, receiver, &message)?;
    }
    Ok(())
}

/// Makes a message a job.
fn send(session: &mut dyn Session, receiver: &Receiver, message: &Message) -> Result<(), StoreError> {
    let subject = serde_json::json!(message).to_string();
    let name = format!("message {} {}", receiver.name, message.id);
    let host = host(receiver);
    let new = New {
        kind: Kind::Message,
        name: &name,
        subject: &subject,
        settings: None,
        priority: PRIORITY,
        host: &host,
    };
    push(session, new)
}

fn severity(found: &Found) -> Option<Severity> {
    Severity::named(&found.severity)
}

/// An id that no other message has.
fn drawn() -> String {
    let mut bytes = [0; 16];
    // Without chance there is still the time.
    if getrandom::fill(&mut bytes).is_err() {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        bytes = since.unwrap_or_default().as_nanos().to_be_bytes();
    }
    format!("msg_{}", crate::digest::hex(&bytes))
}

impl Store {
    /// Tells of the image that `job` names by its number, unless an image is under way that may tell of it.
    pub fn tell_of(&self, job: &Job, worker: &WorkerId) -> Result<Result<(), Lost>, StoreError> {
        let number = job.subject.parse().unwrap_or(0);
        let done = |done: bool| done.then_some(()).ok_or(Lost);
        self.within(|session| {
            session.query("{keep}", &[])?;
            let image = key(session, number)?;
            let waits = match &image {
                Some(image) if job.age < NAMELESS.2 => is_under_way(session, image)?,
                _ => false,
            };
            if waits {
                return go_on(session, job, worker, (&job.subject, NAMELESS.1)).map(done);
            }
            let finished = finish(session, job, worker)?;
            // If it was forgotten meanwhile there is nothing to tell.
            let Some(image) = image.filter(|_| finished) else { return Ok(done(finished)) };
            let subject = called(session, &image, None)?;
            tell_as(session, self.receivers(), &image, &subject).map(|()| Ok(()))
        })
    }

    /// Sends `receiver` a message that says that it is a test, as `who` wants it; its id.
    pub fn test_receiver(&self, who: &str, receiver: &Receiver) -> Result<String, StoreError> {
        let id = drawn();
        self.within(|session| {
            let made = session.first("SELECT {now}", &[])?.map_or(0, |row| row.int(0));
            let sample = Subject {
                id: 0,
                registry: "registry.example".to_owned(),
                repository: "test".to_owned(),
                tag: Some("test".to_owned()),
                digest: crate::digest::Digest::of(b"").to_string(),
            };
            let message = Message {
                id: id.clone(),
                receiver: receiver.name.clone(),
                made,
                turn: false,
                test: true,
                image: sample,
                findings: Vec::new(),
                more: 0,
            };
            send(session, receiver, &message)?;
            let subject = &receiver.name;
            record(session, &Change { who, action: "test message", subject, was: None, became: None })
        })?;
        Ok(id)
    }

    /// Gives the message of `job` its turn among those of its receiver, of which one is sent every `pause` milliseconds. If that
    /// is not now, the job comes back as `subject`, which says that it has had it.
    pub fn turn(
        &self,
        job: &Job,
        worker: &WorkerId,
        (receiver, pause): (&str, i64),
        subject: &str,
    ) -> Result<Turn, StoreError> {
        self.within(|session| {
            let known = "INSERT INTO receivers (name, next) VALUES ($1, 0) ON CONFLICT DO NOTHING";
            session.execute(known, values![receiver])?;
            let next = "SELECT next, {now} FROM receivers WHERE name = $1 {lock}";
            let row = session.first(next, values![receiver])?;
            let (next, now) = row.map_or((0, 0), |row| (row.int(0), row.int(1)));
            let slot = next.max(now);
            let done = if slot > now {
                // Who was tried with this message alone is tried with the next one.
                let free = "UPDATE hosts SET until = {now} WHERE host = $1 AND failures > 0";
                session.execute(free, values![&job.host])?;
                go_on(session, job, worker, (subject, slot - now))?
            } else {
                // The turn is had, whatever becomes of it.
                let had = "UPDATE jobs SET subject = $4
                    WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'";
                session.execute(had, values![job.id, worker.as_str(), job.attempts, subject])? > 0
            };
            if !done {
                return Ok(Turn::Lost(Lost));
            }
            session
                .execute("UPDATE receivers SET next = $2 WHERE name = $1", values![receiver, slot + pause])?;
            Ok(if slot > now { Turn::Later } else { Turn::Now })
        })
    }
}
