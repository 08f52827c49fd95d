//! What a squashfs image says of one file or folder, and the content of files.
//!
//! A file has blocks one behind another, whose packed sizes follow its inode, and its end is often together with the ends of
//! others in a block of its own. A block of size zero is a hole.

use std::io::{self, Read};

use super::image::{At, Image, damage, half, word};

/// A file whose end is in no other block has this for its number.
const NO_FRAGMENT: u32 = u32::MAX;
/// Longest target of a link.
const TARGET: u32 = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) enum Inode {
    Folder(Listing),
    File(File),
    /// A symbolic link, with where it leads.
    Link(Vec<u8>),
    /// A device, a pipe or a socket.
    Other,
}

/// Where the entries of a folder are.
#[derive(Debug)]
pub(super) struct Listing {
    at: At,
    /// Bytes of it that are left.
    left: u32,
    /// Entries that are left behind the last header, and the block of their inodes.
    run: u32,
    block: u32,
}

/// Where the content of a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub(super) size: u64,
    /// Its first block.
    first: u64,
    /// Where the sizes of its blocks are.
    sizes: At,
    /// Which fragment has its end, and where in it.
    end: (u32, u32),
}

/// An entry of a folder.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// Where its inode is.
    pub(super) inode: u64,
}

impl Inode {
    /// Reads the inode at `reference`: in which block of the table, and the offset there.
    pub(super) fn read(image: &mut Image<'_>, reference: u64) -> io::Result<Self> {
        let block = image.head.inodes.saturating_add(reference >> 16);
        let mut at = At { block, offset: (reference & 0xffff) as usize };
        let mut common = [0; 16];
        image.read(&mut at, &mut common)?;
        match half(&common, 0).unwrap_or_default() {
            1 => {
                let [start, _, sizes, _] = fields(image, &mut at)?;
                Ok(Self::folder(image, start, sizes & 0xffff, sizes >> 16))
            }
            8 => {
                let [_, size, start, _, offset, _] = fields(image, &mut at)?;
                Ok(Self::folder(image, start, size, offset >> 16))
            }
            2 => {
                let [first, fragment, offset, size] = fields(image, &mut at)?;
                let end = (fragment, offset);
                Ok(Self::File(File { size: size.into(), first: first.into(), sizes: at, end }))
            }
            9 => {
                let [first, first_high, size, size_high, _, _, _, fragment, offset, _] =
                    fields(image, &mut at)?;
                let wide = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
                let (first, size) = (wide(first, first_high), wide(size, size_high));
                Ok(Self::File(File { size, first, sizes: at, end: (fragment, offset) }))
            }
            3 | 10 => {
                let [_, length] = fields(image, &mut at)?;
                if length > TARGET {
                    return Err(damage("the target of a link is too long"));
                }
                let mut target = vec![0; length as usize];
                image.read(&mut at, &mut target)?;
                Ok(Self::Link(target))
            }
            4..=7 | 11..=14 => Ok(Self::Other),
            kind => Err(damage(&format!("an inode of kind {kind}"))),
        }
    }

    fn folder(image: &Image<'_>, start: u32, size: u32, offset: u32) -> Self {
        let at = At { block: image.head.folders.saturating_add(start.into()), offset: offset as usize };
        // An empty one has three bytes.
        Self::Folder(Listing { at, left: size.saturating_sub(3), run: 0, block: 0 })
    }
}

/// The next numbers of an inode.
fn fields<const N: usize>(image: &mut Image<'_>, at: &mut At) -> io::Result<[u32; N]> {
    let mut fields = [0; N];
    for field in &mut fields {
        let mut bytes = [0; 4];
        image.read(at, &mut bytes)?;
        *field = u32::from_le_bytes(bytes);
    }
    Ok(fields)
}

impl Listing {
    /// The next entry.
    pub(super) fn next(&mut self, image: &mut Image<'_>) -> io::Result<Option<Entry>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.run == 0 {
            let mut header = [0; 12];
            self.take(image, &mut header)?;
            self.run = word(&header, 0).unwrap_or_default().saturating_add(1);
            self.block = word(&header, 4).unwrap_or_default();
        }
        self.run -= 1;
        let mut fixed = [0; 8];
        self.take(image, &mut fixed)?;
        let [offset, length] = [0, 6].map(|at| half(&fixed, at).unwrap_or_default());
        let mut name = vec![0; usize::from(length) + 1];
        self.take(image, &mut name)?;
        Ok(Some(Entry { name, inode: u64::from(self.block) << 16 | u64::from(offset) }))
    }

    fn take(&mut self, image: &mut Image<'_>, out: &mut [u8]) -> io::Result<()> {
        let left = u32::try_from(out.len()).ok().and_then(|length| self.left.checked_sub(length));
        self.left = left.ok_or_else(|| damage("a folder ends too early"))?;
        image.read(&mut self.at, out)
    }
}

/// Gives the content of a file.
pub(super) struct Content<'f, 'i> {
    image: &'f mut Image<'i>,
    file: File,
    /// Bytes that are not unpacked yet.
    left: u64,
    held: Vec<u8>,
    given: usize,
}

impl<'f, 'i> Content<'f, 'i> {
    /// Of `file`.
    pub(super) fn new(image: &'f mut Image<'i>, file: File) -> Self {
        Self { image, file, left: file.size, held: Vec::new(), given: 0 }
    }

    /// The next bytes, which are not given yet.
    fn unpack(&mut self) -> io::Result<Vec<u8>> {
        let block = self.image.head.block as u64;
        let length = usize::try_from(block.min(self.left)).unwrap_or(self.image.head.block);
        let (index, offset) = self.file.end;
        if self.left < block && index != NO_FRAGMENT {
            return self.image.end(index, offset, length);
        }
        let [size] = fields(self.image, &mut self.file.sizes)?;
        if size == 0 {
            return Ok(vec![0; length]);
        }
        let (held, next) = self.image.content(self.file.first, size)?;
        self.file.first = next;
        if held.len() == length { Ok(held) } else { Err(damage("a block of a file has another length")) }
    }
}

impl Read for Content<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held.len() && self.left > 0 {
            self.held = self.unpack()?;
            self.given = 0;
            self.left -= self.held.len() as u64;
        }
        let take = out.len().min(self.held.len() - self.given);
        out[..take].copy_from_slice(&self.held[self.given..][..take]);
        self.given += take;
        Ok(take)
    }
}
