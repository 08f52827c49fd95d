//! Archives of ar: Debian packages, whose control files and data are members, and static libraries.
//!
//! Names longer than sixteen bytes stand in a member of their own (GNU) or in front of the content (BSD). Tables of symbols
//! are not shown: they are no files. Thin archives have no content and are not taken for archives.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::input::{Input, Told};
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;
use crate::stream::Section;

/// See the module.
pub(super) const AR: Decoder = Decoder {
    name: "ar",
    about: "ar archives: Debian packages, static libraries",
    is: |head| head.bytes.starts_with(MAGIC),
    decode,
};

const MAGIC: &[u8] = b"!<arch>\n";
/// Bytes of a member's header.
const HEADER: usize = 60;
/// Most bytes of a name in front of the content, as file systems have it.
const NAME: u64 = 4096;

/// What a member is, by its name.
enum Kind<'h> {
    File(Cow<'h, [u8]>),
    /// A file whose name is in front of its content, in so many bytes.
    Named(u64),
    /// Long names.
    Names,
    Symbols,
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut input = Input::new(body);
    input.skip(MAGIC.len() as u64)?;
    let mut names = Vec::new();
    loop {
        let at = input.offset();
        let ahead = input.peek(HEADER)?;
        if ahead.is_empty() {
            return Ok(());
        }
        let header: Option<[u8; HEADER]> = ahead.first_chunk().copied();
        let Some((header, size)) = header.and_then(|header| Some((header, size(&header)?))) else {
            let flow = visitor.visit(Part::Rest, &mut input);
            let fault = Fault::damaged(format!("no header of a member at byte {at}"));
            return if flow.is_break() { Ok(()) } else { Err(fault) };
        };
        input.consume(HEADER);
        if !member(&mut input, kind(&header, &names), size, (&mut names, visitor))? {
            return Ok(());
        }
        // Members begin at even places. Go fills up with a zero.
        if size % 2 == 1 && matches!(input.peek(1)?.first(), Some(b'\n' | 0)) {
            input.consume(1);
        }
    }
}

/// Reads a member; false if that was the last.
fn member(
    input: &mut Input<'_>,
    kind: Kind<'_>,
    size: u64,
    (names, visitor): (&mut Vec<u8>, &mut dyn Visitor),
) -> Result<bool, Fault> {
    let mut size = size;
    let name = match kind {
        Kind::Names => {
            // Longer than any that is written: then members have the numbers of their names.
            let keep = size.min(visitor.limit(Limit::HeaderBytes));
            *names = input.take_bytes(usize::try_from(keep).unwrap_or(0))?.ok_or_else(cut)?;
            return skip(input, size - keep);
        }
        Kind::Symbols => return skip(input, size),
        Kind::Named(length) if length > size.min(NAME) => {
            return Err(Fault::damaged("a name that is longer than its member"));
        }
        Kind::Named(length) => {
            size -= length;
            let mut name = input.take_bytes(usize::try_from(length).unwrap_or(0))?.ok_or_else(cut)?;
            name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
            Cow::Owned(name)
        }
        Kind::File(name) => name,
    };
    if size == 0 || name.starts_with(b"__.SYMDEF") {
        return skip(input, size);
    }
    let mut body = Told::new(Section::new(&mut *input, size));
    let flow = visitor.visit(Part::Member(&name), &mut body);
    if flow.is_break() || body.failed {
        return Ok(false);
    }
    let left = body.inner.left();
    skip(input, left)
}

fn skip(input: &mut Input<'_>, bytes: u64) -> Result<bool, Fault> {
    if input.skip(bytes)? < bytes { Err(cut()) } else { Ok(true) }
}

fn cut() -> Fault {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off").into()
}

/// The size in a header; none if it is no header.
fn size(header: &[u8; HEADER]) -> Option<u64> {
    if !header.ends_with(b"`\n") {
        return None;
    }
    std::str::from_utf8(&header[48..58]).ok()?.trim_end().parse().ok()
}

