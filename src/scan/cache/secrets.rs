//! Takes the credentials out of a report before it is kept: each becomes a number in a table of sealed ones, and every
//! text that comes from the image is redacted by those of its own blob.
//!
//! Paths are no exception. What visibility and package lists ask of a path that a credential was taken out of, the hashes of a
//! [`HiddenPath`] answer. Nor does a path show more than it does in a report, where a word of less than eight bytes stays: of
//! such there are too many that are no credentials. A blob with one that is likely to be one, and stands in a path that would
//! be kept, is not kept at all.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Session;
use super::sealed::{Entry, Found, Part, Report, Spot, Value};
use crate::findings::{Redactor, SHORTEST_IN_PATH};
use crate::image::PlaceKind;
use crate::problem::Problem;
use crate::scan::blob::{BlobReport, HiddenPath};
use crate::scan::matching::Match;
use crate::scan::sighting::{PartSeen, Sighting};
use crate::secret::{SealKey, Sealed, Secret};
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, RuleSet};
use crate::stream;

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
        let redactor = redactor(report.matches.iter().map(|found| &found.what), session.rules);
        Self { numbers, sealed, redactor, key }
    }

    /// The report as it is kept.
    pub(super) fn seal(&self, report: &BlobReport) -> Report {
        let hash = |head: u64| {
            let hash = self.key.hash("content", &[&head.to_le_bytes()]);
            hash[..8].iter().fold(0, |head, byte| head << 8 | u64::from(*byte))
        };
        let problem = |problem: &Problem| {
            let (place, message) = (self.redactor.path(&problem.place), self.redactor.path(&problem.message));
            (problem.kind, [place, message, problem.remedy.clone()])
        };
        let ledger = &report.ledger;
        let mut hidden = report.hidden.clone();
        let mut paths = report.paths.clone();
        paths.hide_links(|path| self.without(path, false));
        Report {
            digest: *report.digest.bytes(),
            diff_id: *report.diff_id.bytes(),
            tar: report.tar,
            complete: (report.stored_complete, report.plain_complete),
            form: ledger.form.clone(),
            sizes: [ledger.stored_bytes, ledger.plain_bytes, ledger.entries, ledger.matched_bytes],
            skipped: ledger.skipped.iter().map(|skipped| (skipped.bytes, skipped.reason.clone())).collect(),
            secrets: self.sealed.clone(),
            found: report.matches.iter().map(|found| self.found(found, &mut hidden)).collect(),
            paths,
            hidden,
            lists: report.lists.clone().hashed(|name| self.redactor.path(name), hash),
            contents: report.contents.iter().map(|(at, heads)| (*at, heads.hashed(hash))).collect(),
            problems: report.problems.iter().map(problem).collect(),
        }
    }

    fn found(&self, found: &Match, hidden: &mut BTreeMap<u64, HiddenPath>) -> Found {
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
            entry: found.entry.as_ref().map(|entry| self.entry(entry, found.kind, hidden)),
            line: found.line,
            inside: found.inside.as_ref().map(|inside| {
                inside.links().iter().map(|link| link.seal(&|text| self.redactor.path(text))).collect()
            }),
            decoded: found.decoded.iter().map(ToString::to_string).collect(),
            mark,
        }
    }

    /// An entry, without the credentials in its path: without all of them, if a path is where that of the match stands.
    fn entry(&self, entry: &stream::Entry, kind: PlaceKind, hidden: &mut BTreeMap<u64, HiddenPath>) -> Entry {
        let (path, ordinal) = (&entry.path, entry.ordinal);
        let without = self.without(path, matches!(kind, PlaceKind::Path | PlaceKind::Link));
        if without.is_some() {
            hidden.entry(ordinal).or_insert_with(|| HiddenPath::of(path));
        }
        Entry { path: without.unwrap_or_else(|| path.clone()), ordinal, kind: entry.kind }
    }

    /// A path without credentials, `short` ones too; none if there is none in it.
    fn without(&self, path: &[u8], short: bool) -> Option<Vec<u8>> {
        let path = String::from_utf8_lossy(path);
        let shown = if short { self.redactor.text(&path) } else { self.redactor.path(&path) };
        (shown != path).then(|| shown.into_bytes())
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
        facts.iter().map(|fact| (fact.name.to_string(), self.redactor.cut(&fact.value))).collect()
    }

    fn name(&self, name: Option<&String>) -> Option<String> {
        name.map(|name| self.redactor.path(name))
    }
}

fn secrets(what: &Sighting) -> impl Iterator<Item = &Secret> {
    let parts = what.parts.iter().filter(|part| part.by.is_some()).map(|part| &part.value);
    std::iter::once(&what.secret).chain(&what.owner).chain(parts)
}

/// Whether a path of `kept` still shows a credential of a path of `report`, for it is too short to be taken out of others.
pub(super) fn shows_short(report: &BlobReport, kept: &Report, rules: &RuleSet) -> bool {
    let in_path = |found: &&Match| matches!(found.kind, PlaceKind::Path | PlaceKind::Link);
    let secrets = report.matches.iter().filter(in_path).map(|found| &found.what);
    let likely = secrets.filter(|what| what.confidence >= Confidence::Likely && is_secret(what, rules));
    let short: BTreeSet<&[u8]> = likely.map(|what| what.secret.expose()).collect();
    let short: Vec<_> = short.into_iter().filter(|secret| secret.len() < SHORTEST_IN_PATH).collect();
    let entries = kept.found.iter().filter_map(|found| Some(&found.entry.as_ref()?.path));
    let links = kept.paths.links().iter().map(|link| &link.path);
    !short.is_empty()
        && entries
            .chain(links)
            .any(|path| short.iter().any(|secret| memchr::memmem::find(path, secret).is_some()))
}

/// A redactor for the credentials of `found`, whatever they are taken for.
pub(super) fn redactor<'s>(found: impl Iterator<Item = &'s Sighting>, rules: &RuleSet) -> Redactor {
    let secrets = found.filter(|what| is_secret(what, rules)).map(|what| &what.secret);
    Redactor::new(secrets.collect::<BTreeSet<_>>())
}

fn is_secret(what: &Sighting, rules: &RuleSet) -> bool {
    !rules.rules()[what.rule].public()
}
