use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::content::tests::{Shown, run, shown};

/// Made-up tokens, each of a letter over and over so that no rule takes it for one.
fn tokens() -> Vec<String> {
    ["one", "two", "three", "four", "five"]
        .map(|word| format!("tok0made0up0value0{word}0{word}0{word}"))
        .to_vec()
}

fn strings(shown: &Shown) -> String {
    let part = shown.parts.iter().find(|(name, _)| name == "(strings)");
    part.map_or(String::new(), |(_, text)| String::from_utf8(text.clone()).unwrap())
}

/// Whether a text stands in the file somewhere with no letter beside it, where rules find it in the bytes as they are.
fn alone(bytes: &[u8], text: &str) -> bool {
    let word = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    memchr::memmem::find_iter(bytes, text).any(|at| !word(at.checked_sub(1)) && !word(Some(at + text.len())))
}

fn assert_apart(bytes: &[u8], what: &str) {
    let decoder = if bytes.starts_with(b"\0asm") { &WASM } else { &EXECUTABLE };
    let (shown, ended) = shown(decoder, "bin/made", bytes, 64 << 10);
    assert_eq!((ended, shown.faults.len()), (Ok(()), 0), "{what}");
    let text = strings(&shown);
    let mut apart = 0;
    for token in tokens() {
        let line = text.lines().any(|line| line == token);
        assert!(line || alone(bytes, &token), "{what}: {token}");
        apart += usize::from(line && !alone(bytes, &token));
    }
    assert!(apart >= 2, "{what}: {apart} had letters beside them");
}

const RUST: &str = r#"
const FIRST: &str = "TOK0";
static TABLE: [(&str, &str); 3] = [("alpha", "TOK1"), ("beta", "TOK2"), ("gamma", "x")];
#[inline(never)]
fn send(place: &str, token: &str) -> usize { println!("{place}{token}"); token.len() }
fn main() {
    let mut total = send("one place", FIRST) + send("another place", "TOK3");
    for (name, value) in TABLE { total += send(name, value); }
    if std::env::args().count() > total { panic!("a message"); }
    send("a last place", "TOK4");
    send("behind it", "the end of what is sent");
}
"#;

fn with_tokens(source: &str) -> String {
    let number = |(index, token): (usize, String)| (format!("TOK{index}"), token);
    tokens()
        .into_iter()
        .enumerate()
        .map(number)
        .fold(source.to_owned(), |text, (mark, token)| text.replace(&mark, &token))
}

#[test]
fn strings_of_rust_are_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("made.rs"), with_tokens(RUST)).unwrap();
    for options in [&["-O"][..], &["-g"], &["-Copt-level=s", "-Cstrip=symbols", "-Cpanic=abort"]] {
        run(folder.path(), "rustc", &[&["rustc", "made.rs", "-o", "made"], options].concat());
        assert_apart(&fs::read(folder.path().join("made")).unwrap(), &format!("{options:?}"));
    }
}

const GO: &str = r#"
package main
import "os"
const first = "TOK0"
var table = map[string]string{"alpha": "TOK1", "beta": "TOK2"}
type user struct{ Name, Word string }
var users = []user{{"crm", "TOK3"}}
func send(place, token string) { println(place, token, "and more text of that length") }
func main() {
	send("one place of a length of its own....", first)
	if os.Getenv("HOME") == "TOK4" { println(table["alpha"], table["beta"]) }
	for _, user := range users { send("another place of that length.........", user.Word) }
}
"#;

#[test]
fn strings_of_go_are_taken_apart_on_every_system() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("made.go"), with_tokens(GO)).unwrap();
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/go");
    for (system, machine) in
        [("linux", "amd64"), ("linux", "arm64"), ("windows", "amd64"), ("darwin", "arm64"), ("js", "wasm")]
    {
        let built = Command::new("go")
            .args(["build", "-o", "made", "made.go"])
            .current_dir(folder.path())
            .envs([("GOOS", system), ("GOARCH", machine), ("CGO_ENABLED", "0"), ("GOFLAGS", "-p=2")])
            .env("GOCACHE", &cache)
            .output()
            .expect("go is needed: run tests/install.sh, or install golang-go");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        assert_apart(&fs::read(folder.path().join("made")).unwrap(), &format!("{system} {machine}"));
    }
}

