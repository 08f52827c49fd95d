//! Containers that are recognised and not opened: what hides text and cannot be read here is a gap, and a gap is told.
//!
//! Each is a row with what its header has to be, so that no text or picture is taken for one by its first letters.

use std::io::BufRead;

use super::{Decoder, Fault, Head, Visitor};

/// See the module.
pub(super) const CLOSED: Decoder = Decoder {
    name: "closed",
    about: "told and not opened: rar, squashfs before version 4, xar, lzop, lha",
    is: |head| format(head.bytes).is_some(),
    decode,
};

/// A format by its name and by what its first bytes are.
struct Format(&'static str, fn(&[u8]) -> bool);

const FORMATS: &[Format] = &[
    Format("rar archive", |bytes| {
        bytes.starts_with(b"Rar!\x1a\x07\x00") || bytes.starts_with(b"Rar!\x1a\x07\x01\x00")
    }),
    Format("squashfs image", is_squashfs),
    // The size of its header, which is at least that of its fields, and its version.
    Format("xar archive", |bytes| matches!(bytes, [b'x', b'a', b'r', b'!', 0, 28..=255, 0, 1, ..])),
    Format("lzop file", |bytes| bytes.starts_with(b"\x89LZO\0\r\n\x1a\n")),
    // A method between hyphens, and behind the dates the level of the header.
    Format("lha archive", |bytes| {
        let method = matches!(bytes, [_, _, b'-', b'l', b'h' | b'z', b'0'..=b'9' | b's', b'-', ..]);
        method && matches!(bytes.get(20), Some(0..=3))
    }),
];

fn format(bytes: &[u8]) -> Option<&'static str> {
    FORMATS.iter().find(|format| (format.1)(bytes)).map(|format| format.0)
}

fn decode(head: &Head<'_>, _: &mut dyn BufRead, _: &mut dyn Visitor) -> Result<(), Fault> {
    match format(head.bytes) {
        Some(name) => Err(Fault::unsupported(format!("what is in this {name} was not looked into"))),
        None => Ok(()),
    }
}

/// What is older than version 4; it may be of another order of bytes.
fn is_squashfs(bytes: &[u8]) -> bool {
    let Some(version) = bytes.get(28..30) else { return false };
    (bytes.starts_with(b"hsqs") && matches!(version, [1..=3, 0]))
        || (bytes.starts_with(b"sqsh") && matches!(version, [0, 1..=3]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::content::FaultKind;
    use crate::content::tests::{run, shown};

    #[test]
    fn what_the_tools_write_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "some text".repeat(100)).unwrap();
        run(folder.path(), "libarchive-tools", &["bsdtar", "-c", "--format=xar", "-f", "x", "a"]);
        let bytes = fs::read(folder.path().join("x")).unwrap();
        let fault = shown(&CLOSED, "x", &bytes, 100).1.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
        assert!(fault.message.contains("xar archive"), "{}", fault.message);
        let lha = b"\x20\x77-lh5-\x10\0\0\0\x20\0\0\0\0\0\0\0\x20\x01\x05a.txt";
        let squashfs = [&b"hsqs"[..], &[1; 24], &[3, 0, 1, 0]].concat();
        assert_eq!(format(&squashfs), Some("squashfs image"));
        assert_eq!(format(b"\x89LZO\0\r\n\x1a\n\x10\x40"), Some("lzop file"));
        assert!(
            format(lha) == Some("lha archive") && format(b"Rar!\x1a\x07\x01\0\x33") == Some("rar archive")
        );
    }

    #[test]
    fn texts_that_begin_so_are_none() {
        for text in [
            "Rar! is what a lion says",
            "hsqs are four letters, and four more bytes of a text",
            "a -lh5- in a text",
            "xar! has no meaning that I know of",
        ] {
            assert_eq!(format(text.as_bytes()), None, "{text}");
            for length in 0..text.len() {
                assert_eq!(format(&text.as_bytes()[..length]), None, "{text}");
            }
        }
    }
}
