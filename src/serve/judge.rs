//! What the service makes of what a scan found: what is not shown, and what fails.
//!
//! Kept is what a scan yielded. Ignore files, baselines, people's decisions and the policy are applied whenever somebody looks,
//! so that what was changed counts for images that were scanned long ago. What is searched for in the database was judged
//! when it was put there, and is judged anew by a job when a list, the policy or the day has changed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Service;
use super::store::{Found, LastScan, Member, Scanned, StoreError};
use crate::digest::Digest;
use crate::findings::policy::Policy;
use crate::findings::suppress::{Baseline, Date, Suppressed, Suppressions, day_of};
use crate::findings::{Finding, Outcome, missed};
use crate::image::Image;
use crate::report::kept::{Kept, KeptError, LARGEST, PackError};
use crate::report::{Format, describe};
use crate::scan::unread;
use crate::source::registry::Reference;

/// The lists and the policy of a configuration.
#[derive(Debug)]
pub struct Judge {
    /// The same for the same lists and policy.
    source: Digest,
    lists: Suppressions,
    policy: Policy,
    /// The files with the lists, for the log.
    files: Vec<String>,
    /// As they are on the day that was last asked for.
    today: Mutex<Option<Arc<Today>>>,
}

/// Lists and policy on one day.
#[derive(Debug)]
pub(super) struct Today {
    day: Date,
    lists: Suppressions,
    policy: Policy,
    name: String,
}

/// Characters of the place that is shown of a finding; all of them are in the report.
const SHOWN: usize = 300;

/// The baseline that decisions are, by its name.
const DECISIONS: &str = "decisions";

impl Judge {
    /// One that hides what `lists` say and judges by `policy`; `source` is what both were read from.
    pub fn new(source: &[u8], lists: Suppressions, policy: Policy) -> Self {
        Self { source: Digest::of(source), lists, policy, files: Vec::new(), today: Mutex::default() }
    }

    /// The same, whose lists were read from `files`: the log names them.
    #[must_use]
    pub fn read_from(self, files: Vec<String>) -> Self {
        Self { files, ..self }
    }

    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    /// As it is now.
    pub(super) fn today(&self) -> Arc<Today> {
        let day = day_of(SystemTime::now());
        let mut last = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(today) = last.as_ref().filter(|today| today.day == day) {
            return Arc::clone(today);
        }
        let dated = self.lists.is_dated() || self.policy.is_dated();
        let name = if dated { format!("{} {day}", self.source.hex()) } else { self.source.hex() };
        let lists = Suppressions { today: day, ..self.lists.clone() };
        let today = Arc::new(Today { day, lists, policy: self.policy.on(day), name });
        *last = Some(Arc::clone(&today));
        today
    }
}

impl Today {
    /// The same for what is judged alike.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether what was judged by `name` is to be judged by these lists and this policy, on whatever day.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let source = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
        source(name) == source(&self.name)
    }

    /// Hides and judges the findings of `outcome`, with what was `decided` of them.
    pub(super) fn apply(&self, outcome: &mut Outcome, decided: Option<Baseline>) {
        match decided {
            None => self.lists.hide(outcome),
            Some(decided) => {
                let mut lists = self.lists.clone();
                lists.baselines.push(decided);
                lists.hide(outcome);
            }
        }
        self.policy.apply(std::slice::from_mut(outcome));
    }
}

/// Why there is no outcome of an image.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept cannot be read.
    #[error("what is kept of this image cannot be read: {0}; have it scanned again")]
    Kept(#[from] KeptError),
    /// There is no report of it.
    #[error(
        "the report of this image has more than {LARGEST} bytes, and so is not kept: its findings are listed here; to have a \
         report of it scan it with `layersift scan`"
    )]
    TooLarge,
    /// It cannot be packed, or a format cannot be written.
    #[error("the report cannot be written: {0}")]
    Written(#[from] std::io::Error),
}

