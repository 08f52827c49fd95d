//! Cargo: sources that it unpacked from the public registry, and vendored ones with SHA-256 digests of their files.

use serde::Deserialize;

use super::content::Head;
use super::few::FewPairs;
use super::lists::{Lists, Origin};
use super::{List, json, split};

/// `.cargo-checksum.json` in the folder of a vendored crate.
pub(super) fn is_checksums(path: &[u8]) -> bool {
    path.ends_with(b"/.cargo-checksum.json")
}

#[derive(Deserialize)]
struct Checksums {
    #[serde(default)]
    files: FewPairs<String>,
    /// The digest of the archive, which only a registry has.
    package: Option<String>,
}

/// See the module.
pub(super) fn read_checksums(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let Some(Checksums { files, package: Some(_) }) = json::<Checksums>(list.bytes) else { return };
    let Some(package) = out.package("crate", split(folder).1, &[folder]) else { return };
    for (path, digest) in files.all(out) {
        out.file(package, &[folder, b"/", path.as_bytes()], Head::of_hex(digest.as_bytes()));
    }
}

/// `registry/src/INDEX/NAME-VERSION/.cargo-ok`, which Cargo writes when it has unpacked a crate.
pub(super) fn is_unpacked(path: &[u8]) -> bool {
    let Some(folder) = path.strip_suffix(b"/.cargo-ok") else { return false };
    let (index, _) = split(folder);
    split(index).0.ends_with(b"registry/src")
}

/// The index has its host in its name; that of the public one was another host once.
pub(super) fn read_unpacked(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let index = split(split(folder).0).1;
    let public = index.starts_with(b"index.crates.io-") || index.starts_with(b"github.com-");
    if let Some(package) = out.package("crate", split(folder).1, &[folder]) {
        out.folder(package, &[folder], if public { Origin::Public } else { Origin::Private });
    }
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;
    use super::*;

    #[test]
    fn a_vendored_crate_has_digests_unless_it_is_no_registrys() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = |package: &str| format!(r#"{{"files":{{"src/lib.rs":"{digest}"}},"package":{package}}}"#);
        let lists = read("srv/vendor/abc/.cargo-checksum.json", text("\"x\""));
        assert_eq!(lists.files()[0].path, path_key(b"srv/vendor/abc/src/lib.rs"));
        assert!(read("srv/vendor/abc/.cargo-checksum.json", text("null")).files().is_empty());
    }

    #[test]
    fn the_name_of_the_index_says_whose_it_is() {
        let of = |index: &str| {
            read(&format!("root/.cargo/registry/src/{index}/abc-1.0.0/.cargo-ok"), "").folders()[0].origin
        };
        assert_eq!(of("index.crates.io-1949cf8c6b5b557f"), Origin::Public);
        assert_eq!(of("crates.corp.example-1949cf8c6b5b557f"), Origin::Private);
    }
}
