//! What the service makes of what a scan found: what is not shown, and what fails.
//!
//! Kept is what a scan yielded. Ignore files, baselines, people's decisions and the policy are applied whenever somebody looks,
//! so that what was changed counts for images that were scanned long ago. What is searched for in the database was judged
//! when it was put there, and is judged anew by a job when a list, the policy or the day has changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Service;
use super::store::{Found, Scanned, StoreError};
use crate::digest::Digest;
use crate::findings::policy::Policy;
use crate::findings::suppress::{Baseline, Date, Suppressions, day_of};
use crate::findings::{Finding, Outcome};
use crate::image::Image;
use crate::report::kept::{Kept, KeptError};
use crate::report::{Format, describe};
use crate::scan::unread;

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
    /// A format cannot be written.
    #[error("the report cannot be written: {0}")]
    Written(#[from] std::io::Error),
}

impl Service {
    /// What is kept of the image of that number, with all that is hidden of it and how it is judged now.
    pub(super) fn kept(&self, image: i64) -> Result<Option<Kept>, NotKept> {
        let Some(packed) = self.store.report(image)? else { return Ok(None) };
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

    /// What is kept of what a scan yielded, and what is searched for of it.
    pub(super) fn to_keep(&self, outcome: Outcome, began: SystemTime) -> std::io::Result<Scanned> {
        let times = Some((began, SystemTime::now()));
        let mut kept = Kept { outcome, tool: self.report.tool.clone(), times };
        let report = kept.pack()?;
        let today = self.judge.today();
        today.apply(&mut kept.outcome, None);
        Ok(Scanned { report, ..scanned(&kept.outcome, &today) })
    }

    /// Judges one image anew; false if there is nothing of it any more, or something newer.
    pub(super) fn judge_anew(&self, image: i64, today: &Today) -> Result<bool, NotKept> {
        let Some((when, packed)) = self.store.last_scan(image)? else { return Ok(false) };
        let mut kept = Kept::unpack(&packed)?;
        today.apply(&mut kept.outcome, None);
        Ok(self.store.judged((image, when), &scanned(&kept.outcome, today))?)
    }
}

/// What is searched for of an outcome.
fn scanned(outcome: &Outcome, today: &Today) -> Scanned {
    let digest = |digest: Option<Digest>| digest.map_or_else(String::new, |digest| digest.to_string());
    let layers = |image: &'_ Image| {
        image.layers.iter().map(|layer| (digest(layer.digest), digest(layer.diff_id))).collect::<Vec<_>>()
    };
    Scanned {
        findings: outcome.findings.iter().map(found).collect(),
        layers: outcome.images.iter().flat_map(layers).collect(),
        manifests: outcome.images.iter().map(|image| digest(image.manifest)).collect(),
        gaps: i64::try_from(outcome.gaps()).unwrap_or(i64::MAX),
        unread: unread(&outcome.problems).map(|problem| problem.message.clone()),
        judged: today.name().to_owned(),
        ..Scanned::default()
    }
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
