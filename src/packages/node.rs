//! Node: `package.json` in the folder of each package, and what npm and Yarn write about all of them into `node_modules`.
//!
//! None of these has digests of files. So a package's folder is a package's as it was when its `package.json` was written.
//! npm's list has the address of each package that came from elsewhere than the registry; Yarn's has all addresses.

use serde::Deserialize;

use super::few::FewPairs;
use super::lists::{Lists, Origin};
use super::loose::Loose;
use super::registry::is_public;
use super::{List, json, split};

const MODULES: &[u8] = b"node_modules";

/// `node_modules/NAME/package.json`, or `node_modules/@SCOPE/NAME/package.json`.
pub(super) fn is_package(path: &[u8]) -> bool {
    path.strip_suffix(b"/package.json").is_some_and(|folder| {
        let (parent, name) = split(folder);
        let (above, scope) = split(parent);
        let scoped = scope.starts_with(b"@") && split(above).1 == MODULES;
        !name.starts_with(b"@") && !name.starts_with(b".") && (scope == MODULES || scoped)
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    name: Loose,
    version: Loose,
    private: Loose,
    license: Loose,
    licenses: Loose,
    repository: Loose,
    homepage: Loose,
    #[serde(rename = "publishConfig")]
    publish: Publish,
    /// Versions of npm before the seventh wrote here where the package came from.
    #[serde(rename = "_resolved")]
    resolved: Loose,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Publish {
    registry: Loose,
}

/// What a package says of itself.
pub(super) fn read_package(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let manifest = json::<Manifest>(list.bytes).unwrap_or_default();
    let name = manifest.name.text();
    let origin = if from_elsewhere(folder) || manifest.says_private() {
        Origin::Private
    } else if name.is_some() && manifest.version.text().is_some() && manifest.is_presented() {
        Origin::Public
    } else {
        Origin::Unknown
    };
    match out.package("npm", name.unwrap_or_default().as_bytes(), &[folder]) {
        Some(package) => out.folder(package, &[folder], origin),
        None => out.lose(),
    }
}

impl Manifest {
    /// Whether a package says that it is not for everybody.
    fn says_private(&self) -> bool {
        let elsewhere = |url: &Loose| url.text().is_some_and(|url| !is_public(url));
        matches!(self.private, Loose::Bool(true))
            || self.private.text() == Some("true")
            || self.license.text() == Some("UNLICENSED")
            || elsewhere(&self.publish.registry)
            || elsewhere(&self.resolved)
    }

    /// Whether a package has what a public one has: it says on which terms it may be used, or where it comes from.
    fn is_presented(&self) -> bool {
        let told = [&self.license, &self.licenses, &self.repository, &self.homepage, &self.resolved];
        told.iter().any(|value| !matches!(value, Loose::Nothing))
    }
}

/// pnpm puts the address of what did not come from a registry into the name of the folder: `a@file+…`, `a@https+++…`.
fn from_elsewhere(folder: &[u8]) -> bool {
    let mut parts = folder.split(|byte| *byte == b'/').skip_while(|part| *part != b".pnpm").skip(1);
    let has = |part: &[u8], sign: &str| memchr::memmem::find(part, sign.as_bytes()).is_some();
    parts.next().is_some_and(|part| ["@file+", "@link+", "@git+", "+++"].iter().any(|sign| has(part, sign)))
}

/// `node_modules/.package-lock.json`.
pub(super) fn is_lock(path: &[u8]) -> bool {
    let (folder, name) = split(path);
    name == b".package-lock.json" && split(folder).1 == MODULES
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: FewPairs<LockEntry>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LockEntry {
    resolved: Option<String>,
    integrity: Option<String>,
    link: bool,
    in_bundle: bool,
}

impl LockEntry {
    fn origin(&self) -> Origin {
        // npm may be told to leave the address out for what came from the registry; the digest of the archive stays.
        let public = self.resolved.as_deref().map_or(self.integrity.is_some(), is_public);
        match (public, self.in_bundle && self.resolved.is_none()) {
            _ if self.link => Origin::Private,
            (true, _) => Origin::Public,
            // What a package brings in its own archive has no address.
            (false, true) => Origin::Unknown,
            (false, false) => Origin::Private,
        }
    }
}

/// Every package below the folder in which `node_modules` is.
pub(super) fn read_lock(list: &List<'_>, out: &mut Lists) {
    let (modules, _) = list.split();
    let (root, _) = split(modules);
    let Some(lock) = json::<Lock>(list.bytes) else { return };
    for (path, entry) in lock.packages.all(out) {
        let name = path.rsplit("node_modules/").next().unwrap_or_default();
        let folder = [root, b"/", path.as_bytes()];
        let Some(package) = out.package("npm", name.as_bytes(), &folder) else { return out.lose() };
        out.folder_in_list(package, &folder, entry.origin());
    }
    out.completes(modules);
}

/// `node_modules/.yarn-integrity`.
pub(super) fn is_yarn_integrity(path: &[u8]) -> bool {
    let (folder, name) = split(path);
    name == b".yarn-integrity" && split(folder).1 == MODULES
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct YarnIntegrity {
    #[serde(default)]
    lockfile_entries: FewPairs<String>,
}

/// The address of each package by `NAME@RANGE`; only what is not public is told by it, since it has no folders.
pub(super) fn read_yarn_integrity(list: &List<'_>, out: &mut Lists) {
    let (modules, _) = list.split();
    let Some(integrity) = json::<YarnIntegrity>(list.bytes) else { return };
    for (pattern, _) in integrity.lockfile_entries.all(out).filter(|(_, url)| !is_public(url)) {
        let at = pattern.rfind('@').filter(|at| *at > 0).unwrap_or(pattern.len());
        let name = pattern.get(..at).and_then(|name| name.split("@npm:").next()).unwrap_or_default();
        let folder = [modules, b"/", name.as_bytes()];
        let Some(package) = out.package("npm", name.as_bytes(), &folder) else { return out.lose() };
        out.folder_in_list(package, &folder, Origin::Private);
    }
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;
    use super::Origin::{Private, Public, Unknown};
    use super::*;

    fn origin(path: &str, manifest: &str) -> Origin {
        let lists = read(path, manifest);
        assert_eq!(lists.folders()[0].path, path_key(path.strip_suffix("/package.json").unwrap().as_bytes()));
        lists.folders()[0].origin
    }

    #[test]
    fn a_package_says_whether_it_is_for_everybody() {
        for (manifest, expected) in [
            (r#"{"name":"a","version":"1.0.0","license":"MIT"}"#, Origin::Public),
            (r#"{"name":"a","version":"1.0.0","repository":{"url":"x"}}"#, Origin::Public),
            (r#"{"name":"a","version":"1.0.0"}"#, Origin::Unknown),
            (r#"{"name":"a","license":"MIT"}"#, Origin::Unknown),
            ("no JSON", Origin::Unknown),
            (r#"{"name":"a","version":"1.0.0","license":"MIT","private":true}"#, Origin::Private),
            (r#"{"name":"a","version":"1.0.0","license":"UNLICENSED"}"#, Origin::Private),
            (
                r#"{"name":"a","version":"1","license":"MIT","publishConfig":{"registry":"https://npm.corp.example/"}}"#,
                Origin::Private,
            ),
            (
                r#"{"name":"a","version":"1","license":"MIT","publishConfig":{"access":"public"}}"#,
                Origin::Public,
            ),
            (
                r#"{"name":"a","version":"1","license":"MIT","_resolved":"git+ssh://git@x/a.git"}"#,
                Origin::Private,
            ),
        ] {
            assert_eq!(origin("app/node_modules/a/package.json", manifest), expected, "{manifest}");
        }
    }

    #[test]
    fn a_folder_of_pnpm_says_where_the_package_came_from() {
        let manifest = r#"{"name":"a","version":"1.0.0","license":"MIT"}"#;
        let of = |folder: &str| {
            origin(&format!("app/node_modules/.pnpm/{folder}/node_modules/a/package.json"), manifest)
        };
        assert_eq!(of("a@1.0.0"), Origin::Public);
        assert_eq!(of("@b+a@1.0.0_react@18.2.0"), Origin::Public);
        for folder in ["a@file+..+a", "a@https+++codeload.github.com+b+a+tar.gz+1", "a@git+ssh+++x"] {
            assert_eq!(of(folder), Origin::Private, "{folder}");
        }
    }

    #[test]
    fn a_lock_file_says_where_each_package_came_from() {
        let lists = read(
            "srv/app/node_modules/.package-lock.json",
            r#"{"packages":{
                "node_modules/a":{"resolved":"https://registry.npmjs.org/a/-/a-1.tgz","integrity":"sha512-x"},
                "node_modules/@s/b":{"integrity":"sha512-x"},
                "node_modules/c":{"resolved":"https://npm.corp.example/c.tgz","integrity":"sha512-x"},
                "node_modules/d":{"resolved":"packages/d","link":true},
                "node_modules/e":{"inBundle":true},
                "packages/d":{"version":"1.0.0"}}}"#,
        );
        let mut found: Vec<(&str, Origin)> =
            lists.folders().iter().map(|folder| (lists.name(folder.package), folder.origin)).collect();
        found.sort_by_key(|(name, _)| *name);
        assert_eq!(
            found,
            [
                ("npm @s/b", Public),
                ("npm a", Public),
                ("npm c", Private),
                ("npm d", Private),
                ("npm e", Unknown),
                ("npm packages/d", Private)
            ]
        );
        assert!(lists.folders().iter().any(|folder| folder.path == path_key(b"srv/app/node_modules/@s/b")));
        assert_eq!(lists.complete(), [path_key(b"srv/app/node_modules")]);
    }

    #[test]
    fn yarn_tells_what_is_not_public() {
        let lists = read(
            "app/node_modules/.yarn-integrity",
            r#"{"lockfileEntries":{"a@^1":"https://registry.yarnpkg.com/a/-/a-1.tgz#x","@s/b@*":"https://npm.corp.example/b.tgz","c@file:./c":""}}"#,
        );
        let paths: Vec<u64> = lists.folders().iter().map(|folder| folder.path).collect();
        assert_eq!(paths, [path_key(b"app/node_modules/@s/b"), path_key(b"app/node_modules/c")]);
    }
}
