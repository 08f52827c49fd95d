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
mod pull;
mod reference;
mod referrers;
mod retry;

use std::sync::Arc;

use self::client::Repository;
pub(super) use self::download::RemoteBlob;
use self::pull::Pull;
pub use self::reference::{ParseReferenceError, Reference, RepositoryName};
use super::Blobs;
use super::http::Http;
use super::remote::{Remote, RemoteError};
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
