//! Archives of Electron (`app.asar`): a list of all files in JSON, then their bytes one behind another.
//!
//! Only the list is held. Files that lie beside the archive (`unpacked`) and links are not in it; names with the same bytes
//! are one member, that of the first name.

use std::fmt;
use std::io::{self, BufRead};
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor as JsonVisitor};

use super::input::{Input, Packed};
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;

/// See the module.
pub(super) const ASAR: Decoder =
    Decoder { name: "asar", about: "Electron's asar archives: the files of an app", is, decode };

/// Bytes before the list: its sizes, each in the other.
const SIZES: usize = 16;

/// The sizes that a file begins with, if they fit each other: where the files begin, and the length of the list.
fn sizes(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| Some(u64::from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let (word, header, inner, list) = (number(0)?, number(4)?, number(8)?, number(12)?);
    let fits = word == 4
        && header == inner + 4
        && (inner.checked_sub(4)?..=inner).contains(&(list.next_multiple_of(4) + 4));
    fits.then_some((8 + header, list))
}

fn is(head: &Head<'_>) -> bool {
    let list = head.bytes.get(SIZES..).unwrap_or_default();
    let mut letters = list.iter().filter(|byte| !byte.is_ascii_whitespace());
    sizes(head.bytes).is_some()
        && letters.next() == Some(&b'{')
        && matches!(letters.next(), Some(b'"' | b'}'))
}

/// A file in the archive.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct File {
    /// Where it begins behind the list.
    offset: u64,
    size: u64,
    path: String,
}

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some((start, list)) = sizes(head.bytes) else { return Ok(()) };
    let mut input = Input::new(body);
    input.skip(SIZES as u64)?;
    let files = files(&mut input, list, visitor.room())?;
    input.skip(start.saturating_sub(input.offset()))?;
    for file in files {
        let at = input.offset() - start;
        let Some(gap) = file.offset.checked_sub(at) else {
            let message = format!("it begins at byte {}, inside of another file", file.offset);
            visitor.fault(Part::Member(file.path.as_bytes()), Fault::damaged(message));
            continue;
        };
        if show(&mut input, Part::Rest, gap, visitor)?.is_break()
            || show(&mut input, Part::Member(file.path.as_bytes()), file.size, visitor)?.is_break()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Shows the next `size` bytes; a break also where there are fewer.
fn show(
    input: &mut Input<'_>,
    part: Part<'_>,
    size: u64,
    visitor: &mut dyn Visitor,
) -> io::Result<ControlFlow<()>> {
    if size == 0 {
        return Ok(ControlFlow::Continue(()));
    }
    let mut packed = Packed { input, left: size };
    if packed.fill_buf()?.is_empty() {
        let message = format!("the archive ends before the {size} bytes that it has");
        visitor.fault(part, Fault::damaged(message));
        return Ok(ControlFlow::Break(()));
    }
    let flow = visitor.visit(part, &mut packed);
    let left = packed.left;
    if flow.is_break() || input.failed() {
        return Ok(ControlFlow::Break(()));
    }
    if input.skip(left)? < left {
        let message = format!("the archive ends before the {size} bytes that it has");
        visitor.fault(part, Fault::damaged(message));
        return Ok(ControlFlow::Break(()));
    }
    Ok(flow)
}

/// The files that the list, the next `length` bytes, names: in the order of their bytes, each of these once.
fn files(input: &mut Input<'_>, length: u64, room: u64) -> Result<Vec<File>, Fault> {
    let too_long = || Fault::limit(Limit::WholeBytes, "its list of files is too long to be held");
    // Half for the list as it is, half for what is read from it.
    let room = room / 2;
    if length > room {
        return Err(too_long());
    }
    let mut json = Vec::new();
    io::copy(&mut Packed { input, left: length }, &mut json)?;
    let mut found = Found { files: Vec::new(), room, full: false };
    let mut reader = serde_json::Deserializer::from_slice(&json);
    if let Err(error) = (Folder { found: &mut found, path: "" }).deserialize(&mut reader) {
        if found.full {
            return Err(too_long());
        }
        return Err(Fault::damaged(format!("its list of files cannot be read: {error}")));
    }
    found.files.sort_unstable();
    found.files.dedup_by(|next, first| next.offset == first.offset && next.size == first.size);
    Ok(found.files)
}

/// What was read from a list.
struct Found {
    files: Vec<File>,
    /// Bytes that may still be held.
    room: u64,
    full: bool,
}

impl Found {
    fn push(&mut self, file: File) -> Result<(), &'static str> {
        let costs = (file.path.len() + size_of::<File>()) as u64;
        let Some(left) = self.room.checked_sub(costs) else {
            self.full = true;
            return Err("too many files");
        };
        self.room = left;
        self.files.push(file);
        Ok(())
    }
}

/// Reads what stands at a path: a folder, or a file.
struct Folder<'f> {
    found: &'f mut Found,
    path: &'f str,
}

impl<'de> DeserializeSeed<'de> for Folder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> JsonVisitor<'de> for Folder<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a file or a folder")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let (mut offset, mut size, mut unpacked) = (None, None, false);
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "files" => map.next_value_seed(Names { found: self.found, path: self.path })?,
                "offset" => offset = map.next_value::<String>()?.parse().ok(),
                "size" => size = map.next_value::<Option<u64>>()?,
                "unpacked" => unpacked = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let (Some(offset), Some(size), false) = (offset, size, unpacked) else { return Ok(()) };
        if size == 0 {
            return Ok(());
        }
        self.found.push(File { offset, size, path: self.path.to_owned() }).map_err(M::Error::custom)
    }
}

