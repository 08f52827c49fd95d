//! The form in which reports are kept: that of a [`BlobReport`] with numbers in the place of credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::Names;
use crate::digest::Digest;
use crate::findings::{Ledger, Skipped};
use crate::image::PlaceKind;
use crate::matcher::Mark;
use crate::packages::{Heads, Lists};
use crate::problem::{Problem, ProblemKind};
use crate::scan::blob::{BlobReport, HiddenPath};
use crate::scan::inside::{Inside, Link};
use crate::scan::matching::Match;
use crate::scan::sighting::{PartSeen, Sighting};
use crate::secret::{Sealed, Secret};
use crate::signature::Confidence;
use crate::signature::checksum::Fact;
use crate::stream::header::Kind;
use crate::stream::{self, PathIndex};

/// See [`BlobReport`].
#[derive(Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) digest: [u8; 32],
    pub(super) diff_id: [u8; 32],
    pub(super) tar: bool,
    /// Whether all stored and all plain bytes were read.
    pub(super) complete: (bool, bool),
    pub(super) form: String,
    /// Stored bytes, plain bytes, entries and matched bytes.
    pub(super) sizes: [u64; 4],
    pub(super) skipped: Vec<(Option<u64>, String)>,
    pub(super) secrets: Vec<Sealed>,
    pub(super) found: Vec<Found>,
    pub(super) paths: PathIndex,
    pub(super) hidden: BTreeMap<u64, HiddenPath>,
    pub(super) lists: Lists,
    pub(super) contents: BTreeMap<u64, Heads>,
    pub(super) problems: Vec<(ProblemKind, [String; 3])>,
}

impl Report {
    /// Whether it holds hashes of paths that are not shown whole.
    pub(super) fn hides_paths(&self) -> bool {
        !self.hidden.is_empty() || self.paths.links().iter().any(|link| link.keys.is_some())
    }
}

/// See [`Match`]. Credentials are numbers in [`Report::secrets`].
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) rule: usize,
    pub(super) confidence: Confidence,
    pub(super) secret: usize,
    pub(super) facts: Vec<(String, String)>,
    pub(super) parts: Vec<Part>,
    pub(super) owner: Option<usize>,
    pub(super) spot: Spot,
    pub(super) end: u64,
    pub(super) entry: Option<Entry>,
    pub(super) line: Option<u64>,
    pub(super) inside: Option<Vec<Way>>,
    pub(super) decoded: Vec<String>,
    pub(super) mark: Option<(Vec<String>, Option<String>, bool)>,
}

/// What a place of a credential and of its part have in common.
#[derive(Serialize, Deserialize)]
pub(super) struct Spot {
    pub(super) kind: PlaceKind,
    pub(super) offset: u64,
    pub(super) name: Option<String>,
}

/// See [`PartSeen`].
#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    /// Index into the parts of the credential's rule.
    pub(super) index: usize,
    pub(super) value: Value,
    pub(super) by: Option<(usize, Confidence)>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) spot: Spot,
    pub(super) lines: i64,
}

/// What a part is.
#[derive(Serialize, Deserialize)]
pub(super) enum Value {
    Secret(usize),
    Text(String),
}

/// See [`stream::Entry`]. Where a link leads is not asked for any more. The path has no credential in it.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) ordinal: u64,
    pub(super) kind: Kind,
}

/// See [`Link`].
#[derive(Serialize, Deserialize)]
pub(super) enum Way {
    Member(String),
    Version(String, String),
    Plain(String),
}

impl Link {
    /// The step with every text that comes from the image as `redact` makes it.
    pub(super) fn seal(&self, redact: &dyn Fn(&str) -> String) -> Way {
        match self {
            Self::Member(path) => Way::Member(redact(path)),
            Self::Version(of, path) => Way::Version(redact(of), redact(path)),
            Self::Plain(encoding) => Way::Plain((*encoding).to_owned()),
        }
    }
}

