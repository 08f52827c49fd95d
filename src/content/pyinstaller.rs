//! Programs that `PyInstaller` makes: an interpreter of Python, and behind its code an archive with the scripts, libraries and
//! data of a program. What the archive has is written at its end, so it is held.
//!
//! On Windows and macOS the archive is appended. On Linux it is a section that is not loaded. An executable is known for one
//! by what every version of the interpreter calls the folder that it unpacks to.

use std::io::{self, Read};
use std::ops::ControlFlow;

use flate2::bufread::ZlibDecoder;
use memchr::memmem;

use super::{Fault, Part, Visitor, pyc};
use crate::limits::Limit;

/// A text that every interpreter has.
const INTERPRETER: &[u8] = b"_MEIPASS";
/// The mark of what stands at the end of the archive.
const COOKIE: &[u8] = b"MEI\x0c\x0b\x0a\x0b\x0e";
/// Bytes there: the mark, four numbers, and the name of Python's library.
const COOKIE_BYTES: usize = 88;

/// Looks for a text in bytes that pass.
#[derive(Debug)]
pub(super) struct Watch {
    mark: &'static [u8],
    last: Vec<u8>,
    /// Whether it was there.
    pub(super) seen: bool,
}

impl Watch {
    /// For the mark of `PyInstaller`'s interpreter.
    pub(super) fn interpreter() -> Self {
        Self { mark: INTERPRETER, last: Vec::new(), seen: false }
    }

    /// The next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.seen {
            return;
        }
        let border = self.mark.len() - 1;
        self.last.extend_from_slice(&bytes[..bytes.len().min(border)]);
        self.seen = memmem::find(&self.last, self.mark).is_some() || memmem::find(bytes, self.mark).is_some();
        if bytes.len() >= border {
            self.last.clear();
            self.last.extend_from_slice(&bytes[bytes.len() - border..]);
        } else {
            self.last.drain(..self.last.len().saturating_sub(border));
        }
    }
}

/// What stands behind the code of an interpreter.
pub(super) enum Tail {
    /// An archive, which was shown.
    Archive,
    /// No archive, but these bytes.
    Other(Vec<u8>),
}

/// Shows the archive in the bytes that `reader` has.
pub(super) fn show(reader: &mut dyn Read, visitor: &mut dyn Visitor) -> Result<Tail, Fault> {
    let room = visitor.room();
    let held = hold(reader, room)?;
    let Some(held) = held else {
        let message =
            format!("PyInstaller's archive in it has more than the {room} bytes that can be held at a time");
        return Err(Fault::limit(Limit::WholeBytes, message));
    };
    match Archive::find(&held) {
        Some(archive) => {
            let _ = archive.show(visitor);
            Ok(Tail::Archive)
        }
        None => Ok(Tail::Other(held)),
    }
}

/// All that `reader` has; none if it is more than `room` with an archive in it. Of other bytes the first are enough.
fn hold(reader: &mut dyn Read, room: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut held, mut cookie) = (Vec::new(), Watch { mark: COOKIE, last: Vec::new(), seen: false });
    let (mut chunk, mut over) = (vec![0; 64 << 10], false);
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => return Ok((!over || !cookie.seen).then_some(held)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        cookie.feed(&chunk[..read]);
        over |= (held.len() + read) as u64 > room;
        if !over {
            held.extend_from_slice(&chunk[..read]);
        }
    }
}

/// An archive: what it holds, and its list of that.
struct Archive<'h> {
    bytes: &'h [u8],
    list: &'h [u8],
    /// The version of Python, as its two numbers one behind the other.
    version: u32,
}

/// A file in an archive.
struct File<'h> {
    name: &'h [u8],
    packed: &'h [u8],
    compressed: bool,
    kind: u8,
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

impl<'h> Archive<'h> {
    /// The last archive in `held`.
    fn find(held: &'h [u8]) -> Option<Self> {
        memmem::rfind_iter(held, COOKIE).take(100).find_map(|at| {
            let cookie = &held[at..];
            let (length, list) = (number(cookie, 8)?, number(cookie, 12)?);
            let (size, version) = (number(cookie, 16)?, number(cookie, 20)?);
            let end = at.checked_add(COOKIE_BYTES)?;
            let bytes = held.get(end.checked_sub(length)?..end)?;
            let list = bytes.get(list..list.checked_add(size)?)?;
            Some(Self { bytes, list, version: u32::try_from(version).ok()? })
        })
    }

