//! A later scan of an image with two layers, `low` and `top`, and its gaps.

use super::*;
use crate::findings::sample::{self, finding};
use crate::findings::{Coverage, PlaceLayer};
use crate::image::{BlobRef, Image, Layer};
use crate::problem::{Problem, ProblemKind};

fn of(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// As registries' images have them.
fn blob(name: &str) -> String {
    format!("blobs/sha256/{}", of(name).hex())
}

fn place(kind: PlaceKind, layer: Option<&str>, path: Option<&str>) -> Place {
    let layer = layer.map(|layer| PlaceLayer { index: Some(0), digest: Some(of(layer)), diff_id: None });
    Place { layer, path: path.map(str::to_owned), ..sample::place(kind) }
}

fn file(layer: &str, path: &str) -> Place {
    place(PlaceKind::File, Some(layer), Some(path))
}

/// An outcome that looked at `read`, with gaps at these places.
fn outcome(read: &[&str], gaps: &[&str]) -> Outcome {
    let layer = |(index, name): (usize, &&str)| Layer {
        index,
        blob: BlobRef::Digest(of(name)),
        digest: Some(of(name)),
        diff_id: None,
        size: None,
        media_type: None,
        urls: Vec::new(),
        step: None,
    };
    let image = Image { layers: ["low", "top"].iter().enumerate().map(layer).collect(), ..Image::default() };
    let ledger = |name: &&str| Ledger {
        blob: blob(name),
        digest: Some(of(name)),
        role: if *name == "config" { "config" } else { "layer" }.into(),
        ..Ledger::default()
    };
    let problem = |place: &&str| Problem::new(ProblemKind::Unreadable, *place, "m", "r");
    Outcome {
        images: vec![image],
        coverage: Coverage { blobs: read.iter().map(ledger).collect() },
        problems: gaps.iter().map(problem).collect(),
        ..Outcome::default()
    }
}

/// Paths at which a later scan that read `read` may have missed what an earlier one found at `places`.
fn left(read: &[&str], gaps: &[&str], places: &[Place]) -> Vec<String> {
    let missed = missed(&outcome(read, gaps), [finding("made-up-token", places.to_vec())]);
    let places = missed.into_iter().flat_map(|finding| finding.places);
    places.map(|place| place.path.unwrap_or_else(|| place.kind.as_str().to_owned())).collect()
}

const ALL: &[&str] = &["low", "top", "config"];

#[test]
fn what_was_looked_at_again_is_gone() {
    let places = [file("low", "a"), file("top", "b")];
    assert_eq!(left(ALL, &[], &places), [""; 0]);
    // Only what is in the layer that could not be had may be there still.
    assert_eq!(left(ALL, &[&blob("top")], &places), ["b"]);
    assert_eq!(left(ALL, &[&of("low").to_string()], &places), ["a"]);
    assert_eq!(left(ALL, &[&blob("low"), &blob("top")], &places), ["a", "b"]);
}

#[test]
fn a_gap_in_a_file_hides_what_is_in_that_file() {
    let gap = format!("{}: opt/a.zip!/b.zip", blob("top"));
    let places =
        [file("top", "opt/a.zip"), file("top", "opt/a"), file("top", "opt/c.zip"), file("low", "opt/a.zip")];
    assert_eq!(
        left(ALL, &[&gap], &places),
        ["opt/a.zip", "opt/a"],
        "the second one is too careful, not wrong"
    );
    // How a path is written in which a credential stands depends on what else was found.
    assert_eq!(left(ALL, &[&gap], &[file("top", "opt/[redacted x]/c")]), ["opt/[redacted x]/c"]);
}

#[test]
fn a_document_that_was_not_read_hides_what_is_in_documents_and_layers_that_nobody_names() {
    let config = of("config").to_string();
    let env = place(PlaceKind::Env, Some("low"), None);
    let places = [env, file("top", "b"), file("gone", "c")];
    assert_eq!(left(ALL, &[&config], &places), ["env", "c"]);
    assert_eq!(left(ALL, &[&blob("top")], &places), ["b", "c"]);
}

#[test]
fn what_tells_no_place_may_be_anywhere() {
    let places = [place(PlaceKind::Env, None, None), file("top", "b")];
    for gap in ["all images", "manifests", "", "sha512:00", "blobs/sha256/00"] {
        assert_eq!(left(ALL, &[gap], &places), ["env", "b"], "{gap}");
    }
}

#[test]
fn a_layer_with_other_bytes_than_it_should_have_was_not_looked_at() {
    let places = [file("top", "b")];
    let mut wrong = outcome(&["low", "other"], &[&blob("top")]);
    wrong.coverage.blobs[1].blob = blob("top");
    assert_eq!(missed(&wrong, [finding("made-up-token", places.to_vec())]).len(), 1);
}

#[test]
fn what_is_there_is_not_missed_whether_it_is_shown_or_not() {
    let earlier = || finding("made-up-token", vec![file("top", "b")]);
    let mut outcome = outcome(ALL, &[&blob("top")]);
    assert_eq!(missed(&outcome, [earlier()]).len(), 1);
    outcome.findings.push(finding("made-up-token", vec![file("low", "a")]));
    assert!(missed(&outcome, [earlier()]).is_empty());
    let finding = outcome.findings.remove(0);
    let suppressed = crate::findings::suppress::Suppressed { finding, partly: false, causes: Vec::new() };
    outcome.suppression.findings.push(suppressed);
    assert!(missed(&outcome, [earlier()]).is_empty());
}
