//! Takes the credentials out of a report before it is kept: each becomes a number in a table of sealed ones, and every
//! text that comes from the image is redacted by those of its own blob.
//!
//! Paths are the exception: visibility and package lists need them as they are. A blob of which a path holds a credential
//! is not kept at all. What the rules themselves take for an example does not count there, for such words are in many
//! paths.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Session;
use super::sealed::{Entry, Found, Part, Report, Spot, Value};
use crate::findings::Redactor;
use crate::image::PlaceKind;
use crate::problem::Problem;
use crate::scan::blob::BlobReport;
use crate::scan::matching::Match;
use crate::scan::sighting::{PartSeen, Sighting};
use crate::secret::{SealKey, Sealed, Secret};
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, RuleSet};

/// The credentials of one report.
pub(super) struct Secrets<'s> {
    numbers: BTreeMap<&'s Secret, usize>,
    sealed: Vec<Sealed>,
    redactor: Redactor,
    key: &'s SealKey,
}

impl<'s> Secrets<'s> {
    pub(super) fn new(report: &'s BlobReport, session: &Session<'s>) -> Self {
        let all = report.matches.iter().flat_map(|found| secrets(&found.what));
        let numbers: BTreeMap<&Secret, usize> = all.collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
        let (key, fingerprints) = (&session.cache.key, session.fingerprints);
        let sealed = numbers.keys().collect::<Vec<_>>().into_par_iter();
        let sealed = sealed.map(|secret| secret.seal(key, fingerprints)).collect::<Vec<_>>();
        let sealed = sealed.iter().filter_map(|secret| Some(Sealed::clone(secret.sealed()?))).collect();
        let redactor = redactor(report, session.rules, Confidence::Example);
        Self { numbers, sealed, redactor, key }
    }

    /// The report as it is kept.
    pub(super) fn seal(&self, report: &BlobReport) -> Report {
        let hash = |head: u64| {
            let hash = self.key.hash("content", &[&head.to_le_bytes()]);
            hash[..8].iter().fold(0, |head, byte| head << 8 | u64::from(*byte))
        };
        let problem = |problem: &Problem| {
            let (place, message) = (self.redactor.path(&problem.place), self.redactor.text(&problem.message));
            (problem.kind, [place, message, problem.remedy.clone()])
        };
        let ledger = &report.ledger;
        Report {
            digest: *report.digest.bytes(),
            diff_id: *report.diff_id.bytes(),
            tar: report.tar,
            complete: (report.stored_complete, report.plain_complete),
            form: ledger.form.clone(),
            sizes: [ledger.stored_bytes, ledger.plain_bytes, ledger.entries, ledger.matched_bytes],
            skipped: ledger.skipped.iter().map(|skipped| (skipped.bytes, skipped.reason.clone())).collect(),
            secrets: self.sealed.clone(),
            found: report.matches.iter().map(|found| self.found(found)).collect(),
            paths: report.paths.clone(),
            lists: report.lists.clone().hashed(|name| self.redactor.path(name), hash),
            contents: report.contents.iter().map(|(at, heads)| (*at, heads.hashed(hash))).collect(),
            problems: report.problems.iter().map(problem).collect(),
        }
    }

    fn found(&self, found: &Match) -> Found {
        let what = &found.what;
        let mark = found.mark.as_ref().map(|mark| {
            (mark.rules.clone(), mark.reason.as_ref().map(|reason| self.redactor.text(reason)), mark.above)
        });
        Found {
            rule: what.rule,
            confidence: what.confidence,
            secret: self.numbers.get(&what.secret).copied().unwrap_or(usize::MAX),
            facts: self.facts(&what.facts),
            parts: what.parts.iter().map(|part| self.part(part)).collect(),
            owner: what.owner.as_ref().and_then(|owner| self.numbers.get(owner).copied()),
            spot: Spot { kind: found.kind, offset: found.range.start, name: self.name(found.name.as_ref()) },
            end: found.range.end,
            entry: found.entry.as_ref().map(|entry| Entry {
                path: entry.path.clone(),
                ordinal: entry.ordinal,
                kind: entry.kind,
            }),
            line: found.line,
            inside: found.inside.as_ref().map(|inside| {
                inside.links().iter().map(|link| link.seal(&|text| self.redactor.path(text))).collect()
            }),
            decoded: found.decoded.iter().map(ToString::to_string).collect(),
            mark,
        }
    }

    fn part(&self, part: &PartSeen) -> Part {
        let value = match part.by {
            Some(_) => Value::Secret(self.numbers.get(&part.value).copied().unwrap_or(usize::MAX)),
            None => Value::Text(self.redactor.path(&String::from_utf8_lossy(part.value.expose()))),
        };
        Part {
            index: part.part,
            value,
            by: part.by,
            facts: self.facts(&part.facts),
            spot: Spot { kind: part.kind, offset: part.offset, name: self.name(part.name.as_ref()) },
            lines: part.lines,
        }
    }

    fn facts(&self, facts: &[Fact]) -> Vec<(String, String)> {
        facts.iter().map(|fact| (fact.name.to_owned(), self.redactor.cut(&fact.value))).collect()
    }

    fn name(&self, name: Option<&String>) -> Option<String> {
        name.map(|name| self.redactor.path(name))
    }
}

fn secrets(what: &Sighting) -> impl Iterator<Item = &Secret> {
    let parts = what.parts.iter().filter(|part| part.by.is_some()).map(|part| &part.value);
    std::iter::once(&what.secret).chain(&what.owner).chain(parts)
}

/// Whether a path that would be kept of `report` holds a credential.
pub(super) fn in_paths(report: &BlobReport, rules: &RuleSet) -> bool {
    if report.matches.iter().any(|found| found.kind == PlaceKind::Path) {
        return true;
    }
    let redactor = redactor(report, rules, Confidence::Review);
    let entries = report.matches.iter().filter_map(|found| Some(&found.entry.as_ref()?.path));
    let links = report.paths.links().iter().map(|link| &link.path);
    let paths: BTreeSet<&Vec<u8>> = entries.chain(links).collect();
    paths.into_iter().any(|path| {
        let path = String::from_utf8_lossy(path);
        redactor.path(&path) != path
    })
}

/// A redactor for the credentials of `report` that are as sure as `least`.
fn redactor(report: &BlobReport, rules: &RuleSet, least: Confidence) -> Redactor {
    let secret = |what: &&Sighting| !rules.rules()[what.rule].public() && what.confidence >= least;
    let found = report.matches.iter().map(|found| &found.what).filter(secret);
    Redactor::new(found.map(|what| &what.secret).collect::<BTreeSet<_>>())
}
