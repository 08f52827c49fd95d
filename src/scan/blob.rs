//! The map step: one blob, from its stored bytes to a report that depends on nothing else.
//!
//! The stack of readers stands in [`read`], from the stored bytes up: counted and hashed, decompressed, pumped. At the end
//! the rest is read too: only the true end of a stream proves its digest, and what stands behind the compressed data is
//! searched like everything else.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};

use super::Context;
use super::matching::Match;
use super::pump::{Plain, pump};
use super::sighting::Sighting;
use super::stored::{Hashes, Stored};
use crate::digest::Digest;
use crate::findings::{Ledger, Skipped};
use crate::image::PlaceKind;
use crate::limits::Limit;
use crate::matcher::Surroundings;
use crate::packages::{Heads, Lists, PathHashes};
use crate::problem::{Problem, ProblemKind};
use crate::secret::Secret;
use crate::source::RemoteError;
use crate::stream::{Aside, Compression, Decoder, PathIndex, Peeked, ancestors, window};

/// What a blob yields.
#[derive(Debug)]
pub(crate) struct BlobReport {
    /// Digest of the bytes as stored.
    pub(crate) digest: Digest,
    /// Digest of the plain bytes.
    pub(crate) diff_id: Digest,
    /// Whether the plain bytes are a tar.
    pub(crate) tar: bool,
    /// Whether all stored bytes were read, so that `digest` is theirs.
    pub(crate) stored_complete: bool,
    /// Whether all plain bytes were read, so that `diff_id` is theirs.
    pub(crate) plain_complete: bool,
    pub(crate) ledger: Ledger,
    pub(crate) matches: Vec<Match>,
    pub(crate) paths: PathIndex,
    /// What is known of the paths of entries that people see only a part of, by their ordinals.
    pub(crate) hidden: BTreeMap<u64, HiddenPath>,
    /// What its package lists say.
    pub(crate) lists: Lists,
    /// Digests of files with matches, by the ordinals of their entries.
    pub(crate) contents: BTreeMap<u64, Heads>,
    /// Their places are relative to the blob.
    pub(crate) problems: Vec<Problem>,
}

/// What is known of a path of which a credential was taken out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HiddenPath {
    /// See [`ancestors`].
    pub(crate) keys: Vec<u64>,
    pub(crate) asked: PathHashes,
}

impl HiddenPath {
    pub(crate) fn of(path: &[u8]) -> Self {
        Self { keys: ancestors(path).collect(), asked: PathHashes::of(path) }
    }
}

/// Maps the blob called `name`, whose stored bytes `stored` gives. None if decompressing it takes more memory than everybody
/// may have, unless it is `alone`: the only one that is read.
pub(super) fn map(
    context: &Context<'_>,
    name: &str,
    stored: &mut dyn Read,
    alone: bool,
) -> Option<BlobReport> {
    let (count, hashes) = (AtomicU64::new(0), Hashes::default());
    let read = rayon::in_place_scope_fifo(|scope| {
        let hash = |number, block| {
            let hashes = &hashes;
            scope.spawn_fifo(move |_| hashes.hash(number, block));
        };
        let stored = Stored::new(stored, &count, context.progress).hashed(&hashes, &hash);
        read(context, stored, &count, alone)
    })?;
    let digest = if read.compression.is_some() { hashes.finish() } else { read.plain.digest };
    Some(report(context, name, read, (digest, count.into_inner())))
}

/// A blob whose bytes were all read.
struct Whole {
    compression: Option<Compression>,
    plain: Plain,
    /// What stands behind the compressed data.
    rest: Option<Plain>,
    aside: Aside,
}

/// The stack of readers; none as [`map`] says.
fn read(context: &Context<'_>, stored: Stored<'_>, count: &AtomicU64, alone: bool) -> Option<Whole> {
    let mut stored = Peeked::new(stored);
    let compression = stored.peek().ok().and_then(Compression::sniff);
    let Some(by) = compression else {
        // The plain bytes are those that are stored.
        stored.inner_mut().unhashed();
        let plain = pump(context, &mut stored, count, false);
        return Some(Whole { compression, plain, rest: None, aside: Aside::default() });
    };
    let memory = &context.budget.memory;
    let asked = stored.peek().map_or(0, |head| window(by, head));
    let large = asked > memory.small(context.limits).window;
    if large && !alone {
        return None;
    }
    context.budget.alone(large);
    // Later members may ask for more than the first.
    let allowance = if large || alone { memory.large(context.limits) } else { memory.small(context.limits) };
    let mut decoder = Decoder::new(&mut stored, by, allowance.window);
    let plain = pump(context, &mut decoder, count, false);
    let refused = plain.error.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory);
    if refused && !alone {
        return None;
    }
    let (rest, aside) = decoder.into_rest();
    let rest = match rest {
        Some(mut rest) => pump(context, &mut rest, count, true),
        // After an error nothing was given back.
        None => pump(context, &mut stored, count, true),
    };
    stored.into_inner().finish();
    context.budget.alone(false);
    Some(Whole { compression, plain, rest: Some(rest), aside })
}

