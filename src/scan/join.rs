//! The join step: from blobs and documents to images, and from matches to findings. Reads no byte of the input.

use std::collections::{BTreeMap, BTreeSet};

use super::base;
use super::documents::Documents;
use super::group::Group;
use super::places::Places;
use super::sighting::Sighting;
use super::texts::{self, TextMatch};
use super::{BlobReport, Context, Gathered, Scanner};
use crate::digest::Digest;
use crate::findings::{Coverage, Ledger, Outcome, Redactor, Skipped};
use crate::image::{BlobRef, DocumentKind, Image, Layer, Resolution};
use crate::limits::Limit;
use crate::problem::{Problem, ProblemKind};
use crate::signature::RuleSet;
use crate::source::{Form, Input, REMEDY, SourceError};

/// Joins what was gathered from `input`.
pub(super) fn join(
    scanner: &Scanner,
    context: &Context<'_>,
    input: &Input,
    mut gathered: Gathered,
) -> Result<Outcome, SourceError> {
    let digests = gathered.reports.iter().filter(|(_, report)| report.stored_complete);
    gathered.documents.name_digests(digests.map(|(name, report)| (report.digest, name.clone())));
    let selection = gathered.selection.as_ref().unwrap_or(&scanner.options.selection);
    let mut resolution = gathered.documents.resolve(selection, context.limits);
    // What is cut off may be an image whose documents are behind the cut: what came before it is told all the same.
    let cut = gathered.problems.iter().any(|problem| problem.kind != ProblemKind::Note);
    let nothing = !gathered.unwanted && (!cut || gathered.reports.values().all(|report| !report.tar));
    if resolution.images.is_empty() && nothing && !describes_an_image(&gathered) {
        return Err(not_an_image(input));
    }
    let mut problems = std::mem::take(&mut gathered.problems);
    problems.extend(resolution.problems.iter().cloned());
    if resolution.images.is_empty() && !gathered.unwanted {
        problems.push(no_image(&gathered.documents));
    }
    problems.extend(unparsed_roots(&gathered));
    let search = |(name, document): (&str, &_)| {
        (name.to_owned(), texts::search(context, name, document, &mut problems))
    };
    let mut texts: BTreeMap<String, Vec<TextMatch>> = gathered.documents.iter().map(search).collect();
    if let Some(cache) = &context.cache {
        cache.seal_texts(texts.values_mut().flatten().map(|found| &mut found.what));
    }
    let unverified = verify(&gathered, &resolution, &mut problems);
    let sources = (&scanner.options.bases[..], context.cache.as_ref());
    let known = base::find(&gathered, &mut resolution, sources, &mut problems);
    problems.extend(resolution.images.iter().flat_map(|image| no_tars(&gathered, image)));
    for (name, report) in &gathered.reports {
        problems.extend(report.problems.iter().map(|problem| located(name, problem)));
    }
    let most = context.limits.get_usize(Limit::Matches).saturating_mul(PLACES);
    let rules = scanner.rules();
    let redactor = redactor((&gathered, &texts), rules, context, most);
    // Before places take their share of it: what is cut off must not be half a credential.
    for step in resolution.images.iter_mut().flat_map(|image| &mut image.steps) {
        step.created_by = redactor.text(&step.created_by);
    }
    let (located, more) = Places { gathered: &gathered, resolution: &resolution, texts: &texts, most }.all();
    if more {
        let message = format!("more than {most} places; the others were dropped");
        problems.push(Problem::new(ProblemKind::Limit, "all images", message, Limit::Matches.remedy()));
    }
    let Group { mut findings, hidden, hidden_shipped } =
        super::group::group(located, rules, &scanner.options, &redactor);
    for finding in &mut findings {
        base::tell(finding, &resolution.images);
        super::group::redact(finding, &redactor);
    }
    let coverage = coverage(&gathered, &resolution, &unverified);
    let manifests = manifests(&gathered.documents, &resolution);
    let mut images = resolution.images;
    for image in &mut images {
        redact(image, &redactor);
    }
    for (image, known) in images.iter().zip(known) {
        if let Some((cache, known)) = context.cache.as_ref().zip(known) {
            known.keep(image.names.first(), cache);
        }
    }
    let (findings, suppression) = scanner.options.suppressions.apply(findings, &images);
    problems.extend(suppression.notes());
    for problem in &mut problems {
        problem.place = redactor.path(&problem.place);
        problem.message = redactor.path(&problem.message);
    }
    problems.sort();
    problems.dedup();
    let format = format(&gathered).to_owned();
    let source = input.to_string();
    Ok(Outcome {
        source,
        format,
        images,
        manifests,
        findings,
        hidden,
        hidden_shipped,
        suppression,
        judgement: None,
        problems,
        coverage,
    })
}

