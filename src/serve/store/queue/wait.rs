//! Jobs that wait for others: an image for its layers.
//!
//! An image goes on when all its layers are scanned or given up: dead, or failing for so long that it is better told without
//! them. It is joined without those then, which is noted (`lacks`); they go on being tried, and when one is scanned at last,
//! the images that lack it are joined again, without anybody asking for it.
//!
//! Who holds several rows locks layers before images, in the order of their numbers.

use std::collections::BTreeSet;

use super::super::Store;
use super::end::mine;
use super::take::SOME;
use super::{Job, Kind, Lost, New, WorkerId, pace, push};
use crate::serve::store::engine::{Session, StoreError, list, values};
use crate::source::registry::{Reference, RepositoryName};

/// A layer that an image is joined without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUpLayer {
    /// The name of its job.
    pub name: String,
    /// Why it cannot be had.
    pub reason: String,
}

/// Repositories that are asked for a layer, at most.
const SOURCES: usize = 16;

/// What was not whole comes after pushes and before what is looked for again.
const HEALED: i64 = 5;

/// Has whoever waits for the job `name`, which is done, not wait for it any more.
pub(super) fn wake(session: &mut dyn Session, name: &str) -> Result<(), StoreError> {
    let waiting = waiting(session, name)?;
    if !waiting.is_empty() {
        session.execute("DELETE FROM needs WHERE name = $1", values![name])?;
    }
    go_on(session, &waiting)
}

/// Has whoever waits for the job `name` go on without it.
pub(super) fn go_on_without(session: &mut dyn Session, name: &str) -> Result<(), StoreError> {
    let waiting = waiting(session, name)?;
    if !waiting.is_empty() {
        session.execute("UPDATE needs SET given_up = 1 WHERE name = $1", values![name])?;
    }
    go_on(session, &waiting)
}

/// Who waits for the job `name`. Two jobs that end at a time must not each take the other for unfinished, so they are locked.
fn waiting(session: &mut dyn Session, name: &str) -> Result<Vec<i64>, StoreError> {
    let lock = "SELECT id FROM jobs WHERE id IN (SELECT job FROM needs WHERE name = $1) ORDER BY id {lock}";
    Ok(session.query(lock, values![name])?.iter().map(|row| row.int(0)).collect())
}

fn go_on(session: &mut dyn Session, jobs: &[i64]) -> Result<(), StoreError> {
    let ready = "UPDATE jobs SET state = 'ready', due = {now} WHERE id IN {ids($1)} AND state = 'waiting'
        AND NOT EXISTS (SELECT 1 FROM needs WHERE needs.job = jobs.id AND given_up = 0)";
    if jobs.is_empty() { Ok(()) } else { session.execute(ready, &[list(jobs)]).map(drop) }
}

/// Notes that the layer `name` is scanned, for images that were joined without it.
pub(super) fn healed(session: &mut dyn Session, name: &str) -> Result<(), StoreError> {
    session.execute("UPDATE lacks SET healed = 1 WHERE name = $1", values![name]).map(drop)
}

/// Locks the jobs of layers that an image was joined without, before anything else is.
pub(in crate::serve::store) fn hold(session: &mut dyn Session, layers: &[String]) -> Result<(), StoreError> {
    if layers.is_empty() {
        return Ok(());
    }
    let lock = "SELECT id FROM jobs WHERE name IN {texts($1)} ORDER BY id {lock}";
    session.query(lock, &[list(layers)]).map(drop)
}

/// Notes which layers an image was joined without; after [`hold`]. One that was scanned in the meantime is healed already.
pub(in crate::serve::store) fn note_lacks(
    session: &mut dyn Session,
    image: i64,
    layers: &[String],
) -> Result<(), StoreError> {
    session.execute("DELETE FROM lacks WHERE image = $1", values![image])?;
    if layers.is_empty() {
        return Ok(());
    }
    let lacks = "INSERT INTO lacks (name, image, healed)
        SELECT l.value, CAST($2 AS BIGINT),
            CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.name = l.value) THEN 0 ELSE 1 END
        FROM {texts($1)} AS l";
    session.execute(lacks, &[list(layers), image.into()]).map(drop)
}

