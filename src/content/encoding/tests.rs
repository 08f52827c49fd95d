//! What every encoding promises: it is found wherever it stands, every byte knows its place, and what is no text is none.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

/// How one encoding writes a text.
type Write = fn(&str) -> Vec<u8>;

fn wrapped(text: &str, line: usize, between: &str) -> Vec<u8> {
    let lines: Vec<&str> =
        text.as_bytes().chunks(line).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(between).into_bytes()
}

fn hex(text: &str) -> String {
    text.bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)]))
        .collect()
}

fn wide(text: &str, width: usize, big: bool) -> Vec<u8> {
    let character = |byte: u8| {
        let mut bytes = vec![0; width];
        bytes[if big { width - 1 } else { 0 }] = byte;
        bytes
    };
    text.bytes().flat_map(character).collect()
}

/// Each byte behind `before`, in hexadecimal digits.
fn escaped(text: &str, before: &str, which: fn(&u8) -> bool) -> Vec<u8> {
    let escape = |byte: u8| {
        let digits = hex(&char::from(byte).to_string());
        if which(&byte) { format!("{before}{digits}") } else { char::from(byte).to_string() }
    };
    text.bytes().map(escape).collect::<Vec<_>>().concat().into_bytes()
}

/// Every way to write a text in every encoding: the name that reports have, and how.
const WAYS: &[(&str, Write)] = &[
    ("base64", |text| BASE64_STANDARD.encode(text).into_bytes()),
    ("base64", |text| BASE64_STANDARD_NO_PAD.encode(text).into_bytes()),
    ("base64", |text| BASE64_URL_SAFE.encode(text).into_bytes()),
    ("base64", |text| BASE64_URL_SAFE_NO_PAD.encode(text).into_bytes()),
    ("base64", |text| wrapped(&BASE64_STANDARD.encode(text), 76, "\n")),
    ("base64", |text| wrapped(&BASE64_STANDARD.encode(text), 64, "\r\n")),
    ("base64", |text| wrapped(&BASE64_STANDARD.encode(text), 60, "\n      ")),
    ("base64", |text| wrapped(&BASE64_STANDARD.encode(text), 76, "\\n")),
    ("base64", |text| wrapped(&BASE64_STANDARD.encode(text), 64, "\\r\\n")),
    ("hex", |text| hex(text).into_bytes()),
    ("hex", |text| hex(text).to_uppercase().into_bytes()),
    ("hex", |text| wrapped(&hex(text), 60, "\n")),
    ("url", |text| escaped(text, "%", |_| true)),
    ("url", |text| escaped(text, "%", |byte| !byte.is_ascii_alphanumeric() || *byte == b'a')),
    ("unicode", |text| escaped(text, "\\u00", |_| true)),
    ("unicode", |text| escaped(text, "\\x", |byte| byte.is_ascii_control() || *byte == b'a')),
    ("utf-16le", |text| wide(text, 2, false)),
    ("utf-16be", |text| wide(text, 2, true)),
    ("utf-32le", |text| wide(text, 4, false)),
    ("utf-32be", |text| wide(text, 4, true)),
];

/// What may stand around it: nothing of this belongs to the text.
const AROUND: &[(&[u8], &[u8])] = &[
    (b"", b""),
    (b"\xff\xfe", b"\xff\xff"),
    (b"DATA: \"", b"\", "),
    (b"\n\n", b"\n\n"),
    (b"\x01\x02\x03", b"\x01"),
];

const TEXT: &str =
    "password = made-up?value>\r\n# and >> a second ~ line that is long enough to be wrapped\n";

#[test]
fn every_way_has_a_row_and_every_name_a_way() {
    let names: Vec<&str> = ENCODINGS.iter().flat_map(|row| row.names.iter().copied()).collect();
    for (name, _) in WAYS {
        assert!(names.contains(name), "{name}");
    }
    for (index, name) in names.iter().enumerate() {
        assert!(WAYS.iter().any(|(way, _)| way == name), "{name}: not tried");
        assert!(!names[..index].contains(name), "{name}: twice");
    }
}

#[test]
fn a_text_is_found_wherever_it_stands_and_every_byte_knows_its_place() {
    for (number, (name, write)) in WAYS.iter().enumerate() {
        for (around, (before, behind)) in AROUND.iter().enumerate() {
            for offset in 0..40 {
                let bytes = [&vec![0xff; offset][..], before, &write(TEXT), behind].concat();
                let runs = runs(&bytes);
                let place = format!("way {number} ({name}), around {around}, offset {offset}");
                let run = runs.iter().find(|run| run.text.len() >= TEXT.len());
                let run = run.unwrap_or_else(|| panic!("{place}: {runs:?}"));
                assert!(run.encoding.starts_with(&name[..5.min(name.len())]), "{place}: {}", run.encoding);
                let at = memchr::memmem::find(&run.text, TEXT.as_bytes());
                let at = at.unwrap_or_else(|| panic!("{place}: {run:?}"));
                assert!(run.start() >= offset && run.offset(at + TEXT.len()) <= bytes.len(), "{place}");
                every_byte_stands_there(&bytes, run, write, &place);
            }
        }
    }
}

