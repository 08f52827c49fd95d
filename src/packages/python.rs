//! Python: `RECORD` in the folder `NAME-VERSION.dist-info` of each package, with SHA-256 digests (the core metadata
//! specifications, "Recording installed projects").
//!
//! What was installed from a repository, an archive or a folder has a `direct_url.json` beside it ("Recording the Direct
//! URL Origin of installed distributions"), and what is not meant for the index a classifier that the index refuses.

use super::content::Head;
use super::lists::Lists;
use super::{List, lines};

const FOLDER: &[u8] = b".dist-info";

/// How far up a package may put its files: from `lib/python3.12/site-packages` to the folder in which all was installed. What
/// a record names beyond that, no package brought.
const UP: usize = 3;

/// `NAME-VERSION.dist-info/RECORD`.
pub(super) fn is_record(path: &[u8]) -> bool {
    path.strip_suffix(b"/RECORD").is_some_and(|folder| folder.ends_with(FOLDER))
}

/// Lines of path, digest and size; the path is relative to the folder in which the list's folder is.
pub(super) fn read_record(list: &List<'_>, out: &mut Lists) {
    let (folder, _) = list.split();
    let (root, name) = super::split(folder);
    let name = name.strip_suffix(FOLDER).unwrap_or(name);
    let Some(package) = out.package("Python package", name, &[folder]) else { return };
    for line in lines(list.bytes) {
        let Some((path, rest)) = first_field(line) else { continue };
        if path.split(|byte| *byte == b'/').filter(|part| *part == b"..").count() > UP {
            continue;
        }
        let digest = rest.split(|byte| *byte == b',').next().unwrap_or_default();
        let head = digest.strip_prefix(b"sha256=").and_then(Head::of_base64);
        out.file(package, &[root, b"/", &path], head);
    }
}

/// The first field of a line of comma-separated values, in quotation marks or not, and what stands behind it.
fn first_field(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = line.strip_prefix(b"\"") else {
        let comma = line.iter().position(|byte| *byte == b',')?;
        return Some((line[..comma].to_vec(), &line[comma + 1..]));
    };
    let end = memchr::memmem::find(quoted, b"\",")?;
    let path = String::from_utf8_lossy(&quoted[..end]).replace("\"\"", "\"");
    Some((path.into_bytes(), &quoted[end + 2..]))
}

/// `NAME-VERSION.dist-info/direct_url.json`.
pub(super) fn is_direct_url(path: &[u8]) -> bool {
    path.strip_suffix(b"/direct_url.json").is_some_and(|folder| folder.ends_with(FOLDER))
}

/// That there is one says that the package came from elsewhere than an index.
pub(super) fn read_direct_url(list: &List<'_>, out: &mut Lists) {
    out.disown(&[list.split().0]);
}

/// `NAME-VERSION.dist-info/METADATA`.
pub(super) fn is_metadata(path: &[u8]) -> bool {
    path.strip_suffix(b"/METADATA").is_some_and(|folder| folder.ends_with(FOLDER))
}

/// Headers, of which a classifier may say `Private`.
pub(super) fn read_metadata(list: &List<'_>, out: &mut Lists) {
    let headers = lines(list.bytes).take_while(|line| !line.is_empty());
    let mut classifiers = headers.filter_map(|line| line.strip_prefix(b"Classifier:"));
    if classifiers.any(|value| value.trim_ascii().starts_with(b"Private ::")) {
        out.disown(&[list.split().0]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::super::{Heads, path_key};

    #[test]
    fn a_record_is_relative_to_the_folder_of_packages() {
        let text = "abc/__init__.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\r\n\
            ../../../bin/abc,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n\
            \"abc/a,b.txt\",md5=x,1\n../../../../srv/app/.env,,\nabc-1.0.dist-info/RECORD,,\n";
        let lists = read("opt/lib/python3.12/site-packages/abc-1.0.dist-info/RECORD", text);
        let paths: Vec<u64> = lists.files().iter().map(|file| file.path).collect();
        let site = "opt/lib/python3.12/site-packages";
        assert_eq!(paths[0], path_key(format!("{site}/abc/__init__.py").as_bytes()));
        assert_eq!(paths[1], path_key(b"opt/bin/abc"));
        assert_eq!(paths[2], path_key(format!("{site}/abc/a,b.txt").as_bytes()));
        assert!(lists.files()[1].content.is_some_and(|head| Heads::of(b"abc").contains(head)));
        assert!(lists.files()[2].content.is_none() && lists.files()[3].content.is_none());
        assert_eq!(lists.name(lists.files()[0].package), "Python package abc-1.0");
    }

    #[test]
    fn a_package_from_elsewhere_is_disowned() {
        let of = |file: &str, text: &str| read(&format!("site-packages/abc-1.0.dist-info/{file}"), text);
        let record = of("RECORD", "abc.py,,\n");
        let home = record.home(record.files()[0].package);
        assert_eq!(of("direct_url.json", "{}").disowned(), [home]);
        assert_eq!(of("METADATA", "Name: abc\nClassifier: Private :: Do Not Upload\n").disowned(), [home]);
        assert!(of("METADATA", "Name: abc\n\nClassifier: Private :: in the text\n").disowned().is_empty());
    }
}
