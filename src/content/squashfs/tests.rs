use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::image::SUPERBLOCK;
use super::*;
use crate::content::FaultKind;
use crate::content::tests::{Shown, run, shown, shown_in_pieces};

/// A folder with files of many sizes, links, a hole, and folders that are deep, empty and full.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("top").join(name);
    fs::create_dir_all(path("deep/er/and/deeper")).unwrap();
    fs::create_dir_all(path("empty")).unwrap();
    fs::create_dir_all(path("full")).unwrap();
    for number in 0..700 {
        let name = format!("full/a-file-with-a-name-of-some-length-{number}");
        fs::write(path(&name), format!("text {number}\n").repeat(number % 50)).unwrap();
    }
    fs::write(path("deep/er/and/deeper/a.txt"), long(60_000)).unwrap();
    fs::write(path("blocks"), &long(60_000)[..3 << 17]).unwrap();
    fs::write(path("b.txt"), "short").unwrap();
    fs::hard_link(path("b.txt"), path("hard")).unwrap();
    symlink("../the/target", path("link")).unwrap();
    let hole = fs::File::create(path("hole")).unwrap();
    hole.set_len(300_000).unwrap();
    drop(hole);
    folder
}

fn long(lines: u32) -> String {
    let lines: Vec<_> = (0..lines).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect();
    lines.join("\n")
}

fn made(folder: &Path, options: &str) -> Vec<u8> {
    let options = options.split(' ').filter(|option| !option.is_empty());
    let command = ["mksquashfs", "top", "image", "-quiet", "-no-progress", "-noappend"];
    let command: Vec<_> = command.into_iter().chain(options).collect();
    run(folder, "squashfs-tools", &command);
    fs::read(folder.join("image")).unwrap()
}

/// Every file and link below `folder`, with its content.
fn expected(folder: &Path, path: &str, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder.join(path)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let name = if path.is_empty() { name } else { format!("{path}/{name}") };
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            expected(folder, &name, into);
        } else if kind.is_symlink() {
            into.push((name, b"../the/target".to_vec()));
        } else if entry.metadata().unwrap().len() > 0 {
            into.push((name, fs::read(entry.path()).unwrap()));
        }
    }
}

#[test]
fn every_file_is_shown_whatever_the_compression() {
    let folder = folder();
    let mut files = Vec::new();
    expected(&folder.path().join("top"), "", &mut files);
    files.sort();
    for options in [
        "-comp gzip",
        "-comp xz",
        "-comp xz -Xbcj x86 -b 1M",
        "-comp zstd",
        "-comp lz4",
        "-comp lz4 -Xhc -b 4K",
        "-comp lzma",
        "-noI -noD -noF",
        "-no-fragments",
        "-always-use-fragments -no-duplicates",
        "-tailends -b 4K",
        "-no-sparse -no-exports",
    ] {
        let bytes = made(folder.path(), options);
        let (Shown { mut parts, faults, .. }, ended) = shown(&SQUASHFS, "x.snap", &bytes, 10_000);
        assert_eq!((faults, ended), (vec![], Ok(())), "{options}");
        parts.sort();
        let names = |parts: &[(String, Vec<u8>)]| parts.iter().map(|part| part.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&parts), names(&files), "{options}");
        assert!(parts == files, "{options}");
    }
}

#[test]
fn it_is_the_same_in_any_pieces_and_what_follows_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("top")).unwrap();
    fs::write(folder.path().join("top/a"), "text").unwrap();
    let bytes = [made(folder.path(), ""), b"behind".to_vec()].concat();
    let (shown, ended) = shown_in_pieces(&SQUASHFS, "x", &bytes);
    assert_eq!((ended, shown.faults), (Ok(()), vec![]));
    assert_eq!(shown.parts, [("a".to_owned(), b"text".to_vec()), ("(rest)".to_owned(), b"behind".to_vec())]);
}

