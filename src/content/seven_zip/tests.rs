use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::content::tests::{Shown, run, shown, shown_in_pieces};

/// A folder with short files, a long one, an empty one and a program.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("dir/empty")).unwrap();
    fs::write(folder.path().join("dir/a.txt"), long()).unwrap();
    fs::write(folder.path().join("b.txt"), "short").unwrap();
    fs::write(folder.path().join("c é.txt"), "another").unwrap();
    fs::write(folder.path().join("nothing"), "").unwrap();
    folder
}

fn long() -> String {
    let lines: Vec<_> = (0..9000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect();
    lines.join("\n")
}

fn made(folder: &Path, options: &str) -> Vec<u8> {
    let archive = folder.join("x.7z");
    let _ = fs::remove_file(&archive);
    let options = options.split(' ').filter(|option| !option.is_empty());
    let command: Vec<_> = ["7z", "a", "-bd", "x.7z"].into_iter().chain(options).collect();
    run(folder, "p7zip-full", &[&command[..], &["dir", "b.txt", "c é.txt", "nothing"]].concat());
    fs::read(archive).unwrap()
}

fn assert_all(bytes: &[u8], what: &str) {
    let (Shown { mut parts, faults, .. }, ended) = shown_in_pieces(&SEVEN_ZIP, "x.7z", bytes);
    assert_eq!((faults, ended), (vec![], Ok(())), "{what}");
    parts.sort();
    let expected = [("b.txt", "short"), ("c é.txt", "another"), ("dir/a.txt", &long())];
    assert_eq!(parts.len(), expected.len(), "{what}");
    for (found, (name, content)) in parts.iter().zip(expected) {
        assert!(found.0 == name && found.1 == content.as_bytes(), "{what}: {name}");
    }
}

#[test]
fn every_compression_is_undone_in_one_block_and_in_many() {
    let folder = folder();
    for method in [
        "LZMA",
        "LZMA:lc=8:lp=0:pb=2",
        "LZMA2",
        "BZip2",
        "Deflate",
        "Deflate64",
        "Copy",
        "LZMA2:d=64m",
        "Delta:4 -m1=LZMA",
    ] {
        for more in ["-ms=on", "-ms=off", "-ms=on -mhc=off"] {
            let options = format!("-m0={method} {more}");
            assert_all(&made(folder.path(), &options), &options);
        }
    }
}

#[test]
fn filters_for_machine_code_are_undone() {
    let folder = tempfile::tempdir().unwrap();
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = &program[program.len() / 4..][..1 << 20];
    fs::write(folder.path().join("program"), program).unwrap();
    for options in [
        "-m0=BCJ -m1=LZMA",
        "-m0=BCJ2 -m1=LZMA -m2=LZMA:d=19 -m3=LZMA:d=19 -mb0:1 -mb0s1:2 -mb0s2:3",
        "-m0=ARM -m1=LZMA2",
        "-m0=ARMT -m1=Copy",
        "-m0=PPC -m1=Deflate",
        "-m0=SPARC -m1=BZip2",
        "-m0=IA64 -m1=LZMA",
    ] {
        let _ = fs::remove_file(folder.path().join("x.7z"));
        let words: Vec<_> = "7z a -bd x.7z".split(' ').chain(options.split(' ')).chain(["program"]).collect();
        run(folder.path(), "p7zip-full", &words);
        let (shown, ended) = shown(&SEVEN_ZIP, "x.7z", &fs::read(folder.path().join("x.7z")).unwrap(), 5000);
        assert_eq!((&shown.faults, ended), (&vec![], Ok(())), "{options}");
        assert!(shown.parts.len() == 1 && shown.parts[0].1 == program, "{options}");
    }
}

#[test]
fn what_is_encrypted_or_packed_otherwise_is_told_once_for_a_block() {
    let folder = folder();
    let (shown, ended) = shown_in_pieces(&SEVEN_ZIP, "x.7z", &made(folder.path(), "-pmade-up"));
    assert!(ended == Ok(()) && shown.parts.is_empty() && shown.faults.len() == 1, "{:?}", shown.faults);
    assert_eq!(shown.faults[0].1.kind, FaultKind::Encrypted);
    assert!(shown.faults[0].1.message.contains("2 more"), "{:?}", shown.faults);

    let ended = shown_in_pieces(&SEVEN_ZIP, "x.7z", &made(folder.path(), "-pmade-up -mhe=on")).1;
    assert_eq!(ended.unwrap_err().kind, FaultKind::Encrypted);

    let (shown, ended) = shown_in_pieces(&SEVEN_ZIP, "x.7z", &made(folder.path(), "-m0=PPMd -ms=off"));
    assert_eq!((ended, shown.faults.len()), (Ok(()), 3));
    for (_, fault) in shown.faults {
        assert!(fault.kind == FaultKind::Unsupported && fault.message.contains("PPMd"), "{fault:?}");
    }
}

#[test]
fn a_dictionary_that_is_larger_than_the_window_is_a_limit() {
    let (mut window, coder) = (1 << 16, &[1, 0x21, 0x21, 1, 40]);
    let mut chain = coder::Chain::read(&mut Cursor::new(coder)).unwrap();
    chain.add_packed(&[]);
    chain.set_size(0, 1 << 16);
    assert!(chain.open(window).is_ok());
    window -= 1;
    assert_eq!(chain.open(window).err().unwrap().kind, FaultKind::Limit(Limit::WindowBytes));
}

#[test]
fn one_that_is_cut_off_is_told() {
    let bytes = made(folder().path(), "");
    for cut in [START, 100, bytes.len() - 1] {
        let (shown, ended) = shown(&SEVEN_ZIP, "x.7z", &bytes[..cut], 100);
        assert_eq!((ended, shown.faults.len(), shown.parts.len()), (Ok(()), 1, 0), "{cut}");
    }
}

#[test]
fn damage_in_a_block_is_told_of_the_first_and_of_the_others() {
    for options in ["-m0=LZMA -ms=on", "-m0=Copy -ms=off", "-m0=BZip2 -ms=on"] {
        let mut bytes = made(folder().path(), options);
        bytes[60..80].fill(0x55);
        let (shown, ended) = shown_in_pieces(&SEVEN_ZIP, "x.7z", &bytes);
        assert!(ended == Ok(()) && !shown.faults.is_empty(), "{options}");
        assert!(shown.faults.iter().all(|(_, fault)| fault.kind == FaultKind::Damaged), "{options}");
    }
}

#[test]
fn one_without_members_and_texts_are_none() {
    let empty =
        [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], &crc32fast::hash(&[0; 20]).to_le_bytes(), &[0; 20]].concat();
    for bytes in [&empty[..], b"7z\xbc\xaf\x27\x1c\0\x04 and then no start header of an archive at all"] {
        assert!(Start::read(bytes).is_none());
    }
}

