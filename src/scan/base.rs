//! Which layers of an image come from the image that it is built on.
//!
//! What is known of it comes from, and counts in this order: who asked for the scan, what the image says of itself, the
//! provenance of its build, and the cache, which knows the layers of images that were scanned before. A base that was given,
//! that is in the same input, or that the cache knows is compared layer by layer. One that is only named is told by its name.
//! Of a base nothing but the documents is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::cache::{Chains, KnownImage, Session};
use super::documents::{Documents, Taken, take};
use super::join::{located, report_of};
use super::{Gathered, Options, unreadable};
use crate::digest::Digest;
use crate::findings::{Finding, Origin, Place};
use crate::image::Claims;
use crate::image::claims as claims_of;
use crate::image::{
    Attestation, Base, BaseFrom, BlobRef, DocumentKind, Image, Layer, PlaceKind, Platform, Resolution,
    Selection,
};
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::source::{self, Blobs, Input, Opened, Remote, SourceError, Stream};
use crate::stream::header::Kind;
use crate::stream::{Members, Streamed};

/// The images of an input, and how it was named. Every platform is one.
#[derive(Debug, Clone, Default)]
pub struct GivenBase {
    name: String,
    images: Vec<Image>,
    /// What of it could not be looked at, so that it may be missing among its images.
    problems: Vec<Problem>,
}

impl GivenBase {
    /// Reads the documents of a base image, of a registry those of the platforms of `selection`, and not what others say of it.
    pub fn read(input: &Input, options: &Options, selection: &Selection) -> Result<Self, SourceError> {
        let Options { limits, remote, .. } = options;
        let remote = Remote { referrers: false, ..remote.clone() };
        let (documents, mut problems, there) = match source::open(input, limits, &remote, selection)?.opened {
            Opened::Blobs(blobs) => of_blobs(blobs, limits),
            Opened::Stream(stream) => of_stream(stream, limits)
                .map_err(|source| SourceError::Unreadable { input: input.to_string(), source })?,
        };
        let chosen = if *selection == Selection::All { Selection::default() } else { selection.clone() };
        let resolution = documents.resolve(&there.unwrap_or(chosen), limits);
        problems.extend(resolution.problems);
        let images = resolution.images;
        if images.iter().all(|image| image.layers.is_empty()) {
            return Err(SourceError::NotAnImage {
                input: input.to_string(),
                found: "it describes no image with layers".to_owned(),
                remedy: source::REMEDY.to_owned(),
            });
        }
        Ok(Self { name: input.to_string(), images, problems })
    }
}

/// Documents, what could not be looked at of them, and which platforms are there, where the source decided that.
type Read = (Documents, Vec<Problem>, Option<Selection>);

fn of_blobs(blobs: Blobs, limits: &Limits) -> Read {
    let (mut documents, mut others, mut problems) = (Documents::default(), Vec::new(), blobs.problems);
    documents.list(blobs.listing);
    let (late, early): (Vec<_>, Vec<_>) = blobs.blobs.into_iter().partition(|blob| blob.late);
    others.extend(late.into_iter().chain(blobs.passed_over).map(|blob| blob.name));
    for blob in early {
        let taken = blob.open().map(|mut stored| take(&mut stored, blob.size, &documents, limits));
        match taken {
            Ok(Taken::Document(document)) => documents.insert(blob.name, document),
            Ok(Taken::Other(_, problem)) => {
                problems.extend(problem.map(|problem| located(&blob.name, &problem)));
                others.push(blob.name);
            }
            Err(error) => {
                problems.push(unreadable(&blob.name, &error));
                others.push(blob.name);
            }
        }
    }
    documents.alias(blobs.aliases, others.iter().map(String::as_str));
    (documents, problems, blobs.selection)
}

