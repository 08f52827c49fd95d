//! Until when a credential is closed where it is today: the least of its findings there, none if it is nowhere any more.
//!
//! It follows from findings and occurrences, and stands beside the credential, so that lists of many are filtered and counted by
//! an index. Whoever changes those brings it up to date. That a day passes changes no row: what was accepted until then is
//! open by comparison.

use super::Store;
use super::engine::{Session, StoreError, Value, values};

/// How a credential stands in an image.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The image.
    pub image: i64,
    /// Its first place there, for people.
    pub place: String,
    /// In how many places it is.
    pub places: i64,
    /// What was decided there, or `ignored` where a list ignores it.
    pub decided: Option<String>,
    /// If the last scan of the image could not look there: when one found it last, in milliseconds since 1970.
    pub unseen_since: Option<i64>,
}

/// The least of what a credential is closed until where it is today.
const CLOSED: &str = "(SELECT f.closed_until FROM findings f WHERE f.fingerprint = secrets.fingerprint
        AND EXISTS (SELECT 1 FROM occurrences o
            WHERE o.image = f.image AND o.fingerprint = f.fingerprint AND o.fixed IS NULL)
    ORDER BY f.closed_until LIMIT 1)";

/// Which credentials are brought up to date.
#[derive(Debug, Clone, Copy)]
pub(super) enum There<'t> {
    /// The one with this fingerprint.
    One(&'t str),
    /// Those with these fingerprints, a list of texts.
    Each(&'t Value),
    /// Those that are or were at a reference: registry, repository, tag or digest.
    At(&'t str, &'t str, &'t str),
    /// Those that are or were in a repository.
    In(&'t str, &'t str),
    /// Those that are or were in an image.
    Of(i64),
}

impl There<'_> {
    /// Their fingerprints, as a query, and its values.
    fn query(self) -> (&'static str, Vec<Value>) {
        match self {
            Self::One(fingerprint) => ("SELECT $1", vec![fingerprint.into()]),
            Self::Each(fingerprints) => (
                "SELECT fingerprint FROM secrets WHERE fingerprint IN {texts($1)}",
                vec![fingerprints.clone()],
            ),
            Self::At(registry, repository, reference) => (
                "SELECT fingerprint FROM occurrences WHERE registry = $1 AND repository = $2 AND reference = $3",
                vec![registry.into(), repository.into(), reference.into()],
            ),
            Self::In(registry, repository) => (
                "SELECT fingerprint FROM occurrences WHERE registry = $1 AND repository = $2",
                vec![registry.into(), repository.into()],
            ),
            Self::Of(image) => ("SELECT fingerprint FROM occurrences WHERE image = $1", vec![image.into()]),
        }
    }
}

/// Brings credentials up to date.
pub(super) fn restate(session: &mut dyn Session, there: There<'_>) -> Result<(), StoreError> {
    let (those, values) = there.query();
    // Whoever changes the same is waited for, and what they changed is seen.
    let hold = format!(
        "SELECT fingerprint FROM secrets WHERE fingerprint IN ({those}) ORDER BY fingerprint {{lock}}"
    );
    session.query(&hold, &values)?;
    // Most stand as they did, and a row that is not written costs nobody anything.
    let restate = format!(
        "UPDATE secrets SET closed_until = {CLOSED}
        WHERE fingerprint IN ({those}) AND closed_until IS DISTINCT FROM {CLOSED}"
    );
    session.execute(&restate, &values).map(drop)
}

impl Store {
    /// How a credential stands in each of `images` that has it.
    pub fn standing(&self, fingerprint: &str, images: &[i64]) -> Result<Vec<Standing>, StoreError> {
        let query =
            "SELECT image, place, places, CASE WHEN ignored IS NULL THEN decisions.kind ELSE 'ignored' END,
                CASE WHEN unseen = 1 THEN last_seen END FROM findings
            LEFT JOIN decisions ON decisions.id = findings.decision AND closed_until > {now}
            WHERE image = $1 AND findings.fingerprint = $2";
        self.reading(|session| {
            let mut all = Vec::new();
            for image in images {
                let row = session.first(query, values![*image, fingerprint])?;
                all.extend(row.map(|row| Standing {
                    image: row.int(0),
                    place: row.text(1),
                    places: row.int(2),
                    decided: row.maybe_text(3),
                    unseen_since: row.maybe_int(4),
                }));
            }
            Ok(all)
        })
    }
}