#[test]
fn extended_attributes_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    // They are taken from a tar, because not every file system has them.
    let tar = "import tarfile, io\n\
        tar = tarfile.open('x.tar', 'w', format=tarfile.PAX_FORMAT)\n\
        a = tarfile.TarInfo('a')\n\
        a.pax_headers = {'SCHILY.xattr.user.note': 'what an attribute says'}\n\
        tar.addfile(a)\n\
        tar.close()\n";
    run(folder.path(), "python3", &["python3", "-c", tar]);
    let command = "mksquashfs - image -tar -quiet -no-progress < x.tar";
    run(folder.path(), "squashfs-tools", &["sh", "-c", command]);
    let (shown, ended) = shown_in_pieces(&SQUASHFS, "x", &fs::read(folder.path().join("image")).unwrap());
    assert_eq!((ended, &shown.faults, shown.parts.len()), (Ok(()), &vec![], 1));
    assert!(String::from_utf8_lossy(&shown.parts[0].1).contains("what an attribute says"));
}

#[test]
fn lzo_is_told_and_older_versions_are_none() {
    let folder = folder();
    let bytes = made(folder.path(), "-comp lzo");
    assert_eq!(shown(&SQUASHFS, "x", &bytes, 100).1.unwrap_err().kind, FaultKind::Unsupported);
    for (at, value) in [(28, 3), (20, 7), (22, 13), (0, b's')] {
        let mut other = bytes.clone();
        other[at] = value;
        assert!(Superblock::read(&other).is_none(), "{at}");
    }
}

#[test]
fn an_image_that_is_cut_off_is_told() {
    let bytes = made(folder().path(), "");
    for cut in [SUPERBLOCK, 5000, bytes.len() / 2] {
        let (shown, ended) = shown(&SQUASHFS, "x", &bytes[..cut], 9999);
        assert_eq!((ended, shown.faults.len()), (Ok(()), 1), "{cut}");
    }
}

#[test]
fn damage_of_a_file_hides_no_other() {
    let folder = folder();
    let mut bytes = made(folder.path(), "-no-fragments");
    bytes[SUPERBLOCK + 10..][..2000].fill(0x55);
    let (shown, ended) = shown(&SQUASHFS, "x", &bytes, 9999);
    assert!(ended == Ok(()) && !shown.faults.is_empty());
    assert!(shown.parts.iter().any(|(name, content)| name == "b.txt" && content == b"short"));
}

#[test]
fn a_folder_in_itself_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("top/inner")).unwrap();
    let mut bytes = made(folder.path(), "-noI -noD");
    let head = Superblock::read(&bytes).unwrap();
    // The first entry of the topmost folder, behind the headers of its block and of its listing, gets its inode.
    let at = usize::try_from(head.folders).unwrap() + 2 + 12;
    let stored = bytes[at - 13] & 0x80 != 0;
    assert!(stored, "the listing is too short to be compressed");
    bytes[at..at + 2].copy_from_slice(&head.root.to_le_bytes()[..2]);
    let (shown, ended) = shown(&SQUASHFS, "x", &bytes, 9999);
    assert_eq!((ended, shown.faults.len()), (Ok(()), 1));
    assert!(shown.faults[0].1.message.contains("more than once"), "{:?}", shown.faults);
}

/// A small image whose tables are not compressed.
fn small() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("top/d")).unwrap();
    fs::write(folder.path().join("top/d/a"), "text").unwrap();
    fs::write(folder.path().join("top/b"), long(1000)).unwrap();
    symlink("a", folder.path().join("top/l")).unwrap();
    let mut bytes = made(folder.path(), "-noI -noF -b 4K");
    let used = Superblock::read(&bytes).unwrap().bytes;
    bytes.truncate(usize::try_from(used).unwrap());
    bytes
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    let bytes = small();
    for at in (28..SUPERBLOCK).chain(bytes.len() - 600..bytes.len()) {
        for value in [0, 1, 0x7f, 0xff, bytes[at].wrapping_add(1)] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            if Superblock::read(&bytes).is_some() {
                let _ = shown(&SQUASHFS, "", &bytes, 9999);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), tables in any::<[u8; 3]>()) {
        let mut head = [0; SUPERBLOCK];
        head[..4].copy_from_slice(b"hsqs");
        (head[13], head[20], head[22], head[28]) = (0x10, 1, 12, 4);
        (head[56], head[64], head[72], head[80]) = (tables[2], tables[0], tables[1], tables[2]);
        let _ = shown(&SQUASHFS, "", &[&head[..], &bytes].concat(), 11);
    }
}
