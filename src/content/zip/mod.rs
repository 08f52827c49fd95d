//! Zip archives, and all that are one: jar, war, wheel, egg, apk, docx, nupkg, vsix, browser extensions, pex.
//!
//! They are read from the start to the end, from each member's own header, so that members which the directory at the end no
//! longer names are shown too. The directory is then held against what was read (`directory.rs`). Where a member is damaged
//! so that its end is not known, reading goes on at the next record. Bytes that belong to nothing are shown as they are,
//! unless they are zeros; what stands in front of the first member (a script, the key of an extension) is not shown again.

mod body;
mod directory;
mod header;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use memchr::memmem;

use self::body::{Content, Finished, Marked, is_readable, method_name};
use self::directory::Directory;
use self::header::{
    DECRYPTION, DESCRIPTOR_BYTES, Descriptor, END, END64, ENTRY, Entry, LOCAL, LOCAL_BYTES, LOCATOR, Local,
    MARK, SIGNATURE, u16_at, u32_at, u64_at,
};
use super::input::{Input, Until};
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;

/// See the module.
pub(super) const ZIP: Decoder = Decoder {
    name: "zip",
    about: "zip archives: jar, war, jmod, wheel, egg, apk, docx, nupkg, vsix, crx, pex and others",
    is,
    decode,
};

/// What an archive in several parts, or one that could have become that, begins with.
const SPANNED: [&[u8]; 2] = [b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04"];
/// Ends of paths of archives that a script may stand in front of.
const SCRIPTED: [&[u8]; 7] = [b".jar", b".war", b".pex", b".pyz", b".pyzw", b".xar", b".zip"];

fn is(head: &Head<'_>) -> bool {
    let bytes = head.bytes;
    if bytes.starts_with(MARK) {
        let empty = bytes.starts_with(END) && bytes.len() >= 22 && u16_at(bytes, 10) == Some(0);
        return Local::is(bytes) || empty || SPANNED.iter().any(|mark| bytes.starts_with(mark));
    }
    if let Some(jmod) = bytes.strip_prefix(b"JM\x01\0") {
        return Local::is(jmod);
    }
    if bytes.starts_with(b"Cr24") {
        return matches!(u32_at(bytes, 4), Some(2 | 3));
    }
    let scripted = || SCRIPTED.iter().any(|end| head.path.to_ascii_lowercase().ends_with(end));
    let follows = || memmem::find(bytes, LOCAL).is_some_and(|at| Local::is(&bytes[at..]));
    bytes.starts_with(b"#!") && (scripted() || follows())
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let directory = Directory::new(visitor.room());
    let mut archive = Archive { input: Input::new(body), visitor, directory, state: State::Before };
    while archive.step()?.is_continue() {}
    Ok(())
}

/// Where in an archive its reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In front of its first record.
    Before,
    /// Among its records.
    Within,
    /// Behind its end.
    Behind,
}

struct Archive<'b, 'v> {
    input: Input<'b>,
    visitor: &'v mut dyn Visitor,
    directory: Directory,
    state: State,
}

/// Whether there is more to read.
type Step = Result<ControlFlow<()>, Fault>;

