//! Once a day: what `[serve.retention]` says is of no use any more is forgotten, as one job of all processes.

use std::time::Duration;

use serde_json::json;

use super::Service;
use super::config::Retention;
use super::metrics::Counter;
use super::store::{Forgotten, Job, StoreError};
use super::work::{Done, broken};
use crate::scan::cache::Kept;

/// Forgets what the job says, in pieces.
pub(super) fn forget(service: &Service, job: &Job) -> Done {
    let retention: Retention = serde_json::from_str(&job.subject).map_err(|_| broken(job))?;
    let forgotten = all(service, &retention)?;
    service.metrics.add(Counter::Forgotten, forgotten.total().unsigned_abs());
    if forgotten.total() > 0 {
        service.log.info("forgotten", json!(forgotten));
    }
    Ok(service.store.forgotten(job, &service.crew.worker, &forgotten)?)
}

fn all(service: &Service, retention: &Retention) -> Result<Forgotten, StoreError> {
    let store = &service.store;
    let Retention { untagged, reports, fixed, audit, layers, open_too } = *retention;
    let mut forgotten = Forgotten::default();
    if let Some(age) = untagged {
        forgotten.images = walk(|after| store.forget_images((age, open_too), after))?;
    }
    if let Some(age) = reports {
        forgotten.reports = walk(|after| store.forget_reports(age, after))?;
    }
    while let Some(age) = fixed {
        let (places, secrets) = store.forget_fixed(age)?;
        forgotten.occurrences += places;
        forgotten.secrets += secrets;
        if places == 0 {
            forgotten.secrets += walk_by_text(|after| store.forget_secrets(age, after))?;
            break;
        }
    }
    if let Some(age) = audit {
        forgotten.audit = until_none(|| store.forget_audit(age))?;
    }
    if let Some(age) = layers {
        let mut fleets: Vec<String> = store.fleets()?.into_iter().map(|(settings, _)| settings).collect();
        fleets.push(service.crew.settings.clone());
        forgotten.layers = until_none(|| store.forget_layers(age, &fleets))?;
        // Where a folder has them, all that nobody asked for goes.
        let age = Duration::from_millis(age.unsigned_abs());
        let pruned = service.scanner.cache().map_or(0, |cache| cache.prune(&Kept { age, bytes: u64::MAX }));
        forgotten.layers = forgotten.layers.saturating_add_unsigned(pruned);
    }
    Ok(forgotten)
}

/// Does pieces until there is none behind the last one; how much all of them were.
fn walk(mut piece: impl FnMut(i64) -> Result<(i64, Option<i64>), StoreError>) -> Result<i64, StoreError> {
    let (mut total, mut after) = (0, Some(0));
    while let Some(from) = after {
        let (count, next) = piece(from)?;
        total += count;
        after = next;
    }
    Ok(total)
}

/// The same of what has no number.
fn walk_by_text(
    mut piece: impl FnMut(&str) -> Result<(i64, Option<String>), StoreError>,
) -> Result<i64, StoreError> {
    let (mut total, mut after) = (0, Some(String::new()));
    while let Some(from) = after {
        let (count, next) = piece(&from)?;
        total += count;
        after = next;
    }
    Ok(total)
}

/// Does pieces until one is empty.
fn until_none(mut piece: impl FnMut() -> Result<i64, StoreError>) -> Result<i64, StoreError> {
    let mut total = 0;
    loop {
        match piece()? {
            0 => return Ok(total),
            count => total += count,
        }
    }
}
