//! Messages to people and programs: that an image has findings which its repository did not have before.
//!
//! A message is a job that is made in the transaction which stores the scan (`store/messages`), so that none is lost between the
//! two. It has an id of its own, the same however often it is sent: who gets it twice, because the answer got lost, knows. What a
//! message says is redacted before it is a job. The forms of messages are a table.

mod cloud_events;
mod slack;
#[cfg(test)]
mod tests;
mod webhook;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) use self::webhook::signing_key;
use super::Service;
use super::config::Receiver;
use super::metrics::Counter;
use super::store::{Failed, Found, Job, Turn, Unreachable};
use super::work::{Done, Failure, broken, final_one, remote};
use crate::source::Courier;

/// A form that messages have.
#[derive(Clone, Copy)]
pub struct Form {
    /// What the configuration calls it.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Whether its messages have to be signed.
    pub needs_key: bool,
    write: fn(&Message, Option<&str>) -> Written,
}

/// Every form. To add one: a file in this folder and a row here.
pub const FORMS: &[Form] = &[webhook::WEBHOOK, cloud_events::BINARY, cloud_events::STRUCTURED, slack::SLACK];

/// A message as it is sent.
struct Written {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// New findings of an image, as a job has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    /// The same for each time that it is sent.
    pub(super) id: String,
    /// Who is told.
    pub(super) receiver: String,
    /// When the scan was stored, in milliseconds since 1970.
    pub(super) made: i64,
    /// Whether it has had its turn to be sent.
    pub(super) turn: bool,
    /// Whether it is to show that messages arrive, and nothing was found.
    #[serde(default)]
    pub(super) test: bool,
    pub(super) image: Subject,
    /// The worst of them, the worst first.
    pub(super) findings: Vec<Told>,
    /// How many there are beside those.
    pub(super) more: usize,
}

/// The image that a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    /// Its number in the API.
    pub(super) id: i64,
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) tag: Option<String>,
    pub(super) digest: String,
}

/// A finding, as a message tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) fingerprint: String,
    pub(super) rule: String,
    pub(super) name: String,
    pub(super) severity: String,
    pub(super) redacted: String,
    pub(super) place: String,
    pub(super) places: i64,
}

impl From<&Found> for Told {
    fn from(found: &Found) -> Self {
        let Found { fingerprint, rule, name, severity, redacted, place, places, .. } = found.clone();
        Self { fingerprint, rule, name, severity, redacted, place, places }
    }
}

impl Subject {
    /// `HOST/PATH@DIGEST`
    fn name(&self) -> String {
        format!("{}/{}@{}", self.registry, self.repository, self.digest)
    }

    /// As people call it: by its tag if it has one.
    fn called(&self) -> String {
        let Self { registry, repository, tag, .. } = self;
        tag.as_ref().map_or_else(|| self.name(), |tag| format!("{registry}/{repository}:{tag}"))
    }

    /// Its page, if it is known where that is.
    fn page(&self, address: Option<&str>) -> Option<String> {
        address.map(|address| format!("{}/images/{}", address.trim_end_matches('/'), self.id))
    }
}

impl Message {
    /// What programs are told, in every form for them.
    fn data(&self, address: Option<&str>) -> serde_json::Value {
        let Subject { id, registry, repository, tag, digest } = &self.image;
        let mut data = json!({
            "image": {
                "id": id, "name": self.image.name(), "registry": registry, "repository": repository, "tag": tag,
                "digest": digest, "page": self.image.page(address),
            },
            "findings": self.findings,
            "more": self.more,
        });
        if self.test {
            data["test"] = true.into();
        }
        data
    }

    /// When the scan was stored (RFC 3339).
    fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.made).unwrap_or_default().to_string()
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Tells of what was found in an image that no tag named at first.
pub(super) fn tell(service: &Service, job: &Job) -> Done {
    Ok(service.store.tell_of(job, &service.crew.worker)?)
}

/// Sends the message that `job` has.
pub(super) fn send(service: &Service, job: &Job) -> Done {
    let mut message: Message = serde_json::from_str(&job.subject).map_err(|_| broken(job))?;
    let receiver = service.config.receivers.iter().find(|receiver| receiver.name == message.receiver);
    let receiver =
        receiver.ok_or_else(|| final_one(format!("there is no receiver {} any more", message.receiver)))?;
    if !message.turn {
        message.turn = true;
        let subject = json!(message).to_string();
        match service.store.turn(job, &service.crew.worker, (&receiver.name, receiver.pause), &subject)? {
            Turn::Now => {}
            Turn::Later => return Ok(Ok(())),
            Turn::Lost(lost) => return Ok(Err(lost)),
        }
    }
    if let Err(failure) = bring(service, receiver, &message) {
        service.metrics.add(Counter::Unsent, 1);
        return Err(failure);
    }
    service.metrics.add(Counter::Sent, 1);
    Ok(service.store.done(job, &service.crew.worker)?)
}

/// Brings a message to its receiver, once.
fn bring(service: &Service, receiver: &Receiver, message: &Message) -> Result<(), Failure> {
    let called = format!("the receiver {}", receiver.name);
    let url = String::from_utf8_lossy(receiver.url.expose());
    let courier = Courier::to(&url, &called, service.scanner.remote());
    let courier = courier.ok_or_else(|| final_one(format!("{called} has no address of http")))?;
    let Written { mut headers, body } = (receiver.form.write)(message, service.config.public_url.as_deref());
    if let Some(key) = &receiver.key {
        headers.extend(webhook::signed(&message.id, now(), &body, key));
    }
    let answered = courier.and_then(|courier| courier.bring(&headers, &body));
    let answered = answered.map_err(|error| remote(error.to_string(), &error))?;
    match answered.status {
        200..=299 => Ok(()),
        300..=399 => {
            Err(final_one(format!("{called} leads elsewhere ({}), which is not followed", answered.status)))
        }
        408 | 425 | 429 | 500..=599 => Err(Failure::Work(Failed {
            reason: format!("{called} cannot take it now ({})", answered.status),
            may_pass: true,
            unreachable: Some(Unreachable { wait: answered.wait }),
        })),
        status => Err(final_one(format!("{called} does not take it ({status})"))),
    }
}

/// What the queue calls a receiver as one that jobs talk to: no registry has such a name.
pub(super) fn host(receiver: &Receiver) -> String {
    format!("notify:{}", receiver.name)
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
