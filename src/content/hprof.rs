//! Heap dumps of Java virtual machines (`.hprof`): the strings of the program and the arrays of text that stood on the heap.
//!
//! The characters of a string stand in an array whose head is a few binary numbers, and the next record begins right behind
//! it: both can read as letters, which hides where a token begins and ends. Each text is shown on a line of its own. Format:
//! the comment at the head of `heapDumper.cpp` in the source of the virtual machine.

use std::io::{self, BufRead, Read};

use super::input::Input;
use super::{Decoder, Fault, Head, Part, Visitor};

/// See the module.
pub(super) const HPROF: Decoder = Decoder {
    name: "hprof",
    about: "Heap dumps of Java: strings and arrays of text",
    is: |head| Layout::of(head.bytes).is_some(),
    decode,
};

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some(layout) = Layout::of(head.bytes) else { return Ok(()) };
    let mut input = Input::new(body);
    input.skip(layout.begin)?;
    let mut texts =
        Texts { input, id: layout.id, heap: 0, array: None, text: Vec::new(), given: 0, fault: None };
    if visitor.visit(Part::Plain("hprof"), &mut texts).is_break() {
        return Ok(());
    }
    texts.fault.map_or(Ok(()), Err)
}

/// What the head of a dump says.
struct Layout {
    /// Bytes of the head.
    begin: u64,
    /// Bytes of an identifier.
    id: u64,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Self> {
        let version = bytes.strip_prefix(b"JAVA PROFILE 1.0.")?;
        let name = version.iter().take(4).position(|byte| *byte == 0)?;
        let size = version.get(name + 1..name + 5)?;
        let id = u32::from_be_bytes(size.try_into().ok()?);
        // The name, its end, the size of an identifier and the time.
        let begin = (b"JAVA PROFILE 1.0.".len() + name + 1 + 4 + 8) as u64;
        matches!(id, 4 | 8).then_some(Self { begin, id: id.into() })
    }
}

/// The texts of a dump, one a line.
struct Texts<'b> {
    input: Input<'b>,
    id: u64,
    /// Offset where the records of the heap end that it stands in.
    heap: u64,
    /// An array that is being read.
    array: Option<Array>,
    text: Vec<u8>,
    given: usize,
    fault: Option<Fault>,
}

/// What is left of an array, or of a string.
#[derive(Debug, Clone, Copy)]
struct Array {
    bytes: u64,
    /// Whether its elements are characters of two bytes.
    wide: bool,
    /// Whether it is text; not known before its first bytes are there.
    is_text: Option<bool>,
}

/// Bytes of an array that are read at a time.
const PIECE: u64 = 4096;
/// Fewest bytes that could hold a credential.
const SHORTEST: u64 = 6;
/// Bytes by which text is told from other arrays.
const SAMPLE: usize = 16;

