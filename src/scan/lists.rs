//! Reads the package lists of a layer: what they say is kept until the images are joined.

use super::Context;
use super::whole::{Reader, Text, Yield};
use crate::limits::Limit;
use crate::packages::kind_of;

/// See the module.
pub(super) const LISTS: Reader = Reader {
    what: "a package list",
    limit: Limit::ListBytes,
    wants: |_, path| kind_of(path).is_some(),
    read,
};

fn read(context: &Context<'_>, file: &Text<'_>, out: &mut Yield) -> bool {
    let Some(kind) = kind_of(&file.entry.path) else { return false };
    let most = context.limits.get_usize(Limit::ListEntries);
    let lists = kind.read(&file.entry.path, file.bytes, most);
    out.lists.append(lists, most);
    true
}