/// What is told of a blob with the digest and the number of its stored bytes.
fn report(context: &Context<'_>, name: &str, read: Whole, stored: (Digest, u64)) -> BlobReport {
    let Whole { compression, mut plain, rest, aside } = read;
    let mut problems = Vec::new();
    problems.append(&mut plain.problems);
    problems.extend(plain.error.take().map(|error| cut(context, compression, &error)));
    let plain_complete = plain.complete;
    let mut matches = std::mem::take(&mut plain.matches);
    let mut skipped = Vec::new();
    matches.extend(beside(context, &aside, &mut skipped, &mut problems));
    let mut stored_complete = plain_complete;
    if let Some(rest) = rest {
        stored_complete = rest.error.is_none() && rest.complete;
        if plain_complete && rest.content {
            problems.push(behind(rest.bytes));
        }
        matches.extend(rest.matches.into_iter().map(|found| Match { kind: PlaceKind::Padding, ..found }));
    }
    let (digest, stored_bytes) = stored;
    let ledger = Ledger {
        blob: name.to_owned(),
        digest: Some(digest),
        diff_id: Some(plain.digest),
        role: String::new(),
        form: form(&plain, compression),
        verified: false,
        stored_bytes,
        plain_bytes: plain.bytes,
        entries: plain.entries,
        matched_bytes: plain.bytes,
        skipped,
    };
    BlobReport {
        digest,
        diff_id: plain.digest,
        tar: plain.tar,
        stored_complete,
        plain_complete,
        ledger,
        matches,
        paths: plain.paths,
        hidden: BTreeMap::new(),
        lists: plain.lists,
        contents: plain.contents,
        problems,
    }
}

fn form(plain: &Plain, compression: Option<Compression>) -> String {
    let inner = if plain.tar { "tar" } else { "bytes" };
    compression.map_or(inner.to_owned(), |compression| format!("{inner}+{}", compression.as_str()))
}

fn cut(context: &Context<'_>, compression: Option<Compression>, error: &io::Error) -> Problem {
    let (what, remedy) = match compression {
        Some(compression) => (compression.as_str(), "save or push the image again"),
        None => ("stored bytes", "the archive is cut off or cannot be read: save the image again"),
    };
    let message = format!("{what}: {error}; what came before was searched");
    if let Some(error) = RemoteError::within(error) {
        return Problem::new(ProblemKind::Unreadable, "", message, error.remedy());
    }
    if error.kind() == io::ErrorKind::OutOfMemory {
        let remedy = context.budget.memory.remedy(Limit::WindowBytes, context.limits);
        return Problem::new(ProblemKind::Limit, "", message, remedy);
    }
    Problem::new(ProblemKind::Damaged, "", message, remedy)
}

fn behind(bytes: u64) -> Problem {
    let message = format!("{bytes} bytes behind the compressed data; they were searched as they are");
    Problem::new(ProblemKind::Note, "", message, "no engine unpacks them: find out what wrote them")
}

/// Searches what zstd's skippable frames hold.
fn beside(
    context: &Context<'_>,
    aside: &Aside,
    skipped: &mut Vec<Skipped>,
    problems: &mut Vec<Problem>,
) -> Vec<Match> {
    if aside.left_out > 0 {
        let reason = "skippable zstd frames beyond the first 4 MiB";
        skipped.push(Skipped { bytes: Some(aside.left_out), reason: reason.into() });
        let message = format!("{} bytes of {reason} were not looked at", aside.left_out);
        problems.push(Problem::new(ProblemKind::Limit, "", message, "build the layer again without them"));
    }
    let hits = context.matcher.scan(&aside.bytes, Surroundings::default());
    let found = |hit: crate::matcher::Hit| Match {
        what: Sighting::new(&hit, Secret::new(&aside.bytes[hit.secret.clone()])),
        kind: PlaceKind::Padding,
        entry: None,
        name: Some("skippable zstd frame".into()),
        range: hit.secret.start as u64..hit.secret.end as u64,
        line: None,
        inside: None,
        decoded: Vec::new(),
        mark: None,
    };
    hits.into_iter().map(found).collect()
}
