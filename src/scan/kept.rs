//! The report of a blob: from the cache if it is there, else by mapping the blob.
//!
//! The digest that a file names a blob by proves nothing. So unless such names are to be believed a blob is hashed first,
//! which costs a small part of mapping it, and only if a blob of its size was ever kept.

use std::io::{self, Read};

use super::Context;
use super::blob::{self, BlobReport};
use super::join::digest_in_name;
use crate::digest::{Digest, Hasher};
use crate::source::Blob;
use crate::stream::fill;

/// Bytes that are hashed at a time.
const READ: usize = 256 << 10;

/// The report of `blob`; none as [`blob::map`] says.
pub(super) fn blob(context: &Context<'_>, blob: &Blob, alone: bool) -> io::Result<Option<BlobReport>> {
    if let Some(report) = known(context, blob) {
        return Ok(Some(report));
    }
    blob.open().map(|mut stored| map(context, &blob.name, &mut stored, alone))
}

/// The report of `blob`, if it is in the cache. What a registry is asked for by a digest is what has that digest, so
/// there is no need to ask for it: if something else came, that would be the registry's fault.
pub(super) fn known(context: &Context<'_>, blob: &Blob) -> Option<BlobReport> {
    let by_name = by_name(context, &blob.name, context.trust_digests || blob.is_remote());
    let known = if blob.is_remote() { by_name } else { by_name.or_else(|| by_content(context, blob)) };
    known.inspect(|_| context.progress.advance(blob.size))
}

/// The report of the blob that is called `name`, if that is `trusted` to be its digest.
pub(super) fn by_name(context: &Context<'_>, name: &str, trusted: bool) -> Option<BlobReport> {
    let cache = context.cache.as_ref().filter(|_| trusted)?;
    cache.find(&digest_in_name(name)?, name)
}

/// Maps a blob, and keeps what it yields; none as [`blob::map`] says.
pub(super) fn map(
    context: &Context<'_>,
    name: &str,
    stored: &mut dyn Read,
    alone: bool,
) -> Option<BlobReport> {
    let report = blob::map(context, name, stored, alone)?;
    Some(match &context.cache {
        Some(cache) => cache.keep(report),
        None => report,
    })
}

/// The report of a blob with the bytes that `blob` has.
fn by_content(context: &Context<'_>, blob: &Blob) -> Option<BlobReport> {
    let cache = context.cache.as_ref().filter(|cache| cache.may_have(blob.size))?;
    // What cannot be read is told when it is mapped.
    cache.find(&digest(blob).ok()?, &blob.name)
}

fn digest(blob: &Blob) -> io::Result<Digest> {
    let mut stored = blob.open()?;
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; READ]);
    loop {
        let (filled, error) = fill(&mut stored, &mut buffer);
        hasher.update(&buffer[..filled]);
        match error {
            Some(error) => return Err(error),
            None if filled < buffer.len() => return Ok(hasher.finish()),
            None => {}
        }
    }
}
