//! Who does what: jobs are taken on leases, which end by themselves.

use std::sync::LazyLock;
use std::time::Duration;

use super::super::Store;
use super::{Job, KINDS, Kind, TAKEN, WorkerId, pace, taken};
use crate::serve::store::engine::{Session, StoreError, list, values};

/// A process that works, as the others see it.
#[derive(Debug, Clone)]
pub struct Crew {
    /// Its name.
    pub worker: WorkerId,
    /// What it scans with.
    pub settings: String,
    /// How long its leases last without being renewed. Milliseconds.
    lease: i64,
}

/// What a process does not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Avoid {
    /// Images that are to be scanned with these settings: others do that.
    pub fleets: Vec<String>,
    /// Jobs that talk to these hosts.
    pub hosts: Vec<String>,
}

/// What a process hears when it renews its leases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// How many leases were renewed.
    pub renewed: u64,
    /// What other processes scan with that are there.
    pub fleets: Vec<String>,
}

/// Jobs that are looked after at a time.
pub(super) const SOME: usize = 200;

/// A process that said nothing for so many leases is gone.
const GONE: i64 = 3;

/// What jobs have in common that the same processes can do: kind, and settings where that matters. As an index has it, so that
/// nobody walks through what is for others.
const LOT: &str = "(kind || ' ' || coalesce(settings, ''))";

/// The lot of jobs of that kind with those settings, as [`LOT`] has it.
fn lot(kind: Kind, settings: &str) -> String {
    format!("{} {settings}", kind.as_str())
}

/// Takes the first job for worker $1, on a lease of $2, out of the lots $3 and those of images that are not among the lots $4,
/// of all hosts but $5. The lots of a host are found by stepping from one to the next in the index. Nothing here is a join
/// with jobs, which `PostgreSQL` would do with all of them.
pub(super) static CLAIM: LazyLock<String> = LazyLock::new(|| {
    let image = lot(Kind::Image, "");
    format!(
        "WITH RECURSIVE lots (host, lot) AS (
            SELECT host, (SELECT {LOT} FROM jobs WHERE state = 'ready' AND jobs.host = hosts.host
                ORDER BY {LOT} LIMIT 1)
            FROM hosts WHERE until <= {{now}} AND host NOT IN {{texts($5)}}
            UNION ALL
            SELECT host, (SELECT {LOT} FROM jobs WHERE state = 'ready' AND jobs.host = lots.host AND {LOT} > lots.lot
                ORDER BY {LOT} LIMIT 1)
            FROM lots WHERE lot IS NOT NULL
        ), firsts (id) AS MATERIALIZED (
            SELECT (
                SELECT id FROM jobs WHERE state = 'ready' AND jobs.host = lots.host AND {LOT} = lots.lot
                ORDER BY priority DESC, due, id LIMIT 1 {{skip}}
            ) FROM lots WHERE lot IN {{texts($3)}}
                OR (substr(lot, 1, {}) = '{image}' AND lot NOT IN {{texts($4)}})
        )
        UPDATE jobs SET state = 'running', worker = $1, lease = {{now}} + $2, attempts = attempts + 1
        WHERE id = (
            SELECT id FROM firsts WHERE id IS NOT NULL ORDER BY
                (SELECT priority FROM jobs WHERE jobs.id = firsts.id) DESC,
                (SELECT due FROM jobs WHERE jobs.id = firsts.id), id
            LIMIT 1
        ) RETURNING {TAKEN}",
        image.len()
    )
});

impl Crew {
    /// A process called `worker` that scans with `settings`.
    pub fn new(worker: WorkerId, settings: &str, lease: Duration) -> Self {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 8);
        Self { worker, settings: settings.to_owned(), lease }
    }
}

impl Store {
    /// Takes the next job that a process can do: the most urgent one, the oldest first, of the hosts that are not left in peace.
    pub fn claim(&self, crew: &Crew, avoid: &Avoid) -> Result<Option<Job>, StoreError> {
        let own = |(kind, _): &(Kind, &str)| match kind {
            Kind::Image => [lot(Kind::Image, ""), lot(Kind::Image, &crew.settings)].to_vec(),
            Kind::Layer => vec![lot(Kind::Layer, &crew.settings)],
            kind => vec![lot(*kind, "")],
        };
        let own: Vec<String> = KINDS.iter().flat_map(own).collect();
        let others: Vec<String> = avoid.fleets.iter().map(|settings| lot(Kind::Image, settings)).collect();
        let worker = crew.worker.as_str().into();
        let values = [worker, crew.lease.into(), list(&own), list(&others), list(&avoid.hosts)];
        self.lightly(|session| {
            let job = session.first(&CLAIM, &values)?.as_ref().and_then(taken);
            if let Some(job) = &job {
                pace::probe(session, job)?;
            }
            Ok(job)
        })
    }