/// A redactor for every credential that was matched, or one that shows nothing if they are too many for it.
fn redactor(
    (gathered, texts): (&Gathered, &BTreeMap<String, Vec<TextMatch>>),
    rules: &RuleSet,
    context: &Context<'_>,
    most: usize,
) -> Redactor {
    let in_texts = texts.values().flatten().map(|found| &found.what);
    let in_blobs = gathered.reports.values().flat_map(|report| &report.matches).map(|found| &found.what);
    let secret = |what: &&Sighting| !rules.rules()[what.rule].public();
    let secrets: BTreeSet<_> = in_texts.chain(in_blobs).filter(secret).map(|what| &what.secret).collect();
    match &context.cache {
        _ if secrets.len() > most => Redactor::blind(),
        Some(cache) => cache.redactor(&secrets),
        None => Redactor::new(secrets),
    }
}

fn describes_an_image(gathered: &Gathered) -> bool {
    use DocumentKind as K;
    let kinds = [K::Index, K::Manifest, K::DockerArchive, K::Config, K::LayoutMarker, K::LegacyLayer];
    gathered.documents.iter().any(|(_, document)| kinds.contains(&document.kind))
        || ROOTS.iter().any(|name| gathered.reports.contains_key(*name))
}

/// How many times the matches of one layer are kept as places of all images.
const PLACES: usize = 10;

/// The documents that say which images an input has.
const ROOTS: [&str; 2] = ["manifest.json", "index.json"];

fn not_an_image(input: &Input) -> SourceError {
    SourceError::NotAnImage {
        input: input.to_string(),
        found: "an archive without manifest.json, index.json or any image document".into(),
        remedy: format!(
            "{REMEDY}; `docker export` gives only the files of a container, without layers and history"
        ),
    }
}

fn no_image(documents: &Documents) -> Problem {
    let message = if documents.iter().next().is_none() {
        "no manifest, index or config is in it; blobs were searched without knowing what they belong to"
    } else {
        "no manifest or index leads to an image; blobs were searched without knowing what they belong to"
    };
    Problem::new(ProblemKind::Missing, "manifest", message, "save the image again; the file may be cut off")
}

/// A `manifest.json` or `index.json` that is no document: too large, or no JSON.
fn unparsed_roots(gathered: &Gathered) -> impl Iterator<Item = Problem> + '_ {
    ROOTS.iter().filter(|name| gathered.reports.contains_key(**name)).map(|name| {
        let message = "is not JSON, or larger than a document may be; it was searched as raw bytes";
        let remedy = "save the image again, or raise --max-document-bytes if it really is that large";
        Problem::new(ProblemKind::Damaged, *name, message, remedy)
    })
}

/// Layers that are no tar. In an artifact they need not be one.
fn no_tars<'i>(gathered: &'i Gathered, image: &'i Image) -> impl Iterator<Item = Problem> + 'i {
    let kind = if image.platform.is_some() { ProblemKind::Unsupported } else { ProblemKind::Note };
    let reports = image.layers.iter().filter_map(|layer| report_of(gathered, layer));
    // Of one that was not given at all, that is what there is to say.
    let given = |report: &BlobReport| report.plain_complete || report.ledger.plain_bytes > 0;
    reports.filter(move |(_, report)| !report.tar && given(report)).map(move |(name, report)| {
        let message = format!("the layer is no tar ({}); it was searched as raw bytes", report.ledger.form);
        Problem::new(
            kind,
            name,
            message,
            "if it is compressed in a way that no scanner knows, build it with gzip or zstd",
        )
    })
}

