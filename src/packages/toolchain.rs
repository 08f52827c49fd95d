//! Languages that are unpacked or built into a folder without any package manager: told by a file that only they have.

use super::lists::{Lists, Origin};
use super::{List, split};

/// `go/VERSION`.
pub(super) fn is_go(path: &[u8]) -> bool {
    let (folder, name) = split(path);
    name == b"VERSION" && split(folder).1 == b"go"
}

/// The first line is `go1.24.3`.
pub(super) fn read_go(list: &List<'_>, out: &mut Lists) {
    let version = super::lines(list.bytes).next().unwrap_or_default().trim_ascii();
    if version.strip_prefix(b"go").is_some_and(|number| number.first().is_some_and(u8::is_ascii_digit)) {
        let (folder, _) = list.split();
        if let Some(package) = out.package("toolchain", version, &[folder]) {
            out.folder(package, &[folder], Origin::Public);
        }
    }
}

/// `lib/python3.12/_sysconfigdata_….py`: how Python was built.
pub(super) fn is_python(path: &[u8]) -> bool {
    let (folder, name) = split(path);
    let (above, version) = split(folder);
    name.starts_with(b"_sysconfigdata")
        && name.ends_with(b".py")
        && version.starts_with(b"python")
        && above.ends_with(b"lib")
}

/// The standard library is what stands in the folder, without the folders for packages.
pub(super) fn read_python(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let Some(package) = out.package("toolchain", split(folder).1, &[folder]) else { return };
    out.folder(package, &[folder], Origin::Public);
    for packages in ["site-packages", "dist-packages"] {
        out.folder(package, &[folder, b"/", packages.as_bytes()], Origin::Unknown);
    }
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;
    use super::*;

    #[test]
    fn go_is_told_by_its_version() {
        let lists = read("usr/local/go/VERSION", "go1.24.3\ntime 2025\n");
        assert_eq!(lists.folders()[0].path, path_key(b"usr/local/go"));
        assert_eq!(lists.name(lists.folders()[0].package), "toolchain go1.24.3");
        assert!(read("srv/go/VERSION", "1.0.0\n").folders().is_empty());
    }

    #[test]
    fn the_library_of_python_ends_where_packages_are() {
        let lists = read("usr/local/lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py", "");
        let found: Vec<_> = lists.folders().iter().map(|folder| (folder.path, folder.origin)).collect();
        let at = |path: &str| path_key(format!("usr/local/lib/python3.12{path}").as_bytes());
        assert_eq!(
            found,
            [
                (at(""), Origin::Public),
                (at("/site-packages"), Origin::Unknown),
                (at("/dist-packages"), Origin::Unknown)
            ]
        );
    }
}