impl Service {
    /// What is kept of the image of that number, with all that is hidden of it and how it is judged now.
    pub(super) fn kept(&self, image: i64) -> Result<Option<Kept>, NotKept> {
        let Some(last) = self.store.last_scan(image)? else { return Ok(None) };
        let Some(packed) = last.report else {
            return if last.too_large { Err(NotKept::TooLarge) } else { Ok(None) };
        };
        let decided = self.store.dismissed_of(image)?;
        let mut kept = Kept::unpack(&packed)?;
        let decided = (!decided.is_empty()).then(|| Baseline::with(DECISIONS, decided));
        self.judge.today().apply(&mut kept.outcome, decided);
        Ok(Some(kept))
    }

    /// The report of the image of that number.
    pub(super) fn report_of(&self, image: i64, format: &Format) -> Result<Option<Vec<u8>>, NotKept> {
        let Some(kept) = self.kept(image)? else { return Ok(None) };
        let mut out = Vec::new();
        (format.write)(&mut out, std::slice::from_ref(&kept.outcome), &kept.options(&self.report))?;
        Ok(Some(out))
    }

    /// What is kept of what a scan of `image` yielded, and what is searched for of it.
    pub(super) fn to_keep(
        &self,
        image: &Reference,
        outcome: Outcome,
        began: SystemTime,
    ) -> Result<Scanned, NotKept> {
        // A scan that looked everywhere needs to know nothing of the one before it.
        let before = if outcome.has_gaps() { self.store.scan_before(image)? } else { None };
        let earlier = before.as_ref().map(Earlier::read).unwrap_or_default();
        let unseen = missed(&outcome, earlier.findings);
        let times = Some((began, SystemTime::now()));
        let tool = self.report.tool.clone();
        let packed = unseen_report(&unseen)?;
        let mut kept = Kept { outcome, tool, times };
        let report = kept.pack();
        let today = self.judge.today();
        let mut scanned = scanned(&mut kept.outcome, unseen, &today);
        scanned.known.extend(earlier.known);
        let report = match report {
            Ok(report) => Some(report),
            Err(PackError::TooLarge) => None,
            Err(PackError::Io(error)) => return Err(error.into()),
        };
        Ok(Scanned { report, unseen: packed, before: before.map(|before| before.when), ..scanned })
    }

    /// Judges one image anew; false if there is nothing of it any more, or something newer.
    pub(super) fn judge_anew(&self, image: i64, today: &Today) -> Result<bool, NotKept> {
        let Some(LastScan { when, report: Some(packed), unseen, .. }) = self.store.last_scan(image)? else {
            return Ok(false);
        };
        let unseen = unseen.as_deref().map(Kept::unpack).transpose();
        let (mut kept, unseen) = match Kept::unpack(&packed).and_then(|kept| Ok((kept, unseen?))) {
            Ok(read) => read,
            Err(error) => {
                // Not to be tried again before something changes.
                self.store.not_judged((image, when), today.name())?;
                return Err(error.into());
            }
        };
        let unseen = unseen.map(|unseen| unseen.outcome.findings).unwrap_or_default();
        Ok(self.store.judged((image, when), &scanned(&mut kept.outcome, unseen, today))?)
    }
}

/// What scans of an image before this one found, as far as that is kept.
#[derive(Default)]
struct Earlier {
    findings: Vec<Finding>,
    /// The fingerprints of all of them.
    known: BTreeSet<String>,
}

impl Earlier {
    /// All that is kept. What cannot be read any more is as if it were not known, and then stays as it is.
    fn read(last: &LastScan) -> Self {
        let packed = [&last.report, &last.unseen].into_iter().flatten();
        let mut all = Self::default();
        for Kept { outcome, .. } in packed.filter_map(|packed| Kept::unpack(packed).ok()) {
            let suppressed = outcome.suppression.findings.into_iter().map(|suppressed| suppressed.finding);
            let findings = outcome.findings.into_iter().chain(suppressed);
            let new = findings.filter(|found| all.known.insert(found.fingerprint.to_string()));
            all.findings.extend(new.collect::<Vec<_>>());
        }
        all
    }
}