pub(super) fn located(blob: &str, problem: &Problem) -> Problem {
    let place = if problem.place.is_empty() { blob.to_owned() } else { format!("{blob}: {}", problem.place) };
    Problem { place, ..problem.clone() }
}

/// Compares what the documents claim with what was computed. Returns the names of blobs of which a
/// claim is wrong or could not be checked to the end.
fn verify(gathered: &Gathered, resolution: &Resolution, problems: &mut Vec<Problem>) -> BTreeSet<String> {
    let mut unverified = BTreeSet::new();
    let mut claim = |name: &str, claims: &[Claim]| {
        let wrong: Vec<&Claim> = claims.iter().filter(|claim| claim.claimed != claim.computed).collect();
        for Claim { what, claimed, computed } in &wrong {
            let message =
                format!("{what} should be {claimed} and is {computed}; it was searched all the same");
            let remedy = "do not trust it: get the image again from where it was built";
            problems.push(Problem::new(ProblemKind::Mismatch, name, message, remedy));
        }
        if !wrong.is_empty() {
            unverified.insert(name.to_owned());
        }
    };
    for (name, document) in gathered.documents.iter() {
        let claimed = digest_in_name(name);
        let own = claimed.map(|claimed| Claim::new("its digest", &claimed, &document.digest));
        claim(name, &Vec::from_iter(own));
    }
    for (name, report) in &gathered.reports {
        let claimed = digest_in_name(name).filter(|_| report.stored_complete);
        let own = claimed.map(|claimed| Claim::new("its digest", &claimed, &report.digest));
        claim(name, &Vec::from_iter(own));
    }
    for layer in resolution.images.iter().flat_map(|image| &image.layers) {
        if let Some((name, report)) = report_of(gathered, layer) {
            claim(name, &layer_claims(layer, report));
        }
    }
    let names =
        gathered.reports.iter().filter(|(_, report)| !report.plain_complete || !report.stored_complete);
    unverified.extend(names.map(|(name, _)| name.clone()));
    unverified
}

/// A value that a document gives, and what it really is.
struct Claim {
    what: &'static str,
    claimed: String,
    computed: String,
}

impl Claim {
    fn new(what: &'static str, claimed: &dyn ToString, computed: &dyn ToString) -> Self {
        Self { what, claimed: claimed.to_string(), computed: computed.to_string() }
    }
}

fn layer_claims(layer: &Layer, report: &BlobReport) -> Vec<Claim> {
    let mut claims = Vec::new();
    if report.stored_complete {
        claims.extend(layer.digest.map(|claimed| Claim::new("its digest", &claimed, &report.digest)));
        let bytes = report.ledger.stored_bytes;
        claims.extend(layer.size.map(|claimed| Claim::new("its size in bytes", &claimed, &bytes)));
    }
    if report.plain_complete {
        claims.extend(layer.diff_id.map(|claimed| Claim::new("its diff_id", &claimed, &report.diff_id)));
    }
    claims
}

/// The digest that a blob's name in an OCI layout claims (image-layout.md, "Blobs").
pub(super) fn digest_in_name(name: &str) -> Option<Digest> {
    format!("sha256:{}", name.strip_prefix("blobs/sha256/")?).parse().ok()
}

/// The report of a layer, and the name of its blob.
pub(super) fn report_of<'g>(gathered: &'g Gathered, layer: &Layer) -> Option<(&'g str, &'g BlobReport)> {
    let name = gathered.documents.name(&layer.blob)?;
    gathered.reports.get_key_value(name).map(|(name, report)| (name.as_str(), report))
}

