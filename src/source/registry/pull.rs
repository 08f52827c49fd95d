//! Follows the documents of images: what each names is asked for next, until there is nothing but layers.
//!
//! Of an index the platform of this machine is followed, unless the user wants others. What a document names and the
//! registry does not give is a problem and not the end.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Search;
use super::client::{Query, Repository, document};
use super::download::RemoteBlob;
use super::early::Early;
use super::reference::Reference;
use super::referrers::referrers;
use crate::digest::Digest;
use crate::image::{BlobRef, Named, PlatformFilter, Role, Selection, named};
use crate::limits::Limit;
use crate::problem::{Problem, ProblemKind};
use crate::source::http::Method;
use crate::source::remote::{RemoteError, RemoteFault};
use crate::source::{Blob, Blobs, Form, Location};

/// What a manifest may be: every form that is understood.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json, */*;q=0.1";

/// How many times the largest document may be held in all.
pub(super) const LARGEST: u64 = 2;

/// What part of the largest document's bytes configurations may take that were fetched early.
const EARLY_SHARE: u64 = 4;

/// Questions for each manifest that may be resolved.
pub(super) const QUESTIONS: u64 = 8;

/// See the module.
pub(super) struct Pull<'s> {
    search: Search<'s>,
    blobs: Blobs,
    /// What was fetched already of the repository that is followed.
    early: Early,
    /// Entries of an index of everything that was asked for.
    listing: Vec<Value>,
    /// Names of blobs that are known.
    seen: HashSet<String>,
    /// Versions that were asked for, or will be.
    tried: HashSet<String>,
    /// Questions asked.
    asked: u64,
    /// Questions that may still be asked early, of all repositories together.
    early_questions: u64,
    /// Bytes of configurations that were fetched early which may still be held.
    early_room: u64,
    /// Whether more would have been asked than is allowed; then nothing more is.
    over: bool,
    /// Bytes of the documents that are held.
    held: u64,
    /// Manifests that were left out because the user named no platform, and their platforms.
    left_out: BTreeSet<BlobRef>,
    platforms: BTreeSet<String>,
}

/// A manifest that is to be asked for.
pub(super) struct Next {
    /// Tag or digest.
    pub(super) version: String,
    pub(super) depth: usize,
    /// Whether others that refer to it are looked for.
    pub(super) referred_to: bool,
}

/// A manifest as the registry gave it.
pub(super) struct Manifest {
    pub(super) bytes: Vec<u8>,
    /// The digest that it goes by.
    pub(super) digest: String,
    pub(super) media_type: String,
}

impl<'s> Pull<'s> {
    pub(super) fn new(search: Search<'s>) -> Self {
        Self {
            search,
            blobs: Blobs { form: Form::Registry, at_once: Some(super::AT_ONCE), ..Blobs::default() },
            early: Early::default(),
            listing: Vec::new(),
            seen: HashSet::new(),
            tried: HashSet::new(),
            asked: 0,
            early_questions: search.limits.get(Limit::Manifests).saturating_mul(QUESTIONS),
            early_room: search.limits.get(Limit::DocumentBytes) / EARLY_SHARE,
            over: false,
            held: 0,
            left_out: BTreeSet::new(),
            platforms: BTreeSet::new(),
        }
    }

    /// Takes what was fetched already of the repository whose images are followed next.
    pub(super) fn take_early(&mut self, early: Early) {
        self.early = early;
    }

    /// How many questions may still be asked early.
    pub(super) fn early_questions(&mut self) -> &mut u64 {
        &mut self.early_questions
    }

    /// Says that nothing is to be looked at, because the user wants nothing of what is there.
    pub(super) fn want_nothing(&mut self) {
        self.blobs.unwanted = true;
    }

    /// Whether nothing was found, nor anything that could not be given.
    pub(super) fn is_empty(&self) -> bool {
        self.listing.is_empty() && self.blobs.problems.is_empty()
    }

