//! Executables: ELF, PE and Mach-O. Their bytes are searched as they are, so all that is shown here is what these hide: strings
//! that Go and Rust put one behind another, and what somebody put into them: a file that is appended, `PyInstaller`'s archive.

mod layout;
mod pointers;
mod strings;
mod wasm;

use std::io::{self, BufRead, BufReader, Read};

use self::layout::{HEADERS, Layout};
use self::strings::Strings;
pub(super) use self::wasm::WASM;
use super::pyinstaller::{self, Tail, Watch};
use super::{Decoder, Fault, HEAD, Head, Part, Visitor};
use crate::limits::Limit;
use crate::stream::{Section, fill};

/// See the module.
pub(super) const EXECUTABLE: Decoder = Decoder {
    name: "executable",
    about: "ELF, PE and Mach-O: strings without borders, as Go and Rust write them, and what is appended or put in by PyInstaller",
    is: |head| layout::is(head.bytes),
    decode,
};

/// Bytes that are looked at in one go.
const CHUNK: usize = 64 << 10;

fn decode(head: &Head<'_>, mut body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut reader = Counted { inner: &mut body, headers: Vec::new(), at: 0 };
    let Some(layout) = reader.layout(visitor)? else { return Ok(()) };
    let mut interpreter = Watch::interpreter();
    let shown = if layout.images.is_empty() {
        strings(&mut reader, &layout, &mut interpreter, visitor)?
    } else {
        images(&mut reader, &layout, visitor)?
    };
    if !shown {
        return Ok(());
    }
    if interpreter.seen {
        let begin = reader.at;
        return match pyinstaller::show(&mut reader, visitor)? {
            Tail::Archive => Ok(()),
            Tail::Other(bytes) => {
                let behind = usize::try_from(layout.end.saturating_sub(begin)).unwrap_or(usize::MAX);
                appended(head, &mut bytes.get(behind..).unwrap_or_default(), visitor)
            }
        };
    }
    if !reader.skip_to(layout.end)? {
        return Ok(());
    }
    appended(head, &mut reader, visitor)
}

/// The images of a fat executable, each for another machine. Returns whether to go on.
fn images(reader: &mut Counted<'_>, outer: &Layout, visitor: &mut dyn Visitor) -> Result<bool, Fault> {
    for (offset, size) in &outer.images {
        if *offset < reader.at || !reader.skip_to(*offset)? {
            return Ok(true);
        }
        let mut section = Section::new(&mut *reader, *size);
        let mut inner = Counted { inner: &mut section, headers: Vec::new(), at: 0 };
        if let Some(layout) = inner.layout(visitor)?
            && !strings(&mut inner, &layout, &mut Watch::interpreter(), visitor)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Shows the strings of one image. Returns whether to go on.
fn strings(
    reader: &mut Counted<'_>,
    layout: &Layout,
    interpreter: &mut Watch,
    visitor: &mut dyn Visitor,
) -> Result<bool, Fault> {
    let mut strings = Strings::new(layout, visitor.room().saturating_sub(reader.headers.len() as u64));
    let mut chunk = vec![0; CHUNK];
    for region in &layout.regions {
        if !reader.skip_to(region.offset)? {
            break;
        }
        let mut done = 0;
        while done < region.size {
            let most = usize::try_from(region.size - done).unwrap_or(CHUNK).min(CHUNK);
            let (length, error) = fill(reader, &mut chunk[..most]);
            strings.feed(layout, region, region.address.wrapping_add(done), &chunk[..length]);
            interpreter.feed(&chunk[..length]);
            done += length as u64;
            if let Some(error) = error {
                return Err(error.into());
            }
            if length < most {
                break;
            }
        }
        strings.end();
    }
    Ok(show(strings, visitor))
}

/// Shows what was taken apart. Returns whether to go on.
fn show(strings: Strings, visitor: &mut dyn Visitor) -> bool {
    let (text, full) = strings.finish();
    if !text.is_empty() && visitor.visit(Part::Plain("strings"), &mut &text[..]).is_break() {
        return false;
    }
    if full {
        let message = "not all strings that stand behind one another without a border were taken apart";
        visitor.fault(Part::Plain("strings"), Fault::limit(Limit::WholeBytes, message));
    }
    true
}

/// Shows what stands behind an executable, if it can be opened: its bytes were searched already.
fn appended(head: &Head<'_>, reader: &mut dyn Read, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut begin = [0; HEAD];
    let (length, error) = fill(reader, &mut begin);
    let begin = &begin[..length];
    let tail = Head { path: head.path, bytes: begin, size: None };
    if length > 0 && tail.decoder().is_some() {
        let mut rest = BufReader::new(begin.chain(reader));
        let _ = visitor.visit(Part::Rest, &mut rest);
    }
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// A reader that gives the first bytes once more after they were looked at, and counts.
struct Counted<'r> {
    inner: &'r mut dyn Read,
    /// The first bytes.
    headers: Vec<u8>,
    /// Bytes that were given.
    at: u64,
}

impl Counted<'_> {
    /// What the headers say.
    fn layout(&mut self, visitor: &dyn Visitor) -> Result<Option<Layout>, Fault> {
        self.hold(HEADERS)?;
        let needs = layout::needs(&self.headers);
        if needs > HEADERS as u64 && self.headers.len() == HEADERS {
            if needs > visitor.room() {
                // What ends before is no program.
                let mut behind = Counted { inner: &mut *self.inner, headers: Vec::new(), at: HEADERS as u64 };
                if !behind.skip_to(needs)? {
                    return Ok(None);
                }
                let message = format!("its headers end at byte {needs}: its strings were not taken apart");
                return Err(Fault::limit(Limit::WholeBytes, message));
            }
            self.hold(usize::try_from(needs).unwrap_or(usize::MAX))?;
        }
        Ok(layout::read(&self.headers))
    }

    /// Holds the first `most` bytes, or as many as there are.
    fn hold(&mut self, most: usize) -> io::Result<()> {
        while self.headers.len() < most {
            let start = self.headers.len();
            self.headers.resize(most.min(start + HEADERS), 0);
            let (length, error) = fill(&mut self.inner, &mut self.headers[start..]);
            self.headers.truncate(start + length);
            match error {
                Some(error) => return Err(error),
                None if length == 0 => break,
                None => {}
            }
        }
        Ok(())
    }

    /// Passes over bytes up to `offset`. Returns whether there are so many.
    fn skip_to(&mut self, offset: u64) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        while self.at < offset {
            let most = usize::try_from(offset - self.at).unwrap_or(CHUNK).min(CHUNK);
            if self.read(&mut chunk[..most])? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.at).ok().and_then(|at| self.headers.get(at..)).unwrap_or_default();
        let read = if left.is_empty() {
            self.inner.read(out)?
        } else {
            let take = left.len().min(out.len());
            out[..take].copy_from_slice(&left[..take]);
            take
        };
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