fn of_stream(stream: Stream, limits: &Limits) -> io::Result<Read> {
    let (mut documents, mut aliases, mut others) = (Documents::default(), Vec::new(), Vec::new());
    let mut problems = Vec::new();
    let mut members = Members::new(Streamed(stream.reader), limits);
    while let Some(member) = members.next_member().map_err(io::Error::other)? {
        if member.kind != Kind::File {
            aliases.extend(source::alias(&member));
            continue;
        }
        let name = String::from_utf8_lossy(&member.path).into_owned();
        match take(&mut members.body(), member.size, &documents, limits) {
            Taken::Document(document) => documents.insert(name, document),
            Taken::Other(_, problem) => {
                problems.extend(problem.map(|problem| located(&name, &problem)));
                others.push(name);
            }
        }
        if others.len() as u64 >= limits.get(Limit::LayerEntries) {
            problems.push(source::too_many(others.len()));
            break;
        }
    }
    documents.alias(aliases, others.iter().map(String::as_str));
    Ok((documents, problems, None))
}

/// Says of each image what it is built on, by the bases that were given and what `cache` knows. A base that was given and
/// that none of them is built on is a note, and so is what could not be looked at of it, which is none of the images.
/// Returns what is to be known of the images from now on.
pub(super) fn find(
    gathered: &Gathered,
    resolution: &mut Resolution,
    (given, cache): (&[GivenBase], Option<&Session<'_>>),
    problems: &mut Vec<Problem>,
) -> Vec<Option<Known>> {
    let images = &resolution.images;
    for base in given {
        let gaps = base.problems.iter().filter(|problem| problem.kind != ProblemKind::Note);
        problems.extend(gaps.map(|problem| Problem {
            kind: ProblemKind::Note,
            place: format!("base {}: {}", base.name, problem.place),
            ..problem.clone()
        }));
        let used = |image: &Image| base.images.iter().any(|base| image.is_built_on(base));
        if !images.iter().any(used) {
            let message =
                "the lowest layers are not those of this base image, so no finding is told to be its";
            let remedy =
                "name the image that the Dockerfile has in its last FROM, in the version that was built on";
            problems.push(Problem::new(ProblemKind::Note, base.name.as_str(), message, remedy));
        }
    }
    let known: Vec<Option<Known>> = images.iter().map(|image| Known::of(image, gathered, cache?)).collect();
    let below =
        Below { cache, here: known.iter().flatten().filter_map(|known| known.chains.0.last()).collect() };
    let said = Said::of(gathered);
    let base = |(image, known): (_, &Option<Known>)| {
        let claims = said.of_image(image, gathered, &resolution.attestations);
        of_image(image, &claims, resolution, given)
            .or_else(|| below.find(image, known.as_ref().filter(|_| given.is_empty())?, &claims))
            .or_else(|| named(&claims))
            .map(|base| as_read(base, image, gathered))
    };
    let bases: Vec<_> = images.iter().zip(&known).map(base).collect();
    for (image, base) in resolution.images.iter_mut().zip(bases) {
        image.base = base;
    }
    known
}

/// With the layers only that were read as what the image says they are: those above the first that is another are its own.
fn as_read(base: Base, image: &Image, gathered: &Gathered) -> Base {
    let Some(layers) = base.layers else { return base };
    let is_said = |layer: &&Layer| {
        // In one of which nothing was read, nothing is found.
        report_of(gathered, layer)
            .is_none_or(|(_, report)| layer.diff_id.is_none_or(|said| said == report.diff_id))
    };
    Base { layers: Some(image.layers.iter().take(layers).take_while(is_said).count()), ..base }
}

/// What is to be known of an image.
pub(super) struct Known {
    chains: Chains,
    image: KnownImage,
}

impl Known {
    /// Of an image all of whose layers were read.
    fn of(image: &Image, gathered: &Gathered, cache: &Session<'_>) -> Option<Self> {
        let digest = |layer| {
            let (_, report) = report_of(gathered, layer)?;
            let claimed = layer.diff_id.is_none_or(|claimed| claimed == report.diff_id);
            (report.plain_complete && claimed && report.tar).then_some(report.diff_id)
        };
        let layers = image.layers.iter().map(digest).collect::<Option<Vec<Digest>>>()?;
        let steps = image.steps.len() as u64;
        let history = cache.history(&image.steps, steps)?;
        let manifest = image.manifest.map(|manifest| *manifest.bytes());
        let image = KnownImage { name: None, manifest, steps, history };
        Some(Self { chains: cache.chains(&layers), image }).filter(|known| !known.chains.0.is_empty())
    }

    /// Has `cache` know the image, under a name that holds no credential.
    pub(super) fn keep(self, name: Option<&String>, cache: &Session<'_>) {
        let Some(chain) = self.chains.0.last() else { return };
        cache.remember(chain, &KnownImage { name: name.cloned(), ..self.image });
    }
}

/// Images that were scanned before.
struct Below<'b> {
    cache: Option<&'b Session<'b>>,
    /// Those of this input, by all their layers. What is known of them does not count: else the second scan of an input would
    /// tell more than the first.
    here: BTreeSet<&'b [u8; 32]>,
}

