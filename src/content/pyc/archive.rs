//! Archives of compiled Python (`PYZ`), as `PyInstaller` makes them: code without the header of its files, each piece compressed,
//! and a list of them at the end in Python's own notation.

use std::io::{BufRead, Read};
use std::ops::ControlFlow;

use flate2::bufread::ZlibDecoder;

use super::marshal::{self, Id, Object, Objects};
use super::version::Version;
use crate::content::{Decoder, Fault, Head, Part, Visitor, whole};
use crate::limits::Limit;

/// See the module.
pub(in crate::content) const PYZ: Decoder = Decoder {
    name: "pyz",
    about: "PyInstaller's archives of compiled Python",
    is: |head| version(head.bytes).is_some(),
    decode,
};

/// What such an archive begins with.
const MARK: &[u8] = b"PYZ\0";
/// Bytes of its mark, of the mark of Python's version, and of where its list is.
const BEGIN: usize = 12;

fn version(bytes: &[u8]) -> Option<Version> {
    let begin = bytes.strip_prefix(MARK).filter(|begin| begin.get(2..4) == Some(b"\r\n"))?;
    Version::of(u16::from_le_bytes(*begin.first_chunk()?))
}

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some(version) = version(head.bytes) else { return Ok(()) };
    let bytes = whole(body, visitor)?;
    let Some(at) = bytes.get(BEGIN - 4..).and_then(|bytes| bytes.first_chunk().copied()) else {
        return Err(Fault::damaged("the archive ends in its first bytes"));
    };
    let list = u32::from_be_bytes(at) as usize;
    let (objects, failure) = marshal::read(&bytes, list.min(bytes.len()), version);
    if let Some(failure) = failure {
        let message = format!("the list of the archive cannot be read at byte {list}");
        return Err(match failure {
            marshal::Failure::TooMany => Fault::limit(Limit::WholeBytes, message),
            marshal::Failure::Damaged(_) => Fault::damaged(message),
        });
    }
    let mut locked = 0_u64;
    for module in modules(&objects) {
        match module.show(&bytes, version, visitor) {
            Some(flow) if flow.is_break() => return Ok(()),
            Some(_) => {}
            None => locked += 1,
        }
    }
    if locked > 0 {
        let message = format!("{locked} modules are encrypted, or are not where the list says");
        visitor.fault(Part::Rest, Fault::encrypted(message));
    }
    Ok(())
}

/// A module in an archive.
struct Module<'b> {
    name: &'b [u8],
    /// Whether it is a folder of modules: 0 for a file, 1 for a folder, 2 for data, 3 for a folder without code.
    kind: u32,
    offset: u32,
    length: u32,
}

/// The list: pairs of a name and its kind, place and length. Older versions write it as a dictionary.
fn modules<'b>(objects: &Objects<'b>) -> Vec<Module<'b>> {
    let root = objects.count() - 1;
    let root = objects.many(Id::try_from(root).unwrap_or_default());
    let flat = root.iter().flat_map(|id| match objects.many(*id) {
        [name, place] => vec![*name, *place],
        _ => vec![*id],
    });
    let flat: Vec<Id> = flat.collect();
    let module = |pair: &[Id]| {
        let name = objects.text(pair[0])?;
        let [kind, offset, length] = objects.many(pair[1]) else { return None };
        let [kind, offset, length] = [kind, offset, length].map(|id| match objects.get(*id) {
            Object::Number(number) => Some(number),
            _ => None,
        });
        Some(Module { name, kind: kind?, offset: offset?, length: length? })
    };
    flat.windows(2).filter_map(module).collect()
}

impl Module<'_> {
    /// Shows its code with the header of a file. None if there is no code.
    fn show(&self, bytes: &[u8], version: Version, visitor: &mut dyn Visitor) -> Option<ControlFlow<()>> {
        let start = self.offset as usize;
        let packed = bytes.get(start..start.checked_add(self.length as usize)?)?;
        if packed.is_empty() {
            return Some(ControlFlow::Continue(()));
        }
        if packed[0] & 0x0f != 8 {
            return None;
        }
        let name: Vec<u8> = self.name.iter().map(|byte| if *byte == b'.' { b'/' } else { *byte }).collect();
        let name = [&name[..], if self.kind == 1 { b"/__init__.pyc" } else { b".pyc" }].concat();
        let mut header = bytes[MARK.len()..BEGIN - 4].to_vec();
        header.resize(version.header(), 0);
        let (name, header) = if self.kind == 2 { (self.name, &[][..]) } else { (&name[..], &header[..]) };
        Some(visitor.visit(Part::Member(name), &mut header.chain(ZlibDecoder::new(packed))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::FaultKind;
    use crate::content::tests::{run, shown_in_pieces};

    /// An archive whose list Python itself writes, as the expression `list` says.
    fn archive(list: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "import importlib.util, marshal, sys, zlib\n\
             code = zlib.compress(marshal.dumps(compile('WORD = \"a value that is here\"', 'a', 'exec')))\n\
             end = (12 + len(code)).to_bytes(4, 'big')\n\
             made = b'PYZ\\0' + importlib.util.MAGIC_NUMBER + end + code + marshal.dumps({list})\n\
             sys.stdout.buffer.write(made)\n"
        );
        run(folder.path(), "python3", &["python3", "-c", &script])
    }

    #[test]
    fn both_forms_of_the_list_name_modules_and_folders() {
        for list in [
            "[('a.b', (0, 12, len(code))), ('a', (1, 12, len(code))), ('n', (3, 12, 0))]",
            "{'a.b': (0, 12, len(code)), 'a': (1, 12, len(code)), 'n': (3, 12, 0)}",
        ] {
            let (shown, ended) = shown_in_pieces(&PYZ, "x.pyz", &archive(list));
            assert_eq!((ended, &shown.faults), (Ok(()), &vec![]), "{list}");
            let names: Vec<_> = shown.parts.iter().map(|part| &*part.0).collect();
            assert_eq!(names, ["a/b.pyc", "a/__init__.pyc"], "{list}");
            for (name, bytes) in &shown.parts {
                let (inner, ended) = shown_in_pieces(&super::super::PYC, name, bytes);
                assert_eq!(ended, Ok(()));
                assert_eq!(inner.parts[0].1, b"WORD = \"a value that is here\"\n");
            }
        }
    }

    #[test]
    fn what_is_encrypted_is_told_once() {
        let (shown, ended) = shown_in_pieces(
            &PYZ,
            "",
            &archive("[('a', (0, 13, 9)), ('b', (0, 13, 9)), ('c', (0, 12, 1 << 30))]"),
        );
        assert_eq!((ended, shown.parts.len(), shown.faults.len()), (Ok(()), 0, 1));
        assert_eq!(shown.faults[0].1.kind, FaultKind::Encrypted);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0u32..100, bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let archive = [MARK, &[0xa7, 0x0d, b'\r', b'\n'], &at.to_be_bytes(), &bytes].concat();
            let _ = crate::content::tests::shown(&PYZ, "", &archive, 50);
        }
    }
}
