//! When registries are looked through, and what that changes.

use std::collections::BTreeSet;

use super::Store;
use super::audit::{Change, record};
use super::engine::{Row, Session, StoreError, values};
use super::images::{Wanted, want};
use super::occurrences::untag;
use super::queue::{Job, Kind, Lost, New, WorkerId, answered, finish, go_on, push};

/// A registry that is looked through from time to time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct SweepRow {
    /// Its name.
    pub registry: String,
    /// When it is looked through next, in milliseconds since 1970; none: when somebody asks for it.
    pub next: Option<i64>,
    /// When it was last done with; none: never.
    pub ended: Option<i64>,
    /// How long that took, in milliseconds.
    pub took: i64,
    /// Repositories that it had.
    pub repositories: i64,
    /// Tags that it had.
    pub tags: i64,
    /// Images that were put into the queue.
    pub queued: i64,
}

/// What a sweep of a registry has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Seen {
    /// When it began, in milliseconds since 1970.
    pub began: i64,
    /// Repositories.
    pub repositories: i64,
    /// Tags.
    pub tags: i64,
    /// Images that were put into the queue.
    pub queued: i64,
}

/// Tags that a registry does not have any more: those of a repository that were last seen before then.
#[derive(Debug, Clone)]
pub struct Gone<'g> {
    /// The registry.
    pub registry: &'g str,
    /// The repository.
    pub repository: &'g str,
    /// When it was begun with.
    pub before: i64,
}

/// Below every push. What a sweep has the service scan comes after it.
const PRIORITY: i64 = 1;

/// When a registry is looked through that nobody gave a time.
const NEVER: i64 = i64::MAX;

fn begin(session: &mut dyn Session, registry: &str) -> Result<(), StoreError> {
    let name = format!("sweep {registry}");
    let subject = serde_json::json!({"registry": registry}).to_string();
    let new = New {
        kind: Kind::Sweep,
        name: &name,
        subject: &subject,
        settings: None,
        priority: PRIORITY,
        host: registry,
    };
    push(session, new)
}

fn row(row: &Row) -> SweepRow {
    SweepRow {
        registry: row.text(0),
        next: Some(row.int(1)).filter(|due| *due < NEVER),
        ended: row.maybe_int(2),
        took: row.int(3),
        repositories: row.int(4),
        tags: row.int(5),
        queued: row.int(6),
    }
}

impl Store {
    /// The time by the clock of the database, in milliseconds since 1970.
    pub fn now(&self) -> Result<i64, StoreError> {
        self.reading(|session| Ok(session.first("SELECT {now}", &[])?.map_or(0, |row| row.int(0))))
    }

    /// Begins the sweeps whose time has come, and sets the next time of each in the same transaction. `every` is in milliseconds;
    /// without it a registry is only looked through when somebody asks for that.
    pub fn arm(&self, sweeps: &[(&str, Option<i64>)]) -> Result<(), StoreError> {
        self.within(|session| {
            for (registry, every) in sweeps {
                let known = "INSERT INTO sweeps (registry, due, took, repositories, tags, queued)
                    VALUES ($1, $2, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
                session.execute(known, values![*registry, NEVER])?;
                let due = "SELECT due, {now} FROM sweeps WHERE registry = $1 {lock}";
                let Some(row) = session.first(due, values![*registry])? else { continue };
                let (due, now) = (row.int(0), row.int(1));
                let next = match every {
                    // A time that is farther away than it can be is of another configuration.
                    Some(every) if due <= now || due - now > *every => {
                        begin(session, registry)?;
                        now + every
                    }
                    Some(_) => due,
                    None => NEVER,
                };
                if next != due {
                    session.execute(
                        "UPDATE sweeps SET due = $2 WHERE registry = $1",
                        values![*registry, next],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// Begins sweeps of `registries` now, as `who` wants it.
    pub fn sweep_now(&self, who: &str, registries: &[&str]) -> Result<(), StoreError> {
        self.within(|session| {
            registries.iter().try_for_each(|registry| {
                begin(session, registry)?;
                record(session, &Change { who, action: "sweep", subject: registry, was: None, became: None })
            })
        })
    }

    /// Every registry that is looked through, and what the last sweep saw.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        let query =
            "SELECT registry, due, ended, took, repositories, tags, queued FROM sweeps ORDER BY registry";
        self.reading(|session| Ok(session.query(query, &[])?.iter().map(row).collect()))
    }

    /// Notes the images that a piece of a sweep saw since it `asked` the registry, and what is gone, and how it goes on; returns
    /// how many of the images are to be scanned.
    pub fn swept(
        &self,
        (job, worker): (&Job, &WorkerId),
        (wanted, asked): (&[Wanted<'_>], i64),
        gone: Option<&Gone<'_>>,
        next: &dyn Fn(i64) -> String,
    ) -> Result<Result<i64, Lost>, StoreError> {
        self.within(|session| {
            let (mut queued, mut counted) = (0, BTreeSet::new());
            for wanted in wanted {
                // Many tags may name one image.
                queued +=
                    i64::from(want(session, wanted, Some(asked))? && counted.insert(wanted.image.digest()));
            }
            if let Some(Gone { registry, repository, before }) = gone {
                untag(session, (registry, repository), *before)?;
            }
            answered(session, job)?;
            let mine = go_on(session, job, worker, (&next(queued), 0))?;
            Ok(if mine { Ok(queued) } else { Err(Lost) })
        })
    }

    /// Repositories of `registry` with tags that were last seen before then; at most `most`.
    pub fn unseen(&self, registry: &str, before: i64, most: usize) -> Result<Vec<String>, StoreError> {
        let query = "SELECT DISTINCT repository FROM tags WHERE registry = $1 AND seen < $2 ORDER BY repository LIMIT $3";
        self.reading(|session| {
            let rows = session.query(query, values![registry, before, most])?;
            Ok(rows.iter().map(|row| row.text(0)).collect())
        })
    }

    /// Notes that a sweep is done, and that `repositories` are gone.
    pub fn sweep_done(
        &self,
        (job, worker): (&Job, &WorkerId),
        registry: &str,
        seen: Seen,
        repositories: &[String],
    ) -> Result<Result<(), Lost>, StoreError> {
        self.within(|session| {
            if !finish(session, job, worker)? {
                return Ok(Err(Lost));
            }
            for repository in repositories {
                untag(session, (registry, repository), seen.began)?;
            }
            let insert = "INSERT INTO sweeps (registry, due, took, repositories, tags, queued)
                VALUES ($1, $2, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
            session.execute(insert, values![registry, NEVER])?;
            let update = "UPDATE sweeps SET ended = {now}, took = {now} - $2, repositories = $3, tags = $4, queued = $5
                WHERE registry = $1";
            session.execute(
                update,
                values![registry, seen.began, seen.repositories, seen.tags, seen.queued],
            )?;
            Ok(Ok(()))
        })
    }
}
