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
mod helper;
mod list;
mod pull;
mod reference;
mod referrers;
mod retry;
mod survey;

use std::sync::Arc;

use self::client::Repository;
pub(super) use self::download::RemoteBlob;
pub use self::list::fits;
use self::pull::Pull;
pub use self::reference::{ParseReferenceError, Reference, RepositoryName};
pub use self::survey::{LoginsIn, logins};
use super::http::Http;
use super::remote::{Remote, RemoteError};
use super::{Blob, Blobs, Location};
use crate::image::Selection;
use crate::limits::Limits;

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
    let http = Arc::new(Http::new(search.remote)?);
    let repository = Arc::new(Repository::open(&http, search.remote, reference.name())?);
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
    let http = Arc::new(Http::new(remote)?);
    let repository = Arc::new(Repository::open(&http, remote, name)?);
    let blob = RemoteBlob { repository, digest: digest.to_owned(), size };
    let location = Location::Remote(Arc::new(blob));
    Ok(Blob { name: pull::blob_name(digest), size, late: true, location })
}

/// The digest of the manifest that `reference` names now.
pub(super) fn resolve(reference: &Reference, search: Search<'_>) -> Result<String, RemoteError> {
    let http = Arc::new(Http::new(search.remote)?);
    let repository = Repository::open(&http, search.remote, reference.name())?;
    Pull::new(search).digest(&repository, reference.version())
}

/// The blobs of every wanted tag of the repository `name`. An error if the registry does not list them.
pub(super) fn open_all(name: &RepositoryName, search: Search<'_>) -> Result<Blobs, RemoteError> {
    let http = Arc::new(Http::new(search.remote)?);
    let mut pull = Pull::new(search);
    every_tag(&mut pull, &http, name, search)?;
    Ok(pull.finish())
}

/// The same of every repository of the registry `domain`.
pub(super) fn open_catalog(domain: &str, search: Search<'_>) -> Result<Blobs, RemoteError> {
    let http = Arc::new(Http::new(search.remote)?);
    let all = Repository::open(&http, search.remote, &RepositoryName::all_of(domain))?;
    let mut pull = Pull::new(search);
    let listed = list::names(&all, "_catalog", search.limits)?;
    pull.problems(listed.problem);
    for path in listed.names {
        if pull.is_over() {
            break;
        }
        let asked = match RepositoryName::at(domain, &path) {
            Ok(name) => every_tag(&mut pull, &http, &name, search),
            Err(error) => Err(RemoteError::refused(format!("{domain} lists a repository: {error}"))),
        };
        pull.problems(asked.err().map(|error| pull::lost(&path, &error)));
    }
    Ok(pull.finish())
}

fn every_tag(
    pull: &mut Pull<'_>,
    http: &Arc<Http>,
    name: &RepositoryName,
    search: Search<'_>,
) -> Result<(), RemoteError> {
    let repository = Arc::new(Repository::open(http, search.remote, name)?);
    let listed = list::names(&repository, "tags/list", search.limits)?;
    pull.problems(listed.problem);
    let patterns = &search.remote.tags;
    let wanted =
        |tag: &&String| patterns.is_empty() || patterns.iter().any(|pattern| list::fits(pattern, tag));
    for tag in listed.names.iter().filter(wanted) {
        if pull.is_over() {
            break;
        }
        let asked = match name.version(tag) {
            Some(reference) => pull.root(&repository, &reference),
            None => Err(RemoteError::refused(format!("{name} lists a tag that cannot be the name of one"))),
        };
        pull.problems(asked.err().map(|error| pull::lost(&format!("{name}:{tag}"), &error)));
    }
    Ok(())
}
