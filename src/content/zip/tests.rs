use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::content::tests::{Shown, run, shown_in_pieces};
use crate::content::{FaultKind, HEAD};

/// A folder with a short file, a long one and an empty one.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    fs::write(folder.path().join("dir/a.txt"), long()).unwrap();
    fs::write(folder.path().join("b.txt"), "short").unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    folder
}

fn tool(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    run(folder, "zip, p7zip-full, default-jdk-headless, python3", &[&[program], arguments].concat())
}

fn long() -> String {
    let mut text = String::new();
    for number in 0..9000_u32 {
        text += &number.wrapping_mul(2_654_435_761).to_string();
        text.push('\n');
    }
    text
}

fn show(bytes: &[u8]) -> (Parts, Faults, Result<(), Fault>) {
    let (Shown { parts, faults, .. }, ended) = shown_in_pieces(&ZIP, "x.zip", bytes);
    (parts, faults, ended)
}

type Parts = Vec<(String, Vec<u8>)>;
type Faults = Vec<(String, Fault)>;

fn members(bytes: &[u8]) -> Parts {
    let (mut parts, faults, ended) = show(bytes);
    assert_eq!((faults, ended), (vec![], Ok(())));
    parts.sort();
    parts
}

fn assert_both(bytes: &[u8], what: &str) {
    let members = members(bytes);
    let expected = [("b.txt", b"short".to_vec()), ("dir/a.txt", long().into_bytes())];
    let found: Vec<_> = members.iter().filter(|member| !member.0.starts_with("META-INF")).collect();
    assert_eq!(found.len(), 2, "{what}");
    for (found, (name, content)) in found.iter().zip(expected) {
        assert!(found.0 == name && found.1 == content, "{what}: {name}");
    }
}

fn made(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    tool(folder, program, arguments);
    fs::read(folder.join("x.zip")).unwrap()
}

/// What Python's zipfile writes with `method`, to a stream that cannot go back.
fn streamed(folder: &Path, method: &str) -> Vec<u8> {
    let script = format!(
        "import sys, zipfile\n\
         class Pipe:\n    write = sys.stdout.buffer.write\n    flush = sys.stdout.buffer.flush\n\
         with zipfile.ZipFile(Pipe(), 'w', zipfile.{method}) as z:\n    z.write('b.txt'); z.write('dir'); z.write('dir/a.txt')"
    );
    tool(folder, "python3", &["-c", &script])
}

#[test]
fn what_info_zip_and_jar_write_is_shown() {
    let folder = folder();
    let in_folder = |program, arguments: &[&str]| made(folder.path(), program, arguments);
    for level in ["-0", "-9"] {
        let bytes = in_folder("zip", &["-qr", level, "x.zip", "b.txt", "dir", "empty"]);
        assert_both(&bytes, level);
        fs::remove_file(folder.path().join("x.zip")).unwrap();
    }
    assert_both(&tool(folder.path(), "zip", &["-qr", "-", "b.txt", "dir"]), "to a pipe");
    assert_both(&tool(folder.path(), "zip", &["-qr0", "-fz-", "-", "b.txt", "dir"]), "stored to a pipe");
    assert_both(&tool(folder.path(), "zip", &["-qr", "-fz", "-", "b.txt", "dir"]), "zip64");
    assert_both(&in_folder("zip", &["-qr", "-Z", "bzip2", "x.zip", "b.txt", "dir"]), "bzip2");
    assert_both(&in_folder("jar", &["cf", "x.zip", "b.txt", "dir"]), "jar");
    assert_both(&in_folder("jar", &["cf0", "x.zip", "b.txt", "dir"]), "jar, stored");
}

#[test]
fn what_7z_and_python_write_is_shown() {
    let folder = folder();
    for method in ["Copy", "Deflate", "Deflate64", "BZip2", "LZMA", "XZ"] {
        let method = format!("-mm={method}");
        let bytes = made(folder.path(), "7z", &["a", "-bd", "-tzip", &method, "x.zip", "b.txt", "dir"]);
        assert_both(&bytes, &method);
        fs::remove_file(folder.path().join("x.zip")).unwrap();
    }
    for method in ["ZIP_STORED", "ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"] {
        assert_both(&streamed(folder.path(), method), method);
    }
}