impl Report {
    /// The report, as one of the blob called `name`; none if it cannot have been written by this program.
    pub(super) fn open(self, names: &Names, name: &str) -> Option<BlobReport> {
        let secrets: Vec<Secret> = self.secrets.into_iter().map(|sealed| Arc::new(sealed).into()).collect();
        let opening = Opening { names, secrets };
        let (digest, diff_id) = (Digest::of_hash(self.digest), Digest::of_hash(self.diff_id));
        let [stored_bytes, plain_bytes, entries, matched_bytes] = self.sizes;
        let skipped = self.skipped.into_iter().map(|(bytes, reason)| Skipped { bytes, reason }).collect();
        let ledger = Ledger {
            blob: name.to_owned(),
            digest: Some(digest),
            diff_id: Some(diff_id),
            role: String::new(),
            form: self.form,
            verified: false,
            stored_bytes,
            plain_bytes,
            entries,
            matched_bytes,
            skipped,
        };
        let problem =
            |(kind, [place, message, remedy]): (_, [String; 3])| Problem::new(kind, place, message, remedy);
        Some(BlobReport {
            digest,
            diff_id,
            tar: self.tar,
            stored_complete: self.complete.0,
            plain_complete: self.complete.1,
            ledger,
            matches: self.found.into_iter().map(|found| opening.found(found)).collect::<Option<_>>()?,
            paths: self.paths,
            hidden: self.hidden,
            lists: self.lists,
            contents: self.contents,
            problems: self.problems.into_iter().map(problem).collect(),
        })
    }
}

struct Opening<'n> {
    names: &'n Names,
    secrets: Vec<Secret>,
}

impl Opening<'_> {
    fn found(&self, found: Found) -> Option<Match> {
        let owner = match found.owner {
            Some(owner) => Some(self.secrets.get(owner)?.clone()),
            None => None,
        };
        let what = Sighting {
            rule: found.rule,
            confidence: found.confidence,
            secret: self.secrets.get(found.secret)?.clone(),
            facts: self.facts(found.facts)?,
            parts: found.parts.into_iter().map(|part| self.part(part)).collect::<Option<_>>()?,
            owner,
        };
        let entry = |entry: Entry| {
            let Entry { path, ordinal, kind } = entry;
            Arc::new(stream::Entry { path, ordinal, kind, link: Vec::new() })
        };
        let inside = match found.inside {
            Some(ways) => {
                let links = ways.into_iter().map(|way| self.link(way)).collect::<Option<Vec<_>>>()?;
                Some(Arc::new(Inside::new(links)))
            }
            None => None,
        };
        let decoded = found.decoded.iter().map(|name| self.names.name(name)).collect::<Option<_>>()?;
        Some(Match {
            what,
            kind: found.spot.kind,
            entry: found.entry.map(entry),
            name: found.spot.name,
            range: found.spot.offset..found.end,
            line: found.line,
            inside,
            decoded,
            mark: found.mark.map(|(rules, reason, above)| Mark { rules, reason, above }),
        })
    }

    fn part(&self, part: Part) -> Option<PartSeen> {
        let value = match part.value {
            Value::Secret(number) => self.secrets.get(number)?.clone(),
            Value::Text(text) => Secret::new(text),
        };
        Some(PartSeen {
            part: part.index,
            value,
            by: part.by,
            facts: self.facts(part.facts)?,
            kind: part.spot.kind,
            offset: part.spot.offset,
            lines: part.lines,
            name: part.spot.name,
        })
    }

    fn facts(&self, facts: Vec<(String, String)>) -> Option<Vec<Fact>> {
        facts
            .into_iter()
            .map(|(name, value)| Some(Fact { name: self.names.name(&name)?.into(), value }))
            .collect()
    }

    fn link(&self, way: Way) -> Option<Link> {
        Some(match way {
            Way::Member(path) => Link::Member(path),
            Way::Version(of, path) => Link::Version(of, path),
            Way::Plain(encoding) => Link::Plain(self.names.name(&encoding)?),
        })
    }
}