impl Below<'_> {
    /// The image that `image` is built on: that which it names itself, if that is known; if it names none, the one with the most
    /// layers.
    fn find(&self, image: &Image, known: &Known, claims: &[Base]) -> Option<Base> {
        let cache = self.cache?;
        let (_, lower) = known.chains.0.split_last()?;
        for (count, chain) in lower.iter().enumerate().rev().filter(|(_, chain)| !self.here.contains(chain)) {
            let Some(below) = cache.image(chain) else { continue };
            let digest = below.manifest.map(Digest::of_hash);
            let claim = claims.iter().find(|claim| claim.digest.is_some() && claim.digest == digest);
            if claim.is_none() && !claims.is_empty() {
                continue;
            }
            let own = Base { name: below.name.clone(), digest, from: BaseFrom::Cache, ..Base::default() };
            let same = cache.history(&image.steps, below.steps) == Some(below.history);
            let steps = usize::try_from(below.steps).ok().filter(|_| same);
            return Some(Base { layers: Some(count + 1), steps, ..claim.cloned().unwrap_or(own) });
        }
        None
    }
}

/// The base of `image` as `given` and its own claims tell.
fn of_image(image: &Image, claims: &[Base], resolution: &Resolution, given: &[GivenBase]) -> Option<Base> {
    let all = given.iter().flat_map(|base| base.images.iter().map(move |image| (base, image)));
    let fitting = all.filter(|(_, base)| image.is_built_on(base));
    if let Some((base, of)) = fitting.max_by_key(|(_, base)| base.layers.len()) {
        let name = of.names.first().cloned().unwrap_or_else(|| base.name.clone());
        let named = Base { name: Some(name), digest: of.manifest, from: BaseFrom::Given, ..Base::default() };
        return Some(compared(named, image, of));
    }
    let here = |claim: &Base| {
        // Where somebody named a base, what the image says of itself does not tell which layers are of one.
        let mut images = resolution.images.iter().filter(|_| given.is_empty());
        let base = images.find(|base| claim.digest.is_some() && base.manifest == claim.digest);
        base.filter(|base| base.manifest != image.manifest && image.is_built_on(base))
    };
    let found = claims.iter().filter_map(|claim| Some((claim, here(claim)?)));
    let (claim, base) = found.max_by_key(|(claim, base)| (base.layers.len(), claim.from))?;
    Some(compared(claim.clone(), image, base))
}

/// The base that is named, of which no more is known.
fn named(claims: &[Base]) -> Option<Base> {
    // Provenance names the images of all stages: one of several is none.
    let sure = claims.iter().filter(|claim| claim.from > BaseFrom::Provenance).max_by_key(|claim| claim.from);
    sure.or_else(|| claims.first().filter(|_| claims.len() == 1)).cloned()
}