#[test]
fn a_script_or_a_key_may_stand_in_front() {
    let folder = folder();
    let bytes = made(folder.path(), "zip", &["-qr", "x.zip", "b.txt", "dir"]);
    let script = [b"#!/bin/sh\nexec java -jar $0\n", &[b'#'; 700][..], b"\n"].concat();
    for front in [&script[..], b"#!/usr/bin/env python3\n", b"Cr24\x03\0\0\0\x04\0\0\0keys", b"JM\x01\0"] {
        assert_both(&[front, &bytes].concat(), "in front");
    }
    // As zip -A and zipapp write it: offsets from the start of the file.
    tool(
        folder.path(),
        "python3",
        &["-m", "zipapp", "dir", "-m", "a:b", "-p", "/usr/bin/python3", "-o", "x.zip"],
    );
    let parts = members(&fs::read(folder.path().join("x.zip")).unwrap());
    assert_eq!(parts.len(), 2, "{:?}", parts.iter().map(|part| &part.0).collect::<Vec<_>>());
    // A script that only has the name of one.
    let (parts, faults, ended) = show(&script);
    assert_eq!((parts, faults, ended), (vec![], vec![], Ok(())));
}

#[test]
fn zstd_is_read() {
    let content = long();
    for method in [93, 20] {
        let packed = zstd::encode_all(content.as_bytes(), 3).unwrap();
        let bytes = archive(&[Made { method, packed, ..made_of("a", content.as_bytes()) }]);
        assert!(members(&bytes) == [("a".to_owned(), content.clone().into_bytes())]);
    }
}

#[test]
fn an_encrypted_member_is_told_and_the_others_are_shown() {
    let folder = folder();
    tool(folder.path(), "zip", &["-q", "x.zip", "b.txt"]);
    let traditional = made(folder.path(), "zip", &["-qr", "-P", "made-up", "x.zip", "dir"]);
    fs::remove_file(folder.path().join("x.zip")).unwrap();
    tool(folder.path(), "zip", &["-q", "x.zip", "b.txt"]);
    let aes = made(folder.path(), "7z", &["a", "-bd", "-pmade-up", "-mem=AES256", "x.zip", "dir"]);
    let piped = tool(folder.path(), "zip", &["-q", "-P", "made-up", "-", "dir/a.txt"]);
    for (bytes, shown) in [(traditional, 1), (aes, 1), (piped, 0)] {
        let (parts, faults, ended) = show(&bytes);
        assert_eq!((parts.len(), ended), (shown, Ok(())), "{faults:?}");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!((&faults[0].0[..], faults[0].1.kind), ("dir/a.txt", FaultKind::Encrypted));
    }
}

#[test]
fn methods_that_nobody_has_used_for_long_are_named() {
    let folder = folder();
    let bytes = made(folder.path(), "7z", &["a", "-bd", "-tzip", "-mm=PPMd", "x.zip", "dir/a.txt"]);
    let (parts, faults, ended) = show(&bytes);
    assert_eq!((parts.len(), ended), (0, Ok(())));
    assert_eq!(faults[0].1, Fault::unsupported("compression method 98 (PPMd)"));
}

/// A member as a hostile writer makes it.
struct Made<'m> {
    name: &'m str,
    method: u16,
    flags: u16,
    crc: u32,
    packed: Vec<u8>,
    size: u32,
}

fn made_of<'m>(name: &'m str, content: &[u8]) -> Made<'m> {
    let size = u32::try_from(content.len()).unwrap();
    Made { name, method: 0, flags: 0, crc: crc32fast::hash(content), packed: content.to_vec(), size }
}

