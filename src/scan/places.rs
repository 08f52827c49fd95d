//! Where each match stands in the images: layer, build step, state. One match of a layer that two images share has a
//! place in each.

use std::collections::{BTreeMap, BTreeSet};

use super::Gathered;
use super::blob::BlobReport;
use super::join::report_of;
use super::matching::Match;
use super::sighting::{PartSeen, Sighting};
use super::texts::TextMatch;
use super::versions::History;
use crate::findings::{
    Fate, File, LayerLists, Place, PlaceLayer, PlaceStep, Query, State, StateBy, fates, shipped_by,
};
use crate::image::{BlobRef, DocumentKind, Image, Layer, PlaceKind, Resolution, Step};
use crate::packages::AskedPath;
use crate::secret::Secret;
use crate::signature::Confidence;
use crate::stream::{Entry, PathIndex};

/// A match and its place.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) what: Sighting,
    pub(super) place: Place,
    /// The place of each of its parts.
    pub(super) parts: Vec<Place>,
}

impl Located {
    /// A match whose parts stand in the same text.
    fn new(what: &Sighting, place: Place) -> Self {
        let beside = |part: &PartSeen| Place {
            kind: part.kind,
            line: place.line.map(|line| line.wrapping_add_signed(part.lines)),
            offset: Some(part.offset),
            name: part.name.clone(),
            mark: None,
            ..place.clone()
        };
        Self { parts: what.parts.iter().map(beside).collect(), what: what.clone(), place }
    }
}

impl Located {
    /// How sure it is that this is a leak of the image: what a public package ships is none.
    pub(super) fn confidence(&self) -> Confidence {
        if self.place.shipped_by.is_some() { Confidence::Example } else { self.what.confidence }
    }
}

/// What places are made of.
pub(super) struct Places<'p> {
    pub(super) gathered: &'p Gathered,
    pub(super) resolution: &'p Resolution,
    /// By the name of the document.
    pub(super) texts: &'p BTreeMap<String, Vec<TextMatch>>,
    /// Places that are kept: many images may name one layer with many matches.
    pub(super) most: usize,
}

