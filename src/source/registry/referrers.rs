//! What refers to a manifest without being named by it: signatures, attestations, lists of parts.
//!
//! A registry lists them (distribution-spec, "Listing Referrers"); one that cannot keeps such a list under a tag that is
//! made of the digest, written by those who push ("Referrers Tag Schema"). Older tools of Sigstore know neither and use
//! tags of their own, which look the same with an ending.

use serde_json::{Value, json};

use super::client::{Query, Repository, document};
use super::pull::MANIFESTS;
use super::reference::is_digest;
use crate::digest::Digest;
use crate::image::{Role, named};
use crate::limits::{Limit, Limits};
use crate::source::http::Method;
use crate::source::remote::{RemoteError, RemoteFault};

/// A manifest that refers to another.
pub(super) struct Referrer {
    pub(super) digest: String,
    /// As an index lists it.
    pub(super) entry: Value,
}

/// Endings of the tags of Sigstore's tools (cosign, "Signature Specification").
const ENDINGS: [&str; 3] = [".sig", ".att", ".sbom"];
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Everything that refers to the manifest `digest`.
pub(super) fn referrers(
    repository: &Repository,
    digest: &str,
    limits: &Limits,
) -> Result<Vec<Referrer>, RemoteError> {
    let tag = digest.replacen(':', "-", 1);
    let path = format!("referrers/{digest}");
    let listed = match lists(repository, &path, limits)? {
        Some(listed) => listed,
        // A registry that does not know the question; the list may be under a tag.
        None => lists(repository, &format!("manifests/{tag}"), limits)?.unwrap_or_default(),
    };
    let mut found = listed;
    for ending in ENDINGS {
        found.extend(tagged(repository, &format!("{tag}{ending}"), limits)?);
    }
    Ok(found)
}

/// What the index at `path` lists, page by page; none if there is no such index.
fn lists(repository: &Repository, path: &str, limits: &Limits) -> Result<Option<Vec<Referrer>>, RemoteError> {
    let query = Query::get(path, INDEX);
    let found = match document(repository, &query, limits.get(Limit::DocumentBytes)) {
        Err(error) if matches!(error.fault(), RemoteFault::Absent | RemoteFault::Final) => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) => found,
    };
    let Some((bytes, _)) = found else { return Ok(None) };
    let manifests = named(&bytes).into_iter().filter(|named| named.role == Role::Manifest);
    let referrer = |named: crate::image::Named| Referrer {
        entry: json!({"mediaType": named.media_type, "digest": named.digest, "size": named.size.unwrap_or(0)}),
        digest: named.digest,
    };
    Ok(Some(manifests.map(referrer).collect()))
}

/// The manifest that is called `tag`, if there is one.
fn tagged(repository: &Repository, tag: &str, limits: &Limits) -> Result<Option<Referrer>, RemoteError> {
    let path = format!("manifests/{tag}");
    let query = Query { method: Method::Head, ..Query::get(&path, MANIFESTS) };
    let reply = match repository.ask(&query) {
        Err(error) if error.fault() == RemoteFault::Absent => return Ok(None),
        reply => reply?,
    };
    let digest = reply.header("docker-content-digest").filter(|digest| is_digest(digest));
    let Some(digest) = digest
        .map(str::to_owned)
        .map_or_else(|| computed(repository, &path, limits), |digest| Ok(Some(digest)))?
    else {
        return Ok(None);
    };
    let size = reply.header("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    let media_type = reply.header("content-type").unwrap_or_default();
    Ok(Some(Referrer { entry: json!({"mediaType": media_type, "digest": digest, "size": size}), digest }))
}

/// The digest of a manifest whose registry does not give it.
fn computed(repository: &Repository, path: &str, limits: &Limits) -> Result<Option<String>, RemoteError> {
    let found = document(repository, &Query::get(path, MANIFESTS), limits.get(Limit::DocumentBytes))?;
    Ok(found.map(|(bytes, _)| Digest::of(&bytes).to_string()))
}