    /// Follows the image `reference` of `repository`.
    pub(super) fn root(
        &mut self,
        repository: &Arc<Repository>,
        reference: &Reference,
    ) -> Result<(), RemoteError> {
        if !self.spend() {
            return Ok(());
        }
        let Some(root) = self.manifest(repository, reference.version())? else {
            let problem = self.too_large(reference.version());
            self.blobs.problems.push(problem);
            return Ok(());
        };
        self.list(&root, Some(&reference.to_string()));
        self.follow(repository, root);
        Ok(())
    }

    /// The digest of the manifest `version` of `repository`.
    pub(super) fn digest(&mut self, repository: &Repository, version: &str) -> Result<String, RemoteError> {
        let found = self.manifest(repository, version)?;
        let most = self.search.limits.get(Limit::DocumentBytes);
        found.map(|manifest| manifest.digest).ok_or_else(|| {
            RemoteError::refused(format!("{} has a manifest of more than {most} bytes", repository.name()))
        })
    }

    /// Whether nothing more is asked for.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Notes one more question; if there are too many, says so once.
    fn spend(&mut self) -> bool {
        let most = self.search.limits.get(Limit::Manifests).saturating_mul(QUESTIONS);
        self.asked = self.asked.saturating_add(1);
        if self.asked > most && !self.over {
            self.over = true;
            let message =
                format!("more is named than can be asked for with {most} questions; the rest was not");
            let remedy = Limit::Manifests.remedy();
            self.blobs.problems.push(Problem::new(ProblemKind::Limit, "manifests", message, remedy));
        }
        !self.over
    }

    /// Adds what could not be done.
    pub(super) fn problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.blobs.problems.extend(problems);
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Blobs {
        self.blobs.listing =
            Some(json!({"schemaVersion": 2, "manifests": self.listing}).to_string().into_bytes());
        if *self.search.selection == Selection::Available {
            self.blobs.selection = Some(Selection::AllBut(self.left_out));
        }
        if !self.platforms.is_empty() {
            let mut there = String::new();
            for platform in self.platforms.iter().take(12) {
                let _ = write!(there, "{}{platform}", if there.is_empty() { "" } else { ", " });
            }
            let message = format!("only {} was scanned; there are also {there}", host());
            let remedy = "scan one of them with --platform OS/ARCH, or every one with --platform all";
            self.blobs.problems.push(Problem::new(ProblemKind::Note, "platform", message, remedy));
        }
        self.blobs
    }

