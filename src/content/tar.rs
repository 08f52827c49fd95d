//! Tar archives: what a `.tar.gz` is inside, and the data of a Debian package.
//!
//! Behind the end marker another archive may follow, which is read too. Where a header is damaged, reading goes on at the
//! next block that is one; what stands between is shown as it is.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use super::input::{Input, Told};
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::{Limit, Limits};
use crate::stream::header::{BLOCK, Block, read_block};
use crate::stream::{ArchiveError, Members, Streamed, is_tar};

/// See the module.
pub(super) const TAR: Decoder =
    Decoder { name: "tar", about: "tar archives, in any compression", is, decode };

fn is(head: &Head<'_>) -> bool {
    has_checksum(head.bytes) && is_tar(head.bytes) && head.bytes.iter().any(|byte| *byte != 0)
}

/// Whether a number may stand in the field of the checksum, in digits or in binary. Few files of other kinds have one there.
fn has_checksum(head: &[u8]) -> bool {
    let field = head.get(148..156).unwrap_or_default();
    let digits = field.split(|byte| *byte == 0).next().unwrap_or_default();
    // Whoever reads it passes over blanks, also those that are not of ASCII.
    let text = digits.iter().all(|byte| matches!(byte, b'\t'..=b'\r' | b' ' | b'+' | b'0'..=b'7' | 0x80..));
    field.first().is_some_and(|first| *first >= 0x80) || (text && digits.iter().any(u8::is_ascii_digit))
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let limits = Limits::default().with(Limit::HeaderBytes, visitor.limit(Limit::HeaderBytes));
    let mut input = Input::new(body);
    // The first damage is told when all is read.
    let mut damage = None;
    loop {
        let flow = match archive(&mut input, &limits, visitor) {
            Ok(ControlFlow::Break(())) => break,
            Ok(ControlFlow::Continue(())) => {
                input.skip_zeros()?;
                between(&mut input, visitor)?
            }
            Err(error) => {
                let again = matches!(error, ArchiveError::Header { .. });
                damage.get_or_insert(fault(error));
                if input.failed() {
                    break;
                }
                // The block that is no header was read; bytes of a damaged extension end anywhere in theirs.
                let past = input.offset() % BLOCK as u64;
                if past > 0 {
                    input.skip(BLOCK as u64 - past)?;
                } else if again {
                    input.back(BLOCK);
                }
                between(&mut input, visitor)?
            }
        };
        if flow.is_break() || input.peek(1)?.is_empty() {
            break;
        }
    }
    damage.map_or(Ok(()), Err)
}

