//! What was found in images, each credential once an image, as it is searched for.

use std::collections::BTreeSet;

use super::Store;
use super::decisions::{Decision, FOREVER, counting};
use super::engine::{Row, Session, StoreError, Value, list, values};
use super::images::ImageKey;
use super::occurrences::settle;
use crate::signature::Severity;

/// A finding, as it is searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Found {
    /// Image that has it; 0 before it is kept.
    pub image: i64,
    /// Fingerprint of the credential.
    pub fingerprint: String,
    /// Id of the rule.
    pub rule: String,
    /// What it is, for people.
    pub name: String,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// What the policy makes of it: `fail`, `warn` or `pass`.
    pub verdict: String,
    /// What may be shown of it.
    pub redacted: String,
    /// Its first place, for people.
    pub place: String,
    /// In how many places it is.
    pub places: i64,
    /// When a scan of the image found it first, in milliseconds since 1970; 0 before it is kept.
    pub first_seen: i64,
    /// The decision that counts for it.
    pub decision: Option<i64>,
    /// What that decided: `false-alarm`, `accepted`, `fixed` or `open`.
    pub decided: Option<String>,
    /// What ignores it, wherever it stands in the image: `ignore-file`, `inline` or `baseline`. It is closed then.
    pub ignored: Option<String>,
    /// Whether it is to be dealt with: no decision closes it, or its day has passed, and nothing ignores it.
    pub open: bool,
    /// When a scan of the image found it last, in milliseconds since 1970; 0 before it is kept.
    pub last_seen: i64,
    /// Whether the last scan of the image could not look where it is, so that it may be there still.
    pub unseen: bool,
}

/// Which findings are wanted.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    /// Of one image.
    pub image: Option<i64>,
    /// Of one credential.
    pub fingerprint: Option<String>,
    /// Of one severity.
    pub severity: Option<String>,
    /// Of one rule.
    pub rule: Option<String>,
    /// Open ones, or those that a decision closes or a list ignores.
    pub open: Option<bool>,
    /// Only those that the last scan of their image could not look for.
    pub unseen: bool,
}

/// The place of a severity, the worst last.
pub(super) fn rank(severity: &str) -> i64 {
    let worst = Severity::ALL.iter().rev().position(|known| known.as_str() == severity);
    worst.map_or(0, |rank| i64::try_from(rank).unwrap_or(0) + 1)
}

/// The columns of a [`Found`], of `findings` beside `decisions`.
pub(super) const FOUND: &str =
    "image, findings.fingerprint, findings.rule, name, severity, verdict, findings.redacted, place,
    places, first_seen, decision, decisions.kind, CASE WHEN closed_until <= {now} THEN 1 ELSE 0 END,
    ignored, last_seen, unseen
    FROM findings LEFT JOIN decisions ON decisions.id = findings.decision";

pub(super) fn found(row: &Row) -> Found {
    Found {
        image: row.int(0),
        fingerprint: row.text(1),
        rule: row.text(2),
        name: row.text(3),
        severity: row.text(4),
        verdict: row.text(5),
        redacted: row.text(6),
        place: row.text(7),
        places: row.int(8),
        first_seen: row.int(9),
        decision: row.maybe_int(10),
        decided: row.maybe_text(11),
        open: row.int(12) == 1,
        ignored: row.maybe_text(13),
        last_seen: row.int(14),
        unseen: row.int(15) == 1,
    }
}

/// Puts what was found in an image by the scan of `when` in the place of what was found before, and brings everything that
/// follows from it up to date. When a finding was first seen stays. What is not among the `findings` is gone, unless the
/// image has gaps and it is not `known` where it was: then it stays unseen. The transaction began with `{keep}`.
pub(super) fn keep(
    session: &mut dyn Session,
    image: &ImageKey,
    (findings, known): (&[&Found], &BTreeSet<String>),
    when: i64,
) -> Result<(), StoreError> {
    let repository = image.repository();
    // In one order, so that two such transactions do not wait for each other.
    let mut findings = findings.to_vec();
    findings.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    let decisions = counting(session, findings.iter().map(|found| &*found.fingerprint), &repository)?;
    for found in &findings {
        keep_one(session, (image.id, when), found, decisions.get(&found.fingerprint))?;
    }
    let there: BTreeSet<&str> = findings.iter().map(|found| &*found.fingerprint).collect();
    let before = session.query("SELECT fingerprint FROM findings WHERE image = $1", values![image.id])?;
    let missing = before.iter().map(|row| row.text(0)).filter(|before| !there.contains(&**before));
    let (gone, unseen): (Vec<String>, Vec<String>) =
        missing.partition(|missing| image.gaps == 0 || known.contains(missing));
    for (which, statement) in [
        (gone, "DELETE FROM findings WHERE image = $1 AND fingerprint IN {texts($2)}"),
        (unseen, "UPDATE findings SET unseen = 1 WHERE image = $1 AND fingerprint IN {texts($2)}"),
    ] {
        if !which.is_empty() {
            session.execute(statement, &[image.id.into(), list(&which)])?;
        }
    }
    count(session, "id = $1", values![image.id])?;
    settle(session, image)
}

