//! Which findings are new to a repository, and the messages that tell of them.

use super::Store;
use super::audit::{Change, record};
use super::engine::{Session, StoreError, values};
use super::findings::Found;
use super::queue::{Job, Kind, Lost, New, WorkerId, go_on, push};
use crate::serve::config::Receiver;
use crate::serve::messages::{Message, Subject, Told, host};
use crate::signature::Severity;
use crate::source::registry::Reference;

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

/// Tells `receivers` of what was found in the image with the number `id` and was not known of its repository before.
pub(super) fn tell(
    session: &mut dyn Session,
    receivers: &[Receiver],
    (id, image): (i64, &Reference),
    found: &[Found],
) -> Result<(), StoreError> {
    let (registry, repository) = (image.name().domain(), image.name().path());
    let mut new = Vec::new();
    let mut all: Vec<&Found> = found.iter().collect();
    // In one order, so that two such transactions do not wait for each other.
    all.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    for found in all {
        let insert = "INSERT INTO told (registry, repository, fingerprint, since) VALUES ($1, $2, $3, {now})
            ON CONFLICT DO NOTHING";
        if session.execute(insert, values![registry, repository, &found.fingerprint])? > 0 {
            new.push(found);
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    new.sort_by_key(|found| std::cmp::Reverse(severity(found)));
    let made = session.first("SELECT {now}", &[])?.map_or(0, |row| row.int(0));
    let name = format!("{registry}/{repository}");
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
            image: Subject {
                id,
                registry: registry.to_owned(),
                repository: repository.to_owned(),
                tag: image.tag().map(str::to_owned),
                digest: image.digest().unwrap_or_default().to_owned(),
            },
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
