//! The counts of a report: enough to decide without reading further.

use serde::Serialize;

use crate::findings::Outcome;
use crate::findings::suppress::By;
use crate::signature::Severity;

/// The sum of all ledgers.
#[derive(Serialize)]
pub(in super::super) struct Totals {
    blobs: usize,
    stored_bytes: u64,
    plain_bytes: u64,
    entries: u64,
    matched_bytes: u64,
    skipped_bytes: u64,
    verified: bool,
}

impl Totals {
    pub(in super::super) fn new(outcome: &Outcome) -> Self {
        let total = outcome.coverage.total();
        Self {
            blobs: outcome.coverage.blobs.len(),
            stored_bytes: total.stored_bytes,
            plain_bytes: total.plain_bytes,
            entries: total.entries,
            matched_bytes: total.matched_bytes,
            skipped_bytes: total.skipped.iter().filter_map(|skipped| skipped.bytes).sum(),
            verified: total.verified && !outcome.coverage.blobs.is_empty(),
        }
    }
}

/// The counts by which a program decides without reading further.
#[derive(Serialize)]
pub(in super::super) struct Summary {
    findings: usize,
    by_severity: BySeverity,
    hidden: usize,
    hidden_shipped: usize,
    suppressed: BySuppressor,
    gaps: usize,
    notes: usize,
    complete: bool,
}

#[derive(Serialize)]
struct BySeverity {
    critical: usize,
    high: usize,
    medium: usize,
    low: usize,
}

/// Findings that are suppressed, each under the first of what suppresses it, and how many places that makes.
#[derive(Serialize)]
struct BySuppressor {
    findings: usize,
    ignore_file: usize,
    inline: usize,
    baseline: usize,
    places: usize,
    new_places: usize,
    expired: usize,
    unused: usize,
    gone: usize,
}

impl BySuppressor {
    fn new(outcome: &Outcome) -> Self {
        let (suppression, stale) = (&outcome.suppression, &outcome.suppression.stale);
        let [ignore_file, inline, baseline] = By::ALL.map(|by| suppression.count(by));
        let (places, new_places) = suppression.places();
        Self {
            findings: ignore_file + inline + baseline,
            ignore_file,
            inline,
            baseline,
            places,
            new_places,
            expired: stale.expired.len(),
            unused: stale.unused.len(),
            gone: stale.gone.len(),
        }
    }
}

impl Summary {
    pub(in super::super) fn new(outcome: &Outcome) -> Self {
        let of = |severity| outcome.findings.iter().filter(|finding| finding.severity == severity).count();
        let gaps = outcome.gaps();
        Self {
            findings: outcome.findings.len(),
            by_severity: BySeverity {
                critical: of(Severity::Critical),
                high: of(Severity::High),
                medium: of(Severity::Medium),
                low: of(Severity::Low),
            },
            hidden: outcome.hidden,
            hidden_shipped: outcome.hidden_shipped,
            suppressed: BySuppressor::new(outcome),
            gaps,
            notes: outcome.problems.len() - gaps,
            complete: !outcome.has_gaps(),
        }
    }
}
