//! Cabinets of Windows, read in one pass: the tables of folders and files stand first, then the blocks of each folder.
//!
//! A folder is what is packed together: its files are one stream of bytes, shown one behind another. Folders that are not
//! packed, or by MSZIP, are opened; LZX and Quantum are told. What stands behind the cabinet, such as a signature, is shown.

mod block;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use self::block::{Blocks, Packing};
use super::input::{Input, Told};
use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;
use crate::stream::Section;

/// See the module.
pub(super) const CAB: Decoder = Decoder {
    name: "cab",
    about: "cabinets of Windows, stored or in MSZIP",
    is: |head| is(head.bytes),
    decode,
};

/// Bytes of the fixed part of the header.
const HEADER: usize = 36;
/// Longest name.
const NAME: usize = 1024;

/// Its version is 1.3, and what is reserved is zero.
fn is(bytes: &[u8]) -> bool {
    let zero = |at: usize| bytes.get(at..at + 4) == Some(&[0; 4]);
    bytes.starts_with(b"MSCF") && zero(4) && zero(12) && bytes.get(24..26) == Some(&[3, 1])
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut input = Input::new(body);
    let mut cabinet = Cabinet::read(&mut input, visitor)?;
    // Blocks are read where they stand: the folders may be named in another order.
    cabinet.folders.sort_by_key(|folder| folder.start);
    for folder in &cabinet.folders {
        let files = &cabinet.files;
        let from = files.partition_point(|file| file.folder < folder.number);
        let to = files.partition_point(|file| file.folder <= folder.number);
        if show(folder, &files[from..to], &mut input, visitor)?.is_break() {
            return Ok(());
        }
    }
    input.skip(cabinet.bytes.saturating_sub(input.offset()))?;
    input.skip_zeros()?;
    if !input.fill_buf()?.is_empty() {
        let _ = visitor.visit(Part::Rest, &mut input);
    }
    Ok(())
}

/// The tables of a cabinet.
struct Cabinet {
    bytes: u64,
    folders: Vec<Folder>,
    /// Those that are not empty, by folder, and by where they begin in it.
    files: Vec<File>,
}

struct Folder {
    number: u16,
    /// Where its blocks begin.
    start: u64,
    blocks: u16,
    packing: Packing,
    /// Bytes between the header of a block and what it holds.
    reserved: u8,
}

struct File {
    folder: u16,
    /// Where it begins in what the folder holds.
    from: u64,
    size: u64,
    name: Vec<u8>,
}

impl Cabinet {
    fn read(input: &mut Input<'_>, visitor: &mut dyn Visitor) -> Result<Self, Fault> {
        let header = exactly(input, HEADER)?;
        let [folders, files, flags] = [26, 28, 30].map(|at| half(&header, at));
        let (mut of_folder, mut of_block) = (0, 0);
        if flags & 4 != 0 {
            let sizes = exactly(input, 4)?;
            (of_folder, of_block) = (sizes[2], sizes[3]);
            input.skip(half(&sizes, 0).into())?;
        }
        // The cabinets before and behind it, and on which disks they are.
        for _ in 0..2 * (flags & 3).count_ones() {
            text(input)?;
        }
        let mut cabinet = Self { bytes: word(&header, 8), folders: Vec::new(), files: Vec::new() };
        for number in 0..folders {
            let folder = exactly(input, 8)?;
            input.skip(of_folder.into())?;
            cabinet.folders.push(Folder {
                number,
                start: word(&folder, 0),
                blocks: half(&folder, 4),
                packing: Packing::of(half(&folder, 6)),
                reserved: of_block,
            });
        }
        input.skip(word(&header, 16).saturating_sub(input.offset()))?;
        cabinet.read_files(files, input, visitor)?;
        Ok(cabinet)
    }