    /// Enters a manifest into the index of everything, under the name that the user gave.
    fn list(&mut self, manifest: &Manifest, name: Option<&str>) {
        let mut entry = json!({
            "mediaType": manifest.media_type,
            "digest": manifest.digest,
            "size": manifest.bytes.len(),
        });
        if let Some(name) = name {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        self.listing.push(entry);
    }

    /// Takes `root` and everything that it names.
    fn follow(&mut self, repository: &Arc<Repository>, root: Manifest) {
        let mut queue = VecDeque::new();
        self.take(
            repository,
            root,
            &Next { version: String::new(), depth: 0, referred_to: true },
            &mut queue,
        );
        while let Some(next) = queue.pop_front() {
            if self.seen.contains(&blob_name(&next.version)) {
                continue;
            }
            if !self.spend() {
                return;
            }
            match self.manifest(repository, &next.version) {
                Ok(Some(manifest)) => self.take(repository, manifest, &next, &mut queue),
                Ok(None) => {
                    let problem = self.too_large(&next.version);
                    self.blobs.problems.push(problem);
                }
                Err(error) => self.blobs.problems.push(lost(&next.version, &error)),
            }
        }
    }

    /// Keeps a manifest and sees to what it names.
    fn take(
        &mut self,
        repository: &Arc<Repository>,
        manifest: Manifest,
        next: &Next,
        queue: &mut VecDeque<Next>,
    ) {
        if !self.seen.insert(blob_name(&manifest.digest)) {
            return;
        }
        let all = named(&manifest.bytes);
        if !self.hold(&manifest.digest, manifest.bytes) {
            return;
        }
        let wanted = wanted(self.search.selection, &all);
        for child in all {
            match child.role {
                Role::Manifest if next.depth >= self.search.limits.get_usize(Limit::Depth) => {}
                Role::Manifest if !wanted.wants(child.platform.as_ref()) => self.leave_out(child),
                Role::Manifest => {
                    if self.tried.insert(child.digest.clone()) {
                        let (version, depth) = (child.digest, next.depth + 1);
                        queue.push_back(Next { version, depth, referred_to: !child.attestation });
                    }
                }
                _ => self.part(repository, &child),
            }
        }
        if next.referred_to && self.search.remote.referrers {
            self.refer(repository, &manifest.digest, queue);
        }
    }

    /// What others say about a manifest: signatures, attestations, lists of parts.
    fn refer(&mut self, repository: &Arc<Repository>, digest: &str, queue: &mut VecDeque<Next>) {
        if !self.spend() {
            return;
        }
        let known = self.early.referrers(digest);
        match known.unwrap_or_else(|| referrers(repository, digest, self.search.limits)) {
            Ok(found) => {
                for manifest in found {
                    if self.tried.insert(manifest.digest.clone()) && self.spend() {
                        self.listing.push(manifest.entry);
                        queue.push_back(Next { version: manifest.digest, depth: 0, referred_to: false });
                    }
                }
            }
            Err(error) => self.blobs.problems.push(Problem::new(
                ProblemKind::Unreadable,
                digest,
                format!("what refers to it cannot be asked for: {error}"),
                error.remedy(),
            )),
        }
    }

    /// Notes that a platform is not looked at; one that the user did not ask for goes without saying.
    fn leave_out(&mut self, manifest: Named) {
        if *self.search.selection == Selection::Available {
            self.platforms.extend(manifest.platform.as_ref().map(ToString::to_string));
            self.left_out.insert(manifest.blob);
        }
    }

    /// A config or a layer: documents are fetched, everything else is left for later.
    fn part(&mut self, repository: &Arc<Repository>, part: &Named) {
        let name = blob_name(&part.digest);
        if !self.seen.insert(name.clone()) {
            return;
        }
        if part.blob == BlobRef::Digest(Digest::of(b"{}")) {
            // It needs not be stored (image-spec, manifest.md, "Guidance for an Empty Descriptor").
            self.hold(&part.digest, b"{}".to_vec());
            return;
        }
        if part.role == Role::Config
            && let Some(bytes) = self.early.config(&part.digest, part.size)
        {
            let size = bytes.len() as u64;
            // All of them are held until they are read; what is more is fetched then.
            if let Some(room) = self.early_room.checked_sub(size) {
                self.early_room = room;
                let location = Location::Bytes(bytes.into());
                self.blobs.blobs.push(Blob { name, size, late: false, location });
                return;
            }
        }
        let ask = part.foreign || part.size.is_none();
        if ask && !self.spend() {
            return;
        }
        let size = match ask.then(|| size_of(repository, &part.digest)) {
            None => part.size.unwrap_or(0),
            Some(Ok(size)) => size.or(part.size).unwrap_or(0),
            // What is kept elsewhere is told where images are put together.
            Some(Err(error)) if error.fault() == RemoteFault::Absent && part.foreign => return,
            Some(Err(error)) => return self.blobs.problems.push(lost(&part.digest, &error)),
        };
        let remote = RemoteBlob { repository: Arc::clone(repository), digest: part.digest.clone(), size };
        let late = part.role == Role::Layer && part.media_type.contains("tar");
        let blob = Blob { name, size, late, location: Location::Remote(Arc::new(remote)) };
        let passed_over = late && self.search.remote.history_only;
        let blobs = if passed_over { &mut self.blobs.passed_over } else { &mut self.blobs.blobs };
        blobs.push(blob);
    }

    /// The manifest `version` of `repository`; none if it is too large.
    fn manifest(&mut self, repository: &Repository, version: &str) -> Result<Option<Manifest>, RemoteError> {
        match self.early.manifest(version) {
            Some(known) => known.map(Some),
            None => manifest(repository, version, self.search.limits.get(Limit::DocumentBytes)),
        }
    }

    /// Keeps a document, unless that would be too much.
    fn hold(&mut self, digest: &str, bytes: Vec<u8>) -> bool {
        let held = self.held + bytes.len() as u64;
        if held > self.search.limits.get(Limit::DocumentBytes).saturating_mul(LARGEST) {
            let problem = self.too_large(digest);
            self.blobs.problems.push(problem);
            return false;
        }
        self.held = held;
        let (name, size) = (blob_name(digest), bytes.len() as u64);
        self.blobs.blobs.push(Blob { name, size, late: false, location: Location::Bytes(bytes.into()) });
        true
    }

    fn too_large(&self, version: &str) -> Problem {
        let most = self.search.limits.get(Limit::DocumentBytes);
        let message =
            format!("with this document there are more than {most} bytes of them; it was not looked at");
        Problem::new(ProblemKind::Limit, version, message, Limit::DocumentBytes.remedy())
    }
}

/// The manifest `version` of `repository`; none if it has more than `most` bytes.
pub(super) fn manifest(
    repository: &Repository,
    version: &str,
    most: u64,
) -> Result<Option<Manifest>, RemoteError> {
    let path = format!("manifests/{version}");
    let found = document(repository, &Query::get(&path, MANIFESTS), most)?;
    Ok(found.map(|(bytes, reply)| {
        let media_type = reply.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let stated = reply.header("docker-content-digest").unwrap_or_default();
        let own = || Digest::of(&bytes).to_string();
        let digest = match version {
            version if super::reference::is_digest(version) => version.to_owned(),
            _ if super::reference::is_digest(stated) => stated.to_owned(),
            _ => own(),
        };
        Manifest { bytes, digest, media_type }
    }))
}

/// Which of the entries of an index are followed for `selection`.
pub(super) fn wanted(selection: &Selection, all: &[Named]) -> Selection {
    let host = host();
    let stated = |named: &&Named| named.role == Role::Manifest && named.platform.is_some();
    match selection {
        Selection::Available if all.iter().filter(stated).count() < 2 => Selection::All,
        // Better all of them than none.
        Selection::Available if !all.iter().any(|named| is_for(&host, named)) => Selection::All,
        Selection::Available => Selection::Platform(host),
        selection => selection.clone(),
    }
}

fn is_for(filter: &PlatformFilter, named: &Named) -> bool {
    named.platform.as_ref().is_some_and(|platform| filter.matches(platform))
}

/// The platform of containers on this machine.
fn host() -> PlatformFilter {
    let platform = format!("linux/{}", std::env::consts::ARCH);
    platform.parse().expect("the name of an architecture is a word")
}

/// How many bytes a blob has, if the registry tells.
fn size_of(repository: &Repository, digest: &str) -> Result<Option<u64>, RemoteError> {
    let path = format!("blobs/{digest}");
    let reply = repository.ask(&Query { method: Method::Head, ..Query::get(&path, "*/*") })?;
    Ok(reply.header("content-length").and_then(|length| length.parse().ok()))
}

/// Where a layout has the blob `digest` (image-layout.md, "Blobs").
pub(super) fn blob_name(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

pub(super) fn lost(digest: &str, error: &RemoteError) -> Problem {
    let kind = match error.fault() {
        RemoteFault::Absent => ProblemKind::Missing,
        _ => ProblemKind::Unreadable,
    };
    Problem::new(kind, digest, format!("was not given: {error}"), error.remedy())
}
