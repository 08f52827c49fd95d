//! What people decided about a credential: that it is none, that it stays for a while, that it was revoked.
//!
//! A decision is about a fingerprint, everywhere or in some repositories. The newest one that covers a repository counts there;
//! it is undone by a newer one and never deleted. Which one counts for a finding stands beside the finding, and until when it
//! closes it, so that one whose day has passed is open again without anybody doing something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::json;

use super::Store;
use super::audit::{Change, record};
use super::engine::{Row, Session, StoreError, list, values};
use super::spread::spread;
use crate::findings::suppress::{Date, Item, day, day_of, end_of};
use crate::source::registry::fits;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionKind {
    /// It is no credential, or none that is worth anything.
    FalseAlarm,
    /// It is one, and stays for a while.
    Accepted,
    /// It was revoked or replaced where it was issued: what images still have of it opens nothing.
    Fixed,
    /// Nothing: an earlier decision is undone.
    Open,
}

/// Every kind, and its name.
const KINDS: [(DecisionKind, &str); 4] = [
    (DecisionKind::FalseAlarm, "false-alarm"),
    (DecisionKind::Accepted, "accepted"),
    (DecisionKind::Fixed, "fixed"),
    (DecisionKind::Open, "open"),
];

/// A decision, before it is made.
#[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "if" = {"required": ["kind"], "properties": {"kind": {"const": "accepted"}}},
    "then" = {"required": ["until"], "properties": {"until": {"type": "string"}}},
    "else" = {"properties": {"until": {"type": "null"}}}
))]
pub struct NewDecision {
    /// Of the credential, all 32 digits.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{32}$"))]
    pub fingerprint: String,
    /// What is decided.
    pub kind: DecisionKind,
    /// Where it counts: `*` for everywhere, or a pattern of `HOST/PATH`.
    #[serde(default = "everywhere")]
    pub scope: String,
    /// With `accepted`: the last day on which it counts, such as `2027-01-31`.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Date>,
    /// Why, in 1 to 2,000 characters.
    #[schemars(length(max = 2_000), regex(pattern = r"\S"))]
    pub reason: String,
}

/// A decision that was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Decision {
    /// Its number; later ones are larger.
    pub id: i64,
    /// Of the credential.
    pub fingerprint: String,
    /// What was decided.
    pub kind: DecisionKind,
    /// Where it counts: `*`, or a pattern of `HOST/PATH`.
    pub scope: String,
    /// The last day on which it counts.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub who: String,
    /// When, in milliseconds since 1970.
    pub made: i64,
    /// Whether it closes the credential somewhere: its day has not passed, and no newer one took its place.
    pub in_force: bool,
    /// The rule that found the credential.
    pub rule: String,
    /// What may be shown of it.
    pub redacted: String,
}

/// Why a decision is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody ever found such a credential.
    #[error(
        "no image has or had a credential with this fingerprint; give all 32 digits of one that was found"
    )]
    Unknown,
    /// It has no reason, or too long a one.
    #[error("say why, in `reason`, with at most 2,000 characters")]
    Reason,
    /// It has no last day, or one that has passed.
    #[error(
        "what is accepted needs the last day on which that counts, as in \"until\": \"2027-01-31\", and one to come"
    )]
    Until,
    /// It has a last day, and is of a kind that has none.
    #[error("only what is accepted has a last day")]
    NoUntil,
    /// Where it counts cannot be read.
    #[error("`scope` is * for everywhere, or a pattern of HOST/PATH, as in registry.example/team/*")]
    Scope,
}

/// Characters of a reason and of a scope.
const LONGEST: (usize, usize) = (2_000, 500);

/// A decision that cannot end.
pub(super) const FOREVER: i64 = i64::MAX;

const ROW: &str = "id, fingerprint, kind, scope, until, reason, who, made, rule, redacted";

fn everywhere() -> String {
    "*".to_owned()
}

impl DecisionKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("open", |(_, name)| name)
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, other)| *other == name).map(|(kind, _)| *kind)
    }
}

impl NewDecision {
    fn check(&self, today: Date) -> Result<(), Refused> {
        let reason = self.reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST.0 {
            return Err(Refused::Reason);
        }
        match (self.kind, self.until) {
            (DecisionKind::Accepted, until) if until.is_none_or(|until| until < today) => Err(Refused::Until),
            (DecisionKind::Accepted, _) | (_, None) => Ok(()),
            (_, Some(_)) => Err(Refused::NoUntil),
        }?;
        let scope = &self.scope;
        let shaped = scope == "*" || scope.contains('/');
        let plain = !scope.is_empty() && !scope.chars().any(|c| c.is_whitespace() || c.is_control());
        if !shaped || !plain || scope.chars().count() > LONGEST.1 {
            return Err(Refused::Scope);
        }
        Ok(())
    }
}

