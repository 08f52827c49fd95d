//! How a block of a 7z archive is packed: coders, and which reads what another gives. Mostly it is one, or a filter for
//! machine code above one; the filter BCJ2 has four inputs, three of them packed by themselves.
//!
//! The coders are a tree by what is checked when they are read: each gives one stream, which one other coder reads, but for
//! the one that gives the content. Dictionaries of all of them together may not be larger than the window.

use std::io::{BufReader, Read};

use deflate64::Deflate64Decoder;
use flate2::read::DeflateDecoder;
use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader, lzma_get_memory_usage_by_props};

use super::super::Fault;
use super::cursor::Cursor;
use crate::limits::Limit;
use crate::stream::{Compression, Decoder};

/// Most coders of a block, and most inputs of all of them.
const MOST: usize = 32;
/// Memory that a coder may need beside its dictionary, in KiB.
const BESIDE_KIB: u64 = 1 << 10;
/// Bytes that a coder is given at a time.
const BUFFER: usize = 16 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Chain<'h> {
    coders: Vec<Coder<'h>>,
    /// For each coder, which input reads what it gives; none for the one that gives the content.
    readers: Vec<Option<usize>>,
    /// The inputs that read packed bytes, in the order of these.
    inputs: Vec<usize>,
    packed: Vec<&'h [u8]>,
}

#[derive(Debug)]
struct Coder<'h> {
    id: &'h [u8],
    properties: &'h [u8],
    /// Its inputs are numbered from here.
    first: usize,
    inputs: usize,
    /// Bytes that it gives.
    size: u64,
}

impl<'h> Chain<'h> {
    /// Reads what `cursor` passes over.
    pub(super) fn read(cursor: &mut Cursor<'h>) -> Result<Self, Fault> {
        let count = cursor.small(MOST)?;
        let (mut coders, mut inputs) = (Vec::new(), 0);
        for _ in 0..count {
            let coder = Coder::read(cursor, inputs)?;
            inputs += coder.inputs;
            coders.push(coder);
        }
        if coders.is_empty() || inputs > MOST || inputs + 1 < count {
            return Err(Fault::damaged("a block of the archive has no coders, or too many"));
        }
        let wrong = || Fault::damaged("the coders of a block do not fit together");
        let (mut readers, mut bound) = (vec![None; count], [false; MOST]);
        for _ in 1..count {
            let (input, output) = (cursor.small(inputs - 1)?, cursor.small(count - 1)?);
            if std::mem::replace(&mut bound[input], true) || readers[output].replace(input).is_some() {
                return Err(wrong());
            }
        }
        let free: Vec<usize> = (0..inputs).filter(|input| !bound[*input]).collect();
        let inputs = match free.len() {
            0 => return Err(wrong()),
            1 => free,
            _ => {
                let mut named = Vec::new();
                for _ in &free {
                    named.push(cursor.small(inputs - 1)?);
                }
                named
            }
        };
        Ok(Self { coders, readers, inputs, packed: Vec::new() })
    }

    /// How many coders there are.
    pub(super) fn coders(&self) -> usize {
        self.coders.len()
    }

    /// How many streams of packed bytes are read.
    pub(super) fn packed(&self) -> usize {
        self.inputs.len()
    }

    /// Says how many bytes a coder gives.
    pub(super) fn set_size(&mut self, coder: usize, size: u64) {
        self.coders[coder].size = size;
    }

    /// Gives the next stream of packed bytes.
    pub(super) fn add_packed(&mut self, bytes: &'h [u8]) {
        self.packed.push(bytes);
    }

    /// The coder that gives the content: no other reads it.
    fn main(&self) -> usize {
        self.readers.iter().position(Option::is_none).unwrap_or(0)
    }

    /// Bytes of the content.
    pub(super) fn size(&self) -> u64 {
        self.coders[self.main()].size
    }

    /// Reads the content, with at most `window` bytes for dictionaries.
    pub(super) fn open(&self, window: u64) -> Result<Box<dyn Read + 'h>, Fault> {
        let mut window = window;
        self.output(self.main(), &mut window)
    }

    fn output(&self, coder: usize, window: &mut u64) -> Result<Box<dyn Read + 'h>, Fault> {
        let coder = &self.coders[coder];
        let inputs = coder.first..coder.first + coder.inputs;
        let mut inputs: Vec<_> = inputs.map(|input| self.input(input, window)).collect::<Result<_, _>>()?;
        if coder.id == BCJ2 {
            return Ok(Box::new(Bcj2Reader::try_new(inputs, coder.size)?));
        }
        match (inputs.pop(), inputs.pop()) {
            (Some(input), None) => coder.undo(input, window),
            _ => Err(Fault::unsupported(format!("a coder of several streams: {}", name(coder.id)))),
        }
    }

    fn input(&self, input: usize, window: &mut u64) -> Result<Box<dyn Read + 'h>, Fault> {
        if let Some(coder) = self.readers.iter().position(|reader| *reader == Some(input)) {
            return self.output(coder, window);
        }
        let packed = self.inputs.iter().position(|packed| *packed == input);
        match packed.and_then(|at| self.packed.get(at)) {
            Some(packed) => Ok(Box::new(*packed)),
            None => Err(Fault::damaged("a coder of a block reads nothing")),
        }
    }
}

const BCJ2: &[u8] = &[3, 3, 1, 0x1b];

