//! What somebody decided not to be told again: entries of an ignore file, marks beside a credential, a baseline.
//!
//! All of it is compared with what a report shows of a finding, so that no list ever has to hold a credential. Nothing
//! is thrown away: what is suppressed is handed on with what suppressed it and why, and so is what of the lists does
//! nothing any more. What day it is comes from outside.
//!
//! A finding is suppressed if each of its places is. Otherwise it stays, with the places that are left.

mod apply;
mod baseline;
mod file;

pub use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use self::baseline::{BASELINE, Baseline, BaselineError, Changes, Item, hint};
pub use self::file::entries;
use super::condition::Condition;
pub use super::condition::table::{FileError, day, day_of, end_of, start_of};
use super::{Finding, Outcome};
use crate::problem::{Problem, ProblemKind};

/// Everything that suppresses.
#[derive(Debug, Clone)]
pub struct Suppressions {
    /// Entries of ignore files. The first that matches a place is the one that is named.
    pub entries: Vec<Entry>,
    /// Whether marks in the image itself count.
    pub inline: bool,
    /// Findings that were known before.
    pub baselines: Vec<Baseline>,
    /// Whether what they know is shown all the same, and only says so.
    pub show_known: bool,
    /// The day of the scan, in UTC.
    pub today: Date,
}

impl Default for Suppressions {
    /// Inline marks and nothing else. To a day that nobody set every entry is expired.
    fn default() -> Self {
        Self { entries: Vec::new(), inline: true, baselines: Vec::new(), show_known: false, today: Date::MAX }
    }
}

/// One entry of an ignore file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands: file and line.
    pub at: String,
    /// Why.
    pub reason: String,
    /// The last day on which it counts.
    pub expires: Option<Date>,
    /// All of them have to hold; at least one.
    conditions: Vec<Condition>,
}

/// What was suppressed, and what of the lists is stale.
#[derive(Debug, Clone, Default)]
pub struct Suppression {
    /// In the order of findings.
    pub findings: Vec<Suppressed>,
    /// What does nothing any more.
    pub stale: StaleLists,
}

/// A finding, or some of its places, that is not shown.
#[derive(Debug, Clone)]
pub struct Suppressed {
    /// With the places that are suppressed.
    pub finding: Finding,
    /// Whether other places of it are shown among the findings.
    pub partly: bool,
    /// Each place is in one of them; sorted by what suppresses.
    pub causes: Vec<Cause>,
}

/// Why places of a finding are not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What suppresses.
    pub by: By,
    /// Where that stands: file and line, or the place in the image.
    pub at: String,
    /// The reason that is given there.
    pub reason: Option<String>,
    /// The last day on which it counts.
    pub expires: Option<Date>,
    /// Which places of the finding.
    pub places: Vec<usize>,
    /// Those of them at which the baseline does not know the credential, although it knows it elsewhere.
    pub new_places: Vec<usize>,
}

/// What a baseline says of a finding that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The baseline.
    pub by: String,
    /// Since when, if it says so.
    pub first_seen: Option<Date>,
    /// Why it is still there, if it says so.
    pub reason: Option<String>,
}

impl Known {
    /// What `baselines` say of the finding of that fingerprint: that which has known it for longest.
    pub fn to(baselines: &[Baseline], fingerprint: &str) -> Option<Self> {
        let all = baselines.iter().filter_map(|baseline| baseline.known(fingerprint));
        all.min_by_key(|known| (known.first_seen.is_none(), known.first_seen))
    }
}

/// What can suppress. A finding with several is counted under the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// An entry of an ignore file.
    IgnoreFile,
    /// A mark in the image.
    Inline,
    /// The baseline.
    Baseline,
}

/// What of the lists does nothing any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleLists {
    /// Entries that are in use and whose last day is near.
    pub expiring: Vec<Expired>,
    /// Entries whose last day has passed.
    pub expired: Vec<Expired>,
    /// Entries that match nothing of what was found.
    pub unused: Vec<Unused>,
    /// Findings of the baseline that were not found.
    pub gone: Vec<Gone>,
}

/// An entry whose last day has passed, or is near.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expired {
    /// Where it stands: file and line.
    pub at: String,
    /// The reason that it gives.
    pub reason: String,
    /// Its last day.
    pub expires: Date,
    /// Findings of which it suppresses a place, or would have.
    pub findings: usize,
}

/// An entry that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unused {
    /// Where it stands: file and line.
    pub at: String,
    /// The reason that it gives.
    pub reason: String,
}

/// A finding that only the baseline knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gone {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The rule that it was found by.
    pub rule: String,
}

impl By {
    /// Each, in their order.
    pub const ALL: [Self; 3] = [Self::IgnoreFile, Self::Inline, Self::Baseline];

    /// Its name in every report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IgnoreFile => "ignore-file",
            Self::Inline => "inline",
            Self::Baseline => "baseline",
        }
    }
}

impl StaleLists {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.expiring.is_empty() && self.expired.is_empty() && self.unused.is_empty() && self.gone.is_empty()
    }
}

impl Suppression {
    /// How many findings are suppressed altogether, by the first of what suppresses each.
    pub fn count(&self, by: By) -> usize {
        let whole = self.findings.iter().filter(|suppressed| !suppressed.partly);
        whole.filter(|suppressed| suppressed.causes.first().is_some_and(|cause| cause.by == by)).count()
    }

    /// Places that are suppressed, and those of them that are new to the baseline.
    pub fn places(&self) -> (usize, usize) {
        let causes = || self.findings.iter().flat_map(|suppressed| &suppressed.causes);
        (causes().map(|cause| cause.places.len()).sum(), causes().map(|cause| cause.new_places.len()).sum())
    }

    /// What entries have to say for themselves that are expired, or will be soon.
    pub fn notes(&self) -> impl Iterator<Item = Problem> + '_ {
        self.expired().chain(self.stale.expiring.iter().map(|entry| {
            let message = format!("counts until {} only: {}", entry.expires, entry.reason);
            Problem::new(ProblemKind::Note, &entry.at, message, "renew the entry, or mend what it ignores")
        }))
    }

    /// Of expired entries only.
    pub fn expired(&self) -> impl Iterator<Item = Problem> + '_ {
        self.stale.expired.iter().map(|entry| {
            let again = match entry.findings {
                0 => String::new(),
                1 => "; one finding that it would match is shown".to_owned(),
                more => format!("; {more} findings that it would match are shown"),
            };
            let message = format!("expired after {}: {}{again}", entry.expires, entry.reason);
            Problem::new(ProblemKind::Note, &entry.at, message, "renew the entry or delete it")
        })
    }
}

/// Leaves of what is unused or gone in each outcome of a run only what is so in all of them, and tells it with the
/// last: a list may be for several images.
pub fn settle(outcomes: &mut [Outcome]) {
    let Some((last, others)) = outcomes.split_last_mut() else { return };
    let stale = &mut last.suppression.stale;
    for other in others {
        let other = &mut other.suppression.stale;
        stale.unused.retain(|unused| other.unused.contains(unused));
        stale.gone.retain(|gone| other.gone.contains(gone));
        other.unused.clear();
        other.gone.clear();
    }
}

#[cfg(test)]
mod tests;
