//! What changed from one scan to another: findings that are new, gone, or still there, perhaps at other places.
//!
//! Both sides are reports of the `json` format, written to a file before or made of an outcome now, so a report of
//! yesterday and an image of today compare like two images. A finding is the same if its fingerprint is; a place is, if what
//! does not change from build to build is: kind, path and name, but neither layer nor line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::commands::{Escape, unheard};
pub use super::side::{Found, Side, SideError};
use super::{ReportOptions, escape, table};
use crate::findings::Place;

/// The version of the document that [`Diff::write_json`] writes.
const DIFF: &str = "layersift.diff/v1";

/// The same credential has another fingerprint in each of two reports.
#[derive(Debug, thiserror::Error)]
#[error(
    "the two were scanned with different fingerprint keys ({old} and {new}): set LAYERSIFT_FINGERPRINT_KEY as it was when \
     the report was written"
)]
pub struct DiffError {
    /// The check of the key of the one.
    pub old: String,
    /// And of the other.
    pub new: String,
}

/// What changed.
#[derive(Debug)]
pub struct Diff<'d> {
    pub(super) old: &'d Side,
    pub(super) new: &'d Side,
    pub(super) added: Vec<&'d Found>,
    pub(super) gone: Vec<&'d Found>,
    pub(super) remaining: Vec<Remaining<'d>>,
}

/// A finding that both have.
#[derive(Debug)]
pub(super) struct Remaining<'d> {
    /// As the newer one has it.
    pub(super) found: &'d Found,
    /// Indexes of its places that the older one does not have.
    pub(super) new_places: Vec<usize>,
    /// Places that only the older one has.
    pub(super) gone_places: Vec<&'d Place>,
}

impl<'d> Diff<'d> {
    /// What changed from `old` to `new`.
    pub fn new(old: &'d Side, new: &'d Side) -> Result<Self, DiffError> {
        if let (Some(a), Some(b)) = (&old.key, &new.key)
            && a != b
        {
            return Err(DiffError { old: a.clone(), new: b.clone() });
        }
        let by_fingerprint = |side: &'d Side| -> BTreeMap<&'d str, &'d Found> {
            side.found.iter().map(|found| (&*found.view.fingerprint, found)).collect()
        };
        let (known, still) = (by_fingerprint(old), by_fingerprint(new));
        let mut diff = Self { old, new, added: Vec::new(), gone: Vec::new(), remaining: Vec::new() };
        for found in &new.found {
            match known.get(&*found.view.fingerprint) {
                Some(before) => diff.remaining.push(Remaining::new(before, found)),
                None => diff.added.push(found),
            }
        }
        diff.gone = old.found.iter().filter(|found| !still.contains_key(&*found.view.fingerprint)).collect();
        Ok(diff)
    }

    /// The findings that are new.
    pub fn added(&self) -> impl Iterator<Item = &Found> {
        self.added.iter().copied()
    }

    /// The newer scan.
    pub fn newer(&self) -> &Side {
        self.new
    }

    /// For people.
    pub fn write_table(&self, out: &mut dyn Write, options: &ReportOptions) -> io::Result<()> {
        unheard(out, Escape::Text, |out| table::write_diff(out, self, options))
    }

    /// For programs: one JSON document.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        escape::pretty(out, &DiffRecord::new(self))
    }
}

impl<'d> Remaining<'d> {
    fn new(before: &'d Found, found: &'d Found) -> Self {
        let hints = |found: &Found| found.view.places.iter().map(Place::hint).collect::<BTreeSet<_>>();
        let (then, now) = (hints(before), hints(found));
        let places = found.view.places.iter().enumerate();
        let new_places = places.filter(|(_, place)| !then.contains(&place.hint())).map(|(index, _)| index);
        let gone = before.view.places.iter().filter(|place| !now.contains(&place.hint()));
        Self { found, new_places: new_places.collect(), gone_places: gone.collect() }
    }
}

#[derive(Serialize)]
struct DiffRecord<'d> {
    schema: &'static str,
    old: SideRecord<'d>,
    new: SideRecord<'d>,
    summary: Counts,
    added: Vec<&'d Value>,
    gone: Vec<&'d Value>,
    remaining: Vec<RemainingRecord<'d>>,
}

#[derive(Serialize)]
struct SideRecord<'d> {
    source: &'d str,
    findings: usize,
    gaps: u64,
}

#[derive(Serialize)]
struct Counts {
    added: usize,
    gone: usize,
    remaining: usize,
    /// Of those that remain.
    at_new_places: usize,
}

#[derive(Serialize)]
struct RemainingRecord<'d> {
    new_places: &'d [usize],
    gone_places: Vec<String>,
    finding: &'d Value,
}

impl<'d> DiffRecord<'d> {
    fn new(diff: &'d Diff<'d>) -> Self {
        let side = |side: &'d Side| SideRecord {
            source: side.source(),
            findings: side.found.len(),
            gaps: side.gaps(),
        };
        let remaining = |remaining: &'d Remaining<'d>| RemainingRecord {
            new_places: &remaining.new_places,
            gone_places: remaining.gone_places.iter().map(|place| place.hint()).collect(),
            finding: &remaining.found.record,
        };
        Self {
            schema: DIFF,
            old: side(diff.old),
            new: side(diff.new),
            summary: Counts {
                added: diff.added.len(),
                gone: diff.gone.len(),
                remaining: diff.remaining.len(),
                at_new_places: diff.remaining.iter().filter(|found| !found.new_places.is_empty()).count(),
            },
            added: diff.added.iter().map(|found| &found.record).collect(),
            gone: diff.gone.iter().map(|found| &found.record).collect(),
            remaining: diff.remaining.iter().map(remaining).collect(),
        }
    }
}
