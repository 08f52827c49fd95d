//! Debian and what comes of it: a list of MD5 digests for each package, and those of configuration files in `status`.
//!
//! Distroless images have one file for each package in `status.d` instead.

use super::content::Head;
use super::lists::Lists;
use super::{List, below, lines};

const MANAGER: &str = "dpkg";

/// `var/lib/dpkg/info/NAME.md5sums`, or `NAME:ARCHITECTURE.md5sums`.
pub(super) fn is_md5sums(path: &[u8]) -> bool {
    path.ends_with(b".md5sums")
        && (below(path, b"var/lib/dpkg/info").is_some() || below(path, b"var/lib/dpkg/status.d").is_some())
}

/// `MD5  path`, relative to the root of the system.
pub(super) fn read_md5sums(list: &List<'_>, out: &mut Lists) {
    let (folder, file) = list.split();
    let name = file.strip_suffix(b".md5sums").unwrap_or(file);
    let name = name.split(|byte| *byte == b':').next().unwrap_or_default();
    let Some(root) = ["info", "status.d"]
        .iter()
        .find_map(|last| folder.strip_suffix(format!("var/lib/dpkg/{last}").as_bytes()))
    else {
        return;
    };
    let Some(package) = out.package(MANAGER, name, &home(root, name)) else { return };
    for line in lines(list.bytes) {
        if let Some((digest, path)) = line.split_at_checked(32)
            && let Some(head) = Head::of_hex(digest)
        {
            out.file(package, &[root, b"/", path.trim_ascii()], Some(head));
        }
    }
}

/// `var/lib/dpkg/status`.
pub(super) fn is_status(path: &[u8]) -> bool {
    path == b"var/lib/dpkg/status" || path.ends_with(b"/var/lib/dpkg/status")
}

/// Paragraphs of fields; under `Conffiles:` lines of a path and an MD5 digest.
pub(super) fn read_status(list: &List<'_>, out: &mut Lists) {
    let root = list.path.strip_suffix(b"var/lib/dpkg/status").unwrap_or_default();
    let (mut package, mut name, mut in_conffiles) = (None, &b""[..], false);
    for line in lines(list.bytes) {
        if line.is_empty() {
            (package, name, in_conffiles) = (None, b"", false);
        } else if let Some(conffile) = line.strip_prefix(b" ") {
            let mut words = conffile.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            let (path, digest) = (words.next(), words.next().and_then(Head::of_hex));
            if let (true, Some(path), Some(head)) = (in_conffiles && !name.is_empty(), path, digest) {
                package = package.or_else(|| out.package(MANAGER, name, &home(root, name)));
                if let Some(package) = package {
                    out.file(package, &[root, b"/", path], Some(head));
                }
            }
        } else {
            in_conffiles = line.starts_with(b"Conffiles:");
            if let Some(value) = line.strip_prefix(b"Package:") {
                name = value.trim_ascii();
            } else if home_made(line) {
                out.disown(&home(root, name));
            }
        }
    }
}

/// What tells packages apart.
fn home<'p>(root: &'p [u8], name: &'p [u8]) -> [&'p [u8]; 3] {
    [root, b"\0dpkg\0", name]
}

/// A field that tools write into packages which somebody made for themselves: a maintainer at a machine that has no
/// domain, or a home page that is none.
fn home_made(field: &[u8]) -> bool {
    if let Some(maintainer) = field.strip_prefix(b"Maintainer:") {
        let host = maintainer.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
        return host.len() < maintainer.len() && !host.contains(&b'.');
    }
    field
        .strip_prefix(b"Homepage:")
        .is_some_and(|value| value.trim_ascii() == b"http://example.com/no-uri-given")
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::super::{Heads, path_key};

    const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

    #[test]
    fn a_list_of_digests_names_the_package_and_its_files() {
        let lists = read(
            "var/lib/dpkg/info/libabc1:amd64.md5sums",
            format!("{ABC}  usr/lib/a b.so\nno line\n{ABC}\n"),
        );
        let file = lists.files()[0];
        assert_eq!((lists.files().len(), lists.name(file.package)), (2, "dpkg libabc1"));
        assert_eq!(file.path, path_key(b"usr/lib/a b.so"));
        assert!(file.content.is_some_and(|head| Heads::of(b"abc").contains(head)));
    }

    #[test]
    fn a_system_below_a_folder_has_its_own_root() {
        let lists = read("srv/root/var/lib/dpkg/info/abc.md5sums", format!("{ABC}  etc/x\n"));
        assert_eq!(lists.files()[0].path, path_key(b"srv/root/etc/x"));
    }

    #[test]
    fn configuration_files_have_their_digest_in_the_status() {
        let status = format!(
            "Package: abc\nMaintainer: A B <a@example.org>\nConffiles:\n /etc/abc.conf {ABC}\n /etc/old {ABC} obsolete\n\
             Description: abc\n /etc/none {ABC}\n\nPackage: own\nMaintainer: <root@build>\nConffiles:\n /etc/own {ABC}\n"
        );
        let lists = read("var/lib/dpkg/status", status);
        let names: Vec<&str> = lists.files().iter().map(|file| lists.name(file.package)).collect();
        assert_eq!(names, ["dpkg abc", "dpkg abc", "dpkg own"]);
        assert_eq!(lists.files()[0].path, path_key(b"etc/abc.conf"));
        let disowned = |at: usize| lists.disowned().contains(&lists.home(lists.files()[at].package));
        assert!(!disowned(0) && disowned(2));
    }
}
