//! Journals of systemd: each field of a message, as `NAME=value`, is an object of its own, and a long one is compressed.
//!
//! Objects stand one behind the other in the order in which they were written, so the file is read from its start to its
//! end; what the journal's own tables say about it is not needed, and need not be believed.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use super::input::{Input, Packed};
use super::pairs::Pairs;
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;
use crate::stream::{self, Compression, read_bounded};

const MAGIC: &[u8] = b"LPKSHHRH";

/// See the module.
pub(super) const JOURNALD: Decoder = Decoder {
    name: "journald",
    about: "Journals of systemd: the fields of all messages",
    is: |head| head.bytes.starts_with(MAGIC) && header(head.bytes).is_some(),
    decode,
};

/// The flag of files whose objects are a little longer.
const COMPACT: u32 = 1 << 4;
const DATA: u8 = 1;
/// Flags of objects.
const XZ: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 4;
/// Bytes of an object before what it holds.
const OBJECT: usize = 16;
/// Longest field that is shown with the others; a longer one is a member.
const FIELD: u64 = 64 << 10;

/// Bytes before the first object, and bytes of a field's object before the field.
fn header(head: &[u8]) -> Option<(u64, u64)> {
    let flags = u32::from_le_bytes(*head.get(12..)?.first_chunk()?);
    let size = u64::from_le_bytes(*head.get(88..)?.first_chunk()?);
    let compact = flags & COMPACT > 0;
    ((208..=4096).contains(&size)).then_some((size, if compact { 72 } else { 64 }))
}

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some((start, before)) = header(head.bytes) else { return Ok(()) };
    let mut input = Input::new(body);
    let mut pairs = Pairs::new("journald");
    input.skip(start)?;
    let mut damaged = None;
    while let Some(object) = input.take_bytes(OBJECT)? {
        let (kind, flags) = (object[0], object[1]);
        let size = object[8..].first_chunk().map_or(0, |size| u64::from_le_bytes(*size));
        // Space that nothing was written to yet is zeros, to the end.
        let Some(rest) = size.checked_sub(OBJECT as u64).filter(|_| kind > 0) else {
            damaged = (kind > 0).then(|| input.offset());
            break;
        };
        if kind != DATA || size < before {
            let there = input.skip(rest.next_multiple_of(8))?;
            if there < rest {
                break;
            }
            continue;
        }
        input.skip(before - OBJECT as u64)?;
        let length = size - before;
        if field(&mut input, length, flags, &mut pairs, visitor)?.is_break() {
            return Ok(());
        }
        input.skip(size.next_multiple_of(8) - size)?;
    }
    if pairs.show(visitor).is_break() {
        return Ok(());
    }
    damaged.map_or(Ok(()), |at| Err(Fault::damaged(format!("no object before byte {at}"))))
}