fn coverage(gathered: &Gathered, resolution: &Resolution, unverified: &BTreeSet<String>) -> Coverage {
    let layers: BTreeSet<&str> = resolution
        .images
        .iter()
        .flat_map(|image| &image.layers)
        .filter_map(|layer| gathered.documents.name(&layer.blob))
        .collect();
    let mut blobs: Vec<Ledger> = gathered
        .documents
        .iter()
        .map(|(name, document)| document_ledger(name, document, !unverified.contains(name)))
        .collect();
    for (name, report) in &gathered.reports {
        let role = if layers.contains(name.as_str()) { "layer" } else { "other" };
        let verified = !unverified.contains(name);
        blobs.push(Ledger { role: role.into(), verified, ..report.ledger.clone() });
    }
    let passed_over = gathered.passed_over.iter().map(|(name, (size, reason))| (name, size, *reason, true));
    let unread = gathered.unread.iter().map(|(name, size)| (name, size, "it could not be read", false));
    for (name, size, reason, verified) in passed_over.chain(unread) {
        let skipped = vec![Skipped { bytes: Some(*size), reason: reason.to_owned() }];
        let (blob, role, form) = (name.clone(), "layer".to_owned(), "not read".to_owned());
        blobs.push(Ledger { blob, role, form, verified, skipped, ..Ledger::default() });
    }
    blobs.sort_by(|a, b| a.blob.cmp(&b.blob));
    Coverage { blobs }
}

/// Digests of manifests and indexes, but for those of platforms that are not looked at.
fn manifests(documents: &Documents, resolution: &Resolution) -> Vec<Digest> {
    let is_followed = |kind| matches!(kind, DocumentKind::Index | DocumentKind::Manifest);
    let followed = documents.iter().filter(|(_, document)| is_followed(document.kind));
    let wanted = followed.filter(|(name, _)| !documents.deselected(resolution, name));
    wanted.map(|(_, document)| document.digest).collect()
}

fn document_ledger(name: &str, document: &super::documents::Document, verified: bool) -> Ledger {
    let role = match document.kind {
        DocumentKind::Index => "index",
        DocumentKind::Manifest | DocumentKind::DockerArchive => "manifest",
        DocumentKind::Config => "config",
        DocumentKind::Statement => "attestation",
        _ => "document",
    };
    let bytes = document.bytes.len() as u64;
    Ledger {
        blob: name.to_owned(),
        digest: Some(document.digest),
        diff_id: None,
        role: role.into(),
        form: "json".into(),
        verified,
        stored_bytes: bytes,
        plain_bytes: bytes,
        entries: 0,
        matched_bytes: bytes,
        skipped: Vec::new(),
    }
}

fn redact(image: &mut Image, redactor: &Redactor) {
    image.names.iter_mut().for_each(|name| *name = redactor.path(name));
    if let Some(name) = image.base.as_mut().and_then(|base| base.name.as_mut()) {
        *name = redactor.path(name);
    }
    for layer in &mut image.layers {
        layer.urls.iter_mut().for_each(|url| *url = redactor.text(url));
        layer.media_type = layer.media_type.take().map(|media_type| redactor.text(&media_type));
        if let BlobRef::Path(path) = &mut layer.blob {
            *path = redactor.path(path);
        }
    }
}

fn format(gathered: &Gathered) -> &'static str {
    let kind = |name: &str| gathered.documents.get(name).map(|document| document.kind);
    let layout = kind("index.json").is_some() || kind("oci-layout").is_some();
    match (gathered.form, kind("manifest.json"), layout) {
        (Form::Registry, _, _) => "registry",
        (Form::Engine(engine), _, _) => engine.format(),
        (Form::Folder, Some(DocumentKind::Manifest), _) => "dir",
        (Form::Folder, _, _) => "oci-layout",
        (Form::Archive, Some(DocumentKind::DockerArchive), _) => "docker-archive",
        (Form::Archive, _, true) => "oci-archive",
        (Form::Archive, _, false) => "archive",
    }
}
