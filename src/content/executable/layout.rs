//! What the headers at the start of an executable say: which bytes of the file stand where in memory, and where it ends.
//!
//! Only what the search for strings needs is read, from the first bytes of a stream, so the crates for object files, which
//! want the file as a whole, are of no use here.

/// Bytes of the start of a file that hold its headers, unless [`needs`] says more.
pub(super) const HEADERS: usize = 64 << 10;

/// A machine, as far as its code is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
    /// Another.
    Other,
}

/// Bytes of the file that are in memory when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    /// Where they stand in the file.
    pub(super) offset: u64,
    /// How many they are.
    pub(super) size: u64,
    /// Where they stand in memory.
    pub(super) address: u64,
    /// Whether they are code.
    pub(super) code: bool,
    /// Whether the program may change them.
    pub(super) writable: bool,
}

/// How pointers are written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As addresses, in tables.
    Plain,
    /// As addresses, and code has them as numbers: a program that stands where it was linked to.
    Fixed,
    /// In a table of relocations, or where they belong if that can be changed.
    Relocated,
    /// As distances from the start of the image, in 36 bits of a word: Mach-O.
    Chained,
}

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) machine: Machine,
    /// Bytes of a pointer.
    pub(super) pointer: usize,
    pub(super) big_endian: bool,
    pub(super) kind: Kind,
    /// Where the image begins in memory.
    pub(super) base: u64,
    /// Sorted by offset, and none overlaps another.
    pub(super) regions: Vec<Region>,
    /// Where the executable ends in the file. Behind it is something else.
    pub(super) end: u64,
    /// Images in it, each with its offset and size: those of a fat executable for several machines.
    pub(super) images: Vec<(u64, u64)>,
}

impl Layout {
    /// Whether the program may change what is at `address`.
    pub(super) fn is_writable(&self, address: u64) -> bool {
        let holds = |region: &&Region| address.wrapping_sub(region.address) < region.size;
        self.regions.iter().find(holds).is_some_and(|region| region.writable)
    }
}

/// Reads numbers from anywhere in the first bytes.
#[derive(Clone, Copy)]
struct Bytes<'b> {
    bytes: &'b [u8],
    big: bool,
}

impl Bytes<'_> {
    fn number(&self, at: u64, width: u64) -> Option<u64> {
        let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(width)?).ok()?);
        let bytes = self.bytes.get(at..end)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    fn u16(&self, at: u64) -> Option<u64> {
        self.number(at, 2)
    }

    fn u32(&self, at: u64) -> Option<u64> {
        self.number(at, 4)
    }

    fn u64(&self, at: u64) -> Option<u64> {
        self.number(at, 8)
    }
}

/// Most regions, segments and sections of one image.
const MOST: u64 = 1000;

/// Bytes of the shortest head: that of a Mach-O file for 32 bits.
const SHORTEST_HEAD: u64 = 28;

/// Whether a file begins like an executable.
pub(super) fn is(bytes: &[u8]) -> bool {
    match bytes {
        // Not a core dump, which is no program.
        [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, 1, ..] => {
            let kind = if bytes[5] == 2 { bytes.get(17) } else { bytes.get(16) };
            kind.is_some_and(|kind| *kind != 4)
        }
        [b'M', b'Z', ..] => {
            let head = Bytes { bytes, big: false };
            let Some(at) = head.u32(0x3c) else { return false };
            // What is behind the head is looked at when it is read.
            let beyond = at + 4 > bytes.len() as u64 && at < HEADERS as u64;
            at >= 0x40 && (beyond || head.u32(at) == Some(0x4550))
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, 1..=30, ..] => true,
        _ => false,
    }
}

/// How many bytes from the start the headers take. Tools that rewrite a program, such as BOLT, put them behind its code.
pub(super) fn needs(bytes: &[u8]) -> u64 {
    let end = match bytes {
        [0x7f, b'E', b'L', b'F', wide, order, ..] => {
            let (bytes, wide) = (Bytes { bytes, big: *order == 2 }, *wide == 2);
            let (at, sizes) = if wide { (bytes.u64(32), 54) } else { (bytes.u32(28), 42) };
            let table = bytes.u16(sizes).zip(bytes.u16(sizes + 2));
            at.zip(table).map(|(at, (size, count))| at.saturating_add(size * count.min(MOST)))
        }
        [first @ (0xcf | 0xce), 0xfa, 0xed, 0xfe, ..] => {
            let commands = Bytes { bytes, big: false }.u32(20);
            commands.map(|size| size + if *first == 0xcf { 32 } else { 28 })
        }
        _ => None,
    };
    end.unwrap_or(0)
}