impl Decision {
    /// Whether it counts in the repository `HOST/PATH`.
    pub(super) fn covers(&self, repository: &str) -> bool {
        fits(&self.scope, repository)
    }

    /// Until when it closes what it is about, in milliseconds since 1970; 0: it does not.
    pub(super) fn closed_until(&self) -> i64 {
        match self.kind {
            DecisionKind::Open => 0,
            DecisionKind::FalseAlarm | DecisionKind::Fixed => FOREVER,
            DecisionKind::Accepted => self.until.as_deref().and_then(day).map_or(0, end_of),
        }
    }

    fn closes(&self, today: Date) -> bool {
        let past = self.until.as_deref().and_then(day).is_some_and(|until| until < today);
        self.kind != DecisionKind::Open && !past
    }

    /// As an item of a baseline. Without places it is known wherever it stands.
    fn item(&self) -> (String, Item) {
        let until = self.until.as_ref().map_or_else(String::new, |until| format!(" until {until}"));
        let item = Item {
            rule: self.rule.clone(),
            redacted: self.redacted.clone(),
            first_seen: Some(day_of(SystemTime::UNIX_EPOCH + milliseconds(self.made))),
            reason: Some(format!("{}{until}, {}: {}", self.kind.as_str(), self.who, self.reason)),
            ..Item::default()
        };
        (self.fingerprint.clone(), item)
    }
}

fn milliseconds(number: i64) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

fn row(row: &Row) -> Decision {
    Decision {
        id: row.int(0),
        fingerprint: row.text(1),
        kind: DecisionKind::named(&row.text(2)).unwrap_or(DecisionKind::Open),
        scope: row.text(3),
        until: row.maybe_text(4),
        reason: row.text(5),
        who: row.text(6),
        made: row.int(7),
        in_force: false,
        rule: row.text(8),
        redacted: row.text(9),
    }
}

/// All decisions about these credentials, the newest first of each, credential by credential.
fn about<'f>(
    session: &mut dyn Session,
    fingerprints: impl Iterator<Item = &'f str>,
) -> Result<Vec<Decision>, StoreError> {
    let query = format!(
        "SELECT {ROW} FROM decisions WHERE fingerprint IN {{texts($1)}} ORDER BY fingerprint, id DESC"
    );
    let fingerprints = list(&fingerprints.collect::<Vec<_>>());
    let mut all: Vec<Decision> = session.query(&query, &[fingerprints])?.iter().map(row).collect();
    let today = day_of(SystemTime::now());
    all.chunk_by_mut(|a, b| a.fingerprint == b.fingerprint).for_each(|about| mark(about, today));
    Ok(all)
}

/// Says of each of the decisions about one credential, the newest first, whether it is in force.
fn mark(all: &mut [Decision], today: Date) {
    let mut newer: BTreeSet<String> = BTreeSet::new();
    for decision in all {
        let replaced = newer.contains("*") || newer.contains(&decision.scope);
        decision.in_force = decision.closes(today) && !replaced;
        newer.insert(decision.scope.clone());
    }
}

/// The decisions that count for these credentials in the repository `HOST/PATH`, by fingerprint.
pub(super) fn counting<'f>(
    session: &mut dyn Session,
    fingerprints: impl Iterator<Item = &'f str>,
    repository: &str,
) -> Result<BTreeMap<String, Decision>, StoreError> {
    let mut counting = BTreeMap::new();
    for decision in about(session, fingerprints)?.into_iter().filter(|one| one.covers(repository)) {
        counting.entry(decision.fingerprint.clone()).or_insert(decision);
    }
    Ok(counting)
}

/// The decision of that number.
pub(super) fn decision(session: &mut dyn Session, number: i64) -> Result<Option<Decision>, StoreError> {
    let query = format!("SELECT {ROW} FROM decisions WHERE id = $1");
    Ok(session.first(&query, values![number])?.as_ref().map(row))
}

