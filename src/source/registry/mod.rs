//! Registries: an image is scanned where it lies, without a pull.
//!
//! From the name of an image the documents are followed (`pull`): index, manifests, configs, attestations, and what refers
//! to them. They are small and are fetched at once; layers are blobs that are opened when somebody wants to read them,
//! in any order and several at once. What the documents mean, and whether bytes are what they claim to be, is decided
//! where it is decided for files.

mod auth;
mod challenge;
mod client;
mod credentials;
mod download;
mod early;
mod helper;
mod list;
mod pull;
mod reference;
mod referrers;
mod retry;
mod survey;
mod walk;

use std::sync::Arc;
use std::time::SystemTime;

use self::client::{Client, Repository};
pub(super) use self::download::RemoteBlob;
use self::early::{Dated, Early};
pub use self::list::{fits, fits_some};
use self::pull::Pull;
pub use self::reference::{ParseReferenceError, Reference, RepositoryName};
pub(in crate::source) use self::retry::seconds;
pub use self::survey::{LoginsIn, logins};
pub use self::walk::Walk;
use super::remote::{Remote, RemoteError, RemoteFault};
use super::{Blob, Blobs, Location};
use crate::image::Selection;
use crate::limits::Limits;
use crate::problem::{Problem, ProblemKind};

/// What an image is looked for with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'s> {
    pub(super) remote: &'s Remote,
    pub(super) selection: &'s Selection,
    pub(super) limits: &'s Limits,
}

/// Downloads at once: enough for a registry that is far away, and few enough not to be taken for an attack.
const AT_ONCE: usize = 6;

/// The blobs of the image `reference`. An error if the registry does not give its manifest.
pub(super) fn open(reference: &Reference, search: Search<'_>) -> Result<Blobs, RemoteError> {
    let client = Client::new(search.remote)?;
    let repository = Arc::new(Repository::open(&client, reference.name())?);
    let mut pull = Pull::new(search);
    pull.root(&repository, reference)?;
    Ok(pull.finish())
}

/// A layer of the repository `name`, of which nothing was asked yet.
pub(super) fn layer(
    name: &RepositoryName,
    (digest, size): (&str, u64),
    remote: &Remote,
) -> Result<Blob, RemoteError> {
    if !self::reference::is_digest(digest) {
        return Err(RemoteError::refused(format!("{name}: a layer is named by what is no digest")));
    }
    let client = Client::new(remote)?;
    let repository = Arc::new(Repository::open(&client, name)?);
    let blob = RemoteBlob { repository, digest: digest.to_owned(), size };
    let location = Location::Remote(Arc::new(blob));
    Ok(Blob { name: pull::blob_name(digest), size, late: true, location })
}

/// The digest of the manifest that `reference` names now.
pub(super) fn resolve(reference: &Reference, search: Search<'_>) -> Result<String, RemoteError> {
    let client = Client::new(search.remote)?;
    let repository = Repository::open(&client, reference.name())?;
    Pull::new(search).digest(&repository, reference.version())
}

/// The blobs of every wanted tag of the repository `name`. An error if the registry does not list any.
pub(super) fn open_all(name: &RepositoryName, search: Search<'_>) -> Result<Blobs, RemoteError> {
    let client = Client::new(search.remote)?;
    let mut pull = Pull::new(search);
    let tags = every_tag(&mut pull, &client, name, search)?;
    if tags.wanted == 0 {
        return Err(none_of(&tags, &name.to_string()));
    }
    if tags.taken == 0 {
        pull.want_nothing();
    }
    Ok(pull.finish())
}