impl Archive<'_, '_> {
    /// Reads what begins at the next byte.
    fn step(&mut self) -> Step {
        let ahead = self.input.peek(LOCAL_BYTES)?;
        let Some(mark) = ahead.first_chunk::<4>() else { return self.end() };
        match mark {
            LOCAL if self.state == State::Within || Local::is(ahead) => return self.member(),
            ENTRY => self.entry()?,
            END => self.finish()?,
            LOCATOR => self.pass(20)?,
            END64 => {
                let fixed = self.input.peek(12)?;
                let rest = u64_at(fixed, 4).unwrap_or(0);
                self.pass(rest.saturating_add(12))?;
            }
            SIGNATURE => {
                let rest = u16_at(ahead, 4).unwrap_or(0);
                self.pass(u64::from(rest) + 6)?;
            }
            DECRYPTION => {
                self.visitor.fault(Part::Rest, Fault::encrypted("the directory of the archive is encrypted"));
                return Ok(ControlFlow::Break(()));
            }
            _ => return self.gap(),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The end of the bytes.
    fn end(&mut self) -> Step {
        match self.state {
            State::Within => Err(Fault::damaged(format!(
                "the archive is cut off: no end of its directory up to byte {}",
                self.input.offset()
            ))),
            State::Before | State::Behind => Ok(ControlFlow::Break(())),
        }
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        self.input.skip(bytes).map(drop)
    }

    fn member(&mut self) -> Step {
        self.state = State::Within;
        let at = self.input.offset();
        let Some(local) = Local::read(&mut self.input)? else { return self.end() };
        let start = self.input.offset();
        if local.encrypted() {
            self.tell(&local, Fault::encrypted("the member is encrypted"));
        } else if !is_readable(local.method) {
            let (method, name) = (local.method, method_name(local.method));
            self.tell(&local, Fault::unsupported(format!("compression method {method} ({name})")));
        } else if !local.is_empty() {
            let (finished, flow) = self.show(&local);
            if flow.is_break() {
                return Ok(flow);
            }
            return self.leave(at, start, &local, &finished);
        }
        // What cannot be read, or has no byte, is passed over.
        let packed = match local.known() {
            Some(packed) => {
                self.pass(packed)?;
                packed
            }
            None => Marked::new(&mut self.input, false).skip()?,
        };
        if local.described() {
            self.descriptor(packed, None)?;
        }
        self.directory.member(at, &local, Some(packed));
        Ok(ControlFlow::Continue(()))
    }

    /// Shows the content of a member.
    fn show(&mut self, local: &Local) -> (Finished, ControlFlow<()>) {
        let window = self.visitor.limit(Limit::WindowBytes);
        let failed = Finished { crc: 0, bytes: 0, ended: false, failed: true, ahead: 0 };
        let mut content = match Content::new(&mut self.input, local, window) {
            Ok(content) => content,
            Err(error) => {
                self.visitor.fault(Part::Member(&local.name), error.into());
                return (failed, ControlFlow::Continue(()));
            }
        };
        let flow = self.visitor.visit(Part::Member(&local.name), &mut content);
        if flow.is_continue() && local.known().is_none() {
            content.drain();
        }
        (content.finish(), flow)
    }

    /// Goes to the end of a member that was shown, which began at `start`, and looks whether it was as it should be.
    fn leave(&mut self, at: u64, start: u64, local: &Local, finished: &Finished) -> Step {
        if self.input.failed() {
            return Ok(ControlFlow::Break(()));
        }
        self.input.back(finished.ahead);
        let read = self.input.offset() - start;
        if let Some(packed) = local.known() {
            let left = packed.saturating_sub(read);
            if self.input.skip(left)? < left {
                return Ok(self.cut(local, finished));
            }
        }
        let packed = local.known().unwrap_or(read);
        let found = if local.described() { self.descriptor(packed, Some(finished))? } else { None };
        let expected = match found {
            Some(found) => Some((found.crc, found.size)),
            None if !local.described() || local.crc != 0 => Some((local.crc, local.size)),
            None => None,
        };
        let is = Some((finished.crc, finished.bytes));
        if finished.ended && expected != is {
            let message = if expected.is_some() {
                "its bytes do not agree with its size and checksum"
            } else {
                "its size and checksum do not follow it"
            };
            self.tell(local, Fault::damaged(message));
        }
        let whole = (finished.ended && expected == is) || local.known().is_some();
        self.directory.member(at, local, whole.then_some(packed));
        Ok(ControlFlow::Continue(()))
    }

    /// The archive ends in a member.
    fn cut(&mut self, local: &Local, finished: &Finished) -> ControlFlow<()> {
        if !finished.failed {
            let message = format!("the archive ends before the {} bytes that it has", local.packed);
            self.tell(local, Fault::damaged(message));
        }
        ControlFlow::Break(())
    }

    /// Passes over the data descriptor of the member before, if it is there.
    fn descriptor(&mut self, packed: u64, finished: Option<&Finished>) -> io::Result<Option<Descriptor>> {
        let size = finished.filter(|finished| finished.ended).map(|finished| finished.bytes);
        let ahead = self.input.peek(DESCRIPTOR_BYTES + MARK.len())?;
        let found = Descriptor::find(ahead, packed, size).or_else(|| Descriptor::find(ahead, packed, None));
        if let Some(found) = found {
            self.input.consume(found.length);
        }
        Ok(found)
    }

    fn tell(&mut self, local: &Local, fault: Fault) {
        self.visitor.fault(Part::Member(&local.name), fault);
    }

    fn entry(&mut self) -> Result<(), Fault> {
        self.state = State::Within;
        let at = self.input.offset();
        if let Some(entry) = Entry::read(&mut self.input)? {
            self.directory.entry(at, &entry);
        }
        Ok(())
    }

    /// The end of the directory: what it says of the whole.
    fn finish(&mut self) -> Result<(), Fault> {
        self.state = State::Behind;
        let Some(fixed) = self.input.take_bytes(22)? else { return Ok(()) };
        self.pass(u64::from(u16_at(&fixed, 20).unwrap_or(0)))?;
        let directory = std::mem::replace(&mut self.directory, Directory::new(self.visitor.room()));
        let fault = if u16_at(&fixed, 4).is_some_and(|disk| disk != 0 && disk != u16::MAX) {
            Some(Fault::unsupported("it is one part of an archive in several files"))
        } else if directory.is_full() {
            let message = "its directory is too long to be compared with its members";
            Some(Fault::limit(Limit::WholeBytes, message))
        } else {
            directory.compare(u64::from(u32_at(&fixed, 16).unwrap_or(0))).map(|wrong| {
                Fault::damaged(format!(
                    "its directory names {} members that are not where and as it says, the first at byte {}",
                    wrong.entries, wrong.first
                ))
            })
        };
        if let Some(fault) = fault {
            self.visitor.fault(Part::Rest, fault);
        }
        Ok(())
    }

    /// Bytes that are no record: shown if they are more than zeros, up to the next record.
    fn gap(&mut self) -> Step {
        self.input.skip_zeros()?;
        let ahead = self.input.peek(LOCAL_BYTES)?;
        if ahead.is_empty() || is_record(ahead) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut rest = Until { input: &mut self.input, mark: MARK, is: is_record, ahead: LOCAL_BYTES };
        let flow = match self.state {
            State::Before => ControlFlow::Continue(()),
            State::Within | State::Behind => self.visitor.visit(Part::Rest, &mut rest),
        };
        if flow.is_continue() {
            io::copy(&mut rest, &mut io::sink())?;
        }
        Ok(flow)
    }
}

/// Whether a record begins with `bytes`, which stand where none is expected.
fn is_record(bytes: &[u8]) -> bool {
    let record = [ENTRY, END, END64, LOCATOR].iter().any(|mark| bytes.starts_with(&mark[..]));
    Local::is(bytes) || (record && bytes.len() >= 20)
}
