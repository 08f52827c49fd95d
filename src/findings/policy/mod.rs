//! What of the findings fails a run: an ordered list of rules, of which the first that matches decides.
//!
//! A rule decides for places. A finding gets the worst that any of its places gets, so a credential that a base image has
//! and the build adds once more is not excused by the base. What no rule matches fails. Shorthands such as `--fail-on` are
//! rules too, which stand before or behind those of a file: there is no other way to pass or to fail.
//!
//! Nothing is hidden here; what must not be shown is a matter of [`suppress`](super::suppress).

mod file;
mod shorthand;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::file::rules;
use super::condition::{Condition, Images, Scene, Subject};
use super::suppress::Date;
use super::{Finding, Outcome, Place};
use crate::problem::{Problem, ProblemKind};
use crate::signature::Confidence;

/// Rules in their order, and what day it is.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Vec<Rule>,
    today: Date,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it is called in reports.
    pub name: String,
    /// Where it stands: file and line; none for a shorthand.
    pub at: Option<String>,
    /// What becomes of what it matches.
    pub action: Action,
    /// The last day on which it counts.
    pub expires: Option<Date>,
    /// All of them have to hold; with none it matches everything.
    conditions: Vec<Condition>,
}

/// What becomes of a finding. Ordered: `Pass < Fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is shown.
    Pass,
    /// It is shown, and said to be something to look at.
    Warn,
    /// It makes the exit code 1.
    Fail,
}

/// What the policy makes of one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What becomes of it.
    pub action: Action,
    /// The name of the rule that decided.
    pub rule: String,
    /// Where that stands, if in a file.
    pub at: Option<String>,
    /// For which places of the finding it decided.
    pub places: Vec<usize>,
}

/// What the policy made of all findings of an outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Whether a finding fails the run.
    pub fails: bool,
    /// The rules in their order, each with how many findings it decided.
    pub rules: Vec<Decided>,
}

/// A rule and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What it is called.
    pub name: String,
    /// Where it stands, if in a file.
    pub at: Option<String>,
    /// What becomes of what it matches.
    pub action: Action,
    /// Its last day.
    pub expires: Option<Date>,
    /// Whether that has passed.
    pub expired: bool,
    /// Findings that it decided.
    pub findings: usize,
}

impl Action {
    /// Every action, the worst first.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Warn, Self::Pass];

    /// Its name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Judgement {
    /// Whether somebody chose what fails, so that a reader has to be told; else every finding fails.
    pub fn is_chosen(&self) -> bool {
        self.rules.len() > 1
    }
}