#[test]
fn what_is_appended_is_shown_and_c_has_nothing_to_take_apart() {
    let folder = tempfile::tempdir().unwrap();
    let source = "#include <stdio.h>\nint main(void) { puts(\"a string of some length\"); return 0; }\n";
    fs::write(folder.path().join("made.c"), source).unwrap();
    run(folder.path(), "build-essential", &["cc", "made.c", "-o", "made"]);
    let bytes = fs::read(folder.path().join("made")).unwrap();
    let (plain, ended) = shown(&EXECUTABLE, "", &bytes, 4096);
    assert_eq!((ended, plain.parts.len()), (Ok(()), 0), "{:?}", plain.parts);
    fs::write(folder.path().join("text"), "appended text").unwrap();
    run(folder.path(), "gzip", &["gzip", "text"]);
    let more = fs::read(folder.path().join("text.gz")).unwrap();
    let appended = [&bytes[..], &more].concat();
    for piece in [1, 4096] {
        let (shown, ended) = shown(&EXECUTABLE, "", &appended, piece);
        assert_eq!(ended, Ok(()));
        assert_eq!(shown.parts, [("(rest)".to_owned(), more.clone())]);
    }
    // What nobody can open was searched with the file.
    let (shown, _) = shown(&EXECUTABLE, "", &[&bytes[..], b"some bytes"].concat(), 4096);
    assert!(shown.parts.is_empty());
}

#[test]
fn strings_of_rust_in_webassembly_are_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("made.rs"), with_tokens(RUST)).unwrap();
    for level in ["-Copt-level=3", "-Copt-level=z"] {
        let command = ["rustc", "--target=wasm32-unknown-unknown", level, "made.rs", "-o", "made.wasm"];
        run(folder.path(), "Rust's target wasm32-unknown-unknown", &command);
        let bytes = fs::read(folder.path().join("made.wasm")).unwrap();
        assert_apart(&bytes, level);
        let expected = strings(&shown(&WASM, "", &bytes, 64 << 10).0);
        assert_eq!(strings(&shown(&WASM, "", &bytes, 7).0), expected, "{level}");
    }
}

#[test]
fn the_archive_of_a_program_that_extracts_itself_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.conf"), "some text").unwrap();
    run(folder.path(), "p7zip-full", &["7z", "a", "-bd", "-sfx", "made", "a.conf"]);
    let bytes = fs::read(folder.path().join("made")).unwrap();
    let (shown, ended) = shown(&EXECUTABLE, "made", &bytes, 4096);
    assert_eq!((ended, &shown.faults), (Ok(()), &vec![]));
    let (name, archive) = shown.parts.last().unwrap();
    assert!(name == "(rest)" && archive.starts_with(b"7z\xbc\xaf\x27\x1c"), "{name}");
}

#[test]
fn one_that_tells_nothing_of_itself_is_not_behind_itself() {
    let mut bytes = vec![0; 64];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    bytes[16] = 2;
    bytes[18] = 62;
    bytes.extend_from_slice(&b"password=\0".repeat(100));
    let (shown, ended) = shown(&EXECUTABLE, "bin/made", &bytes, 64 << 10);
    assert_eq!((ended, shown.parts.len(), shown.faults.len()), (Ok(()), 0, 0));
}