impl Made<'_> {
    /// What local header and directory entry have in common.
    fn common(&self) -> Vec<u8> {
        let packed = u32::try_from(self.packed.len()).unwrap();
        let mut bytes = [20_u16, self.flags, self.method, 0, 0].map(u16::to_le_bytes).concat();
        bytes.extend([self.crc, packed, self.size].map(u32::to_le_bytes).concat());
        bytes.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        bytes
    }

    fn local(&self) -> Vec<u8> {
        [&b"PK\x03\x04"[..], &self.common(), &[0, 0], self.name.as_bytes(), &self.packed].concat()
    }

    fn entry(&self, offset: usize) -> Vec<u8> {
        let offset = u32::try_from(offset).unwrap().to_le_bytes();
        [&b"PK\x01\x02\x14\0"[..], &self.common(), &[0; 12], &offset, self.name.as_bytes()].concat()
    }
}

fn archive(members: &[Made<'_>]) -> Vec<u8> {
    let (mut bytes, mut entries) = (Vec::new(), Vec::new());
    for member in members {
        entries.extend(member.entry(bytes.len()));
        bytes.extend(member.local());
    }
    finish(bytes, &entries)
}

fn finish(mut bytes: Vec<u8>, entries: &[u8]) -> Vec<u8> {
    let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    bytes.extend_from_slice(entries);
    bytes.extend([&b"PK\x05\x06"[..], &[0; 12], &start, &[0, 0]].concat());
    bytes
}

fn kinds(faults: &[(String, Fault)]) -> Vec<(&str, FaultKind)> {
    faults.iter().map(|(name, fault)| (&name[..], fault.kind)).collect()
}

#[test]
fn bytes_that_do_not_agree_with_their_checksum_are_shown_and_told() {
    let wrong = Made { crc: 1, ..made_of("a", b"content") };
    let (parts, faults, ended) = show(&archive(&[wrong, made_of("b", b"more")]));
    assert_eq!((parts.len(), ended), (2, Ok(())));
    assert_eq!(kinds(&faults), [("a", FaultKind::Damaged)]);
}

#[test]
fn a_size_that_lies_is_told_and_reading_goes_on() {
    let mut bytes = archive(&[made_of("first", b"some content"), made_of("second", b"other content")]);
    // The first claims four bytes less.
    for at in [18, 22] {
        bytes[at] -= 4;
    }
    let (parts, faults, _) = show(&bytes);
    let names: Vec<_> = parts.iter().map(|part| &part.0[..]).collect();
    assert_eq!(names, ["first", "(rest)", "second"]);
    assert_eq!(kinds(&faults), [("first", FaultKind::Damaged), ("(rest)", FaultKind::Damaged)]);
    // It claims to reach over the second one.
    for at in [18, 22] {
        bytes[at] += 50;
    }
    let (parts, faults, _) = show(&bytes);
    assert!(parts.iter().all(|part| part.0 != "second"));
    assert!(
        faults.iter().any(|fault| fault.0 == "(rest)" && fault.1.message.contains("2 members")),
        "{faults:?}"
    );
}

#[test]
fn a_directory_that_names_members_inside_of_others_is_damaged() {
    let inner = made_of("inner", b"shown by who goes by the directory").local();
    let outer = made_of("outer", &inner);
    let entries = [outer.entry(0), made_of("inner", b"x").entry(35)].concat();
    let (parts, faults, ended) = show(&finish(outer.local(), &entries));
    assert_eq!((parts.len(), ended), (1, Ok(())));
    assert_eq!(kinds(&faults), [("(rest)", FaultKind::Damaged)]);
}

#[test]
fn a_deflated_member_that_is_damaged_does_not_hide_the_next() {
    let folder = folder();
    for piped in [false, true] {
        let mut bytes = if piped {
            tool(folder.path(), "zip", &["-q", "-", "dir/a.txt", "b.txt"])
        } else {
            made(folder.path(), "zip", &["-q", "x.zip", "dir/a.txt", "b.txt"])
        };
        bytes[2000..2040].fill(0xff);
        let (parts, faults, _) = show(&bytes);
        assert_eq!(parts.last().unwrap(), &("b.txt".to_owned(), b"short".to_vec()), "{piped}");
        assert_eq!(kinds(&faults)[0], ("dir/a.txt", FaultKind::Damaged), "{piped}");
    }
}

#[test]
fn an_archive_that_is_cut_off_is_shown_as_far_as_it_goes() {
    let folder = folder();
    let bytes = made(folder.path(), "zip", &["-q", "x.zip", "b.txt", "dir/a.txt"]);
    for cut in [75, 200, bytes.len() - 100, bytes.len() - 30] {
        let (parts, faults, ended) = show(&bytes[..cut]);
        assert!(parts.iter().any(|part| part.0 == "b.txt"));
        assert_eq!(faults.len() + usize::from(ended.is_err()), 1, "{cut}: {faults:?} {ended:?}");
    }
}

#[test]
fn bytes_between_and_behind_are_shown_and_a_second_archive_is_read() {
    let one = archive(&[made_of("a", b"first")]);
    let two = archive(&[made_of("b", b"second")]);
    let bytes = [&one[..], &[0; 9], b"between", &two, b"behind"].concat();
    let parts = show(&bytes).0;
    let parts: Vec<_> = parts.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    assert_eq!(
        parts,
        [("a", &b"first"[..]), ("(rest)", b"between"), ("b", b"second"), ("(rest)", b"behind")]
    );
}

/// Counts the parts and reads none.
struct Count(u64);
impl Visitor for Count {
    fn visit(&mut self, _: Part<'_>, _: &mut dyn io::Read) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }
    fn fault(&mut self, _: Part<'_>, fault: Fault) {
        panic!("{fault:?}");
    }
    fn limit(&self, limit: Limit) -> u64 {
        crate::limits::Limits::default().get(limit)
    }
    fn room(&self) -> u64 {
        32 << 20
    }
}

#[test]
fn a_million_members_cost_linear_time() {
    let member = made_of("m", b"x");
    let (local, mut entries, mut bytes) = (member.local(), Vec::new(), Vec::new());
    for _ in 0..1_000_000 {
        entries.extend(member.entry(bytes.len()));
        bytes.extend_from_slice(&local);
    }
    let (bytes, mut count) = (finish(bytes, &entries), Count(0));
    let head = Head { path: b"", bytes: &bytes[..HEAD], size: None };
    let started = std::time::Instant::now();
    (ZIP.decode)(&head, &mut &bytes[..], &mut count).unwrap();
    assert_eq!(count.0, 1_000_000);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn only_what_is_one_is_taken_for_one() {
    let is = |bytes: &[u8], path: &str| (ZIP.is)(&Head { path: path.as_bytes(), bytes, size: None });
    assert!(!is(b"PK\x03\x04 as a text that has these letters in it", "a.txt"));
    assert!(!is(b"PK", "a.zip") && !is(b"#!/bin/sh\necho PK", "x.sh") && !is(b"Cr24", ""));
    assert!(is(&finish(Vec::new(), b""), "empty.zip"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0usize..400,
        piece in 1usize..300,
    ) {
        let mut made = [made_of("a", b"some content"), made_of("b", &[7; 90])];
        made[1].flags = 8;
        let mut hostile = archive(&made);
        let at = at.min(hostile.len());
        hostile.splice(at..(at + bytes.len() / 2).min(hostile.len()), bytes);
        let mut shown = Shown { parts: Vec::new(), faults: Vec::new(), most: 100, room: 1 << 10 };
        let head = Head { path: b"", bytes: &hostile[..hostile.len().min(HEAD)], size: None };
        let mut body = io::BufReader::with_capacity(piece, &hostile[..]);
        let _ = (ZIP.decode)(&head, &mut body, &mut shown);
    }

    #[test]
    fn changed_bytes_make_no_panic_whatever_the_method(method in 0usize..6, at in any::<usize>(), byte in any::<u8>()) {
        let content = b"content that is compressed ".repeat(20);
        let method = [8, 9, 12, 14, 93, 95][method];
        let mut packed = [&[9, 4, 5, 0, 0x5d, 0, 0, 1, 0][..], &zstd::encode_all(&content[..], 1).unwrap()].concat();
        let at = at % packed.len();
        packed[at] = byte;
        let bytes = archive(&[Made { method, packed, ..made_of("a", &content) }]);
        let _ = show(&bytes);
    }
}
