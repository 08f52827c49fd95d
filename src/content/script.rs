//! Scripts with an archive behind them: installers (`.run`, `.sh`, `.bin`), and jars and zip archives that start themselves.
//!
//! The script is text, and an archive has bytes that no text has. So where the first of these stands, the archive begins: with
//! its line, or at most a few bytes before. An archive that begins in the first bytes of the file is its own row's.

use std::io::BufRead;

use memchr::memchr;

use super::input::{AHEAD, Input};
use super::{Decoder, Fault, HEAD, Head, Part, Visitor};

/// See the module.
pub(super) const SCRIPT: Decoder = Decoder {
    name: "script",
    about: "scripts with an archive behind them: makeself and other installers, jars that start themselves",
    is: |head| head.bytes.starts_with(b"#!") || is_batch(head.bytes),
    decode,
};

/// Longest script that is read in search of an archive.
const LONGEST: u64 = 4 << 20;
/// Bytes that are looked at in one go: behind each of them is enough to know an archive by.
const STEP: usize = AHEAD - HEAD;
/// Most bytes of an archive's mark before its first byte that is no text: those of xz.
const MARK: usize = 5;

fn is_batch(bytes: &[u8]) -> bool {
    bytes.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case(b"@echo off"))
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut input = Input::new(body);
    while input.offset() < LONGEST {
        let ahead = input.peek(AHEAD)?;
        let ahead = &ahead[..ahead.len().min(AHEAD)];
        let step = &ahead[..ahead.len().min(STEP)];
        if step.is_empty() {
            break;
        }
        let line = memchr(b'\n', step).map_or(step.len(), |end| end + 1);
        let found = step[..line].iter().position(|byte| is_binary(*byte)).and_then(|at| archive(ahead, at));
        input.consume(found.unwrap_or(line));
        if found.is_some() {
            let _ = visitor.visit(Part::Rest, &mut input);
            break;
        }
    }
    Ok(())
}

/// Where the archive begins in `ahead`, a line and more, whose first byte that is no text is at `at`.
fn archive(ahead: &[u8], at: usize) -> Option<usize> {
    let is = |start: &usize| {
        let bytes = &ahead[*start..ahead.len().min(start + HEAD)];
        let head = Head { path: b"", bytes, size: None };
        head.decoder().is_some_and(|decoder| decoder.name != SCRIPT.name)
    };
    std::iter::once(0).chain(at.saturating_sub(MARK)..=at).find(is)
}

/// Whether no text has this byte.
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::content::tests::{run, shown, shown_in_pieces};

    /// What is behind the script in `bytes`; also that nothing is lost.
    fn behind(bytes: &[u8]) -> Vec<u8> {
        let (shown, ended) = shown_in_pieces(&SCRIPT, "", bytes);
        assert_eq!((ended, &shown.faults, shown.parts.len()), (Ok(()), &vec![], 1));
        assert!(bytes.ends_with(&shown.parts[0].1) && shown.parts[0].0 == "(rest)");
        shown.parts[0].1.clone()
    }

    fn name(bytes: &[u8]) -> &'static str {
        let head = Head { path: b"", bytes: &bytes[..bytes.len().min(HEAD)], size: None };
        head.decoder().map_or("", |decoder| decoder.name)
    }

    #[test]
    fn what_makeself_packs_is_found_in_every_compression() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/a.conf"), "some text\n").unwrap();
        for how in ["--gzip", "--bzip2", "--xz", "--zstd", "--compress", "--nocomp"] {
            let command = ["makeself", how, "--quiet", "files", "made.run", "a label", "true"];
            run(folder.path(), "makeself", &command);
            let behind = behind(&fs::read(folder.path().join("made.run")).unwrap());
            assert_eq!(name(&behind), if how == "--nocomp" { "tar" } else { "compressed" }, "{how}");
        }
    }

    /// A script of shell with some 10,000 bytes, as Spring Boot puts in front of a jar.
    fn launcher() -> String {
        format!("#!/bin/bash\n{}exit 0\n", "[[ -n \"$DEBUG\" ]] && set -x # für alle\n".repeat(250))
    }

    #[test]
    fn a_jar_behind_a_long_script_is_found_with_and_without_a_line_end() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("application.yml"), "a: some text\n").unwrap();
        run(folder.path(), "zip", &["zip", "-q", "app.zip", "application.yml"]);
        let zip = fs::read(folder.path().join("app.zip")).unwrap();
        for script in [&launcher(), launcher().trim_end(), "@ECHO OFF\r\nrem a text\r\n"] {
            assert_eq!(behind(&[script.as_bytes(), &zip].concat()), zip);
        }
    }

    #[test]
    fn a_zipapp_with_a_long_first_line_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        fs::write(folder.path().join("app/__main__.py"), "print()").unwrap();
        let interpreter = format!("/opt/{}/python3", "a".repeat(600));
        let command = ["python3", "-m", "zipapp", "app", "-o", "made", "-p", &interpreter];
        run(folder.path(), "python3", &command);
        assert_eq!(name(&behind(&fs::read(folder.path().join("made")).unwrap())), "zip");
    }

    #[test]
    fn scripts_without_an_archive_show_nothing() {
        let colours = "#!/bin/sh\nprintf '\x1b[1m'\nIFS='\x01\x02'\necho 'PK\x03\x04'\n";
        for script in [&launcher(), colours, &"#!/bin/sh -e ".repeat(9000), "#!"] {
            let (shown, ended) = shown_in_pieces(&SCRIPT, "", script.as_bytes());
            assert_eq!((ended, shown.parts.len()), (Ok(()), 0));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9000), text in 0usize..9000) {
            let script = [b"#!", &vec![b' '; text][..], &bytes].concat();
            let _ = shown(&SCRIPT, "", &script, 100);
        }
    }
}