/// Keeps one finding of an image, and the decision that counts for it. What is unseen was seen by an earlier scan: only how
/// it is judged is new.
fn keep_one(
    session: &mut dyn Session,
    (image, when): (i64, i64),
    found: &Found,
    decision: Option<&Decision>,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO findings
            (image, fingerprint, rule, name, severity, verdict, redacted, place, places, decision, closed_until,
            ignored, unseen, first_seen, last_seen)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
        ON CONFLICT (image, fingerprint) DO UPDATE SET rule = excluded.rule, name = excluded.name,
            severity = excluded.severity, verdict = excluded.verdict, redacted = excluded.redacted,
            place = excluded.place, places = excluded.places, decision = excluded.decision,
            closed_until = excluded.closed_until, ignored = excluded.ignored, unseen = excluded.unseen,
            last_seen = CASE WHEN excluded.unseen = 1 THEN findings.last_seen ELSE excluded.last_seen END";
    let Found {
        fingerprint, rule, name, severity, verdict, redacted, place, places, ignored, unseen, ..
    } = found;
    let (id, until) = decision.map_or((None, 0), |decision| (Some(decision.id), decision.closed_until()));
    let until = if ignored.is_some() { FOREVER } else { until };
    let unseen = i64::from(*unseen);
    session.execute(
        insert,
        values![
            image,
            fingerprint,
            rule,
            name,
            severity,
            verdict,
            redacted,
            place,
            *places,
            id,
            until,
            ignored.as_ref(),
            unseen,
            when
        ],
    )?;
    let secret = "INSERT INTO secrets
            (fingerprint, rule, name, severity, worst, redacted, first_seen, last_seen)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        ON CONFLICT (fingerprint) DO UPDATE SET rule = excluded.rule, name = excluded.name,
            severity = excluded.severity, worst = excluded.worst, redacted = excluded.redacted,
            last_seen = excluded.last_seen
        WHERE CAST($8 AS BIGINT) = 0 AND secrets.last_seen <= excluded.last_seen";
    let worst = rank(severity);
    session
        .execute(secret, values![fingerprint, rule, name, severity, worst, redacted, when, unseen])
        .map(drop)
}

/// Counts the open findings of the images `which` anew: by these numbers images are sorted.
pub(super) fn count(session: &mut dyn Session, which: &str, values: &[Value]) -> Result<(), StoreError> {
    let of = |severity: &str| {
        format!(
            "{severity} = (SELECT count(*) FROM findings WHERE image = images.id AND severity = '{severity}'
                AND closed_until <= {{now}})"
        )
    };
    let counts = ["critical", "high", "medium", "low"].map(of).join(", ");
    session.execute(&format!("UPDATE images SET {counts} WHERE {which}"), values).map(drop)
}

impl Store {
    /// Findings that `filter` wants, behind the one of that image with that fingerprint.
    pub fn findings(
        &self,
        filter: &FindingFilter,
        after: (i64, &str),
        most: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let query = format!(
            "SELECT {FOUND}
            WHERE (image > $1 OR (image = $1 AND findings.fingerprint > $2)) AND (image = $3 OR $3 = 0)
                AND ($4 = '' OR findings.fingerprint = $4) AND ($5 = '' OR severity = $5)
                AND ($6 = '' OR findings.rule = $6)
                AND ($7 = '' OR ($7 = 'open' AND closed_until <= {{now}}) OR ($7 = 'closed' AND closed_until > {{now}}))
                AND unseen >= $8
            ORDER BY image, findings.fingerprint LIMIT $9"
        );
        let FindingFilter { image, fingerprint, severity, rule, open, unseen } = filter;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let state = open.map_or("", |open| if open { "open" } else { "closed" });
        self.reading(|session| {
            let rows = session.query(
                &query,
                values![
                    after.0,
                    after.1,
                    image.unwrap_or(0),
                    &text(fingerprint),
                    &text(severity),
                    &text(rule),
                    state,
                    i64::from(*unseen),
                    most
                ],
            )?;
            Ok(rows.iter().map(found).collect())
        })
    }
}