#[test]
fn headers_behind_the_code_are_read_if_they_can_be_held() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("made.rs"), with_tokens(RUST)).unwrap();
    run(folder.path(), "rustc", &["rustc", "-O", "-Cstrip=symbols", "made.rs", "-o", "made"]);
    let mut bytes = fs::read(folder.path().join("made")).unwrap();
    // As BOLT leaves a program that it rewrote.
    let table = bytes[64..64 + 56 * usize::from(bytes[56])].to_vec();
    let end = bytes.len();
    assert!(bytes[32] == 64 && end > HEADERS);
    bytes[64..64 + table.len()].fill(0);
    bytes[32..40].copy_from_slice(&(end as u64).to_le_bytes());
    bytes.extend(&table);
    assert_apart(&bytes, "headers at the end");
    assert_eq!(shown(&EXECUTABLE, "", &bytes[..end], 4096).1, Ok(()));
    let mut visitor = Shown { parts: vec![], faults: vec![], most: 9, room: 100 << 10 };
    let head = Head { path: b"", bytes: &bytes[..HEAD], size: None };
    let fault = decode(&head, &mut &bytes[..], &mut visitor).unwrap_err();
    assert_eq!(fault.kind, crate::content::FaultKind::Limit(Limit::WholeBytes));
    assert_eq!(decode(&head, &mut &bytes[..end], &mut visitor), Ok(()));
}

#[test]
fn any_piece_size_gives_the_same_and_what_is_cut_off_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("made.rs"), with_tokens(RUST)).unwrap();
    run(folder.path(), "rustc", &["rustc", "-O", "-Cstrip=symbols", "made.rs", "-o", "made"]);
    let bytes = fs::read(folder.path().join("made")).unwrap();
    let expected = strings(&shown(&EXECUTABLE, "", &bytes, 64 << 10).0);
    for piece in [13, 4097] {
        assert_eq!(strings(&shown(&EXECUTABLE, "", &bytes, piece).0), expected, "{piece}");
    }
    for length in [30, 70, 4096, bytes.len() / 2] {
        assert_eq!(shown(&EXECUTABLE, "", &bytes[..length], 4096).1, Ok(()), "{length}");
    }
}

#[test]
fn core_dumps_and_class_files_are_none() {
    let core = [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], &[4, 0, 62, 0]].concat();
    assert!(!layout::is(&core));
    assert!(!layout::is(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65, 0, 9]));
    assert!(!layout::is(
        b"MZ is how a text may begin, with more behind it that fills the place of a header."
    ));
}

proptest! {
    #[test]
    fn no_module_makes_it_panic(
        code in proptest::collection::vec(any::<u8>(), 0..100), data in proptest::collection::vec(any::<u8>(), 0..100),
        begin in 0usize..3,
    ) {
        let begin: &[u8] = [&b""[..], b"\x01\0\x41\x05\x0b\x30", b"\x02\x02\0\x42\xff\xff\xff\xff\x7f\x0b\xff\xff\x7f"][begin];
        let data = [begin, &data].concat();
        let section = |id: u8, bytes: &[u8]| [&[id, bytes.len().to_le_bytes()[0]], bytes].concat();
        let module = [b"\0asm\x01\0\0\0".to_vec(), section(10, &code), section(11, &data)].concat();
        let _ = shown(&WASM, "", &module, 64);
    }

    #[test]
    fn no_header_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 40..2000), kind in 0usize..6) {
        let begin: &[u8] = [
            &b"\x7fELF\x02\x01\x01"[..], b"\x7fELF\x01\x02\x01", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe",
            b"\xca\xfe\xba\xbe\0\0\0\x02", b"\xca\xfe\xba\xbf\0\0\0\x02",
        ][kind];
        let bytes = [begin, &bytes].concat();
        if layout::is(&bytes) {
            let _ = shown(&EXECUTABLE, "", &bytes, 512);
        }
    }

    #[test]
    fn no_layout_makes_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        regions in proptest::collection::vec((0u64..4000, any::<u32>(), any::<u64>(), any::<bool>()), 1..5),
    ) {
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec();
        file.resize(64, 0);
        file[32] = 64;
        file[54] = 56;
        file[56] = regions.len().to_le_bytes()[0];
        for (offset, size, address, code) in regions {
            file.extend([1, 0, 0, 0, 4 + u8::from(code), 0, 0, 0]);
            for number in [offset, address, address, u64::from(size % 5000), u64::from(size), 1] {
                file.extend(number.to_le_bytes());
            }
        }
        file.extend(bytes);
        let _ = shown(&EXECUTABLE, "", &file, 512);
    }
}
