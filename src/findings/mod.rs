//! One credential, all its places: what a scan found, what it could not look at, and what it looked at.
//!
//! These types are what every report is made of. Texts that come from the image are already free of credentials here
//! (see `redact`), except inside [`Secret`].

mod condition;
mod fix;
mod missed;
mod origin;
pub mod policy;
mod redact;
#[cfg(test)]
pub(crate) mod sample;
mod shipped;
pub mod suppress;
mod visibility;

use serde::{Deserialize, Serialize};

pub use self::condition::{Images, Subject};
pub use self::fix::{Credential, Way, fix, ways};
pub use self::missed::missed;
pub use self::origin::Origin;
use self::policy::{Judgement, Verdict};
pub use self::redact::{Redactor, SHORTEST_IN_PATH};
pub use self::shipped::{File, LayerLists, shipped_by};
use self::suppress::{Known, Suppression};
pub use self::visibility::{Fate, Query, fates};
use crate::digest::Digest;
use crate::image::{Image, PlaceKind, Platform};
use crate::matcher::Mark;
use crate::problem::Problem;
use crate::secret::{Fingerprint, Secret};
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, Severity};

/// Everything that one scan of one input yields.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What was scanned, as the user named it (`app.tar`, `-`).
    pub source: String,
    /// The form it was found to have: `docker-archive`, `oci-archive`, `oci-layout`, …
    pub format: String,
    /// The images in it, every platform its own.
    pub images: Vec<Image>,
    /// Digests of all manifests and indexes that were followed: those of attestations and of what refers to an image too. Reports
    /// have them as blobs only.
    pub manifests: Vec<Digest>,
    /// Sorted: severity, confidence, rule, first place.
    pub findings: Vec<Finding>,
    /// Findings under the confidence asked for, which are counted and not shown.
    pub hidden: usize,
    /// How many of those only because public packages ship them.
    pub hidden_shipped: usize,
    /// Findings that somebody decided not to be shown, and why.
    pub suppression: Suppression,
    /// What the policy of the run made of the findings, if one was asked.
    pub judgement: Option<Judgement>,
    /// Sorted by kind and place.
    pub problems: Vec<Problem>,
    /// What was looked at.
    pub coverage: Coverage,
}

impl Outcome {
    /// Whether something was not looked at, so that no finding would not mean clean.
    pub fn has_gaps(&self) -> bool {
        self.gaps() > 0
    }

    /// How many things were not looked at.
    pub fn gaps(&self) -> usize {
        self.problems.iter().filter(|problem| problem.kind.is_gap()).count()
    }
}

/// One credential and every place where it stands.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Short name within a report: the first 12 digits of the fingerprint.
    pub id: String,
    /// Id of the rule.
    pub rule: String,
    /// Who issues such credentials.
    pub provider: String,
    /// What it is, for people.
    pub name: String,
    /// How bad a leak of it is.
    pub severity: Severity,
    /// How sure it is that this is one.
    pub confidence: Confidence,
    /// The same for the same credential in every scan with the same fingerprint key.
    pub fingerprint: Fingerprint,
    /// The credential; prints redacted.
    pub secret: Secret,
    /// What it tells of itself: account, issuer, end, size of the key. Redacted.
    pub facts: Vec<Fact>,
    /// What stands near and belongs to it. A part that is a credential has no finding of its own, unless it also stands
    /// elsewhere alone.
    pub parts: Vec<Part>,
    /// What an attacker can do with it.
    pub why: String,
    /// Where to revoke it: an address or a sentence.
    pub revoke: Option<String>,
    /// What to do, first step first.
    pub fix: Vec<String>,
    /// At least one; sorted by layer, path and offset, config and history first.
    pub places: Vec<Place>,
    /// What a baseline says of it, if one knows it.
    pub known: Option<Known>,
    /// What the policy of the run makes of it, if one was asked.
    pub verdict: Option<Verdict>,
}

/// What belongs to a credential: the other half of a key, an account, a host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Part {
    /// What it is, for people.
    pub name: String,
    /// The rule that finds it by itself.
    pub rule: Option<String>,
    /// What stands there.
    pub value: PartValue,
    /// Where; at least one place.
    pub places: Vec<Place>,
}

/// The text of a [`Part`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PartValue {
    /// A credential; prints redacted.
    Secret(Secret),
    /// Nothing secret. Redacted like every text of the image.
    Text(String),
}

