//! Which layers of an image come from the image that it is built on.
//!
//! A base that was given, or that is in the same input, is compared layer by layer. A base that is only named is told by its
//! name. Of a base nothing but the documents is read.

use std::io;

use super::documents::{Documents, Taken, take};
use super::{Gathered, Options};
use crate::findings::{Finding, Origin};
use crate::image::{Attestation, Base, BaseFrom, BlobRef, Image, Resolution, Selection, claimed_bases};
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::source::{self, Input, Opened, SourceError, Stream};
use crate::stream::header::Kind;
use crate::stream::{Members, Streamed};

/// The images of an input, and how it was named. Every platform is one.
#[derive(Debug, Clone, Default)]
pub struct GivenBase {
    name: String,
    images: Vec<Image>,
}

impl GivenBase {
    /// Reads the documents of a base image.
    pub fn read(input: &Input, options: &Options) -> Result<Self, SourceError> {
        let Options { limits, remote, .. } = options;
        let documents = match source::open(input, limits, remote, &Selection::All)?.opened {
            Opened::Blobs(blobs) => {
                let (mut documents, mut others) = (Documents::default(), Vec::new());
                documents.list(blobs.listing);
                let (late, early): (Vec<_>, Vec<_>) = blobs.blobs.into_iter().partition(|blob| blob.late);
                others.extend(late.into_iter().map(|blob| blob.name));
                for blob in early {
                    let taken =
                        blob.open().map(|mut stored| take(&mut stored, blob.size, &documents, limits));
                    match taken {
                        Ok(Taken::Document(document)) => documents.insert(blob.name, document),
                        _ => others.push(blob.name),
                    }
                }
                documents.alias(blobs.aliases, others.iter().map(String::as_str));
                documents
            }
            Opened::Stream(stream) => of_stream(stream, limits)
                .map_err(|source| SourceError::Unreadable { input: input.to_string(), source })?,
        };
        let images = documents.resolve(&Selection::default(), limits).images;
        if images.iter().all(|image| image.layers.is_empty()) {
            return Err(SourceError::NotAnImage {
                input: input.to_string(),
                found: "it describes no image with layers".to_owned(),
                remedy: source::REMEDY.to_owned(),
            });
        }
        Ok(Self { name: input.to_string(), images })
    }
}

fn of_stream(stream: Stream, limits: &Limits) -> io::Result<Documents> {
    let (mut documents, mut aliases, mut others) = (Documents::default(), Vec::new(), Vec::new());
    let mut members = Members::new(Streamed(stream.reader), limits);
    while let Some(member) = members.next_member().map_err(io::Error::other)? {
        if member.kind != Kind::File {
            aliases.extend(source::alias(&member));
            continue;
        }
        let name = String::from_utf8_lossy(&member.path).into_owned();
        match take(&mut members.body(), member.size, &documents, limits) {
            Taken::Document(document) => documents.insert(name, document),
            Taken::Other(..) => others.push(name),
        }
        if others.len() as u64 >= limits.get(Limit::LayerEntries) {
            break;
        }
    }
    documents.alias(aliases, others.iter().map(String::as_str));
    Ok(documents)
}

/// Says of each image what it is built on. A base that was given and that none of them is built on is a note.
pub(super) fn find(
    gathered: &Gathered,
    resolution: &mut Resolution,
    given: &[GivenBase],
    problems: &mut Vec<Problem>,
) {
    let images = &resolution.images;
    for base in given {
        let used = |image: &Image| base.images.iter().any(|base| image.is_built_on(base));
        if !images.iter().any(used) {
            let message =
                "the lowest layers are not those of this base image, so no finding is told to be its";
            let remedy =
                "name the image that the Dockerfile has in its last FROM, in the version that was built on";
            problems.push(Problem::new(ProblemKind::Note, base.name.as_str(), message, remedy));
        }
    }
    let bases: Vec<_> = images.iter().map(|image| of_image(image, gathered, resolution, given)).collect();
    for (image, base) in resolution.images.iter_mut().zip(bases) {
        image.base = base;
    }
}

fn of_image(
    image: &Image,
    gathered: &Gathered,
    resolution: &Resolution,
    given: &[GivenBase],
) -> Option<Base> {
    let all = given.iter().flat_map(|base| base.images.iter().map(move |image| (base, image)));
    let fitting = all.filter(|(_, base)| image.is_built_on(base));
    if let Some((base, of)) = fitting.max_by_key(|(_, base)| base.layers.len()) {
        let name = of.names.first().cloned().unwrap_or_else(|| base.name.clone());
        let named = Base { name: Some(name), digest: of.manifest, from: BaseFrom::Given, ..Base::default() };
        return Some(compared(named, image, of));
    }
    let claims = claims(image, gathered, &resolution.attestations);
    let here = |claim: &Base| {
        // Where somebody named a base, what the image says of itself does not tell which layers are of one.
        let mut images = resolution.images.iter().filter(|_| given.is_empty());
        let base = images.find(|base| claim.digest.is_some() && base.manifest == claim.digest);
        base.filter(|base| base.manifest != image.manifest && image.is_built_on(base))
    };
    let found = claims.iter().filter_map(|claim| Some((claim, here(claim)?)));
    if let Some((claim, base)) = found.max_by_key(|(claim, base)| (base.layers.len(), claim.from)) {
        return Some(compared(claim.clone(), image, base));
    }
    // Provenance names the images of all stages: one of several is none.
    let sure = claims.iter().filter(|claim| claim.from > BaseFrom::Provenance).max_by_key(|claim| claim.from);
    sure.or_else(|| claims.first().filter(|_| claims.len() == 1)).cloned()
}

fn compared(base: Base, image: &Image, of: &Image) -> Base {
    Base { layers: Some(of.layers.len()), steps: Some(image.steps_of(of)), ..base }
}

/// What the documents of an image say of its base.
fn claims(image: &Image, gathered: &Gathered, attestations: &[Attestation]) -> Vec<Base> {
    let own = [image.manifest, image.config].into_iter().flatten().map(BlobRef::Digest);
    let about =
        attestations.iter().filter(|about| about.subject.is_some() && about.subject == image.manifest);
    let documents = own.chain(about.map(|attestation| attestation.blob.clone()));
    let mut claims: Vec<Base> = Vec::new();
    for blob in documents {
        let document = gathered.documents.name(&blob).and_then(|name| gathered.documents.get(name));
        for claim in document.map(|document| claimed_bases(&document.bytes)).unwrap_or_default() {
            if claims.iter().all(|known| (known.from, known.digest) != (claim.from, claim.digest)) {
                claims.push(claim);
            }
        }
    }
    claims
}

/// Says of each place whose it is.
pub(super) fn tell(finding: &mut Finding, images: &[Image]) {
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
}
