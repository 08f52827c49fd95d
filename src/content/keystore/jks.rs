//! Java's own keystores, JKS and JCEKS: a list of entries, and a hash over all of it.

use memchr::memmem;

use super::pkcs12::locked;
use super::tlv::OBJECT;
use super::{Found, Protected, cipher};

/// The marks of both.
pub(super) fn is(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 1 | 2, ..] | [0xce, 0xce, 0xce, 0xce, 0, 0, 0, 1 | 2, ..]
    )
}

/// What a store has.
#[derive(Debug)]
pub(super) struct Store {
    /// Its keys and their certificates, in their order.
    pub(super) found: Vec<Found>,
    /// The byte at which it cannot be read any further, if it has more.
    pub(super) stopped: Option<usize>,
}

/// Reads what stands behind the mark.
pub(super) fn read(bytes: &[u8]) -> Store {
    let mut store = Store { found: Vec::new(), stopped: None };
    let mut reader = Reader { bytes, at: 4 };
    let version = reader.number().unwrap_or_default();
    for _ in 0..reader.number().unwrap_or_default() {
        let start = reader.at;
        if entry(&mut reader, version, &mut store.found).is_none() {
            store.stopped = Some(start);
            break;
        }
    }
    store
}

/// Whether `password` is that of the whole store. It says nothing of its keys, but mostly theirs is the same.
pub(super) fn opens(bytes: &[u8], password: &str) -> bool {
    bytes.split_last_chunk().is_some_and(|(store, hash)| cipher::store_check(password, store) == *hash)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn sized(&mut self) -> Option<&'b [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    fn text(&mut self) -> Option<&'b [u8]> {
        let count = self.take(2)?;
        self.take(usize::from(u16::from_be_bytes([count[0], count[1]])))
    }
}

fn entry(reader: &mut Reader<'_>, version: u32, found: &mut Vec<Found>) -> Option<()> {
    let tag = reader.number()?;
    let name = String::from_utf8_lossy(reader.text()?).into_owned();
    reader.take(8)?;
    match tag {
        1 => {
            found.extend(locked(reader.sized()?).map(|key| Found::Locked { name, key, secret: false }));
            for _ in 0..reader.number()? {
                found.push(Found::Certificate(certificate(reader, version)?));
            }
        }
        2 => {
            certificate(reader, version)?;
        }
        3 => found.push(Found::Locked { name, key: sealed(reader)?, secret: true }),
        _ => return None,
    }
    Some(())
}

fn certificate(reader: &mut Reader<'_>, version: u32) -> Option<Vec<u8>> {
    if version > 1 {
        reader.text()?;
    }
    reader.sized().map(<[u8]>::to_vec)
}

/// What an object in Java's own notation begins with.
const OBJECTS: &[u8] = &[0xac, 0xed, 0, 5];
/// The class of arrays of bytes in that notation, at its first use. The length of the array follows.
const BYTES_CLASS: &[u8] = b"ur\0\x02[B\xac\xf3\x17\xf8\x06\x08T\xe0\x02\0\0xp";
/// Bytes before that: the classes of a sealed object.
const CLASSES: usize = 1000;

/// A secret key: an object that is sealed, with how (salt and rounds), the key, and twice the name of the method.
fn sealed(reader: &mut Reader<'_>) -> Option<Protected> {
    let ahead = reader.bytes.get(reader.at..)?;
    let classes = memmem::find(&ahead[..ahead.len().min(CLASSES)], BYTES_CLASS)?;
    if !ahead.starts_with(OBJECTS) {
        return None;
    }
    reader.take(classes + BYTES_CLASS.len())?;
    let parameters = reader.sized()?;
    // The same class again, by its number.
    if !reader.take(6)?.starts_with(b"uq") {
        return None;
    }
    let data = reader.sized()?.to_vec();
    for _ in 0..2 {
        match reader.take(1)? {
            b"t" => reader.text().map(drop)?,
            b"q" => reader.take(4).map(drop)?,
            b"p" => {}
            _ => return None,
        }
    }
    let length = u8::try_from(cipher::JCEKS.len()).ok()?;
    let algorithm = [&[OBJECT, length], cipher::JCEKS, parameters].concat();
    Some(Protected { algorithm, data })
}

/// The bytes of a secret key that was unsealed.
pub(super) fn unsealed(object: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(object.strip_prefix(OBJECTS)?, BYTES_CLASS)?;
    Reader { bytes: object, at: at + OBJECTS.len() + BYTES_CLASS.len() }.sized()
}