    /// Says that a process is there and still works on what it `held`s.
    pub fn beat(&self, crew: &Crew, held: &[i64]) -> Result<Beat, StoreError> {
        let renew =
            "UPDATE jobs SET lease = {now} + $2 WHERE worker = $1 AND state = 'running' AND id IN {ids($3)}";
        let there = "INSERT INTO workers (worker, settings, until) VALUES ($1, $2, {now} + $3)
            ON CONFLICT (worker) DO UPDATE SET until = excluded.until";
        let fleets = "SELECT DISTINCT settings FROM workers WHERE until >= {now} AND settings <> $1";
        self.lightly(|session| {
            let worker = crew.worker.as_str();
            let renewed = session.execute(renew, &[worker.into(), crew.lease.into(), list(held)])?;
            session.execute(there, values![worker, &crew.settings, crew.lease.saturating_mul(GONE)])?;
            session.execute("DELETE FROM workers WHERE until < {now}", &[])?;
            let fleets = session.query(fleets, values![&crew.settings])?;
            Ok(Beat { renewed, fleets: fleets.iter().map(|row| row.text(0)).collect() })
        })
    }

    /// Takes their jobs from those who said nothing for longer than their leases. Not to be asked by who could not say anything
    /// himself for so long: then nobody could.
    pub fn reap(&self) -> Result<(), StoreError> {
        self.lightly(reap)
    }

    /// Has jobs tried again whose time has come; returns how many.
    pub fn ripen(&self) -> Result<u64, StoreError> {
        let ripe = "UPDATE jobs SET state = 'ready' WHERE id IN (
            SELECT id FROM jobs WHERE state = 'later' AND due <= (SELECT {now}) ORDER BY due LIMIT $1 {skip})";
        self.lightly(|session| session.execute(ripe, values![SOME]))
    }

    /// Gives back some of what `worker` holds, as if it had never taken it.
    pub fn give_back(&self, worker: &WorkerId, held: &[i64]) -> Result<u64, StoreError> {
        let back = "UPDATE jobs SET state = 'ready', worker = NULL, due = {now}
            WHERE worker = $1 AND state = 'running' AND id IN {ids($2)}";
        self.lightly(|session| session.execute(back, &[worker.as_str().into(), list(held)]))
    }

    /// Gives back all that `worker` holds, and says that it is gone.
    pub fn release(&self, worker: &WorkerId) -> Result<u64, StoreError> {
        let back = "UPDATE jobs SET state = 'ready', worker = NULL, due = {now}
            WHERE worker = $1 AND state = 'running'";
        self.lightly(|session| {
            session.execute("DELETE FROM workers WHERE worker = $1", values![worker.as_str()])?;
            session.execute(back, values![worker.as_str()])
        })
    }
}

/// Takes jobs from those who said nothing for too long. The first time somebody else may have them at once, then later and
/// later, so that a job that takes its workers along does not take along each time what they did beside it.
fn reap(session: &mut dyn Session) -> Result<(), StoreError> {
    let gone = "SELECT id, name, crashes FROM jobs WHERE state = 'running' AND lease < (SELECT {now})
        ORDER BY id LIMIT $1 {skip}";
    for row in session.query(gone, values![SOME])? {
        let (id, name, crashes) = (row.int(0), row.text(1), row.int(2) + 1);
        let wait = if crashes == 1 { 0 } else { pace::backoff(crashes) };
        let back = "UPDATE jobs SET state = $2, worker = NULL, crashes = $3, due = {now} + $4 WHERE id = $1";
        let state = if crashes == 1 { "ready" } else { "later" };
        session.execute(back, values![id, state, crashes, wait])?;
        if crashes >= pace::CRASHES {
            let reason = format!("{crashes} workers stopped in the middle of it");
            super::end::bury(session, id, &name, &reason)?;
        }
    }
    Ok(())
}
