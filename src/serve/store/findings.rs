//! What was found in images, each credential once an image, as it is searched for.

use super::Store;
use super::decisions::counting;
use super::engine::{Row, Session, StoreError, Value, values};
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
    /// Whether it is to be dealt with: no decision closes it, or its day has passed.
    pub open: bool,
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
    /// Open ones, or those that a decision closes.
    pub open: Option<bool>,
}

/// The place of a severity, the worst last.
pub(super) fn rank(severity: &str) -> i64 {
    let worst = Severity::ALL.iter().rev().position(|known| known.as_str() == severity);
    worst.map_or(0, |rank| i64::try_from(rank).unwrap_or(0) + 1)
}

/// The columns of a [`Found`], of `findings` beside `decisions`.
pub(super) const FOUND: &str =
    "image, findings.fingerprint, findings.rule, name, severity, verdict, findings.redacted, place,
    places, first_seen, decision, decisions.kind, CASE WHEN closed_until <= {now} THEN 1 ELSE 0 END
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
    }
}

/// Puts what was found in an image in the place of what was found before, and brings everything that follows from it up to
/// date. When a finding was first seen stays. The transaction began with `{keep}`.
pub(super) fn keep(
    session: &mut dyn Session,
    image: &ImageKey,
    findings: &[Found],
) -> Result<(), StoreError> {
    let repository = image.repository();
    session.execute("UPDATE findings SET last_seen = 0 WHERE image = $1", values![image.id])?;
    // In one order, so that two such transactions do not wait for each other.
    let mut findings: Vec<&Found> = findings.iter().collect();
    findings.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    let decisions = counting(session, findings.iter().map(|found| &*found.fingerprint), &repository)?;
    for found in findings {
        let insert = "INSERT INTO findings
                (image, fingerprint, rule, name, severity, verdict, redacted, place, places, decision, closed_until,
                first_seen, last_seen)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {now}, {now})
            ON CONFLICT (image, fingerprint) DO UPDATE SET rule = excluded.rule, name = excluded.name,
                severity = excluded.severity, verdict = excluded.verdict, redacted = excluded.redacted,
                place = excluded.place, places = excluded.places, decision = excluded.decision,
                closed_until = excluded.closed_until, last_seen = excluded.last_seen";
        let Found { fingerprint, rule, name, severity, verdict, redacted, place, places, .. } = found;
        let decision = decisions.get(fingerprint);
        let (id, until) = decision.map_or((None, 0), |decision| (Some(decision.id), decision.closed_until()));
        session.execute(
            insert,
            values![
                image.id,
                fingerprint,
                rule,
                name,
                severity,
                verdict,
                redacted,
                place,
                *places,
                id,
                until
            ],
        )?;
        let secret = "INSERT INTO secrets
                (fingerprint, rule, name, severity, worst, redacted, first_seen, last_seen)
            VALUES ($1, $2, $3, $4, $5, $6, {now}, {now})
            ON CONFLICT (fingerprint) DO UPDATE SET rule = excluded.rule, name = excluded.name,
                severity = excluded.severity, worst = excluded.worst, redacted = excluded.redacted,
                last_seen = excluded.last_seen";
        session.execute(secret, values![fingerprint, rule, name, severity, rank(severity), redacted])?;
    }
    session.execute("DELETE FROM findings WHERE image = $1 AND last_seen = 0", values![image.id])?;
    count(session, "id = $1", values![image.id])?;
    settle(session, image)
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
    /// Opens what was accepted up to a day that has passed. It counts as open before that; this is for what was counted.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let due = "SELECT 1 FROM findings WHERE closed_until > 0 AND closed_until <= (SELECT {now}) LIMIT 1";
        if self.reading(|session| session.first(due, &[]))?.is_none() {
            return Ok(());
        }
        self.within(|session| {
            session.query("{decide}", &[])?;
            let images = "SELECT DISTINCT image FROM findings WHERE closed_until > 0 AND closed_until <= (SELECT {now}) ORDER BY image";
            let images = session.query(images, &[])?;
            let open = "UPDATE findings SET closed_until = 0 WHERE closed_until > 0 AND closed_until <= (SELECT {now})";
            session.execute(open, &[])?;
            images.iter().try_for_each(|row| count(session, "id = $1", values![row.int(0)]))
        })
    }

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
            ORDER BY image, findings.fingerprint LIMIT $8"
        );
        let FindingFilter { image, fingerprint, severity, rule, open } = filter;
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
                    most
                ],
            )?;
            Ok(rows.iter().map(found).collect())
        })
    }
}