/// Shows the next `length` bytes, which are a field.
fn field(
    input: &mut Input<'_>,
    length: u64,
    flags: u8,
    pairs: &mut Pairs,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, Fault> {
    let mut packed = Packed { input, left: length };
    let flow = match flags & (XZ | LZ4 | ZSTD) {
        0 => plain(&mut packed, length, pairs, visitor)?,
        LZ4 => {
            let room = visitor.room();
            match read_bounded(&mut packed, room)?.as_deref().map(|bytes| lz4(bytes, room)) {
                Some(Ok(text)) => plain(&mut &text[..], text.len() as u64, pairs, visitor)?,
                Some(Err(fault)) => {
                    visitor.fault(Part::Plain("lz4"), fault);
                    ControlFlow::Continue(())
                }
                None => {
                    let message =
                        format!("a field has more than the {room} bytes that can be held at a time");
                    visitor.fault(Part::Plain("lz4"), Fault::limit(Limit::WholeBytes, message));
                    ControlFlow::Continue(())
                }
            }
        }
        flag => {
            let compression = if flag == ZSTD { Compression::Zstd } else { Compression::Xz };
            let mut decoder =
                stream::Decoder::new(&mut packed, compression, visitor.limit(Limit::WindowBytes));
            plain(&mut decoder, FIELD + 1, pairs, visitor)?
        }
    };
    let left = packed.left;
    input.skip(left)?;
    Ok(flow)
}

/// Takes a field of about `length` bytes.
fn plain(
    field: &mut dyn Read,
    length: u64,
    pairs: &mut Pairs,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, Fault> {
    let mut start = vec![0; usize::try_from(length.min(FIELD + 1)).unwrap_or(0)];
    let (filled, failed) = stream::fill(field, &mut start);
    start.truncate(filled);
    if (filled as u64) <= FIELD {
        let flow = pairs.line(&start, visitor);
        return failed.map_or(Ok(flow), |error| Err(error.into()));
    }
    let name = start
        .iter()
        .take(64)
        .position(|byte| *byte == b'=')
        .map_or(&b"field"[..], |end| &start[..end])
        .to_vec();
    Ok(visitor.visit(Part::Member(&name), &mut start.chain(field)))
}

/// What LZ4 made of `bytes`, before which its length stands.
fn lz4(bytes: &[u8], room: u64) -> Result<Vec<u8>, Fault> {
    let (length, block) = bytes.split_first_chunk().ok_or_else(|| Fault::damaged("a field is cut off"))?;
    let length = u64::from_le_bytes(*length);
    let most = room.min(bytes.len() as u64 * 256);
    let length = usize::try_from(length).ok().filter(|length| *length as u64 <= most);
    let length = length.ok_or_else(|| Fault::damaged("a field says that it is longer than it can be"))?;
    lz4_flex::block::decompress(block, length)
        .map_err(|error| Fault::from(io::Error::new(io::ErrorKind::InvalidData, error)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;
    use crate::content::tests::shown;

    /// A journal that systemd wrote, with compression (zstd) or without.
    fn journal(compression: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut remote = Command::new("/lib/systemd/systemd-journal-remote")
            .args([compression, "-o", "a.journal", "-"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("systemd-journal-remote is needed: see tests/install.sh");
        let entry = |n: usize| {
            let long = format!("long text {n} ").repeat(400);
            format!(
                "__REALTIME_TIMESTAMP={}\n_BOOT_ID={n:032x}\nMESSAGE=login {n} password=hunter{n}\nLONG={long}end\n\n",
                1_700_000_000_000_000 + n
            )
        };
        let wide = format!(
            "__REALTIME_TIMESTAMP=1800000000000000\n_BOOT_ID={:032x}\nWIDE={}end\n\n",
            1,
            "w".repeat(100_000)
        );
        let entries = (1..50).map(entry).collect::<String>() + &wide;
        remote.stdin.take().unwrap().write_all(entries.as_bytes()).unwrap();
        assert!(remote.wait().unwrap().success());
        std::fs::read(folder.path().join("a.journal")).unwrap()
    }

    #[test]
    fn fields_are_shown_whatever_their_compression() {
        for compression in ["--compress=no", "--compress=yes"] {
            let bytes = journal(compression);
            for piece in [997, 4096] {
                let (shown, ended) = shown(&JOURNALD, "var/log/journal/a.journal", &bytes, piece);
                assert_eq!((ended, shown.faults), (Ok(()), vec![]), "{compression}");
                let wide = ("WIDE".to_owned(), format!("WIDE={}end", "w".repeat(100_000)).into_bytes());
                assert!(shown.parts.contains(&wide), "{compression}");
                let text: Vec<u8> = shown.parts.into_iter().flat_map(|part| part.1).collect();
                let text = String::from_utf8_lossy(&text);
                for n in 1..50 {
                    assert!(
                        text.contains(&format!("\nMESSAGE=login {n} password=hunter{n}\n")),
                        "{compression}"
                    );
                    assert!(
                        text.contains(&format!("\nLONG={}end\n", format!("long text {n} ").repeat(400))),
                        "{compression}"
                    );
                }
            }
        }
    }

    /// The head of a journal.
    fn head() -> Vec<u8> {
        let mut head = [MAGIC, &[0; 200]].concat();
        head[88..96].copy_from_slice(&208_u64.to_le_bytes());
        head
    }

    fn object(flags: u8, payload: &[u8]) -> Vec<u8> {
        let size = 64 + payload.len() as u64;
        let mut object =
            [&[DATA, flags, 0, 0, 0, 0, 0, 0][..], &size.to_le_bytes(), &[0; 48], payload].concat();
        object.resize(object.len().next_multiple_of(8), 0);
        object
    }

    #[test]
    fn compression_of_older_versions_is_undone() {
        let text = [b"MESSAGE=".to_vec(), b"again ".repeat(200)].concat();
        let lz4 = [(text.len() as u64).to_le_bytes().to_vec(), lz4_flex::block::compress(&text)].concat();
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
        xz.write_all(&text).unwrap();
        let xz = xz.finish().unwrap();
        let bytes = [head(), object(LZ4, &lz4), object(XZ, &xz), object(0, b"END=1")].concat();
        let (shown, ended) = shown(&JOURNALD, "", &bytes, 100);
        assert_eq!((ended, shown.faults), (Ok(()), vec![]));
        assert_eq!(shown.parts[0].1, [&text[..], b"\n", &text, b"\nEND=1\n"].concat());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), flags in any::<u8>(), size in 0_u64..3000) {
            let object = [&[1, flags, 0, 0, 0, 0, 0, 0][..], &size.to_le_bytes(), &bytes].concat();
            let _ = shown(&JOURNALD, "", &[head(), object].concat(), 100);
        }
    }
}