/// Findings that the last scan missed, as they are kept beside its report.
fn unseen_report(unseen: &[Finding]) -> Result<Option<Vec<u8>>, NotKept> {
    if unseen.is_empty() {
        return Ok(None);
    }
    let outcome = Outcome { findings: unseen.to_vec(), ..Outcome::default() };
    match (Kept { outcome, ..Kept::default() }).pack() {
        Ok(packed) => Ok(Some(packed)),
        // Without it they stay as they are.
        Err(PackError::TooLarge) => Ok(None),
        Err(PackError::Io(error)) => Err(error.into()),
    }
}

/// What is searched for of an outcome, and of what earlier scans found where it has gaps.
fn scanned(outcome: &mut Outcome, unseen: Vec<Finding>, today: &Today) -> Scanned {
    let missed: BTreeSet<String> = unseen.iter().map(|finding| finding.fingerprint.to_string()).collect();
    outcome.findings.extend(unseen);
    let suppressed = outcome.suppression.findings.iter().map(|suppressed| &suppressed.finding);
    let known = outcome.findings.iter().chain(suppressed).map(|found| found.fingerprint.to_string());
    let known = known.collect();
    today.apply(outcome, None);
    let whole = outcome.suppression.findings.iter().filter(|suppressed| !suppressed.partly);
    let all = outcome.findings.iter().map(found).chain(whole.map(ignored));
    let all = all.map(|found| Found { unseen: missed.contains(&found.fingerprint), ..found });
    let digest = |digest: Option<Digest>| digest.map_or_else(String::new, |digest| digest.to_string());
    let layers = |image: &'_ Image| {
        image.layers.iter().map(|layer| (digest(layer.digest), digest(layer.diff_id))).collect::<Vec<_>>()
    };
    Scanned {
        findings: all.collect(),
        known,
        layers: outcome.images.iter().flat_map(layers).collect(),
        members: members(outcome),
        gaps: i64::try_from(outcome.gaps()).unwrap_or(i64::MAX),
        unread: unread(&outcome.problems).map(|problem| problem.message.clone()),
        judged: today.name().to_owned(),
        ..Scanned::default()
    }
}

/// One that is hidden wherever it stands.
fn ignored(suppressed: &Suppressed) -> Found {
    let by = suppressed.causes.first().map_or("ignore-file", |cause| cause.by.as_str());
    Found { ignored: Some(by.to_owned()), ..found(&suppressed.finding) }
}

/// What the documents of an outcome lead to: images, and what is beside them.
fn members(outcome: &Outcome) -> Vec<Member> {
    let platform =
        |image: &Image| image.platform.as_ref().map_or_else(|| "unknown".into(), ToString::to_string);
    let images = outcome.images.iter().filter_map(|image| Some((image.manifest?, Some(platform(image)))));
    let of_images: Vec<(Digest, Option<String>)> = images.collect();
    let is_image = |digest: &&Digest| of_images.iter().any(|(image, _)| image == *digest);
    let others = outcome.manifests.iter().filter(|digest| !is_image(digest)).map(|digest| (*digest, None));
    let all = of_images.iter().cloned().chain(others);
    all.map(|(digest, platform)| Member { digest: digest.to_string(), platform }).collect()
}

fn found(finding: &Finding) -> Found {
    let first = finding.places.first();
    let action = finding.verdict.as_ref().map_or("fail", |verdict| verdict.action.as_str());
    Found {
        fingerprint: finding.fingerprint.to_string(),
        rule: finding.rule.clone(),
        name: finding.name.clone(),
        severity: finding.severity.as_str().to_owned(),
        verdict: action.to_owned(),
        redacted: finding.secret.redacted(),
        place: first.map(describe).unwrap_or_default().chars().take(SHOWN).collect(),
        places: i64::try_from(finding.places.len()).unwrap_or(i64::MAX),
        ..Found::default()
    }
}