    fn show(&self, visitor: &mut dyn Visitor) -> ControlFlow<()> {
        let mut at = 0;
        while at < self.list.len() {
            let Some((file, length)) = self.file(at) else {
                let message = format!("PyInstaller's list of files is damaged at its byte {at}");
                visitor.fault(Part::Rest, Fault::damaged(message));
                break;
            };
            at += length;
            // Options, and names that lead to files elsewhere, have no content.
            if !file.packed.is_empty() && !matches!(file.kind, b'o' | b'd' | b'n') {
                self.file_content(&file, visitor)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// What the list has at `at`, and how many bytes that takes.
    fn file(&self, at: usize) -> Option<(File<'h>, usize)> {
        let entry = self.list.get(at..)?;
        let length = number(entry, 0)?;
        let entry = entry.get(..length).filter(|entry| entry.len() > 18)?;
        let (offset, packed) = (number(entry, 4)?, number(entry, 8)?);
        let packed = self.bytes.get(offset..offset.checked_add(packed)?)?;
        let name = entry[18..].split(|byte| *byte == 0).next().unwrap_or_default();
        Some((File { name, packed, compressed: entry[16] != 0, kind: entry[17] }, length))
    }

    fn file_content(&self, file: &File<'h>, visitor: &mut dyn Visitor) -> ControlFlow<()> {
        // Code without the header that its files have.
        let header = match file.kind {
            b's' | b'm' | b'M' => pyc::header(self.version).unwrap_or_default(),
            _ => Vec::new(),
        };
        let name = Part::Member(file.name);
        if !file.compressed {
            let header = if file.packed.get(2..4) == Some(b"\r\n") { &[][..] } else { &header[..] };
            return visitor.visit(name, &mut header.chain(file.packed));
        }
        let begins_with_header = || {
            let mut first = [0; 4];
            let _ = ZlibDecoder::new(file.packed).read_exact(&mut first);
            first[2..] == *b"\r\n"
        };
        let header = if header.is_empty() || begins_with_header() { &[][..] } else { &header[..] };
        visitor.visit(name, &mut header.chain(ZlibDecoder::new(file.packed)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::content::executable::EXECUTABLE;
    use crate::content::tests::{Shown, run, shown};
    use crate::content::{FaultKind, HEAD, Head};

    fn text_of<'s>(shown: &'s Shown, name: &str) -> &'s [u8] {
        &shown.parts.iter().find(|part| part.0 == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn open(path: &str, bytes: &[u8]) -> Shown {
        let head = Head { path: path.as_bytes(), bytes: &bytes[..HEAD.min(bytes.len())], size: None };
        let (shown, ended) = shown(head.decoder().expect("something that is opened"), path, bytes, 4096);
        assert_eq!((ended, shown.faults), (Ok(()), vec![]), "{path}");
        Shown { parts: shown.parts, faults: Vec::new(), most: 0, room: 0 }
    }

    #[test]
    fn scripts_modules_and_data_of_a_program_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("helper.py"), "WORD = 'a value in a module'\n").unwrap();
        fs::write(folder.path().join("made.py"), "import helper\nNAME = 'a value in a script'\n").unwrap();
        fs::write(folder.path().join("app.conf"), "a = value in data").unwrap();
        let command =
            "pyinstaller --onefile --log-level=ERROR --add-data=app.conf:etc --exclude-module=ssl made.py";
        run(folder.path(), "pyinstaller", &command.split(' ').collect::<Vec<_>>());
        let program = fs::read(folder.path().join("dist/made")).unwrap();
        let (outer, ended) = shown(&EXECUTABLE, "dist/made", &program, 64 << 10);
        assert_eq!((ended, &outer.faults), (Ok(()), &vec![]));
        assert_eq!(text_of(&outer, "etc/app.conf"), b"a = value in data");
        let script = open("made", text_of(&outer, "made"));
        assert_eq!(script.parts, [("(pyc)".to_owned(), b"NAME = \"a value in a script\"\n".to_vec())]);
        let modules = outer.parts.iter().find(|(name, _)| name.starts_with("PYZ")).unwrap();
        let modules = open(&modules.0, &modules.1);
        let module = open("helper.pyc", text_of(&modules, "helper.pyc"));
        assert_eq!(module.parts, [("(pyc)".to_owned(), b"WORD = \"a value in a module\"\n".to_vec())]);
        // An archive that cannot be held is told, wherever it stands.
        let mut visitor = Shown { parts: vec![], faults: vec![], most: 9999, room: 1 << 20 };
        let head = Head { path: b"", bytes: &program[..HEAD], size: None };
        let fault = (EXECUTABLE.decode)(&head, &mut &program[..], &mut visitor).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Limit(Limit::WholeBytes));
    }

    #[test]
    fn a_mark_is_seen_wherever_pieces_meet() {
        for length in 1..20 {
            let mut watch = Watch::interpreter();
            b"... _MEIPAS _MEIPASS ...".chunks(length).for_each(|piece| watch.feed(piece));
            assert!(watch.seen, "{length}");
            let mut watch = Watch::interpreter();
            b"... _MEIPAS _MEIPAS S ...".chunks(length).for_each(|piece| watch.feed(piece));
            assert!(!watch.seen, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            numbers in proptest::array::uniform4(0u32..400), lengths in proptest::collection::vec(0u32..60, 0..9),
        ) {
            let mut held = bytes;
            for length in lengths {
                held.extend(length.to_be_bytes());
                held.extend([0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 9, 1, b's', b'a', 0, 0, 0]);
            }
            held.extend(COOKIE);
            held.extend(numbers.map(u32::to_be_bytes).concat());
            held.extend([0; 64]);
            let mut visitor = Shown { parts: vec![], faults: vec![], most: 99, room: 1 << 20 };
            let _ = show(&mut &held[..], &mut visitor);
        }
    }
}
