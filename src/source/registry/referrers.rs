//! What refers to a manifest without being named by it: signatures, attestations, lists of parts.
//!
//! A registry lists them (distribution-spec, "Listing Referrers"); one that cannot keeps such a list under a tag that is
//! made of the digest, written by those who push ("Referrers Tag Schema"). Older tools of Sigstore know neither and use
//! tags of their own, which look the same with an ending.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Query, Repository, document};
use super::list::query_of;
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
        None => match lists(repository, &format!("manifests/{tag}"), limits)? {
            Some(listed) if !listed.is_empty() => listed,
            // Or, in its place, what would be listed.
            _ => tagged(repository, &tag, limits)?.into_iter().collect(),
        },
    };
    let mut found = listed;
    for ending in ENDINGS {
        found.extend(tagged(repository, &format!("{tag}{ending}"), limits)?);
    }
    Ok(found)
}

/// What the index at `path` lists, page by page; none if there is no such index.
fn lists(repository: &Repository, path: &str, limits: &Limits) -> Result<Option<Vec<Referrer>>, RemoteError> {
    let most = limits.get_usize(Limit::Manifests);
    let (mut all, mut known, mut pages) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut next = Some(path.to_owned());
    while let Some(page) = next.take() {
        if pages.len() >= most || !pages.insert(page.clone()) {
            return Err(too_many(path, "its pages lead on without an end", "do not trust the registry"));
        }
        let found = document(repository, &Query::get(&page, INDEX), limits.get(Limit::DocumentBytes));
        let unknown = |error: &RemoteError| matches!(error.fault(), RemoteFault::Absent | RemoteFault::Final);
        if page == path && found.as_ref().is_err_and(unknown) {
            return Ok(None);
        }
        let Some((bytes, reply)) = found? else {
            return Err(too_many(
                path,
                "their list is too large",
                "raise --max-document-bytes if you trust it",
            ));
        };
        for named in named(&bytes).into_iter().filter(|named| named.role == Role::Manifest) {
            if known.len() >= most {
                return Err(too_many(path, "there are too many", "raise --max-manifests if you trust it"));
            }
            if known.insert(named.digest.clone()) {
                let size = named.size.unwrap_or(0);
                let entry = json!({"mediaType": named.media_type, "digest": named.digest, "size": size});
                all.push(Referrer { entry, digest: named.digest });
            }
        }
        next = reply.header("link").and_then(query_of).map(|query| format!("{path}?{query}"));
    }
    Ok(Some(all))
}

fn too_many(path: &str, what: &str, remedy: &'static str) -> RemoteError {
    RemoteError::new(RemoteFault::Final, format!("{path}: {what}"), remedy)
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
