//! What there is at a glance: open credentials by severity, the newest, the worst images, and what is under way.
//!
//! Each answer is bounded, and comes from an index.

use serde_json::Value;

use super::Store;
use super::engine::{Row, StoreError, values};
use super::findings::rank;
use super::images::{ImageRow, ROW, rows};
use super::members::WHOLE;
use super::progress::{STALE, Step};
use super::secrets::{OPEN, SecretFilter, SecretRow};

/// What is known, at a glance.
#[derive(Debug, Clone, Default)]
pub struct Glance {
    /// The worst first.
    pub severities: Vec<Open>,
    /// Open credentials that were found last.
    pub newest: Vec<SecretRow>,
    /// Images that leak most.
    pub worst: Vec<ImageRow>,
    /// Whether there is any image.
    pub images: bool,
    /// How many images were not looked at as a whole; no more than a thousand are counted.
    pub gaps: i64,
}

/// Open credentials of a severity, each once.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct Open {
    pub name: &'static str,
    pub open: i64,
    /// How many of them were not known before.
    pub new: i64,
}

/// A job that a worker does.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct Running {
    pub kind: String,
    /// Image or layer, for people.
    pub what: String,
    pub worker: String,
    pub attempts: i64,
    /// How far it is, if it takes long.
    pub step: Option<Step>,
}

/// The worst first.
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// How many images have gaps, up to a number.
fn gaps() -> String {
    format!("SELECT count(*) FROM (SELECT 1 FROM images WHERE gaps > 0 AND {WHOLE} LIMIT 1000) AS counted")
}

/// How many credentials are open, by severity, and how many of those are younger than so many milliseconds.
fn open() -> String {
    format!(
        "SELECT worst, count(*), count(CASE WHEN first_seen > (SELECT {{now}}) - $1 THEN 1 END)
        FROM secrets WHERE {OPEN} GROUP BY worst"
    )
}

/// So many images of today, those first that leak most.
fn worst() -> String {
    format!(
        "SELECT {ROW} FROM images WHERE critical + high + medium + low > 0
            AND EXISTS (SELECT 1 FROM occurrences o WHERE o.image = images.id AND o.fixed IS NULL)
        ORDER BY critical DESC, high DESC, medium DESC, low DESC, id DESC LIMIT $1"
    )
}

impl Store {
    /// What is known, with lists of at most `most` rows; new is what was first found within so many `days`.
    pub fn glance(&self, days: i64, most: usize) -> Result<Glance, StoreError> {
        let open_ones = SecretFilter { state: Some("open".to_owned()), ..SecretFilter::default() };
        let newest = self.secrets(&open_ones, None, most)?;
        self.reading(|session| {
            let counts = session.query(&open(), values![days.saturating_mul(DAY)])?;
            let count = |name: &'static str| {
                let row = counts.iter().find(|row| row.int(0) == rank(name));
                Open { name, open: row.map_or(0, |row| row.int(1)), new: row.map_or(0, |row| row.int(2)) }
            };
            let images = session.query(&worst(), values![most])?;
            Ok(Glance {
                severities: SEVERITIES.map(count).to_vec(),
                newest: newest.clone(),
                worst: rows(session, &images)?,
                images: session.first("SELECT 1 FROM images LIMIT 1", &[])?.is_some(),
                gaps: session.first(&gaps(), &[])?.map_or(0, |row| row.int(0)),
            })
        })
    }

    /// Jobs that workers do, the first `most` of them.
    pub fn running(&self, most: usize) -> Result<Vec<Running>, StoreError> {
        let running = "SELECT kind, subject, jobs.worker, attempts, jobs.id, done, total, took, name
            FROM jobs LEFT JOIN progress ON progress.job = jobs.id AND progress.worker = jobs.worker
                AND progress.noted > {now} - $2
            WHERE state = 'running' ORDER BY jobs.id LIMIT $1";
        self.reading(|session| Ok(session.query(running, values![most, STALE])?.iter().map(doing).collect()))
    }
}

fn doing(row: &Row) -> Running {
    let step =
        row.maybe_int(5).map(|done| Step { job: row.int(4), done, total: row.int(6), took: row.int(7) });
    Running {
        kind: row.text(0),
        what: named(&row.text(1), &row.text(8)),
        worker: row.text(2),
        attempts: row.int(3),
        step,
    }
}

/// What a job is about, for people: a registry, a repository there, an image or a layer, and who is told of it; if it is none of
/// those, its name without its kind.
pub(super) fn named(subject: &str, name: &str) -> String {
    let subject: Value = serde_json::from_str(subject).unwrap_or_default();
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let image = subject.get("image").unwrap_or(&subject);
    let [registry, repository, tag, digest] =
        ["registry", "repository", "tag", "digest"].map(|part| text(image, part));
    if registry.is_empty() {
        return name.split_once(' ').map_or(name, |(_, rest)| rest).to_owned();
    }
    let part =
        |before: &str, text: &str| if text.is_empty() { String::new() } else { format!("{before}{text}") };
    let digest = digest.get(..19).unwrap_or(&digest);
    let receiver = part(" to ", &text(&subject, "receiver"));
    format!("{registry}{}{}{}{receiver}", part("/", &repository), part(":", &tag), part("@", digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_comes_from_an_index_and_is_not_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_file(&folder.path().join("db")).unwrap();
        for question in [open(), worst(), gaps()] {
            let values = if question == gaps() { Vec::new() } else { vec![8_i64.into()] };
            let plan = format!("EXPLAIN QUERY PLAN {question}");
            let plan = store.reading(|session| session.query(&plan, &values)).unwrap();
            let steps: Vec<String> = plan.iter().map(|row| row.text(3)).collect();
            let tables = ["images", "secrets", "occurrences", "o "];
            let reads = |step: &&String| {
                let rest = step.strip_prefix("SCAN ").or(step.strip_prefix("SEARCH "));
                rest.is_some_and(|rest| tables.iter().any(|table| rest.starts_with(table)))
            };
            assert!(steps.iter().any(|step| reads(&step)), "{question}: {steps:?}");
            let slow =
                |step: &&String| step.contains("TEMP B-TREE") || reads(step) && !step.contains("INDEX");
            assert!(!steps.iter().any(|step| slow(&step)), "{question}: {steps:?}");
        }
    }

    #[test]
    fn a_job_is_called_by_what_it_is_about() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let image = format!(
            r#"{{"registry": "r.example", "repository": "team/a", "tag": "1", "digest": "{digest}"}}"#
        );
        for (subject, expected) in [
            (image.as_str(), "r.example/team/a:1@sha256:0123456789ab"),
            (r#"{"registry": "r.example", "repository": "a", "tag": null}"#, "r.example/a"),
            (r#"{"registry": "r.example"}"#, "r.example"),
            (
                r#"{"receiver": "ops", "image": {"registry": "r.example", "repository": "a", "tag": "1", "id": 7}}"#,
                "r.example/a:1 to ops",
            ),
            ("7", "r.example/a@sha256:00"),
        ] {
            assert_eq!(named(subject, "tell r.example/a@sha256:00"), expected);
        }
    }
}