/// The same of every repository of the registry `domain`.
pub(super) fn open_catalog(domain: &str, search: Search<'_>) -> Result<Blobs, RemoteError> {
    let client = Client::new(search.remote)?;
    let all = Repository::open(&client, &RepositoryName::all_of(domain))?;
    let mut pull = Pull::new(search);
    let listed = list::names(&all, "_catalog", search.limits)?;
    pull.problems(listed.problem);
    let mut tags = Tags::default();
    for path in listed.names {
        if pull.is_over() {
            break;
        }
        let asked = match RepositoryName::at(domain, &path) {
            Ok(name) => every_tag(&mut pull, &client, &name, search),
            Err(error) => Err(RemoteError::refused(format!("{domain} lists a repository: {error}"))),
        };
        match asked {
            Ok(more) => tags.add(&more),
            Err(error) => pull.problems([pull::lost(&path, &error)]),
        }
    }
    if tags.wanted == 0 && pull.is_empty() {
        return Err(none_of(&tags, domain));
    }
    if tags.wanted > 0 && tags.taken == 0 {
        pull.want_nothing();
    }
    Ok(pull.finish())
}

/// How many tags there are, how many of them have a name that is wanted, and how many of those an age that is.
#[derive(Default)]
struct Tags {
    there: usize,
    wanted: usize,
    taken: usize,
}

impl Tags {
    fn add(&mut self, more: &Self) {
        self.there += more.there;
        self.wanted += more.wanted;
        self.taken += more.taken;
    }
}

/// Says that there is nothing to scan in `place`.
fn none_of(tags: &Tags, place: &str) -> RemoteError {
    let (message, remedy) = match tags.there {
        0 => (
            format!("{place} has no tags"),
            "see that the name is right; an image without a tag is named by its digest",
        ),
        1 => (format!("the one tag of {place} is not such as --tags says"), GLOBS),
        there => (format!("none of the {there} tags of {place} is such as --tags says"), GLOBS),
    };
    RemoteError::new(RemoteFault::Absent, message, remedy)
}

const GLOBS: &str =
    "a glob has to fit the whole of a tag; put it in quotes, so that the shell leaves it alone";

fn every_tag(
    pull: &mut Pull<'_>,
    client: &Client<'_>,
    name: &RepositoryName,
    search: Search<'_>,
) -> Result<Tags, RemoteError> {
    let repository = Arc::new(Repository::open(client, name)?);
    let listed = list::names(&repository, "tags/list", search.limits)?;
    pull.problems(listed.problem);
    let there = listed.names.len();
    let patterns = &search.remote.tags;
    let fits = |tag: &String| patterns.is_empty() || patterns.iter().any(|pattern| list::fits(pattern, tag));
    let wanted: Vec<String> = listed.names.into_iter().filter(fits).collect();
    let mut tags = Tags { there, wanted: wanted.len(), taken: 0 };
    let (dated, early) = early::look(&repository, wanted, search, pull.early_questions());
    pull.take_early(early);
    pull.problems(by_age(name, &dated, search.remote.newer_than));
    for dated in dated.iter().filter(|dated| !dated.is_before(search.remote.newer_than)) {
        if pull.is_over() {
            break;
        }
        tags.taken += 1;
        let tag = &dated.tag;
        let asked = match name.version(tag) {
            Some(reference) => pull.root(&repository, &reference),
            None => Err(RemoteError::refused(format!("{name} lists a tag that cannot be the name of one"))),
        };
        pull.problems(asked.err().map(|error| pull::lost(&format!("{name}:{tag}"), &error)));
    }
    pull.take_early(Early::default());
    Ok(tags)
}

/// What is to be told of tags that were left out because of their age, and of those whose age is not known.
fn by_age(name: &RepositoryName, dated: &[Dated], since: Option<SystemTime>) -> Vec<Problem> {
    let Some(since) = since else { return Vec::new() };
    let note =
        |message: String, remedy: &str| Problem::new(ProblemKind::Note, name.to_string(), message, remedy);
    let (all, mut notes) = (dated.len(), Vec::new());
    let older = dated.iter().filter(|dated| dated.is_before(Some(since))).count();
    if older > 0 {
        let since = early::shown(since);
        let message = format!("{older} of {all} tags are of images made before {since}, and were left out");
        notes.push(note(message, "scan them without --newer-than"));
    }
    let unknown = dated.iter().filter(|dated| dated.made.is_none()).count();
    if unknown > 0 {
        let message = format!(
            "{unknown} of {all} tags are of images that do not say when they were made; they were not left out"
        );
        notes.push(note(
            message,
            "nothing: some tools write no date, so that each build gives the same image",
        ));
    }
    notes
}
