//! PHP: `vendor/composer/installed.json` lists every package, and each has a `composer.json` in its folder.
//!
//! There are no digests of files. A package that the public index knows has the index's address for notifications.

use serde::Deserialize;

use super::few::Few;
use super::lists::{Lists, Origin};
use super::registry::is_public;
use super::{List, json, split};

/// `vendor/VENDOR/NAME/composer.json`.
pub(super) fn is_package(path: &[u8]) -> bool {
    path.strip_suffix(b"/composer.json").is_some_and(|folder| split(split(split(folder).0).0).1 == b"vendor")
}

/// The package is there; where it came from, the list says.
pub(super) fn read_package(list: &List<'_>, out: &mut Lists) {
    let (folder, name) = list.split();
    if let Some(package) = out.package("composer", name, &[folder]) {
        out.folder(package, &[folder], Origin::Unknown);
    }
}

/// `vendor/composer/installed.json`.
pub(super) fn is_list(path: &[u8]) -> bool {
    path == b"vendor/composer/installed.json" || path.ends_with(b"/vendor/composer/installed.json")
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: String,
    #[serde(rename = "install-path")]
    install_path: Option<String>,
    #[serde(rename = "notification-url")]
    notification_url: Option<String>,
}

#[derive(Deserialize)]
struct Whole {
    packages: Few<Package>,
}

/// A list of packages, or an object that has it.
pub(super) fn read_list(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let whole = json::<Whole>(list.bytes).map(|whole| whole.packages);
    let Some(found) = whole.or_else(|| json(list.bytes)) else { return };
    for found in found.all(out) {
        let path = found.install_path.unwrap_or_else(|| format!("../{}", found.name));
        let public = found.notification_url.is_some_and(|url| is_public(&url));
        let home = [folder, b"/", path.as_bytes()];
        let Some(package) = out.package("composer", found.name.as_bytes(), &home) else { return out.lose() };
        out.folder_in_list(package, &home, if public { Origin::Public } else { Origin::Private });
    }
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;
    use super::*;

    #[test]
    fn the_list_says_which_packages_the_index_knows() {
        let lists = read(
            "app/vendor/composer/installed.json",
            r#"{"packages":[
                {"name":"a/b","install-path":"../a/b","notification-url":"https://packagist.org/downloads/"},
                {"name":"corp/c"}]}"#,
        );
        let found: Vec<_> = lists.folders().iter().map(|folder| (folder.path, folder.origin)).collect();
        assert_eq!(
            found,
            [
                (path_key(b"app/vendor/a/b"), Origin::Public),
                (path_key(b"app/vendor/corp/c"), Origin::Private)
            ]
        );
        assert_eq!(read("app/vendor/a/b/composer.json", "{}").folders()[0].path, path_key(b"app/vendor/a/b"));
    }
}