impl Store {
    /// Makes a decision, in the name of `who`. If it concerns very many images, a worker has it count in them one after another.
    pub fn decide(&self, who: &str, new: &NewDecision) -> Result<Result<Decision, Refused>, StoreError> {
        if let Err(refused) = new.check(day_of(SystemTime::now())) {
            return Ok(Err(refused));
        }
        let fingerprint = new.fingerprint.to_ascii_lowercase();
        self.within(|session| {
            // No scan may keep a finding by what was decided before.
            session.query("{decide}", &[])?;
            let known = "SELECT rule, redacted FROM secrets WHERE fingerprint = $1";
            let Some(known) = session.first(known, values![&fingerprint])? else {
                return Ok(Err(Refused::Unknown));
            };
            let before = about(session, std::iter::once(&*fingerprint))?
                .into_iter()
                .find(|old| old.scope == new.scope);
            let insert = format!(
                "INSERT INTO decisions (fingerprint, kind, scope, until, reason, who, made, rule, redacted)
                VALUES ($1, $2, $3, $4, $5, $6, {{now}}, $7, $8) RETURNING {ROW}"
            );
            let until = new.until.map(|until| until.to_string());
            let made = session.first(
                &insert,
                values![
                    &fingerprint,
                    new.kind.as_str(),
                    &new.scope,
                    until.as_ref(),
                    new.reason.trim(),
                    who,
                    &known.text(0),
                    &known.text(1)
                ],
            )?;
            let Some(mut made) = made.as_ref().map(row) else {
                return Err(StoreError::passing("it did not keep the decision"));
            };
            made.in_force = made.kind != DecisionKind::Open;
            spread(session, &made)?;
            let told = |decision: &Decision| {
                let Decision { id, kind, scope, until, reason, .. } = decision;
                json!({"decision": id, "kind": kind, "scope": scope, "until": until, "reason": reason})
                    .to_string()
            };
            let (was, became) = (before.as_ref().map(told), told(&made));
            let change = Change {
                who,
                action: "decide",
                subject: &fingerprint,
                was: was.as_deref(),
                became: Some(&became),
            };
            record(session, &change)?;
            Ok(Ok(made))
        })
    }

    /// Decisions, of one credential or of all, the newest first; numbers below `before`, or all if that is 0.
    pub fn decisions(
        &self,
        fingerprint: Option<&str>,
        before: i64,
        most: usize,
    ) -> Result<Vec<Decision>, StoreError> {
        let query = format!(
            "SELECT {ROW} FROM decisions WHERE id < $1 AND ($2 = '' OR fingerprint = $2) ORDER BY id DESC LIMIT $3"
        );
        let before = if before == 0 { i64::MAX } else { before };
        self.reading(|session| {
            let rows = session.query(&query, values![before, fingerprint.unwrap_or_default(), most])?;
            let mut page: Vec<Decision> = rows.iter().map(row).collect();
            // Newer ones may be on another page.
            let all = about(session, page.iter().map(|decision| &*decision.fingerprint))?;
            let in_force: BTreeSet<i64> =
                all.iter().filter(|decision| decision.in_force).map(|decision| decision.id).collect();
            for decision in &mut page {
                decision.in_force = in_force.contains(&decision.id);
            }
            Ok(page)
        })
    }

    /// What decisions say is not to be shown, of the findings of an image.
    pub fn dismissed_of(&self, image: i64) -> Result<Vec<(String, Item)>, StoreError> {
        let query = format!(
            "SELECT {} FROM decisions JOIN findings ON findings.decision = decisions.id
            WHERE findings.image = $1 AND findings.closed_until > {{now}} AND findings.ignored IS NULL
            ORDER BY decisions.fingerprint",
            ROW.split(", ").map(|column| format!("decisions.{column}")).collect::<Vec<_>>().join(", ")
        );
        self.reading(|session| {
            let rows = session.query(&query, values![image])?;
            Ok(rows.iter().map(|found| row(found).item()).collect())
        })
    }

    /// What decisions say is not to be shown, everywhere or in the repository `HOST/PATH`, each credential once.
    pub fn dismissed(&self, repository: Option<&str>) -> Result<Vec<(String, Item)>, StoreError> {
        let today = day_of(SystemTime::now());
        let query = format!("SELECT {ROW} FROM decisions ORDER BY fingerprint, id DESC");
        self.reading(|session| {
            let all: Vec<Decision> = session.query(&query, &[])?.iter().map(row).collect();
            let counts = |decision: &&Decision| match repository {
                Some(repository) => decision.covers(repository),
                None => decision.scope == "*",
            };
            let same = |a: &Decision, b: &Decision| a.fingerprint == b.fingerprint;
            let first = all.chunk_by(same).filter_map(|about| about.iter().find(counts));
            Ok(first.filter(|decision| decision.closes(today)).map(Decision::item).collect())
        })
    }
}
