//! Arch: for each package a folder with `mtree`, a compressed list with digests, and `desc`, which says how it was checked.

use flate2::bufread::MultiGzDecoder;

use super::content::Head;
use super::lists::Lists;
use super::{List, lines, split};
use crate::stream::read_bounded;

const LOCAL: &[u8] = b"var/lib/pacman/local";

/// Bytes that a list may become by decompression.
const MOST: u64 = 64 << 20;

/// What stands before `var/lib/pacman/local/PACKAGE` in the path of a file of that name.
fn root<'p>(path: &'p [u8], file: &[u8]) -> Option<&'p [u8]> {
    let (folder, name) = split(path);
    let root = split(folder).0.strip_suffix(LOCAL)?;
    (name == file && (root.is_empty() || root.ends_with(b"/"))).then_some(root)
}

/// `var/lib/pacman/local/PACKAGE/mtree`.
pub(super) fn is_mtree(path: &[u8]) -> bool {
    root(path, b"mtree").is_some()
}

/// Lines of a path and attributes; bytes of a path that are not plain are written as `\040`.
pub(super) fn read_mtree(list: &List<'_>, out: &mut Lists) {
    let Some(root) = root(list.path, b"mtree") else { return };
    let (folder, _) = list.split();
    let unpacked =
        list.bytes.starts_with(b"\x1f\x8b").then(|| read_bounded(&mut MultiGzDecoder::new(list.bytes), MOST));
    let text = match unpacked {
        Some(Ok(Some(text))) => text,
        Some(_) => return,
        None => list.bytes.to_vec(),
    };
    let Some(package) = out.package("pacman", split(folder).1, &[folder]) else { return };
    for line in lines(&text).filter(|line| line.starts_with(b"./")) {
        let mut words = line.split(|byte| *byte == b' ');
        let path = unescaped(words.next().unwrap_or_default());
        let mut digests = words.filter_map(|word| {
            let (key, value) = word.split_at_checked(word.iter().position(|byte| *byte == b'=')?)?;
            matches!(key, b"md5digest" | b"sha256digest" | b"sha256").then(|| Head::of_hex(&value[1..]))?
        });
        if let Some(head) = digests.next() {
            out.file(package, &[root, b"/", &path], Some(head));
        }
    }
}

fn unescaped(path: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(path.len()), path);
    while let Some((byte, behind)) = rest.split_first() {
        let digits =
            behind.get(..3).filter(|_| *byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(plain) = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            out.push(plain);
            rest = &behind[3..];
        } else {
            out.push(*byte);
            rest = behind;
        }
    }
    out
}

/// `var/lib/pacman/local/PACKAGE/desc`.
pub(super) fn is_description(path: &[u8]) -> bool {
    root(path, b"desc").is_some()
}

/// A package that nobody signed and no repository listed was made by whoever built the image.
pub(super) fn read_description(list: &List<'_>, out: &mut Lists) {
    let mut values = lines(list.bytes).skip_while(|line| *line != b"%VALIDATION%").skip(1);
    if values.next() == Some(b"none") {
        out.disown(&[list.split().0]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::path_key;
    use super::super::tests::read;

    #[test]
    fn a_compressed_list_names_files_with_digests() {
        let text = "#mtree\n/set type=file\n./.PKGINFO time=1.0 size=3 sha256digest=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n\
            ./usr/a\\040b time=1.0 md5digest=900150983cd24fb0d6963f7d28e17f72\n./usr type=dir\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let lists = read("var/lib/pacman/local/abc-1.0-1/mtree", gzip.finish().unwrap());
        let paths: Vec<u64> = lists.files().iter().map(|file| file.path).collect();
        assert_eq!(paths, [path_key(b".PKGINFO"), path_key(b"usr/a b")]);
        assert_eq!(lists.name(lists.files()[0].package), "pacman abc-1.0-1");
        let own = read("var/lib/pacman/local/abc-1.0-1/desc", "%NAME%\nabc\n\n%VALIDATION%\nnone\n");
        assert_eq!(own.disowned(), [lists.home(lists.files()[0].package)]);
        assert!(read("var/lib/pacman/local/abc-1.0-1/desc", "%VALIDATION%\npgp\n").disowned().is_empty());
    }
}