impl Store {
    /// Has `job` wait for layers that are to be scanned with `settings`: name and subject of each.
    pub fn park(
        &self,
        job: &Job,
        worker: &WorkerId,
        settings: &str,
        layers: &[(String, String)],
    ) -> Result<Result<(), Lost>, StoreError> {
        // What was begun comes before what was not.
        let park =
            "UPDATE jobs SET state = 'waiting', worker = NULL, failures = 0, crashes = 0, since = NULL,
                settings = $4, waited = 1, priority = CASE WHEN waited = 0 THEN priority + 2 ELSE priority END
            WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'";
        let need = "INSERT INTO needs (name, job, given_up)
            SELECT name, CAST($2 AS BIGINT),
                CASE WHEN state = 'dead' OR (state = 'later' AND failures >= $3) THEN 1 ELSE 0 END
            FROM jobs WHERE name IN {texts($1)} ON CONFLICT DO NOTHING";
        // In one order, so that two such transactions do not wait for each other.
        let mut layers: Vec<_> = layers.iter().collect();
        layers.sort();
        let names: Vec<&String> = layers.iter().map(|(name, _)| name).collect();
        self.lightly(|session| {
            let [id, worker, attempts] = mine(job, worker);
            if session.execute(park, &[id.clone(), worker, attempts, settings.into()])? == 0 {
                return Ok(Err(Lost));
            }
            pace::answered(session, job)?;
            session.execute("DELETE FROM needs WHERE job = $1", values![job.id])?;
            for (name, subject) in &layers {
                let (priority, host) = (job.priority + 1, &job.host);
                let settings = Some(settings);
                push(session, New { kind: Kind::Layer, name, subject, settings, priority, host })?;
            }
            session.execute(need, &[list(&names), id, pace::EARLY.into()])?;
            go_on(session, &[job.id]).map(Ok)
        })
    }

    /// The layers that the image of `job` goes on without.
    pub fn given_up(&self, job: &Job) -> Result<Vec<GivenUpLayer>, StoreError> {
        let query = "SELECT needs.name, jobs.reason FROM needs JOIN jobs ON jobs.name = needs.name
            WHERE needs.job = $1 AND needs.given_up = 1 ORDER BY needs.name";
        self.reading(|session| {
            let rows = session.query(query, values![job.id])?;
            Ok(rows.iter().map(|row| GivenUpLayer { name: row.text(0), reason: row.text(1) }).collect())
        })
    }

    /// Repositories that have the layer of `job`: those of images that wait for it or lack it.
    pub fn sources(&self, job: &Job) -> Result<BTreeSet<RepositoryName>, StoreError> {
        let waiting = "SELECT subject FROM jobs WHERE id IN (SELECT job FROM needs WHERE name = $1) ORDER BY id LIMIT $2";
        let lacking = "SELECT DISTINCT registry, repository FROM images
            WHERE id IN (SELECT image FROM lacks WHERE name = $1) LIMIT $2";
        self.reading(|session| {
            let values = values![&job.name, SOURCES];
            let (waiting, lacking) = (session.query(waiting, values)?, session.query(lacking, values)?);
            let of_image = |text: String| Some(Reference::from_json(&text)?.name().clone());
            let waiting = waiting.iter().filter_map(|row| of_image(row.text(0)));
            let lacking =
                lacking.iter().filter_map(|row| RepositoryName::at(&row.text(0), &row.text(1)).ok());
            Ok(waiting.chain(lacking).take(SOURCES).collect())
        })
    }

    /// Has images joined again that lack a layer which is scanned by now, some at a time; returns how many.
    pub fn heal(&self, settings: &str) -> Result<usize, StoreError> {
        let healed = "SELECT image FROM lacks WHERE healed = 1 ORDER BY image LIMIT $1 {skip}";
        let image = "SELECT registry, repository, digest FROM images WHERE id = $1";
        self.lightly(|session| {
            let rows = session.query(healed, values![SOME])?;
            let images: BTreeSet<i64> = rows.iter().map(|row| row.int(0)).collect();
            for id in &images {
                session.execute("DELETE FROM lacks WHERE image = $1 AND healed = 1", values![*id])?;
                let Some(row) = session.first(image, values![*id])? else { continue };
                let name = RepositoryName::at(&row.text(0), &row.text(1));
                let image = name.and_then(|name| Reference::new(name, None, Some(&row.text(2))));
                // What was kept is a name.
                let Ok(image) = image else { continue };
                push_image(session, &image, settings, HEALED)?;
            }
            Ok(images.len())
        })
    }
}

/// Has an image scanned that is named by its digest.
pub(in crate::serve::store) fn push_image(
    session: &mut dyn Session,
    image: &Reference,
    settings: &str,
    priority: i64,
) -> Result<(), StoreError> {
    let name = format!("image {}@{}", image.name(), image.digest().unwrap_or_default());
    let (subject, host) = (image.to_json(), image.name().domain());
    let settings = Some(settings);
    push(session, New { kind: Kind::Image, name: &name, subject: &subject, settings, priority, host })
}