/// A word that is encoded alone stands where the run says.
fn every_byte_stands_there(bytes: &[u8], run: &Run, write: &Write, place: &str) {
    let at = memchr::memmem::find(&run.text, b"made-up?value").expect("it is in the text");
    // Of base64 the whole groups.
    let from = at.next_multiple_of(3);
    let part = from..from + 6;
    let source = run.offset(part.start)..run.end(part.end);
    // In big endian the zeros of a character stand before the byte that its place is.
    let signs = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().copied().filter(|byte| !matches!(byte, 0 | b'\n' | b'\r' | b' ' | b'\\')).collect()
    };
    let expected = signs(&write(std::str::from_utf8(&run.text[part]).expect("it is ASCII")));
    let found = signs(&bytes[source]);
    if found.len() == expected.len() {
        assert_eq!(found, expected, "{place}");
    } else {
        // A line ends in it, as a letter of an escape.
        assert!(found.len() <= expected.len() + 2, "{place}: {found:?} for {expected:?}");
    }
}

#[test]
fn the_shortest_texts_are_found() {
    for (name, write) in WAYS {
        for offset in 0..40 {
            let bytes = [&vec![1; offset][..], &write("abcdefghijklmnopqr"), &[1; 50]].concat();
            let found = runs(&bytes);
            assert_eq!(found.len(), 1, "{name} {offset}");
            assert_eq!(found[0].text, b"abcdefghijklmnopqr", "{name} {offset}");
        }
    }
}

#[test]
fn digits_are_found_behind_letters_that_do_not_belong_to_them() {
    let encoded = BASE64_STANDARD.encode(TEXT);
    for before in ["n", "ab", "pre-", "prefix", "\\n"] {
        let bytes = format!("\"{before}{encoded}\"");
        let found = runs(bytes.as_bytes());
        assert!(found.iter().any(|run| run.text.ends_with(&TEXT.as_bytes()[4..])), "{before}: {found:?}");
    }
}

#[test]
fn a_text_may_end_with_its_file() {
    for big in [false, true] {
        for length in 12..40 {
            for width in [2, 4] {
                let found = runs(&wide(&"k".repeat(length), width, big));
                assert_eq!(found.len(), 1, "{big} {length} {width}");
                assert_eq!(found[0].text.len(), length, "{big} {length} {width}");
            }
        }
    }
}

#[test]
fn what_is_no_text_is_none() {
    let noise: Vec<u8> = (0..3000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let digits = BASE64_STANDARD.encode(&noise);
    let numbers: Vec<u8> = (0..400_u16).flat_map(|i| (i * 91).to_le_bytes()).collect();
    for bytes in [
        &b"plain ascii text of some length that goes on and on"[..],
        b"getElementsByTagNameAndNamespaceOfTheFirstChildElement /usr/share/javascript/modules/vendor/index",
        b"da39a3ee5e6b4b0d3255bfef95601890afd80709e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b",
        b"/var/cache/apt/archives/passwd_1%3a4.13+dfsg1-1+deb12u2_amd64.deb printf(\"%5d%%\\n\", share)",
        b"a\0b\0c\0d\0e\0\xff\xff\xff\xff",
        &[0; 300],
        &[b'A'; 3],
        &noise,
        digits.as_bytes(),
        hex(&digits[..40]).replace('4', "9").as_bytes(),
        &numbers,
    ] {
        assert_eq!(runs(bytes), [], "{}", String::from_utf8_lossy(bytes));
    }
}

/// Bytes of which runs are likely to be made.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        (0..WAYS.len(), "[ -~]{0,60}").prop_map(|(way, text)| WAYS[way].1(&text)),
        proptest::collection::vec(any::<u8>(), 0..20),
        proptest::sample::select(vec![
            &b"\0"[..],
            b"a",
            b"%",
            b"\\",
            b"\\u00",
            b"\n",
            b"=",
            b"&#",
            b";",
            b"\"",
            b"%2",
            b"AAAA",
            b"\n  ",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_places_never_go_back(bytes in likely(), from in 0usize..100) {
        let within = from.min(bytes.len())..bytes.len();
        for row in ENCODINGS {
            let text = Text { bytes: &bytes, within: within.clone(), base: Some(0) };
            (row.runs)(&text, &mut |run| {
                let offsets: Vec<usize> = (0..=run.text.len()).map(|index| run.offset(index)).collect();
                assert!(offsets.is_sorted() && offsets.last().is_some_and(|end| *end <= bytes.len()));
                assert!((1..=run.text.len()).all(|length| run.offset(length - 1) < run.end(length)));
            });
        }
    }

    #[test]
    fn what_a_byte_stands_for_depends_on_its_context_only(
        bytes in likely(), before in likely(), behind in likely(), place: proptest::sample::Index,
    ) {
        let bytes = [before.repeat(4), bytes, behind.repeat(4)].concat();
        prop_assume!(!bytes.is_empty());
        let at = place.index(bytes.len());
        for row in ENCODINGS {
            // Offsets stay what they are modulo any width.
            let from = at.saturating_sub(row.context.next_multiple_of(16)) / 16 * 16;
            let to = bytes.len().min(at + row.context + 1);
            let whole = bytes_at(row, &bytes, at, 0);
            let cut = bytes_at(row, &bytes[from..to], at - from, from);
            prop_assert_eq!(whole, cut, "{:?} of {:?}", row.names, bytes);
        }
    }
}

/// What the byte at `at` stands for, in every run that has it.
fn bytes_at(row: &Encoding, bytes: &[u8], at: usize, base: usize) -> Vec<(&'static str, u8)> {
    let mut found = Vec::new();
    let text = Text { bytes, within: at..at + 1, base: Some(base as u64) };
    (row.runs)(&text, &mut |run| {
        let index = run.before(at);
        if index < run.text.len() && run.offset(index) == at {
            found.push((run.encoding, run.text[index]));
        }
    });
    found.sort_unstable();
    found.dedup();
    found
}
