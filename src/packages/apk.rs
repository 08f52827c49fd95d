//! Alpine: one text for all packages, `lib/apk/db/installed`, with a SHA-1 digest for each file.

use super::content::Head;
use super::lists::Lists;
use super::{List, lines};

const DATABASE: &[u8] = b"lib/apk/db/installed";

/// `lib/apk/db/installed`, also below `usr`.
pub(super) fn is_installed(path: &[u8]) -> bool {
    path == DATABASE || path.strip_suffix(DATABASE).is_some_and(|root| root.ends_with(b"/"))
}

/// Lines of a letter, a colon and a value: `P` the package, `F` a folder, `R` a file in it, `Z` its digest.
pub(super) fn read_installed(list: &List<'_>, out: &mut Lists) {
    let root = list.path.strip_suffix(DATABASE).unwrap_or_default();
    let root = root.strip_suffix(b"usr/").unwrap_or(root);
    let (mut package, mut folder, mut file) = (None, &b""[..], None);
    for line in lines(list.bytes) {
        if out.full() {
            return;
        }
        let (Some(field), Some(value)) = (line.first(), line.get(2..)) else {
            (package, file) = (None, None);
            continue;
        };
        match field {
            b'P' => {
                (package, folder) = (out.package("apk", value, &[root, b"\0apk\0", value]), b"");
            }
            b'F' => (folder, file) = (value, None),
            b'R' => file = Some(value),
            b'Z' => {
                if let (Some(package), Some(file)) = (package, file.take()) {
                    // `Q1` stands before SHA-1 and `Q2` before SHA-256, in base64.
                    let head = value.strip_prefix(b"Q").and_then(|digest| Head::of_base64(digest.get(1..)?));
                    out.file(package, &[root, b"/", folder, b"/", file], head);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::super::{Heads, path_key};

    #[test]
    fn files_stand_in_the_folder_before_them() {
        let text = "C:Q1x\nP:musl\nV:1.2\nF:lib\nR:ld.so\na:0:0:755\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\nP:b\nF:etc/b\nM:0:0:1\nR:c\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\nZ:Q1\n";
        for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
            let lists = read(path, text);
            let paths: Vec<u64> = lists.files().iter().map(|file| file.path).collect();
            assert_eq!(paths, [path_key(b"lib/ld.so"), path_key(b"etc/b/c")]);
            assert_eq!(lists.name(lists.files()[1].package), "apk b");
            assert!(lists.files()[0].content.is_some_and(|head| Heads::of(b"abc").contains(head)));
        }
    }
}