fn compared(base: Base, image: &Image, of: &Image) -> Base {
    Base { layers: Some(of.layers.len()), steps: Some(image.steps_of(of)), ..base }
}

/// What documents say of bases, each read once, however many images it is about.
struct Said<'g> {
    by_name: BTreeMap<&'g str, Claims>,
    /// Statements that say themselves what they are about, as those in envelopes beside an image do, by that.
    about: BTreeMap<Digest, Vec<&'g str>>,
}

impl<'g> Said<'g> {
    fn of(gathered: &'g Gathered) -> Self {
        let mut said = Self { by_name: BTreeMap::new(), about: BTreeMap::new() };
        for (name, document) in gathered.documents.iter() {
            let claims = claims_of(&document.bytes);
            if document.kind == DocumentKind::Statement {
                for subject in &claims.subjects {
                    said.about.entry(*subject).or_default().push(name);
                }
            }
            said.by_name.insert(name, claims);
        }
        said
    }

    /// What the documents of an image say of its base.
    fn of_image(&self, image: &Image, gathered: &Gathered, attestations: &[Attestation]) -> Vec<Base> {
        let own = [image.manifest, image.config].into_iter().flatten().map(BlobRef::Digest);
        let about =
            attestations.iter().filter(|about| about.subject.is_some() && about.subject == image.manifest);
        let documents = own.chain(about.map(|attestation| attestation.blob.clone()));
        let names = documents.filter_map(|blob| gathered.documents.name(&blob));
        let statements = image.manifest.and_then(|manifest| self.about.get(&manifest)).into_iter().flatten();
        let said = names.chain(statements.copied());
        let mut claims: Vec<Base> = Vec::new();
        for claim in said.filter_map(|name| self.by_name.get(name)).flat_map(|claims| &claims.bases) {
            if claims.iter().all(|known| (known.from, known.digest) != (claim.from, claim.digest)) {
                claims.push(claim.clone());
            }
        }
        claims
    }
}

/// Says of each place whose it is.
pub(super) fn tell(finding: &mut Finding, images: &[Image]) {
    use PlaceKind::{Cmd, Entrypoint, Env, Healthcheck, Label, Onbuild};
    let parts = finding.parts.iter_mut().flat_map(|part| &mut part.places);
    for place in finding.places.iter_mut().chain(parts) {
        let names =
            |image: &&Image| image.names.first() == place.image.as_ref() && image.platform == place.platform;
        let mut bases = images.iter().filter(names).map(|image| image.base.as_ref());
        let base = bases.next().flatten();
        // Two images of one name: which is meant, nobody can say.
        place.origin = base
            .filter(|base| bases.all(|other| other == Some(base)))
            .and_then(|base| Origin::of(place, base));
    }
    let told: BTreeSet<_> = finding.places.iter().filter_map(told_by_step).collect();
    let parts = finding.parts.iter_mut().flat_map(|part| &mut part.places);
    for place in finding.places.iter_mut().chain(parts) {
        let set = matches!(place.kind, Env | Label | Cmd | Entrypoint | Healthcheck | Onbuild);
        let step = place.step.as_ref().map(|step| (place.image.clone(), place.platform.clone(), step.index));
        // The last step that could have set a value is a guess, unless the value stands in it.
        if set && place.origin == Some(Origin::Base) && step.is_none_or(|step| !told.contains(&step)) {
            place.origin = Some(Origin::Own);
        }
    }
}

/// The step of the base in whose text a place is, and of which image.
fn told_by_step(place: &Place) -> Option<(Option<String>, Option<Platform>, usize)> {
    let told = matches!(place.kind, PlaceKind::History | PlaceKind::BuildArg);
    let step = place.step.as_ref().filter(|_| told && place.origin == Some(Origin::Base))?;
    Some((place.image.clone(), place.platform.clone(), step.index))
}
