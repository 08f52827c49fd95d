//! Conda: one JSON text for each package, with SHA-256 digests of its files and the address that it came from.

use serde::Deserialize;

use super::content::Head;
use super::few::Few;
use super::lists::Lists;
use super::registry::is_public;
use super::{List, json, split};

/// `conda-meta/NAME-VERSION-BUILD.json`.
pub(super) fn is_package(path: &[u8]) -> bool {
    path.ends_with(b".json") && split(split(path).0).1 == b"conda-meta"
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    channel: String,
    paths_data: Option<PathsData>,
}

#[derive(Deserialize)]
struct PathsData {
    #[serde(default)]
    paths: Few<File>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "_path")]
    path: String,
    sha256: Option<String>,
    /// The digest after the place of the installation was written into the file.
    sha256_in_prefix: Option<String>,
}

/// See the module.
pub(super) fn read_package(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let (root, _) = split(folder);
    let Some(found) = json::<Package>(list.bytes) else { return };
    if !is_public(&found.url) && !is_public(&found.channel) {
        out.disown(&[list.path]);
    }
    let name = format!("{} {}", found.name, found.version);
    let Some(package) = out.package("conda", name.as_bytes(), &[list.path]) else { return };
    let Some(files) = found.paths_data.map(|data| data.paths) else { return };
    for file in files.all(out) {
        let digest = file.sha256_in_prefix.as_ref().or(file.sha256.as_ref());
        let head = digest.and_then(|digest| Head::of_hex(digest.as_bytes()));
        out.file(package, &[root, b"/", file.path.as_bytes()], head);
    }
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;

    #[test]
    fn a_package_has_files_and_an_address() {
        let text = |url: &str| {
            format!(
                r#"{{"name":"abc","version":"1.0","url":"{url}","paths_data":{{"paths":[
                {{"_path":"lib/abc.py","path_type":"hardlink","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}},
                {{"_path":"lib/__pycache__/abc.cpython-312.pyc","path_type":"pyc_file"}}]}}}}"#
            )
        };
        let path = "opt/conda/conda-meta/abc-1.0-0.json";
        let lists = read(path, text("https://conda.anaconda.org/conda-forge/noarch/abc-1.0-0.conda"));
        assert_eq!(lists.files()[0].path, path_key(b"opt/conda/lib/abc.py"));
        assert!(lists.files()[0].content.is_some() && lists.files()[1].content.is_none());
        assert!(lists.disowned().is_empty());
        let own = read(path, text("file:///tmp/abc-1.0-0.conda"));
        assert_eq!(own.disowned(), [own.home(own.files()[0].package)]);
    }
}