    fn read_files(
        &mut self,
        count: u16,
        input: &mut Input<'_>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        let last = self.folders.last().map_or(0, |folder| folder.number);
        let mut held = 0;
        for _ in 0..count {
            let fixed = exactly(input, 16)?;
            let name: Vec<u8> =
                text(input)?.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
            held += name.len() as u64;
            if held > visitor.room() {
                return Err(Fault::limit(
                    Limit::WholeBytes,
                    "the names of its files are too long to be held",
                ));
            }
            let (size, from) = (word(&fixed, 0), word(&fixed, 4));
            if size == 0 {
                continue;
            }
            let folder = match half(&fixed, 8) {
                // It goes on in the next cabinet.
                0xfffe => last,
                0xfffd | 0xffff => {
                    let fault = Fault::unsupported("it begins in another cabinet");
                    visitor.fault(Part::Member(&name), fault);
                    continue;
                }
                folder if folder > last || self.folders.is_empty() => {
                    visitor.fault(Part::Member(&name), Fault::damaged("it is in no folder of the cabinet"));
                    continue;
                }
                folder => folder,
            };
            self.files.push(File { folder, from, size, name });
        }
        self.files.sort_by_key(|file| (file.folder, file.from));
        Ok(())
    }
}

/// Shows the files of a folder.
fn show(
    folder: &Folder,
    files: &[File],
    input: &mut Input<'_>,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, Fault> {
    let Some(first) = files.first() else { return Ok(ControlFlow::Continue(())) };
    if let Packing::Other(packing) = folder.packing {
        let fault = Fault::unsupported(format!("its compression ({packing})"));
        tell(first, files.len() - 1, fault, visitor);
        return Ok(ControlFlow::Continue(()));
    }
    let Some(gap) = folder.start.checked_sub(input.offset()) else {
        tell(first, files.len() - 1, Fault::damaged("its folder overlaps another"), visitor);
        return Ok(ControlFlow::Continue(()));
    };
    input.skip(gap)?;
    let mut content = Blocks::new(input, folder.blocks, folder.packing, folder.reserved);
    let mut at = 0;
    for (index, file) in files.iter().enumerate() {
        let part = Part::Member(&file.name);
        let Some(gap) = file.from.checked_sub(at) else {
            visitor.fault(part, Fault::damaged("it overlaps another"));
            continue;
        };
        at = file.from + file.size;
        if let Err(error) = io::copy(&mut Section::new(&mut content, gap), &mut io::sink()) {
            tell(file, files.len() - 1 - index, error.into(), visitor);
            break;
        }
        let mut body = Told::new(Section::new(&mut content, file.size));
        if visitor.visit(part, &mut body).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        // What went wrong is remembered.
        let _ = io::copy(&mut body, &mut io::sink());
        if body.failed {
            if let Some(next) = files.get(index + 1) {
                let fault = Fault::damaged("it is packed behind bytes that cannot be read");
                tell(next, files.len() - 2 - index, fault, visitor);
            }
            break;
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Tells of a file and of `more` behind it in its folder.
fn tell(file: &File, more: usize, mut fault: Fault, visitor: &mut dyn Visitor) {
    if more > 0 {
        fault.message = format!("{}, and so it is with {more} more that are packed with it", fault.message);
    }
    visitor.fault(Part::Member(&file.name), fault);
}

fn exactly(input: &mut Input<'_>, count: usize) -> Result<Vec<u8>, Fault> {
    input.take_bytes(count)?.ok_or_else(|| Fault::damaged("the cabinet is cut off in its tables"))
}

/// The bytes up to a zero, which is passed over.
fn text(input: &mut Input<'_>) -> Result<Vec<u8>, Fault> {
    let ahead = input.peek(NAME)?;
    let end = ahead.iter().take(NAME).position(|byte| *byte == 0);
    let text = ahead[..end.ok_or_else(|| Fault::damaged("a name in the cabinet has no end"))?].to_vec();
    input.consume(text.len() + 1);
    Ok(text)
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from(half(bytes, at)) | u64::from(half(bytes, at + 2)) << 16
}
