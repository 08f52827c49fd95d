//! Which manifests become images: the platforms that the user wants, as far as they are there.
//!
//! Few inputs hold every platform that their index names, since engines pull and save only their own. So without
//! other orders a platform that is not there is only noted, as long as another platform of the same image is whole.
//! An image with no such brother is never excused: then a missing manifest or layer is a gap.

use std::collections::{BTreeMap, BTreeSet};

use super::config::Config;
use super::index::Draft;
use super::manifest::Part;
use super::resolve::Documents;
use super::{Platform, Selection};
use crate::problem::{Problem, ProblemKind};

/// A manifest with its config, ready to be chosen.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What indexes and the manifest say.
    pub(super) draft: Draft,
    /// What the config says.
    pub(super) config: Config,
    /// From the index, else from the config.
    pub(super) platform: Option<Platform>,
    presence: Presence,
}

/// What becomes of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is one of the images looked at.
    Image,
    /// It holds statements about an image.
    Attestation,
    /// The user wants other platforms.
    Deselected,
    /// It is not there, or none of its layers is; a problem says so.
    Absent,
}

/// How much of an image is in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Whole,
    Partial,
    /// The manifest is there, and none of its layers.
    Bare,
    /// Not even the manifest.
    Nothing,
}

impl Candidate {
    /// Looks up what `draft` names.
    pub(super) fn new(draft: Draft, documents: &dyn Documents) -> Self {
        let reference = draft.manifest.as_ref().map(|manifest| manifest.config.as_ref());
        let config = match reference {
            None => Config::Missing,
            Some(None) => Config::None,
            Some(Some(reference)) => match documents.document(&reference.blob) {
                Some(bytes) => Config::read(bytes, reference.claims_image()),
                None if reference.is_empty_document() => Config::Other,
                None if documents.exists(&reference.blob) && !reference.claims_image() => Config::Other,
                None => Config::Missing,
            },
        };
        let stated = config.facts().and_then(|facts| facts.platform.clone());
        Self {
            platform: draft.platform.clone().or(stated),
            presence: presence(&draft, documents),
            config,
            draft,
        }
    }

    fn is_attestation(&self) -> bool {
        let manifest = self.draft.manifest.as_ref();
        self.draft.attestation || manifest.is_some_and(super::manifest::Manifest::is_attestation)
    }
}

fn presence(draft: &Draft, documents: &dyn Documents) -> Presence {
    let Some(manifest) = &draft.manifest else {
        return Presence::Nothing;
    };
    let parts = manifest.parts.iter();
    let own: Vec<&Part> = parts.filter(|part| !part.layer.is_foreign()).collect();
    let there = own.iter().filter(|part| documents.exists(&part.layer.blob)).count();
    match there {
        count if count == own.len() => Presence::Whole,
        0 => Presence::Bare,
        _ => Presence::Partial,
    }
}

/// The fate of each candidate. What is wanted and not there is reported.
pub(super) fn choose(
    candidates: &[Candidate],
    selection: &Selection,
    problems: &mut Vec<Problem>,
) -> Vec<Fate> {
    let mut whole: BTreeMap<usize, BTreeSet<Option<&Platform>>> = BTreeMap::new();
    for candidate in candidates {
        if candidate.presence == Presence::Whole && !candidate.is_attestation() {
            let platforms = whole.entry(candidate.draft.group).or_default();
            platforms.insert(candidate.platform.as_ref());
        }
    }
    let fates: Vec<Fate> = candidates
        .iter()
        .map(|candidate| {
            let brothers = whole.get(&candidate.draft.group);
            let excused = *selection != Selection::All
                && brothers.is_some_and(|platforms| {
                    platforms.iter().any(|other| *other != candidate.platform.as_ref())
                });
            fate(candidate, selection, excused, problems)
        })
        .collect();
    let images = candidates.iter().filter(|candidate| !candidate.is_attestation());
    if let Selection::Platform(filter) = selection
        && !fates.contains(&Fate::Image)
        && fates.contains(&Fate::Deselected)
    {
        let there: BTreeSet<String> =
            images.filter_map(|image| image.platform.as_ref()).take(20).map(Platform::to_string).collect();
        let there = there.into_iter().collect::<Vec<_>>().join(", ");
        problems.push(Problem::new(
            ProblemKind::Missing,
            "platform",
            format!("there is no image for {filter}; there are {there}"),
            "choose one of them, or all",
        ));
    }
    fates
}

/// `excused` if the image need not be there because another platform of it is.
fn fate(candidate: &Candidate, selection: &Selection, excused: bool, problems: &mut Vec<Problem>) -> Fate {
    let draft = &candidate.draft;
    if candidate.is_attestation() {
        if candidate.presence != Presence::Nothing {
            return Fate::Attestation;
        }
        problems.push(absent(candidate, excused, "the manifest of an attestation is not there"));
        return Fate::Absent;
    }
    if !selection.wants(candidate.platform.as_ref()) || is_left_out(draft, selection) {
        return Fate::Deselected;
    }
    let excused = excused && *selection == Selection::Available && draft.platform.is_some();
    match candidate.presence {
        Presence::Nothing => {
            problems.push(absent(candidate, excused, "the manifest of an image is not there"));
        }
        Presence::Bare if excused => {
            problems.push(absent(candidate, excused, "none of the layers of an image is there"));
        }
        _ => return Fate::Image,
    }
    Fate::Absent
}

fn is_left_out(draft: &Draft, selection: &Selection) -> bool {
    matches!(selection, Selection::AllBut(left_out) if draft.documents.iter().any(|blob| left_out.contains(blob)))
}

fn absent(candidate: &Candidate, excused: bool, what: &str) -> Problem {
    let platform = candidate.platform.as_ref();
    let platform = platform.map_or_else(String::new, |platform| format!(" ({platform})"));
    let (kind, remedy) = if excused {
        (ProblemKind::Note, "save all platforms to have them scanned")
    } else {
        (ProblemKind::Missing, "save the image again with all its parts")
    };
    Problem::new(kind, &candidate.draft.place, format!("{what}{platform}"), remedy)
}
