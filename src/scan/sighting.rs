//! What was found, apart from where: the part of a match that blobs, documents and places share.

use crate::image::PlaceKind;
use crate::matcher::{Claim, Companion, Hit, Join, joins};
use crate::secret::Secret;
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, RuleSet};

/// A credential that a rule saw.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    /// Index into the rule set.
    pub(crate) rule: usize,
    pub(crate) confidence: Confidence,
    pub(crate) secret: Secret,
    /// What its proof tells of it.
    pub(crate) facts: Vec<Fact>,
    /// What stands near and belongs to it.
    pub(crate) parts: Vec<PartSeen>,
    /// The credential that this one is a part of.
    pub(crate) owner: Option<Secret>,
}

/// A part of a credential, near it.
#[derive(Debug, Clone)]
pub(crate) struct PartSeen {
    /// Index into the parts of the credential's rule.
    pub(crate) part: usize,
    /// The text; a secret too if a rule found it.
    pub(crate) value: Secret,
    /// The rule that found it, and how sure that is.
    pub(crate) by: Option<(usize, Confidence)>,
    /// What its proof tells of it.
    pub(crate) facts: Vec<Fact>,
    pub(crate) kind: PlaceKind,
    /// Bytes before it in its text.
    pub(crate) offset: u64,
    /// Lines from the credential to it.
    pub(crate) lines: i64,
    /// What it is the value of.
    pub(crate) name: Option<String>,
}

impl Sighting {
    /// What `hit` says of `secret`.
    pub(crate) fn new(hit: &Hit, secret: Secret) -> Self {
        let Hit { rule, confidence, .. } = *hit;
        Self { rule, confidence, secret, facts: hit.facts.clone(), parts: Vec::new(), owner: None }
    }
}

impl PartSeen {
    /// What a pattern found in `text` beside a credential: at `spot`, and so many lines away.
    pub(super) fn new(companion: &Companion, text: &[u8], spot: Spot, lines: i64) -> Self {
        let value = Secret::new(&text[companion.range.clone()]);
        let Spot { kind, offset, name, .. } = spot;
        Self { part: companion.part, value, by: None, facts: Vec::new(), kind, offset, lines, name }
    }
}

/// Line ends in `bytes`.
pub(super) fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Lines from one place of `text` to another.
pub(super) fn lines_between(text: &[u8], from: usize, to: usize) -> i64 {
    let lines = line_ends(&text[from.min(to)..from.max(to)]).cast_signed();
    if to < from { -lines } else { lines }
}

/// A match in a text, with where it stands there.
pub(super) trait Seen: Claim {
    fn what(&self) -> &Sighting;
    fn what_mut(&mut self) -> &mut Sighting;
    /// Kind, offset, line and name of its place.
    fn spot(&self) -> Spot;
}

/// Where in its text a match stands.
pub(super) struct Spot {
    pub(super) kind: PlaceKind,
    pub(super) offset: u64,
    pub(super) line: u64,
    pub(super) name: Option<String>,
}

/// Joins the matches of one text, in the order of their places, of which one is a part of another.
pub(super) fn join<S: Seen>(seen: &mut [S], rules: &RuleSet, near: u64) {
    for Join { main, part, other } in joins(seen, rules, near) {
        let from = seen[main].spot();
        let Spot { kind, offset, line, name } = seen[other].spot();
        let Sighting { rule, confidence, ref secret, .. } = *seen[other].what();
        let value = secret.clone();
        let facts = seen[other].what().facts.clone();
        let by = Some((rule, confidence));
        let lines = line.wrapping_sub(from.line).cast_signed();
        let owner = seen[main].what().secret.clone();
        seen[main].what_mut().parts.push(PartSeen { part, value, by, facts, kind, offset, lines, name });
        seen[other].what_mut().owner = Some(owner);
    }
}
