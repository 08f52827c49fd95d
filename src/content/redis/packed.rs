//! Small lists, hashes and sorted sets as Redis packs them into one text: the ziplist of old, the listpack, and the map of
//! before both.

/// How entries are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    /// A ziplist.
    Old,
    /// A listpack.
    New,
    /// A zipmap.
    Map,
}

impl Packed {
    /// The entries in `bytes` that are texts, and numbers as texts, as far as they can be read.
    pub(super) fn entries(self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let head = match self {
            Self::Old => 10,
            Self::New => 6,
            Self::Map => 1,
        };
        let mut rest = bytes.get(head..).unwrap_or_default();
        let mut all = Vec::new();
        while rest.first().is_some_and(|first| *first != 0xff) {
            let entry = match self {
                Self::Old => old(&mut rest),
                Self::New => new(&mut rest),
                Self::Map => map(&mut rest, all.len() % 2 == 1),
            };
            let Some(entry) = entry else { break };
            all.push(entry);
        }
        all
    }
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (own, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(own)
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    take(bytes, 1).map(|own| own[0])
}

/// A number of so many bytes, the lowest first, as a text.
fn number(bytes: &mut &[u8], length: usize) -> Option<Vec<u8>> {
    let own = take(bytes, length)?;
    let sign = if own.last().is_some_and(|last| last & 0x80 > 0) { -1 } else { 0 };
    let number = own.iter().rev().fold(sign, |number: i64, byte| number << 8 | i64::from(*byte));
    Some(number.to_string().into_bytes())
}

/// The length of the one before, then how it is written, then the entry.
fn old(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    if byte(bytes)? == 254 {
        take(bytes, 4)?;
    }
    let kind = byte(bytes)?;
    match kind {
        0x00..=0x3f => take(bytes, usize::from(kind)).map(<[u8]>::to_vec),
        0x40..=0x7f => {
            let length = usize::from(kind & 0x3f) << 8 | usize::from(byte(bytes)?);
            take(bytes, length).map(<[u8]>::to_vec)
        }
        0x80 => {
            let length = u32::from_be_bytes(*take(bytes, 4)?.first_chunk()?);
            take(bytes, length as usize).map(<[u8]>::to_vec)
        }
        0xc0 => number(bytes, 2),
        0xd0 => number(bytes, 4),
        0xe0 => number(bytes, 8),
        0xf0 => number(bytes, 3),
        0xfe => number(bytes, 1),
        0xf1..=0xfd => Some(((kind & 0x0f) - 1).to_string().into_bytes()),
        _ => None,
    }
}

/// How it is written, then the entry, then the length of both.
fn new(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let before = bytes.len();
    let kind = byte(bytes)?;
    let entry = match kind {
        0x00..=0x7f => kind.to_string().into_bytes(),
        0x80..=0xbf => take(bytes, usize::from(kind & 0x3f))?.to_vec(),
        0xc0..=0xdf => {
            let value = i32::from(kind & 0x1f) << 8 | i32::from(byte(bytes)?);
            (if value >= 1 << 12 { value - (1 << 13) } else { value }).to_string().into_bytes()
        }
        0xe0..=0xef => {
            let length = usize::from(kind & 0x0f) << 8 | usize::from(byte(bytes)?);
            take(bytes, length)?.to_vec()
        }
        0xf0 => {
            let length = u32::from_le_bytes(*take(bytes, 4)?.first_chunk()?);
            take(bytes, length as usize)?.to_vec()
        }
        0xf1 => number(bytes, 2)?,
        0xf2 => number(bytes, 3)?,
        0xf3 => number(bytes, 4)?,
        0xf4 => number(bytes, 8)?,
        _ => return None,
    };
    let length = before - bytes.len();
    let own = match length {
        0..=127 => 1,
        128..=16382 => 2,
        16383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    take(bytes, own)?;
    Some(entry)
}

/// The length, in a value also how many bytes behind it are unused, then the entry.
fn map(bytes: &mut &[u8], value: bool) -> Option<Vec<u8>> {
    let length = match byte(bytes)? {
        254 => u32::from_le_bytes(*take(bytes, 4)?.first_chunk()?) as usize,
        length => usize::from(length),
    };
    let unused = if value { usize::from(byte(bytes)?) } else { 0 };
    let entry = take(bytes, length)?.to_vec();
    take(bytes, unused)?;
    Some(entry)
}