/// The layout that `bytes`, the first of a file, tell. None if they tell none.
pub(super) fn read(bytes: &[u8]) -> Option<Layout> {
    let mut layout = match bytes {
        [0x7f, b'E', b'L', b'F', wide, order, ..] => elf(Bytes { bytes, big: *order == 2 }, *wide == 2),
        [b'M', b'Z', ..] => pe(Bytes { bytes, big: false }),
        [first @ (0xcf | 0xce), 0xfa, 0xed, 0xfe, ..] => mach(Bytes { bytes, big: false }, *first == 0xcf),
        [0xca, 0xfe, 0xba, last, ..] => fat(Bytes { bytes, big: true }, *last == 0xbf),
        _ => None,
    }?;
    layout.regions.retain(|region| region.size > 0);
    layout.regions.sort_by_key(|region| region.offset);
    let mut from = 0;
    for region in &mut layout.regions {
        let cut = from.max(region.offset) - region.offset;
        region.offset += cut;
        region.address = region.address.wrapping_add(cut);
        region.size = region.size.saturating_sub(cut);
        from = from.max(region.offset.saturating_add(region.size));
    }
    // Of one that tells nothing of itself all but the head may be something else, and the head is not.
    layout.end = layout.end.max(from).max(SHORTEST_HEAD);
    Some(layout)
}

fn elf(bytes: Bytes<'_>, wide: bool) -> Option<Layout> {
    let machine = match bytes.u16(18)? {
        62 => Machine::Amd64,
        183 => Machine::Arm64,
        _ => Machine::Other,
    };
    let (segments, sections, sizes) =
        if wide { (bytes.u64(32)?, bytes.u64(40)?, 54) } else { (bytes.u32(28)?, bytes.u32(32)?, 42) };
    let (size, count) = (bytes.u16(sizes)?, bytes.u16(sizes + 2)?);
    let end = sections.saturating_add(bytes.u16(sizes + 4)? * bytes.u16(sizes + 6)?);
    let mut layout = Layout {
        machine,
        pointer: if wide { 8 } else { 4 },
        big_endian: bytes.big,
        kind: match bytes.u16(16)? {
            2 => Kind::Fixed,
            3 => Kind::Relocated,
            _ => Kind::Plain,
        },
        base: 0,
        regions: Vec::new(),
        end: if sections == 0 { 0 } else { end },
        images: Vec::new(),
    };
    for index in 0..count.min(MOST) {
        let at = segments.checked_add(index * size)?;
        if bytes.u32(at)? != 1 {
            continue;
        }
        let (flags, offset, address, size) = if wide {
            (bytes.u32(at + 4)?, bytes.u64(at + 8)?, bytes.u64(at + 16)?, bytes.u64(at + 32)?)
        } else {
            (bytes.u32(at + 24)?, bytes.u32(at + 4)?, bytes.u32(at + 8)?, bytes.u32(at + 16)?)
        };
        layout.regions.push(Region { offset, size, address, code: flags & 1 != 0, writable: flags & 2 != 0 });
    }
    Some(layout)
}

