use proptest::prelude::*;

use super::*;
use crate::content::FaultKind;
use crate::content::tests::{run, shown};

fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pyc")
}

fn text(bytes: &[u8], piece: usize) -> String {
    let (shown, ended) = shown(&PYC, "made.pyc", bytes, piece);
    assert_eq!((ended, shown.faults.len()), (Ok(()), 0));
    assert_eq!(shown.parts.len(), 1);
    String::from_utf8_lossy(&shown.parts[0].1).into_owned()
}

const LINES: [&str; 17] = [
    r#"MODULE = "made-up-value-01""#,
    r#"USER = "made-up-value-02""#,
    r#"PASSWORD = "made-up-value-03""#,
    r#"big_key = "made-up-value-04""#,
    r#"ENVIRONMENT = "made-up-value-05""#,
    r#"BYTES = "made-up-value-06""#,
    r#"attribute = "made-up-value-07""#,
    r#"default = "made-up-value-08""#,
    r#"field = "made-up-value-09""#,
    r#"local = "made-up-value-10""#,
    r#"connect(_, "made-up-value-11")"#,
    r#"password = "made-up-value-12""#,
    "made-up-value-13",
    "second line",
    "made-up-value-15",
    "made-up-value-16",
    "made-up-value-17",
];

#[test]
fn every_version_tells_the_same() {
    for version in [27, 36, 37, 38, 39, 310, 311, 312, 313, 314] {
        let bytes = std::fs::read(folder().join(format!("made.{version}.pyc"))).unwrap();
        let text = text(&bytes, 4096);
        let lines: Vec<&str> = text.lines().collect();
        for line in LINES {
            assert!(lines.contains(&line), "{version}: {line} in\n{text}");
        }
        assert_eq!(text, self::text(&bytes, 3), "{version}");
    }
}

#[test]
fn the_python_that_is_here_is_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(folder().join("made.py"), dir.path().join("made.py")).unwrap();
    let script = "import py_compile; py_compile.compile('made.py', cfile='made.pyc', doraise=True)";
    run(dir.path(), "python3", &["python3", "-c", script]);
    let text = text(&std::fs::read(dir.path().join("made.pyc")).unwrap(), 4096);
    for line in LINES {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
}

#[test]
fn what_is_cut_off_is_told_after_what_is_there() {
    let bytes = std::fs::read(folder().join("made.311.pyc")).unwrap();
    let (shown, ended) = shown(&PYC, "", &bytes[..bytes.len() - 100], 512);
    assert_eq!(ended.unwrap_err().kind, FaultKind::Damaged);
    assert!(String::from_utf8_lossy(&shown.parts[0].1).contains("made-up-value-15\n"));
}

#[test]
fn marks_tell_versions() {
    assert!(version(b"\xa7\x0d\x0d\n\0\0\0\0\0\0\0\0\0\0\0\0\xe3").is_some());
    assert!(version(b"\xa7\x0d\x0d\n\0\0\0\0\0\0\0\0\0\0\0\0\xe4").is_none());
    assert!(version(b"\x01\x00\x0d\n\0\0\0\0\0\0\0\0\0\0\0\0\xe3").is_none());
    assert!(!Version::of(3700).unwrap().is_known());
}

#[test]
fn references_make_neither_cycles_nor_endless_text() {
    // A code whose tuple of constants refers to itself, over and over.
    let mut bytes = b"\xa7\x0d\x0d\n\0\0\0\0\0\0\0\0\0\0\0\0\xe3".to_vec();
    bytes.extend([0; 20]);
    bytes.extend(b"s\0\0\0\0\xa9\x03");
    bytes.extend(b"r\x01\0\0\0r\x01\0\0\0z\x0csome-letters");
    bytes.extend(b")\0)\0)\0z\x01az\x01az\x01a\0\0\0\0s\0\0\0\0s\0\0\0\0");
    assert_eq!(text(&bytes, 64), "some-letters\n");
}

proptest! {
    #[test]
    fn no_change_makes_it_panic(at in 16usize..1900, value in any::<u8>(), other in 16usize..1900) {
        for version in [27, 311, 314] {
            let mut bytes = std::fs::read(folder().join(format!("made.{version}.pyc"))).unwrap();
            let length = bytes.len();
            bytes[at % length] = value;
            bytes[other % length] = value ^ 0x80;
            if super::version(&bytes).is_some() {
                let _ = shown(&PYC, "", &bytes, 512);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&b"\xa7\x0d\x0d\n\0\0\0\0\0\0\0\0\0\0\0\0\xe3"[..], &bytes].concat();
        let _ = shown(&PYC, "", &bytes, 7);
    }
}