fn kind<'h>(header: &'h [u8; HEADER], names: &[u8]) -> Kind<'h> {
    let name = header[..16].trim_ascii_end();
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<u64>().ok();
    match name {
        b"/" | b"/SYM64/" => return Kind::Symbols,
        b"//" => return Kind::Names,
        _ => {}
    }
    if let Some(length) = name.strip_prefix(b"#1/").and_then(number) {
        return Kind::Named(length);
    }
    if let Some(at) = name.strip_prefix(b"/").and_then(number) {
        let rest = usize::try_from(at).ok().and_then(|at| names.get(at..)).unwrap_or_default();
        let long = rest.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default();
        let long = long.strip_suffix(b"/").unwrap_or(long);
        return Kind::File(if long.is_empty() { Cow::Borrowed(name) } else { Cow::Owned(long.to_vec()) });
    }
    Kind::File(Cow::Borrowed(name.strip_suffix(b"/").unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::content::tests::{run, shown, shown_in_pieces};

    fn names(bytes: &[u8]) -> Vec<(String, usize)> {
        let (shown, ended) = shown_in_pieces(&AR, "x.a", bytes);
        assert_eq!((ended, &shown.faults), (Ok(()), &vec![]));
        shown.parts.into_iter().map(|(name, bytes)| (name, bytes.len())).collect()
    }

    fn expected(pairs: &[(&str, usize)]) -> Vec<(String, usize)> {
        pairs.iter().map(|(name, length)| ((*name).to_owned(), *length)).collect()
    }

    #[test]
    fn what_ar_makes_is_read_with_long_names_too() {
        let folder = tempfile::tempdir().unwrap();
        let long = "a_name_that_is_longer_than_sixteen_bytes.o";
        fs::write(folder.path().join("a.o"), "odd").unwrap();
        fs::write(folder.path().join(long), "even").unwrap();
        run(folder.path(), "binutils", &["ar", "rc", "x.a", "a.o", long]);
        let bytes = fs::read(folder.path().join("x.a")).unwrap();
        assert_eq!(names(&bytes), expected(&[("a.o", 3), (long, 4)]));
        run(folder.path(), "libarchive-tools", &["bsdtar", "-cf", "b.a", "--format=arbsd", "a.o", long]);
        let bytes = fs::read(folder.path().join("b.a")).unwrap();
        assert_eq!(names(&bytes), expected(&[("a.o", 3), (long, 4)]));
    }

    #[test]
    fn a_library_gives_its_objects_and_not_its_symbols() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.c"), "int answer(void) { return 42; }").unwrap();
        run(folder.path(), "build-essential", &["cc", "-c", "a.c"]);
        run(folder.path(), "binutils", &["ar", "rcs", "x.a", "a.o"]);
        let names = names(&fs::read(folder.path().join("x.a")).unwrap());
        assert_eq!((names.len(), &names[0].0[..]), (1, "a.o"));
    }

    #[test]
    fn a_debian_package_gives_its_control_and_data() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("p/DEBIAN")).unwrap();
        let control =
            "Package: made-up\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n";
        fs::write(folder.path().join("p/DEBIAN/control"), control).unwrap();
        for (compression, end) in [("xz", ".xz"), ("gzip", ".gz"), ("zstd", ".zst"), ("none", "")] {
            let option = format!("-Z{compression}");
            run(folder.path(), "dpkg", &["dpkg-deb", "--root-owner-group", &option, "-b", "p", "x.deb"]);
            let names = names(&fs::read(folder.path().join("x.deb")).unwrap());
            let names: Vec<_> = names.iter().map(|part| &part.0[..]).collect();
            let expected = ["debian-binary".into(), format!("control.tar{end}"), format!("data.tar{end}")];
            assert_eq!(names, expected, "{compression}");
        }
    }

    #[test]
    fn damage_and_cuts_are_told_once() {
        let header = |name: &str, size: &str| format!("{name:<16}{:<32}{size:<10}`\n", "");
        let archive = [MAGIC, header("a", "4").as_bytes(), b"1234", b"no header"].concat();
        let (shown, ended) = shown_in_pieces(&AR, "", &archive);
        assert!(ended.is_err() && shown.faults.is_empty());
        assert_eq!(shown.parts[1], ("(rest)".to_owned(), b"no header".to_vec()));
        let filled =
            [MAGIC, header("a", "3").as_bytes(), b"123\0", header("b", "1").as_bytes(), b"4"].concat();
        assert_eq!(names(&filled), expected(&[("a", 3), ("b", 1)]));
        for lie in [header("a", "99"), header("#1/9", "4"), header("//", "99"), header("#1/2", "99999")] {
            let (shown, ended) = shown_in_pieces(&AR, "", &[MAGIC, lie.as_bytes(), b"1234"].concat());
            assert_eq!(shown.faults.len() + usize::from(ended.is_err()), 1, "{lie}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in "[/#1 a0-9]{0,16}") {
            let header = format!("{name:<16}{:<32}{:<10}`\n", "", bytes.len());
            let hostile = [MAGIC, header.as_bytes(), &bytes, header.as_bytes(), &bytes].concat();
            let _ = shown(&AR, "", &hostile, 7);
        }
    }
}