impl Places<'_> {
    /// The places of all matches, of images first, and whether there were more than could be kept.
    pub(super) fn all(&self) -> (Vec<Located>, bool) {
        let mut out = Vec::new();
        let (mut documents, mut blobs) = (BTreeSet::new(), BTreeSet::new());
        for image in &self.resolution.images {
            for digest in [image.config, image.manifest].into_iter().flatten() {
                if let Some(name) = self.gathered.documents.name(&BlobRef::Digest(digest)) {
                    documents.insert(name);
                    self.document(name, Some(image), &mut out);
                }
            }
            for layer in &image.layers {
                // A layer that is a document, in an artifact or by mistake, is searched as one.
                let name = self.gathered.documents.name(&layer.blob);
                match report_of(self.gathered, layer) {
                    Some((name, _)) => drop(blobs.insert(name)),
                    None => name.into_iter().filter(|name| documents.insert(name)).for_each(|name| {
                        self.document(name, Some(image), &mut out);
                    }),
                }
            }
            self.layers(image, &mut out);
        }
        for name in self.texts.keys().filter(|name| !documents.contains(name.as_str())) {
            if !self.gathered.documents.deselected(self.resolution, name) {
                let from = out.len();
                self.document(name, self.subject(name), &mut out);
                if self
                    .gathered
                    .documents
                    .get(name)
                    .is_some_and(|document| document.kind == DocumentKind::LegacyLayer)
                {
                    drop_known(&mut out, from);
                }
            }
        }
        for (name, report) in &self.gathered.reports {
            if !blobs.contains(name.as_str()) && !self.gathered.documents.deselected(self.resolution, name) {
                unbound(name, report, &mut out);
            }
        }
        let more = out.len() > self.most;
        out.truncate(self.most);
        (out, more)
    }

    /// The image that the attestation `name` is about.
    fn subject(&self, name: &str) -> Option<&Image> {
        let attestations = &self.resolution.attestations;
        let named = |blob: &BlobRef| self.gathered.documents.name(blob) == Some(name);
        let subject = attestations.iter().find(|attestation| named(&attestation.blob))?.subject?;
        self.resolution.images.iter().find(|image| image.manifest == Some(subject))
    }

    fn document(&self, name: &str, image: Option<&Image>, out: &mut Vec<Located>) {
        let room = (self.most + 1).saturating_sub(out.len());
        for found in self.texts.get(name).into_iter().flatten().take(room) {
            let origin = |kind, name: Option<&str>| {
                let step = image.and_then(|image| step_of(image, found.step, kind, name));
                let layer = step.zip(image).and_then(|(step, image)| image.layers.get(step.layer?));
                (layer.map(place_layer), step.map(place_step))
            };
            let (layer, step) = origin(found.kind, found.name.as_deref());
            let own = matches!(
                found.kind,
                PlaceKind::Metadata | PlaceKind::Annotation | PlaceKind::Attestation | PlaceKind::Config
            );
            let place = Place {
                kind: found.kind,
                image: image.and_then(|image| image.names.first().cloned()),
                platform: image.and_then(|image| image.platform.clone()),
                layer,
                step,
                path: (own || image.is_none()).then(|| name.to_owned()),
                inner: Vec::new(),
                name: found.name.clone(),
                line: Some(found.line),
                offset: Some(found.offset),
                decoded: found.decoded.iter().map(ToString::to_string).collect(),
                state: None,
                state_by: None,
                mark: found.mark.clone(),
                shipped_by: None,
                origin: None,
            };
            let mut located = Located::new(&found.what, place);
            // Each variable has the step that set it.
            for part in &mut located.parts {
                (part.layer, part.step) = origin(part.kind, part.name.as_deref());
            }
            out.push(located);
        }
    }

    fn layers(&self, image: &Image, out: &mut Vec<Located>) {
        let reports: Vec<Option<&BlobReport>> = image
            .layers
            .iter()
            .map(|layer| report_of(self.gathered, layer).map(|(_, report)| report))
            .collect();
        let indexes: Vec<Option<&PathIndex>> =
            reports.iter().map(|report| report.map(|report| &report.paths)).collect();
        let mut queries: Vec<Query> = Vec::new();
        let mut numbers: BTreeMap<(usize, u64), usize> = BTreeMap::new();
        for (layer, report) in reports.iter().enumerate() {
            for entry in
                report.iter().flat_map(|report| &report.matches).filter_map(|found| found.entry.as_ref())
            {
                numbers.entry((layer, entry.ordinal)).or_insert_with(|| {
                    let keys = report.and_then(|report| report.hidden.get(&entry.ordinal));
                    let (path, keys) = (entry.path.clone(), keys.map(|hidden| hidden.keys.clone()));
                    queries.push(Query { layer, path, keys, ordinal: entry.ordinal });
                    queries.len() - 1
                });
            }
        }
        let fates = fates(&indexes, &queries);
        let lists: Vec<Option<LayerLists<'_>>> = reports
            .iter()
            .map(|report| report.map(|report| LayerLists { paths: &report.paths, lists: &report.lists }))
            .collect();
        let files = queries.iter().map(|query| {
            let Query { layer, path, ordinal, .. } = query;
            file(reports[*layer], *layer, path, *ordinal)
        });
        let shipped = shipped_by(&lists, &files.collect::<Vec<_>>());
        for (index, report) in reports.iter().enumerate() {
            let Some(report) = report.filter(|_| out.len() <= self.most) else { continue };
            let mut history = History::default();
            for found in &report.matches {
                let entry = found.entry.as_ref().and_then(|entry| numbers.get(&(index, entry.ordinal)));
                let mut place = base(image, &image.layers[index], report, found);
                if found.kind == PlaceKind::File {
                    place.shipped_by = entry.and_then(|number| shipped[*number].clone());
                }
                let names: &[Fate] = entry.map(|number| &fates[*number][..]).unwrap_or_default();
                let mut places = named(image, place, found, names);
                places.retain(|place| history.is_news(found, place));
                out.extend(places.into_iter().map(|place| Located::new(&found.what, place)));
            }
        }
    }
}

/// Drops what stands in a legacy layer's `json` and in the image's config too, of which the former is a copy.
fn drop_known(out: &mut Vec<Located>, from: usize) {
    let copies = out.split_off(from);
    let known: BTreeSet<_> = out.iter().map(identity).collect();
    let new: Vec<Located> = copies.into_iter().filter(|copy| !known.contains(&identity(copy))).collect();
    out.extend(new);
}

/// What two places of a credential in documents have in common if one is a copy.
fn identity(located: &Located) -> (&Secret, PlaceKind, Option<&str>) {
    (&located.what.secret, located.place.kind, located.place.name.as_deref())
}

/// The place of a match in a layer, without the state.
fn base(image: &Image, layer: &Layer, report: &BlobReport, found: &Match) -> Place {
    let step = layer.step.and_then(|step| image.steps.get(step));
    let place = PlaceLayer {
        index: Some(layer.index),
        digest: layer.digest.or(Some(report.digest)),
        diff_id: Some(report.diff_id).filter(|_| report.plain_complete).or(layer.diff_id),
    };
    Place {
        image: image.names.first().cloned(),
        platform: image.platform.clone(),
        step: step.map(place_step),
        ..in_blob(found, place)
    }
}

/// The place of a match in a blob, whatever it belongs to.
fn in_blob(found: &Match, layer: PlaceLayer) -> Place {
    let undone = found.inside.iter().flat_map(|inside| inside.decoded());
    Place {
        kind: found.kind,
        image: None,
        platform: None,
        layer: Some(layer),
        step: None,
        path: found.entry.as_ref().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()),
        inner: found.inside.as_ref().map(|inside| inside.members()).unwrap_or_default(),
        name: found.name.clone(),
        line: found.line,
        offset: Some(found.range.start),
        decoded: undone.chain(found.decoded.iter().copied()).map(ToString::to_string).collect(),
        state: None,
        state_by: None,
        mark: found.mark.clone().filter(|_| found.kind != PlaceKind::Padding),
        shipped_by: None,
        origin: None,
    }
}