/// Shows the members of the archive that starts at the next byte, up to its end.
fn archive(
    input: &mut Input<'_>,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, ArchiveError> {
    let mut members = Members::new(Streamed(input), limits);
    while let Some(member) = members.next_member()? {
        // Only what can have content has a size.
        if member.size == 0 {
            continue;
        }
        let mut body = Told::new(members.body());
        let flow = visitor.visit(Part::Member(&member.path), &mut body);
        if flow.is_break() || body.failed {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn fault(error: ArchiveError) -> Fault {
    match error {
        ArchiveError::Read { source, .. } if source.kind() != io::ErrorKind::UnexpectedEof => source.into(),
        ArchiveError::Read { offset, .. } => {
            Fault::damaged(format!("the archive is cut off at byte {offset}"))
        }
        ArchiveError::Extension { .. } => Fault::limit(Limit::HeaderBytes, error.to_string()),
        _ => Fault::damaged(error.to_string()),
    }
}

/// Shows what stands in front of the next block that is a header.
fn between(input: &mut Input<'_>, visitor: &mut dyn Visitor) -> io::Result<ControlFlow<()>> {
    let mut blocks = Blocks { input };
    if blocks.left()? == 0 {
        return Ok(ControlFlow::Continue(()));
    }
    let flow = visitor.visit(Part::Rest, &mut blocks);
    if flow.is_continue() {
        io::copy(&mut blocks, &mut io::sink())?;
    }
    Ok(flow)
}

/// Gives bytes up to the next block that is a header. Blocks are counted from the start of the file.
struct Blocks<'i, 'b> {
    input: &'i mut Input<'b>,
}

impl Blocks<'_, '_> {
    /// Bytes up to the next place where a header may be; none if one is here, or the end.
    fn left(&mut self) -> io::Result<usize> {
        let past = self.input.offset() % BLOCK as u64;
        let ahead = self.input.peek(BLOCK)?;
        let header = ahead.first_chunk().is_some_and(|block| matches!(read_block(block), Block::Header(_)));
        if past == 0 && header {
            return Ok(0);
        }
        Ok(ahead.len().min(BLOCK - usize::try_from(past).unwrap_or(0)))
    }
}

impl Read for Blocks<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = self.left()?.min(out.len());
        self.input.read(&mut out[..most])
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::content::FaultKind;
    use crate::content::tests::{Shown, run, shown, shown_in_pieces};

    fn made(format: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let long = "deep/".repeat(45);
        fs::create_dir_all(folder.path().join(&long)).unwrap();
        fs::write(folder.path().join(&long).join("a"), "first").unwrap();
        fs::write(folder.path().join("b"), "second".repeat(200)).unwrap();
        std::os::unix::fs::symlink("b", folder.path().join("link")).unwrap();
        run(folder.path(), "tar", &["tar", "-c", &format!("--format={format}"), "deep", "b", "link"])
    }

    fn names(shown: &Shown) -> Vec<&str> {
        shown.parts.iter().map(|part| part.0.rsplit('/').next().unwrap()).collect()
    }

    #[test]
    fn every_format_of_gnu_tar_is_read() {
        for format in ["gnu", "pax", "posix", "oldgnu"] {
            let (shown, ended) = shown_in_pieces(&TAR, "x.tar", &made(format));
            assert_eq!((ended, &shown.faults), (Ok(()), &vec![]), "{format}");
            assert_eq!(names(&shown), ["a", "b"], "{format}");
            assert_eq!(shown.parts[0].0.len(), 45 * 5 + 1, "{format}");
            assert_eq!(shown.parts[1].1, "second".repeat(200).as_bytes(), "{format}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_as_a_checksum_is_one(field in any::<[u8; 8]>(), digits in "[ +0-7\t]{1,7}") {
            let mut head = [0; 512];
            let mut digits = digits.into_bytes();
            digits.resize(8, 0);
            for field in [&field[..], &digits] {
                head[148..156].copy_from_slice(field);
                let read = ::tar::Header::from_byte_slice(&head).cksum();
                prop_assert!(read.is_err() || has_checksum(&head), "{field:?}");
            }
        }
    }

    #[test]
    fn what_npm_packs_is_one_inside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("package.json"), r#"{"name": "made-up", "version": "1.0.0"}"#).unwrap();
        fs::write(folder.path().join(".npmrc"), "left = out").unwrap();
        fs::write(folder.path().join("index.js"), "let a = 1").unwrap();
        run(folder.path(), "npm", &["npm", "pack", "--offline", "--silent"]);
        let packed = fs::read(folder.path().join("made-up-1.0.0.tgz")).unwrap();
        let mut decoder = crate::stream::Decoder::new(&packed[..], crate::stream::Compression::Gzip, 1 << 20);
        let plain = crate::stream::read_bounded(&mut decoder, 1 << 20).unwrap().unwrap();
        let (shown, ended) = shown_in_pieces(&TAR, "", &plain);
        assert_eq!((ended, names(&shown)), (Ok(()), vec!["index.js", "package.json"]));
    }

    #[test]
    fn an_extension_that_is_too_long_ends_nothing() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(2 << 20);
        header.set_cksum();
        let bytes = [&header.as_bytes()[..], &vec![b'x'; 2 << 20], &made("gnu")].concat();
        let (shown, ended) = shown(&TAR, "x.tar", &bytes, 4096);
        assert_eq!(names(&shown), ["(rest)", "a", "b"]);
        assert_eq!(ended.unwrap_err().kind, FaultKind::Limit(Limit::HeaderBytes));
    }

    #[test]
    fn a_damaged_header_hides_no_member_behind_it() {
        let mut bytes = made("gnu");
        let content = bytes.windows(6).position(|window| window == b"second").unwrap();
        bytes[content - BLOCK + 5] ^= 1;
        bytes.extend(made("gnu"));
        let (shown, ended) = shown_in_pieces(&TAR, "x.tar", &bytes);
        assert_eq!(names(&shown), ["a", "(rest)", "a", "b"]);
        assert_eq!((shown.faults.len(), ended.unwrap_err().kind), (0, FaultKind::Damaged));
    }

    #[test]
    fn archives_and_bytes_behind_the_end_are_read_too() {
        let one = made("pax");
        let bytes = [&one[..], &one, &[0; 700], b"behind"].concat();
        let (shown, ended) = shown_in_pieces(&TAR, "x.tar", &bytes);
        assert_eq!((ended, &shown.faults), (Ok(()), &vec![]));
        assert_eq!(names(&shown), ["a", "b", "a", "b", "(rest)"]);
        assert_eq!(shown.parts[4].1, b"behind");
    }

    #[test]
    fn a_cut_archive_is_told_once() {
        let bytes = made("gnu");
        let content = bytes.windows(6).position(|window| window == b"second").unwrap();
        for cut in [content + 100, content - 200, content + 1300] {
            let (shown, ended) = shown_in_pieces(&TAR, "x.tar", &bytes[..cut]);
            assert_eq!(shown.faults.len() + usize::from(ended.is_err()), 1, "{cut} {ended:?}");
        }
        let (shown, ended) = shown_in_pieces(&TAR, "x.tar", &bytes[..content]);
        assert_eq!(
            (shown.faults.len(), ended),
            (0, Ok(())),
            "where no byte of a member is, nothing can hide"
        );
    }

    #[test]
    fn zeros_are_none() {
        let zeros = [0; 1024];
        assert!(!is(&Head { path: b"x.tar", bytes: &zeros[..512], size: None }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000), at in 512usize..1500) {
            static MADE: LazyLock<Vec<u8>> = LazyLock::new(|| made("pax"));
            let mut hostile = MADE.clone();
            hostile.splice(at..at, bytes);
            let _ = shown(&TAR, "", &hostile, 700);
        }
    }
}