/// Reads the names in a folder.
struct Names<'n> {
    found: &'n mut Found,
    path: &'n str,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> JsonVisitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the names in a folder")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let path = if self.path.is_empty() { name } else { format!("{}/{name}", self.path) };
            map.next_value_seed(Folder { found: &mut *self.found, path: &path })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::content::FaultKind;
    use crate::content::tests::{shown, shown_in_pieces};

    /// An archive that Electron's own tool makes.
    fn made() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("app");
        fs::create_dir_all(app.join("config/deep")).unwrap();
        for (path, text) in [
            (".env", "a=first\n"),
            ("config/deep/b.json", "{\"b\": \"second\"}"),
            ("config/empty", ""),
            ("native.node", "is beside it"),
            ("z.txt", "third"),
        ] {
            fs::write(app.join(path), text).unwrap();
        }
        std::os::unix::fs::symlink("z.txt", app.join("link")).unwrap();
        let made = Command::new("asar")
            .args(["pack", "app", "app.asar", "--unpack", "*.node"])
            .current_dir(folder.path())
            .output()
            .expect("asar is needed: run tests/install.sh, or npm install -g @electron/asar");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert!(Path::new(&folder.path().join("app.asar.unpacked/native.node")).exists());
        fs::read(folder.path().join("app.asar")).unwrap()
    }

    fn archive(list: &str, files: &[u8]) -> Vec<u8> {
        let length = u32::try_from(list.len()).unwrap();
        let inner = length.next_multiple_of(4) + 4;
        let sizes = [4, inner + 4, inner, length].map(u32::to_le_bytes).concat();
        let padding = vec![0; (inner - 4 - length) as usize];
        [&sizes, list.as_bytes(), &padding, files].concat()
    }

    fn parts(bytes: &[u8]) -> (Vec<(String, String)>, usize) {
        let (shown, ended) = shown_in_pieces(&ASAR, "app.asar", bytes);
        assert_eq!(ended, Ok(()));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (shown.parts.into_iter().map(|(name, bytes)| (name, text(bytes))).collect(), shown.faults.len())
    }

    fn pairs(parts: &[(&str, &str)]) -> Vec<(String, String)> {
        parts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_electrons_tool_packs_is_read_with_its_paths() {
        let bytes = made();
        let (mut found, faults) = parts(&bytes);
        found.sort();
        let expected =
            [(".env", "a=first\n"), ("config/deep/b.json", "{\"b\": \"second\"}"), ("z.txt", "third")];
        assert_eq!((found, faults), (pairs(&expected), 0));
        let (cut, ended) = shown(&ASAR, "app.asar", &bytes[..bytes.len() - 2], 100);
        assert_eq!((ended, cut.faults.len(), &cut.faults[0].1.kind), (Ok(()), 1, &FaultKind::Damaged));
    }

    #[test]
    fn order_gaps_twins_and_overlaps_of_the_list_lose_nothing() {
        let file = |offset: u32, size: u32| format!("{{\"offset\":\"{offset}\",\"size\":{size}}}");
        let list = format!(
            "{{\"files\":{{\"late\":{},\"early\":{},\"twin\":{},\"over\":{}}}}}",
            file(7, 4),
            file(0, 5),
            file(0, 5),
            file(8, 2)
        );
        let (found, faults) = parts(&archive(&list, b"early--late"));
        assert_eq!(found, pairs(&[("early", "early"), ("(rest)", "--"), ("late", "late")]));
        assert_eq!(faults, 1);
    }

    #[test]
    fn a_list_that_cannot_be_held_is_a_limit() {
        let list = format!("{{\"files\":{{\"{}\":{{\"offset\":\"0\",\"size\":1}}}}}}", "a".repeat(20_000));
        let bytes = archive(&list, b"x");
        let mut visitor =
            crate::content::tests::Shown { parts: vec![], faults: vec![], most: 9, room: 30_000 };
        let head = Head { path: b"", bytes: &bytes[..512], size: None };
        let fault = decode(&head, &mut &bytes[..], &mut visitor).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Limit(Limit::WholeBytes));
        // Paths grow with the depth of folders, faster than the list.
        let name = "b".repeat(500);
        let open = format!("{{\"files\":{{\"{name}\":").repeat(50);
        let list = format!("{open}{{\"offset\":\"0\",\"size\":1}}{}", "}}".repeat(50));
        visitor.room = 55_000;
        let bytes = archive(&list, b"x");
        let head = Head { path: b"", bytes: &bytes[..512], size: None };
        assert!(decode(&head, &mut &bytes[..], &mut visitor).is_ok());
        visitor.room = 51_300;
        let limit = decode(&head, &mut &bytes[..], &mut visitor).unwrap_err();
        assert_eq!(limit.kind, FaultKind::Limit(Limit::WholeBytes));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            list in "[{}\\[\\]\",:a0-9 ]{0,60}", more in proptest::collection::vec(any::<u8>(), 0..200),
            nested in 0usize..300,
        ) {
            let list = format!("{{\"files\":{{\"a\":{}{list}", "{\"files\":{\"a\":".repeat(nested));
            let _ = shown(&ASAR, "", &archive(&list, &more), 64);
        }
    }
}