/// The place with its state, once for every name that the content has.
fn named(image: &Image, place: Place, found: &Match, names: &[Fate]) -> Vec<Place> {
    // Names, links and headers are in the layer whatever becomes of the file; only content goes by every hard link.
    let names = if found.kind == PlaceKind::File { names } else { &names[..names.len().min(1)] };
    if names.is_empty() || found.kind == PlaceKind::Padding {
        return vec![place];
    }
    // The first name is that of the entry, as it stands in the place already.
    let with = |(number, fate): (usize, &Fate)| Place {
        path: Some(String::from_utf8_lossy(&fate.path).into_owned())
            .filter(|_| number > 0)
            .or_else(|| place.path.clone()),
        state: Some(fate.state),
        state_by: fate.by.filter(|_| fate.state != State::Visible).map(|layer| StateBy {
            layer,
            step: image.layers[layer].step.and_then(|step| image.steps.get(step)).map(place_step),
        }),
        ..place.clone()
    };
    names.iter().enumerate().map(with).collect()
}

/// The places of the matches in a blob that belongs to no image.
fn unbound(name: &str, report: &BlobReport, out: &mut Vec<Located>) {
    let entries: BTreeMap<u64, &Entry> = report
        .matches
        .iter()
        .filter_map(|found| found.entry.as_deref())
        .map(|entry| (entry.ordinal, entry))
        .collect();
    let lists = LayerLists { paths: &report.paths, lists: &report.lists };
    let files = entries.values().map(|entry| file(Some(report), 0, &entry.path, entry.ordinal));
    let shipped = shipped_by(&[Some(lists)], &files.collect::<Vec<_>>());
    let shipped: BTreeMap<u64, Option<String>> = entries.into_keys().zip(shipped).collect();
    let mut history = History::default();
    for found in &report.matches {
        let layer = PlaceLayer { index: None, digest: Some(report.digest), diff_id: Some(report.diff_id) };
        let mut place = in_blob(found, layer);
        place.path.get_or_insert_with(|| name.to_owned());
        place.shipped_by = found
            .ordinal()
            .filter(|_| found.kind == PlaceKind::File)
            .and_then(|at| shipped.get(&at)?.clone());
        if history.is_news(found, &place) {
            out.push(Located::new(&found.what, place));
        }
    }
}

/// The file that the entry `ordinal` of a layer with that report is, at `path` as people see it.
fn file<'f>(report: Option<&'f BlobReport>, layer: usize, path: &'f [u8], ordinal: u64) -> File<'f> {
    let hidden = report.and_then(|report| report.hidden.get(&ordinal));
    let path = hidden.map_or_else(|| AskedPath::text(path), |hidden| AskedPath::Hashed(&hidden.asked));
    File { layer, path, content: report.and_then(|report| report.contents.get(&ordinal).copied()) }
}

/// The step that a text belongs to: its own, or the last that set what it is the value of.
fn step_of<'i>(
    image: &'i Image,
    own: Option<usize>,
    kind: PlaceKind,
    name: Option<&str>,
) -> Option<&'i Step> {
    if let Some(step) = own {
        return image.steps.get(step);
    }
    let instruction = match kind {
        PlaceKind::Env => "ENV",
        PlaceKind::Label => "LABEL",
        PlaceKind::Cmd => "CMD",
        PlaceKind::Entrypoint => "ENTRYPOINT",
        PlaceKind::Healthcheck => "HEALTHCHECK",
        PlaceKind::Onbuild => "ONBUILD",
        _ => return None,
    };
    let keyed = matches!(kind, PlaceKind::Env | PlaceKind::Label);
    let name = name.filter(|_| keyed).unwrap_or_default();
    let sets = |step: &&Step| step.instruction == instruction && step.created_by.contains(name);
    image.steps.iter().rev().find(sets)
}

fn place_layer(layer: &Layer) -> PlaceLayer {
    PlaceLayer { index: Some(layer.index), digest: layer.digest, diff_id: layer.diff_id }
}

fn place_step(step: &Step) -> PlaceStep {
    PlaceStep {
        index: step.index,
        instruction: step.instruction.clone(),
        created_by: excerpt(&step.created_by),
    }
}

/// Bytes of a step's text that each of its places holds: the whole of it stands in the history. A step with many
/// credentials would otherwise be there as many times as it is long.
const EXCERPT: usize = 4 << 10;

fn excerpt(text: &str) -> String {
    if text.len() <= EXCERPT {
        return text.to_owned();
    }
    let end = (0..=EXCERPT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}