impl PartValue {
    /// What may be shown.
    pub fn shown(&self) -> String {
        match self {
            Self::Secret(secret) => secret.redacted(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// One place of a credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[non_exhaustive]
pub struct Place {
    /// What kind of text it stands in.
    pub kind: PlaceKind,
    /// Name of the image that it belongs to, if it has one.
    pub image: Option<String>,
    /// Platform of that image.
    pub platform: Option<Platform>,
    /// Layer, for places in a layer's bytes.
    pub layer: Option<PlaceLayer>,
    /// Build step that put it there, where it is known.
    pub step: Option<PlaceStep>,
    /// Path in the layer, or name of the document (`sha256:…`, `manifest.json`). Redacted if it holds a credential.
    pub path: Option<String>,
    /// Members inside `path`, outermost first.
    #[serde(default)]
    pub inner: Vec<String>,
    /// The variable, argument, option, label, annotation or JSON pointer whose value it is.
    pub name: Option<String>,
    /// Line in the innermost content, 1 = the first.
    pub line: Option<u64>,
    /// Byte offset of the credential in the innermost content.
    pub offset: Option<u64>,
    /// Encodings that were undone to see it (`utf-16le`, `base64`), outermost first.
    #[serde(default)]
    pub decoded: Vec<String>,
    /// For files: whether the final image still shows it.
    pub state: Option<State>,
    /// What hid it.
    pub state_by: Option<StateBy>,
    /// What stands beside it to have it ignored.
    #[serde(skip)]
    pub mark: Option<Mark>,
    /// For files: the public package that shipped it as it is, so that this place is no leak of the image.
    pub shipped_by: Option<String>,
    /// Whether the base image has it too, where that is known.
    pub origin: Option<Origin>,
}

/// The layer of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceLayer {
    /// Position in the image, 0 = the lowest; none for a blob that no manifest names.
    pub index: Option<usize>,
    /// Digest of the blob as stored.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<Digest>,
}

/// The build step of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceStep {
    /// Position in the history, 0 = the first.
    pub index: usize,
    /// `RUN`, `COPY`, …
    pub instruction: String,
    /// The entry's text, redacted.
    pub created_by: String,
}

impl PlaceStep {
    /// The step without what the builder put around the words of the Dockerfile: `COPY .env /app/`. At most its first
    /// 200 words.
    pub fn shown(&self) -> String {
        let mut text = self.created_by.trim();
        for around in ["/bin/sh -c #(nop)", &self.instruction, "/bin/sh -c"] {
            text = text.strip_prefix(around).unwrap_or(text).trim_start();
        }
        text = text.strip_suffix("# buildkit").unwrap_or(text);
        let instruction = Some(&*self.instruction).filter(|instruction| !instruction.is_empty());
        let words: Vec<_> = instruction.into_iter().chain(text.split_whitespace().take(200)).collect();
        words.join(" ")
    }
}

/// What became of a file's content in the layers above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// A container of the image sees it.
    Visible,
    /// A whiteout of a later layer hides it; it can still be extracted.
    Deleted,
    /// A later entry took its path or a parent's; it can still be extracted.
    Overwritten,
}

impl State {
    /// The name of this state in every report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Deleted => "deleted",
            Self::Overwritten => "overwritten",
        }
    }
}

/// What hid a file's content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateBy {
    /// Position of the layer that did it.
    pub layer: usize,
    /// The step that made that layer, where it is known.
    pub step: Option<PlaceStep>,
}

/// What was looked at, blob by blob.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Coverage {
    /// One row a blob, in the order of the input.
    pub blobs: Vec<Ledger>,
}

impl Coverage {
    /// The sum over all blobs, as a [`Ledger`] without a name.
    pub fn total(&self) -> Ledger {
        let mut total = Ledger::default();
        for blob in &self.blobs {
            total.stored_bytes += blob.stored_bytes;
            total.plain_bytes += blob.plain_bytes;
            total.entries += blob.entries;
            total.matched_bytes += blob.matched_bytes;
            total.skipped.extend(blob.skipped.iter().cloned());
        }
        total.verified = self.blobs.iter().all(|blob| blob.verified);
        total
    }
}

/// The byte ledger of one blob: everything in it is either matched or listed as skipped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ledger {
    /// Path in the archive or layout.
    pub blob: String,
    /// Digest of the bytes as stored, as computed here.
    pub digest: Option<Digest>,
    /// Digest of the decompressed bytes, as computed here.
    pub diff_id: Option<Digest>,
    /// `layer`, `config`, `manifest`, `index`, `attestation`, `document` or `other`.
    pub role: String,
    /// What it was found to be: `tar`, `tar+gzip`, `tar+zstd`, `json`, …
    pub form: String,
    /// Whether every digest, size and `diff_id` that some document claims for it was checked and agrees.
    pub verified: bool,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes after decompression.
    pub plain_bytes: u64,
    /// Tar entries.
    pub entries: u64,
    /// Plain bytes that the matcher saw.
    pub matched_bytes: u64,
    /// Plain bytes that it did not see, and why.
    pub skipped: Vec<Skipped>,
}

/// Bytes that were not matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skipped {
    /// How many, where it is known.
    pub bytes: Option<u64>,
    /// Why.
    pub reason: String,
}