impl Texts<'_> {
    /// Reads on. False at the end.
    fn step(&mut self) -> Result<bool, Fault> {
        if let Some(array) = self.array.take() {
            return self.read(array).map(|()| true);
        }
        if self.input.offset() < self.heap { self.heap_record() } else { self.record() }
    }

    /// A record of the dump: tag, time and length.
    fn record(&mut self) -> Result<bool, Fault> {
        let at = self.input.offset();
        let Some(head) = self.input.take_bytes(9)? else {
            let cut = !self.input.peek(1)?.is_empty();
            return if cut { Err(cut_off(at)) } else { Ok(false) };
        };
        let length = u64::from(u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        match head[0] {
            // A name or a string of the class files.
            0x01 if length > self.id => {
                self.pass(self.id)?;
                self.begin(length - self.id, false)?;
            }
            // Records of the heap follow.
            0x0c | 0x1c => self.heap = self.input.offset().saturating_add(length),
            _ => self.pass(length)?,
        }
        Ok(true)
    }

    /// A record of the heap.
    fn heap_record(&mut self) -> Result<bool, Fault> {
        let (at, id) = (self.input.offset(), self.id);
        let tag = self.number(1)?;
        match tag {
            0xff | 0x05 | 0x07 => self.pass(id)?,
            0x01 => self.pass(2 * id)?,
            0x02 | 0x03 | 0x08 => self.pass(id + 8)?,
            0x04 | 0x06 => self.pass(id + 4)?,
            0x20 => self.class()?,
            0x21 => {
                self.pass(2 * id + 4)?;
                let length = self.number(4)?;
                self.pass(length)?;
            }
            0x22 => {
                self.pass(id + 4)?;
                let count = self.number(4)?;
                self.pass(id + count * id)?;
            }
            0x23 => {
                self.pass(id + 4)?;
                let (count, kind) = (self.number(4)?, self.number(1)?);
                let bytes = count * self.size(kind, at)?;
                if matches!(kind, CHAR | BYTE) {
                    self.begin(bytes, kind == CHAR)?;
                } else {
                    self.pass(bytes)?;
                }
            }
            _ => return Err(Fault::unsupported(format!("record {tag:#04x} of the heap at byte {at}"))),
        }
        Ok(true)
    }

    /// A class: its constants and static fields with their values, and its fields.
    fn class(&mut self) -> Result<(), Fault> {
        let at = self.input.offset();
        self.pass(7 * self.id + 8)?;
        for name in [2, self.id] {
            for _ in 0..self.number(2)? {
                self.pass(name)?;
                let kind = self.number(1)?;
                let size = self.size(kind, at)?;
                self.pass(size)?;
            }
        }
        let fields = self.number(2)?;
        self.pass(fields * (self.id + 1))
    }

    /// Bytes of a value of this kind.
    fn size(&self, kind: u64, at: u64) -> Result<u64, Fault> {
        Ok(match kind {
            2 => self.id,
            4 | BYTE => 1,
            CHAR | 9 => 2,
            6 | 10 => 4,
            7 | 11 => 8,
            _ => return Err(Fault::damaged(format!("a value of no kind in the record at byte {at}"))),
        })
    }

    /// Begins an array or a string of so many bytes.
    fn begin(&mut self, bytes: u64, wide: bool) -> Result<(), Fault> {
        if bytes < SHORTEST {
            return self.pass(bytes);
        }
        self.array = Some(Array { bytes, wide, is_text: None });
        Ok(())
    }

    /// Reads the next piece of an array; what is no text is passed over.
    fn read(&mut self, mut array: Array) -> Result<(), Fault> {
        let at = self.input.offset();
        let length = array.bytes.min(PIECE);
        let piece = usize::try_from(length).ok().map(|length| self.input.take_bytes(length)).transpose()?;
        let piece = piece.flatten().ok_or_else(|| cut_off(at))?;
        let text: Vec<u8> = if array.wide {
            piece.chunks(2).map(|pair| if pair[0] == 0 { pair[pair.len() - 1] } else { b'?' }).collect()
        } else {
            piece
        };
        array.bytes -= length;
        let is_text =
            *array.is_text.get_or_insert_with(|| text.iter().take(SAMPLE).all(|byte| is_text(*byte)));
        if !is_text {
            return self.pass(array.bytes);
        }
        self.text.extend(text);
        if array.bytes == 0 {
            self.text.push(b'\n');
        } else {
            self.array = Some(array);
        }
        Ok(())
    }

    fn number(&mut self, bytes: usize) -> Result<u64, Fault> {
        let at = self.input.offset();
        let digits = self.input.take_bytes(bytes)?.ok_or_else(|| cut_off(at))?;
        Ok(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Fault> {
        let at = self.input.offset();
        if self.input.skip(bytes)? < bytes { Err(cut_off(at)) } else { Ok(()) }
    }
}

const CHAR: u64 = 5;
const BYTE: u64 = 8;

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

fn cut_off(at: u64) -> Fault {
    Fault::damaged(format!("the dump is cut off behind byte {at}"))
}

impl Read for Texts<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            self.text.clear();
            self.given = 0;
            match self.step() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(fault) => {
                    self.fault.get_or_insert(fault);
                    return Ok(0);
                }
            }
        }
        let take = out.len().min(self.text.len() - self.given);
        out[..take].copy_from_slice(&self.text[self.given..self.given + take]);
        self.given += take;
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::content::tests::shown;

    const PROGRAM: &str = r#"
import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

public class Dump {
    public static void main(String[] args) throws Exception {
        String password = new String("made-up-password-" + args.length);
        char[] characters = ("made-up-characters-" + args.length).toCharArray();
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpHeap(args[0], true);
        System.out.println(password.length() + characters.length);
    }
}
"#;

    fn dump() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = (folder.path().join("Dump.java"), folder.path().join("heap.hprof"));
        std::fs::write(&source, PROGRAM).unwrap();
        let ran = Command::new("java").arg("-Xmx32m").arg(&source).arg(&out).output();
        let ran = ran.expect("java runs; tests/install.sh installs it");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        std::fs::read(out).unwrap()
    }

    #[test]
    fn strings_of_a_running_program_stand_on_lines_of_their_own() {
        let bytes = dump();
        let (shown_all, ended) = shown(&HPROF, "heap.hprof", &bytes, 8192);
        assert_eq!(ended, Ok(()));
        let lines: Vec<&[u8]> = shown_all.parts[0].1.split(|byte| *byte == b'\n').collect();
        for text in [&b"made-up-password-1"[..], b"made-up-characters-1", b"java.lang.String"] {
            assert!(lines.contains(&text), "{}", String::from_utf8_lossy(text));
        }
        let (in_pieces, _) = shown(&HPROF, "heap.hprof", &bytes, 1021);
        assert!(in_pieces.parts == shown_all.parts);
        let cut = &bytes[..bytes.len() - 100_000];
        assert!(shown(&HPROF, "heap.hprof", cut, 8192).1.is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(rest in proptest::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            let bytes = [&b"JAVA PROFILE 1.0.2\0\0\0\0\x08\0\0\0\0\0\0\0\0\x1c\0\0\0\0\0\0\x01\0"[..], &rest].concat();
            let _ = shown(&HPROF, "", &bytes, piece);
        }
    }
}