impl Policy {
    /// `rules` in their order; behind them stands one that fails everything. `today` is in UTC.
    pub fn new(rules: Vec<Rule>, today: Date) -> Self {
        Self { rules: rules.into_iter().chain([Rule::everything(Action::Fail)]).collect(), today }
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The same on another day.
    #[must_use]
    pub fn on(&self, today: Date) -> Self {
        Self { today, ..self.clone() }
    }

    /// Whether what it says depends on the day.
    pub fn is_dated(&self) -> bool {
        let asks =
            |condition: &Condition| matches!(condition, Condition::KnownDays(_) | Condition::ImageDays(_));
        self.rules.iter().any(|rule| rule.expires.is_some() || rule.conditions.iter().any(asks))
    }

    /// Whether a rule asks what baselines know, so that it must be shown.
    pub fn asks_for_known(&self) -> bool {
        let conditions = self.rules.iter().flat_map(|rule| &rule.conditions);
        conditions
            .into_iter()
            .any(|condition| matches!(condition, Condition::Known(_) | Condition::KnownDays(_)))
    }

    /// What becomes of a finding that stands at `places` of `images`.
    pub fn judge(&self, subject: Subject<'_>, places: &[Place], images: &Images<'_>) -> Verdict {
        // What packages ship is no leak, unless the finding is nothing else.
        let counts = |place: &Place| place.shipped_by.is_none() || subject.confidence == Confidence::Example;
        let mut judged: Vec<_> = places.iter().enumerate().filter(|(_, place)| counts(place)).collect();
        if judged.is_empty() {
            judged = places.iter().enumerate().collect();
        }
        let decide = |place| self.first(&Scene { subject, place, images, today: self.today });
        let mut decided: Vec<_> =
            judged.into_iter().map(|(at, place)| (decide(Some(place)), Some(at))).collect();
        if decided.is_empty() {
            decided.push((decide(None), None));
        }
        // The worst, and of several the first rule.
        let rank = |rule: usize| (std::cmp::Reverse(self.rules[rule].action), rule);
        let worst = decided.iter().map(|(rule, _)| *rule).min_by_key(|rule| rank(*rule));
        let worst = worst.unwrap_or(self.rules.len() - 1);
        let places =
            decided.iter().filter(|(rule, _)| *rule == worst).filter_map(|(_, place)| *place).collect();
        let rule = &self.rules[worst];
        Verdict { action: rule.action, rule: rule.name.clone(), at: rule.at.clone(), places }
    }

    /// The first rule that matches.
    fn first(&self, scene: &Scene<'_>) -> usize {
        let matches = |rule: &Rule| {
            !rule.is_expired(self.today) && rule.conditions.iter().all(|condition| condition.holds(scene))
        };
        // The last one matches everything.
        self.rules.iter().position(matches).unwrap_or(self.rules.len() - 1)
    }

    /// Judges all findings of `outcomes`, and tells of rules that are no longer in force.
    pub fn apply(&self, outcomes: &mut [Outcome]) {
        for outcome in outcomes {
            let images = Images::new(&outcome.images);
            for finding in &mut outcome.findings {
                let fingerprint = finding.fingerprint.to_string();
                finding.verdict =
                    Some(self.judge(Subject::of(finding, &fingerprint), &finding.places, &images));
            }
            let verdicts: Vec<_> =
                outcome.findings.iter().filter_map(|found| found.verdict.as_ref()).collect();
            outcome.judgement = Some(self.judgement(&verdicts));
            let told: BTreeSet<_> = outcome.problems.iter().cloned().collect();
            outcome.problems.extend(self.notes().filter(|note| !told.contains(note)));
            outcome.problems.sort();
        }
    }

    /// What `verdicts` of this policy come to.
    pub fn judgement(&self, verdicts: &[&Verdict]) -> Judgement {
        let decided = |rule: &Rule| {
            let by = |verdict: &&&Verdict| verdict.rule == rule.name && verdict.at == rule.at;
            Decided {
                name: rule.name.clone(),
                at: rule.at.clone(),
                action: rule.action,
                expires: rule.expires,
                expired: rule.is_expired(self.today),
                findings: verdicts.iter().filter(by).count(),
            }
        };
        Judgement {
            fails: verdicts.iter().any(|verdict| verdict.action == Action::Fail),
            rules: self.rules.iter().map(decided).collect(),
        }
    }

    /// What expired rules have to say for themselves.
    fn notes(&self) -> impl Iterator<Item = Problem> + '_ {
        self.rules.iter().filter(|rule| rule.is_expired(self.today)).filter_map(|rule| {
            let message = format!("the rule of the policy expired after {}: {}", rule.expires?, rule.name);
            let at = rule.at.as_deref().unwrap_or_default();
            Some(Problem::new(ProblemKind::Note, at, message, "renew the rule or delete it"))
        })
    }
}

impl Rule {
    /// On its last day it still counts.
    fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| today > last)
    }
}

impl Finding {
    /// Whether it fails the run; it does if no policy was asked.
    pub fn fails(&self) -> bool {
        self.verdict.as_ref().is_none_or(|verdict| verdict.action == Action::Fail)
    }
}

#[cfg(test)]
mod tests;