/// An archive with this header, which is behind some packed bytes.
fn with_header(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let mut start = (packed.len() as u64).to_le_bytes().to_vec();
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc32fast::hash(header).to_le_bytes());
    let sum = crc32fast::hash(&start).to_le_bytes();
    [b"7z\xbc\xaf\x27\x1c\0\x04", &sum[..], &start, packed, header].concat()
}

/// The header of what 7z makes, not packed.
fn a_header() -> (Vec<u8>, Vec<u8>) {
    let bytes = made(folder().path(), "-mhc=off -m0=BCJ -m1=LZMA -ms=2f");
    let start = Start::read(&bytes).unwrap();
    let (packed, header) = bytes[START..].split_at(usize::try_from(start.offset).unwrap());
    (packed.to_vec(), header.to_vec())
}

#[test]
fn no_change_of_a_header_makes_it_panic() {
    let (packed, header) = a_header();
    let packed = &packed[..packed.len().min(20_000)];
    for at in 0..header.len() {
        for value in [0, 1, 9, 0x7f, 0xff, header[at].wrapping_add(1)] {
            let mut header = header.clone();
            header[at] = value;
            let _ = shown(&SEVEN_ZIP, "x.7z", &with_header(packed, &header), 9000);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        packed in proptest::collection::vec(any::<u8>(), 0..100),
        header in proptest::collection::vec(prop_oneof![0_u8..0x22, any::<u8>()], 1..200),
        kind in prop_oneof![Just(MAIN), Just(PACKED), any::<u8>()],
    ) {
        let header = [&[kind, 4, 6][..], &header].concat();
        let _ = shown(&SEVEN_ZIP, "", &with_header(&packed, &header), 11);
    }
}
