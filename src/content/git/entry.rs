//! What stands before each object of a pack: its kind or base, and its size.

use std::io::{self, BufRead, Read};

use super::object::{Hash, Id, Kind};
use super::store::Form;
use crate::content::Fault;

/// A pack that says how many bytes of it were read.
pub(super) struct Reader<'r> {
    inner: &'r mut dyn BufRead,
    /// Where the next byte stands.
    pub(super) at: u64,
}

impl<'r> Reader<'r> {
    pub(super) fn new(inner: &'r mut dyn BufRead) -> Self {
        Self { inner, at: 0 }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.at += amount as u64;
    }
}

/// Reads what stands before the object at the next byte of `reader`: how it is stored, and its size.
pub(super) fn read(reader: &mut Reader<'_>, hash: Hash) -> Result<(Form, u64), Fault> {
    let at = reader.at;
    let damaged = |what: &str| Fault::damaged(format!("{what} at byte {at}"));
    let mut byte = reader.byte()?;
    let code = byte >> 4 & 7;
    let (mut size, mut shift) = (u64::from(byte & 15), 4);
    while byte & 0x80 != 0 {
        byte = reader.byte()?;
        if shift > 56 {
            return Err(damaged("no size of an object"));
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    let form = match code {
        1 => Form::Full(Kind::Commit),
        2 => Form::Full(Kind::Tree),
        3 => Form::Full(Kind::Blob),
        4 => Form::Full(Kind::Tag),
        6 => {
            let distance = distance(reader)?.filter(|distance| (1..=at).contains(distance));
            Form::OnOffset(at - distance.ok_or_else(|| damaged("no base of a delta"))?)
        }
        7 => {
            let mut id = [0; 32];
            reader.read_exact(&mut id[..hash.width()])?;
            Form::OnKey(Id::new(&id[..hash.width()]).key().get())
        }
        _ => return Err(damaged("no object")),
    };
    Ok((form, size))
}

/// How far before its delta a base starts.
fn distance(reader: &mut Reader<'_>) -> io::Result<Option<u64>> {
    let mut byte = reader.byte()?;
    let mut distance = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = reader.byte()?;
        if distance >= 1 << 55 {
            return Ok(None);
        }
        distance = (distance + 1) << 7 | u64::from(byte & 0x7f);
    }
    Ok(Some(distance))
}
