//! Goes through findings place by place, and takes apart what is suppressed and what is shown.

use std::collections::{BTreeMap, BTreeSet};

use super::{By, Cause, Entry, Expired, Known, StaleLists, Suppressed, Suppression, Suppressions, Unused};
use crate::findings::condition::{Images, Scene, Subject};
use crate::findings::{Credential, Finding, Outcome, Place, fix};
use crate::image::Image;
use crate::matcher::Mark;
use crate::signature::Confidence;

/// Days before its last one from which an entry is told.
const SOON: i32 = 14;

/// What suppresses one place. The order is that of [`By`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Entry(usize),
    Inline,
    Known { baseline: usize, new: bool },
}

/// Which entries matched how many findings.
#[derive(Debug)]
struct Matched(Vec<BTreeSet<usize>>);

impl Suppressions {
    /// Takes what is suppressed out of `findings`, which stand in `images`.
    pub fn apply(&self, findings: Vec<Finding>, images: &[Image]) -> (Vec<Finding>, Suppression) {
        let images = Images::new(images);
        let mut matched = Matched(vec![BTreeSet::new(); self.entries.len()]);
        let fingerprints: BTreeSet<String> =
            findings.iter().map(|finding| finding.fingerprint.to_string()).collect();
        let (mut kept, mut suppressed) = (Vec::new(), Vec::new());
        for (number, mut finding) in findings.into_iter().enumerate() {
            let fingerprint = finding.fingerprint.to_string();
            finding.known = self.known(&fingerprint);
            let subject = Subject::of(&finding, &fingerprint);
            let scene = |place| Scene { subject, place: Some(place), images: &images, today: self.today };
            let verdicts: Vec<Option<Verdict>> = finding
                .places
                .iter()
                .map(|place| self.verdict(&scene(place), place, &mut |entry| matched.add(entry, number)))
                .collect();
            let (left, taken) = self.split(finding, &verdicts);
            kept.extend(left);
            suppressed.extend(taken);
        }
        let gone = self.baselines.iter().flat_map(|baseline| baseline.gone(&fingerprints)).collect();
        let stale = StaleLists { gone, ..self.stale(&matched) };
        (kept, Suppression { findings: suppressed, stale })
    }

    /// Takes what is suppressed out of the findings of `outcome`, beside what was taken out before, and tells of lists that are
    /// out of date.
    pub fn hide(&self, outcome: &mut Outcome) {
        let (kept, mut suppression) = self.apply(std::mem::take(&mut outcome.findings), &outcome.images);
        outcome.findings = kept;
        outcome.problems.extend(suppression.notes());
        outcome.problems.sort();
        outcome.problems.dedup();
        let before = std::mem::take(&mut outcome.suppression.findings);
        suppression.findings.splice(0..0, before);
        outcome.suppression = suppression;
    }

    /// Whether what they do depends on the day.
    pub fn is_dated(&self) -> bool {
        self.entries.iter().any(|entry| entry.expires.is_some())
    }

    /// What the baselines say of a finding.
    fn known(&self, fingerprint: &str) -> Option<Known> {
        Known::to(&self.baselines, fingerprint)
    }

    /// What suppresses a place, if anything does. Every entry that matches is told to `matched`, expired ones too.
    fn verdict(&self, scene: &Scene<'_>, place: &Place, matched: &mut dyn FnMut(usize)) -> Option<Verdict> {
        let mut first = None;
        for (index, _) in self.entries.iter().enumerate().filter(|(_, entry)| entry.matches(scene)) {
            matched(index);
            if first.is_none() && !self.entries[index].is_expired(self) {
                first = Some(Verdict::Entry(index));
            }
        }
        let marked = || {
            let mark = place.mark.as_ref().filter(|_| self.inline);
            mark.filter(|mark| mark.covers(scene.subject.rule)).map(|_| Verdict::Inline)
        };
        let known = || {
            let mut baselines = self.baselines.iter().enumerate().filter(|_| !self.show_known);
            let (baseline, places) =
                baselines.find_map(|(i, known)| Some((i, known.places(scene.subject.fingerprint)?)))?;
            Some(Verdict::Known { baseline, new: !places.is_empty() && !places.contains(&place.hint()) })
        };
        first.or_else(marked).or_else(known)
    }

