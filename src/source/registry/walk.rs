//! A registry seen through piece by piece: its repositories and their tags in pages, and what each tag names now.
//!
//! For those who look again and again, with bounded memory and as few requests as can be: a page is held and no more, and of
//! a manifest only its digest is asked for.

use super::client::{Client, Query, Repository, document};
use super::list::page;
use super::pull::MANIFESTS;
use super::reference::{Reference, RepositoryName, is_digest};
use crate::digest::Digest;
use crate::source::http::Method;
use crate::source::remote::{Remote, RemoteError};

/// A registry, or a repository of it, through which somebody walks.
pub struct Walk(Repository);

/// Bytes of a page: a hundred thousand tags of the greatest length, for a registry that knows no pages.
const PAGE: u64 = 16 << 20;

/// Bytes of a manifest whose digest no header says.
const MANIFEST: u64 = 8 << 20;

impl Walk {
    /// Through the repositories of the registry `domain`.
    pub fn through_registry(domain: &str, remote: &Remote) -> Result<Self, RemoteError> {
        Self::through(&RepositoryName::all_of(domain), remote)
    }

    /// Through the tags of `name`.
    pub fn through(name: &RepositoryName, remote: &Remote) -> Result<Self, RemoteError> {
        Repository::open(&Client::new(remote)?, name).map(Self)
    }

    /// Shows `each` repository of a page of about `most`: of the first, or of the one that the page before it named. Returns what
    /// names the next page, if there is one.
    pub fn repositories(
        &self,
        page: Option<&str>,
        most: usize,
        each: &mut dyn FnMut(String),
    ) -> Result<Option<String>, RemoteError> {
        self.page(("_catalog", page), most, each)
    }

    /// The same of tags: of those that can be the name of a version.
    pub fn tags(
        &self,
        page: Option<&str>,
        most: usize,
        each: &mut dyn FnMut(String),
    ) -> Result<Option<String>, RemoteError> {
        let name = self.0.name();
        self.page(("tags/list", page), most, &mut |tag| {
            if name.version(&tag).is_some() {
                each(tag);
            }
        })
    }

    fn page(
        &self,
        (path, query): (&str, Option<&str>),
        most: usize,
        each: &mut dyn FnMut(String),
    ) -> Result<Option<String>, RemoteError> {
        let first = format!("n={most}");
        let next = page(&self.0, (path, query.unwrap_or(&first)), PAGE, each)?;
        // One that leads to itself would never end.
        Ok(next.filter(|next| query != Some(next)))
    }

    /// The image that `tag` names now; none if it cannot be the name of one.
    pub fn image(&self, tag: &str) -> Result<Option<Reference>, RemoteError> {
        let name = self.0.name();
        if name.version(tag).is_none() {
            return Ok(None);
        }
        let path = format!("manifests/{tag}");
        let query = Query { method: Method::Head, ..Query::get(&path, MANIFESTS) };
        let told = self.0.ask(&query)?;
        let digest = told.header("docker-content-digest").filter(|digest| is_digest(digest));
        let digest = if let Some(digest) = digest {
            digest.to_owned()
        } else {
            // Some say it nowhere.
            let found = document(&self.0, &Query { method: Method::Get, ..query }, MANIFEST)?;
            let (bytes, _) = found.ok_or_else(|| {
                RemoteError::refused(format!("{name}:{tag} has a manifest of more than {MANIFEST} bytes"))
            })?;
            Digest::of(&bytes).to_string()
        };
        Ok(Reference::new(name.clone(), Some(tag), Some(&digest)).ok())
    }
}