impl<'h> Coder<'h> {
    fn read(cursor: &mut Cursor<'h>, first: usize) -> Result<Self, Fault> {
        let flags = cursor.byte()?;
        let id = cursor.take(u64::from(flags & 0x0f))?;
        let (mut inputs, mut outputs) = (1, 1);
        if flags & 0x10 != 0 {
            (inputs, outputs) = (cursor.small(MOST)?, cursor.small(MOST)?);
        }
        let properties = if flags & 0x20 != 0 {
            let size = cursor.number()?;
            cursor.take(size)?
        } else {
            &[]
        };
        if outputs != 1 || flags & 0xc0 != 0 {
            return Err(Fault::unsupported(format!("a coder that gives several streams: {}", name(id))));
        }
        Ok(Self { id, properties, first, inputs, size: 0 })
    }

    /// Undoes what this coder did.
    fn undo(&self, input: Box<dyn Read + 'h>, window: &mut u64) -> Result<Box<dyn Read + 'h>, Fault> {
        let stream = |input, compression, window| {
            Box::new(Decoder::new(BufReader::with_capacity(BUFFER, input), compression, window))
        };
        Ok(match self.id {
            [0] => input,
            [3] => Box::new(DeltaReader::new(input, usize::from(self.property()?) + 1)),
            [4] | [3, 3, 1, 3] => Box::new(BcjReader::new_x86(input, self.start()?)),
            [5] | [3, 3, 2, 5] => Box::new(BcjReader::new_ppc(input, self.start()?)),
            [6] | [3, 3, 4, 1] => Box::new(BcjReader::new_ia64(input, self.start()?)),
            [7] | [3, 3, 5, 1] => Box::new(BcjReader::new_arm(input, self.start()?)),
            [8] | [3, 3, 7, 1] => Box::new(BcjReader::new_arm_thumb(input, self.start()?)),
            [9] | [3, 3, 8, 5] => Box::new(BcjReader::new_sparc(input, self.start()?)),
            [0x0a] => Box::new(BcjReader::new_arm64(input, self.start()?)),
            [0x0b] => Box::new(BcjReader::new_riscv(input, self.start()?)),
            [0x21] => self.lzma2(input, window)?,
            [3, 1, 1] => self.lzma(input, window)?,
            [4, 1, 8] => Box::new(DeflateDecoder::new(input)),
            [4, 1, 9] => Box::new(Deflate64Decoder::with_buffer(BufReader::with_capacity(BUFFER, input))),
            [4, 2, 2] => stream(input, Compression::Bzip2, *window),
            [4, 0xf7, 0x11, 1] => stream(input, Compression::Zstd, *window),
            [6, 0xf1, 7, 1] | [6, 1, ..] => return Err(Fault::encrypted("it is encrypted")),
            id => return Err(Fault::unsupported(format!("its compression ({})", name(id)))),
        })
    }

    fn property(&self) -> Result<u8, Fault> {
        self.properties.first().copied().ok_or_else(|| Fault::damaged("a coder has no properties"))
    }

    /// At which address a filter for machine code starts.
    fn start(&self) -> Result<usize, Fault> {
        match self.properties {
            [] => Ok(0),
            [a, b, c, d] => Ok(u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => Err(Fault::damaged("a filter has properties of another length")),
        }
    }

    fn lzma(&self, input: Box<dyn Read + 'h>, window: &mut u64) -> Result<Box<dyn Read + 'h>, Fault> {
        let [properties, dictionary @ ..] =
            self.properties.first_chunk::<5>().copied().unwrap_or([u8::MAX; 5]);
        let dictionary = self.dictionary(u32::from_le_bytes(dictionary).into());
        let models = u64::from(lzma_get_memory_usage_by_props(0, properties)?);
        if models > BESIDE_KIB {
            spend(window, models << 10)?;
        }
        spend(window, dictionary.into())?;
        Ok(Box::new(LzmaReader::new_with_props(input, self.size, properties, dictionary, None)?))
    }

    fn lzma2(&self, input: Box<dyn Read + 'h>, window: &mut u64) -> Result<Box<dyn Read + 'h>, Fault> {
        let dictionary = match self.property()? {
            40 => u64::from(u32::MAX),
            half @ 0..40 => (2 | u64::from(half & 1)) << (half / 2 + 11),
            _ => return Err(Fault::damaged("a coder has a dictionary of no size")),
        };
        let dictionary = self.dictionary(dictionary);
        spend(window, dictionary.into())?;
        Ok(Box::new(Lzma2Reader::new(input, dictionary, None)))
    }

    /// The size of a dictionary that was declared as `bytes`: no more than the content is needed.
    fn dictionary(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.min(self.size).max(1 << 12)).unwrap_or(u32::MAX).min(u32::MAX - 15)
    }
}

/// Takes `bytes` out of the window.
fn spend(window: &mut u64, bytes: u64) -> Result<(), Fault> {
    let left = window.checked_sub(bytes);
    *window = left
        .ok_or_else(|| Fault::limit(Limit::WindowBytes, format!("it has a dictionary of {bytes} bytes")))?;
    Ok(())
}

/// What a coder is called in messages.
fn name(id: &[u8]) -> String {
    let known = match id {
        [3, 4, 1] => "PPMd",
        [4, 0xf7, 0x11, 2] => "Brotli",
        [4, 0xf7, 0x11, 4] => "LZ4",
        [4, 0xf7, 0x11, 5] => "LZ5",
        [4, 0xf7, 0x11, 6] => "Lizard",
        _ => return format!("{id:02x?}"),
    };
    known.to_owned()
}