    /// The finding with the places that are left, and with those that are suppressed.
    fn split(&self, finding: Finding, verdicts: &[Option<Verdict>]) -> (Option<Finding>, Option<Suppressed>) {
        if verdicts.iter().all(Option::is_none) {
            return (Some(finding), None);
        }
        // What packages ship keeps a finding alive only if it has no other places at all.
        let counts = |place: &Place| place.shipped_by.is_none() || finding.confidence == Confidence::Example;
        let mut places = finding.places.iter().zip(verdicts);
        let partly = places.any(|(place, verdict)| verdict.is_none() && counts(place));
        let with = |suppressed: bool| {
            let places = finding.places.iter().zip(verdicts);
            let places = places.filter(|(_, verdict)| verdict.is_some() == suppressed);
            places.map(|(place, _)| place.clone()).collect::<Vec<Place>>()
        };
        let kept = partly.then(|| {
            let places = with(false);
            let credential = Credential { name: &finding.name, revoke: finding.revoke.as_deref() };
            Finding { fix: fix(&credential, &places), places, ..finding.clone() }
        });
        let places = with(true);
        let verdicts: Vec<Verdict> = verdicts.iter().flatten().copied().collect();
        let causes = self.causes(&places, &verdicts);
        (kept, Some(Suppressed { finding: Finding { places, ..finding }, partly, causes }))
    }

    /// One cause for each thing that suppresses some of `places`.
    fn causes(&self, places: &[Place], verdicts: &[Verdict]) -> Vec<Cause> {
        let mut causes: Vec<Cause> = Vec::new();
        let mut positions = BTreeMap::new();
        for (index, (place, verdict)) in places.iter().zip(verdicts).enumerate() {
            let cause = self.cause(place, *verdict);
            let position =
                *positions.entry((cause.by, cause.at.clone(), cause.reason.clone())).or_insert_with(|| {
                    causes.push(cause);
                    causes.len() - 1
                });
            causes[position].places.push(index);
            if matches!(verdict, Verdict::Known { new: true, .. }) {
                causes[position].new_places.push(index);
            }
        }
        causes.sort_by_key(|cause| cause.by);
        causes
    }

    fn cause(&self, place: &Place, verdict: Verdict) -> Cause {
        let cause = |by, at: String, reason, expires| Cause {
            by,
            at,
            reason,
            expires,
            places: Vec::new(),
            new_places: Vec::new(),
        };
        match verdict {
            Verdict::Entry(index) => {
                let Entry { at, reason, expires, .. } = &self.entries[index];
                cause(By::IgnoreFile, at.clone(), Some(reason.clone()), *expires)
            }
            Verdict::Inline => {
                let mark = place.mark.as_ref();
                cause(By::Inline, mark_at(place), mark.and_then(|mark| mark.reason.clone()), None)
            }
            Verdict::Known { baseline, .. } => {
                cause(By::Baseline, self.baselines[baseline].name().to_owned(), None, None)
            }
        }
    }

    /// Entries that do nothing, expired ones and those that matched nothing, and those that will soon do nothing.
    fn stale(&self, matched: &Matched) -> StaleLists {
        let mut stale = StaleLists::default();
        for (entry, findings) in self.entries.iter().zip(&matched.0) {
            let (at, reason) = (entry.at.clone(), entry.reason.clone());
            let dated = |expires| Expired {
                at: at.clone(),
                reason: reason.clone(),
                expires,
                findings: findings.len(),
            };
            match entry.expires {
                Some(expires) if entry.is_expired(self) => stale.expired.push(dated(expires)),
                _ if findings.is_empty() => stale.unused.push(Unused { at, reason }),
                Some(expires) if self.is_near(expires) => stale.expiring.push(dated(expires)),
                _ => {}
            }
        }
        stale
    }

    fn is_near(&self, day: super::Date) -> bool {
        self.today.until(day).is_ok_and(|span| span.get_days() <= SOON)
    }
}

impl Matched {
    fn add(&mut self, entry: usize, finding: usize) {
        self.0[entry].insert(finding);
    }
}

impl Entry {
    fn matches(&self, scene: &Scene<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(scene))
    }

    /// On its last day it still counts.
    fn is_expired(&self, suppressions: &Suppressions) -> bool {
        self.expires.is_some_and(|last| suppressions.today > last)
    }
}

/// Where the mark of a place stands: path or build step, and line.
fn mark_at(place: &Place) -> String {
    let above = place.mark.as_ref().is_some_and(|mark: &Mark| mark.above);
    let line = place.line.map(|line| line.saturating_sub(u64::from(above)).max(1));
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    match (&place.path, &place.step) {
        (Some(path), _) => format!("{path}{line}"),
        (None, Some(step)) => format!("step {} {}{line}", step.index, step.instruction),
        (None, None) => format!("{}{line}", place.kind.as_str()),
    }
}
