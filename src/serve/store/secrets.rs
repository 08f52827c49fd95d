//! Every credential that was ever found, once over all images.

use super::Store;
use super::engine::{Row, Session, StoreError, Value, like, values};
use super::findings::rank;

/// A credential over all images.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct SecretRow {
    /// Its fingerprint.
    pub fingerprint: String,
    /// Id of the rule that found it last.
    pub rule: String,
    /// What it is, for people.
    pub name: String,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// What may be shown of it.
    pub redacted: String,
    /// When it was found first, in milliseconds since 1970.
    pub first_seen: i64,
    /// When a scan found it last.
    pub last_seen: i64,
    /// How many known images have it, old ones too; not those that belong to one of them.
    pub images: i64,
    /// In how many repositories it is or was.
    pub repositories: i64,
    /// `open`: somewhere it is to be dealt with. `closed`: wherever it still is, a decision closes it. `fixed`: it is nowhere.
    pub state: String,
    /// If it is fixed, since when.
    pub fixed: Option<i64>,
    /// When it came back somewhere, the last time.
    pub reopened: Option<i64>,
}

/// Which credentials are wanted.
#[derive(Debug, Clone, Default)]
pub struct SecretFilter {
    /// Of one severity.
    pub severity: Option<String>,
    /// Of one rule.
    pub rule: Option<String>,
    /// `open`, `closed` or `fixed`.
    pub state: Option<String>,
    /// That are or were in the repository `HOST/PATH`.
    pub repository: Option<String>,
    /// That have this text in name, rule or redacted form, or a fingerprint that begins so.
    pub text: Option<String>,
    /// The worst first, and not the newest.
    pub by_severity: bool,
}

/// Whether it is at a place of today where it is to be dealt with: see `standing`.
pub(super) const OPEN: &str = "closed_until <= (SELECT {now})";

/// What is told of each, which is asked only of those that are listed.
const COLUMNS: &str = "s.fingerprint, s.rule, s.name, s.severity, s.redacted, s.first_seen, s.last_seen,
    (SELECT count(*) FROM findings f WHERE f.fingerprint = s.fingerprint
        AND NOT EXISTS (SELECT 1 FROM images i WHERE i.id = f.image AND i.part = 1)),
    (SELECT count(*) FROM (SELECT DISTINCT o.registry, o.repository FROM occurrences o WHERE o.fingerprint = s.fingerprint) d),
    CASE WHEN s.closed_until <= {now} THEN 'open' WHEN s.closed_until IS NOT NULL THEN 'closed' ELSE 'fixed' END,
    (SELECT max(o.fixed) FROM occurrences o WHERE o.fingerprint = s.fingerprint),
    (SELECT max(o.reopened) FROM occurrences o WHERE o.fingerprint = s.fingerprint)";

/// A query that is put together of what was asked for.
struct Query {
    /// Which are listed.
    text: String,
    values: Vec<Value>,
    order: &'static str,
}

impl Query {
    fn new() -> Self {
        let text = "SELECT * FROM secrets s WHERE s.fingerprint <> ''".to_owned();
        Self { text, values: Vec::new(), order: "s.fingerprint" }
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }

    /// Adds a condition, with `?` where `value` is to stand.
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.put(&[" AND ", &condition.replace('?', &place)]);
    }

    fn filter(&mut self, filter: &SecretFilter) {
        let SecretFilter { severity, rule, state, repository, text, .. } = filter;
        if let Some(severity) = severity {
            self.and("s.worst = ?", rank(severity));
        }
        if let Some(rule) = rule {
            self.and("s.rule = ?", rule);
        }
        if let Some(repository) = repository {
            let (registry, path) = repository.split_once('/').unwrap_or((repository, ""));
            self.and("s.fingerprint IN (SELECT fingerprint FROM occurrences WHERE registry = ?", registry);
            self.and("repository = ?)", path);
        }
        if let Some(text) = text {
            let has = "(lower(s.name) LIKE ? ESCAPE '\\' OR lower(s.rule) LIKE ? ESCAPE '\\'
                OR lower(s.redacted) LIKE ? ESCAPE '\\' OR s.fingerprint LIKE ? ESCAPE '\\')";
            self.and(has, &like(text));
        }
        match state.as_deref() {
            // Not by an index: that of the order is the better one.
            Some("open") => self.put(&[" AND +s.", OPEN]),
            Some("closed") => self.put(&[" AND +s.closed_until > (SELECT {now})"]),
            Some(_) => self.put(&[" AND +s.closed_until IS NULL"]),
            None => {}
        }
    }

    /// The page behind `after`, in the order that is wanted.
    fn page(&mut self, by_severity: bool, after: Option<(i64, &str)>, most: usize) {
        let (column, order) = if by_severity {
            ("s.worst", "s.worst DESC, s.fingerprint")
        } else {
            ("s.first_seen", "s.first_seen DESC, s.fingerprint")
        };
        self.order = order;
        if let Some((number, fingerprint)) = after {
            self.values.push(fingerprint.into());
            let second = self.values.len();
            let behind = format!("({column} < ? OR ({column} = ? AND s.fingerprint > ${second}))");
            self.and(&behind, number);
        }
        self.values.push(most.into());
        let limit = self.values.len();
        self.put(&[" ORDER BY ", order, " LIMIT $", &limit.to_string()]);
    }

    fn rows(&self, session: &mut dyn Session) -> Result<Vec<SecretRow>, StoreError> {
        let Self { text, values, order } = self;
        let query = format!("SELECT {COLUMNS} FROM ({text}) s ORDER BY {order}");
        Ok(session.query(&query, values)?.iter().map(secret).collect())
    }
}

fn secret(row: &Row) -> SecretRow {
    let state = row.text(9);
    SecretRow {
        fingerprint: row.text(0),
        rule: row.text(1),
        name: row.text(2),
        severity: row.text(3),
        redacted: row.text(4),
        first_seen: row.int(5),
        last_seen: row.int(6),
        images: row.int(7),
        repositories: row.int(8),
        fixed: row.maybe_int(10).filter(|_| state == "fixed"),
        reopened: row.maybe_int(11),
        state,
    }
}

impl SecretRow {
    /// What stands for its place in a list that is sorted so.
    pub fn cursor(&self, by_severity: bool) -> String {
        let number = if by_severity { rank(&self.severity) } else { self.first_seen };
        format!("{number}-{}", self.fingerprint)
    }
}

impl Store {
    /// Credentials that `filter` wants, behind that one (see [`SecretRow::cursor`]).
    pub fn secrets(
        &self,
        filter: &SecretFilter,
        after: Option<(i64, &str)>,
        most: usize,
    ) -> Result<Vec<SecretRow>, StoreError> {
        let mut query = Query::new();
        query.filter(filter);
        query.page(filter.by_severity, after, most);
        self.reading(|session| query.rows(session))
    }

    /// The credential with that fingerprint.
    pub fn secret(&self, fingerprint: &str) -> Result<Option<SecretRow>, StoreError> {
        let mut query = Query::new();
        query.and("s.fingerprint = ?", fingerprint);
        self.reading(|session| Ok(query.rows(session)?.pop()))
    }

    /// Fingerprints that begin so, two of them at most. No digit of one comes behind `f`.
    pub fn secrets_called(&self, begins: &str) -> Result<Vec<String>, StoreError> {
        let query = "SELECT fingerprint FROM secrets WHERE fingerprint BETWEEN $1 AND $2 ORDER BY fingerprint LIMIT 2";
        self.reading(|session| {
            let rows = session.query(query, values![begins, &format!("{begins}g")])?;
            Ok(rows.iter().map(|row| row.text(0)).collect())
        })
    }

    /// How many credentials of each severity are open, the worst first.
    pub fn open_secrets(&self) -> Result<super::Totals, StoreError> {
        let query = format!("SELECT worst, count(*) FROM secrets WHERE {OPEN} GROUP BY worst");
        self.reading(|session| {
            let rows = session.query(&query, values![])?;
            let of = |severity: &str| {
                rows.iter().find(|row| row.int(0) == rank(severity)).map_or(0, |row| row.int(1))
            };
            let [critical, high, medium, low] = ["critical", "high", "medium", "low"].map(of);
            Ok(super::Totals { critical, high, medium, low })
        })
    }
}