fn pe(bytes: Bytes<'_>) -> Option<Layout> {
    let header = bytes.u32(0x3c)?;
    if bytes.u32(header)? != 0x4550 {
        return None;
    }
    let machine = match bytes.u16(header + 4)? {
        0x8664 => Machine::Amd64,
        0xaa64 => Machine::Arm64,
        _ => Machine::Other,
    };
    let (sections, optional) = (bytes.u16(header + 6)?, bytes.u16(header + 20)?);
    let wide = bytes.u16(header + 24)? == 0x20b;
    let base = if wide { bytes.u64(header + 48)? } else { bytes.u32(header + 52)? };
    // Its symbols, and the signature, stand behind the sections and belong to it.
    let symbols = bytes.u32(header + 12)? + 18 * bytes.u32(header + 16)?;
    let directories = header + 24 + if wide { 112 } else { 96 };
    let signature = bytes.u32(directories + 32).unwrap_or(0) + bytes.u32(directories + 36).unwrap_or(0);
    let mut layout = Layout {
        machine,
        pointer: if wide { 8 } else { 4 },
        big_endian: false,
        kind: Kind::Plain,
        base,
        regions: Vec::new(),
        end: symbols.max(signature),
        images: Vec::new(),
    };
    for index in 0..sections.min(MOST) {
        let at = header + 24 + optional + 40 * index;
        let address = base.wrapping_add(bytes.u32(at + 12)?);
        let (size, offset, flags) = (bytes.u32(at + 16)?, bytes.u32(at + 20)?, bytes.u32(at + 36)?);
        layout.regions.push(Region { offset, size, address, code: flags & 0x20 != 0, writable: true });
    }
    Some(layout)
}

fn mach(bytes: Bytes<'_>, wide: bool) -> Option<Layout> {
    let machine = match bytes.u32(4)? {
        0x0100_0007 => Machine::Amd64,
        0x0100_000c => Machine::Arm64,
        _ => Machine::Other,
    };
    let mut layout = Layout {
        machine,
        pointer: if wide { 8 } else { 4 },
        big_endian: false,
        kind: Kind::Chained,
        base: 0,
        regions: Vec::new(),
        end: 0,
        images: Vec::new(),
    };
    let mut at = if wide { 32 } else { 28 };
    for _ in 0..bytes.u32(16)?.min(MOST) {
        let (command, size) = (bytes.u32(at)?, bytes.u32(at + 4)?);
        match command {
            0x19 if wide => segment(&mut layout, bytes, at, true)?,
            1 if !wide => segment(&mut layout, bytes, at, false)?,
            _ => {}
        }
        at += size.max(8);
    }
    Some(layout)
}

/// A segment of Mach-O: the sections in it, since code and constants share one.
fn segment(layout: &mut Layout, bytes: Bytes<'_>, at: u64, wide: bool) -> Option<()> {
    let word = if wide { 8 } else { 4 };
    let [address, offset, size] =
        [24, 24 + 2 * word, 24 + 3 * word].map(|field| bytes.number(at + field, word));
    let (address, offset, size) = (address?, offset?, size?);
    if offset == 0 && size > 0 {
        layout.base = address;
    }
    layout.end = layout.end.max(offset.saturating_add(size));
    let header = 40 + 4 * word;
    let length = if wide { 80 } else { 68 };
    for index in 0..bytes.u32(at + header - 8)?.min(MOST) {
        let at = at + header + index * length;
        let (address, size) = (bytes.number(at + 32, word)?, bytes.number(at + 32 + word, word)?);
        let (offset, flags) = (bytes.u32(at + 32 + 2 * word)?, bytes.u32(at + 48 + 2 * word)?);
        // Of zeros nothing is in the file.
        if offset > 0 && flags & 0xff != 1 && layout.regions.len() < 1000 {
            layout.regions.push(Region {
                offset,
                size,
                address,
                code: flags & 0x8000_0400 != 0,
                writable: true,
            });
        }
    }
    Some(())
}

fn fat(bytes: Bytes<'_>, wide: bool) -> Option<Layout> {
    let mut images = Vec::new();
    for index in 0..bytes.u32(4)?.min(30) {
        images.push(if wide {
            (bytes.u64(16 + 32 * index)?, bytes.u64(24 + 32 * index)?)
        } else {
            (bytes.u32(16 + 20 * index)?, bytes.u32(20 + 20 * index)?)
        });
    }
    images.sort_unstable();
    let end = images.iter().map(|(offset, size)| offset.saturating_add(*size)).max().unwrap_or(0);
    Some(Layout {
        machine: Machine::Other,
        pointer: 8,
        big_endian: true,
        kind: Kind::Plain,
        base: 0,
        regions: Vec::new(),
        end,
        images,
    })
}
