//! .NET: `.nupkg.metadata` in the folder of each package says where it came from. There are no digests of files.

use serde::Deserialize;

use super::lists::{Lists, Origin};
use super::registry::is_public;
use super::{List, json, split};

/// `NAME/VERSION/.nupkg.metadata`.
pub(super) fn is_metadata(path: &[u8]) -> bool {
    path.ends_with(b"/.nupkg.metadata")
}

#[derive(Deserialize)]
struct Metadata {
    source: Option<String>,
}

/// See the module.
pub(super) fn read_metadata(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let Some(Metadata { source }) = json(list.bytes) else { return };
    let (parent, version) = split(folder);
    let public = source.is_some_and(|source| is_public(&source));
    if let Some(package) = out.package("NuGet", &[split(parent).1, b" ", version].concat(), &[folder]) {
        out.folder(package, &[folder], if public { Origin::Public } else { Origin::Private });
    }
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;
    use super::*;

    #[test]
    fn a_package_says_where_it_came_from() {
        for (source, origin) in [
            ("https://api.nuget.org/v3/index.json", Origin::Public),
            ("https://nuget.corp.example/v3/index.json", Origin::Private),
            ("/src/packages", Origin::Private),
        ] {
            let text = format!(r#"{{"version":2,"contentHash":"x","source":"{source}"}}"#);
            let lists = read("root/.nuget/packages/abc/1.0.0/.nupkg.metadata", text);
            let folder = lists.folders()[0];
            assert_eq!((folder.path, folder.origin), (path_key(b"root/.nuget/packages/abc/1.0.0"), origin));
            assert_eq!(lists.name(folder.package), "NuGet abc 1.0.0");
        }
    }
}
