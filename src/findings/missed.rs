//! Which credentials of an earlier scan a later one of the same image may have missed.
//!
//! What a scan does not find is gone only where it looked. A layer that could not be had may have all that was found in it,
//! an archive that could not be opened all that was found there. What was looked at again is believed: a place there that
//! has the credential no more is gone, whatever else could not be looked at.
//!
//! A gap is told by the place of its problem: the name of a blob, or that and a path. One that names neither, such as a
//! manifest that could not be read, may be anywhere.

use std::collections::BTreeSet;

use super::{Finding, Ledger, Outcome, Place};
use crate::digest::Digest;
use crate::image::PlaceKind;

/// The blobs of an outcome, and where it has gaps.
struct Looked<'o> {
    outcome: &'o Outcome,
    layers: BTreeSet<Digest>,
    gaps: Vec<Gap<'o>>,
}

/// Something that was not looked at.
enum Gap<'o> {
    /// It may be anywhere.
    Anywhere,
    /// A blob that is no layer: a document.
    Document,
    /// A layer; without a path all of it, with one what that begins with.
    Layer { layer: Digest, path: &'o str },
}

/// Those of the findings of an `earlier` scan that `outcome` does not have and may have missed, with the places at which it
/// may have missed them.
pub fn missed(outcome: &Outcome, earlier: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let looked = Looked::new(outcome);
    if looked.gaps.is_empty() {
        return Vec::new();
    }
    let suppressed = outcome.suppression.findings.iter().map(|suppressed| &suppressed.finding);
    let there: BTreeSet<_> =
        outcome.findings.iter().chain(suppressed).map(|found| found.fingerprint).collect();
    let of = |mut finding: Finding| {
        finding.places.retain(|place| looked.may_have_missed(place));
        (!finding.places.is_empty()).then_some(finding)
    };
    earlier.into_iter().filter(|finding| !there.contains(&finding.fingerprint)).filter_map(of).collect()
}

impl<'o> Looked<'o> {
    fn new(outcome: &'o Outcome) -> Self {
        let named = outcome.images.iter().flat_map(|image| &image.layers).filter_map(|layer| layer.digest);
        let is_layer = |ledger: &&Ledger| ledger.role == "layer";
        let read = outcome.coverage.blobs.iter().filter(is_layer).filter_map(digest);
        let mut looked = Self { outcome, layers: named.chain(read).collect(), gaps: Vec::new() };
        let gaps = outcome.problems.iter().filter(|problem| problem.kind.is_gap());
        looked.gaps = gaps.map(|problem| looked.gap(&problem.place)).collect();
        looked
    }

    /// The gap that is told at `place`.
    fn gap(&self, place: &'o str) -> Gap<'o> {
        let (blob, path) = place.split_once(": ").unwrap_or((place, ""));
        let of_name = || self.outcome.coverage.blobs.iter().find(|ledger| ledger.blob == blob);
        match named(blob).or_else(|| of_name().and_then(digest)) {
            Some(layer) if self.layers.contains(&layer) => Gap::Layer { layer, path },
            Some(_) => Gap::Document,
            None => Gap::Anywhere,
        }
    }

    /// Whether the credential may stand at `place` still.
    fn may_have_missed(&self, place: &Place) -> bool {
        let layer = place.layer.as_ref().filter(|_| in_layer(place.kind));
        let read = layer.map(|layer| {
            let same = |ledger: &&Ledger| {
                let of_stored = layer.digest.is_some() && digest(ledger) == layer.digest;
                of_stored || layer.diff_id.is_some() && ledger.diff_id == layer.diff_id
            };
            self.outcome.coverage.blobs.iter().find(same).and_then(digest)
        });
        self.gaps.iter().any(|gap| match (gap, read) {
            (Gap::Layer { layer, path }, Some(Some(read))) => *layer == read && reaches(path, place),
            (Gap::Document, Some(Some(_))) | (Gap::Layer { .. }, None) => false,
            // Where nobody looked at that layer at all, a document that was not read may be why.
            (Gap::Anywhere, _) | (Gap::Document, None) | (_, Some(None)) => true,
        })
    }
}

/// Whether a gap at `path` of a layer may hide what stands at `place` of that layer: it is in the same file, at any depth.
fn reaches(path: &str, place: &Place) -> bool {
    let Some(file) = place.path.as_deref().filter(|_| !path.is_empty()) else { return true };
    // Of a path in which a credential was replaced nobody knows how it is written now.
    file.contains("[redacted") || path.contains("[redacted") || path.starts_with(file)
}

/// Whether places of this kind are in the bytes of a layer; others are in documents.
fn in_layer(kind: PlaceKind) -> bool {
    use PlaceKind::{Blob, File, Link, Padding, Path, TarHeader};
    matches!(kind, File | Path | Link | TarHeader | Padding | Blob)
}

/// The digest of a blob as stored: as it was computed, or as its name has it.
fn digest(ledger: &Ledger) -> Option<Digest> {
    ledger.digest.or_else(|| named(&ledger.blob))
}

/// The digest that is the name of a blob (image-layout.md, "Blobs").
fn named(blob: &str) -> Option<Digest> {
    match blob.strip_prefix("blobs/sha256/") {
        Some(hex) => format!("sha256:{hex}").parse().ok(),
        None => blob.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
