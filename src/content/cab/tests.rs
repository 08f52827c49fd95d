use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::content::FaultKind;
use crate::content::tests::{Shown, run, shown, shown_in_pieces};

/// A folder with short files, an empty one, and one of several blocks.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    fs::write(folder.path().join("dir/a.txt"), long()).unwrap();
    fs::write(folder.path().join("b.txt"), "short").unwrap();
    fs::write(folder.path().join("nothing"), "").unwrap();
    folder
}

/// Lines that come again in other blocks.
fn long() -> String {
    let lines: Vec<_> =
        (0..20_000_u32).map(|at| (at % 2000).wrapping_mul(2_654_435_761).to_string()).collect();
    lines.join("\n")
}

fn made(folder: &Path, options: &str) -> Vec<u8> {
    let options = options.split(' ').filter(|option| !option.is_empty());
    let command: Vec<_> = ["gcab", "-c"].into_iter().chain(options).collect();
    run(folder, "gcab", &[&command[..], &["x.cab", "b.txt", "dir/a.txt", "nothing"]].concat());
    fs::read(folder.join("x.cab")).unwrap()
}

type Parts = Vec<(String, Vec<u8>)>;

fn show_all(bytes: &[u8]) -> (Parts, Vec<(String, Fault)>) {
    let (Shown { parts, faults, .. }, ended) = shown_in_pieces(&CAB, "x.cab", bytes);
    assert_eq!(ended, Ok(()));
    (parts, faults)
}

fn expected() -> Parts {
    vec![("b.txt".to_owned(), b"short".to_vec()), ("dir/a.txt".to_owned(), long().into_bytes())]
}

#[test]
fn every_file_is_shown_stored_or_packed() {
    let folder = folder();
    for options in ["", "-z"] {
        let (parts, faults) = show_all(&made(folder.path(), options));
        assert!(faults.is_empty() && parts == expected(), "{options}: {faults:?}");
    }
}

#[test]
fn what_stands_behind_it_is_shown() {
    let bytes = [made(folder().path(), "-z"), vec![0; 7], b"behind".to_vec()].concat();
    let (parts, _) = show_all(&bytes);
    assert_eq!(parts[2], ("(rest)".to_owned(), b"behind".to_vec()));
}

/// Where the first folder is described, and the first file.
fn tables(bytes: &[u8]) -> (usize, usize) {
    (HEADER, usize::try_from(word(bytes, 16)).unwrap())
}

#[test]
fn what_is_packed_otherwise_is_told_once_for_a_folder() {
    let mut bytes = made(folder().path(), "");
    let (folder, _) = tables(&bytes);
    bytes[folder + 6..folder + 8].copy_from_slice(&[3, 21]);
    let (parts, faults) = show_all(&bytes);
    assert!(parts.is_empty() && faults.len() == 1);
    assert!(faults[0].1.kind == FaultKind::Unsupported && faults[0].1.message.contains("LZX"), "{faults:?}");
}

#[test]
fn parts_in_other_cabinets_are_told_and_the_others_are_shown() {
    let folder = folder();
    for (number, kind) in [([0xfd, 0xff], FaultKind::Unsupported), ([7, 0], FaultKind::Damaged)] {
        let mut bytes = made(folder.path(), "-z");
        let (_, file) = tables(&bytes);
        bytes[file + 8..file + 10].copy_from_slice(&number);
        let (parts, faults) = show_all(&bytes);
        assert_eq!((parts.len(), faults.len()), (1, 1), "{faults:?}");
        assert!(parts[0] == expected()[1] && faults[0].0 == "b.txt" && faults[0].1.kind == kind);
    }
    // One that goes on in the next is shown as far as it is here.
    let mut bytes = made(folder.path(), "-z");
    let (_, file) = tables(&bytes);
    bytes[file + 8..file + 10].copy_from_slice(&[0xfe, 0xff]);
    assert!(show_all(&bytes).0 == expected());
}

#[test]
fn damage_and_cuts_are_told() {
    let whole = made(folder().path(), "-z");
    let mut damaged = whole.clone();
    let middle = whole.len() / 2;
    damaged[middle..middle + 100].fill(0x55);
    for bytes in [&damaged[..], &whole[..middle]] {
        let (parts, faults) = show_all(bytes);
        assert!(parts[0] == expected()[0] && faults.len() == 1, "{faults:?}");
    }
    assert!(shown(&CAB, "x.cab", &whole[..50], 7).1.is_err());
}

#[test]
fn texts_that_begin_so_are_none() {
    let text = b"MSCF is how a cabinet of Microsoft begins, they say";
    assert!((0..text.len()).all(|length| !is(&text[..length])));
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    for name in ["dir/a.txt", "b.txt", "nothing"] {
        fs::write(folder.path().join(name), name.repeat(9)).unwrap();
    }
    let bytes = made(folder.path(), "-z");
    for at in 26..bytes.len() {
        for value in [0, 1, 0x7f, 0xff, bytes[at].wrapping_add(1)] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            let _ = shown(&CAB, "", &bytes, 999);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 10..400), few in any::<[bool; 2]>()) {
        let mut hostile = [&b"MSCF\0\0\0\0\0\x10\0\0\0\0\0\0\x30\0\0\0\0\0\0\0\x03\x01"[..], &bytes].concat();
        for (at, few) in [27, 29].into_iter().zip(few) {
            hostile[at] *= u8::from(!few);
        }
        let _ = shown(&CAB, "", &hostile, 11);
    }
}
