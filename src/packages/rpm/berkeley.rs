//! Reads the values of a Berkeley DB hash, rpm's database of old: pages with offsets of keys and values in turn, and long
//! values in chains of pages of their own. The byte order is that of the machine that wrote it.

const HASH_MAGIC: u32 = 0x0006_1561;
/// Types of pages.
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
/// Types of items in a page of the hash.
const IN_PAGE: u8 = 1;
const OFF_PAGE: u8 = 3;
/// Bytes of a page before its items.
const HEAD: usize = 26;

/// Gives every value.
pub(super) fn values(bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let Some(hash) = Hash::new(bytes) else { return };
    // All values together are no longer than the file, unless they share bytes. One that is damaged costs as much.
    let mut left = bytes.len();
    for page in bytes.chunks_exact(hash.page).skip(1) {
        if !matches!(page[25], HASH_UNSORTED | HASH) {
            continue;
        }
        let count = usize::from(hash.short(page, 20).unwrap_or(0));
        for number in (1..count).step_by(2) {
            let Some(item) = hash.item(page, number) else { continue };
            let Some(rest) = left.checked_sub(item.length()) else { continue };
            left = rest;
            match item {
                Item::Here(value) => sink(value),
                Item::Chain { first, length } => {
                    hash.chain(first, length).iter().for_each(|value| sink(value));
                }
            }
        }
    }
}

/// Where a value stands.
enum Item<'b> {
    Here(&'b [u8]),
    Chain { first: u32, length: usize },
}

impl Item<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Here(value) => value.len(),
            Self::Chain { length, .. } => *length,
        }
    }
}

struct Hash<'b> {
    bytes: &'b [u8],
    page: usize,
    big: bool,
}

impl<'b> Hash<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        let big = super::number(bytes, 12) == Some(HASH_MAGIC);
        let hash = Self { bytes, page: 0, big };
        let magic = hash.number(bytes, 12)?;
        let page = hash.number(bytes, 20)? as usize;
        (magic == HASH_MAGIC && (512..=65536).contains(&page)).then_some(Self { page, ..hash })
    }

    fn number(&self, bytes: &[u8], at: usize) -> Option<u32> {
        if self.big { super::number(bytes, at) } else { super::little(bytes, at) }
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let pair = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    /// The item of that number in a page.
    fn item(&self, page: &'b [u8], number: usize) -> Option<Item<'b>> {
        let offset = |number: usize| self.short(page, HEAD + 2 * number).map(usize::from);
        let start = offset(number)?;
        match *page.get(start)? {
            // Items stand from the end of the page down: one ends where the one before starts.
            IN_PAGE => page.get(start + 1..offset(number.checked_sub(1)?)?).map(Item::Here),
            OFF_PAGE => {
                let (first, length) = (self.number(page, start + 4)?, self.number(page, start + 8)? as usize);
                Some(Item::Chain { first, length })
            }
            _ => None,
        }
    }

    /// The value of `length` bytes whose pages start with `next`.
    fn chain(&self, mut next: u32, length: usize) -> Option<Vec<u8>> {
        let mut value = Vec::with_capacity(length);
        while value.len() < length {
            let start = (next as usize).checked_mul(self.page).filter(|start| *start > 0)?;
            let page = self.bytes.get(start..start.checked_add(self.page)?)?;
            let used = usize::from(self.short(page, 22)?).min(length - value.len());
            if page[25] != OVERFLOW || used == 0 {
                return None;
            }
            value.extend_from_slice(page.get(HEAD..HEAD + used)?);
            next = self.number(page, 16)?;
        }
        Some(value)
    }
}
